// SPDX-License-Identifier: GPL-2.0-only
/*
 * crc32c.c - CRC-32C (Castagnoli, RFC 3720 appendix B.4), for user space
 *
 * The kernel has its own. Table-driven, a byte at a time: the tools check a few
 * megabytes of records at the most.
 */
#include <linux/crc32c.h>

#define POLY	0x82f63b78u	/* The polynomial 0x1edc6f41, bits reversed */

static uint32_t table[256];

__attribute__((constructor)) static void crc32c_init(void)
{
	unsigned int i, bit;

	for (i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLY : 0);
		table[i] = crc;
	}
}

uint32_t crc32c(uint32_t crc, const void *p, size_t len)
{
	const uint8_t *b = p;

	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *b++) & 0xff];
	return crc;
}
