/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * codec.h - the format as functions: bytes in, values or errno out
 *
 * Shared by the module and the tools, which compile these very files. Pure: no
 * allocation, lock, I/O or logging. A decoder never trusts its input: it checks
 * every field that it returns, and `ret_why` (where there is one) names the
 * check that failed, in words for a log line. Outputs are untouched on failure.
 */
#ifndef CACHET_CODEC_H
#define CACHET_CODEC_H

#include <linux/types.h>
#include "cachet_format.h"

/* ---- geometry.c --------------------------------------------------------- */

/* Limits; the reasons stand in geometry.c. */
#define CACHET_MIN_SEGMENT_SHIFT	20
#define CACHET_MAX_SEGMENT_SHIFT	30
#define CACHET_MIN_BLOCK_SHIFT		12
#define CACHET_MAX_BLOCK_SHIFT		22
#define CACHET_MIN_SEGMENTS		8
#define CACHET_MAX_VOLUMES		65536
#define CACHET_MAX_DATA_PER_RECORD	16384	/* Bytes */

struct cachet_geometry {
	u32	nr_segments;
	u32	nr_sets;
	u32	nr_volumes;
	u8	segment_shift;
	u8	block_shift;
	/* derived */
	u64	data_bytes;		/* Size of the file data */
	u64	index_bytes;		/* Size of the file index */
	u64	segment_table;		/* Byte offset in index */
	u64	volume_table;		/* Byte offset in index */
	u64	sets;			/* Byte offset in index */
};

int cachet_geometry_fill(struct cachet_geometry *g);
int cachet_geometry_plan(struct cachet_geometry *g, u64 total_bytes,
			 u8 segment_shift, u8 block_shift);

static inline u64 cachet_set_pos(const struct cachet_geometry *g, u32 set)
{
	return g->sets + (u64)set * CACHET_SET_BYTES;
}

static inline u64 cachet_segment_pos(const struct cachet_geometry *g, u32 segment)
{
	return g->segment_table + (u64)segment * sizeof(struct cachet_segment);
}

static inline u64 cachet_volume_pos(const struct cachet_geometry *g, u32 slot)
{
	return g->volume_table + (u64)slot * sizeof(struct cachet_volume_rec);
}

static inline u32 cachet_segment_pages(const struct cachet_geometry *g)
{
	return 1u << (g->segment_shift - CACHET_PAGE_SHIFT);
}

static inline u32 cachet_segment_of(const struct cachet_geometry *g, u32 page)
{
	return page >> (g->segment_shift - CACHET_PAGE_SHIFT);
}

u32 cachet_object_set(const struct cachet_geometry *g, const u8 fp[CACHET_FP_BYTES]);
u32 cachet_extent_set(const struct cachet_geometry *g, const u8 fp[CACHET_FP_BYTES],
		      u32 block, u8 part);
u32 cachet_content_set(const struct cachet_geometry *g,
		       const u8 digest[CACHET_DIGEST_BYTES]);

/* ---- super.c ------------------------------------------------------------ */

/*
 * Epochs that an attach after a crash declares lost. A crash leaves two at most:
 * that of the commit under way and the next; the rest is margin.
 */
#define CACHET_LOST_EPOCHS		16

struct cachet_super_info {
	u64	epoch;
	u64	created;
	u64	written;
	u64	next_volume;
	u32	flags;
	u32	compat;
	u32	ro_compat;
	u32	incompat;
	u8	uuid[CACHET_UUID_BYTES];
	char	tag[CACHET_TAG_BYTES];
	struct cachet_geometry geo;
	u8	nr_lost;
	struct {
		u64	first;
		u64	last;
	} lost[CACHET_NR_LOST];
};

bool cachet_tag_valid(const char *tag);
void cachet_super_encode(struct cachet_super *d, const struct cachet_super_info *s);
int cachet_super_decode(const struct cachet_super *d, struct cachet_super_info *ret,
			const char **ret_why);
int cachet_super_choose(const struct cachet_super *a, const struct cachet_super *b,
			struct cachet_super_info *ret, const char **ret_why);
bool cachet_epoch_lost(const struct cachet_super_info *s, u64 epoch);
int cachet_super_lose(struct cachet_super_info *s, u64 first, u64 last);

void cachet_file_id_encode(struct cachet_file_id *d, const char magic[8],
			   const u8 uuid[CACHET_UUID_BYTES], u64 pos);
int cachet_file_id_check(const struct cachet_file_id *d, const char magic[8],
			 const u8 uuid[CACHET_UUID_BYTES], u64 pos);

/* ---- record.c ----------------------------------------------------------- */

/* A record of the tag store, aligned; which member counts says head.kind. */
union cachet_any_record {
	struct cachet_record	head;
	struct cachet_object	object;
	struct cachet_extents	extents;
	struct cachet_content	content;
	u8			bytes[CACHET_RECORD_BYTES];
};

struct cachet_segment_info {
	u64	epoch;
	u64	generation;
	u32	used;
	u32	live;
	u32	last_use;
	u16	flags;
	u8	state;
	u8	class;
};

struct cachet_volume_data {
	u64	epoch;
	u64	id;
	u64	generation;
	u64	since;
	u32	last_use;
	u8	block_shift;
	u8	key_len;
	u8	coherency_len;
	u8	key[256];
	u8	coherency[CACHET_VOLUME_COHERENCY_BYTES];
};

u32 cachet_crc_seed(const u8 uuid[CACHET_UUID_BYTES]);

void cachet_segment_encode(struct cachet_segment *d, u32 seed, u64 pos,
			   const struct cachet_segment_info *s);
int cachet_segment_decode(const struct cachet_segment *d, u32 seed, u64 pos,
			  const struct cachet_geometry *g,
			  struct cachet_segment_info *ret);
void cachet_volume_encode(struct cachet_volume_rec *d, u32 seed, u64 pos,
			  const struct cachet_volume_data *v);
int cachet_volume_decode(const struct cachet_volume_rec *d, u32 seed, u64 pos,
			 struct cachet_volume_data *ret);

void cachet_record_seal(void *rec, u32 seed, u64 pos);
int cachet_record_check(const void *rec, u32 seed, u64 pos,
			const struct cachet_geometry *g, const char **ret_why);
int cachet_extent_check(const struct cachet_extent *e, const struct cachet_geometry *g,
			u32 block_pages);

/* ---- map.c -------------------------------------------------------------- */

#define CACHET_MAP_PIECES	(CACHET_PART_EXTENTS * CACHET_MAX_PARTS)

/* Pages [off, off + len) of a block are at [page, page + len) of data. */
struct cachet_piece {
	u64	generation;
	u32	page;
	u16	off;
	u16	len;
};

/* The map of one block, in memory. Pieces do not overlap; their order is free. */
struct cachet_map {
	u32	session;		/* With LOCAL */
	u8	flags;			/* CACHET_MAP_FLAGS; as read, also CACHET_REC_PINNED */
#define CACHET_MAP_FLAGS (CACHET_REC_SEALED | CACHET_REC_LOCAL | CACHET_REC_SHARED)
	u8	nr;			/* Pieces */
	u8	digest[CACHET_DIGEST_BYTES]; /* With SEALED */
	struct cachet_piece piece[CACHET_MAP_PIECES];
};

const struct cachet_piece *cachet_map_find(const struct cachet_map *m, u32 off);
u32 cachet_map_gap(const struct cachet_map *m, u32 off, u32 end);
u32 cachet_map_pages(const struct cachet_map *m);
int cachet_map_punch(struct cachet_map *m, u32 off, u32 len);
int cachet_map_insert(struct cachet_map *m, const struct cachet_piece *new);
u32 cachet_map_parts(const struct cachet_map *m);
void cachet_map_encode_part(struct cachet_extents *d, const struct cachet_map *m, u32 part);
int cachet_map_decode_part(struct cachet_map *m, const struct cachet_extents *d);
void cachet_piece_encode(struct cachet_extent *d, const struct cachet_piece *p);
void cachet_piece_decode(const struct cachet_extent *d, struct cachet_piece *ret);

/* ---- summary.c ---------------------------------------------------------- */

static inline u64 cachet_summary_pos(const struct cachet_geometry *g, u32 segment, u32 nr)
{
	return ((u64)(segment + 1) << g->segment_shift) -
		(u64)(nr + 1) * sizeof(struct cachet_summary_entry);
}

u32 cachet_summary_pages(u32 nr);
void cachet_summary_encode(void *area, u32 nr, u32 seed, u64 pos, u32 segment,
			   u64 generation, u64 epoch, const u8 uuid[CACHET_UUID_BYTES]);
int cachet_summary_check(const void *area, u32 area_bytes, u32 seed, u64 pos,
			 u32 segment, u64 generation, u32 *ret_nr);

#endif /* CACHET_CODEC_H */
