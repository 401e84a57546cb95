/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * tables.h - the reasons and places that traces, logs and fault injection name
 *
 * Each table is X(NAME, "word"); ids are append-only.
 */
#ifndef CACHET_TABLES_H
#define CACHET_TABLES_H

/* Every place where the cache's own files are read or written. */
#define CACHET_IO_SITES(X) \
	X(SUPER_READ,		"super-read") \
	X(SUPER_WRITE,		"super-write") \
	X(INDEX_READ,		"index-read") \
	X(INDEX_WRITE,		"index-write") \
	X(INDEX_FLUSH,		"index-flush") \
	X(DATA_READ,		"data-read") \
	X(DATA_WRITE,		"data-write") \
	X(DATA_FLUSH,		"data-flush") \
	X(SEAL_READ,		"seal-read") \
	X(SUMMARY_WRITE,	"summary-write") \
	X(SUMMARY_READ,		"summary-read")

/* Why an object's reference count moved. */
#define CACHET_REF_WHYS(X) \
	X(NEW,		"new") \
	X(LOOKUP,	"lookup") \
	X(WITHDRAW,	"withdraw") \
	X(READ,		"read") \
	X(FILL,		"fill") \
	X(SEAL,		"seal") \
	X(FAILED,	"failed") \
	X(SCRUB,	"scrub") \
	X(PIN,		"pin")

/* What was decided about a read, and why. */
#define CACHET_READ_WHYS(X) \
	X(PRESENT,	"present") \
	X(ABSENT,	"absent") \
	X(SUSPECT,	"failed-verify") \
	X(OUT,		"out-of-service") \
	X(ERROR,	"error")

/* What became of a fill, and why. */
#define CACHET_FILL_WHYS(X) \
	X(WRITE,	"write") \
	X(SEAL,		"seal-first") \
	X(SHARED,	"shared") \
	X(PRESENT,	"present-already") \
	X(STALE,	"stale") \
	X(NO_SPACE,	"no-space") \
	X(FRAGMENTED,	"fragmented") \
	X(PUBLISHED,	"published") \
	X(FAILED,	"failed")

/* What happened to an object. */
#define CACHET_OBJECT_WHYS(X) \
	X(FOUND,	"found") \
	X(CREATED,	"new") \
	X(CHANGED,	"coherency-changed") \
	X(UNACKED,	"local-writes-unacked") \
	X(SUSPECTED,	"suspect") \
	X(REVIVED,	"revived") \
	X(INVALIDATED,	"invalidated") \
	X(RESIZED,	"resized") \
	X(CUT,		"cut-whole") \
	X(DIRTIED,	"local-write") \
	X(ACKED,	"acknowledged") \
	X(RETIRED,	"retired") \
	X(WITHDRAWN,	"withdrawn") \
	X(UNREADABLE,	"index-unreadable") \
	X(PINNED,	"pinned") \
	X(UNPINNED,	"unpinned") \
	X(UNTOLD,	"not-watched-meanwhile")

/* What happened to a segment. */
#define CACHET_SEG_WHYS(X) \
	X(OPENED,	"opened") \
	X(REOPENED,	"reopened") \
	X(CLOSED,	"closed") \
	X(REUSED,	"freed-for-reuse") \
	X(COMMITTED,	"free-committed") \
	X(BAD,		"record-bad") \
	X(RELEASED,	"not-pinned-any-more")

#define X(name, word) CACHET_IO_##name,
enum cachet_io_site { CACHET_IO_SITES(X) CACHET_NR_IO_SITES };
#undef X
#define X(name, word) CACHET_REF_##name,
enum cachet_ref_why { CACHET_REF_WHYS(X) };
#undef X
#define X(name, word) CACHET_READ_##name,
enum cachet_read_why { CACHET_READ_WHYS(X) };
#undef X
#define X(name, word) CACHET_FILL_##name##_WHY,
enum cachet_fill_why { CACHET_FILL_WHYS(X) };
#undef X
#define X(name, word) CACHET_OBJECT_##name,
enum cachet_object_why { CACHET_OBJECT_WHYS(X) };
#undef X
#define X(name, word) CACHET_SEG_##name##_WHY,
enum cachet_seg_why { CACHET_SEG_WHYS(X) };
#undef X

#endif /* CACHET_TABLES_H */
