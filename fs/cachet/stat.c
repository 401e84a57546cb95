// SPDX-License-Identifier: GPL-2.0-only
/*
 * stat.c - what is here of one file, asked by its descriptor
 *
 * Process context. The descriptor's cookie is held by an fscache operation for as
 * long as the question is answered.
 */
#include <linux/file.h>
#include <linux/uaccess.h>
#include "internal.h"

/* Blocks looked at in one call: a large sparse file must not hold anybody up. */
#define STAT_BLOCKS	4096

struct walk {
	struct cachet_object_stat *arg;
	struct cachet_range cur;	/* Grows until something else follows */
	u32	room;
	bool	full;
	bool	fault;
};

static void emit(struct walk *w)
{
	struct cachet_range __user *out = u64_to_user_ptr(w->arg->ranges);
	struct cachet_object_stat *a = w->arg;

	if (!w->cur.nr_pages)
		return;
	if (a->nr_ranges < w->room && copy_to_user(out + a->nr_ranges, &w->cur, sizeof(w->cur)))
		w->fault = true;
	a->nr_ranges++;
	a->cached_pages += w->cur.nr_pages;
	if (w->cur.flags & CACHET_RANGE_SEALED)
		a->sealed_pages += w->cur.nr_pages;
	if (w->cur.flags & CACHET_RANGE_SHARED)
		a->shared_pages += w->cur.nr_pages;
	if (w->cur.flags & CACHET_RANGE_PINNED)
		a->pinned_pages += w->cur.nr_pages;
	w->cur.nr_pages = 0;
}

/* Return: false when there is no room for it. */
static bool add(struct walk *w, u64 page, u64 nr, u32 flags)
{
	if (w->cur.nr_pages && w->cur.flags == flags &&
	    w->cur.start_page + w->cur.nr_pages == page) {
		w->cur.nr_pages += nr;
		return true;
	}
	emit(w);
	if (w->fault || w->arg->nr_ranges == w->room)
		return false;
	w->cur = (struct cachet_range) { .start_page = page, .nr_pages = nr, .flags = flags };
	return true;
}

/* Do other blocks use the same bytes? Their place was recorded by somebody else. */
static bool shared(struct cachet_obj *obj, const struct cachet_map *m)
{
	struct cachet_piece found[CACHET_SEALED_EXTENTS];

	if (!(m->flags & CACHET_REC_SEALED))
		return false;
	return m->flags & CACHET_REC_SHARED && cachet_content_find(obj->cache, m->digest,
					       cachet_map_pages(m), found);
}

static int walk_block(struct walk *w, struct cachet_obj *obj, u32 block, struct cachet_map *m,
		      u32 from)
{
	u32 per = 1u << (obj->block_shift - CACHET_PAGE_SHIFT), off = from, flags = 0;

	cachet_map_load(obj, block, m);
	/* What a crash left is not here until it is proven. */
	if (m->flags & CACHET_MAP_SUSPECT)
		m->nr = 0;
	if (m->flags & CACHET_REC_SEALED)
		flags |= CACHET_RANGE_SEALED;
	if (m->flags & CACHET_REC_LOCAL)
		flags |= CACHET_RANGE_LOCAL;
	if (m->flags & CACHET_REC_PINNED && READ_ONCE(obj->flags) & CACHET_OBJ_PINNED)
		flags |= CACHET_RANGE_PINNED;
	if (m->nr && shared(obj, m))
		flags |= CACHET_RANGE_SHARED;
	while (off < per) {
		const struct cachet_piece *p = cachet_map_find(m, off);

		if (p) {
			u32 n = p->off + p->len - off;

			if (!add(w, (u64)block * per + off, n, flags)) {
				w->arg->start_page = (u64)block * per + off;
				return -ENOSPC;
			}
			off += n;
		} else {
			off = cachet_map_gap(m, off, per);
		}
	}
	return 0;
}

static int walk(struct cachet_obj *obj, struct cachet_object_stat *arg, struct cachet_map *m)
{
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT;
	u64 pages = DIV_ROUND_UP((u64)obj->size, CACHET_PAGE_BYTES), page = arg->start_page;
	struct walk w = { .arg = arg, .room = arg->nr_ranges };
	unsigned int n;

	arg->nr_ranges = 0;
	arg->cached_pages = 0;
	arg->sealed_pages = 0;
	arg->shared_pages = 0;
	arg->pinned_pages = 0;
	for (n = 0; page < pages && page >> shift <= U32_MAX; n++) {
		if (fatal_signal_pending(current))
			return -EINTR;
		if (n == STAT_BLOCKS) {
			arg->start_page = page;
			goto out;
		}
		if (walk_block(&w, obj, page >> shift, m, page & ((1u << shift) - 1)))
			goto out;
		page = ((page >> shift) + 1) << shift;
		cond_resched();
	}
	arg->start_page = U64_MAX;
out:
	emit(&w);
	return w.fault ? -EFAULT : 0;
}

/**
 * cachet_object_stat - CACHET_IOC_OBJECT_STAT
 * @arg: in and out
 *
 * Return: 0; -EBADF; -ENXIO, -ENODATA: see the structure; -EFAULT, -EINTR, -ENOMEM.
 */
int cachet_object_stat(struct cachet_object_stat *arg)
{
	struct netfs_cache_resources cres = {};
	struct cachet_obj *obj;
	struct cachet_map *m;
	struct file *file;
	int ret;

	if (!arg->nr_ranges || arg->block_bytes || arg->reserved)
		return -EINVAL;
	file = fget(arg->fd);
	if (!file)
		return -EBADF;
	ret = cachet_netfs_begin(file, &cres, &obj);
	if (ret)
		goto out_file;
	ret = -ENOMEM;
	m = kmalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		goto out_end;
	memcpy(arg->tag, obj->cache->super.tag, sizeof(arg->tag));
	memcpy(arg->fingerprint, obj->fp, sizeof(arg->fingerprint));
	arg->size = obj->size;
	arg->block_bytes = 1u << obj->block_shift;
	arg->volume_id = obj->volume_id;
	arg->flags = READ_ONCE(obj->flags) & CACHET_OBJ_PINNED ? CACHET_STAT_PINNED : 0;
	ret = walk(obj, arg, m);
	kfree(m);
out_end:
	cachet_netfs_end(&cres);
out_file:
	fput(file);
	return ret;
}

/**
 * cachet_object_set_block - set the block size of one file, and empty it
 * @tag: of the cache that it must be in, or NULL
 * @fd: open network file
 * @shift: log2 of the size, 0: the volume's
 *
 * The map of a file is made of its blocks: another size makes it void.
 *
 * Return: 0; as for cachet_object_stat(); -EXDEV: it is in another cache;
 * -EINVAL: too large for the cache's segments.
 */
int cachet_object_set_block(const char *tag, int fd, u8 shift)
{
	struct netfs_cache_resources cres = {};
	struct cachet_obj *obj;
	struct file *file;
	int ret;

	file = fget(fd);
	if (!file)
		return -EBADF;
	ret = cachet_netfs_begin(file, &cres, &obj);
	if (ret)
		goto out;
	if (tag && strcmp(tag, obj->cache->super.tag))
		ret = -EXDEV;
	else if (shift && shift + 2 > obj->cache->geo.segment_shift)
		ret = -EINVAL;
	else
		ret = cachet_object_rebuild(obj, shift);
	cachet_netfs_end(&cres);
out:
	fput(file);
	return ret;
}
