/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef CACHET_SHIM_BUILD_BUG_H
#define CACHET_SHIM_BUILD_BUG_H
/* The kernel's static_assert() takes its message from the condition. */
#undef static_assert
#define static_assert(cond)	_Static_assert(cond, #cond)
#endif
