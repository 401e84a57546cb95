/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model.h - what the parts of the crash model know of each other
 *
 *   crash_model.c   worlds: a seed, a cache, crash after crash; the command line
 *   client.c        a machine that uses the cache: its files, and what is done with them
 *   pages.c         pages on their way into the cache: reads, writes
 *   server.c        what the server holds for each coherency data
 *   check.c         what must be true after an attach
 *   machine.c       work queues, memory, time: all that a crash takes away
 *   disk.c          three files; what a crash leaves of them
 *   shim/           the kernel's headers, as far as the module needs them
 */
#ifndef CACHET_MODEL_H
#define CACHET_MODEL_H

#include <setjmp.h>
#include "internal.h"

/* ---- chance: the same for a seed, on every machine ---------------------- */

extern u64 model_state;

static inline u64 rnd(void)
{
	u64 x = model_state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static inline u32 below(u32 n)
{
	return rnd() % n;
}

static inline bool one_in(u32 n)
{
	return !below(n);
}

/* ---- machine.c ---------------------------------------------------------- */

extern jmp_buf model_crash;		/* Where a power cut goes on */
extern u32 model_countdown;		/* I/O steps to a power cut; 0: none comes */
extern unsigned int model_allocations;
extern bool model_verbose;

/* Variables of the module that a crash resets, by the linker: see shim/list.h. */
extern u8 __start_cachet_boot[], __stop_cachet_boot[];

void model_step(void);
void model_power_cut(void);
void model_run_some(u32 n);
void model_run_all(void);
void model_run_timers(void);
void model_beside_commit(void);

/* ---- disk.c ------------------------------------------------------------- */

enum disk_file { DISK_SUPER, DISK_INDEX, DISK_DATA, NR_DISK_FILES };

extern bool disk_halves;
extern bool disk_rots;
extern bool disk_flips;
extern bool disk_flips_sealed;
extern u32 disk_starved;

void disk_format(const struct cachet_geometry *geo);
bool disk_in_flight(void);
bool disk_readable(u64 pos);
void disk_complete_one(void);
void disk_flip(u32 page);
void disk_flip_some(void);
void disk_crash(void);
void disk_image(bool keep);
void disk_back(void);

/* ---- server.c ----------------------------------------------------------- */

enum server_limits {
	NR_FILES	= 8,
	FILE_PAGES	= 40,		/* A file's most */
	BURN_FILE	= NR_FILES - 1,	/* Only makes the log move on */
};

/* What a file holds: an id for each page, 0 for zeros. */
struct content {
	u32	version;		/* Part of the coherency data */
	loff_t	size;
	u32	page[FILE_PAGES];
};

extern struct content server[NR_FILES];

static inline u32 content_pages(const struct content *c)
{
	return DIV_ROUND_UP(c->size, CACHET_PAGE_BYTES);
}

void server_init(void);
void server_change(u32 file);
void server_replace(u32 file);
void server_same_version(u32 file, loff_t old_size);
loff_t server_size_again(u32 file);
void server_committed(void);
void server_honest(void);
u32 server_new_id(void);
void page_make(const struct content *c, u32 page, u8 *buf);

/* ---- client.c ----------------------------------------------------------- */

/* A file as this machine has it open. */
struct client_file {
	struct fscache_cookie cookie;
	bool	open;
	bool	session;		/* Is written to here */
	bool	outdated;		/* Its content is not that of its cookie's version */
	struct content view;		/* What a reader must see */
	u32	ops;			/* Operations under way */
	u32	back;			/* Who reads it backwards was here */
	u32	busy[FILE_PAGES];	/* Fills of a page under way */
};

extern struct client_file client[NR_FILES];
extern struct cachet_cache *the_cache;
extern struct cachet_geometry the_geo;
extern u32 world_flags;
extern u32 world_yield;			/* Another comes first one time in so many */
extern u32 world_favourite;		/* A file */
extern bool world_full;			/* Much is kept, and little committed */
extern bool world_pins;			/* Files are pinned */

/* What is done more often than chance would have it. */
struct habits {
	bool	reads;			/* Nothing is written here */
	bool	writes;			/* More is */
	bool	copies;			/* What was read is written back to the cache: SMB, 9p */
	bool	focus;			/* It is the same file, mostly */
	bool	cuts;			/* Files are cut */
	bool	parts;			/* They are read in small parts, from their beginnings */
};

extern struct habits habits;

int client_attach(void);
void client_scrub(void);
void client_detach(void);
void client_forget(void);
void client_volume(void);
bool client_open(u32 file);
void client_close(u32 file, bool retire);
void client_notice_cut(u32 file);
void client_act(void);
void client_act_first(void);
void client_halve_some(void);

static inline struct cachet_obj *object_of(u32 file)
{
	return client[file].cookie.cache_priv;
}

/* ---- pages.c ------------------------------------------------------------ */

bool pages_issue_one(u32 file);
void pages_drop(u32 file);
bool pages_under_way(u32 file, u32 page, u32 nr);
void pages_settle(u32 file);
void pages_fill(u32 file);
bool pages_refill(u32 file);
bool pages_refill_singly(u32 file);
void pages_write(u32 file);
void pages_append(u32 file);
void pages_forget(void);

/* ---- check.c ------------------------------------------------------------ */

extern u32 promise_reused;		/* Segments, since the attach */

void check_file(u32 file);
void check_promise(u32 file);
void check_all(void);
void check_after_attach(void);
void check_pins_before(void);
void check_pins_after(void);
void promise_all(bool quiet);
void promise_keep(void);
void promise_forget(u32 file);
void promise_unpin(u32 file);
void promise_forget_blocks(u32 file, const struct cachet_obj *obj, u32 page, u32 nr);
void promise_crash(void);
void promise_set_aside(void);
void promise_back(void);
void promise_reset(void);
void promise_reset_unpinned(void);

extern u64 stat_states, stat_pages, stat_promised, stat_pinned, stat_suspect;

#endif /* CACHET_MODEL_H */
