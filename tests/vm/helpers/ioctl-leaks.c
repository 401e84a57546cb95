// SPDX-License-Identifier: GPL-2.0-only
/*
 * ioctl-leaks.c - what calls of /dev/cachet write, byte by byte
 *
 * A member that the module forgets to set tells what its memory held before: a piece of
 * the kernel's heap or stack. On uml-debug such memory is filled with known bytes, those
 * of poison[]. They are looked for in all that is written, and later in the cache's own
 * files. What is handed over is filled with yet another byte, so that what is not written
 * at all shows, and what is although it should not be:
 *
 *   struct memory   FILL ... | the structure, its members in set | FILL ...
 *
 * The objects are real: a cache, a file that is cached in parts, its volume, pins, and a
 * second cache that is attached here.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ioctl-abuse.h"

enum {
	FILL = 0xc3,		/* Not 0xa5: poisoned objects of the heap end with that */
	MARGIN = 4096,
	ROOM = 64 * 1024,
	/*
	 * Bytes of poison in a row; members have 4 at least. A UUID or a fingerprint has 3 by
	 * chance once in 300,000 times. The 3 MB of random content on disk are likely to have 3
	 * (0.7 times), not 4 (0.003), and are the same each time.
	 */
	RUN = 3,
	RUN_FILE = 4,
};

/*
 * The heap, by poison.h and slab_debug=P: not set, freed. The stack, by
 * -ftrivial-auto-var-init=pattern of gcc, of clang.
 */
static const char poison[] = { 0x5a, 0x6b, (char)0xfe, (char)0xaa };

struct memory {
	unsigned char now[MARGIN + ROOM + MARGIN];
	unsigned char before[MARGIN + ROOM + MARGIN];
};

static struct memory args, list;

static void *fresh(struct memory *m)
{
	memset(m->now, FILL, sizeof(m->now));
	memset(m->before, FILL, sizeof(m->before));
	return m->now + MARGIN;
}

/* ---- verdicts ----------------------------------------------------------- */

static bool all_of(const void *at, size_t n, int byte)
{
	const unsigned char *p = at;
	size_t i;

	for (i = 0; i < n && p[i] == (unsigned char)byte; i++)
		;
	return i == n;
}

static void no_poison(const char *what, const void *at, size_t n, size_t run, size_t first)
{
	const char *p = at;
	size_t i, k;

	for (i = 0; i + run <= n; i++)
		for (k = 0; k < sizeof(poison); k++)
			if (all_of(p + i, run, poison[k])) {
				wrong("%s: bytes from %zu on are %02x: they were not set", what,
				      first + i, (unsigned char)poison[k]);
				return;
			}
}

/* Of @m only the first @size bytes of the structure may have been written, and not by poison. */
static void only(const char *what, struct memory *m, size_t size)
{
	size_t i;

	for (i = 0; i < sizeof(m->now); i++)
		if ((i < MARGIN || i >= MARGIN + size) && m->now[i] != m->before[i]) {
			wrong("%s: byte %zd was written, which may not be", what,
			      (ssize_t)i - MARGIN);
			break;
		}
	no_poison(what, m->now + MARGIN, size, RUN, 0);
}

static void is_written(const char *what, const char *member, const void *at, size_t n)
{
	if (all_of(at, n, FILL))
		wrong("%s: %s was not written", what, member);
}

static void is_zero(const char *what, const char *member, const void *at, size_t n)
{
	if (!all_of(at, n, 0))
		wrong("%s: %s is not zero", what, member);
}

static void is_string(const char *what, const char *member, const char *at, size_t n)
{
	size_t len = strnlen(at, n);

	if (len == n)
		wrong("%s: %s has no end", what, member);
	if (!all_of(at + len, n - len, 0))
		wrong("%s: %s: not zero behind its end", what, member);
}

#define WRITTEN(what, s, member) is_written(what, #member, &(s)->member, sizeof((s)->member))
#define ZERO(what, s, member) is_zero(what, #member, &(s)->member, sizeof((s)->member))
#define STRING(what, s, member) is_string(what, #member, (s)->member, sizeof((s)->member))

/* The call with what args holds. Output comes when it succeeds, or says why it did not. */
static void call(const char *what, unsigned long cmd, int want)
{
	int ret;

	memcpy(args.before, args.now, sizeof(args.before));
	ret = ioctl(dev, cmd, args.now + MARGIN);
	expect(what, ret, want);
	if ((_IOC_DIR(cmd) & _IOC_READ) && (ret >= 0 || cmd == CACHET_IOC_ATTACH))
		only(what, &args, _IOC_SIZE(cmd));
	else
		only(what, &args, 0);
}

/* ---- the cache ---------------------------------------------------------- */

static struct cachet_status *new_status(const char *tag)
{
	struct cachet_status *s = fresh(&args);

	s->version = CACHET_ABI_VERSION;
	fill_tag(s->tag, tag);
	return s;
}

static void leaks_of_status(const char *tag)
{
	struct cachet_status *s = new_status(tag);

	call("status", CACHET_IOC_STATUS, 0);
	STRING("status", s, tag);
	WRITTEN("status", s, uuid);
	WRITTEN("status", s, epoch);
	WRITTEN("status", s, committed);
	WRITTEN("status", s, data_bytes);
	WRITTEN("status", s, live_bytes);
	WRITTEN("status", s, segment_bytes);
	WRITTEN("status", s, block_bytes);
	WRITTEN("status", s, nr_segments);
	WRITTEN("status", s, nr_free);
	WRITTEN("status", s, nr_freeing);
	WRITTEN("status", s, nr_open);
	WRITTEN("status", s, nr_sets);
	WRITTEN("status", s, nr_objects);
	WRITTEN("status", s, nr_volumes);
	WRITTEN("status", s, nr_pinned);
	WRITTEN("status", s, max_pinned);
	WRITTEN("status", s, seal_queue);
	WRITTEN("status", s, flags);
	ZERO("status", s, error);
	if (!s->nr_counters || s->nr_counters >= CACHET_NR_COUNTERS)
		wrong("status: %u counters", s->nr_counters);
	else
		is_zero("status", "what is behind the counters", s->counters + s->nr_counters,
			sizeof(s->counters) - s->nr_counters * sizeof(s->counters[0]));
	new_status("nobody");
	call("status, unknown", CACHET_IOC_STATUS, ENOENT);
	new_status("a/b");
	call("status, bad tag", CACHET_IOC_STATUS, EINVAL);
	s = new_status(tag);
	s->version++;
	call("status, version", CACHET_IOC_STATUS, EPROTO);
}

static struct cachet_scrub *new_scrub(const char *tag, uint64_t slot)
{
	struct cachet_scrub *s = fresh(&args);

	s->version = CACHET_ABI_VERSION;
	s->reserved = 0;
	fill_tag(s->tag, tag);
	s->max_bytes = ~0ull;
	s->slot = slot;
	return s;
}

static void leaks_of_scrub(const char *tag)
{
	struct cachet_scrub *s;
	uint64_t slot = 0, nr;

	do {
		s = new_scrub(tag, slot);
		call("scrub", CACHET_IOC_SCRUB, 0);
		STRING("scrub", s, tag);
		WRITTEN("scrub", s, nr_slots);
		WRITTEN("scrub", s, blocks);
		WRITTEN("scrub", s, bytes);
		ZERO("scrub", s, bad);
		ZERO("scrub", s, reserved);
		if (s->slot <= slot)
			wrong("scrub: does not move on");
		slot = s->slot > slot ? s->slot : s->nr_slots;
		nr = s->nr_slots;
	} while (slot < nr);
	new_scrub(tag, nr + 1);
	call("scrub, one slot too far", CACHET_IOC_SCRUB, EINVAL);
	new_scrub("nobody", 0);
	call("scrub, unknown", CACHET_IOC_SCRUB, ENOENT);
}

static struct cachet_sweep *new_sweep(const char *tag, uint64_t set)
{
	struct cachet_sweep *s = fresh(&args);

	s->version = CACHET_ABI_VERSION;
	s->reserved = 0;
	fill_tag(s->tag, tag);
	s->set = set;
	return s;
}

static void leaks_of_sweep(const char *tag)
{
	struct cachet_sweep *s;
	uint64_t set = 0, nr;

	do {
		s = new_sweep(tag, set);
		call("sweep", CACHET_IOC_SWEEP, 0);
		STRING("sweep", s, tag);
		WRITTEN("sweep", s, nr_sets);
		WRITTEN("sweep", s, pinned);
		WRITTEN("sweep", s, cleared);
		WRITTEN("sweep", s, released);
		ZERO("sweep", s, reserved);
		if (s->set <= set)
			wrong("sweep: does not move on");
		set = s->set > set ? s->set : s->nr_sets;
		nr = s->nr_sets;
	} while (set < nr);
	new_sweep(tag, nr + 1);
	call("sweep, one set too far", CACHET_IOC_SWEEP, EINVAL);
	new_sweep("nobody", 0);
	call("sweep, unknown", CACHET_IOC_SWEEP, ENOENT);
}

static struct cachet_volumes *new_volumes(const char *tag, uint32_t nr, uint64_t after)
{
	struct cachet_volumes *v = fresh(&args);

	v->version = CACHET_ABI_VERSION;
	v->nr = nr;
	fill_tag(v->tag, tag);
	v->after_id = after;
	v->volumes = (uintptr_t)fresh(&list);
	return v;
}

static void leaks_of_volumes(const char *tag)
{
	static const uint32_t room[] = { 1, 2, ROOM / sizeof(struct cachet_volume_info) };
	struct cachet_volume_info *info;
	struct cachet_volumes *v;
	size_t i, k;

	for (i = 0; i < sizeof(room) / sizeof(room[0]); i++) {
		v = new_volumes(tag, room[i], 0);
		call("volumes", CACHET_IOC_VOLUMES, 0);
		STRING("volumes", v, tag);
		if (!v->nr || v->nr > room[i]) {
			wrong("volumes: %u of them", v->nr);
			continue;
		}
		only("volumes, the list", &list, v->nr * sizeof(*info));
		info = (void *)(list.now + MARGIN);
		for (k = 0; k < v->nr; k++, info++) {
			STRING("volumes, the list", info, key);
			WRITTEN("volumes, the list", info, id);
			WRITTEN("volumes, the list", info, generation);
			WRITTEN("volumes, the list", info, last_use);
			WRITTEN("volumes, the list", info, block_bytes);
			WRITTEN("volumes, the list", info, nr_objects);
			if (!info->key[0] || (info->flags & ~CACHET_VOLUME_IN_USE))
				wrong("volumes, the list: key '%.255s', flags %x", info->key,
				      info->flags);
		}
	}
	v = new_volumes(tag, 1, ~0ull);
	call("volumes, after the last", CACHET_IOC_VOLUMES, 0);
	ZERO("volumes, after the last", v, nr);
	only("volumes, after the last", &list, 0);
	new_volumes("nobody", 1, 0);
	call("volumes, unknown", CACHET_IOC_VOLUMES, ENOENT);
	only("volumes, unknown", &list, 0);
	v = new_volumes(tag, 1, 0);
	v->volumes = 1ull << 63;
	call("volumes, bad pointer", CACHET_IOC_VOLUMES, EFAULT);
}

/* ---- a file ------------------------------------------------------------- */

static struct cachet_object_stat *new_stat(int fd, uint32_t room)
{
	struct cachet_object_stat *s = fresh(&args);

	s->version = CACHET_ABI_VERSION;
	s->fd = fd;
	s->start_page = 0;
	s->ranges = (uintptr_t)fresh(&list);
	s->nr_ranges = room;
	s->block_bytes = 0;
	s->reserved = 0;
	return s;
}

static void leaks_of_stat(int fd, int local)
{
	static const uint32_t room[] = { 1, 2, ROOM / sizeof(struct cachet_range) };
	struct cachet_object_stat *s;
	struct cachet_range *r;
	size_t i, k;

	for (i = 0; i < sizeof(room) / sizeof(room[0]); i++) {
		s = new_stat(fd, room[i]);
		call("object_stat", CACHET_IOC_OBJECT_STAT, 0);
		STRING("object_stat", s, tag);
		WRITTEN("object_stat", s, size);
		WRITTEN("object_stat", s, cached_pages);
		WRITTEN("object_stat", s, sealed_pages);
		WRITTEN("object_stat", s, shared_pages);
		WRITTEN("object_stat", s, pinned_pages);
		WRITTEN("object_stat", s, volume_id);
		WRITTEN("object_stat", s, fingerprint);
		ZERO("object_stat", s, reserved);
		if (s->nr_ranges < (i ? 2 : 1) || s->nr_ranges > room[i] ||
		    (s->flags & ~CACHET_STAT_PINNED)) {
			wrong("object_stat: %u ranges, flags %x", s->nr_ranges, s->flags);
			continue;
		}
		only("object_stat, ranges", &list, s->nr_ranges * sizeof(*r));
		r = (void *)(list.now + MARGIN);
		for (k = 0; k < s->nr_ranges; k++, r++) {
			ZERO("object_stat, ranges", r, reserved);
			if (!r->nr_pages || (r->flags & ~0xf))
				wrong("object_stat: %llu pages, flags %x",
				      (unsigned long long)r->nr_pages, r->flags);
		}
	}
	new_stat(local, 4);
	call("object_stat, local file", CACHET_IOC_OBJECT_STAT, ENXIO);
	new_stat(-1, 4);
	call("object_stat, no file", CACHET_IOC_OBJECT_STAT, EBADF);
	new_stat(fd, 0);
	call("object_stat, no room", CACHET_IOC_OBJECT_STAT, EINVAL);
	only("object_stat, no room", &list, 0);
	s = new_stat(fd, 4);
	s->ranges = 1ull << 63;
	call("object_stat, bad pointer", CACHET_IOC_OBJECT_STAT, EFAULT);
}

static struct cachet_pin *new_pin(int fd, uint32_t flags, uint64_t start)
{
	struct cachet_pin *p = fresh(&args);

	p->version = CACHET_ABI_VERSION;
	p->flags = flags;
	p->fd = fd;
	p->reserved = 0;
	p->start_page = start;
	return p;
}

static void pin_once(const char *what, int fd, uint32_t flags, uint64_t *page, void *fp)
{
	struct cachet_pin *p = new_pin(fd, flags, *page);

	call(what, CACHET_IOC_PIN, 0);
	STRING(what, p, tag);
	WRITTEN(what, p, fingerprint);
	WRITTEN(what, p, pages);
	WRITTEN(what, p, pinned_pages);
	ZERO(what, p, reserved);
	*page = p->start_page;
	memcpy(fp, p->fingerprint, sizeof(p->fingerprint));
}

static void leaks_of_pin(const char *tag, int fd, int local)
{
	struct cachet_pin *p;
	unsigned char fp[sizeof(p->fingerprint)];
	uint64_t page = 0;
	unsigned int n;

	for (n = 0; page != ~0ull && n < 1000; n++)
		pin_once("pin", fd, 0, &page, fp);
	if (page != ~0ull)
		wrong("pin: does not come to an end");
	leaks_of_stat(fd, local);	/* What is pinned has moved */
	leaks_of_sweep(tag);
	page = 0;
	pin_once("unpin", fd, CACHET_PIN_CLEAR, &page, fp);
	p = new_pin(-1, CACHET_PIN_CLEAR, 0);
	fill_tag(p->tag, tag);
	memcpy(p->fingerprint, fp, sizeof(fp));
	call("unpin by name", CACHET_IOC_PIN, 0);
	ZERO("unpin by name", p, pages);
	ZERO("unpin by name", p, pinned_pages);
	p = new_pin(-1, CACHET_PIN_CLEAR, 0);
	fill_tag(p->tag, tag);
	call("unpin, unknown", CACHET_IOC_PIN, ENOENT);
	new_pin(local, 0, 0);
	call("pin, local file", CACHET_IOC_PIN, ENXIO);
	new_pin(fd, 2, 0);
	call("pin, flags", CACHET_IOC_PIN, EINVAL);
}

/* The last page goes into a mapping as a whole. */
static void leaks_of_mapping(int fd)
{
	struct stat st;
	size_t size;
	char *map;

	if (fstat(fd, &st) || !(st.st_size % 4096))
		exit(2);
	size = (st.st_size + 4095) / 4096 * 4096;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		exit(2);
	if (!all_of(map + st.st_size, size - st.st_size, 0))
		wrong("mapping: not zero behind the end of the file");
	munmap(map, size);
}

/* ---- attaching ---------------------------------------------------------- */

static void attach(const char *what, const int fd[3], uint32_t flags, int want)
{
	struct cachet_attach *a = fresh(&args);

	a->version = CACHET_ABI_VERSION;
	a->flags = flags;
	a->super_fd = fd[0];
	a->index_fd = fd[1];
	a->data_fd = fd[2];
	a->commit_ms = 0;
	memset(a->reserved, 0, sizeof(a->reserved));
	call(what, CACHET_IOC_ATTACH, want);
	if (flags & ~7u) {	/* Looked at before anything is done */
		only(what, &args, 0);
		return;
	}
	STRING(what, a, tag);
	STRING(what, a, problem);
	WRITTEN(what, a, took_ns);
	ZERO(what, a, reserved);
	if (!a->problem[0] != !want || !a->tag[0] != !!want)
		wrong("%s: tag '%.31s', problem '%.95s'", what, a->tag, a->problem);
}

/* With each of the three files replaced by one that is shorter, longer, or holds nothing. */
static void attach_wrong_files(int dir, const int good[3])
{
	static const char *const name[] = { "super", "index", "data" };
	static const int nothing[] = { EUCLEAN, EBADMSG, EBADMSG };
	char what[64];
	int fd[3], i;

	for (i = 0; i < 3; i++) {
		struct stat st;

		memcpy(fd, good, sizeof(fd));
		fd[i] = openat(dir, "other", O_RDWR | O_CREAT | O_TRUNC, 0600);
		if (fd[i] < 0 || fstat(good[i], &st) || ftruncate(fd[i], st.st_size - 4096))
			exit(2);
		snprintf(what, sizeof(what), "attach, a short %s", name[i]);
		attach(what, fd, 0, ENODATA);
		if (ftruncate(fd[i], st.st_size + 4096))
			exit(2);
		snprintf(what, sizeof(what), "attach, a long %s", name[i]);
		attach(what, fd, 0, EFBIG);
		if (ftruncate(fd[i], st.st_size))
			exit(2);
		snprintf(what, sizeof(what), "attach, a %s of zeros", name[i]);
		attach(what, fd, 0, nothing[i]);
		close(fd[i]);
		fd[i] = dir;
		snprintf(what, sizeof(what), "attach, a directory as %s", name[i]);
		attach(what, fd, 0, EINVAL);
		fd[i] = -1;
		snprintf(what, sizeof(what), "attach, no %s", name[i]);
		attach(what, fd, 0, EBADF);
		unlinkat(dir, "other", 0);
	}
}

static void new_tag(const char *tag, uint32_t flags)
{
	struct cachet_tag *t = fresh(&args);

	t->version = CACHET_ABI_VERSION;
	t->flags = flags;
	fill_tag(t->tag, tag);
}

static void leaks_of_attach(const char *spare, int local)
{
	int dir = open(spare, O_RDONLY | O_DIRECTORY);
	const int good[] = { openat(dir, "super", O_RDWR), openat(dir, "index", O_RDWR),
		openat(dir, "data", O_RDWR) };
	const int twice[] = { good[0], good[1], good[1] };
	const int elsewhere[] = { good[0], good[1], local };
	char tag[CACHET_TAG_MAX];

	if (good[0] < 0 || good[1] < 0 || good[2] < 0)
		exit(2);
	attach("attach, flags", good, 1u << 31, EINVAL);
	attach("attach, one file twice", twice, 0, EINVAL);
	attach("attach, two filesystems", elsewhere, 0, EXDEV);
	attach_wrong_files(dir, good);
	attach("attach", good, CACHET_ATTACH_VERIFY_ONCE, 0);
	memcpy(tag, ((struct cachet_attach *)(args.now + MARGIN))->tag, sizeof(tag));
	attach("attach, attached", good, 0, EBUSY);
	leaks_of_status(tag);	/* Much of it was not in use yet */
	leaks_of_scrub(tag);
	leaks_of_sweep(tag);
	new_tag(tag, 0);
	call("detach", CACHET_IOC_DETACH, 0);
	call("detach, again", CACHET_IOC_DETACH, ENOENT);
	close(good[0]), close(good[1]), close(good[2]), close(dir);
}

/* ---- what only takes ---------------------------------------------------- */

static void leaks_of_others(const char *tag, int fd)
{
	struct cachet_block_size *b;
	struct cachet_cull *c;

	new_tag(tag, CACHET_SYNC_SEAL);
	call("sync", CACHET_IOC_SYNC, 0);
	new_tag("nobody", 0);
	call("sync, unknown", CACHET_IOC_SYNC, ENOENT);
	c = fresh(&args);
	c->version = CACHET_ABI_VERSION;
	c->segment = 0;
	fill_tag(c->tag, tag);
	c->generation = ~0ull;
	call("cull, another generation", CACHET_IOC_CULL, ESTALE);
	b = fresh(&args);
	b->version = CACHET_ABI_VERSION;
	b->fd = fd;
	fill_tag(b->tag, tag);
	b->block_bytes = 5000;
	b->reserved = 0;
	call("block_size 5000", CACHET_IOC_BLOCK_SIZE, EINVAL);
	b->block_bytes = 0;
	call("block_size", CACHET_IOC_BLOCK_SIZE, 0);
}

/* ---- what is read ------------------------------------------------------- */

static void leaks_of_events(int fd)
{
	/* Several, one, and room that is no whole number of them */
	static const size_t room[] = { 2 * sizeof(struct cachet_event),
		sizeof(struct cachet_event), 3 * sizeof(struct cachet_event) - 1 };
	uint64_t seq = 0, nr = 0;
	unsigned int i;
	ssize_t n;

	for (i = 0; ; i++) {
		struct cachet_event *e = fresh(&list);

		n = read(fd, e, room[i % 3]);
		if (n < 0)
			break;
		if (!n || n % sizeof(*e) || (size_t)n > room[i % 3])
			wrong("read: %zd bytes", n);
		only("read", &list, n);
		for (; n > 0; n -= sizeof(*e), e++, nr++) {
			STRING("event", e, tag);
			WRITTEN("event", e, time_ns);
			WRITTEN("event", e, arg0);
			WRITTEN("event", e, arg1);
			ZERO("event", e, reserved);
			if (e->seq <= seq || e->type < CACHET_EVENT_ATTACHED ||
			    e->type > CACHET_EVENT_DAMAGED || !e->tag[0])
				wrong("event: number %llu, type %u, tag '%.31s'",
				      (unsigned long long)e->seq, e->type, e->tag);
			seq = e->seq;
		}
	}
	expect("read, drained", n, EAGAIN);
	only("read, drained", &list, 0);
	n = read(fd, fresh(&list), sizeof(struct cachet_event) - 1);
	expect("read, too little room", n, EINVAL);
	only("read, too little room", &list, 0);
	/* Those of the attach and the detach, at least */
	if (nr < 2)
		wrong("read: %llu events", (unsigned long long)nr);
}

static void leaks_of_text(const char *name, int dir)
{
	int fd = openat(dir, name, O_RDONLY);
	char *text = fresh(&list);
	ssize_t n = read(fd, text, ROOM), i;

	expect(name, n, 0);
	only(name, &list, n > 0 ? n : 0);
	for (i = 0; i < n; i++)
		if (text[i] != '\n' && (text[i] < ' ' || text[i] > '~')) {
			wrong("%s: byte %zd is %02x", name, i, (unsigned char)text[i]);
			break;
		}
	if (n > 0 && text[n - 1] != '\n')
		wrong("%s: no end of the line", name);
	close(fd);
}

static void leaks_of_files(const char *tag)
{
	int sys = open("/sys/fs/cachet", O_RDONLY), debug = open("/sys/kernel/debug", O_RDONLY);
	struct dirent *entry;
	unsigned int nr = 0;
	DIR *dir;

	dir = fdopendir(openat(sys, tag, O_RDONLY));
	if (!dir)
		exit(2);
	while ((entry = readdir(dir)))
		if (entry->d_type == DT_REG) {
			leaks_of_text(entry->d_name, dirfd(dir));
			nr++;
		}
	if (!nr)
		wrong("sysfs: no files");
	closedir(dir);
	if (!faccessat(debug, "cachet/inject", R_OK, 0))
		leaks_of_text("cachet/inject", debug);
	close(sys), close(debug);
}

/**
 * leaks - look at what all calls write
 * @tag: of an attached cache
 * @net: a file that is in it in two parts at least, and does not end with a page
 * @local: a file elsewhere
 * @spare: directory of a cache that is not attached
 *
 * The parts of @net are not cached any more in the end.
 */
void leaks(const char *tag, const char *net, const char *local, const char *spare)
{
	int events = open(CACHET_DEVICE, O_RDWR | O_NONBLOCK);
	int fd = open(net, O_RDONLY), lfd = open(local, O_RDWR);

	if (events < 0 || fd < 0 || lfd < 0)
		exit(2);
	leaks_of_status(tag);
	leaks_of_volumes(tag);
	leaks_of_stat(fd, lfd);
	leaks_of_scrub(tag);
	leaks_of_pin(tag, fd, lfd);
	leaks_of_mapping(fd);
	leaks_of_attach(spare, lfd);
	leaks_of_files(tag);
	leaks_of_others(tag, fd);
	leaks_of_events(events);
	close(events), close(fd), close(lfd);
}

/**
 * leaks_on_disk - look for poison in a file
 * @name: super, index or data of a cache that is not attached
 */
void leaks_on_disk(const char *name)
{
	enum { CHUNK = 1 << 20 };
	static char buf[CHUNK];
	int fd = open(name, O_RDONLY);
	size_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, CHUNK, at)) > 0) {
		no_poison(name, buf, n, RUN_FILE, at);
		at += n;
	}
	expect(name, n, 0);
	close(fd);
}
