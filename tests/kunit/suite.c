// SPDX-License-Identifier: GPL-2.0-only
/*
 * suite.c - KUnit tests of the code that the module shares with user space
 *
 * The unit tests ask whether the code is right; this asks whether the kernel's
 * build of it is the same: its crc32c, byte order, alignment and division. The
 * golden bytes and the model of the map are those of tests/unit.
 */
#include <kunit/test.h>
#include <linux/crc32c.h>
#include <linux/module.h>
#include "compat.h"
#include "sample.h"
#include "map_model.h"

static void crc32c_known(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, crc32c(~0u, "123456789", 9) ^ ~0u, 0xe3069283u);
}

static void sample_name(const struct sample *s, char *desc)
{
	strscpy(desc, s->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(sample, samples, sample_name);

static void golden(struct kunit *test)
{
	const struct sample *s = test->param_value;
	u8 *got = kunit_kmalloc(test, SAMPLE_MAX_BYTES, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, got);
	memset(got, 0xa5, SAMPLE_MAX_BYTES);
	s->encode(got);
	KUNIT_EXPECT_MEMEQ(test, got, s->golden, s->bytes);
}

static void geometry_derives(struct kunit *test)
{
	struct cachet_geometry g = sample_geometry();

	KUNIT_EXPECT_EQ(test, g.segment_table, 4096);
	KUNIT_EXPECT_EQ(test, g.volume_table, 8192);
	KUNIT_EXPECT_EQ(test, g.sets, 16384);
	KUNIT_EXPECT_EQ(test, g.index_bytes, 16384 + 100 * 4096);
	KUNIT_EXPECT_EQ(test, g.data_bytes, (16ull << 24) + 4096);
}

/* The golden bytes come back as what they were made from. */
static void golden_super_decodes(struct kunit *test)
{
	struct cachet_super_info *s = kunit_kzalloc(test, 2 * sizeof(*s), GFP_KERNEL);
	struct cachet_super *d = kunit_kmalloc(test, sizeof(*d), GFP_KERNEL);
	const char *why;

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_NOT_NULL(test, d);
	memcpy(d, golden_super, sizeof(*d));
	KUNIT_ASSERT_EQ(test, cachet_super_decode(d, s, &why), 0);
	sample_super_info(s + 1);
	KUNIT_EXPECT_MEMEQ(test, s, s + 1, sizeof(*s));
	d->reserved[255] ^= 1;
	KUNIT_EXPECT_EQ(test, cachet_super_decode(d, s, &why), -EBADMSG);
}

static void golden_records_check(struct kunit *test)
{
	static const struct {
		const u8 *golden;
		u8 set, way;
	} records[] = {
		{ golden_object, 2, 3 }, { golden_sealed, 4, 31 }, { golden_part0, 5, 0 },
		{ golden_part1, 6, 0 }, { golden_content, 99, 1 },
	};
	struct cachet_geometry g = sample_geometry();
	u8 *d = kunit_kmalloc(test, CACHET_RECORD_BYTES, GFP_KERNEL);
	const char *why;
	unsigned int i;
	u64 pos;

	KUNIT_ASSERT_NOT_NULL(test, d);
	for (i = 0; i < ARRAY_SIZE(records); i++) {
		memcpy(d, records[i].golden, CACHET_RECORD_BYTES);
		pos = sample_record_pos(records[i].set, records[i].way);
		KUNIT_EXPECT_EQ(test, cachet_record_check(d, sample_seed(), pos, &g, &why), 0);
		KUNIT_EXPECT_EQ(test, cachet_record_check(d, sample_seed(), pos + 128, &g, &why),
				-EBADMSG);
		d[127] ^= 0x10;
		KUNIT_EXPECT_EQ(test, cachet_record_check(d, sample_seed(), pos, &g, &why),
				-EBADMSG);
	}
}

/* Blocks of 64 pages to 4 MiB, 5,000 steps each. */
static void map_model(struct kunit *test)
{
	static const u32 pages[] = { 64, 130, 256, 1024 };
	struct map_model *mm = kunit_kzalloc(test, sizeof(*mm), GFP_KERNEL);
	u32 step = 0, refused = 0;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, mm);
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		const char *why = model_run(mm, pages[i], 20250101, 5000, &step);

		if (why)
			KUNIT_FAIL(test, "blocks of %u pages, step %u: %s", pages[i], step, why);
		refused += mm->nr_enospc;
		cond_resched();
	}
	KUNIT_EXPECT_GT(test, refused, 0);
}

struct sha_case {
	const char *name;
	const char *text;	/* Added @times */
	u32 times;
	u8 want[32];
};

/* FIPS 180-2 appendix B, and of nothing at all. */
static const struct sha_case sha_cases[] = {
	{ "nothing", "", 1, {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 } },
	{ "abc", "abc", 1, {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad } },
	{ "two blocks", "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1, {
		0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8, 0xe5, 0xc0, 0x26, 0x93, 0x0c, 0x3e, 0x60, 0x39,
		0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff, 0x21, 0x67, 0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1 } },
	{ "a million", "aaaaaaaaaa", 100000, {
		0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81, 0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67,
		0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20, 0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0 } },
};

static void sha_name(const struct sha_case *c, char *desc)
{
	strscpy(desc, c->name, KUNIT_PARAM_DESC_SIZE);
}
KUNIT_ARRAY_PARAM(sha, sha_cases, sha_name);

static void sha256_known(struct kunit *test)
{
	const struct sha_case *c = test->param_value;
	struct cachet_sha256_ctx *ctx = kunit_kmalloc(test, sizeof(*ctx), GFP_KERNEL);
	u8 got[32];
	u32 i;

	KUNIT_ASSERT_NOT_NULL(test, ctx);
	cachet_sha256_begin(ctx);
	for (i = 0; i < c->times; i++)
		cachet_sha256_add(ctx, c->text, strlen(c->text));
	cachet_sha256_end(ctx, got);
	KUNIT_EXPECT_MEMEQ(test, got, c->want, 32);
}

static int suite_init(struct kunit_suite *suite)
{
	return cachet_sha256_register();
}

static void suite_exit(struct kunit_suite *suite)
{
	cachet_sha256_unregister();
}

static struct kunit_case cases[] = {
	KUNIT_CASE(crc32c_known),
	KUNIT_CASE(geometry_derives),
	KUNIT_CASE_PARAM(golden, sample_gen_params),
	KUNIT_CASE(golden_super_decodes),
	KUNIT_CASE(golden_records_check),
	KUNIT_CASE(map_model),
	KUNIT_CASE_PARAM(sha256_known, sha_gen_params),
	{}
};

static struct kunit_suite suite = {
	.name = "cachet",
	.suite_init = suite_init,
	.suite_exit = suite_exit,
	.test_cases = cases,
};
kunit_test_suite(suite);

MODULE_DESCRIPTION("KUnit tests of Cachet");
MODULE_LICENSE("GPL");
