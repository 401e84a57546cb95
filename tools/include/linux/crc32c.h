/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CACHET_SHIM_CRC32C_H
#define CACHET_SHIM_CRC32C_H
#include <stddef.h>
#include <stdint.h>
/* As in the kernel: no inversion before or after; in tools/lib/crc32c.c. */
uint32_t crc32c(uint32_t crc, const void *p, size_t len);
#endif
