// SPDX-License-Identifier: GPL-2.0-only
/*
 * volume.c - network superblocks, and their table in the index
 *
 * A volume has an id for people and quotas, and a generation that goes into the
 * fingerprints of its objects: a new generation empties it at once. The table is
 * small and fixed; when it is full, the volume that was used longest ago loses
 * its place, and with it its objects.
 *
 * What becomes of a file while no cache is told, some network filesystems do not show either
 * (cachet_changes_may_hide()). So what was kept before such a time counts no more, whoever asks
 * then: the record says since which generation objects do. Such a time begins with a lookup that
 * fails, or a detach that leaves a mount behind; or it was there before an attach that finds one.
 *
 * fscache calls acquire and free from a work item each, never twice at once for
 * a volume. volume_lock guards the table and the list.
 */
#include <linux/delay.h>
#include "internal.h"
#include "trace.h"

/* The slot of a volume that is not recorded. */
#define NO_SLOT	(~0u)

/*
 * The volumes of a page that can't be read are gone. Their slots say so, for behind an empty
 * one nobody looks.
 */
static int slots_heal(struct cachet_cache *cache, u64 pos)
{
	struct cachet_volume_rec *slot;
	struct cachet_volume_data *lost;
	void *page;
	int err = -ENOMEM;

	if (cachet_cache_out(cache))
		return -EIO;
	pos = round_down(pos, CACHET_SET_BYTES);
	lost = kzalloc(sizeof(*lost), GFP_NOFS);
	page = kmem_cache_alloc(cachet_set_slab, GFP_NOFS);
	if (lost && page) {
		for (slot = page; (void *)slot < page + CACHET_SET_BYTES; slot++)
			cachet_volume_encode(slot, cache->seed, pos + ((void *)slot - page), lost);
		err = cachet_heal_index(cache, page, pos);
	}
	if (page)
		kmem_cache_free(cachet_set_slab, page);
	kfree(lost);
	return err;
}

static int slot_read(struct cachet_cache *cache, u32 slot, struct cachet_volume_data *ret)
{
	u64 pos = cachet_volume_pos(&cache->geo, slot);
	struct cachet_volume_rec *d;
	int err;

	d = kmalloc(sizeof(*d), GFP_NOFS);
	if (!d)
		return -ENOMEM;
	err = cachet_io_read(cache, cache->index_file, d, sizeof(*d), pos, CACHET_IO_INDEX_READ);
	if (err == -ENODATA)
		err = slots_heal(cache, pos) ?: -ESTALE;
	if (!err)
		err = cachet_volume_decode(d, cache->seed, pos, ret);
	if (!err && cachet_epoch_trust(cache, ret->epoch) == CACHET_ABSENT)
		err = -ESTALE;
	kfree(d);
	return err;
}

/* Is there no volume in a slot, rather than one that can't be read now? */
static bool slot_void(int err)
{
	return err == -ENOENT || err == -EBADMSG || err == -ESTALE;
}

static int slot_write(struct cachet_cache *cache, u32 slot, struct cachet_volume_data *v)
{
	u64 pos = cachet_volume_pos(&cache->geo, slot);
	struct cachet_volume_rec *d;
	int err;

	if (cachet_cache_out(cache))
		return -EIO;
	d = kmalloc(sizeof(*d), GFP_NOFS);
	if (!d)
		return -ENOMEM;
	down_read(&cache->epoch_sem);
	v->epoch = cache->epoch;
	cachet_volume_encode(d, cache->seed, pos, v);
	err = cachet_io_write(cache, cache->index_file, d, sizeof(*d), pos,
			      CACHET_IO_INDEX_WRITE);
	up_read(&cache->epoch_sem);
	kfree(d);
	if (!err)
		cachet_commit_soon(cache);
	return err;
}

/* Objects of earlier generations than this count no more. Any context. */
static void raise_since(struct cachet_volume *vol, u64 generation)
{
	u64 old = READ_ONCE(vol->since);

	while (old < generation && !try_cmpxchg(&vol->since, &old, generation))
		;
}

/* What was kept until now counts no more, if it may have changed unseen. May sleep. */
static void doubt(struct cachet_volume *vol)
{
	if (cachet_changes_may_hide(vol->vcookie->key))
		raise_since(vol, cachet_new_generation(vol->cache));
}

static bool id_in_use(struct cachet_cache *cache, u64 id)
{
	struct cachet_volume *vol;

	list_for_each_entry(vol, &cache->volumes, link)
		if (vol->id == id)
			return true;
	return false;
}

/* Find the slot of a key, or the one to take for it. *ret is set if found. */
static int slot_find(struct cachet_cache *cache, const u8 *key, u8 len,
		     struct cachet_volume_data *ret, bool *ret_found)
{
	struct cachet_volume_data *v;
	u32 slot, oldest = ~0u;
	int best = -1, empty = -1, err;

	v = kmalloc(sizeof(*v), GFP_NOFS);
	if (!v)
		return -ENOMEM;
	*ret_found = false;
	for (slot = 0; slot < cache->geo.nr_volumes; slot++) {
		err = slot_read(cache, slot, v);
		if (slot_void(err)) {
			if (empty < 0)
				empty = slot;
			if (err == -EBADMSG)
				cachet_damaged(cache, CACHET_FILE_INDEX,
					       cachet_volume_pos(&cache->geo, slot), "volume");
			/* Slots are taken in order: behind an unused one is nothing. */
			if (err == -ENOENT)
				break;
			continue;
		}
		if (err) {
			best = err;
			goto out;
		}
		if (v->key_len == len && !memcmp(v->key, key, len)) {
			*ret = *v;
			*ret_found = true;
			best = slot;
			goto out;
		}
		if (v->last_use < oldest && !id_in_use(cache, v->id)) {
			oldest = v->last_use;
			best = slot;
		}
	}
	if (empty >= 0)
		best = empty;
	else if (best < 0)
		best = -ENOSPC;
out:
	kfree(v);
	return best;
}

static int record(struct cachet_cache *cache, struct fscache_volume *vcookie,
		  struct cachet_volume *vol)
{
	struct cachet_volume_data *v;
	u64 since = READ_ONCE(vol->since);
	const u8 *key = vcookie->key;
	bool found, changed = true;
	int slot, err = 0;

	v = kzalloc(sizeof(*v), GFP_NOFS);
	if (!v)
		return -ENOMEM;
	slot = slot_find(cache, key + 1, key[0], v, &found);
	if (slot < 0) {
		err = slot;
		goto out;
	}
	if (!found) {
		memset(v, 0, sizeof(*v));
		v->id = cache->next_volume++;
		/* Not one that it may have had: what was invalidated must not return. */
		v->generation = cachet_new_generation(cache);
		v->key_len = key[0];
		memcpy(v->key, key + 1, key[0]);
	} else if (v->coherency_len != vcookie->coherency_len ||
		   memcmp(v->coherency, vcookie->coherency, v->coherency_len)) {
		/* The whole volume has changed: all its objects become unreachable. */
		v->generation = cachet_new_generation(cache);
	} else {
		changed = cachet_now() - v->last_use >= CACHET_TOUCH_SECONDS || v->since < since;
	}
	v->since = max(v->since, since);
	v->coherency_len = min_t(u8, vcookie->coherency_len, CACHET_VOLUME_COHERENCY_BYTES);
	memcpy(v->coherency, vcookie->coherency, v->coherency_len);
	if (changed) {
		v->last_use = cachet_now();
		err = slot_write(cache, slot, v);
		if (err)
			goto out;
	}
	vol->id = v->id;
	vol->generation = v->generation;
	vol->block_shift = v->block_shift;
	vol->last_use = v->last_use;
	vol->since_kept = v->since;
	raise_since(vol, v->since);
	smp_store_release(&vol->slot, slot);	/* Last: see cachet_volume_ready() */
out:
	kfree(v);
	return err;
}

/* Under volume_lock. Return: 0; -errno: its files are not cached, for now. */
static int try_record(struct cachet_volume *vol)
{
	struct fscache_volume *vcookie = vol->vcookie;
	int err;

	/* Should record() fail: when that was. */
	vol->last_use = cachet_now();
	if (!cachet_changes_are_seen(vcookie->key))
		return -EOPNOTSUPP;
	/* Coherency data that can't be kept can't be compared. */
	if (vcookie->coherency_len > CACHET_VOLUME_COHERENCY_BYTES)
		return -EFBIG;
	err = record(vol->cache, vcookie, vol);
	if (err)
		return err;
	trace_cachet_volume(vol->cache, vol->id, vol->generation, true);
	cachet_event(vol->cache, CACHET_EVENT_VOLUME, vol->id, 0);
	return 0;
}

static const char *why_not(int err)
{
	if (err == -EOPNOTSUPP)
		return "Ceph does not say when others have changed a file";
	return err == -EFBIG ? "its coherency data is too long" : "no place in the volume table";
}

/**
 * cachet_volume_ready - may files of a volume be cached?
 * @vol: volume
 *
 * May sleep; takes volume_lock. What was not recorded, for want of memory or of a place in
 * the table, is tried again, each second at most: that may mean to read all of the table.
 */
bool cachet_volume_ready(struct cachet_volume *vol)
{
	bool ready;

	/* Pairs with the release of record(): with the slot the rest of @vol is seen. */
	if (smp_load_acquire(&vol->slot) != NO_SLOT)
		return true;
	mutex_lock(&vol->cache->volume_lock);
	if (vol->slot == NO_SLOT && vol->last_use != cachet_now())
		try_record(vol);
	ready = vol->slot != NO_SLOT;
	mutex_unlock(&vol->cache->volume_lock);
	return ready;
}

/**
 * cachet_volume_acquire - fscache: a volume begins to use the cache
 * @vcookie: has no cache_priv yet
 *
 * Sets cache_priv, also if the volume can't be recorded: then the lookup of each file
 * fails. Were it left NULL fscache would not look up, and forget that an invalidation
 * waits for that: its access stays, and keeps the cookie hashed when it is freed.
 */
void cachet_volume_acquire(struct fscache_volume *vcookie)
{
	struct cachet_cache *cache = vcookie->cache->cache_priv;
	struct cachet_volume *vol;
	int err;

	vol = kzalloc(sizeof(*vol), GFP_KERNEL | __GFP_NOFAIL);
	vol->cache = cache;
	vol->vcookie = vcookie;
	vol->slot = NO_SLOT;
	/*
	 * Mounted while the cache is there: the mount has a reference, and who calls this. Else a
	 * file of it does, which may have been written to before.
	 */
	vol->sees_all = refcount_read(&vcookie->ref) <= 2;
	/* And a mount that was there at the attach may have gone since, with nothing looked up. */
	if ((!vol->sees_all || READ_ONCE(cache->found_mounts)) &&
	    cachet_changes_may_hide(vcookie->key))
		raise_since(vol, cachet_epoch_generation(cache->first_epoch));
	mutex_lock(&cache->volume_lock);
	err = try_record(vol);
	if (err)
		pr_warn_ratelimited("%s: volume '%s' is not cached for now: %s (%d)\n",
				    cache->super.tag, vcookie->key + 1, why_not(err), err);
	list_add(&vol->link, &cache->volumes);
	atomic_inc(&cache->nr_volumes);
	mutex_unlock(&cache->volume_lock);

	vcookie->cache_priv = vol;
	/* While it is cached, its accesses do not fall to zero. */
	atomic_inc(&vcookie->n_accesses);
}

/**
 * cachet_volume_missed - files of a volume may change from now on, and the cache is not told
 * @vol: volume
 *
 * May sleep.
 */
void cachet_volume_missed(struct cachet_volume *vol)
{
	WRITE_ONCE(vol->sees_all, false);
	doubt(vol);
	if (READ_ONCE(vol->since) > READ_ONCE(vol->since_kept))
		cachet_commit_soon(vol->cache);
}

/* The record of a volume, where there is one, says since when its content counts. */
static int amend(struct cachet_volume *vol, bool invalidate)
{
	struct cachet_cache *cache = vol->cache;
	const u8 *key = vol->vcookie->key;
	u64 since = READ_ONCE(vol->since);
	struct cachet_volume_data *v;
	bool found = false;
	int slot, err = 0;

	v = kmalloc(sizeof(*v), GFP_NOFS);
	if (!v)
		return -ENOMEM;
	slot = slot_find(cache, key + 1, key[0], v, &found);
	if (slot < 0) {
		err = slot == -ENOSPC ? 0 : slot;
	} else if (found) {
		v->since = max(v->since, since);
		if (invalidate)
			v->generation = cachet_new_generation(cache);
		err = slot_write(cache, slot, v);
	}
	kfree(v);
	if (!err)
		WRITE_ONCE(vol->since_kept, since);
	return err;
}

/* What is known of a volume goes to the table, if it is not there yet. Under volume_lock. */
static int keep(struct cachet_volume *vol, bool invalidate)
{
	if (cachet_cache_out(vol->cache) ||
	    (!invalidate && READ_ONCE(vol->since) <= vol->since_kept))
		return 0;
	return amend(vol, invalidate);
}

/*
 * The same for one that goes: now, or the next mount would read what is void. As with
 * write_empty_head(), the index can't be relied on if it can't.
 */
static void keep_last(struct cachet_volume *vol)
{
	bool invalidate = test_bit(FSCACHE_VOLUME_INVALIDATE, &vol->vcookie->flags);
	unsigned int tries;
	int ret = 0;

	/* Of what went past the cache while it was on its way out it was not told. */
	if (test_bit(CACHET_CACHE_LEAVING, &vol->cache->flags) && !vol->left)
		doubt(vol);
	for (tries = 0; tries < CACHET_MEMORY_TRIES; tries++) {
		ret = keep(vol, invalidate);
		if (ret != -ENOMEM)
			break;
		memalloc_retry_wait(GFP_NOFS);
	}
	if (ret)
		cachet_io_error(vol->cache, CACHET_IO_INDEX_WRITE, ret);
}

/**
 * cachet_volume_keep_all - before a commit: it is to have what is known of the volumes
 * @cache: attached
 *
 * Takes volume_lock. May put the cache out of service. Return: 0; -ENOMEM: to be tried again.
 */
int cachet_volume_keep_all(struct cachet_cache *cache)
{
	struct cachet_volume *vol;
	int ret = 0;

	mutex_lock(&cache->volume_lock);
	list_for_each_entry(vol, &cache->volumes, link) {
		ret = keep(vol, false);
		if (ret)
			break;
	}
	mutex_unlock(&cache->volume_lock);
	if (ret && ret != -ENOMEM)
		cachet_io_error(cache, CACHET_IO_INDEX_WRITE, ret);
	return ret;
}

static void release(struct cachet_volume *vol)
{
	trace_cachet_volume(vol->cache, vol->id, vol->generation, false);
	vol->vcookie->cache_priv = NULL;
	atomic_dec(&vol->cache->nr_volumes);
	kfree(vol);
}

/**
 * cachet_volume_free - fscache: a volume ceases to use the cache
 * @vcookie: its last cookie is gone
 */
void cachet_volume_free(struct fscache_volume *vcookie)
{
	struct cachet_volume *vol = vcookie->cache_priv;
	struct cachet_cache *cache;

	if (!vol)
		return;
	cache = vol->cache;
	mutex_lock(&cache->volume_lock);
	list_del_init(&vol->link);
	keep_last(vol);
	/* Under the lock: a detach that finds the list empty lets the cache go. */
	release(vol);
	mutex_unlock(&cache->volume_lock);
}

/* A volume of the list, with a reference to its cookie; all: also withdrawn ones. */
static struct cachet_volume *next_volume(struct cachet_cache *cache, bool all)
{
	struct cachet_volume *vol;

again:
	mutex_lock(&cache->volume_lock);
	list_for_each_entry(vol, &cache->volumes, link) {
		if (vol->withdrawn && !all)
			continue;
		if (fscache_try_get_volume(vol->vcookie, fscache_volume_get_withdraw)) {
			vol->withdrawn = true;
			if (all)
				list_del_init(&vol->link);
			mutex_unlock(&cache->volume_lock);
			return vol;
		}
		/* Its last reference is gone: fscache is about to free it. */
		mutex_unlock(&cache->volume_lock);
		fsleep(1000);
		goto again;
	}
	mutex_unlock(&cache->volume_lock);
	return NULL;
}

/**
 * cachet_volume_leave_all - detach: whose mount is gone was heard to its end
 * @cache: LEAVING; fscache_withdraw_cache() has not been called yet
 *
 * Workers may have to do with its files still. Takes volume_lock.
 */
void cachet_volume_leave_all(struct cachet_cache *cache)
{
	struct cachet_volume *vol;

	mutex_lock(&cache->volume_lock);
	list_for_each_entry(vol, &cache->volumes, link)
		vol->left = test_bit(FSCACHE_VOLUME_RELINQUISHED, &vol->vcookie->flags);
	mutex_unlock(&cache->volume_lock);
}

/**
 * cachet_volume_withdraw_all - detach: no lookup begins any more
 * @cache: fscache_withdraw_cache() has been called
 *
 * Waits for those under way.
 */
void cachet_volume_withdraw_all(struct cachet_cache *cache)
{
	struct cachet_volume *vol;

	while ((vol = next_volume(cache, false))) {
		struct fscache_volume *vcookie = vol->vcookie;

		fscache_withdraw_volume(vcookie);
		fscache_put_volume(vcookie, fscache_volume_put_withdraw);
	}
}

/**
 * cachet_volume_free_all - detach: forget the volumes
 * @cache: all are withdrawn, and no object is left
 *
 * Their mounts stay, and what happens to their files nobody will say.
 */
void cachet_volume_free_all(struct cachet_cache *cache)
{
	struct cachet_volume *vol;

	while ((vol = next_volume(cache, true))) {
		struct fscache_volume *vcookie = vol->vcookie;

		mutex_lock(&cache->volume_lock);
		keep_last(vol);
		mutex_unlock(&cache->volume_lock);
		release(vol);
		fscache_put_volume(vcookie, fscache_volume_put_withdraw);
	}
}

/**
 * cachet_volume_block_shift - block size of a volume's new objects
 * @vol: volume
 *
 * Return: log2 of the size in bytes.
 */
u8 cachet_volume_block_shift(const struct cachet_volume *vol)
{
	const struct cachet_geometry *g = &vol->cache->geo;
	u8 shift = READ_ONCE(vol->block_shift);

	/* The table may say anything; see geometry.c for the limit. */
	return shift ? min_t(u8, shift, g->segment_shift - 2) : g->block_shift;
}

/**
 * cachet_volume_set_block - set the block size of a volume's new objects
 * @cache: cache
 * @id: of a volume in its table
 * @shift: log2, 0: the cache's
 *
 * Return: 0; -ENOENT: no such volume; -errno.
 */
int cachet_volume_set_block(struct cachet_cache *cache, u64 id, u8 shift)
{
	struct cachet_volume_data *v;
	struct cachet_volume *vol;
	int err = -ENOENT, e;
	u32 slot;

	v = kmalloc(sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	mutex_lock(&cache->volume_lock);
	for (slot = 0; slot < cache->geo.nr_volumes; slot++) {
		e = slot_read(cache, slot, v);
		if (e == -ENOENT)
			break;
		if (e && !slot_void(e)) {
			err = e;
			break;
		}
		if (e || v->id != id)
			continue;
		v->block_shift = shift;
		err = slot_write(cache, slot, v);
		list_for_each_entry(vol, &cache->volumes, link)
			if (!err && vol->id == id)
				WRITE_ONCE(vol->block_shift, shift);
		break;
	}
	mutex_unlock(&cache->volume_lock);
	kfree(v);
	return err;
}

/**
 * cachet_volume_next - the volume with the next id
 * @cache: cache
 * @after: ids greater than this
 * @ret: what is known of it
 *
 * Return: 0; -ENOENT: there is none; -errno.
 */
int cachet_volume_next(struct cachet_cache *cache, u64 after, struct cachet_volume_info *ret)
{
	struct cachet_volume_data *v;
	struct cachet_volume *vol;
	u64 best = 0;
	u32 slot;
	int e;

	v = kmalloc(sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	mutex_lock(&cache->volume_lock);
	for (slot = 0; slot < cache->geo.nr_volumes; slot++) {
		e = slot_read(cache, slot, v);
		if (e == -ENOENT)
			break;
		if (e && !slot_void(e))
			goto out;
		if (e || v->id <= after || (best && v->id >= best))
			continue;
		best = v->id;
		memset(ret, 0, sizeof(*ret));
		ret->id = v->id;
		ret->generation = v->generation;
		ret->last_use = v->last_use;
		ret->block_bytes = v->block_shift ? 1u << v->block_shift : 0;
		memcpy(ret->key, v->key, min_t(size_t, v->key_len, sizeof(ret->key) - 1));
	}
	list_for_each_entry(vol, &cache->volumes, link) {
		if (best && vol->id == best) {
			ret->flags |= CACHET_VOLUME_IN_USE;
			ret->nr_objects = atomic_read(&vol->nr_objects);
		}
	}
	e = best ? 0 : -ENOENT;
out:
	mutex_unlock(&cache->volume_lock);
	kfree(v);
	return e;
}
