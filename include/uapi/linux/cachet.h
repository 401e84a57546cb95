/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cachet.h - /dev/cachet: the contract between the module and its daemon
 *
 * Every call takes a structure whose first member is CACHET_ABI_VERSION; the
 * module answers -EPROTO to another version. Reserved members must be zero
 * (-EINVAL). All calls need CAP_SYS_ADMIN in the initial user namespace, as
 * opening the device does (-EPERM).
 *
 * Sizes are in bytes unless a name ends in _pages (4096 bytes each) or says
 * otherwise. Strings are NUL-terminated and NUL-padded.
 */
#ifndef _UAPI_LINUX_CACHET_H
#define _UAPI_LINUX_CACHET_H

#include <linux/types.h>
#include <linux/ioctl.h>

#define CACHET_ABI_VERSION	1
#define CACHET_DEVICE		"/dev/cachet"
#define CACHET_TAG_MAX		32	/* With the NUL: [A-Za-z0-9._-], not '.' first */
#define CACHET_VOLUME_KEY_MAX	256	/* With the NUL */
#define CACHET_NR_COUNTERS	64	/* Room in struct cachet_status */

/*
 * Attach: the files are open for reading and writing, by the daemon; the I/O
 * of the cache is done with the credentials of the caller of this ioctl.
 *
 * -EBUSY: the tag or one of the files is in use, or another backend holds the tag
 * -EXDEV: the files are not on one filesystem
 * -EMEDIUMTYPE: not XFS, and CACHET_ATTACH_ANY_FS is not set
 * -EUCLEAN: both copies of super are damaged; -EFBIG, -ENODATA: a file has the wrong size
 * -EOPNOTSUPP, -EPROTONOSUPPORT: an unknown feature bit, format version
 * -EBADMSG: the id page of index or data is damaged or unreadable; -ESTALE: it is another cache's
 * The kernel log says what is wrong in words; `problem` says the same to the caller.
 */
struct cachet_attach {
	__u32	version;
	__u32	flags;			/* CACHET_ATTACH_* */
#define CACHET_ATTACH_ANY_FS	0x1	/* Accept a filesystem other than XFS */
#define CACHET_ATTACH_VERIFY	0x2	/* Compare the digest of every sealed block read */
#define CACHET_ATTACH_VERIFY_ONCE 0x4	/* The first time that it is read */
	__s32	super_fd;
	__s32	index_fd;
	__s32	data_fd;
	__u32	commit_ms;		/* 100 to 600000; 0: 5000 */
	__u32	reserved[4];
	/* out */
	char	tag[CACHET_TAG_MAX];
	__u64	took_ns;
	char	problem[96];		/* On failure: why, in one line */
};

struct cachet_tag {
	__u32	version;
	__u32	flags;			/* SYNC: CACHET_SYNC_*; else 0 */
#define CACHET_SYNC_SEAL	0x1	/* First wait until the blocks that are queued are sealed */
	char	tag[CACHET_TAG_MAX];
};

struct cachet_status {
	__u32	version;
	__u32	nr_counters;		/* out: used in counters[] */
	char	tag[CACHET_TAG_MAX];
	/* out */
	__u8	uuid[16];
	__u64	epoch;			/* The running one */
	__u64	committed;		/* The last committed one */
	__u64	data_bytes;		/* Size of the cache */
	__u64	live_bytes;		/* Held by records, about: never more than was written */
	__u32	segment_bytes;
	__u32	block_bytes;
	__u32	nr_segments;
	__u32	nr_free;		/* Segments that may be opened */
	__u32	nr_freeing;		/* Freed, not yet committed */
	__u32	nr_open;
	__u32	nr_sets;
	__u32	nr_objects;		/* In use now */
	__u32	nr_volumes;		/* In use now */
	__u32	nr_pinned;		/* Segments that reuse does not take */
	__u32	max_pinned;		/* Of these */
	__u32	seal_queue;		/* Blocks that wait for their digest */
	__u32	flags;			/* CACHET_STATUS_* */
#define CACHET_STATUS_OUT	0x1	/* Out of service after an I/O error */
#define CACHET_STATUS_CRASHED	0x2	/* Was not detached in order before this attach */
#define CACHET_STATUS_LEAVING	0x4	/* Somebody is detaching it */
	__s32	error;			/* With OUT: the first error, -errno */
	__u64	counters[CACHET_NR_COUNTERS]; /* In the order of cachet_counters.h */
};

/* Part of a file that is present. */
struct cachet_range {
	__u64	start_page;
	__u64	nr_pages;
	__u32	flags;			/* CACHET_RANGE_* */
#define CACHET_RANGE_SEALED	0x1	/* Has its digest */
#define CACHET_RANGE_SHARED	0x2	/* Other blocks may use the same stored pages */
#define CACHET_RANGE_LOCAL	0x4	/* Written by this machine */
#define CACHET_RANGE_PINNED	0x8	/* Stays until the file is unpinned, or changes */
	__u32	reserved;
};

/*
 * What is here of a network file. -ENXIO: fd is on no network filesystem with
 * a cache; -ENODATA: it is, but this file is not cached (now) by this module.
 */
struct cachet_object_stat {
	__u32	version;
	__s32	fd;
	__u64	start_page;		/* in: from here on; out: where to go on, or ~0 */
	__u64	ranges;			/* User pointer to struct cachet_range[] */
	__u32	nr_ranges;		/* in: room; out: filled */
	__u32	block_bytes;
	/* out */
	char	tag[CACHET_TAG_MAX];
	__u64	size;			/* Bytes of the network file */
	__u64	cached_pages;		/* Among the ranges returned */
	__u64	sealed_pages;
	__u64	shared_pages;
	__u64	pinned_pages;
	__u64	volume_id;
	__u8	fingerprint[16];
	__u32	flags;			/* CACHET_STAT_* */
#define CACHET_STAT_PINNED	0x1	/* The file is: what is kept of it is to stay */
	__u32	reserved;
};

struct cachet_volume_info {
	__u64	id;
	__u64	generation;
	__u32	last_use;		/* Seconds since 1970 */
	__u32	block_bytes;		/* 0: the cache's */
	__u32	flags;
#define CACHET_VOLUME_IN_USE	0x1	/* Mounted now */
	__u32	nr_objects;		/* In use now */
	char	key[CACHET_VOLUME_KEY_MAX];
};

struct cachet_volumes {
	__u32	version;
	__u32	nr;			/* in: room; out: filled */
	char	tag[CACHET_TAG_MAX];
	__u64	after_id;		/* in: volumes with a greater id, in order of id */
	__u64	volumes;		/* User pointer to struct cachet_volume_info[] */
};

/*
 * Block size of what is cached from now on. What a volume has already keeps its;
 * a file whose size of blocks changes is emptied. tag may be empty with a file.
 */
struct cachet_block_size {
	__u32	version;
	__s32	fd;			/* A network file, or -1: the volume below */
	char	tag[CACHET_TAG_MAX];
	__u64	volume_id;
	__u32	block_bytes;		/* Power of 2, 4096 to 4194304; 0: the default again */
	__u32	reserved;
};

/*
 * Read sealed blocks back and compare their digests, as far as max_bytes go. What
 * fails is dropped, counted and told by CACHET_EVENT_CORRUPT. Call it with slot = 0,
 * and on with the slot that it answers until that is nr_slots; if anything was bad,
 * all over again: blocks that shared the bad bytes are verified then. It returns
 * early, without an error, when a signal is pending, and after some 8000 slots.
 *
 * -ENOENT: no such cache; -EINVAL: slot is beyond nr_slots, max_bytes is 0;
 * -EIO: the cache is out of service; -ESHUTDOWN: it is being detached
 */
struct cachet_scrub {
	__u32	version;
	__u32	reserved;
	char	tag[CACHET_TAG_MAX];
	__u64	max_bytes;		/* A block may go beyond it */
	__u64	slot;			/* in: from here on; out: where to go on */
	/* out */
	__u64	nr_slots;
	__u64	blocks;			/* Verified by this call */
	__u64	bytes;			/* In these */
	__u64	bad;			/* Of them dropped */
};

/*
 * Pin a file: what is here of it moves to where reuse does not come, what is kept of it
 * from now on goes there itself, and stays until the file is unpinned or its content
 * changes. That the file is pinned outlives such a change. Call it with start_page = 0,
 * and on with the start_page that it answers until that is ~0; it returns early, without
 * an error, when a signal is pending, and after some 256 blocks. What is not here does
 * not come by itself: read it. Durable with the next commit: CACHET_IOC_SYNC.
 *
 * pages more than pinned_pages: there is no room (status: max_pinned segments), or a
 * block was being changed: call it again.
 *
 * To unpin changes one record. What the file held is ordinary after the next
 * CACHET_IOC_SWEEP. It is named by fd, or, in use or not, by tag and fingerprint.
 *
 * -ENXIO, -ENODATA: as for CACHET_IOC_OBJECT_STAT; -ENOENT: nothing is known of that
 * fingerprint; -ENOSPC: the file's place in index is taken by others that are pinned;
 * -EIO: the cache is out of service; -ESHUTDOWN: it is being detached
 */
struct cachet_pin {
	__u32	version;
	__u32	flags;			/* CACHET_PIN_* */
#define CACHET_PIN_CLEAR	0x1	/* Unpin */
	__s32	fd;			/* A network file; with CLEAR also -1: see tag */
	__u32	reserved;
	char	tag[CACHET_TAG_MAX];	/* in: with fd -1; else out */
	__u8	fingerprint[16];	/* in: with fd -1; else out */
	__u64	start_page;
	/* out */
	__u64	pages;			/* Present, in the blocks that were looked at */
	__u64	pinned_pages;		/* Of these, those that stay */
};

/*
 * Look for segments in which nothing is pinned any more, a few sets of index at a
 * time, and make them ordinary in the end. Call it with set = 0, and on with the set
 * that it answers until that is nr_sets. It returns early, without an error, when a
 * signal is pending, and after some 256 sets.
 *
 * -ENOENT: no such cache; -EINVAL: set is beyond nr_sets; -ESTALE: another sweep has
 * begun since: begin again; -EIO, -ESHUTDOWN: as above
 */
struct cachet_sweep {
	__u32	version;
	__u32	reserved;
	char	tag[CACHET_TAG_MAX];
	__u64	set;			/* in: from here on; out: where to go on */
	/* out */
	__u64	nr_sets;
	__u64	pinned;			/* Records of pinned files, by this call */
	__u64	cleared;		/* Records of files that are not pinned any more */
	__u64	released;		/* Segments that became ordinary */
};

/*
 * Free a segment: what is in it is gone at once, and it may be written to when that is
 * committed. The kernel does it by itself when it needs room, with the coldest.
 *
 * -ENOENT: no such cache, or none that could be freed; -EINVAL: no such segment;
 * -ESTALE: its generation is another one; -EPERM: it is pinned; -EBUSY: it is being
 * written to; -EIO, -ESHUTDOWN: as above
 */
struct cachet_cull {
	__u32	version;
	__u32	segment;		/* Number, or CACHET_CULL_COLDEST */
#define CACHET_CULL_COLDEST	0xffffffffu
	char	tag[CACHET_TAG_MAX];
	__u64	generation;		/* With a number */
};

#define CACHET_IOC_ATTACH	_IOWR('!', 0x10, struct cachet_attach)
#define CACHET_IOC_DETACH	_IOW('!', 0x11, struct cachet_tag)
#define CACHET_IOC_STATUS	_IOWR('!', 0x12, struct cachet_status)
#define CACHET_IOC_SYNC		_IOW('!', 0x13, struct cachet_tag)
#define CACHET_IOC_OBJECT_STAT	_IOWR('!', 0x14, struct cachet_object_stat)
#define CACHET_IOC_VOLUMES	_IOWR('!', 0x15, struct cachet_volumes)
#define CACHET_IOC_BLOCK_SIZE	_IOW('!', 0x16, struct cachet_block_size)
#define CACHET_IOC_SCRUB	_IOWR('!', 0x17, struct cachet_scrub)
#define CACHET_IOC_PIN		_IOWR('!', 0x18, struct cachet_pin)
#define CACHET_IOC_SWEEP	_IOWR('!', 0x19, struct cachet_sweep)
#define CACHET_IOC_CULL		_IOW('!', 0x1a, struct cachet_cull)

/*
 * read() on the device yields whole events, oldest first, and waits for one
 * unless O_NONBLOCK (-EAGAIN) is set; poll() says when there is one. A reader
 * that is too slow loses the oldest: `seq` then has a gap.
 */
enum cachet_event_type {
	CACHET_EVENT_ATTACHED	= 1,
	CACHET_EVENT_DETACHED	= 2,
	CACHET_EVENT_OUT	= 3,	/* Out of service; arg0: -errno */
	CACHET_EVENT_REUSED	= 4,	/* A segment was freed; arg0: its number, arg1: live pages lost */
	CACHET_EVENT_VOLUME	= 5,	/* A mount began to use it; arg0: volume id */
	CACHET_EVENT_CORRUPT	= 6,	/* A digest did not match; arg0: data page, arg1: pages */
	CACHET_EVENT_NO_SPACE	= 7,	/* Fills are being dropped; arg0: pages */
	CACHET_EVENT_UNREADABLE	= 8,	/* By the device; arg0: byte offset, arg1: file */
	CACHET_EVENT_DAMAGED	= 9,	/* A record is ignored; arg0: byte offset, arg1: file */
};

struct cachet_event {
	__u64	seq;
	__u64	time_ns;		/* CLOCK_REALTIME */
	__u32	type;			/* enum cachet_event_type */
	__u32	reserved;
	__u64	arg0;
	__u64	arg1;
	char	tag[CACHET_TAG_MAX];
};

#endif /* _UAPI_LINUX_CACHET_H */
