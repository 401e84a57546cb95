/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CACHET_SHIM_ERRNO_H
#define CACHET_SHIM_ERRNO_H
#include_next <linux/errno.h>
#include <errno.h>
#endif
