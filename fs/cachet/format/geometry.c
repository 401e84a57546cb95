// SPDX-License-Identifier: GPL-2.0-only
/*
 * geometry.c - how large each part of a cache is, and where a record belongs
 *
 * Shared and pure: see codec.h. Every other decoder takes its bounds from a
 * geometry that cachet_geometry_fill() has accepted.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/math64.h>
#include <asm/byteorder.h>
#include "codec.h"

static u64 up(u64 n, u64 to)
{
	return (n + to - 1) / to * to;
}

/**
 * cachet_geometry_fill - check the counts of a geometry and derive the rest
 * @g: counts and shifts set; sizes and offsets are filled in
 *
 * Return: 0, or -EINVAL if a count or shift is out of range, or if data would
 * need page numbers of more than 32 bits.
 */
int cachet_geometry_fill(struct cachet_geometry *g)
{
	u64 at, data;

	if (g->segment_shift < CACHET_MIN_SEGMENT_SHIFT ||
	    g->segment_shift > CACHET_MAX_SEGMENT_SHIFT ||
	    g->block_shift < CACHET_MIN_BLOCK_SHIFT ||
	    g->block_shift > CACHET_MAX_BLOCK_SHIFT)
		return -EINVAL;
	/* A segment holds its summary and at least two blocks. */
	if (g->block_shift + 2 > g->segment_shift)
		return -EINVAL;
	/* Some are open, some wait for a commit: with fewer none is left to hold data. */
	if (g->nr_segments < CACHET_MIN_SEGMENTS)
		return -EINVAL;
	if (!g->nr_sets || !g->nr_volumes || g->nr_volumes > CACHET_MAX_VOLUMES)
		return -EINVAL;
	data = (u64)g->nr_segments << g->segment_shift;
	if (data >> CACHET_PAGE_SHIFT > 0xffffffffull)
		return -EINVAL;

	at = CACHET_PAGE_BYTES;
	g->segment_table = at;
	at += up((u64)g->nr_segments * sizeof(struct cachet_segment), CACHET_PAGE_BYTES);
	g->volume_table = at;
	at += up((u64)g->nr_volumes * sizeof(struct cachet_volume_rec), CACHET_PAGE_BYTES);
	g->sets = at;
	g->index_bytes = at + (u64)g->nr_sets * CACHET_SET_BYTES;
	g->data_bytes = data + CACHET_PAGE_BYTES;
	return 0;
}

/**
 * cachet_geometry_plan - divide a size between data and index
 * @g: filled in
 * @total_bytes: what data, index and super may take together
 * @segment_shift: log2 of the segment size
 * @block_shift: log2 of the default block size
 *
 * A record of 128 bytes for every 16 KiB of data: 0.8 %. A file of 8 KiB takes
 * two (its head and the digest of its content), one of 1 MiB takes nine. Blocks
 * of less than 32 KiB get their two records each, or the index would be full long
 * before the data is.
 *
 * Return: 0; -EINVAL if a shift is out of range; -ENOSPC if @total_bytes is too
 * small for CACHET_MIN_SEGMENTS segments, -EFBIG if data would pass 16 TiB.
 */
int cachet_geometry_plan(struct cachet_geometry *g, u64 total_bytes,
			 u8 segment_shift, u8 block_shift)
{
	struct cachet_geometry p = { .segment_shift = segment_shift, .block_shift = block_shift };
	u64 per_record, per_segment, fixed, nr, sets;
	int ret;

	if (segment_shift < CACHET_MIN_SEGMENT_SHIFT || segment_shift > CACHET_MAX_SEGMENT_SHIFT ||
	    block_shift < CACHET_MIN_BLOCK_SHIFT || block_shift > CACHET_MAX_BLOCK_SHIFT)
		return -EINVAL;
	per_record = 1ull << block_shift >> 1;
	if (per_record > CACHET_MAX_DATA_PER_RECORD)
		per_record = CACHET_MAX_DATA_PER_RECORD;
	/* 256 volumes for a small cache; mounts are few where caches are small. */
	p.nr_volumes = total_bytes >> 36 ? 4096 : 256;

	per_segment = (1ull << segment_shift) + sizeof(struct cachet_segment) +
		div64_u64(1ull << segment_shift, per_record) * CACHET_RECORD_BYTES;
	/* Id page, trailer, super, and the rounding of the two tables. */
	fixed = 6 * CACHET_PAGE_BYTES + (u64)p.nr_volumes * sizeof(struct cachet_volume_rec);
	if (total_bytes < fixed + CACHET_MIN_SEGMENTS * per_segment)
		return -ENOSPC;
	nr = div64_u64(total_bytes - fixed, per_segment);
	if (nr << (segment_shift - CACHET_PAGE_SHIFT) > 0xffffffffull)
		return -EFBIG;
	p.nr_segments = nr;
	sets = div64_u64(nr << segment_shift, per_record * CACHET_WAYS);
	p.nr_sets = sets ? sets : 1;
	ret = cachet_geometry_fill(&p);
	if (!ret)
		*g = p;
	return ret;
}

/* The finalizer of splitmix64 (Steele, Lea, Flood: OOPSLA 2014). */
static u64 mix(u64 x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ull;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebull;
	x ^= x >> 31;
	return x;
}

static u64 first8(const u8 *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

static u32 reduce(const struct cachet_geometry *g, u64 x)
{
	u64 q = div64_u64(x, g->nr_sets);

	return x - q * g->nr_sets;
}

/**
 * cachet_object_set - the set of an object's head
 * @g: geometry
 * @fp: the object's fingerprint
 *
 * Return: 0 to nr_sets - 1: the first 8 bytes of @fp, modulo nr_sets.
 */
u32 cachet_object_set(const struct cachet_geometry *g, const u8 fp[CACHET_FP_BYTES])
{
	return reduce(g, first8(fp));
}

/**
 * cachet_extent_set - the set of one part of a block's map
 * @g: geometry
 * @fp: the object's fingerprint
 * @block: number of the block in the file
 * @part: number of the part
 *
 * Return: 0 to nr_sets - 1: fp[8..15] + mix(block * 256 + part + 1), modulo
 * 2^64, then modulo nr_sets.
 */
u32 cachet_extent_set(const struct cachet_geometry *g, const u8 fp[CACHET_FP_BYTES],
		      u32 block, u8 part)
{
	return reduce(g, first8(fp + 8) + mix(((u64)block << 8) + part + 1));
}

/**
 * cachet_content_set - the set of the record that says where a digest is stored
 * @g: geometry
 * @digest: SHA-256 of a block
 *
 * Return: 0 to nr_sets - 1: the first 8 bytes of @digest, modulo nr_sets.
 */
u32 cachet_content_set(const struct cachet_geometry *g,
		       const u8 digest[CACHET_DIGEST_BYTES])
{
	return reduce(g, first8(digest));
}
