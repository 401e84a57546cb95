// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl-random.c - calls of /dev/cachet made of random numbers, with privileges and without
 *
 * Half of them are good ones, of which every second has a word spoilt: they come further
 * than what is wrong in each place. Their descriptors are real: of a cache that is attached
 * and of one that comes and goes by these very calls, of a file that is cached, and of
 * things that are no cache at all. Two threads make them at a time, with descriptors in
 * common, so that a cache goes while a call is at work in it.
 *
 * Root may do all this, and nothing bad may come of it. Nobody, with the same descriptors
 * handed over, may not: each answer is known, and nothing is written.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "ioctl-abuse.h"

enum {
	THREADS = 2,
	ROOM = 65536,
	FILL = 0xc3,
};

/* Places in struct target's fds. */
enum { SPARE = 0, ATTACHED = 3, NET = 6, OTHERS = 7, NR_FDS = 15 };

struct target {
	const struct random_of *of;
	int fds[NR_FDS];		/* Three of each cache, then what is no cache's */
	int dev_ro;			/* The device, for reading only */
	bool refused;			/* All that is asked for */
};

struct thread {
	pthread_t id;
	const struct target *target;
	uint64_t seed;
	unsigned long nr;
	unsigned long done;		/* Calls that succeeded */
	unsigned long attached;		/* Of these */
	unsigned char buf[4096];	/* The argument */
	unsigned char before[4096];
	unsigned char out[ROOM];	/* What it points at */
};

static __thread uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* A number of the kind that finds mistakes. */
static uint64_t some(void)
{
	static const uint64_t edges[] = { 0, 1, 2, 3, 4095, 4096, 4097, 65536, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000ull, ~0ull >> 12, ~0ull >> 1, 1ull << 63, ~0ull };
	uint64_t r = rnd();

	return r & 1 ? rnd() >> (r >> 8 & 63) : edges[r >> 8 & 15];
}

/* ---- arguments ---------------------------------------------------------- */

static void good_attach(struct cachet_attach *a, const struct target *t)
{
	static const uint32_t commit_ms[] = { 0, 0, 100, 600000 };
	int fd[3], i, shift = 0, from = SPARE;

	switch (rnd() & 7) {
	case 0:
		shift = 1 + rnd() % 2;	/* The right files in the wrong places */
		break;
	case 1:
		from = ATTACHED;
		break;
	}
	for (i = 0; i < 3; i++)
		fd[i] = t->fds[from + (i + shift) % 3];
	if (rnd() & 1)
		fd[rnd() % 3] = t->fds[rnd() % NR_FDS];
	a->super_fd = fd[0];
	a->index_fd = fd[1];
	a->data_fd = fd[2];
	a->flags = (uint32_t)rnd() & (CACHET_ATTACH_ANY_FS | CACHET_ATTACH_VERIFY |
				      CACHET_ATTACH_VERIFY_ONCE);
	a->commit_ms = commit_ms[rnd() & 3];
}

/* An argument that a program might give; @out is for what it points at. */
static void good(union any_arg *u, unsigned long cmd, const struct target *t, void *out)
{
	const char *tag = rnd() & 3 ? t->of->tag : t->of->spare_tag;
	int net = t->fds[NET];

	memset(u, 0, sizeof(*u));
	u->version = CACHET_ABI_VERSION;
	switch (cmd) {
	case CACHET_IOC_ATTACH:
		good_attach(&u->attach, t);
		break;
	case CACHET_IOC_DETACH:
		fill_tag(u->tag.tag, t->of->spare_tag);
		break;
	case CACHET_IOC_STATUS:
		fill_tag(u->status.tag, tag);
		break;
	case CACHET_IOC_SYNC:
		fill_tag(u->tag.tag, tag);
		u->tag.flags = (uint32_t)some();
		break;
	case CACHET_IOC_OBJECT_STAT:
		u->object_stat.fd = net;
		u->object_stat.ranges = (uintptr_t)out;
		u->object_stat.nr_ranges = (uint32_t)some() % 64;
		u->object_stat.start_page = some();
		break;
	case CACHET_IOC_VOLUMES:
		fill_tag(u->volumes.tag, tag);
		u->volumes.nr = (uint32_t)some() % 16;
		u->volumes.volumes = (uintptr_t)out;
		u->volumes.after_id = some();
		break;
	case CACHET_IOC_BLOCK_SIZE:
		fill_tag(u->block_size.tag, tag);
		u->block_size.fd = rnd() & 1 ? net : -1;
		u->block_size.volume_id = some();
		u->block_size.block_bytes = 1u << (rnd() & 31);
		break;
	case CACHET_IOC_SCRUB:
		fill_tag(u->scrub.tag, tag);
		u->scrub.slot = some();
		u->scrub.max_bytes = some();
		break;
	case CACHET_IOC_PIN:
		fill_tag(u->pin.tag, tag);
		u->pin.fd = rnd() & 3 ? net : -1;
		u->pin.flags = (uint32_t)rnd() & CACHET_PIN_CLEAR;
		u->pin.start_page = rnd() & 1 ? 0 : some();
		break;
	case CACHET_IOC_SWEEP:
		fill_tag(u->sweep.tag, tag);
		u->sweep.set = rnd() & 1 ? 0 : some();
		break;
	case CACHET_IOC_CULL:
		fill_tag(u->cull.tag, tag);
		u->cull.segment = rnd() & 1 ? CACHET_CULL_COLDEST : (uint32_t)some() % 16;
		u->cull.generation = some();
		break;
	}
}

/* Return: the call that buf is made for. */
static unsigned long random_call(struct thread *self)
{
	unsigned long cmd = all[rnd() % NR_ALL].cmd;
	uint32_t version = CACHET_ABI_VERSION, r;
	size_t k;

	for (k = 0; k < sizeof(self->buf); k += 8) {
		uint64_t word = rnd() & 3 ? 0 : some();

		memcpy(self->buf + k, &word, 8);
	}
	if (rnd() & 15)
		memcpy(self->buf, &version, 4);
	if (rnd() & 1) {
		union any_arg arg;

		good(&arg, cmd, self->target, self->out);
		memcpy(self->buf, &arg, _IOC_SIZE(cmd));
		if (rnd() & 1) {
			r = (uint32_t)some();
			memcpy(self->buf + rnd() % (_IOC_SIZE(cmd) / 4) * 4, &r, 4);
		}
	}
	if (!(rnd() & 31)) {
		cmd = rnd();
		/* Those of the VFS are not ours, and some of them are for everybody. */
		if (_IOC_TYPE(cmd) != '!' && cmd < 0x10000)
			cmd = CACHET_IOC_STATUS;
	}
	return cmd;
}

/* ---- root --------------------------------------------------------------- */

static void as_root(struct thread *self)
{
	struct pollfd p = { .fd = dev, .events = POLLIN };
	unsigned long cmd;

	if (!(rnd() & 31)) {
		poll(&p, 1, 0);
		/* It is not the memory that may be wrong here: that would be our own fault. */
		if (read(dev, self->out, some() % ROOM) > 0)
			self->done++;
		return;
	}
	cmd = random_call(self);
	if (ioctl(dev, cmd, self->buf) < 0)
		return;
	self->done++;
	if (cmd == CACHET_IOC_ATTACH)
		self->attached++;
}

/* ---- nobody ------------------------------------------------------------- */

static void refused_call(struct thread *self)
{
	int fd = rnd() & 3 ? dev : self->target->dev_ro;
	unsigned long cmd = random_call(self);

	memcpy(self->before, self->buf, sizeof(self->buf));
	if (!(rnd() & 7))	/* Nobody looks at what it points to */
		expect("nobody, a pointer", ioctl(fd, cmd, some()), EPERM);
	else
		expect("nobody, a call", ioctl(fd, cmd, self->buf), EPERM);
	if (memcmp(self->before, self->buf, sizeof(self->buf)))
		wrong("nobody: call %lx wrote to its argument", cmd);
}

static void refused_open(struct thread *self)
{
	static const int access[] = { O_RDONLY, O_WRONLY, O_RDWR };
	static const int more[] = { 0, O_NONBLOCK, O_CLOEXEC, O_APPEND, O_TRUNC, O_SYNC };
	const struct random_of *of = self->target->of;
	int flags = access[rnd() % 3] | more[rnd() % 6], fd;
	char path[256];

	switch (rnd() % 7) {
	case 0:
		fd = open(CACHET_DEVICE, O_PATH);
		expect("nobody, O_PATH", fd, 0);
		expect("nobody, a call by O_PATH", ioctl(fd, random_call(self), self->buf), EBADF);
		close(fd);
		return;
	case 1:		/* What was handed over, once more and with other rights */
		snprintf(path, sizeof(path), "/proc/self/fd/%d", rnd() & 1 ? dev :
			 self->target->dev_ro);
		break;
	case 2:
		snprintf(path, sizeof(path), "/sys/fs/cachet/%s/read_hits", of->tag);
		break;
	case 3:
		strcpy(path, "/sys/kernel/debug/cachet/inject");
		break;
	case 4:
		snprintf(path, sizeof(path), "%s/%s", rnd() & 1 ? of->dir : of->spare_dir,
			 rnd() & 1 ? "super" : "data");
		break;
	default:
		strcpy(path, CACHET_DEVICE);
	}
	fd = open(path, flags);
	if (fd >= 0 || errno != EACCES)
		wrong("nobody: open %s with flags %x: %m", path, flags);
	if (fd >= 0)
		close(fd);
}

static void refused_other(struct thread *self)
{
	int fd = rnd() & 1 ? dev : self->target->dev_ro;
	size_t n = 1 + rnd() % (ROOM - 1);
	struct iovec v = { .iov_base = self->out, .iov_len = n };
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	switch (rnd() % 10) {
	case 0:
		expect("nobody, read", read(fd, self->out, n), EPERM);
		break;
	case 1:
		expect("nobody, readv", readv(fd, &v, 1), EPERM);
		break;
	case 2:
		expect("nobody, pread", pread(fd, self->out, n, (off_t)(some() >> 1)), ESPIPE);
		break;
	case 3:
		expect("nobody, write", write(dev, self->out, n), EINVAL);
		break;
	case 4:
		expect("nobody, lseek", lseek(fd, 0, SEEK_END), ESPIPE);
		break;
	case 5:
		expect("nobody, mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) ==
		       MAP_FAILED ? -1 : 0, ENODEV);
		break;
	case 6:
		expect("nobody, ftruncate", ftruncate(dev, (off_t)(some() >> 1)), EINVAL);
		break;
	case 7:
		expect("nobody, fchmod", fchmod(fd, 0666), EPERM);
		break;
	case 8:		/* To know that something happened is for who has the descriptor */
		expect("nobody, poll", poll(&p, 1, 0), 0);
		break;
	case 9:
		expect("nobody, a network file", ioctl(self->target->fds[NET],
						       all[rnd() % NR_ALL].cmd, self->buf), ENOTTY);
		break;
	}
}

static void as_nobody(struct thread *self)
{
	switch (rnd() & 7) {
	case 0:
		refused_open(self);
		break;
	case 1:
		refused_other(self);
		break;
	default:
		refused_call(self);
	}
}

/* ---- the threads -------------------------------------------------------- */

static void *run(void *arg)
{
	struct thread *self = arg;
	unsigned long i;

	seed = self->seed;
	memset(self->out, FILL, sizeof(self->out));
	for (i = 0; i < self->nr; i++)
		if (self->target->refused)
			as_nobody(self);
		else
			as_root(self);
	if (self->target->refused)
		for (i = 0; i < sizeof(self->out); i++)
			if (self->out[i] != FILL) {
				wrong("nobody: something was read");
				break;
			}
	return NULL;
}

static void open_cache(const char *path, int fds[3])
{
	static const char *const name[] = { "super", "index", "data" };
	int i, dir = open(path, O_RDONLY | O_DIRECTORY);

	for (i = 0; i < 3; i++) {
		fds[i] = openat(dir, name[i], O_RDWR);
		if (fds[i] < 0)
			exit(2);
	}
	close(dir);
}

/**
 * random_calls - make calls of random numbers
 * @of: to whom, how many, and with which seed
 * @nobody: without any privilege
 *
 * The spare cache may be attached in the end, or not.
 */
void random_calls(const struct random_of *of, bool nobody)
{
	static struct thread threads[THREADS];
	struct target t = { .of = of, .refused = nobody };
	unsigned long done = 0, attached = 0;
	int pipes[2], i;
	char path[256];

	open_cache(of->spare_dir, t.fds + SPARE);
	open_cache(of->dir, t.fds + ATTACHED);
	t.fds[NET] = open(of->net, O_RDONLY);
	t.fds[OTHERS] = open(of->local, O_RDWR);
	snprintf(path, sizeof(path), "%s/data", of->spare_dir);
	t.fds[OTHERS + 1] = open(path, O_RDONLY);
	t.fds[OTHERS + 2] = open("/", O_RDONLY | O_DIRECTORY);
	t.fds[OTHERS + 3] = open("/dev/null", O_RDWR);
	t.dev_ro = open(CACHET_DEVICE, O_RDONLY | O_NONBLOCK);
	if (pipe(pipes) || t.fds[NET] < 0 || t.fds[OTHERS] < 0 || t.dev_ro < 0)
		exit(2);
	t.fds[OTHERS + 4] = pipes[1];
	t.fds[OTHERS + 5] = dev;
	t.fds[OTHERS + 6] = -1;
	t.fds[OTHERS + 7] = 999;
	if (nobody) {
		drop_privileges();
		/* Or /proc/self is root's, and would be what refuses. */
		prctl(PR_SET_DUMPABLE, 1);
	}
	for (i = 0; i < THREADS; i++) {
		threads[i].target = &t;
		threads[i].seed = (of->seed * THREADS + i) * 2654435761u + 1;
		threads[i].nr = of->nr / THREADS;
		if (pthread_create(&threads[i].id, NULL, run, &threads[i]))
			exit(2);
	}
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		done += threads[i].done;
		attached += threads[i].attached;
	}
	if (nobody)
		return;
	printf("%lu random calls, %lu of them did something, %lu attached a cache\n", of->nr, done,
	       attached);
	/* Else what was to be plausible was not. */
	if (of->nr >= 2000 && !attached)
		wrong("no attach succeeded");
}
