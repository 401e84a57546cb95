// SPDX-License-Identifier: GPL-2.0-only
/*
 * format.c - the format code, compiled into the test module
 *
 * Kbuild takes objects from one folder only; the files share no static's name.
 */
#include "../../fs/cachet/format/ondisk.c"
#include "../../fs/cachet/format/geometry.c"
#include "../../fs/cachet/format/super.c"
#include "../../fs/cachet/format/record.c"
#include "../../fs/cachet/format/map.c"
#include "../../fs/cachet/format/summary.c"
