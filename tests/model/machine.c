// SPDX-License-Identifier: GPL-2.0-only
/*
 * machine.c - memory, work queues and time: what a power cut takes away
 *
 * A power cut is a longjmp() out of whatever the module was doing, at one of its
 * writes or flushes. Memory, queues and locks are forgotten; the disk stays.
 */
#include <stdarg.h>
#include "model.h"

enum { MAX_NESTED = 3, MAX_TIMERS = 8, MAX_RUNNING = 16 };

jmp_buf model_crash;
u32 model_countdown;
u64 model_state;
u64 model_seconds;
int model_depth;
unsigned int model_allocations;
bool model_verbose;
struct task_struct model_task;

static struct kmem_cache object_slab = { sizeof(struct cachet_obj) };
static struct kmem_cache fill_slab = { sizeof(struct cachet_fill) };
static struct kmem_cache set_slab = { CACHET_SET_BYTES };
static struct workqueue_struct wq, io_wq;
struct kmem_cache *cachet_object_slab = &object_slab;
struct kmem_cache *cachet_fill_slab = &fill_slab;
struct kmem_cache *cachet_set_slab = &set_slab;

static struct kthread_worker *worker;
static struct delayed_work *timer[MAX_TIMERS];
static u32 nr_timers;
static u32 nested;
static struct work_struct *running[MAX_RUNNING];
static u32 nr_running;
static jmp_buf blocked;			/* Where who waits for commit_lock goes on */
static bool beside;

static u8 boot[256];

/* ---- memory ------------------------------------------------------------- */

struct chunk {
	struct chunk *next, **pprev;
	size_t size, pad;		/* What follows is aligned as malloc() does */
};

static struct chunk *chunks;
/* Buffers of the largest block come with every attach; with the sanitizers they cost most of it. */
enum { LARGE_BYTES = 1 << CACHET_MAX_BLOCK_SHIFT, NR_LARGE = 4 };
static struct chunk *large[NR_LARGE];
static u32 nr_large;

void *model_alloc(size_t size, bool zero)
{
	struct chunk *c;

	if (size == LARGE_BYTES && !zero && nr_large)
		c = large[--nr_large];
	else
		c = zero ? calloc(1, sizeof(*c) + size) : malloc(sizeof(*c) + size);
	if (!c)
		abort();
	c->size = size;
	c->next = chunks;
	if (chunks)
		chunks->pprev = &c->next;
	c->pprev = &chunks;
	chunks = c;
	model_allocations++;
	return c + 1;
}

void model_free(const void *p)
{
	struct chunk *c;

	if (!p)
		return;
	c = (struct chunk *)p - 1;
	*c->pprev = c->next;
	if (c->next)
		c->next->pprev = c->pprev;
	model_allocations--;
	if (c->size == LARGE_BYTES && nr_large < NR_LARGE)
		large[nr_large++] = c;
	else
		free(c);
}

/* ---- the power ---------------------------------------------------------- */

void model_step(void)
{
	if (model_countdown && !--model_countdown) {
		model_log("power cut\n");
		longjmp(model_crash, 1);
	}
}

/* Forget all that is not on disk. */
void model_power_cut(void)
{
	size_t bytes = __stop_cachet_boot - __start_cachet_boot;
	static bool saved;

	if (bytes > sizeof(boot))
		abort();
	if (!saved)
		memcpy(boot, __start_cachet_boot, bytes);
	saved = true;
	memcpy(__start_cachet_boot, boot, bytes);
	while (chunks)
		model_free(chunks + 1);
	memset(&wq, 0, sizeof(wq));
	memset(&io_wq, 0, sizeof(io_wq));
	worker = NULL;
	nr_timers = 0;
	model_depth = 0;
	nested = 0;
	nr_running = 0;
	beside = false;
	model_task.flags = 0;
	model_countdown = 0;
}

/* ---- queues ------------------------------------------------------------- */

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active, ...)
{
	return strncmp(name, "cachet-io/", 10) ? &wq : &io_wq;
}

void destroy_workqueue(struct workqueue_struct *q)
{
	if (q->nr)
		model_fail("there is work left for a cache that is gone");
}

static struct work_struct *dequeue(struct workqueue_struct *q, struct work_struct *work)
{
	struct work_struct **p = &q->first;
	u32 n = q->ordered ? 0 : below(q->nr);

	while (work ? *p && *p != work : n--)
		p = &(*p)->next;
	work = *p;
	if (work) {
		*p = work->next;
		q->nr--;
		work->queued = false;
	}
	return work;
}

bool queue_work(struct workqueue_struct *q, struct work_struct *work)
{
	struct work_struct **p = &q->first;

	if (work->queued)
		return false;
	while (*p)
		p = &(*p)->next;
	*p = work;
	work->next = NULL;
	work->queued = true;
	q->nr++;
	return true;
}

/* Return: false: the one that was chosen is running already, or is late. */
static bool run_from(struct workqueue_struct *q)
{
	struct work_struct *work = dequeue(q, NULL);
	bool not_now = world_full && work->fn == cachet_reclaim_work && !one_in(300);
	u32 i;

	for (i = 0; i < nr_running; i++)
		not_now |= running[i] == work;
	if (not_now) {
		queue_work(q, work);
		return false;
	}
	if (nr_running == MAX_RUNNING)
		abort();
	running[nr_running++] = work;
	work->fn(work);
	nr_running--;
	return true;
}

static void run_thread(void)
{
	struct kthread_worker *w = worker;
	struct work_struct *work = dequeue(&w->queue, NULL);
	struct kthread_work *k = container_of(work, struct kthread_work, work);

	w->queue.running = true;
	k->fn(k);
	w->queue.running = false;
}

static bool thread_ready(void)
{
	return worker && worker->queue.nr && !worker->queue.running;
}

bool model_run_one(void)
{
	u32 flying = disk_in_flight() ? 1 : 0;
	u32 n = !!wq.nr + !!io_wq.nr + thread_ready() + flying;

	if (!n)
		return false;
	n = below(n);
	if (wq.nr && !n--)
		run_from(&wq);
	else if (io_wq.nr && !n--)
		run_from(&io_wq);
	else if (thread_ready() && !n--)
		run_thread();
	else
		disk_complete_one();
	return true;
}

void model_run_some(u32 n)
{
	while (n-- && model_run_one())
		;
}

void model_run_all(void)
{
	while (model_run_one())
		;
}

void model_run_timers(void)
{
	struct delayed_work *d;

	while (nr_timers) {
		d = timer[--nr_timers];
		d->work.queued = false;
		d->work.fn(&d->work);
	}
}

/* Locks that somebody might wait for. Nobody waits for who keeps the sealer: detach comes later. */
static int depth(void)
{
	return model_depth - (the_cache ? max(the_cache->seal_sem.held, 0) : 0);
}

void model_yield(void)
{
	u32 starved = disk_starved;

	if (depth() || nested >= MAX_NESTED || !one_in(world_yield))
		return;
	nested++;
	disk_starved = 0;	/* That is one process's lot */
	model_run_some(1 + below(2));
	disk_starved = starved;
	nested--;
}

/* Who waits for a commit begins again when it is over: nothing is held or changed. */
void model_blocked(const struct mutex *m)
{
	if (!beside || m != &the_cache->commit_lock || depth() != 1)
		model_fail("waiting for oneself");
	longjmp(blocked, 1);
}

/* A commit waits for the disk, and holds commit_lock; others do not wait for it. */
void model_beside_commit(void)
{
	static u32 n, was;

	if (!the_cache || depth() != 1 || !the_cache->commit_lock.held || beside ||
	    !one_in(2))
		return;
	beside = true;
	was = nr_running;
	for (n = 1 + below(8); n; n--) {
		if (setjmp(blocked)) {
			queue_work(&wq, running[was]);
			nr_running = was;
			break;
		}
		if (!model_run_one())
			break;
	}
	beside = false;
}

bool queue_delayed_work(struct workqueue_struct *q, struct delayed_work *work,
			unsigned long delay)
{
	if (work->work.queued)
		return false;
	if (nr_timers == MAX_TIMERS)
		abort();
	work->work.queued = true;
	timer[nr_timers++] = work;
	return true;
}

void cancel_delayed_work_sync(struct delayed_work *work)
{
	u32 i;

	for (i = 0; i < nr_timers; i++)
		if (timer[i] == work)
			timer[i--] = timer[--nr_timers];
	work->work.queued = false;
}

void cancel_work_sync(struct work_struct *work)
{
	if (work->queued && !dequeue(&wq, work))
		abort();
}

void flush_work(struct work_struct *work)
{
	if (work->queued && dequeue(&io_wq, work))
		work->fn(work);
}

void flush_workqueue(struct workqueue_struct *q)
{
	while (q->nr)
		run_from(q);
}

void kthread_init_work(struct kthread_work *work, void (*fn)(struct kthread_work *))
{
	work->fn = fn;
	work->work.queued = false;
}

void kthread_queue_work(struct kthread_worker *w, struct kthread_work *work)
{
	queue_work(&w->queue, &work->work);
}

void kthread_flush_worker(struct kthread_worker *w)
{
	while (w->queue.nr)
		run_thread();
}

struct kthread_worker *kthread_create_worker(unsigned int flags, const char *name, ...)
{
	worker = model_alloc(sizeof(*worker), true);
	worker->queue.ordered = true;
	return worker;
}

void kthread_destroy_worker(struct kthread_worker *w)
{
	kthread_flush_worker(w);
	model_free(w);
	worker = NULL;
}

/* ---- the hash ----------------------------------------------------------- */

static u64 mix(u64 h, u64 v)
{
	h = (h ^ v) * 0x9fb21c651e98df25ull;
	return h ^ h >> 29;
}

void cachet_sha256_begin(struct cachet_sha256_ctx *c)
{
	*c = (struct cachet_sha256_ctx){ .lane = { 1, 2, 3, 4 } };
}

void cachet_sha256_add(struct cachet_sha256_ctx *c, const void *p, size_t n)
{
	const u8 *b = p;
	unsigned int i;
	u64 v[4] = {};

	c->bytes += n;
	for (; n >= sizeof(v); n -= sizeof(v), b += sizeof(v)) {
		memcpy(v, b, sizeof(v));
		for (i = 0; i < 4; i++)
			c->lane[i] = mix(c->lane[i], v[i]);
	}
	if (!n)
		return;
	memset(v, 0, sizeof(v));
	memcpy(v, b, n);
	for (i = 0; i < 4; i++)
		c->lane[i] = mix(c->lane[i], v[i] + n);
}

void cachet_sha256_end(struct cachet_sha256_ctx *c, u8 out[32])
{
	u64 all = c->bytes;
	unsigned int i;

	for (i = 0; i < 4; i++)
		all = mix(all, c->lane[i]);
	for (i = 0; i < 4; i++) {
		all = mix(all, c->lane[i] + i);
		memcpy(out + 8 * i, &all, sizeof(all));
	}
	/* Many contents share a first half, by which their records are found. */
	if (c->bytes >= CACHET_PAGE_BYTES) {
		all = mix(all % 32, 0);
		for (i = 0; i < 2; i++)
			memcpy(out + 8 * i, &all, sizeof(all));
	}
}
