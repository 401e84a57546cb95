// SPDX-License-Identifier: GPL-2.0-only
/*
 * sweep.c - segments in which nothing is pinned any more
 *
 * A file is unpinned, or its pinned content changes, by a change of its head: O(1). What
 * EXTENT records and segments of the pinned class it leaves behind, a sweep finds, as a
 * garbage collector does: mark and sweep, with a write barrier.
 *
 *   all closed segments of the class are UNSEEN
 *      -> each PINNED record of index: its file is pinned, and it is of the file's
 *         content? then its segments are seen; else it loses the mark
 *      -> commit -> what is still UNSEEN becomes ordinary
 *
 * Meanwhile whoever writes a PINNED record makes its segments seen: cachet_seg_pin().
 * The commit comes first, so that no committed record that says PINNED points into a
 * segment that is not, whatever a crash leaves.
 *
 * The caller goes from set to set, at its own pace; a sweep that is not gone on with
 * costs nothing.
 */
#include <linux/sched/signal.h>
#include "internal.h"
#include "trace.h"

enum {
	CALL_SETS	= 256,		/* That one call looks at, at most */
	HOLD_SEGMENTS	= 4096,		/* Looked at without giving others the lock */
};

/* Every closed segment of the class, some at a time. */
static u32 for_pinned(struct cachet_cache *cache, bool (*fn)(struct cachet_cache *cache,
							     struct cachet_seg *seg))
{
	u32 i = 0, nr = 0, last;

	while (i < cache->geo.nr_segments) {
		last = min(cache->geo.nr_segments, i + HOLD_SEGMENTS);
		spin_lock(&cache->log_lock);
		for (; i < last; i++)
			if (cache->seg[i].class == CACHET_CLASS_PINNED &&
			    cache->seg[i].state == CACHET_SEG_CLOSED)
				nr += fn(cache, &cache->seg[i]);
		spin_unlock(&cache->log_lock);
		cond_resched();
	}
	return nr;
}

static bool set_unseen(struct cachet_cache *cache, struct cachet_seg *seg)
{
	seg->flags |= CACHET_SEG_UNSEEN;
	return true;
}

static bool release_unseen(struct cachet_cache *cache, struct cachet_seg *seg)
{
	if (!(seg->flags & CACHET_SEG_UNSEEN))
		return false;
	seg->class = CACHET_CLASS_ORDINARY;
	seg->flags = (seg->flags & ~CACHET_SEG_UNSEEN) | CACHET_SEG_DIRTY;
	cache->nr_pinned--;
	if (seg->live)
		list_add_tail(&seg->link, &cache->closed);
	else
		list_add(&seg->link, &cache->closed);
	trace_cachet_segment(cache, seg - cache->seg, seg->generation, seg->live,
			     CACHET_SEG_RELEASED_WHY);
	return true;
}

/* Is the record part of the content of a file that is pinned? If in doubt: yes. */
static bool needed(struct cachet_cache *cache, const union cachet_any_record *r)
{
	struct cachet_key key = { .kind = CACHET_REC_OBJECT, .fp = r->head.fp };
	struct cachet_object head;
	enum cachet_trust trust;

	if (r->head.kind != CACHET_REC_EXTENT)
		return true;
	trust = cachet_index_find_settled(cache, &key, &head);
	if (trust == CACHET_UNKNOWN)
		return true;
	return trust != CACHET_ABSENT && (head.rec.flags & CACHET_REC_PINNED) &&
		head.generation == r->extents.generation;
}

static void seen(struct cachet_cache *cache, const union cachet_any_record *r)
{
	const struct cachet_extent *e = r->head.kind == CACHET_REC_OBJECT ?
		&r->object.extent : r->extents.extent;
	struct cachet_piece p;
	unsigned int i;

	for (i = 0; i < r->head.nr; i++) {
		cachet_piece_decode(&e[i], &p);
		cachet_seg_pin(cache, &p, 1);
	}
}

/* Under pin_lock: no file becomes pinned while its record is looked at. */
static int sweep_record(struct cachet_cache *cache, u64 pos, struct cachet_sweep *told)
{
	union cachet_any_record r, new;
	const char *why;
	int ret;

	ret = cachet_index_read_record(cache, pos, &r);
	if (ret)
		return ret;
	if (!(r.head.flags & CACHET_REC_PINNED) || r.head.kind == CACHET_REC_EMPTY ||
	    cachet_record_check(&r.head, cache->seed, pos, &cache->geo, &why) ||
	    cachet_epoch_trust(cache, le64_to_cpu(r.head.epoch)) == CACHET_ABSENT)
		return 0;
	if (!needed(cache, &r)) {
		new = r;
		new.head.flags &= ~CACHET_REC_PINNED;
		ret = cachet_index_replace(cache, pos, &r, &new);
		told->cleared += !ret;
		/* Somebody has written it anew, and said there what it is. */
		return ret == -ESTALE ? 0 : ret;
	}
	seen(cache, &r);
	told->pinned++;
	return 0;
}

/* Return: 0; -ESTALE: another sweep has begun; -ESHUTDOWN, -EIO; what reading says. */
static int sweep_set(struct cachet_cache *cache, struct cachet_sweep *told)
{
	u64 pos = cachet_set_pos(&cache->geo, told->set);
	int ret = cachet_cache_hold(cache);
	unsigned int i;

	if (ret)
		return ret;
	mutex_lock(&cache->pin_lock);
	if (told->set && told->set != cache->sweep_set)
		ret = -ESTALE;
	if (!ret && !told->set) {
		cache->sweep_set = 0;	/* Of a sweep before this one nothing counts any more */
		for_pinned(cache, set_unseen);
	}
	for (i = 0; !ret && i < CACHET_WAYS; i++)
		ret = sweep_record(cache, pos + i * CACHET_RECORD_BYTES, told);
	if (!ret)
		cache->sweep_set = ++told->set;
	mutex_unlock(&cache->pin_lock);
	cachet_cache_let_go(cache);
	return ret;
}

/* All of index has been seen. */
static int release(struct cachet_cache *cache, struct cachet_sweep *told)
{
	int ret;

	/* Whoever wrote the last record may not have said yet that there is one. */
	set_bit(CACHET_CACHE_DIRTY, &cache->flags);
	ret = cachet_commit(cache, false);
	if (ret)
		return ret;
	mutex_lock(&cache->pin_lock);
	if (cache->sweep_set != told->set) {
		mutex_unlock(&cache->pin_lock);
		return -ESTALE;
	}
	cache->sweep_set = 0;
	told->released = for_pinned(cache, release_unseen);
	mutex_unlock(&cache->pin_lock);
	cachet_count_add(cache, segments_released, told->released);
	if (told->released)
		cachet_commit_soon(cache);
	return 0;
}

/**
 * cachet_sweep - look at some sets of index for what is pinned; after the last, release
 * @cache: attached
 * @told: set: 0 begins a sweep; returns where to go on, and when that is nr_sets, it is
 *	over. With a signal pending it returns early, with that.
 *
 * May sleep; takes seal_sem, pin_lock and below them the locks of sets; commits in the end.
 *
 * Return: 0; -EINVAL: no such set; -ESTALE: another sweep was begun since; -EIO: the
 * cache is out of service; -ESHUTDOWN: it is being detached; -ENOMEM.
 */
int cachet_sweep(struct cachet_cache *cache, struct cachet_sweep *told)
{
	u64 first = told->set, end;
	int ret = 0;

	told->nr_sets = cache->geo.nr_sets;
	if (told->set > told->nr_sets)
		return -EINVAL;
	end = min_t(u64, told->nr_sets, told->set + CALL_SETS);
	while (!ret && told->set < end && !signal_pending(current)) {
		ret = sweep_set(cache, told);
		cond_resched();
	}
	if (!ret && told->set == told->nr_sets)
		ret = release(cache, told);
	/* What was done is told; the next call meets the same error. */
	return ret != -ESTALE && told->set > first && told->set < told->nr_sets ? 0 : ret;
}
