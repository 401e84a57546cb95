// SPDX-License-Identifier: GPL-2.0-only
/*
 * exercise-ops.c - the operations of exercise, and how often each is done
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "exercise.h"

static int op_read(void)
{
	uint64_t at, len;

	if (!size)
		return NOT_NOW;
	some(&at, &len);
	tell("read %llu, %llu bytes", (unsigned long long)at, (unsigned long long)len);
	read_range("read", at, len);
	return 0;
}

static int op_read_all(void)
{
	tell("read all %llu bytes", (unsigned long long)size);
	check_size();
	read_range("read all", 0, size);
	return 0;
}

static int op_map_read(void)
{
	uint64_t at, len;
	unsigned char *p;

	if (!size)
		return NOT_NOW;
	some(&at, &len);
	tell("map and read %llu, %llu bytes", (unsigned long long)at, (unsigned long long)len);
	p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	memcpy(buf, p + at, len);
	munmap(p, size);
	compare("mapped", at, len, buf);
	return 0;
}

static int op_write(void)
{
	uint64_t at = below(max_size), len, done;
	ssize_t n;

	if (!one_in(4))		/* Not always a hole behind the end */
		at = below(size + 1);
	if (at == max_size)
		at--;
	if (one_in(3))
		at = at / PAGE * PAGE;
	len = 1 + below(one_in(4) ? max_size - at : (uint64_t)3 * PAGE);
	if (len > max_size - at)
		len = max_size - at;
	tell("write %llu, %llu bytes", (unsigned long long)at, (unsigned long long)len);
	if (at + len > size)
		set_size(at + len);
	new_bytes(at, len);
	for (done = 0; done < len; done += n) {
		n = pwrite(fd, good + at + done, len - done, at + done);
		if (n <= 0)
			broken("write");
	}
	return 0;
}

static int op_map_write(void)
{
	uint64_t at, len;
	unsigned char *p;

	if (!size)
		return NOT_NOW;
	some(&at, &len);
	tell("map and write %llu, %llu bytes", (unsigned long long)at, (unsigned long long)len);
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	new_bytes(at, len);
	memcpy(p + at, good + at, len);
	if (one_in(2) && msync(p, size, MS_SYNC))
		broken("msync");
	munmap(p, size);
	return 0;
}

static int op_cut(void)
{
	uint64_t now = below(size + 1);

	tell("cut to %llu", (unsigned long long)now);
	if (ftruncate(fd, now))
		return -errno;
	set_size(now);
	return 0;
}

static int op_grow(void)
{
	uint64_t now = size + below(max_size - size + 1);

	tell("grow to %llu", (unsigned long long)now);
	if (ftruncate(fd, now))
		return -errno;
	set_size(now);
	return 0;
}

/* The one that cost other caches a wrong byte. */
static int op_cut_and_grow(void)
{
	uint64_t was = size, now = below(size + 1);

	tell("cut to %llu and grow to %llu again", (unsigned long long)now,
	     (unsigned long long)was);
	if (ftruncate(fd, now))
		return -errno;
	set_size(now);
	if (one_in(2) && size)
		read_range("cut", 0, size);
	if (ftruncate(fd, was))
		return -errno;
	set_size(was);
	return 0;
}

static int allocate(const char *name, int mode, uint64_t at, uint64_t len)
{
	tell("%s %llu, %llu bytes", name, (unsigned long long)at, (unsigned long long)len);
	return fallocate(fd, mode, at, len) ? -errno : 0;
}

static int op_punch(void)
{
	uint64_t at, len;
	int ret;

	if (!size)
		return NOT_NOW;
	some(&at, &len);
	ret = allocate("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, len);
	if (!ret)
		memset(good + at, 0, len);
	return ret;
}

static int zero(bool keep)
{
	uint64_t at = below(max_size), len = 1 + below(max_size - at);
	int ret;

	ret = allocate(keep ? "zero, keep size," : "zero",
		       FALLOC_FL_ZERO_RANGE | (keep ? FALLOC_FL_KEEP_SIZE : 0), at, len);
	if (ret)
		return ret;
	if (!keep && at + len > size)
		set_size(at + len);
	if (at < size)
		memset(good + at, 0, at + len < size ? len : size - at);
	return 0;
}

static int op_zero(void)
{
	return zero(false);
}

static int op_zero_keep(void)
{
	return zero(true);
}

static int op_allocate(void)
{
	uint64_t at = below(max_size), len = 1 + below(max_size - at);
	int ret = allocate("allocate", 0, at, len);

	if (!ret && at + len > size)
		set_size(at + len);
	return ret;
}

static int op_collapse(void)
{
	uint64_t pages = size / PAGE, at, len;
	int ret;

	if (pages < 3)
		return NOT_NOW;
	at = below(pages - 1);
	len = 1 + below(pages - at - 1);
	at *= PAGE;
	len *= PAGE;
	if (at + len >= size)
		return NOT_NOW;
	ret = allocate("collapse", FALLOC_FL_COLLAPSE_RANGE, at, len);
	if (ret)
		return ret;
	memmove(good + at, good + at + len, size - at - len);
	memset(good + size - len, 0, len);
	size -= len;
	return 0;
}

static int op_insert(void)
{
	uint64_t pages = size / PAGE, room = (max_size - size) / PAGE, at, len;
	int ret;

	if (pages < 2 || !room)
		return NOT_NOW;
	at = below(pages - 1) * PAGE;
	len = (1 + below(room)) * PAGE;
	ret = allocate("insert", FALLOC_FL_INSERT_RANGE, at, len);
	if (ret)
		return ret;
	memmove(good + at + len, good + at, size - at);
	memset(good + at, 0, len);
	size += len;
	return 0;
}

static int op_copy(void)
{
	uint64_t from, len, to;
	off_t in, out;
	ssize_t n;

	if (size < 2)
		return NOT_NOW;
	some(&from, &len);
	if (len > size / 2)
		len = size / 2;
	to = below(max_size - len + 1);
	if (to < from + len && from < to + len)
		return NOT_NOW;
	tell("copy %llu to %llu, %llu bytes", (unsigned long long)from, (unsigned long long)to,
	     (unsigned long long)len);
	/* While all of it is on its way to memory. */
	if (one_in(2)) {
		forget();
		posix_fadvise(fd, 0, max_size, POSIX_FADV_WILLNEED);
	}
	while (len) {
		in = from;
		out = to;
		n = copy_file_range(fd, &in, fd, &out, len, 0);
		if (n < 0)
			return -errno;
		if (!n)
			break;
		if (to + n > size)
			set_size(to + n);
		memcpy(good + to, good + from, n);
		from += n;
		to += n;
		len -= n;
	}
	return 0;
}

static int op_sync(void)
{
	tell("fsync");
	if (fsync(fd))
		broken("fsync");
	return 0;
}

static int op_forget(void)
{
	tell("forget what is in memory");
	forget();
	return 0;
}

static int op_reopen(void)
{
	bool write = one_in(3);

	/* A cache must have the time to be asked. */
	if (!write)
		only_reads = below(40);
	tell("close, open %s", write ? "to write" : "to read");
	reopen(write);
	return 0;
}

static void let_go(void)
{
	if (close(fd))
		broken("close");
	fd = -1;
	if (remount && system(remount)) {
		errno = EIO;
		broken(remount);
	}
}

static int op_remount(void)
{
	int s;

	tell("remount");
	let_go();
	if (server_path) {
		s = open(server_path, O_RDONLY);
		if (s < 0)
			broken(server_path);
		if (pread(s, buf, max_size, 0) != (ssize_t)size || memcmp(buf, good, size)) {
			fprintf(stderr, "exercise: the server itself has something else\n");
			last_lines();
			exit(1);
		}
		close(s);
	}
	reopen(false);
	check_size();
	read_range("after a remount", 0, size);
	/* What that put into a cache may never be asked for once the file is written to. */
	only_reads = below(20);
	return 0;
}

static void settle(void)
{
	struct timespec t = { settle_ms / 1000, settle_ms % 1000 * 1000000l };

	if (settle_ms)
		nanosleep(&t, NULL);
}

/* Somebody else writes, while nobody here has it open. */
static int op_server_change(void)
{
	uint64_t at, len;
	int s;

	if (!size)
		return NOT_NOW;
	some(&at, &len);
	tell("the server changes %llu, %llu bytes", (unsigned long long)at,
	     (unsigned long long)len);
	let_go();
	settle();
	s = open(server_path, O_WRONLY);
	if (s < 0)
		broken(server_path);
	new_bytes(at, len);
	if (pwrite(s, good + at, len, at) != (ssize_t)len)
		broken(server_path);
	if (one_in(3)) {
		uint64_t now = below(max_size);

		if (ftruncate(s, now))
			broken(server_path);
		set_size(now);
	}
	if (fsync(s) || close(s))
		broken(server_path);
	settle();
	reopen(one_in(4));
	return 0;
}

const struct op ops[NR_OPS] = {
	{ "read",	op_read,	24,	false },
	{ "read-all",	op_read_all,	6,	false },
	{ "map-read",	op_map_read,	8,	false },
	{ "write",	op_write,	16,	true },
	{ "map-write",	op_map_write,	8,	true },
	{ "cut",	op_cut,		3,	true },
	{ "grow",	op_grow,	3,	true },
	{ "cut-and-grow", op_cut_and_grow, 4,	true },
	{ "punch",	op_punch,	3,	true },
	{ "zero",	op_zero,	2,	true },
	{ "zero-keep",	op_zero_keep,	2,	true },
	{ "allocate",	op_allocate,	2,	true },
	{ "collapse",	op_collapse,	2,	true },
	{ "insert",	op_insert,	2,	true },
	{ "copy",	op_copy,	3,	true },
	{ "sync",	op_sync,	3,	true },
	{ "forget",	op_forget,	10,	false },
	{ "reopen",	op_reopen,	8,	false },
	{ "remount",	op_remount,	2,	false },
	{ "server-change", op_server_change, 1,	false },
};
