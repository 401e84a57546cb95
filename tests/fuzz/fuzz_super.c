// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_super.c - super sectors, the choice between two, and lost epochs
 *
 * Input: one sector or two; then 4 bytes for each crash: how far after the last
 * epoch its lost range begins, and how long it is.
 */
#include "fuzz.h"

#define SECTOR	sizeof(struct cachet_super)

static void fuzz_fix(uint8_t *data, size_t size)
{
	for (; size >= SECTOR; data += SECTOR, size -= SECTOR)
		fuzz_store(data + 8, crc32c(~0u, data + 12, SECTOR - 12));
}

/* What every user of an accepted geometry relies on. */
static void geometry(const struct cachet_geometry *g)
{
	struct cachet_geometry again = *g;
	u32 last = g->nr_segments - 1;

	CHECK(!cachet_geometry_fill(&again) && !memcmp(&again, g, sizeof(again)));
	CHECK(g->segment_table == 4096);
	CHECK(cachet_segment_pos(g, last) + 64 <= g->volume_table);
	CHECK(cachet_volume_pos(g, g->nr_volumes - 1) + 512 <= g->sets);
	CHECK(cachet_set_pos(g, g->nr_sets - 1) + 4096 == g->index_bytes);
	CHECK(g->index_bytes < 1ull << 46 && g->data_bytes <= 1ull << 44);
	CHECK(!(g->volume_table % 4096) && !(g->sets % 4096));
	CHECK(cachet_segment_of(g, (u32)((g->data_bytes >> 12) - 2)) == last);
	CHECK(cachet_summary_pos(g, last, 0) + 64 + 4096 == g->data_bytes);
}

static void accepted(const struct cachet_super *d, const struct cachet_super_info *s)
{
	struct cachet_super again, masked = *d;
	struct cachet_super_info back;
	const char *why;
	size_t len = strlen(s->tag), i;

	CHECK(cachet_tag_valid(s->tag));
	CHECK(s->nr_lost <= CACHET_NR_LOST && s->epoch);
	geometry(&s->geo);
	for (i = 0; i < s->nr_lost; i++) {
		CHECK(s->lost[i].first <= s->lost[i].last && s->lost[i].last < s->epoch);
		CHECK(cachet_epoch_lost(s, s->lost[i].first) && cachet_epoch_lost(s, s->lost[i].last));
	}
	CHECK(!cachet_epoch_lost(s, s->epoch));
	memset(&again, 0xa5, sizeof(again));
	cachet_super_encode(&again, s);
	CHECK(!cachet_super_decode(&again, &back, &why));
	memcpy(back.tag + len, s->tag + len, sizeof(back.tag) - len);
	CHECK(!memcmp(&back, s, sizeof(back)));
	/* The same bytes, but for what is behind the tag and the ranges in use. */
	memset(masked.tag + len, 0, sizeof(masked.tag) - len);
	memset(&masked.lost[s->nr_lost], 0, (CACHET_NR_LOST - s->nr_lost) * sizeof(masked.lost[0]));
	masked.crc = again.crc;
	CHECK(!memcmp(&again, &masked, sizeof(again)));
}

static void choose(const struct cachet_super *a, const struct cachet_super *b)
{
	struct cachet_super_info sa = {}, sb = {}, s, t;
	const char *why = NULL;
	int ea = cachet_super_decode(a, &sa, &why), eb = cachet_super_decode(b, &sb, &why);
	int ret = cachet_super_choose(a, b, &s, &why);
	bool foreign = ea == -EOPNOTSUPP || ea == -EPROTONOSUPPORT ||
		eb == -EOPNOTSUPP || eb == -EPROTONOSUPPORT;

	if (ret) {
		CHECK(why);
		CHECK(foreign || (ea && eb) || memcmp(sa.uuid, sb.uuid, sizeof(sa.uuid)));
	} else {
		CHECK(!foreign && !(ea && eb));
		CHECK(s.epoch == (sa.epoch > sb.epoch ? sa.epoch : sb.epoch));
		CHECK(!why == (!ea && !eb));
	}
	/* Their order says nothing, except when both are of one epoch. */
	CHECK(!cachet_super_choose(b, a, &t, &why) == !ret);
	CHECK(ret || t.epoch == s.epoch);
}

/* What was lost stays lost, whatever happens after. */
static void crashes(struct cachet_super_info *s, const uint8_t *p, size_t n)
{
	/* Three times around the table. */
	if (n > 4 * 24)
		n = 4 * 24;
	for (; n >= 4 && s->epoch < 1ull << 39; p += 4, n -= 4) {
		const struct cachet_super_info was = *s;
		u64 first = s->epoch + 1 + p[0] + 256 * p[1], last = first + p[2] + 256 * p[3];
		struct cachet_super_info back;
		struct cachet_super d;
		const char *why;
		size_t i;

		if (s->nr_lost)
			CHECK(cachet_super_lose(s, s->lost[s->nr_lost - 1].last, last) == -EINVAL);
		CHECK(!memcmp(s, &was, sizeof(was)));
		CHECK(!cachet_super_lose(s, first, last));
		s->epoch = last + 1;
		for (i = 0; i < was.nr_lost; i++)
			CHECK(cachet_epoch_lost(s, was.lost[i].first) &&
			      cachet_epoch_lost(s, was.lost[i].last));
		CHECK(cachet_epoch_lost(s, first) && cachet_epoch_lost(s, last));
		/* With what lies before it only where there is room for no more ranges. */
		CHECK(!cachet_epoch_lost(s, first - 1) || was.nr_lost == CACHET_NR_LOST ||
		      (was.nr_lost && first - was.lost[was.nr_lost - 1].last <= 3));
		CHECK(!cachet_epoch_lost(s, last + 1));
		cachet_super_encode(&d, s);
		CHECK(!cachet_super_decode(&d, &back, &why));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cachet_super *d;
	struct cachet_super_info s, was;
	const char *why = NULL;
	size_t n = size / SECTOR;
	int ret;

	if (!n)
		return 0;
	if (n > 2)
		n = 2;
	d = fuzz_copy(data, n * SECTOR);
	memset(&s, 0xa5, sizeof(s));
	was = s;
	ret = cachet_super_decode(d, &s, &why);
	if (!ret) {
		accepted(d, &s);
		crashes(&s, data + n * SECTOR, size - n * SECTOR);
	} else {
		CHECK(why && !memcmp(&s, &was, sizeof(s)));
	}
	if (n == 2)
		choose(d, d + 1);
	free(d);
	return 0;
}
