// SPDX-License-Identifier: GPL-2.0-only
/*
 * format_summary.c - unit tests of summary.c
 */
#include "format_test.h"

#define ENTRY	64
#define BYTES	((SAMPLE_ENTRIES + 1) * ENTRY)

static u32 seed;
static u64 pos;

static int setup(void **state)
{
	(void)state;
	seed = sample_seed();
	pos = sample_summary_pos();
	return 0;
}

/* Also: nr is set with -EMSGSIZE and success, and else untouched. */
static int check(const void *area, u32 bytes)
{
	u32 nr = 0xa5a5a5a5;
	int ret = cachet_summary_check(area, bytes, seed, pos, SAMPLE_SEGMENT,
				       SAMPLE_SEG_GENERATION, &nr);

	if (ret == -EBADMSG)
		assert_int_equal(nr, 0xa5a5a5a5);
	else
		assert_int_not_equal(nr, 0xa5a5a5a5);
	return ret;
}

static void fix(u8 *area, u32 nr)
{
	struct cachet_summary_footer *f = (void *)(area + (size_t)nr * ENTRY);
	__le64 where = cpu_to_le64(pos);
	u32 crc = crc32c(seed, &where, 8);

	crc = crc32c(crc, (u8 *)f + 8, ENTRY - 8);
	f->crc = cpu_to_le32(crc32c(crc, area, (size_t)nr * ENTRY));
}

static void golden(void **state)
{
	(void)state;
	assert_golden("summary");
}

static void pages(void **state)
{
	(void)state;
	assert_int_equal(cachet_summary_pages(0), 1);
	assert_int_equal(cachet_summary_pages(62), 1);
	assert_int_equal(cachet_summary_pages(63), 1);
	assert_int_equal(cachet_summary_pages(64), 2);
	assert_int_equal(cachet_summary_pages(1 << 18), (1 << 12) + 1);
}

/* Found at the end of what was read, whatever lies before it. */
static void round_trip(void **state)
{
	u64 area[2 * BYTES / 8];
	u32 nr;

	(void)state;
	memset(area, 0xa5, sizeof(area));
	sample_summary((u8 *)area + BYTES);
	assert_int_equal(cachet_summary_check(area, sizeof(area), seed, pos, SAMPLE_SEGMENT,
					      SAMPLE_SEG_GENERATION, &nr), 0);
	assert_int_equal(nr, SAMPLE_ENTRIES);
	assert_int_equal(check((u8 *)area + BYTES, BYTES), 0);
}

/* Less than the summary: how much more is said before the crc is known. */
static void too_short(void **state)
{
	u64 area[BYTES / 8];
	u32 bytes, nr;

	(void)state;
	sample_summary((u8 *)area);
	for (bytes = 0; bytes < ENTRY; bytes++)
		assert_int_equal(check((u8 *)area, bytes), -EBADMSG);
	for (bytes = ENTRY; bytes < BYTES; bytes += 8) {
		nr = 0;
		assert_int_equal(cachet_summary_check((u8 *)area + BYTES - bytes, bytes, seed, pos,
						      SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION, &nr),
				 -EMSGSIZE);
		assert_int_equal(nr, SAMPLE_ENTRIES);
	}
}

static void every_bit(void **state)
{
	u64 area[BYTES / 8];
	size_t bit;
	int ret;

	(void)state;
	sample_summary((u8 *)area);
	for (bit = 0; bit < 8 * BYTES; bit++) {
		flip(area, bit);
		ret = check(area, BYTES);
		/* A larger nr can't be told from a larger summary. */
		assert_true(ret == -EBADMSG || (ret == -EMSGSIZE && bit / 32 == 2 * ENTRY / 4 + 2));
		flip(area, bit);
	}
	assert_int_equal(check(area, BYTES), 0);
	memset(area, 0, sizeof(area));
	assert_int_equal(check(area, BYTES), -EBADMSG);
}

static void misplaced(void **state)
{
	u64 area[BYTES / 8];
	int bit;
	u32 nr = 0;

	(void)state;
	sample_summary((u8 *)area);
#define WRONG(s, p, segment, generation)					\
	assert_int_equal(cachet_summary_check(area, BYTES, s, p, segment, generation, &nr), -EBADMSG)
	for (bit = 0; bit < 32; bit++) {
		WRONG(seed ^ 1u << bit, pos, SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION);
		WRONG(seed, pos, SAMPLE_SEGMENT ^ 1u << bit, SAMPLE_SEG_GENERATION);
	}
	for (bit = 0; bit < 64; bit++) {
		WRONG(seed, pos ^ 1ull << bit, SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION);
		WRONG(seed, pos, SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION ^ 1ull << bit);
	}
#undef WRONG
	assert_int_equal(nr, 0);
}

/* With the crc made right, so that the check behind it must see the damage. */
static void each_check(void **state)
{
	u64 area[BYTES / 8];
	struct cachet_summary_footer *f = (void *)((u8 *)area + SAMPLE_ENTRIES * ENTRY);
	size_t i;

	(void)state;
#define TRY(want, ...) do {						\
	sample_summary((u8 *)area);					\
	__VA_ARGS__;							\
	fix((u8 *)area, SAMPLE_ENTRIES);				\
	assert_int_equal(check(area, BYTES), want);			\
} while (0)
	TRY(0);
	TRY(-EBADMSG, f->magic ^= cpu_to_le32(1));
	TRY(-EBADMSG, f->segment = cpu_to_le32(6));
	TRY(-EBADMSG, f->generation = cpu_to_le64(1));
	TRY(-EMSGSIZE, f->nr = cpu_to_le32(3));
	TRY(-EMSGSIZE, f->nr = cpu_to_le32(1 << 18));
	TRY(-EBADMSG, f->nr = cpu_to_le32((1 << 18) + 1));
	TRY(-EBADMSG, f->nr = cpu_to_le32(0xffffffff));
	TRY(-EBADMSG, f->nr = cpu_to_le32(1));
	TRY(0, f->epoch = 0);
	for (i = 0; i < sizeof(f->reserved); i++)
		TRY(-EBADMSG, f->reserved[i] = 1);
#undef TRY
}

/* No entry at all, and as many as a segment can have. */
static void extremes(void **state)
{
	u32 most = 1 << 18, nr;
	u8 *area = calloc(most + 1, ENTRY);

	(void)state;
	assert_non_null(area);
	for (nr = 0; nr <= most; nr += most) {
		u32 got = 1;

		cachet_summary_encode(area, nr, seed, pos, SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION,
				      SAMPLE_EPOCH, sample_uuid);
		assert_int_equal(cachet_summary_check(area, (nr + 1) * ENTRY, seed, pos,
						      SAMPLE_SEGMENT, SAMPLE_SEG_GENERATION, &got),
				 0);
		assert_int_equal(got, nr);
	}
	free(area);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(pages),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(too_short),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(misplaced),
		cmocka_unit_test(each_check),
		cmocka_unit_test(extremes),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
