// SPDX-License-Identifier: GPL-2.0-only
/*
 * detach.c - cachectl detach: take a cache out of service
 *
 * The mounts go on without it. What it holds stays on disk, committed. With
 * several caches, one that can't be detached does not keep the others.
 */
#include <stdio.h>

#include "cachectl.h"

struct detach_args {
	const char *tag;
	bool all;
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "All caches that are attached", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct detach_args *args = state->input;

	switch (key) {
	case 'a':
		args->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->tag)
			argp_error(state, "one TAG, please");
		args->tag = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->tag == !args->all)
			argp_error(state, "name either TAG or --all");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int detach_one(int dev, const char *tag)
{
	int err = cachet_device_detach(dev, tag);

	switch (-err) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case ENODEV:
	case ENXIO:
	case ENAMETOOLONG:
		return complain("detach", -ENOENT, "no cache '%s' is attached; 'cachectl status' lists those that are",
				tag);
	case EINTR:
		return complain("detach", err, "'%s': interrupted while it was finishing; 'cachectl status' says whether it is still attached",
				tag);
	case ESHUTDOWN:
		return complain("detach", err, "'%s' is being detached already: that waits for I/O under way, perhaps of a server that does not answer",
				tag);
	case EIO:
		return complain("detach", err, "'%s': an I/O error at the last commit; what was cached since the one before may be read again from the server. See the kernel log (dmesg)",
				tag);
	default:
		return complain("detach", err, "'%s' can't be detached: %s; see the kernel log (dmesg), then try again",
				tag, strerror(-err));
	}
}

int cmd_detach(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TAG\n--all",
		.doc = "Take a cache out of service: commit it and let its files go. Mounts go on without it.",
	};
	struct detach_args args = {};
	struct cachet_tags tags;
	int rc, dev;
	size_t i;

	options_parse(&argp, argc, argv, &args);
	rc = tags_choose("detach", args.tag, &tags);
	if (rc)
		return rc;
	if (!tags.nr) {
		/* --all of nothing is done */
		printf("no cache is attached\n");
		cachet_tags_free(&tags);
		return output_done("detach");
	}
	rc = device_open("detach", 0, &dev);
	if (rc) {
		cachet_tags_free(&tags);
		return rc;
	}
	for (i = 0; i < tags.nr; i++) {
		int one = detach_one(dev, tags.tag[i]);

		if (one)
			rc = one;
		else
			printf("'%s' detached\n", tags.tag[i]);
	}
	close(dev);
	cachet_tags_free(&tags);
	return rc ?: output_done("detach");
}
