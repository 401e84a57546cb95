// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-tables.c - the segment table and the volume table
 *
 * The segments are kept in memory: what the records point into is judged by
 * them. A record that can't be believed means that nothing may point into its
 * segment, which is what an attach makes of it, too (fs/cachet/log.c).
 *
 * A volume's slot matters: behind the first empty one an attach looks for
 * nothing. So a repair leaves no gap; the last volume moves into it, under its
 * own epoch.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

/* ---- segments ----------------------------------------------------------- */

static const char *segment_problem(const struct check *ck, enum cachet_slot slot,
				   const struct cachet_segment_info *info)
{
	if (slot == CACHET_SLOT_BAD)
		return "wrong checksum or contents";
	if (slot == CACHET_SLOT_FUTURE)
		return "of an epoch that never was";
	if (slot != CACHET_SLOT_EMPTY && info->generation > ck->last_epoch)
		return "of a generation that never was";
	return NULL;
}

bool check_segment_crashed(const struct check *ck, const struct cachet_segment_info *info)
{
	const struct cachet_super_info *super = &ck->image.super;

	return ck->crashed ||
		(super->nr_lost && info->generation <= super->lost[super->nr_lost - 1].last);
}

static int visit_segment(void *arg, u32 nr, enum cachet_slot slot,
			 const struct cachet_segment_info *info)
{
	struct check *ck = arg;
	const struct cachet_geometry *geo = &ck->image.super.geo;
	u64 pos = cachet_segment_pos(geo, nr);
	struct check_segment *seg = &ck->seg[nr];
	const char *problem = segment_problem(ck, slot, info);
	int err;

	if (problem) {
		err = check_zero(ck, sizeof(struct cachet_segment), pos);
		if (err)
			return err;
		check_error(ck, CACHET_FILE_INDEX, pos, "emptied",
			    "record of segment %u: %s; nothing in the segment counts", nr, problem);
	} else if (slot == CACHET_SLOT_EMPTY) {
		/* Never used */
	} else if (ck->crashed && info->state == CACHET_SEGMENT_FREE) {
		/* It may have been opened since: no attach after a crash believes it */
		seg->lost = info->generation;
		check_harmless(ck, CACHET_FILE_INDEX, pos,
			       "segment %u: free before a crash; the next attach frees it anew", nr);
	} else {
		seg->generation = info->generation;
		seg->used = info->used;
		seg->room = cachet_segment_pages(geo);
		seg->state = info->state;
		seg->pinned = info->class == CACHET_CLASS_PINNED;
		seg->trusted = slot == CACHET_SLOT_TRUSTED;
		seg->crashed = check_segment_crashed(ck, info);
		seg->summary = info->flags & CACHET_SEGMENT_SUMMARY;
		if (info->state != CACHET_SEGMENT_FREE)
			ck->c->counts.segments++;
	}
	return nr & 1023 ? 0 : check_step(ck, "Segments", nr, geo->nr_segments);
}

int check_segments(struct check *ck)
{
	const struct cachet_image_visitor v = { .arg = ck, .segment = visit_segment };

	return cachet_image_segments(&ck->image, &v);
}

/* ---- volumes ------------------------------------------------------------ */

struct volume_slot {
	u64	id;		/* 0: empty, or not to be believed */
	u64	generation;
	u64	key;		/* 64 bits of its digest: nobody can make many alike */
	bool	in_doubt;	/* A crash came before the commit */
	bool	lost;		/* It says, or will say, that it has lost its volume: no gap */
};

struct volumes {
	struct check		*ck;
	struct volume_slot	*slot;
	u32			nr;	/* Slots up to the last one that counts */
};

static int volume_read(struct check *ck, u32 nr, struct cachet_volume_data *ret)
{
	u64 pos = cachet_volume_pos(&ck->image.super.geo, nr);
	struct cachet_volume_rec rec;
	int err;

	err = cachet_image_read(&ck->image, CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
	return err ?: cachet_volume_decode(&rec, ck->image.seed, pos, ret);
}

/*
 * The slot says that it has lost its volume. If it were empty, no attach would find the
 * volumes behind it: whatever comes between, there must never be a gap.
 */
static int volume_drop(struct volumes *vs, u32 nr, const char *problem)
{
	static const struct cachet_volume_data lost;
	u64 pos = cachet_volume_pos(&vs->ck->image.super.geo, nr);
	struct cachet_volume_rec rec;
	int err;

	cachet_volume_encode(&rec, vs->ck->image.seed, pos, &lost);
	err = check_write(vs->ck, &rec, sizeof(rec), pos);
	if (err)
		return err;
	vs->slot[nr].id = 0;
	vs->slot[nr].lost = true;
	check_error(vs->ck, CACHET_FILE_INDEX, pos, "emptied", "volume slot %u: %s", nr, problem);
	return 0;
}

/* Slots are not written in order: a crash may leave one behind others that it took away. */
static void volume_not_found(struct volumes *vs, u32 nr, const char *why)
{
	vs->slot[nr].id = 0;
	vs->slot[nr].lost = true;
	check_harmless(vs->ck, CACHET_FILE_INDEX, cachet_volume_pos(&vs->ck->image.super.geo, nr),
		       "volume slot %u: of a crash, and not found: %s", nr, why);
}

/* The slot before this one that holds the same key, or the same id; or -1. */
static int same_volume(const struct volumes *vs, u32 nr, bool *ret_key)
{
	const struct volume_slot *mine = &vs->slot[nr];
	u32 i;

	for (i = 0; i < nr; i++) {
		if (!vs->slot[i].id || (vs->slot[i].key != mine->key && vs->slot[i].id != mine->id))
			continue;
		*ret_key = vs->slot[i].key == mine->key;
		return (int)i;
	}
	return -1;
}

static const char *volume_problem(const struct check *ck, enum cachet_slot slot,
				  const struct cachet_volume_data *info)
{
	const struct cachet_super_info *super = &ck->image.super;

	if (slot == CACHET_SLOT_BAD)
		return "wrong checksum or contents";
	if (slot == CACHET_SLOT_FUTURE)
		return "of an epoch that never was";
	if (info->generation >> 24 > ck->last_epoch)
		return "of a generation that never was";
	if (info->since >> 24 > ck->last_epoch)
		return "since a generation that never was";
	/* After a crash an attach skips as many ids */
	if (info->id >= super->next_volume + (ck->crashed ? super->geo.nr_volumes : 0))
		return "of an id that was never given out";
	return NULL;
}

static int visit_volume(void *arg, u32 nr, enum cachet_slot slot,
			const struct cachet_volume_data *info)
{
	struct volumes *vs = arg;
	struct volume_slot *mine = &vs->slot[nr];
	u8 digest[CACHET_DIGEST_BYTES];
	const char *problem;
	bool key;
	int other, err;

	mine->lost = slot == CACHET_SLOT_LOST;
	if (slot == CACHET_SLOT_EMPTY || mine->lost)
		return 0;
	problem = volume_problem(vs->ck, slot, info);
	if (problem)
		return volume_drop(vs, nr, problem);

	cachet_digest(info->key, info->key_len, digest);
	memcpy(&mine->key, digest, sizeof(mine->key));
	mine->id = info->id;
	mine->generation = info->generation;
	mine->in_doubt = slot == CACHET_SLOT_SUSPECT;
	other = same_volume(vs, nr, &key);
	if (other >= 0 && !key)
		return volume_drop(vs, nr, "its id is that of another volume");
	if (other >= 0 && mine->in_doubt) {
		volume_not_found(vs, nr, "the same volume stands in a slot before it");
		return 0;
	}
	/* The greater generation is the younger one, and the other is what was before. */
	if (other >= 0 && vs->slot[other].generation >= info->generation)
		return volume_drop(vs, nr, "the same volume stands in a slot before it");
	if (other >= 0) {
		err = volume_drop(vs, (u32)other, "the same volume stands in a later slot, newer");
		if (err)
			return err;
		vs->ck->c->counts.volumes--;
	}
	vs->ck->c->counts.volumes++;
	vs->nr = nr + 1;
	return check_step(vs->ck, "Volumes", nr, vs->ck->image.super.geo.nr_volumes);
}

/* The last volume goes into the gap; its old place is emptied after that. */
static int volume_move(struct check *ck, u32 from, u32 to)
{
	const struct cachet_geometry *geo = &ck->image.super.geo;
	struct cachet_volume_data info;
	struct cachet_volume_rec rec;
	int err;

	if (!ck->c->repair)
		return 0;
	err = volume_read(ck, from, &info);
	if (err)
		return err;
	cachet_volume_encode(&rec, ck->image.seed, cachet_volume_pos(geo, to), &info);
	err = check_write(ck, &rec, sizeof(rec), cachet_volume_pos(geo, to));
	/* Twice is better than nowhere: then the next check takes one away */
	if (!err)
		err = check_flush(ck, CACHET_FILE_INDEX);
	return err ?: check_zero(ck, sizeof(rec), cachet_volume_pos(geo, from));
}

/* Whether a crash may have left the gap: then it is none. */
static bool gap_of_crash(struct volumes *vs, u32 gap)
{
	u32 nr;

	for (nr = gap + 1; nr < vs->nr; nr++)
		if (vs->slot[nr].id && !vs->slot[nr].in_doubt)
			return false;
	for (nr = gap + 1; nr < vs->nr; nr++) {
		if (!vs->slot[nr].id)
			continue;
		volume_not_found(vs, nr, "a slot before it is empty");
		vs->ck->c->counts.volumes--;
	}
	return true;
}

static int volumes_close_gaps(struct volumes *vs)
{
	const struct cachet_geometry *geo = &vs->ck->image.super.geo;
	u32 nr, last;
	int err;

	for (nr = 0; nr < vs->nr; nr++) {
		if (vs->slot[nr].id || vs->slot[nr].lost)
			continue;
		if (gap_of_crash(vs, nr))
			return 0;
		last = vs->nr - 1;
		err = volume_move(vs->ck, last, nr);
		if (err)
			return err;
		check_error(vs->ck, CACHET_FILE_INDEX, cachet_volume_pos(geo, nr),
			    "the last volume was moved there",
			    "volume slot %u: empty, although slot %u is in use: volumes behind it are not found",
			    nr, last);
		vs->slot[nr] = vs->slot[last];
		vs->slot[last].id = 0;
		while (vs->nr && !vs->slot[vs->nr - 1].id)
			vs->nr--;
		err = check_step(vs->ck, "Volumes", nr, geo->nr_volumes);
		if (err)
			return err;
	}
	return 0;
}

int check_volumes(struct check *ck)
{
	struct volumes vs = { .ck = ck };
	const struct cachet_image_visitor v = { .arg = &vs, .volume = visit_volume };
	int err;

	vs.slot = calloc(ck->image.super.geo.nr_volumes, sizeof(*vs.slot));
	if (!vs.slot)
		return -ENOMEM;
	err = cachet_image_volumes(&ck->image, &v);
	if (!err)
		err = volumes_close_gaps(&vs);
	free(vs.slot);
	return err;
}
