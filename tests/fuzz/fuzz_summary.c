// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_summary.c - summaries of segments
 *
 * Input: the last bytes of a segment.
 */
#include "fuzz.h"

#define ENTRY	sizeof(struct cachet_summary_entry)
#define POS	0x5ffffc0ull

static u32 footer_nr(const uint8_t *end)
{
	__le32 nr;

	memcpy(&nr, end - ENTRY + 8, sizeof(nr));
	return le32_to_cpu(nr);
}

static void fuzz_fix(uint8_t *data, size_t size)
{
	uint8_t *f = data + size - ENTRY;
	u64 nr;
	u32 crc;

	if (size < ENTRY)
		return;
	nr = footer_nr(data + size);
	if ((nr + 1) * ENTRY > size)
		return;
	crc = fuzz_crc(sample_seed(), POS, f + 8, ENTRY - 8);
	fuzz_store(f + 4, crc32c(crc, f - nr * ENTRY, nr * ENTRY));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	u32 nr = 0xa5a5a5a5, again = 0;
	size_t skip = size % 8, used;
	u8 *area;
	int ret;

	/* Aligned at its end, as a page is. */
	data += skip;
	size -= skip;
	area = fuzz_copy(data, size);
	ret = cachet_summary_check(area, size, sample_seed(), POS, SAMPLE_SEGMENT,
				   SAMPLE_SEG_GENERATION, &nr);
	if (ret == -EBADMSG) {
		CHECK(nr == 0xa5a5a5a5);
		free(area);
		return 0;
	}
	CHECK(nr <= 1 << 18 && nr == footer_nr(area + size));
	used = (nr + 1) * ENTRY;
	CHECK(used <= (u64)cachet_summary_pages(nr) << 12);
	CHECK((u64)cachet_summary_pages(nr) << 12 < used + 4096);
	if (ret == -EMSGSIZE) {
		CHECK(used > size);
	} else {
		const struct cachet_summary_footer *f = (void *)(area + size - ENTRY);
		u8 *copy = fuzz_copy(area + size - used, used);

		CHECK(!ret && used <= size);
		/* Encoded again it is the same; the uuid is not checked by itself. */
		cachet_summary_encode(copy, nr, sample_seed(), POS, SAMPLE_SEGMENT,
				      SAMPLE_SEG_GENERATION, le64_to_cpu(f->epoch), f->uuid);
		CHECK(!memcmp(copy, area + size - used, used));
		CHECK(!cachet_summary_check(copy, used, sample_seed(), POS, SAMPLE_SEGMENT,
					    SAMPLE_SEG_GENERATION, &again) && again == nr);
		CHECK(cachet_summary_check(copy, used, sample_seed(), POS + 64, SAMPLE_SEGMENT,
					   SAMPLE_SEG_GENERATION, &again) == -EBADMSG);
		free(copy);
	}
	free(area);
	return 0;
}
