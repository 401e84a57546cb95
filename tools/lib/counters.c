// SPDX-License-Identifier: GPL-2.0-only
/*
 * counters.c - the counter table of the ABI, and what follows from it
 *
 * Names, units and help come from one header that the module uses too. The
 * table only grows at its end, so a counter that a module does not have yet is
 * one beyond the number that it says.
 */
#include "libcachet.h"

const struct cachet_counter cachet_counters[CACHET_COUNTER_NR] = {
#define X(counter, u, h) [CACHET_COUNTER_##counter] = { .name = #counter, .unit = u, .help = h },
	CACHET_COUNTERS(X)
#undef X
};

u64 cachet_counter_get(const struct cachet_status *status, enum cachet_counter_id id)
{
	if ((u32)id >= status->nr_counters || (u32)id >= CACHET_NR_COUNTERS)
		return 0;
	return status->counters[id];
}

double cachet_ratio(u64 part, u64 rest)
{
	if (!part && !rest)
		return -1;
	return (double)part / ((double)part + (double)rest);
}
