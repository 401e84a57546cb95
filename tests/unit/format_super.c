// SPDX-License-Identifier: GPL-2.0-only
/*
 * format_super.c - unit tests of super.c
 */
#include "format_test.h"
#include "map_model.h"

/* The crc that a super with these bytes must have. */
static void fix(struct cachet_super *d)
{
	d->crc = cpu_to_le32(crc32c(~0u, (u8 *)d + 12, sizeof(*d) - 12));
}

static struct cachet_super good(void)
{
	union image i;

	sample_super(i.bytes);
	return i.super;
}

static int decode(const struct cachet_super *d, const char **ret_why)
{
	struct cachet_super_info s, was;
	int ret;

	memset(&s, 0xa5, sizeof(s));
	was = s;
	*ret_why = "unset";
	ret = cachet_super_decode(d, &s, ret_why);
	if (ret)
		assert_memory_equal(&s, &was, sizeof(s));
	if (ret) {
		assert_non_null(*ret_why);
		assert_string_not_equal(*ret_why, "unset");
	} else {
		assert_null(*ret_why);
	}
	return ret;
}

static void golden(void **state)
{
	(void)state;
	assert_golden("super");
	assert_golden("index_id");
	assert_golden("data_id");
}

static void round_trip(void **state)
{
	struct cachet_super d = good();
	struct cachet_super_info s, want;
	const char *why;

	(void)state;
	memset(&s, 0, sizeof(s));
	sample_super_info(&want);
	assert_int_equal(cachet_super_decode(&d, &s, &why), 0);
	assert_memory_equal(&s, &want, sizeof(s));
}

static void every_bit(void **state)
{
	struct cachet_super d = good();
	const char *why;
	size_t bit;

	(void)state;
	for (bit = 0; bit < 8 * sizeof(d); bit++) {
		flip(&d, bit);
		assert_int_equal(decode(&d, &why), bit < 64 ? -ENODATA : -EBADMSG);
		flip(&d, bit);
	}
	assert_int_equal(decode(&d, &why), 0);
	memset(&d, 0, sizeof(d));
	assert_int_equal(decode(&d, &why), -ENODATA);
}

/* With the crc made right, so that the check behind it must see the damage. */
static void each_check(void **state)
{
	struct cachet_super d;
	const char *why;
	size_t i;

	(void)state;
#define ACCEPT(...) REFUSE(0, __VA_ARGS__)
#define REFUSE(error, ...) do {						\
	d = good();							\
	__VA_ARGS__;							\
	fix(&d);							\
	assert_int_equal(decode(&d, &why), error);			\
} while (0)
	ACCEPT();
	REFUSE(-EPROTONOSUPPORT, d.version = cpu_to_le32(0));
	REFUSE(-EPROTONOSUPPORT, d.version = cpu_to_le32(2));
	for (i = 0; i < 32; i++) {
		ACCEPT(flip(&d.compat, i));
		REFUSE(-EOPNOTSUPP, flip(&d.ro_compat, i));
		REFUSE(-EOPNOTSUPP, flip(&d.incompat, i));
		if (i)
			REFUSE(-EINVAL, flip(&d.flags, i));
	}
	ACCEPT(d.flags = 0);
	for (i = 0; i < sizeof(d.reserved); i++)
		REFUSE(-EINVAL, d.reserved[i] = 1);
	REFUSE(-EINVAL, memset(d.tag, 0, sizeof(d.tag)));
	REFUSE(-EINVAL, memset(d.tag, 'x', sizeof(d.tag)));
	ACCEPT(memset(d.tag, 'x', sizeof(d.tag) - 1));
	REFUSE(-EINVAL, d.tag[0] = '/');
	REFUSE(-EINVAL, d.epoch = 0);
	REFUSE(-EINVAL, d.epoch = cpu_to_le64(1ull << 40));
	ACCEPT(d.epoch = cpu_to_le64((1ull << 40) - 1));
	REFUSE(-EINVAL, d.next_volume = 0);
	REFUSE(-EINVAL, d.next_volume = cpu_to_le64(1ull << 32));
	ACCEPT(d.next_volume = cpu_to_le64(0xffffffff));
	REFUSE(-EINVAL, d.nr_segments = cpu_to_le32(7));
	REFUSE(-EINVAL, d.nr_segments = cpu_to_le32(0xffffffff));
	REFUSE(-EINVAL, d.nr_sets = 0);
	REFUSE(-EINVAL, d.nr_volumes = 0);
	REFUSE(-EINVAL, d.nr_volumes = cpu_to_le32(65537));
	REFUSE(-EINVAL, d.segment_shift = 19);
	REFUSE(-EINVAL, d.segment_shift = 31);
	REFUSE(-EINVAL, d.block_shift = 11);
	REFUSE(-EINVAL, d.block_shift = 23);
	REFUSE(-EINVAL, d.digest = 0);
	REFUSE(-EINVAL, d.digest = 2);
	REFUSE(-EINVAL, d.nr_lost = 9);
	REFUSE(-EINVAL, d.nr_lost = 255);
	ACCEPT(d.nr_lost = 0, memset(d.lost, 0, sizeof(d.lost)));
	REFUSE(-EINVAL, d.lost[0].first = cpu_to_le64(5));
	ACCEPT(d.lost[0].first = cpu_to_le64(4));
	REFUSE(-EINVAL, d.lost[1].first = cpu_to_le64(4));
	ACCEPT(d.lost[1].first = cpu_to_le64(5));
	REFUSE(-EINVAL, d.lost[1].last = cpu_to_le64(SAMPLE_EPOCH));
	REFUSE(-EINVAL, d.lost[1].last = cpu_to_le64(~0ull));
	ACCEPT(d.lost[1].last = cpu_to_le64(SAMPLE_EPOCH - 1));
	/* A third range of zeros is not beyond the second. */
	REFUSE(-EINVAL, d.nr_lost = 3);
#undef ACCEPT
#undef REFUSE
}

static void tags(void **state)
{
	static const char * const yes[] = {
		"a", "Z", "0", "_", "a.b", "x-y", "a-", "a.", "0123456789012345678901234567890",
	};
	static const char * const no[] = {
		"", ".", "..", ".a", "-", "-a", "a b", "a/b", "a\n", "\xc3\xa4", "a:b", "a@", "a[",
		"a`", "a{", "01234567890123456789012345678901",
	};
	size_t i;
	int c;

	(void)state;
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		assert_true(cachet_tag_valid(yes[i]));
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		assert_false(cachet_tag_valid(no[i]));
	for (c = 1; c < 256; c++) {
		char tag[3] = { 'a', (char)c, 0 };
		bool want = c < 128 && (strchr("._-", c) || (c >= '0' && c <= '9') ||
					(c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));

		assert_int_equal(cachet_tag_valid(tag), want);
	}
}

/* One copy of each kind that choose() can meet, and what decode() says of it. */
enum copy { OLD, NEW, OTHER, DAMAGED, BLANK, FEATURE, VERSION, NONSENSE, NR_COPIES };

static const int copy_error[NR_COPIES] = {
	[DAMAGED] = -EBADMSG, [BLANK] = -ENODATA, [FEATURE] = -EOPNOTSUPP,
	[VERSION] = -EPROTONOSUPPORT, [NONSENSE] = -EINVAL,
};

static struct cachet_super make_copy(enum copy kind)
{
	struct cachet_super d = good();

	switch (kind) {
	case OLD:
		break;
	case NEW:
		d.epoch = cpu_to_le64(SAMPLE_EPOCH + 1);
		break;
	case OTHER:
		d.uuid[15] ^= 1;
		break;
	case DAMAGED:
		d.crc ^= 1;
		return d;
	case BLANK:
		memset(&d, 0, sizeof(d));
		return d;
	case FEATURE:
		d.incompat = cpu_to_le32(1);
		break;
	case VERSION:
		d.version = cpu_to_le32(2);
		break;
	case NONSENSE:
		d.epoch = 0;
		break;
	case NR_COPIES:
		break;
	}
	fix(&d);
	return d;
}

static bool foreign(enum copy kind)
{
	return kind == FEATURE || kind == VERSION;
}

/* What the comment at cachet_super_choose() promises, for a pair of copies. */
static void choose_pair(enum copy ka, enum copy kb)
{
	struct cachet_super a = make_copy(ka), b = make_copy(kb);
	struct cachet_super_info s, was;
	const char *why = "unset";
	int ret;

	memset(&s, 0xa5, sizeof(s));
	was = s;
	ret = cachet_super_choose(&a, &b, &s, &why);
	if (ret)
		assert_memory_equal(&s, &was, sizeof(s));
	/* For other eyes: never fall back on the older copy. */
	if (foreign(ka) || foreign(kb)) {
		assert_int_equal(ret, foreign(ka) ? copy_error[ka] : copy_error[kb]);
		assert_non_null(why);
		return;
	}
	if (copy_error[ka] && copy_error[kb]) {
		/* A blank copy says less than any other. */
		assert_int_equal(ret, ka == BLANK ? copy_error[kb] : copy_error[ka]);
		assert_non_null(why);
		return;
	}
	if (!copy_error[ka] && !copy_error[kb] && (ka == OTHER) != (kb == OTHER)) {
		assert_int_equal(ret, -EINVAL);
		assert_non_null(why);
		return;
	}
	assert_int_equal(ret, 0);
	assert_string_not_equal(why ? why : "", "unset");
	assert_int_equal(!!why, copy_error[ka] || copy_error[kb]);
	assert_int_equal(s.epoch, ka == NEW || kb == NEW ? SAMPLE_EPOCH + 1 : SAMPLE_EPOCH);
	if (ka == OTHER || kb == OTHER)
		assert_int_equal(s.uuid[15], 0xfe);
}

static void choose_all_pairs(void **state)
{
	int a, b;

	(void)state;
	for (a = 0; a < NR_COPIES; a++)
		for (b = 0; b < NR_COPIES; b++)
			choose_pair(a, b);
}

/* A torn or flipped newer copy costs one epoch, not the cache. */
static void choose_survives_any_flip(void **state)
{
	struct cachet_super a = make_copy(OLD), b = make_copy(NEW);
	struct cachet_super_info s;
	const char *why;
	size_t bit;

	(void)state;
	for (bit = 0; bit < 8 * sizeof(b); bit++) {
		flip(&b, bit);
		assert_int_equal(cachet_super_choose(&a, &b, &s, &why), 0);
		assert_int_equal(s.epoch, SAMPLE_EPOCH);
		assert_int_equal(cachet_super_choose(&b, &a, &s, &why), 0);
		assert_int_equal(s.epoch, SAMPLE_EPOCH);
		flip(&b, bit);
	}
}

static void lost_ranges(void **state)
{
	struct cachet_super_info s = {};

	(void)state;
	assert_false(cachet_epoch_lost(&s, 0));
	assert_false(cachet_epoch_lost(&s, ~0ull));
	assert_int_equal(cachet_super_lose(&s, 5, 4), -EINVAL);
	assert_int_equal(s.nr_lost, 0);
	assert_int_equal(cachet_super_lose(&s, 5, 5), 0);
	assert_int_equal(cachet_super_lose(&s, 5, 6), -EINVAL);
	assert_int_equal(cachet_super_lose(&s, 1, 2), -EINVAL);
	assert_int_equal(cachet_super_lose(&s, 9, 11), 0);
	assert_int_equal(s.nr_lost, 2);
	assert_false(cachet_epoch_lost(&s, 4));
	assert_true(cachet_epoch_lost(&s, 5));
	assert_false(cachet_epoch_lost(&s, 6));
	assert_false(cachet_epoch_lost(&s, 8));
	assert_true(cachet_epoch_lost(&s, 9));
	assert_true(cachet_epoch_lost(&s, 11));
	assert_false(cachet_epoch_lost(&s, 12));
}

/* So near are only ranges of which the first attach after the one ended before its first commit. */
static bool nothing_between(const struct cachet_super_info *s, u64 first)
{
	return s->nr_lost && first - s->lost[s->nr_lost - 1].last <= 3;
}

/* With one more range: are two neighbours one now, if the table was full, and all others as before? */
static bool one_pair_merged(const struct cachet_super_info *was, u64 first, u64 last,
			    const struct cachet_super_info *now)
{
	struct cachet_super_info s = *was;
	u32 at;

	if (nothing_between(was, first)) {
		s.lost[s.nr_lost - 1].last = last;
		return !memcmp(&s, now, sizeof(s));
	}
	for (at = 1; at <= was->nr_lost; at++) {
		s = *was;
		if (was->nr_lost < CACHET_NR_LOST) {
			s.nr_lost++;
		} else if (at < CACHET_NR_LOST) {
			s.lost[at - 1].last = s.lost[at].last;
			memmove(&s.lost[at], &s.lost[at + 1],
				(CACHET_NR_LOST - 1 - at) * sizeof(s.lost[0]));
		} else {
			first = s.lost[at - 1].first;
		}
		s.lost[s.nr_lost - 1].first = first;
		s.lost[s.nr_lost - 1].last = last;
		if (!memcmp(&s, now, sizeof(s)))
			return true;
	}
	return false;
}

/*
 * However many crashes: what was lost stays lost, no more becomes suspect than what lies between
 * two ranges, and the table stays one that decode() accepts.
 */
static void lost_table_full(void **state)
{
	enum { EPOCHS = 4000 };
	static bool lost[EPOCHS];
	struct cachet_super_info s, was, back;
	struct cachet_super d;
	u64 first = 1, random = 7;
	const char *why;
	u32 e, wider = 0;

	(void)state;
	sample_super_info(&s);
	s.nr_lost = 0;
	memset(s.lost, 0, sizeof(s.lost));
	for (;;) {
		u64 last;

		first += 1 + model_below(&random, 20);
		last = first + model_below(&random, 5);
		if (last + 1 >= EPOCHS)
			break;
		was = s;
		assert_int_equal(cachet_super_lose(&s, first, last), 0);
		assert_true(!was.nr_lost || one_pair_merged(&was, first, last, &s));
		for (e = first; e <= last; e++)
			lost[e] = true;
		s.epoch = last + 1;
		assert_true(s.nr_lost <= CACHET_NR_LOST);
		assert_true(s.lost[s.nr_lost - 1].first <= first);
		assert_int_equal(s.lost[s.nr_lost - 1].last, last);
		cachet_super_encode(&d, &s);
		assert_int_equal(cachet_super_decode(&d, &back, &why), 0);
		assert_memory_equal(&back, &s, sizeof(s));
		first = last + 1;
	}
	assert_int_equal(s.nr_lost, CACHET_NR_LOST);
	for (e = 0; e < EPOCHS; e++) {
		bool says = cachet_epoch_lost(&s, e);

		if (lost[e])
			assert_true(says);
		wider += says && !lost[e];
	}
	assert_true(wider > 0);
	assert_false(cachet_epoch_lost(&s, 0));
	assert_false(cachet_epoch_lost(&s, EPOCHS));
}

/*
 * A cut long ago, a year of commits, and then a machine that crashes again and again: what
 * was committed in that year stays trusted.
 */
static void lost_loop_of_crashes(void **state)
{
	enum { YEAR = 6000000, CRASHES = 1000 };
	struct cachet_super_info s = {};
	u64 epoch = 100;
	u32 i;

	(void)state;
	assert_int_equal(cachet_super_lose(&s, epoch + 1, epoch + CACHET_LOST_EPOCHS), 0);
	epoch += YEAR;
	for (i = 0; i < CRASHES; i++) {
		assert_int_equal(cachet_super_lose(&s, epoch + 1, epoch + CACHET_LOST_EPOCHS), 0);
		/* Two are committed by the attach; and then some. */
		epoch += CACHET_LOST_EPOCHS + 2 + i % 40;
	}
	assert_true(cachet_epoch_lost(&s, 101));
	assert_false(cachet_epoch_lost(&s, 100 + CACHET_LOST_EPOCHS + 1));
	assert_false(cachet_epoch_lost(&s, YEAR / 2));
	assert_false(cachet_epoch_lost(&s, 100 + YEAR));
	assert_true(cachet_epoch_lost(&s, 100 + YEAR + 1));
}

/* A machine that crashes about once a day: what is of the last days is trusted, for as long. */
static void lost_now_and_then(void **state)
{
	enum { DAY = 17280, CRASHES = 400, DAYS = 3 };
	struct cachet_super_info s = {};
	u64 epoch = 1, committed[CRASHES];
	u32 i, day;

	(void)state;
	for (i = 0; i < CRASHES; i++) {
		epoch += DAY * 3 / 4 + i * 7919 % (DAY / 2);
		committed[i] = epoch;
		assert_int_equal(cachet_super_lose(&s, epoch + 1, epoch + CACHET_LOST_EPOCHS), 0);
		for (day = 0; day < DAYS && day <= i; day++)
			assert_false(cachet_epoch_lost(&s, committed[i - day]));
		epoch += CACHET_LOST_EPOCHS;
	}
}

/*
 * A machine that crashes each day, and one morning again and again before the first commit, as a
 * battery that is gone makes it: the days are trusted as if that had been one crash.
 */
static void lost_before_first_commit(void **state)
{
	enum { DAY = 17280, CUTS = 50 };
	struct cachet_super_info s = {}, once;
	u64 epoch = 1;
	u32 i;

	(void)state;
	for (i = 0; i < CACHET_NR_LOST; i++) {
		epoch += DAY;
		assert_int_equal(cachet_super_lose(&s, epoch + 1, epoch + CACHET_LOST_EPOCHS), 0);
		epoch += CACHET_LOST_EPOCHS;
	}
	once = s;
	for (i = 0; i < CUTS; i++) {
		epoch += i % 3;		/* Neither copy of super was written, or one, or both */
		assert_int_equal(cachet_super_lose(&s, epoch + 1, epoch + CACHET_LOST_EPOCHS), 0);
		epoch += CACHET_LOST_EPOCHS;
	}
	once.lost[CACHET_NR_LOST - 1].last = epoch;
	assert_memory_equal(&s, &once, sizeof(s));
	/* One commit, and it is another matter. */
	assert_int_equal(cachet_super_lose(&s, epoch + 4, epoch + 20), 0);
	assert_false(cachet_epoch_lost(&s, epoch + 3));
}

static void lost_overflow_exact(void **state)
{
	struct cachet_super_info s = {};
	u64 i;

	(void)state;
	for (i = 1; i <= CACHET_NR_LOST; i++)
		assert_int_equal(cachet_super_lose(&s, 10 * i, 10 * i + 1), 0);
	/* Out of order: refused before anything is merged. */
	assert_int_equal(cachet_super_lose(&s, 81, 99), -EINVAL);
	assert_int_equal(s.lost[0].last, 11);
	assert_int_equal(cachet_super_lose(&s, 90, 91), 0);
	assert_int_equal(s.nr_lost, CACHET_NR_LOST);
	assert_int_equal(s.lost[0].first, 10);
	assert_int_equal(s.lost[0].last, 21);
	for (i = 1; i < CACHET_NR_LOST; i++) {
		assert_int_equal(s.lost[i].first, 10 * (i + 2));
		assert_int_equal(s.lost[i].last, 10 * (i + 2) + 1);
	}
}

static void file_ids(void **state)
{
	static const char magics[2][9] = { CACHET_INDEX_MAGIC, CACHET_DATA_MAGIC };
	struct cachet_file_id d;
	u8 other[CACHET_UUID_BYTES];
	size_t bit, i;

	(void)state;
	memcpy(other, sample_uuid, sizeof(other));
	other[3] ^= 8;
	for (i = 0; i < 2; i++) {
		u64 pos = i * 0x10000000;

		cachet_file_id_encode(&d, magics[i], sample_uuid, pos);
		assert_int_equal(cachet_file_id_check(&d, magics[i], sample_uuid, pos), 0);
		assert_int_equal(cachet_file_id_check(&d, magics[i], other, pos), -EMEDIUMTYPE);
		assert_int_equal(cachet_file_id_check(&d, magics[!i], sample_uuid, pos), -EBADMSG);
		assert_int_equal(cachet_file_id_check(&d, magics[i], sample_uuid, pos + 4096),
				 -EBADMSG);
		for (bit = 0; bit < 8 * sizeof(d); bit++) {
			flip(&d, bit);
			assert_int_equal(cachet_file_id_check(&d, magics[i], sample_uuid, pos),
					 -EBADMSG);
			flip(&d, bit);
		}
	}
	/* Reserved bytes, with a right crc. */
	for (i = 0; i < sizeof(d.reserved); i++) {
		__le64 pos = cpu_to_le64(0);

		cachet_file_id_encode(&d, magics[0], sample_uuid, 0);
		d.reserved[i] = 1;
		d.crc = cpu_to_le32(crc32c(crc32c(~0u, &pos, 8), (u8 *)&d + 16, 48));
		assert_int_equal(cachet_file_id_check(&d, magics[0], sample_uuid, 0), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_bit),
		cmocka_unit_test(each_check),
		cmocka_unit_test(tags),
		cmocka_unit_test(choose_all_pairs),
		cmocka_unit_test(choose_survives_any_flip),
		cmocka_unit_test(lost_ranges),
		cmocka_unit_test(lost_table_full),
		cmocka_unit_test(lost_overflow_exact),
		cmocka_unit_test(lost_loop_of_crashes),
		cmocka_unit_test(lost_now_and_then),
		cmocka_unit_test(lost_before_first_commit),
		cmocka_unit_test(file_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
