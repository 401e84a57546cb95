// SPDX-License-Identifier: GPL-2.0-only
/*
 * format_map.c - unit tests of map.c
 *
 * CACHET_SEED=N in the environment has the random test take its own way.
 */
#include "format_test.h"
#include "map_model.h"

static struct cachet_piece piece(u64 generation, u32 page, u16 off, u16 len)
{
	return (struct cachet_piece){
		.generation = generation, .page = page, .off = off, .len = len,
	};
}

static int insert(struct cachet_map *m, u64 generation, u32 page, u16 off, u16 len)
{
	struct cachet_piece p = piece(generation, page, off, len);

	return cachet_map_insert(m, &p);
}

/* As many single pages as there is room for, with a hole after each. */
static void fill(struct cachet_map *m, u32 nr)
{
	u32 i;

	memset(m, 0, sizeof(*m));
	for (i = 0; i < nr; i++)
		assert_int_equal(insert(m, 1, 100 + 4 * i, 4 * i, 3), 0);
	assert_int_equal(m->nr, nr);
}

static void empty(void **state)
{
	struct cachet_map m = {}, zero = {};

	(void)state;
	assert_null(cachet_map_find(&m, 0));
	assert_null(cachet_map_find(&m, 0xffffffff));
	assert_int_equal(cachet_map_gap(&m, 0, 64), 64);
	assert_int_equal(cachet_map_pages(&m), 0);
	assert_int_equal(cachet_map_parts(&m), 0);
	assert_int_equal(cachet_map_punch(&m, 0, 1024), 0);
	assert_memory_equal(&m, &zero, sizeof(m));
}

static void piece_round_trip(void **state)
{
	struct cachet_piece p = piece(0x0102030405060708ull, 0x11121314, 0x2122, 0x3132), q;
	struct cachet_extent e;

	(void)state;
	cachet_piece_encode(&e, &p);
	assert_memory_equal(&e, "\x08\x07\x06\x05\x04\x03\x02\x01\x14\x13\x12\x11\x22\x21\x32\x31",
			    16);
	memset(&q, 0, sizeof(q));
	cachet_piece_decode(&e, &q);
	assert_memory_equal(&p, &q, sizeof(p));
}

static void joins(void **state)
{
	struct cachet_map m = {};

	(void)state;
	assert_int_equal(insert(&m, 1, 100, 10, 2), 0);
	assert_int_equal(insert(&m, 1, 102, 12, 2), 0);
	assert_int_equal(insert(&m, 1, 98, 8, 2), 0);
	assert_int_equal(m.nr, 1);
	assert_int_equal(m.piece[0].off, 8);
	assert_int_equal(m.piece[0].len, 6);
	assert_int_equal(m.piece[0].page, 98);
	/* Not what lies elsewhere, or is of another generation. */
	assert_int_equal(insert(&m, 1, 105, 14, 1), 0);
	assert_int_equal(insert(&m, 2, 97, 7, 1), 0);
	assert_int_equal(m.nr, 3);
}

static void replaces(void **state)
{
	struct cachet_map m = {};

	(void)state;
	assert_int_equal(insert(&m, 1, 100, 0, 10), 0);
	assert_int_equal(insert(&m, 2, 500, 4, 2), 0);
	assert_int_equal(m.nr, 3);
	assert_int_equal(cachet_map_find(&m, 3)->page, 100);
	assert_int_equal(cachet_map_find(&m, 4)->page, 500);
	assert_int_equal(cachet_map_find(&m, 6)->page, 106);
	assert_int_equal(cachet_map_find(&m, 6)->off, 6);
	assert_int_equal(cachet_map_pages(&m), 10);
	assert_int_equal(insert(&m, 3, 900, 0, 10), 0);
	assert_int_equal(m.nr, 1);
}

static void flags(void **state)
{
	struct cachet_map m, was;

	(void)state;
	sample_sealed_map(&m);
	m.flags |= CACHET_REC_SHARED;
	was = m;
	/* Nothing there: still the sealed block. */
	assert_int_equal(cachet_map_punch(&m, 64, 900), 0);
	assert_memory_equal(&m, &was, sizeof(m));
	assert_int_equal(cachet_map_punch(&m, 63, 900), 0);
	assert_int_equal(m.flags, CACHET_REC_LOCAL);
	assert_int_equal(m.session, was.session);
	m = was;
	assert_int_equal(insert(&m, 9, 0x1000, 64, 1), 0);
	assert_int_equal(m.flags, CACHET_REC_LOCAL);
}

static void full(void **state)
{
	struct cachet_map m, was;

	(void)state;
	fill(&m, CACHET_MAP_PIECES);
	assert_int_equal(cachet_map_parts(&m), CACHET_MAX_PARTS);
	was = m;
	/* A hole in a piece, one more piece: no room for either. */
	assert_int_equal(cachet_map_punch(&m, 1, 1), -ENOSPC);
	assert_int_equal(insert(&m, 2, 900, 1, 1), -ENOSPC);
	assert_int_equal(insert(&m, 2, 900, 900, 1), -ENOSPC);
	assert_memory_equal(&m, &was, sizeof(m));
	/* What splits nothing needs no room. */
	assert_int_equal(cachet_map_punch(&m, 0, 1), 0);
	assert_int_equal(cachet_map_punch(&m, 6, 1), 0);
	assert_int_equal(m.nr, CACHET_MAP_PIECES);
	assert_int_equal(cachet_map_punch(&m, 0, 4), 0);
	assert_int_equal(m.nr, CACHET_MAP_PIECES - 1);
	/* One place: for what hits nothing. */
	assert_int_equal(insert(&m, 2, 900, 0, 1), 0);
	assert_int_equal(m.nr, CACHET_MAP_PIECES);
	fill(&m, CACHET_MAP_PIECES - 2);
	assert_int_equal(insert(&m, 2, 900, 1, 1), 0);
	assert_int_equal(m.nr, CACHET_MAP_PIECES);
	assert_int_equal(cachet_map_punch(&m, 0, 1024), 0);
	assert_int_equal(m.nr, 0);
}

static void part_counts(void **state)
{
	struct cachet_map m = {};

	(void)state;
	for (m.nr = 0; m.nr <= CACHET_MAP_PIECES; m.nr++)
		assert_int_equal(cachet_map_parts(&m), (m.nr + 4) / 5);
}

/* Two parts that overlap, or too many, add nothing. */
static void decode_refuses(void **state)
{
	struct cachet_map m, was;
	union image i;

	(void)state;
	memset(&m, 0, sizeof(m));
	sample_part0(i.bytes);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	was = m;
	sample_part1(i.bytes);
	i.extents.extent[1].off = cpu_to_le16(8);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), -EBADMSG);
	assert_int_equal(m.nr, was.nr);
	assert_int_equal(m.flags, was.flags);
	assert_memory_equal(m.piece, was.piece, was.nr * sizeof(m.piece[0]));
	/* Within one part. */
	i.extents.extent[1].off = i.extents.extent[0].off;
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), -EBADMSG);
	assert_int_equal(m.nr, was.nr);
	fill(&m, CACHET_MAP_PIECES - 1);
	sample_part1(i.bytes);
	i.extents.extent[0].off = cpu_to_le16(1000);
	i.extents.extent[1].off = cpu_to_le16(1001);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), -EBADMSG);
	assert_int_equal(m.nr, CACHET_MAP_PIECES - 1);
}

/* Later parts may be of a later session: the map is of the last one. */
static void decode_sessions(void **state)
{
	struct cachet_map m;
	union image i;

	(void)state;
	memset(&m, 0, sizeof(m));
	sample_part0(i.bytes);
	i.rec.flags &= ~CACHET_REC_LOCAL;
	i.extents.session = 0;
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	assert_int_equal(m.flags, 0);
	sample_part1(i.bytes);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	assert_int_equal(m.flags, CACHET_REC_LOCAL);
	assert_int_equal(m.session, 78);
	memset(&m, 0, sizeof(m));
	sample_part0(i.bytes);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	sample_part1(i.bytes);
	i.extents.session = cpu_to_le32(12);
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	assert_int_equal(m.session, 78);
}

static void golden_decodes(void **state)
{
	struct cachet_map want;
	struct cachet_map m;
	union image i;

	(void)state;
	memset(&m, 0, sizeof(m));
	sample_sealed_map(&want);
	memcpy(i.bytes, golden_sealed, sizeof(golden_sealed));
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	assert_memory_equal(&m, &want, sizeof(m));
	memset(&m, 0, sizeof(m));
	sample_parts_map(&want);
	memcpy(i.bytes, golden_part0, sizeof(golden_part0));
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	memcpy(i.bytes, golden_part1, sizeof(golden_part1));
	assert_int_equal(cachet_map_decode_part(&m, &i.extents), 0);
	assert_memory_equal(&m, &want, sizeof(m));
}

/* Blocks of 1 page to 4 MiB, 20,000 steps each. */
static void model(void **state)
{
	static const u32 pages[] = { 1, 2, 16, 64, 130, 131, 256, 1024 };
	static struct map_model mm;
	const char *given = getenv("CACHET_SEED");
	u64 seed = given ? strtoull(given, NULL, 0) : 20250101;
	u32 i, step = 0, refused = 0, largest = 0;

	(void)state;
	for (i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		const char *why = model_run(&mm, pages[i], seed, 20000, &step);

		if (why)
			fail_msg("CACHET_SEED=%llu, blocks of %u pages, step %u: %s",
				 (unsigned long long)seed, pages[i], step, why);
		refused += mm.nr_enospc;
		if (mm.max_nr > largest)
			largest = mm.max_nr;
	}
	/* Else the test did not come near the limits. */
	assert_int_equal(largest, CACHET_MAP_PIECES);
	assert_true(refused > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(piece_round_trip),
		cmocka_unit_test(joins),
		cmocka_unit_test(replaces),
		cmocka_unit_test(flags),
		cmocka_unit_test(full),
		cmocka_unit_test(part_counts),
		cmocka_unit_test(decode_refuses),
		cmocka_unit_test(decode_sessions),
		cmocka_unit_test(golden_decodes),
		cmocka_unit_test(model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
