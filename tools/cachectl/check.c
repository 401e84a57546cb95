// SPDX-License-Identifier: GPL-2.0-only
/*
 * check.c - cachectl check: is what is on disk of a cache in order?
 *
 * The work is cachet_check_run()'s. Here: the options, a line for each finding,
 * what was counted, the verdict, and the exit codes of fsck(8), which differ from
 * those of the other commands.
 */
#include <signal.h>
#include <stdio.h>

#include "cachectl.h"

/* They are added up. */
enum fsck_exit {
	FSCK_CLEAN		= 0,
	FSCK_CORRECTED		= 1,
	FSCK_LEFT		= 4,
	FSCK_OPERATIONAL	= 8,
	FSCK_USAGE		= 16,
	FSCK_INTERRUPTED	= 32,
};

struct check_args {
	struct cachet_check check;
	bool json;
	bool any;			/* A finding was printed */
	const char *stage;
	struct cachet_progress progress;
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
	{ "repair", 'r', NULL, 0, "Correct what is wrong", 0 },
	{ "digests", 'd', NULL, 0, "Read every sealed block and compare its digest", 0 },
	{ "verbose", 'v', NULL, 0, "Show harmless findings and all counts too", 0 },
	{ "json", 'j', NULL, 0, "One JSON object", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct check_args *args = state->input;

	switch (key) {
	case 'r':
		args->check.repair = true;
		return 0;
	case 'd':
		args->check.digests = true;
		return 0;
	case 'v':
		args->check.verbose = true;
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->check.dir)
			argp_error(state, "one DIR, please");
		args->check.dir = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->check.dir)
			argp_error(state, "DIR is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- while it goes on --------------------------------------------------- */

static const char *finding_state(const struct cachet_finding *f)
{
	if (f->harmless)
		return "harmless";
	return f->fix ? f->fix : "not corrected";
}

static void found(void *arg, const struct cachet_finding *f)
{
	struct check_args *args = arg;
	struct json_object *obj;

	cachet_progress_end(&args->progress);
	if (!args->json) {
		printf("%s at %" PRIu64 ": %s (%s)\n", cachet_file_names[f->file], f->pos, f->text,
		       finding_state(f));
		return;
	}
	obj = json_object_new_object();
	cachet_json_add_text(obj, "file", cachet_file_names[f->file]);
	cachet_json_add_u64(obj, "pos", f->pos);
	cachet_json_add_text(obj, "text", f->text);
	cachet_json_add_bool(obj, "harmless", f->harmless);
	cachet_json_add_bool(obj, "corrected", f->fix);
	printf("%s\n%s", args->any ? "," : "",
	       json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(obj);
	args->any = true;
}

static void progress(void *arg, const char *stage, u64 done, u64 total)
{
	struct check_args *args = arg;

	if (args->stage != stage) {
		cachet_progress_end(&args->progress);
		cachet_progress_begin(&args->progress, stderr, stage, total);
		args->stage = stage;
	}
	cachet_progress_update(&args->progress, done);
}

/* ---- at the end --------------------------------------------------------- */

static const struct {
	const char *name, *unit, *help;
	size_t offset;
} counts[] = {
#define X(name, unit, help) { #name, unit, help, offsetof(struct cachet_check_counts, name) },
	CACHET_CHECK_COUNTS(X)
#undef X
};

enum {
	NR_COUNTS = sizeof(counts) / sizeof(counts[0]),
};

static u64 count_get(const struct cachet_check *c, int i)
{
	return *(const u64 *)((const char *)&c->counts + counts[i].offset);
}

static const char *verdict(int code)
{
	if (code & FSCK_OPERATIONAL)
		return "failed";
	if (code & FSCK_INTERRUPTED)
		return "interrupted";
	if (code & FSCK_LEFT)
		return "errors left";
	return code & FSCK_CORRECTED ? "corrected" : "clean";
}

static void report_json(const struct check_args *args, int code, const struct cachet_why *why)
{
	const struct cachet_check *c = &args->check;
	struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_object();
	const char *text;
	int i;

	for (i = 0; i < NR_COUNTS; i++)
		cachet_json_add_u64(list, counts[i].name, count_get(c, i));
	json_object_object_add(obj, "counts", list);
	cachet_json_add_text(obj, "tag", c->super.tag);
	cachet_json_add_bool(obj, "detached_in_order", c->super.flags & CACHET_SUPER_CLEAN);
	cachet_json_add_u64(obj, "errors_corrected", c->nr_fixed);
	cachet_json_add_u64(obj, "errors_left", c->nr_left);
	cachet_json_add_bool(obj, "repairable", !c->hopeless);
	cachet_json_add_text(obj, "verdict", verdict(code));
	cachet_json_add_u64(obj, "exit", (u64)code);
	if (why->text[0])
		cachet_json_add_text(obj, "problem", why->text);
	/* The findings stand before it: one object of the two */
	text = json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN |
						   JSON_C_TO_STRING_NOSLASHESCAPE);
	printf("%s],\n%s\n", args->any ? "\n" : "", text + 1);
	json_object_put(obj);
}

static void report_counts(const struct cachet_check *c)
{
	char size[CACHET_SIZE_TEXT_BYTES];
	int i;

	for (i = 0; i < NR_COUNTS; i++) {
		u64 value = count_get(c, i);

		if (!value && !c->verbose)
			continue;
		if (!strcmp(counts[i].unit, "bytes"))
			printf("  %-18s %12s           %s\n", counts[i].name,
			       cachet_size_text(value, size), counts[i].help);
		else
			printf("  %-18s %12" PRIu64 " %-9s %s\n", counts[i].name, value,
			       counts[i].unit, counts[i].help);
	}
}

/* What will go although nothing is wrong. */
static void report_doubt(const struct cachet_check *c)
{
	const struct cachet_check_counts *n = &c->counts;
	char drop[CACHET_SIZE_TEXT_BYTES], verify[CACHET_SIZE_TEXT_BYTES];
	bool clean = c->super.flags & CACHET_SUPER_CLEAN;

	if (!clean)
		printf("%s: not detached in order: the next attach treats it as after a crash\n", c->dir);
	if (clean && !n->drop_objects && !n->drop_blocks && !n->drop_contents && !n->verify_blocks)
		return;
	printf("%s: %s drops %" PRIu64 " files, %" PRIu64 " maps of blocks (%s), %" PRIu64 " places of digests, and verifies %" PRIu64 " blocks (%s) before they are served\n",
	       c->dir, clean ? "who uses it next" : "the next attach", n->drop_objects,
	       n->drop_blocks, cachet_size_text(n->drop_bytes, drop), n->drop_contents,
	       n->verify_blocks, cachet_size_text(n->verify_bytes, verify));
}

static void report(const struct check_args *args, int code)
{
	const struct cachet_check *c = &args->check;

	report_counts(c);
	report_doubt(c);
	if (c->nr_fixed)
		printf("%s: %" PRIu64 " errors corrected\n", c->dir, c->nr_fixed);
	if (c->nr_left)
		printf("%s: %" PRIu64 " errors left: %s\n", c->dir, c->nr_left,
		       c->hopeless ? "restore the files that were made with this super, or remove the three and run 'cachectl format'; what they held is still on the server" :
				     "run 'cachectl check --repair'");
	if (!code)
		printf("%s: clean\n", c->dir);
}

static int code_of(const struct cachet_check *c, int err)
{
	int code = FSCK_CLEAN;

	if (c->nr_fixed)
		code |= FSCK_CORRECTED;
	if (c->nr_left || err == -EUCLEAN)
		code |= FSCK_LEFT;
	if (err == -EINTR)
		code |= FSCK_INTERRUPTED;
	else if (err && err != -EUCLEAN)
		code |= FSCK_OPERATIONAL;
	return code;
}

int cmd_check(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "DIR",
		.doc = "Check what is on disk of the cache in DIR, which must be detached. Changes nothing without --repair.\v"
		       "Exit status as of fsck(8): 0 clean, 1 errors corrected, 4 errors left, 8 it could not be done, 16 wrong command line, 32 interrupted; a sum of these.",
	};
	struct check_args args = {
		.check = { .found = found, .progress = progress, .stop = is_stopped },
	};
	const struct sigaction action = { .sa_handler = on_signal };
	struct cachet_why why = {};
	int err, code;

	argp_err_exit_status = FSCK_USAGE;
	options_parse(&argp, argc, argv, &args);
	args.check.arg = &args;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	/* Who reads no further must not end a repair in the middle: output_done() says so */
	signal(SIGPIPE, SIG_IGN);

	if (args.json)
		printf("{\"findings\": [");
	err = cachet_check_run(&args.check, &why);
	cachet_progress_end(&args.progress);
	code = code_of(&args.check, err);
	if (args.json)
		report_json(&args, code, &why);
	else if (!err)
		report(&args, code);
	if (err)
		complain("check", err, "%s%s", why.text, err == -EUCLEAN ?
			 ": remove the three files and run 'cachectl format'; what it held is still on the server" : "");
	return output_done("check") ? code | FSCK_OPERATIONAL : code;
}
