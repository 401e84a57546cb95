// SPDX-License-Identifier: GPL-2.0-only
/*
 * object.c - network files: lookup, withdrawal, invalidation, local writes
 *
 *   fscache cookie --lookup--> struct cachet_obj --head record--> index
 *
 * An object's head says which coherency data its content belongs to. When that
 * does not match, or on invalidation, the object gets a new generation: all that
 * was known of its content is void at once, in memory and on disk.
 *
 * There is one structure at most for a fingerprint: it outlives its cookie while
 * a block waits to be sealed, and a new cookie for the same file takes it over.
 *
 * Local writes: from the first to the moment when fscache lets go of the cookie
 * with all written back, a session runs. What was stored in it carries its
 * number, and counts after a crash only if the head says that the server has
 * acknowledged that session. A head found with a running session is emptied.
 *
 * Invalidation and reads under way: content that was asked of the server before
 * an invalidation may arrive after it. Each operation counts itself in; while
 * one that began before is still running, nothing is stored.
 */
#include "internal.h"
#include "trace.h"

static atomic_t debug_ids;

/* ---- references --------------------------------------------------------- */

/**
 * cachet_object_get - take a reference
 * @obj: object with a reference
 * @why: for the trace
 *
 * Any context. Return: @obj.
 */
struct cachet_obj *cachet_object_get(struct cachet_obj *obj, enum cachet_ref_why why)
{
	int r;

	__refcount_inc(&obj->ref, &r);
	trace_cachet_ref(obj->debug_id, r + 1, why);
	return obj;
}

/**
 * cachet_object_put - give a reference back
 * @obj: object
 * @why: for the trace
 *
 * Any context in which @obj can't be the last one; else process context.
 */
void cachet_object_put(struct cachet_obj *obj, enum cachet_ref_why why)
{
	struct cachet_cache *cache = obj->cache;
	unsigned int id = obj->debug_id;

	trace_cachet_ref(id, refcount_read(&obj->ref) - 1, why);
	/* The table finds objects under this lock: none is found once it is at 0. */
	if (refcount_dec_not_one(&obj->ref))
		return;
	spin_lock(&cache->objects_lock);
	if (!refcount_dec_and_test(&obj->ref)) {
		spin_unlock(&cache->objects_lock);
		return;
	}
	hash_del(&obj->hash);
	spin_unlock(&cache->objects_lock);
	cachet_asked_free(obj);
	mutex_destroy(&obj->lock);
	kmem_cache_free(cachet_object_slab, obj);
	if (atomic_dec_and_test(&cache->nr_objects))
		wake_up_all(&cache->idle_wait);
}

/**
 * cachet_object_wait_all - wait until no object is left
 * @cache: being detached
 */
void cachet_object_wait_all(struct cachet_cache *cache)
{
	wait_event(cache->idle_wait, !atomic_read(&cache->nr_objects));
}

static u32 hash_of(const u8 *fp)
{
	u32 h;

	memcpy(&h, fp, sizeof(h));
	return h;
}

/**
 * cachet_object_get_known - take a reference to an object that is in memory
 * @cache: cache
 * @fp: its fingerprint
 * @why: for the trace
 *
 * Process context. Return: the object, which may be CACHET_OBJ_DEAD; NULL: none.
 */
struct cachet_obj *cachet_object_get_known(struct cachet_cache *cache, const u8 *fp,
					   enum cachet_ref_why why)
{
	struct cachet_obj *obj;

	spin_lock(&cache->objects_lock);
	hash_for_each_possible(cache->objects, obj, hash, hash_of(fp))
		if (!memcmp(obj->fp, fp, CACHET_FP_BYTES))
			break;
	if (obj)
		cachet_object_get(obj, why);
	spin_unlock(&cache->objects_lock);
	return obj;
}

/* The one structure of a fingerprint, with a reference; new: locked. */
static struct cachet_obj *find_or_new(struct cachet_cache *cache, const u8 *fp, bool *ret_new)
{
	struct cachet_obj *obj, *new;

	new = kmem_cache_zalloc(cachet_object_slab, GFP_NOFS);
	if (!new)
		return NULL;
	INIT_LIST_HEAD(&new->link);
	refcount_set(&new->ref, 1);
	new->debug_id = atomic_inc_return(&debug_ids);
	new->cache = cache;
	memcpy(new->fp, fp, CACHET_FP_BYTES);
	mutex_init(&new->lock);
	spin_lock_init(&new->spin);
	cachet_asked_init(new);
	new->flags = CACHET_OBJ_DEAD;
	new->doubt = LLONG_MAX;

	spin_lock(&cache->objects_lock);
	hash_for_each_possible(cache->objects, obj, hash, hash_of(fp)) {
		if (memcmp(obj->fp, fp, CACHET_FP_BYTES))
			continue;
		refcount_inc(&obj->ref);
		spin_unlock(&cache->objects_lock);
		trace_cachet_ref(obj->debug_id, refcount_read(&obj->ref), CACHET_REF_LOOKUP);
		mutex_destroy(&new->lock);
		kmem_cache_free(cachet_object_slab, new);
		*ret_new = false;
		return obj;
	}
	hash_add(cache->objects, &new->hash, hash_of(fp));
	atomic_inc(&cache->nr_objects);
	spin_unlock(&cache->objects_lock);
	trace_cachet_ref(new->debug_id, 1, CACHET_REF_NEW);
	*ret_new = true;
	return new;
}

/**
 * cachet_object_get_new - the one structure of a fingerprint, in use or not
 * @cache: cache that stays attached
 * @fp: fingerprint
 *
 * May sleep. Return: the object with a reference, CACHET_OBJ_DEAD if it was not in
 * memory; NULL: no memory.
 */
struct cachet_obj *cachet_object_get_new(struct cachet_cache *cache, const u8 *fp)
{
	bool is_new;

	return find_or_new(cache, fp, &is_new);
}

/* ---- the head ----------------------------------------------------------- */

/* The content of an object belongs to these from now on. Under lock. */
static void set_coherency(struct cachet_obj *obj, const struct cachet_coherency *coherency,
			  loff_t size)
{
	spin_lock(&obj->spin);
	obj->coherency = *coherency;
	obj->size = size;
	spin_unlock(&obj->spin);
}

/**
 * cachet_new_generation - a number that no object of this cache ever had
 * @cache: cache
 *
 * Made of the running epoch and a counter. It is not the same twice for one object: the 2^24 of
 * an epoch that goes on for as long as may be asked for, 600 s, take 36 us each, and of one object
 * two would have to be just so many apart.
 */
u64 cachet_new_generation(struct cachet_cache *cache)
{
	u64 generation;

	down_read(&cache->epoch_sem);
	generation = cachet_epoch_generation(cache->epoch) |
		(atomic64_inc_return(&cache->generations) & 0xffffff);
	up_read(&cache->epoch_sem);
	return generation;
}

/**
 * cachet_object_write_head - write an object's head record
 * @obj: object, under its lock
 * @touch: nothing changed but the time of use: what the record says stays as
 *	trusted as it was
 *
 * Return: 0 or -errno.
 */
int cachet_object_write_head(struct cachet_obj *obj, bool touch)
{
	struct cachet_key key = { .kind = CACHET_REC_OBJECT, .told = obj->told, .fp = obj->fp };
	struct cachet_object o = {};
	bool has_inline;
	int ret;

	/* What is suspect must not get the epoch of who has not looked at it. */
	has_inline = obj->inline_nr && !(obj->inline_flags & CACHET_MAP_SUSPECT);
	o.rec.nr = has_inline;
	o.rec.flags = has_inline ?
		obj->inline_flags & (CACHET_REC_SEALED | CACHET_REC_SHARED) : 0;
	if (obj->session)
		o.rec.flags |= CACHET_REC_LOCAL;
	if (obj->flags & CACHET_OBJ_PINNED)
		o.rec.flags |= CACHET_REC_PINNED;
	o.generation = cpu_to_le64(obj->generation);
	o.size = cpu_to_le64(obj->size);
	memcpy(o.coherency, obj->coherency.fp, sizeof(o.coherency));
	o.volume = cpu_to_le32(obj->volume_id);
	obj->last_use = cachet_now();
	o.last_use = cpu_to_le32(obj->last_use);
	o.acked = cpu_to_le32(obj->acked);
	o.block_shift = obj->block_shift;
	o.uses = obj->uses;
	if (has_inline) {
		cachet_piece_encode(&o.extent, &obj->inline_piece);
		if (obj->inline_flags & CACHET_REC_SEALED)
			memcpy(o.digest, obj->inline_digest, sizeof(o.digest));
	}
	ret = cachet_index_put(obj->cache, &key, &o, touch);
	if (!ret) {
		/* No room for it: what is not recorded is not so. */
		if (!(o.rec.flags & CACHET_REC_PINNED))
			obj->flags &= ~CACHET_OBJ_PINNED;
		obj->flags |= CACHET_OBJ_ON_DISK | CACHET_OBJ_HEAD;
		obj->flags &= ~CACHET_OBJ_UNSURE;
		if (!obj->told && !obj->session)
			obj->told = le64_to_cpu(o.rec.epoch);
	} else if (!touch) {
		obj->flags |= CACHET_OBJ_UNSURE;
	}
	return ret;
}

/* Forget all content, in memory. Under lock. */
static void empty(struct cachet_obj *obj, u64 generation, u8 block_shift)
{
	spin_lock(&obj->spin);
	obj->generation = generation;
	obj->block_shift = block_shift;
	obj->inline_nr = 0;
	obj->inline_flags = 0;
	obj->seq++;
	obj->nr_stale_ops += obj->nr_ops;
	obj->nr_ops = 0;
	if (obj->session)	/* A fill takes both, or neither, from before */
		obj->session = 1;
	spin_unlock(&obj->spin);
	obj->flags &= ~(CACHET_OBJ_EXTENTS | CACHET_OBJ_DEAD);
	obj->doubt = LLONG_MAX;
	obj->acked = 0;
	obj->told = 0;
}

static void adopt_inline(struct cachet_obj *obj, const struct cachet_object *o, u8 flags)
{
	spin_lock(&obj->spin);
	obj->inline_nr = o->rec.nr;
	obj->inline_flags = flags;
	cachet_piece_decode(&o->extent, &obj->inline_piece);
	memcpy(obj->inline_digest, o->digest, sizeof(obj->inline_digest));
	spin_unlock(&obj->spin);
}

/* Does a suspect head say of the file, but for block 0, what was committed? */
static bool head_stays(const struct cachet_cache *cache, const struct cachet_object *o)
{
	return (o->rec.flags & CACHET_REC_STABLE) ||
		((o->rec.flags & CACHET_REC_REPEATS) &&
		 cachet_epoch_trust(cache, le64_to_cpu(o->rec.epoch) - 1) == CACHET_TRUSTED);
}

/* Is it of a time after which the file may have been changed, with nothing to tell by? */
static bool is_untold(const struct cachet_volume *vol, u64 generation)
{
	return generation < READ_ONCE(vol->since);
}

/* What the index knows of the file becomes the object's state. Under lock. */
static enum cachet_object_why load(struct cachet_obj *obj,
				   const struct cachet_coherency *coherency, loff_t size)
{
	struct cachet_key key = { .kind = CACHET_REC_OBJECT, .fp = obj->fp };
	struct cachet_cache *cache = obj->cache;
	enum cachet_object_why why = CACHET_OBJECT_FOUND;
	struct cachet_object o;
	enum cachet_trust trust;

	trust = cachet_index_find(cache, &key, &o);
	if (trust == CACHET_UNKNOWN)	/* Stays DEAD: the next lookup tries again */
		return CACHET_OBJECT_UNREADABLE;
	obj->flags = CACHET_OBJ_NEW_USE | (trust == CACHET_ABSENT ? 0 : CACHET_OBJ_HEAD);
	/* A pin is of the file, whatever becomes of its content. */
	if (trust != CACHET_ABSENT && (o.rec.flags & CACHET_REC_PINNED))
		obj->flags |= CACHET_OBJ_PINNED;
	obj->session = 0;
	obj->block_shift = cachet_volume_block_shift(obj->volume);
	obj->last_use = 0;
	obj->uses = 0;
	set_coherency(obj, coherency, size);

	if (trust == CACHET_ABSENT) {
		cachet_count(cache, lookups_new);
		empty(obj, cachet_new_generation(cache), obj->block_shift);
		return CACHET_OBJECT_CREATED;
	}
	obj->last_use = le32_to_cpu(o.last_use);
	obj->uses = min_t(u8, o.uses, 254) + 1;
	if (memcmp(o.coherency, coherency->fp, sizeof(o.coherency)) || le64_to_cpu(o.size) != size) {
		cachet_count(cache, lookups_stale);
		why = CACHET_OBJECT_CHANGED;
	} else if (is_untold(obj->volume, le64_to_cpu(o.generation))) {
		cachet_count(cache, lookups_stale);
		why = CACHET_OBJECT_UNTOLD;
	} else if (o.rec.flags & CACHET_REC_LOCAL) {
		cachet_count(cache, lookups_unacked);
		why = CACHET_OBJECT_UNACKED;
	} else if (trust == CACHET_SUSPECT && !head_stays(cache, &o)) {
		/* Only block 0, and only if it passes its digest. */
		cachet_count(cache, lookups_found);
		empty(obj, cachet_new_generation(cache), o.block_shift);
		if (o.rec.nr && (o.rec.flags & CACHET_REC_SEALED))
			adopt_inline(obj, &o, CACHET_REC_SEALED | CACHET_MAP_SUSPECT);
		else
			cachet_count(cache, suspect_dropped);
		return CACHET_OBJECT_SUSPECTED;
	}
	if (why != CACHET_OBJECT_FOUND) {
		empty(obj, cachet_new_generation(cache), obj->block_shift);
		/* Not later: the file may be cut or grow to what the head says, unnoticed. */
		return cachet_object_write_head(obj, false) ? CACHET_OBJECT_UNREADABLE : why;
	}
	cachet_count(cache, lookups_found);
	empty(obj, le64_to_cpu(o.generation), o.block_shift);
	obj->acked = le32_to_cpu(o.acked);
	/* What this run wrote is trusted before it is committed. */
	obj->told = o.rec.flags & CACHET_REC_STABLE || trust == CACHET_SUSPECT ? 1 :
		le64_to_cpu(o.rec.epoch);
	obj->flags |= CACHET_OBJ_ON_DISK | CACHET_OBJ_EXTENTS;
	if (trust == CACHET_TRUSTED)
		adopt_inline(obj, &o, o.rec.flags & (CACHET_REC_SEALED | CACHET_REC_SHARED));
	else if (o.rec.nr && (o.rec.flags & CACHET_REC_SEALED))
		adopt_inline(obj, &o, CACHET_REC_SEALED | CACHET_MAP_SUSPECT);
	else if (o.rec.nr)
		cachet_count(cache, suspect_dropped);
	return why;
}

/* ---- fscache operations ------------------------------------------------- */

/**
 * cachet_object_lookup - fscache: a file begins to be used
 * @cookie: its cookie, state LOOKING_UP
 *
 * Return: true: cookie->cache_priv is set.
 */
bool cachet_object_lookup(struct fscache_cookie *cookie)
{
	struct cachet_volume *vol = cookie->volume->cache_priv;
	struct cachet_cache *cache = vol->cache;
	enum cachet_object_why why = CACHET_OBJECT_REVIVED;
	unsigned int inval_counter = READ_ONCE(cookie->inval_counter);
	struct cachet_coherency coherency;
	u8 fp[CACHET_FP_BYTES];
	struct cachet_obj *obj;
	bool is_new;
	loff_t size;

	if (cachet_cache_out(cache) || !cachet_volume_ready(vol))
		goto failed;
	cachet_fp_of_cookie(cache, vol, cookie, fp);
	cachet_coherency_of_cookie(cookie, &coherency, &size);
	obj = find_or_new(cache, fp, &is_new);
	if (!obj)
		goto failed;

	mutex_lock(&obj->lock);
	if (WARN_ON_ONCE(obj->cookie)) {	/* fscache has one cookie for a key */
		mutex_unlock(&obj->lock);
		cachet_object_put(obj, CACHET_REF_FAILED);
		goto failed;
	}
	obj->volume = vol;
	obj->volume_id = vol->id;
	obj->inval_counter = inval_counter;
	obj->flags &= ~(CACHET_OBJ_UNCACHED | CACHET_OBJ_USED_BEFORE);
	obj->flags |= CACHET_OBJ_NEW_USE;
	if ((obj->flags & CACHET_OBJ_DEAD) || obj->size != size ||
	    !cachet_coherent(&obj->coherency, &coherency) || is_untold(vol, obj->generation))
		why = load(obj, &coherency, size);
	if (why == CACHET_OBJECT_UNREADABLE) {
		obj->flags |= CACHET_OBJ_DEAD;
		obj->volume = NULL;
		mutex_unlock(&obj->lock);
		cachet_object_put(obj, CACHET_REF_FAILED);
		goto failed;
	}
	if (cookie->unused_at)
		obj->flags |= CACHET_OBJ_USED_BEFORE;
	/*
	 * An access does not hold a reference, and a netfs gives up its own with
	 * accesses under way. That of the object keeps the cookie for them.
	 */
	obj->cookie = fscache_get_cookie(cookie, fscache_cookie_get_attach_object);
	mutex_unlock(&obj->lock);

	atomic_inc(&vol->nr_objects);
	atomic_inc(&cache->nr_in_use);
	spin_lock(&cache->objects_lock);
	list_add_tail(&obj->link, &cache->withdrawing);
	spin_unlock(&cache->objects_lock);
	fscache_count_object(cookie->volume->cache);
	cookie->cache_priv = obj;
	if (cachet_written_meanwhile(cookie)) {
		mutex_lock(&obj->lock);
		cachet_object_drop(obj);
		mutex_unlock(&obj->lock);
	}
	trace_cachet_object(obj, why);
	return true;

failed:
	/*
	 * What is done to the file now, none of its objects will have seen. And who opens it for
	 * writing before fscache lets go of the cookie does not say so.
	 */
	cachet_volume_missed(vol);
	set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
	return false;
}

/* Withdrawal of a file of which nobody knows what became while it could not be told here. */
static void give_up(struct cachet_obj *obj)
{
	obj->session = 0;
	cachet_object_drop(obj);
	obj->flags |= CACHET_OBJ_DEAD;
	trace_cachet_object(obj, CACHET_OBJECT_UNACKED);
}

/* Withdrawal of a file with local writes, of which the server has all. */
static void end_session(struct cachet_obj *obj, struct fscache_cookie *cookie,
			const struct cachet_coherency *coherency, loff_t size)
{
	/* Opened, cut, grown to what it was and closed, and nothing on which to notice that. */
	if (!cachet_changes_are_told(cookie->volume->key) && !cachet_coherent(&obj->coherency, coherency)) {
		obj->session = 0;
		cachet_object_drop(obj);
	}
	/* Cut by somebody who did not say so: what lies behind must not come back. */
	cachet_object_resize(obj, size);
	obj->acked = obj->session;
	obj->session = 0;
	obj->told = 0;		/* An empty head, of a moment ago, said something else */
	set_coherency(obj, coherency, size);
	spin_lock(&obj->spin);
	obj->inline_flags &= ~CACHET_REC_LOCAL;
	spin_unlock(&obj->spin);
	cachet_object_write_head(obj, false);
	cachet_commit_soon(obj->cache);	/* Also if there was no memory: blocks wait for this */
	cachet_count(obj->cache, objects_acked);
	trace_cachet_object(obj, CACHET_OBJECT_ACKED);
}

/*
 * May the head be written anew for no more than its size, or the time of use? A block 0 that
 * nobody has verified would not be in it; and what may not be there at all is not needed.
 */
static bool head_is_ours(const struct cachet_obj *obj)
{
	return (obj->flags & (CACHET_OBJ_ON_DISK | CACHET_OBJ_UNSURE)) == CACHET_OBJ_ON_DISK &&
		!(obj->inline_flags & CACHET_MAP_SUSPECT);
}

/**
 * cachet_object_withdraw - fscache: a file ceases to be used
 * @cookie: no access is under way
 */
void cachet_object_withdraw(struct fscache_cookie *cookie)
{
	struct cachet_obj *obj = cookie->cache_priv;
	struct fscache_cache *fscache = cookie->volume->cache;
	struct cachet_cache *cache = obj->cache;
	int users = atomic_read(&cookie->n_active);
	struct cachet_coherency coherency;
	loff_t size;
	bool sure;

	spin_lock(&cache->objects_lock);
	list_del_init(&obj->link);
	spin_unlock(&cache->objects_lock);

	cachet_coherency_of_cookie(cookie, &coherency, &size);
	/*
	 * With users left (detach) dirty pages may still be on their way. And writes pass by a
	 * cache that goes, or is out of service: whoever made them may have let go by now.
	 */
	sure = !users && !cachet_cache_out(cache) &&
		!test_bit(CACHET_CACHE_LEAVING, &cache->flags);
	/* All is written back; and fscache would not say again when the next one begins. */
	if (sure)
		clear_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
	mutex_lock(&obj->lock);
	/* Nobody knows it after this. While the cache's filesystem is frozen, it waits. */
	if (obj->doubt < obj->size)
		cachet_object_forget_from(obj, obj->doubt);
	obj->doubt = LLONG_MAX;
	if (test_bit(FSCACHE_COOKIE_RETIRED, &cookie->flags)) {
		struct cachet_key key = { .kind = CACHET_REC_OBJECT, .fp = obj->fp };

		obj->session = 0;
		empty(obj, cachet_new_generation(cache), obj->block_shift);
		obj->flags |= CACHET_OBJ_DEAD;
		obj->flags &= ~CACHET_OBJ_PINNED;
		cachet_index_drop(cache, &key);
		trace_cachet_object(obj, CACHET_OBJECT_RETIRED);
	} else if (READ_ONCE(cookie->inval_counter) != obj->inval_counter ||
		   (!sure && (obj->session ||
			      test_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags)))) {
		give_up(obj);
	} else if (obj->session) {
		end_session(obj, cookie, &coherency, size);
	} else if (!cachet_coherent(&obj->coherency, &coherency) || obj->size != size) {
		/*
		 * The file has other attributes than when it was read last. Whether its
		 * content changed with them nobody has said: NFS does not when this
		 * machine truncates a file. The next lookup finds that they differ.
		 */
		obj->flags |= CACHET_OBJ_DEAD;
	} else if (head_is_ours(obj) && !obj->told) {
		/* It was cut, or has grown, and nothing else changed. */
		cachet_object_write_head(obj, false);
	} else if (head_is_ours(obj) && !(obj->flags & CACHET_OBJ_PINNED) &&
		   cachet_now() - obj->last_use >= CACHET_TOUCH_SECONDS) {
		/* (A pinned head is not evicted: no need to put it at risk.) */
		cachet_object_write_head(obj, true);
	}
	trace_cachet_object(obj, CACHET_OBJECT_WITHDRAWN);
	atomic_dec(&obj->volume->nr_objects);
	obj->volume = NULL;
	obj->cookie = NULL;
	mutex_unlock(&obj->lock);

	/* Who opens a file at this moment may write to it, and fscache does not say so. */
	if (!sure && atomic_read(&cookie->n_active) > users)
		set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
	atomic_dec(&cache->nr_in_use);
	cookie->cache_priv = NULL;
	cachet_object_put(obj, CACHET_REF_WITHDRAW);
	fscache_put_cookie(cookie, fscache_cookie_put_object);
	fscache_uncount_object(fscache);
}

/*
 * An object was emptied, under its lock: what is on disk must not come back with the
 * next attach. Where memory is short this waits for some; failing that, and all else,
 * the index can't be relied on.
 */
static void write_empty_head(struct cachet_obj *obj)
{
	unsigned int tries;
	int ret = 0;

	if (cachet_cache_out(obj->cache))	/* Nothing can be written, and all is in doubt */
		return;
	for (tries = 0; tries < CACHET_MEMORY_TRIES; tries++) {
		if (obj->flags & CACHET_OBJ_HEAD)
			ret = cachet_object_write_head(obj, false);
		if (ret != -ENOMEM)
			break;
		memalloc_retry_wait(GFP_NOFS);
	}
	if (ret)
		cachet_io_error(obj->cache, CACHET_IO_INDEX_WRITE, ret);
}

/**
 * cachet_object_invalidate - fscache: what is cached of a file is not its content
 * @cookie: state INVALIDATING
 *
 * Return: true: I/O may go on, on an empty object.
 */
bool cachet_object_invalidate(struct fscache_cookie *cookie)
{
	struct cachet_obj *obj = cookie->cache_priv;
	struct cachet_coherency coherency;
	loff_t size;

	mutex_lock(&obj->lock);
	obj->inval_counter = READ_ONCE(cookie->inval_counter);
	cachet_coherency_of_cookie(cookie, &coherency, &size);
	empty(obj, cachet_new_generation(obj->cache), obj->block_shift);
	set_coherency(obj, &coherency, size);
	write_empty_head(obj);
	mutex_unlock(&obj->lock);
	cachet_count(obj->cache, invalidations);
	trace_cachet_object(obj, CACHET_OBJECT_INVALIDATED);
	fscache_resume_after_invalidation(cookie);
	return true;
}

/**
 * cachet_object_seen - a file is about to be read, with these attributes
 * @obj: object with an operation begun
 * @aux: coherency data, made as the network filesystem makes it, from what its
 *	inode says now
 * @len: bytes
 * @size: of the file, bytes
 *
 * Not every change comes with an invalidation. What was kept under other
 * attributes is forgotten, and what is kept from now on belongs to these.
 *
 * May sleep.
 */
void cachet_object_seen(struct cachet_obj *obj, const void *aux, u8 len, loff_t size)
{
	struct cachet_coherency now;
	bool same;

	spin_lock(&obj->spin);
	same = len && obj->coherency.len == len && !memcmp(obj->coherency.aux, aux, len);
	spin_unlock(&obj->spin);
	if (same)
		return;
	cachet_coherency_of(aux, len, &now);
	mutex_lock(&obj->lock);
	if (!cachet_coherent(&obj->coherency, &now)) {
		set_coherency(obj, &now, size);
		cachet_object_drop(obj);
		/* Or the next lookup would hold the content against what was so before. */
		cachet_coherency_tell(obj->cookie, aux, len, size);
	}
	mutex_unlock(&obj->lock);
}

/**
 * cachet_object_drop - forget all content of a file, for want of something better
 * @obj: object, under its lock
 *
 * For when a part can't be forgotten alone. If that can't be written either, the
 * index can't be relied on, and the cache goes out of service.
 */
void cachet_object_drop(struct cachet_obj *obj)
{
	empty(obj, cachet_new_generation(obj->cache), obj->block_shift);
	write_empty_head(obj);
	trace_cachet_object(obj, CACHET_OBJECT_CUT);
}

/**
 * cachet_object_rebuild - give a file another block size
 * @obj: object with an operation begun
 * @shift: log2 of the size, 0: the volume's
 *
 * Empties it: its map is made of blocks of the old size.
 *
 * Return: 0; -EIO: the cache is out of service.
 */
int cachet_object_rebuild(struct cachet_obj *obj, u8 shift)
{
	mutex_lock(&obj->lock);
	if (!shift)
		shift = cachet_volume_block_shift(obj->volume);
	if (shift != obj->block_shift) {
		empty(obj, cachet_new_generation(obj->cache), shift);
		write_empty_head(obj);
		trace_cachet_object(obj, CACHET_OBJECT_CUT);
	}
	mutex_unlock(&obj->lock);
	return cachet_cache_out(obj->cache) ? -EIO : 0;
}

/**
 * cachet_object_begin_session - bytes that this machine writes are about to be kept
 * @obj: object with an operation begun
 *
 * May sleep. The head says so on disk before the first such byte can be there.
 */
void cachet_object_begin_session(struct cachet_obj *obj)
{
	mutex_lock(&obj->lock);
	if (!obj->session) {
		if (obj->acked >= U32_MAX - 1)	/* Of a forged head: each is to have a number */
			cachet_object_drop(obj);
		obj->session = obj->acked + 1;
		obj->told = 0;
		if (obj->flags & CACHET_OBJ_HEAD)
			cachet_object_write_head(obj, false);
		cachet_count(obj->cache, objects_dirty);
		trace_cachet_object(obj, CACHET_OBJECT_DIRTIED);
	}
	mutex_unlock(&obj->lock);
}

/**
 * cachet_object_begin - an operation on a file begins
 * @obj: object
 *
 * Any context. Return: to be given to cachet_object_end().
 */
unsigned int cachet_object_begin(struct cachet_obj *obj)
{
	unsigned int seq;

	spin_lock(&obj->spin);
	obj->nr_ops++;
	seq = obj->seq;
	spin_unlock(&obj->spin);
	return seq;
}

/**
 * cachet_object_end - it ends
 * @obj: object
 * @seq: of cachet_object_begin()
 *
 * Any context but hard interrupts.
 */
void cachet_object_end(struct cachet_obj *obj, unsigned int seq)
{
	spin_lock(&obj->spin);
	if (seq == obj->seq)
		obj->nr_ops--;
	else
		obj->nr_stale_ops--;
	spin_unlock(&obj->spin);
}
