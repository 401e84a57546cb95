// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - cachectl: choose the subcommand
 */
#include <stdio.h>

#include "cachectl.h"

static const struct {
	const char	*name;
	int		(*run)(int argc, char **argv);
	const char	*help;
} commands[] = {
	{ "format",	cmd_format,	"Make a new cache in a directory" },
	{ "attach",	cmd_attach,	"Put a cache into service" },
	{ "detach",	cmd_detach,	"Take a cache out of service" },
	{ "status",	cmd_status,	"Hit ratio, space and counters of attached caches" },
	{ "stat",	cmd_stat,	"What is cached of a file" },
	{ "preload",	cmd_preload,	"Read files so that they are cached" },
	{ "volumes",	cmd_volumes,	"Network filesystems that a cache has seen" },
	{ "sync",	cmd_sync,	"Commit now what the caches hold" },
	{ "dump",	cmd_dump,	"Show what is on disk of a detached cache" },
	{ "check",	cmd_check,	"Check a detached cache, and repair it" },
	{ "scrub",	cmd_scrub,	"Verify what an attached cache holds, in the background" },
	{ "events",	cmd_events,	"Show what happens to the caches" },
	{ "block-size",	cmd_block_size,	"Set the block size of a file or volume" },
};

enum {
	NR_COMMANDS = sizeof(commands) / sizeof(commands[0]),
};

static void usage(FILE *out)
{
	int i;

	fprintf(out, "Usage: cachectl COMMAND [OPTION...]\n"
		"Command line of Cachet, a local cache for network filesystems.\n\n");
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-12s%s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n'cachectl COMMAND --help' explains a command, cachectl(8) all of them.\n");
}

int main(int argc, char **argv)
{
	int i;

	argp_err_exit_status = EXIT_USAGE;
	if (argc < 2) {
		usage(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-?") || !strcmp(argv[1], "help")) {
		usage(stdout);
		return output_done("cachectl");
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		printf("cachectl %s (ABI %d, format %d)\n", CACHET_VERSION,
		       CACHET_ABI_VERSION, CACHET_FORMAT_VERSION);
		return output_done("cachectl");
	}
	for (i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "cachectl: there is no command '%s'; 'cachectl --help' lists them\n",
		argv[1]);
	return EXIT_USAGE;
}
