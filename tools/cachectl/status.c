// SPDX-License-Identifier: GPL-2.0-only
/*
 * status.c - cachectl status: what the attached caches do
 *
 * All numbers are of the module's own counters, from the table that the ABI
 * shares. The ratio by reads counts what netfs asked; the one by bytes compares
 * what was read from the cache with what the server had to send into it.
 */
#include <stdio.h>

#include "cachectl.h"

struct status_args {
	const char *tag;
	bool verbose;
	bool json;
};

static const struct argp_option options[] = {
	{ "verbose", 'v', NULL, 0, "All counters, with what they mean", 0 },
	{ "json", 'j', NULL, 0, "Report in JSON", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct status_args *args = state->input;

	switch (key) {
	case 'v':
		args->verbose = true;
		return 0;
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

static double read_ratio(const struct cachet_status *s)
{
	return cachet_ratio(cachet_counter_get(s, CACHET_COUNTER_read_hits),
			    cachet_counter_get(s, CACHET_COUNTER_read_misses));
}

static double byte_ratio(const struct cachet_status *s)
{
	return cachet_ratio(cachet_counter_get(s, CACHET_COUNTER_bytes_read),
			    cachet_counter_get(s, CACHET_COUNTER_bytes_missed));
}

/* Of the bytes that were to be kept, the part that was there already. */
static double dedup_ratio(const struct cachet_status *s)
{
	return cachet_ratio(cachet_counter_get(s, CACHET_COUNTER_bytes_deduped),
			    cachet_counter_get(s, CACHET_COUNTER_bytes_written));
}

static struct json_object *status_json(const struct cachet_status *s)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *counters = json_object_new_object();
	int i;

	cachet_json_add_text(obj, "tag", s->tag);
	cachet_json_add_uuid(obj, "uuid", s->uuid);
	cachet_json_add_bool(obj, "out_of_service", s->flags & CACHET_STATUS_OUT);
	if (s->flags & CACHET_STATUS_OUT)
		cachet_json_add_text(obj, "error", strerror(-s->error));
	cachet_json_add_bool(obj, "crashed", s->flags & CACHET_STATUS_CRASHED);
	cachet_json_add_bool(obj, "leaving", s->flags & CACHET_STATUS_LEAVING);
	cachet_json_add_u64(obj, "epoch", s->epoch);
	cachet_json_add_u64(obj, "committed", s->committed);
	cachet_json_add_u64(obj, "data_bytes", s->data_bytes);
	cachet_json_add_u64(obj, "live_bytes", s->live_bytes);
	cachet_json_add_u64(obj, "segment_bytes", s->segment_bytes);
	cachet_json_add_u64(obj, "block_bytes", s->block_bytes);
	cachet_json_add_u64(obj, "segments", s->nr_segments);
	cachet_json_add_u64(obj, "segments_free", s->nr_free);
	cachet_json_add_u64(obj, "segments_freeing", s->nr_freeing);
	cachet_json_add_u64(obj, "segments_open", s->nr_open);
	cachet_json_add_u64(obj, "segments_pinned", s->nr_pinned);
	cachet_json_add_u64(obj, "segments_pinned_max", s->max_pinned);
	cachet_json_add_u64(obj, "sets", s->nr_sets);
	cachet_json_add_u64(obj, "objects_in_use", s->nr_objects);
	cachet_json_add_u64(obj, "volumes_in_use", s->nr_volumes);
	cachet_json_add_u64(obj, "seal_queue", s->seal_queue);
	cachet_json_add_double(obj, "hit_ratio_reads", read_ratio(s));
	cachet_json_add_double(obj, "hit_ratio_bytes", byte_ratio(s));
	cachet_json_add_double(obj, "dedup_ratio", dedup_ratio(s));
	for (i = 0; i < CACHET_COUNTER_NR; i++)
		cachet_json_add_u64(counters, cachet_counters[i].name,
				    cachet_counter_get(s, (enum cachet_counter_id)i));
	json_object_object_add(obj, "counters", counters);
	return obj;
}

static void print_ratio(double ratio)
{
	if (ratio < 0)
		printf("     -");
	else
		printf("%5.1f%%", ratio * 100);
}

static void status_print(const struct cachet_status *s, bool verbose)
{
	char a[CACHET_SIZE_TEXT_BYTES], b[CACHET_SIZE_TEXT_BYTES];
	char uuid[CACHET_UUID_TEXT_BYTES];
	int i;

	printf("%s  %s\n", s->tag, cachet_uuid_text(s->uuid, uuid));
	if (s->flags & CACHET_STATUS_OUT)
		printf("  OUT OF SERVICE after an I/O error (%s): mounts go on without it.\n"
		       "  See the kernel log; then detach it, mend the device, attach it again.\n",
		       strerror(-s->error));
	if (s->flags & CACHET_STATUS_CRASHED)
		printf("  was not detached in order before this attach: what the last seconds cached is verified at first use\n");
	if (s->flags & CACHET_STATUS_LEAVING)
		printf("  is being detached: that waits for I/O under way, perhaps of a server that does not answer\n");
	printf("  hits       ");
	print_ratio(read_ratio(s));
	printf(" of %" PRIu64 " reads\n",
	       cachet_counter_get(s, CACHET_COUNTER_read_hits) +
	       cachet_counter_get(s, CACHET_COUNTER_read_misses));
	printf("             ");
	print_ratio(byte_ratio(s));
	printf(" of bytes: %s from the cache, %s from the server\n",
	       cachet_size_text(cachet_counter_get(s, CACHET_COUNTER_bytes_read), a),
	       cachet_size_text(cachet_counter_get(s, CACHET_COUNTER_bytes_missed), b));
	printf("  space      %s of %s used", cachet_size_text(s->live_bytes, a),
	       cachet_size_text(s->data_bytes, b));
	if (s->data_bytes)
		printf(" (%.1f%%)", 100.0 * (double)s->live_bytes / (double)s->data_bytes);
	printf(", %s in free segments\n",
	       cachet_size_text((u64)s->nr_free * s->segment_bytes, a));
	printf("  segments   %u of %s: %u free, %u being freed, %u open\n", s->nr_segments,
	       cachet_size_text(s->segment_bytes, a), s->nr_free, s->nr_freeing, s->nr_open);
	if (s->nr_pinned)
		printf("  pinned     %s of at most %s, in %u segments\n",
		       cachet_size_text((u64)s->nr_pinned * s->segment_bytes, a),
		       cachet_size_text((u64)s->max_pinned * s->segment_bytes, b), s->nr_pinned);
	printf("  dedup      %s not stored twice", cachet_size_text(
	       cachet_counter_get(s, CACHET_COUNTER_bytes_deduped), a));
	if (dedup_ratio(s) >= 0)
		printf(" (%.1f%% of what was to be kept)", dedup_ratio(s) * 100);
	printf(", blocks of %s\n", cachet_size_text(s->block_bytes, b));
	printf("  in use     %u files, %u volumes; %u blocks wait for their digest\n",
	       s->nr_objects, s->nr_volumes, s->seal_queue);
	printf("  epoch      %llu, committed up to %llu\n", ULL(s->epoch), ULL(s->committed));
	for (i = 0; verbose && i < CACHET_COUNTER_NR; i++)
		printf("  %-22s %14" PRIu64 " %-8s %s\n", cachet_counters[i].name,
		       cachet_counter_get(s, (enum cachet_counter_id)i),
		       cachet_counters[i].unit, cachet_counters[i].help);
}

int cmd_status(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[TAG]",
		.doc = "Hit ratio, space and counters of all attached caches, or of one.",
	};
	struct json_object *list = NULL, *doc = NULL;
	struct status_args args = {};
	struct cachet_status status;
	int rc, dev = -1, err;
	struct cachet_tags tags;
	size_t i;

	options_parse(&argp, argc, argv, &args);
	rc = tags_choose("status", args.tag, &tags);
	if (rc)
		return rc;
	if (tags.nr)
		rc = device_open("status", 0, &dev);
	if (rc)
		goto out;
	if (args.json) {
		doc = json_object_new_object();
		list = json_object_new_array();
		json_object_object_add(doc, "caches", list);
	} else if (!tags.nr) {
		printf("no cache is attached\n");
	}
	for (i = 0; i < tags.nr; i++) {
		err = cachet_device_status(dev, tags.tag[i], &status);
		if (err == -ENOENT && !args.tag)
			continue;	/* Detached meanwhile */
		if (err) {
			rc = complain("status", err, "'%s': %s", tags.tag[i],
				      err == -EPROTO ? "module and tools are of different versions" :
						       strerror(-err));
			continue;
		}
		if (args.json)
			json_object_array_add(list, status_json(&status));
		else
			status_print(&status, args.verbose);
	}
	if (doc)
		rc = json_print("status", doc, false) ?: rc;
	else
		rc = rc ?: output_done("status");
out:
	if (dev >= 0)
		close(dev);
	cachet_tags_free(&tags);
	return rc;
}
