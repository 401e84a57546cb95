// SPDX-License-Identifier: GPL-2.0-only
/*
 * verify.c - a block's bytes against its digest
 *
 * For blocks that a crash left suspect, and for every sealed block when the cache
 * was attached so. A block that fails is dropped: the next read is a miss, and
 * heals it from the server.
 *
 * Process context; reads the whole block.
 */
#include "internal.h"
#include "trace.h"

/**
 * cachet_read_map - read all pages of a map, in the order of the file
 * @cache: cache
 * @m: map whose pages are 0 to @pages - 1 without a gap
 * @pages: pages of the block
 * @buf: page-aligned, @pages pages
 *
 * Return: 0; -ESTALE: the bytes are gone; -errno.
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
		seg = cachet_seg_get(cache, p);
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
 * cachet_verify_block - may a sealed block be served?
 * @obj: object with an operation begun
 * @block: number of the block in the file
 *
 * A suspect block that passes is recorded anew, and trusted from then on.
 *
 * Return: 0: yes; -EBADMSG: it failed and was dropped; -ENOMEM and other: not now.
 */
int cachet_verify_block(struct cachet_obj *obj, u32 block)
{
	struct cachet_cache *cache = obj->cache;
	struct cachet_key key = { .kind = CACHET_REC_CONTENT };
	u8 digest[CACHET_DIGEST_BYTES];
	struct cachet_piece bad;
	struct cachet_map *m;
	bool suspect;
	void *buf = NULL;
	unsigned int nofs;
	int ret, parts;
	u32 pages;

	m = kmalloc(sizeof(*m), GFP_NOFS);
	if (!m)
		return -ENOMEM;
	mutex_lock(&obj->lock);
	parts = cachet_map_load(obj, block, m);
	suspect = m->flags & CACHET_MAP_SUSPECT;
	ret = min(parts, 0);
	if (ret || !m->nr || !(m->flags & CACHET_REC_SEALED))
		goto out;	/* Verified or dropped by somebody else */
	pages = cachet_map_pages(m);
	bad = m->piece[0];
	nofs = memalloc_nofs_save();
	buf = kvmalloc((size_t)pages << PAGE_SHIFT, GFP_KERNEL);
	memalloc_nofs_restore(nofs);
	if (!buf) {
		ret = -ENOMEM;
		goto out;
	}
	ret = cachet_read_map(cache, m, pages, buf);
	if (ret)	/* Reused, interrupted, no memory; a bad disk has said so itself */
		goto out;
	cachet_digest_buffer(buf, (size_t)pages << PAGE_SHIFT, digest);
	if (!memcmp(digest, m->digest, sizeof(digest))) {
		if (suspect) {
			m->flags &= ~CACHET_MAP_SUSPECT;
			ret = cachet_map_store(obj, block, m, parts);
			cachet_count(cache, suspect_verified);
		}
		goto out;
	}
	ret = -EBADMSG;
	cachet_map_forget(obj, block);
	/* Nor may the bad copy be found by who brings the good one. */
	key.fp = m->digest;
	cachet_index_drop(cache, &key);
	if (suspect) {
		/* Expected of a crash: what was under way did not arrive whole. */
		cachet_count(cache, suspect_dropped);
	} else {
		cachet_count(cache, digest_mismatches);
		cachet_event(cache, CACHET_EVENT_CORRUPT, bad.page, pages);
		pr_warn_ratelimited("%s: a block of %u pages at data page %u does not match its digest: dropped, the server will be asked\n",
				    cache->super.tag, pages, bad.page);
	}
	trace_cachet_corrupt(obj, block, bad.page, suspect);
out:
	mutex_unlock(&obj->lock);
	kvfree(buf);
	kfree(m);
	return ret;
}
