/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * types.h - the kernel's short type names, for the shared format code
 */
#ifndef CACHET_SHIM_TYPES_H
#define CACHET_SHIM_TYPES_H

#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#endif
