// SPDX-License-Identifier: GPL-2.0-only
/*
 * format_record.c - unit tests of record.c
 */
#include "format_test.h"

static struct cachet_geometry geo;
static u32 seed;

static int setup(void **state)
{
	(void)state;
	geo = sample_geometry();
	seed = sample_seed();
	return 0;
}

/* The crc of a record at @pos, calculated here. */
static void fix(void *rec, size_t bytes, u64 pos)
{
	__le64 where = cpu_to_le64(pos);
	__le32 crc = cpu_to_le32(crc32c(crc32c(crc32c(~0u, sample_uuid, 16), &where, 8),
					(u8 *)rec + 4, bytes - 4));

	memcpy(rec, &crc, 4);
}

static void golden(void **state)
{
	(void)state;
	assert_golden("segment");
	assert_golden("volume");
	assert_golden("object");
	assert_golden("sealed");
	assert_golden("part0");
	assert_golden("part1");
	assert_golden("content");
}

/* ---- segments ---- */

static int segment_decode(const struct cachet_segment *d, u32 with_seed, u64 pos)
{
	struct cachet_segment_info s, was;
	int ret;

	memset(&s, 0xa5, sizeof(s));
	was = s;
	ret = cachet_segment_decode(d, with_seed, pos, &geo, &s);
	if (ret)
		assert_memory_equal(&s, &was, sizeof(s));
	return ret;
}

static void segment_round_trip(void **state)
{
	struct cachet_segment_info s, want;
	union image i;

	(void)state;
	memset(&s, 0, sizeof(s));
	sample_segment_info(&want);
	sample_segment(i.bytes);
	assert_int_equal(cachet_segment_decode(&i.segment, seed, sample_segment_pos(), &geo, &s), 0);
	assert_memory_equal(&s, &want, sizeof(s));
}

static void segment_damage(void **state)
{
	u64 pos = sample_segment_pos();
	union image i;
	size_t bit;

	(void)state;
	sample_segment(i.bytes);
	for (bit = 0; bit < 8 * sizeof(i.segment); bit++) {
		flip(&i, bit);
		assert_int_equal(segment_decode(&i.segment, seed, pos), -EBADMSG);
		flip(&i, bit);
	}
	for (bit = 0; bit < 64; bit++)
		assert_int_equal(segment_decode(&i.segment, seed, pos ^ 1ull << bit), -EBADMSG);
	for (bit = 0; bit < 32; bit++)
		assert_int_equal(segment_decode(&i.segment, seed ^ 1u << bit, pos), -EBADMSG);
	memset(&i, 0, sizeof(i));
	assert_int_equal(segment_decode(&i.segment, seed, pos), -EBADMSG);
}

static void segment_checks(void **state)
{
	u64 pos = sample_segment_pos();
	struct cachet_segment d;
	union image i;
	size_t k;

	(void)state;
	sample_segment(i.bytes);
#define TRY(want, ...) do {						\
	d = i.segment;							\
	__VA_ARGS__;							\
	fix(&d, sizeof(d), pos);					\
	assert_int_equal(segment_decode(&d, seed, pos), want);		\
} while (0)
	TRY(0);
	TRY(0, d.state = 0);
	TRY(0, d.state = 1);
	TRY(-EBADMSG, d.state = 3);
	TRY(-EBADMSG, d.state = 255);
	TRY(0, d.class = 0);
	TRY(-EBADMSG, d.class = 2);
	TRY(0, d.flags = 0);
	for (k = 1; k < 16; k++)
		TRY(-EBADMSG, d.flags = cpu_to_le16(1u << k));
	TRY(-EBADMSG, d.generation = 0);
	TRY(0, d.used = cpu_to_le32(4096));
	TRY(-EBADMSG, d.used = cpu_to_le32(4097));
	TRY(-EBADMSG, d.used = cpu_to_le32(0xffffffff));
	/* A hint: the reader bounds it. */
	TRY(0, d.live = cpu_to_le32(0xffffffff));
	for (k = 0; k < sizeof(d.reserved); k++)
		TRY(-EBADMSG, d.reserved[k] = 1);
#undef TRY
}

/* ---- volumes ---- */

static int volume_decode(const struct cachet_volume_rec *d, u32 with_seed, u64 pos)
{
	struct cachet_volume_data v, was;
	int ret;

	memset(&v, 0xa5, sizeof(v));
	was = v;
	ret = cachet_volume_decode(d, with_seed, pos, &v);
	if (ret)
		assert_memory_equal(&v, &was, sizeof(v));
	return ret;
}

static void volume_round_trip(void **state)
{
	struct cachet_volume_data v, want;
	union image i;

	(void)state;
	memset(&v, 0xa5, sizeof(v));
	sample_volume_data(&want);
	sample_volume(i.bytes);
	assert_int_equal(cachet_volume_decode(&i.volume, seed, sample_volume_pos(), &v), 0);
	assert_memory_equal(v.key, want.key, sizeof(v.key));
	assert_memory_equal(v.coherency, want.coherency, sizeof(v.coherency));
	assert_int_equal(v.epoch, want.epoch);
	assert_int_equal(v.id, want.id);
	assert_int_equal(v.generation, want.generation);
	assert_int_equal(v.since, want.since);
	assert_int_equal(v.last_use, want.last_use);
	assert_int_equal(v.block_shift, want.block_shift);
	assert_int_equal(v.key_len, want.key_len);
	assert_int_equal(v.coherency_len, want.coherency_len);
}

static void volume_longest(void **state)
{
	struct cachet_volume_data v, want;
	union image i;

	(void)state;
	sample_volume_data(&want);
	want.key_len = 255;
	want.coherency_len = CACHET_VOLUME_COHERENCY_BYTES;
	memset(want.key, 'k', 255);
	memset(want.coherency, 'c', CACHET_VOLUME_COHERENCY_BYTES);
	cachet_volume_encode(&i.volume, seed, 0, &want);
	assert_int_equal(i.volume.key[255], 0);
	assert_int_equal(cachet_volume_decode(&i.volume, seed, 0, &v), 0);
	assert_memory_equal(v.key, want.key, sizeof(v.key));
	assert_memory_equal(v.coherency, want.coherency, sizeof(v.coherency));
}

static void volume_damage(void **state)
{
	u64 pos = sample_volume_pos();
	union image i;
	size_t bit;

	(void)state;
	sample_volume(i.bytes);
	for (bit = 0; bit < 8 * sizeof(i.volume); bit++) {
		flip(&i, bit);
		assert_int_equal(volume_decode(&i.volume, seed, pos), -EBADMSG);
		flip(&i, bit);
	}
	for (bit = 0; bit < 64; bit++)
		assert_int_equal(volume_decode(&i.volume, seed, pos ^ 1ull << bit), -EBADMSG);
	for (bit = 0; bit < 32; bit++)
		assert_int_equal(volume_decode(&i.volume, seed ^ 1u << bit, pos), -EBADMSG);
	/* Never written, and lost. */
	memset(&i, 0, sizeof(i));
	assert_int_equal(volume_decode(&i.volume, seed, pos), -ENOENT);
	fix(&i, sizeof(i.volume), pos);
	assert_int_equal(volume_decode(&i.volume, seed, pos), -ESTALE);
	flip(&i, 0);
	assert_int_equal(volume_decode(&i.volume, seed, pos), -EBADMSG);
}

static void volume_checks(void **state)
{
	u64 pos = sample_volume_pos();
	struct cachet_volume_rec d;
	union image i;
	size_t k;

	(void)state;
	sample_volume(i.bytes);
#define TRY(want, ...) do {						\
	d = i.volume;							\
	__VA_ARGS__;							\
	fix(&d, sizeof(d), pos);					\
	assert_int_equal(volume_decode(&d, seed, pos), want);		\
} while (0)
	TRY(0);
	TRY(-ESTALE, d.id = 0);
	for (k = 0; k < 32; k++)
		TRY(-EBADMSG, d.flags = cpu_to_le32(1u << k));
	TRY(-EBADMSG, d.reserved0 = 1);
	for (k = 0; k < sizeof(d.reserved); k++)
		TRY(-EBADMSG, d.reserved[k] = 1);
	TRY(-EBADMSG, d.key_len = 0);
	TRY(0, d.key_len = 255);
	TRY(0, d.coherency_len = 160);
	TRY(-EBADMSG, d.coherency_len = 161);
	TRY(-EBADMSG, d.coherency_len = 255);
	TRY(0, d.block_shift = 0);
	TRY(-EBADMSG, d.block_shift = 1);
	TRY(-EBADMSG, d.block_shift = 11);
	TRY(0, d.block_shift = 12);
	TRY(0, d.block_shift = 22);
	TRY(-EBADMSG, d.block_shift = 23);
#undef TRY
}

/* ---- records of the tag store ---- */

static void (*const encode[])(u8 *) = {
	sample_object, sample_sealed, sample_part0, sample_part1, sample_content,
};

static u64 pos_of(size_t i)
{
	static const u8 set[] = { 2, 4, 5, 6, 99 }, way[] = { 3, 31, 0, 0, 1 };

	return sample_record_pos(set[i], way[i]);
}

static int check(const void *rec, u32 with_seed, u64 pos, const char **ret_why)
{
	int ret;

	*ret_why = NULL;
	ret = cachet_record_check(rec, with_seed, pos, &geo, ret_why);
	assert_int_equal(!!*ret_why, ret == -EBADMSG);
	return ret;
}

static void record_damage(void **state)
{
	const char *why;
	union image i;
	size_t n, bit;

	(void)state;
	for (n = 0; n < 5; n++) {
		encode[n](i.bytes);
		assert_int_equal(check(&i, seed, pos_of(n), &why), 0);
		for (bit = 0; bit < 8 * CACHET_RECORD_BYTES; bit++) {
			flip(&i, bit);
			/* A kind of which the only bit goes is that of an empty way. */
			if (!i.rec.kind) {
				assert_int_equal(check(&i, seed, pos_of(n), &why), -ENOENT);
			} else {
				assert_int_equal(check(&i, seed, pos_of(n), &why), -EBADMSG);
				assert_string_equal(why, "checksum");
			}
			flip(&i, bit);
		}
		for (bit = 0; bit < 64; bit++)
			assert_int_equal(check(&i, seed, pos_of(n) ^ 1ull << bit, &why), -EBADMSG);
		for (bit = 0; bit < 32; bit++)
			assert_int_equal(check(&i, seed ^ 1u << bit, pos_of(n), &why), -EBADMSG);
	}
	memset(&i, 0, sizeof(i));
	assert_int_equal(check(&i, seed, 0, &why), -ENOENT);
}

/* A cache's seed is its own. */
static void seeds(void **state)
{
	u8 uuid[CACHET_UUID_BYTES];
	size_t bit;

	(void)state;
	assert_int_equal(seed, crc32c(~0u, sample_uuid, 16));
	for (bit = 0; bit < 128; bit++) {
		memcpy(uuid, sample_uuid, sizeof(uuid));
		flip(uuid, bit);
		assert_int_not_equal(cachet_crc_seed(uuid), seed);
	}
}

static void record_seal_is_crc(void **state)
{
	union image i;
	__le32 crc;

	(void)state;
	sample_object(i.bytes);
	crc = i.rec.crc;
	i.rec.crc = 0;
	fix(&i, CACHET_RECORD_BYTES, pos_of(0));
	assert_int_equal(i.rec.crc, crc);
}

static void expect(const void *rec, u64 pos, const char *want)
{
	const char *why;

	assert_int_equal(check(rec, seed, pos, &why), want ? -EBADMSG : 0);
	if (want)
		assert_string_equal(why, want);
}

/* Change a sample, make its crc right, and expect a reason; NULL: still good. */
#define TRY(n, want, ...) do {						\
	encode[n](i.bytes);						\
	__VA_ARGS__;							\
	fix(&i, CACHET_RECORD_BYTES, pos_of(n));			\
	expect(&i, pos_of(n), want);					\
} while (0)
#define GOOD NULL

static void record_common(void **state)
{
	union image i;
	size_t n;
	int k;

	(void)state;
	for (n = 0; n < 5; n++) {
		for (k = 4; k < 256; k++)
			TRY(n, "unknown kind", i.rec.kind = k);
		TRY(n, "unknown flags", i.rec.flags |= 0x80);
		TRY(n, GOOD, i.rec.epoch = cpu_to_le64(~0ull));
	}
}

static void object_checks(void **state)
{
	static const char count[] = "object: bad count", block[] = "object: bad block size",
		bounds[] = "object: extent out of bounds";
	union image i;
	struct cachet_object *o = &i.object;

	(void)state;
	TRY(0, GOOD);
	TRY(0, GOOD, o->rec.nr = 0);
	TRY(0, count, o->rec.nr = 2);
	TRY(0, count, o->rec.nr = 255);
	TRY(0, count, o->rec.part = 1);
	TRY(0, count, o->rec.flags |= CACHET_REC_MORE);
	TRY(0, GOOD, o->rec.flags |= CACHET_REC_STABLE);
	TRY(0, GOOD, o->rec.flags |= CACHET_REC_REPEATS);
	TRY(0, "object: stable, but being written to",
	    o->rec.flags |= CACHET_REC_REPEATS | CACHET_REC_LOCAL);
	TRY(0, "object: stable, but being written to",
	    o->rec.flags |= CACHET_REC_STABLE | CACHET_REC_LOCAL);
	TRY(0, GOOD, o->block_shift = 22);
	TRY(0, block, o->block_shift = 11);
	TRY(0, block, o->block_shift = 0);
	TRY(0, block, o->block_shift = 23);
	TRY(0, block, o->block_shift = 255);
	TRY(0, "object: reserved bytes in use", o->reserved[0] = 1);
	TRY(0, "object: reserved bytes in use", o->reserved[1] = 0x80);
	TRY(0, GOOD, o->size = cpu_to_le64((1ull << 63) - 1));
	TRY(0, "object: bad size", o->size = cpu_to_le64(1ull << 63));
	TRY(0, "object: bad size", o->size = cpu_to_le64(~0ull));
	TRY(0, GOOD, o->acked = cpu_to_le32(~0u - 1));
	TRY(0, "object: bad session", o->acked = cpu_to_le32(~0u));
	TRY(0, bounds, o->extent.generation = 0);
	TRY(0, bounds, o->extent.len = 0);
	/* Blocks of 2^18 bytes: 64 pages. */
	TRY(0, GOOD, o->extent.len = cpu_to_le16(64));
	TRY(0, bounds, o->extent.len = cpu_to_le16(65));
	TRY(0, bounds, o->extent.off = cpu_to_le16(46));
	TRY(0, GOOD, o->extent.off = cpu_to_le16(45));
	/* What is not in use is not looked at. */
	TRY(0, GOOD, o->rec.nr = 0, o->extent.len = 0);
}

static void extents_checks(void **state)
{
	static const char count[] = "extents: bad count", bounds[] = "extents: out of bounds",
		parts[] = "extents: too many parts";
	union image i;
	struct cachet_extents *x = &i.extents;
	int k;

	(void)state;
	/* 1 is sealed, 2 and 3 are parts. */
	TRY(1, GOOD, x->rec.nr = 0);
	TRY(1, "stable, but no object", x->rec.flags |= CACHET_REC_STABLE);
	TRY(1, "stable, but no object", x->rec.flags |= CACHET_REC_REPEATS);
	TRY(1, count, x->rec.nr = 4);
	TRY(1, count, x->rec.part = 1);
	TRY(1, count, x->rec.flags |= CACHET_REC_MORE);
	TRY(1, bounds, x->sealed[1].len = 0);
	TRY(1, GOOD, x->sealed[2].len = 0);
	TRY(2, GOOD, x->rec.flags &= ~CACHET_REC_MORE);
	TRY(2, count, x->rec.nr = 6);
	TRY(2, count, x->rec.nr = 255);
	TRY(2, GOOD, x->rec.part = 11);
	TRY(2, parts, x->rec.part = 12);
	TRY(2, count, x->rec.part = 13);
	TRY(2, count, x->rec.part = 255);
	TRY(3, GOOD, x->rec.part = 12);
	for (k = 0; k < 5; k++) {
		TRY(2, bounds, x->extent[k].generation = 0);
		TRY(2, bounds, x->extent[k].len = 0);
		TRY(2, bounds, x->extent[k].page = cpu_to_le32(0x10000));
	}
	TRY(3, GOOD, x->extent[4].len = 0);
}

static void content_checks(void **state)
{
	static const char count[] = "content: bad count", gap[] = "content: extents leave a gap",
		bounds[] = "content: extent out of bounds", length[] = "content: wrong length",
		differ[] = "content: digest and fingerprint differ";
	union image i;
	struct cachet_content *c = &i.content;
	int k;

	(void)state;
	TRY(4, count, c->rec.nr = 0);
	TRY(4, count, c->rec.nr = 4);
	TRY(4, count, c->rec.part = 1);
	TRY(4, count, c->rec.flags |= CACHET_REC_MORE);
	TRY(4, "pinned, but of no file", c->rec.flags |= CACHET_REC_PINNED);
	for (k = 0; k < 12; k++)
		TRY(4, count, c->reserved[k] = 1);
	for (k = 0; k < 16; k++) {
		TRY(4, differ, c->rec.fp[k] ^= 1);
		TRY(4, differ, c->digest[k] ^= 1);
		TRY(4, GOOD, c->digest[16 + k] ^= 1);
	}
	for (k = 0; k < 3; k++)
		TRY(4, bounds, c->extent[k].generation = 0);
	TRY(4, gap, c->extent[0].off = cpu_to_le16(1));
	TRY(4, gap, c->extent[1].off = cpu_to_le16(15));
	TRY(4, gap, c->extent[1].off = cpu_to_le16(17));
	TRY(4, gap, c->extent[0].len = cpu_to_le16(15));
	TRY(4, length, c->extent[2].len = cpu_to_le16(23));
	TRY(4, length, c->pages = cpu_to_le32(63));
	TRY(4, length, c->pages = cpu_to_le32(0));
	TRY(4, length, c->rec.nr = 2);
	TRY(4, GOOD, c->rec.nr = 2, c->pages = cpu_to_le32(40));
	TRY(4, GOOD, c->rec.nr = 1, c->pages = cpu_to_le32(16));
}

static void extent_bounds(void **state)
{
	struct cachet_extent e;

	(void)state;
#define EXTENT(want, block_pages, ...) do {				\
	sample_extent(&e, __VA_ARGS__);					\
	assert_int_equal(cachet_extent_check(&e, &geo, block_pages), want); \
} while (0)
	EXTENT(0, 64, 1, 0, 0, 64);
	EXTENT(-EBADMSG, 64, 0, 0, 0, 64);
	EXTENT(-EBADMSG, 64, 1, 0, 0, 0);
	EXTENT(-EBADMSG, 64, 1, 0, 1, 64);
	EXTENT(-EBADMSG, 64, 1, 0, 64, 1);
	EXTENT(0, 64, 1, 0, 63, 1);
	EXTENT(-EBADMSG, 64, 1, 0, 0xffff, 0xffff);
	/* Not known how large the block is: 4 MiB at most. */
	EXTENT(0, 0, 1, 0, 0, 1024);
	EXTENT(-EBADMSG, 0, 1, 0, 0, 1025);
	EXTENT(0, 0, 1, 0, 1023, 1);
	EXTENT(-EBADMSG, 0, 1, 0, 1024, 1);
	/* In one segment of 4096 pages. */
	EXTENT(0, 0, 1, 4096 - 64, 0, 64);
	EXTENT(-EBADMSG, 0, 1, 4096 - 63, 0, 64);
	EXTENT(-EBADMSG, 0, 1, 4095, 0, 2);
	EXTENT(0, 0, 1, 4096, 0, 64);
	/* In one of 16 segments. */
	EXTENT(0, 0, 1, 0xffff, 0, 1);
	EXTENT(-EBADMSG, 0, 1, 0x10000, 0, 1);
	EXTENT(-EBADMSG, 0, 1, 0xffffffff, 0, 1);
	EXTENT(-EBADMSG, 0, 1, 0xfffff000, 0, 1);
#undef EXTENT
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(segment_round_trip),
		cmocka_unit_test(segment_damage),
		cmocka_unit_test(segment_checks),
		cmocka_unit_test(volume_round_trip),
		cmocka_unit_test(volume_longest),
		cmocka_unit_test(volume_damage),
		cmocka_unit_test(volume_checks),
		cmocka_unit_test(record_damage),
		cmocka_unit_test(seeds),
		cmocka_unit_test(record_seal_is_crc),
		cmocka_unit_test(record_common),
		cmocka_unit_test(object_checks),
		cmocka_unit_test(extents_checks),
		cmocka_unit_test(content_checks),
		cmocka_unit_test(extent_bounds),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
