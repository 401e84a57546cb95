// SPDX-License-Identifier: GPL-2.0-only
/*
 * disk.c - three files, and what a power cut leaves of them
 *
 *      write -> cur (what is read back) and a version of each sector it touches
 *      flush -> dur (what is durable) := cur
 *      crash -> for each sector that was written since: the durable version, or
 *               any version since; each by itself
 *
 * That is any subset of unflushed writes, in any order, torn at 512 bytes, and a
 * page cache that writes back whatever it likes. A flush of one file says nothing
 * of another. A write under way has written any part of itself.
 *
 * In one image of eight a sector of index may also hold half of a write, as if the
 * device had read the page while it was written to. That may cost a record that
 * was only touched, so nothing is promised there; but it must not cost a byte.
 *
 * With `disk_rots`, places go bad: a sector of index or data can't be read until it is
 * written again; and of super one copy may be unreadable, damaged, or older than it
 * was said to be. That may cost whatever was there, so nothing is promised, but no byte.
 *
 * With `disk_flips`, bits of data change where a record says that something is stored; with
 * `disk_flips_sealed` only where every such record has a digest, and only in a crash: a cache
 * that verifies gives none of them away.
 *
 * To see more than one outcome of a crash, the sectors that change while one is
 * looked at are noted, and put back.
 */
#include "model.h"

#define SECTOR		512u
#define NONE		(~0u)

struct version {
	u32	sector;
	u32	older;			/* The version before, or NONE */
	bool	newest;			/* Of its sector, at a crash */
	u8	bytes[SECTOR];
};

struct sim {
	struct file file;
	u8	*cur, *dur;
	u32	*newest;		/* Of each sector: in versions, or NONE */
	u8	*noted;			/* Of each sector: is in the undo list */
	u8	*bad;			/* Of each sector: can't be read */
	u32	nr_bad;
	struct version *versions;
	u32	nr, room;
	struct version *crash;		/* versions, at the last crash */
	u32	nr_crash, room_crash;
};

struct undo {
	struct sim *sim;
	u32	sector;
	u8	cur[SECTOR], dur[SECTOR];
	u8	bad;
};

struct flight {
	struct kiocb *iocb;
	size_t	bytes;
	u8	*copy;
};

static struct file_system_type xfs = { .name = "xfs" };
static struct super_block volume = { .s_magic = XFS_SUPER_MAGIC, .s_type = &xfs };
static struct sim sims[NR_DISK_FILES];
static struct undo *undo;
static u32 nr_undo, room_undo;
static bool undoing;
static struct flight flights[64];
static u32 nr_flights;
static struct {
	u8	older[SECTOR];		/* What it held before */
	bool	rotten;
} supers[2], supers_aside[2];		/* The copies; and at the last crash */
bool disk_halves;			/* Sectors of index are torn, too */
bool disk_rots;				/* Places go bad */
bool disk_flips;			/* Bits of data change */
bool disk_flips_sealed;			/* Of what has a digest, and while nobody is at it */
u32 disk_starved;			/* For so many reads there is no memory */

static void *grow(void *p, u32 *room, u32 nr, size_t each)
{
	if (nr < *room)
		return p;
	*room = *room ? *room * 2 : 64;
	p = realloc(p, *room * each);
	if (!p)
		abort();
	return p;
}

static void note(struct sim *s, u32 sector)
{
	struct undo *u;

	if (!undoing || s->noted[sector])
		return;
	undo = grow(undo, &room_undo, nr_undo, sizeof(*undo));
	u = &undo[nr_undo++];
	u->sim = s;
	u->sector = sector;
	u->bad = s->bad[sector];
	memcpy(u->cur, s->cur + (size_t)sector * SECTOR, SECTOR);
	memcpy(u->dur, s->dur + (size_t)sector * SECTOR, SECTOR);
	s->noted[sector] = 1;
}

/* ---- places that go bad ------------------------------------------------- */

static void set_bad(struct sim *s, u32 sector, bool bad)
{
	if (s->bad[sector] == bad)
		return;
	note(s, sector);
	s->bad[sector] = bad;
	s->nr_bad += bad ? 1 : -1;
}

/* A page is read whole, or not at all. */
static bool readable(struct sim *s, u64 pos, size_t len)
{
	u32 sector = pos / CACHET_PAGE_BYTES * (CACHET_PAGE_BYTES / SECTOR);
	u32 end = DIV_ROUND_UP(pos + len, CACHET_PAGE_BYTES) * (CACHET_PAGE_BYTES / SECTOR);

	for (; s->nr_bad && sector < end; sector++)
		if (s->bad[sector])
			return false;
	return true;
}

/* The page of data there. */
bool disk_readable(u64 pos)
{
	return readable(&sims[DISK_DATA], pos, CACHET_PAGE_BYTES);
}

/* To change a part of a page, its rest must be read. */
static bool writable(struct sim *s, u64 pos, size_t len)
{
	return !((pos | len) % CACHET_PAGE_BYTES) || readable(s, pos, len);
}

static const union cachet_any_record *nth_record(u32 n)
{
	return (void *)(sims[DISK_INDEX].cur + the_geo.sets + n * CACHET_RECORD_BYTES);
}

static const struct cachet_extent *extents_of(const union cachet_any_record *r)
{
	return r->head.kind == CACHET_REC_OBJECT ? &r->object.extent :
	       r->head.kind == CACHET_REC_EXTENT ? r->extents.extent : r->content.extent;
}

/* Half a record may say any number. */
static u32 nr_extents(const union cachet_any_record *r)
{
	return min_t(u32, r->head.nr, r->head.kind == CACHET_REC_OBJECT ? 1 : CACHET_PART_EXTENTS);
}

/* A page of data that a record of index names, whether it counts or not. */
static bool named_page(u32 *ret)
{
	u32 tries, nr_pages = the_geo.nr_segments << (the_geo.segment_shift - CACHET_PAGE_SHIFT);

	for (tries = 0; tries < 64; tries++) {
		const union cachet_any_record *r = nth_record(below(the_geo.nr_sets * CACHET_WAYS));
		struct cachet_piece p;

		if (r->head.kind == CACHET_REC_EMPTY || !r->head.nr)
			continue;
		cachet_piece_decode(extents_of(r), &p);
		if (!p.len || p.page >= nr_pages || p.len > nr_pages - p.page)
			continue;	/* Half a record: disk_halves */
		*ret = p.page + below(p.len);
		return true;
	}
	return false;
}

/* Whether a record without a digest names a page, whether it counts or not. */
static bool named_unsealed(u32 page)
{
	u32 i, n;

	for (i = 0; i < the_geo.nr_sets * CACHET_WAYS; i++) {
		const union cachet_any_record *r = nth_record(i);

		if (r->head.kind == CACHET_REC_EMPTY || r->head.kind == CACHET_REC_CONTENT ||
		    (r->head.flags & CACHET_REC_SEALED))
			continue;
		for (n = 0; n < nr_extents(r); n++) {
			struct cachet_piece p;

			cachet_piece_decode(extents_of(r) + n, &p);
			if (page - p.page < p.len)
				return true;
		}
	}
	return false;
}

/* One more place of index or data. The id pages are left alone: the tool mends these. */
static void rot(void)
{
	struct sim *s = &sims[one_in(2) ? DISK_INDEX : DISK_DATA];
	u32 last = s->file.inode.i_size / SECTOR - CACHET_PAGE_BYTES / SECTOR;
	u32 sector = below(last), page;

	if (s->file.nr == DISK_INDEX)
		sector += CACHET_PAGE_BYTES / SECTOR;
	else if (named_page(&page))
		sector = page * (CACHET_PAGE_BYTES / SECTOR) + below(CACHET_PAGE_BYTES / SECTOR);
	if (s->nr_bad < 4)
		set_bad(s, sector, true);
}

/**
 * disk_flip - a bit of a page of data changes, if it may
 */
void disk_flip(u32 page)
{
	struct sim *s = &sims[DISK_DATA];
	u32 sector = page * (CACHET_PAGE_BYTES / SECTOR) + below(CACHET_PAGE_BYTES / SECTOR);
	size_t at = (size_t)sector * SECTOR + below(SECTOR);

	if (disk_flips_sealed && named_unsealed(page))
		return;
	note(s, sector);
	s->cur[at] ^= 1 << below(8);
	s->dur[at] = s->cur[at];
}

/**
 * disk_flip_some - of something that is stored
 */
void disk_flip_some(void)
{
	u32 page;

	if (named_page(&page))
		disk_flip(page);
}

/* Of a crash, or a device that lies: one copy of super is not what was written. Not two. */
static void rot_super(void)
{
	struct sim *s = &sims[DISK_SUPER];
	u32 copy = below(2), sector = copy * CACHET_SUPER_STRIDE / SECTOR;
	u8 *at = s->cur + (size_t)sector * SECTOR;

	if (supers[!copy].rotten)
		return;
	supers[copy].rotten = true;
	note(s, sector);
	switch (below(3)) {
	case 0:
		set_bad(s, sector, true);
		break;
	case 1:
		at[below(SECTOR)] ^= 1 << below(8);
		break;
	default:
		memcpy(at, supers[copy].older, SECTOR);
	}
	memcpy(s->dur + (size_t)sector * SECTOR, at, SECTOR);
}

/* ---- writes and flushes ------------------------------------------------- */

static void add_version(struct sim *s, u32 sector, const u8 *bytes)
{
	struct version *v;

	s->versions = grow(s->versions, &s->room, s->nr, sizeof(*v));
	v = &s->versions[s->nr];
	v->sector = sector;
	v->older = s->newest[sector];
	memcpy(v->bytes, bytes, SECTOR);
	s->newest[sector] = s->nr++;
}

static void write_bytes(struct sim *s, const u8 *bytes, size_t len, u64 pos)
{
	u32 sector;

	if (pos + len > (u64)s->file.inode.i_size)
		model_fail("a write beyond the end of file %d", s->file.nr);
	if (!len)
		return;
	for (sector = pos / SECTOR; sector <= (pos + len - 1) / SECTOR; sector++)
		note(s, sector);
	if (s->file.nr == DISK_SUPER)
		memcpy(supers[pos / CACHET_SUPER_STRIDE].older, s->dur + pos, SECTOR);
	memcpy(s->cur + pos, bytes, len);
	for (sector = pos / SECTOR; s->nr_bad && sector <= (pos + len - 1) / SECTOR; sector++)
		set_bad(s, sector, false);
	for (sector = pos / SECTOR; sector <= (pos + len - 1) / SECTOR; sector++)
		add_version(s, sector, s->cur + (size_t)sector * SECTOR);
}

static void forget_versions(struct sim *s)
{
	u32 i;

	for (i = 0; i < s->nr; i++)
		s->newest[s->versions[i].sector] = NONE;
	s->nr = 0;
}

static void flush(struct sim *s)
{
	u32 i;

	for (i = 0; i < s->nr; i++) {
		size_t at = (size_t)s->versions[i].sector * SECTOR;

		if (s->newest[s->versions[i].sector] != i)
			continue;
		note(s, s->versions[i].sector);
		memcpy(s->dur + at, s->cur + at, SECTOR);
		if (s->file.nr == DISK_SUPER)
			supers[at / CACHET_SUPER_STRIDE].rotten = false;
	}
	forget_versions(s);
}

/* ---- what the module calls ---------------------------------------------- */

/* Through the page cache, to index. */
static ssize_t write_buffered(struct sim *s, struct kiocb *iocb, struct iov_iter *iter)
{
	size_t n = iter->count;

	model_step();
	if (!writable(s, iocb->ki_pos, n))
		return -EIO;
	write_bytes(s, iter->at, n, iocb->ki_pos);
	iocb->ki_pos += n;
	iov_iter_advance(iter, n);
	return n;
}

static ssize_t write_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct sim *s = &sims[iocb->ki_filp->nr];
	size_t n = iter->count;

	if (!(iocb->ki_flags & IOCB_DIRECT))
		return write_buffered(s, iocb, iter);
	model_yield();
	if (iocb->ki_flags & IOCB_DSYNC)
		model_beside_commit();
	model_step();
	if (iocb->ki_complete && nr_flights < 64 && one_in(2)) {
		struct flight *f = &flights[nr_flights++];

		f->iocb = iocb;
		f->bytes = n;
		f->copy = model_alloc(n, false);
		memcpy(f->copy, iter->at, n);
		return -EIOCBQUEUED;
	}
	write_bytes(s, iter->at, n, iocb->ki_pos);
	iov_iter_advance(iter, n);
	if (iocb->ki_flags & IOCB_DSYNC) {
		model_step();
		flush(s);
	}
	return n;
}

static ssize_t read_buffered(struct sim *s, struct kiocb *iocb, struct iov_iter *iter)
{
	size_t n = iter->count;

	if (disk_starved && disk_starved--)
		return -ENOMEM;
	if (disk_rots && one_in(2000))
		rot();
	if (!readable(s, iocb->ki_pos, n))
		return -EIO;
	memcpy(iter->at, s->cur + iocb->ki_pos, n);
	iocb->ki_pos += n;
	iov_iter_advance(iter, n);
	return n;
}

static ssize_t read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	struct sim *s = &sims[iocb->ki_filp->nr];
	size_t n = iter->count;

	if (!(iocb->ki_flags & IOCB_DIRECT))
		return read_buffered(s, iocb, iter);
	model_yield();
	if (!readable(s, iocb->ki_pos, n))
		return -EIO;
	memcpy(iter->at, s->cur + iocb->ki_pos, n);
	iov_iter_advance(iter, n);
	return n;
}

struct file *fget(int fd)
{
	static const struct file_operations ops = {
		.read_iter	= read_iter,
		.write_iter	= write_iter,
	};
	static struct address_space mapping;

	sims[fd].file.f_op = &ops;
	sims[fd].file.f_mapping = &mapping;
	return &sims[fd].file;
}

int vfs_fsync(struct file *file, int datasync)
{
	model_yield();
	model_beside_commit();
	model_step();
	flush(&sims[file->nr]);
	return 0;
}

bool disk_in_flight(void)
{
	return nr_flights;
}

/* One write under way arrives, whichever. */
void disk_complete_one(void)
{
	u32 i = below(nr_flights);
	struct flight f = flights[i];

	flights[i] = flights[--nr_flights];
	write_bytes(&sims[f.iocb->ki_filp->nr], f.copy, f.bytes, f.iocb->ki_pos);
	model_free(f.copy);
	f.iocb->ki_complete(f.iocb, f.bytes);
}

/* ---- crashes ------------------------------------------------------------ */

/*
 * The power is cut: what was under way may have arrived, in part. Called before
 * memory is lost.
 */
void disk_crash(void)
{
	u32 i, n, file;

	for (i = 0; i < nr_flights; i++) {
		struct flight *f = &flights[i];
		struct sim *s = &sims[f->iocb->ki_filp->nr];

		for (n = 0; n < f->bytes / SECTOR; n++)
			add_version(s, f->iocb->ki_pos / SECTOR + n, f->copy + n * SECTOR);
	}
	nr_flights = 0;
	for (file = 0; file < NR_DISK_FILES; file++) {
		struct sim *s = &sims[file];
		struct version *versions = s->crash;
		u32 room = s->room_crash;

		for (i = 0; i < s->nr; i++)
			s->versions[i].newest = s->newest[s->versions[i].sector] == i;
		for (i = 0; i < s->nr; i++)
			s->newest[s->versions[i].sector] = NONE;
		s->crash = s->versions;
		s->nr_crash = s->nr;
		s->room_crash = s->room;
		s->versions = versions;
		s->nr = 0;
		s->room = room;
	}
}

/* A version of a sector, by its newest one; may be put together in @half. */
static const u8 *pick(struct sim *s, u32 v, u32 percent, u8 *half)
{
	const u8 *dur = s->dur + (size_t)s->crash[v].sector * SECTOR;
	u32 n;

	if (below(100) >= percent)
		return dur;
	/* The newest mostly: the page cache writes back what is in it then. */
	for (n = one_in(2) ? below(8) : 0; n && s->crash[v].older != NONE; n--)
		v = s->crash[v].older;
	if (s->file.nr != DISK_INDEX || !disk_halves || one_in(2))
		return s->crash[v].bytes;
	n = below(SECTOR / 8) * 8;
	memcpy(half, s->crash[v].bytes, n);
	v = s->crash[v].older;
	memcpy(half + n, (v == NONE ? dur : s->crash[v].bytes) + n, SECTOR - n);
	return half;
}

/**
 * disk_image - one of the states that a crash may have left becomes the disk
 * @keep: for good; else disk_back() goes back to the crash
 */
void disk_image(bool keep)
{
	static const u8 percents[] = { 0, 5, 50, 50, 50, 95, 100 };
	u32 file, i;

	undoing = !keep;
	memcpy(supers_aside, supers, sizeof(supers));
	disk_halves = one_in(8);
	for (file = 0; file < NR_DISK_FILES; file++) {
		u32 percent = percents[below(sizeof(percents))];
		struct sim *s = &sims[file];
		u8 half[SECTOR];

		for (i = 0; i < s->nr_crash; i++) {
			u32 sector = s->crash[i].sector;
			size_t at = (size_t)sector * SECTOR;

			if (!s->crash[i].newest)
				continue;
			note(s, sector);
			memcpy(s->cur + at, pick(s, i, percent, half), SECTOR);
			memcpy(s->dur + at, s->cur + at, SECTOR);
		}
	}
	if (disk_rots && one_in(2))
		rot();
	if (disk_rots && one_in(4))
		rot_super();
	for (i = disk_flips ? below(4) : 0; i; i--)
		disk_flip_some();
}

/**
 * disk_back - as the crash left it, before an image was made of it
 */
void disk_back(void)
{
	u32 file;

	nr_flights = 0;
	for (file = 0; file < NR_DISK_FILES; file++)
		forget_versions(&sims[file]);
	memcpy(supers, supers_aside, sizeof(supers));
	while (nr_undo) {
		struct undo *u = &undo[--nr_undo];

		memcpy(u->sim->cur + (size_t)u->sector * SECTOR, u->cur, SECTOR);
		memcpy(u->sim->dur + (size_t)u->sector * SECTOR, u->dur, SECTOR);
		u->sim->nr_bad += u->bad - u->sim->bad[u->sector];
		u->sim->bad[u->sector] = u->bad;
		u->sim->noted[u->sector] = 0;
	}
	undoing = false;
}

/* ---- a new cache -------------------------------------------------------- */

static void size_file(u32 nr, u64 bytes)
{
	struct sim *s = &sims[nr];

	free(s->cur);
	free(s->dur);
	free(s->newest);
	free(s->noted);
	free(s->bad);
	s->cur = calloc(1, bytes);
	s->dur = calloc(1, bytes);
	s->newest = malloc(bytes / SECTOR * sizeof(*s->newest));
	s->noted = calloc(1, bytes / SECTOR);
	s->bad = calloc(1, bytes / SECTOR);
	s->nr_bad = 0;
	if (!s->cur || !s->dur || !s->newest || !s->noted || !s->bad)
		abort();
	memset(s->newest, 0xff, bytes / SECTOR * sizeof(*s->newest));
	s->nr = 0;
	s->file.inode.i_sb = &volume;
	s->file.inode.i_mode = S_IFREG;
	s->file.inode.i_size = bytes;
	s->file.f_mode = FMODE_READ | FMODE_WRITE | FMODE_CAN_ODIRECT;
	s->file.nr = nr;
}

/**
 * disk_format - what `cachectl format` leaves
 * @geo: filled in
 */
void disk_format(const struct cachet_geometry *geo)
{
	struct cachet_super_info s = { .created = 1, .written = 1, .next_volume = 1,
				       .flags = CACHET_SUPER_CLEAN, .geo = *geo };
	u32 i;

	nr_flights = 0;
	nr_undo = 0;
	size_file(DISK_SUPER, CACHET_SUPER_FILE_BYTES);
	size_file(DISK_INDEX, geo->index_bytes);
	size_file(DISK_DATA, geo->data_bytes);
	for (i = 0; i < CACHET_UUID_BYTES; i++)
		s.uuid[i] = rnd();
	strcpy(s.tag, "model");
	for (s.epoch = 1; s.epoch <= 2; s.epoch++)
		cachet_super_encode((void *)(sims[DISK_SUPER].cur +
					     (s.epoch & 1) * CACHET_SUPER_STRIDE), &s);
	cachet_file_id_encode((void *)sims[DISK_INDEX].cur, CACHET_INDEX_MAGIC, s.uuid, 0);
	cachet_file_id_encode((void *)(sims[DISK_DATA].cur + geo->data_bytes - CACHET_PAGE_BYTES),
			      CACHET_DATA_MAGIC, s.uuid, geo->data_bytes - CACHET_PAGE_BYTES);
	for (i = 0; i < NR_DISK_FILES; i++)
		memcpy(sims[i].dur, sims[i].cur, sims[i].file.inode.i_size);
	for (i = 0; i < 2; i++)
		memcpy(supers[i].older, sims[DISK_SUPER].cur + i * CACHET_SUPER_STRIDE, SECTOR);
	memset(supers_aside, 0, sizeof(supers_aside));
	supers[0].rotten = supers[1].rotten = false;
}
