// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.c - cachectl events: what happens to the caches
 *
 * Without --follow it prints what the module still has and ends. A gap in the
 * numbers means that this reader was too slow: the loss is shown, not hidden.
 */
#include <stdio.h>
#include <time.h>

#include "cachectl.h"

struct events_args {
	const char *tag;
	bool follow;
	bool json;
};

static const struct argp_option options[] = {
	{ "follow", 'f', NULL, 0, "Wait for more", 0 },
	{ "json", 'j', NULL, 0, "One JSON object per line", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct events_args *args = state->input;

	switch (key) {
	case 'f':
		args->follow = true;
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

static int event_json(const struct cachet_event *event, u64 lost)
{
	struct json_object *obj = json_object_new_object();
	char text[CACHET_EVENT_TEXT_BYTES];

	cachet_json_add_u64(obj, "seq", event->seq);
	cachet_json_add_u64(obj, "lost_before", lost);
	cachet_json_add_u64(obj, "time_ns", event->time_ns);
	cachet_json_add_text(obj, "tag", event->tag);
	cachet_json_add_text(obj, "event", cachet_event_name(event->type));
	cachet_json_add_u64(obj, "type", event->type);
	json_object_object_add(obj, "arg0", json_object_new_int64((int64_t)event->arg0));
	json_object_object_add(obj, "arg1", json_object_new_int64((int64_t)event->arg1));
	cachet_json_add_text(obj, "text", cachet_event_text(event, text));
	return json_print("events", obj, true);
}

static void lost_print(u64 lost)
{
	printf("(%" PRIu64 " events lost: they came faster than they were read)\n", lost);
}

/* Those that nothing of this cache came after. */
static int lost_last(const struct events_args *args, u64 lost)
{
	struct json_object *obj;

	if (!args->json) {
		lost_print(lost);
		return output_done("events");
	}
	obj = json_object_new_object();
	cachet_json_add_u64(obj, "lost_before", lost);
	return json_print("events", obj, true);
}

static int event_print(const struct cachet_event *event, u64 lost)
{
	char text[CACHET_EVENT_TEXT_BYTES], time[CACHET_TIME_TEXT_BYTES];

	if (lost)
		lost_print(lost);
	printf("%s.%03llu  %-12s %s\n", cachet_time_text(event->time_ns / 1000000000u, time),
	       ULL(event->time_ns / 1000000u % 1000u), event->tag,
	       cachet_event_text(event, text));
	return output_done("events");
}

int cmd_events(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[TAG]",
		.doc = "What happens to the caches, or to one of them.",
	};
	struct events_args args = {};
	struct cachet_event event;
	u64 next = 0, lost = 0;
	int rc, dev = -1;

	options_parse(&argp, argc, argv, &args);
	rc = device_open("events", args.follow ? 0 : O_NONBLOCK, &dev);
	while (!rc) {
		int err = cachet_device_event(dev, &event);

		if (err == -EAGAIN && !args.follow)
			break;
		if (err == -EINTR)
			continue;
		if (err) {
			rc = complain("events", err, "%s can't be read: %s", CACHET_DEVICE,
				      strerror(-err));
			break;
		}
		/* Of which cache they were nobody knows: the next that is shown tells of them. */
		lost += next && event.seq > next ? event.seq - next : 0;
		next = event.seq + 1;
		if (args.tag && strcmp(args.tag, event.tag))
			continue;
		rc = args.json ? event_json(&event, lost) : event_print(&event, lost);
		lost = 0;
	}
	if (!rc && lost)
		rc = lost_last(&args, lost);
	if (dev >= 0)
		close(dev);
	return rc;
}
