// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash-states.c - a cache in many states that a power cut may leave: each one judged
 *
 *   crash-states --disk FILE --device LOOP --mount DIR --log FILE --base FILE --tree TREE...
 *	[OPTION...]
 *
 *   --disk FILE	what LOOP shows: a file in memory. It gets one state after another
 *   --device LOOP	with XFS, on which DIR/cache is a cache, detached
 *   --mount DIR	where that is mounted
 *   --tree TREE	"TYPE SOURCE DIR OPTIONS GOOD": a mount through the cache, and the
 *			directory that holds what must be read there. No directories in it
 *   --log FILE		of dm-log-writes: a device, or what --keep has left
 *   --base FILE	what the disk held when the log began
 *   --states N		how many; 10
 *   --seed N		of the choice
 *   --only N		of these states, just this one
 *   --attach-ms N	the most that an attach may take; 1000
 *   --keep FILE	when a state fails: the log is FILE.log, and FILE.state has the options
 *			that choose this state of it
 *   --totals FILE	what was counted is added to what is there
 *   --leave		in the end leave one more state on the disk, as a crash would
 *
 * Each state (replay-log.c) is mounted, so that XFS recovers; cachectl's check must find
 * nothing wrong; the cache is attached, the trees are mounted, and all their files must
 * be what GOOD has; then everything is taken down, in order, and for one state in eight
 * the check must be content again, digests included. Files whose names begin with "keep"
 * are read first: they must be pinned, and nothing of them may come from the server.
 *
 * No program is started for a state: where the processor is emulated that would take
 * more time than all the rest. Exit: 0, 1: a state failed, 2: something else.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "libcachet.h"
#include "replay-log.h"

enum { MAX_TREES = 4, MAX_NAME = 64, UMOUNT_TRIES = 400 };

struct file {
	char name[MAX_NAME];
	uint8_t *good;
	size_t bytes;
};

struct tree {
	char *type, *source, *dir, *options, *good;
	struct file *file;
	unsigned int nr;
};

/* Times of each step, all states together. */
#define STEPS(X) X(build) X(mount) X(check) X(attach) X(trees) X(read) X(down)
enum step {
#define X(name) STEP_##name,
	STEPS(X)
#undef X
	NR_STEPS
};

/* What is counted; in the totals in this order. */
#define COUNTS(X) X(states) X(with_loss) X(at_risk) X(lost) X(torn) X(crashed) \
	X(verified) X(dropped) X(unacked) X(served) X(missed) X(pinned)
enum count {
#define X(name) COUNT_##name,
	COUNTS(X)
#undef X
	NR_COUNTS
};

static const char *disk_file, *device, *mount_dir, *log_file, *base_file, *keep_file, *totals_file;
static char cache_dir[256];
static unsigned long nr_states = 10, seed = 1, only, attach_ms = 1000;
static bool leave;
static struct tree tree[MAX_TREES];
static unsigned int nr_trees;
static struct replay replay;
static uint8_t *disk, *buf;
static size_t disk_bytes, buf_bytes;
static int dev = -1;

static unsigned long now_state;		/* From 1 on; 0: none */
static struct crash *crash;
static struct loss loss;
static uint64_t counts[NR_COUNTS], step_ns[NR_STEPS], step_began, slowest_attach;

/* ---- what is told ------------------------------------------------------- */

static void broken(const char *what)
{
	fprintf(stderr, "crash-states: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int kept(const char *suffix)
{
	char name[512];
	int fd;

	snprintf(name, sizeof(name), "%s.%s", keep_file, suffix);
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		broken(name);
	return fd;
}

/* What makes this state again: with the same base, log and seed there is no other. */
static void keep(void)
{
	uint64_t at = 0;
	ssize_t n;
	int fd = kept("log");

	for (; at < replay.log_bytes; at += n) {
		n = write(fd, replay.log + at, replay.log_bytes - at);
		if (n <= 0)
			broken("keep the log");
	}
	close(fd);
	fd = kept("state");
	dprintf(fd, "--seed %lu --states %lu --only %lu%s\n", seed, nr_states, now_state,
		leave ? " --leave" : "");
	close(fd);
}

/* The state is not what it should be. */
__attribute__((format(printf, 1, 2), noreturn))
static void failed(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "crash-states: state %lu of %lu, seed %lu: ", now_state, nr_states, seed);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	if (now_state) {
		fprintf(stderr, "\ncrash-states: the power went before entry %u of %u; of %u writes at risk %u were lost and %u torn, %u of 16 shares in pieces of 2^%u sectors",
			crash[now_state - 1].point, replay.nr, loss.at_risk, loss.lost, loss.torn,
			loss.share, loss.shift);
	}
	fprintf(stderr, "\n");
	if (now_state && keep_file)
		keep();
	exit(1);
}

static void begin(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	step_began = t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void took(enum step step)
{
	uint64_t began = step_began;

	begin();
	step_ns[step] += step_began - began;
}

/* ---- trees -------------------------------------------------------------- */

static uint8_t *read_file(int fd, size_t bytes, uint8_t *to)
{
	size_t done = 0;
	ssize_t n;

	while (done < bytes) {
		n = read(fd, to + done, bytes - done);
		if (n < 0)
			return NULL;
		if (!n)
			break;
		done += n;
	}
	memset(to + done, 0xee, bytes - done);
	return to;
}

static bool skip(const struct dirent *d)
{
	return !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..");
}

static void load_tree(struct tree *t)
{
	DIR *dir = opendir(t->good);
	struct dirent *d;
	struct stat st;
	int fd;

	if (!dir)
		broken(t->good);
	while ((d = readdir(dir))) {
		struct file *f;

		if (skip(d))
			continue;
		t->file = reallocarray(t->file, t->nr + 1, sizeof(*t->file));
		if (!t->file || strlen(d->d_name) >= MAX_NAME)
			broken(d->d_name);
		f = &t->file[t->nr++];
		strcpy(f->name, d->d_name);
		fd = openat(dirfd(dir), f->name, O_RDONLY);
		if (fd < 0 || fstat(fd, &st))
			broken(f->name);
		f->bytes = st.st_size;
		f->good = malloc(f->bytes + 1);
		if (!f->good || !read_file(fd, f->bytes, f->good))
			broken(f->name);
		close(fd);
		if (f->bytes > buf_bytes)
			buf_bytes = f->bytes;
	}
	closedir(dir);
	if (!t->nr) {
		errno = ENOENT;
		broken(t->good);
	}
}

static void compare(const struct tree *t, const struct file *f, size_t at, size_t bytes)
{
	const uint8_t *good = f->good + at;
	size_t i = 0, end, zero;

	if (!memcmp(buf, good, bytes))
		return;
	while (buf[i] == good[i])
		i++;
	for (end = i; end < bytes && buf[end] != good[end]; end++)
		;
	for (zero = i; zero < bytes && !buf[zero]; zero++)
		;
	failed("%s/%s, %zu bytes: wrong from byte %zu on: %zu bytes in a row, %zu of them zero",
	       t->dir, f->name, f->bytes, at + i, end - i, zero > end ? end - i : zero - i);
}

static void check_file(const struct tree *t, const struct file *f, uint64_t *rnd)
{
	char path[512];
	struct stat st;
	size_t at, n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->dir, f->name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		failed("%s: %s", path, strerror(errno));
	if ((size_t)st.st_size != f->bytes)
		failed("%s has %llu bytes, should have %zu", path, (unsigned long long)st.st_size,
		       f->bytes);
	/* For some, a part first: a block in doubt is verified whole even so. */
	if (f->bytes && !(draw(rnd) & 1)) {
		at = draw(rnd) % f->bytes;
		n = f->bytes - at < 5000 ? f->bytes - at : 5000;
		if (pread(fd, buf, n, at) != (ssize_t)n)
			failed("%s: %s", path, strerror(errno));
		compare(t, f, at, n);
	}
	if (!read_file(fd, f->bytes, buf))
		failed("%s: %s", path, strerror(errno));
	compare(t, f, 0, f->bytes);
	close(fd);
}

static void check_tree(const struct tree *t, uint64_t *rnd)
{
	unsigned int i, found = 0, first = draw(rnd) % t->nr;
	DIR *dir = opendir(t->dir);
	struct dirent *d;

	if (!dir)
		failed("%s: %s", t->dir, strerror(errno));
	while ((d = readdir(dir)))
		found += !skip(d);
	closedir(dir);
	if (found != t->nr)
		failed("%s has %u files, should have %u", t->dir, found, t->nr);
	for (i = 0; i < t->nr; i++)
		check_file(t, &t->file[(first + i) % t->nr], rnd);
}

static bool is_kept(const struct file *f)
{
	return !strncmp(f->name, "keep", 4);
}

static void check_pin(const struct tree *t, const struct file *f)
{
	static struct cachet_range range[64];
	struct cachet_object_stat s = { .nr_ranges = 64, .ranges = (uintptr_t)range };
	uint64_t pages = (f->bytes + CACHET_PAGE_BYTES - 1) / CACHET_PAGE_BYTES;
	char path[512];
	int err;

	snprintf(path, sizeof(path), "%s/%s", t->dir, f->name);
	s.fd = open(path, O_RDONLY);
	if (s.fd < 0)
		failed("%s: %s", path, strerror(errno));
	err = cachet_device_object_stat(dev, &s);
	if (err)
		failed("stat of %s: %s", path, strerror(-err));
	if (!(s.flags & CACHET_STAT_PINNED) || s.pinned_pages != pages)
		failed("%s was pinned: it %s, and %llu of %llu pages stay", path,
		       s.flags & CACHET_STAT_PINNED ? "is" : "is not", ULL(s.pinned_pages),
		       ULL(pages));
	close(s.fd);
}

/* With patience, for what closes files late. */
static void unmount(const char *dir)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int i;

	for (i = 0; umount(dir); i++) {
		if (errno != EBUSY || i == UMOUNT_TRIES)
			failed("umount %s: %s", dir, strerror(errno));
		nanosleep(&pause, NULL);
	}
}

/* ---- one state ---------------------------------------------------------- */

static void found(void *arg, const struct cachet_finding *f)
{
	(void)arg;
	if (!f->harmless)
		fprintf(stderr, "crash-states: check: %s at %llu: %s\n",
			cachet_file_names[f->file], ULL(f->pos), f->text);
}

static void check(const char *when, bool digests)
{
	struct cachet_check c = { .dir = cache_dir, .digests = digests, .found = found };
	struct cachet_why why = {};
	int err = cachet_check_run(&c, &why);

	if (err || c.nr_left)
		failed("check %s: %d, %llu errors: %s", when, err, ULL(c.nr_left), why.text);
}

static void count_status(const char *tag)
{
	struct cachet_status s;
	int err = cachet_device_status(dev, tag, &s);

	if (err)
		failed("status: %s", strerror(-err));
	if (s.flags & CACHET_STATUS_OUT)
		failed("the cache is out of service: %s", strerror(-s.error));
	counts[COUNT_crashed] += !!(s.flags & CACHET_STATUS_CRASHED);
	counts[COUNT_verified] += cachet_counter_get(&s, CACHET_COUNTER_suspect_verified);
	counts[COUNT_dropped] += cachet_counter_get(&s, CACHET_COUNTER_suspect_dropped);
	counts[COUNT_unacked] += cachet_counter_get(&s, CACHET_COUNTER_lookups_unacked);
	counts[COUNT_served] += cachet_counter_get(&s, CACHET_COUNTER_bytes_read);
	counts[COUNT_missed] += cachet_counter_get(&s, CACHET_COUNTER_bytes_missed);
	if (cachet_counter_get(&s, CACHET_COUNTER_io_errors))
		failed("I/O errors");
}

/* What was pinned before all this began. */
static void check_kept(const char *tag, uint64_t *rnd)
{
	const struct tree *t;
	const struct file *f;
	struct cachet_status s;
	int err;

	for (t = tree; t < tree + nr_trees; t++)
		for (f = t->file; f < t->file + t->nr; f++)
			if (is_kept(f))
				check_file(t, f, rnd);
	err = cachet_device_status(dev, tag, &s);
	if (err || cachet_counter_get(&s, CACHET_COUNTER_bytes_missed))
		failed("%llu bytes of pinned files came from the server",
		       ULL(cachet_counter_get(&s, CACHET_COUNTER_bytes_missed)));
	for (t = tree; t < tree + nr_trees; t++) {
		for (f = t->file; f < t->file + t->nr; f++) {
			if (!is_kept(f))
				continue;
			check_pin(t, f);
			counts[COUNT_pinned] += f->bytes;
		}
	}
}

static void judge(uint64_t rnd)
{
	const struct cachet_attach_options options = { .commit_ms = draw(&rnd) & 1 ? 100 : 0 };
	struct cachet_why why = {};
	unsigned int i, first = draw(&rnd) % nr_trees;
	char tag[CACHET_TAG_MAX];
	u64 took_ns;
	int err;

	if (mount(device, mount_dir, "xfs", MS_NOATIME, NULL))
		failed("mount %s: %s", mount_dir, strerror(errno));
	took(STEP_mount);
	check("as it is", false);
	took(STEP_check);
	err = cachet_attach_dir(dev, cache_dir, &options, tag, &took_ns, &why);
	if (err)
		failed("attach: %s", why.text);
	if (took_ns / 1000000 > attach_ms)
		failed("attached in %llu ms, %lu at most", ULL(took_ns / 1000000), attach_ms);
	if (took_ns > slowest_attach)
		slowest_attach = took_ns;
	took(STEP_attach);
	for (i = 0; i < nr_trees; i++)
		if (mount(tree[i].source, tree[i].dir, tree[i].type, MS_NOATIME, tree[i].options))
			failed("mount %s: %s", tree[i].dir, strerror(errno));
	took(STEP_trees);
	check_kept(tag, &rnd);
	for (i = 0; i < nr_trees; i++)
		check_tree(&tree[(first + i) % nr_trees], &rnd);
	took(STEP_read);
	count_status(tag);
	for (i = 0; i < nr_trees; i++)
		unmount(tree[i].dir);
	err = cachet_device_detach(dev, tag);
	if (err)
		failed("detach: %s", strerror(-err));
	took(STEP_down);
	if (!(draw(&rnd) % 8))
		check("after the detach", true);
	took(STEP_check);
	unmount(mount_dir);
	took(STEP_down);
}

static void all_states(void)
{
	unsigned long i;

	crash = calloc(nr_states + 1, sizeof(*crash));
	if (!crash)
		broken("memory");
	replay_choose(&replay, seed, nr_states + leave, crash);
	for (i = 0; i < nr_states + leave; i++) {
		if (only && i + 1 != only)
			continue;
		now_state = i + 1;
		begin();
		if (replay_state(&replay, &crash[i], disk, &loss))
			exit(2);
		took(STEP_build);
		if (i == nr_states)
			break;
		judge(crash[i].seed);
		counts[COUNT_states]++;
		counts[COUNT_with_loss] += loss.sectors > 0;
		counts[COUNT_at_risk] += loss.at_risk;
		counts[COUNT_lost] += loss.lost;
		counts[COUNT_torn] += loss.torn;
	}
}

/* ---- before and after --------------------------------------------------- */

static void report(void)
{
	static const char *const steps[] = {
#define X(name) #name,
		STEPS(X)
#undef X
	};
	unsigned long n = counts[COUNT_states];
	unsigned int i;

	printf("%lu states of %u log entries, %llu with losses: of %llu writes at risk %llu lost, %llu torn\n",
	       n, replay.nr, ULL(counts[COUNT_with_loss]), ULL(counts[COUNT_at_risk]),
	       ULL(counts[COUNT_lost]), ULL(counts[COUNT_torn]));
	printf("%llu bytes from the cache, %llu of them pinned, %llu from the server; suspect blocks: %llu verified, %llu dropped; %llu files with local writes dropped\n",
	       ULL(counts[COUNT_served]), ULL(counts[COUNT_pinned]), ULL(counts[COUNT_missed]), ULL(counts[COUNT_verified]),
	       ULL(counts[COUNT_dropped]), ULL(counts[COUNT_unacked]));
	printf("ms for each state:");
	for (i = 0; i < NR_STEPS && n; i++)
		printf(" %s %.1f", steps[i], step_ns[i] / 1e6 / n);
	printf("; slowest attach %.1f\n", slowest_attach / 1e6);
}

static void add_totals(void)
{
	unsigned long long was;
	unsigned int i;
	FILE *f = fopen(totals_file, "r");

	for (i = 0; f && i < NR_COUNTS && fscanf(f, "%llu", &was) == 1; i++)
		counts[i] += was;
	if (f)
		fclose(f);
	f = fopen(totals_file, "w");
	for (i = 0; f && i < NR_COUNTS; i++)
		fprintf(f, "%llu ", ULL(counts[i]));
	if (!f || fputs("\n", f) < 0 || fclose(f))
		broken(totals_file);
}

static void add_tree(char *text)
{
	struct tree *t = &tree[nr_trees];
	char **const word[] = { &t->type, &t->source, &t->dir, &t->options, &t->good };
	unsigned int i;

	for (i = 0; nr_trees < MAX_TREES && i < 5; i++) {
		*word[i] = strtok(i ? NULL : text, " ");
		if (!*word[i])
			break;
	}
	if (i < 5) {
		fprintf(stderr, "crash-states: --tree 'TYPE SOURCE DIR OPTIONS GOOD', %d at most\n",
			MAX_TREES);
		exit(2);
	}
	nr_trees++;
	load_tree(t);
}

static unsigned long number(const char *arg)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 0);

	if (*end || end == arg) {
		fprintf(stderr, "crash-states: '%s' is no number\n", arg);
		exit(2);
	}
	return n;
}

static void map_disk(void)
{
	struct stat st;
	int fd = open(disk_file, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		broken(disk_file);
	disk_bytes = st.st_size;
	disk = mmap(NULL, disk_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (disk == MAP_FAILED)
		broken(disk_file);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "disk",	required_argument,	NULL, 'd' },
		{ "device",	required_argument,	NULL, 'D' },
		{ "mount",	required_argument,	NULL, 'm' },
		{ "tree",	required_argument,	NULL, 't' },
		{ "log",	required_argument,	NULL, 'l' },
		{ "base",	required_argument,	NULL, 'b' },
		{ "states",	required_argument,	NULL, 'n' },
		{ "seed",	required_argument,	NULL, 's' },
		{ "only",	required_argument,	NULL, 'o' },
		{ "attach-ms",	required_argument,	NULL, 'a' },
		{ "keep",	required_argument,	NULL, 'k' },
		{ "totals",	required_argument,	NULL, 'T' },
		{ "leave",	no_argument,		NULL, 'L' },
		{}
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'd':
			disk_file = optarg;
			break;
		case 'D':
			device = optarg;
			break;
		case 'm':
			mount_dir = optarg;
			break;
		case 't':
			add_tree(optarg);
			break;
		case 'l':
			log_file = optarg;
			break;
		case 'b':
			base_file = optarg;
			break;
		case 'n':
			nr_states = number(optarg);
			break;
		case 's':
			seed = number(optarg);
			break;
		case 'o':
			only = number(optarg);
			break;
		case 'a':
			attach_ms = number(optarg);
			break;
		case 'k':
			keep_file = optarg;
			break;
		case 'T':
			totals_file = optarg;
			break;
		case 'L':
			leave = true;
			break;
		default:
			return 2;
		}
	}
	if (optind != argc || !disk_file || !device || !mount_dir || !nr_trees ||
	    !log_file || !base_file) {
		fprintf(stderr, "usage: crash-states --disk FILE --device LOOP --mount DIR --log FILE --base FILE --tree TREE... [OPTION...]\n");
		return 2;
	}
	snprintf(cache_dir, sizeof(cache_dir), "%s/cache", mount_dir);
	map_disk();
	buf = malloc(buf_bytes + 1);
	if (!buf)
		broken("memory");
	errno = -cachet_device_open(0, &dev);
	if (errno)
		broken(CACHET_DEVICE);
	if (replay_open(&replay, log_file, base_file))
		return 2;
	if (replay.bytes != disk_bytes) {
		fprintf(stderr, "crash-states: %s and %s differ in size\n", base_file, disk_file);
		return 2;
	}
	all_states();
	report();
	if (totals_file)
		add_totals();
	return 0;
}
