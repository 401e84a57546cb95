/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * map_model.h - the map of a block against an array with one entry per page
 *
 * Shared by the unit tests, the KUnit module and fuzz_map. A step does one thing
 * to both and compares all that can be asked. It returns NULL, or what differs:
 * the caller prints that, with whatever led to it (seed and step, or the input).
 */
#ifndef CACHET_MAP_MODEL_H
#define CACHET_MAP_MODEL_H

#include <linux/types.h>
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "codec.h"

#define MODEL_SEAL	(CACHET_REC_SEALED | CACHET_REC_SHARED)
#define MODEL_PAGES	(1u << (CACHET_MAX_BLOCK_SHIFT - CACHET_PAGE_SHIFT))

struct map_model {
	struct cachet_map map;
	struct cachet_map before;	/* The map ahead of the running step */
	struct cachet_map again;	/* Encoded and decoded */
	struct {
		u64	generation;	/* 0: absent */
		u32	page;
	} at[MODEL_PAGES];
	u8	seen[MODEL_PAGES];	/* Pages that some piece covers */
	u32	pages;			/* Size of the block */
	u32	nr_enospc;		/* Steps that were refused */
	u32	max_nr;			/* Most pieces seen */
};

/* One step: what, where, and for an insert the segment and generation. */
struct map_step {
	u32	off;
	u32	len;			/* 0: decode what the map encodes to */
	u32	segment;		/* 0 to 15 */
	u64	generation;		/* 0: punch */
	u8	seal;			/* SEALED and perhaps SHARED, set beforehand */
};

static inline struct cachet_geometry model_geometry(void)
{
	struct cachet_geometry g = {
		.nr_segments = 16, .nr_sets = 8, .nr_volumes = 1,
		.segment_shift = CACHET_MAX_BLOCK_SHIFT + 2,
		.block_shift = CACHET_MAX_BLOCK_SHIFT,
	};

	(void)cachet_geometry_fill(&g);
	return g;
}

static inline void model_init(struct map_model *mm, u32 pages)
{
	memset(mm, 0, sizeof(*mm));
	mm->pages = pages;
}

/* Do the pieces say what the array says, and do find, gap and pages? */
static inline const char *model_compare(struct map_model *mm)
{
	const struct cachet_map *m = &mm->map;
	u32 count = 0, next = MODEL_PAGES, i, k;

	if (m->nr > CACHET_MAP_PIECES)
		return "more pieces than there is room for";
	if (m->nr > mm->max_nr)
		mm->max_nr = m->nr;
	memset(mm->seen, 0, sizeof(mm->seen));
	for (i = 0; i < m->nr; i++) {
		const struct cachet_piece *p = &m->piece[i];

		if (!p->len || p->off + p->len > mm->pages)
			return "a piece is empty or out of bounds";
		for (k = 0; k < p->len; k++) {
			if (mm->seen[p->off + k]++)
				return "pieces overlap";
			if (mm->at[p->off + k].generation != p->generation ||
			    mm->at[p->off + k].page != p->page + k)
				return "a page is elsewhere";
		}
		count += p->len;
	}
	if (cachet_map_pages(m) != count)
		return "cachet_map_pages is wrong";
	for (i = mm->pages; i--;) {
		if (mm->at[i].generation) {
			if (!mm->seen[i])
				return "a page is lost";
			next = i;
			continue;
		}
		/* At the edges of each gap: every page of each would take too long. */
		if (i && !mm->at[i - 1].generation && i + 1 < next)
			continue;
		if (cachet_map_gap(m, i, mm->pages) != (next < mm->pages ? next : mm->pages))
			return "cachet_map_gap is wrong";
	}
	return NULL;
}

static inline const char *model_find(const struct map_model *mm, u32 off)
{
	const struct cachet_piece *p = cachet_map_find(&mm->map, off);

	if (off >= mm->pages || !mm->at[off].generation)
		return p ? "found an absent page" : NULL;
	if (!p)
		return "did not find a page";
	return p->generation == mm->at[off].generation && p->page + (off - p->off) ==
		mm->at[off].page ? NULL : "found a page elsewhere";
}

/* A map that is encoded, checked and decoded is the same map. */
static inline const char *model_round_trip(struct map_model *mm)
{
	const struct cachet_geometry g = model_geometry();
	struct cachet_extents x;
	const char *why;
	u32 part, parts = cachet_map_parts(&mm->map);

	memset(&mm->again, 0, sizeof(mm->again));
	for (part = 0; part < parts; part++) {
		memset(&x, 0, sizeof(x));
		x.rec.kind = CACHET_REC_EXTENT;
		cachet_map_encode_part(&x, &mm->map, part);
		/* Whether the bytes stay is for the caller to say: see cachet_map_store(). */
		x.rec.flags |= mm->map.flags & CACHET_REC_PINNED;
		cachet_record_seal(&x, 1, part);
		if (cachet_record_check(&x, 1, part, &g, &why))
			return "an encoded part is refused";
		if (!!(x.rec.flags & CACHET_REC_MORE) != (part + 1 < parts))
			return "MORE is wrong";
		if (x.rec.part != part)
			return "the number of a part is wrong";
		if (cachet_map_decode_part(&mm->again, &x))
			return "an encoded part can't be decoded";
	}
	if (mm->again.nr != mm->map.nr ||
	    memcmp(mm->again.piece, mm->map.piece, mm->map.nr * sizeof(mm->map.piece[0])))
		return "decoded pieces differ";
	if (!parts)
		return NULL;
	if (mm->again.flags != mm->map.flags)
		return "decoded flags differ";
	if (mm->map.flags & CACHET_REC_LOCAL && mm->again.session != mm->map.session)
		return "decoded session differs";
	if (mm->map.flags & CACHET_REC_SEALED &&
	    memcmp(mm->again.digest, mm->map.digest, sizeof(mm->map.digest)))
		return "decoded digest differs";
	return NULL;
}

static inline const char *model_refused(struct map_model *mm, u32 need)
{
	mm->nr_enospc++;
	if (mm->before.nr + need <= CACHET_MAP_PIECES)
		return "ENOSPC though there is room";
	if (memcmp(&mm->before, &mm->map, sizeof(mm->map)))
		return "ENOSPC, but the map changed";
	return NULL;
}

static inline const char *model_insert(struct map_model *mm, const struct map_step *s, bool hit)
{
	const struct cachet_geometry g = model_geometry();
	struct cachet_piece p = {
		.generation = s->generation, .off = s->off, .len = s->len,
		/* The same place for the same offset, so that neighbours can join. */
		.page = s->segment * cachet_segment_pages(&g) + s->off,
	};
	u32 k;
	int ret = cachet_map_insert(&mm->map, &p);

	/* What overlaps may leave one piece more; the new one is another. */
	if (ret == -ENOSPC)
		return model_refused(mm, hit ? 2 : 1);
	if (ret)
		return "unexpected error of cachet_map_insert";
	if (mm->map.flags & MODEL_SEAL)
		return "SEALED after an insert";
	for (k = 0; k < s->len; k++) {
		mm->at[s->off + k].generation = p.generation;
		mm->at[s->off + k].page = p.page + k;
	}
	return NULL;
}

static inline const char *model_punch(struct map_model *mm, const struct map_step *s, bool hit)
{
	u32 k;
	int ret = cachet_map_punch(&mm->map, s->off, s->len);

	if (ret == -ENOSPC)
		return model_refused(mm, 1);
	if (ret)
		return "unexpected error of cachet_map_punch";
	if (!hit && memcmp(&mm->before, &mm->map, sizeof(mm->map)))
		return "an empty punch changed the map";
	if (hit && mm->map.flags & MODEL_SEAL)
		return "SEALED after a punch";
	for (k = 0; k < s->len; k++)
		mm->at[s->off + k].generation = 0;
	return NULL;
}

/* One step. @s is within the block: off + len <= mm->pages. */
static inline const char *model_step(struct map_model *mm, const struct map_step *s)
{
	const char *why;
	bool hit = false;
	u32 k;

	if (s->seal && mm->map.nr <= CACHET_SEALED_EXTENTS) {
		mm->map.flags |= s->seal;
		memset(mm->map.digest, 0x5a, sizeof(mm->map.digest));
	}
	if (!s->len)
		return model_round_trip(mm);
	for (k = 0; k < s->len; k++)
		if (mm->at[s->off + k].generation)
			hit = true;
	mm->before = mm->map;
	if (s->generation)
		why = model_insert(mm, s, hit);
	else
		why = model_punch(mm, s, hit);
	if (!why)
		why = model_compare(mm);
	if (!why)
		why = model_find(mm, s->off);
	if (!why && s->off)
		why = model_find(mm, s->off - 1);
	if (!why)
		why = model_find(mm, s->off + s->len);
	if (!why)
		why = model_find(mm, s->off + s->len - 1);
	return why;
}

/* splitmix64 */
static inline u64 model_random(u64 *state)
{
	u64 x = *state += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

/* A number below n. */
static inline u32 model_below(u64 *state, u32 n)
{
	return (model_random(state) >> 32) * n >> 32;
}

/*
 * Many steps at random in a block of some size, from a seed. Now and then the
 * block is emptied, or most steps are small, or most are inserts: so that maps
 * that are full, nearly empty, and in one piece all come up.
 */
static inline const char *model_run(struct map_model *mm, u32 pages, u64 seed, u32 steps,
				    u32 *ret_step)
{
	u64 random = seed;
	u32 largest = pages, inserts = 50;
	const char *why = NULL;
	u32 i;

	model_init(mm, pages);
	for (i = 0; i < steps && !why; i++) {
		struct map_step s = {};

		if (!model_below(&random, 256)) {
			largest = 1 + model_below(&random, pages);
			if (model_below(&random, 2))
				largest = 1 + largest / 64;
			inserts = 20 + model_below(&random, 80);
			mm->map.flags ^= CACHET_REC_LOCAL;
			if (model_below(&random, 2))
				mm->map.flags ^= CACHET_REC_PINNED;
			mm->map.session = model_random(&random);
		}
		s.off = model_below(&random, pages);
		s.len = 1 + model_below(&random, largest);
		if (s.len > pages - s.off)
			s.len = pages - s.off;
		if (!model_below(&random, 1000)) {
			s.off = 0;
			s.len = pages;
		} else if (!model_below(&random, 50)) {
			s.len = 0;
		} else if (model_below(&random, 100) < inserts) {
			s.generation = 1 + model_below(&random, 2);
			s.segment = model_below(&random, 2);
		}
		if (!model_below(&random, 4))
			s.seal = model_below(&random, 2) ? MODEL_SEAL : CACHET_REC_SEALED;
		why = model_step(mm, &s);
		*ret_step = i;
	}
	return why;
}

#endif /* CACHET_MAP_MODEL_H */
