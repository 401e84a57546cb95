// SPDX-License-Identifier: GPL-2.0-only
/*
 * server.c - what the server holds, and held, for each coherency data
 *
 * Coherency data are a file's number and version; each change makes a new version.
 * A page's bytes are made of an id. Some ids are common, so that files and versions
 * have whole blocks alike; all others are used once.
 */
#include "model.h"

enum { COMMON_IDS = 12 };

struct content server[NR_FILES];
static u32 next_id;

u32 server_new_id(void)
{
	return one_in(3) ? 1 + below(COMMON_IDS) : COMMON_IDS + 1 + next_id++;
}

static loff_t some_size(u32 file)
{
	u32 pages = file == BURN_FILE || one_in(8) ? FILE_PAGES : 1 + below(one_in(2) ? 4 : 24);

	return (loff_t)pages * CACHET_PAGE_BYTES - (one_in(2) ? 0 : below(CACHET_PAGE_BYTES - 1));
}

static void fill_content(struct content *c, u32 from)
{
	u32 i, run = server_new_id();

	/* What only fills segments is like nothing else. */
	for (i = 0; c == &server[BURN_FILE] && i < FILE_PAGES; i++)
		c->page[i] = COMMON_IDS + 1 + next_id++;
	if (c == &server[BURN_FILE])
		return;

	for (i = from; i < FILE_PAGES; i++) {
		/* Runs of common pages, aligned, make blocks alike. */
		if (!(i % 4) || run > COMMON_IDS)
			run = server_new_id();
		c->page[i] = run <= COMMON_IDS ? 1 + (run - 1 + i % 4) % COMMON_IDS : run;
	}
}

/* Another machine writes to a file. */
void server_change(u32 file)
{
	struct content *c = &server[file];
	u32 n;

	c->version++;
	if (file == BURN_FILE || one_in(3)) {
		c->size = some_size(file);
		fill_content(c, one_in(2) ? 0 : below(FILE_PAGES));
		return;
	}
	for (n = 1 + below(4); n; n--)
		c->page[below(content_pages(c))] = server_new_id();
}

void server_init(void)
{
	u32 i;

	next_id = 0;
	for (i = 0; i < NR_FILES; i++) {
		server[i].version = 1;
		server[i].size = some_size(i);
		fill_content(&server[i], 0);
	}
}

/* The bytes of a page: zeros behind the end of the file. */
void page_make(const struct content *c, u32 page, u8 *buf)
{
	u64 from = (u64)page * CACHET_PAGE_BYTES, *p = (u64 *)buf;
	u64 word = c->page[page] * 0x9e3779b97f4a7c15ull;
	u32 i;

	for (i = 0; i < CACHET_PAGE_BYTES / sizeof(u64); i++)
		p[i] = c->page[page] ? word + i : 0;
	if (from + CACHET_PAGE_BYTES > (u64)c->size)
		memset(buf + (c->size - from), 0, CACHET_PAGE_BYTES - (c->size - from));
}
