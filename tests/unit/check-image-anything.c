// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-image-anything.c - damage that nobody has thought of, with the right checksums
 *
 * The command `anything` of check-image. Its numbers come from $CHECK_SEED.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/crc32c.h>
#include <asm/byteorder.h>

#include "check-image.h"

static u64 random_state;

static u32 random_below(u32 n)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)((random_state >> 33) % n);
}

/* A few bytes of a structure become others; its crc is right again. */
static void mutate(u64 pos, size_t len)
{
	u8 bytes[sizeof(struct cachet_volume_rec)];
	__le64 where = cpu_to_le64(pos);
	__le32 crc;
	u32 n;

	must(cachet_image_read(&image, CACHET_FILE_INDEX, bytes, len, pos), "read");
	for (n = 1 + random_below(3); n; n--)
		bytes[4 + random_below((u32)len - 4)] =
			random_below(3) ? (u8)random_below(256) : random_below(2) ? 255 : 0;
	crc = cpu_to_le32(crc32c(crc32c(image.seed, &where, sizeof(where)), bytes + 4, len - 4));
	memcpy(bytes, &crc, sizeof(crc));
	put(CACHET_FILE_INDEX, bytes, len, pos);
}

static void mutate_summary(void)
{
	u64 pos = cachet_summary_pos(&image.super.geo, 0, 2);
	u8 bytes[3 * 64];
	u32 n;

	must(cachet_image_read(&image, CACHET_FILE_DATA, bytes, sizeof(bytes), pos), "read");
	for (n = 1 + random_below(3); n; n--)
		bytes[random_below(2 * 64)] = (u8)random_below(256);
	cachet_summary_encode(bytes, 2, image.seed, cachet_summary_pos(&image.super.geo, 0, 0), 0,
			      SEG_GENERATION, EPOCH, image.super.uuid);
	put(CACHET_FILE_DATA, bytes, sizeof(bytes), pos);
}

/* Records copied to other places, and changes everywhere: all with the right crc. */
void anything(void)
{
	const char *seed = getenv("CHECK_SEED");
	const struct cachet_geometry *geo = &image.super.geo;
	u8 (*record)[CACHET_RECORD_BYTES];
	u32 nr = geo->nr_sets * CACHET_WAYS, used = 0, i, k;
	u64 pos;

	random_state = seed ? strtoull(seed, NULL, 10) : 0;
	record = calloc(nr, sizeof(*record));
	must(record ? 0 : -ENOMEM, "memory");
	for (i = 0; i < nr; i++) {
		must(cachet_image_read(&image, CACHET_FILE_INDEX, record[used], sizeof(record[0]),
				      geo->sets + i * sizeof(record[0])), "read");
		used += record[used][4] != CACHET_REC_EMPTY;
	}
	for (i = 0; used && i < 40; i++) {
		k = random_below(used);
		/* In its set, or anywhere */
		pos = cachet_set_pos(geo, random_below(2) ? random_below(geo->nr_sets) :
				     cachet_image_set_of(&image, (void *)record[k])) +
			random_below(CACHET_WAYS) * CACHET_RECORD_BYTES;
		put(CACHET_FILE_INDEX, record[k], sizeof(record[k]), pos);
		mutate(pos, CACHET_RECORD_BYTES);
	}
	free(record);
	for (i = random_below(3); i; i--)
		mutate(cachet_segment_pos(geo, random_below(3)), sizeof(struct cachet_segment));
	for (i = random_below(4); i; i--)
		mutate(cachet_volume_pos(geo, random_below(5)), sizeof(struct cachet_volume_rec));
	if (random_below(2))
		mutate_summary();
}
