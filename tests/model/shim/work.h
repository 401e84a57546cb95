/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * work.h - locks, work queues and waiting, with one thread
 *
 * A work item runs when the model says so: between two steps of the model, when
 * somebody waits for it, and wherever the module holds no lock and is about to
 * take one or to do I/O - as if another processor had come first.
 *
 * A lock is a number. To wait for one would be to wait for oneself: a failure.
 */
#ifndef CACHET_MODEL_WORK_H
#define CACHET_MODEL_WORK_H

#include "list.h"

extern int model_depth;			/* Locks that are held */

/* Let others come first, if no lock is held. */
void model_yield(void);

struct mutex { int held; };
struct rw_semaphore { int held; };
typedef struct { int held; } spinlock_t;

void model_blocked(const struct mutex *m);

#define DEFINE_MUTEX(name)	struct mutex name CACHET_BOOT_STATE = { 0 }
#define mutex_init(m)		((void)((m)->held = 0))
#define mutex_destroy(m)	((void)((m)->held ? model_fail("a held lock is destroyed") : (void)0))
#define init_rwsem(s)		((void)((s)->held = 0))
#define spin_lock_init(l)	((void)((l)->held = 0))

static inline void model_take(int *held, bool shared)
{
	if (shared ? *held < 0 : *held)
		model_fail("waiting for oneself");
	*held += shared ? 1 : -1;
	model_depth++;
}

static inline void model_release(int *held, bool shared)
{
	if (shared ? *held <= 0 : *held != -1)
		model_fail("a lock is released that is not held");
	*held -= shared ? 1 : -1;
	model_depth--;
}

static inline void mutex_lock(struct mutex *m)
{
	model_yield();
	if (m->held)
		model_blocked(m);
	model_take(&m->held, false);
}

#define lockdep_assert_held(l)	((l)->held ? (void)0 : model_fail("a lock is not held"))
#define mutex_unlock(m)		model_release(&(m)->held, false)
#define down_write(s)		(model_yield(), model_take(&(s)->held, false))
#define up_write(s)		model_release(&(s)->held, false)
#define down_read(s)		(model_yield(), model_take(&(s)->held, true))
#define up_read(s)		model_release(&(s)->held, true)
#define spin_lock(l)		model_take(&(l)->held, false)
#define spin_unlock(l)		model_release(&(l)->held, false)

/* ---- arrays that grow: of a file's pages, and the model's files are short ---- */

enum { XA_ENTRIES = 4 };

struct xarray { void *entry[XA_ENTRIES]; };

#define xa_init(xa)		((void)memset(xa, 0, sizeof(*(xa))))
#define xa_destroy(xa)		xa_init(xa)
#define xa_lock(xa)		((void)(xa))
#define xa_unlock(xa)		((void)(xa))
#define xa_mk_value(v)		((void *)((v) << 1 | 1))
#define xa_to_value(entry)	((unsigned long)(entry) >> 1)
#define xa_is_value(entry)	((unsigned long)(entry) & 1)
#define xa_load(xa, index)	(*xa_entry(xa, index))
#define __xa_store(xa, index, e, gfp)	((void)(*xa_entry(xa, index) = (e)))
#define __xa_erase(xa, index)	((void)(*xa_entry(xa, index) = NULL))

static inline void **xa_entry(struct xarray *xa, unsigned long index)
{
	if (index >= XA_ENTRIES)
		model_fail("a page behind the end of all files");
	return &xa->entry[index];
}

/* ---- work ---- */

struct work_struct {
	struct work_struct *next;	/* In a queue */
	void (*fn)(struct work_struct *work);
	bool queued;
};

struct kthread_work {
	struct work_struct work;
	void (*fn)(struct kthread_work *work);
};

struct workqueue_struct {
	struct work_struct *first;
	int nr;
	bool ordered;			/* One at a time, in order: a thread */
	bool running;
};

struct delayed_work { struct work_struct work; };
struct kthread_worker {
	struct workqueue_struct queue;
	void *task;
};

typedef struct { int unused; } wait_queue_head_t;
struct completion { int unused; };

#define INIT_WORK(w, f)		((void)((w)->queued = false, (w)->fn = (f)))
#define INIT_WORK_ONSTACK(w, f)	INIT_WORK(w, f)
#define INIT_DELAYED_WORK(d, f)	INIT_WORK(&(d)->work, f)
#define destroy_work_on_stack(w)	((void)0)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
#define init_waitqueue_head(q)	((void)0)
#define wake_up_all(q)		((void)0)

#define WQ_UNBOUND		0u
#define WQ_MEM_RECLAIM		0u
#define WQ_FREEZABLE		0u
#define KTW_FREEZABLE		0u
struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active, ...);
void destroy_workqueue(struct workqueue_struct *q);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work,
			unsigned long delay);
void flush_work(struct work_struct *work);
void flush_workqueue(struct workqueue_struct *wq);
void cancel_work_sync(struct work_struct *work);
void cancel_delayed_work_sync(struct delayed_work *work);

/* Run one item, whichever; false: there is none. */
bool model_run_one(void);

#define wait_event(q, cond) \
	do { \
		while (!(cond)) \
			if (!model_run_one()) \
				model_fail("waiting for ever for %s", #cond); \
	} while (0)

#define wait_event_killable(q, cond)	({ wait_event(q, cond); 0; })

void kthread_init_work(struct kthread_work *work, void (*fn)(struct kthread_work *work));
void kthread_queue_work(struct kthread_worker *worker, struct kthread_work *work);
void kthread_flush_worker(struct kthread_worker *worker);
struct kthread_worker *kthread_create_worker(unsigned int flags, const char *name, ...);
void kthread_destroy_worker(struct kthread_worker *worker);
#define set_user_nice(task, nice)	((void)(nice))
#define cachet_worker_start(worker)	((void)0)

#endif /* CACHET_MODEL_WORK_H */
