// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-ids.c - the id pages: are index and data the files of this super?
 *
 *   size -> what the page says -> what the rest of the file says -> written anew
 *
 * A page that names another cache is believed, and so is a size: the files were
 * exchanged or cut, and none of them is touched. A page that can't be read, or whose
 * crc fails, says nothing, and an attach refuses the file. It is written anew when the
 * rest of the file proves what the page would say:
 *
 *   index  The crc of each of its records begins with the cache's UUID: a record of
 *          another cache does not pass, so none of a wrong file would count. But all
 *          of them would be emptied. A file in which records of the segment table
 *          fail and none passes is not this cache's, or not worth to be kept.
 *   data   Sealed blocks are served without a look at their digest, and others have
 *          none: a wrong file would be served. Each summary names the cache, and
 *          nothing else ever stands in the last page of a segment. So one of this
 *          cache proves it, of whatever generation, and one of another disproves it.
 *
 * Without any summary there is nothing to tell by. That is so before the first segment
 * was closed: then the segment table is emptied first, durably, so that nothing
 * points into data. If the table knows of summaries, they should be there: it is
 * another file, or one that has lost everything, and left alone.
 */
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

/* What the segment table tells, of which a part may be unreadable. */
struct table {
	u32	passed;		/* Records with the right checksum */
	u32	failed;		/* Neither these, nor empty */
	u32	in_use;		/* Segments that something may point into */
	u32	summaries;	/* Of these, with one that no crash can have torn */
	bool	unreadable;	/* Some of it */
};

/* What is said of an id page that is no good. */
struct finding {
	enum cachet_id	id;
	char		more[80];	/* What speaks against the file */
	const char	*fix;		/* NULL: the page is not written */
	bool		drop;		/* The segment table first */
};

static u64 id_pos(const struct check *ck, enum cachet_file file)
{
	return file == CACHET_FILE_INDEX ? 0 : ck->image.super.geo.data_bytes - CACHET_PAGE_BYTES;
}

static bool is_mute(enum cachet_id id)
{
	return id == CACHET_ID_UNREADABLE || id == CACHET_ID_DAMAGED;
}

/* ---- what speaks for a file --------------------------------------------- */

static void table_add(const struct check *ck, u32 nr, const struct cachet_segment *rec,
		      struct table *t)
{
	struct cachet_segment_info info;
	enum cachet_slot slot = cachet_image_segment(&ck->image, nr, rec, &info);

	t->passed += slot > CACHET_SLOT_BAD;
	t->failed += slot == CACHET_SLOT_BAD;
	if (slot <= CACHET_SLOT_FUTURE || info.state == CACHET_SEGMENT_FREE)
		return;
	t->in_use++;
	t->summaries += slot == CACHET_SLOT_TRUSTED && (info.flags & CACHET_SEGMENT_SUMMARY) &&
		!check_segment_crashed(ck, &info);
}

static void table_read(const struct check *ck, struct table *ret)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	struct cachet_segment rec[CACHET_PAGE_BYTES / sizeof(struct cachet_segment)];
	const u32 batch = sizeof(rec) / sizeof(rec[0]);
	struct table t = {};
	u32 nr, i;

	for (nr = 0; nr < geo->nr_segments; nr += batch) {
		u32 n = geo->nr_segments - nr < batch ? geo->nr_segments - nr : batch;

		/* An attach takes such a page for empty */
		if (cachet_image_read(&ck->image, CACHET_FILE_INDEX, rec, n * sizeof(rec[0]),
				     cachet_segment_pos(geo, nr))) {
			t.unreadable = true;
			continue;
		}
		for (i = 0; i < n; i++)
			table_add(ck, nr + i, &rec[i], &t);
	}
	*ret = t;
}

static void index_judge(const struct table *t, struct finding *f)
{
	if (t->passed || !t->failed)
		f->fix = "written anew";
	else
		snprintf(f->more, sizeof(f->more),
			 ", and no record of its segment table is of this cache");
}

static int data_judge(struct check *ck, const struct table *t, struct finding *f)
{
	u32 ours, others;
	int err = check_owners(ck, &ours, &others);

	if (err)
		return err;
	if (others) {
		snprintf(f->more, sizeof(f->more), ", and %u summaries in it are of another cache",
			 others);
	} else if (!ours && t->summaries) {
		snprintf(f->more, sizeof(f->more),
			 ", and of %u summaries that index knows of none is in it", t->summaries);
	} else if (ours || !(t->passed || t->unreadable)) {
		f->fix = "written anew";
	} else {
		/* Free segments too: nothing should point into one, but this must be sure */
		f->fix = "written anew, the segment table emptied";
		f->drop = true;
		if (t->in_use || t->unreadable)
			snprintf(f->more, sizeof(f->more),
				 ", and no summary says whose it is: all that is in it is lost");
	}
	return 0;
}

/* ---- what is done about it ---------------------------------------------- */

static const alignas(CACHET_PAGE_BYTES) u8 zero_page[CACHET_PAGE_BYTES];

static int table_empty(struct check *ck)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	u64 pos;
	int err = 0;

	for (pos = cachet_segment_pos(geo, 0); !err && pos < cachet_volume_pos(geo, 0);
	     pos += sizeof(zero_page))
		err = check_write_page(ck, CACHET_FILE_INDEX, zero_page, pos);
	return err ?: check_flush(ck, CACHET_FILE_INDEX);
}

static int id_write(struct check *ck, enum cachet_file file)
{
	union {
		alignas(CACHET_PAGE_BYTES) u8 page[CACHET_PAGE_BYTES];
		struct cachet_file_id id;
	} u = {};
	u64 pos = id_pos(ck, file);
	int err;

	cachet_file_id_encode(&u.id, file == CACHET_FILE_INDEX ? CACHET_INDEX_MAGIC :
			      CACHET_DATA_MAGIC, ck->image.super.uuid, pos);
	err = check_write_page(ck, file, &u, pos);
	return err ?: check_flush(ck, file);
}

/* An attach takes the file from this moment on: what must not count is gone by then. */
static int mend(struct check *ck, const struct finding *findings)
{
	int err = 0, i;

	if (findings[CACHET_FILE_DATA].drop)
		err = table_empty(ck);
	for (i = CACHET_FILE_INDEX; i <= CACHET_FILE_DATA && !err; i++)
		if (findings[i].fix)
			err = id_write(ck, (enum cachet_file)i);
	return err;
}

static void tell(struct check *ck, enum cachet_file file, const struct finding *f, bool hopeless)
{
	u64 pos = id_pos(ck, file);
	const char *text = cachet_id_texts[f->id];

	if (is_mute(f->id))
		check_error(ck, file, pos, hopeless ? NULL : f->fix,
			    "the %s%s: no attach takes the file", text, f->more);
	else
		check_error(ck, file, pos, NULL, "the file is %s: no attach takes it", text);
}

int check_ids(struct check *ck)
{
	struct finding findings[CACHET_FILE_NR] = {};
	bool found = false, mute = false, hopeless = ck->c->hopeless;
	struct table t;
	int err = 0, i;

	for (i = CACHET_FILE_INDEX; i <= CACHET_FILE_DATA; i++) {
		findings[i].id = ck->image.id[i];
		found |= findings[i].id != CACHET_ID_GOOD;
		mute |= is_mute(findings[i].id);
	}
	if (!found)
		return 0;
	if (mute)
		table_read(ck, &t);
	if (is_mute(findings[CACHET_FILE_INDEX].id))
		index_judge(&t, &findings[CACHET_FILE_INDEX]);
	if (is_mute(findings[CACHET_FILE_DATA].id))
		err = data_judge(ck, &t, &findings[CACHET_FILE_DATA]);
	if (err)
		return err;
	/* Nothing in there can be used: not even what could be written anew is */
	for (i = CACHET_FILE_INDEX; i <= CACHET_FILE_DATA; i++)
		hopeless |= findings[i].id != CACHET_ID_GOOD && !findings[i].fix;
	if (!hopeless && ck->c->repair)
		err = mend(ck, findings);
	for (i = CACHET_FILE_INDEX; i <= CACHET_FILE_DATA && !err; i++)
		if (findings[i].id != CACHET_ID_GOOD)
			tell(ck, (enum cachet_file)i, &findings[i], hopeless);
	return err;
}
