// SPDX-License-Identifier: GPL-2.0-only
/*
 * scrub.c - cachectl scrub: verify what an attached cache holds
 *
 * The module verifies a share, as much as may be read in a tenth of a second, and
 * says where to go on; the pace, the progress and the end are here. Blocks that
 * fail are dropped by the module, so there is nothing to repair: what a scrub
 * found is no error of this command, but its exit code tells of it, however the
 * scrub came to its end: the next one would not find it again.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "cachectl.h"

enum {
	SHARES_PER_SECOND	= 10,
	/* ioprio_set(2) has no wrapper, and its header none of these names everywhere. */
	IOPRIO_WHO_PROCESS	= 1,
	IOPRIO_CLASS_BE		= 2,
	IOPRIO_CLASS_SHIFT	= 13,
	IOPRIO_LOWEST		= 7,
};

/* Added to what the other commands exit with; the numbers are those of check. */
enum scrub_exit {
	SCRUB_BAD		= 4,
	SCRUB_INTERRUPTED	= 32,
};

struct scrub_args {
	const char *tag;
	u64 rate;			/* Bytes a second; 0: as fast as it goes */
	bool json;
};

struct scrub_sum {
	u64 blocks;
	u64 bytes;
	u64 bad;
	u32 passes;
};

static const struct argp_option options[] = {
	{ "rate", OPT_RATE, "SIZE", 0, "Read at most so many bytes a second (64M); max: no limit", 0 },
	{ "json", 'j', NULL, 0, "One JSON object", 0 },
	{}
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	(void)sig;
	stopped = 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct scrub_args *args = state->input;

	switch (key) {
	case OPT_RATE:
		if (!strcmp(arg, "max"))
			args->rate = 0;
		else if (cachet_size_parse(arg, &args->rate) || args->rate < 4096)
			argp_error(state, "--rate '%s': 4K or more, as 500K, 64M, 1G, or max", arg);
		return 0;
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARG:
		if (args->tag)
			argp_error(state, "one TAG, please");
		args->tag = arg;
		return 0;
	case ARGP_KEY_END:
		if (!args->tag)
			argp_error(state, "TAG is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static double seconds_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - then->tv_sec) + (double)(now.tv_nsec - then->tv_nsec) / 1e9;
}

/* As long as this is ahead of the rate. A signal ends it. */
static void keep_pace(const struct timespec *begun, u64 bytes, u64 rate)
{
	double ahead;

	if (!rate)
		return;
	ahead = (double)bytes / (double)rate - seconds_since(begun);
	if (ahead > 0) {
		struct timespec ts = { .tv_sec = (time_t)ahead };

		ts.tv_nsec = (long)((ahead - (double)ts.tv_sec) * 1e9);
		nanosleep(&ts, NULL);
	}
}

static int pass(int dev, const struct scrub_args *args, struct scrub_sum *sum)
{
	u64 share = args->rate ? args->rate / SHARES_PER_SECOND + 1 : 64 << 20;
	struct cachet_progress progress;
	struct cachet_scrub part;
	struct timespec begun;
	u64 bytes = 0;
	u64 slot = 0;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	cachet_progress_begin(&progress, stderr, "Verifying", 1);
	do {
		err = cachet_device_scrub(dev, args->tag, slot, share, &part);
		if (err)
			break;
		slot = part.slot;
		bytes += part.bytes;
		sum->blocks += part.blocks;
		sum->bytes += part.bytes;
		sum->bad += part.bad;
		progress.total = part.nr_slots;
		cachet_progress_update(&progress, slot);
		if (slot < part.nr_slots && !stopped)
			keep_pace(&begun, bytes, args->rate);
		if (stopped)
			err = -EINTR;
	} while (!err && slot < part.nr_slots);
	cachet_progress_end(&progress);
	sum->passes++;
	return err;
}

static int report(const struct scrub_args *args, const struct scrub_sum *sum, bool whole)
{
	char text[CACHET_SIZE_TEXT_BYTES];

	if (args->json) {
		struct json_object *obj = json_object_new_object();

		cachet_json_add_text(obj, "tag", args->tag);
		cachet_json_add_u64(obj, "blocks", sum->blocks);
		cachet_json_add_u64(obj, "bytes", sum->bytes);
		cachet_json_add_u64(obj, "bad", sum->bad);
		cachet_json_add_u64(obj, "passes", sum->passes);
		cachet_json_add_bool(obj, "complete", whole);
		return json_print("scrub", obj, false);
	}
	printf("%s: %" PRIu64 " blocks of %s verified, %" PRIu64 " bad%s%s\n", args->tag,
	       sum->blocks, cachet_size_text(sum->bytes, text), sum->bad,
	       sum->bad ? ": dropped, the server will be asked for them" : "",
	       whole ? "" : "; not complete");
	return output_done("scrub");
}

static int failed(const char *tag, int err)
{
	switch (-err) {
	case ENOENT:
		return complain("scrub", err, "no cache '%s' is attached; 'cachectl status' lists those that are",
				tag);
	case ENOTTY:
		return complain("scrub", err, "the module does not know this command: install tools and module of one release");
	case EIO:
		return complain("scrub", err, "'%s' is out of service: see the kernel log (dmesg); 'cachectl detach' it, mend the disk, attach it again",
				tag);
	case ESHUTDOWN:
		return complain("scrub", err, "'%s' is being detached", tag);
	default:
		return complain("scrub", err, "'%s': %s; see the kernel log (dmesg)", tag,
				strerror(-err));
	}
}

int cmd_scrub(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TAG",
		.doc = "Read all sealed blocks of an attached cache back and compare their digests. "
			"What does not match is dropped.\v"
			"Exit status: that of the other commands, plus 4 if some did not match, plus 32 if interrupted.",
	};
	struct sigaction act = { .sa_handler = on_signal }, was;
	struct scrub_args args = { .rate = 64 << 20 };
	struct scrub_sum sum = {};
	u64 bad;
	int rc, dev, err;

	options_parse(&argp, argc, argv, &args);
	rc = device_open("scrub", 0, &dev);
	if (rc)
		return rc;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	/* nohup(1) keeps its word */
	if (!sigaction(SIGHUP, NULL, &was) && was.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &act, NULL);
	/* Not idle: the module holds a file's lock while it reads a block of it. */
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		IOPRIO_CLASS_BE << IOPRIO_CLASS_SHIFT | IOPRIO_LOWEST);
	/* Blocks that shared bad bytes are found once the place of these is forgotten. */
	do {
		bad = sum.bad;
		err = pass(dev, &args, &sum);
	} while (!err && sum.bad > bad);
	close(dev);

	if (!err || err == -EINTR || sum.blocks)
		rc = report(&args, &sum, !err);
	if (err == -EINTR) {
		complain("scrub", err, "'%s': interrupted; what was dropped stays so", args.tag);
		rc |= SCRUB_INTERRUPTED;
	} else if (err) {
		rc |= failed(args.tag, err);
	}
	return rc | (sum.bad ? SCRUB_BAD : 0);
}
