// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_segment.c - the tables of index: segments, volumes; and file ids
 *
 * Input: a byte that says which (0 segment, 1 volume, 2 id of index, 3 of data),
 * then the structure.
 */
#include "fuzz.h"

#define POS	0x2340ull

static size_t bytes_of(uint8_t which)
{
	static const size_t bytes[] = {
		sizeof(struct cachet_segment), sizeof(struct cachet_volume_rec),
		sizeof(struct cachet_file_id), sizeof(struct cachet_file_id),
	};

	return bytes[which % 4];
}

static void fuzz_fix(uint8_t *data, size_t size)
{
	size_t bytes = size ? bytes_of(data[0]) : 0;
	uint8_t *p = data + 1;

	if (!size || size - 1 < bytes)
		return;
	if (data[0] % 4 < 2)
		fuzz_store(p, fuzz_crc(sample_seed(), POS, p + 4, bytes - 4));
	else
		fuzz_store(p + 8, fuzz_crc(~0u, POS, p + 16, bytes - 16));
}

static void segment(const struct cachet_segment *d)
{
	struct cachet_geometry g = sample_geometry();
	struct cachet_segment_info s;
	struct cachet_segment again;
	int ret = cachet_segment_decode(d, sample_seed(), POS, &g, &s);

	if (ret) {
		CHECK(ret == -EBADMSG);
		return;
	}
	CHECK(s.state <= CACHET_SEGMENT_CLOSED && s.class <= CACHET_CLASS_PINNED);
	CHECK(s.generation && s.used <= cachet_segment_pages(&g));
	memset(&again, 0xa5, sizeof(again));
	cachet_segment_encode(&again, sample_seed(), POS, &s);
	CHECK(!memcmp(&again, d, sizeof(again)));
}

static void volume(const struct cachet_volume_rec *d)
{
	struct cachet_volume_data v, back;
	struct cachet_volume_rec again, masked = *d;
	int ret = cachet_volume_decode(d, sample_seed(), POS, &v);

	if (ret) {
		CHECK(ret == -EBADMSG || (!d->id && ret == (d->crc ? -ESTALE : -ENOENT)));
		return;
	}
	CHECK(v.id && v.key_len && v.coherency_len <= sizeof(v.coherency));
	CHECK(fuzz_zero(v.key + v.key_len, sizeof(v.key) - v.key_len));
	CHECK(fuzz_zero(v.coherency + v.coherency_len, sizeof(v.coherency) - v.coherency_len));
	memset(&again, 0xa5, sizeof(again));
	cachet_volume_encode(&again, sample_seed(), POS, &v);
	CHECK(!cachet_volume_decode(&again, sample_seed(), POS, &back));
	CHECK(!memcmp(&back, &v, sizeof(v)));
	/* The same bytes, but for the padding of key and coherency data. */
	memset(masked.key + v.key_len, 0, sizeof(masked.key) - v.key_len);
	memset(masked.coherency + v.coherency_len, 0, sizeof(masked.coherency) - v.coherency_len);
	masked.crc = again.crc;
	CHECK(!memcmp(&again, &masked, sizeof(again)));
}

static void file_id(const struct cachet_file_id *d, const char *magic)
{
	struct cachet_file_id again;
	int ret = cachet_file_id_check(d, magic, sample_uuid, POS);

	if (ret) {
		CHECK(ret == -EBADMSG || ret == -EMEDIUMTYPE);
		CHECK((ret == -EMEDIUMTYPE) ==
		      !cachet_file_id_check(d, magic, d->uuid, POS));
		return;
	}
	memset(&again, 0xa5, sizeof(again));
	cachet_file_id_encode(&again, magic, sample_uuid, POS);
	CHECK(!memcmp(&again, d, sizeof(again)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t bytes = size ? bytes_of(data[0]) : 0;
	void *d;

	if (!size || size - 1 < bytes)
		return 0;
	d = fuzz_copy(data + 1, bytes);
	switch (data[0] % 4) {
	case 0:
		segment(d);
		break;
	case 1:
		volume(d);
		break;
	case 2:
		file_id(d, CACHET_INDEX_MAGIC);
		break;
	case 3:
		file_id(d, CACHET_DATA_MAGIC);
		break;
	}
	free(d);
	return 0;
}
