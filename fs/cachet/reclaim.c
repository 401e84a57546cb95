// SPDX-License-Identifier: GPL-2.0-only
/*
 * reclaim.c - the coldest segment makes room, without anybody's help
 *
 * Policy belongs to the daemon; this is what happens when it is not there or
 * too slow. To free a segment is to give it a new generation: every record that
 * points into it is void, unvisited. It may be opened when that is committed
 * and the last reader has left.
 *
 * The closed segments that are not pinned stand in a list, coldest first; one that was read since it
 * was last looked at goes to the end instead (second chance, CLOCK). O(1) each. So do those that
 * were closed last, as many as are kept free: where all others are read again and again, they
 * would be the first to go, before anybody could come for them once more. (What is new has its
 * time in S3-FIFO, too: its small queue. Yang et al., SOSP 2023.)
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

/* Was it closed just now? */
static bool just_closed(const struct cachet_cache *cache, const struct cachet_seg *seg)
{
	return seg->closing && seg->live &&
		cache->nr_closings - seg->closing < cachet_reclaim_target(cache);
}

/* The coldest closed segment. Under log_lock. Return: NULL if there is none. */
static struct cachet_seg *coldest(struct cachet_cache *cache)
{
	struct cachet_seg *seg;
	unsigned int chances;

	for (chances = 0; ; chances++) {
		seg = list_first_entry_or_null(&cache->closed, struct cachet_seg, link);
		if (!seg || chances == CACHET_CHANCES ||
		    (!READ_ONCE(seg->referenced) && !just_closed(cache, seg)))
			return seg;
		seg->referenced = 0;
		list_move_tail(&seg->link, &cache->closed);
	}
}

/* What points into it is void. Under log_lock and epoch_sem. */
static void void_segment(struct cachet_cache *cache, struct cachet_seg *seg)
{
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
}

static int may_cull(const struct cachet_cache *cache, const struct cachet_seg *seg, u64 generation)
{
	if (seg->generation != generation)
		return -ESTALE;
	if (seg->class == CACHET_CLASS_PINNED)
		return -EPERM;
	return seg->state == CACHET_SEG_CLOSED ? 0 : -EBUSY;
}

/**
 * cachet_reclaim_cull - free a segment
 * @cache: attached
 * @segment: its number, or CACHET_CULL_COLDEST
 * @generation: with a number: what it is meant to have
 *
 * Process context; takes epoch_sem for reading. It may be opened when that is committed.
 *
 * Return: 0; -EINVAL: there is no such segment; -ENOENT: none can be freed; -ESTALE: it
 * has been freed; -EPERM: it is pinned; -EBUSY: it is open; -EIO: out of service.
 */
int cachet_reclaim_cull(struct cachet_cache *cache, u32 segment, u64 generation)
{
	struct cachet_seg *seg;
	int ret = 0;
	u32 live;

	if (cachet_cache_out(cache))
		return -EIO;
	if (segment != CACHET_CULL_COLDEST && segment >= cache->geo.nr_segments)
		return -EINVAL;
	down_read(&cache->epoch_sem);
	spin_lock(&cache->log_lock);
	if (segment == CACHET_CULL_COLDEST) {
		seg = coldest(cache);
		ret = seg ? 0 : -ENOENT;
	} else {
		seg = &cache->seg[segment];
		ret = may_cull(cache, seg, generation);
	}
	if (ret) {
		spin_unlock(&cache->log_lock);
		up_read(&cache->epoch_sem);
		return ret;
	}
	live = seg->live;
	void_segment(cache, seg);
	spin_unlock(&cache->log_lock);
	up_read(&cache->epoch_sem);
	cachet_commit_soon(cache);
	cachet_count(cache, segments_reused);
	trace_cachet_segment(cache, seg - cache->seg, seg->generation, live, CACHET_SEG_REUSED_WHY);
	cachet_event(cache, CACHET_EVENT_REUSED, seg - cache->seg, live);
	return 0;
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

/**
 * cachet_reclaim - free as many as are missing, and commit when fills have nowhere to go
 * @cache: attached
 *
 * May sleep for as long as a commit takes; not for a frozen filesystem.
 */
void cachet_reclaim(struct cachet_cache *cache)
{
	u32 target = cachet_reclaim_target(cache);

	while (READ_ONCE(cache->nr_free) + READ_ONCE(cache->nr_freeing) < target)
		if (cachet_reclaim_cull(cache, CACHET_CULL_COLDEST, 0))
			break;
	if (READ_ONCE(cache->nr_freeing) && READ_ONCE(cache->nr_free) <= target / 2) {
		set_bit(CACHET_CACHE_DIRTY, &cache->flags);
		cachet_commit_unless_frozen(cache);
	} else if (READ_ONCE(cache->nr_freeing)) {
		cachet_commit_soon(cache);
	}
}

void cachet_reclaim_work(struct work_struct *work)
{
	cachet_reclaim(container_of(work, struct cachet_cache, reclaim_work));
}
