/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CACHET_SHIM_STRING_H
#define CACHET_SHIM_STRING_H
#include <string.h>
#endif
