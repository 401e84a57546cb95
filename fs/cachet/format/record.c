// SPDX-License-Identifier: GPL-2.0-only
/*
 * record.c - the records of the index: segments, volumes, objects, extents, contents
 *
 * Shared and pure: see codec.h. A record that fails its check is absent, never
 * an error: an absent record is a miss.
 */
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/crc32c.h>
#include <asm/byteorder.h>
#include "codec.h"

/**
 * cachet_crc_seed - what the crcs of a cache's records begin with
 * @uuid: the cache's
 */
u32 cachet_crc_seed(const u8 uuid[CACHET_UUID_BYTES])
{
	return crc32c(~0u, uuid, CACHET_UUID_BYTES);
}

/* crc of the bytes of a record behind its crc, for its place in its file. */
static u32 rec_crc(const void *rec, size_t bytes, u32 seed, u64 pos)
{
	__le64 where = cpu_to_le64(pos);

	return crc32c(crc32c(seed, &where, sizeof(where)),
		      (const u8 *)rec + sizeof(__le32), bytes - sizeof(__le32));
}

static bool zero(const u8 *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

/**
 * cachet_segment_encode - write a record of the segment table
 * @d: filled in whole
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 * @s: contents
 */
void cachet_segment_encode(struct cachet_segment *d, u32 seed, u64 pos,
			   const struct cachet_segment_info *s)
{
	memset(d, 0, sizeof(*d));
	d->state = s->state;
	d->class = s->class;
	d->flags = cpu_to_le16(s->flags);
	d->epoch = cpu_to_le64(s->epoch);
	d->generation = cpu_to_le64(s->generation);
	d->used = cpu_to_le32(s->used);
	d->live = cpu_to_le32(s->live);
	d->last_use = cpu_to_le32(s->last_use);
	d->crc = cpu_to_le32(rec_crc(d, sizeof(*d), seed, pos));
}

/**
 * cachet_segment_decode - read and check a record of the segment table
 * @d: as it is on disk
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 * @g: geometry
 * @ret: contents
 *
 * Return: 0, or -EBADMSG.
 */
int cachet_segment_decode(const struct cachet_segment *d, u32 seed, u64 pos,
			  const struct cachet_geometry *g,
			  struct cachet_segment_info *ret)
{
	if (le32_to_cpu(d->crc) != rec_crc(d, sizeof(*d), seed, pos))
		return -EBADMSG;
	if (d->state > CACHET_SEGMENT_CLOSED || d->class > CACHET_CLASS_PINNED ||
	    (le16_to_cpu(d->flags) & ~CACHET_SEGMENT_SUMMARY) || !d->generation ||
	    le32_to_cpu(d->used) > cachet_segment_pages(g) ||
	    !zero(d->reserved, sizeof(d->reserved)))
		return -EBADMSG;
	ret->state = d->state;
	ret->class = d->class;
	ret->flags = le16_to_cpu(d->flags);
	ret->epoch = le64_to_cpu(d->epoch);
	ret->generation = le64_to_cpu(d->generation);
	ret->used = le32_to_cpu(d->used);
	ret->live = le32_to_cpu(d->live);
	ret->last_use = le32_to_cpu(d->last_use);
	return 0;
}

/**
 * cachet_volume_encode - write a record of the volume table
 * @d: filled in whole
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 * @v: contents
 */
void cachet_volume_encode(struct cachet_volume_rec *d, u32 seed, u64 pos,
			  const struct cachet_volume_data *v)
{
	memset(d, 0, sizeof(*d));
	d->epoch = cpu_to_le64(v->epoch);
	d->id = cpu_to_le64(v->id);
	d->generation = cpu_to_le64(v->generation);
	d->last_use = cpu_to_le32(v->last_use);
	d->block_shift = v->block_shift;
	d->key_len = v->key_len;
	d->coherency_len = v->coherency_len;
	memcpy(d->key, v->key, v->key_len);
	memcpy(d->coherency, v->coherency, v->coherency_len);
	d->since = cpu_to_le64(v->since);
	d->crc = cpu_to_le32(rec_crc(d, sizeof(*d), seed, pos));
}

/**
 * cachet_volume_decode - read and check a record of the volume table
 * @d: as it is on disk
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 * @ret: contents
 *
 * Return: 0; -ENOENT: an empty slot, behind which is nothing; -ESTALE: one that has lost its
 * volume; -EBADMSG: a bad one. The latter two may be taken.
 */
int cachet_volume_decode(const struct cachet_volume_rec *d, u32 seed, u64 pos,
			 struct cachet_volume_data *ret)
{
	if (!d->crc && !d->id)
		return -ENOENT;
	if (le32_to_cpu(d->crc) != rec_crc(d, sizeof(*d), seed, pos))
		return -EBADMSG;
	if (!d->id)
		return -ESTALE;
	if (d->flags || d->reserved0 || !zero(d->reserved, sizeof(d->reserved)) ||
	    d->coherency_len > CACHET_VOLUME_COHERENCY_BYTES || !d->key_len ||
	    (d->block_shift && (d->block_shift < CACHET_MIN_BLOCK_SHIFT ||
				d->block_shift > CACHET_MAX_BLOCK_SHIFT)))
		return -EBADMSG;
	memset(ret, 0, sizeof(*ret));
	ret->epoch = le64_to_cpu(d->epoch);
	ret->id = le64_to_cpu(d->id);
	ret->generation = le64_to_cpu(d->generation);
	ret->last_use = le32_to_cpu(d->last_use);
	ret->block_shift = d->block_shift;
	ret->key_len = d->key_len;
	ret->coherency_len = d->coherency_len;
	memcpy(ret->key, d->key, d->key_len);
	memcpy(ret->coherency, d->coherency, d->coherency_len);
	ret->since = le64_to_cpu(d->since);
	return 0;
}

/**
 * cachet_record_seal - give a record of the tag store its crc
 * @rec: CACHET_RECORD_BYTES, contents set
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 */
void cachet_record_seal(void *rec, u32 seed, u64 pos)
{
	struct cachet_record *r = rec;

	r->crc = cpu_to_le32(rec_crc(rec, CACHET_RECORD_BYTES, seed, pos));
}

/**
 * cachet_extent_check - does an extent lie inside its segment and its block?
 * @e: as it is on disk
 * @g: geometry
 * @block_pages: pages of the block, 0 if not known (then the largest)
 *
 * Return: 0 or -EBADMSG.
 */
int cachet_extent_check(const struct cachet_extent *e, const struct cachet_geometry *g,
			u32 block_pages)
{
	u32 page = le32_to_cpu(e->page), len = le16_to_cpu(e->len);
	u32 in_segment = page & (cachet_segment_pages(g) - 1);

	if (!block_pages)
		block_pages = 1u << (CACHET_MAX_BLOCK_SHIFT - CACHET_PAGE_SHIFT);
	if (!e->generation || !len || le16_to_cpu(e->off) + len > block_pages ||
	    in_segment + len > cachet_segment_pages(g) ||
	    cachet_segment_of(g, page) >= g->nr_segments)
		return -EBADMSG;
	return 0;
}

static int check_extents(const struct cachet_extent *e, unsigned int nr,
			 const struct cachet_geometry *g, u32 block_pages)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (cachet_extent_check(&e[i], g, block_pages))
			return -EBADMSG;
	return 0;
}

static const char *check_object(const struct cachet_object *o, const struct cachet_geometry *g)
{
	if (o->rec.nr > 1 || o->rec.part || (o->rec.flags & CACHET_REC_MORE))
		return "object: bad count";
	if ((o->rec.flags & (CACHET_REC_STABLE | CACHET_REC_REPEATS)) &&
	    (o->rec.flags & CACHET_REC_LOCAL))
		return "object: stable, but being written to";
	if (o->block_shift < CACHET_MIN_BLOCK_SHIFT || o->block_shift > CACHET_MAX_BLOCK_SHIFT)
		return "object: bad block size";
	if (o->block_shift + 2 > g->segment_shift)
		return "object: block does not fit a segment";
	if (!zero(o->reserved, sizeof(o->reserved)))
		return "object: reserved bytes in use";
	if (le64_to_cpu(o->size) >> 63)
		return "object: bad size";
	/* The session after it must have a number. */
	if (o->acked == cpu_to_le32(~0u))
		return "object: bad session";
	if (check_extents(&o->extent, o->rec.nr, g, 1u << (o->block_shift - CACHET_PAGE_SHIFT)))
		return "object: extent out of bounds";
	return NULL;
}

static const char *check_extents_rec(const struct cachet_extents *x,
				     const struct cachet_geometry *g)
{
	bool sealed = x->rec.flags & CACHET_REC_SEALED;
	u32 max = sealed ? CACHET_SEALED_EXTENTS : CACHET_PART_EXTENTS;

	if (!(x->rec.flags & CACHET_REC_LOCAL) && x->session)
		return "extents: session without local bytes";
	if (x->rec.nr > max || x->rec.part >= CACHET_MAX_PARTS ||
	    (sealed && (x->rec.part || (x->rec.flags & CACHET_REC_MORE))))
		return "extents: bad count";
	if ((x->rec.flags & CACHET_REC_MORE) && x->rec.part == CACHET_MAX_PARTS - 1)
		return "extents: too many parts";
	if (check_extents(x->extent, x->rec.nr, g, 0))
		return "extents: out of bounds";
	return NULL;
}

static const char *check_content(const struct cachet_content *c,
				 const struct cachet_geometry *g)
{
	u32 pages = 0;
	unsigned int i;

	if (!c->rec.nr || c->rec.nr > CACHET_SEALED_EXTENTS || c->rec.part ||
	    (c->rec.flags & CACHET_REC_MORE) ||
	    !zero(c->reserved, sizeof(c->reserved)))
		return "content: bad count";
	if (memcmp(c->rec.fp, c->digest, CACHET_FP_BYTES))
		return "content: digest and fingerprint differ";
	if (check_extents(c->extent, c->rec.nr, g, 0))
		return "content: extent out of bounds";
	for (i = 0; i < c->rec.nr; i++) {
		if (le16_to_cpu(c->extent[i].off) != pages)
			return "content: extents leave a gap";
		pages += le16_to_cpu(c->extent[i].len);
	}
	if (pages != le32_to_cpu(c->pages))
		return "content: wrong length";
	return NULL;
}

/**
 * cachet_record_check - is this record of the tag store to be believed?
 * @rec: CACHET_RECORD_BYTES as they are on disk
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset in index
 * @g: geometry
 * @ret_why: on -EBADMSG, what is wrong
 *
 * Says nothing of the epoch, which only the caller can judge.
 *
 * Return: 0; -ENOENT: empty; -EBADMSG: damaged or nonsense, to be used as empty.
 */
int cachet_record_check(const void *rec, u32 seed, u64 pos,
			const struct cachet_geometry *g, const char **ret_why)
{
	const struct cachet_record *r = rec;
	const char *why = NULL;

	if (r->kind == CACHET_REC_EMPTY)
		return -ENOENT;
	if (le32_to_cpu(r->crc) != rec_crc(rec, CACHET_RECORD_BYTES, seed, pos)) {
		*ret_why = "checksum";
		return -EBADMSG;
	}
	if (r->flags & ~(CACHET_REC_SEALED | CACHET_REC_LOCAL |
			 CACHET_REC_PINNED | CACHET_REC_MORE | CACHET_REC_SHARED |
			 CACHET_REC_STABLE | CACHET_REC_REPEATS))
		why = "unknown flags";
	else if ((r->flags & (CACHET_REC_STABLE | CACHET_REC_REPEATS)) &&
		 r->kind != CACHET_REC_OBJECT)
		why = "stable, but no object";
	else if ((r->flags & CACHET_REC_SHARED) && !(r->flags & CACHET_REC_SEALED))
		why = "shared, but not sealed";
	else if ((r->flags & CACHET_REC_PINNED) && r->kind == CACHET_REC_CONTENT)
		why = "pinned, but of no file";
	else if (r->kind == CACHET_REC_OBJECT)
		why = check_object(rec, g);
	else if (r->kind == CACHET_REC_EXTENT)
		why = check_extents_rec(rec, g);
	else if (r->kind == CACHET_REC_CONTENT)
		why = check_content(rec, g);
	else
		why = "unknown kind";
	if (!why)
		return 0;
	*ret_why = why;
	return -EBADMSG;
}
