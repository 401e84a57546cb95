/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * internal.h - what the files of the module know of each other
 *
 * In the order of Kbuild, which is the order in which a request meets the files.
 *
 * Locks, outermost first:
 *   control_lock        the list of caches
 *   cache->seal_sem     the sealer's thread comes and goes; read: a detach waits
 *   cache->commit_lock  one commit at a time
 *   object->lock        an object's head and maps; held over index I/O
 *   cache->pin_lock     a file becomes pinned; a sweep looks at some records
 *   cache->volume_lock  the volume table
 *   cache->epoch_sem    read: while a record gets its epoch and is written
 *   cache->roll_lock    opening and closing segments
 *   cache->set_lock[]   a set of the index: read, change one record, write
 *   object->spin, cache->log_lock, cache->objects_lock, cache->door_lock, cache->seal_lock:
 *	spinlocks, never nested
 *
 * The freeze protection of the cache's filesystem comes below all of these: see
 * cachet_io_write_iter().
 *
 * All of the cache's own file I/O happens under memalloc_nofs_save(): the caller
 * may be write-back, and must not be entered again by reclaim.
 */
#ifndef CACHET_INTERNAL_H
#define CACHET_INTERNAL_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/fscache-cache.h>
#include <linux/hashtable.h>
#include <linux/kobject.h>
#include <linux/kref.h>
#include <linux/kthread.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <trace/events/fscache.h>
#include <uapi/linux/cachet.h>
#include <uapi/linux/cachet_counters.h>
#include "compat/compat.h"
#include "format/codec.h"
#include "tables.h"

/* For files that have included printk.h before. */
#undef pr_fmt
#define pr_fmt(fmt) "cachet: " fmt

/* For more than a page or two: whoever asks can do without, or says so himself. */
#define CACHET_GFP	(GFP_KERNEL | __GFP_NOWARN)

/*
 * Write-back may wait for what runs there. And it stops before a hibernation takes its image of
 * memory, which is to go on with the disk as it was then.
 */
#define CACHET_WQ_FLAGS	(WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_FREEZABLE)

struct cachet_cache;
struct cachet_fill;
struct cachet_obj;
struct cachet_open;
struct cachet_parent;

/* Every limit that is not part of the format, with its reason. */
enum cachet_limits {
	CACHET_COMMIT_MS	= 5000,	/* As the page cache's own write-back */
	CACHET_COMMIT_MIN_MS	= 100,
	CACHET_COMMIT_MAX_MS	= 600000,
	/*
	 * Whole blocks that may wait for their digest with their pages held: a quarter
	 * of a second of hashing where the processor has no instructions for it. More
	 * are written unsealed, and a duplicate among them costs its place in the log.
	 */
	CACHET_INLINE_SEAL_BYTES = 64 << 20,
	/* Of a small log no more than 1/8: what waited displaces what was read later. */
	CACHET_INLINE_SEAL_SHIFT = 3,
	/* Blocks without a duplicate after which the sealer gives way to readers. */
	CACHET_SEAL_HURRY_BLOCKS = 64,
	CACHET_SEALER_NICE	= 10,
	/* Blocks that may wait to be read back: 64 bytes each, and idle objects. */
	CACHET_SEAL_QUEUE	= 16384,
	/* A cut through more blocks than this empties the object: O(1). */
	CACHET_PUNCH_BLOCKS	= 256,
	/* Records of a set that may be pinned: the others must find a place. */
	CACHET_PINNED_WAYS	= CACHET_WAYS * 3 / 4,
	CACHET_SET_LOCKS	= 64,	/* Far more than processors that write records */
	CACHET_OBJECT_HASH_BITS	= 10,	/* Per cache; objects in use, not objects */
	/* As relatime: noting each use would write a page for each file read. */
	CACHET_TOUCH_SECONDS	= 3600,
	CACHET_EVENTS		= 256,	/* For a reader that is away for a while */
	/* What must not fail for want of memory: each waits for a tick or more. */
	CACHET_MEMORY_TRIES	= 10,
	/* Segments that are passed over, under a spinlock, to find a cold one. */
	CACHET_CHANCES		= 64,
};

/* ---- main.c ------------------------------------------------------------- */

extern struct kmem_cache *cachet_object_slab;
extern struct kmem_cache *cachet_fill_slab;
extern struct kmem_cache *cachet_set_slab;	/* Buffers of one set, page-aligned */

/* ---- control.c ---------------------------------------------------------- */

int cachet_control_init(void);
void cachet_control_exit(void);

/* ---- event.c ------------------------------------------------------------ */

void cachet_event(struct cachet_cache *cache, enum cachet_event_type type, u64 arg0, u64 arg1);
ssize_t cachet_event_read(struct file *file, char __user *buf, size_t len);
__poll_t cachet_event_poll(struct file *file, struct poll_table_struct *wait);
void *cachet_event_open(void);
void cachet_event_close(void *reader);

/* ---- cache.c ------------------------------------------------------------ */

/* A segment, in memory for as long as the cache is attached: 64 bytes at most. */
struct cachet_seg {
	struct list_head link;		/* In cache->free, freeing or closed, or empty */
	u64	generation;		/* Extents with another one are void */
	atomic_t readers;		/* Reads under way; not reused before they end */
	u32	used;			/* Pages appended */
	u32	live;			/* Pages that records point to; a hint */
	u32	last_use;		/* Seconds since 1970 */
	u32	closing;		/* nr_closings when it was closed; 0: before the attach */
	u8	state;			/* enum cachet_seg_state */
	u8	class;			/* enum cachet_segment_class */
	u8	referenced;		/* Read since reuse last looked */
	u8	flags;			/* CACHET_SEG_* */
#define CACHET_SEG_DIRTY	0x1	/* Its record is to be written by the next commit */
#define CACHET_SEG_SUMMARY	0x2	/* Its summary is on disk */
#define CACHET_SEG_UNSEEN	0x4	/* No PINNED record was seen to name it: see sweep.c */
};

enum { CACHET_NR_CLASSES = CACHET_CLASS_PINNED + 1 };

enum cachet_seg_state {
	CACHET_SEG_FREE,		/* May be opened */
	CACHET_SEG_FREEING,		/* Freed; its epoch is not committed yet */
	CACHET_SEG_OPEN,
	CACHET_SEG_CLOSED,
};

static_assert(sizeof(struct cachet_seg) <= 64);

/* Which sealed blocks are compared with their digest when they are read. */
enum cachet_verify {
	CACHET_VERIFY_SUSPECT,		/* Those that a crash left in doubt */
	CACHET_VERIFY_ONCE,		/* And each other one, the first time */
	CACHET_VERIFY_ALWAYS,
};

struct cachet_cache {
	struct list_head link;		/* In cache.c's list, under control_lock */
	struct kref	ref;
	/* Of its own: what waits for this one's disk keeps nobody else waiting. */
	struct workqueue_struct *wq;	/* Publishing, reuse, summaries */
	struct workqueue_struct *io_wq;	/* I/O that a user's process must not do */
	struct kobject	kobj;		/* /sys/fs/cachet/TAG */
	struct completion kobj_gone;
	struct fscache_cache *fscache;
	const struct cred *cred;	/* Of the daemon that attached it */
	struct file	*super_file;
	struct file	*index_file;
	struct file	*data_file;
	struct cachet_super_info super;	/* As on disk, under commit_lock once attached */
	struct cachet_geometry geo;	/* Never changes */
	u32		seed;		/* Of all crcs */
	u32		id;		/* For tracepoints */
	enum cachet_verify verify;	/* Which sealed blocks are compared when read */
	unsigned long	*verified;	/* With ONCE: by page of data */
	bool		crashed;	/* Was not detached in order before */
	bool		found_mounts;	/* There were some, of any volume, when it was attached */
	unsigned int	commit_ms;
	unsigned long	flags;
#define CACHET_CACHE_OUT	0	/* Out of service: an I/O error */
#define CACHET_CACHE_LEAVING	1	/* Being detached, or an attach has failed */
#define CACHET_CACHE_DIRTY	2	/* Something to commit */
#define CACHET_CACHE_NO_SPACE	3	/* Fills are being dropped: told once */
#define CACHET_CACHE_FILES_OURS	4	/* The files' locks have a class of their own */
#define CACHET_CACHE_ATTACHED	5	/* Found by its tag, until it is detached */
	int		error;		/* The one that put it out */

	/* commit.c */
	struct mutex	commit_lock;
	struct rw_semaphore epoch_sem;	/* Write: the epoch changes */
	u64		epoch;		/* That records get now */
	u64		first_epoch;	/* The first of this attach */
	u64		committed;	/* The last committed one */
	atomic64_t	generations;	/* Low half of object generations */
	struct delayed_work commit_work;

	/* log.c, reclaim.c */
	spinlock_t	log_lock;	/* Guards the segments' lists and states */
	struct mutex	roll_lock;	/* Guards `open` against closing */
	struct cachet_seg *seg;		/* [geo.nr_segments] */
	struct list_head free;
	struct list_head freeing;
	struct list_head closed;	/* Of the ordinary class; coldest first, roughly */
	u32		nr_free;
	u32		nr_freeing;
	u32		nr_closings;	/* How many were closed since the attach */
	u32		nr_open;
	u32		nr_pinned;	/* Of the pinned class, open or closed */
	struct cachet_open *open[CACHET_NR_CLASSES]; /* Where fills go, or NULL */
	atomic_t	nr_opens;	/* struct cachet_open alive */
	wait_queue_head_t idle_wait;	/* For nr_opens, nr_refs */
	struct work_struct reclaim_work;

	/* pin.c, sweep.c */
	struct mutex	pin_lock;
	u32		sweep_set;	/* The next one; 0: no sweep is under way */

	/* heal.c */
	spinlock_t	door_lock;	/* Guards these, and `fscache` against detaching */
	/* More places than this within an hour are not a few. */
#define CACHET_MEDIA_PLACES	64
	u64		media[CACHET_MEDIA_PLACES]; /* Where reads failed, */
	unsigned int	nr_media;
	unsigned long	media_since;	/* from then on (jiffies), for an hour */

	/* index.c */
	struct mutex	set_lock[CACHET_SET_LOCKS];

	/* volume.c */
	struct mutex	volume_lock;
	struct list_head volumes;	/* In use */
	atomic_t	nr_volumes;	/* Of these */
	u64		next_volume;	/* The next id */

	/* object.c */
	spinlock_t	objects_lock;
	DECLARE_HASHTABLE(objects, CACHET_OBJECT_HASH_BITS); /* By fingerprint */
	struct list_head withdrawing;	/* Objects with a cookie */
	atomic_t	nr_objects;	/* Structures alive */
	atomic_t	nr_in_use;	/* Of these, with a cookie */

	/* seal.c */
	struct rw_semaphore seal_sem;	/* Read: the sealer stays */
	struct kthread_worker *sealer;
	struct kthread_work seal_work;	/* The first of seal_jobs */
	spinlock_t	seal_lock;	/* Guards these */
	struct list_head seal_jobs;	/* Blocks to be read back, in order */
	u64		seal_queued;	/* How many there ever were, */
	u64		seal_done;	/* and are no more */
	struct list_head seal_put_off;	/* Others, until there is a commit; not of these numbers */
	u32		nr_put_off;
	atomic64_t	inline_bytes;	/* Held by fills that wait for their digest */
	s64		inline_max;	/* Of these */
	unsigned int	hurry;		/* The sealer's own: blocks until it gives way again */
	void		*seal_buffer;	/* 2^block_shift at most; the sealer's own */

	/* stats.c */
	u64 __percpu	*counters;	/* [CACHET_NR_USED_COUNTERS] */
};

int cachet_cache_attach(struct cachet_attach *arg);
int cachet_cache_detach(const char *tag);
struct cachet_cache *cachet_cache_find(const char *tag);
void cachet_cache_put(struct cachet_cache *cache);
int cachet_cache_hold(struct cachet_cache *cache);
void cachet_cache_let_go(struct cachet_cache *cache);
void cachet_io_error(struct cachet_cache *cache, enum cachet_io_site site, int err);

static inline bool cachet_cache_out(const struct cachet_cache *cache)
{
	return test_bit(CACHET_CACHE_OUT, &cache->flags);
}

/* ---- volume.c ----------------------------------------------------------- */

struct cachet_volume {
	struct list_head link;		/* In cache->volumes */
	struct cachet_cache *cache;
	struct fscache_volume *vcookie;
	u64	id;
	u64	generation;		/* Part of all fingerprints */
	u32	slot;			/* In the volume table; ~0: not recorded */
	u32	last_use;		/* Seconds since 1970 */
	u8	block_shift;		/* 0: the cache's */
	bool	left;			/* Its mount was gone before a detach began */
	bool	withdrawn;		/* No lookup begins any more */
	bool	sees_all;		/* No file of it was in use without the cache being told */
	u64	since;			/* Objects of earlier generations count no more */
	u64	since_kept;		/* As the table has it, under volume_lock */
	atomic_t nr_objects;		/* In use */
};

void cachet_volume_acquire(struct fscache_volume *vcookie);
bool cachet_volume_ready(struct cachet_volume *vol);
void cachet_volume_missed(struct cachet_volume *vol);
void cachet_volume_free(struct fscache_volume *vcookie);
int cachet_volume_keep_all(struct cachet_cache *cache);
int cachet_volume_set_block(struct cachet_cache *cache, u64 id, u8 shift);
int cachet_volume_next(struct cachet_cache *cache, u64 after, struct cachet_volume_info *ret);
void cachet_volume_leave_all(struct cachet_cache *cache);
void cachet_volume_withdraw_all(struct cachet_cache *cache);
void cachet_volume_free_all(struct cachet_cache *cache);
u8 cachet_volume_block_shift(const struct cachet_volume *vol);

/* ---- fingerprint.c ------------------------------------------------------ */

#define CACHET_AUX_BYTES	40	/* As many as NFS has, and it asks most often */

/* Which state of a file content belongs to, in the network filesystem's words. */
struct cachet_coherency {
	u8	fp[CACHET_FP_BYTES];	/* Digest of them, as on disk */
	u8	len;			/* Of aux; 0: too long to be kept */
	u8	aux[CACHET_AUX_BYTES];	/* The words, to compare without hashing */
};

static inline bool cachet_coherent(const struct cachet_coherency *a,
				   const struct cachet_coherency *b)
{
	return !memcmp(a->fp, b->fp, sizeof(a->fp));
}

void cachet_fp_of_cookie(const struct cachet_cache *cache, const struct cachet_volume *vol,
			 struct fscache_cookie *cookie, u8 out[CACHET_FP_BYTES]);
void cachet_coherency_of(const void *aux, u8 len, struct cachet_coherency *out);
void cachet_coherency_of_cookie(struct fscache_cookie *cookie, struct cachet_coherency *out,
				loff_t *ret_size);
void cachet_coherency_tell(struct fscache_cookie *cookie, const void *aux, u8 len, loff_t size);

/* ---- object.c ----------------------------------------------------------- */

/*
 * A network file in use (or with a block that waits for its digest). There is
 * one at most for a fingerprint. At most 400 bytes.
 */
struct cachet_obj {
	struct hlist_node hash;		/* In cache->objects, under objects_lock */
	struct list_head link;		/* In cache->withdrawing, under objects_lock */
	refcount_t	ref;
	unsigned int	debug_id;
	struct cachet_cache *cache;
	struct cachet_volume *volume;	/* While it has a cookie */
	struct fscache_cookie *cookie;	/* NULL when idle; with a reference */
	u8		fp[CACHET_FP_BYTES];

	struct mutex	lock;		/* Guards what follows, up to spin */
	u32		acked;		/* Last session that the server has all of */
	u32		session;		/* Running one, or 0 */
	u32		volume_id;
	u32		last_use;	/* As on disk */
	u8		uses;
	unsigned int	inval_counter;	/* The cookie's, of the last invalidation that came here */
	loff_t		doubt;		/* Bytes to be forgotten, from here on; LLONG_MAX: none */
	u16		flags;		/* CACHET_OBJ_*, written under lock */
#define CACHET_OBJ_ON_DISK	0x1	/* There is a head of this generation in the index */
#define CACHET_OBJ_EXTENTS	0x2	/* There may be EXTENT records of this generation */
#define CACHET_OBJ_DEAD		0x4	/* To be looked up anew */
#define CACHET_OBJ_HEAD		0x8	/* There is a head, of this generation or another */
#define CACHET_OBJ_UNSURE	0x10	/* The last write of the head failed */
#define CACHET_OBJ_UNCACHED	0x20	/* Nothing is kept until the next lookup */
#define CACHET_OBJ_PINNED	0x40	/* What is kept of it stays: see pin.c */
#define CACHET_OBJ_NEW_USE	0x80	/* Not read or written since it was looked up */
#define CACHET_OBJ_USED_BEFORE	0x100	/* When that was, its inode had been in use already */

	spinlock_t	spin;		/* Guards what follows; taken by reads */
	u8		block_shift;	/* Written under lock too */
	u8		inline_nr;	/* 1: block 0 is the piece below */
	u8		inline_flags;	/* CACHET_REC_SEALED, LOCAL; CACHET_MAP_SUSPECT */
	unsigned int	seq;		/* Counts invalidations: who began before is stale */
	unsigned int	cuts;		/* Counts changes of size */
	unsigned int	nr_ops;		/* Operations begun since the last invalidation */
	unsigned int	nr_stale_ops;	/* Begun before, still running */
	u64		generation;	/* Written under lock too */
	u64		told;		/* Epoch in which a head first said what follows, or 0 */
	loff_t		size;		/* Written under lock too */
	struct cachet_coherency coherency;	/* Written under lock too */
	struct cachet_piece inline_piece;
	u8		inline_digest[CACHET_DIGEST_BYTES];

	struct xarray	asked;		/* asked.c's own; with its own lock, never nested */
};

static_assert(sizeof(struct cachet_obj) <= 400 || IS_ENABLED(CONFIG_LOCKDEP) ||
	      IS_ENABLED(CONFIG_DEBUG_SPINLOCK));

bool cachet_object_lookup(struct fscache_cookie *cookie);
void cachet_object_withdraw(struct fscache_cookie *cookie);
bool cachet_object_invalidate(struct fscache_cookie *cookie);
void cachet_object_seen(struct cachet_obj *obj, const void *aux, u8 len, loff_t size);
void cachet_object_resize(struct cachet_obj *obj, loff_t new_size);
void cachet_object_forget_from(struct cachet_obj *obj, loff_t from);
int cachet_object_rebuild(struct cachet_obj *obj, u8 shift);
void cachet_object_drop(struct cachet_obj *obj);
void cachet_object_begin_session(struct cachet_obj *obj);
unsigned int cachet_object_begin(struct cachet_obj *obj);
void cachet_object_end(struct cachet_obj *obj, unsigned int seq);
struct cachet_obj *cachet_object_get(struct cachet_obj *obj, enum cachet_ref_why why);
struct cachet_obj *cachet_object_get_known(struct cachet_cache *cache, const u8 *fp,
					   enum cachet_ref_why why);
struct cachet_obj *cachet_object_get_new(struct cachet_cache *cache, const u8 *fp);
void cachet_object_put(struct cachet_obj *obj, enum cachet_ref_why why);
void cachet_object_wait_all(struct cachet_cache *cache);
int cachet_object_write_head(struct cachet_obj *obj, bool touch);
u64 cachet_new_generation(struct cachet_cache *cache);

/* Objects of an epoch have greater ones, and those of earlier epochs less. */
static inline u64 cachet_epoch_generation(u64 epoch)
{
	return epoch << 24;
}

/* Pages of a block that the file has. */
static inline u32 cachet_block_expected(const struct cachet_obj *obj, loff_t size, u32 block)
{
	u64 pages = DIV_ROUND_UP((u64)size, CACHET_PAGE_BYTES);
	u32 per = 1u << (obj->block_shift - CACHET_PAGE_SHIFT);
	u64 first = (u64)block * per;

	return first >= pages ? 0 : min_t(u64, pages - first, per);
}

/* ---- stat.c ------------------------------------------------------------- */

int cachet_object_stat(struct cachet_object_stat *arg);
int cachet_object_set_block(const char *tag, int fd, u8 shift);

/* ---- asked.c ------------------------------------------------------------ */

void cachet_asked_init(struct cachet_obj *obj);
void cachet_asked_free(struct cachet_obj *obj);
void cachet_asked_note(struct cachet_obj *obj, unsigned int seq, u64 page, u64 nr);
u64 cachet_asked_take(struct cachet_obj *obj, unsigned int seq, u64 page, u64 nr);

/* ---- map.c -------------------------------------------------------------- */

#define CACHET_MAP_SUSPECT	0x80	/* In cachet_map.flags: to be verified before use */

int cachet_map_load(struct cachet_obj *obj, u32 block, struct cachet_map *m);
int cachet_map_store(struct cachet_obj *obj, u32 block, const struct cachet_map *m,
		     u32 old_parts);
void cachet_map_forget(struct cachet_obj *obj, u32 block);

/* ---- read.c ------------------------------------------------------------- */

/* Whom to tell of the end of a read or fill. Copied; told once, in any context. */
struct cachet_done {
	void	(*fn)(const struct cachet_done *done, ssize_t ret);
	void	*priv;			/* The caller's */
	void	(*term)(void);		/* The caller's; cast as it likes */
	bool	async;			/* Not within the call that began it */
};

bool cachet_read_present(struct cachet_obj *obj, u64 page, u64 nr, u64 *ret_run);
void cachet_read(struct cachet_obj *obj, u64 page, struct iov_iter *iter,
		 unsigned int inval_counter, const struct cachet_done *done);

/* ---- verify.c ----------------------------------------------------------- */

int cachet_verify_init(struct cachet_cache *cache, enum cachet_verify verify);
void cachet_verify_exit(struct cachet_cache *cache);
void cachet_verify_forget(struct cachet_cache *cache, u32 segment);
bool cachet_must_verify(const struct cachet_cache *cache, u8 flags,
			const struct cachet_piece *piece, u32 nr);
int cachet_verify_block(struct cachet_obj *obj, u32 block);
void cachet_verify_rest(struct cachet_obj *obj, u32 block, struct cachet_map *m, int parts);
void cachet_corrupt(struct cachet_cache *cache, const struct cachet_map *m, u32 pages);
int cachet_read_map(struct cachet_cache *cache, const struct cachet_map *m, u32 pages, void *buf);
int cachet_verify_found(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			const struct cachet_piece *piece, u32 nr, void *buf);

/* ---- heal.c ------------------------------------------------------------- */

#define CACHET_MEDIA_JIFFIES	(3600 * HZ)

bool cachet_media_error(struct cachet_cache *cache, enum cachet_io_site site, u64 pos, int err);
/* As events say it. */
enum cachet_in_file { CACHET_FILE_DATA, CACHET_FILE_INDEX, CACHET_FILE_SUPER };

void cachet_damaged(struct cachet_cache *cache, enum cachet_in_file file, u64 pos,
		    const char *why);
int cachet_heal_index(struct cachet_cache *cache, const void *page, u64 pos);
void cachet_heal_read(struct cachet_obj *obj, u32 block, const struct cachet_piece *p);
void cachet_heal_drop(struct cachet_obj *obj, u32 block, const struct cachet_map *m);
void cachet_heal_block(struct cachet_obj *obj, u32 block, const struct cachet_piece *bad);

/* ---- scrub.c ------------------------------------------------------------ */

int cachet_scrub(struct cachet_cache *cache, struct cachet_scrub *told);

/* ---- fill.c ------------------------------------------------------------- */

void cachet_fill(struct cachet_obj *obj, unsigned int seq, u64 page, u32 nr,
		 struct iov_iter *iter, loff_t size, bool from_server, const struct cachet_done *done);
void cachet_fill_forget(struct cachet_obj *obj, loff_t start, size_t len);
int cachet_fill_reserve(struct cachet_obj *obj, u32 pages, struct cachet_piece *ret,
			struct cachet_open **ret_open);
void cachet_fill_submit(struct cachet_fill *fill);
void cachet_fill_publish(struct cachet_fill *fill);

/* One block's share of a fill. */
struct cachet_fill {
	struct kiocb	iocb;
	refcount_t	ref;		/* Its own course, and who submits the write */
	struct cachet_obj *obj;
	struct cachet_open *open;	/* Reserved in, until published */
	struct cachet_parent *parent;	/* The fill that it is part of */
	struct iov_iter	iter;
	union {
		struct work_struct work; /* Publishing */
		struct kthread_work seal; /* Waiting for its digest */
	};
	u64	generation;		/* Of the object, when it began */
	u32	session;		/* Of local writes, or 0 */
	u32	cuts;			/* Of the object, when it began */
	u32	block;
	u16	off;			/* Page in the block */
	u16	len;			/* Pages */
	u8	flags;			/* CACHET_FILL_* */
#define CACHET_FILL_WHOLE	0x1	/* All that the file has of the block */
#define CACHET_FILL_SEALED	0x2	/* digest is set */
#define CACHET_FILL_SERVER	0x4	/* The bytes are known to be the server's */
#define CACHET_FILL_PUNTED	0x8	/* Submitted on io_wq */
	u8	nr;			/* Pieces */
	int	error;
	int	freeze_level;		/* Of cachet_io_write_iter() */
	struct cachet_piece piece[CACHET_SEALED_EXTENTS]; /* Where the bytes are */
	u8	digest[CACHET_DIGEST_BYTES];
};

/* ---- seal.c ------------------------------------------------------------- */

int cachet_seal_init(struct cachet_cache *cache);
void cachet_seal_exit(struct cachet_cache *cache);
bool cachet_seal_fill(struct cachet_fill *fill);
u32 cachet_seal_waiting(const struct cachet_cache *cache);
void cachet_seal_later(struct cachet_obj *obj, u32 block);
void cachet_seal_committed(struct cachet_cache *cache);
int cachet_seal_drain(struct cachet_cache *cache);
int cachet_content_find(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			u32 pages, struct cachet_piece ret[CACHET_SEALED_EXTENTS]);
int cachet_content_find_for(const struct cachet_obj *obj, const u8 digest[CACHET_DIGEST_BYTES],
			    u32 pages, struct cachet_piece ret[CACHET_SEALED_EXTENTS]);
void cachet_content_add(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			const struct cachet_piece *piece, u32 nr, u32 off, u32 pages);
void cachet_digest_buffer(const void *buf, size_t bytes, u8 out[CACHET_DIGEST_BYTES]);

/* ---- pin.c -------------------------------------------------------------- */

int cachet_pin(struct cachet_obj *obj, struct cachet_pin *told);
int cachet_unpin(struct cachet_obj *obj);
int cachet_unpin_known(struct cachet_cache *cache, const u8 *fp);
bool cachet_pin_wanted(struct cachet_obj *obj, const struct cachet_map *m);
int cachet_pin_block(struct cachet_obj *obj, u32 block, void *buf);

/* ---- sweep.c ------------------------------------------------------------ */

int cachet_sweep(struct cachet_cache *cache, struct cachet_sweep *told);

/* ---- index.c ------------------------------------------------------------ */

enum cachet_trust {
	CACHET_UNKNOWN,			/* The index could not be read now */
	CACHET_ABSENT,
	CACHET_SUSPECT,			/* Of an epoch that a crash left uncommitted */
	CACHET_TRUSTED,
};

struct cachet_key {
	u8	kind;			/* enum cachet_record_kind */
	u8	part;			/* EXTENT */
	u32	block;			/* EXTENT */
	u64	generation;		/* EXTENT */
	u64	told;			/* OBJECT: see struct cachet_obj */
	const u8 *fp;			/* CONTENT: the digest */
};

enum cachet_trust cachet_index_find(struct cachet_cache *cache, const struct cachet_key *key,
				    void *ret_rec);
enum cachet_trust cachet_index_find_at(struct cachet_cache *cache, const struct cachet_key *key,
				       void *ret_rec, u64 *ret_pos);
enum cachet_trust cachet_index_find_settled(struct cachet_cache *cache,
					    const struct cachet_key *key, void *ret_rec);
int cachet_index_put(struct cachet_cache *cache, const struct cachet_key *key, void *rec,
		     bool keep_epoch);
int cachet_index_drop(struct cachet_cache *cache, const struct cachet_key *key);
int cachet_index_read_record(struct cachet_cache *cache, u64 pos, void *rec);
int cachet_index_replace(struct cachet_cache *cache, u64 pos, const void *old, void *new);
enum cachet_trust cachet_epoch_trust(const struct cachet_cache *cache, u64 epoch);

/* ---- log.c -------------------------------------------------------------- */

/* A segment that is being appended to. Holds its summary until it is closed. */
struct cachet_open {
	struct cachet_cache *cache;
	refcount_t	ref;		/* One for being cache->open, one per reservation */
	u32		segment;
	u32		used;		/* Pages handed out, under log_lock */
	u32		reserved;	/* Entries promised, under log_lock */
	u32		nr;		/* Entries written, under log_lock */
	bool		full;		/* To be closed for good: its summary ends it */
	struct work_struct work;
	struct cachet_summary_entry entry[]; /* Room for a full segment */
};

int cachet_log_load(struct cachet_cache *cache);
void cachet_log_free(struct cachet_cache *cache);
int cachet_log_reserve(struct cachet_cache *cache, enum cachet_segment_class class, u32 pages,
		       struct cachet_piece *ret, struct cachet_open **ret_open);
u32 cachet_log_max_pinned(const struct cachet_cache *cache);
void cachet_log_note(struct cachet_open *open, const struct cachet_obj *obj, u32 block,
		     const struct cachet_piece *p, u8 flags, const u8 *digest);
void cachet_log_release(struct cachet_open *open);
void cachet_log_close(struct cachet_cache *cache);
bool cachet_seg_current(const struct cachet_cache *cache, const struct cachet_piece *p);
struct cachet_seg *cachet_seg_hold(struct cachet_cache *cache, const struct cachet_piece *p);
struct cachet_seg *cachet_seg_get(struct cachet_cache *cache, const struct cachet_piece *p);
void cachet_seg_put(struct cachet_cache *cache, struct cachet_seg *seg);
void cachet_seg_live(struct cachet_cache *cache, const struct cachet_piece *p, bool add);
bool cachet_seg_kept(struct cachet_cache *cache, const struct cachet_piece *piece, u32 nr);
bool cachet_seg_pin(struct cachet_cache *cache, const struct cachet_piece *piece, u32 nr);
int cachet_seg_write_dirty(struct cachet_cache *cache, u64 epoch);

/* ---- commit.c ----------------------------------------------------------- */

int cachet_commit(struct cachet_cache *cache, bool clean);
int cachet_commit_begin(struct cachet_cache *cache);
void cachet_commit_unless_frozen(struct cachet_cache *cache);
void cachet_commit_soon(struct cachet_cache *cache);
void cachet_commit_work(struct work_struct *work);

/* ---- reclaim.c ---------------------------------------------------------- */

void cachet_reclaim_work(struct work_struct *work);
void cachet_reclaim_committed(struct cachet_cache *cache, u64 epoch);
u32 cachet_reclaim_target(const struct cachet_cache *cache);
void cachet_reclaim(struct cachet_cache *cache);
int cachet_reclaim_cull(struct cachet_cache *cache, u32 segment, u64 generation);

/* ---- io.c --------------------------------------------------------------- */

/* The file ends before what is to be read: somebody has cut it. */
#define CACHET_IO_TRUNCATED	(-ENXIO)

int cachet_io_believe_disk(struct file *file);
bool cachet_io_must_punt(void);
bool cachet_io_frozen(const struct cachet_cache *cache);
ssize_t cachet_io_read_iter(struct kiocb *iocb, struct iov_iter *iter);
ssize_t cachet_io_write_iter(struct kiocb *iocb, struct iov_iter *iter, bool wait, int *level);
void cachet_io_end_write(struct kiocb *iocb, int level);
int cachet_io_short_read(struct file *file, u64 pos, size_t n);
int cachet_io_read(struct cachet_cache *cache, struct file *file, void *buf, size_t len,
		   u64 pos, enum cachet_io_site site);
int cachet_io_write(struct cachet_cache *cache, struct file *file, const void *buf, size_t len,
		    u64 pos, enum cachet_io_site site);
int cachet_io_direct(struct cachet_cache *cache, struct file *file, void *buf, size_t len,
		     u64 pos, bool write, enum cachet_io_site site);
int cachet_io_flush(struct cachet_cache *cache, struct file *file, enum cachet_io_site site);

/* ---- stats.c ------------------------------------------------------------ */

enum cachet_counter {
#define X(name, unit, help) CACHET_N_##name,
	CACHET_COUNTERS(X)
#undef X
	CACHET_NR_USED_COUNTERS
};

static_assert(CACHET_NR_USED_COUNTERS <= CACHET_NR_COUNTERS);

#define cachet_count(cache, name)	this_cpu_inc((cache)->counters[CACHET_N_##name])
#define cachet_count_add(cache, name, n) \
	this_cpu_add((cache)->counters[CACHET_N_##name], (n))

u64 cachet_counter_read(const struct cachet_cache *cache, enum cachet_counter nr);
void cachet_status_fill(struct cachet_cache *cache, struct cachet_status *ret);
int cachet_stats_init(void);
void cachet_stats_exit(void);
int cachet_stats_add(struct cachet_cache *cache);
void cachet_stats_del(struct cachet_cache *cache);

static inline u32 cachet_now(void)
{
	return ktime_get_real_seconds();
}

/* ---- inject.c ----------------------------------------------------------- */

#ifdef CONFIG_CACHET_INJECT
int cachet_inject(enum cachet_io_site site);
int cachet_inject_init(void);
void cachet_inject_exit(void);
#else
static inline int cachet_inject(enum cachet_io_site site) { return 0; }
static inline int cachet_inject_init(void) { return 0; }
static inline void cachet_inject_exit(void) { }
#endif

/* ---- compat/netfs.c ----------------------------------------------------- */

extern const struct fscache_cache_ops cachet_fscache_ops;

bool cachet_netfs_is(const struct super_block *sb);
bool cachet_written_meanwhile(const struct fscache_cookie *cookie);
int cachet_netfs_begin(struct file *file, struct netfs_cache_resources *cres,
		       struct cachet_obj **ret_obj);
void cachet_netfs_end(struct netfs_cache_resources *cres);

/* ---- compat/attributes.c ------------------------------------------------ */

bool cachet_changes_are_told(const u8 *key);
bool cachet_changes_may_hide(const u8 *key);
bool cachet_changes_are_seen(const u8 *key);
bool cachet_attributes_hold(struct cachet_obj *obj, struct inode *inode, loff_t i_size,
			    bool reading);

/* ---- compat/zeros.c ----------------------------------------------------- */

u64 cachet_zeros_from(const struct inode *inode);
void cachet_zeros_end(struct inode *inode, u64 end);
bool cachet_zeros_forget(struct cachet_obj *obj, struct inode *inode);

#endif /* CACHET_INTERNAL_H */
