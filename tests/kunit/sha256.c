// SPDX-License-Identifier: GPL-2.0-only
/*
 * sha256.c - the module's SHA-256, compiled into the test module
 */
#include "../../fs/cachet/compat/sha256.c"
