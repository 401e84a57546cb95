// SPDX-License-Identifier: GPL-2.0-only
/*
 * pin.c - files that stay
 *
 *   pin -> the head says PINNED -> what is here of the file moves to segments of the
 *          pinned class, which reuse never takes; what comes later goes there itself
 *
 * A pin is of the file: it survives a change of its content, and a crash once its head
 * is committed. Whether all of the content is here and stays is another question: see
 * CACHET_RANGE_PINNED. An EXTENT record says PINNED if its bytes stay; to unpin is to
 * change the head alone, and sweep.c finds what nobody needs any more.
 *
 * To move a block is to copy it, with its digest compared, and then to change its map,
 * if nothing else has meanwhile.
 */
#include <linux/sched/signal.h>
#include "internal.h"
#include "trace.h"

enum {
	CALL_BLOCKS	= 256,		/* That one call moves, at most */
	ROOM_TRIES	= 3,		/* Commits to wait for, until a segment is free */
};

/* One block that is being moved. */
struct move {
	struct cachet_obj *obj;
	u64	generation;		/* Of the object, when it began */
	u32	block;
	bool	patient;		/* May wait for a segment */
	bool	copied;
	bool	complete;		/* And not sealed */
	void	*buf;
	u32	buf_pages;		/* A block may have become larger */
	struct cachet_map old;		/* As it was */
	struct cachet_map now;		/* As it is in the end */
	struct cachet_map new;		/* As it shall be */
	struct cachet_open *open[CACHET_MAP_PIECES]; /* Of each piece of `new`, if copied */
};

/**
 * cachet_pin_wanted - should a block be moved?
 * @obj: object, under its lock
 * @m: map of the block
 *
 * Not while the file is being written to here: each version would stay until a sweep.
 */
bool cachet_pin_wanted(struct cachet_obj *obj, const struct cachet_map *m)
{
	return (obj->flags & CACHET_OBJ_PINNED) && !obj->session && m->nr &&
		!cachet_seg_kept(obj->cache, m->piece, m->nr);
}

/* ---- a block ------------------------------------------------------------ */

static int reserve(struct move *mv, u32 pages, struct cachet_piece *ret,
		   struct cachet_open **ret_open)
{
	struct cachet_cache *cache = mv->obj->cache;
	unsigned int tries;
	int err;

	for (tries = 0; ; tries++) {
		err = cachet_log_reserve(cache, CACHET_CLASS_PINNED, pages, ret, ret_open);
		if (err != -ENOSPC || !mv->patient || tries == ROOM_TRIES ||
		    READ_ONCE(cache->nr_pinned) >= cachet_log_max_pinned(cache))
			return err;
		cachet_reclaim(cache);
		err = cachet_commit(cache, false);
		if (err)
			return err;
	}
}

/* Pages of the block, from @off on without a gap. */
static u32 run_length(const struct cachet_map *m, u32 off)
{
	const struct cachet_piece *p;
	u32 end = off;

	while ((p = cachet_map_find(m, end)))
		end = p->off + p->len;
	return end - off;
}

static int read_run(struct move *mv, u32 off, u32 len)
{
	struct cachet_cache *cache = mv->obj->cache;
	const struct cachet_piece *p;
	struct cachet_seg *seg;
	u32 at;
	int ret = 0;

	for (at = off; !ret && at < off + len; at = p->off + p->len) {
		p = cachet_map_find(&mv->old, at);
		seg = cachet_seg_hold(cache, p);
		if (!seg)
			return -ESTALE;
		ret = cachet_io_direct(cache, cache->data_file,
				       mv->buf + ((size_t)(at - off) << CACHET_PAGE_SHIFT),
				       (size_t)p->len << CACHET_PAGE_SHIFT,
				       (u64)p->page << CACHET_PAGE_SHIFT, false,
				       CACHET_IO_SEAL_READ);
		cachet_seg_put(cache, seg);
		if (ret == -ENODATA)
			cachet_heal_block(mv->obj, mv->block, p);
	}
	return ret;
}

/* Do the bytes at hand match the digest of the block? Else they must not spread. */
static int still_right(struct move *mv, u32 pages)
{
	u8 digest[CACHET_DIGEST_BYTES];

	cachet_digest_buffer(mv->buf, (size_t)pages << CACHET_PAGE_SHIFT, digest);
	if (!memcmp(digest, mv->old.digest, sizeof(digest)))
		return 0;
	/* It looks itself, and drops the block. */
	return cachet_verify_block(mv->obj, mv->block) ?: -EAGAIN;
}

static int copy_run(struct move *mv, u32 off, u32 len)
{
	struct cachet_cache *cache = mv->obj->cache;
	struct cachet_piece *p = &mv->new.piece[mv->new.nr];
	int ret;

	if (len > mv->buf_pages)
		return -EAGAIN;
	ret = read_run(mv, off, len);
	if (!ret && (mv->old.flags & CACHET_REC_SEALED))
		ret = still_right(mv, len);
	/* Not before: what is reserved there and not used comes back with its last pin only. */
	if (!ret)
		ret = reserve(mv, len, p, &mv->open[mv->new.nr]);
	if (ret)
		return ret;
	p->off = off;
	mv->new.nr++;
	return cachet_io_direct(cache, cache->data_file, mv->buf, (size_t)len << CACHET_PAGE_SHIFT,
				(u64)p->page << CACHET_PAGE_SHIFT, true, CACHET_IO_DATA_WRITE);
}

/* Make the map of where the block shall be, and see that it is there. */
static int copy_block(struct move *mv)
{
	u32 per = 1u << (mv->obj->block_shift - CACHET_PAGE_SHIFT), off = 0, len;
	int nr = 0, ret = 0;

	/* A read refuses such maps, too; nobody here makes them. */
	if (mv->old.flags & CACHET_REC_SEALED &&
	    run_length(&mv->old, 0) != cachet_map_pages(&mv->old))
		return -EBADMSG;
	mv->new = mv->old;
	if (cachet_seg_kept(mv->obj->cache, mv->old.piece, mv->old.nr))
		return 0;
	if (mv->old.flags & CACHET_REC_SEALED)
		nr = cachet_content_find_for(mv->obj, mv->old.digest, cachet_map_pages(&mv->old),
					     mv->new.piece);
	if (nr && cachet_map_pages(&mv->old) > mv->buf_pages)
		return -EAGAIN;
	if (nr)
		ret = cachet_verify_found(mv->obj->cache, mv->old.digest, mv->new.piece, nr,
					  mv->buf);
	if (ret && ret != -EBADMSG)
		return ret;
	if (nr && !ret) {
		mv->new.nr = nr;
		mv->new.flags |= CACHET_REC_SHARED;
		return 0;
	}
	ret = 0;
	mv->copied = true;
	mv->new.nr = 0;
	mv->new.flags &= ~CACHET_REC_SHARED;
	while (!ret && off < per) {
		len = run_length(&mv->old, off);
		if (off + len > per)
			ret = -EBADMSG;
		else if (len)
			ret = copy_run(mv, off, len);
		off = cachet_map_gap(&mv->old, off + len, per);
	}
	return ret;
}

/* Under the object's lock. Return: has anything happened to the block since it was read? */
static bool changed(const struct move *mv)
{
	const struct cachet_map *a = &mv->old, *b = &mv->now;
	const u8 same = CACHET_REC_LOCAL | CACHET_REC_SEALED;

	return mv->generation != mv->obj->generation || (mv->obj->flags & CACHET_OBJ_DEAD) ||
		!(mv->obj->flags & CACHET_OBJ_PINNED) || a->nr != b->nr ||
		memcmp(a->piece, b->piece, a->nr * sizeof(a->piece[0])) ||
		((a->flags ^ b->flags) & same) || a->session != b->session;
}

static int store(struct move *mv)
{
	struct cachet_obj *obj = mv->obj;
	int parts, ret = -EAGAIN;
	unsigned int i;

	mutex_lock(&obj->lock);
	parts = cachet_map_load(obj, mv->block, &mv->now);
	if (parts >= 0 && !changed(mv)) {
		for (i = 0; i < mv->old.nr; i++)
			cachet_seg_live(obj->cache, &mv->old.piece[i], false);
		for (i = 0; i < mv->new.nr; i++)
			cachet_seg_live(obj->cache, &mv->new.piece[i], true);
		ret = cachet_map_store(obj, mv->block, &mv->new, parts);
		for (i = 0; !ret && mv->copied && i < mv->new.nr; i++)
			cachet_log_note(mv->open[i], obj, mv->block, &mv->new.piece[i],
					mv->new.flags, mv->new.digest);
		mv->complete = !(mv->new.flags & CACHET_REC_SEALED) && cachet_map_pages(&mv->new) >=
			cachet_block_expected(obj, obj->size, mv->block);
	}
	mutex_unlock(&obj->lock);
	return ret;
}

static void after_copy(struct move *mv)
{
	struct cachet_cache *cache = mv->obj->cache;

	if (mv->new.flags & CACHET_REC_SEALED)
		cachet_content_add(cache, mv->new.digest, mv->new.piece, mv->new.nr, 0,
				   cachet_map_pages(&mv->new));
	cachet_count_add(cache, bytes_moved,
			 (u64)cachet_map_pages(&mv->new) << CACHET_PAGE_SHIFT);
}

/*
 * What is here of the block. Return: 0; -ENOENT: nothing that could be moved; -EAGAIN: not
 * while it is written to; -errno.
 */
static int look(struct move *mv)
{
	struct cachet_obj *obj = mv->obj;
	int parts, ret;

	mutex_lock(&obj->lock);
	parts = cachet_map_load(obj, mv->block, &mv->old);
	mv->generation = obj->generation;
	if (parts < 0)
		ret = parts;
	else if (!mv->old.nr || (obj->flags & CACHET_OBJ_DEAD) ||
		 !(obj->flags & CACHET_OBJ_PINNED))
		ret = -ENOENT;
	else
		ret = obj->session ? -EAGAIN : 0;
	mutex_unlock(&obj->lock);
	return ret;
}

static int move_block(struct move *mv)
{
	unsigned int i;
	int ret = look(mv);

	if (!ret && (mv->old.flags & CACHET_MAP_SUSPECT)) {
		ret = cachet_verify_block(mv->obj, mv->block) ?: look(mv);
		if (!ret && (mv->old.flags & CACHET_MAP_SUSPECT))
			ret = -EAGAIN;
	}
	if (ret || (mv->old.flags & CACHET_REC_PINNED))
		return ret == -ENOENT ? 0 : ret;
	ret = copy_block(mv);
	if (!ret)
		ret = store(mv);
	if (!ret && mv->copied)
		after_copy(mv);
	/* The sealer may have been at it, and found that it had changed. */
	if (!ret && mv->copied && mv->complete)
		cachet_seal_later(mv->obj, mv->block);
	for (i = 0; mv->copied && i < mv->new.nr; i++)
		cachet_log_release(mv->open[i]);
	return ret;
}

static int pin_block(struct cachet_obj *obj, u32 block, void *buf, u32 buf_pages, bool patient)
{
	struct move *mv = kmalloc(sizeof(*mv), GFP_NOFS);
	int ret;

	if (!mv)
		return -ENOMEM;
	mv->obj = obj;
	mv->block = block;
	mv->buf = buf;
	mv->buf_pages = buf_pages;
	mv->patient = patient;
	mv->copied = false;
	ret = move_block(mv);
	kfree(mv);
	return ret;
}

/**
 * cachet_pin_block - see that what is here of a pinned file's block stays
 * @obj: object with a reference
 * @block: number of the block in the file
 * @buf: page-aligned, of the largest block
 *
 * Process context; takes the object's lock.
 *
 * Return: 0, also if nothing of it is here or the file is not pinned; -ENOSPC: no room
 * for it now; -EAGAIN: the block has changed meanwhile; -EBADMSG: it was no good, and
 * was dropped; -errno.
 */
int cachet_pin_block(struct cachet_obj *obj, u32 block, void *buf)
{
	return pin_block(obj, block, buf, 1u << (CACHET_MAX_BLOCK_SHIFT - CACHET_PAGE_SHIFT),
			 false);
}

/* ---- a file ------------------------------------------------------------- */

/*
 * Change the head in index, and nothing of it but that: what else it says stays as trusted
 * as it was. Under the object's lock.
 */
static int mark_head(struct cachet_obj *obj, bool pinned)
{
	struct cachet_key key = { .kind = CACHET_REC_OBJECT, .fp = obj->fp };
	union cachet_any_record old, new;
	enum cachet_trust trust;
	struct cachet_piece p;
	u64 pos;
	int ret;

	do {
		trust = cachet_index_find_at(obj->cache, &key, &old, &pos);
		if (trust == CACHET_UNKNOWN)
			return -EIO;
		if (trust == CACHET_ABSENT)
			return -ENOENT;
		if (!(old.head.flags & CACHET_REC_PINNED) == !pinned)
			return 0;
		if (pinned && old.head.nr) {	/* The barrier of sweep.c */
			cachet_piece_decode(&old.object.extent, &p);
			cachet_seg_pin(obj->cache, &p, 1);
		}
		new = old;
		new.head.flags ^= CACHET_REC_PINNED;
		ret = cachet_index_replace(obj->cache, pos, &old, &new);
	} while (ret == -ESTALE);	/* A scrub has taken its block away */
	return ret;
}

/* Under the object's lock; it is not dead. */
static int set_pinned(struct cachet_obj *obj, bool pinned)
{
	u16 was = obj->flags;
	int ret = -ENOENT;

	if (!pinned && !(was & (CACHET_OBJ_PINNED | CACHET_OBJ_UNSURE)))
		return 0;
	mutex_lock(&obj->cache->pin_lock);
	WRITE_ONCE(obj->flags, (was & ~CACHET_OBJ_PINNED) | (pinned ? CACHET_OBJ_PINNED : 0));
	/* Also if it is pinned: a bad sector may have taken its head. */
	if ((was & CACHET_OBJ_ON_DISK) && !(was & CACHET_OBJ_UNSURE))
		ret = mark_head(obj, pinned);
	if (ret == -ENOENT)
		ret = cachet_object_write_head(obj, false);
	if (!ret && pinned && !(obj->flags & CACHET_OBJ_PINNED))
		ret = -ENOSPC;
	else if (ret)	/* It is what it was, as far as is recorded */
		WRITE_ONCE(obj->flags, (obj->flags & ~CACHET_OBJ_PINNED) |
			   (was & CACHET_OBJ_PINNED));
	mutex_unlock(&obj->cache->pin_lock);
	if (!ret && !(was & CACHET_OBJ_PINNED) == pinned)
		trace_cachet_object(obj, pinned ? CACHET_OBJECT_PINNED : CACHET_OBJECT_UNPINNED);
	return ret;
}

static void count_block(struct cachet_obj *obj, u32 block, struct cachet_map *m,
			struct cachet_pin *told)
{
	u32 pages;

	cachet_map_load(obj, block, m);
	if (m->flags & CACHET_MAP_SUSPECT)
		return;
	pages = cachet_map_pages(m);
	told->pages += pages;
	if (m->flags & CACHET_REC_PINNED)
		told->pinned_pages += pages;
}

static int walk(struct cachet_obj *obj, struct cachet_pin *told, u32 shift, struct cachet_map *m,
		void *buf)
{
	u64 end = DIV_ROUND_UP((u64)READ_ONCE(obj->size), CACHET_PAGE_BYTES);
	u64 block = told->start_page >> shift;
	unsigned int n;
	int ret;

	for (n = 0; block << shift < end && block <= U32_MAX; n++, block++) {
		if (n == CALL_BLOCKS || signal_pending(current))
			return 0;
		ret = pin_block(obj, block, buf, 1u << shift, true);
		/* These cost the pages of the block only, and the caller sees that. */
		if (ret && ret != -ENOSPC && ret != -EAGAIN && ret != -ESTALE && ret != -EBADMSG &&
		    ret != -ENODATA)
			return n ? 0 : ret;
		count_block(obj, block, m, told);
		told->start_page = (block + 1) << shift;
		cond_resched();
	}
	told->start_page = U64_MAX;
	return 0;
}

/**
 * cachet_pin - a file is to stay
 * @obj: object with an operation begun
 * @told: start_page: move what is here from there on; returns where to go on, and what
 *	was found. With a signal pending it returns early, with that.
 *
 * May sleep; takes the object's lock, and waits for commits if there is no room.
 * It is durable with the next commit.
 *
 * Return: 0; -ENODATA: the file is not cached now; -ENOSPC: its place in index is taken
 * by others that are pinned; -ENOMEM; -EIO: out of service.
 */
int cachet_pin(struct cachet_obj *obj, struct cachet_pin *told)
{
	struct cachet_map *m;
	int ret = -ENODATA;
	void *buf;
	u32 shift;

	mutex_lock(&obj->lock);
	shift = obj->block_shift;
	if (!(obj->flags & CACHET_OBJ_DEAD))
		ret = set_pinned(obj, true);
	mutex_unlock(&obj->lock);
	if (ret)
		return ret;
	m = kmalloc(sizeof(*m), GFP_KERNEL);
	buf = kvmalloc(1u << shift, CACHET_GFP);
	ret = m && buf ? walk(obj, told, shift - CACHET_PAGE_SHIFT, m, buf) : -ENOMEM;
	kvfree(buf);
	kfree(m);
	return ret;
}

/**
 * cachet_unpin - a file need not stay
 * @obj: object with an operation begun
 *
 * May sleep; takes the object's lock. Its bytes are ordinary after the next sweep.
 *
 * Return: 0; -errno of the index.
 */
int cachet_unpin(struct cachet_obj *obj)
{
	int ret;

	mutex_lock(&obj->lock);
	ret = set_pinned(obj, false);
	mutex_unlock(&obj->lock);
	return ret;
}

/**
 * cachet_unpin_known - a file need not stay, whether or not it is in use, or exists
 * @cache: attached
 * @fp: its fingerprint
 *
 * May sleep; takes seal_sem, and below it the object's lock.
 *
 * Return: 0; -ENOENT: nothing is known of it; -ENOMEM; -EIO: index can't be read or
 * written; -ESHUTDOWN: the cache is being detached.
 */
int cachet_unpin_known(struct cachet_cache *cache, const u8 *fp)
{
	struct cachet_obj *obj;
	int ret = cachet_cache_hold(cache);

	if (ret)
		return ret;
	obj = cachet_object_get_new(cache, fp);
	if (obj) {
		mutex_lock(&obj->lock);
		ret = obj->flags & CACHET_OBJ_DEAD ? mark_head(obj, false) :
						     set_pinned(obj, false);
		mutex_unlock(&obj->lock);
		cachet_object_put(obj, CACHET_REF_PIN);
	} else {
		ret = -ENOMEM;
	}
	cachet_cache_let_go(cache);
	return ret;
}
