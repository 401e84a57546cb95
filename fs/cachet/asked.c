// SPDX-License-Identifier: GPL-2.0-only
/*
 * asked.c - the pages that were asked from the server, and not copied to the cache yet
 *
 * What SMB, 9p and AFS read stays in the page cache, marked, and is copied to the
 * cache when it is written back: seconds later, by an operation that does not know
 * when it was read. If the file is invalidated in between, the network filesystem
 * drops these pages too; but not one that is dirty, which marked ones are, when it
 * goes by invalidate_inode_pages2(): a readahead that ends at the wrong moment
 * leaves some (seen with the server's copy_file_range() of SMB). So a page that was
 * read is kept only if it was asked for since the object was last emptied.
 *
 *   absent: the server is asked -> noted, with the object's seq
 *   a page that was read is written back -> taken: not noted, or with another seq?
 *                                           then it is not kept
 *
 * An entry stands for 32 pages. Its seq makes emptying cost nothing.
 */
#include <linux/bits.h>
#include "internal.h"

enum { GROUP_SHIFT = 5, GROUP_PAGES = 1 << GROUP_SHIFT };

/* 31 bits of seq, and one for each page. */
static void *make_entry(unsigned int seq, u32 pages)
{
	return xa_mk_value((unsigned long)(seq & INT_MAX) << GROUP_PAGES | pages);
}

static u32 entry_pages(const void *entry, unsigned int seq)
{
	unsigned long v;

	if (!xa_is_value(entry))
		return 0;
	v = xa_to_value(entry);
	return v >> GROUP_PAGES == (seq & INT_MAX) ? (u32)v : 0;
}

/* The part of a range in the first group that it touches. */
static u32 first_group(u64 page, u64 nr, u32 *ret_nr)
{
	u32 at = page & (GROUP_PAGES - 1);

	*ret_nr = min_t(u64, nr, GROUP_PAGES - at);
	return GENMASK(at + *ret_nr - 1, at);
}

/**
 * cachet_asked_init - a new object
 * @obj: object
 */
void cachet_asked_init(struct cachet_obj *obj)
{
	xa_init(&obj->asked);
}

/**
 * cachet_asked_free - an object is freed
 * @obj: object
 */
void cachet_asked_free(struct cachet_obj *obj)
{
	xa_destroy(&obj->asked);
}

/**
 * cachet_asked_note - pages are about to be asked from the server
 * @obj: object
 * @seq: obj->seq, from before they are
 * @page: first, in the file
 * @nr: how many
 *
 * May sleep. Without memory they are not noted, and so not kept.
 */
void cachet_asked_note(struct cachet_obj *obj, unsigned int seq, u64 page, u64 nr)
{
	u32 n, pages;

	for (; nr; page += n, nr -= n) {
		unsigned long group = page >> GROUP_SHIFT;

		pages = first_group(page, nr, &n);
		xa_lock(&obj->asked);
		/* Lets go of the lock for memory: notes of others may be lost, to no harm. */
		pages |= entry_pages(xa_load(&obj->asked, group), seq);
		__xa_store(&obj->asked, group, make_entry(seq, pages), GFP_NOFS);
		xa_unlock(&obj->asked);
	}
}

/**
 * cachet_asked_take - pages that were read are about to be kept
 * @obj: object
 * @seq: obj->seq when the operation that brings them began
 * @page: first, in the file
 * @nr: how many
 *
 * May be called with the object in any state. Return: how many of them, from the first one
 * on, were asked for since the object had that seq; none of them is noted any more.
 */
u64 cachet_asked_take(struct cachet_obj *obj, unsigned int seq, u64 page, u64 nr)
{
	u32 n, pages, noted, missing = 0;
	u64 ret = 0;

	for (; nr; page += n, nr -= n) {
		unsigned long group = page >> GROUP_SHIFT;

		pages = first_group(page, nr, &n);
		xa_lock(&obj->asked);
		noted = entry_pages(xa_load(&obj->asked, group), seq);
		if (!missing) {
			missing = pages & ~noted;
			ret += missing ? __ffs(missing) - (page & (GROUP_PAGES - 1)) : n;
		}
		noted &= ~pages;
		/* Replaces an entry, or removes it: needs no memory. */
		if (noted)
			__xa_store(&obj->asked, group, make_entry(seq, noted), GFP_NOWAIT);
		else
			__xa_erase(&obj->asked, group);
		xa_unlock(&obj->asked);
	}
	return ret;
}
