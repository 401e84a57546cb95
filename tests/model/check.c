// SPDX-License-Identifier: GPL-2.0-only
/*
 * check.c - what must be true after an attach
 *
 * Of each file: a page that the cache serves is what the server held for the
 * coherency data at hand. And what a sync or detach reported as done, and nobody
 * has touched since, is still there: that is a promise. A promise ends with a
 * change of the file, with the reuse of its segment, with an eviction from the
 * index, and when super had to merge the ranges of lost epochs over it. A fill
 * ends it for its block: the record that it changes is not committed any more. Of what is
 * pinned, reuse and evictions end no promise; and that a file is pinned is one of its
 * own, which only its unpinning ends.
 */
#include "model.h"

enum { MAX_EPOCHS = 256 };

struct promise {
	bool	valid;
	u32	version;
	loff_t	size;
	u64	evicted;		/* Counter, of the cache that is attached */
	u32	per;			/* Pages of a block */
	struct { u32 segment; u64 generation; bool pinned; } page[FILE_PAGES];
	u64	epoch[MAX_EPOCHS];	/* Of its records */
	u32	nr_epochs;
};

static struct promise promises[NR_FILES], next[NR_FILES], aside[NR_FILES];
static bool pinned[NR_FILES], next_pinned[NR_FILES], aside_pinned[NR_FILES];
/* Before a sweep went on: what it must not release. */
static struct {
	u64	generation;
	u32	place[FILE_PAGES];	/* As page_place() */
} kept[NR_FILES];

u32 promise_reused;
u64 stat_states, stat_pages, stat_promised, stat_pinned, stat_suspect;

/* ---- reading ------------------------------------------------------------ */

struct reading {
	bool	told;
	ssize_t	ret;
};

static void read_done(const struct cachet_done *done, ssize_t ret)
{
	struct reading *r = done->priv;

	r->told = true;
	r->ret = ret;
}

static void compare(u32 file, u32 page, const u8 *got)
{
	const struct client_file *f = &client[file];
	u8 want[CACHET_PAGE_BYTES];
	u32 i;

	page_make(&f->view, page, want);
	stat_pages++;
	if (!memcmp(got, want, sizeof(want)))
		return;
	for (i = 0; got[i] == want[i]; i++)
		;
	model_fail("file %u version %u%s: page %u differs from byte %u: %02x, should be %02x",
		   file, f->view.version, f->session ? " (written here)" : "", page, i,
		   got[i], want[i]);
}

/*
 * Is a block recorded with the digest of the bytes that it should have? If bits of
 * stored data change, no other is promised to be right.
 */
static bool known(u32 file, u32 block)
{
	struct client_file *f = &client[file];
	struct cachet_obj *obj = f->cookie.cache_priv;
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, i;
	u32 nr = cachet_block_expected(obj, f->view.size, block);
	u8 digest[CACHET_DIGEST_BYTES], page[CACHET_PAGE_BYTES];
	struct cachet_sha256_ctx ctx;
	struct cachet_map m;

	if (cachet_map_load(obj, block, &m) < 0 || !(m.flags & CACHET_REC_SEALED))
		return false;
	cachet_sha256_begin(&ctx);
	for (i = 0; i < nr; i++) {
		page_make(&f->view, (block << shift) + i, page);
		cachet_sha256_add(&ctx, page, sizeof(page));
	}
	cachet_sha256_end(&ctx, digest);
	return !memcmp(digest, m.digest, sizeof(digest));
}

static void note_known(u32 file, bool known_page[FILE_PAGES])
{
	struct cachet_obj *obj = client[file].cookie.cache_priv;
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, page;

	for (page = 0; page < FILE_PAGES; page++)
		known_page[page] = !disk_flips || disk_flips_sealed || (page & ((1u << shift) - 1) ?
				   known_page[page - 1] : known(file, page >> shift));
}

/* Read all that the cache says it has of a file, and compare. */
static u64 read_file(u32 file)
{
	struct client_file *f = &client[file];
	struct cachet_obj *obj = f->cookie.cache_priv;
	u32 pages = content_pages(&f->view), page, i, busy[FILE_PAGES];
	unsigned int seq = cachet_object_begin(obj), failed = 0;
	bool known_page[FILE_PAGES];
	u64 run, seen = 0;

	client_notice_cut(file);
	/* Whose folio is in memory is not read from the cache. */
	memcpy(busy, f->busy, sizeof(busy));
	for (page = 0; page < pages; page += run) {
		struct reading r = {};
		struct cachet_done done = { .fn = read_done, .priv = &r };
		struct iov_iter iter;
		u8 *buf;

		if (!cachet_read_present(obj, page, pages - page, &run))
			continue;
		note_known(file, known_page);
		buf = model_alloc(run * CACHET_PAGE_BYTES, false);
		iter.at = buf;
		iter.count = run * CACHET_PAGE_BYTES;
		cachet_read(obj, page, &iter, f->cookie.inval_counter, &done);
		while (!r.told)		/* A place that can't be read: its block goes first */
			if (!model_run_one())
				model_fail("a read that never ends");
		for (i = 0; r.ret > 0 && i < run; i++) {
			if (!busy[page + i] && known_page[page + i])
				compare(file, page + i, buf + i * CACHET_PAGE_BYTES);
			seen |= 1ull << (page + i);
		}
		model_free(buf);
		if (r.ret > 0)
			continue;
		/* A part of it was reused just now, or can't be read: that is gone then. */
		if (++failed > FILE_PAGES)
			model_fail("file %u page %u: what can't be read stays recorded (%zd)",
				   file, page, r.ret);
		run = 0;
	}
	cachet_object_end(obj, seq);
	return seen;
}

/* ---- promises ----------------------------------------------------------- */

static u64 counter(int nr)
{
	return the_cache->counters[nr];
}

static u64 bad_places(void)
{
	return counter(CACHET_N_io_errors) + counter(CACHET_N_digest_mismatches);
}

/*
 * A program reads a file: what is no good comes from the server, and goes elsewhere. Nor
 * does what the server sent come to lie where others of the same content have rotted.
 */
void check_file(u32 file)
{
	u64 bad = bad_places();
	u32 n;

	read_file(file);
	for (n = 0; (bad_places() > bad || (!n && disk_flips)) && pages_refill(file); n++) {
		if (n == (disk_rots ? 12 : 1))
			model_fail("file %u: what is no good is found again and again", file);
		model_run_all();	/* What is found bad for other files does not count */
		bad = bad_places();
		read_file(file);
	}
}

static bool add_epoch(struct promise *p, const struct cachet_key *key)
{
	union {
		struct cachet_record rec;
		u8 bytes[CACHET_RECORD_BYTES];
	} r;

	if (p->nr_epochs == MAX_EPOCHS ||
	    cachet_index_find(the_cache, key, &r) != CACHET_TRUSTED)
		return false;
	p->epoch[p->nr_epochs++] = le64_to_cpu(r.rec.epoch);
	return true;
}

/*
 * What is recorded of an open file, and trusted. Where something is under way, that will record
 * its block anew, and so will the sealer, if it is about to look at it, where a block is not
 * sealed yet, unless it is pinned, or is to be pinned.
 */
static void take_promise(u32 file, struct promise *p, bool quiet)
{
	struct client_file *f = &client[file];
	struct cachet_obj *obj = f->cookie.cache_priv;
	struct cachet_key key = { .kind = CACHET_REC_OBJECT, .fp = obj->fp };
	u32 per = 1u << (obj->block_shift - CACHET_PAGE_SHIFT), block, i, j;
	struct cachet_map m;

	*p = (struct promise){ .version = f->view.version, .size = f->view.size, .per = per };
	/* Of a file that was cut, or has grown, no head says so before it is closed. */
	if (!(obj->flags & CACHET_OBJ_ON_DISK) || (obj->flags & CACHET_OBJ_DEAD) || !obj->told ||
	    !add_epoch(p, &key))
		return;
	for (block = 0; block * per < content_pages(&f->view); block++) {
		int parts = cachet_map_load(obj, block, &m);

		if (m.flags & CACHET_MAP_SUSPECT)
			continue;
		if (!quiet && (pages_under_way(file, block * per, per) ||
			       ((obj->flags & CACHET_OBJ_PINNED) ?
				!(m.flags & CACHET_REC_PINNED) : !(m.flags & CACHET_REC_SEALED))))
			continue;
		key = (struct cachet_key){ .kind = CACHET_REC_EXTENT, .block = block,
					   .generation = obj->generation, .fp = obj->fp };
		for (i = 0; (int)i < parts; i++) {
			key.part = i;
			if (!add_epoch(p, &key))
				m.nr = 0;
		}
		for (i = 0; i < m.nr; i++) {
			for (j = 0; j < m.piece[i].len; j++) {
				u32 page = block * per + m.piece[i].off + j;

				p->page[page].segment =
					cachet_segment_of(&the_geo, m.piece[i].page);
				p->page[page].generation = m.piece[i].generation;
				p->page[page].pinned = (obj->flags & CACHET_OBJ_PINNED) &&
					(m.flags & CACHET_REC_PINNED);
			}
		}
	}
	p->evicted = counter(CACHET_N_records_evicted);
	p->valid = true;
}

/* What a sync that is about to begin must keep. Quiet: nothing is under way. */
void promise_all(bool quiet)
{
	u32 i;

	for (i = 0; i < NR_FILES; i++) {
		next[i].valid = false;
		next_pinned[i] = client[i].open && (object_of(i)->flags & CACHET_OBJ_PINNED);
		if (client[i].open && !client[i].session && !client[i].outdated &&
		    !(quiet && client[i].ops) && client[i].view.version == server[i].version)
			take_promise(i, &next[i], quiet);
	}
}

/* The sync said that it is done. */
void promise_keep(void)
{
	u32 i;

	for (i = 0; i < NR_FILES; i++) {
		if (next[i].valid)
			promises[i] = next[i];
		pinned[i] |= next_pinned[i];
	}
}

static void unpin_pages(struct promise *p)
{
	u32 page;

	for (page = 0; page < FILE_PAGES; page++)
		p->page[page].pinned = false;
}

/* Somebody is about to unpin a file. */
void promise_unpin(u32 file)
{
	pinned[file] = false;
	next_pinned[file] = false;
	unpin_pages(&promises[file]);
	unpin_pages(&next[file]);
}

void promise_forget(u32 file)
{
	promises[file].valid = false;
	next[file].valid = false;
}

/* Pages of a file are about to be filled: their blocks' records change. */
void promise_forget_blocks(u32 file, const struct cachet_obj *obj, u32 page, u32 nr)
{
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, i;

	for (i = 0; i < FILE_PAGES; i++) {
		if (i >> shift < page >> shift || i >> shift > (page + nr - 1) >> shift)
			continue;
		promises[file].page[i].generation = 0;
		next[file].page[i].generation = 0;
	}
}

/* A state is looked at, and the world goes back to where it was. */
void promise_set_aside(void)
{
	memcpy(aside, promises, sizeof(aside));
	memcpy(aside_pinned, pinned, sizeof(aside_pinned));
}

void promise_back(void)
{
	memcpy(promises, aside, sizeof(aside));
	memcpy(pinned, aside_pinned, sizeof(pinned));
}

void promise_reset(void)
{
	memset(promises, 0, sizeof(promises));
	memset(next, 0, sizeof(next));
	memset(pinned, 0, sizeof(pinned));
	memset(next_pinned, 0, sizeof(next_pinned));
}

void promise_reset_unpinned(void)
{
	u32 i, page;

	for (i = 0; i < NR_FILES; i++)
		for (page = 0; page < FILE_PAGES; page++)
			if (!promises[i].page[page].pinned)
				promises[i].page[page].generation = 0;
}

/* Was what a page lay in given to others since the attach? */
static bool page_reused(const struct promise *p, u32 page)
{
	u32 segment = p->page[page].segment;

	return (promise_reused >> segment & 1) &&
		the_cache->seg[segment].generation != p->page[page].generation;
}

/* Has reuse taken a page, or where blocks are verified the digest that it was part of? */
static bool page_lost(const struct promise *p, u32 page)
{
	u32 first = page / p->per * p->per, i;

	if (!world_flags)
		return page_reused(p, page);
	for (i = first; i < first + p->per && i < FILE_PAGES; i++)
		if (p->page[i].generation && page_reused(p, i))
			return true;
	return false;
}

static void settle_promise(struct promise *p)
{
	bool evicted = p->evicted != counter(CACHET_N_records_evicted), lost[FILE_PAGES];
	u32 page;

	for (page = 0; p->valid && page < FILE_PAGES; page++)
		lost[page] = !p->page[page].pinned && (evicted || page_lost(p, page));
	for (page = 0; p->valid && page < FILE_PAGES; page++)
		if (lost[page])
			p->page[page].generation = 0;
	p->evicted = 0;
}

/* The cache goes, in order or not: which promises stand is known only now. */
void promise_crash(void)
{
	u32 i;

	for (i = 0; the_cache && i < NR_FILES; i++) {
		settle_promise(&promises[i]);
		settle_promise(&next[i]);
	}
}

/* Was a committed epoch declared lost, for want of room in super? A crash alone loses fewer. */
static bool merged(u64 epoch)
{
	const struct cachet_super_info *s = &the_cache->super;
	u32 i;

	for (i = 0; i < s->nr_lost; i++)
		if (epoch >= s->lost[i].first && epoch <= s->lost[i].last)
			return s->lost[i].last - s->lost[i].first >= CACHET_LOST_EPOCHS;
	return false;
}

/* Where a page of an open file is, 0: nowhere; and whether it, with its block, is pinned. */
static u32 page_place(u32 file, u32 page, bool *ret_pinned)
{
	struct cachet_obj *obj = object_of(file);
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, off = page & ((1u << shift) - 1);
	const struct cachet_piece *p;
	struct cachet_map m;

	*ret_pinned = false;
	if (cachet_map_load(obj, page >> shift, &m) < 0)
		return 0;
	*ret_pinned = (m.flags & CACHET_REC_PINNED) && !(m.flags & CACHET_MAP_SUSPECT);
	p = cachet_map_find(&m, off);
	return p ? p->page + off - p->off + 1 : 0;
}

/* What a sweep that goes on now must leave as it is. */
void check_pins_before(void)
{
	u32 i, page;
	bool is;

	memset(kept, 0, sizeof(kept));
	for (i = 0; i < NR_FILES; i++) {
		if (!client[i].open || !(object_of(i)->flags & CACHET_OBJ_PINNED))
			continue;
		kept[i].generation = object_of(i)->generation;
		for (page = 0; page < FILE_PAGES; page++) {
			kept[i].place[page] = page_place(i, page, &is);
			if (!is)
				kept[i].place[page] = 0;
		}
	}
}

/* Is a page elsewhere now, of the block that begins with @page? */
static bool block_moved(u32 file, u32 page, u32 per)
{
	bool is;
	u32 i;

	for (i = page; i < page + per && i < FILE_PAGES; i++)
		if (kept[file].place[i] && page_place(file, i, &is) != kept[file].place[i])
			return true;
	return false;
}

static void check_pinned_block(u32 file, u32 page, u32 per)
{
	bool is;
	u32 i;

	for (i = page; i < page + per && i < FILE_PAGES; i++)
		if (kept[file].place[i] && page_place(file, i, &is) && !is)
			model_fail("file %u: page %u was pinned, and after a sweep is not", file, i);
}

/*
 * It came to its end, or to a halt, and fills with it. Of a record that can't be read a sweep
 * knows nothing; in a file that is written to here nothing stays, nor in a block of which a
 * page is not the one that was there.
 */
void check_pins_after(void)
{
	u32 i, page, per;

	/* With few sets they fill up with what is pinned: see pin(). */
	if (disk_halves || disk_rots || disk_flips || the_geo.nr_sets <= 8)
		return;
	for (i = 0; i < NR_FILES; i++) {
		if (!client[i].open || client[i].session ||
		    !(object_of(i)->flags & CACHET_OBJ_PINNED) ||
		    object_of(i)->generation != kept[i].generation)
			continue;
		per = 1u << (object_of(i)->block_shift - CACHET_PAGE_SHIFT);
		for (page = 0; page < FILE_PAGES; page += per)
			if (!block_moved(i, page, per))
				check_pinned_block(i, page, per);
	}
}

static void compare_promise(const struct promise *p, u32 file, u64 seen)
{
	u32 page, i;
	bool evicted = p->evicted != counter(CACHET_N_records_evicted);
	bool is;

	if (!p->valid || disk_halves || disk_rots || disk_flips || p->version != client[file].view.version)
		return;
	for (i = 0; i < p->nr_epochs; i++)
		if (merged(p->epoch[i]))
			return;
	for (page = 0; page < content_pages(&client[file].view); page++) {
		bool stays = p->page[page].pinned;

		if (!p->page[page].generation || (!stays && (evicted || page_lost(p, page))))
			continue;
		stat_promised++;
		stat_pinned += stays;
		if (!(seen >> page & 1))
			model_fail("file %u version %u: page %u was committed%s, and is not there",
				   file, p->version, page, stays ? " and pinned" : "");
		if (stays && page_place(file, page, &is) && !is)
			model_fail("file %u version %u: page %u was committed and pinned, and is not pinned",
				   file, p->version, page);
	}
}

/* The file was opened: is all there that was promised? */
void check_promise(u32 file)
{
	u64 seen = read_file(file);

	if (pinned[file] && !(object_of(file)->flags & CACHET_OBJ_PINNED) && !disk_halves &&
	    !disk_rots && !disk_flips)
		model_fail("file %u was pinned, and is not", file);
	compare_promise(&promises[file], file, seen);
}

/* All files, as they are open, or as somebody would open them now. */
void check_all(void)
{
	u32 i;

	for (i = 0; i < NR_FILES; i++)
		if (client[i].open || client_open(i))
			check_promise(i);
}

/* What a record says is pinned lies where reuse does not come. */
static void check_pinned(void)
{
	u64 pos = the_geo.sets, end = pos + (u64)the_geo.nr_sets * CACHET_SET_BYTES;
	union cachet_any_record r;
	struct cachet_piece p;
	const char *why;
	u32 i;

	for (; pos < end; pos += CACHET_RECORD_BYTES) {
		if (cachet_index_read_record(the_cache, pos, &r) ||
		    r.head.kind != CACHET_REC_EXTENT || !(r.head.flags & CACHET_REC_PINNED) ||
		    cachet_record_check(&r.head, the_cache->seed, pos, &the_geo, &why) ||
		    cachet_epoch_trust(the_cache, le64_to_cpu(r.head.epoch)) != CACHET_TRUSTED)
			continue;
		for (i = 0; i < r.head.nr; i++) {
			cachet_piece_decode(&r.extents.extent[i], &p);
			if (cachet_seg_current(the_cache, &p) && !cachet_seg_kept(the_cache, &p, 1))
				model_fail("a record at %llu is pinned, data page %u is not",
					   (unsigned long long)pos, p.page);
		}
	}
}

void check_after_attach(void)
{
	check_all();
	if (world_pins && !disk_halves && !disk_rots && one_in(4))
		check_pinned();
	stat_suspect += counter(CACHET_N_suspect_verified);
}
