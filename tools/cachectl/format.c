// SPDX-License-Identifier: GPL-2.0-only
/*
 * format.c - cachectl format: make a new cache in a directory
 *
 * The work and all refusals are cachet_create_run()'s. Here: the options, a
 * signal that asks it to stop and clean up, and the report.
 */
#include <signal.h>
#include <stdio.h>

#include "cachectl.h"

struct format_args {
	struct cachet_create create;
	bool json;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static bool is_stopped(void *arg)
{
	(void)arg;
	return stopped;
}

static const struct argp_option options[] = {
	{ "size", 's', "SIZE", 0, "Size of the cache: 20G, or 50% of the filesystem (default: 80% of its free space)", 0 },
	{ "block-size", OPT_BLOCK_SIZE, "SIZE", 0, "Default block size, 4K to 4M (256K)", 0 },
	{ "segment-size", OPT_SEGMENT_SIZE, "SIZE", 0, "Segment size, 1M to 1G (32M; less for a small cache)", 0 },
	{ "tag", 't', "NAME", 0, "Name of the cache (default: cachet)", 0 },
	{ "any-fs", OPT_ANY_FS, NULL, 0, "Accept a filesystem other than XFS", 0 },
	{ "json", 'j', NULL, 0, "Report in JSON", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct format_args *args = state->input;
	struct cachet_create *c = &args->create;

	switch (key) {
	case 's':
		if (cachet_size_parse_percent(arg, &c->size))
			argp_error(state, "--size '%s': a number with K, M, G or T, or 1%% to 100%%", arg);
		return 0;
	case OPT_BLOCK_SIZE:
		if (cachet_size_parse(arg, &c->block_bytes) || !c->block_bytes)
			argp_error(state, "--block-size '%s': a power of two from 4K to 4M", arg);
		return 0;
	case OPT_SEGMENT_SIZE:
		if (cachet_size_parse(arg, &c->segment_bytes) || !c->segment_bytes)
			argp_error(state, "--segment-size '%s': a power of two from 1M to 1G", arg);
		return 0;
	case 't':
		c->tag = arg;
		return 0;
	case OPT_ANY_FS:
		c->any_fs = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (c->dir)
			argp_error(state, "one DIR, please");
		c->dir = arg;
		return 0;
	case ARGP_KEY_END:
		if (!c->dir)
			argp_error(state, "DIR is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int report_json(const struct cachet_create *c)
{
	const struct cachet_super_info *s = &c->super;
	struct json_object *obj = json_object_new_object();

	cachet_json_add_text(obj, "dir", c->dir);
	cachet_json_add_text(obj, "tag", s->tag);
	cachet_json_add_uuid(obj, "uuid", s->uuid);
	cachet_json_add_u64(obj, "data_bytes", s->geo.data_bytes);
	cachet_json_add_u64(obj, "index_bytes", s->geo.index_bytes);
	cachet_json_add_u64(obj, "segments", s->geo.nr_segments);
	cachet_json_add_u64(obj, "segment_bytes", 1ull << s->geo.segment_shift);
	cachet_json_add_u64(obj, "block_bytes", 1ull << s->geo.block_shift);
	cachet_json_add_u64(obj, "sets", s->geo.nr_sets);
	cachet_json_add_u64(obj, "volumes", s->geo.nr_volumes);
	return json_print("format", obj, false);
}

static int report(const struct cachet_create *c)
{
	const struct cachet_geometry *geo = &c->super.geo;
	char uuid[CACHET_UUID_TEXT_BYTES];
	char data[CACHET_SIZE_TEXT_BYTES], index[CACHET_SIZE_TEXT_BYTES];
	char segment[CACHET_SIZE_TEXT_BYTES], block[CACHET_SIZE_TEXT_BYTES];

	printf("%s: cache '%s', UUID %s\n", c->dir, c->super.tag,
	       cachet_uuid_text(c->super.uuid, uuid));
	printf("  data   %s in %u segments of %s, blocks of %s\n",
	       cachet_size_text(geo->data_bytes, data), geo->nr_segments,
	       cachet_size_text(1ull << geo->segment_shift, segment),
	       cachet_size_text(1ull << geo->block_shift, block));
	printf("  index  %s: room for %" PRIu64 " records and %u volumes\n",
	       cachet_size_text(geo->index_bytes, index),
	       (u64)geo->nr_sets * CACHET_WAYS, geo->nr_volumes);
	if (c->mode_was)
		printf("  the mode of %s is now 0700 (it was %04o)\n", c->dir, c->mode_was);
	printf("Put it into service with: cachectl attach %s%s\n",
	       c->any_fs ? "--any-fs " : "", c->dir);
	return output_done("format");
}

int cmd_format(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "DIR",
		.doc = "Make a new cache in DIR, which must be empty, or in a new directory of that name.\v"
		       "If it fails or is interrupted, nothing of it stays behind.",
	};
	struct format_args args = { .create = { .tag = "cachet", .stop = is_stopped } };
	const struct sigaction action = { .sa_handler = on_signal };
	struct cachet_progress progress;
	struct cachet_why why = {};
	int err;

	options_parse(&argp, argc, argv, &args);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);

	cachet_progress_begin(&progress, stderr, "Allocating", 0);
	args.create.progress = &progress;
	err = cachet_create_run(&args.create, &why);
	cachet_progress_end(&progress);
	if (err) {
		complain_why("format", err, &why);
		return EXIT_FAILED;
	}
	return args.json ? report_json(&args.create) : report(&args.create);
}
