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

enum { MAX_SIZES = 8 };

/* What was so of a file since the last commit, under the version that it has. */
static struct {
	bool	changed;		/* Its bytes, and neither size nor version */
	loff_t	size[MAX_SIZES];
	u32	nr_sizes;
} alike[NR_FILES];

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

/*
 * A file has changed, and the server gives it no new version. What is cached knows it by its
 * size, or was told; but not after a crash that brings back what was so before the last commit.
 */
void server_same_version(u32 file, loff_t old_size)
{
	if (old_size == server[file].size || alike[file].nr_sizes == MAX_SIZES)
		alike[file].changed = true;
	else
		alike[file].size[alike[file].nr_sizes++] = old_size;
}

/* A size that the file had under this version, or some other. */
loff_t server_size_again(u32 file)
{
	if (!alike[file].nr_sizes)
		return 1 + below(FILE_PAGES * CACHET_PAGE_BYTES);
	return alike[file].size[below(alike[file].nr_sizes)];
}

/* What was so before is in no record that may still come back. */
void server_committed(void)
{
	memset(alike, 0, sizeof(alike));
}

/* After a crash such a server is not to be told from one that is honest, if it is at fault. */
void server_honest(void)
{
	u32 i, n;

	for (i = 0; i < NR_FILES; i++) {
		bool seen = alike[i].changed;

		for (n = 0; n < alike[i].nr_sizes; n++)
			seen |= alike[i].size[n] == server[i].size;
		server[i].version += seen;
	}
	server_committed();
}

/* The file was removed, and there is another one of that number: a part of it, and no more. */
void server_replace(u32 file)
{
	struct content *c = &server[file];
	loff_t was = c->size;
	u32 i;

	if (was == 1)
		return;
	c->size = 1 + below(was - 1);
	for (i = 0; i < FILE_PAGES; i++)
		c->page[i] = i < content_pages(c) ? server_new_id() : 0;
	server_same_version(file, was);
}

void server_init(void)
{
	u32 i;

	next_id = 0;
	server_committed();
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
