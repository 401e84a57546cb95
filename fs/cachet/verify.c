// SPDX-License-Identifier: GPL-2.0-only
/*
 * verify.c - a block's bytes against its digest
 *
 * For blocks that a crash left suspect; for every sealed block, each time or once
 * per attach, if the cache was attached so; and for the scrub. A block that fails
 * is dropped: the next read is a miss, and heals it from the server.
 *
 * Process context; reads the whole block.
 */
#include <linux/bitmap.h>
#include "internal.h"
#include "trace.h"

/* ---- which -------------------------------------------------------------- */

/**
 * cachet_verify_init - as the attach asks for it
 * @cache: being attached, its geometry known
 * @verify: which sealed blocks are to be verified when they are read
 *
 * Return: 0 or -ENOMEM: ONCE takes a bit for each page of data.
 */
int cachet_verify_init(struct cachet_cache *cache, enum cachet_verify verify)
{
	u64 pages = (u64)cache->geo.nr_segments * cachet_segment_pages(&cache->geo);

	cache->verify = verify;
	if (verify != CACHET_VERIFY_ONCE)
		return 0;
	cache->verified = kvcalloc(BITS_TO_LONGS(pages), sizeof(long), CACHET_GFP);
	return cache->verified ? 0 : -ENOMEM;
}

/**
 * cachet_verify_exit - nothing is read any more
 * @cache: cache, perhaps never attached
 */
void cachet_verify_exit(struct cachet_cache *cache)
{
	kvfree(cache->verified);
}

/**
 * cachet_verify_forget - a segment's pages will hold something else
 * @cache: cache
 * @segment: its number; its generation has changed before
 *
 * Any context.
 */
void cachet_verify_forget(struct cachet_cache *cache, u32 segment)
{
	u32 pages = cachet_segment_pages(&cache->geo);

	if (!cache->verified)
		return;
	smp_mb();	/* Pairs with remember(). A segment has whole words of bits. */
	bitmap_clear(cache->verified + BITS_TO_LONGS((u64)segment * pages), 0, pages);
}

static void unmark(struct cachet_cache *cache, const struct cachet_piece *p)
{
	u32 page;

	for (page = p->page; page < p->page + p->len; page++)
		clear_bit(page, cache->verified);
}

static void remember(struct cachet_cache *cache, const struct cachet_map *m)
{
	const struct cachet_piece *p;
	u32 page;

	if (!cache->verified)
		return;
	for (p = m->piece; p < m->piece + m->nr; p++) {
		for (page = p->page; page < p->page + p->len; page++)
			set_bit(page, cache->verified);
		smp_mb__after_atomic();	/* Reuse changes the generation, then clears */
		if (!cachet_seg_current(cache, p))
			unmark(cache, p);
	}
}

/**
 * cachet_must_verify - is a sealed block to be verified before it is read?
 * @cache: cache
 * @flags: CACHET_REC_* of the block
 * @piece: its pieces
 * @nr: how many
 *
 * Any context. Suspect blocks are, whatever this says.
 */
bool cachet_must_verify(const struct cachet_cache *cache, u8 flags,
			const struct cachet_piece *piece, u32 nr)
{
	u32 i;

	if (!(flags & CACHET_REC_SEALED) || cache->verify == CACHET_VERIFY_SUSPECT)
		return false;
	if (cache->verify == CACHET_VERIFY_ALWAYS)
		return true;
	for (i = 0; i < nr; i++) {
		unsigned long end = (u64)piece[i].page + piece[i].len;

		if (find_next_zero_bit(cache->verified, end, piece[i].page) < end)
			return true;
	}
	return false;
}

/* ---- the bytes ---------------------------------------------------------- */

/**
 * cachet_read_map - read all pages of a map, in the order of the file
 * @cache: cache
 * @m: map whose pages are 0 to @pages - 1 without a gap
 * @pages: pages of the block
 * @buf: page-aligned, @pages pages
 *
 * Return: 0; -ESTALE: the bytes are gone; -ENODATA: the device can't read them;
 * -errno.
 */
int cachet_read_map(struct cachet_cache *cache, const struct cachet_map *m, u32 pages, void *buf)
{
	const struct cachet_piece *p;
	struct cachet_seg *seg;
	u32 off = 0;
	int ret;

	while (off < pages) {
		p = cachet_map_find(m, off);
		if (!p || p->off != off || p->off + p->len > pages)
			return -ESTALE;
		seg = cachet_seg_hold(cache, p);
		if (!seg)
			return -ESTALE;
		ret = cachet_io_direct(cache, cache->data_file,
				       buf + ((size_t)off << CACHET_PAGE_SHIFT),
				       (size_t)p->len << CACHET_PAGE_SHIFT,
				       (u64)p->page << CACHET_PAGE_SHIFT, false,
				       CACHET_IO_SEAL_READ);
		cachet_seg_put(cache, seg);
		if (ret)
			return ret;
		off += p->len;
	}
	return 0;
}

/**
 * cachet_corrupt - count, tell and log that stored bytes are not what they were
 * @cache: cache
 * @m: where they are
 * @pages: how many
 *
 * Other blocks may share them: with ONCE these are verified when they are read next.
 */
void cachet_corrupt(struct cachet_cache *cache, const struct cachet_map *m, u32 pages)
{
	u32 page = m->piece[0].page, i;

	for (i = 0; cache->verified && i < m->nr; i++)
		unmark(cache, &m->piece[i]);
	cachet_count(cache, digest_mismatches);
	cachet_event(cache, CACHET_EVENT_CORRUPT, page, pages);
	pr_warn_ratelimited("%s: a block of %u pages at data page %u does not match its digest: dropped, the server will be asked\n",
			    cache->super.tag, pages, page);
}

/**
 * cachet_verify_found - do the bytes behind a digest match it?
 * @cache: cache
 * @digest: computed here, of other bytes
 * @piece: of cachet_content_find(), in order
 * @nr: how many, from 1
 * @buf: page-aligned, of the largest block
 *
 * For who is about to let a block be read from there, which was verified, if at all, where
 * it is now. May sleep; the bytes are in @buf then.
 *
 * Return: 0: they do, or nobody wants to know; -EBADMSG: they do not, or can't be read, and
 * are not found any more; -ENOMEM, -ESTALE and other: not now.
 */
int cachet_verify_found(struct cachet_cache *cache, const u8 digest[CACHET_DIGEST_BYTES],
			const struct cachet_piece *piece, u32 nr, void *buf)
{
	struct cachet_key content = { .kind = CACHET_REC_CONTENT, .fp = digest };
	u8 found[CACHET_DIGEST_BYTES];
	struct cachet_map *m;
	u32 pages;
	int ret;

	if (!cachet_must_verify(cache, CACHET_REC_SEALED, piece, nr))
		return 0;
	m = kmalloc(sizeof(*m), GFP_NOFS);
	if (!m)
		return -ENOMEM;
	m->nr = nr;
	memcpy(m->piece, piece, nr * sizeof(*piece));
	pages = cachet_map_pages(m);
	ret = cachet_read_map(cache, m, pages, buf);
	if (!ret) {
		cachet_count(cache, blocks_verified);
		cachet_digest_buffer(buf, (size_t)pages << PAGE_SHIFT, found);
		if (!memcmp(digest, found, sizeof(found))) {
			remember(cache, m);
		} else {
			cachet_corrupt(cache, m, pages);
			trace_cachet_corrupt(cache, 0, 0, m->piece[0].page, false);
			ret = -ENODATA;
		}
	}
	if (ret == -ENODATA)
		ret = cachet_index_drop(cache, &content) ?: -EBADMSG;
	kfree(m);
	return ret;
}

/*
 * Do the bytes of a sealed block match its digest? Under the object's lock. A suspect
 * block that passes is recorded anew, and trusted from then on.
 *
 * Return: 0: yes; -EBADMSG: it failed, or can't be read, and was dropped; -ENOMEM and
 * other: not now.
 */
static int verify_map(struct cachet_obj *obj, u32 block, struct cachet_map *m, int parts)
{
	struct cachet_cache *cache = obj->cache;
	bool suspect = m->flags & CACHET_MAP_SUSPECT;
	struct cachet_piece bad = m->piece[0];
	u8 digest[CACHET_DIGEST_BYTES];
	u32 pages = cachet_map_pages(m);
	unsigned int nofs = memalloc_nofs_save();
	void *buf = kvmalloc((size_t)pages << PAGE_SHIFT, CACHET_GFP);
	int ret;

	memalloc_nofs_restore(nofs);
	if (!buf)
		return -ENOMEM;
	ret = cachet_read_map(cache, m, pages, buf);
	if (ret == -ENODATA) {
		ret = -EBADMSG;
		cachet_heal_drop(obj, block, m);
	}
	if (ret)	/* Reused, interrupted, no memory; a bad disk has said so itself */
		goto out;
	cachet_count(cache, blocks_verified);
	cachet_digest_buffer(buf, (size_t)pages << PAGE_SHIFT, digest);
	if (!memcmp(digest, m->digest, sizeof(digest))) {
		remember(cache, m);
		if (suspect) {
			m->flags &= ~CACHET_MAP_SUSPECT;
			ret = cachet_map_store(obj, block, m, parts);
			cachet_count(cache, suspect_verified);
			/* A sweep may have come before, which such a block is hidden from. */
			if (!ret && cachet_pin_wanted(obj, m))
				cachet_seal_later(obj, block);
		}
		goto out;
	}
	ret = -EBADMSG;
	cachet_heal_drop(obj, block, m);
	if (suspect) {
		/* Expected of a crash: what was under way did not arrive whole. */
		cachet_count(cache, suspect_dropped);
	} else {
		cachet_corrupt(cache, m, pages);
	}
	trace_cachet_corrupt(cache, obj->debug_id, block, bad.page, suspect);
out:
	kvfree(buf);
	return ret;
}

/**
 * cachet_verify_block - may a sealed block be served?
 * @obj: object with a reference
 * @block: number of the block in the file
 *
 * A suspect block that passes is recorded anew, and trusted from then on.
 *
 * Return: 0: yes; -EBADMSG: it failed, or can't be read, and was dropped; -ENOENT: the
 * object is dead; -ENOMEM and other: not now.
 */
int cachet_verify_block(struct cachet_obj *obj, u32 block)
{
	struct cachet_map *m = kmalloc(sizeof(*m), GFP_NOFS);
	int ret = -ENOENT, parts;

	if (!m)
		return -ENOMEM;
	mutex_lock(&obj->lock);
	if (!(obj->flags & CACHET_OBJ_DEAD)) {
		parts = cachet_map_load(obj, block, m);
		ret = min(parts, 0);
		/* Or verified or dropped by somebody else. */
		if (!ret && m->nr && (m->flags & CACHET_REC_SEALED))
			ret = verify_map(obj, block, m, parts);
	}
	mutex_unlock(&obj->lock);
	kfree(m);
	return ret;
}

/**
 * cachet_verify_rest - verify a block of which a part is about to be replaced
 * @obj: object, under its lock
 * @block: number of the block in the file
 * @m: its map; returns empty if it is no good, and was dropped
 * @parts: as cachet_map_load() returned
 *
 * What stays is sealed again, by a digest of the bytes that are there then: if they
 * have rotted by now, nothing would find it any more.
 */
void cachet_verify_rest(struct cachet_obj *obj, u32 block, struct cachet_map *m, int parts)
{
	int ret;

	if (!m->nr || (m->flags & CACHET_MAP_SUSPECT) ||
	    !cachet_must_verify(obj->cache, m->flags, m->piece, m->nr))
		return;
	ret = verify_map(obj, block, m, parts);
	if (!ret)
		return;
	if (ret != -EBADMSG)
		cachet_map_forget(obj, block);
	m->nr = 0;
	m->flags = 0;
}
