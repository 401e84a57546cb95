/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vfs.h - files, direct I/O, credentials, and fscache's side of the module
 *
 * A file is one of the simulated disk: see disk.c. What fscache does for the
 * module (counting, waiting) needs no more than these numbers with one thread.
 */
#ifndef CACHET_MODEL_VFS_H
#define CACHET_MODEL_VFS_H

#include "work.h"

/* ---- whose ---- */

struct cred { int unused; };
struct task_struct { unsigned int flags; };
extern struct task_struct model_task;

#define current			(&model_task)
#define PF_KTHREAD		1u
#define PF_WQ_WORKER		2u
#define PF_LOCAL_THROTTLE	4u
#define rlimit(what)		RLIM_INFINITY
#define fatal_signal_pending(task)	false
bool model_signal(void);
#define signal_pending(task)	model_signal()
#define current_restore_flags(old, mask) \
	((void)(model_task.flags = (model_task.flags & ~(mask)) | (old)))
#define get_current_cred()	((const struct cred *)0)
#define override_creds(cred)	(cred)
#define revert_creds(cred)	((void)(cred))
#define put_cred(cred)		((void)(cred))
#define memalloc_nofs_save()	0u
#define memalloc_retry_wait(gfp) do { } while (0)
#define lockdep_set_subclass(lock, subclass) do { } while (0)
#define memalloc_nofs_restore(flags)	((void)(flags))
#define in_task()		true
#define irqs_disabled()		false

/* ---- bytes in memory: always in one piece ---- */

struct page;
struct bio_vec { void *at; size_t len; };
struct iov_iter { u8 *at; size_t count; };
struct kvec { void *iov_base; size_t iov_len; };

#define ITER_SOURCE		1
#define ITER_DEST		0
#define is_vmalloc_addr(p)	false
#define vmalloc_to_page(p)	((struct page *)(p))
#define virt_to_page(p)		((struct page *)(p))
#define bvec_set_page(bv, page, bytes, off) \
	((void)((bv)->at = (u8 *)(page) + (off), (bv)->len = (bytes)))
#define iov_iter_bvec(iter, dir, bv, nr, bytes) \
	((void)((iter)->at = (bv)[0].at, (iter)->count = (bytes)))
#define iov_iter_kvec(iter, dir, kv, nr, bytes) \
	((void)((iter)->at = (kv)[0].iov_base, (iter)->count = (bytes)))
#define iov_iter_count(iter)	((iter)->count)

static inline void iov_iter_advance(struct iov_iter *iter, size_t bytes)
{
	iter->at += bytes;
	iter->count -= bytes;
}

static inline void iov_iter_truncate(struct iov_iter *iter, size_t bytes)
{
	if (iter->count > bytes)
		iter->count = bytes;
}

static inline size_t copy_from_iter(void *to, size_t bytes, struct iov_iter *iter)
{
	memcpy(to, iter->at, bytes);
	iov_iter_advance(iter, bytes);
	return bytes;
}

/* ---- files ---- */

struct file_system_type { const char *name; };
struct super_block {
	unsigned long s_magic;
	struct file_system_type *s_type;
	struct { int frozen; } s_writers;
};
struct inode { struct super_block *i_sb; mode_t i_mode; loff_t i_size; };
struct kiocb;
struct file_operations {
	ssize_t (*read_iter)(struct kiocb *iocb, struct iov_iter *iter);
	ssize_t (*write_iter)(struct kiocb *iocb, struct iov_iter *iter);
};
struct address_space { int wb_err; };
struct file {
	struct inode inode;
	struct address_space *f_mapping;
	const struct file_operations *f_op;
	unsigned int f_mode, f_flags;
	int nr;
};

#define FMODE_READ		1u
#define FMODE_WRITE		2u
#define FMODE_CAN_ODIRECT	4u
#define file_inode(f)		((struct inode *)&(f)->inode)
#define i_size_read(inode)	((inode)->i_size)
#define get_file(f)		(f)
#define fput(f)			((void)(f))
struct file *fget(int fd);

struct kiocb {
	struct file *ki_filp;
	loff_t ki_pos;
	int ki_flags;
	void (*ki_complete)(struct kiocb *iocb, long ret);
};

#define IOCB_DIRECT		1
#define IOCB_WRITE		2
#define IOCB_DSYNC		4
#define IOCB_SYNC		8
#define is_sync_kiocb(iocb)	(!(iocb)->ki_complete)

/* Nobody freezes the disk. */
#define SB_FREEZE_WRITE		1
#define SB_FREEZE_PAGEFAULT	2
#define sb_start_write_trylock(sb)	((void)(sb), true)
#define sb_start_pagefault(sb)	((void)(sb))
#define __sb_start_write_trylock(sb, level)	((void)(sb), (void)(level), true)
#define __sb_end_write(sb, level)	((void)(sb), (void)(level))
#define __sb_writers_release(sb, level)	((void)(sb), (void)(level))
#define __sb_writers_acquired(sb, level)	((void)(sb), (void)(level))

#define init_sync_kiocb(iocb, file) \
	((void)(*(iocb) = (struct kiocb){ .ki_filp = (file) }))

/* No write fails. */
#define errseq_check(err, since)	((void)(err), 0)
#define filemap_fdatawrite(mapping)	((void)(mapping))
#define filemap_fdatawait_keep_errors(mapping)	((void)(mapping))
#define file_check_and_advance_wb_err(file)	((void)(file), 0)
#define invalidate_inode_pages2(mapping)	((void)(mapping), 0)

int vfs_fsync(struct file *file, int datasync);

/* ---- fscache ---- */

struct kobject { int unused; };
struct fscache_cache { void *cache_priv; int nr_objects; atomic_t n_volumes; };

struct fscache_volume {
	struct fscache_cache *cache;
	void *cache_priv;
	u8 *key;			/* Its length, then the bytes */
	atomic_t n_accesses;
	refcount_t ref;
	unsigned long flags;
#define FSCACHE_VOLUME_INVALIDATE	0
#define FSCACHE_VOLUME_RELINQUISHED	1
	u8 coherency_len;
	u8 coherency[8];
};

struct fscache_cookie {
	struct fscache_volume *volume;
	void *cache_priv;
	spinlock_t lock;
	unsigned long unused_at;
	loff_t object_size;
	unsigned int inval_counter;
	refcount_t ref;
	atomic_t n_active;
	unsigned long flags;
#define FSCACHE_COOKIE_LOCAL_WRITE	0
#define FSCACHE_COOKIE_RETIRED		1
	u8 key_len, aux_len;
	u8 key[16];
	u8 inline_aux[16];
	u8 *aux;
};

struct fscache_cache_ops { int unused; };

enum fscache_cookie_trace { fscache_cookie_get_attach_object, fscache_cookie_put_object };
enum fscache_volume_trace { fscache_volume_get_withdraw, fscache_volume_put_withdraw };

#define fscache_get_key(cookie)			((cookie)->key)
#define fscache_get_aux(cookie)			((void *)(cookie)->inline_aux)
#define fscache_resume_after_invalidation(c)	((void)(c))
#define fscache_count_object(cache)		((void)(cache)->nr_objects++)
#define fscache_uncount_object(cache)		((void)(cache)->nr_objects--)
#define fscache_try_get_volume(volume, why)	true
#define fscache_put_volume(volume, why)		((void)(volume))
#define fscache_withdraw_volume(volume)		((void)(volume))
#define fscache_withdraw_cache(cache)		((void)(cache))
#define fscache_relinquish_cache(cache)		((void)(cache))

static inline void fscache_update_aux(struct fscache_cookie *cookie, const void *aux,
				      const loff_t *size)
{
	memcpy(fscache_get_aux(cookie), aux, cookie->aux_len);
	cookie->object_size = *size;
}

static inline struct fscache_cookie *fscache_get_cookie(struct fscache_cookie *cookie,
							enum fscache_cookie_trace why)
{
	refcount_inc(&cookie->ref);
	return cookie;
}

static inline void fscache_put_cookie(struct fscache_cookie *cookie, enum fscache_cookie_trace why)
{
	refcount_dec(&cookie->ref);
}

struct fscache_cache *fscache_acquire_cache(const char *tag);
int fscache_add_cache(struct fscache_cache *cache, const struct fscache_cache_ops *ops, void *priv);
void fscache_io_error(struct fscache_cache *cache);
void fscache_withdraw_cookie(struct fscache_cookie *cookie);
void fscache_wait_for_objects(struct fscache_cache *cache);

/* ---- compat.h: a hash that is quick, and as good where nobody attacks it ---- */

#define CACHET_COMPAT_H

struct cachet_sha256_ctx { u64 lane[4]; u64 bytes; };

void cachet_sha256_begin(struct cachet_sha256_ctx *c);
void cachet_sha256_add(struct cachet_sha256_ctx *c, const void *p, size_t n);
void cachet_sha256_end(struct cachet_sha256_ctx *c, u8 out[32]);

static inline void cachet_sha256(const void *p, size_t n, u8 out[32])
{
	struct cachet_sha256_ctx c;

	cachet_sha256_begin(&c);
	cachet_sha256_add(&c, p, n);
	cachet_sha256_end(&c, out);
}

/* ---- trace.h: the events are printed with --verbose ---- */

#define TP_PROTO(...)		__VA_ARGS__
#define TP_ARGS(...)
#define TP_STRUCT__entry(...)	__VA_ARGS__
#define TP_fast_assign(...)	__VA_ARGS__
#define TP_printk(fmt, ...)	fmt "\n", ##__VA_ARGS__
#define __field(type, name)	type name;
#define __array(type, name, nr)	type name[nr];
#define strscpy(to, from, n)	snprintf(to, n, "%s", from)
#define __print_symbolic(value, ...) \
	model_word(value, (const struct model_word[]){ __VA_ARGS__ })
#define TRACE_EVENT(name, proto, args, fields, assign, ...) \
	static inline void trace_##name(proto) \
	{ \
		struct { fields } entry_, *__entry = &entry_; \
		if (!model_verbose) \
			return; \
		assign \
		model_log("%-24s", #name); \
		model_log(__VA_ARGS__); \
	}

struct model_word { long value; const char *word; };

static inline const char *model_word(long value, const struct model_word *w)
{
	while (w->value >= 0 && w->value != value)
		w++;
	return w->word;
}

extern bool model_verbose;

#endif /* CACHET_MODEL_VFS_H */
