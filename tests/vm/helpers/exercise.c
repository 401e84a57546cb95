// SPDX-License-Identifier: GPL-2.0-only
/*
 * exercise.c - random operations on one file of a network filesystem, all compared
 *
 *   exercise [OPTION...] FILE
 *
 *   --ops N		how many; 1000
 *   --seed N		of all that is chosen; the same run for the same seed
 *   --size BYTES	the most that the file grows to; 262144
 *   --server FILE	the same file where the server has it: changed there at times, and
 *			compared when the client has let go of it
 *   --remount COMMAND	unmounts and mounts again; the file is closed meanwhile
 *   --settle MS	to wait before and after a change at the server, for protocols that
 *			tell one version from another by its time; 0
 *   --without OP[,OP]	leave these out
 *   --refused OP[,OP]	what the filesystem refuses: these, and no others
 *   --forget-after OP[,OP]	what is in memory, at once: where the client itself keeps what it
 *			should not
 *   --verbose		each operation as it is done
 *
 * What the file must hold is kept in memory. It is written, mapped, cut, grown, punched,
 * zeroed, allocated, collapsed, shifted, copied within, closed, opened, forgotten by the
 * page cache, changed at the server; and read, in part or whole, by read(2) and mapped, in
 * the manner of fsx.
 *
 * Each operation that is to be refused (EOPNOTSUPP, EINVAL, ENOSYS) is tried first, and then
 * left out. If it is done, or another is refused, that is a failure: what is tested is what
 * the caller believes. Exit: 0: all was right; 1: a wrong byte, with the last operations; 2:
 * something else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, LOG_LINES = 40, LOG_WIDTH = 120 };

static const char *path, *server_path, *remount, *without = "", *to_refuse = "", *forget_after = "";
static uint64_t state = 1, max_size = 262144;
static unsigned int settle_ms;
static bool verbose;

static unsigned char *good;		/* What the file must hold: max_size bytes */
static unsigned char *buf;
static uint64_t size;			/* Of the file */
static int fd = -1;
static bool writable;			/* How it is open */
static unsigned int only_reads;		/* Operations for which it stays so */
static unsigned long op_nr;
static char lines[LOG_LINES][LOG_WIDTH];
static unsigned long counts[32];
static bool left_out[32];

static uint64_t rnd(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t below(uint64_t n)
{
	return n ? rnd() % n : 0;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

/* ---- what is told ------------------------------------------------------- */

static void tell(const char *fmt, ...)
{
	char *line = lines[op_nr % LOG_LINES];
	va_list ap;
	int n = snprintf(line, LOG_WIDTH, "%6lu ", op_nr);

	va_start(ap, fmt);
	vsnprintf(line + n, LOG_WIDTH - n, fmt, ap);
	va_end(ap);
	if (verbose)
		fprintf(stderr, "%s\n", line);
}

static void last_lines(void)
{
	unsigned long n = op_nr < LOG_LINES ? 0 : op_nr - LOG_LINES + 1;

	for (; n <= op_nr; n++)
		if (*lines[n % LOG_LINES])
			fprintf(stderr, "  %s\n", lines[n % LOG_LINES]);
}

static void broken(const char *what)
{
	fprintf(stderr, "exercise: %s: %s\n", what, strerror(errno));
	last_lines();
	exit(2);
}

static void wrong(const char *how, uint64_t at, uint64_t len, const unsigned char *got)
{
	uint64_t i, n, server_bad = 0;
	static unsigned char there[PAGE];
	int s;

	for (i = 0; got[i] == good[at + i]; i++)
		;
	for (n = 0; i + n < len && got[i + n] != good[at + i + n]; n++)
		;
	fprintf(stderr, "exercise: %s: wrong from byte %llu on, %llu or more: %02x, should be %02x; the file has %llu bytes\n",
		how, (unsigned long long)(at + i), (unsigned long long)n, got[i], good[at + i],
		(unsigned long long)size);
	s = server_path ? open(server_path, O_RDONLY) : -1;
	if (s >= 0 && pread(s, there, 1, at + i) == 1) {
		server_bad = there[0] != good[at + i];
		fprintf(stderr, "exercise: the server has %02x there%s\n", there[0],
			server_bad ? ": it is wrong, too" : "");
	}
	last_lines();
	exit(1);
}

static void compare(const char *how, uint64_t at, uint64_t len, const unsigned char *got)
{
	if (memcmp(got, good + at, len))
		wrong(how, at, len, got);
}

/* ---- the file ----------------------------------------------------------- */

static void reopen(bool write)
{
	if (fd >= 0 && close(fd))
		broken("close");
	fd = open(path, write ? O_RDWR : O_RDONLY);
	if (fd < 0)
		broken("open");
	writable = write;
}

static void need_writable(void)
{
	if (!writable)
		reopen(true);
}

static void set_size(uint64_t now)
{
	if (now > size)
		memset(good + size, 0, now - size);
	else
		memset(good + now, 0, size - now);
	size = now;
}

static void check_size(void)
{
	struct stat st;

	if (fstat(fd, &st))
		broken("fstat");
	if ((uint64_t)st.st_size == size)
		return;
	fprintf(stderr, "exercise: the file has %lld bytes, should have %llu\n",
		(long long)st.st_size, (unsigned long long)size);
	last_lines();
	exit(1);
}

static void read_range(const char *how, uint64_t at, uint64_t len)
{
	uint64_t done = 0;
	ssize_t n;

	while (done < len) {
		n = pread(fd, buf + done, len - done, at + done);
		if (n < 0)
			broken("read");
		if (!n)
			break;
		done += n;
	}
	if (done != len) {
		fprintf(stderr, "exercise: %s: %llu bytes at %llu, should be %llu\n", how,
			(unsigned long long)done, (unsigned long long)at, (unsigned long long)len);
		last_lines();
		exit(1);
	}
	compare(how, at, len, buf);
}

static void forget(void)
{
	int f;

	if (writable && fdatasync(fd))
		broken("fdatasync");
	if (posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED))
		broken("fadvise");
	if (!one_in(4))
		return;
	f = open("/proc/sys/vm/drop_caches", O_WRONLY);
	if (f >= 0) {
		if (write(f, "3", 1) != 1)
			broken("drop_caches");
		close(f);
	}
}

/* A range of the file as it is: at least one byte. */
static void some(uint64_t *at, uint64_t *len)
{
	*at = below(size);
	if (one_in(3))
		*at = *at / PAGE * PAGE;
	*len = 1 + below(one_in(4) ? size - *at : (uint64_t)3 * PAGE);
	if (*len > size - *at)
		*len = size - *at;
}

static void new_bytes(uint64_t at, uint64_t len)
{
	uint64_t i, v = rnd();

	for (i = 0; i < len; i++) {
		if (!(i & 7))
			v = rnd();
		good[at + i] = v >> 8 * (i & 7);
	}
}

/* ---- operations: each returns 0, NOT_NOW, or -errno when it is refused --- */

enum { NOT_NOW = 1 };		/* The file is not such that it could be tried */

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

static const struct op {
	const char *name;
	int	(*fn)(void);
	unsigned int weight;
	bool	writes;
} ops[] = {
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
enum { NR_OPS = sizeof(ops) / sizeof(ops[0]) };

static bool among(const char *names, const char *name)
{
	const char *p = names;
	size_t n = strlen(name);

	while ((p = strstr(p, name))) {
		if ((p == names || p[-1] == ',') && (!p[n] || p[n] == ','))
			return true;
		p += n;
	}
	return false;
}

static void check_names(const char *names)
{
	char *copy = strdup(names), *name;
	unsigned int i;

	if (!copy)
		broken("memory");
	for (name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
		for (i = 0; i < NR_OPS && strcmp(name, ops[i].name); i++)
			;
		if (i == NR_OPS) {
			fprintf(stderr, "exercise: there is no operation '%s'\n", name);
			exit(2);
		}
	}
	free(copy);
}

static const struct op *choose(void)
{
	unsigned int i, all = 0, n;

	if (only_reads)
		only_reads--;
	for (i = 0; i < NR_OPS; i++)
		all += left_out[i] || (ops[i].writes && only_reads) ? 0 : ops[i].weight;
	n = below(all);
	for (i = 0; ; i++) {
		if (left_out[i] || (ops[i].writes && only_reads))
			continue;
		if (n < ops[i].weight)
			return &ops[i];
		n -= ops[i].weight;
	}
}

static bool is_refusal(int ret)
{
	return ret == -EOPNOTSUPP || ret == -EINVAL || ret == -ENOSYS;
}

/* What is to be refused, with a file that is large enough for anything. */
static void try_refused(void)
{
	unsigned int i, tries;
	int ret;

	while (*to_refuse && size < max_size / 2)
		op_write();
	for (i = 0; i < NR_OPS; i++) {
		if (!among(to_refuse, ops[i].name))
			continue;
		for (tries = 0, ret = NOT_NOW; tries < 100 && ret == NOT_NOW; tries++)
			ret = ops[i].fn();
		if (!is_refusal(ret)) {
			fprintf(stderr, "exercise: %s is not refused: %s\n", ops[i].name,
				ret < 0 ? strerror(-ret) : ret ? "not tried" : "done");
			exit(2);
		}
		left_out[i] = true;
	}
}

static void exercise(unsigned long nr)
{
	const struct op *op;
	int ret;

	for (op_nr = 1; op_nr <= nr; op_nr++) {
		op = choose();
		if (op->writes)
			need_writable();
		ret = op->fn();
		if (ret < 0) {
			errno = -ret;
			broken(op->name);
		}
		counts[op - ops] += ret != NOT_NOW;
		if (fd >= 0 && among(forget_after, op->name))
			forget();
		if (one_in(8) && fd >= 0)
			check_size();
	}
	op_nr--;
	reopen(false);
	forget();
	read_range("in the end", 0, size);
}

static uint64_t number(const char *arg)
{
	char *end;
	uint64_t n = strtoull(arg, &end, 0);

	if (*end || end == arg) {
		fprintf(stderr, "exercise: '%s' is no number\n", arg);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "ops",	required_argument,	NULL, 'n' },
		{ "seed",	required_argument,	NULL, 's' },
		{ "size",	required_argument,	NULL, 'z' },
		{ "server",	required_argument,	NULL, 'f' },
		{ "remount",	required_argument,	NULL, 'r' },
		{ "settle",	required_argument,	NULL, 't' },
		{ "without",	required_argument,	NULL, 'w' },
		{ "refused",	required_argument,	NULL, 'x' },
		{ "forget-after", required_argument,	NULL, 'a' },
		{ "verbose",	no_argument,		NULL, 'v' },
		{}
	};
	unsigned long nr = 1000;
	unsigned int i;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'n':
			nr = number(optarg);
			break;
		case 's':
			state = number(optarg);
			break;
		case 'z':
			max_size = number(optarg);
			break;
		case 'f':
			server_path = optarg;
			break;
		case 'r':
			remount = optarg;
			break;
		case 't':
			settle_ms = number(optarg);
			break;
		case 'w':
			without = optarg;
			break;
		case 'x':
			to_refuse = optarg;
			break;
		case 'a':
			forget_after = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc - 1 || max_size < PAGE) {
		fprintf(stderr, "usage: exercise [OPTION...] FILE\n");
		return 2;
	}
	check_names(without);
	check_names(to_refuse);
	check_names(forget_after);
	path = argv[optind];
	good = calloc(1, max_size);
	buf = malloc(max_size);
	if (!good || !buf)
		broken("memory");
	for (i = 0; i < NR_OPS; i++)
		left_out[i] = among(without, ops[i].name) ||
			(ops[i].fn == op_remount && !remount) ||
			(ops[i].fn == op_server_change && !server_path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		broken(path);
	writable = true;
	try_refused();
	exercise(nr);
	for (i = 0; i < NR_OPS; i++)
		printf("%s%s %lu", i ? ", " : "", ops[i].name, counts[i]);
	printf("\n");
	for (i = 0; i < NR_OPS; i++)
		if (left_out[i])
			printf("not done: %s\n", ops[i].name);
	return 0;
}
