// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - cachetd: attach the configured caches, keep an eye on them
 *
 * If the daemon dies, caching goes on: the next one takes the caches over. It
 * ends with 1 if something failed that somebody should look at: no cache could
 * be attached, or one could not be detached.
 */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "cachetd.h"

struct main_args {
	const char *config;
	bool check;
	bool keep;
};

static const struct argp_option options[] = {
	{ "config", 'c', "FILE", 0, "Read this configuration (" CACHETD_CONFIG ")", 0 },
	{ "check-config", 'C', NULL, 0, "Only check the configuration", 0 },
	{ "keep", 'k', NULL, 0, "Leave the caches attached at the end", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct main_args *args = state->input;

	switch (key) {
	case 'c':
		args->config = arg;
		return 0;
	case 'C':
		args->check = true;
		return 0;
	case 'k':
		args->keep = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s': there are no arguments, only options", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const char *argp_program_version = "cachetd " CACHET_VERSION;

static int check(const struct config *config, const char *path)
{
	size_t i;

	for (i = 0; i < config->nr; i++)
		printf("cache %s: %s\n", config->cache[i].tag, config->cache[i].dir);
	printf("%s is good: %zu caches\n", path, config->nr);
	return fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(struct cachetd *d)
{
	unsigned int failed;
	struct cachet_why why = {};
	int rc = EXIT_SUCCESS;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	d->began_ns = (u64)now.tv_sec * 1000000000u + (u64)now.tv_nsec;
	loop_block_signals();
	sd_notify(0, "STATUS=Attaching caches");
	if (cachet_module_open(O_NONBLOCK, &d->caches.dev, &why)) {
		log_error("%s", why.text);
		return EXIT_FAILURE;
	}
	if (!d->config.nr)
		log_notice("%s names no cache: add a section [cache NAME] and reload this service",
			   d->config_path);
	caches_attach(&d->caches, &d->config, false);
	if (d->config.nr && !d->caches.nr && !d->caches.nr_leaving) {
		log_error("none of the %zu configured caches could be attached", d->config.nr);
		rc = EXIT_FAILURE;
	} else if (loop_run(d)) {
		rc = EXIT_FAILURE;
	}

	if (d->keep || d->config.keep) {
		if (d->caches.nr)
			log_notice("%zu caches stay attached, as told", d->caches.nr);
		caches_free(&d->caches);
	} else {
		failed = caches_detach(&d->caches);
		if (failed) {
			sd_notifyf(0, "STATUS=%u caches could not be detached", failed);
			rc = EXIT_FAILURE;
		}
	}
	close(d->caches.dev);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.doc = "Attach the caches of the configuration and watch them; detach them at the end.",
	};
	struct main_args args = { .config = CACHETD_CONFIG };
	struct cachetd d = { .caches.dev = -1 };
	struct cachet_why why = {};
	int rc;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &args);
	d.config_path = args.config;
	d.keep = args.keep;
	if (config_read(args.config, &d.config, &why)) {
		log_error("%s", why.text);
		return EXIT_FAILURE;
	}
	rc = args.check ? check(&d.config, args.config) : run(&d);
	config_free(&d.config);
	return rc;
}
