// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-records.c - the tag store, a set at a time
 *
 * A record is wrong if it fails its own checks, stands in a set where nobody
 * looks for it, stands there twice, is of a time that never was, or points where
 * nothing can have been put. It is void if it was right once. What is left
 * counts, or is what a crash left in doubt; the rules are those of "Trust" in
 * Documentation/format.rst, which fs/cachet/map.c and object.c follow.
 *
 * A wrong record is emptied by a repair; of a head that is only wrong about the first block,
 * that. Of two with the same key both are: nobody knows which is the younger.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <asm/byteorder.h>

#include "check.h"

/* What becomes of a record that is not wrong. */
enum fate {
	FATE_COUNTS,
	FATE_VOID,
	FATE_VERIFY,	/* Served only after its digest was compared */
	FATE_DROP,	/* A crash or an unfinished write left it */
};

#define MAX_UNREADABLE	64u	/* Blocks that a repair drops, as fs/cachet does before it gives up */

/* Where a piece points. */
enum piece_worth {
	PIECE_COUNTS,
	PIECE_STALE,	/* Into what was reused */
	PIECE_LOST,	/* Into a segment that a crash found free on disk */
};

static u64 record_pos(const struct check *ck, u32 set, u32 way)
{
	return cachet_set_pos(&ck->image.super.geo, set) + way * CACHET_RECORD_BYTES;
}

static const char *kind_name(const union cachet_any_record *rec)
{
	switch ((enum cachet_record_kind)rec->head.kind) {
	case CACHET_REC_OBJECT:
		return "object";
	case CACHET_REC_EXTENT:
		return "extent";
	case CACHET_REC_CONTENT:
		return "content";
	case CACHET_REC_EMPTY:
		break;
	}
	return "record";
}

/* ---- pieces ------------------------------------------------------------- */

/* The extents of a record become ck->map; false: they overlap. */
static bool map_of(struct check *ck, const union cachet_any_record *rec)
{
	struct cachet_map *m = &ck->map;
	const struct cachet_extent *e;

	m->flags = 0;
	m->nr = 0;
	if (rec->head.kind == CACHET_REC_EXTENT)
		return !cachet_map_decode_part(m, &rec->extents);
	e = rec->head.kind == CACHET_REC_OBJECT ? &rec->object.extent : rec->content.extent;
	for (; m->nr < rec->head.nr; m->nr++)
		cachet_piece_decode(&e[m->nr], &m->piece[m->nr]);
	return true;	/* cachet_record_check() has looked at the extents of these */
}

/* Do the pieces cover the block from page 0 on, as those of a sealed one must? */
static bool map_is_whole(const struct cachet_map *m)
{
	u32 pages = cachet_map_pages(m), off = 0;
	const struct cachet_piece *p;

	while (off < pages) {
		p = cachet_map_find(m, off);
		if (!p || p->off != off)
			return false;
		off += p->len;
	}
	return true;
}

/*
 * What is wrong with where a piece points, or NULL; *ret_worth: how much it counts then.
 * @stays: a record says so that is trusted.
 */
static const char *piece_problem(const struct check *ck, const struct cachet_piece *p,
				 bool trusted, bool stays, enum piece_worth *ret_worth)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	const struct check_segment *seg = &ck->seg[cachet_segment_of(geo, p->page)];
	u32 end = (p->page & (cachet_segment_pages(geo) - 1)) + p->len;

	if (p->generation > ck->last_epoch)
		return "points into a segment generation that never was";
	if (seg->generation != p->generation) {
		*ret_worth = seg->lost == p->generation ? PIECE_LOST : PIECE_STALE;
		return NULL;
	}
	*ret_worth = PIECE_COUNTS;
	/* It would come to point at what is written there next. */
	if (seg->state == CACHET_SEGMENT_FREE)
		return "points into a free segment";
	if (end > seg->room)
		return "points into the summary of a segment";
	/* After a crash what was verified may lie behind what the table says is used. */
	if (trusted && !seg->crashed && end > seg->used)
		return "points behind what was written of a segment";
	if (stays && !seg->pinned)
		return "pinned, and points into a segment that is not";
	return NULL;
}

int check_digest(struct check *ck, const u8 digest[CACHET_DIGEST_BYTES])
{
	size_t bytes = (size_t)cachet_map_pages(&ck->map) * CACHET_PAGE_BYTES;
	u8 found[CACHET_DIGEST_BYTES];
	unsigned int i;
	int err;

	for (i = 0; i < ck->map.nr; i++) {
		const struct cachet_piece *p = &ck->map.piece[i];
		size_t len = (size_t)p->len * CACHET_PAGE_BYTES;
		u64 pos = (u64)p->page * CACHET_PAGE_BYTES;

		err = cachet_image_read(&ck->image, CACHET_FILE_DATA,
					ck->bytes + (size_t)p->off * CACHET_PAGE_BYTES, len, pos);
		if (err)
			return err;
		/* Nobody wants it in memory, and the next who reads it wants the device's */
		posix_fadvise(ck->image.fd[CACHET_FILE_DATA], (off_t)pos, (off_t)len,
			      POSIX_FADV_DONTNEED);
	}
	cachet_digest(ck->bytes, bytes, found);
	ck->c->counts.digests++;
	ck->c->counts.digest_bytes += bytes;
	return memcmp(found, digest, sizeof(found)) ? -EBADMSG : 0;
}

static const u8 *digest_of(const union cachet_any_record *rec)
{
	switch ((enum cachet_record_kind)rec->head.kind) {
	case CACHET_REC_OBJECT:
		return rec->object.digest;
	case CACHET_REC_EXTENT:
		return rec->extents.digest;
	case CACHET_REC_CONTENT:
		return rec->content.digest;
	case CACHET_REC_EMPTY:
		break;
	}
	return NULL;
}

/* ---- what a record is worth --------------------------------------------- */

/* A head that a crash left in doubt, but for what it says of the file as a whole. */
static bool head_stays(const struct check *ck, const struct cachet_object *head,
		       enum cachet_slot slot)
{
	if (slot != CACHET_SLOT_SUSPECT)
		return false;
	if (head->rec.flags & CACHET_REC_STABLE)
		return true;
	return (head->rec.flags & CACHET_REC_REPEATS) &&
		cachet_image_slot_of_epoch(&ck->image, le64_to_cpu(head->rec.epoch) - 1) ==
		CACHET_SLOT_TRUSTED;
}

static enum fate fate_of_object(const struct check *ck, const union cachet_any_record *rec,
				enum cachet_slot slot)
{
	if (rec->head.flags & CACHET_REC_LOCAL)
		return FATE_DROP;
	if (slot == CACHET_SLOT_TRUSTED)
		return FATE_COUNTS;
	if (!rec->head.nr && head_stays(ck, &rec->object, slot))
		return FATE_COUNTS;
	return rec->head.nr && (rec->head.flags & CACHET_REC_SEALED) ? FATE_VERIFY : FATE_DROP;
}

/* By its head. A head of another generation, or none: it is void. */
static int fate_of_extents(struct check *ck, const union cachet_any_record *rec,
			   enum cachet_slot slot, enum fate *ret_fate, const char **ret_problem)
{
	union cachet_any_record key = { .head.kind = CACHET_REC_OBJECT };
	const struct cachet_object *head;
	struct cachet_image_place place;
	unsigned int i;
	int err;

	memcpy(key.head.fp, rec->head.fp, sizeof(key.head.fp));
	err = cachet_image_find(&ck->image, &key, &place);
	if (err)
		return err;
	head = &place.rec.object;
	*ret_fate = FATE_VOID;
	if (place.way == CACHET_WAYS || place.slot == CACHET_SLOT_FUTURE ||
	    head->generation != rec->extents.generation ||
	    (!rec->extents.block && head->rec.nr))
		return 0;
	for (i = 0; i < ck->map.nr; i++)
		if (ck->map.piece[i].off + ck->map.piece[i].len >
		    1u << (head->block_shift - CACHET_PAGE_SHIFT))
			*ret_problem = "reaches beyond its block";
	if ((place.slot != CACHET_SLOT_TRUSTED && !head_stays(ck, head, place.slot)) ||
	    (head->rec.flags & CACHET_REC_LOCAL))
		*ret_fate = FATE_DROP;
	else if ((rec->head.flags & CACHET_REC_LOCAL) &&
		 (slot != CACHET_SLOT_TRUSTED ||
		  le32_to_cpu(rec->extents.session) > le32_to_cpu(head->acked)))
		*ret_fate = FATE_DROP;
	else if (slot == CACHET_SLOT_TRUSTED)
		*ret_fate = FATE_COUNTS;
	else
		*ret_fate = rec->head.flags & CACHET_REC_SEALED ? FATE_VERIFY : FATE_DROP;
	return 0;
}

static void count(struct check *ck, const union cachet_any_record *rec, enum cachet_slot slot,
		  enum fate fate, u64 bytes)
{
	struct cachet_check_counts *n = &ck->c->counts;
	bool object = rec->head.kind == CACHET_REC_OBJECT;

	if (object && fate != FATE_COUNTS && head_stays(ck, &rec->object, slot)) {
		n->objects++;
		object = false;
	}
	if (fate == FATE_VOID) {
		n->void_records++;
	} else if (rec->head.kind == CACHET_REC_CONTENT) {
		n->contents += fate == FATE_COUNTS;
		n->drop_contents += fate != FATE_COUNTS;
	} else if (fate == FATE_COUNTS) {
		n->objects += object;
		n->blocks += !object || bytes;
		n->block_bytes += bytes;
	} else if (fate == FATE_VERIFY) {
		n->objects += object;
		n->verify_blocks++;
		n->verify_bytes += bytes;
	} else {
		n->drop_objects += object;
		n->drop_blocks += !object || bytes;
		n->drop_bytes += bytes;
	}
}

static const char *fate_text(enum fate fate)
{
	switch (fate) {
	case FATE_COUNTS:
		return "counts";
	case FATE_VOID:
		return "void: its segment was reused, or its file emptied or evicted";
	case FATE_VERIFY:
		return "in doubt after a crash: verified before it is served";
	case FATE_DROP:
		return "left by a crash or an unfinished write: will be dropped";
	}
	return "?";
}

/* ---- a record ----------------------------------------------------------- */

static const char *own_problem(struct check *ck, u32 set, u32 way)
{
	const union cachet_any_record *rec = &ck->set[way];
	u64 made = 0;

	if (ck->slot[way] == CACHET_SLOT_BAD)
		return ck->slot_why[way];
	if (ck->slot[way] == CACHET_SLOT_FUTURE)
		return "of an epoch that never was";
	if (cachet_image_set_of(&ck->image, rec) != set)
		return "in a set where nobody looks for it";
	if (rec->head.kind == CACHET_REC_OBJECT)
		made = le64_to_cpu(rec->object.generation) >> 24;
	else if (rec->head.kind == CACHET_REC_EXTENT)
		made = le64_to_cpu(rec->extents.generation) >> 24;
	if (made > ck->last_epoch)
		return "of an object generation that never was";
	if (!map_of(ck, rec))
		return "its extents overlap";
	if ((rec->head.flags & CACHET_REC_SEALED) && !map_is_whole(&ck->map))
		return "sealed, but its extents leave a gap";
	return NULL;
}

/*
 * A crash in the middle of a set's write may leave a record where it was and where
 * it went. Then one of them is not trusted, or the generations tell them apart.
 */
static bool is_twice(const struct check *ck, u32 way)
{
	const union cachet_any_record *rec = &ck->set[way];
	u32 i;

	if (ck->slot[way] != CACHET_SLOT_TRUSTED)
		return false;
	for (i = 0; i < CACHET_WAYS; i++)
		if (i != way && ck->slot[i] == CACHET_SLOT_TRUSTED &&
		    cachet_image_same_key(&ck->set[i], rec) &&
		    (rec->head.kind != CACHET_REC_EXTENT ||
		     ck->set[i].extents.generation == rec->extents.generation))
			return true;
	return false;
}

/* Where it points, what it is worth, its bytes. Sets *ret_problem if it is wrong. */
static int judge(struct check *ck, u32 way, u64 pos, const char **ret_problem)
{
	const union cachet_any_record *rec = &ck->set[way];
	bool trusted = ck->slot[way] == CACHET_SLOT_TRUSTED;
	/* A head says it of the file, wherever its block 0 is. */
	bool stays = trusted && rec->head.kind == CACHET_REC_EXTENT &&
		(rec->head.flags & CACHET_REC_PINNED);
	bool stale = false, lost = false, none = true;
	enum fate fate = trusted ? FATE_COUNTS : FATE_DROP;
	enum piece_worth worth;
	u64 bytes = 0;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ck->map.nr; i++) {
		*ret_problem = piece_problem(ck, &ck->map.piece[i], trusted, stays, &worth);
		if (*ret_problem)
			return 0;
		stale |= worth != PIECE_COUNTS;
		lost |= worth == PIECE_LOST;
		none &= worth != PIECE_COUNTS;
		if (worth != PIECE_STALE)
			bytes += (u64)ck->map.piece[i].len * CACHET_PAGE_BYTES;
	}
	if (rec->head.kind == CACHET_REC_OBJECT)
		fate = fate_of_object(ck, rec, ck->slot[way]);
	else if (rec->head.kind == CACHET_REC_EXTENT)
		err = fate_of_extents(ck, rec, ck->slot[way], &fate, ret_problem);
	if (err || *ret_problem)
		return err;
	/* A head without its block still is the head of the other blocks. */
	if (rec->head.kind == CACHET_REC_CONTENT ? stale :
	    none && (rec->head.kind == CACHET_REC_EXTENT || fate == FATE_VERIFY))
		fate = lost && fate != FATE_VOID ? FATE_DROP : FATE_VOID;
	else if (stale && fate == FATE_VERIFY)
		fate = FATE_DROP;
	if (ck->c->digests && (rec->head.flags & CACHET_REC_SEALED) && ck->map.nr && !stale &&
	    (fate == FATE_COUNTS || fate == FATE_VERIFY)) {
		err = check_digest(ck, digest_of(rec));
		/* After a crash it may not have arrived whole: nobody expects it to. */
		if (err == -EBADMSG && fate == FATE_VERIFY)
			fate = FATE_DROP;
		else if (err == -EBADMSG)
			*ret_problem = "the bytes do not match their digest";
		else if (check_unreadable(err))
			*ret_problem = "its bytes can't be read from the device";
		else if (err)
			return err;
		/* A place or two are bad, or all of it is: then nothing is known of what it holds */
		if (check_unreadable(err) && ck->c->repair && ++ck->nr_unreadable > MAX_UNREADABLE)
			return cachet_why_set(ck->why, err, "%s/data: more than %u blocks can't be read: the device is failing",
					      ck->c->dir, MAX_UNREADABLE);
		if (*ret_problem)
			return 0;
	}
	count(ck, rec, ck->slot[way], fate, bytes);
	if (fate != FATE_COUNTS)
		check_harmless(ck, CACHET_FILE_INDEX, pos, "%s record: %s", kind_name(rec),
			       fate_text(fate));
	return 0;
}

/*
 * What is wrong is only where a head says that block 0 is: it stays, without, for it is the
 * head of all other blocks, and says that the file is pinned. It may have hidden an older map
 * of that block.
 */
static int drop_head_block(struct check *ck, u32 set, u32 way, const char *problem)
{
	union cachet_any_record hidden = { .head.kind = CACHET_REC_EXTENT }, *rec = &ck->set[way];
	u64 pos = record_pos(ck, set, way);
	struct cachet_image_place place;
	int err;

	memcpy(hidden.head.fp, rec->head.fp, sizeof(hidden.head.fp));
	/* A set that a crash tore may have several. */
	do {
		err = cachet_image_find(&ck->image, &hidden, &place);
		if (err || place.way == CACHET_WAYS)
			break;
		err = check_zero(ck, CACHET_RECORD_BYTES, record_pos(ck, place.set, place.way));
		if (!err)
			err = check_flush(ck, CACHET_FILE_INDEX);
		if (place.set == set)
			ck->slot[place.way] = CACHET_SLOT_EMPTY;
	} while (!err && ck->c->repair);
	if (err)
		return err;
	rec->head.nr = 0;
	rec->head.flags &= (u8)~(CACHET_REC_SEALED | CACHET_REC_SHARED);
	memset(&rec->object.extent, 0, sizeof(rec->object.extent));
	memset(rec->object.digest, 0, sizeof(rec->object.digest));
	cachet_record_seal(rec, ck->image.seed, pos);
	err = check_write(ck, rec, sizeof(*rec), pos);
	if (!err)
		check_error(ck, CACHET_FILE_INDEX, pos, "the rest of the file was kept",
			    "%s record in set %u, the first block: %s", kind_name(rec), set, problem);
	return err;
}

static int empty_record(struct check *ck, u32 set, u32 way, const char *problem, bool flush)
{
	u64 pos = record_pos(ck, set, way);
	int err = check_zero(ck, CACHET_RECORD_BYTES, pos);

	if (!err && flush)
		err = check_flush(ck, CACHET_FILE_INDEX);
	if (!err)
		check_error(ck, CACHET_FILE_INDEX, pos, "emptied", "%s record in set %u: %s",
			    kind_name(&ck->set[way]), set, problem);
	return err;
}

/*
 * From the last way to the first: of two with the same key the first is the one
 * that has been found so far. The other must not come to light alone, if a repair
 * ends between the two.
 */
static int check_set(struct check *ck, u32 set)
{
	const char *problem[CACHET_WAYS] = {};
	bool twice, judged;
	u32 way;
	int err;

	/* First what is wrong by itself, so that it makes no other one a double. */
	for (way = 0; way < CACHET_WAYS; way++) {
		if (ck->slot[way] == CACHET_SLOT_EMPTY)
			continue;
		problem[way] = own_problem(ck, set, way);
		if (problem[way])
			ck->slot[way] = CACHET_SLOT_BAD;
	}
	for (way = CACHET_WAYS; way-- > 0;) {
		if (ck->slot[way] == CACHET_SLOT_EMPTY)
			continue;
		twice = !problem[way] && is_twice(ck, way);
		if (twice)
			problem[way] = "there is another one with the same key";
		judged = !problem[way];
		if (judged) {
			map_of(ck, &ck->set[way]);
			err = judge(ck, way, record_pos(ck, set, way), &problem[way]);
			if (err)
				return err;
		}
		if (!problem[way])
			continue;
		if (judged && ck->set[way].head.kind == CACHET_REC_OBJECT)
			err = drop_head_block(ck, set, way, problem[way]);
		else
			err = empty_record(ck, set, way, problem[way], twice);
		if (err)
			return err;
	}
	return 0;
}

static int visit_record(void *arg, u32 set, u32 way, enum cachet_slot slot,
			const char *slot_why, const void *rec)
{
	struct check *ck = arg;
	int err = 0;

	memcpy(&ck->set[way], rec, CACHET_RECORD_BYTES);
	ck->slot[way] = slot;
	ck->slot_why[way] = slot_why;
	if (way == CACHET_WAYS - 1)
		err = check_set(ck, set);
	/* With digests a set may take a while */
	if (!err && way == CACHET_WAYS - 1 && (ck->c->digests || !(set & 255)))
		err = check_step(ck, ck->c->digests ? "Digests" : "Records", set,
				 ck->image.super.geo.nr_sets);
	return err;
}

int check_records(struct check *ck)
{
	const struct cachet_image_visitor v = { .arg = ck, .record = visit_record };

	return cachet_image_records(&ck->image, &v);
}
