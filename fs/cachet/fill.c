// SPDX-License-Identifier: GPL-2.0-only
/*
 * fill.c - keeping what was read from the server, or written by this machine
 *
 *   cachet_fill: one struct cachet_fill for each block that the range touches
 *      -> a whole block, and the sealer has time: digest first (seal.c)
 *            -> stored already: publish, nothing is written
 *      -> reserve a run in the log -> direct asynchronous write
 *      -> complete -> publish: the map of the block, in the index
 *      -> complete and not sealed: to be sealed later
 *
 * A page becomes present when its write has completed, never before. A fill that
 * can't be kept (no room, no memory, invalidated meanwhile) is dropped, and the
 * network filesystem is not troubled with it; but if this machine may have
 * written the bytes, what was present of the block is forgotten with them.
 */
#include <linux/file.h>
#include "internal.h"
#include "trace.h"

/* The fill as its caller knows it; counts the blocks that are under way. */
struct cachet_parent {
	struct cachet_done done;
	refcount_t	ref;
	ssize_t		bytes;
	loff_t		size;		/* Of the file */
};

static void parent_put(struct cachet_parent *parent)
{
	struct cachet_done done = parent->done;
	ssize_t bytes = parent->bytes;

	if (!refcount_dec_and_test(&parent->ref))
		return;
	kfree(parent);
	done.fn(&done, bytes);
}

static void publish_work(struct work_struct *work);

static void submit_work(struct work_struct *work)
{
	cachet_fill_submit(container_of(work, struct cachet_fill, work));
}

/* By somebody else, who may wait. */
static void submit_later(struct cachet_fill *fill)
{
	fill->flags |= CACHET_FILL_PUNTED;
	INIT_WORK(&fill->work, submit_work);
	queue_work(fill->obj->cache->io_wq, &fill->work);
}

/* Drop a fill, or publish it, in process context. */
static void queue_publish(struct cachet_fill *fill)
{
	INIT_WORK(&fill->work, publish_work);
	queue_work(fill->obj->cache->wq, &fill->work);
}

/*
 * The cache's filesystem is frozen. Here are the pages of somebody who reads, perhaps locked: he
 * does not wait for that, nor for a lock whose holder does. What comes from the server can come
 * again; what this machine writes must be kept, or what was there be forgotten.
 */
static void end_frozen(struct cachet_fill *fill)
{
	if (fill->open)
		cachet_log_release(fill->open);
	fill->open = NULL;
	fill->nr = 0;
	if (fill->flags & CACHET_FILL_SERVER) {
		fill->error = -EAGAIN;
		queue_publish(fill);
	} else {
		submit_later(fill);
	}
}

/*
 * The same for who has submitted it. What runs on io_wq takes no locks: those
 * who hold them wait for that queue (io.c).
 */
static void end_submit(struct cachet_fill *fill)
{
	if (fill->flags & CACHET_FILL_PUNTED)
		queue_publish(fill);
	else
		publish_work(&fill->work);
}

static void fill_put(struct cachet_fill *fill)
{
	if (refcount_dec_and_test(&fill->ref))
		kmem_cache_free(cachet_fill_slab, fill);
}

static void fill_free(struct cachet_fill *fill)
{
	struct cachet_parent *parent = fill->parent;

	if (fill->open)
		cachet_log_release(fill->open);
	/* The operation that the caller began holds the object beyond this. */
	cachet_object_put(fill->obj, CACHET_REF_FILL);
	fill_put(fill);
	parent_put(parent);
}

static void write_complete(struct kiocb *iocb, long ret)
{
	struct cachet_fill *fill = container_of(iocb, struct cachet_fill, iocb);

	cachet_io_end_write(iocb, fill->freeze_level);
	fput(iocb->ki_filp);
	if (ret >= 0 && ret != (long)fill->len << CACHET_PAGE_SHIFT)
		ret = -EIO;
	fill->error = ret < 0 ? ret : 0;
	queue_publish(fill);
}

/**
 * cachet_fill_reserve - a run of pages for a file
 * @obj: it may be pinned: then the run is one that stays, unless there is no room
 *	left for these, or this machine writes to the file
 * @pages: 1 to the largest block
 * @ret: as of cachet_log_reserve()
 * @ret_open: as of cachet_log_reserve()
 *
 * May sleep, for memory. Return: as cachet_log_reserve().
 */
int cachet_fill_reserve(struct cachet_obj *obj, u32 pages, struct cachet_piece *ret,
			struct cachet_open **ret_open)
{
	int err;

	if ((READ_ONCE(obj->flags) & CACHET_OBJ_PINNED) && !READ_ONCE(obj->session)) {
		err = cachet_log_reserve(obj->cache, CACHET_CLASS_PINNED, pages, ret, ret_open);
		if (err != -ENOSPC)
			return err;
	}
	return cachet_log_reserve(obj->cache, CACHET_CLASS_ORDINARY, pages, ret, ret_open);
}

/**
 * cachet_fill_submit - write a fill to the log
 * @fill: with what is to be written in its iterator
 *
 * May sleep, for memory. Ends with the fill published or dropped, later.
 */
void cachet_fill_submit(struct cachet_fill *fill)
{
	struct cachet_cache *cache = fill->obj->cache;
	const struct cred *cred;
	bool punted = fill->flags & CACHET_FILL_PUNTED;
	unsigned int nofs;
	ssize_t ret;

	if (cachet_io_must_punt()) {
		submit_later(fill);
		return;
	}
	/* Before it costs a place in the log, which may be that of something else. */
	if (!punted && cachet_io_frozen(cache)) {
		end_frozen(fill);
		return;
	}
	ret = cachet_fill_reserve(fill->obj, fill->len, &fill->piece[0], &fill->open);
	if (ret) {
		fill->error = ret;
		end_submit(fill);
		return;
	}
	fill->nr = 1;
	fill->piece[0].off = fill->off;
	trace_cachet_fill(fill, CACHET_FILL_WRITE_WHY);
	fill->iocb.ki_filp = get_file(cache->data_file);
	fill->iocb.ki_pos = (u64)fill->piece[0].page << CACHET_PAGE_SHIFT;
	fill->iocb.ki_flags = IOCB_DIRECT | IOCB_WRITE;
	fill->iocb.ki_complete = write_complete;

	/* The filesystem looks at the kiocb after it may have completed. */
	refcount_inc(&fill->ref);
	cred = override_creds(cache->cred);
	nofs = memalloc_nofs_save();
	ret = cachet_inject(CACHET_IO_DATA_WRITE);
	if (!ret)
		ret = cachet_io_write_iter(&fill->iocb, &fill->iter, punted,
					   &fill->freeze_level);
	memalloc_nofs_restore(nofs);
	revert_creds(cred);
	if (ret == -EIOCBQUEUED) {
		fill_put(fill);
		return;
	}
	refcount_dec(&fill->ref);
	fput(cache->data_file);
	if (ret == -EAGAIN && !punted) {
		end_frozen(fill);
		return;
	}
	/* With DAX, who is killed meanwhile stops. */
	if (ret >= 0 && ret < (ssize_t)fill->len << CACHET_PAGE_SHIFT &&
	    fatal_signal_pending(current))
		ret = -EINTR;
	if (ret >= 0 && ret != (ssize_t)fill->len << CACHET_PAGE_SHIFT)
		ret = -EIO;
	fill->error = ret < 0 ? ret : 0;
	end_submit(fill);
}

/* Is nothing there of some pages of a block? */
static bool all_absent(const struct cachet_map *m, u32 off, u32 len)
{
	return !cachet_map_find(m, off) && cachet_map_gap(m, off, off + len) == off + len;
}

/*
 * May what is there of a block stand if a fill is not kept? What comes from the server is
 * the same; and what comes from memory is not older than nothing. But what this machine
 * writes may be hidden below a map that says nothing of it.
 */
static bool need_not_keep(const struct cachet_fill *fill, const struct cachet_map *m)
{
	return (fill->flags & CACHET_FILL_SERVER) ||
		(!fill->session && all_absent(m, fill->off, fill->len));
}

/*
 * What stays is not given up for what has found no room there, and need not be kept. Under
 * the object's lock.
 */
static bool would_unpin(const struct cachet_fill *fill, const struct cachet_map *m)
{
	return (fill->obj->flags & CACHET_OBJ_PINNED) && (m->flags & CACHET_REC_PINNED) &&
		!fill->session && !cachet_seg_pin(fill->obj->cache, fill->piece, fill->nr) &&
		need_not_keep(fill, m);
}

/* What is there may be older than what was to replace it, and is not kept. Under its lock. */
static void forget_older(struct cachet_obj *obj, u32 session, u32 block, u32 off, u32 len)
{
	struct cachet_map *m = kmalloc(sizeof(*m), GFP_NOFS | __GFP_NOFAIL);
	int parts = cachet_map_load(obj, block, m);

	if (parts < 0 || session || !all_absent(m, off, len))
		cachet_map_forget(obj, block);
	kfree(m);
}

/* Record that the pages of a fill are present. Under the object's lock. */
static enum cachet_fill_why publish(struct cachet_fill *fill, bool *ret_seal)
{
	struct cachet_obj *obj = fill->obj;
	struct cachet_cache *cache = obj->cache;
	u32 expected = cachet_block_expected(obj, obj->size, fill->block);
	struct cachet_map *m;
	int parts, ret = 0;
	unsigned int i;
	bool stands;

	m = kmalloc(sizeof(*m), GFP_NOFS | __GFP_NOFAIL);
	parts = cachet_map_load(obj, fill->block, m);
	if (parts < 0) {
		kfree(m);
		if (!(fill->flags & CACHET_FILL_SERVER))
			cachet_object_drop(obj);
		return CACHET_FILL_FAILED_WHY;
	}
	if (m->flags & CACHET_MAP_SUSPECT) {
		m->flags = 0;
		m->nr = 0;
	}
	if (would_unpin(fill, m)) {
		cachet_count(cache, fills_dropped);
		kfree(m);
		return CACHET_FILL_NO_SPACE_WHY;
	}
	stands = need_not_keep(fill, m);
	if (fill->off || fill->len < expected)
		cachet_verify_rest(obj, fill->block, m, parts);
	if (fill->generation != obj->generation) {	/* It was no good, and all had to go */
		kfree(m);
		return CACHET_FILL_STALE_WHY;
	}
	for (i = 0; i < m->nr; i++)
		cachet_seg_live(cache, &m->piece[i], false);
	if ((fill->flags & CACHET_FILL_SEALED) && fill->len >= expected) {
		m->nr = 0;
		m->flags = 0;
		m->session = 0;
		for (i = 0; i < fill->nr; i++)
			m->piece[m->nr++] = fill->piece[i];
		m->flags = CACHET_REC_SEALED | (fill->open ? 0 : CACHET_REC_SHARED);
		memcpy(m->digest, fill->digest, sizeof(m->digest));
	} else {
		for (i = 0; i < fill->nr && !ret; i++)
			ret = cachet_map_insert(m, &fill->piece[i]);
	}
	if (ret) {	/* -ENOSPC: what was there stands, unless it is now wrong */
		if (stands)
			for (i = 0; i < m->nr; i++)
				cachet_seg_live(cache, &m->piece[i], true);
		else
			cachet_map_forget(obj, fill->block);
		kfree(m);
		return CACHET_FILL_FRAGMENTED_WHY;
	}
	if (fill->session) {
		m->flags |= CACHET_REC_LOCAL;
		m->session = fill->session;
	}
	for (i = 0; i < m->nr; i++)
		cachet_seg_live(cache, &m->piece[i], true);
	ret = cachet_map_store(obj, fill->block, m, parts);
	/* What is recorded now may be what this machine has overwritten. */
	if (ret && !stands)
		cachet_object_drop(obj);
	*ret_seal = !ret && ((!(m->flags & CACHET_REC_SEALED) && expected &&
			      cachet_map_pages(m) >= expected) || cachet_pin_wanted(obj, m));
	kfree(m);
	return ret ? CACHET_FILL_FAILED_WHY : CACHET_FILL_PUBLISHED_WHY;
}

/* The bytes of a fill are not kept. Under the object's lock. */
static enum cachet_fill_why give_up(struct cachet_fill *fill)
{
	struct cachet_cache *cache = fill->obj->cache;

	if (!(fill->flags & CACHET_FILL_SERVER))
		forget_older(fill->obj, fill->session, fill->block, fill->off, fill->len);
	if (fill->error != -ENOSPC || fill->open)
		return CACHET_FILL_FAILED_WHY;
	cachet_count(cache, fills_dropped);
	if (!test_and_set_bit(CACHET_CACHE_NO_SPACE, &cache->flags))
		cachet_event(cache, CACHET_EVENT_NO_SPACE, fill->len, 0);
	return CACHET_FILL_NO_SPACE_WHY;
}

static void publish_work(struct work_struct *work)
{
	struct cachet_fill *fill = container_of(work, struct cachet_fill, work);
	struct cachet_obj *obj = fill->obj;
	struct cachet_cache *cache = obj->cache;
	u64 bytes = (u64)fill->len << CACHET_PAGE_SHIFT;
	enum cachet_fill_why why;
	bool seal = false;

	mutex_lock(&obj->lock);
	if (fill->generation != obj->generation || fill->cuts != obj->cuts) {
		/* The size changed meanwhile: behind the new end nothing may appear. */
		if (!(fill->flags & CACHET_FILL_SERVER) && fill->generation == obj->generation)
			forget_older(obj, fill->session, fill->block, fill->off, fill->len);
		cachet_count(cache, fills_stale);
		why = CACHET_FILL_STALE_WHY;
	} else if (fill->error) {
		why = give_up(fill);
	} else {
		why = publish(fill, &seal);
	}
	if (why == CACHET_FILL_PUBLISHED_WHY && fill->open)
		cachet_log_note(fill->open, obj, fill->block, &fill->piece[0],
				(fill->flags & CACHET_FILL_SEALED ? CACHET_REC_SEALED : 0) |
				(fill->session ? CACHET_REC_LOCAL : 0), fill->digest);
	mutex_unlock(&obj->lock);

	if (fill->error && fill->open && fill->error != -ENOMEM && fill->error != -EAGAIN &&
	    fill->error != -EINTR && fill->error != -EINVAL)
		cachet_io_error(cache, CACHET_IO_DATA_WRITE, fill->error);
	if (why == CACHET_FILL_FRAGMENTED_WHY)
		cachet_count(cache, fills_fragmented);
	if (why == CACHET_FILL_PUBLISHED_WHY) {
		if (fill->open) {
			cachet_count_add(cache, bytes_written, bytes);
		} else {
			cachet_count_add(cache, bytes_deduped, bytes);
			cachet_count(cache, blocks_shared);
		}
		if (fill->flags & CACHET_FILL_SEALED) {
			cachet_count(cache, blocks_sealed);
			cachet_count(cache, blocks_sealed_inline);
			if (fill->open)
				cachet_content_add(cache, fill->digest, fill->piece, fill->nr,
						   fill->off, fill->len);
		}
	}
	trace_cachet_fill(fill, why);
	if (seal)
		cachet_seal_later(obj, fill->block);
	fill_free(fill);
}

/**
 * cachet_fill_publish - publish a fill that needs no write
 * @fill: SEALED, with the pieces where its bytes are stored already
 *
 * May sleep.
 */
void cachet_fill_publish(struct cachet_fill *fill)
{
	publish_work(&fill->work);
}

static bool all_present(struct cachet_obj *obj, u64 page, u32 nr)
{
	u64 run;

	return cachet_read_present(obj, page, nr, &run) && run == nr;
}

/* One block's share. Return: false if there was no memory for it. */
static bool fill_block(struct cachet_obj *obj, struct cachet_parent *parent, u64 page, u32 len,
		       u32 shift, struct iov_iter *iter, u64 generation, u32 session,
		       u32 cuts, bool from_server)
{
	size_t bytes = (size_t)len << CACHET_PAGE_SHIFT;
	struct cachet_fill *fill;

	fill = kmem_cache_zalloc(cachet_fill_slab, GFP_NOFS);
	if (!fill)
		return false;
	refcount_set(&fill->ref, 1);
	fill->obj = cachet_object_get(obj, CACHET_REF_FILL);
	fill->parent = parent;
	refcount_inc(&parent->ref);
	fill->iter = *iter;
	iov_iter_truncate(&fill->iter, bytes);
	fill->generation = generation;
	fill->session = session;
	fill->cuts = cuts;
	if (from_server)
		fill->flags |= CACHET_FILL_SERVER;
	fill->block = page >> shift;
	fill->off = page & ((1u << shift) - 1);
	fill->len = len;
	if (!fill->off && len >= cachet_block_expected(obj, parent->size, fill->block))
		fill->flags |= CACHET_FILL_WHOLE;
	if (!cachet_seal_fill(fill))
		cachet_fill_submit(fill);
	return true;
}

/**
 * cachet_fill - keep a range of a file
 * @obj: object with an operation begun
 * @seq: of its cachet_object_begin(); it need not be counted any more
 * @page: where in the file
 * @nr: pages, from 1
 * @iter: the bytes, @nr pages of them; behind the end of the file: zeros. It must
 *	stay valid until @done is told
 * @size: of the file, bytes
 * @from_server: the bytes are known to be the server's: what is present already
 *	is the same, and stands if these can't be kept
 * @done: told once, perhaps before this returns: the bytes that were taken care
 *	of (all, whether kept or not), or -errno
 *
 * May sleep, for memory, and not for long.
 */
void cachet_fill(struct cachet_obj *obj, unsigned int seq, u64 page, u32 nr,
		 struct iov_iter *iter, loff_t size, bool from_server, const struct cachet_done *done)
{
	struct cachet_cache *cache = obj->cache;
	struct cachet_parent *parent;
	struct cachet_done now = *done;
	u64 end = page + nr, generation;
	u32 session, cuts, shift, per, n;
	bool stale;

	/* A block number has 32 bits, whatever the block size. */
	if (cachet_cache_out(cache) || end > U32_MAX) {
		if (!from_server && end > U32_MAX)
			cachet_fill_forget(obj, page << CACHET_PAGE_SHIFT,
					   (size_t)nr << CACHET_PAGE_SHIFT);
		now.fn(&now, -ENOBUFS);
		return;
	}
	cachet_count_add(cache, bytes_filled, (u64)nr << CACHET_PAGE_SHIFT);
	if (READ_ONCE(obj->size) != size) {
		mutex_lock(&obj->lock);
		cachet_object_resize(obj, size);
		mutex_unlock(&obj->lock);
	}
	spin_lock(&obj->spin);
	generation = obj->generation;
	shift = obj->block_shift - CACHET_PAGE_SHIFT;
	per = 1u << shift;
	session = READ_ONCE(obj->session);
	cuts = obj->cuts;
	/* Some of it may have been read before the last invalidation. */
	stale = seq != obj->seq || obj->nr_stale_ops;
	spin_unlock(&obj->spin);
	if (stale) {
		cachet_count(cache, fills_stale);
		goto forget;
	}
	if (from_server && !session && all_present(obj, page, nr)) {
		cachet_count(cache, fills_present);
		goto nothing;
	}
	parent = kmalloc(sizeof(*parent), GFP_NOFS);
	if (!parent)
		goto forget;
	parent->done = now;
	parent->bytes = (ssize_t)nr << CACHET_PAGE_SHIFT;
	parent->size = size;
	parent->done.async = true;
	refcount_set(&parent->ref, 1);
	for (; page < end; page += n) {
		n = min_t(u64, per - (page & (per - 1)), end - page);
		if (!fill_block(obj, parent, page, n, shift, iter, generation, session,
				cuts, from_server) && !from_server)
			cachet_fill_forget(obj, page << CACHET_PAGE_SHIFT,
					   (size_t)n << CACHET_PAGE_SHIFT);
		iov_iter_advance(iter, (size_t)n << CACHET_PAGE_SHIFT);
	}
	parent_put(parent);
	return;

forget:
	if (!from_server)
		cachet_fill_forget(obj, page << CACHET_PAGE_SHIFT,
				   (size_t)nr << CACHET_PAGE_SHIFT);
nothing:
	now.fn(&now, (ssize_t)nr << CACHET_PAGE_SHIFT);
}

/**
 * cachet_fill_forget - bytes of a file have changed here, and are not kept
 * @obj: object with an operation begun
 * @start: bytes
 * @len: bytes, from 1
 *
 * May sleep. The blocks that they lie in are forgotten, but for those of which nothing
 * was there in this place, while nobody writes to the file.
 */
void cachet_fill_forget(struct cachet_obj *obj, loff_t start, size_t len)
{
	u64 page = start >> CACHET_PAGE_SHIFT, end = (start + len - 1) >> CACHET_PAGE_SHIFT, n;
	u32 shift, per, off;

	mutex_lock(&obj->lock);
	shift = obj->block_shift - CACHET_PAGE_SHIFT;
	per = 1u << shift;
	for (; page <= end && page >> shift <= U32_MAX; page += n) {
		off = page & (per - 1);
		n = min_t(u64, per - off, end + 1 - page);
		forget_older(obj, obj->session, page >> shift, off, n);
	}
	mutex_unlock(&obj->lock);
}
