// SPDX-License-Identifier: GPL-2.0-only
/*
 * map.c - a block's map, between the index and those who use it
 *
 * Block 0 of a file that is in one piece stands in the head, and in memory with
 * the object; all others in EXTENT records. The pure operations on a map are in
 * format/map.c.
 *
 * To change a map is to load it, change it and store it under the object's lock.
 * Readers load without it: they see one state or the other, or a miss.
 */
#include "internal.h"
#include "trace.h"

static bool local_counts(const struct cachet_obj *obj, u32 session)
{
	return session <= READ_ONCE(obj->acked) || session == READ_ONCE(obj->session);
}

/*
 * Pieces whose segment was reused are no pieces. What is left of a sealed block has no digest
 * any more: where such blocks are verified before they are read, that can't be. Nor may it be
 * sealed again, by a digest of what it has become.
 */
static void drop_stale(struct cachet_cache *cache, struct cachet_map *m)
{
	unsigned int i, n = 0;

	for (i = 0; i < m->nr; i++)
		if (cachet_seg_current(cache, &m->piece[i]))
			m->piece[n++] = m->piece[i];
	if (n < m->nr) {
		if ((m->flags & CACHET_MAP_SUSPECT) ||
		    ((m->flags & CACHET_REC_SEALED) && cache->verify != CACHET_VERIFY_SUSPECT))
			n = 0;
		m->flags &= ~(CACHET_REC_SEALED | CACHET_REC_SHARED | CACHET_REC_PINNED |
			      CACHET_MAP_SUSPECT);
	}
	m->nr = n;
	/* What a record says is not enough. */
	if ((m->flags & CACHET_REC_PINNED) && !cachet_seg_kept(cache, m->piece, n))
		m->flags &= ~CACHET_REC_PINNED;
}

/**
 * cachet_map_load - what is present of a block
 * @obj: object
 * @block: number of the block in the file
 * @m: the map; SEALED means that it is whole and has its digest; with SUSPECT it
 *	is not to be used before cachet_verify_block()
 *
 * May sleep. Return: the number of EXTENT records that it was made of, 0 if it
 * stands in the head or there is nothing; -EIO: the index could not be read, and
 * @m is empty.
 */
int cachet_map_load(struct cachet_obj *obj, u32 block, struct cachet_map *m)
{
	struct cachet_cache *cache = obj->cache;
	struct cachet_key key = {
		.kind	= CACHET_REC_EXTENT,
		.block	= block,
		.fp	= obj->fp,
	};
	struct cachet_extents x;
	enum cachet_trust trust;

	m->nr = 0;
	m->flags = 0;
	m->session = 0;
	spin_lock(&obj->spin);
	key.generation = obj->generation;
	if (!block && obj->inline_nr) {
		m->nr = 1;
		m->flags = obj->inline_flags;
		if (READ_ONCE(obj->flags) & CACHET_OBJ_PINNED)
			m->flags |= CACHET_REC_PINNED;
		m->session = obj->session;
		m->piece[0] = obj->inline_piece;
		memcpy(m->digest, obj->inline_digest, sizeof(m->digest));
	}
	spin_unlock(&obj->spin);
	if (m->nr) {
		drop_stale(cache, m);
		return 0;
	}
	if (!(READ_ONCE(obj->flags) & CACHET_OBJ_EXTENTS))
		return 0;

	do {
		trust = cachet_index_find(cache, &key, &x);
		if (trust == CACHET_UNKNOWN) {
			m->nr = 0;
			m->flags = 0;
			return -EIO;
		}
		if (trust == CACHET_ABSENT)
			break;
		if ((x.rec.flags & CACHET_REC_LOCAL) &&
		    (trust == CACHET_SUSPECT || !local_counts(obj, le32_to_cpu(x.session))))
			break;
		if (trust == CACHET_SUSPECT && !(x.rec.flags & CACHET_REC_SEALED)) {
			cachet_count(cache, suspect_dropped);
			break;
		}
		if (cachet_map_decode_part(m, &x)) {
			cachet_count(cache, records_bad);
			break;
		}
		if (trust == CACHET_SUSPECT)
			m->flags |= CACHET_MAP_SUSPECT;
		key.part++;
	} while (x.rec.flags & CACHET_REC_MORE);

	drop_stale(cache, m);
	return key.part;
}

static int drop_parts(struct cachet_obj *obj, u32 block, u32 from, u32 to)
{
	struct cachet_key key = {
		.kind	= CACHET_REC_EXTENT,
		.block	= block,
		.fp	= obj->fp,
	};
	int ret = 0;

	for (; from < to && !ret; from++) {
		key.part = from;
		ret = cachet_index_drop(obj->cache, &key);
	}
	return ret;
}

/**
 * cachet_map_store - record what is present of a block
 * @obj: object, under its lock
 * @block: number of the block in the file
 * @m: map; SEALED with at most CACHET_SEALED_EXTENTS pieces. Whether its records say
 *	PINNED is found out here
 * @old_parts: what cachet_map_load() returned for the map that this one replaces
 *
 * Return: 0 or -errno; then what is recorded may be less than @m, never more.
 */
int cachet_map_store(struct cachet_obj *obj, u32 block, const struct cachet_map *m,
		     u32 old_parts)
{
	struct cachet_cache *cache = obj->cache;
	bool was_inline = !block && obj->inline_nr;
	bool now_inline = !block && m->nr == 1;
	u32 parts = now_inline ? 0 : cachet_map_parts(m), part;
	bool pinned = obj->flags & CACHET_OBJ_PINNED;
	struct cachet_key key = {
		.kind		= CACHET_REC_EXTENT,
		.block		= block,
		.generation	= obj->generation,
		.fp		= obj->fp,
	};
	int ret;

	/*
	 * A crash may have left another map of this block behind the one in the head:
	 * an older one, whose sector had been emptied but not flushed, or a newer one,
	 * whose head was lost. Nobody can tell. Without its part 0 it does not count.
	 */
	if (was_inline && (obj->flags & CACHET_OBJ_EXTENTS))
		old_parts = max(old_parts, 1u);
	/*
	 * The order keeps a stale record from standing alone in between: first the
	 * EXTENT records that are not wanted any more, then the head, then new ones.
	 */
	ret = drop_parts(obj, block, parts, old_parts);
	if (ret)
		return ret;
	if (was_inline || now_inline) {
		spin_lock(&obj->spin);
		obj->inline_nr = now_inline;
		obj->inline_flags = now_inline ? m->flags & ~CACHET_REC_PINNED : 0;
		if (now_inline) {
			obj->inline_piece = m->piece[0];
			memcpy(obj->inline_digest, m->digest, sizeof(obj->inline_digest));
		}
		spin_unlock(&obj->spin);
	}
	/*
	 * A head that could not be written may not say yet that this machine writes: what is
	 * recorded as such would count for the next who does, if the power went now.
	 */
	if (was_inline || now_inline ||
	    (obj->flags & (CACHET_OBJ_ON_DISK | CACHET_OBJ_UNSURE)) != CACHET_OBJ_ON_DISK) {
		ret = cachet_object_write_head(obj, false);
		if (ret)
			return ret;
	}
	/* Before the records: a reader that looks must not be told that there are none. */
	if (parts)
		WRITE_ONCE(obj->flags, obj->flags | CACHET_OBJ_EXTENTS);
	pinned = pinned && cachet_seg_kept(cache, m->piece, m->nr);
	/* Part 0 last: with its MORE it must not lead to what stood there before. */
	for (part = parts; part-- > 0; ) {
		struct cachet_extents x = {
			.generation	= cpu_to_le64(obj->generation),
			.block		= cpu_to_le32(block),
		};

		cachet_map_encode_part(&x, m, part);
		if (pinned)
			x.rec.flags |= CACHET_REC_PINNED;
		key.part = part;
		ret = cachet_index_put(cache, &key, &x, false);
		if (ret)
			break;
		/* Where one part finds no place to stay, none says that the block does. */
		pinned = x.rec.flags & CACHET_REC_PINNED;
	}
	return ret;
}

/**
 * cachet_map_forget - make a block absent
 * @obj: object, under its lock
 * @block: number of the block in the file
 */
void cachet_map_forget(struct cachet_obj *obj, u32 block)
{
	struct cachet_map *m = kmalloc(sizeof(*m), GFP_NOFS | __GFP_NOFAIL);
	int parts = cachet_map_load(obj, block, m);
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		cachet_seg_live(obj->cache, &m->piece[i], false);
	m->nr = 0;
	m->flags = 0;
	/* A part that did not load may be there all the same. */
	if (!parts && (obj->flags & CACHET_OBJ_EXTENTS))
		parts = CACHET_MAX_PARTS;
	if (parts < 0 || cachet_map_store(obj, block, m, parts))
		cachet_object_drop(obj);
	kfree(m);
}
