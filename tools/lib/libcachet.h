/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libcachet.h - what cachectl and cachetd share
 *
 * The library never prints and never exits. A function that can fail returns 0
 * or -errno and leaves its `ret_` arguments alone when it fails; those that
 * take a struct cachet_why also put the reason there, in words that can follow
 * "cachectl: ". The functions may be called from any thread, but no object may
 * be used by two at a time.
 */
#ifndef LIBCACHET_H
#define LIBCACHET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <json-c/json.h>

#include <linux/cachet.h>
#include <linux/cachet_counters.h>
#include "codec.h"

/* For %llu: __u64 and u64 are not the same type on all machines. */
#define ULL(x) ((unsigned long long)(x))

#define CACHET_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- why.c: the reason of a failure ------------------------------------- */

struct cachet_why {
	char	text[512];	/* What happened, to what; what to do */
};

/* Both return `error`, for use in a return statement. */
int cachet_why_set(struct cachet_why *why, int error, const char *fmt, ...)
	CACHET_PRINTF(3, 4);
int cachet_why_add(struct cachet_why *why, int error, const char *fmt, ...)
	CACHET_PRINTF(3, 4);

/* ---- size.c: numbers that people write and read ------------------------- */

/* A size as it was given: bytes, or a percentage of something. */
struct cachet_size {
	u64	bytes;		/* 0 with percent */
	u32	percent;	/* 1 to 100; 0: see bytes */
};

enum {
	CACHET_SIZE_TEXT_BYTES	= 24,	/* "1023.9 KiB" and room */
};

int cachet_size_parse(const char *text, u64 *ret_bytes);
int cachet_size_parse_percent(const char *text, struct cachet_size *ret_size);
int cachet_size_parse_ms(const char *text, u32 *ret_ms);
int cachet_size_parse_bool(const char *text, bool *ret_value);
const char *cachet_size_text(u64 bytes, char buf[CACHET_SIZE_TEXT_BYTES]);

/* ---- progress.c: a bar on a terminal ------------------------------------ */

struct cachet_progress {
	FILE		*out;		/* NULL: draws nothing */
	const char	*what;		/* Text before the bar */
	u64		total;		/* 0: not known (yet): no bar, only the note */
	u64		done;
	const char	*note;		/* Text behind the bar; NULL: none */
	struct timespec	start;
	struct timespec	drawn;		/* The last time that it was drawn */
	bool		visible;	/* Something stands on the line */
};

/* Draws on `out` only if that is a terminal; `out` may be NULL. */
void cachet_progress_begin(struct cachet_progress *p, FILE *out,
			   const char *what, u64 total);
void cachet_progress_update(struct cachet_progress *p, u64 done);
void cachet_progress_end(struct cachet_progress *p);

/* ---- json.c: json-c with fewer words ------------------------------------ */

void cachet_json_add_u64(struct json_object *obj, const char *name, u64 value);
void cachet_json_add_double(struct json_object *obj, const char *name, double value);
void cachet_json_add_bool(struct json_object *obj, const char *name, bool value);
void cachet_json_add_text(struct json_object *obj, const char *name, const char *text);
void cachet_json_add_bytes(struct json_object *obj, const char *name,
			   const char *text, size_t len);
void cachet_json_add_hex(struct json_object *obj, const char *name,
			 const void *bytes, size_t len);
void cachet_json_add_uuid(struct json_object *obj, const char *name, const u8 uuid[16]);
void cachet_json_add_time(struct json_object *obj, const char *name, u64 seconds);

enum {
	CACHET_UUID_TEXT_BYTES	= 37,
	CACHET_TIME_TEXT_BYTES	= 32,
};

void cachet_hex_text(const void *bytes, size_t len, char *buf);
const char *cachet_uuid_text(const u8 uuid[16], char buf[CACHET_UUID_TEXT_BYTES]);
const char *cachet_time_text(u64 seconds, char buf[CACHET_TIME_TEXT_BYTES]);

/*
 * Text that came from a disk or a server, fit for a terminal: what is not
 * printable ASCII becomes \xNN. `buf` holds 4 * len + 1 bytes.
 */
const char *cachet_plain_text(const char *text, size_t len, char *buf);

/* The name of a file, likewise, but UTF-8 without control characters stays as it is. */
const char *cachet_name_text(const char *name, char *buf);

/* ---- counters.c: the counter table, and what follows from it ------------ */

struct cachet_counter {
	const char *name;
	const char *unit;
	const char *help;
};

enum cachet_counter_id {
#define X(name, unit, help) CACHET_COUNTER_##name,
	CACHET_COUNTERS(X)
#undef X
	CACHET_COUNTER_NR
};

extern const struct cachet_counter cachet_counters[CACHET_COUNTER_NR];

/* A counter of a module that may be older than this program: 0 if unknown. */
u64 cachet_counter_get(const struct cachet_status *status, enum cachet_counter_id id);

/* part / (part + rest), or -1 if both are 0. */
double cachet_ratio(u64 part, u64 rest);

/* ---- device.c: /dev/cachet ---------------------------------------------- */

int cachet_device_open(int flags, int *ret_fd);
int cachet_device_attach(int dev, struct cachet_attach *attach);
int cachet_device_detach(int dev, const char *tag);
int cachet_device_sync(int dev, const char *tag, bool seal);
int cachet_device_scrub(int dev, const char *tag, u64 slot, u64 max_bytes,
			struct cachet_scrub *ret_scrub);
int cachet_device_status(int dev, const char *tag, struct cachet_status *ret_status);
int cachet_device_object_stat(int dev, struct cachet_object_stat *stat);
int cachet_device_volumes(int dev, const char *tag, u64 after_id, u32 room,
			  struct cachet_volume_info *ret_volumes, u32 *ret_nr);
int cachet_device_block_size(int dev, const struct cachet_block_size *arg);
int cachet_device_event(int dev, struct cachet_event *ret_event);

/* The name of an event; "unknown" for one that is newer than this program. */
enum {
	CACHET_EVENT_TEXT_BYTES	= 160,
};

const char *cachet_event_name(u32 type);
const char *cachet_event_text(const struct cachet_event *event,
			      char buf[CACHET_EVENT_TEXT_BYTES]);
bool cachet_event_is_problem(u32 type);

/* ---- module.c: the kernel module ---------------------------------------- */

/* Opens the device; loads the module first if the device is not there. */
int cachet_module_open(int flags, int *ret_dev, struct cachet_why *why);

/* ---- sysfs.c: which caches are attached --------------------------------- */

struct cachet_tags {
	size_t	nr;
	char	(*tag)[CACHET_TAG_MAX];	/* Sorted */
};

/* No module, no caches: that is an empty list, not an error. */
int cachet_tags_read(struct cachet_tags *ret_tags);
bool cachet_tags_have(const struct cachet_tags *tags, const char *tag);
void cachet_tags_free(struct cachet_tags *tags);

/* The attached cache with this UUID; -ENOENT if none has it. */
int cachet_tags_find_uuid(const u8 uuid[16], char ret_tag[CACHET_TAG_MAX]);

/*
 * Which caches fscache knows that are not ours. `why` gets what a mount will
 * use and what to do; returns 1 if there is something to say, 0 if not.
 */
int cachet_rivals_check(struct cachet_why *why);

/* ---- attach.c: a cache directory to the module -------------------------- */

struct cachet_attach_options {
	bool	any_fs;		/* Accept a filesystem other than XFS */
	u32	verify;		/* CACHET_ATTACH_VERIFY, _ONCE or 0 */
	u32	commit_ms;	/* 0: the module's default */
};

/* suspect, once, always (also no and yes): CACHET_ATTACH_VERIFY*; -EINVAL. */
int cachet_verify_parse(const char *text, u32 *ret_flags);

int cachet_attach_dir(int dev, const char *dir, const struct cachet_attach_options *options,
		      char ret_tag[CACHET_TAG_MAX], u64 *ret_took_ns,
		      struct cachet_why *why);

/* ---- files.c: the files of a cache directory ---------------------------- */

enum cachet_file {
	CACHET_FILE_SUPER,
	CACHET_FILE_INDEX,
	CACHET_FILE_DATA,
	CACHET_FILE_NR
};

extern const char *const cachet_file_names[CACHET_FILE_NR];

int cachet_files_open(const char *dir, bool write, int ret_fd[CACHET_FILE_NR],
		      struct cachet_why *why);
void cachet_files_close(int fd[CACHET_FILE_NR]);

/*
 * Keeps others of our commands away from a cache directory until the descriptor
 * is closed. `alone`: nobody else at all, for who needs the files to stay as they
 * are; else only such a one is refused. -EBUSY: somebody is there.
 */
int cachet_dir_lock(const char *dir, bool alone, int *ret_fd, struct cachet_why *why);

/* All of it, or -ENODATA where the file ends before, or -errno. `pipe`: empty, of pipe2(2). */
int cachet_read_full(int fd, const int pipe[2], void *buf, size_t len, u64 pos);
int cachet_write_full(int fd, const void *buf, size_t len, u64 pos);

/* A page, past the page cache: mends one that can't be read. `page` is aligned to its size. */
int cachet_write_page(int fd, const void *page, u64 pos);

/* ---- create.c: a new cache ---------------------------------------------- */

struct cachet_create {
	const char		*dir;
	const char		*tag;
	struct cachet_size	size;		/* All 0: 80% of the free space */
	u64			block_bytes;	/* 0: 256 KiB */
	u64			segment_bytes;	/* 0: fitting the size */
	bool			any_fs;
	struct cachet_progress	*progress;	/* NULL: none */
	/* Asked between two steps: true gives up, with -EINTR. */
	bool			(*stop)(void *arg);
	void			*arg;
	/* out, on success */
	struct cachet_super_info super;
	u32			mode_was;	/* Mode of the directory, if changed; else 0 */
};

int cachet_create_run(struct cachet_create *c, struct cachet_why *why);

/* ---- image.c: reading the files of a cache, best one that is not attached - */

/* Is index, or data, the file that super speaks of? By its size and its id page. */
enum cachet_id {
	CACHET_ID_GOOD,
	CACHET_ID_SHORT,
	CACHET_ID_LONG,
	CACHET_ID_OTHER,	/* It names another cache */
	CACHET_ID_UNREADABLE,
	CACHET_ID_DAMAGED,	/* It names none */
	CACHET_ID_NR
};

extern const char *const cachet_id_texts[CACHET_ID_NR];

struct cachet_image {
	int			fd[CACHET_FILE_NR];
	int			pipe[2];	/* For cachet_read_full() */
	int			copy;		/* The copy of super in use: 0, 1 */
	const char		*copy_why[2];	/* What is wrong with a copy; NULL: nothing */
	struct cachet_super_info copy_super[2];	/* Valid if copy_why is NULL */
	struct cachet_super_info super;		/* The copy in use */
	u32			seed;		/* Of the records' crc */
	u64			file_bytes[CACHET_FILE_NR];
	enum cachet_id		id[CACHET_FILE_NR];	/* Of index and data; super has none */
};

enum cachet_slot {
	CACHET_SLOT_EMPTY,	/* Zeros, or kind EMPTY */
	CACHET_SLOT_LOST,	/* Of a volume whose record could not be read: may be taken */
	CACHET_SLOT_BAD,	/* Wrong crc or contents: absent */
	CACHET_SLOT_FUTURE,	/* Of an epoch that was never committed: absent */
	CACHET_SLOT_SUSPECT,	/* Of an epoch that a crash left uncommitted */
	CACHET_SLOT_TRUSTED,
	CACHET_SLOT_NR
};

extern const char *const cachet_slot_names[CACHET_SLOT_NR];

struct cachet_image_visitor {
	void	*arg;
	/* Return 0 to go on; anything else ends the walk and is its result. */
	int	(*segment)(void *arg, u32 nr, enum cachet_slot slot,
			   const struct cachet_segment_info *info);
	int	(*volume)(void *arg, u32 nr, enum cachet_slot slot,
			  const struct cachet_volume_data *info);
	int	(*record)(void *arg, u32 set, u32 way, enum cachet_slot slot,
			  const char *slot_why, const void *rec);
	/* Called from time to time by the walk of the records. May be NULL. */
	void	(*progress)(void *arg, u32 sets);
};

/* Where a key is, or would go. */
struct cachet_image_place {
	u32			set;
	u32			way;		/* CACHET_WAYS: it is not there */
	u32			empty_way;	/* CACHET_WAYS: there is none */
	enum cachet_slot	slot;		/* SLOT_EMPTY: it is not there */
	union cachet_any_record	rec;		/* If it is there */
};

int cachet_image_open(const char *dir, struct cachet_image *ret_image, struct cachet_why *why);
void cachet_image_close(struct cachet_image *image);

/* As cachet_read_full(). */
int cachet_image_read(const struct cachet_image *image, enum cachet_file file, void *buf,
		      size_t len, u64 pos);
int cachet_image_segments(const struct cachet_image *image, const struct cachet_image_visitor *v);
int cachet_image_volumes(const struct cachet_image *image, const struct cachet_image_visitor *v);
int cachet_image_records(const struct cachet_image *image, const struct cachet_image_visitor *v);

/* What a record of the segment table is worth; BAD: info is undefined. */
enum cachet_slot cachet_image_segment(const struct cachet_image *image, u32 nr,
				      const struct cachet_segment *rec,
				      struct cachet_segment_info *ret_info);

/* What a record of an epoch is worth whose crc is right: the rule of cachet_format.h. */
enum cachet_slot cachet_image_slot_of_epoch(const struct cachet_image *image, u64 epoch);

/* The last epoch that a record may carry: that of super, and after a crash some beyond. */
u64 cachet_image_last_epoch(const struct cachet_image *image);

/* The set that a record belongs to, from 0 to nr_sets - 1; kind must be a valid one. */
u32 cachet_image_set_of(const struct cachet_image *image, const union cachet_any_record *rec);

/* Do two records speak of the same object, part of a map, or digest? Generations may differ. */
bool cachet_image_same_key(const union cachet_any_record *a, const union cachet_any_record *b);

/*
 * Looks a record up in its set: kind, fp and what else is the key are taken from
 * `key`. Bad ones are not found, suspect and future ones are. Returns 0, found
 * or not; -errno if index can't be read.
 */
int cachet_image_find(const struct cachet_image *image, const union cachet_any_record *key,
		      struct cachet_image_place *ret_place);

/* ---- digest.c: SHA-256 -------------------------------------------------- */

void cachet_digest(const void *bytes, size_t len, u8 ret_digest[CACHET_DIGEST_BYTES]);

/* ---- check.c and check-*.c: is what is on disk of a cache in order? ----- */

/* X(name, unit, help): what a check counted. "bytes" are shown as sizes. */
#define CACHET_CHECK_COUNTS(X) \
	X(segments, "segments", "in use: open or closed") \
	X(summaries, "segments", "of these, with a summary, which was compared") \
	X(summary_entries, "entries", "in these summaries") \
	X(summaries_torn, "segments", "whose summary a crash may have torn; only a repair would read it") \
	X(volumes, "volumes", "network filesystems in the volume table") \
	X(objects, "objects", "files that count") \
	X(blocks, "records", "maps of blocks that count, or parts of one") \
	X(block_bytes, "bytes", "that these point to; shared ones count each time") \
	X(contents, "records", "places of digests that count") \
	X(void_records, "records", "void: segment reused, file emptied or evicted; harmless") \
	X(digests, "blocks", "read and compared with their digest") \
	X(digest_bytes, "bytes", "in these blocks") \
	X(verify_blocks, "blocks", "that a crash left in doubt: verified before they are served") \
	X(verify_bytes, "bytes", "in these blocks") \
	X(drop_objects, "objects", "files that a crash or an unfinished write left unusable: dropped") \
	X(drop_blocks, "records", "maps of blocks that will be dropped for the same reason") \
	X(drop_bytes, "bytes", "that those point to") \
	X(drop_contents, "records", "places of digests that will be dropped") \
	X(contents_missing, "blocks", "that summaries know a digest of and the index does not") \
	X(contents_rebuilt, "blocks", "of these, brought back by this repair")

struct cachet_check_counts {
#define X(name, unit, help) u64 name;
	CACHET_CHECK_COUNTS(X)
#undef X
};

/* One thing that is wrong, or with `harmless` worth a look. */
struct cachet_finding {
	enum cachet_file file;
	u64		pos;		/* Byte offset in that file */
	bool		harmless;	/* No error: nothing has to be done */
	const char	*fix;		/* What the repair did; NULL: nothing */
	char		text[200];	/* What is wrong */
};

struct cachet_check {
	const char	*dir;
	bool		repair;		/* Else nothing is written */
	bool		digests;	/* Read each sealed block and compare its digest */
	bool		verbose;	/* Harmless findings too */
	/* Called for each finding, in the order of the walk. */
	void		(*found)(void *arg, const struct cachet_finding *finding);
	/* Called when a stage begins and as it goes on. May be NULL. */
	void		(*progress)(void *arg, const char *stage, u64 done, u64 total);
	/* Asked between two steps: true ends the check, with -EINTR. */
	bool		(*stop)(void *arg);
	void		*arg;
	/* out; valid as far as the check came, also on failure */
	struct cachet_super_info super;	/* As it was found */
	struct cachet_check_counts counts;
	u64		nr_fixed;	/* Errors corrected */
	u64		nr_left;	/* Errors that are still there */
	bool		hopeless;	/* Some of these no repair corrects */
};

/*
 * Checks the detached cache in c->dir. Returns 0 if it came to its end: what it
 * found is in `c` then. -EBUSY: attached, or another command works there;
 * -EINTR: c->stop() said so, what was corrected until then is durable; -EUCLEAN:
 * super is damaged beyond use, which `why` explains and no repair corrects; any
 * other -errno: it could not be done.
 */
int cachet_check_run(struct cachet_check *c, struct cachet_why *why);

#endif /* LIBCACHET_H */
