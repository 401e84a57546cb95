// SPDX-License-Identifier: GPL-2.0-only
/*
 * read.c - what is present in a range, and reading it
 *
 *   present? -> map of the block -> (suspect: verify.c) -> how far
 *   read     -> map -> hold the segment -> one direct asynchronous read for each
 *               piece -> all complete: still the same content? -> done
 *
 * A read is all or nothing: any failure hands the whole of it to the server. A piece
 * that the device can't read costs its block (heal.c).
 * Process context to submit; completions come in any, and are passed on in a task.
 */
#include <linux/file.h>
#include "internal.h"
#include "trace.h"

/* One read of a range. */
struct cachet_rd {
	struct cachet_obj *obj;
	struct cachet_done done;
	refcount_t	parts;		/* Reads under way, and the submitter */
	struct fscache_cookie *cookie;	/* The caller's operation holds it */
	unsigned int	inval_counter;	/* Its, when that operation began */
	unsigned int	seq;		/* obj->seq when it began */
	int		error;		/* The first */
	bool		async;		/* The submitter has left */
	size_t		bytes;
	struct work_struct work;	/* Ending it, when that came in an interrupt */
};

/* One piece of it. */
struct cachet_rd_part {
	struct kiocb	iocb;
	refcount_t	ref;		/* The completion, and who submits: see submit() */
	struct cachet_rd *rd;
	struct cachet_seg *seg;
	size_t		bytes;
	struct cachet_piece piece;	/* What is read of it */
	u32		block;		/* It is of */
	struct work_struct work;	/* After an error */
};

static struct cachet_map *map_alloc(void)
{
	return kmalloc(sizeof(struct cachet_map), GFP_NOFS);
}

/* Block 0 in the head: the answer for most small files, without an allocation. */
static bool inline_present(struct cachet_obj *obj, u64 page, u64 nr, u64 *ret_run)
{
	struct cachet_piece p;
	bool usable;

	spin_lock(&obj->spin);
	p = obj->inline_piece;
	usable = obj->inline_nr && !(obj->inline_flags & CACHET_MAP_SUSPECT) &&
		!cachet_must_verify(obj->cache, obj->inline_flags, &p, 1);
	spin_unlock(&obj->spin);
	if (!usable || page < p.off || page >= (u64)p.off + p.len ||
	    !cachet_seg_current(obj->cache, &p))
		return false;
	*ret_run = min_t(u64, p.off + p.len - page, nr);
	/* The piece ends with its block: what follows may be present too. */
	return *ret_run == nr || p.off + p.len < 1u << (obj->block_shift - CACHET_PAGE_SHIFT);
}

/**
 * cachet_read_present - is a page present, and how far does the answer hold?
 * @obj: object with an operation begun
 * @page: in the file
 * @nr: pages that are of interest, from 1
 * @ret_run: pages from @page on for which the answer is the same, 1 to @nr
 *
 * May sleep, and for a suspect block reads it all. Return: true: present.
 */
bool cachet_read_present(struct cachet_obj *obj, u64 page, u64 nr, u64 *ret_run)
{
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, per = 1u << shift;
	const struct cachet_piece *p;
	bool answer = false, first = true;
	struct cachet_map *m;
	u64 run = 0;

	if (cachet_cache_out(obj->cache))
		goto absent;
	if (inline_present(obj, page, nr, ret_run))
		return true;
	m = map_alloc();
	if (!m)
		goto absent;
	while (run < nr) {
		u64 block = (page + run) >> shift;
		u32 off = (page + run) & (per - 1);

		if (block > U32_MAX) {
			m->nr = 0;
		} else {
			cachet_map_load(obj, block, m);
			if ((m->flags & CACHET_MAP_SUSPECT) ||
			    cachet_must_verify(obj->cache, m->flags, m->piece, m->nr)) {
				if (cachet_verify_block(obj, block))
					m->nr = 0;
				else
					cachet_map_load(obj, block, m);
			}
		}
		while (run < nr && off < per) {
			p = cachet_map_find(m, off);
			if (first)
				answer = p;
			else if (answer != !!p)
				goto out;
			first = false;
			if (p) {
				run += p->off + p->len - off;
				off = p->off + p->len;
			} else {
				u32 end = cachet_map_gap(m, off, per);

				run += end - off;
				off = end;
			}
		}
	}
out:
	kfree(m);
	*ret_run = min(run, nr);
	return answer;
absent:
	*ret_run = nr;
	return false;
}

static void rd_end(struct cachet_rd *rd)
{
	struct cachet_obj *obj = rd->obj;
	struct cachet_done done;
	ssize_t ret;

	/* Invalidated meanwhile: whoever asked must ask the server. */
	if (!rd->error && (READ_ONCE(obj->seq) != rd->seq ||
			   READ_ONCE(rd->cookie->inval_counter) != rd->inval_counter))
		rd->error = -ESTALE;
	ret = rd->error ?: rd->bytes;
	if (ret < 0)
		cachet_count(obj->cache, reads_stale);
	else
		cachet_count_add(obj->cache, bytes_read, ret);
	done = rd->done;
	done.async = rd->async;
	/* The caller holds the object until it is told: this is not the last one. */
	cachet_object_put(obj, CACHET_REF_READ);
	kfree(rd);
	done.fn(&done, ret);
}

static void rd_work(struct work_struct *work)
{
	rd_end(container_of(work, struct cachet_rd, work));
}

/* The last one ends the read; netfs is not told in an interrupt, which it may not be. */
static void rd_put(struct cachet_rd *rd)
{
	if (!refcount_dec_and_test(&rd->parts))
		return;
	if (in_task() && !irqs_disabled()) {
		rd_end(rd);
		return;
	}
	INIT_WORK(&rd->work, rd_work);
	queue_work(rd->obj->cache->wq, &rd->work);
}

static void part_put(struct cachet_rd_part *part)
{
	if (refcount_dec_and_test(&part->ref))
		kfree(part);
}

static void part_end(struct cachet_rd_part *part)
{
	struct cachet_rd *rd = part->rd;

	cachet_seg_put(rd->obj->cache, part->seg);
	fput(part->iocb.ki_filp);
	part_put(part);
	rd_put(rd);
}

static void part_failed(struct work_struct *work)
{
	struct cachet_rd_part *part = container_of(work, struct cachet_rd_part, work);

	cachet_heal_read(part->rd->obj, part->block, &part->piece);
	part_end(part);
}

static void part_complete(struct kiocb *iocb, long ret)
{
	struct cachet_rd_part *part = container_of(iocb, struct cachet_rd_part, iocb);

	if (ret >= 0 && ret != part->bytes)
		ret = cachet_io_short_read(iocb->ki_filp, iocb->ki_pos - ret, ret);
	if (ret < 0)
		cmpxchg(&part->rd->error, 0, (int)ret);
	/* Misaligned buffers and want of memory are no fault of the device. */
	if (ret >= 0 || ret == -EINVAL || ret == -ENOMEM || ret == -EAGAIN || ret == -EINTR) {
		part_end(part);
		return;
	}
	INIT_WORK(&part->work, part_failed);
	queue_work(part->rd->obj->cache->wq, &part->work);
}

/* Begin to read one piece into the next bytes of @iter. */
static int submit(struct cachet_rd *rd, u32 block, const struct cachet_piece *p, u32 skip,
		  size_t bytes, struct iov_iter *iter)
{
	struct cachet_cache *cache = rd->obj->cache;
	struct cachet_rd_part *part;
	const struct cred *cred;
	struct iov_iter sub = *iter;
	unsigned int nofs;
	ssize_t ret;

	part = kzalloc(sizeof(*part), GFP_NOFS);
	if (!part)
		return -ENOMEM;
	part->seg = cachet_seg_get(cache, p);
	if (!part->seg) {
		kfree(part);
		return -ESTALE;
	}
	/* The filesystem looks at the kiocb after it may have completed. */
	refcount_set(&part->ref, 2);
	part->rd = rd;
	part->bytes = bytes;
	part->block = block;
	part->piece = *p;
	part->piece.page += skip;
	part->piece.len = bytes >> CACHET_PAGE_SHIFT;
	part->iocb.ki_filp = get_file(cache->data_file);
	part->iocb.ki_pos = (u64)(p->page + skip) << CACHET_PAGE_SHIFT;
	part->iocb.ki_flags = IOCB_DIRECT;
	part->iocb.ki_complete = part_complete;
	refcount_inc(&rd->parts);
	iov_iter_truncate(&sub, bytes);
	iov_iter_advance(iter, bytes);

	cred = override_creds(cache->cred);
	nofs = memalloc_nofs_save();
	ret = cachet_inject(CACHET_IO_DATA_READ);
	if (!ret)
		ret = cachet_io_read_iter(&part->iocb, &sub);
	memalloc_nofs_restore(nofs);
	revert_creds(cred);
	if (ret != -EIOCBQUEUED)
		part_complete(&part->iocb, ret);
	part_put(part);
	return 0;
}

/**
 * cachet_read - read a range of a file from the cache
 * @obj: object with an operation begun
 * @page: where in the file
 * @iter: destination; a multiple of the page size
 * @inval_counter: of the cookie, when the operation began
 * @done: told once, perhaps before this returns: bytes, or -errno: ask the server
 *
 * May sleep.
 */
void cachet_read(struct cachet_obj *obj, u64 page, struct iov_iter *iter,
		 unsigned int inval_counter, const struct cachet_done *done)
{
	u64 end = page + (iov_iter_count(iter) >> CACHET_PAGE_SHIFT);
	u32 shift, per;
	const struct cachet_piece *p;
	struct cachet_done failed;
	struct cachet_map *m;
	struct cachet_rd *rd;
	int err = 0;

	rd = kzalloc(sizeof(*rd), GFP_NOFS);
	m = map_alloc();
	if (!rd || !m) {
		kfree(rd);
		kfree(m);
		failed = *done;
		failed.fn(&failed, -ENOMEM);
		return;
	}
	rd->obj = cachet_object_get(obj, CACHET_REF_READ);
	rd->done = *done;
	rd->cookie = obj->cookie;
	rd->inval_counter = inval_counter;
	spin_lock(&obj->spin);
	rd->seq = obj->seq;
	shift = obj->block_shift - CACHET_PAGE_SHIFT;
	spin_unlock(&obj->spin);
	per = 1u << shift;
	rd->bytes = iov_iter_count(iter);
	refcount_set(&rd->parts, 1);
	if (!IS_ALIGNED(rd->bytes, CACHET_PAGE_BYTES))
		err = -EINVAL;

	while (!err && page < end) {
		u64 block = page >> shift;

		if (block > U32_MAX) {
			err = -ENODATA;
			break;
		}
		cachet_map_load(obj, block, m);
		if (m->flags & CACHET_MAP_SUSPECT)
			m->nr = 0;
		do {
			u32 off = page & (per - 1), n;

			p = cachet_map_find(m, off);
			if (!p) {
				err = -ENODATA;
				break;
			}
			n = min_t(u64, p->off + p->len - off, end - page);
			err = submit(rd, block, p, off - p->off, (size_t)n << CACHET_PAGE_SHIFT, iter);
			page += n;
		} while (!err && page < end && page >> shift == block);
	}
	kfree(m);
	if (err)
		cmpxchg(&rd->error, 0, err);
	/* A part that is under way may be the last to end, in an interrupt. */
	WRITE_ONCE(rd->async, refcount_read(&rd->parts) > 1);
	rd_put(rd);
}
