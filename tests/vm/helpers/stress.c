// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress.c - many processes read and change files of network filesystems, all is checked
 *
 *   stress [OPTION...] KIND:SERVER-DIR:DIR[:WITHOUT,...]...
 *
 *   --seconds N		how long; 60. Up to three times as long, until all kinds of
 *			operations have come
 *   --seed N		of all that is chosen, as far as it is not left to the scheduler
 *   --workers N		processes; 8
 *   --big BYTES		size of the largest files; 4 MiB. There are four sizes, to 16 KiB
 *   --umount COMMAND	between two stages: unmounts all of them
 *   --mount COMMAND	and mounts them again
 *   --stage SECONDS	how long a stage is; 12
 *   --stuck SECONDS	without progress of a process; 120
 *   --hog MIB		leave so much memory, at times; 0: all
 *   --locks DIR		has a file nfs-f0a for /mnt/nfs/f0a. A process that has a file open
 *			holds a shared lock of it, flock(2), and one that changes its size
 *			from here an exclusive one, until that is synced
 *   --map-by-kernel	mappings are read through /proc/self/mem: see map_read()
 *   --total FILE		write there how many operations there were
 *
 * DIR is SERVER-DIR, mounted. KIND is nfs, smb or 9p; it says what is done to the files, but
 * for what is named in WITHOUT, as it stands in the table at the end, or "changes", or
 * "changes by both":
 *
 *   nfs	changed by the server itself, while they are open here; or here; or by both, one
 *	after the other. Who opens a file sees at least what was done then (close-to-open)
 *   smb	changed here. Nobody tells a client of SMB at once what another one has done
 *   9p	changed here, and not punched. This server gives all versions one number
 *
 * What is changed here everybody here sees at once. In between, one page cache is dropped,
 * memory is taken and given back. After each stage all is unmounted: then each file must be
 * on the server exactly what it should be; and is read, in part, when it is mounted again
 * and nobody writes.
 *
 * See stress.h for how it is known what a file may hold. Exit: 0: all was right; 1: a wrong
 * byte, told with what was expected; 2: something else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

enum {
	MAX_WORKERS = 32,
	MAX_FILES = 256,
	WINDOW_SECONDS = 5,	/* See choose_file() */
};

#define X(name, word, kinds) word,
static const char *const op_names[] = { OPS(X) };
#undef X
#define X(name, word, kinds) kinds,
static const unsigned int op_kinds[] = { OPS(X) };
#undef X

static struct mount {
	unsigned int kind;	/* BIT_NFS, ... */
	const char *server;
	const char *dir;
	uint32_t ops;		/* That are done to its files: 1 << OP_... */
	bool	still;		/* None is changed */
	bool	apart;		/* None is changed here and by the server */
} mounts[MAX_MOUNTS];
static unsigned int nr_mounts, nr_workers = 8;
static unsigned int seconds = 60, stage_seconds = 12, stuck_seconds = 120, margin_mib;
static uint64_t seed = 1;
uint64_t big = 4 << 20;
static const char *umount_command, *mount_command, *total_file, *locks;
bool map_by_kernel;

static struct worker *workers, *me;

struct shared *shared;

static struct file *files;
static unsigned int nr_files;

/* ---- telling ------------------------------------------------------------ */

double uptime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* The first failure of all processes is told, and ends them all; others wait for that. */
static bool first_to_fail(void)
{
	unsigned int i;

	if (!atomic_flag_test_and_set(&shared->failing))
		return true;
	for (i = 0; i < 200 && !atomic_load(&shared->failed); i++)
		nap(100);
	return false;
}

static void fail_with(int code)
{
	fflush(NULL);
	atomic_store(&shared->failed, code);
	atomic_store(&shared->stop, true);
	_exit(code);
}

void broken(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	if (first_to_fail()) {
		fprintf(stderr, "stress: [%.3f] seed %llu, pid %d: ", uptime(),
			(unsigned long long)seed, getpid());
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fprintf(stderr, ": %s\n", strerror(err));
	}
	fail_with(2);
	__builtin_unreachable();
}

static bool in_memory(int fd, uint64_t page_at)
{
	unsigned char there = 0;
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, page_at);

	if (map == MAP_FAILED)
		return false;
	mincore(map, 4096, &there);
	munmap(map, 4096);
	return there & 1;
}

/* The sectors in which a file is not what the server has, now that nobody changes it. */
static void tell_differences(const struct file *f)
{
	static unsigned char here[SECTOR], there[SECTOR];
	int a = open(f->path, O_RDONLY), b = open(f->server_path, O_RDONLY);
	uint32_t s, first = 0, nr = 0, told = 0;
	bool differs;

	for (s = 0; a >= 0 && b >= 0 && s <= f->max && told < 8; s++) {
		ssize_t n = pread(a, here, SECTOR, (off_t)s * SECTOR);

		differs = s < f->max && (n != pread(b, there, SECTOR, (off_t)s * SECTOR) ||
					 (n > 0 && memcmp(here, there, n)));
		if (differs && !nr++)
			first = s;
		if (differs || !nr)
			continue;
		fprintf(stderr, "  sectors %u to %u differ from the server's\n", first, s);
		nr = 0;
		told++;
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
}

/* What else can be found out about a place where a wrong byte was. */
static void look_again(uint64_t at, const char *how, const char *path, int flags, bool forget)
{
	static unsigned char page[4096] __attribute__((aligned(4096)));
	uint64_t page_at = at & ~4095ull, word;
	ssize_t n;
	int fd = open(path, O_RDONLY | flags);

	if (fd >= 0 && forget) {
		posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
		if (in_memory(fd, page_at))
			fprintf(stderr, "  its page can't be forgotten now\n");
	}
	n = fd < 0 ? -1 : pread(fd, page, sizeof(page), page_at);
	if (n < 0) {
		fprintf(stderr, "  %s: %s\n", how, strerror(errno));
	} else if (page_at + n < at + 8) {
		fprintf(stderr, "  %s: it ends at byte %llu\n", how, (unsigned long long)(page_at + n));
	} else {
		memcpy(&word, page + (at - page_at), 8);
		fprintf(stderr, "  %s: version %u (%016llx)\n", how, (uint32_t)(word >> 32),
			(unsigned long long)word);
	}
	if (fd >= 0)
		close(fd);
}

void wrong_bytes(const struct look *look, const struct wrong *w)
{
	uint64_t at = (uint64_t)w->sector * SECTOR + w->word * 8;
	static const char *const kinds[] = { "never changed", "changed here", "changed by the server",
					     "changed here and by the server" };
	const struct file *f = look->f;
	unsigned int i;
	char text[512];

	if (!first_to_fail())
		fail_with(1);
	sectors_explain(files, nr_files, f, w, text, sizeof(text));
	fprintf(stderr, "stress: [%.3f] seed %llu, pid %d, %s: WRONG: %s\n  (%s; %s)\n", uptime(),
		(unsigned long long)seed, getpid(), look->how, text, kinds[f->kind],
		me ? me->doing : "between two stages");
	for (i = f->nr_events < HISTORY ? 0 : f->nr_events - HISTORY; i < f->nr_events; i++) {
		const struct event *e = &f->history[i % HISTORY];

		fprintf(stderr, "  [%.3f, %.3f s] pid %d: %s\n", e->when, e->took, e->pid, e->what);
	}
	look_again(at, "the server has", f->server_path, 0, false);
	look_again(at, "read again", f->path, 0, false);
	look_again(at, "forgotten and read again", f->path, 0, true);
	look_again(at, "read with O_DIRECT", f->path, O_DIRECT, false);
	tell_differences(f);
	fflush(NULL);
	snprintf(text, sizeof(text), "cachectl stat %s >&2", f->path);
	if (system(text))
		fprintf(stderr, "  what is cached of it is not known\n");
	fail_with(1);
	__builtin_unreachable();
}

void doing(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(me->doing, sizeof(me->doing), fmt, ap);
	va_end(ap);
}

/*
 * Most look at a third of the files, which moves on: what nobody has open for ten seconds
 * fscache withdraws, and looks up again.
 */
static struct file *choose_file(void)
{
	struct timespec t;
	unsigned int base;

	if (one_in(16))
		return &files[below(nr_files)];
	clock_gettime(CLOCK_MONOTONIC, &t);
	/* The files of all mounts lie mixed: see make_files(). */
	base = t.tv_sec / WINDOW_SECONDS * (nr_files / 5);
	return &files[(base + below(nr_files / 3 + 1)) % nr_files];
}

/* ---- processes ---------------------------------------------------------- */

static void child(unsigned int i, void (*run)(void))
{
	struct worker *w = &workers[i];
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		broken("fork");
	if (pid) {
		w->pid = pid;
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	me = w;
	ops_begin(seed * 1000 + i);
	run();
	_exit(0);
}

/* To be closed, or -1 if files have no locks. */
static int lock(const struct file *f, int how)
{
	int fd;

	if (!locks)
		return -1;
	doing("%s: its lock", f->path);
	fd = open(f->lock_path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		broken("%s", f->lock_path);
	while (flock(fd, how))
		if (errno != EINTR)
			broken("%s: flock", f->lock_path);
	return fd;
}

static void turn(struct file *f)
{
	bool change = f->kind != STILL && one_in(3) && !atomic_flag_test_and_set(&f->busy);
	bool at_server = change && (f->kind == SERVER || (f->kind == MIXED && one_in(2)));
	bool may_resize = at_server || !locks || one_in(2);
	int fd = lock(f, change && may_resize && !at_server ? LOCK_EX : LOCK_SH);

	if (change) {
		change_turn(f, at_server, may_resize);
		atomic_flag_clear(&f->busy);
	} else {
		read_turn(f);
	}
	if (fd >= 0)
		close(fd);
}

static void work(void)
{
	while (!atomic_load(&shared->stop)) {
		atomic_store(&me->idle, false);
		if (atomic_load(&shared->pause)) {
			atomic_store(&me->idle, true);
			nap(5);
			atomic_fetch_add(&me->turns, 1);
			continue;
		}
		turn(choose_file());
		atomic_fetch_add(&me->turns, 1);
		doing("-");
	}
	atomic_store(&me->idle, true);
}

/*
 * Without it most would be read from memory. Not slabs, too: that shrinks the sessions of
 * the NFS server, which under load comes to a stand. 4: no lines in the kernel's log.
 */
static void drop_pages(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0 || pwrite(fd, "4", 1, 0) != 1)
		broken("drop_caches");
	while (!atomic_load(&shared->stop)) {
		nap(50 + below(400));
		if (pwrite(fd, "1", 1, 0) != 1)
			broken("drop_caches");
		atomic_fetch_add(&shared->dropped, 1);
		atomic_fetch_add(&me->turns, 1);
	}
}

static unsigned long available_mib(void)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long kib = 0;
	char line[100];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu", &kib) == 1)
			break;
	if (f)
		fclose(f);
	return kib / 1024;
}

/*
 * So that memory is short, and pages are taken by who needs them, not by drop_caches only.
 * Nothing is mapped, which in UML would take a mapping of the host for each page.
 */
static void hog(void)
{
	enum { SHARE_MIB = 8, MIB = 1 << 20 };
	int fd = memfd_create("hog", 0);

	if (fd < 0)
		broken("memory");
	while (!atomic_load(&shared->stop)) {
		unsigned long took = 0;

		while (available_mib() > margin_mib + SHARE_MIB && !atomic_load(&shared->stop)) {
			if (fallocate(fd, 0, (off_t)took * MIB, SHARE_MIB * MIB))
				break;
			took += SHARE_MIB;
			atomic_fetch_add(&me->turns, 1);
		}
		nap(200 + below(800));
		if (ftruncate(fd, 0))
			broken("memory");
		atomic_fetch_add(&shared->hogged, took);
		atomic_fetch_add(&me->turns, 1);
		nap(500 + below(2000));
	}
}

/* ---- stages ------------------------------------------------------------- */

static void show_stuck(const struct worker *w)
{
	char name[64], line[200];
	FILE *f;

	fprintf(stderr, "  pid %d: %s\n", w->pid, w->doing);
	snprintf(name, sizeof(name), "/proc/%d/stack", w->pid);
	f = fopen(name, "r");
	while (f && fgets(line, sizeof(line), f))
		fprintf(stderr, "    %s", line);
	if (f)
		fclose(f);
}

static void show_all(void)
{
	unsigned int i;

	for (i = 0; i < MAX_WORKERS + 2 && workers[i].pid; i++)
		show_stuck(&workers[i]);
}

/* What the parent does, for the log; and none of that may take too long. */
static const char *parent_does = "";

static void step(const char *what)
{
	printf("[%.3f] %s\n", uptime(), what);
	parent_does = what;
	alarm(stuck_seconds);
}

static void on_alarm(int sig)
{
	(void)sig;
	show_all();
	errno = ETIMEDOUT;
	broken("stuck: %s", parent_does);
}

static void unmount_all(void)
{
	step("unmount");
	if (umount_command && system(umount_command)) {
		errno = EBUSY;
		broken("%s", umount_command);
	}
}

static void mount_all(void)
{
	step("mount");
	if (mount_command && system(mount_command)) {
		errno = EIO;
		broken("%s", mount_command);
	}
}

static void watch(void);

/* Each file as it should be, at the server, and here, without what was in memory. */
static void end_stage(bool last)
{
	unsigned int i;

	step("end of a stage");
	atomic_store(&shared->pause, true);
	for (i = 0; i < nr_workers; i++) {
		while (!atomic_load(&workers[i].idle)) {
			alarm(stuck_seconds);
			watch();
			nap(5);
		}
	}
	unmount_all();
	step("compare at the server");
	for (i = 0; i < nr_files; i++)
		compare(&files[i], files[i].server_path, "at the server", OP_AT_SERVER);
	mount_all();
	step("compare here");
	for (i = 0; i < nr_files; i++)
		if (last || one_in(3))
			compare(&files[i], files[i].path, "while nobody writes", OP_WHEN_QUIET);
	step("next stage");
	atomic_store(&shared->pause, false);
}

/* The parent, all the time: is one of the children dead, or stuck? */
static void watch(void)
{
	static unsigned long turns[MAX_WORKERS + 2];
	static double since[MAX_WORKERS + 2];
	unsigned int i, all = nr_workers + 1 + !!margin_mib;
	int status;

	for (i = 0; i < all; i++) {
		unsigned long t = atomic_load(&workers[i].turns);

		if (atomic_load(&shared->failed))
			fail_with(atomic_load(&shared->failed));
		if (waitpid(workers[i].pid, &status, WNOHANG) > 0) {
			/* One that has told why has set `failed` by then. */
			if (atomic_load(&shared->failed))
				fail_with(atomic_load(&shared->failed));
			errno = ECHILD;
			broken("process %u ended with status %#x: %s", i, status, workers[i].doing);
		}
		if (t != turns[i] || !since[i]) {
			turns[i] = t;
			since[i] = uptime();
		} else if (uptime() - since[i] > stuck_seconds) {
			show_all();
			errno = ETIMEDOUT;
			broken("process %d is stuck: %s", workers[i].pid, workers[i].doing);
		}
	}
}

/* Of the operations that processes choose, not of those at the end of a stage. */
static bool one_never_came(void)
{
	unsigned int m, op;

	for (m = 0; m < nr_mounts; m++)
		for (op = 0; op < OP_AT_SERVER; op++)
			if (mounts[m].ops & 1u << op && !atomic_load(&shared->count[m][op]))
				return true;
	return false;
}

static void run(void)
{
	double end = uptime() + seconds, stage_end = uptime() + stage_seconds, latest;
	unsigned int i, stages = 1, all = 0;

	for (i = 0; i < nr_workers; i++)
		child(all++, work);
	child(all++, drop_pages);
	if (margin_mib)
		child(all++, hog);
	/* A slow machine comes to few changes: then it goes on until each kind has come. */
	latest = end + 2 * seconds;
	while (uptime() < end || (uptime() < latest && one_never_came())) {
		nap(20);
		alarm(stuck_seconds);
		watch();
		if (uptime() >= stage_end && uptime() + stage_seconds / 2 < end) {
			end_stage(false);
			stages++;
			stage_end = uptime() + stage_seconds;
		}
	}
	end_stage(true);
	atomic_store(&shared->stop, true);
	step("end");
	for (i = 0; i < all; i++) {
		int status;

		if (waitpid(workers[i].pid, &status, 0) != workers[i].pid || status)
			broken("process %u ended with status %#x", i, status);
	}
	printf("%u stages, page cache dropped %lu times, %lu MiB of memory taken, %llu MiB compared\n",
	       stages, shared->dropped, shared->hogged,
	       (unsigned long long)shared->bytes_seen >> 20);
}

/* ---- set-up ------------------------------------------------------------- */

static void *share(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		broken("memory");
	return p;
}

/*
 * Pairs of files, alike at first, of four sizes. A pair of each mount in turn, so that
 * who looks at some of all files looks at all mounts.
 */
static void make_files(void)
{
	static const enum kind of_nfs[] = { SERVER, STILL, LOCAL, MIXED, SERVER },
			       of_others[] = { LOCAL, STILL, LOCAL };
	const uint64_t sizes[] = { 16384, big / 24, big / 6, big };
	enum { ROUNDS = 20, OTHER_ROUNDS = 12 };
	unsigned int round, m, twin;
	uint32_t pair = 0;

	files = share(MAX_FILES * sizeof(*files));
	ops_init(big / SECTOR * 5 / 4);
	for (round = 0; round < ROUNDS; round++) {
		for (m = 0; m < nr_mounts; m++) {
			bool nfs = mounts[m].kind == BIT_NFS;

			if (!nfs && round >= OTHER_ROUNDS)
				continue;
			pair++;
			for (twin = 0; twin < 2; twin++) {
				struct file *f = &files[nr_files++];

				f->mount = m;
				f->kind = mounts[m].still ? STILL :
					  nfs ? of_nfs[round % 5] : of_others[round % 3];
				if (mounts[m].apart && f->kind == MIXED)
					f->kind = LOCAL;
				f->pair = pair;
				f->max = sizes[round % 4] / SECTOR * 5 / 4;
				snprintf(f->path, sizeof(f->path), "%s/f%u%c", mounts[m].dir,
					 round, 'a' + twin);
				snprintf(f->server_path, sizeof(f->server_path), "%s/f%u%c",
					 mounts[m].server, round, 'a' + twin);
				if (locks)
					snprintf(f->lock_path, sizeof(f->lock_path), "%s/%s-f%u%c",
						 locks, strrchr(mounts[m].dir, '/') + 1, round,
						 'a' + twin);
				f->sectors = share(f->max * sizeof(*f->sectors));
				f->ops = mounts[m].ops;
				atomic_flag_clear(&f->busy);
				make_file(f);
			}
		}
	}
}

/* Each kind of operation must have come. */
static int table(void)
{
	unsigned long total = 0;
	unsigned int m, op;
	int ret = 0;
	FILE *f;

	printf("%-24s", "");
	for (m = 0; m < nr_mounts; m++)
		printf("%12s", mounts[m].dir);
	printf("\n");
	for (op = 0; op < NR_OPS; op++) {
		printf("%-24s", op_names[op]);
		for (m = 0; m < nr_mounts; m++) {
			unsigned long n = shared->count[m][op];

			if (!(mounts[m].ops & 1u << op)) {
				printf("%12s", "-");
				continue;
			}
			printf("%12lu", n);
			total += n;
			if (!n)
				ret = 2;
		}
		printf("\n");
	}
	f = total_file ? fopen(total_file, "w") : NULL;
	if (total_file && (!f || fprintf(f, "%lu\n", total) < 0 || fclose(f)))
		broken("%s", total_file);
	if (ret)
		fprintf(stderr, "stress: one of these was never done\n");
	return ret;
}

static uint64_t number(const char *arg)
{
	char *end;
	uint64_t n = strtoull(arg, &end, 0);

	if (*end || end == arg) {
		fprintf(stderr, "stress: '%s' is no number\n", arg);
		exit(2);
	}
	return n;
}

/* KIND:SERVER-DIR:DIR[:OP,...] */
static bool add_mount(char *arg)
{
	static const char *const kinds[] = { "nfs", "smb", "9p" };
	char *server = strchr(arg, ':'), *dir = server ? strchr(server + 1, ':') : NULL;
	char *without = dir ? strchr(dir + 1, ':') : NULL, *name;
	struct mount *m = &mounts[nr_mounts];
	unsigned int kind, op;

	if (!dir || nr_mounts++ == MAX_MOUNTS)
		return false;
	*server++ = 0;
	*dir++ = 0;
	for (kind = 0; kind < 3; kind++)
		if (!strcmp(kinds[kind], arg))
			break;
	*m = (struct mount) { .kind = 1 << kind, .server = server, .dir = dir };
	for (op = 0; op < NR_OPS; op++)
		if (op_kinds[op] & m->kind)
			m->ops |= 1u << op;
	if (without)
		*without++ = 0;
	for (name = without ? strtok(without, ",") : NULL; name; name = strtok(NULL, ",")) {
		if (!strcmp(name, "changes")) {
			m->still = true;
			m->ops &= (1u << OP_WRITE) - 1 + (1u << OP_AT_SERVER) + (1u << OP_WHEN_QUIET);
			continue;
		}
		if (!strcmp(name, "changes by both")) {
			m->apart = true;
			continue;
		}
		for (op = 0; op < NR_OPS && strcmp(op_names[op], name); op++)
			;
		if (op == NR_OPS)
			return false;
		m->ops &= ~(1u << op);
	}
	return kind < 3;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seconds",	required_argument,	NULL, 't' },
		{ "seed",	required_argument,	NULL, 's' },
		{ "workers",	required_argument,	NULL, 'w' },
		{ "big",	required_argument,	NULL, 'b' },
		{ "umount",	required_argument,	NULL, 'u' },
		{ "mount",	required_argument,	NULL, 'm' },
		{ "stage",	required_argument,	NULL, 'g' },
		{ "stuck",	required_argument,	NULL, 'k' },
		{ "hog",	required_argument,	NULL, 'h' },
		{ "locks",	required_argument,	NULL, 'l' },
		{ "map-by-kernel", no_argument,		NULL, 'p' },
		{ "total",	required_argument,	NULL, 'o' },
		{}
	};
	int opt, ret;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 't':
			seconds = number(optarg);
			break;
		case 's':
			seed = number(optarg);
			break;
		case 'w':
			nr_workers = number(optarg);
			break;
		case 'b':
			big = number(optarg) / 24 / 4096 * 24 * 4096;
			break;
		case 'u':
			umount_command = optarg;
			break;
		case 'm':
			mount_command = optarg;
			break;
		case 'g':
			stage_seconds = number(optarg);
			break;
		case 'k':
			stuck_seconds = number(optarg);
			break;
		case 'h':
			margin_mib = number(optarg);
			break;
		case 'l':
			locks = optarg;
			break;
		case 'p':
			map_by_kernel = true;
			break;
		case 'o':
			total_file = optarg;
			break;
		default:
			return 2;
		}
	}
	for (; optind < argc; optind++)
		if (!add_mount(argv[optind]))
			break;
	if (optind < argc || !nr_mounts || !nr_workers || nr_workers > MAX_WORKERS ||
	    big < 24 * 4096) {
		fprintf(stderr, "usage: stress [OPTION...] nfs|smb|9p:SERVER-DIR:DIR[:WITHOUT,...]...\n");
		return 2;
	}
	content_seed = seed;
	setlinebuf(stdout);
	signal(SIGALRM, on_alarm);
	shared = share(sizeof(*shared));
	workers = share((MAX_WORKERS + 2) * sizeof(*workers));
	make_files();
	mount_all();
	run();
	ret = table();
	unmount_all();
	return ret;
}
