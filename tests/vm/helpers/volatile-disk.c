// SPDX-License-Identifier: GPL-2.0-only
/*
 * volatile-disk.c - nbdkit plugin: a disk whose write cache a power cut empties
 *
 *   nbdkit -U SOCKET volatile-disk.so file=IMAGE [seed=NUMBER]
 *
 * IMAGE always has the newest bytes; what each sector held before is remembered
 * until a flush, or a write with FUA to that sector, makes it durable. When the
 * server ends, whatever the reason, the power is gone: each sector that was
 * written since the last flush gets one of its versions, from the durable one to
 * the newest. So writes are lost, reordered and torn at sectors as drives may do
 * it, metadata of XFS at blocks. How many are lost, and whether neighbours share their fate, is drawn anew
 * for each cut, which tells on stderr what it did.
 *
 * A drive writes its cache back when it is full: so does this one, at random.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_ALL_REQUESTS

enum { SECTOR = 512, CACHE_SECTORS = 256 << 20 >> 9 };

/* What a sector held before a write, newest first. */
struct version {
	struct version *older;
	uint8_t data[SECTOR];
};

static char *file;
static uint64_t seed;
static int fd = -1;
static uint64_t sectors;
static struct version **undo;	/* By sector; NULL: durable */
static uint32_t *dirty;		/* Sectors that were written, some of them durable again */
static size_t nr_dirty, room;
static size_t nr_versions;
static unsigned long writes, flushes;

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t draw(void)
{
	uint64_t z = seed += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static void make_durable(uint32_t sector)
{
	while (undo[sector]) {
		struct version *v = undo[sector];

		undo[sector] = v->older;
		free(v);
		nr_versions--;
	}
}

static void write_back(void)
{
	size_t i;

	for (i = 0; i < nr_dirty; i++)
		make_durable(dirty[i]);
	nr_dirty = 0;
}

/* Some of it, as drives do at any time. */
static void write_back_half(void)
{
	size_t i, kept = 0;

	for (i = 0; i < nr_dirty; i++) {
		if (draw() & 1)
			make_durable(dirty[i]);
		if (undo[dirty[i]])
			dirty[kept++] = dirty[i];
	}
	nr_dirty = kept;
}

/* ---- power cut ---------------------------------------------------------- */

static int lose(uint32_t sector, bool whole)
{
	const struct version *v;
	unsigned int nr = 0, back;

	for (v = undo[sector]; v; v = v->older)
		nr++;
	if (!nr)
		return 0;
	back = whole ? nr - 1 : draw() % nr;
	for (v = undo[sector]; back--; v = v->older)
		;
	if (pwrite(fd, v->data, SECTOR, (off_t)sector * SECTOR) != SECTOR)
		perror("volatile-disk: pwrite");
	return 1;
}

/*
 * Is this in a block of metadata of XFS that is larger than a sector? It takes what its
 * first sector says of the log for the whole of it, and so does not stand tearing.
 */
static bool is_metadata(uint32_t sector)
{
	static const char magics[][5] = {
		"AB3B", "AB3C", "IAB3", "FIB3", "RMB3", "R3FC", "BMA3",
		"XDB3", "XDD3", "XDF3", "XSLM", "XARM",
	};
	static const uint8_t shorts[][2] = {	/* At byte 8: leaves and nodes */
		{ 0x3b, 0xee }, { 0x3e, 0xbe }, { 0x3d, 0xf1 }, { 0x3d, 0xff },
	};
	uint8_t head[10];
	size_t i;

	if (pread(fd, head, sizeof(head), (off_t)(sector & ~7u) * SECTOR) != sizeof(head))
		return false;
	for (i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (!memcmp(head, magics[i], 4))
			return true;
	for (i = 0; i < sizeof(shorts) / sizeof(shorts[0]); i++)
		if (!memcmp(head + 8, shorts[i], 2))
			return true;
	return false;
}

static void cut(void)
{
	/* Of 16 shares of what is not durable so many go, in pieces of so many sectors. */
	unsigned int share = draw() % 17, shift = (draw() & 1) ? 0 : draw() % 8;
	uint64_t salt = draw(), at = seed;
	size_t i, lost = 0, all = 0;
	bool *whole = calloc(nr_dirty + 1, sizeof(*whole));

	/* Before any of them is an older one. */
	for (i = 0; whole && i < nr_dirty; i++)
		whole[i] = is_metadata(dirty[i]);
	for (i = 0; whole && i < nr_dirty; i++) {
		seed = salt + (whole[i] && shift < 3 ? dirty[i] >> 3 : dirty[i] >> shift);
		all += !!undo[dirty[i]];
		if (draw() % 16 < share)
			lost += lose(dirty[i], whole[i]);
		make_durable(dirty[i]);
	}
	free(whole);
	seed = at;
	nr_dirty = 0;
	fprintf(stderr, "volatile-disk: %lu writes, %lu flushes; %zu of %zu sectors that were not durable are old ones now, in pieces of %u\n",
		writes, flushes, lost, all, 1u << shift);
}

/* ---- nbdkit ------------------------------------------------------------- */

static int volatile_config(const char *key, const char *value)
{
	if (strcmp(key, "file") == 0) {
		free(file);
		file = nbdkit_realpath(value);
		return file ? 0 : -1;
	}
	if (strcmp(key, "seed") == 0)
		return nbdkit_parse_uint64_t("seed", value, &seed);
	nbdkit_error("no parameter '%s': file=IMAGE [seed=NUMBER]", key);
	return -1;
}

static int volatile_config_complete(void)
{
	if (!file) {
		nbdkit_error("file=IMAGE is missing");
		return -1;
	}
	return 0;
}

static int volatile_get_ready(void)
{
	struct stat st;

	fd = open(file, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		nbdkit_error("%s: %m", file);
		return -1;
	}
	sectors = st.st_size / SECTOR;
	undo = calloc(sectors, sizeof(struct version *));
	if (sectors > UINT32_MAX || !undo) {
		nbdkit_error("%s: too large", file);
		return -1;
	}
	return 0;
}

static void volatile_unload(void)
{
	if (undo)
		cut();
	free(undo);
	free(dirty);
	free(file);
	if (fd >= 0)
		close(fd);
}

static void *volatile_open(int readonly)
{
	(void)readonly;
	return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t volatile_get_size(void *handle)
{
	(void)handle;
	return sectors * SECTOR;
}

static int volatile_can_fua(void *handle)
{
	(void)handle;
	return NBDKIT_FUA_NATIVE;
}

static int volatile_block_size(void *handle, uint32_t *minimum, uint32_t *preferred,
			       uint32_t *maximum)
{
	(void)handle;
	*minimum = SECTOR;
	*preferred = 4096;
	*maximum = 32 << 20;
	return 0;
}

static int volatile_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
	ssize_t n;

	(void)handle;
	(void)flags;
	for (; count; buf = (char *)buf + n, count -= n, offset += n) {
		n = pread(fd, buf, count, offset);
		if (n <= 0) {
			nbdkit_error("pread: %m");
			return -1;
		}
	}
	return 0;
}

/* Keep what a sector has now. Return: 0 or -1. */
static int remember(uint32_t sector)
{
	struct version *v = malloc(sizeof(*v));

	if (!v || pread(fd, v->data, SECTOR, (off_t)sector * SECTOR) != SECTOR) {
		free(v);
		return -1;
	}
	if (!undo[sector]) {
		if (nr_dirty == room) {
			size_t more = room ? 2 * room : 1024;
			uint32_t *p = reallocarray(dirty, more, sizeof(*dirty));

			if (!p) {
				free(v);
				return -1;
			}
			dirty = p;
			room = more;
		}
		dirty[nr_dirty++] = sector;
	}
	v->older = undo[sector];
	undo[sector] = v;
	nr_versions++;
	return 0;
}

static int volatile_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset,
			   uint32_t flags)
{
	uint32_t first = offset / SECTOR, end = (offset + count) / SECTOR, s;
	ssize_t n;

	(void)handle;
	if (offset % SECTOR || count % SECTOR) {
		nbdkit_error("not whole sectors: %u bytes at %llu", count,
			     (unsigned long long)offset);
		errno = EINVAL;
		return -1;
	}
	writes++;
	if (nr_versions > CACHE_SECTORS)
		write_back_half();
	for (s = first; s < end; s++) {
		if (remember(s)) {
			nbdkit_error("no memory for what sector %u held", s);
			return -1;
		}
	}
	for (; count; buf = (const char *)buf + n, count -= n, offset += n) {
		n = pwrite(fd, buf, count, offset);
		if (n <= 0) {
			nbdkit_error("pwrite: %m");
			return -1;
		}
	}
	if (flags & NBDKIT_FLAG_FUA)
		for (s = first; s < end; s++)
			make_durable(s);
	return 0;
}

static int volatile_flush(void *handle, uint32_t flags)
{
	(void)handle;
	(void)flags;
	flushes++;
	write_back();
	return 0;
}

static struct nbdkit_plugin plugin = {
	.name		 = "volatile",
	.longname	 = "a disk whose write cache a power cut empties",
	.config		 = volatile_config,
	.config_complete = volatile_config_complete,
	.config_help	 = "file=IMAGE [seed=NUMBER]",
	.get_ready	 = volatile_get_ready,
	.unload		 = volatile_unload,
	.open		 = volatile_open,
	.get_size	 = volatile_get_size,
	.can_fua	 = volatile_can_fua,
	.block_size	 = volatile_block_size,
	.pread		 = volatile_pread,
	.pwrite		 = volatile_pwrite,
	.flush		 = volatile_flush,
	.errno_is_preserved = 1,
};

NBDKIT_REGISTER_PLUGIN(plugin)
