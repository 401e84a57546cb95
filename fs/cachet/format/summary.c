// SPDX-License-Identifier: GPL-2.0-only
/*
 * summary.c - the summary at the end of a segment
 *
 * Shared and pure: see codec.h. What the index can get back from summaries stands
 * in Documentation/format.rst; nothing else needs them.
 */
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/crc32c.h>
#include <asm/byteorder.h>
#include "codec.h"

#define ENTRY	sizeof(struct cachet_summary_entry)

/**
 * cachet_summary_pages - pages at the end of a segment that a summary takes
 * @nr: entries
 */
u32 cachet_summary_pages(u32 nr)
{
	return ((u64)(nr + 1) * ENTRY + CACHET_PAGE_BYTES - 1) >> CACHET_PAGE_SHIFT;
}

static u32 summary_crc(const struct cachet_summary_footer *f, u32 nr, u32 seed, u64 pos)
{
	const size_t from = offsetof(struct cachet_summary_footer, nr);
	__le64 where = cpu_to_le64(pos);
	u32 crc = crc32c(seed, &where, sizeof(where));

	crc = crc32c(crc, (const u8 *)f + from, sizeof(*f) - from);
	return crc32c(crc, (const u8 *)f - (size_t)nr * ENTRY, (size_t)nr * ENTRY);
}

/**
 * cachet_summary_encode - write the footer behind the entries
 * @area: (@nr + 1) * 64 bytes: entry @nr - 1 first, entry 0 last, then the footer
 * @nr: entries
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset of the footer in data
 * @segment: number of the segment
 * @generation: of the segment
 * @epoch: the running one
 * @uuid: the cache's
 */
void cachet_summary_encode(void *area, u32 nr, u32 seed, u64 pos, u32 segment,
			   u64 generation, u64 epoch, const u8 uuid[CACHET_UUID_BYTES])
{
	struct cachet_summary_footer *f = area + (size_t)nr * ENTRY;

	memset(f, 0, sizeof(*f));
	f->magic = cpu_to_le32(CACHET_SUMMARY_MAGIC);
	f->nr = cpu_to_le32(nr);
	f->segment = cpu_to_le32(segment);
	f->generation = cpu_to_le64(generation);
	f->epoch = cpu_to_le64(epoch);
	memcpy(f->uuid, uuid, sizeof(f->uuid));
	f->crc = cpu_to_le32(summary_crc(f, nr, seed, pos));
}

/**
 * cachet_summary_check - is there a summary at the end of these bytes?
 * @area: the last @area_bytes of a segment
 * @area_bytes: at least 64
 * @seed: cachet_crc_seed() of the cache
 * @pos: byte offset of the footer in data
 * @segment: number of the segment
 * @generation: of the segment, now
 * @ret_nr: entries; set with -EMSGSIZE too
 *
 * Return: 0; -EMSGSIZE: the summary is longer than @area_bytes, read @ret_nr + 1
 * times 64 bytes; -EBADMSG: none, or damaged, or of another generation.
 */
int cachet_summary_check(const void *area, u32 area_bytes, u32 seed, u64 pos,
			 u32 segment, u64 generation, u32 *ret_nr)
{
	const struct cachet_summary_footer *f;
	unsigned int i;
	u32 nr;

	if (area_bytes < sizeof(*f))
		return -EBADMSG;
	f = area + area_bytes - sizeof(*f);
	nr = le32_to_cpu(f->nr);
	/* A page of data has one entry at most, and a segment 2^18 pages. */
	if (le32_to_cpu(f->magic) != CACHET_SUMMARY_MAGIC || nr > 1u << 18 ||
	    le32_to_cpu(f->segment) != segment ||
	    le64_to_cpu(f->generation) != generation)
		return -EBADMSG;
	if ((u64)(nr + 1) * ENTRY > area_bytes) {
		*ret_nr = nr;
		return -EMSGSIZE;
	}
	if (le32_to_cpu(f->crc) != summary_crc(f, nr, seed, pos))
		return -EBADMSG;
	for (i = 0; i < sizeof(f->reserved); i++)
		if (f->reserved[i])
			return -EBADMSG;
	*ret_nr = nr;
	return 0;
}
