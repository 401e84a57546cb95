/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.h - one of each structure of the format, and the bytes it must become
 *
 * Shared by the unit tests, the KUnit module and the maker of the fuzz corpora:
 * the golden images are the same for all. The values are those of golden.py,
 * chosen so that no byte of a number repeats another.
 */
#ifndef CACHET_SAMPLE_H
#define CACHET_SAMPLE_H

#include <linux/types.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "codec.h"
#include "golden_bytes.h"

#define SAMPLE_EPOCH		0x0102030405ull
#define SAMPLE_SEG_GENERATION	0x0203040506ull
#define SAMPLE_OBJ_GENERATION	0x0102030405060708ull
#define SAMPLE_LAST_USE		0x65432100u
#define SAMPLE_SEGMENT		5
#define SAMPLE_ENTRIES		2	/* In the summary */

static const u8 sample_uuid[CACHET_UUID_BYTES] = {
	0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
	0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
};

static inline void sample_count(u8 *p, u8 from, size_t n)
{
	while (n--)
		*p++ = from++;
}

static inline struct cachet_geometry sample_geometry(void)
{
	struct cachet_geometry g = {
		.nr_segments = 16, .nr_sets = 100, .nr_volumes = 16,
		.segment_shift = 24, .block_shift = 18,
	};

	/* golden.py has these numbers from its own calculation. */
	(void)cachet_geometry_fill(&g);
	return g;
}

static inline u32 sample_seed(void)
{
	return cachet_crc_seed(sample_uuid);
}

static inline u64 sample_record_pos(u32 set, u32 way)
{
	struct cachet_geometry g = sample_geometry();

	return cachet_set_pos(&g, set) + way * CACHET_RECORD_BYTES;
}

static inline u64 sample_segment_pos(void)
{
	struct cachet_geometry g = sample_geometry();

	return cachet_segment_pos(&g, SAMPLE_SEGMENT);
}

static inline u64 sample_volume_pos(void)
{
	struct cachet_geometry g = sample_geometry();

	return cachet_volume_pos(&g, 3);
}

static inline u64 sample_summary_pos(void)
{
	struct cachet_geometry g = sample_geometry();

	return cachet_summary_pos(&g, SAMPLE_SEGMENT, 0);
}

static inline void sample_super_info(struct cachet_super_info *s)
{
	memset(s, 0, sizeof(*s));
	s->epoch = SAMPLE_EPOCH;
	s->created = 0x60000000;
	s->written = 0x60000001;
	s->next_volume = 0x1234;
	s->flags = CACHET_SUPER_CLEAN;
	s->compat = 0x80000001;
	memcpy(s->uuid, sample_uuid, sizeof(s->uuid));
	memcpy(s->tag, "golden-1", 9);
	s->geo = sample_geometry();
	s->nr_lost = 2;
	s->lost[0].first = 3;
	s->lost[0].last = 4;
	s->lost[1].first = 0x10;
	s->lost[1].last = 0x20;
}

static inline void sample_super(u8 *out)
{
	struct cachet_super_info s;

	sample_super_info(&s);
	cachet_super_encode((struct cachet_super *)out, &s);
}

static inline void sample_index_id(u8 *out)
{
	cachet_file_id_encode((struct cachet_file_id *)out, CACHET_INDEX_MAGIC, sample_uuid, 0);
}

static inline void sample_data_id(u8 *out)
{
	struct cachet_geometry g = sample_geometry();

	cachet_file_id_encode((struct cachet_file_id *)out, CACHET_DATA_MAGIC, sample_uuid,
			      g.data_bytes - CACHET_PAGE_BYTES);
}

static inline void sample_segment_info(struct cachet_segment_info *s)
{
	memset(s, 0, sizeof(*s));
	s->epoch = SAMPLE_EPOCH;
	s->generation = SAMPLE_SEG_GENERATION;
	s->used = 0xabc;
	s->live = 0x9ab;
	s->last_use = SAMPLE_LAST_USE;
	s->flags = CACHET_SEGMENT_SUMMARY;
	s->state = CACHET_SEGMENT_CLOSED;
	s->class = CACHET_CLASS_PINNED;
}

static inline void sample_segment(u8 *out)
{
	struct cachet_segment_info s;

	sample_segment_info(&s);
	cachet_segment_encode((struct cachet_segment *)out, sample_seed(),
			      sample_segment_pos(), &s);
}

static inline void sample_volume_data(struct cachet_volume_data *v)
{
	memset(v, 0, sizeof(*v));
	v->epoch = SAMPLE_EPOCH;
	v->id = 0x1122334455ull;
	v->generation = 7;
	v->since = 0x66778899aaull;
	v->last_use = SAMPLE_LAST_USE;
	v->block_shift = 16;
	v->key_len = 14;
	v->coherency_len = 20;
	memcpy(v->key, "nfs,4.2,golden", 14);
	sample_count(v->coherency, 1, 20);
}

/* The structure is larger than a kernel function may put on its stack. */
static inline void sample_volume(u8 *out)
{
	static struct cachet_volume_data v;

	sample_volume_data(&v);
	cachet_volume_encode((struct cachet_volume_rec *)out, sample_seed(),
			     sample_volume_pos(), &v);
}

static inline void sample_head(struct cachet_record *r, u8 kind)
{
	memset(r, 0, CACHET_RECORD_BYTES);
	r->kind = kind;
	r->epoch = cpu_to_le64(SAMPLE_EPOCH);
	sample_count(r->fp, 0xa0, sizeof(r->fp));
}

static inline void sample_extent(struct cachet_extent *e, u64 generation, u32 page,
				 u16 off, u16 len)
{
	struct cachet_piece p = {
		.generation = generation, .page = page, .off = off, .len = len,
	};

	cachet_piece_encode(e, &p);
}

static inline void sample_object(u8 *out)
{
	struct cachet_object *o = (struct cachet_object *)out;

	sample_head(&o->rec, CACHET_REC_OBJECT);
	o->rec.flags = CACHET_REC_SEALED | CACHET_REC_PINNED;
	o->rec.nr = 1;
	o->generation = cpu_to_le64(SAMPLE_OBJ_GENERATION);
	o->size = cpu_to_le64(0x12345);
	sample_count(o->coherency, 0xc0, sizeof(o->coherency));
	o->volume = cpu_to_le32(0x22334455);
	o->last_use = cpu_to_le32(SAMPLE_LAST_USE);
	o->acked = cpu_to_le32(9);
	o->block_shift = 18;
	o->uses = 200;
	sample_extent(&o->extent, SAMPLE_SEG_GENERATION, 0x5123, 0, 19);
	sample_count(o->digest, 0x20, sizeof(o->digest));
	cachet_record_seal(out, sample_seed(), sample_record_pos(2, 3));
}

static inline void sample_sealed_map(struct cachet_map *m)
{
	memset(m, 0, sizeof(*m));
	m->flags = CACHET_REC_SEALED | CACHET_REC_LOCAL;
	m->session = 77;
	m->nr = 2;
	m->piece[0] = (struct cachet_piece){
		.generation = SAMPLE_SEG_GENERATION, .page = 0x5200, .off = 0, .len = 40,
	};
	m->piece[1] = (struct cachet_piece){
		.generation = SAMPLE_SEG_GENERATION + 1, .page = 0x6300, .off = 40, .len = 24,
	};
	sample_count(m->digest, 0x20, sizeof(m->digest));
}

/* Seven pieces: parts 0 and 1. */
static inline void sample_parts_map(struct cachet_map *m)
{
	memset(m, 0, sizeof(*m));
	m->flags = CACHET_REC_LOCAL;
	m->session = 78;
	for (; m->nr < 7; m->nr++)
		m->piece[m->nr] = (struct cachet_piece){
			.generation = SAMPLE_SEG_GENERATION + m->nr,
			.page = 0x1000 * (m->nr + 1) + 7, .off = 2 * m->nr, .len = 1,
		};
}

static inline void sample_part(u8 *out, const struct cachet_map *m, u32 block, u32 part, u64 pos)
{
	struct cachet_extents *x = (struct cachet_extents *)out;

	sample_head(&x->rec, CACHET_REC_EXTENT);
	x->generation = cpu_to_le64(SAMPLE_OBJ_GENERATION);
	x->block = cpu_to_le32(block);
	cachet_map_encode_part(x, m, part);
	cachet_record_seal(out, sample_seed(), pos);
}

static struct cachet_map sample_scratch_map;

static inline void sample_sealed(u8 *out)
{
	sample_sealed_map(&sample_scratch_map);
	sample_part(out, &sample_scratch_map, 0x1020304, 0, sample_record_pos(4, 31));
}

static inline void sample_part0(u8 *out)
{
	sample_parts_map(&sample_scratch_map);
	sample_part(out, &sample_scratch_map, 1, 0, sample_record_pos(5, 0));
}

static inline void sample_part1(u8 *out)
{
	sample_parts_map(&sample_scratch_map);
	sample_part(out, &sample_scratch_map, 1, 1, sample_record_pos(6, 0));
}

static inline void sample_content(u8 *out)
{
	struct cachet_content *c = (struct cachet_content *)out;

	sample_head(&c->rec, CACHET_REC_CONTENT);
	c->rec.flags = CACHET_REC_SEALED;
	c->rec.nr = 3;
	sample_count(c->rec.fp, 0x20, sizeof(c->rec.fp));
	sample_count(c->digest, 0x20, sizeof(c->digest));
	c->pages = cpu_to_le32(64);
	sample_extent(&c->extent[0], SAMPLE_SEG_GENERATION, 0x5200, 0, 16);
	sample_extent(&c->extent[1], SAMPLE_SEG_GENERATION + 1, 0x6300, 16, 24);
	sample_extent(&c->extent[2], SAMPLE_SEG_GENERATION + 2, 0x7400, 40, 24);
	cachet_record_seal(out, sample_seed(), sample_record_pos(99, 1));
}

static inline void sample_summary(u8 *out)
{
	struct cachet_summary_entry *e = (struct cachet_summary_entry *)out;

	memset(out, 0, SAMPLE_ENTRIES * sizeof(*e));
	sample_count(e[1].fp, 0xa0, sizeof(e[1].fp));
	e[1].block = cpu_to_le32(2);
	e[1].len = cpu_to_le16(16);
	e[1].page = cpu_to_le32(0x5000);
	e[1].flags = CACHET_REC_SEALED;
	e[1].block_shift = 16;
	sample_count(e[1].digest, 0x20, sizeof(e[1].digest));
	sample_count(e[0].fp, 0xa0, sizeof(e[0].fp));
	e[0].block = cpu_to_le32(3);
	e[0].off = cpu_to_le16(8);
	e[0].len = cpu_to_le16(4);
	e[0].page = cpu_to_le32(0x5010);
	e[0].flags = CACHET_REC_LOCAL;
	e[0].block_shift = 16;
	cachet_summary_encode(out, SAMPLE_ENTRIES, sample_seed(), sample_summary_pos(),
			      SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION, SAMPLE_EPOCH, sample_uuid);
}

struct sample {
	const char	*name;
	const u8	*golden;
	size_t		bytes;		/* Of golden */
	void		(*encode)(u8 *out); /* Aligned to 8 */
};

#define SAMPLE_MAX_BYTES	512
#define SAMPLE(n)	{ #n, golden_##n, sizeof(golden_##n), sample_##n }

static const struct sample samples[] = {
	SAMPLE(super), SAMPLE(index_id), SAMPLE(data_id), SAMPLE(segment), SAMPLE(volume),
	SAMPLE(object), SAMPLE(sealed), SAMPLE(part0), SAMPLE(part1), SAMPLE(content),
	SAMPLE(summary),
};

#define NR_SAMPLES	(sizeof(samples) / sizeof(samples[0]))

#endif /* CACHET_SAMPLE_H */
