// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl-abuse.c - call /dev/cachet in every wrong way that comes to mind
 *
 *   ioctl-abuse wrong TAG NETFILE LOCALFILE   each call with one thing wrong
 *   ioctl-abuse leaks TAG NETFILE LOCALFILE SPARE
 *                                             what calls write: see ioctl-leaks.c
 *   ioctl-abuse disk FILE...                  what the module wrote there
 *   ioctl-abuse fd N                          use descriptor N: must be refused
 *   ioctl-abuse open                          open the device: must be refused
 *   ioctl-abuse drop                          open, drop privileges, use: refused
 *   ioctl-abuse root TAG DIR SPARE SPAREDIR NETFILE LOCALFILE N SEED
 *                                             N calls made of random numbers
 *   ioctl-abuse nobody ...                    the same, privileges dropped: refused
 *
 * Prints each call whose answer is not the documented one; exits 1 if any was.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "ioctl-abuse.h"

const struct call all[NR_ALL] = {
	{ CACHET_IOC_ATTACH, "attach" },
	{ CACHET_IOC_DETACH, "detach" },
	{ CACHET_IOC_STATUS, "status" },
	{ CACHET_IOC_SYNC, "sync" },
	{ CACHET_IOC_OBJECT_STAT, "object_stat" },
	{ CACHET_IOC_VOLUMES, "volumes" },
	{ CACHET_IOC_BLOCK_SIZE, "block_size" },
	{ CACHET_IOC_SCRUB, "scrub" },
	{ CACHET_IOC_PIN, "pin" },
	{ CACHET_IOC_SWEEP, "sweep" },
	{ CACHET_IOC_CULL, "cull" },
};

enum { TOLD = 50 };			/* Wrong answers that are printed */

int dev;
static _Atomic int bad, calls;

static const char *name_of(int err)
{
	return err ? strerrorname_np(err) : "0";
}

/* An answer that is not the documented one. */
void wrong(const char *format, ...)
{
	va_list args;

	if (bad++ >= TOLD)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void expect(const char *what, long ret, int want)
{
	int got = ret < 0 ? errno : 0;

	calls++;
	if (got != want)
		wrong("%s: %s, expected %s", what, name_of(got), name_of(want));
}

void fill_tag(char to[CACHET_TAG_MAX], const char *tag)
{
	memset(to, 0, CACHET_TAG_MAX);
	memcpy(to, tag, strnlen(tag, CACHET_TAG_MAX - 1));
}

/* ---- one thing wrong ---------------------------------------------------- */

static void wrong_frame(void)
{
	static uint32_t buf[1024];
	long page = sysconf(_SC_PAGESIZE);
	char *edge = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char what[64];
	size_t i;

	munmap(edge + page, page);
	for (i = 0; i < NR_ALL; i++) {
		unsigned int size = _IOC_SIZE(all[i].cmd);
		unsigned long nr = _IOC_NR(all[i].cmd), dir = _IOC_DIR(all[i].cmd);

		snprintf(what, sizeof(what), "%s, pointer", all[i].name);
		CALL(what, all[i].cmd, NULL, EFAULT);
		CALL(what, all[i].cmd, 16, EFAULT);
		CALL(what, all[i].cmd, (void *)~0ul, EFAULT);
		CALL(what, all[i].cmd, (void *)(1ul << 63), EFAULT);
		snprintf(what, sizeof(what), "%s, over the edge", all[i].name);
		memset(edge, 0, page);
		CALL(what, all[i].cmd, edge + page - size + 1, EFAULT);
		snprintf(what, sizeof(what), "%s, version", all[i].name);
		memset(buf, 0, sizeof(buf));
		CALL(what, all[i].cmd, buf, EPROTO);
		buf[0] = CACHET_ABI_VERSION + 1;
		CALL(what, all[i].cmd, buf, EPROTO);
		buf[0] = ~0u;
		CALL(what, all[i].cmd, buf, EPROTO);
		snprintf(what, sizeof(what), "%s, size", all[i].name);
		buf[0] = CACHET_ABI_VERSION;
		CALL(what, _IOC(dir, '!', nr, size + 4), buf, ENOTTY);
		CALL(what, _IOC(dir, '!', nr, size - 4), buf, ENOTTY);
		CALL(what, _IOC(dir, '!', nr, 0), buf, ENOTTY);
		CALL(what, _IOC(dir ^ _IOC_READ, '!', nr, size), buf, ENOTTY);
	}
	CALL("an unknown number", _IO('!', 0x7f), 0, ENOTTY);
	CALL("another type", _IOWR('"', 0x12, struct cachet_status), buf, ENOTTY);
	CALL("TCGETS", 0x5401, buf, ENOTTY);
	munmap(edge, page);
}

static void wrong_tags(const char *tag)
{
	static const char *const tags[] = { "", ".hidden", "a/b", "-x", "..", "a b", "\xff" };
	struct cachet_tag t = { .version = CACHET_ABI_VERSION };
	struct cachet_status st = { .version = CACHET_ABI_VERSION };
	struct cachet_volumes v = { .version = CACHET_ABI_VERSION };
	struct cachet_block_size b = { .version = CACHET_ABI_VERSION, .fd = -1 };
	struct cachet_scrub sc = { .version = CACHET_ABI_VERSION, .max_bytes = 1 };
	size_t i;

	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		fill_tag(t.tag, tags[i]);
		fill_tag(st.tag, tags[i]);
		fill_tag(v.tag, tags[i]);
		fill_tag(b.tag, tags[i]);
		fill_tag(sc.tag, tags[i]);
		CALL("detach, bad tag", CACHET_IOC_DETACH, &t, EINVAL);
		CALL("sync, bad tag", CACHET_IOC_SYNC, &t, EINVAL);
		CALL("status, bad tag", CACHET_IOC_STATUS, &st, EINVAL);
		CALL("volumes, bad tag", CACHET_IOC_VOLUMES, &v, EINVAL);
		CALL("block_size, bad tag", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
		CALL("scrub, bad tag", CACHET_IOC_SCRUB, &sc, EINVAL);
	}
	memset(t.tag, 'x', sizeof(t.tag));
	memset(st.tag, 'x', sizeof(st.tag));
	memset(v.tag, 'x', sizeof(v.tag));
	memset(b.tag, 'x', sizeof(b.tag));
	memset(sc.tag, 'x', sizeof(sc.tag));
	CALL("detach, no end", CACHET_IOC_DETACH, &t, EINVAL);
	CALL("sync, no end", CACHET_IOC_SYNC, &t, EINVAL);
	CALL("status, no end", CACHET_IOC_STATUS, &st, EINVAL);
	CALL("volumes, no end", CACHET_IOC_VOLUMES, &v, EINVAL);
	CALL("block_size, no end", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
	CALL("scrub, no end", CACHET_IOC_SCRUB, &sc, EINVAL);
	fill_tag(t.tag, "nobody");
	fill_tag(st.tag, "nobody");
	fill_tag(v.tag, "nobody");
	fill_tag(b.tag, "nobody");
	fill_tag(sc.tag, "nobody");
	CALL("detach, unknown", CACHET_IOC_DETACH, &t, ENOENT);
	CALL("sync, unknown", CACHET_IOC_SYNC, &t, ENOENT);
	CALL("status, unknown", CACHET_IOC_STATUS, &st, ENOENT);
	CALL("volumes, unknown", CACHET_IOC_VOLUMES, &v, ENOENT);
	CALL("block_size, unknown", CACHET_IOC_BLOCK_SIZE, &b, ENOENT);
	CALL("scrub, unknown", CACHET_IOC_SCRUB, &sc, ENOENT);

	fill_tag(t.tag, tag);
	t.flags = 2;
	CALL("sync, flags", CACHET_IOC_SYNC, &t, EINVAL);
	t.flags = 1;
	CALL("detach, flags", CACHET_IOC_DETACH, &t, EINVAL);
	CALL("sync, seal", CACHET_IOC_SYNC, &t, 0);
	fill_tag(st.tag, tag);
	CALL("status", CACHET_IOC_STATUS, &st, 0);

	fill_tag(sc.tag, tag);
	sc.slot = ~0ull;
	CALL("scrub, slot", CACHET_IOC_SCRUB, &sc, EINVAL);
	sc.slot = 0;
	sc.max_bytes = 0;
	CALL("scrub, nothing", CACHET_IOC_SCRUB, &sc, EINVAL);
	sc.max_bytes = ~0ull;
	sc.reserved = 1;
	CALL("scrub, reserved", CACHET_IOC_SCRUB, &sc, EINVAL);
	sc.reserved = 0;
	CALL("scrub", CACHET_IOC_SCRUB, &sc, 0);
	sc.slot = sc.nr_slots + 1;
	CALL("scrub, one slot too far", CACHET_IOC_SCRUB, &sc, EINVAL);
	sc.slot = sc.nr_slots;
	CALL("scrub, at the end", CACHET_IOC_SCRUB, &sc, 0);
}

static void wrong_sweeps(const char *tag)
{
	struct cachet_sweep s = { .version = CACHET_ABI_VERSION };
	struct cachet_cull c = { .version = CACHET_ABI_VERSION };

	fill_tag(s.tag, ".");
	fill_tag(c.tag, ".");
	CALL("sweep, bad tag", CACHET_IOC_SWEEP, &s, EINVAL);
	CALL("cull, bad tag", CACHET_IOC_CULL, &c, EINVAL);
	fill_tag(s.tag, "nobody");
	fill_tag(c.tag, "nobody");
	CALL("sweep, unknown", CACHET_IOC_SWEEP, &s, ENOENT);
	CALL("cull, unknown", CACHET_IOC_CULL, &c, ENOENT);
	fill_tag(s.tag, tag);
	fill_tag(c.tag, tag);
	s.reserved = 1;
	CALL("sweep, reserved", CACHET_IOC_SWEEP, &s, EINVAL);
	s.reserved = 0;
	CALL("sweep", CACHET_IOC_SWEEP, &s, 0);
	s.set = s.nr_sets + 1;
	CALL("sweep, one set too far", CACHET_IOC_SWEEP, &s, EINVAL);
	s.set = ~0ull;
	CALL("sweep, set", CACHET_IOC_SWEEP, &s, EINVAL);
	c.segment = CACHET_CULL_COLDEST - 1;
	CALL("cull, no such segment", CACHET_IOC_CULL, &c, EINVAL);
	c.segment = 0;
	c.generation = ~0ull;
	CALL("cull, another generation", CACHET_IOC_CULL, &c, ESTALE);
}

static void wrong_pins(const char *tag, int fd, int lfd)
{
	struct cachet_pin p;

#define RESET_PIN() memset(&p, 0, sizeof(p)), p.version = CACHET_ABI_VERSION, p.fd = fd
	RESET_PIN();
	p.flags = 2;
	CALL("pin, flags", CACHET_IOC_PIN, &p, EINVAL);
	RESET_PIN();
	p.reserved = 1;
	CALL("pin, reserved", CACHET_IOC_PIN, &p, EINVAL);
	RESET_PIN();
	p.fd = -1;
	fill_tag(p.tag, tag);
	CALL("pin, no file", CACHET_IOC_PIN, &p, EINVAL);
	p.flags = CACHET_PIN_CLEAR;
	CALL("unpin, nobody's fingerprint", CACHET_IOC_PIN, &p, ENOENT);
	fill_tag(p.tag, "nobody");
	CALL("unpin, unknown", CACHET_IOC_PIN, &p, ENOENT);
	fill_tag(p.tag, "..");
	CALL("unpin, bad tag", CACHET_IOC_PIN, &p, EINVAL);
	RESET_PIN();
	p.fd = lfd;
	CALL("pin, local file", CACHET_IOC_PIN, &p, ENXIO);
	p.fd = 999;
	CALL("pin, closed", CACHET_IOC_PIN, &p, EBADF);
	RESET_PIN();
	p.start_page = ~0ull - 1;
	CALL("pin, behind the end", CACHET_IOC_PIN, &p, 0);
	if (p.pages || p.start_page != ~0ull)
		wrong("pin, behind the end: %llu pages, start %llx", (unsigned long long)p.pages,
		      (unsigned long long)p.start_page);
	RESET_PIN();
	p.flags = CACHET_PIN_CLEAR;
	CALL("unpin", CACHET_IOC_PIN, &p, 0);
	CALL("unpin, again", CACHET_IOC_PIN, &p, 0);
}

static void wrong_attach(const char *local)
{
	struct cachet_attach a;
	int fd = open(local, O_RDWR), ro = open(local, O_RDONLY), app = open(local, O_RDWR | O_APPEND);
	int dir = open("/", O_RDONLY | O_DIRECTORY), null = open("/dev/null", O_RDWR);
	int path = open(local, O_PATH), direct = open(local, O_RDWR | O_DIRECT), pipes[2];
	const int fds[] = { dir, null, ro, app, dev, 0 };
	size_t i;

	if (pipe(pipes) || fd < 0)
		exit(2);
#define RESET() memset(&a, 0, sizeof(a)), a.version = CACHET_ABI_VERSION, \
		a.super_fd = a.index_fd = a.data_fd = fd
	RESET();
	CALL("attach, one file three times", CACHET_IOC_ATTACH, &a, EINVAL);
	if (!a.problem[0])
		wrong("attach: no reason");
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]) - 1; i++) {
		RESET();
		a.super_fd = fds[i];
		CALL("attach, bad super_fd", CACHET_IOC_ATTACH, &a, EINVAL);
		RESET();
		a.data_fd = fds[i];
		CALL("attach, bad data_fd", CACHET_IOC_ATTACH, &a, EINVAL);
	}
	RESET();
	a.index_fd = direct;
	CALL("attach, O_DIRECT", CACHET_IOC_ATTACH, &a, EINVAL);
	if (!strstr(a.problem, "direct I/O"))
		wrong("attach: an index with O_DIRECT, and another reason");
	RESET();
	a.index_fd = pipes[0];
	CALL("attach, a pipe", CACHET_IOC_ATTACH, &a, EINVAL);
	a.index_fd = path;
	CALL("attach, O_PATH", CACHET_IOC_ATTACH, &a, EBADF);
	a.index_fd = 999;
	CALL("attach, closed fd", CACHET_IOC_ATTACH, &a, EBADF);
	a.index_fd = -1;
	CALL("attach, fd -1", CACHET_IOC_ATTACH, &a, EBADF);
	a.index_fd = INT32_MIN;
	CALL("attach, fd INT_MIN", CACHET_IOC_ATTACH, &a, EBADF);
	for (i = 3; i < 32; i++) {
		RESET();
		a.flags = 1u << i;
		CALL("attach, flags", CACHET_IOC_ATTACH, &a, EINVAL);
	}
	for (i = 0; i < 4; i++) {
		RESET();
		a.reserved[i] = 1;
		CALL("attach, reserved", CACHET_IOC_ATTACH, &a, EINVAL);
	}
	RESET();
	a.commit_ms = 99;
	CALL("attach, commit_ms", CACHET_IOC_ATTACH, &a, EINVAL);
	a.commit_ms = 600001;
	CALL("attach, commit_ms", CACHET_IOC_ATTACH, &a, EINVAL);
	a.commit_ms = ~0u;
	CALL("attach, commit_ms", CACHET_IOC_ATTACH, &a, EINVAL);
	close(fd), close(ro), close(app), close(dir), close(null), close(path), close(direct);
	close(pipes[0]), close(pipes[1]);
}

static void wrong_stat(const char *tag, const char *net, const char *local)
{
	struct cachet_object_stat s;
	struct cachet_block_size b;
	struct cachet_volumes v;
	static struct cachet_range ranges[64];
	static struct cachet_volume_info infos[64];
	int fd = open(net, O_RDONLY), lfd = open(local, O_RDONLY), dir = open("/", O_RDONLY);
	char netdir[4096];
	int ndir;

	snprintf(netdir, sizeof(netdir), "%s/..", net);
	strcpy(netdir, net);
	*strrchr(netdir, '/') = 0;
	ndir = open(netdir, O_RDONLY | O_DIRECTORY);
	if (fd < 0 || lfd < 0 || ndir < 0)
		exit(2);
#undef RESET
#define RESET() memset(&s, 0, sizeof(s)), s.version = CACHET_ABI_VERSION, s.fd = fd, \
		s.ranges = (uintptr_t)ranges, s.nr_ranges = 64
	RESET();
	CALL("object_stat", CACHET_IOC_OBJECT_STAT, &s, 0);
	RESET();
	s.fd = lfd;
	CALL("object_stat, local file", CACHET_IOC_OBJECT_STAT, &s, ENXIO);
	s.fd = dir;
	CALL("object_stat, directory", CACHET_IOC_OBJECT_STAT, &s, ENXIO);
	s.fd = ndir;
	CALL("object_stat, network directory", CACHET_IOC_OBJECT_STAT, &s, ENXIO);
	s.fd = dev;
	CALL("object_stat, the device", CACHET_IOC_OBJECT_STAT, &s, ENXIO);
	s.fd = 999;
	CALL("object_stat, closed", CACHET_IOC_OBJECT_STAT, &s, EBADF);
	s.fd = -1;
	CALL("object_stat, -1", CACHET_IOC_OBJECT_STAT, &s, EBADF);
	RESET();
	s.nr_ranges = 0;
	CALL("object_stat, no room", CACHET_IOC_OBJECT_STAT, &s, EINVAL);
	RESET();
	s.ranges = 0;
	CALL("object_stat, no ranges", CACHET_IOC_OBJECT_STAT, &s, EFAULT);
	RESET();
	s.ranges = ~0ull;
	CALL("object_stat, bad ranges", CACHET_IOC_OBJECT_STAT, &s, EFAULT);
	RESET();
	s.ranges = 1ull << 63;
	CALL("object_stat, kernel ranges", CACHET_IOC_OBJECT_STAT, &s, EFAULT);
	RESET();
	s.nr_ranges = ~0u;
	CALL("object_stat, endless room", CACHET_IOC_OBJECT_STAT, &s, 0);
	RESET();
	s.start_page = ~0ull;
	CALL("object_stat, start", CACHET_IOC_OBJECT_STAT, &s, 0);
	RESET();
	s.start_page = ~0ull >> 12;
	CALL("object_stat, start", CACHET_IOC_OBJECT_STAT, &s, 0);

	memset(&b, 0, sizeof(b));
	b.version = CACHET_ABI_VERSION;
	fill_tag(b.tag, tag);
	b.fd = fd;
	b.block_bytes = 5000;
	CALL("block_size 5000", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
	b.block_bytes = 2048;
	CALL("block_size 2048", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
	b.block_bytes = 1u << 31;
	CALL("block_size 2G", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
	b.block_bytes = 65536;
	b.reserved = 1;
	CALL("block_size, reserved", CACHET_IOC_BLOCK_SIZE, &b, EINVAL);
	b.reserved = 0;
	b.fd = lfd;
	CALL("block_size, local file", CACHET_IOC_BLOCK_SIZE, &b, ENXIO);
	b.fd = 999;
	CALL("block_size, closed", CACHET_IOC_BLOCK_SIZE, &b, EBADF);
	b.fd = -1;
	b.volume_id = 0;
	CALL("block_size, volume 0", CACHET_IOC_BLOCK_SIZE, &b, ENOENT);
	b.volume_id = ~0ull;
	CALL("block_size, no such volume", CACHET_IOC_BLOCK_SIZE, &b, ENOENT);

	memset(&v, 0, sizeof(v));
	v.version = CACHET_ABI_VERSION;
	fill_tag(v.tag, tag);
	v.nr = ~0u;
	CALL("volumes, bad pointer", CACHET_IOC_VOLUMES, &v, EFAULT);
	v.volumes = ~0ull - 10;
	CALL("volumes, bad pointer", CACHET_IOC_VOLUMES, &v, EFAULT);
	v.volumes = (uintptr_t)infos;
	v.nr = 64;
	CALL("volumes", CACHET_IOC_VOLUMES, &v, 0);
	v.after_id = ~0ull;
	v.nr = ~0u;
	CALL("volumes, after the last", CACHET_IOC_VOLUMES, &v, 0);
	if (v.nr)
		wrong("volumes, after the last: %u", v.nr);
	wrong_pins(tag, fd, lfd);
	close(fd), close(lfd), close(dir), close(ndir);
}

static void wrong_read(void)
{
	int fd = open(CACHET_DEVICE, O_RDWR | O_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	struct cachet_event e[4];
	char small[sizeof(e[0])];
	void *volatile nowhere = (void *)16;	/* Hidden from the compiler's warnings */
	ssize_t n;

	expect("read 0", read(fd, small, 0), EINVAL);
	expect("read 1", read(fd, small, 1), EINVAL);
	expect("read all but one", read(fd, small, sizeof(e[0]) - 1), EINVAL);
	expect("read, bad pointer", read(fd, nowhere, sizeof(e[0])), EFAULT);
	expect("write", write(fd, "hello", 5), EINVAL);
	expect("lseek", lseek(fd, 0, SEEK_SET), ESPIPE);
	expect("mmap", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0, ENODEV);
	while ((n = read(fd, e, sizeof(e))) > 0)
		if (n % sizeof(e[0]))
			wrong("read: %zd bytes", n);
	expect("read, drained", n, EAGAIN);
	if (poll(&p, 1, 0))
		wrong("poll: %x when there is nothing", p.revents);
	close(fd);
}

/* ---- without privileges ------------------------------------------------- */

static void refused_fd(void)
{
	struct cachet_event e;
	static uint32_t buf[1024] = { CACHET_ABI_VERSION };
	size_t i;

	for (i = 0; i < NR_ALL; i++)
		CALL(all[i].name, all[i].cmd, buf, EPERM);
	CALL("an unknown number", _IO('!', 0x7f), 0, EPERM);
	expect("read", read(dev, &e, sizeof(e)), EPERM);
}

/* Be nobody. With root's uid all capabilities go. */
void drop_privileges(void)
{
	if (setgroups(0, NULL) || setgid(65534) || setuid(65534)) {
		perror("drop");
		exit(2);
	}
}

static void drop(void)
{
	dev = open(CACHET_DEVICE, O_RDWR | O_NONBLOCK);
	if (dev < 0) {
		perror(CACHET_DEVICE);
		exit(2);
	}
	drop_privileges();
	refused_fd();
	expect("open", open(CACHET_DEVICE, O_RDONLY), EACCES);
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int i;

	if (!strcmp(mode, "drop")) {
		drop();
	} else if (!strcmp(mode, "fd") && argc == 3) {
		dev = atoi(argv[2]);
		refused_fd();
	} else if (!strcmp(mode, "disk")) {
		for (i = 2; i < argc; i++)
			leaks_on_disk(argv[i]);
	} else if (!strcmp(mode, "open")) {
		expect("open", open(CACHET_DEVICE, O_RDWR), EPERM);
		expect("open", open(CACHET_DEVICE, O_RDONLY), EPERM);
	} else {
		dev = open(CACHET_DEVICE, O_RDWR | O_NONBLOCK);
		if (dev < 0) {
			perror(CACHET_DEVICE);
			return 2;
		}
		if (!strcmp(mode, "wrong") && argc == 5) {
			wrong_frame();
			wrong_tags(argv[2]);
			wrong_sweeps(argv[2]);
			wrong_attach(argv[4]);
			wrong_stat(argv[2], argv[3], argv[4]);
			wrong_read();
		} else if ((!strcmp(mode, "root") || !strcmp(mode, "nobody")) && argc == 10) {
			random_calls(&(struct random_of) {
				.tag = argv[2], .dir = argv[3],
				.spare_tag = argv[4], .spare_dir = argv[5],
				.net = argv[6], .local = argv[7],
				.nr = strtoul(argv[8], NULL, 0),
				.seed = strtoull(argv[9], NULL, 0),
			}, !strcmp(mode, "nobody"));
		} else if (!strcmp(mode, "leaks") && argc == 6) {
			leaks(argv[2], argv[3], argv[4], argv[5]);
		} else {
			fprintf(stderr, "usage: see the head of ioctl-abuse.c\n");
			return 2;
		}
	}
	printf("%s: %d calls, %d wrong answers\n", mode, calls, bad);
	return bad ? 1 : 0;
}
