// SPDX-License-Identifier: GPL-2.0-only
/*
 * dump.c - cachectl dump: what is on disk of a cache
 *
 * For people who look into a cache that misbehaves, and for tests. Reads only.
 * An attached cache is refused unless --live is given: its files change under
 * the reader, and part of its state is in memory. Output is streamed, for the
 * records of a large cache do not fit into memory.
 */
#include <stdio.h>

#include "cachectl.h"
#include "dump.h"

enum {
	SHOW_SUPER	= 0x1,
	SHOW_SEGMENTS	= 0x2,
	SHOW_VOLUMES	= 0x4,
	SHOW_RECORDS	= 0x8,
	SHOW_ALL	= 0xf,
};

struct dump_args {
	const char *dir;
	u32 show;
	bool live;
	bool json;
};

/* One section of the output: a JSON array, or lines. */
struct section {
	const struct dump_args *args;
	const char *name;
	const char *what;		/* Of one line */
	bool any;			/* An element was printed */
	u64 nr[CACHET_SLOT_NR];
	struct cachet_progress progress;
};

static const struct argp_option options[] = {
	{ "super", OPT_SUPER, NULL, 0, "Super block (what is shown without an option)", 0 },
	{ "segments", OPT_SEGMENTS, NULL, 0, "Segment table, without empty places", 0 },
	{ "volumes", OPT_VOLUMES, NULL, 0, "Volume table, without empty places", 0 },
	{ "records", OPT_RECORDS, NULL, 0, "Records of the tag store, without empty places", 0 },
	{ "all", 'a', NULL, 0, "All of these", 0 },
	{ "live", OPT_LIVE, NULL, 0, "Also if the cache is attached: the answer may be torn", 0 },
	{ "json", 'j', NULL, 0, "One JSON object", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct dump_args *args = state->input;

	switch (key) {
	case OPT_SUPER:
		args->show |= SHOW_SUPER;
		return 0;
	case OPT_SEGMENTS:
		args->show |= SHOW_SEGMENTS;
		return 0;
	case OPT_VOLUMES:
		args->show |= SHOW_VOLUMES;
		return 0;
	case OPT_RECORDS:
		args->show |= SHOW_RECORDS;
		return 0;
	case 'a':
		args->show |= SHOW_ALL;
		return 0;
	case OPT_LIVE:
		args->live = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->dir)
			argp_error(state, "one DIR, please");
		args->dir = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->dir)
			argp_error(state, "DIR is missing");
		if (!args->show)
			args->show = SHOW_SUPER;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void section_begin(struct section *s, const struct dump_args *args,
			  const char *name, const char *what)
{
	*s = (struct section){ .args = args, .name = name, .what = what };
	if (args->json)
		printf(",\n\"%s\": [", name);
}

static int section_item(struct section *s, struct json_object *item)
{
	if (s->args->json)
		printf("%s\n%s", s->any ? "," : "",
		       json_object_to_json_string_ext(item, JSON_C_TO_STRING_PLAIN |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		item_print_line(stdout, s->what, item);
	json_object_put(item);
	s->any = true;
	return ferror(stdout) ? -EIO : 0;
}

/* How many there are of each sort: to be read first, so it comes last. */
static void section_end(struct section *s)
{
	int i;

	if (s->args->json) {
		printf("%s],\n\"%s_count\": {", s->any ? "\n" : "", s->name);
		for (i = 0; i < CACHET_SLOT_NR; i++)
			printf("%s\"%s\": %" PRIu64, i ? ", " : "", cachet_slot_names[i], s->nr[i]);
		printf("}");
		return;
	}
	printf("%s:", s->name);
	for (i = 0; i < CACHET_SLOT_NR; i++)
		printf("%s %" PRIu64 " %s", i ? "," : "", s->nr[i], cachet_slot_names[i]);
	putchar('\n');
}

static int visit_segment(void *arg, u32 nr, enum cachet_slot slot,
			 const struct cachet_segment_info *info)
{
	struct section *s = arg;

	s->nr[slot]++;
	return slot ? section_item(s, item_segment(nr, slot, info)) : 0;
}

static int visit_volume(void *arg, u32 nr, enum cachet_slot slot,
			const struct cachet_volume_data *info)
{
	struct section *s = arg;

	s->nr[slot]++;
	return slot ? section_item(s, item_volume(nr, slot, info)) : 0;
}

static int visit_record(void *arg, u32 set, u32 way, enum cachet_slot slot,
			const char *slot_why, const void *rec)
{
	struct section *s = arg;

	s->nr[slot]++;
	return slot ? section_item(s, item_record(set, way, slot, slot_why, rec)) : 0;
}

static void visit_progress(void *arg, u32 sets)
{
	struct section *s = arg;

	cachet_progress_update(&s->progress, sets);
}

static int sections(const struct cachet_image *image, const struct dump_args *args)
{
	struct section s;
	const struct cachet_image_visitor visitor = {
		.arg = &s,
		.segment = visit_segment,
		.volume = visit_volume,
		.record = visit_record,
		.progress = visit_progress,
	};
	int err = 0;

	if (args->show & SHOW_SEGMENTS) {
		section_begin(&s, args, "segments", "segment");
		err = cachet_image_segments(image, &visitor);
		section_end(&s);
	}
	if (!err && args->show & SHOW_VOLUMES) {
		section_begin(&s, args, "volumes", "volume");
		err = cachet_image_volumes(image, &visitor);
		section_end(&s);
	}
	if (!err && args->show & SHOW_RECORDS) {
		section_begin(&s, args, "records", "record");
		/* The records on a terminal are progress enough */
		cachet_progress_begin(&s.progress, isatty(STDOUT_FILENO) ? NULL : stderr,
				      "Reading records", image->super.geo.nr_sets);
		err = cachet_image_records(image, &visitor);
		cachet_progress_end(&s.progress);
		section_end(&s);
	}
	return err;
}

static int dump(const struct cachet_image *image, const struct dump_args *args, bool attached)
{
	struct json_object *super = item_super(image);
	int err;

	if (args->json) {
		printf("{\n\"attached\": %s,\n\"super\": %s", attached ? "true" : "false",
		       json_object_to_json_string_ext(super, JSON_C_TO_STRING_PLAIN |
							     JSON_C_TO_STRING_NOSLASHESCAPE));
	} else if (args->show & SHOW_SUPER) {
		printf("super: copy %d is in use%s\n", image->copy,
		       attached ? " (the cache is attached: this may be torn)" : "");
		item_print_block(stdout, super);
	}
	json_object_put(super);
	err = sections(image, args);
	if (args->json)
		printf("\n}\n");
	if (err)
		return complain("dump", -EIO, "%s/index can't be read to its end: %s; what was shown before is right",
				args->dir, strerror(-err));
	return output_done("dump");
}

int cmd_dump(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "DIR",
		.doc = "Show what is on disk of the cache in DIR. Changes nothing, and shows no content of files.",
	};
	struct cachet_image image;
	struct dump_args args = {};
	struct cachet_why why = {};
	char tag[CACHET_TAG_MAX];
	bool attached;
	int rc, err;

	options_parse(&argp, argc, argv, &args);
	err = cachet_image_open(args.dir, &image, &why);
	if (err)
		return complain_why("dump", err, &why);

	err = cachet_tags_find_uuid(image.super.uuid, tag);
	attached = !err;
	if (attached && !args.live) {
		rc = complain("dump", -EBUSY, "%s is attached as '%s': detach it first (cachectl detach %s), or pass --live for an answer that may be torn",
			      args.dir, tag, tag);
	} else {
		if (err && err != -ENOENT)
			warn("dump", "whether %s is attached could not be found out (%s): what follows may be torn",
			     args.dir, strerror(-err));
		rc = dump(&image, &args, attached);
	}
	cachet_image_close(&image);
	return rc;
}
