// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-fault.c - what happens to a repair at each of its writes
 *
 * Preloaded into cachectl by cachectl-check.sh. Writes and flushes of super, index
 * and data are counted from 1 and noted in the file $CHECK_FAULT_LOG. At number
 * $CHECK_FAULT_AT, $CHECK_FAULT happens:
 *
 *   int    SIGINT, and then the step
 *   eio    the step fails
 *   kill   the process dies before the step
 *   cut    so does the machine: what was not flushed is lost
 *   half   and of that only every second write is lost
 *
 * A file $CHECK_FAULT_BAD/NAME.PAGE says that a page of a cache's file can't be read.
 * What the page cache would bring with it can't be, either; a direct write of the
 * whole page mends it, and a cut that loses that write makes it bad again.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* pwrite64() and pread64() by their own names: definitions of the others would be renamed. */

enum {
	PAGE		= 4096,
	AHEAD		= 64 << 10,	/* What the page cache reads at a time */
	MAX_UNDO	= 256,
	MAX_WRITE	= 4096,
};

static struct undo {
	int fd;
	off_t pos;
	size_t len;
	bool bad;
	char old[MAX_WRITE];
} undo[MAX_UNDO];
static int nr_undo, step;

static ssize_t real_pwrite(int fd, const void *buf, size_t len, off_t pos)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");

	return real(fd, buf, len, pos);
}

static ssize_t real_pread(int fd, void *buf, size_t len, off_t pos)
{
	ssize_t (*real)(int, void *, size_t, off_t) =
		(ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread64");

	return real(fd, buf, len, pos);
}

static bool is_direct(int fd)
{
	return fcntl(fd, F_GETFL) & O_DIRECT;
}

static void set_direct(int fd, bool direct)
{
	int flags = fcntl(fd, F_GETFL);

	fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT);
}

/* The name of a file of a cache, or NULL. */
static const char *name_of(int fd)
{
	static char path[4096];
	char link[64];
	const char *name;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		return NULL;
	path[n] = 0;
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	return strcmp(name, "super") && strcmp(name, "index") && strcmp(name, "data") ? NULL : name;
}

/* ---- pages that can't be read ------------------------------------------- */

static const char *bad_path(const char *name, off_t page)
{
	static char path[4200];
	const char *dir = getenv("CHECK_FAULT_BAD");

	if (!dir)
		return NULL;
	snprintf(path, sizeof(path), "%s/%s.%lld", dir, name, (long long)page);
	return path;
}

static bool is_bad(const char *name, off_t page)
{
	const char *path = bad_path(name, page);

	return path && !access(path, F_OK);
}

static void make_bad(const char *name, off_t page)
{
	const char *path = bad_path(name, page);
	FILE *f = path ? fopen(path, "we") : NULL;

	if (f)
		fclose(f);
}

ssize_t splice(int fd, off64_t *off, int out, off64_t *out_off, size_t len, unsigned int flags)
{
	ssize_t (*real)(int, off64_t *, int, off64_t *, size_t, unsigned int) =
		(ssize_t (*)(int, off64_t *, int, off64_t *, size_t, unsigned int))
			dlsym(RTLD_NEXT, "splice");
	const char *name = getenv("CHECK_FAULT_BAD") ? name_of(fd) : NULL;
	off_t around = is_direct(fd) ? PAGE : AHEAD, pos = off ? *off : 0;
	off_t end = (pos + (off_t)len + around - 1) / around * around, at;

	for (at = pos / around * around; name && at < end; at += PAGE) {
		if (is_bad(name, at / PAGE)) {
			errno = EIO;
			return -1;
		}
	}
	return real(fd, off, out, out_off, len, flags);
}

/* ---- steps -------------------------------------------------------------- */

static void die(int lost_of_two)
{
	int i;

	/* Latest first: one may stand on another */
	for (i = nr_undo - 1; lost_of_two && i >= 0; i--) {
		if (lost_of_two == 1 && !(i & 1))
			continue;
		set_direct(undo[i].fd, false);
		real_pwrite(undo[i].fd, undo[i].old, undo[i].len, undo[i].pos);
		if (undo[i].bad)
			make_bad(name_of(undo[i].fd), undo[i].pos / PAGE);
	}
	kill(getpid(), SIGKILL);
}

static int step_begin(const char *what, const char *name)
{
	const char *log = getenv("CHECK_FAULT_LOG"), *at = getenv("CHECK_FAULT_AT");
	const char *how = getenv("CHECK_FAULT");
	FILE *f = log ? fopen(log, "ae") : NULL;

	if (f) {
		fprintf(f, "%s %s\n", what, name);
		fclose(f);
	}
	if (++step != (at ? atoi(at) : 0) || !how)
		return 0;
	if (!strcmp(how, "int"))
		raise(SIGINT);
	else if (strcmp(how, "eio"))
		die(!strcmp(how, "cut") ? 2 : !strcmp(how, "half"));
	return strcmp(how, "eio") ? 0 : -1;
}

static void undo_note(int fd, const char *name, size_t len, off_t pos)
{
	bool direct = is_direct(fd);
	struct undo *u = &undo[nr_undo];

	if (nr_undo == MAX_UNDO || len > MAX_WRITE)
		return;
	*u = (struct undo){ .fd = fd, .pos = pos, .len = len };
	set_direct(fd, false);
	nr_undo += real_pread(fd, u->old, len, pos) == (ssize_t)len;
	set_direct(fd, direct);
	u->bad = direct && len == PAGE && is_bad(name, pos / PAGE);
	if (u->bad)
		unlink(bad_path(name, pos / PAGE));
}

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t pos)
{
	const char *name = name_of(fd);

	if (!name)
		return real_pwrite(fd, buf, len, pos);
	if (step_begin("write", name)) {
		errno = EIO;
		return -1;
	}
	undo_note(fd, name, len, pos);
	return real_pwrite(fd, buf, len, pos);
}

int fsync(int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
	const char *name = name_of(fd);
	int i, k;

	if (name && step_begin("flush", name)) {
		errno = EIO;
		return -1;
	}
	for (i = k = 0; i < nr_undo; i++)
		if (undo[i].fd != fd)
			undo[k++] = undo[i];
	nr_undo = k;
	return real(fd);
}
