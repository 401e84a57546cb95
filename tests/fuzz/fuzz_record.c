// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_record.c - records of the tag store
 *
 * Input: segment_shift, the low and high byte of nr_segments, which byte of the
 * seed or position is to be changed; then 4 bytes of nothing; then the record.
 */
#include "fuzz.h"

#define HEAD	8
#define POS	0x123456780ull

static void fuzz_fix(uint8_t *data, size_t size)
{
	if (size >= HEAD + CACHET_RECORD_BYTES)
		fuzz_store(data + HEAD, fuzz_crc(sample_seed(), POS, data + HEAD + 4,
						 CACHET_RECORD_BYTES - 4));
}

/* In bounds, by another calculation than cachet_extent_check()'s. */
static void extent_ok(const struct cachet_extent *e, const struct cachet_geometry *g, u32 pages)
{
	u64 from = (u64)le32_to_cpu(e->page) << 12;
	u64 to = from + ((u64)le16_to_cpu(e->len) << 12);

	CHECK(e->generation && e->len);
	CHECK(le16_to_cpu(e->off) + le16_to_cpu(e->len) <= pages);
	CHECK(from < to && to <= (u64)g->nr_segments << g->segment_shift);
	CHECK(from >> g->segment_shift == (to - 1) >> g->segment_shift);
}

static void extents_ok(const struct cachet_extents *x, const struct cachet_geometry *g)
{
	static struct cachet_map m;
	struct cachet_extents again = *x;
	unsigned int i;

	CHECK(x->rec.nr <= 5 && x->rec.part < 13);
	for (i = 0; i < x->rec.nr; i++)
		extent_ok(&x->extent[i], g, 1024);
	memset(&m, 0, sizeof(m));
	if (cachet_map_decode_part(&m, x)) {
		CHECK(!m.nr);
		return;
	}
	CHECK(m.nr == x->rec.nr && cachet_map_pages(&m) <= 1024);
	/* Only a first and last part says all of a map. */
	if (x->rec.part || !m.nr || x->rec.flags & (CACHET_REC_MORE | CACHET_REC_PINNED))
		return;
	cachet_map_encode_part(&again, &m, 0);
	if (!(x->rec.flags & CACHET_REC_LOCAL))
		again.session = x->session;
	CHECK(!memcmp(&again, x, sizeof(again)));
}

static void accepted(const void *rec, const struct cachet_geometry *g)
{
	const struct cachet_record *r = rec;
	const struct cachet_object *o = rec;
	const struct cachet_content *c = rec;
	u32 pages = 0, i;

	switch (r->kind) {
	case CACHET_REC_OBJECT:
		CHECK(o->rec.nr <= 1 && fuzz_zero(o->reserved, 2));
		CHECK(o->block_shift >= 12 && o->block_shift <= 22);
		CHECK(le64_to_cpu(o->size) <= INT64_MAX);
		if (o->rec.nr)
			extent_ok(&o->extent, g, (1u << o->block_shift) / 4096);
		break;
	case CACHET_REC_EXTENT:
		extents_ok(rec, g);
		break;
	case CACHET_REC_CONTENT:
		CHECK(c->rec.nr >= 1 && c->rec.nr <= 3 && fuzz_zero(c->reserved, 12));
		CHECK(!memcmp(c->rec.fp, c->digest, 16));
		for (i = 0; i < c->rec.nr; i++) {
			extent_ok(&c->extent[i], g, 1024);
			CHECK(le16_to_cpu(c->extent[i].off) == pages);
			pages += le16_to_cpu(c->extent[i].len);
		}
		CHECK(pages == le32_to_cpu(c->pages) && pages && pages <= 1024);
		break;
	default:
		CHECK(!"a known kind");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cachet_geometry g = sample_geometry();
	const char *why = NULL;
	u32 seed = sample_seed(), turn;
	void *rec;
	int ret;

	if (size < HEAD + CACHET_RECORD_BYTES)
		return 0;
	g.segment_shift = 20 + data[0] % 11;
	g.block_shift = 12;
	g.nr_segments = 8 + data[1] + 256 * data[2];
	if (cachet_geometry_fill(&g))
		return 0;
	rec = fuzz_copy(data + HEAD, CACHET_RECORD_BYTES);
	ret = cachet_record_check(rec, seed, POS, &g, &why);
	CHECK(!ret || ret == -ENOENT || (ret == -EBADMSG && why));
	CHECK((ret == -ENOENT) == !((u8 *)rec)[4]);
	if (!ret) {
		u32 crc = ((struct cachet_record *)rec)->crc;

		accepted(rec, &g);
		cachet_record_seal(rec, seed, POS);
		CHECK(crc == ((struct cachet_record *)rec)->crc);
		turn = 1u << data[3] % 32;
		CHECK(cachet_record_check(rec, seed ^ turn, POS, &g, &why) == -EBADMSG);
		CHECK(cachet_record_check(rec, seed, POS ^ turn, &g, &why) == -EBADMSG);
	}
	free(rec);
	return 0;
}
