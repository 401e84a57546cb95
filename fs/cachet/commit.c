// SPDX-License-Identifier: GPL-2.0-only
/*
 * commit.c - epochs: when records become trusted, and segments reusable
 *
 *      close the epoch -> segment records -> flush data -> flush index
 *                      -> super, durably -> segments freed in it may be opened
 *
 * Nothing waits for a commit but those who ask for one (sync, detach) and reuse
 * when nothing is free. A failed step is never followed by the next: the cache
 * goes out of service, and the last good super stands.
 *
 * Takes commit_lock; epoch_sem for writing for a moment.
 */
#include "internal.h"
#include "trace.h"

static int write_super(struct cachet_cache *cache, const struct cachet_super_info *s)
{
	void *page = (void *)get_zeroed_page(GFP_NOFS | __GFP_NOFAIL);
	struct cachet_super_info as_read;
	unsigned int tries;
	const char *why;
	int ret;

	cachet_super_encode(page, s);
	/* What somebody has forged may lead to numbers that no attach would take. */
	ret = cachet_super_decode(page, &as_read, &why);
	if (ret)
		goto out;
	for (tries = 0; tries < CACHET_MEMORY_TRIES; tries++) {
		/* The sector that counts is the first; the rest of the page is zero. */
		ret = cachet_io_direct(cache, cache->super_file, page, PAGE_SIZE,
				       (s->epoch & 1) * CACHET_SUPER_STRIDE, true,
				       CACHET_IO_SUPER_WRITE);
		if (ret != -ENOMEM)
			break;
		memalloc_retry_wait(GFP_NOFS);
	}
out:
	free_page((unsigned long)page);
	return ret;
}

/**
 * cachet_commit_begin - begin the epochs of this attach
 * @cache: super decoded, nothing written yet
 *
 * Says durably that the cache is in use, before the first record is written: if
 * a crash follows, the next attach knows. If one went before, the epochs that
 * it may have used are noted as lost, and never used again.
 *
 * Return: 0 or -errno; then super is as it was, or one copy of it says already that the
 * cache is in use: the next attach treats it as crashed.
 */
int cachet_commit_begin(struct cachet_cache *cache)
{
	struct cachet_super_info s = cache->super;
	unsigned int i;
	int ret;

	cache->crashed = !(s.flags & CACHET_SUPER_CLEAN);
	if (cache->crashed) {
		ret = cachet_super_lose(&s, s.epoch + 1, s.epoch + CACHET_LOST_EPOCHS);
		if (ret)
			return ret;
		s.epoch += CACHET_LOST_EPOCHS;
		/* Ids that were given since the last commit may be on disk. */
		s.next_volume += s.geo.nr_volumes;
	}
	s.flags &= ~CACHET_SUPER_CLEAN;
	s.written = ktime_get_real_seconds();
	/* Both copies: if one goes bad, or its write was lost, CLEAN is not found again. */
	for (i = 0; i < 2; i++) {
		s.epoch++;
		ret = write_super(cache, &s);
		if (ret)
			return ret;
	}
	cache->super = s;
	cache->committed = s.epoch;
	cache->first_epoch = s.epoch + 1;
	cache->epoch = cache->first_epoch;
	cache->next_volume = s.next_volume;
	return 0;
}

/**
 * cachet_commit - make everything durable that was published until now
 * @cache: attached
 * @clean: the cache is being detached, nobody writes any more: say so in super
 *
 * May sleep for as long as the device needs. Return: 0: all records written
 * before the call are durable and trusted from now on; -EIO: the cache is or
 * went out of service; -ESHUTDOWN: it is being detached; -ENOMEM: nothing is, and it
 * will be tried again.
 */
int cachet_commit(struct cachet_cache *cache, bool clean)
{
	struct cachet_super_info s;
	u64 epoch;
	int ret = 0;

	mutex_lock(&cache->commit_lock);
	if (cachet_cache_out(cache)) {
		ret = -EIO;
		goto out;
	}
	/* Detaching ends with a commit that nothing may follow. */
	if (test_bit(CACHET_CACHE_LEAVING, &cache->flags) && !clean) {
		ret = -ESHUTDOWN;
		goto out;
	}
	if (!test_and_clear_bit(CACHET_CACHE_DIRTY, &cache->flags) && !clean)
		goto out;
	ret = cachet_volume_keep_all(cache);
	if (ret == -ENOMEM) {
		cachet_commit_soon(cache);
		goto out;
	}
	if (cachet_cache_out(cache)) {
		ret = -EIO;
		goto out;
	}

	/* From here on records carry the next epoch; all of this one are written. */
	down_write(&cache->epoch_sem);
	epoch = cache->epoch;
	cache->epoch = epoch + 1;
	atomic64_set(&cache->generations, 0);
	up_write(&cache->epoch_sem);

	ret = cachet_seg_write_dirty(cache, epoch);
	if (!ret)
		ret = cachet_io_flush(cache, cache->data_file, CACHET_IO_DATA_FLUSH);
	if (!ret)
		ret = cachet_io_flush(cache, cache->index_file, CACHET_IO_INDEX_FLUSH);
	if (ret)
		goto failed;

	s = cache->super;
	s.epoch = epoch;
	s.flags = clean ? CACHET_SUPER_CLEAN : 0;
	s.written = ktime_get_real_seconds();
	s.next_volume = READ_ONCE(cache->next_volume);
	ret = write_super(cache, &s);
	if (ret)
		goto failed;
	cache->super = s;
	WRITE_ONCE(cache->committed, epoch);
	cachet_count(cache, commits);
	trace_cachet_commit(cache, epoch);
	cachet_reclaim_committed(cache, epoch);
	cachet_seal_committed(cache);
	goto out;

failed:
	/* What failed for want of memory alone can't be told from the rest. */
	cachet_io_error(cache, CACHET_IO_SUPER_WRITE, ret);
	ret = -EIO;
out:
	mutex_unlock(&cache->commit_lock);
	return ret;
}

/**
 * cachet_commit_soon - something was written: see that it is committed in time
 * @cache: attached
 *
 * Any context.
 */
void cachet_commit_soon(struct cachet_cache *cache)
{
	if (!test_bit(CACHET_CACHE_DIRTY, &cache->flags))
		set_bit(CACHET_CACHE_DIRTY, &cache->flags);
	if (!test_bit(CACHET_CACHE_LEAVING, &cache->flags))
		queue_delayed_work(cache->wq, &cache->commit_work,
				   msecs_to_jiffies(cache->commit_ms));
}

/**
 * cachet_commit_unless_frozen - commit, but do not wait for a frozen filesystem
 * @cache: attached
 *
 * For workers: who freezes a filesystem may be about to suspend the machine, and that waits for
 * them. It is tried again later then. May sleep.
 */
void cachet_commit_unless_frozen(struct cachet_cache *cache)
{
	if (!cachet_io_frozen(cache))
		cachet_commit(cache, false);
	else if (test_bit(CACHET_CACHE_DIRTY, &cache->flags))
		cachet_commit_soon(cache);
}

void cachet_commit_work(struct work_struct *work)
{
	struct cachet_cache *cache =
		container_of(to_delayed_work(work), struct cachet_cache, commit_work);

	cachet_commit_unless_frozen(cache);
}
