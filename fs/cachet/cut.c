// SPDX-License-Identifier: GPL-2.0-only
/*
 * cut.c - a file is shorter than it was, or has been
 *
 *   another size -> what lies behind the smaller one -> block by block, out of its map;
 *                   of many blocks, or if one can't be recorded: the whole file
 *
 * What was behind a cut must not be there when the file grows again. All under the object's
 * lock.
 */
#include "internal.h"
#include "trace.h"

/* Forget pages of a file, from first on and before end. Under its lock. */
static void punch(struct cachet_obj *obj, u64 first, u64 end)
{
	u32 per_shift = obj->block_shift - CACHET_PAGE_SHIFT, per = 1u << per_shift;
	u64 block = first >> per_shift, last = (end - 1) >> per_shift;
	struct cachet_map *m;

	if (block > U32_MAX)	/* Nothing is kept there */
		return;
	last = min_t(u64, last, U32_MAX);
	m = last - block < CACHET_PUNCH_BLOCKS ? kmalloc(sizeof(*m), GFP_NOFS) : NULL;
	for (; m && block <= last; block++) {
		u32 off = max(first, block << per_shift) - (block << per_shift);
		int parts = cachet_map_load(obj, block, m);
		unsigned int i;

		if (parts < 0)
			goto whole;
		/* A piece in the head that is gone may still hide a map: see cachet_map_store(). */
		if (!m->nr && !parts && (block || !obj->inline_nr))
			continue;
		if (off)
			cachet_verify_rest(obj, block, m, parts);
		for (i = 0; i < m->nr; i++)
			cachet_seg_live(obj->cache, &m->piece[i], false);
		if ((m->flags & CACHET_MAP_SUSPECT) || cachet_map_punch(m, off, per - off)) {
			m->nr = 0;
			m->flags = 0;
		}
		for (i = 0; i < m->nr; i++)
			cachet_seg_live(obj->cache, &m->piece[i], true);
		if (cachet_map_store(obj, block, m, parts))
			goto whole;
	}
	kfree(m);
	if (m)
		return;
	goto empty_it;
whole:
	kfree(m);
empty_it:
	cachet_object_drop(obj);
}

/**
 * cachet_object_resize - the size of a file is another one than was known
 * @obj: object, under its lock
 * @new_size: bytes
 *
 * What lies beyond the smaller of the two sizes is forgotten, from the page on
 * that it lies in: if the file grows again, it can't come back.
 */
void cachet_object_resize(struct cachet_obj *obj, loff_t new_size)
{
	loff_t old_size = obj->size, cut = min(old_size, new_size);
	u64 first = cut >> CACHET_PAGE_SHIFT;
	u64 end = DIV_ROUND_UP((u64)old_size, CACHET_PAGE_BYTES);

	if (new_size == old_size)
		return;
	spin_lock(&obj->spin);
	obj->size = new_size;
	obj->cuts++;
	spin_unlock(&obj->spin);
	obj->told = 0;
	cachet_count(obj->cache, resizes);
	trace_cachet_object(obj, CACHET_OBJECT_RESIZED);
	if (first < end)	/* Else it grew from a page boundary: nothing was there */
		punch(obj, first, end);
}

/**
 * cachet_object_forget_from - a file may have been cut, and has grown to what it was
 * @obj: object, under its lock
 * @from: bytes, less than its size: from the page on that this lies in
 */
void cachet_object_forget_from(struct cachet_obj *obj, loff_t from)
{
	spin_lock(&obj->spin);
	obj->cuts++;
	spin_unlock(&obj->spin);
	cachet_count(obj->cache, resizes);
	trace_cachet_object(obj, CACHET_OBJECT_RESIZED);
	punch(obj, from >> CACHET_PAGE_SHIFT, DIV_ROUND_UP((u64)obj->size, CACHET_PAGE_BYTES));
}
