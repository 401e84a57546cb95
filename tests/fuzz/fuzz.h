/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuzz.h - what the fuzz targets share
 *
 * Nearly all inputs would fail their crc and none of the checks behind it would
 * be seen. So a target says where the crc lies (fuzz_fix()), and most mutated
 * inputs get the right one; the rest shows that the crc itself is checked.
 */
#ifndef CACHET_FUZZ_H
#define CACHET_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/errno.h>
#include <linux/crc32c.h>
#include "sample.h"

/* Unlike assert() it can't be compiled away, and libFuzzer keeps the input. */
#define CHECK(cond) do {						\
	if (!(cond)) {							\
		fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
		abort();						\
	}								\
} while (0)

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Give the structures in an input their crcs. */
static void fuzz_fix(uint8_t *data, size_t size);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	size = LLVMFuzzerMutate(data, size, max);
	if (seed % 8)
		fuzz_fix(data, size);
	return size;
}

/* A copy of exactly @size bytes, aligned as records are: reading on is seen. */
static inline void *fuzz_copy(const uint8_t *data, size_t size)
{
	void *p = malloc(size ? size : 1);

	CHECK(p);
	memcpy(p, data, size);
	return p;
}

static inline u32 fuzz_crc(u32 seed, u64 pos, const void *p, size_t n)
{
	__le64 where = cpu_to_le64(pos);

	return crc32c(crc32c(seed, &where, sizeof(where)), p, n);
}

static inline void fuzz_store(uint8_t *at, u32 crc)
{
	__le32 v = cpu_to_le32(crc);

	memcpy(at, &v, sizeof(v));
}

static inline bool fuzz_zero(const void *p, size_t n)
{
	const u8 *b = p;

	while (n--)
		if (*b++)
			return false;
	return true;
}

#endif /* CACHET_FUZZ_H */
