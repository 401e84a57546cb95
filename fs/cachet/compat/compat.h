/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * compat.h - what differs between the kernels that the module is built for
 *
 * The supported range stands here and nowhere else. Each difference has a name,
 * CACHET_HAVE_x, or is levelled out by a shim below; no other file but those of
 * this folder looks at a version.
 */
#ifndef CACHET_COMPAT_H
#define CACHET_COMPAT_H

#include <linux/version.h>
#include <linux/types.h>
#include <asm/page.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
/* The Debian 12 (backports) and 13 kernel. */
/* What is written to a file that is being looked up does not come to the cache, nor wait. */
#define CACHET_HAVE_WRITES_PAST_LOOKUP
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0) && \
	LINUX_VERSION_CODE < KERNEL_VERSION(7, 4, 0)
/* netfs completions say nothing of their context any more. */
#define CACHET_HAVE_NETFS_TERM_PLAIN
/* A failed cache read is retried at the server of itself. */
#define CACHET_HAVE_CACHE_READ_RETRY
/* A large folio may be put together of any number of subrequests. */
#define CACHET_HAVE_SPLIT_FOLIO
/* Pages are marked to be copied when they are asked for, not when they arrive. */
#define CACHET_HAVE_COPY_MARK_BY_FOLIO
/* lib/crypto's SHA-256 uses the processor's instructions. */
#define CACHET_HAVE_SHA256_LIB
/* kthread_create_worker() leaves the thread asleep. */
#define CACHET_HAVE_WORKER_ASLEEP
/* netfs_read_zero_point() reads an inode's zero_point. */
#define CACHET_HAVE_ZERO_POINT_CALL
#else
#error "Cachet is built for Linux 6.12 and 7.3: this kernel is neither"
#endif

#ifndef CONFIG_64BIT
#error "Cachet keeps 64-bit generations that are read without a lock: 64-bit kernels only"
#endif

#if PAGE_SHIFT != 12
#error "Cachet does its I/O in pages of 4096 bytes: kernels with larger pages are not supported yet"
#endif

#include <linux/kthread.h>

static inline void cachet_worker_start(struct kthread_worker *worker)
{
#ifdef CACHET_HAVE_WORKER_ASLEEP
	wake_up_process(worker->task);
#endif
}

int cachet_sha256_register(void);
void cachet_sha256_unregister(void);

#ifdef CACHET_HAVE_SHA256_LIB

#include <crypto/sha2.h>

struct cachet_sha256_ctx {
	struct sha256_ctx ctx;
};

static inline void cachet_sha256_begin(struct cachet_sha256_ctx *c)
{
	sha256_init(&c->ctx);
}

static inline void cachet_sha256_add(struct cachet_sha256_ctx *c, const void *p, size_t n)
{
	sha256_update(&c->ctx, p, n);
}

static inline void cachet_sha256_end(struct cachet_sha256_ctx *c, u8 out[32])
{
	sha256_final(&c->ctx, out);
}

static inline void cachet_sha256(const void *p, size_t n, u8 out[32])
{
	sha256(p, n, out);
}

#else

#include <crypto/hash.h>
#include <crypto/sha2.h>

extern struct crypto_shash *cachet_sha256_tfm;

/* Room for the state of any sha256 driver of 6.12. */
struct cachet_sha256_ctx {
	char desc[sizeof(struct shash_desc) + HASH_MAX_DESCSIZE] CRYPTO_MINALIGN_ATTR;
};

static inline void cachet_sha256_begin(struct cachet_sha256_ctx *c)
{
	struct shash_desc *d = (struct shash_desc *)c->desc;

	d->tfm = cachet_sha256_tfm;
	/* None of these can fail for a hash without a key. */
	(void)crypto_shash_init(d);
}

static inline void cachet_sha256_add(struct cachet_sha256_ctx *c, const void *p, size_t n)
{
	(void)crypto_shash_update((struct shash_desc *)c->desc, p, n);
}

static inline void cachet_sha256_end(struct cachet_sha256_ctx *c, u8 out[32])
{
	(void)crypto_shash_final((struct shash_desc *)c->desc, out);
}

static inline void cachet_sha256(const void *p, size_t n, u8 out[32])
{
	(void)crypto_shash_tfm_digest(cachet_sha256_tfm, p, n, out);
}

#endif

#endif /* CACHET_COMPAT_H */
