/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * cachet_format.h - what a cache looks like on disk
 *
 * A cache is a directory with three files of fixed size:
 *
 *   super   two copies of one 512-byte sector, at bytes 0 and 4096, written in
 *           turn: copy (epoch & 1) by the commit of that epoch.
 *   index   a header page, the segment table, the volume table, and the sets
 *           of the tag store.
 *   data    nr_segments segments of 2^segment_shift bytes, then one page that
 *           names the cache (struct cachet_data_trailer).
 *
 * All numbers are little-endian. A "page" is 4096 bytes whatever the machine.
 * A data address is a page number in the file data, 32 bits: 16 TiB at most.
 *
 * A record is trusted when its crc32c is right and the epoch in it is committed
 * (epoch <= super.epoch) and not lost (in none of super.lost[]). A record of a
 * lost epoch is suspect: see struct cachet_object. Any other record is absent.
 *
 * The crc of every record is seeded with the cache's UUID and the byte offset
 * of the record in its file, so that a record of another cache, or one that was
 * written to the wrong place, is absent too.
 *
 * An extent is good only while the generation in it equals the generation of
 * the segment that it points into; an object's records only while the object
 * generation in them equals that of its head. Generations are never used twice:
 * a segment's is the epoch that freed it, an object's is made of the epoch and
 * a counter, and the epochs that a crash may have used are skipped for ever.
 *
 * Reserved bytes are zero, and a reader treats a record in which they are not
 * as absent: a change that needs them comes with a feature bit.
 */
#ifndef CACHET_FORMAT_H
#define CACHET_FORMAT_H

#include <linux/types.h>

#define CACHET_FORMAT_VERSION	1

#define CACHET_PAGE_SHIFT	12
#define CACHET_PAGE_BYTES	4096u

#define CACHET_UUID_BYTES	16
#define CACHET_TAG_BYTES	32	/* With the terminating NUL */
#define CACHET_FP_BYTES		16	/* First half of a salted SHA-256 */
#define CACHET_DIGEST_BYTES	32	/* SHA-256 */

/* ---- super -------------------------------------------------------------- */

#define CACHET_SUPER_MAGIC	"Cachet\x0d\x0a"
#define CACHET_SUPER_BYTES	512	/* One sector: its write is atomic */
#define CACHET_SUPER_STRIDE	4096	/* From one copy to the other */
#define CACHET_SUPER_FILE_BYTES	8192
#define CACHET_NR_LOST		8

/*
 * A range of epochs that a crash left uncommitted, both ends included.
 */
struct cachet_lost {
	__le64	first;
	__le64	last;
};

struct cachet_super {
	__u8	magic[8];		/* CACHET_SUPER_MAGIC */
	__le32	crc;			/* crc32c, seed ~0, of the bytes from version to the end */
	__le32	version;		/* CACHET_FORMAT_VERSION */
	__le32	compat;			/* An unknown bit is harmless */
	__le32	ro_compat;		/* An unknown bit: may be read, not attached */
	__le32	incompat;		/* An unknown bit: not to be interpreted at all */
	__le32	flags;			/* CACHET_SUPER_* */
#define CACHET_SUPER_CLEAN	0x1	/* Detached in order: no later epoch was begun */
	__u8	uuid[CACHET_UUID_BYTES];
	__u8	tag[CACHET_TAG_BYTES];	/* Name, NUL-padded */
	__le64	epoch;			/* The last committed one, from 1 */
	__le64	created;		/* Seconds since 1970 */
	__le64	written;		/* Seconds since 1970 */
	__le64	next_volume;		/* The next volume id, from 1 */
	__le32	nr_segments;
	__le32	nr_sets;		/* 4 KiB sets of the tag store */
	__le32	nr_volumes;		/* Slots of the volume table */
	__u8	segment_shift;		/* 20 (1 MiB) to 30 (1 GiB) */
	__u8	block_shift;		/* 12 (4 KiB) to 22 (4 MiB) */
	__u8	digest;			/* CACHET_DIGEST_SHA256 */
	__u8	nr_lost;		/* Ranges in lost[], oldest first */
#define CACHET_DIGEST_SHA256	1
	struct cachet_lost lost[CACHET_NR_LOST];
	__u8	reserved[256];
};

/* ---- index -------------------------------------------------------------- */

#define CACHET_INDEX_MAGIC	"CachIdx\x0a"
#define CACHET_DATA_MAGIC	"CachDat\x0a"

/* First page of index, and the page that follows the last segment of data. */
struct cachet_file_id {
	__u8	magic[8];		/* CACHET_INDEX_MAGIC or CACHET_DATA_MAGIC */
	__le32	crc;			/* crc32c, seed ~0, of the byte offset, then of the bytes from uuid on */
	__le32	reserved0;
	__u8	uuid[CACHET_UUID_BYTES];
	__u8	reserved[32];
};

/*
 * index: byte 0       struct cachet_file_id
 *        byte 4096    segment table: nr_segments * 64 bytes, to a full page
 *        then         volume table: nr_volumes * 512 bytes, to a full page
 *        then         nr_sets sets of 4096 bytes: 32 records of 128 bytes each
 */
#define CACHET_SET_BYTES	4096u
#define CACHET_RECORD_BYTES	128u
#define CACHET_WAYS		(CACHET_SET_BYTES / CACHET_RECORD_BYTES)

enum cachet_segment_state {
	CACHET_SEGMENT_FREE	= 0,	/* Freed; may be opened once that is committed */
	CACHET_SEGMENT_OPEN	= 1,	/* Being appended to */
	CACHET_SEGMENT_CLOSED	= 2,	/* Full, or given up */
};

enum cachet_segment_class {
	CACHET_CLASS_ORDINARY	= 0,
	CACHET_CLASS_PINNED	= 1,	/* Never reused */
};

/*
 * A segment that fails its crc is free, with a generation of the running epoch:
 * nothing points into it any more.
 */
struct cachet_segment {
	__le32	crc;			/* Seeded as a record is; of the bytes from state on */
	__u8	state;			/* enum cachet_segment_state */
	__u8	class;			/* enum cachet_segment_class */
	__le16	flags;			/* CACHET_SEGMENT_* */
#define CACHET_SEGMENT_SUMMARY	0x1	/* Its summary has been written */
	__le64	epoch;			/* That wrote this record */
	__le64	generation;		/* The epoch that freed it last; from 1 */
	__le32	used;			/* Pages appended so far */
	__le32	live;			/* Pages that records point to; a hint */
	__le32	last_use;		/* Seconds since 1970 */
	__u8	reserved[28];
};

/*
 * A network superblock. Objects carry its id; their fingerprints are made from
 * its key and generation, so a new generation makes them all unreachable.
 */
struct cachet_volume_rec {
	__le32	crc;			/* Seeded as a record is; of the bytes from flags on */
	__le32	flags;			/* None yet: zero */
	__le64	epoch;
	__le64	id;			/* From 1; 0: empty, with a crc: it was lost */
	__le64	generation;
	__le32	last_use;		/* Seconds since 1970 */
	__u8	block_shift;		/* For new objects; 0: the cache's */
	__u8	key_len;		/* Bytes of key[] */
	__u8	coherency_len;		/* Bytes of coherency[], 0 to 160 */
	__u8	reserved0;
	__u8	key[256];		/* The fscache volume key, NUL-padded */
	__u8	coherency[160];		/* The fscache volume's coherency data */
	__le64	since;			/* Objects of earlier generations count no more */
	__u8	reserved[48];
};
#define CACHET_VOLUME_COHERENCY_BYTES 160

/* ---- records of the tag store ------------------------------------------- */

enum cachet_record_kind {
	CACHET_REC_EMPTY	= 0,
	CACHET_REC_OBJECT	= 1,	/* struct cachet_object */
	CACHET_REC_EXTENT	= 2,	/* struct cachet_extents */
	CACHET_REC_CONTENT	= 3,	/* struct cachet_content */
};

/*
 * Pages [off, off + len) of a block are pages [page, page + len) of data.
 */
struct cachet_extent {
	__le64	generation;		/* Of the segment; an extent lies in one */
	__le32	page;			/* Data address */
	__le16	off;			/* Page in the block */
	__le16	len;			/* Pages, from 1 */
};

/* The head of every record of the tag store. */
struct cachet_record {
	__le32	crc;			/* Of the bytes from kind on */
	__u8	kind;			/* enum cachet_record_kind */
	__u8	flags;			/* CACHET_REC_* */
#define CACHET_REC_SEALED	0x1	/* The digest is that of the block */
#define CACHET_REC_LOCAL	0x2	/* Holds bytes that this machine wrote */
#define CACHET_REC_PINNED	0x4	/* Never evicted from its set */
#define CACHET_REC_MORE		0x8	/* EXTENT: the map goes on in the next part */
#define CACHET_REC_SHARED	0x10	/* With SEALED: the bytes were stored for another block */
#define CACHET_REC_STABLE	0x20	/* OBJECT: a committed head said the same of the file */
#define CACHET_REC_REPEATS	0x40	/* OBJECT: one of the epoch before said the same of it */
	__u8	nr;			/* Extents in use */
	__u8	part;			/* EXTENT: which part of a block's map, from 0 */
	__le64	epoch;			/* That wrote it */
	__u8	fp[CACHET_FP_BYTES];	/* Of the object; CONTENT: first bytes of the digest */
};

/*
 * A network file. Its set is hash(fp) % nr_sets. An object whose block 0 is
 * one extent carries it here: a small file is one record.
 *
 * A suspect head is that of a new object, unless it is STABLE, or REPEATS and the epoch
 * before its own is trusted: then generation, size, coherency and acked stood in a head
 * that was committed, or that this one was written over when its epoch was about to be;
 * and the object's EXTENT records count, each as far as it is trusted. Block 0 in a
 * suspect head is used, in either case, if it is SEALED, without LOCAL, and has been read back and
 * its digest compared. A suspect EXTENT record likewise: its block is dropped,
 * unless it is SEALED, without LOCAL, and passes its digest.
 *
 * When a head is written only to note that it was used, its epoch stays.
 *
 * Bytes that this machine wrote belong to a session: the time from the first
 * local write to the moment when the server is known to have them all. EXTENT
 * records with LOCAL are good only while session <= acked (or the session is
 * running); the extent in a head with LOCAL only while the session is running,
 * for the head is written again, without LOCAL, when the server has the bytes.
 */
struct cachet_object {
	struct cachet_record rec;
	__le64	generation;		/* Older EXTENT records are void */
	__le64	size;			/* Bytes, of the network file */
	__u8	coherency[CACHET_FP_BYTES]; /* Fingerprint of the coherency data */
	__le32	volume;			/* Low half of the volume's id */
	__le32	last_use;		/* Seconds since 1970 */
	__le32	acked;			/* Last session whose bytes the server has */
	__u8	block_shift;		/* 12 to 22 */
	__u8	uses;			/* Times looked up, stops at 255 */
	__u8	reserved[2];
	struct cachet_extent extent;	/* Block 0, if rec.nr is 1 */
	__u8	digest[CACHET_DIGEST_BYTES]; /* With SEALED */
};

/*
 * The map of one block. A block in up to 3 pieces may be sealed. One that is
 * not sealed uses the place of the digest for 2 more pieces, and continues in
 * parts 1, 2, ... with up to 5 pieces each.
 * Its set is hash(fp, block, part) % nr_sets.
 */
#define CACHET_SEALED_EXTENTS	3
#define CACHET_PART_EXTENTS	5
#define CACHET_MAX_PARTS	13	/* 65 pieces: every second page of 512 KiB */

struct cachet_extents {
	struct cachet_record rec;
	__le64	generation;		/* Of the object */
	__le32	block;			/* Number of the block in the file */
	__le32	session;		/* With LOCAL */
	union {
		struct {
			struct cachet_extent sealed[CACHET_SEALED_EXTENTS];
			__u8	digest[CACHET_DIGEST_BYTES];
		};
		struct cachet_extent extent[CACHET_PART_EXTENTS];
	};
};

/*
 * Where a block with this digest is. A hint: its extents are good only while
 * their generations are. Its set is the first 8 bytes of the digest % nr_sets.
 */
struct cachet_content {
	struct cachet_record rec;
	__u8	digest[CACHET_DIGEST_BYTES];
	__le32	pages;			/* Length of the block */
	__u8	reserved[12];
	struct cachet_extent extent[CACHET_SEALED_EXTENTS];
};

/* ---- data --------------------------------------------------------------- */

/*
 * The summary of a segment stands at its end and grows downwards: the footer
 * in the last 64 bytes, entry k at 64 * (k + 2) bytes before the end.
 */
#define CACHET_SUMMARY_MAGIC	0x6d755343u	/* "CSum" */

struct cachet_summary_footer {
	__le32	magic;			/* CACHET_SUMMARY_MAGIC */
	__le32	crc;			/* Seeded as a record is; of the bytes from nr on, */
					/* then of all entries, as they lie in the file */
	__le32	nr;			/* Entries */
	__le32	segment;		/* Number of the segment */
	__le64	generation;
	__le64	epoch;
	__u8	uuid[CACHET_UUID_BYTES];
	__u8	reserved[16];
};

struct cachet_summary_entry {
	__u8	fp[CACHET_FP_BYTES];	/* Of the object */
	__le32	block;			/* Number of the block in the file */
	__le16	off;			/* Page in the block */
	__le16	len;			/* Pages */
	__le32	page;			/* Data address */
	__u8	flags;			/* CACHET_REC_SEALED, CACHET_REC_LOCAL */
	__u8	block_shift;
	__u8	reserved[2];
	__u8	digest[CACHET_DIGEST_BYTES]; /* Zero unless SEALED */
};

#endif /* CACHET_FORMAT_H */
