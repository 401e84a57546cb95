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
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "exercise.h"

enum { LOG_LINES = 40, LOG_WIDTH = 120 };

const char *server_path, *remount;
uint64_t max_size = 262144;
unsigned int settle_ms;
unsigned char *good, *buf;
uint64_t size;
int fd = -1;
unsigned int only_reads;

static const char *path, *without = "", *to_refuse = "", *forget_after = "";
static uint64_t state = 1;
static bool verbose, writable;
static unsigned long op_nr;
static char lines[LOG_LINES][LOG_WIDTH];
static unsigned long counts[NR_OPS];
static bool left_out[NR_OPS];

static uint64_t rnd(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint64_t below(uint64_t n)
{
	return n ? rnd() % n : 0;
}

bool one_in(unsigned int n)
{
	return !below(n);
}

/* ---- what is told ------------------------------------------------------- */

void tell(const char *fmt, ...)
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

void last_lines(void)
{
	unsigned long n = op_nr < LOG_LINES ? 0 : op_nr - LOG_LINES + 1;

	for (; n <= op_nr; n++)
		if (*lines[n % LOG_LINES])
			fprintf(stderr, "  %s\n", lines[n % LOG_LINES]);
}

void broken(const char *what)
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

void compare(const char *how, uint64_t at, uint64_t len, const unsigned char *got)
{
	if (memcmp(got, good + at, len))
		wrong(how, at, len, got);
}

/* ---- the file ----------------------------------------------------------- */

void reopen(bool write)
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

void set_size(uint64_t now)
{
	if (now > size)
		memset(good + size, 0, now - size);
	else
		memset(good + now, 0, size - now);
	size = now;
}

void check_size(void)
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

void read_range(const char *how, uint64_t at, uint64_t len)
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

void forget(void)
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
void some(uint64_t *at, uint64_t *len)
{
	*at = below(size);
	if (one_in(3))
		*at = *at / PAGE * PAGE;
	*len = 1 + below(one_in(4) ? size - *at : (uint64_t)3 * PAGE);
	if (*len > size - *at)
		*len = size - *at;
}

void new_bytes(uint64_t at, uint64_t len)
{
	uint64_t i, v = rnd();

	for (i = 0; i < len; i++) {
		if (!(i & 7))
			v = rnd();
		good[at + i] = v >> 8 * (i & 7);
	}
}

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

/* The place of an operation, or NR_OPS. */
static unsigned int named(const char *name)
{
	unsigned int i;

	for (i = 0; i < NR_OPS && strcmp(name, ops[i].name); i++)
		;
	return i;
}

static void check_names(const char *names)
{
	char *copy = strdup(names), *name;

	if (!copy)
		broken("memory");
	for (name = strtok(copy, ","); name; name = strtok(NULL, ",")) {
		if (named(name) == NR_OPS) {
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
		ops[named("write")].fn();
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
			(!strcmp(ops[i].name, "remount") && !remount) ||
			(!strcmp(ops[i].name, "server-change") && !server_path);
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
