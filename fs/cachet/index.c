// SPDX-License-Identifier: GPL-2.0-only
/*
 * index.c - the tag store: records in 4 KiB sets, over the page cache of its file
 *
 * Set-associative like a processor's cache: a key's hash picks the set, the set
 * is searched, and a full set gives up its coldest record. Nothing is rehashed,
 * rebalanced or allocated. The kernel's own reclaim bounds the memory.
 *
 *      key -> set number -> read of 4 KiB -> the record that matches, is
 *      whole, and is of an epoch that counts
 *
 * Lookups take no lock: a record that was torn by a concurrent write fails its
 * crc and is a miss. Changes take the lock of the set, and epoch_sem for reading
 * so that a record never carries an epoch that is already being committed.
 */
#include "internal.h"
#include "trace.h"

static u32 key_set(const struct cachet_cache *cache, const struct cachet_key *key)
{
	switch (key->kind) {
	case CACHET_REC_OBJECT:
		return cachet_object_set(&cache->geo, key->fp);
	case CACHET_REC_EXTENT:
		return cachet_extent_set(&cache->geo, key->fp, key->block, key->part);
	default:
		return cachet_content_set(&cache->geo, key->fp);
	}
}

/* Is this the record of that key, of whatever generation? */
static bool same_key(const struct cachet_key *key, const struct cachet_record *r)
{
	if (r->kind != key->kind || memcmp(r->fp, key->fp, CACHET_FP_BYTES))
		return false;
	if (key->kind == CACHET_REC_EXTENT)
		return r->part == key->part &&
			le32_to_cpu(((struct cachet_extents *)r)->block) == key->block;
	if (key->kind == CACHET_REC_CONTENT)
		return !memcmp(((struct cachet_content *)r)->digest, key->fp,
			       CACHET_DIGEST_BYTES);
	return true;
}

static bool same_generation(const struct cachet_key *key, const struct cachet_record *r)
{
	return key->kind != CACHET_REC_EXTENT ||
		le64_to_cpu(((struct cachet_extents *)r)->generation) == key->generation;
}

/**
 * cachet_epoch_trust - what a record of an epoch is worth
 * @cache: cache
 * @epoch: as the record says
 *
 * Return: CACHET_TRUSTED if committed before this attach or written since,
 * CACHET_SUSPECT if a crash left it uncommitted, else CACHET_ABSENT.
 */
enum cachet_trust cachet_epoch_trust(const struct cachet_cache *cache, u64 epoch)
{
	if (epoch >= cache->first_epoch)
		return epoch <= READ_ONCE(cache->epoch) ? CACHET_TRUSTED : CACHET_ABSENT;
	/* super.lost[] only changes at attach. */
	return cachet_epoch_lost(&cache->super, epoch) ? CACHET_SUSPECT : CACHET_TRUSTED;
}

/* Read a set, under its lock: what the device can't read becomes an empty one. */
static int read_set(struct cachet_cache *cache, void *set, u64 pos)
{
	int ret = cachet_io_read(cache, cache->index_file, set, CACHET_SET_BYTES, pos,
				 CACHET_IO_INDEX_READ);

	if (ret == -ENODATA) {
		memset(set, 0, CACHET_SET_BYTES);
		ret = cachet_heal_index(cache, set, pos);
	}
	return ret;
}

/* The same for who has not the lock. */
static int read_set_again(struct cachet_cache *cache, u32 nr, void *set)
{
	struct mutex *lock = &cache->set_lock[nr % CACHET_SET_LOCKS];
	int ret;

	mutex_lock(lock);
	ret = read_set(cache, set, cachet_set_pos(&cache->geo, nr));
	mutex_unlock(lock);
	return ret;
}

/* The record of a key in a set that was read. */
static enum cachet_trust find_in(struct cachet_cache *cache, const struct cachet_key *key,
				 const void *set, u64 pos, void *ret_rec, u64 *ret_pos)
{
	enum cachet_trust trust;
	const char *why;
	unsigned int i;

	for (i = 0; i < CACHET_WAYS; i++, pos += CACHET_RECORD_BYTES) {
		const struct cachet_record *r = set + i * CACHET_RECORD_BYTES;

		if (!same_key(key, r) || !same_generation(key, r))
			continue;
		if (cachet_record_check(r, cache->seed, pos, &cache->geo, &why)) {
			cachet_damaged(cache, CACHET_FILE_INDEX, pos, why);
			continue;
		}
		trust = cachet_epoch_trust(cache, le64_to_cpu(r->epoch));
		if (trust == CACHET_ABSENT)
			continue;
		memcpy(ret_rec, r, CACHET_RECORD_BYTES);
		*ret_pos = pos;
		return trust;
	}
	return CACHET_ABSENT;
}

/**
 * cachet_index_find_at - look a record up
 * @cache: cache
 * @key: what to look for; an EXTENT of that generation only
 * @ret_rec: CACHET_RECORD_BYTES: a checked copy, if found
 * @ret_pos: where it is in index, a byte offset, if found
 *
 * May sleep; takes the set's lock if the device can't read it. Return: its trust;
 * CACHET_ABSENT if there is none; CACHET_UNKNOWN if the set could not be read (no
 * memory, a dying process, a bad disk).
 */
enum cachet_trust cachet_index_find_at(struct cachet_cache *cache, const struct cachet_key *key,
				       void *ret_rec, u64 *ret_pos)
{
	u32 nr = key_set(cache, key);
	u64 pos = cachet_set_pos(&cache->geo, nr);
	enum cachet_trust trust = CACHET_UNKNOWN;
	void *set;
	int ret;

	if (cachet_cache_out(cache))
		return CACHET_ABSENT;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS);
	if (!set)
		return CACHET_UNKNOWN;
	ret = cachet_io_read(cache, cache->index_file, set, CACHET_SET_BYTES, pos,
			     CACHET_IO_INDEX_READ);
	if (ret == -ENODATA)
		ret = read_set_again(cache, nr, set);
	if (!ret)
		trust = find_in(cache, key, set, pos, ret_rec, ret_pos);
	kmem_cache_free(cachet_set_slab, set);
	return trust;
}

/**
 * cachet_index_find_settled - the same, while nobody writes to the set
 * @cache: cache
 * @key: what to look for
 * @ret_rec: CACHET_RECORD_BYTES: a checked copy, if found
 *
 * For who must not take a record for absent that is being written: a filesystem may let
 * readers see half of a write. May sleep; takes the set's lock.
 *
 * Return: as cachet_index_find_at().
 */
enum cachet_trust cachet_index_find_settled(struct cachet_cache *cache,
					    const struct cachet_key *key, void *ret_rec)
{
	u32 nr = key_set(cache, key);
	enum cachet_trust trust = CACHET_UNKNOWN;
	u64 pos;
	void *set;

	if (cachet_cache_out(cache))
		return CACHET_UNKNOWN;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS);
	if (!set)
		return CACHET_UNKNOWN;
	if (!read_set_again(cache, nr, set))
		trust = find_in(cache, key, set, cachet_set_pos(&cache->geo, nr), ret_rec, &pos);
	kmem_cache_free(cachet_set_slab, set);
	return trust;
}

/**
 * cachet_index_find - the same, for who need not know where it is
 * @cache: cache
 * @key: what to look for
 * @ret_rec: CACHET_RECORD_BYTES: a checked copy, if found
 *
 * Return: as cachet_index_find_at().
 */
enum cachet_trust cachet_index_find(struct cachet_cache *cache, const struct cachet_key *key,
				    void *ret_rec)
{
	u64 pos;

	return cachet_index_find_at(cache, key, ret_rec, &pos);
}

/* When were the bytes behind a record used last? 0: they are gone. */
static u32 record_heat(const struct cachet_cache *cache, const struct cachet_record *r)
{
	const struct cachet_extent *e;
	unsigned int i;
	u32 heat = 0;

	if (r->kind == CACHET_REC_OBJECT) {
		const struct cachet_object *o = (const struct cachet_object *)r;

		if (!r->nr)	/* The head of something larger */
			return le32_to_cpu(o->last_use);
		e = &o->extent;
	} else if (r->kind == CACHET_REC_EXTENT) {
		e = ((const struct cachet_extents *)r)->extent;
	} else {
		e = ((const struct cachet_content *)r)->extent;
	}
	for (i = 0; i < r->nr; i++) {
		struct cachet_piece p;

		cachet_piece_decode(&e[i], &p);
		if (!cachet_seg_current(cache, &p))
			continue;
		heat = max3(heat, 1u,
			    READ_ONCE(cache->seg[cachet_segment_of(&cache->geo, p.page)].last_use));
	}
	/* To lose the place of a digest costs a duplicate only. */
	if (r->kind == CACHET_REC_CONTENT)
		heat /= 2;
	return heat;
}

/* The bytes behind a record that goes are dead. */
static void pieces_dead(struct cachet_cache *cache, const struct cachet_record *r)
{
	const struct cachet_extent *e;
	struct cachet_piece p;
	unsigned int i;

	if (r->kind == CACHET_REC_OBJECT)
		e = &((const struct cachet_object *)r)->extent;
	else if (r->kind == CACHET_REC_EXTENT)
		e = ((const struct cachet_extents *)r)->extent;
	else
		return;
	for (i = 0; i < r->nr; i++) {
		cachet_piece_decode(&e[i], &p);
		cachet_seg_live(cache, &p, false);
	}
}

static void record_evicted(struct cachet_cache *cache, const struct cachet_record *r)
{
	cachet_count(cache, records_evicted);
	trace_cachet_record_evicted(cache, r->kind, r->fp);
	pieces_dead(cache, r);
}

static bool record_counts(const struct cachet_cache *cache, const struct cachet_record *r, u64 pos)
{
	const char *why;

	return !cachet_record_check(r, cache->seed, pos, &cache->geo, &why) &&
		cachet_epoch_trust(cache, le64_to_cpu(r->epoch)) != CACHET_ABSENT;
}

/* The place of a record that does not count is taken: was it one that should? */
static void record_overwritten(struct cachet_cache *cache, const struct cachet_record *r, u64 pos)
{
	const char *why;

	if (r->kind != CACHET_REC_EMPTY &&
	    cachet_record_check(r, cache->seed, pos, &cache->geo, &why))
		cachet_damaged(cache, CACHET_FILE_INDEX, pos, why);
}

/* The way of the record that cachet_index_find() finds, or of another generation; or -1. */
static int find_way(const struct cachet_cache *cache, const struct cachet_key *key,
		    const void *set, u64 pos)
{
	unsigned int i;
	int way = -1;

	for (i = 0; i < CACHET_WAYS; i++) {
		const struct cachet_record *r = set + i * CACHET_RECORD_BYTES;

		if (!same_key(key, r) || !record_counts(cache, r, pos + i * CACHET_RECORD_BYTES))
			continue;
		if (same_generation(key, r))
			return i;
		way = i;
	}
	return way;
}

/* A record in the place of another, which may be void. */
static bool becomes_pinned(const struct cachet_record *old, const struct cachet_record *new)
{
	return new->flags & ~old->flags & CACHET_REC_PINNED;
}

/* How many ways of a set are pinned, but for @but (-1: for none). */
static unsigned int pinned_ways(const struct cachet_cache *cache, const void *set, u64 pos, int but)
{
	unsigned int nr = 0;
	int i;

	for (i = 0; i < CACHET_WAYS; i++) {
		const struct cachet_record *r = set + i * CACHET_RECORD_BYTES;

		if (i != but && (r->flags & CACHET_REC_PINNED) &&
		    record_counts(cache, r, pos + i * CACHET_RECORD_BYTES))
			nr++;
	}
	return nr;
}

/*
 * The way of a set in which a new record goes; -ENOSPC: all are pinned. Of
 * records as cold as each other the older one goes. The scan begins where the
 * key says: from a fixed way, records written together would evict each other.
 */
static int choose_way(struct cachet_cache *cache, const struct cachet_key *key,
		      const void *set, u64 pos)
{
	u32 heat, coldest = ~0u;
	u64 epoch, oldest = 0;
	unsigned int i, k;
	int way = -1;

	for (k = 0; k < CACHET_WAYS; k++) {
		const struct cachet_record *r;

		i = (key->fp[0] + key->block + k) % CACHET_WAYS;
		r = set + i * CACHET_RECORD_BYTES;
		if (!record_counts(cache, r, pos + i * CACHET_RECORD_BYTES)) {
			record_overwritten(cache, r, pos + i * CACHET_RECORD_BYTES);
			return i;
		}
		heat = record_heat(cache, r);
		/* A part of a map whose bytes are gone stands for nothing. */
		if ((r->flags & CACHET_REC_PINNED) && (r->kind == CACHET_REC_OBJECT || heat))
			continue;
		epoch = le64_to_cpu(r->epoch);
		if (way < 0 || heat < coldest || (heat == coldest && epoch < oldest)) {
			coldest = heat;
			oldest = epoch;
			way = i;
		}
	}
	if (way < 0)
		return -ENOSPC;
	record_evicted(cache, set + way * CACHET_RECORD_BYTES);
	return way;
}

/*
 * Remove a key's records from a set, all but that in the way @but (-1: all). There
 * are two when a crash brought back one that had been evicted: a sector of the
 * page that held it has not arrived. It must not outlive the other.
 */
static int drop_key(struct cachet_cache *cache, const struct cachet_key *key, void *set,
		    u64 pos, int but)
{
	int ret = 0, i;

	for (i = 0; !ret && i < CACHET_WAYS; i++) {
		void *r = set + i * CACHET_RECORD_BYTES;

		if (i == but || !same_key(key, r))
			continue;
		memset(r, 0, CACHET_RECORD_BYTES);
		ret = cachet_io_write(cache, cache->index_file, r, CACHET_RECORD_BYTES,
				      pos + i * CACHET_RECORD_BYTES, CACHET_IO_INDEX_WRITE);
	}
	return ret;
}

/*
 * The write barrier of a sweep (sweep.c), for who writes a record that says PINNED: as its
 * pieces are seen before the record is written, no sweep of before releases them; as they
 * are seen again behind it, none that begins between the two. A third can't get as far
 * as its end: that commits, and waits for epoch_sem.
 *
 * Return: false: they lie where reuse comes.
 */
static bool pieces_pin(struct cachet_cache *cache, const struct cachet_record *r)
{
	const struct cachet_extent *e = r->kind == CACHET_REC_OBJECT ?
		&((const struct cachet_object *)r)->extent :
		((const struct cachet_extents *)r)->extent;
	struct cachet_piece p[CACHET_PART_EXTENTS];
	unsigned int i;

	for (i = 0; i < r->nr; i++)
		cachet_piece_decode(&e[i], &p[i]);
	return cachet_seg_pin(cache, p, r->nr);
}

/*
 * How far a head stands, if it is found suspect some day. One that is written while the epoch is
 * committed in which the same was said first goes to disk in its place: with that epoch, if
 * this ends well. So the next attach finds out whether it did.
 */
static u8 stands(const struct cachet_cache *cache, u64 told, u64 epoch)
{
	if (told && told <= READ_ONCE(cache->committed))
		return CACHET_REC_STABLE;
	return told && told == epoch - 1 ? CACHET_REC_REPEATS : 0;
}

/**
 * cachet_index_put - write a record
 * @cache: cache
 * @key: whose
 * @rec: CACHET_RECORD_BYTES; kind, fp, epoch and crc are filled in, and of a head without
 *	LOCAL whether it is STABLE or REPEATS; PINNED is taken
 *	away if it was not there before, and CACHET_PINNED_WAYS others of the set have it;
 *	and from an EXTENT whose pieces are not where pins are
 * @keep_epoch: only if this record is there already: keep its epoch, because
 *	nothing changed that a crash could make wrong
 *
 * May sleep; takes epoch_sem for reading and the set's lock.
 *
 * Return: 0; -ENOENT with @keep_epoch if the record is not there; -ENOSPC if every
 * way of the set is pinned, as only a forged one is; -errno of the I/O.
 */
int cachet_index_put(struct cachet_cache *cache, const struct cachet_key *key, void *rec,
		     bool keep_epoch)
{
	u32 nr = key_set(cache, key);
	u64 pos = cachet_set_pos(&cache->geo, nr);
	struct mutex *lock = &cache->set_lock[nr % CACHET_SET_LOCKS];
	struct cachet_record *r = rec, *old;
	void *set;
	int ret, way;
	bool known;

	if (cachet_cache_out(cache))
		return -EIO;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS | __GFP_NOFAIL);
	r->kind = key->kind;
	memcpy(r->fp, key->fp, CACHET_FP_BYTES);

	down_read(&cache->epoch_sem);
	mutex_lock(lock);
	ret = read_set(cache, set, pos);
	if (ret)
		goto out;
	way = find_way(cache, key, set, pos);
	known = way >= 0;
	if (!known)
		way = keep_epoch ? -ENOENT : choose_way(cache, key, set, pos);
	ret = way < 0 ? way : drop_key(cache, key, set, pos, way);
	if (ret)
		goto out;
	old = set + way * CACHET_RECORD_BYTES;
	if ((r->flags & CACHET_REC_PINNED) && (!known || becomes_pinned(old, r)) &&
	    pinned_ways(cache, set, pos, way) >= CACHET_PINNED_WAYS)
		r->flags &= ~CACHET_REC_PINNED;
	if ((r->flags & CACHET_REC_PINNED) && !pieces_pin(cache, r) &&
	    r->kind == CACHET_REC_EXTENT)
		r->flags &= ~CACHET_REC_PINNED;
	r->epoch = keep_epoch ? old->epoch : cpu_to_le64(cache->epoch);
	if (r->kind == CACHET_REC_OBJECT && !(r->flags & CACHET_REC_LOCAL))
		r->flags |= stands(cache, key->told, le64_to_cpu(r->epoch));
	pos += way * CACHET_RECORD_BYTES;
	cachet_record_seal(rec, cache->seed, pos);
	ret = cachet_io_write(cache, cache->index_file, rec, CACHET_RECORD_BYTES, pos,
			      CACHET_IO_INDEX_WRITE);
	if (r->flags & CACHET_REC_PINNED)
		pieces_pin(cache, r);
	cachet_count(cache, records_written);
out:
	mutex_unlock(lock);
	up_read(&cache->epoch_sem);
	kmem_cache_free(cachet_set_slab, set);
	if (!ret)
		cachet_commit_soon(cache);
	return ret;
}

/**
 * cachet_index_replace - change or remove a record that is still as it was read
 * @cache: cache
 * @pos: where it is in index, a byte offset
 * @old: CACHET_RECORD_BYTES: as it was read
 * @new: what it becomes, with the same key and epoch; its crc is filled in. NULL:
 *	it is removed
 *
 * Without a @new that names something, what @old names is dead. May sleep; takes the set's
 * lock.
 *
 * Return: 0; -ESTALE if the record is another one by now; -ENOSPC: @new is PINNED, @old
 * is not, and CACHET_PINNED_WAYS others of the set are; -errno of the I/O.
 */
int cachet_index_replace(struct cachet_cache *cache, u64 pos, const void *old, void *new)
{
	u32 nr = (pos - cache->geo.sets) / CACHET_SET_BYTES;
	struct mutex *lock = &cache->set_lock[nr % CACHET_SET_LOCKS];
	void *set, *now;
	int ret;

	if (cachet_cache_out(cache))
		return -EIO;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS | __GFP_NOFAIL);
	now = set + (pos - cachet_set_pos(&cache->geo, nr));
	mutex_lock(lock);
	ret = read_set(cache, set, cachet_set_pos(&cache->geo, nr));
	if (!ret && memcmp(now, old, CACHET_RECORD_BYTES))
		ret = -ESTALE;
	if (!ret && new && becomes_pinned(old, new) &&
	    pinned_ways(cache, set, cachet_set_pos(&cache->geo, nr), -1) >= CACHET_PINNED_WAYS)
		ret = -ENOSPC;
	if (!ret) {
		if (new)
			cachet_record_seal(new, cache->seed, pos);
		memset(now, 0, CACHET_RECORD_BYTES);
		ret = cachet_io_write(cache, cache->index_file, new ?: now, CACHET_RECORD_BYTES,
				      pos, CACHET_IO_INDEX_WRITE);
	}
	mutex_unlock(lock);
	kmem_cache_free(cachet_set_slab, set);
	if (!ret) {
		if ((!new || !((struct cachet_record *)new)->nr) && record_counts(cache, old, pos))
			pieces_dead(cache, old);
		cachet_commit_soon(cache);
	}
	return ret;
}

/**
 * cachet_index_read_record - read what stands at a place of index
 * @cache: cache
 * @pos: byte offset of a record
 * @rec: CACHET_RECORD_BYTES
 *
 * May sleep; takes the set's lock if the device can't read it. Return: 0 or -errno.
 */
int cachet_index_read_record(struct cachet_cache *cache, u64 pos, void *rec)
{
	int ret = cachet_io_read(cache, cache->index_file, rec, CACHET_RECORD_BYTES, pos,
				 CACHET_IO_INDEX_READ);
	u32 nr = (pos - cache->geo.sets) / CACHET_SET_BYTES;
	void *set;

	if (ret != -ENODATA)
		return ret;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS);
	if (!set)
		return -ENOMEM;
	ret = read_set_again(cache, nr, set);
	if (!ret)
		memcpy(rec, set + (pos - cachet_set_pos(&cache->geo, nr)), CACHET_RECORD_BYTES);
	kmem_cache_free(cachet_set_slab, set);
	return ret;
}

/**
 * cachet_index_drop - remove a record
 * @cache: cache
 * @key: whose; an EXTENT of any generation
 *
 * May sleep; takes the set's lock. Return: 0, also if there was none, or -errno.
 */
int cachet_index_drop(struct cachet_cache *cache, const struct cachet_key *key)
{
	u32 nr = key_set(cache, key);
	u64 pos = cachet_set_pos(&cache->geo, nr);
	struct mutex *lock = &cache->set_lock[nr % CACHET_SET_LOCKS];
	void *set;
	int ret;

	if (cachet_cache_out(cache))
		return -EIO;
	set = kmem_cache_alloc(cachet_set_slab, GFP_NOFS | __GFP_NOFAIL);
	mutex_lock(lock);
	ret = read_set(cache, set, pos);
	if (!ret)
		ret = drop_key(cache, key, set, pos, -1);
	mutex_unlock(lock);
	kmem_cache_free(cachet_set_slab, set);
	if (!ret)
		cachet_commit_soon(cache);
	return ret;
}
