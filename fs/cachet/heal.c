// SPDX-License-Identifier: GPL-2.0-only
/*
 * heal.c - a place that the device can't read costs what was there, not the cache
 *
 *   in data    -> the block is dropped -> the next read is a miss, and the server's
 *                 bytes go elsewhere in the log
 *   in index   -> the page is written anew, without records: a drive puts it elsewhere
 *   in super   -> there are two copies
 *   too many   -> the one door: cachet_io_error()
 *
 * A drive tells its bad sectors with the errors of a read. Of a write it tells none
 * that it could mend itself, so a write that fails is for the door at once, as is
 * whatever says that the filesystem or the whole device is gone.
 */
#include "internal.h"
#include "trace.h"

static bool about_a_place(int err)
{
	return err == -EIO || err == -ENODATA || err == -EILSEQ;
}

enum verdict { KNOWN, NEW, TOO_MANY };

/* Each place counts once, for an hour from the first of them on. */
static enum verdict judge(struct cachet_cache *cache, u64 place)
{
	enum verdict ret = KNOWN;
	unsigned int i;

	spin_lock(&cache->door_lock);
	if (!cache->nr_media || time_after(jiffies, cache->media_since + CACHET_MEDIA_JIFFIES)) {
		cache->nr_media = 0;
		cache->media_since = jiffies;
	}
	for (i = 0; i < cache->nr_media && cache->media[i] != place; i++)
		;
	if (i == CACHET_MEDIA_PLACES) {
		ret = TOO_MANY;
	} else if (i == cache->nr_media) {
		cache->media[cache->nr_media++] = place;
		ret = NEW;
	}
	spin_unlock(&cache->door_lock);
	return ret;
}

static const char *const names[] = { "data", "index", "super" };

/**
 * cachet_media_error - a read of the cache's files failed
 * @cache: cache
 * @site: where
 * @pos: what was to be read, a byte offset in that file
 * @err: -errno
 *
 * Process context. Counted, told (each place once), and if it says more than that
 * this place is bad, the cache goes out of service.
 *
 * Return: true: it goes on, and the caller drops what was there; false: it is out.
 */
bool cachet_media_error(struct cachet_cache *cache, enum cachet_io_site site, u64 pos, int err)
{
	unsigned int file = site == CACHET_IO_INDEX_READ ? 1 : site == CACHET_IO_SUPER_READ ? 2 : 0;
	enum verdict verdict = TOO_MANY;

	/* Pages of index are dropped whole, whatever was to be read of them. */
	if (file == 1)
		pos = round_down(pos, CACHET_PAGE_BYTES);
	if (!cachet_cache_out(cache) && about_a_place(err))
		verdict = judge(cache, pos << 2 | file);
	if (verdict == TOO_MANY) {
		cachet_io_error(cache, site, err);
		return false;
	}
	cachet_count(cache, io_errors);
	trace_cachet_io_error(cache, site, err);
	if (verdict == KNOWN)
		return true;
	cachet_count(cache, media_errors);
	cachet_event(cache, CACHET_EVENT_UNREADABLE, pos, file);
	pr_warn_ratelimited("%s: %s can't be read near byte %llu (%d): the cache does without what was there\n",
			    cache->super.tag, names[file], pos, err);
	return true;
}

/**
 * cachet_damaged - count, tell and log that a record can't be believed
 * @cache: cache, attached or being so
 * @file: which of its files; of data: a summary
 * @pos: byte offset of the record in that file
 * @why: what is wrong with it, in a few words
 *
 * Any context but hard interrupts. It is taken for none.
 */
void cachet_damaged(struct cachet_cache *cache, enum cachet_in_file file, u64 pos,
		    const char *why)
{
	cachet_count(cache, records_bad);
	trace_cachet_record_bad(cache, pos, why);
	cachet_event(cache, CACHET_EVENT_DAMAGED, pos, file);
	pr_warn_ratelimited("%s: a record at byte %llu of %s is damaged, and ignored: %s\n",
			    cache->super.tag, pos, names[file], why);
}

/**
 * cachet_heal_index - write a page of index anew, that could not be read
 * @cache: cache
 * @page: CACHET_SET_BYTES: what it becomes
 * @pos: byte offset, a multiple of the page size
 *
 * May sleep, under the lock of whoever changes that page. Nothing of it is left to
 * be read back: what is not there is absent, as after an eviction.
 *
 * Return: 0 or -errno.
 */
int cachet_heal_index(struct cachet_cache *cache, const void *page, u64 pos)
{
	int ret = cachet_io_write(cache, cache->index_file, page, CACHET_SET_BYTES, pos,
				  CACHET_IO_INDEX_WRITE);

	if (!ret)
		cachet_commit_soon(cache);
	return ret;
}

static bool overlap(const struct cachet_piece *a, const struct cachet_piece *b)
{
	return a->generation == b->generation && a->page < b->page + b->len &&
		b->page < a->page + a->len;
}

/**
 * cachet_heal_drop - make a block absent whose stored bytes are no good
 * @obj: object, under its lock
 * @block: number of the block in the file
 * @m: its map as it was loaded
 *
 * May sleep. Nor may who brings the good bytes find the bad ones by their digest; if
 * good ones were brought already, these stay.
 */
void cachet_heal_drop(struct cachet_obj *obj, u32 block, const struct cachet_map *m)
{
	struct cachet_key content = { .kind = CACHET_REC_CONTENT, .fp = m->digest };
	struct cachet_piece found[CACHET_SEALED_EXTENTS];
	unsigned int i, j, nr;

	cachet_map_forget(obj, block);
	if (!(m->flags & CACHET_REC_SEALED))
		return;
	nr = cachet_content_find(obj->cache, m->digest, cachet_map_pages(m), found);
	for (i = 0; i < nr; i++) {
		for (j = 0; j < m->nr; j++) {
			if (!overlap(&found[i], &m->piece[j]))
				continue;
			cachet_index_drop(obj->cache, &content);
			return;
		}
	}
}

/* Can it be read by itself? An error may have been that of another read beside it. */
static bool readable(struct cachet_cache *cache, const struct cachet_piece *p)
{
	size_t bytes = (size_t)p->len << CACHET_PAGE_SHIFT;
	unsigned int nofs = memalloc_nofs_save();
	void *buf = kvmalloc(bytes, CACHET_GFP);
	bool ret = true;

	memalloc_nofs_restore(nofs);
	if (buf)
		ret = cachet_io_direct(cache, cache->data_file, buf, bytes,
				       (u64)p->page << CACHET_PAGE_SHIFT, false,
				       CACHET_IO_DATA_READ) != -ENODATA;
	kvfree(buf);
	return ret;
}

/**
 * cachet_heal_read - an asynchronous read of a piece of a block failed
 * @obj: object with a reference
 * @block: number of the block in the file
 * @p: what was read of it; its segment is held
 *
 * May sleep; takes the object's lock. The device joins reads that lie side by side,
 * and all of them fail for the bad sector of one: it is tried again, alone.
 */
void cachet_heal_read(struct cachet_obj *obj, u32 block, const struct cachet_piece *p)
{
	if (!readable(obj->cache, p))
		cachet_heal_block(obj, block, p);
}

/**
 * cachet_heal_block - a piece of a block can't be read
 * @obj: object with a reference
 * @block: number of the block in the file
 * @bad: piece, or a part of it
 *
 * May sleep; takes the object's lock. If the block lies elsewhere by now, it stays.
 */
void cachet_heal_block(struct cachet_obj *obj, u32 block, const struct cachet_piece *bad)
{
	struct cachet_map *m = kmalloc(sizeof(*m), GFP_NOFS);
	const struct cachet_piece *p;

	if (!m)		/* The next read of it tries again */
		return;
	mutex_lock(&obj->lock);
	if (!(obj->flags & CACHET_OBJ_DEAD) && cachet_map_load(obj, block, m) >= 0) {
		for (p = m->piece; p < m->piece + m->nr; p++) {
			if (!overlap(p, bad))
				continue;
			cachet_heal_drop(obj, block, m);
			break;
		}
	}
	mutex_unlock(&obj->lock);
	kfree(m);
}
