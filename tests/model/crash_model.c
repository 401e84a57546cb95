// SPDX-License-Identifier: GPL-2.0-only
/*
 * crash_model.c - crash states by the million: the module's own code, a simulated disk
 *
 *   crash_model [--states N] [--seed S] [--verbose]
 *   crash_model --replay SEED [--verbose]
 *
 * A world is a new cache and a machine that uses it until the power is cut, at any of
 * the module's writes and flushes. Of what such a cut may leave on disk some states
 * are looked at: attach, open each file, read all of it. With one of them the
 * world goes on, to the next cut, which may come during that attach.
 *
 * All of a world follows from its seed. That of a failure is printed; --replay
 * does it again. Exit: 0, or 1 when a state was wrong.
 */
#include <getopt.h>
#include <stdarg.h>
#include <time.h>
#include "model.h"

enum {
	WORLD_CUTS	= 24,
	CUT_IMAGES	= 8,		/* States looked at, of each cut */
};

struct cachet_geometry the_geo;
static u64 world_seed;
static u64 trail;				/* Of all that was drawn: the same run, the same number */

void model_log(const char *fmt, ...)
{
	va_list ap;

	if (!model_verbose)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void model_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "crash_model: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "; state %llu\nseed %llu; again: crash_model --replay %llu --verbose\n",
		(unsigned long long)stat_states, (unsigned long long)world_seed,
		(unsigned long long)world_seed);
	exit(1);
}

/* What those do who use the cache. */
static void draw_habits(void)
{
	u32 what = below(8);

	habits = (struct habits){
		.reads	= what < 2,
		.writes	= what >= 2 && what <= 4,
		.cuts	= what == 4 || what == 5,
		.copies	= one_in(3),
		.focus	= !one_in(4),
		.parts	= one_in(2),
	};
}

/* The smallest cache that the format allows, in some variety. */
static void make_world(void)
{
	static const u32 sets[] = { 1, 3, 64, 64 };
	static const u32 verify[] = { 0, 0, CACHET_ATTACH_VERIFY_ONCE, CACHET_ATTACH_VERIFY };

	model_power_cut();
	client_forget();
	promise_reset();
	model_seconds = 1700000000;
	the_geo = (struct cachet_geometry){
		.nr_segments = CACHET_MIN_SEGMENTS + below(3),
		.nr_sets = sets[below(4)],
		.nr_volumes = 8,
		.segment_shift = CACHET_MIN_SEGMENT_SHIFT,
		.block_shift = 13 + below(5),
	};
	if (cachet_geometry_fill(&the_geo))
		abort();
	model_log("-- %u segments, %u sets, blocks of %u\n", the_geo.nr_segments, the_geo.nr_sets,
		  1u << the_geo.block_shift);
	world_yield = 2 + below(8);
	world_full = one_in(4);
	world_pins = one_in(3);
	world_favourite = below(BURN_FILE);
	world_flags = verify[below(4)];
	disk_rots = one_in(6);
	/* A scrub goes by index: what can't be read of it names nothing to be verified. */
	disk_flips = one_in(6) && (!disk_rots || world_flags);
	disk_flips_sealed = disk_flips && world_flags && one_in(2);
	disk_format(&the_geo);
	server_init();
}

static void attach(const char *after)
{
	u32 i;

	if (client_attach())
		model_fail("attach failed after %s", after);
	client_volume();
	/* Bits may have changed that no read would find. */
	if ((!disk_flips || world_flags) && !one_in(40))
		return;
	for (i = 0; i < NR_FILES; i++)
		if (one_in(2))
			client_open(i);
	client_scrub();
}

/* Use the cache until the power is cut. */
static void live(void)
{
	u32 n = 10 + below(150);

	draw_habits();
	model_countdown = 1 + below(one_in(4) ? 4 : world_full ? 2000 : 300);
	attach("a cut");
	if (one_in(2))
		check_after_attach();
	for (n *= world_full ? 5 : 1; n; n--) {
		client_act();
		if (!one_in(world_full ? 500 : 60))
			continue;
		client_detach();
		attach("a detach in order");
		check_after_attach();
	}
}

/* What the server has got of what was written here, nobody knows. */
static void server_after_cut(void)
{
	u32 i, page, how;

	for (i = 0; i < NR_FILES; i++) {
		struct content *view = &client[i].view;

		if (!client[i].open || !client[i].session || one_in(2))
			continue;
		how = below(2);
		for (page = 0; how && page < FILE_PAGES; page++)
			if (one_in(2))
				view->page[page] = server[i].page[page];
		view->version = server[i].version + 1;
		server[i] = *view;
	}
	server_honest();
}

/* Attach to what the cut has left, look at all of it, perhaps after some use. */
static void survive(void)
{
	struct habits before = habits;
	bool used = !one_in(4);
	u32 n;

	model_power_cut();
	client_forget();
	model_log("-- state %llu\n", (unsigned long long)stat_states++);
	attach("a cut");
	if (!used || one_in(3))
		check_after_attach();
	/* By others than before: what they do together leads to what neither does alone. */
	draw_habits();
	if (used)
		client_act_first();
	for (n = used ? below(16) : 0; n; n--)
		client_act();
	if (disk_flips_sealed && one_in(2))
		client_halve_some();
	/* A block may have moved to what was reused since. */
	if (promise_reused)
		promise_reset_unpinned();
	if (used)
		check_all();
	habits = before;
}

static void world(u64 seed)
{
	static struct content aside[NR_FILES];
	static u32 cuts, i;

	world_seed = seed;
	model_state = seed;
	make_world();
	for (cuts = 0; cuts < WORLD_CUTS; cuts++) {
		if (!setjmp(model_crash))
			live();
		model_log("-- cut %u\n", cuts);
		model_countdown = 0;
		promise_crash();
		server_after_cut();
		disk_crash();
		for (i = 0; i < CUT_IMAGES; i++) {
			disk_image(false);
			promise_set_aside();
			memcpy(aside, server, sizeof(aside));
			survive();
			memcpy(server, aside, sizeof(aside));
			server_committed();
			promise_back();
			disk_back();
		}
		disk_image(true);
		if (disk_halves)
			promise_reset();
		model_power_cut();
		client_forget();
		trail = (trail ^ model_state ^ stat_pages) * 0x9fb21c651e98df25ull;
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "states",	required_argument,	NULL, 'n' },
		{ "seed",	required_argument,	NULL, 's' },
		{ "replay",	required_argument,	NULL, 'r' },
		{ "verbose",	no_argument,		NULL, 'v' },
		{}
	};
	u64 states = 1000000, seed = 1, n;
	clock_t began = clock();
	bool replay = false;
	double seconds;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'n') {
			states = strtoull(optarg, NULL, 0);
		} else if (opt == 's' || opt == 'r') {
			seed = strtoull(optarg, NULL, 0);
			replay = opt == 'r';
		} else if (opt == 'v') {
			model_verbose = true;
		} else {
			fprintf(stderr, "usage: crash_model [--states N] [--seed S | --replay SEED] [--verbose]\n");
			return 2;
		}
	}
	if (replay)
		world(seed);
	for (n = 0; !replay && stat_states < states; n++)
		world(seed * 1000003 + n);
	seconds = (double)(clock() - began) / CLOCKS_PER_SEC;
	printf("%llu crash states, %llu pages compared, %llu promised pages found, %llu of them pinned, %llu suspect blocks verified, trail %016llx\n",
	       (unsigned long long)stat_states, (unsigned long long)stat_pages,
	       (unsigned long long)stat_promised, (unsigned long long)stat_pinned,
	       (unsigned long long)stat_suspect,
	       (unsigned long long)trail);
	fprintf(stderr, "%.1f s\n", seconds);
	return 0;
}
