// SPDX-License-Identifier: GPL-2.0-only
/*
 * seal.c - giving blocks their digest, and storing equal blocks once
 *
 *   whole block at hand -> digest -> stored already? publish it, write nothing
 *                                    else write it, with its digest known
 *   block complete later -> read back -> digest -> stored already? point there
 *                                    else record digest and place
 *
 * A thread per cache does all hashing, at low priority: a fill never waits for
 * it. Only so many bytes may wait with their pages held; beyond that blocks are
 * written unsealed and are read back when the thread has time: one by one, and each
 * only when no fill waits, for the pages of these are under write-back.
 *
 * A digest is only ever believed if it was computed here, over the bytes.
 */
#include <linux/sched.h>
#include "internal.h"
#include "trace.h"

/* A block to be read back and sealed. */
struct cachet_seal_job {
	struct list_head link;		/* In cache->seal_jobs, or seal_put_off */
	struct cachet_obj *obj;
	u64	generation;		/* Of the object, when it was queued */
	u32	block;
};

/* ---- digests ------------------------------------------------------------ */

/**
 * cachet_digest_buffer - SHA-256 of kernel memory
 * @buf: bytes
 * @bytes: how many
 * @out: digest
 */
void cachet_digest_buffer(const void *buf, size_t bytes, u8 out[CACHET_DIGEST_BYTES])
{
	struct cachet_sha256_ctx ctx;

	cachet_sha256_begin(&ctx);
	while (bytes) {
		size_t n = min_t(size_t, bytes, 64 << 10);

		cachet_sha256_add(&ctx, buf, n);
		buf += n;
		bytes -= n;
		cond_resched();
	}
	cachet_sha256_end(&ctx, out);
}

/* ---- content records ---------------------------------------------------- */

/**
 * cachet_content_find - is a block with this digest stored?
 * @cache: cache
 * @digest: SHA-256 of the block, computed here
 * @pages: its length
 * @ret: the pieces in which it is stored, off from 0 on
 *
 * Return: the number of pieces, 0 if it is not stored.
 */
int cachet_content_find(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			u32 pages, struct cachet_piece ret[CACHET_SEALED_EXTENTS])
{
	struct cachet_key key = { .kind = CACHET_REC_CONTENT, .fp = digest };
	struct cachet_content c;
	unsigned int i;

	if (cachet_index_find(cache, &key, &c) != CACHET_TRUSTED ||
	    le32_to_cpu(c.pages) != pages)
		return 0;
	for (i = 0; i < c.rec.nr; i++) {
		cachet_piece_decode(&c.extent[i], &ret[i]);
		if (!cachet_seg_current(cache, &ret[i]))
			return 0;
	}
	return c.rec.nr;
}

/**
 * cachet_content_find_for - the same, for a certain file
 * @obj: it may be pinned: then what lies where reuse comes is of no use to it
 * @digest: SHA-256 of the block, computed here
 * @pages: its length
 * @ret: the pieces in which it is stored
 *
 * Return: as cachet_content_find().
 */
int cachet_content_find_for(const struct cachet_obj *obj, const u8 digest[CACHET_DIGEST_BYTES],
			    u32 pages, struct cachet_piece ret[CACHET_SEALED_EXTENTS])
{
	int nr = cachet_content_find(obj->cache, digest, pages, ret);

	if ((READ_ONCE(obj->flags) & CACHET_OBJ_PINNED) && !cachet_seg_kept(obj->cache, ret, nr))
		return 0;
	return nr;
}

/**
 * cachet_content_add - record where a block with this digest is stored
 * @cache: cache
 * @digest: SHA-256 of the block, computed here
 * @piece: where
 * @nr: pieces, 1 to CACHET_SEALED_EXTENTS, without a gap
 * @off: of the first, to be counted from
 * @pages: length of the block
 */
void cachet_content_add(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			const struct cachet_piece *piece, u32 nr, u32 off, u32 pages)
{
	struct cachet_key key = { .kind = CACHET_REC_CONTENT, .fp = digest };
	struct cachet_content c = {};
	struct cachet_piece p;
	unsigned int i, j;
	u32 at = 0;

	/* The record wants its pieces in order. */
	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr; j++)
			if (piece[j].off == off + at)
				break;
		if (WARN_ON_ONCE(j == nr))
			return;
		p = piece[j];
		p.off = at;
		at += p.len;
		cachet_piece_encode(&c.extent[i], &p);
	}
	c.rec.nr = nr;
	c.rec.flags = CACHET_REC_SEALED;
	c.pages = cpu_to_le32(pages);
	memcpy(c.digest, digest, sizeof(c.digest));
	cachet_index_put(cache, &key, &c, false);
}

/* Write a block from the sealer's buffer, in one piece. */
static int rewrite(struct cachet_obj *obj, void *buf, u32 pages, struct cachet_piece *ret,
		   struct cachet_open **ret_open)
{
	struct cachet_cache *cache = obj->cache;
	int err = cachet_fill_reserve(obj, pages, ret, ret_open);

	if (err)
		return err;
	ret->off = 0;
	err = cachet_io_direct(cache, cache->data_file, buf, (size_t)pages << PAGE_SHIFT,
			       (u64)ret->page << CACHET_PAGE_SHIFT, true, CACHET_IO_DATA_WRITE);
	if (err)
		cachet_log_release(*ret_open);
	return err;
}

/*
 * The sealer gives way to those who serve readers: it would make them slower by what
 * it takes, where processors are short. As long as it finds duplicates it pays for
 * itself, for these need not be written: then it has its fair share.
 */
static void set_priority(struct cachet_cache *cache)
{
	set_user_nice(current, cache->hurry ? 0 : CACHET_SEALER_NICE);
}

static void note_duplicate(struct cachet_cache *cache, bool duplicate)
{
	if (duplicate)
		cache->hurry = CACHET_SEAL_HURRY_BLOCKS;
	else if (cache->hurry)
		cache->hurry--;
}

/* ---- before the write --------------------------------------------------- */

static void seal_fill_work(struct kthread_work *work)
{
	struct cachet_fill *fill = container_of(work, struct cachet_fill, seal);
	struct cachet_cache *cache = fill->obj->cache;
	size_t bytes = (size_t)fill->len << CACHET_PAGE_SHIFT;
	/* Then it is not written from here, or this would wait. */
	int ret = cachet_io_frozen(cache) ? -EAGAIN : 0;
	struct iov_iter iter;

	set_priority(cache);
	while (!ret) {
		/*
		 * Pages of the page cache may be written to while this reads them: only of a
		 * copy are the digest and what is stored the same bytes.
		 */
		iter = fill->iter;
		ret = copy_from_iter(cache->seal_buffer, bytes, &iter) == bytes ? 0 : -EFAULT;
		if (ret)
			break;
		cachet_digest_buffer(cache->seal_buffer, bytes, fill->digest);
		fill->nr = cachet_content_find_for(fill->obj, fill->digest, fill->len,
						   fill->piece);
		if (fill->nr)
			ret = cachet_verify_found(cache, fill->digest, fill->piece, fill->nr,
						  cache->seal_buffer);
		if (ret != -EBADMSG)
			break;
		ret = 0;	/* Once more: it is not found again */
	}
	atomic64_sub(bytes, &cache->inline_bytes);
	if (ret) {
		fill->nr = 0;
		cachet_fill_submit(fill);
		return;
	}
	fill->flags |= CACHET_FILL_SEALED;
	note_duplicate(cache, fill->nr);
	if (fill->nr) {
		trace_cachet_fill(fill, CACHET_FILL_SHARED_WHY);
	} else {
		fill->error = rewrite(fill->obj, cache->seal_buffer, fill->len, &fill->piece[0],
				      &fill->open);
		if (fill->error)
			fill->open = NULL;
		fill->nr = !fill->error;
	}
	cachet_fill_publish(fill);
}

/**
 * cachet_seal_fill - seal a fill before it is written, if that can be
 * @fill: with its pages held
 *
 * Return: true: the sealer will write or publish it; false: the caller must.
 */
bool cachet_seal_fill(struct cachet_fill *fill)
{
	struct cachet_cache *cache = fill->obj->cache;
	s64 bytes = (s64)fill->len << CACHET_PAGE_SHIFT;

	if (!(fill->flags & CACHET_FILL_WHOLE))
		return false;
	if (atomic64_add_return(bytes, &cache->inline_bytes) > cache->inline_max) {
		atomic64_sub(bytes, &cache->inline_bytes);
		cachet_count(cache, seal_deferred);
		return false;
	}
	trace_cachet_fill(fill, CACHET_FILL_SEAL_WHY);
	kthread_init_work(&fill->seal, seal_fill_work);
	kthread_queue_work(cache->sealer, &fill->seal);
	return true;
}

/* ---- after the write ---------------------------------------------------- */

static bool same_pieces(const struct cachet_map *a, const struct cachet_map *b)
{
	return a->nr == b->nr && !memcmp(a->piece, b->piece, a->nr * sizeof(a->piece[0]));
}

/* When may a block be sealed? */
enum when { NOW, AFTER_COMMIT, AFTER_SESSION };

/*
 * This machine wrote the block: then a crash keeps it if the head that says that the server has it
 * is committed, and the block as it is recorded until then. What is recorded anew while that commit
 * runs would be lost, for the next one has yet to say that it counts; and what is while the file is
 * written to once more, for the head says so. Under the object's lock.
 */
static enum when when_to_seal(const struct cachet_obj *obj, const struct cachet_map *m)
{
	if (!(m->flags & CACHET_REC_LOCAL))
		return NOW;
	if (obj->session)
		return m->session == obj->session ? NOW : AFTER_SESSION;
	return obj->told > READ_ONCE(obj->cache->committed) ? AFTER_COMMIT : NOW;
}

/*
 * What stays is sealed where it lies, or not at all: else a crash could leave neither the record
 * that is committed, nor what it says in the new place.
 */
static bool must_stay(const struct cachet_map *m)
{
	return m->flags & CACHET_REC_PINNED;
}

/* Return: NOW: it has ended, whether or not the block is sealed; else when to try again. */
static enum when seal_block(struct cachet_seal_job *job, struct cachet_map *old,
		       struct cachet_map *now)
{
	struct cachet_obj *obj = job->obj;
	struct cachet_cache *cache = obj->cache;
	struct cachet_piece found[CACHET_SEALED_EXTENTS];
	struct cachet_open *open = NULL;
	u8 digest[CACHET_DIGEST_BYTES];
	u32 pages, nr = 0, i;
	enum when when;
	int parts, ret;

	mutex_lock(&obj->lock);
	cachet_map_load(obj, job->block, old);
	pages = cachet_block_expected(obj, obj->size, job->block);
	if (job->generation != obj->generation || (obj->flags & CACHET_OBJ_DEAD))
		pages = 0;
	when = when_to_seal(obj, old);
	mutex_unlock(&obj->lock);
	if (!pages || (old->flags & (CACHET_REC_SEALED | CACHET_MAP_SUSPECT)) ||
	    cachet_map_pages(old) != pages ||
	    (must_stay(old) && old->nr > CACHET_SEALED_EXTENTS))
		return NOW;
	if (when != NOW)
		return when;
	ret = cachet_read_map(cache, old, pages, cache->seal_buffer);
	if (ret == -ENODATA)
		cachet_heal_block(obj, job->block, &old->piece[0]);
	if (ret)
		return NOW;
	cachet_digest_buffer(cache->seal_buffer, (size_t)pages << PAGE_SHIFT, digest);

	*now = *old;
	if (!must_stay(old))
		nr = cachet_content_find_for(obj, digest, pages, found);
	ret = nr ? cachet_verify_found(cache, digest, found, nr, cache->seal_buffer) : 0;
	if (ret == -EBADMSG)	/* Once more: it is not found again */
		cachet_seal_later(obj, job->block);
	if (ret)
		return NOW;
	note_duplicate(cache, nr);
	if (nr) {
		memcpy(now->piece, found, nr * sizeof(found[0]));
		now->nr = nr;
	} else if (now->nr > CACHET_SEALED_EXTENTS) {
		if (rewrite(obj, cache->seal_buffer, pages, &now->piece[0], &open))
			return NOW;
		now->nr = 1;
	}
	now->flags = (old->flags & CACHET_REC_LOCAL) | CACHET_REC_SEALED |
		(nr ? CACHET_REC_SHARED : 0);
	memcpy(now->digest, digest, sizeof(now->digest));

	mutex_lock(&obj->lock);
	/* Only if nothing has happened to the block meanwhile. */
	parts = cachet_map_load(obj, job->block, old + 1);
	when = when_to_seal(obj, old + 1);
	if (parts < 0 || job->generation != obj->generation || (obj->flags & CACHET_OBJ_DEAD) ||
	    !same_pieces(old, old + 1)) {
		when = NOW;
		mutex_unlock(&obj->lock);
		goto out;
	}
	if (when != NOW || must_stay(old + 1) != must_stay(old) || (old[1].flags ^ old->flags) &
	    CACHET_REC_LOCAL || old[1].session != old->session) {
		mutex_unlock(&obj->lock);
		if (when == NOW)	/* Once more: of other worth, and nobody else asks */
			cachet_seal_later(obj, job->block);
		goto out;
	}
	/* A committed head says that the server has it: then it is worth what its digest is. */
	if (!obj->session && old->session <= obj->acked && obj->told &&
	    obj->told <= READ_ONCE(cache->committed))
		now->flags &= ~CACHET_REC_LOCAL;
	for (i = 0; i < old->nr; i++)
		cachet_seg_live(cache, &old->piece[i], false);
	for (i = 0; i < now->nr; i++)
		cachet_seg_live(cache, &now->piece[i], true);
	if (cachet_map_store(obj, job->block, now, parts)) {
		mutex_unlock(&obj->lock);
		goto out;
	}
	if (open)
		cachet_log_note(open, obj, job->block, &now->piece[0], now->flags, digest);
	mutex_unlock(&obj->lock);
	cachet_count(cache, blocks_sealed);
	if (nr) {
		cachet_count(cache, blocks_shared);
		cachet_count_add(cache, bytes_deduped, (u64)pages << CACHET_PAGE_SHIFT);
	} else {
		cachet_content_add(cache, digest, now->piece, now->nr, 0, pages);
	}
	trace_cachet_sealed(obj, job->block, pages, nr);
out:
	if (open)
		cachet_log_release(open);
	return when;
}

static struct cachet_seal_job *take_job(struct cachet_cache *cache, struct list_head *jobs)
{
	struct cachet_seal_job *job;

	spin_lock(&cache->seal_lock);
	job = list_first_entry_or_null(jobs, struct cachet_seal_job, link);
	if (job)
		list_del(&job->link);
	spin_unlock(&cache->seal_lock);
	return job;
}

static void free_job(struct cachet_seal_job *job)
{
	cachet_object_put(job->obj, CACHET_REF_SEAL);
	kfree(job);
}

/* Return: false: too many are already, or there will be no commit any more. */
static bool put_off(struct cachet_cache *cache, struct cachet_seal_job *job, enum when when,
		    u64 committed)
{
	bool ok = true;

	spin_lock(&cache->seal_lock);
	if (cachet_cache_out(cache)) {
		ok = false;
	} else if (READ_ONCE(cache->committed) != committed) {
		/* Meanwhile: cachet_seal_committed() has not seen this one. */
		list_add_tail(&job->link, &cache->seal_jobs);
		cache->seal_queued++;
	} else if (cache->nr_put_off < CACHET_SEAL_QUEUE / 2) {
		list_add_tail(&job->link, &cache->seal_put_off);
		cache->nr_put_off++;
	} else {
		ok = false;
	}
	spin_unlock(&cache->seal_lock);
	/* The end of a session is written, and so committed, in any case. */
	if (ok && when == AFTER_COMMIT)
		cachet_commit_soon(cache);
	return ok;
}

static void do_job(struct cachet_cache *cache, struct cachet_seal_job *job)
{
	u64 committed = READ_ONCE(cache->committed);	/* Before the block is looked at */
	struct cachet_map *maps;
	enum when when = NOW;

	set_priority(cache);
	/* What is there, what is there in the end, what it is to become. */
	maps = kmalloc_array(3, sizeof(*maps), GFP_NOFS);
	if (maps && !cachet_cache_out(cache) && !test_bit(CACHET_CACHE_LEAVING, &cache->flags)) {
		/* Who freezes a filesystem may be about to suspend the machine: do not wait. */
		when = cachet_io_frozen(cache) ? AFTER_COMMIT : seal_block(job, maps, maps + 2);
		if (when == NOW && (READ_ONCE(job->obj->flags) & CACHET_OBJ_PINNED))
			cachet_pin_block(job->obj, job->block, cache->seal_buffer);
	}
	kfree(maps);
	if (when == NOW || !put_off(cache, job, when, committed))
		free_job(job);
}

static void seal_later_work(struct kthread_work *work)
{
	struct cachet_cache *cache = container_of(work, struct cachet_cache, seal_work);
	struct cachet_seal_job *job;
	bool more;

	job = take_job(cache, &cache->seal_jobs);
	if (!job)	/* Done before who added it came to queue this */
		return;
	do_job(cache, job);
	spin_lock(&cache->seal_lock);
	cache->seal_done++;
	more = !list_empty(&cache->seal_jobs);
	spin_unlock(&cache->seal_lock);
	/* Behind the fills that have come meanwhile. */
	if (more)
		kthread_queue_work(cache->sealer, &cache->seal_work);
	wake_up_all(&cache->idle_wait);
	cond_resched();
}

/**
 * cachet_seal_committed - there was a commit: blocks that waited for one may be sealed
 * @cache: cache; or it is out of service now: then they need not wait any more
 *
 * Process context. Not while it is being detached: they stay as they are.
 */
void cachet_seal_committed(struct cachet_cache *cache)
{
	spin_lock(&cache->seal_lock);
	if (cache->nr_put_off && !test_bit(CACHET_CACHE_LEAVING, &cache->flags)) {
		cache->seal_queued += cache->nr_put_off;
		cache->nr_put_off = 0;
		list_splice_tail_init(&cache->seal_put_off, &cache->seal_jobs);
		/* Under the lock: cachet_seal_exit() waits for what was queued, no longer. */
		kthread_queue_work(cache->sealer, &cache->seal_work);
	}
	spin_unlock(&cache->seal_lock);
}

static u64 nr_queued(const struct cachet_cache *cache)
{
	u64 done = smp_load_acquire(&cache->seal_done);	/* First: it follows the other */

	return READ_ONCE(cache->seal_queued) - done;
}

/**
 * cachet_seal_waiting - how many blocks are to be read back?
 * @cache: cache
 *
 * Any context. It may be out of date at once.
 */
u32 cachet_seal_waiting(const struct cachet_cache *cache)
{
	return nr_queued(cache) + READ_ONCE(cache->nr_put_off);
}

/**
 * cachet_seal_later - a block is complete, and has no digest, or is to stay
 * @obj: object
 * @block: number of the block in the file
 *
 * Process context. If too many wait already it stays as it is, until somebody
 * reads it back to front again or asks for it.
 */
void cachet_seal_later(struct cachet_obj *obj, u32 block)
{
	struct cachet_cache *cache = obj->cache;
	struct cachet_seal_job *job;

	if (test_bit(CACHET_CACHE_LEAVING, &cache->flags) ||
	    cachet_seal_waiting(cache) >= CACHET_SEAL_QUEUE)
		return;
	job = kmalloc(sizeof(*job), GFP_NOFS);
	if (!job)
		return;
	job->obj = cachet_object_get(obj, CACHET_REF_SEAL);
	job->generation = READ_ONCE(obj->generation);
	job->block = block;
	spin_lock(&cache->seal_lock);
	list_add_tail(&job->link, &cache->seal_jobs);
	cache->seal_queued++;
	spin_unlock(&cache->seal_lock);
	kthread_queue_work(cache->sealer, &cache->seal_work);
}

/* ---- the thread --------------------------------------------------------- */

static int drain(struct cachet_cache *cache)
{
	unsigned int turn;
	int ret = 0;
	u64 queued;

	down_read(&cache->seal_sem);
	if (!cache->sealer)
		ret = -ESHUTDOWN;
	/* A fill that was sealed may be published by the other queue. */
	for (turn = 0; !ret && turn < 2; turn++) {
		flush_workqueue(cache->wq);
		kthread_flush_worker(cache->sealer);
		queued = READ_ONCE(cache->seal_queued);
		if (wait_event_killable(cache->idle_wait,
					READ_ONCE(cache->seal_done) >= queued))
			ret = -EINTR;
	}
	up_read(&cache->seal_sem);
	return ret;
}

/**
 * cachet_seal_drain - wait until every complete block is sealed
 * @cache: attached
 *
 * But for those of files that are being written to. Takes seal_sem, and then commit_lock: some
 * wait for a commit. Return: 0; -ESHUTDOWN: it is being detached; -EINTR: a fatal signal; -EIO:
 * the cache is or went out of service; -ENOMEM: as cachet_commit().
 */
int cachet_seal_drain(struct cachet_cache *cache)
{
	int ret = drain(cache);

	/* Some wait for one, and are queued behind the others when it ends: this, or the last. */
	if (!ret)
		ret = cachet_commit(cache, false);
	return ret ?: drain(cache);
}

/**
 * cachet_seal_init - start the sealer of a cache
 * @cache: being attached
 *
 * Return: 0 or -errno.
 */
int cachet_seal_init(struct cachet_cache *cache)
{
	struct kthread_worker *worker;

	cache->seal_buffer = kvmalloc(1u << CACHET_MAX_BLOCK_SHIFT, CACHET_GFP);
	if (!cache->seal_buffer)
		return -ENOMEM;
	cache->inline_max = min_t(u64, CACHET_INLINE_SEAL_BYTES,
				  (u64)cache->geo.nr_segments << cache->geo.segment_shift >>
				  CACHET_INLINE_SEAL_SHIFT);
	worker = kthread_create_worker(KTW_FREEZABLE, "cachet-seal/%s", cache->super.tag);
	if (IS_ERR(worker)) {
		kvfree(cache->seal_buffer);
		cache->seal_buffer = NULL;
		return PTR_ERR(worker);
	}
	kthread_init_work(&cache->seal_work, seal_later_work);
	cache->sealer = worker;
	cachet_worker_start(worker);
	return 0;
}

/**
 * cachet_seal_exit - stop the sealer
 * @cache: being detached; jobs that are left are dropped quickly
 */
void cachet_seal_exit(struct cachet_cache *cache)
{
	struct cachet_seal_job *job;

	down_write(&cache->seal_sem);
	/* A commit that has not seen that it is LEAVING has queued what it was to. */
	spin_lock(&cache->seal_lock);
	spin_unlock(&cache->seal_lock);
	if (cache->sealer) {
		wait_event(cache->idle_wait, !nr_queued(cache));
		kthread_destroy_worker(cache->sealer);
	}
	cache->sealer = NULL;
	while ((job = take_job(cache, &cache->seal_put_off)))
		free_job(job);
	cache->nr_put_off = 0;
	up_write(&cache->seal_sem);
	kvfree(cache->seal_buffer);
	cache->seal_buffer = NULL;
}
