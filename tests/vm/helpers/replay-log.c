// SPDX-License-Identifier: GPL-2.0-only
/*
 * replay-log.c - what a disk may hold after a power cut, by a log of dm-log-writes
 *
 * The log has each write with its data, and each flush. Writes without FUA are in it
 * before the first flush that was sent after their completion, writes with FUA, and
 * flushes, when they are complete:
 *
 *   flush  FUA FUA  write, write, write  flush  FUA  write ...
 *                   |<- lost in a cut ->|
 *
 * If the power goes before an entry is complete, all is there that was flushed before,
 * and each FUA before it; of the writes since the last flush each sector is there or is
 * not, by itself, so that a later write may be there without an earlier one. If that
 * entry has FUA, a part of it is there. No write after a FUA is taken to be there
 * without that: it may have been sent because of it. (Nor are those which were under
 * way beside it, and might be; the log does not tell one from the other.)
 *
 * Metadata of XFS is there or not by blocks of 4 KiB: XFS believes of a whole block what
 * its first sector says of the log. Its log it reads sector by sector.
 *
 * The format of the log is that of drivers/md/dm-log-writes.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replay-log.h"

enum {
	LOG_FLUSH	= 1 << 0,
	LOG_FUA		= 1 << 1,
	LOG_DISCARD	= 1 << 2,
	LOG_MARK	= 1 << 3,
	LOG_METADATA	= 1 << 4,
};

#define LOG_MAGIC	0x6a736677736872ull
#define LOG_END		"dm-log-writes-end"

/* Little-endian, as the processors that the tests run on. */
struct log_super {
	uint64_t magic;
	uint64_t version;
	uint64_t nr_entries;
	uint32_t sector_bytes;
};

struct log_entry {
	uint64_t sector;
	uint64_t nr_sectors;
	uint64_t flags;
	uint64_t data_len;
};

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t draw(uint64_t *seed)
{
	return mix(*seed += 0x9e3779b97f4a7c15);
}

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "replay-log: %s: %s\n", what, why);
	return -1;
}

/* ---- the log ------------------------------------------------------------ */

static uint64_t be(const uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;

	while (bytes--)
		v = v << 8 | *p++;
	return v;
}

/* Where XFS has its log: struct xfs_dsb. */
static int find_xlog(struct replay *r)
{
	const uint8_t *sb = r->base;
	uint64_t at = be(sb + 48, 8), blocks = be(sb + 96, 4), per_ag = be(sb + 84, 4);
	unsigned int shift = sb[124];

	if (memcmp(sb, "XFSB", 4) || be(sb + 4, 4) != BLOCK || !blocks)
		return complain("base", "no XFS with blocks of 4 KiB");
	at = (at >> shift) * per_ag + (at & ((1ull << shift) - 1));
	r->xlog_first = at * BLOCK_SECTORS;
	r->xlog_end = (at + blocks) * BLOCK_SECTORS;
	return 0;
}

static bool is_write(const struct entry *e, bool fua)
{
	return e->data && !(e->flags & LOG_FUA) == !fua;
}

/* With a FUA between two flushes, what else was written to its sectors has no order. */
static int check_order(const struct replay *r)
{
	uint32_t *fua = calloc(r->bytes / SECTOR, sizeof(*fua)), window = 1, i, k;
	int ret = 0;

	if (!fua)
		return complain("memory", strerror(errno));
	for (i = 0; i < r->nr && !ret; i++) {
		const struct entry *e = &r->entry[i];

		if (e->flags & LOG_FLUSH)
			window++;
		for (k = 0; e->data && k < e->nr; k++) {
			if (e->flags & LOG_FUA)
				fua[e->sector + k] = window;
			else if (fua[e->sector + k] == window)
				ret = complain("log", "a sector was written with and without FUA between two flushes");
		}
	}
	free(fua);
	return ret;
}

static bool has_mark(const struct entry *e, const char *text)
{
	return e->mark && !strcmp(e->mark, text);
}

static int read_entries(struct replay *r)
{
	const struct log_super *super = (const void *)r->log;
	uint64_t at = SECTOR;
	uint32_t i, flush;

	if (super->magic != LOG_MAGIC || super->version != 1 || super->sector_bytes != SECTOR)
		return complain("log", "no log of dm-log-writes with sectors of 512 bytes");
	r->nr = super->nr_entries;
	r->entry = calloc(r->nr, sizeof(*r->entry));
	if (!r->entry)
		return complain("log", strerror(errno));
	for (i = 0; i < r->nr; i++) {
		const struct log_entry *from = (const void *)(r->log + at);
		struct entry *e = &r->entry[i];

		if (at + SECTOR > r->log_bytes)
			return complain("log", "ends too early");
		at += SECTOR;
		e->flags = from->flags;
		if (e->flags & LOG_DISCARD)
			return complain("log", "has a discard");
		if (e->flags & LOG_MARK)
			e->mark = (const char *)(from + 1);
		if (!from->nr_sectors)
			continue;
		e->sector = from->sector;
		e->nr = from->nr_sectors;
		e->data = r->log + at;
		at += (uint64_t)e->nr * SECTOR;
		if (at > r->log_bytes || (e->sector + e->nr) * SECTOR > r->bytes)
			return complain("log", "a write lies outside");
	}
	if (!r->nr || !has_mark(&r->entry[r->nr - 1], LOG_END))
		return complain("log", "was cut short: its device is too small");
	r->log_bytes = at;
	for (i = flush = r->nr; i--; ) {
		if (r->entry[i].flags & LOG_FLUSH)
			flush = i;
		r->entry[i].flushed = flush;
	}
	return check_order(r);
}

static void *map_file(const char *file, int prot, int flags, uint64_t *ret_bytes)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *p;

	if (fd < 0 || fstat(fd, &st))
		goto failed;
	*ret_bytes = st.st_size;
	if (S_ISBLK(st.st_mode)) {
		/* What is in memory of it may be of before. */
		if (ioctl(fd, BLKFLSBUF) || ioctl(fd, BLKGETSIZE64, ret_bytes))
			goto failed;
	}
	p = mmap(NULL, *ret_bytes, prot, flags, fd, 0);
	if (p == MAP_FAILED)
		goto failed;
	close(fd);
	return p;
failed:
	complain(file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return NULL;
}

/**
 * replay_open - read a log
 * @r: zeroed
 * @log: device, complete: its target is gone; or a copy of that
 * @base: file that holds what the disk held when the log began
 */
int replay_open(struct replay *r, const char *log, const char *base)
{
	r->log = map_file(log, PROT_READ, MAP_SHARED, &r->log_bytes);
	r->base = map_file(base, PROT_READ | PROT_WRITE, MAP_PRIVATE, &r->bytes);
	if (!r->log || !r->base)
		return -1;
	return find_xlog(r) ?: read_entries(r);
}

/* ---- crash points ------------------------------------------------------- */

static int by_point(const void *a, const void *b)
{
	const struct crash *x = a, *y = b;

	return x->point < y->point ? -1 : x->point > y->point;
}

static bool is_super(const struct entry *e)
{
	return e->data && !memcmp(e->data, "Cachet\r\n", 8);
}

/**
 * replay_choose - where the power goes
 * @r: log
 * @seed: of the choice
 * @nr: how many; in their order in the log, as replay_state() wants them
 *
 * Most of them at a flush that makes something durable, at a write of a cache's super or
 * beside one, where most is at stake, and between marks "begin" and "end", which whoever
 * used the disk has set where it matters; the others anywhere.
 */
void replay_choose(const struct replay *r, uint64_t seed, uint32_t nr, struct crash *ret_crash)
{
	uint32_t *flush = calloc(r->nr, sizeof(*flush)), nr_flush = 0;
	uint32_t *super = calloc(r->nr, sizeof(*super)), nr_super = 0, i;
	uint32_t *marked = calloc(r->nr, sizeof(*marked)), nr_marked = 0;
	bool within = false;

	for (i = 0; flush && super && marked && i < r->nr; i++) {
		if (r->entry[i].mark)
			within = has_mark(&r->entry[i], "begin");
		else if (within)
			marked[nr_marked++] = i;
		if (i && (r->entry[i].flags & LOG_FLUSH) && is_write(&r->entry[i - 1], false))
			flush[nr_flush++] = i;
		if (is_super(&r->entry[i]))
			super[nr_super++] = i;
	}
	for (i = 0; i < nr; i++) {
		uint32_t *point = &ret_crash[i].point, at = draw(&seed) % r->nr;

		ret_crash[i].seed = draw(&seed);
		*point = at;
		switch (draw(&seed) % 8) {
		case 0:		/* All that a flush would have made durable is at stake */
		case 1:
			if (nr_flush)
				*point = flush[draw(&seed) % nr_flush];
			break;
		case 2:		/* The same, but rather where much was written */
			if (r->entry[at].flushed < r->nr)
				*point = r->entry[at].flushed;
			break;
		case 3:
		case 4:		/* Its own flush, and those before it */
			if (nr_super) {
				at = super[draw(&seed) % nr_super] + draw(&seed) % 6;
				*point = at < 4 ? 0 : at - 4 < r->nr ? at - 4 : r->nr - 1;
			}
			break;
		case 5:
		case 6:
			if (nr_marked)
				*point = marked[draw(&seed) % nr_marked];
			break;
		}
	}
	free(flush);
	free(super);
	free(marked);
	qsort(ret_crash, nr, sizeof(*ret_crash), by_point);
}

/* ---- states ------------------------------------------------------------- */

static bool durable(const struct entry *e, uint32_t point)
{
	return (e->flags & LOG_FUA) || e->flushed < point;
}

/* Bring what is durable to a later point. */
static void advance(struct replay *r, uint32_t point)
{
	uint32_t i;

	for (i = r->done; i < point; i++) {
		struct entry *e = &r->entry[i];

		if (!e->in_base && (!e->data || durable(e, point))) {
			if (e->data)
				memcpy(r->base + e->sector * SECTOR, e->data, (uint64_t)e->nr * SECTOR);
			e->in_base = true;
		}
		if (e->in_base && i == r->done)
			r->done++;
	}
	r->point = point;
}

/* Of 16 shares so many are lost, in pieces of so many sectors, or whole writes. */
static void lose(const struct replay *r, uint32_t nr, uint64_t seed, uint8_t *disk,
		 struct loss *loss)
{
	const struct entry *e = &r->entry[nr];
	bool meta = (e->flags & LOG_METADATA) &&
		(e->sector < r->xlog_first || e->sector >= r->xlog_end);
	unsigned int shift = meta && loss->shift < 3 ? 3 : loss->shift;
	uint32_t k, lost = 0;

	seed = mix(seed + nr);
	for (k = 0; k < e->nr; k++) {
		uint64_t at = e->sector + k;

		if (mix(seed + (at >> shift)) % 16 < loss->share) {
			lost++;
			continue;
		}
		memcpy(disk + at * SECTOR, e->data + k * SECTOR, SECTOR);
	}
	loss->at_risk++;
	loss->lost += lost == e->nr;
	loss->torn += lost && lost < e->nr;
	loss->sectors += lost;
}

/**
 * replay_state - one state of the disk after a power cut
 * @r: log
 * @crash: of replay_choose(); not before the one of the last call
 * @disk: mapped, as large as the disk; what it holds before does not matter
 * @ret_loss: what was lost
 */
int replay_state(struct replay *r, const struct crash *crash, uint8_t *disk, struct loss *ret_loss)
{
	uint64_t seed = crash->seed, at;
	struct loss loss = {};
	uint32_t i;

	if (crash->point < r->point || crash->point >= r->nr)
		return complain("state", "the log is read in one direction");
	advance(r, crash->point);
	for (at = 0; at < r->bytes; at += BLOCK)
		if (memcmp(disk + at, r->base + at, BLOCK))
			memcpy(disk + at, r->base + at, BLOCK);

	loss.share = draw(&seed) % 17;
	loss.shift = draw(&seed) % 10;
	if (loss.shift >= 8)
		loss.shift = 63;
	for (i = r->done; i < crash->point; i++)
		if (is_write(&r->entry[i], false) && !r->entry[i].in_base)
			lose(r, i, seed, disk, &loss);
	if (is_write(&r->entry[crash->point], true))
		lose(r, crash->point, seed, disk, &loss);
	*ret_loss = loss;
	return 0;
}
