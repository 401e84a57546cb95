// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-summary.c - the summaries of the log, and what the index gets back from them
 *
 * A summary says for which block of which object a run of pages was written, and
 * in the case of a block that was sealed when it was written, its digest.
 *
 * Only places of digests (CONTENT records) are brought back, after the bytes have
 * been read and have that digest: bytes that have a digest have it whoever wrote
 * them. An object's head can't be: the summary knows neither its generation nor
 * its coherency data nor its size. Nor can the map of a block (EXTENT records),
 * even if there is a head: an entry does not say of which generation of the
 * object it is, nor does the log say what was cut, overwritten or forgotten since.
 * A right digest would only prove that these bytes were right once.
 *
 * Nothing is evicted for what is brought back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <asm/byteorder.h>

#include "check.h"

/* The summary of a segment, in memory. */
struct summary {
	u8	*bytes;		/* The last pages of the segment */
	size_t	len;
	u32	nr;		/* Entries */
};

static u64 segment_end(const struct check *ck, u32 segment)
{
	return (u64)(segment + 1) << ck->image.super.geo.segment_shift;
}

static void entry_get(const struct summary *s, u32 k, struct cachet_summary_entry *ret)
{
	memcpy(ret, s->bytes + s->len - (size_t)(k + 2) * sizeof(*ret), sizeof(*ret));
}

/*
 * That of `segment`, if it is good as one of a cache whose seed that is, of segment `nr`
 * of that generation. -EBADMSG: it is not; -errno. To be freed by the caller.
 */
static int summary_read_as(const struct check *ck, u32 segment, u32 seed, u32 nr,
			   u64 generation, struct summary *ret)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	u64 footer = cachet_summary_pos(geo, segment, 0);
	struct summary s = {};
	u32 pages = 1;
	int err;

	for (;;) {
		s.len = (size_t)pages * CACHET_PAGE_BYTES;
		free(s.bytes);
		s.bytes = malloc(s.len);
		if (!s.bytes)
			return -ENOMEM;
		err = cachet_image_read(&ck->image, CACHET_FILE_DATA, s.bytes, s.len,
				       segment_end(ck, segment) - s.len);
		if (!err)
			err = cachet_summary_check(s.bytes, (u32)s.len, seed, footer, nr,
						   generation, &s.nr);
		if (err != -EMSGSIZE)
			break;
		err = -EBADMSG;
		if (cachet_summary_pages(s.nr) <= pages ||
		    cachet_summary_pages(s.nr) >= cachet_segment_pages(geo))
			break;
		pages = cachet_summary_pages(s.nr);
	}
	if (err) {
		free(s.bytes);
		/* A device that can't read it is as good as one that has lost it */
		return check_unreadable(err) ? -EBADMSG : err;
	}
	*ret = s;
	return 0;
}

static int summary_read(const struct check *ck, u32 segment, struct summary *ret)
{
	return summary_read_as(ck, segment, ck->image.seed, segment, ck->seg[segment].generation,
			       ret);
}

/* ---- whose is the file? ------------------------------------------------- */

/* Good by what it says itself, that is; false: none, or none that can be read. */
static int owner_read(const struct check *ck, u32 segment, bool *ret_good,
		      u8 ret_uuid[CACHET_UUID_BYTES])
{
	struct cachet_summary_footer f;
	struct summary s;
	int err;

	*ret_good = false;
	err = cachet_image_read(&ck->image, CACHET_FILE_DATA, &f, sizeof(f),
				cachet_summary_pos(&ck->image.super.geo, segment, 0));
	if (err && !check_unreadable(err))
		return err;
	if (err || le32_to_cpu(f.magic) != CACHET_SUMMARY_MAGIC)
		return 0;
	err = summary_read_as(ck, segment, cachet_crc_seed(f.uuid), le32_to_cpu(f.segment),
			      le64_to_cpu(f.generation), &s);
	if (err)
		return err == -EBADMSG ? 0 : err;
	free(s.bytes);
	memcpy(ret_uuid, f.uuid, sizeof(f.uuid));
	*ret_good = true;
	return 0;
}

int check_owners(struct check *ck, u32 *ret_ours, u32 *ret_others)
{
	u32 nr = ck->image.super.geo.nr_segments, ours = 0, others = 0, i;
	u8 uuid[CACHET_UUID_BYTES];
	bool good;
	int err;

	for (i = 0; i < nr; i++) {
		err = owner_read(ck, i, &good, uuid);
		if (!err && good && !memcmp(uuid, ck->image.super.uuid, sizeof(uuid)))
			ours++;
		else if (!err && good)
			others++;
		if (!err)
			err = check_step(ck, "Owners", i, nr);
		if (err)
			return err;
	}
	*ret_ours = ours;
	*ret_others = others;
	return 0;
}

/* ---- is it right? ------------------------------------------------------- */

static const char *entry_problem(const struct check *ck, u32 segment, u32 room,
				 const struct cachet_summary_entry *e, u8 *taken)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	u32 page = le32_to_cpu(e->page), len = le16_to_cpu(e->len);
	u32 at = page & (cachet_segment_pages(geo) - 1), i;

	if (e->flags & ~(CACHET_REC_SEALED | CACHET_REC_LOCAL))
		return "an entry with unknown flags";
	if (e->block_shift < CACHET_MIN_BLOCK_SHIFT || e->block_shift > CACHET_MAX_BLOCK_SHIFT ||
	    !len || le16_to_cpu(e->off) + len > 1u << (e->block_shift - CACHET_PAGE_SHIFT))
		return "an entry of no block";
	if (cachet_segment_of(geo, page) != segment || at + len > room)
		return "an entry of pages elsewhere";
	for (i = at; i < at + len; i++) {
		if (taken[i / 8] & 1 << i % 8)
			return "an entry of pages that another one has";
		taken[i / 8] |= (u8)(1 << i % 8);
	}
	return NULL;
}

static int entries_check(struct check *ck, u32 segment, const struct summary *s,
			 const char **ret_problem)
{
	u32 pages = cachet_segment_pages(&ck->image.super.geo), k;
	u32 room = pages - cachet_summary_pages(s->nr);
	struct cachet_summary_entry e;
	u8 *taken = calloc(pages / 8 + 1, 1);

	if (!taken)
		return -ENOMEM;
	for (k = 0; k < s->nr && !*ret_problem; k++) {
		entry_get(s, k, &e);
		*ret_problem = entry_problem(ck, segment, room, &e, taken);
	}
	free(taken);
	return 0;
}

/* So that nobody looks for it again. The record keeps all else that it says. */
static int forget_summary(struct check *ck, u32 segment)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	u64 pos = cachet_segment_pos(geo, segment);
	struct cachet_segment_info info;
	struct cachet_segment rec;
	int err;

	err = check_repair_begin(ck);
	if (err || !ck->c->repair)
		return err;
	err = cachet_image_read(&ck->image, CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
	if (!err)
		err = cachet_segment_decode(&rec, ck->image.seed, pos, geo, &info);
	if (err)
		return err;
	info.flags &= (u16)~CACHET_SEGMENT_SUMMARY;
	info.epoch = check_repair_epoch(ck);
	cachet_segment_encode(&rec, ck->image.seed, pos, &info);
	return check_write(ck, &rec, sizeof(rec), pos);
}

static int summary_check(struct check *ck, u32 segment)
{
	struct check_segment *seg = &ck->seg[segment];
	const char *problem = NULL;
	struct summary s;
	int err;

	err = summary_read(ck, segment, &s);
	if (err && err != -EBADMSG)
		return err;
	if (err) {
		problem = "wrong checksum, or not there";
		err = 0;
	} else {
		err = entries_check(ck, segment, &s, &problem);
		if (!err && !problem) {
			seg->room = cachet_segment_pages(&ck->image.super.geo) -
				cachet_summary_pages(s.nr);
			ck->c->counts.summaries++;
			ck->c->counts.summary_entries += s.nr;
		}
		free(s.bytes);
	}
	if (err || !problem)
		return err;
	seg->summary = false;
	/* It may have been closed, or gone on with, as the crash came. */
	if (seg->crashed) {
		ck->c->counts.summaries_torn++;
		check_harmless(ck, CACHET_FILE_DATA, segment_end(ck, segment) - 64,
			       "summary of segment %u: %s; a crash may have cut it off",
			       segment, problem);
		return 0;
	}
	err = forget_summary(ck, segment);
	if (err)
		return err;
	check_error(ck, CACHET_FILE_DATA, segment_end(ck, segment) - 64, "marked as absent",
		    "summary of segment %u: %s", segment, problem);
	return 0;
}

int check_summaries(struct check *ck)
{
	u32 nr = ck->image.super.geo.nr_segments, i;
	int err = 0;

	for (i = 0; i < nr && !err; i++) {
		/* A free one has lost its summary with its generation. */
		if (ck->seg[i].state == CACHET_SEGMENT_FREE)
			ck->seg[i].summary = false;
		if (ck->seg[i].summary)
			err = summary_check(ck, i);
		if (!err)
			err = check_step(ck, "Summaries", i, nr);
	}
	return err;
}

/* ---- bringing back ------------------------------------------------------ */

static bool content_counts(const struct check *ck, const struct cachet_image_place *place)
{
	u32 i;

	/* Written by this repair, for another block with the same bytes */
	if (ck->begun && le64_to_cpu(place->rec.head.epoch) == check_repair_epoch(ck))
		return true;
	if (place->slot != CACHET_SLOT_TRUSTED)
		return false;
	for (i = 0; i < place->rec.head.nr; i++) {
		struct cachet_piece p;

		cachet_piece_decode(&place->rec.content.extent[i], &p);
		if (ck->seg[cachet_segment_of(&ck->image.super.geo, p.page)].generation !=
		    p.generation)
			return false;
	}
	return true;
}

/* The record that says where the bytes of an entry are; its pages become ck->map. */
static void content_make(struct check *ck, u32 segment, const struct cachet_summary_entry *e,
			 union cachet_any_record *ret)
{
	struct cachet_piece *p = &ck->map.piece[0];

	memset(ret, 0, sizeof(*ret));
	*p = (struct cachet_piece){
		.generation	= ck->seg[segment].generation,
		.page		= le32_to_cpu(e->page),
		.len		= le16_to_cpu(e->len),
	};
	ck->map.nr = 1;
	ck->map.flags = 0;
	ret->head.kind = CACHET_REC_CONTENT;
	ret->head.flags = CACHET_REC_SEALED;
	ret->head.nr = 1;
	memcpy(ret->head.fp, e->digest, CACHET_FP_BYTES);
	memcpy(ret->content.digest, e->digest, CACHET_DIGEST_BYTES);
	ret->content.pages = cpu_to_le32(p->len);
	cachet_piece_encode(&ret->content.extent[0], p);
}

static int entry_rebuild(struct check *ck, u32 segment, const struct cachet_summary_entry *e)
{
	struct cachet_image_place place;
	union cachet_any_record rec;
	u32 way;
	u64 pos;
	int err;

	if ((e->flags & (CACHET_REC_SEALED | CACHET_REC_LOCAL)) != CACHET_REC_SEALED || e->off)
		return 0;
	content_make(ck, segment, e, &rec);
	err = cachet_image_find(&ck->image, &rec, &place);
	if (err || (place.way < CACHET_WAYS && content_counts(ck, &place)))
		return err;
	ck->c->counts.contents_missing++;
	/* In the place of one that does not count, or where nothing is */
	way = place.way < CACHET_WAYS ? place.way : place.empty_way;
	if (!ck->c->repair || way == CACHET_WAYS || check_digest(ck, e->digest))
		return 0;
	err = check_repair_begin(ck);
	if (err)
		return err;
	pos = cachet_set_pos(&ck->image.super.geo, place.set) + way * CACHET_RECORD_BYTES;
	rec.head.epoch = cpu_to_le64(check_repair_epoch(ck));
	cachet_record_seal(rec.bytes, ck->image.seed, pos);
	err = check_write(ck, rec.bytes, sizeof(rec), pos);
	if (!err)
		ck->c->counts.contents_rebuilt++;
	return err;
}

static int segment_rebuild(struct check *ck, u32 segment)
{
	const char *problem = NULL;
	struct cachet_summary_entry e;
	struct summary s;
	u32 k;
	int err;

	err = summary_read(ck, segment, &s);
	/* It was good a while ago. Without it there is nothing to bring back. */
	if (err)
		return err == -EBADMSG ? 0 : err;
	err = entries_check(ck, segment, &s, &problem);
	for (k = 0; !err && !problem && k < s.nr; k++) {
		entry_get(&s, k, &e);
		err = entry_rebuild(ck, segment, &e);
		if (!err)
			err = check_step(ck, "Contents", segment, ck->image.super.geo.nr_segments);
	}
	free(s.bytes);
	return err;
}

int check_rebuild(struct check *ck)
{
	u32 nr = ck->image.super.geo.nr_segments, i;
	int err = 0;

	/* What a crash left in doubt is left to those who read it */
	for (i = 0; i < nr && !err; i++)
		if (ck->seg[i].summary && ck->seg[i].trusted)
			err = segment_rebuild(ck, i);
	return err;
}
