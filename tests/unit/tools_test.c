// SPDX-License-Identifier: GPL-2.0-only
/*
 * tools_test.c - libcachet and the daemon's configuration, without a module
 *
 * Sizes, the configuration parser, and a cache that is made in a temporary
 * directory and read back. Each test leaves nothing behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../tools/cachetd/config.h"

/* ---- sizes -------------------------------------------------------------- */

static void size_is_parsed(void **state)
{
	static const struct {
		const char *text;
		u64 bytes;
	} good[] = {
		{ "0", 0 }, { "1", 1 }, { "4096", 4096 }, { "12B", 12 },
		{ "1K", 1024 }, { "1k", 1024 }, { "256K", 262144 }, { "4M", 4194304 },
		{ "20G", 20ull << 30 }, { "16T", 16ull << 40 }, { "1KiB", 1024 },
		{ "1.5G", 3ull << 29 }, { "0.25M", 262144 }, { "1.500K", 1536 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		u64 bytes = 77;

		assert_int_equal(cachet_size_parse(good[i].text, &bytes), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
}

static void size_refuses_nonsense(void **state)
{
	static const char *const bad[] = {
		"", " 1", "1 ", "-1", "+1", "K", "1X", "1KK", "1K1", "0x10", "1e3", "1.", ".5G",
		"1.5", "1.0001G", "99999999999999999999", "16777216T", "99999P", "50%", "1kb",
	};
	u64 bytes = 77;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!cachet_size_parse(bad[i], &bytes))
			fail_msg("'%s' was taken for %llu", bad[i], ULL(bytes));
		assert_int_equal(bytes, 77);
	}
}

static void size_percent_is_1_to_100(void **state)
{
	struct cachet_size size = {};

	(void)state;
	assert_int_equal(cachet_size_parse_percent("50%", &size), 0);
	assert_int_equal(size.percent, 50);
	assert_int_equal(size.bytes, 0);
	assert_int_equal(cachet_size_parse_percent("1G", &size), 0);
	assert_int_equal(size.percent, 0);
	assert_int_equal(size.bytes, 1 << 30);
	assert_int_not_equal(cachet_size_parse_percent("0%", &size), 0);
	assert_int_not_equal(cachet_size_parse_percent("101%", &size), 0);
	assert_int_not_equal(cachet_size_parse_percent("5%0", &size), 0);
	assert_int_not_equal(cachet_size_parse_percent("%", &size), 0);
	assert_int_not_equal(cachet_size_parse_percent("0", &size), 0);
}

static void size_text_rounds(void **state)
{
	char buf[CACHET_SIZE_TEXT_BYTES];

	(void)state;
	assert_string_equal(cachet_size_text(0, buf), "0 B");
	assert_string_equal(cachet_size_text(1023, buf), "1023 B");
	assert_string_equal(cachet_size_text(1536, buf), "1.5 KiB");
	assert_string_equal(cachet_size_text((1 << 20) - 1, buf), "1.0 MiB");
	assert_string_equal(cachet_size_text(UINT64_MAX, buf), "16.0 EiB");
}

static void time_has_units(void **state)
{
	u32 ms = 7;

	(void)state;
	assert_int_equal(cachet_size_parse_ms("500", &ms), 0);
	assert_int_equal(ms, 500);
	assert_int_equal(cachet_size_parse_ms("5s", &ms), 0);
	assert_int_equal(ms, 5000);
	assert_int_equal(cachet_size_parse_ms("2min", &ms), 0);
	assert_int_equal(ms, 120000);
	assert_int_not_equal(cachet_size_parse_ms("5h", &ms), 0);
	assert_int_not_equal(cachet_size_parse_ms("99999999999", &ms), 0);
	assert_int_not_equal(cachet_size_parse_ms("4294968s", &ms), 0);
}

static void text_from_outside_is_made_plain(void **state)
{
	char buf[64];

	(void)state;
	assert_string_equal(cachet_plain_text("a\033[2Jb\\", 7, buf), "a\\x1b[2Jb\\x5c");
	assert_string_equal(cachet_plain_text("\xff\n", 2, buf), "\\xff\\x0a");
}

/* ---- a temporary directory for each of the others ----------------------- */

static char dir[] = "/tmp/cachet-tools-XXXXXX";

static int dir_make(void **state)
{
	(void)state;
	strcpy(dir + sizeof(dir) - 7, "XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int dir_remove(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in_dir(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static bool exists(const char *name)
{
	struct stat st;

	return !lstat(in_dir(name), &st);
}

/* ---- configuration ------------------------------------------------------ */

static void config_good(void **state)
{
	const char *path = in_dir("conf");
	struct cachet_why why = {};
	struct config config;

	(void)state;
	write_file(path, "# comment\n[daemon]\nkeep = yes\n\n[cache main]\ndir = /var/cache/c d\n"
		   "verify = on\ncommit-interval = 10s ; inline\n[cache  second]\ndir=/x\nany-fs=1\n");
	if (config_read(path, &config, &why))
		fail_msg("%s", why.text);
	assert_true(config.keep);
	assert_false(config.log_reuse);
	assert_int_equal(config.nr, 2);
	assert_string_equal(config.cache[0].tag, "main");
	assert_string_equal(config.cache[0].dir, "/var/cache/c d");
	assert_true(config.cache[0].options.verify);
	assert_false(config.cache[0].options.any_fs);
	assert_int_equal(config.cache[0].options.commit_ms, 10000);
	assert_ptr_equal(config_find(&config, "second"), &config.cache[1]);
	assert_true(config.cache[1].options.any_fs);
	assert_null(config_find(&config, "third"));
	config_free(&config);
	assert_int_equal(config.nr, 0);
}

static void config_errors_name_their_line(void **state)
{
	static const struct {
		const char *text;
		const char *line;	/* After the path */
		const char *says;
	} bad[] = {
		{ "[cache a]\ndir=/x\ndri=/y\n", ":3: ", "unknown key 'dri'" },
		{ "[cache a]\ndir=/x\n[cache a]\ndir=/y\n", ":3: ", "second time, first at line 1" },
		{ "[cache a]\ndir=/x\ndir=/y\n", ":3: ", "'dir' is set twice" },
		{ "[cache a]\ndir=/x\n[cache b]\ndir=/x\n", ":4: ", "that of [cache a]" },
		{ "[daemon]\n[daemon]\n", ":2: ", "second time" },
		{ "\n[cache a]\n", ":2: ", "has no 'dir'" },
		{ "[cache a]\n[daemon]\nkeep=yes\n", ":1: ", "has no 'dir'" },
		{ "[cache a]\ndir=x\n", ":2: ", "an absolute path" },
		{ "[cache a]\ndir=\n", ":2: ", "has no value" },
		{ "[cache .a]\ndir=/x\n", ":1: ", "a name has" },
		{ "[cache]\ndir=/x\n", ":1: ", "unknown section" },
		{ "[cache a\ndir=/x\n", ":1: ", "a section is" },
		{ "[other]\n", ":1: ", "unknown section" },
		{ "keep=yes\n", ":1: ", "before any section" },
		{ "[daemon]\nkeep=perhaps\n", ":2: ", "yes or no" },
		{ "[cache a]\ndir=/x\ncommit-interval=5\n", ":3: ", "100ms to 10min" },
		{ "[daemon]\nwhat\n", ":2: ", "neither a section" },
		{ "[daemon]\nkeep = yes\n  no\n", ":3: ", "indented" },
	};
	const char *path = in_dir("conf");
	struct cachet_why why;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config config = { .nr = 77 };

		write_file(path, bad[i].text);
		why.text[0] = 0;
		assert_int_not_equal(config_read(path, &config, &why), 0);
		if (strncmp(why.text, path, strlen(path)) ||
		    strncmp(why.text + strlen(path), bad[i].line, strlen(bad[i].line)) ||
		    !strstr(why.text, bad[i].says))
			fail_msg("case %zu: expected '%s...%s', got '%s'", i, bad[i].line,
				 bad[i].says, why.text);
		assert_int_equal(config.nr, 77);
	}
}

static void config_refuses_long_lines_and_no_file(void **state)
{
	struct cachet_why why = {};
	struct config config;
	char text[400] = "[cache a]\ndir=/";

	(void)state;
	memset(text + 15, 'x', 300);
	write_file(in_dir("conf"), text);
	assert_int_not_equal(config_read(in_dir("conf"), &config, &why), 0);
	assert_non_null(strstr(why.text, ":2: the line is longer"));
	assert_int_equal(config_read(in_dir("none"), &config, &why), -ENOENT);
}

/* ---- a cache made and read back ----------------------------------------- */

#define CACHE_BYTES	(40ull << 20)

static int create(const char *name, u64 bytes, struct cachet_why *why)
{
	struct cachet_create c = {
		.dir = in_dir(name), .tag = "unit", .size.bytes = bytes, .any_fs = true,
	};

	return cachet_create_run(&c, why);
}

struct counts {
	u64 segments[CACHET_SLOT_NR], volumes[CACHET_SLOT_NR], records[CACHET_SLOT_NR];
};

static int count_segment(void *arg, u32 nr, enum cachet_slot slot,
			 const struct cachet_segment_info *info)
{
	(void)nr, (void)info;
	((struct counts *)arg)->segments[slot]++;
	return 0;
}

static int count_volume(void *arg, u32 nr, enum cachet_slot slot,
			const struct cachet_volume_data *info)
{
	(void)nr, (void)info;
	((struct counts *)arg)->volumes[slot]++;
	return 0;
}

static int count_record(void *arg, u32 set, u32 way, enum cachet_slot slot,
			const char *slot_why, const void *rec)
{
	(void)set, (void)way, (void)slot_why, (void)rec;
	((struct counts *)arg)->records[slot]++;
	return 0;
}

static void count(const struct cachet_image *image, struct counts *counts)
{
	const struct cachet_image_visitor visitor = {
		.arg = counts, .segment = count_segment,
		.volume = count_volume, .record = count_record,
	};

	memset(counts, 0, sizeof(*counts));
	assert_int_equal(cachet_image_segments(image, &visitor), 0);
	assert_int_equal(cachet_image_volumes(image, &visitor), 0);
	assert_int_equal(cachet_image_records(image, &visitor), 0);
}

static void format_is_read_back(void **state)
{
	struct cachet_why why = {};
	struct cachet_image image;
	struct counts counts;
	mode_t was = umask(0);
	struct stat st;

	(void)state;
	if (create("c", CACHE_BYTES, &why))
		fail_msg("%s", why.text);
	umask(was);
	assert_int_equal(stat(in_dir("c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(stat(in_dir("c/data"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true((u64)st.st_blocks * 512 >= (u64)st.st_size);

	if (cachet_image_open(in_dir("c"), &image, &why))
		fail_msg("%s", why.text);
	assert_string_equal(image.super.tag, "unit");
	assert_int_equal(image.super.epoch, 2);
	assert_int_equal(image.super.flags, CACHET_SUPER_CLEAN);
	assert_int_equal(image.super.next_volume, 1);
	assert_int_equal(image.copy, 0);
	assert_null(image.copy_why[1]);
	assert_int_equal(image.copy_super[1].epoch, 1);
	assert_true(image.super.geo.nr_segments >= 16);
	assert_int_equal(image.id[CACHET_FILE_INDEX], CACHET_ID_GOOD);
	assert_int_equal(image.id[CACHET_FILE_DATA], CACHET_ID_GOOD);
	assert_true(image.file_bytes[0] + image.file_bytes[1] + image.file_bytes[2] <= CACHE_BYTES);
	count(&image, &counts);
	assert_int_equal(counts.segments[CACHET_SLOT_EMPTY], image.super.geo.nr_segments);
	assert_int_equal(counts.volumes[CACHET_SLOT_EMPTY], image.super.geo.nr_volumes);
	assert_int_equal(counts.records[CACHET_SLOT_EMPTY],
			 (u64)image.super.geo.nr_sets * CACHET_WAYS);
	cachet_image_close(&image);
}

static void image_sorts_records_by_epoch(void **state)
{
	const struct cachet_segment_info closed = { .epoch = 1, .generation = 1, .state = 2 };
	struct cachet_segment_info future = closed;
	struct cachet_why why = {};
	struct cachet_image image;
	struct cachet_segment rec;
	struct counts counts;
	u64 pos;
	int fd;

	(void)state;
	assert_int_equal(create("c", CACHE_BYTES, &why), 0);
	assert_int_equal(cachet_image_open(in_dir("c"), &image, &why), 0);
	fd = open(in_dir("c/index"), O_RDWR);
	assert_true(fd >= 0);

	pos = cachet_segment_pos(&image.super.geo, 0);
	cachet_segment_encode(&rec, image.seed, pos, &closed);
	assert_int_equal(cachet_write_full(fd, &rec, sizeof(rec), pos), 0);
	/* Right, but in the wrong place */
	pos += sizeof(rec);
	assert_int_equal(cachet_write_full(fd, &rec, sizeof(rec), pos), 0);
	pos += sizeof(rec);
	future.epoch = image.super.epoch + 1;
	cachet_segment_encode(&rec, image.seed, pos, &future);
	assert_int_equal(cachet_write_full(fd, &rec, sizeof(rec), pos), 0);

	count(&image, &counts);
	assert_int_equal(counts.segments[CACHET_SLOT_TRUSTED], 1);
	assert_int_equal(counts.segments[CACHET_SLOT_BAD], 1);
	assert_int_equal(counts.segments[CACHET_SLOT_FUTURE], 1);
	image.super.flags &= ~CACHET_SUPER_CLEAN;
	count(&image, &counts);
	assert_int_equal(counts.segments[CACHET_SLOT_SUSPECT], 1);
	close(fd);
	cachet_image_close(&image);
}

static void image_tells_damage(void **state)
{
	struct cachet_why why = {};
	struct cachet_image image;

	(void)state;
	assert_int_equal(create("c", CACHE_BYTES, &why), 0);
	assert_int_equal(truncate(in_dir("c/data"), 4096), 0);
	assert_int_equal(cachet_image_open(in_dir("c"), &image, &why), 0);
	assert_int_equal(image.id[CACHET_FILE_DATA], CACHET_ID_SHORT);
	assert_int_equal(image.id[CACHET_FILE_INDEX], CACHET_ID_GOOD);
	cachet_image_close(&image);

	assert_int_equal(truncate(in_dir("c/super"), 100), 0);
	assert_int_not_equal(cachet_image_open(in_dir("c"), &image, &why), 0);
	assert_non_null(strstr(why.text, "super can't be used"));
	assert_int_equal(unlink(in_dir("c/super")), 0);
	assert_int_equal(cachet_image_open(in_dir("c"), &image, &why), -ENOENT);
	assert_int_equal(symlink("index", in_dir("c/super")), 0);
	assert_int_equal(cachet_image_open(in_dir("c"), &image, &why), -ELOOP);
}

/* ---- what format refuses ------------------------------------------------ */

static void format_refuses_what_looks_like_data(void **state)
{
	static const char *const names[] = { "super", "index", "data", "letter.txt", ".hidden" };
	struct cachet_why why;
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(mkdir(in_dir("c"), 0755), 0);
		snprintf(path, sizeof(path), "c/%s", names[i]);
		write_file(in_dir(path), "mine");
		assert_int_not_equal(create("c", CACHE_BYTES, &why), 0);
		assert_non_null(strstr(why.text, "nothing was changed"));
		assert_true(exists(path));
		assert_int_equal(unlink(in_dir(path)), 0);
		/* Nothing else is there either */
		assert_int_equal(rmdir(in_dir("c")), 0);
	}
	assert_int_equal(create("c", CACHE_BYTES, &why), 0);
	assert_int_equal(create("c", CACHE_BYTES, &why), -EEXIST);
	assert_non_null(strstr(why.text, "already holds a cache"));
}

static void format_removes_its_own_leftovers(void **state)
{
	struct cachet_why why;

	(void)state;
	assert_int_equal(mkdir(in_dir("c"), 0700), 0);
	write_file(in_dir("c/.cachet-format.data"), "from a format that was killed");
	assert_int_equal(create("c", CACHE_BYTES, &why), 0);
	assert_false(exists("c/.cachet-format.data"));
}

static void format_refuses_bad_sizes(void **state)
{
	struct cachet_create c = { .dir = in_dir("c"), .tag = "unit", .any_fs = true };
	struct cachet_why why;

	(void)state;
	assert_int_equal(create("c", 1 << 20, &why), -ENOSPC);
	assert_int_equal(create("c", 1ull << 60, &why), -EFBIG);
	assert_int_equal(create("c", 15ull << 40, &why), -ENOSPC);
	assert_non_null(strstr(why.text, "has no room"));
	assert_int_equal(create("none/c", CACHE_BYTES, &why), -ENOENT);

	c.dir = in_dir("c");
	c.size.bytes = CACHE_BYTES;
	c.block_bytes = 5000;
	assert_int_equal(cachet_create_run(&c, &why), -EINVAL);
	c.block_bytes = 4 << 20;
	c.segment_bytes = 1 << 20;
	assert_int_equal(cachet_create_run(&c, &why), -EINVAL);
	c.block_bytes = 0;
	c.segment_bytes = 1 << 19;
	assert_int_equal(cachet_create_run(&c, &why), -EINVAL);
	c.segment_bytes = 0;
	c.tag = "../x";
	assert_int_equal(cachet_create_run(&c, &why), -EINVAL);
	assert_false(exists("c"));
}

static bool stop_at(void *arg)
{
	return !(*(int *)arg)--;
}

/* Invariant 11: interrupted at any step, nothing stays that looks like a cache. */
static void format_interrupted_leaves_nothing(void **state)
{
	struct cachet_create c = {
		.tag = "unit", .size.bytes = CACHE_BYTES, .any_fs = true, .stop = stop_at,
	};
	struct cachet_why why;
	int step, left, err = -EINTR;

	(void)state;
	for (step = 0; err && step < 20; step++) {
		left = step;
		c.dir = in_dir("c");
		c.arg = &left;
		err = cachet_create_run(&c, &why);
		if (err)
			assert_int_equal(err, -EINTR);
		assert_int_equal(exists("c"), !err);
	}
	assert_int_equal(err, 0);
	assert_true(step > 4);
}

static void format_keeps_the_mode_when_it_fails(void **state)
{
	struct cachet_create c = {
		.tag = "unit", .size.bytes = CACHE_BYTES, .any_fs = true, .stop = stop_at,
	};
	struct cachet_why why;
	struct stat st;
	int left = 3;

	(void)state;
	assert_int_equal(mkdir(in_dir("c"), 0755), 0);
	assert_int_equal(chmod(in_dir("c"), 0755), 0);
	c.dir = in_dir("c");
	c.arg = &left;
	assert_int_equal(cachet_create_run(&c, &why), -EINTR);
	assert_int_equal(stat(in_dir("c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(rmdir(in_dir("c")), 0);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, dir_make, dir_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_is_parsed),
		cmocka_unit_test(size_refuses_nonsense),
		cmocka_unit_test(size_percent_is_1_to_100),
		cmocka_unit_test(size_text_rounds),
		cmocka_unit_test(time_has_units),
		cmocka_unit_test(text_from_outside_is_made_plain),
		WITH_DIR(config_good),
		WITH_DIR(config_errors_name_their_line),
		WITH_DIR(config_refuses_long_lines_and_no_file),
		WITH_DIR(format_is_read_back),
		WITH_DIR(image_sorts_records_by_epoch),
		WITH_DIR(image_tells_damage),
		WITH_DIR(format_refuses_what_looks_like_data),
		WITH_DIR(format_removes_its_own_leftovers),
		WITH_DIR(format_refuses_bad_sizes),
		WITH_DIR(format_interrupted_leaves_nothing),
		WITH_DIR(format_keeps_the_mode_when_it_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
