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
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Their own names for 64-bit offsets, or our definitions would be renamed. */
ssize_t pwrite64(int fd, const void *buf, size_t len, off_t pos);

enum {
	MAX_UNDO	= 256,
	MAX_WRITE	= 4096,
};

static struct undo {
	int fd;
	off_t pos;
	size_t len;
	char old[MAX_WRITE];
} undo[MAX_UNDO];
static int nr_undo, step;

static ssize_t real_pwrite(int fd, const void *buf, size_t len, off_t pos)
{
	ssize_t (*real)(int, const void *, size_t, off_t) =
		(ssize_t (*)(int, const void *, size_t, off_t))dlsym(RTLD_NEXT, "pwrite64");

	return real(fd, buf, len, pos);
}

static void die(int lost_of_two)
{
	int i;

	/* Latest first: one may stand on another */
	for (i = nr_undo - 1; lost_of_two && i >= 0; i--)
		if (lost_of_two == 2 || i & 1)
			real_pwrite(undo[i].fd, undo[i].old, undo[i].len, undo[i].pos);
	kill(getpid(), SIGKILL);
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

ssize_t pwrite64(int fd, const void *buf, size_t len, off_t pos)
{
	const char *name = name_of(fd);
	ssize_t had;

	if (!name)
		return real_pwrite(fd, buf, len, pos);
	if (step_begin("write", name)) {
		errno = EIO;
		return -1;
	}
	if (nr_undo < MAX_UNDO && len <= MAX_WRITE) {
		undo[nr_undo] = (struct undo){ .fd = fd, .pos = pos, .len = len };
		had = pread(fd, undo[nr_undo].old, len, pos);
		nr_undo += had == (ssize_t)len;
	}
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
