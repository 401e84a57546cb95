/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CACHET_SHIM_MATH64_H
#define CACHET_SHIM_MATH64_H
#include <stdint.h>
static inline uint64_t div64_u64(uint64_t a, uint64_t b)
{
	return a / b;
}
#endif
