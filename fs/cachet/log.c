// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c - the data file as a log of segments
 *
 * Fills reserve runs of pages in the one open segment of their class, which only
 * grows. When a run and its summary entry no longer fit, the segment is closed: after
 * its last reservation is released its summary is written behind the data, and another
 * free segment is opened. Nobody waits: without a free segment there is no room.
 *
 *      free -> open -> closed -> (reclaim.c) freeing -> commit -> free
 *                   -> pinned -> (sweep.c) closed
 *
 * log_lock guards lists, states and the counters of the open segment; roll_lock
 * is held while one segment takes the place of another.
 */
#include <linux/list_sort.h>
#include "internal.h"
#include "trace.h"

static u32 segment_nr(const struct cachet_cache *cache, const struct cachet_seg *seg)
{
	return seg - cache->seg;
}

static void mark_dirty(struct cachet_seg *seg)
{
	seg->flags |= CACHET_SEG_DIRTY;
}

/* ---- pieces and their segments ------------------------------------------ */

/**
 * cachet_seg_current - do these bytes still belong to whoever recorded them?
 * @cache: cache
 * @p: decoded and checked piece
 *
 * Any context. The answer may be out of date at once unless the segment is held:
 * see cachet_seg_get().
 */
bool cachet_seg_current(const struct cachet_cache *cache, const struct cachet_piece *p)
{
	return READ_ONCE(cache->seg[cachet_segment_of(&cache->geo, p->page)].generation) ==
		p->generation;
}

/**
 * cachet_seg_hold - keep a piece's segment from being overwritten
 * @cache: cache
 * @p: piece
 *
 * That is not a use of it, as cachet_seg_get() is. Any context. Pairs with the reuse of a segment, which first changes the
 * generation and then, a commit later, waits for `readers` to be zero.
 *
 * Return: the segment, to be given to cachet_seg_put(); NULL: the bytes are gone.
 */
struct cachet_seg *cachet_seg_hold(struct cachet_cache *cache, const struct cachet_piece *p)
{
	struct cachet_seg *seg = &cache->seg[cachet_segment_of(&cache->geo, p->page)];

	atomic_inc(&seg->readers);
	smp_mb__after_atomic();	/* Count first, then look: the reuser does the reverse */
	if (READ_ONCE(seg->generation) != p->generation) {
		atomic_dec(&seg->readers);
		return NULL;
	}
	return seg;
}

/**
 * cachet_seg_get - the same, for somebody who wants the bytes
 * @cache: cache
 * @p: piece
 *
 * The segment is reused later, for it has been used now. Any context.
 *
 * Return: as cachet_seg_hold().
 */
struct cachet_seg *cachet_seg_get(struct cachet_cache *cache, const struct cachet_piece *p)
{
	struct cachet_seg *seg = cachet_seg_hold(cache, p);
	u32 now = cachet_now();

	if (!seg)
		return NULL;
	if (!READ_ONCE(seg->referenced))
		WRITE_ONCE(seg->referenced, 1);
	if (READ_ONCE(seg->last_use) != now)
		WRITE_ONCE(seg->last_use, now);
	return seg;
}

/**
 * cachet_seg_put - the bytes of a piece have been read
 * @cache: cache
 * @seg: of cachet_seg_get()
 *
 * Any context.
 */
void cachet_seg_put(struct cachet_cache *cache, struct cachet_seg *seg)
{
	atomic_dec_return_release(&seg->readers);
}

/**
 * cachet_seg_live - a record began or ceased to point at a piece
 * @cache: cache
 * @p: piece
 * @add: began
 *
 * Process context. A hint for reuse and statistics; nothing is decided by it alone.
 */
void cachet_seg_live(struct cachet_cache *cache, const struct cachet_piece *p, bool add)
{
	struct cachet_seg *seg = &cache->seg[cachet_segment_of(&cache->geo, p->page)];

	spin_lock(&cache->log_lock);
	if (seg->generation == p->generation) {
		if (add)
			seg->live += p->len;
		else
			seg->live -= min_t(u32, seg->live, p->len);
		mark_dirty(seg);
		/* An empty one goes first. */
		if (!seg->live && seg->state == CACHET_SEG_CLOSED &&
		    seg->class == CACHET_CLASS_ORDINARY)
			list_move(&seg->link, &cache->closed);
	}
	spin_unlock(&cache->log_lock);
}

/**
 * cachet_seg_kept - do all pieces lie where reuse does not come?
 * @cache: cache
 * @piece: pieces
 * @nr: how many
 *
 * Process context. The answer may be out of date at once.
 */
bool cachet_seg_kept(struct cachet_cache *cache, const struct cachet_piece *piece, u32 nr)
{
	const struct cachet_seg *seg;
	u32 i;

	for (i = 0; i < nr; i++) {
		seg = &cache->seg[cachet_segment_of(&cache->geo, piece[i].page)];
		if (READ_ONCE(seg->generation) != piece[i].generation ||
		    READ_ONCE(seg->class) != CACHET_CLASS_PINNED)
			return false;
	}
	return nr;
}

/**
 * cachet_seg_pin - may the record that is about to name these pieces say PINNED?
 * @cache: cache
 * @piece: pieces
 * @nr: how many
 *
 * Process context. Return: true: they lie where reuse does not come, and the sweep
 * that is under way, if any, leaves their segments what they are.
 */
bool cachet_seg_pin(struct cachet_cache *cache, const struct cachet_piece *piece, u32 nr)
{
	bool kept;
	u32 i;

	spin_lock(&cache->log_lock);
	kept = cachet_seg_kept(cache, piece, nr);
	for (i = 0; kept && i < nr; i++)
		cache->seg[cachet_segment_of(&cache->geo, piece[i].page)].flags &=
			~CACHET_SEG_UNSEEN;
	spin_unlock(&cache->log_lock);
	return kept;
}

/* ---- the segment table -------------------------------------------------- */

/* A page of the segment table. Want of memory must not cost a commit, and with it the cache. */
static int write_table(struct cachet_cache *cache, const struct cachet_segment *d, u64 pos)
{
	unsigned int tries;
	int ret;

	for (tries = 0; tries < CACHET_MEMORY_TRIES; tries++) {
		ret = cachet_io_write(cache, cache->index_file, d, CACHET_SET_BYTES, pos,
				      CACHET_IO_INDEX_WRITE);
		if (ret != -ENOMEM)
			break;
		memalloc_retry_wait(GFP_NOFS);
	}
	return ret;
}

/**
 * cachet_seg_write_dirty - write the records of the segments that changed
 * @cache: cache, under commit_lock
 * @epoch: being committed
 *
 * Return: 0 or -errno.
 */
int cachet_seg_write_dirty(struct cachet_cache *cache, u64 epoch)
{
	static const u8 disk_state[] = {
		[CACHET_SEG_FREE]	= CACHET_SEGMENT_FREE,
		[CACHET_SEG_FREEING]	= CACHET_SEGMENT_FREE,
		[CACHET_SEG_OPEN]	= CACHET_SEGMENT_OPEN,
		[CACHET_SEG_CLOSED]	= CACHET_SEGMENT_CLOSED,
	};
	const u32 batch = CACHET_SET_BYTES / sizeof(struct cachet_segment);
	struct cachet_segment *d;
	u32 i, n, last;
	bool dirty;
	int ret = 0;

	if (!cache->seg)	/* An attach that failed early */
		return 0;
	d = kmem_cache_alloc(cachet_set_slab, GFP_NOFS | __GFP_NOFAIL);
	/* By whole pages: what stands there need not be read, which may not be possible. */
	for (i = 0; !ret && i < cache->geo.nr_segments; i = last) {
		last = min(cache->geo.nr_segments, i + batch);
		for (n = i, dirty = false; n < last && !dirty; n++)
			dirty = READ_ONCE(cache->seg[n].flags) & CACHET_SEG_DIRTY;
		if (!dirty)
			continue;
		memset(d, 0, CACHET_SET_BYTES);
		spin_lock(&cache->log_lock);
		for (n = i; n < last; n++) {
			struct cachet_seg *seg = &cache->seg[n];
			struct cachet_segment_info info = {
				.epoch		= epoch,
				.generation	= seg->generation,
				.used		= seg->used,
				.live		= seg->live,
				.last_use	= seg->last_use,
				.state		= disk_state[seg->state],
				.class		= seg->class,
			};

			if (seg->flags & CACHET_SEG_SUMMARY)
				info.flags = CACHET_SEGMENT_SUMMARY;
			seg->flags &= ~CACHET_SEG_DIRTY;
			cachet_segment_encode(&d[n - i], cache->seed,
					      cachet_segment_pos(&cache->geo, n), &info);
		}
		spin_unlock(&cache->log_lock);
		ret = write_table(cache, d, cachet_segment_pos(&cache->geo, i));
		cond_resched();
	}
	kmem_cache_free(cachet_set_slab, d);
	return ret;
}

/* A segment without a believable record: nothing may point into it any more. */
static void load_bad(struct cachet_cache *cache, struct cachet_seg *seg)
{
	seg->generation = cache->epoch;
	seg->state = CACHET_SEG_FREEING;
	mark_dirty(seg);
	list_add_tail(&seg->link, &cache->freeing);
	cache->nr_freeing++;
}

/*
 * Under log_lock, or at attach. Those that are pinned are in no list: nobody looks for the
 * coldest of them.
 */
static void list_closed(struct cachet_cache *cache, struct cachet_seg *seg)
{
	seg->state = CACHET_SEG_CLOSED;
	if (seg->class == CACHET_CLASS_PINNED)
		return;
	if (seg->live)
		list_add_tail(&seg->link, &cache->closed);
	else
		list_add(&seg->link, &cache->closed);
}

static void load_one(struct cachet_cache *cache, struct cachet_seg *seg,
		     const struct cachet_segment *d,
		     struct cachet_seg *ret_open[CACHET_NR_CLASSES])
{
	struct cachet_segment_info info;
	enum cachet_trust trust;

	INIT_LIST_HEAD(&seg->link);
	if (cachet_segment_decode(d, cache->seed,
				  cachet_segment_pos(&cache->geo, segment_nr(cache, seg)),
				  &cache->geo, &info)) {
		/* Of one that was never written to there is no record. */
		if (memchr_inv(d, 0, sizeof(*d)))
			cachet_damaged(cache, CACHET_FILE_INDEX,
				       cachet_segment_pos(&cache->geo, segment_nr(cache, seg)),
				       "segment");
		return load_bad(cache, seg);
	}
	trust = cachet_epoch_trust(cache, info.epoch);
	/*
	 * What a crashed epoch said of a segment is the newest that anybody said:
	 * its generation stands. But a free one may have been opened since, and
	 * written to: what points there must not come to point at what follows.
	 */
	if (trust == CACHET_ABSENT || info.generation >= cache->first_epoch ||
	    (cache->crashed && info.state == CACHET_SEGMENT_FREE))
		return load_bad(cache, seg);

	seg->generation = info.generation;
	seg->used = info.used;
	seg->live = info.live;
	seg->last_use = info.last_use;
	seg->class = info.class;
	if (info.flags & CACHET_SEGMENT_SUMMARY)
		seg->flags |= CACHET_SEG_SUMMARY;
	if (info.state == CACHET_SEGMENT_FREE) {
		seg->state = CACHET_SEG_FREE;
		list_add_tail(&seg->link, &cache->free);
		cache->nr_free++;
		return;
	}
	/*
	 * After a crash nothing is appended to a segment that was open: records of
	 * the lost epochs may point behind what the committed one says is used.
	 */
	list_closed(cache, seg);
	cache->nr_pinned += seg->class == CACHET_CLASS_PINNED;
	if (info.state == CACHET_SEGMENT_OPEN) {
		mark_dirty(seg);
		if (!cache->crashed && (info.flags & CACHET_SEGMENT_SUMMARY) &&
		    !ret_open[seg->class])
			ret_open[seg->class] = seg;
	}
}

static int by_last_use(void *priv, const struct list_head *a, const struct list_head *b)
{
	const struct cachet_seg *sa = list_entry(a, struct cachet_seg, link);
	const struct cachet_seg *sb = list_entry(b, struct cachet_seg, link);

	if (!sa->live != !sb->live)
		return !sb->live;
	return sa->last_use > sb->last_use;
}

static struct cachet_open *open_alloc(struct cachet_cache *cache, u32 segment)
{
	unsigned int nofs = memalloc_nofs_save();
	struct cachet_open *open;

	/* A run has one page at least, so a segment has no more entries than pages. */
	open = kvzalloc(struct_size(open, entry, cachet_segment_pages(&cache->geo)), CACHET_GFP);
	memalloc_nofs_restore(nofs);
	if (!open)
		return NULL;
	open->cache = cache;
	open->segment = segment;
	refcount_set(&open->ref, 1);
	return open;
}

/* The last pages of a segment: 64 bytes an entry, and the footer. */
static u64 summary_start(const struct cachet_cache *cache, u32 segment, u32 nr)
{
	return ((u64)(segment + 1) << cache->geo.segment_shift) -
		((u64)cachet_summary_pages(nr) << CACHET_PAGE_SHIFT);
}

static u64 footer_pos(const struct cachet_cache *cache, u32 segment)
{
	return ((u64)(segment + 1) << cache->geo.segment_shift) -
		sizeof(struct cachet_summary_footer);
}

/* Go on with the segment that was open when the cache was detached. */
static void load_reopen(struct cachet_cache *cache, struct cachet_seg *seg)
{
	u32 segment = segment_nr(cache, seg), nr = 0, pages = 1, i;
	struct cachet_open *open;
	void *buf = NULL;
	int ret;

	open = open_alloc(cache, segment);
	if (!open)
		return;
again:
	kvfree(buf);
	buf = kvmalloc((size_t)pages << PAGE_SHIFT, CACHET_GFP);
	if (!buf)
		goto out;
	if (cachet_io_direct(cache, cache->data_file, buf, (size_t)pages << PAGE_SHIFT,
			     ((u64)(segment + 1) << cache->geo.segment_shift) -
			     ((u64)pages << CACHET_PAGE_SHIFT), false, CACHET_IO_SUMMARY_READ))
		goto out;
	ret = cachet_summary_check(buf, pages << PAGE_SHIFT, cache->seed,
				   footer_pos(cache, segment), segment, seg->generation, &nr);
	if (ret == -EMSGSIZE && cachet_summary_pages(nr) > pages &&
	    cachet_summary_pages(nr) + seg->used <= cachet_segment_pages(&cache->geo)) {
		pages = cachet_summary_pages(nr);
		goto again;
	}
	/* Each entry is a page at least. */
	if (ret || nr > seg->used ||
	    cachet_summary_pages(nr) + seg->used > cachet_segment_pages(&cache->geo)) {
		cachet_damaged(cache, CACHET_FILE_DATA, footer_pos(cache, segment),
			       "summary of an open segment");
		goto out;
	}
	for (i = 0; i < nr; i++)
		memcpy(&open->entry[i], buf + ((size_t)pages << PAGE_SHIFT) - 64 * (i + 2), 64);
	open->nr = nr;
	open->reserved = nr;
	open->used = seg->used;
	list_del_init(&seg->link);
	seg->state = CACHET_SEG_OPEN;
	seg->flags &= ~CACHET_SEG_SUMMARY;
	mark_dirty(seg);
	cache->nr_open++;
	atomic_inc(&cache->nr_opens);
	cache->open[seg->class] = open;
	trace_cachet_segment(cache, segment, seg->generation, seg->live, CACHET_SEG_REOPENED_WHY);
	open = NULL;
out:
	kvfree(buf);
	kvfree(open);
}

/**
 * cachet_log_load - read the segment table
 * @cache: being attached; epochs are set
 *
 * Return: 0 or -errno. A bad record is no error: that segment is free.
 */
int cachet_log_load(struct cachet_cache *cache)
{
	const u32 batch = CACHET_SET_BYTES / sizeof(struct cachet_segment);
	struct cachet_seg *reopen[CACHET_NR_CLASSES] = {};
	struct cachet_segment *d;
	u32 i, n;
	int ret = 0;

	cache->seg = kvcalloc(cache->geo.nr_segments, sizeof(*cache->seg), CACHET_GFP);
	if (!cache->seg)
		return -ENOMEM;
	d = kmem_cache_alloc(cachet_set_slab, GFP_KERNEL);
	if (!d)
		return -ENOMEM;
	for (i = 0; !ret && i < cache->geo.nr_segments; i += batch) {
		u32 nr = min(batch, cache->geo.nr_segments - i);

		ret = cachet_io_read(cache, cache->index_file, d, nr * sizeof(*d),
				     cachet_segment_pos(&cache->geo, i), CACHET_IO_INDEX_READ);
		if (ret == -ENODATA) {	/* Nothing may point into these any more */
			memset(d, 0, CACHET_SET_BYTES);
			/* No commit yet, which would look at the lists: these segments ask for one. */
			ret = cachet_io_write(cache, cache->index_file, d, CACHET_SET_BYTES,
					      cachet_segment_pos(&cache->geo, i),
					      CACHET_IO_INDEX_WRITE);
		}
		for (n = 0; !ret && n < nr; n++)
			load_one(cache, &cache->seg[i + n], &d[n], reopen);
	}
	kmem_cache_free(cachet_set_slab, d);
	if (ret)
		return ret;
	list_sort(NULL, &cache->closed, by_last_use);
	for (i = 0; i < CACHET_NR_CLASSES; i++)
		if (reopen[i])
			load_reopen(cache, reopen[i]);
	/* A new cache has only segments without a record. */
	if (cache->nr_freeing)
		cachet_commit_soon(cache);
	return 0;
}

/**
 * cachet_log_free - forget the segments
 * @cache: nothing uses it any more; NULL members are fine
 */
void cachet_log_free(struct cachet_cache *cache)
{
	kvfree(cache->seg);
	cache->seg = NULL;
}

/* ---- appending ---------------------------------------------------------- */

/* Write the summary of a segment that nobody appends to any more. */
static void close_work(struct work_struct *work)
{
	struct cachet_open *open = container_of(work, struct cachet_open, work);
	struct cachet_cache *cache = open->cache;
	struct cachet_seg *seg = &cache->seg[open->segment];
	u32 pages = cachet_summary_pages(open->nr), i;
	unsigned int nofs = memalloc_nofs_save();
	bool written = false;
	void *buf, *end;

	buf = kvzalloc((size_t)pages << PAGE_SHIFT, CACHET_GFP);
	memalloc_nofs_restore(nofs);
	if (buf && !cachet_cache_out(cache)) {
		end = buf + ((size_t)pages << PAGE_SHIFT);
		for (i = 0; i < open->nr; i++)
			memcpy(end - 64 * (i + 2), &open->entry[i], 64);
		cachet_summary_encode(end - 64 * (open->nr + 1), open->nr, cache->seed,
				      footer_pos(cache, open->segment), open->segment,
				      seg->generation, READ_ONCE(cache->epoch),
				      cache->super.uuid);
		written = !cachet_io_direct(cache, cache->data_file, buf,
					    (size_t)pages << PAGE_SHIFT,
					    summary_start(cache, open->segment, open->nr),
					    true, CACHET_IO_SUMMARY_WRITE);
	}
	kvfree(buf);

	spin_lock(&cache->log_lock);
	if (written)
		seg->flags |= CACHET_SEG_SUMMARY;
	/* Detaching leaves it open on disk, to be gone on with. */
	if (open->full) {
		list_closed(cache, seg);
		seg->closing = ++cache->nr_closings;
	}
	mark_dirty(seg);
	cache->nr_open--;
	spin_unlock(&cache->log_lock);
	trace_cachet_segment(cache, open->segment, seg->generation, seg->live,
			     CACHET_SEG_CLOSED_WHY);
	cachet_commit_soon(cache);
	kvfree(open);
	if (atomic_dec_and_test(&cache->nr_opens))
		wake_up_all(&cache->idle_wait);
}

/**
 * cachet_log_release - a reservation is published or given up
 * @open: of cachet_log_reserve()
 *
 * Any context.
 */
void cachet_log_release(struct cachet_open *open)
{
	if (refcount_dec_and_test(&open->ref)) {
		INIT_WORK(&open->work, close_work);
		queue_work(open->cache->wq, &open->work);
	}
}

/**
 * cachet_log_max_pinned - how many segments may be of the pinned class
 * @cache: cache
 *
 * Any context. What is not pinned needs room to move in: a reuse's worth twice over.
 */
u32 cachet_log_max_pinned(const struct cachet_cache *cache)
{
	return cache->geo.nr_segments - max(cache->geo.nr_segments / 8,
					    2 * cachet_reclaim_target(cache));
}

static bool no_more_pinned(const struct cachet_cache *cache, enum cachet_segment_class class)
{
	return class == CACHET_CLASS_PINNED &&
		READ_ONCE(cache->nr_pinned) >= cachet_log_max_pinned(cache);
}

/* Put another segment in the place of @full (or of nothing). Under roll_lock. */
static int roll(struct cachet_cache *cache, enum cachet_segment_class class,
		struct cachet_open *full)
{
	struct cachet_open *open;
	struct cachet_seg *seg;

	if (READ_ONCE(cache->nr_free) == 0 || test_bit(CACHET_CACHE_LEAVING, &cache->flags) ||
	    no_more_pinned(cache, class))
		return -ENOSPC;
	open = open_alloc(cache, 0);
	if (!open)
		return -ENOMEM;
	spin_lock(&cache->log_lock);
	if (list_empty(&cache->free) || no_more_pinned(cache, class)) {
		spin_unlock(&cache->log_lock);
		kvfree(open);
		return -ENOSPC;
	}
	seg = list_first_entry(&cache->free, struct cachet_seg, link);
	list_del_init(&seg->link);
	cache->nr_free--;
	cache->nr_open++;
	atomic_inc(&cache->nr_opens);
	seg->state = CACHET_SEG_OPEN;
	seg->class = class;
	cache->nr_pinned += class == CACHET_CLASS_PINNED;
	seg->used = 0;
	seg->live = 0;
	seg->referenced = 0;
	seg->last_use = cachet_now();
	seg->flags &= ~CACHET_SEG_SUMMARY;
	mark_dirty(seg);
	open->segment = segment_nr(cache, seg);
	cache->open[class] = open;
	if (full)
		full->full = true;
	spin_unlock(&cache->log_lock);
	clear_bit(CACHET_CACHE_NO_SPACE, &cache->flags);
	trace_cachet_segment(cache, open->segment, seg->generation, 0, CACHET_SEG_OPENED_WHY);
	if (full)
		cachet_log_release(full);
	return 0;
}

/**
 * cachet_log_reserve - a run of pages to write to
 * @cache: cache
 * @class: of the segment
 * @pages: 1 to the largest block
 * @ret: page and generation are set, len is @pages, off is left alone
 * @ret_open: to be given to cachet_log_release() when the run is published or
 *	given up
 *
 * May sleep, for memory. Takes roll_lock.
 *
 * Return: 0; -ENOSPC: no segment is free now, reuse has been asked for one, or as many
 * as may be are pinned; -ENOMEM; -EIO: out of service.
 */
int cachet_log_reserve(struct cachet_cache *cache, enum cachet_segment_class class, u32 pages,
		       struct cachet_piece *ret, struct cachet_open **ret_open)
{
	const u32 room = cachet_segment_pages(&cache->geo);
	struct cachet_open *open, *now;
	struct cachet_seg *seg;
	u32 segment = ~0u;
	int err;

	if (cachet_cache_out(cache))
		return -EIO;
	if (WARN_ON_ONCE(pages + cachet_summary_pages(1) > room))
		return -EINVAL;
again:
	spin_lock(&cache->log_lock);
	open = cache->open[class];
	if (open && open->used + pages + cachet_summary_pages(open->reserved + 1) <= room) {
		seg = &cache->seg[open->segment];
		ret->page = open->segment * room + open->used;
		ret->generation = seg->generation;
		ret->len = pages;
		open->used += pages;
		open->reserved++;
		seg->used = open->used;
		seg->last_use = cachet_now();
		mark_dirty(seg);
		refcount_inc(&open->ref);
		spin_unlock(&cache->log_lock);
		*ret_open = open;
		return 0;
	}
	if (open)
		segment = open->segment;
	spin_unlock(&cache->log_lock);

	mutex_lock(&cache->roll_lock);
	now = READ_ONCE(cache->open[class]);
	/* Not another one at the same address. */
	err = now == open && (!now || now->segment == segment) ? roll(cache, class, open) : 0;
	mutex_unlock(&cache->roll_lock);
	if (READ_ONCE(cache->nr_free) < cachet_reclaim_target(cache) &&
	    !test_bit(CACHET_CACHE_LEAVING, &cache->flags))
		queue_work(cache->wq, &cache->reclaim_work);
	if (err)
		return err;
	goto again;
}

/**
 * cachet_log_note - say in the summary what a run holds
 * @open: of cachet_log_reserve()
 * @obj: owner, under the lock under which its map came to name the run: the size of its
 *	blocks may be another one after that
 * @block: number of the block in the file
 * @p: the run
 * @flags: CACHET_REC_SEALED, CACHET_REC_LOCAL
 * @digest: with SEALED
 *
 * Process context.
 */
void cachet_log_note(struct cachet_open *open, const struct cachet_obj *obj, u32 block,
		     const struct cachet_piece *p, u8 flags, const u8 *digest)
{
	struct cachet_summary_entry *e;

	lockdep_assert_held(&obj->lock);
	spin_lock(&open->cache->log_lock);
	if (!WARN_ON_ONCE(open->nr >= cachet_segment_pages(&open->cache->geo))) {
		e = &open->entry[open->nr++];
		memcpy(e->fp, obj->fp, sizeof(e->fp));
		e->block = cpu_to_le32(block);
		e->off = cpu_to_le16(p->off);
		e->len = cpu_to_le16(p->len);
		e->page = cpu_to_le32(p->page);
		e->flags = flags & (CACHET_REC_SEALED | CACHET_REC_LOCAL);
		e->block_shift = obj->block_shift;
		if (flags & CACHET_REC_SEALED)
			memcpy(e->digest, digest, sizeof(e->digest));
	}
	spin_unlock(&open->cache->log_lock);
}

/**
 * cachet_log_close - stop appending, and wait until all summaries are written
 * @cache: being detached; nobody reserves any more
 */
void cachet_log_close(struct cachet_cache *cache)
{
	struct cachet_open *open[CACHET_NR_CLASSES];
	unsigned int i;

	mutex_lock(&cache->roll_lock);
	spin_lock(&cache->log_lock);
	memcpy(open, cache->open, sizeof(open));
	memset(cache->open, 0, sizeof(cache->open));
	spin_unlock(&cache->log_lock);
	mutex_unlock(&cache->roll_lock);
	for (i = 0; i < CACHET_NR_CLASSES; i++)
		if (open[i])
			cachet_log_release(open[i]);
	wait_event(cache->idle_wait, !atomic_read(&cache->nr_opens));
}
