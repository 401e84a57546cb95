// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim.c - the coldest segment makes room, without anybody's help
 *
 * Policy belongs to the daemon; this is what happens when it is not there or
 * too slow. To free a segment is to give it a new generation: every record that
 * points into it is void, unvisited. It may be opened when that is committed
 * and the last reader has left.
 *
 * The closed segments stand in a list, coldest first; one that was read since it
 * was last looked at goes to the end instead (second chance, CLOCK). O(1) each.
 */
#include "internal.h"
#include "trace.h"

/**
 * cachet_reclaim_target - how many segments should be free or on their way
 * @cache: cache
 *
 * One in 16, so that a commit frees several at once, but 2 at least (one to be
 * opened while the other waits for its commit) and 64 at most.
 */
u32 cachet_reclaim_target(const struct cachet_cache *cache)
{
	return clamp(cache->geo.nr_segments / 16, 2u, 64u);
}

/* Free the coldest segment. Return: false if none can be. */
static bool reuse_one(struct cachet_cache *cache)
{
	struct cachet_seg *seg, *next;
	unsigned int pass;
	u32 live;

	down_read(&cache->epoch_sem);
	spin_lock(&cache->log_lock);
	/* The second pass finds one if the first only cleared marks. */
	for (pass = 0; pass < 2; pass++) {
		list_for_each_entry_safe(seg, next, &cache->closed, link) {
			if (seg->class == CACHET_CLASS_PINNED)
				continue;
			if (!READ_ONCE(seg->referenced))
				goto found;
			seg->referenced = 0;
			list_move_tail(&seg->link, &cache->closed);
		}
	}
	spin_unlock(&cache->log_lock);
	up_read(&cache->epoch_sem);
	return false;

found:
	live = seg->live;
	/* The order that cachet_seg_get() relies on: first this, much later `readers`. */
	WRITE_ONCE(seg->generation, cache->epoch);
	cachet_verify_forget(cache, seg - cache->seg);
	smp_mb();	/* See above; pairs with the one in cachet_seg_get() */
	seg->state = CACHET_SEG_FREEING;
	seg->used = 0;
	seg->live = 0;
	seg->flags = CACHET_SEG_DIRTY;
	list_move_tail(&seg->link, &cache->freeing);
	cache->nr_freeing++;
	spin_unlock(&cache->log_lock);
	up_read(&cache->epoch_sem);
	set_bit(CACHET_CACHE_DIRTY, &cache->flags);
	cachet_count(cache, segments_reused);
	trace_cachet_segment(cache, seg - cache->seg, seg->generation, live, CACHET_SEG_REUSED_WHY);
	cachet_event(cache, CACHET_EVENT_REUSED, seg - cache->seg, live);
	return true;
}

/**
 * cachet_reclaim_committed - an epoch is committed: what it freed may be opened
 * @cache: cache, under commit_lock
 * @epoch: the one that was committed
 */
void cachet_reclaim_committed(struct cachet_cache *cache, u64 epoch)
{
	struct cachet_seg *seg, *next;

	spin_lock(&cache->log_lock);
	list_for_each_entry_safe(seg, next, &cache->freeing, link) {
		if (seg->generation > epoch || atomic_read_acquire(&seg->readers))
			continue;
		seg->state = CACHET_SEG_FREE;
		list_move_tail(&seg->link, &cache->free);
		cache->nr_freeing--;
		cache->nr_free++;
	}
	/* A reader was in the way: look again with the next commit. */
	if (cache->nr_freeing)
		set_bit(CACHET_CACHE_DIRTY, &cache->flags);
	spin_unlock(&cache->log_lock);
}

/* Free as many as are missing, and commit when fills have nowhere to go. */
void cachet_reclaim_work(struct work_struct *work)
{
	struct cachet_cache *cache = container_of(work, struct cachet_cache, reclaim_work);
	u32 target = cachet_reclaim_target(cache);

	while (!cachet_cache_out(cache) &&
	       READ_ONCE(cache->nr_free) + READ_ONCE(cache->nr_freeing) < target)
		if (!reuse_one(cache))
			break;
	if (READ_ONCE(cache->nr_freeing) && READ_ONCE(cache->nr_free) <= target / 2) {
		set_bit(CACHET_CACHE_DIRTY, &cache->flags);
		cachet_commit(cache, false);
	} else if (READ_ONCE(cache->nr_freeing)) {
		cachet_commit_soon(cache);
	}
}
