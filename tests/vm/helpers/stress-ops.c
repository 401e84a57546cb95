// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress-ops.c - what a process of stress does to a file: reading it, changing it
 *
 * A turn is one open, some operations, one close. Readers are many; who changes a file has
 * locked it. What was read is compared with what may be seen (stress-sectors.c).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

enum { MAX_PENDING = 16, SEQUENCE = 768 << 10 };

static uint64_t state;			/* Of the random numbers */
static unsigned char *buf;		/* CHUNK bytes, and 8 more */
static uint32_t *seen;			/* For a look: by sector */
static sigjmp_buf on_bus;

static void catch_bus(int sig)
{
	(void)sig;
	siglongjmp(on_bus, 1);
}

/* Once, before the processes are begun. */
void ops_init(uint32_t max_sectors)
{
	buf = malloc(CHUNK + 8);
	seen = calloc(max_sectors, sizeof(*seen));
	if (!buf || !seen)
		broken("memory");
}

/* In each of them. */
void ops_begin(uint64_t seed)
{
	struct sigaction sa = { .sa_handler = catch_bus };

	state = seed;
	sigaction(SIGBUS, &sa, NULL);
}

static void count(const struct file *f, enum op op)
{
	atomic_fetch_add(&shared->count[f->mount][op], 1);
}

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

void nap(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000l };

	nanosleep(&t, NULL);
}

/* Sectors, at least one, of nr. */
static void some_sectors(uint32_t nr, uint32_t *from, uint32_t *to)
{
	uint32_t n = 1 + below(one_in(6) ? CHUNK / SECTOR : 24);

	*from = below(nr);
	if (one_in(3))
		*from &= ~7u;
	*to = *from + n < nr ? *from + n : nr;
}

/* ---- reading ------------------------------------------------------------ */

/* By the kind of the file, what must be seen is what is done when it is opened, or now. */
static void note_now(const struct look *look, uint64_t at, size_t len)
{
	uint64_t to = (at + len + SECTOR - 1) / SECTOR;

	if (look->f->kind == LOCAL || look->f->kind == STILL)
		sectors_note(look, at / SECTOR, to < look->f->max ? to : look->f->max);
}

static void check(const struct look *look, uint64_t at, size_t len, const void *p)
{
	struct wrong w;

	if (!sectors_check(look, at, len, p, &w))
		wrong_bytes(look, &w);
	atomic_fetch_add(&shared->bytes_seen, len);
}

static void check_end(const struct look *look, uint64_t end, uint64_t to)
{
	struct wrong w;

	if (!sectors_check_end(look, end, to, &w))
		wrong_bytes(look, &w);
}

/* @len bytes at most; those that there were. */
static size_t read_part(const struct look *look, int fd, uint64_t at, size_t len)
{
	unsigned char *p = buf + at % 8;
	size_t done = 0;
	ssize_t n;

	note_now(look, at, len);
	while (done < len) {
		n = pread(fd, p + done, len - done, at + done);
		if (n < 0)
			broken("%s: read %llu, %zu bytes", look->f->path, (unsigned long long)at, len);
		if (!n)
			break;
		done += n;
	}
	check(look, at, done, p);
	if (done < len)
		check_end(look, at + done, at + len);
	return done;
}

static void read_some(const struct look *look, int fd)
{
	uint64_t size = (uint64_t)look->f->max * SECTOR, at = below(size - 64);
	size_t len = 64 + below(one_in(4) ? CHUNK - 64 : 20000);

	if (one_in(2))
		at &= ~4095ull;
	if (len > size - at)
		len = size - at;
	doing("%s: read %llu, %zu bytes", look->f->path, (unsigned long long)at, len);
	read_part(look, fd, at, len);
	count(look->f, OP_READ);
}

/* In sequence, for readahead; of large files mostly a part. */
static void read_all(const struct look *look, int fd)
{
	uint64_t at = 0, end = (uint64_t)look->f->max * SECTOR;
	size_t chunk = one_in(2) ? CHUNK : 4096 + below(60000), n;

	if (end > SEQUENCE && !one_in(6)) {
		at = below(end - SEQUENCE) & ~4095ull;
		end = at + SEQUENCE;
	}
	doing("%s: read in sequence, %llu to %llu", look->f->path, (unsigned long long)at,
	      (unsigned long long)end);
	for (; at < end; at += n) {
		n = read_part(look, fd, at, chunk < end - at ? chunk : end - at);
		if (!n)
			break;
	}
	count(look->f, OP_READ_ALL);
}

/*
 * What is mapped at @p, by way of the page tables, with a hold on each page: false: cut
 * meanwhile.
 */
static bool peek(const struct look *look, const unsigned char *p, size_t len)
{
	static int fd = -1;
	size_t done;
	ssize_t n;

	if (fd < 0)
		fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		broken("/proc/self/mem");
	for (done = 0; done < len; done += n) {
		n = pread(fd, buf + done, len - done, (off_t)(uintptr_t)(p + done));
		if (n < 0 && errno != EIO)
			broken("%s: /proc/self/mem", look->f->path);
		if (n <= 0)
			return false;
	}
	return true;
}

/*
 * UML with two processors only takes a note of it when a page is unmapped (flush_tlb_page()
 * of arch/um): a process that runs on the other one still has it, until it enters the
 * kernel, be it the page of another file by then. So there the kernel reads what is mapped.
 */
static void map_read(const struct look *look, int fd)
{
	unsigned char *map;
	struct stat st;
	uint64_t at;
	size_t len;
	bool all;

	if (fstat(fd, &st))
		broken("%s: fstat", look->f->path);
	if (st.st_size < 64)
		return;
	if (st.st_size > (off_t)look->f->max * SECTOR) {
		errno = EFBIG;
		broken("%s: %lld bytes", look->f->path, (long long)st.st_size);
	}
	at = below(st.st_size - 63) & ~7ull;
	len = 64 + below(one_in(4) ? CHUNK - 64 : 30000);
	if (len > st.st_size - at)
		len = st.st_size - at;
	doing("%s: read mapped %llu, %zu bytes", look->f->path, (unsigned long long)at, len);
	map = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		broken("%s: mmap", look->f->path);
	note_now(look, at, len);
	/* It may be cut meanwhile. */
	if (map_by_kernel) {
		all = peek(look, map + at, len);
	} else {
		all = !sigsetjmp(on_bus, 1);
		if (all)
			memcpy(buf, map + at, len);
	}
	munmap(map, st.st_size);
	if (all)
		check(look, at, len, buf);
	count(look->f, OP_MAP_READ);
}

void read_turn(struct file *f)
{
	struct look look = { .f = f, .how = "read", .from = seen };
	unsigned int n = 1 + below(8);
	int fd;

	doing("%s: open", f->path);
	sectors_note(&look, 0, f->max);
	fd = open(f->path, O_RDONLY);
	if (fd < 0)
		broken("%s: open", f->path);
	count(f, OP_OPEN);
	while (n-- && !atomic_load(&shared->stop)) {
		switch (below(10)) {
		case 0 ... 3:
			look.how = "read";
			read_some(&look, fd);
			break;
		case 4 ... 5:
			look.how = "read in sequence";
			read_all(&look, fd);
			break;
		case 6 ... 7:
			look.how = "read mapped";
			map_read(&look, fd);
			break;
		case 8:
			doing("%s: fadvise, not needed", f->path);
			posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
			count(f, OP_FORGET);
			break;
		case 9:
			doing("%s: fadvise, needed", f->path);
			posix_fadvise(fd, below(f->max) * SECTOR, CHUNK * 4, POSIX_FADV_WILLNEED);
			count(f, OP_AHEAD);
			break;
		}
		if (one_in(8))
			nap(below(20));
	}
	if (close(fd))
		broken("%s: close", f->path);
}

/* ---- changing, here or at the server ------------------------------------ */

/* One who changes a file, which it has locked. */
struct change_by {
	struct file *f;
	const char *path;
	int	fd;
	bool	at_server;
	bool	may_resize;
	/* What is not for everybody to see yet: until the server tells that it changed. */
	struct {
		uint32_t from, to, version;
	} pending[MAX_PENDING];
	unsigned int nr_pending;
};

/* What is about to be done: for the report, and for the history of the file. */
__attribute__((format(printf, 2, 3)))
static void begin(struct change_by *c, const char *fmt, ...)
{
	struct event *e = &c->f->history[c->f->nr_events % HISTORY];
	va_list ap;
	int n = snprintf(e->what, sizeof(e->what), "%s%u: ", c->at_server ? "server: " : "",
			 c->f->version + 1);

	va_start(ap, fmt);
	vsnprintf(e->what + n, sizeof(e->what) - n, fmt, ap);
	va_end(ap);
	e->when = uptime();
	e->took = 0;
	e->pid = getpid();
	c->f->nr_events++;
	doing("%s: %s", c->path, e->what);
}

static void end(struct change_by *c)
{
	struct event *e = &c->f->history[(c->f->nr_events - 1) % HISTORY];

	e->took = uptime() - e->when;
}

static void done(struct change_by *c, uint32_t from, uint32_t to, uint32_t version)
{
	if (!c->at_server) {
		sectors_end(c->f, from, to, version);
		return;
	}
	c->pending[c->nr_pending].from = from;
	c->pending[c->nr_pending].to = to;
	c->pending[c->nr_pending++].version = version;
}

/* One change: its version counts for readers from the call that makes it on. */
static void write_sectors(struct change_by *c, uint32_t from, uint32_t to)
{
	struct file *f = c->f;
	uint32_t hole = 0, was = f->nr, v;
	uint64_t at = (uint64_t)from * SECTOR;
	size_t len = (size_t)(to - from) * SECTOR, n;
	ssize_t w;

	if (from > was)
		hole = sectors_begin(f, was, from, ZERO);
	v = sectors_begin(f, from, to, DATA);
	sectors_fill(f, buf, from, to, v);
	for (n = 0; n < len; n += w) {
		w = pwrite(c->fd, buf + n, len - n, at + n);
		if (w <= 0)
			broken("%s: write %llu, %zu bytes", c->path, (unsigned long long)at, len);
	}
	if (to > f->nr)
		f->nr = to;
	if (hole)
		done(c, was, from, hole);
	done(c, from, to, v);
}

static void op_write(struct change_by *c)
{
	bool behind = c->may_resize && (one_in(5) || !c->f->nr);
	uint32_t from, to;

	if (!behind && !c->f->nr)
		return;
	/* A place in it, or behind it. */
	some_sectors(behind ? c->f->max : c->f->nr, &from, &to);
	begin(c, "write sectors %u to %u", from, to);
	write_sectors(c, from, to);
	end(c);
	count(c->f, c->at_server ? OP_SERVER_WRITE : OP_WRITE);
}

static void op_map_write(struct change_by *c)
{
	struct file *f = c->f;
	size_t size = (size_t)f->nr * SECTOR;
	uint32_t from, to, v;
	unsigned char *map;

	if (!f->nr)
		return;
	some_sectors(f->nr, &from, &to);
	begin(c, "write mapped sectors %u to %u", from, to);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (map == MAP_FAILED)
		broken("%s: mmap", c->path);
	v = sectors_begin(f, from, to, DATA);
	sectors_fill(f, buf, from, to, v);
	if (sigsetjmp(on_bus, 1)) {
		errno = EFAULT;
		broken("%s: SIGBUS for who writes it mapped", c->path);
	}
	memcpy(map + (size_t)from * SECTOR, buf, (size_t)(to - from) * SECTOR);
	done(c, from, to, v);
	if (one_in(2) && msync(map, size, one_in(2) ? MS_SYNC : MS_ASYNC))
		broken("%s: msync", c->path);
	munmap(map, size);
	end(c);
	count(f, OP_MAP_WRITE);
}

static void cut(struct change_by *c, uint32_t nr, bool by_path)
{
	struct file *f = c->f;
	uint32_t was = f->nr, v;

	begin(c, "cut%s to %u sectors", by_path ? " by path" : "", nr);
	v = sectors_begin(f, nr, was, ABSENT);
	if (by_path ? truncate(c->path, (off_t)nr * SECTOR) : ftruncate(c->fd, (off_t)nr * SECTOR))
		broken("%s: cut", c->path);
	f->nr = nr;
	done(c, nr, was, v);
	end(c);
}

static void grow(struct change_by *c, uint32_t nr)
{
	struct file *f = c->f;
	uint32_t was = f->nr, v;

	begin(c, "grow to %u sectors", nr);
	v = sectors_begin(f, was, nr, ZERO);
	if (ftruncate(c->fd, (off_t)nr * SECTOR))
		broken("%s: grow", c->path);
	f->nr = nr;
	done(c, was, nr, v);
	end(c);
}

static bool may(const struct file *f, enum op op)
{
	return f->ops & 1u << op;
}

/* Nobody has done it yet: each is to be done also where all is slow. */
static bool missing(const struct file *f, enum op op)
{
	return may(f, op) && !atomic_load(&shared->count[f->mount][op]);
}

static void op_cut(struct change_by *c)
{
	bool by_path = !c->at_server && may(c->f, OP_CUT_PATH) &&
		       (one_in(2) || missing(c->f, OP_CUT_PATH));

	cut(c, below(c->f->nr + 1), by_path);
	count(c->f, c->at_server ? OP_SERVER_CUT : by_path ? OP_CUT_PATH : OP_CUT);
}

static void op_grow(struct change_by *c)
{
	grow(c, c->f->nr + below(c->f->max - c->f->nr + 1));
	count(c->f, c->at_server ? OP_SERVER_GROW : OP_GROW);
}

static void op_cut_grow(struct change_by *c)
{
	uint32_t was = c->f->nr;

	cut(c, below(was + 1), false);
	grow(c, was);
	if (c->at_server) {
		count(c->f, OP_SERVER_CUT);
		count(c->f, OP_SERVER_GROW);
	} else {
		count(c->f, OP_CUT_GROW);
	}
}

static void op_punch(struct change_by *c)
{
	uint32_t from, to, v;

	if (!c->f->nr)
		return;
	some_sectors(c->f->nr, &from, &to);
	begin(c, "punch sectors %u to %u", from, to);
	v = sectors_begin(c->f, from, to, ZERO);
	if (fallocate(c->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from * SECTOR,
		      (off_t)(to - from) * SECTOR))
		broken("%s: punch", c->path);
	done(c, from, to, v);
	end(c);
	count(c->f, c->at_server ? OP_SERVER_PUNCH : OP_PUNCH);
}

/* From nothing on: open(2) with O_TRUNC, then all of it. As long as it was at first. */
static void op_rewrite(struct change_by *c)
{
	struct file *f = c->f;
	uint32_t was = f->nr, nr = f->max * 4 / 5, from, to, v;
	int fd;

	begin(c, "rewrite");
	v = sectors_begin(f, 0, was, ABSENT);
	fd = open(c->path, O_RDWR | O_TRUNC);
	if (fd < 0)
		broken("%s: open to rewrite", c->path);
	f->nr = 0;
	done(c, 0, was, v);
	if (close(c->fd))
		broken("%s: close", c->path);
	c->fd = fd;
	/* In one piece for those who look, as long as it is pending. */
	v = sectors_begin(f, 0, nr, DATA);
	for (from = 0; from < nr; from = to) {
		size_t n, len;
		ssize_t w;

		to = from + CHUNK / SECTOR < nr ? from + CHUNK / SECTOR : nr;
		len = (size_t)(to - from) * SECTOR;
		sectors_fill(f, buf, from, to, v);
		for (n = 0; n < len; n += w) {
			w = pwrite(c->fd, buf + n, len - n, (off_t)from * SECTOR + n);
			if (w <= 0)
				broken("%s: rewrite", c->path);
		}
	}
	f->nr = nr;
	done(c, 0, nr, v);
	end(c);
	count(f, c->at_server ? OP_SERVER_REWRITE : OP_REWRITE);
}

static void op_sync(struct change_by *c)
{
	begin(c, "fsync");
	if (one_in(2) ? fsync(c->fd) : fdatasync(c->fd))
		broken("%s: fsync", c->path);
	end(c);
	count(c->f, OP_SYNC);
}

/*
 * A server may tell clients of no change within a tick of its clock, and of none before
 * the bytes are there. So what was done counts after one more change, in a later tick.
 */
static void let_the_server_tell(struct change_by *c)
{
	struct timespec now;
	struct stat st;
	unsigned int i;

	begin(c, "let it be told");
	if (fsync(c->fd) || fstat(c->fd, &st))
		broken("%s: fsync", c->path);
	for (;;) {
		clock_gettime(CLOCK_REALTIME_COARSE, &now);
		if (now.tv_sec > st.st_ctim.tv_sec ||
		    (now.tv_sec == st.st_ctim.tv_sec && now.tv_nsec > st.st_ctim.tv_nsec))
			break;
		nap(1);
	}
	if (futimens(c->fd, NULL))
		broken("%s: utimes", c->path);
	for (i = 0; i < c->nr_pending; i++)
		sectors_end(c->f, c->pending[i].from, c->pending[i].to, c->pending[i].version);
	end(c);
}

static const struct {
	void	(*fn)(struct change_by *c);
	enum op	here, at_server;
	unsigned int weight;
} changes[] = {
	{ op_write,	OP_WRITE,	OP_SERVER_WRITE,	7 },
	{ op_map_write,	OP_MAP_WRITE,	NR_OPS,			4 },
	{ op_cut,	OP_CUT,		OP_SERVER_CUT,		2 },
	{ op_cut_grow,	OP_CUT_GROW,	OP_SERVER_CUT,		1 },
	{ op_grow,	OP_GROW,	OP_SERVER_GROW,		2 },
	{ op_punch,	OP_PUNCH,	OP_SERVER_PUNCH,	2 },
	{ op_rewrite,	OP_REWRITE,	OP_SERVER_REWRITE,	2 },
	{ op_sync,	OP_SYNC,	OP_SYNC,		1 },
};

/* Is it one for this turn? */
static bool now(const struct change_by *c, enum op op)
{
	return may(c->f, op) && (c->may_resize || (op != OP_CUT && op != OP_CUT_GROW &&
						   op != OP_GROW && op != OP_REWRITE));
}

static void change(struct change_by *c)
{
	unsigned int i, n = 0, nr = sizeof(changes) / sizeof(changes[0]);
	enum op op;

	for (i = 0; i < nr; i++) {
		op = c->at_server ? changes[i].at_server : changes[i].here;
		if (op != NR_OPS && now(c, op) && (missing(c->f, op) ||
		    (op == OP_CUT && missing(c->f, OP_CUT_PATH)))) {
			changes[i].fn(c);
			return;
		}
	}
	for (i = 0; i < nr; i++)
		n += changes[i].weight;
	n = below(n);
	for (i = 0; n >= changes[i].weight; i++)
		n -= changes[i].weight;
	op = c->at_server ? changes[i].at_server : changes[i].here;
	/* Large files are rewritten less often: it takes long. */
	if (!now(c, op) || (changes[i].fn == op_rewrite && c->f->max * (uint64_t)SECTOR > big / 2 &&
			       !one_in(3)))
		op_write(c);
	else
		changes[i].fn(c);
}

/* Where files have locks, @may_resize says that nobody else has this one open. */
void change_turn(struct file *f, bool at_server, bool may_resize)
{
	struct change_by c = { .f = f, .at_server = at_server, .may_resize = may_resize,
			       .path = at_server ? f->server_path : f->path };
	unsigned int n = 1 + below(4);

	begin(&c, "open");
	c.fd = open(c.path, O_RDWR);
	if (c.fd < 0)
		broken("%s: open to write", c.path);
	end(&c);
	while (n--)
		change(&c);
	if (at_server)
		let_the_server_tell(&c);
	else if (f->kind == MIXED || (f->lock_path[0] && may_resize))
		op_sync(&c);	/* The next one may be the server's turn, or ask for the size */
	begin(&c, "close");
	if (close(c.fd))
		broken("%s: close", c.path);
	end(&c);
}

/* ---- all of a file, while nobody else has it ---------------------------- */

/* As the server has it at first: version 1. */
void make_file(struct file *f)
{
	uint32_t nr = f->max * 4 / 5, from, to, v = sectors_begin(f, 0, nr, DATA);
	int fd = open(f->server_path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		broken("%s", f->server_path);
	for (from = 0; from < nr; from = to) {
		to = from + CHUNK / SECTOR < nr ? from + CHUNK / SECTOR : nr;
		sectors_fill(f, buf, from, to, v);
		if (write(fd, buf, (size_t)(to - from) * SECTOR) != (ssize_t)(to - from) * SECTOR)
			broken("%s: write", f->server_path);
	}
	if (fsync(fd) || close(fd))
		broken("%s: close", f->server_path);
	f->nr = nr;
	sectors_end(f, 0, nr, v);
}

/* While nobody writes: all of it, and nothing else. */
void compare(struct file *f, const char *path, const char *how, enum op op)
{
	struct look look = { .f = f, .how = how, .from = seen };
	uint64_t at, size = (uint64_t)f->nr * SECTOR;
	struct stat st;
	size_t n;
	int fd;

	sectors_note(&look, 0, f->max);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		broken("%s: open", path);
	if ((uint64_t)st.st_size != size) {
		errno = EBADMSG;
		broken("%s, %s: %lld bytes, should be %llu", path, how, (long long)st.st_size,
		       (unsigned long long)size);
	}
	for (at = 0; at < size; at += n) {
		n = read_part(&look, fd, at, size - at < CHUNK ? size - at : CHUNK);
		if (!n)
			break;
	}
	close(fd);
	count(f, op);
}
