// SPDX-License-Identifier: GPL-2.0-only
/*
 * format_geometry.c - unit tests of geometry.c, and of the crc that all rely on
 */
#include "format_test.h"
#include "map_model.h"

static struct cachet_geometry least(void)
{
	return (struct cachet_geometry){
		.nr_segments = CACHET_MIN_SEGMENTS, .nr_sets = 1, .nr_volumes = 1,
		.segment_shift = CACHET_MIN_SEGMENT_SHIFT, .block_shift = CACHET_MIN_BLOCK_SHIFT,
	};
}

/* RFC 3720 B.4, and the check value of the catalogue of parametrised crcs. */
static void crc32c_known(void **state)
{
	u8 buf[32];

	(void)state;
	assert_int_equal(crc32c(~0u, "123456789", 9) ^ ~0u, 0xe3069283);
	memset(buf, 0, sizeof(buf));
	assert_int_equal(crc32c(~0u, buf, 32) ^ ~0u, 0x8a9136aa);
	memset(buf, 0xff, sizeof(buf));
	assert_int_equal(crc32c(~0u, buf, 32) ^ ~0u, 0x62a8ab43);
	sample_count(buf, 0, 32);
	assert_int_equal(crc32c(~0u, buf, 32) ^ ~0u, 0x46dd794e);
	assert_int_equal(crc32c(crc32c(~0u, "1234", 4), "56789", 5) ^ ~0u, 0xe3069283);
	assert_int_equal(crc32c(0x1234, "", 0), 0x1234);
}

static void fill_derives(void **state)
{
	struct cachet_geometry g = sample_geometry();

	(void)state;
	assert_int_equal(cachet_geometry_fill(&g), 0);
	assert_int_equal(g.segment_table, 4096);
	assert_int_equal(g.volume_table, 8192);
	assert_int_equal(g.sets, 8192 + 16 * 512);
	assert_int_equal(g.index_bytes, 8192 + 16 * 512 + 100 * 4096);
	assert_int_equal(g.data_bytes, (16ull << 24) + 4096);
	/* Tables are rounded up to a full page. */
	g.nr_segments = 65;
	g.nr_volumes = 9;
	assert_int_equal(cachet_geometry_fill(&g), 0);
	assert_int_equal(g.volume_table, 4096 + 2 * 4096);
	assert_int_equal(g.sets, 4096 + 2 * 4096 + 2 * 4096);
}

static void positions(void **state)
{
	struct cachet_geometry g = sample_geometry();

	(void)state;
	assert_int_equal(cachet_segment_pos(&g, 5), 4096 + 5 * 64);
	assert_int_equal(cachet_volume_pos(&g, 3), 8192 + 3 * 512);
	assert_int_equal(cachet_set_pos(&g, 99), 8192 + 16 * 512 + 99 * 4096);
	assert_int_equal(cachet_segment_pages(&g), 4096);
	assert_int_equal(cachet_segment_of(&g, 0x5fff), 5);
	assert_int_equal(cachet_segment_of(&g, 0x6000), 6);
	assert_int_equal(cachet_summary_pos(&g, 5, 0), 6ull * (1 << 24) - 64);
	assert_int_equal(cachet_summary_pos(&g, 5, 2), 6ull * (1 << 24) - 192);
	/* 64-bit throughout. */
	g.nr_sets = 0xffffffff;
	assert_int_equal(cachet_set_pos(&g, 0xfffffffe), g.sets + 0xfffffffeull * 4096);
	g.segment_shift = 30;
	assert_int_equal(cachet_summary_pos(&g, 16382, 0), (16383ull << 30) - 64);
}

/* Each limit, from both sides; a refused geometry is left as it is. */
static void fill_limits(void **state)
{
	struct cachet_geometry g, was;

	(void)state;
#define ACCEPT(...) do {						\
	g = least();							\
	__VA_ARGS__;							\
	assert_int_equal(cachet_geometry_fill(&g), 0);			\
} while (0)
#define REFUSE(...) do {						\
	g = least();							\
	__VA_ARGS__;							\
	was = g;							\
	assert_int_equal(cachet_geometry_fill(&g), -EINVAL);		\
	assert_memory_equal(&g, &was, sizeof(g));			\
} while (0)
	ACCEPT();
	REFUSE(g.segment_shift = 19);
	ACCEPT(g.segment_shift = 30);
	REFUSE(g.segment_shift = 31);
	REFUSE(g.segment_shift = 255);
	REFUSE(g.segment_shift = 0);
	REFUSE(g.block_shift = 11);
	REFUSE(g.block_shift = 0);
	ACCEPT(g.block_shift = 18);
	REFUSE(g.block_shift = 19);
	ACCEPT(g.block_shift = 22, g.segment_shift = 24);
	REFUSE(g.block_shift = 22, g.segment_shift = 23);
	REFUSE(g.block_shift = 23, g.segment_shift = 30);
	REFUSE(g.block_shift = 255, g.segment_shift = 30);
	REFUSE(g.nr_segments = 7);
	REFUSE(g.nr_segments = 0);
	REFUSE(g.nr_sets = 0);
	ACCEPT(g.nr_sets = 0xffffffff);
	REFUSE(g.nr_volumes = 0);
	ACCEPT(g.nr_volumes = CACHET_MAX_VOLUMES);
	REFUSE(g.nr_volumes = CACHET_MAX_VOLUMES + 1);
	/* Page numbers of 32 bits: 2^24 segments of 1 MiB are one too many. */
	ACCEPT(g.nr_segments = (1 << 24) - 1);
	REFUSE(g.nr_segments = 1 << 24);
	REFUSE(g.nr_segments = 0xffffffff);
	ACCEPT(g.nr_segments = (1 << 14) - 1, g.segment_shift = 30);
	REFUSE(g.nr_segments = 1 << 14, g.segment_shift = 30);
	REFUSE(g.nr_segments = 0xffffffff, g.segment_shift = 30);
#undef ACCEPT
#undef REFUSE
}

/* The parts never take more than the whole, and waste less than a segment. */
static void plan_fits(void **state)
{
	u64 random = 1;
	int i;

	(void)state;
	for (i = 0; i < 100000; i++) {
		u8 segment_shift = 20 + model_below(&random, 11);
		u8 block_shift = 12 + model_below(&random, 11);
		u64 total = model_random(&random) >> (20 + model_below(&random, 24));
		u64 per_record = block_shift < 15 ? 1ull << block_shift >> 1 : 16384;
		u64 per = (1ull << segment_shift) + (1ull << segment_shift) / per_record * 128 + 64;
		struct cachet_geometry g;
		int ret = cachet_geometry_plan(&g, total, segment_shift, block_shift);
		u64 sum;

		if (block_shift + 2 > segment_shift) {
			assert_true(ret == -EINVAL || ret == -ENOSPC || ret == -EFBIG);
			continue;
		}
		if (ret == -ENOSPC) {
			assert_true(total < 8 * per + 6 * 4096 + 4096 * 512);
			continue;
		}
		if (ret == -EFBIG) {
			assert_true(total >= 1ull << 44);
			continue;
		}
		assert_int_equal(ret, 0);
		sum = g.data_bytes + g.index_bytes + CACHET_SUPER_FILE_BYTES;
		assert_true(sum <= total);
		assert_true(total - sum < per + 2 * 4096);
		assert_int_equal(g.segment_shift, segment_shift);
		assert_int_equal(g.block_shift, block_shift);
		assert_true(per_record * 32 * g.nr_sets == (u64)g.nr_segments << segment_shift);
	}
}

static void plan_limits(void **state)
{
	struct cachet_geometry g, was;
	u64 total;

	(void)state;
	memset(&g, 0xa5, sizeof(g));
	was = g;
#define REFUSE(error, ...) do {						\
	assert_int_equal(cachet_geometry_plan(&g, __VA_ARGS__), error);	\
	assert_memory_equal(&g, &was, sizeof(g));			\
} while (0)
	REFUSE(-EINVAL, 1ull << 32, 19, 12);
	REFUSE(-EINVAL, 1ull << 32, 31, 12);
	REFUSE(-EINVAL, 1ull << 32, 24, 11);
	REFUSE(-EINVAL, 1ull << 32, 24, 23);
	REFUSE(-EINVAL, 1ull << 32, 20, 19);
	REFUSE(-ENOSPC, 0, 20, 18);
	REFUSE(-ENOSPC, 8 << 20, 20, 18);
	REFUSE(-EFBIG, 1ull << 45, 30, 18);
	REFUSE(-EFBIG, 1ull << 45, 20, 18);
	REFUSE(-EFBIG, ~0ull, 20, 18);
	REFUSE(-EFBIG, ~0ull, 30, 18);
#undef REFUSE
	/* The least that does: eight segments, their records, 256 volumes, six pages. */
	total = 8 * ((1 << 20) + 64 + 64 * 128) + 256 * 512 + 6 * 4096;
	assert_int_equal(cachet_geometry_plan(&g, total - 1, 20, 18), -ENOSPC);
	assert_int_equal(cachet_geometry_plan(&g, total, 20, 18), 0);
	assert_int_equal(g.nr_segments, 8);
	assert_int_equal(g.nr_volumes, 256);
	assert_int_equal(g.nr_sets, 16);
	/* Two records for each block of 4 KiB, and the same for 32 KiB as for 256 KiB. */
	total = 8 * ((1 << 20) + 64 + 512 * 128) + 256 * 512 + 6 * 4096;
	assert_int_equal(cachet_geometry_plan(&g, total - 1, 20, 12), -ENOSPC);
	assert_int_equal(cachet_geometry_plan(&g, total, 20, 12), 0);
	assert_int_equal(g.nr_sets * 32, 2 * g.nr_segments * 256);
	assert_int_equal(cachet_geometry_plan(&g, total, 20, 15), 0);
	assert_int_equal(g.nr_sets, 16);
	/* The most that does: nearly 16 TiB. */
	assert_int_equal(cachet_geometry_plan(&g, 17700000000000ull, 30, 22), 0);
	assert_true(g.nr_segments < 1 << 14);
	assert_int_equal(g.nr_volumes, 4096);
	/* 64 GiB is where a cache stops being small. */
	assert_int_equal(cachet_geometry_plan(&g, (1ull << 36) - 1, 24, 18), 0);
	assert_int_equal(g.nr_volumes, 256);
	assert_int_equal(cachet_geometry_plan(&g, 1ull << 36, 24, 18), 0);
	assert_int_equal(g.nr_volumes, 4096);
}

/* Where a record belongs is part of the format: numbers from golden arithmetic. */
static void sets_known(void **state)
{
	struct cachet_geometry g = sample_geometry();
	u8 fp[CACHET_FP_BYTES], digest[CACHET_DIGEST_BYTES];

	(void)state;
	sample_count(fp, 0xa0, sizeof(fp));
	sample_count(digest, 0x20, sizeof(digest));
	g.nr_sets = 100;
	assert_int_equal(cachet_object_set(&g, fp), 0xa7a6a5a4a3a2a1a0ull % 100);
	assert_int_equal(cachet_content_set(&g, digest), 0x2726252423222120ull % 100);
	g.nr_sets = 0xfffffffb;
	assert_int_equal(cachet_object_set(&g, fp), 0xa7a6a5a4a3a2a1a0ull % 0xfffffffb);
	assert_int_equal(cachet_extent_set(&g, fp, 0, 0), 0xdaf9827a);
	assert_int_equal(cachet_extent_set(&g, fp, 1, 0), 0x108b3216);
	assert_int_equal(cachet_extent_set(&g, fp, 0, 1), 0x9f5a3d90);
	assert_int_equal(cachet_extent_set(&g, fp, 0xffffffff, 12), 0xb0e96086);
	g.nr_sets = 1;
	assert_int_equal(cachet_object_set(&g, fp), 0);
	assert_int_equal(cachet_extent_set(&g, fp, 7, 3), 0);
	assert_int_equal(cachet_content_set(&g, digest), 0);
}

/* The blocks of one file are spread evenly: each set gets about its share. */
static void sets_even(void **state)
{
	enum { SETS = 64, BLOCKS = 64000 };
	struct cachet_geometry g = sample_geometry();
	u8 fp[CACHET_FP_BYTES] = {};
	u32 count[SETS] = {}, i;

	(void)state;
	g.nr_sets = SETS;
	for (i = 0; i < BLOCKS; i++)
		count[cachet_extent_set(&g, fp, i, i % CACHET_MAX_PARTS)]++;
	/* 1000 expected, 31.6 the standard deviation: six of them. */
	for (i = 0; i < SETS; i++)
		assert_in_range(count[i], 810, 1190);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32c_known),
		cmocka_unit_test(fill_derives),
		cmocka_unit_test(positions),
		cmocka_unit_test(fill_limits),
		cmocka_unit_test(plan_fits),
		cmocka_unit_test(plan_limits),
		cmocka_unit_test(sets_known),
		cmocka_unit_test(sets_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
