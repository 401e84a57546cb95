// SPDX-License-Identifier: GPL-2.0-only
/*
 * volumes.c - cachectl volumes: the network filesystems that a cache has seen
 *
 * The module hands them out in order of their ids, a page at a time.
 */
#include <stdio.h>

#include "cachectl.h"

enum {
	ROOM = 64,
};

struct volumes_args {
	const char *tag;
	bool json;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Report in JSON", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct volumes_args *args = state->input;

	switch (key) {
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->tag)
			argp_error(state, "one TAG, please");
		args->tag = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void volume_print(const char *tag, const struct cachet_volume_info *v)
{
	char key[4 * CACHET_VOLUME_KEY_MAX + 1];
	char time[CACHET_TIME_TEXT_BYTES], size[CACHET_SIZE_TEXT_BYTES];

	printf("%-12s %5llu  %-7s %8u  %-19s  %-9s  %s\n", tag, ULL(v->id),
	       v->flags & CACHET_VOLUME_IN_USE ? "mounted" : "-", v->nr_objects,
	       cachet_time_text(v->last_use, time),
	       v->block_bytes ? cachet_size_text(v->block_bytes, size) : "default",
	       cachet_plain_text(v->key, CACHET_VOLUME_KEY_MAX, key));
}

static struct json_object *volume_json(const char *tag, const struct cachet_volume_info *v)
{
	struct json_object *obj = json_object_new_object();

	cachet_json_add_text(obj, "tag", tag);
	cachet_json_add_u64(obj, "id", v->id);
	cachet_json_add_u64(obj, "generation", v->generation);
	cachet_json_add_bool(obj, "mounted", v->flags & CACHET_VOLUME_IN_USE);
	cachet_json_add_u64(obj, "objects_in_use", v->nr_objects);
	cachet_json_add_time(obj, "last_use", v->last_use);
	cachet_json_add_u64(obj, "block_bytes", v->block_bytes);
	cachet_json_add_bytes(obj, "key", v->key, CACHET_VOLUME_KEY_MAX);
	return obj;
}

static int volumes_of(int dev, const char *tag, struct json_object *list)
{
	struct cachet_volume_info *buf = calloc(ROOM, sizeof(*buf));
	u64 after = 0;
	int err = 0;
	u32 nr, i;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		err = cachet_device_volumes(dev, tag, after, ROOM, buf, &nr);
		if (err || !nr)
			break;
		for (i = 0; i < nr; i++) {
			if (list)
				json_object_array_add(list, volume_json(tag, &buf[i]));
			else
				volume_print(tag, &buf[i]);
		}
		if (buf[nr - 1].id <= after) {
			err = -EPROTO;	/* It would never end */
			break;
		}
		after = buf[nr - 1].id;
	}
	free(buf);
	return err;
}

int cmd_volumes(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[TAG]",
		.doc = "The network filesystems that the attached caches have seen.",
	};
	struct json_object *list = NULL;
	struct volumes_args args = {};
	struct cachet_tags tags;
	int rc, dev = -1, err;
	size_t i;

	options_parse(&argp, argc, argv, &args);
	rc = tags_choose("volumes", args.tag, &tags);
	if (rc)
		return rc;
	if (tags.nr)
		rc = device_open("volumes", 0, &dev);
	if (rc)
		goto out;
	if (args.json)
		list = json_object_new_array();
	else if (tags.nr)
		printf("%-12s %5s  %-7s %8s  %-19s  %-9s  %s\n", "CACHE", "ID", "STATE", "IN USE",
		       "LAST USE", "BLOCKS", "KEY");
	else
		printf("no cache is attached\n");
	for (i = 0; i < tags.nr; i++) {
		err = volumes_of(dev, tags.tag[i], list);
		if (err == -ENOENT && !args.tag)
			continue;	/* Detached meanwhile */
		if (err)
			rc = complain("volumes", err, "'%s': the volumes can't be listed: %s",
				      tags.tag[i], strerror(-err));
	}
	if (list) {
		struct json_object *doc = json_object_new_object();

		json_object_object_add(doc, "volumes", list);
		rc = json_print("volumes", doc, false) ?: rc;
	} else {
		rc = rc ?: output_done("volumes");
	}
out:
	if (dev >= 0)
		close(dev);
	cachet_tags_free(&tags);
	return rc;
}
