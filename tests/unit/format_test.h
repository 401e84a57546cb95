/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * format_test.h - what the unit tests of the format share
 */
#ifndef CACHET_FORMAT_TEST_H
#define CACHET_FORMAT_TEST_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/crc32c.h>
#include "sample.h"

/* A buffer for any sample, aligned as records are. */
union image {
	u8 bytes[SAMPLE_MAX_BYTES];
	u64 align;
	struct cachet_super super;
	struct cachet_file_id id;
	struct cachet_segment segment;
	struct cachet_volume_rec volume;
	struct cachet_record rec;
	struct cachet_object object;
	struct cachet_extents extents;
	struct cachet_content content;
};

static inline void flip(void *p, size_t bit)
{
	((u8 *)p)[bit / 8] ^= 1u << bit % 8;
}

/* The sample called @name becomes its golden image. */
static inline void assert_golden(const char *name)
{
	union image got;
	size_t i;

	for (i = 0; i < NR_SAMPLES; i++) {
		if (strcmp(samples[i].name, name))
			continue;
		/* Whatever was there before, but for what only the caller sets. */
		memset(&got, 0xa5, sizeof(got));
		samples[i].encode(got.bytes);
		assert_memory_equal(got.bytes, samples[i].golden, samples[i].bytes);
		return;
	}
	fail_msg("no sample %s", name);
}

#endif /* CACHET_FORMAT_TEST_H */
