// SPDX-License-Identifier: GPL-2.0-only
/*
 * sync.c - cachectl sync: commit now
 *
 * With --seal the module first waits until every complete block has its digest,
 * which may take long: the call is made by a thread, while the main one shows
 * how far the queue is. A signal ends the process, and the wait with it.
 */
#include <pthread.h>
#include <stdio.h>

#include "cachectl.h"

struct sync_args {
	const char *tag;
	bool all;
	bool seal;
};

struct sync_call {
	int dev;
	const char *tag;
	bool seal;
	int err;
};

enum {
	POLL_MS = 200,
};

static const struct argp_option options[] = {
	{ "all", 'a', NULL, 0, "All caches that are attached", 0 },
	{ "seal", OPT_SEAL, NULL, 0, "First wait until every complete block has its digest", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sync_args *args = state->input;

	switch (key) {
	case 'a':
		args->all = true;
		return 0;
	case OPT_SEAL:
		args->seal = true;
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

static void *call_run(void *arg)
{
	struct sync_call *call = arg;

	call->err = cachet_device_sync(call->dev, call->tag, call->seal);
	return NULL;
}

static void call_watch(pthread_t thread, const struct sync_call *call)
{
	struct cachet_progress progress;
	struct cachet_status status;
	u64 most = 0;

	cachet_progress_begin(&progress, stderr, "Sealing", 0);
	for (;;) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += POLL_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		if (pthread_timedjoin_np(thread, NULL, &until) != ETIMEDOUT)
			break;
		if (cachet_device_status(call->dev, call->tag, &status))
			continue;
		if (status.seal_queue > most)
			most = status.seal_queue;
		progress.total = most;
		cachet_progress_update(&progress, most - status.seal_queue);
	}
	cachet_progress_end(&progress);
}

static int sync_one(int dev, const char *tag, bool seal)
{
	struct sync_call call = { .dev = dev, .tag = tag, .seal = seal };
	pthread_t thread;

	if (seal && !pthread_create(&thread, NULL, call_run, &call))
		call_watch(thread, &call);
	else
		call_run(&call);

	switch (-call.err) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return complain("sync", -ENOENT, "no cache '%s' is attached; 'cachectl status' lists those that are",
				tag);
	case EINTR:
		return complain("sync", call.err, "'%s': interrupted; it was not committed by this command",
				tag);
	case EIO:
		return complain("sync", call.err, "'%s': an I/O error; the cache is out of service, mounts go on without it. See the kernel log (dmesg)",
				tag);
	default:
		return complain("sync", call.err, "'%s' was not committed: %s; see the kernel log (dmesg)",
				tag, strerror(-call.err));
	}
}

int cmd_sync(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TAG\n--all",
		.doc = "Commit now what a cache holds: after that it survives a power cut.",
	};
	struct sync_args args = {};
	struct cachet_tags tags;
	int rc, dev;
	size_t i;

	options_parse(&argp, argc, argv, &args);
	rc = tags_choose("sync", args.tag, &tags);
	if (rc)
		return rc;
	if (tags.nr)
		rc = device_open("sync", 0, &dev);
	if (rc) {
		cachet_tags_free(&tags);
		return rc;
	}
	for (i = 0; i < tags.nr; i++) {
		int one = sync_one(dev, tags.tag[i], args.seal);

		if (one)
			rc = one;
	}
	if (tags.nr)
		close(dev);
	cachet_tags_free(&tags);
	return rc;
}
