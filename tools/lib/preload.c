// SPDX-License-Identifier: GPL-2.0-only
/*
 * preload.c - read files so that they are cached, many at a time
 *
 *   walk -> slot: open -> reads, some at a time -> close
 *
 * A link to a server has a delay that many small files wait for one after the other, unless
 * many are asked for at a time. One thread does that by io_uring; where a filesystem can't
 * read without waiting, as those of networks can't, the kernel's workers wait. How many files
 * are open and how many bytes are asked for at a time is bounded, and so is memory: nobody
 * wants the bytes, so all reads go to the same place.
 *
 * A file that can't be read is told, and the others go on. To stop is to ask for nothing
 * more, to cancel what is under way, and to wait for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

enum {
	FILES		= 64,
	IN_FLIGHT	= 64 << 20,
	CHUNK		= 1 << 20,	/* As large as a request to a server gets */
	READS_OF_FILE	= 8,		/* A single large file is not slower than a link */
	WAIT_MS		= 100,		/* Then progress and stop are asked again */
	OTHER_FDS	= 64,		/* Directories, one for each level, and the program's */
};

enum slot_state {
	SLOT_FREE,
	SLOT_OPENING,
	SLOT_READING,
	SLOT_CLOSING,
};

/* A file that is being read. */
struct slot {
	enum slot_state	state;
	struct cachet_dir *dir;
	char		*path;
	int		fd;
	unsigned int	reads;		/* Under way */
	u64		size;
	u64		next;		/* Asked for up to here */
	int		err;		/* The first one */
};

struct part {
	struct part	*next_free;
	struct slot	*slot;
	u64		at;
	unsigned int	len;
};

/* What a completion is of: in the low bits of its user_data; the rest points to it. */
enum op {
	OP_READ,
	OP_OPEN,
	OP_CLOSE,
	OP_CANCEL,
	OP_MASK = 3,
};

struct engine {
	struct cachet_preload *p;
	struct cachet_walk *walk;	/* NULL at its end */
	struct io_uring ring;
	struct slot	*slot;
	struct part	*part;
	struct part	*free_part;
	void		*scratch;	/* What nobody wants */
	u32		nr_slots;
	u32		busy;		/* Slots that are not free */
	u64		in_flight;
	double		credit;		/* Bytes that the rate allows for now */
	struct timespec	credited;	/* Up to then */
	bool		has_ring;
	bool		stopping;
};

/* ---- the ring ----------------------------------------------------------- */

static struct io_uring_sqe *sqe_get(struct engine *e)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&e->ring);

	if (!sqe) {
		io_uring_submit(&e->ring);
		sqe = io_uring_get_sqe(&e->ring);
	}
	return sqe;
}

static void sqe_of(struct io_uring_sqe *sqe, void *what, enum op op)
{
	io_uring_sqe_set_data64(sqe, (uintptr_t)what | op);
}

/* ---- a file ------------------------------------------------------------- */

static void slot_failed(struct slot *s, int err)
{
	s->err = s->err ?: err;
	s->next = s->size;	/* No more of it */
}

static void slot_free(struct engine *e, struct slot *s)
{
	if (!s->err) {
		e->p->nr_files++;
	} else if (!e->stopping) {
		e->p->nr_failed++;
		e->p->failed(e->p->arg, s->path, s->err);
	}
	cachet_dir_put(s->dir);
	free(s->path);
	*s = (struct slot){};
	e->busy--;
}

/* All of it was asked for, and has arrived? Then it is closed. */
static void slot_close(struct engine *e, struct slot *s)
{
	struct io_uring_sqe *sqe;

	if (s->reads || (s->next < s->size && !e->stopping))
		return;
	if (s->next < s->size)
		s->err = s->err ?: -EINTR;
	sqe = sqe_get(e);
	if (!sqe) {
		close(s->fd);
		slot_free(e, s);
		return;
	}
	s->state = SLOT_CLOSING;
	io_uring_prep_close(sqe, s->fd);
	sqe_of(sqe, s, OP_CLOSE);
}

static void on_close(struct engine *e, struct slot *s, int res)
{
	if (res == -ECANCELED)
		close(s->fd);
	slot_free(e, s);
}

static void on_open(struct engine *e, struct slot *s, int res)
{
	struct stat st = {};

	if (res < 0) {
		s->err = res;
		slot_free(e, s);
		return;
	}
	s->fd = res;
	s->state = SLOT_READING;
	/* The filesystem has just asked the server: this hardly does. */
	if (fstat(s->fd, &st))
		s->err = -errno;
	else if (!S_ISREG(st.st_mode))
		s->err = -EOPNOTSUPP;	/* It was, a moment ago */
	else
		s->size = (u64)st.st_size;
	/* io_uring would take it for a promise that reads never wait, and wait itself. */
	fcntl(s->fd, F_SETFL, 0);
	slot_close(e, s);
}

static bool part_read(struct engine *e, struct part *part)
{
	struct io_uring_sqe *sqe = sqe_get(e);

	if (!sqe)
		return false;
	io_uring_prep_read(sqe, part->slot->fd, e->scratch, part->len, part->at);
	sqe_of(sqe, part, OP_READ);
	return true;
}

static void on_read(struct engine *e, struct part *part, int res)
{
	struct slot *s = part->slot;
	unsigned int got = res > 0 ? (unsigned int)res : 0;

	e->p->nr_bytes += got;
	e->in_flight -= got;
	part->at += got;
	part->len -= got;
	/* It came in two. At the end of a file that was cut there is nothing more. */
	if (part->len && res > 0 && !e->stopping && part_read(e, part))
		return;
	if (res < 0)
		slot_failed(s, res);
	else if (res && part->len)
		slot_failed(s, e->stopping ? -EINTR : -EBUSY);
	else if (part->len)
		s->next = s->size;
	e->in_flight -= part->len;
	part->next_free = e->free_part;
	e->free_part = part;
	s->reads--;
	slot_close(e, s);
}

/* ---- what to ask for ---------------------------------------------------- */

/* What a second allows and was not used is not saved for later. */
static void credit(struct engine *e)
{
	double rate = (double)e->p->rate;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	e->credit += rate * ((double)(now.tv_sec - e->credited.tv_sec) +
			     (double)(now.tv_nsec - e->credited.tv_nsec) / 1e9);
	e->credit = e->credit < rate ? e->credit : rate;
	e->credited = now;
}

static bool may_ask(const struct engine *e, u64 len)
{
	if (!e->free_part || (e->in_flight && e->in_flight + len > e->p->in_flight))
		return false;
	return !e->p->rate || e->credit > 0;
}

static void ask_for_more(struct engine *e, struct slot *s)
{
	while (s->state == SLOT_READING && s->next < s->size && s->reads < READS_OF_FILE) {
		u64 left = s->size - s->next;
		u32 most = e->p->rate && e->p->rate < CHUNK ? (u32)e->p->rate : CHUNK;
		u32 len = left < most ? (u32)left : most;
		struct part *part = e->free_part;

		if (!may_ask(e, len))
			return;
		e->free_part = part->next_free;
		*part = (struct part){ .slot = s, .at = s->next, .len = len };
		if (!part_read(e, part)) {
			e->free_part = part;
			return;
		}
		s->reads++;
		s->next += len;
		e->in_flight += len;
		e->credit -= len;
	}
}

/* The next file: 1; 0: there is none; -EAGAIN: not now; -ENOMEM. */
static int open_next(struct engine *e, struct slot *s)
{
	struct cachet_walk_entry entry;
	struct io_uring_sqe *sqe;
	int ret;

	if (!io_uring_sq_space_left(&e->ring))
		io_uring_submit(&e->ring);
	if (!io_uring_sq_space_left(&e->ring))
		return -EAGAIN;
	ret = cachet_walk_next(e->walk, &entry);
	if (ret < 0 && entry.path) {
		e->p->nr_failed++;
		e->p->failed(e->p->arg, entry.path, ret);
		return 1;
	}
	if (ret <= 0)
		return ret;
	s->path = strdup(entry.path);
	if (!s->path)
		return -ENOMEM;
	s->dir = cachet_dir_get(entry.dir);
	s->state = SLOT_OPENING;
	s->size = 0;
	e->busy++;
	sqe = io_uring_get_sqe(&e->ring);
	/* Not to wait for one that has become a FIFO meanwhile. */
	io_uring_prep_openat(sqe, cachet_dir_fd(s->dir), s->path + (entry.name - entry.path),
			     O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
			     (entry.name == entry.path ? 0 : O_NOFOLLOW), 0);
	sqe_of(sqe, s, OP_OPEN);
	return 1;
}

static int open_some(struct engine *e)
{
	int ret = 1;
	u32 i;

	for (i = 0; i < e->nr_slots && e->walk; i++) {
		if (e->slot[i].state != SLOT_FREE)
			continue;
		ret = open_next(e, &e->slot[i]);
		if (ret <= 0)
			break;
	}
	if (!ret) {
		e->p->nr_mounts = cachet_walk_mounts(e->walk);
		cachet_walk_end(e->walk);
		e->walk = NULL;
	}
	return ret < 0 ? ret : 0;
}

/* ---- the loop ----------------------------------------------------------- */

static void stop(struct engine *e)
{
	struct io_uring_sqe *sqe = sqe_get(e);
	u32 i;

	e->stopping = true;
	if (sqe) {
		io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
		sqe_of(sqe, NULL, OP_CANCEL);
	}
	for (i = 0; i < e->nr_slots; i++)
		if (e->slot[i].state == SLOT_READING)
			slot_close(e, &e->slot[i]);
}

static void complete(struct engine *e, u64 data, int res)
{
	void *what = (void *)(uintptr_t)(data & ~(u64)OP_MASK);

	switch ((enum op)(data & OP_MASK)) {
	case OP_READ:
		on_read(e, what, res);
		break;
	case OP_OPEN:
		on_open(e, what, res);
		break;
	case OP_CLOSE:
		on_close(e, what, res);
		break;
	case OP_CANCEL:
		break;
	}
}

/* Submits what was prepared, and waits a while for something to end. */
static int wait_some(struct engine *e)
{
	struct __kernel_timespec timeout = { .tv_nsec = WAIT_MS * 1000000 };
	struct io_uring_cqe *cqe;
	int ret;

	/* For the rate, not for an end: soon enough for a chunk. */
	if (e->p->rate)
		timeout.tv_nsec /= 10;
	ret = io_uring_submit_and_wait_timeout(&e->ring, &cqe, 1, &timeout, NULL);
	if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY)
		return ret;
	while (!io_uring_peek_cqe(&e->ring, &cqe)) {
		u64 data = cqe->user_data;
		int res = cqe->res;

		io_uring_cqe_seen(&e->ring, cqe);
		complete(e, data, res);
	}
	return 0;
}

static int run(struct engine *e)
{
	int err = 0, ret;
	u32 i;

	while (e->busy || (e->walk && !e->stopping)) {
		if (!e->stopping && (err || e->p->stop(e->p->arg))) {
			err = err ?: -EINTR;
			stop(e);
		}
		if (!e->stopping) {
			ret = open_some(e);
			if (ret && ret != -EAGAIN)
				err = ret;
			credit(e);
			for (i = 0; i < e->nr_slots; i++)
				ask_for_more(e, &e->slot[i]);
		}
		if (!e->busy)
			continue;
		ret = wait_some(e);
		if (ret)
			return ret;
		if (e->p->progress)
			e->p->progress(e->p->arg);
	}
	return err;
}

/* ---- begin and end ------------------------------------------------------ */

static int engine_init(struct engine *e, struct cachet_why *why)
{
	struct cachet_preload *p = e->p;
	u32 nr_parts = p->files + (u32)(p->in_flight / CHUNK), i;
	unsigned int workers[2] = { p->files + READS_OF_FILE, p->files + READS_OF_FILE };
	int err;

	err = io_uring_queue_init(nr_parts, &e->ring, IORING_SETUP_CLAMP);
	if (err)
		return cachet_why_set(why, err, err == -ENOMEM ?
				      "out of memory for io_uring: see 'ulimit -l'" :
				      "io_uring can't be used here (%s): see sysctl kernel.io_uring_disabled, and what a container allows",
				      strerror(-err));
	e->has_ring = true;
	/* Fewer than files, and they would wait for each other. Older kernels have their own limit. */
	io_uring_register_iowq_max_workers(&e->ring, workers);
	e->nr_slots = p->files;
	e->slot = calloc(p->files, sizeof(*e->slot));
	e->part = calloc(nr_parts, sizeof(*e->part));
	e->scratch = malloc(CHUNK);
	if (!e->slot || !e->part || !e->scratch ||
	    cachet_walk_begin(p->paths, &p->walk, &e->walk))
		return cachet_why_set(why, -ENOMEM, "out of memory");
	for (i = 0; i < nr_parts; i++) {
		e->part[i].next_free = e->free_part;
		e->free_part = &e->part[i];
	}
	clock_gettime(CLOCK_MONOTONIC, &e->credited);
	return 0;
}

static void engine_exit(struct engine *e)
{
	if (e->has_ring)
		io_uring_queue_exit(&e->ring);
	cachet_walk_end(e->walk);
	/* The ring itself has failed: what is under way is written there still. */
	if (e->busy)
		return;
	free(e->slot);
	free(e->part);
	free(e->scratch);
}

int cachet_preload_run(struct cachet_preload *p, struct cachet_why *why)
{
	struct engine e = { .p = p };
	struct rlimit limit;
	int err;

	p->files = p->files ?: FILES;
	p->in_flight = p->in_flight ?: IN_FLIGHT;
	/* A file and its directory each, and a directory for each level of the tree. */
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (2ull * p->files + OTHER_FDS > limit.rlim_cur)
			p->files = limit.rlim_cur > 2 * OTHER_FDS ? ((u32)limit.rlim_cur - OTHER_FDS) / 2 : 1;
	}
	err = engine_init(&e, why);
	if (!err) {
		err = run(&e);
		if (e.walk)
			p->nr_mounts = cachet_walk_mounts(e.walk);
		if (err)
			cachet_why_set(why, err, err == -EINTR ? "interrupted; what was read until then is cached" :
				       "it could not go on: %s", strerror(-err));
	}
	engine_exit(&e);
	return err;
}

void cachet_preload_count(const struct cachet_preload *p, const bool *stop,
			  struct cachet_preload_total *ret_total)
{
	struct cachet_walk_entry entry;
	struct cachet_walk *walk;
	struct stat st;
	int ret;

	if (cachet_walk_begin(p->paths, &p->walk, &walk))
		return;
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		ret = cachet_walk_next(walk, &entry);
		if (!ret)
			__atomic_store_n(&ret_total->complete, true, __ATOMIC_RELEASE);
		if (!ret || (ret == -ENOMEM && !entry.path))
			break;
		if (ret < 0 || fstatat(cachet_dir_fd(entry.dir), entry.name, &st, 0))
			continue;
		__atomic_add_fetch(&ret_total->nr_files, 1, __ATOMIC_RELAXED);
		__atomic_add_fetch(&ret_total->nr_bytes, (u64)st.st_size, __ATOMIC_RELAXED);
	}
	cachet_walk_end(walk);
}
