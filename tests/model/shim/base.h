/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * base.h - the kernel's small words, as far as the module uses them
 *
 * One thread runs the module in the model, so atomics are plain numbers and
 * barriers nothing. Locks are in work.h: they check that nobody waits for himself.
 */
#ifndef CACHET_MODEL_BASE_H
#define CACHET_MODEL_BASE_H

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <linux/types.h>
#include <linux/errno.h>
#include <linux/magic.h>
#include <linux/math64.h>
#include <asm/byteorder.h>

typedef int64_t s64;
typedef int32_t s32;
typedef unsigned int gfp_t;
typedef unsigned int __poll_t;
struct netfs_cache_resources;
struct poll_table_struct;
struct module;

#define __user
#define __percpu
#define CRYPTO_MINALIGN_ATTR
#define THIS_MODULE		((struct module *)0)
#define IS_ENABLED(option)	0
#undef static_assert
#define static_assert(cond)	_Static_assert(cond, #cond)

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096ul
#define U32_MAX			0xffffffffu
#define U64_MAX			(~0ull)
#define GENMASK(hi, lo)		(~0ul >> (63 - (hi)) & ~0ul << (lo))
#define __ffs(x)		((unsigned int)__builtin_ctzl(x))
#define EIOCBQUEUED		529

#define READ_ONCE(x)		(x)
#define try_cmpxchg(p, old, new) \
	(*(p) == *(old) ? (*(p) = (new), true) : (*(old) = *(p), false))
#define WRITE_ONCE(x, v)	((x) = (v))
#define smp_mb()		((void)0)
#define smp_load_acquire(p)	(*(p))
#define smp_store_release(p, v)	(*(p) = (v))
#define smp_mb__after_atomic()	((void)0)
#define cond_resched()		((void)0)
#define cmpxchg(p, old, new)	({ typeof(*(p)) was_ = *(p); if (was_ == (old)) *(p) = (new); was_; })

#define container_of(ptr, type, member)	((type *)((char *)(ptr) - offsetof(type, member)))
#define struct_size(p, member, n)	(sizeof(*(p)) + sizeof((p)->member[0]) * (n))
#define noinline	__attribute__((noinline))
#define min_t(type, a, b)	({ type a_ = (a); type b_ = (b); a_ < b_ ? a_ : b_; })
#define max_t(type, a, b)	({ type a_ = (a); type b_ = (b); a_ > b_ ? a_ : b_; })
#define min(a, b)		min_t(typeof((a) + (b)), a, b)
#define max(a, b)		max_t(typeof((a) + (b)), a, b)
#define max3(a, b, c)		max(max(a, b), c)
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define IS_ALIGNED(n, to)	(!((n) & ((typeof(n))(to) - 1)))

/* A warning of the module is a failure of the model. */
void model_fail(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
#define WARN_ON_ONCE(cond)	({ if (cond) model_fail("warning: %s", #cond); false; })

void model_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
#define pr_err(fmt, ...)	model_log(fmt, ##__VA_ARGS__)
#define pr_warn(fmt, ...)	model_log(fmt, ##__VA_ARGS__)
#define pr_info(fmt, ...)	model_log(fmt, ##__VA_ARGS__)
#define pr_warn_ratelimited(fmt, ...)	model_log(fmt, ##__VA_ARGS__)

/* ---- error pointers, bytes, bits ---- */

#define ERR_PTR(err)		((void *)(long)(err))
#define PTR_ERR(ptr)		((long)(ptr))
#define IS_ERR(ptr)		((unsigned long)(ptr) >= (unsigned long)-4095)

static inline const void *memchr_inv(const void *p, int c, size_t n)
{
	const u8 *b = p;

	for (; n; b++, n--)
		if (*b != (u8)c)
			return b;
	return NULL;
}

static inline bool test_bit(int nr, const unsigned long *p)
{
	return *p >> nr & 1;
}

static inline void set_bit(unsigned long nr, unsigned long *p)
{
	p[nr / 64] |= 1ul << nr % 64;
}

static inline void clear_bit(unsigned long nr, unsigned long *p)
{
	p[nr / 64] &= ~(1ul << nr % 64);
}

#define BITS_TO_LONGS(n)	(((n) + 63) / 64)

static inline void bitmap_clear(unsigned long *p, unsigned int start, unsigned int nr)
{
	while (nr--)
		clear_bit(start++, p);
}

static inline unsigned long find_next_zero_bit(const unsigned long *p, unsigned long end,
					       unsigned long nr)
{
	while (nr < end && p[nr / 64] >> nr % 64 & 1)
		nr++;
	return nr;
}

static inline bool test_and_set_bit(int nr, unsigned long *p)
{
	bool was = test_bit(nr, p);

	set_bit(nr, p);
	return was;
}

static inline bool test_and_clear_bit(int nr, unsigned long *p)
{
	bool was = test_bit(nr, p);

	clear_bit(nr, p);
	return was;
}

/* ---- counters ---- */

typedef struct { int counter; } atomic_t;
typedef struct { s64 counter; } atomic64_t;
typedef struct { int refs; } refcount_t;
struct kref { int refs; };

#define atomic_read(v)			((v)->counter)
#define atomic_read_acquire(v)		((v)->counter)
#define atomic_inc(v)			((void)(v)->counter++)
#define atomic_dec(v)			((void)(v)->counter--)
#define atomic_inc_return(v)		(++(v)->counter)
#define atomic_dec_return_release(v)	(--(v)->counter)
#define atomic_dec_and_test(v)		(!--(v)->counter)
#define atomic64_set(v, n)		((v)->counter = (n))
#define atomic64_read(v)		((v)->counter)
#define atomic64_inc_return(v)		(++(v)->counter)
#define atomic64_add_return(n, v)	((v)->counter += (n))
#define atomic64_sub(n, v)		((void)((v)->counter -= (n)))

static inline void refcount_set(refcount_t *r, int n)
{
	r->refs = n;
}

static inline int refcount_read(const refcount_t *r)
{
	return r->refs;
}

static inline void __refcount_inc(refcount_t *r, int *ret_old)
{
	if (r->refs <= 0)
		model_fail("a reference to what is gone");
	*ret_old = r->refs++;
}

static inline void refcount_inc(refcount_t *r)
{
	int old;

	__refcount_inc(r, &old);
}

static inline bool refcount_dec_and_test(refcount_t *r)
{
	if (r->refs <= 0)
		model_fail("a reference given back twice");
	return !--r->refs;
}

static inline void refcount_dec(refcount_t *r)
{
	if (refcount_dec_and_test(r))
		model_fail("the last reference given back by who does not free");
}

static inline bool refcount_dec_not_one(refcount_t *r)
{
	return r->refs == 1 ? false : (r->refs--, true);
}

static inline void kref_init(struct kref *k)
{
	k->refs = 1;
}

static inline void kref_get(struct kref *k)
{
	k->refs++;
}

static inline void kref_put(struct kref *k, void (*release)(struct kref *))
{
	if (!--k->refs)
		release(k);
}

/* ---- memory: all of it is lost with a crash, and none is left by a detach ---- */

#define GFP_KERNEL	0u
#define GFP_NOFS	0u
#define GFP_NOWAIT	0u
#define __GFP_NOFAIL	0u

void *model_alloc(size_t size, bool zero);
void model_free(const void *p);

struct kmem_cache { size_t size; };

#define kmalloc(size, gfp)		model_alloc(size, false)
#define kzalloc(size, gfp)		model_alloc(size, true)
#define kvmalloc(size, gfp)		model_alloc(size, false)
#define kvzalloc(size, gfp)		model_alloc(size, true)
#define kmalloc_array(n, size, gfp)	model_alloc((n) * (size), false)
#define kvmalloc_array(n, size, gfp)	model_alloc((n) * (size), false)
#define kvcalloc(n, size, gfp)		model_alloc((n) * (size), true)
#define kfree(p)			model_free(p)
#define kvfree(p)			model_free(p)
#define kmem_cache_alloc(slab, gfp)	model_alloc((slab)->size, false)
#define kmem_cache_zalloc(slab, gfp)	model_alloc((slab)->size, true)
#define kmem_cache_free(slab, p)	model_free(p)
#define get_zeroed_page(gfp)		((unsigned long)model_alloc(PAGE_SIZE, true))
#define __get_free_page(gfp)		((unsigned long)model_alloc(PAGE_SIZE, false))
#define free_page(p)			model_free((void *)(p))
#define __alloc_percpu(size, align)	model_alloc(size, true)
#define free_percpu(p)			model_free(p)
#define this_cpu_inc(v)			((void)(v)++)
#define this_cpu_add(v, n)		((void)((v) += (n)))

#define __module_get(m)			((void)0)
#define module_put(m)			((void)0)

/* ---- time: the model's own ---- */

extern u64 model_seconds;
#define ktime_get_real_seconds()	(model_seconds)
#define ktime_get_ns()			(model_seconds * 1000000000ull)
#define round_down(x, y)		((x) & ~((typeof(x))(y) - 1))
#define HZ				1000
#define jiffies				(model_seconds * HZ)
#define time_after(a, b)		((s64)((b) - (a)) < 0)
#define msecs_to_jiffies(ms)		((unsigned long)(ms))
#define fsleep(us)			model_fail("asleep for want of another thread")

#endif /* CACHET_MODEL_BASE_H */
