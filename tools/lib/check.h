/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check.h - what the files of a check know of each other
 *
 * One run is one struct check. The stages are called in the order in which they
 * stand here; each emits its findings and, in a repair, corrects as it goes.
 */
#ifndef CACHET_CHECK_H
#define CACHET_CHECK_H

#include "libcachet.h"

/* A segment as records may see it. */
struct check_segment {
	u64	generation;	/* 0: nothing may point there */
	u64	lost;		/* Its generation, if a crash found it free: then `generation` is 0 */
	u32	used;		/* Pages */
	u32	room;		/* Pages before the summary, or all */
	u8	state;		/* enum cachet_segment_state */
	bool	pinned;		/* Of the class that reuse does not take */
	bool	summary;	/* Its summary is good */
	bool	trusted;
	bool	crashed;	/* While it was in use: its end may be torn, or beyond `used` */
};

struct check {
	struct cachet_check	*c;
	struct cachet_why	*why;
	struct cachet_image	image;
	u64			last_epoch;	/* That was ever given out */
	bool			crashed;	/* Not detached in order */
	struct check_segment	*seg;		/* nr_segments */
	u8			*bytes;		/* A block of the largest size */
	struct cachet_map	map;		/* Of the record at hand */
	/* check-records.c: the set at hand */
	union cachet_any_record	set[CACHET_WAYS];
	enum cachet_slot	slot[CACHET_WAYS];
	const char		*slot_why[CACHET_WAYS];
	u32			nr_unreadable;	/* Blocks that the device did not give */
	/* check-repair.c */
	bool			begun;		/* super says "in use" */
	int			fd[CACHET_FILE_NR];	/* For writing; only in a repair */
	struct cachet_super_info super;		/* As it is on disk now */
};

/* ---- check.c ------------------------------------------------------------ */

/* An error: `fix` says how a repair has corrected it (in the past tense), NULL if it can't. */
void check_error(struct check *ck, enum cachet_file file, u64 pos, const char *fix,
		 const char *fmt, ...) CACHET_PRINTF(5, 6);
void check_harmless(struct check *ck, enum cachet_file file, u64 pos,
		    const char *fmt, ...) CACHET_PRINTF(4, 5);

/* Is a place bad, rather than that something is short, or the filesystem broken? */
bool check_unreadable(int err);

/* Tells how far a stage is; -EINTR if the check is to end. */
int check_step(struct check *ck, const char *stage, u64 done, u64 total);

/* ---- check-ids.c -------------------------------------------------------- */

int check_ids(struct check *ck);

/* ---- check-tables.c ----------------------------------------------------- */

/* Did a crash come while it was in use? Then its end may be torn, or not be there. */
bool check_segment_crashed(const struct check *ck, const struct cachet_segment_info *info);

int check_segments(struct check *ck);
int check_volumes(struct check *ck);

/* ---- check-summary.c ---------------------------------------------------- */

/* The good summaries in data, of this cache and of others, whatever index says of them. */
int check_owners(struct check *ck, u32 *ret_ours, u32 *ret_others);

int check_summaries(struct check *ck);
int check_rebuild(struct check *ck);

/* ---- check-records.c ---------------------------------------------------- */

int check_records(struct check *ck);

/*
 * Reads the pages of ck->map, which cover a block from page 0 on, and compares
 * their digest. 0: equal; -EBADMSG: not; -errno: they can't be read.
 */
int check_digest(struct check *ck, const u8 digest[CACHET_DIGEST_BYTES]);

/* ---- check-repair.c ----------------------------------------------------- */

/* Does nothing and returns 0 unless this is a repair. Position in index. */
int check_write(struct check *ck, const void *bytes, size_t len, u64 pos);
int check_zero(struct check *ck, size_t len, u64 pos);

/* A page that may be unreadable; aligned to its size in memory too. */
int check_write_page(struct check *ck, enum cachet_file file, const void *page, u64 pos);

/* Between two changes of which the second must not be there without the first. */
int check_flush(struct check *ck, enum cachet_file file);

/* Makes super say "in use", durably: before the first change. */
int check_repair_begin(struct check *ck);

/* The epoch of the records that this repair writes; only after it has begun. */
u64 check_repair_epoch(const struct check *ck);

/* Commits what was changed, if anything was. */
int check_repair_end(struct check *ck);

#endif /* CACHET_CHECK_H */
