// SPDX-License-Identifier: GPL-2.0-only
/*
 * scrub.c - sealed blocks against their digests, some records of index at a time
 *
 * Bits rot in what nobody reads. A scrub goes through index from the first record
 * to the last, and reads back what they name:
 *
 *   record -> the place of its digest says the same: verified with that record
 *          -> of an object in memory: cachet_verify_block(), which knows its state
 *          -> else: here, and the record is changed if it is still the same
 *
 * What fails is dropped, so that the next read is a miss and brings it anew. The
 * caller keeps the place and sets the pace; nothing is kept here between two calls.
 * Where the place of a digest was dropped, those who named it are verified by a
 * second scrub, which then finds none.
 *
 * Only committed records are looked at. To take a block out of one does not change
 * what else it says, so it keeps its epoch; either version of it may survive a crash.
 */
#include <linux/sched/signal.h>
#include "internal.h"
#include "trace.h"

enum {
	/* Records that one call looks at, at most: some milliseconds, if none is sealed. */
	CALL_RECORDS	= 256 * CACHET_WAYS,
};

struct scrub {
	struct cachet_cache *cache;
	struct cachet_scrub *told;
	struct cachet_map map;		/* Of the record at hand, whole */
	u32	pages;
	void	*buf;			/* Of the largest block */
};

/* The block that a record says is sealed. Return: false: none, or its bytes are gone. */
static bool sealed_block(struct scrub *s, const union cachet_any_record *r)
{
	const struct cachet_extent *e;
	const u8 *digest;
	unsigned int i;

	if (r->head.kind == CACHET_REC_OBJECT) {
		e = &r->object.extent;
		digest = r->object.digest;
	} else if (r->head.kind == CACHET_REC_EXTENT) {
		e = r->extents.sealed;
		digest = r->extents.digest;
	} else {
		e = r->content.extent;
		digest = r->content.digest;
	}
	if (!r->head.nr || r->head.nr > CACHET_SEALED_EXTENTS ||
	    (r->head.kind != CACHET_REC_CONTENT && !(r->head.flags & CACHET_REC_SEALED)))
		return false;
	for (i = 0; i < r->head.nr; i++) {
		cachet_piece_decode(&e[i], &s->map.piece[i]);
		if (!cachet_seg_current(s->cache, &s->map.piece[i]))
			return false;
	}
	s->map.nr = r->head.nr;
	memcpy(s->map.digest, digest, CACHET_DIGEST_BYTES);
	s->pages = cachet_map_pages(&s->map);
	return s->pages <= 1u << (CACHET_MAX_BLOCK_SHIFT - CACHET_PAGE_SHIFT);
}

/* Does the record of the digest name the same pages? */
static bool content_says_so(struct scrub *s)
{
	struct cachet_piece found[CACHET_SEALED_EXTENTS];
	u32 nr = cachet_content_find(s->cache, s->map.digest, s->pages, found);

	return nr == s->map.nr && !memcmp(found, s->map.piece, nr * sizeof(found[0]));
}

static u32 block_of(const union cachet_any_record *r)
{
	return r->head.kind == CACHET_REC_EXTENT ? le32_to_cpu(r->extents.block) : 0;
}

/* Return: 0; -ENOENT: there is no object of the record in memory; or cachet_verify_block()'s. */
static int verify_object(struct scrub *s, const union cachet_any_record *r)
{
	struct cachet_obj *obj;
	int ret;

	if (r->head.kind == CACHET_REC_CONTENT)
		return -ENOENT;
	obj = cachet_object_get_known(s->cache, r->head.fp, CACHET_REF_SCRUB);
	if (!obj)
		return -ENOENT;
	ret = cachet_verify_block(obj, block_of(r));
	cachet_object_put(obj, CACHET_REF_SCRUB);
	return ret;
}

/* A head stays, without its block. */
static int drop_head_block(struct scrub *s, u64 pos, const union cachet_any_record *r)
{
	struct cachet_key hidden = { .kind = CACHET_REC_EXTENT, .fp = r->head.fp };
	union cachet_any_record rest = *r;
	int ret;

	/* A crash may have brought back an older map of block 0: this one hid it. */
	ret = cachet_index_drop(s->cache, &hidden);
	if (ret)
		return ret;
	rest.head.nr = 0;
	rest.head.flags &= ~(CACHET_REC_SEALED | CACHET_REC_SHARED);
	memset(&rest.object.extent, 0, sizeof(rest.object.extent));
	memset(rest.object.digest, 0, sizeof(rest.object.digest));
	return cachet_index_replace(s->cache, pos, r, &rest);
}

/*
 * A record whose block does not match its digest, or can't be read. Return: 0, also if
 * it is another one by now, at which the next scrub will look; or -errno.
 */
static int drop_record(struct scrub *s, u64 pos, const union cachet_any_record *r)
{
	struct cachet_key content = { .kind = CACHET_REC_CONTENT, .fp = s->map.digest };
	unsigned int tries;
	int ret, err;

	if (r->head.kind == CACHET_REC_OBJECT)
		ret = drop_head_block(s, pos, r);
	else
		ret = cachet_index_replace(s->cache, pos, r, NULL);
	if (r->head.kind != CACHET_REC_CONTENT) {
		err = cachet_index_drop(s->cache, &content);
		ret = ret ?: err;
	}
	/* It may have come into memory while this was read, and would be recorded again. */
	for (tries = 0; tries < CACHET_MEMORY_TRIES && verify_object(s, r) == -ENOMEM; tries++)
		memalloc_retry_wait(GFP_NOFS);
	return ret == -ESTALE ? 0 : ret;
}

/* Return: 0; -errno: it could not be verified, for want of memory or with a bad disk. */
static int scrub_record(struct scrub *s, u64 pos, const union cachet_any_record *r)
{
	struct cachet_cache *cache = s->cache;
	u8 digest[CACHET_DIGEST_BYTES];
	const char *why;
	int ret;

	if (r->head.kind == CACHET_REC_EMPTY)
		return 0;
	if (cachet_record_check(&r->head, cache->seed, pos, &cache->geo, &why)) {
		ret = cachet_index_replace(cache, pos, r, NULL);
		if (!ret)
			cachet_damaged(cache, CACHET_FILE_INDEX, pos, why);
		return ret == -ESTALE ? 0 : ret;
	}
	if (cachet_epoch_trust(cache, le64_to_cpu(r->head.epoch)) != CACHET_TRUSTED ||
	    !sealed_block(s, r))
		return 0;
	if (r->head.kind != CACHET_REC_CONTENT && content_says_so(s))
		return 0;
	ret = verify_object(s, r);
	if (ret == -ENOENT) {
		ret = cachet_read_map(cache, &s->map, s->pages, s->buf);
		if (!ret) {
			cachet_count(cache, blocks_verified);
			cachet_digest_buffer(s->buf, (size_t)s->pages << CACHET_PAGE_SHIFT, digest);
			if (memcmp(digest, s->map.digest, sizeof(digest))) {
				cachet_corrupt(cache, &s->map, s->pages);
				trace_cachet_corrupt(cache, 0, block_of(r), s->map.piece[0].page,
						     false);
				ret = -EBADMSG;
			}
		}
		if (ret == -ENODATA)
			ret = -EBADMSG;
		if (ret == -EBADMSG)
			ret = drop_record(s, pos, r) ?: -EBADMSG;
	}
	if (ret == -ESTALE)	/* Reused meanwhile */
		return 0;
	if (ret && ret != -EBADMSG)
		return ret;
	s->told->blocks++;
	s->told->bytes += (u64)s->pages << CACHET_PAGE_SHIFT;
	s->told->bad += ret == -EBADMSG;
	return 0;
}

/* Return: 0; -ESHUTDOWN; or what reading index or data says. */
static int scrub_slot(struct scrub *s, u64 slot)
{
	struct cachet_cache *cache = s->cache;
	u64 pos = cache->geo.sets + slot * CACHET_RECORD_BYTES;
	union cachet_any_record r;
	/* A detach waits for one block, and the next scrub is told. */
	int ret = cachet_cache_hold(cache);

	if (ret)
		return ret;
	ret = cachet_index_read_record(cache, pos, &r) ?: scrub_record(s, pos, &r);
	cachet_cache_let_go(cache);
	return ret;
}

/**
 * cachet_scrub - verify the sealed blocks that some records name
 * @cache: attached
 * @told: slot, max_bytes: where to begin, and how many bytes to read, about; the
 *	rest is what was done. With a signal pending it returns early, with that.
 *
 * May sleep; takes seal_sem, and below it the locks of objects and sets.
 *
 * Return: 0; -EINVAL: no such slot; -EIO: the cache is out of service; -ESHUTDOWN:
 * it is being detached; -ENOMEM. With an error, nothing was done.
 */
int cachet_scrub(struct cachet_cache *cache, struct cachet_scrub *told)
{
	u64 max = told->max_bytes, first = told->slot, end;
	struct scrub *s;
	int ret = 0;

	told->nr_slots = (u64)cache->geo.nr_sets * CACHET_WAYS;
	if (told->slot > told->nr_slots)
		return -EINVAL;
	s = kmalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	s->cache = cache;
	s->told = told;
	s->map.flags = 0;
	s->buf = kvmalloc(1u << CACHET_MAX_BLOCK_SHIFT, CACHET_GFP);
	if (!s->buf)
		ret = -ENOMEM;
	end = min_t(u64, told->nr_slots, told->slot + CALL_RECORDS);
	while (!ret && told->slot < end && told->bytes < max && !signal_pending(current)) {
		ret = scrub_slot(s, told->slot);
		if (!ret)
			told->slot++;
		cond_resched();
	}
	kvfree(s->buf);
	kfree(s);
	/* What was done is told; the next call meets the same error. */
	return told->slot > first ? 0 : ret;
}
