// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach.c - cachectl attach: put a cache into service
 *
 * Loads the module if its device is missing. A cache that is attached by hand
 * is not watched by cachetd; the man page says when one wants which.
 */
#include <stdio.h>

#include "cachectl.h"

struct attach_args {
	const char *dir;
	struct cachet_attach_options options;
	bool json;
};

static const struct argp_option options[] = {
	{ "any-fs", OPT_ANY_FS, NULL, 0, "Accept a filesystem other than XFS", 0 },
	{ "verify", OPT_VERIFY, "WHICH", OPTION_ARG_OPTIONAL,
	  "Compare the digests of blocks that are read: always, once, or if suspect after a crash (without this option)", 0 },
	{ "commit-interval", OPT_COMMIT, "MS", 0, "Commit so often: 100ms to 10min (5s)", 0 },
	{ "json", 'j', NULL, 0, "Report in JSON", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct attach_args *args = state->input;

	switch (key) {
	case OPT_ANY_FS:
		args->options.any_fs = true;
		return 0;
	case OPT_VERIFY:
		if (cachet_verify_parse(arg ? arg : "always", &args->options.verify))
			argp_error(state, "--verify '%s': suspect, once or always", arg);
		return 0;
	case OPT_COMMIT:
		if (cachet_size_parse_ms(arg, &args->options.commit_ms) ||
		    args->options.commit_ms < 100 || args->options.commit_ms > 600000)
			argp_error(state, "--commit-interval '%s': 100 to 600000 milliseconds, or with ms, s or min", arg);
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
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_attach(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "DIR",
		.doc = "Put the cache in DIR into service. Mounts with the option fsc use it.",
	};
	struct attach_args args = {};
	char tag[CACHET_TAG_MAX];
	struct cachet_why why = {};
	int dev, err;
	u64 took_ns;

	options_parse(&argp, argc, argv, &args);
	err = cachet_module_open(0, &dev, &why);
	if (err) {
		complain_why("attach", err, &why);
		return EXIT_FAILED;
	}
	err = cachet_attach_dir(dev, args.dir, &args.options, tag, &took_ns, &why);
	close(dev);
	if (err) {
		/* -ENODATA and the like speak of what is in the files. */
		complain_why("attach", err, &why);
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	}

	if (cachet_rivals_check(&why))
		warn("attach", "%s", why.text);
	if (args.json) {
		struct json_object *obj = json_object_new_object();

		cachet_json_add_text(obj, "tag", tag);
		cachet_json_add_u64(obj, "took_ns", took_ns);
		return json_print("attach", obj, false);
	}
	printf("%s: attached as '%s' in %.1f ms\n", args.dir, tag, (double)took_ns / 1e6);
	return output_done("attach");
}
