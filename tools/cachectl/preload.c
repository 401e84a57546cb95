// SPDX-License-Identifier: GPL-2.0-only
/*
 * preload.c - cachectl preload: read files so that they are cached
 *
 * Reads them as their user would, with the rights of who calls: what the kernel keeps of
 * them is none of this command's affair. Files that are cached already cost no question to
 * the server beyond that of every open, so an interrupted preload is simply begun again.
 * What can't be read is named, and the others are read.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "cachectl.h"
#include "preload.h"

struct preload_args {
	char **include, **exclude;
	struct cachet_preload p;
	bool json;
	struct cachet_progress progress;
	struct cachet_preload_total total;
	char note[96];
};

static const struct argp_option options[] = {
	{ "recursive", 'r', NULL, 0, "Directories, with all below them", 0 },
	{ "include", OPT_INCLUDE, "GLOB", 0, "Of files below directories only those that match", 0 },
	{ "exclude", OPT_EXCLUDE, "GLOB", 0, "Nothing that matches, of directories nothing below", 0 },
	{ "files", 'n', "N", 0, "At a time, at most (64)", 0 },
	{ "rate", OPT_RATE, "SIZE", 0, "Read at most so many bytes a second", 0 },
	{ "json", 'j', NULL, 0, "One JSON object", 0 },
	{}
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

/* One more of a list that NULL ends. */
static void add(struct argp_state *state, char ***list, char *text)
{
	size_t nr = 0;
	char **grown;

	while (*list && (*list)[nr])
		nr++;
	grown = realloc(*list, (nr + 2) * sizeof(*grown));
	if (!grown)
		argp_failure(state, EXIT_FAILED, 0, "out of memory");
	grown[nr] = text;
	grown[nr + 1] = NULL;
	*list = grown;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct preload_args *args = state->input;
	unsigned long nr;
	char *end;

	switch (key) {
	case 'r':
		args->p.walk.recursive = true;
		return 0;
	case OPT_INCLUDE:
		add(state, &args->include, arg);
		return 0;
	case OPT_EXCLUDE:
		add(state, &args->exclude, arg);
		return 0;
	case 'n':
		nr = strtoul(arg, &end, 10);
		if (*end || end == arg || !nr || nr > CACHET_PRELOAD_FILES_MAX)
			argp_error(state, "--files '%s': 1 to %d", arg, CACHET_PRELOAD_FILES_MAX);
		args->p.files = (u32)nr;
		return 0;
	case OPT_RATE:
		if (cachet_size_parse(arg, &args->p.rate) || args->p.rate < 4096)
			argp_error(state, "--rate '%s': 4K or more, as 500K, 64M, 1G", arg);
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		args->p.paths = state->argv + state->next;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "PATH is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- while it runs ------------------------------------------------------ */

static void on_failed(void *arg, const char *path, int err)
{
	struct preload_args *args = arg;
	char *text = malloc(4 * strlen(path) + 1);
	const char *name = text ? cachet_name_text(path, text) : "(a file)";

	cachet_progress_end(&args->progress);
	if (err == -EISDIR)
		complain("preload", err, "%s: is a directory; --recursive reads what is below", name);
	else if (err == -EOPNOTSUPP)
		complain("preload", err, "%s: is no regular file", name);
	else
		complain("preload", err, "%s: %s", name, strerror(-err));
	free(text);
}

static void on_progress(void *arg)
{
	struct preload_args *args = arg;
	char text[CACHET_SIZE_TEXT_BYTES], rate[CACHET_SIZE_TEXT_BYTES];
	struct timespec now;
	double seconds;

	if (!args->progress.out)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = (double)(now.tv_sec - args->progress.start.tv_sec) +
		(double)(now.tv_nsec - args->progress.start.tv_nsec) / 1e9;
	snprintf(args->note, sizeof(args->note), "%" PRIu64 " files, %s, %s/s", args->p.nr_files,
		 cachet_size_text(args->p.nr_bytes, text),
		 cachet_size_text((u64)((double)args->p.nr_bytes / (seconds + 1e-3)), rate));
	if (__atomic_load_n(&args->total.complete, __ATOMIC_ACQUIRE))
		args->progress.total = args->total.nr_bytes ?: 1;
	cachet_progress_update(&args->progress, args->p.nr_bytes);
}

static bool on_stop(void *arg)
{
	(void)arg;
	return stopped;
}

static bool counted_enough;

static void *count(void *arg)
{
	struct preload_args *args = arg;

	cachet_preload_count(&args->p, &counted_enough, &args->total);
	return NULL;
}

/* The sum is counted beside it, and only if somebody looks. */
static int run(struct preload_args *args, struct cachet_why *why)
{
	pthread_t counter;
	bool counting;
	int err;

	cachet_progress_begin(&args->progress, stderr, "Reading", 0);
	args->progress.note = args->note;
	counting = args->progress.out && !pthread_create(&counter, NULL, count, args);
	err = cachet_preload_run(&args->p, why);
	__atomic_store_n(&counted_enough, true, __ATOMIC_RELAXED);
	if (counting)
		pthread_join(counter, NULL);
	cachet_progress_end(&args->progress);
	return err;
}

/* ---- at the end --------------------------------------------------------- */

static int report(const struct preload_args *args, bool complete)
{
	const struct cachet_preload *p = &args->p;
	char text[CACHET_SIZE_TEXT_BYTES];

	if (args->json) {
		struct json_object *obj = json_object_new_object();

		cachet_json_add_u64(obj, "files", p->nr_files);
		cachet_json_add_u64(obj, "bytes", p->nr_bytes);
		cachet_json_add_u64(obj, "failed", p->nr_failed);
		cachet_json_add_u64(obj, "mounts_passed_over", p->nr_mounts);
		cachet_json_add_bool(obj, "complete", complete);
		return json_print("preload", obj, false);
	}
	printf("%" PRIu64 " files, %s read", p->nr_files, cachet_size_text(p->nr_bytes, text));
	if (p->nr_failed)
		printf("; %" PRIu64 " could not be", p->nr_failed);
	if (p->nr_mounts)
		printf("; %" PRIu64 " other filesystems mounted below were passed over: name them to read them",
		       p->nr_mounts);
	printf("%s\n", complete ? "" : "; not complete");
	return output_done("preload");
}

int cmd_preload(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PATH...",
		.doc = "Read files of mounts that use a cache, many at a time, so that they are cached.\v"
			"A GLOB with a slash is compared with the path below PATH, another one with the name.",
	};
	/* The second one ends it, also while it waits for a server that is gone. */
	struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };
	struct preload_args args = {
		.p = { .failed = on_failed, .progress = on_progress, .stop = on_stop },
	};
	struct cachet_why why = {};
	int rc, err;

	args.p.arg = &args;
	options_parse(&argp, argc, argv, &args);
	args.p.walk.include = args.include;
	args.p.walk.exclude = args.exclude;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	err = run(&args, &why);
	rc = !err || err == -EINTR ? report(&args, !err) : EXIT_OK;
	if (err)
		rc = complain_why("preload", err, &why);
	free(args.include);
	free(args.exclude);
	return rc ?: args.p.nr_failed ? EXIT_FAILED : EXIT_OK;
}
