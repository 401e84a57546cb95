/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cachectl.h - the command line: its subcommands, and what they share
 *
 * A subcommand is a function of argc and argv (argv[0] is its name) that
 * returns an exit code; it is listed in main.c and lives in a file of its name.
 */
#ifndef CACHECTL_H
#define CACHECTL_H

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libcachet.h"

/* Documented in cachectl(8), under EXIT STATUS. */
enum cachectl_exit {
	EXIT_OK		= 0,
	EXIT_FAILED	= 1,	/* Tried and failed, or refused: nothing was changed */
	EXIT_USAGE	= 2,	/* The command line is wrong */
	EXIT_NOT_FOUND	= 3,	/* No such cache, volume or cached file */
};

/* Keys of options that have no letter. */
enum {
	OPT_ALL		= 0x100,
	OPT_ANY_FS,
	OPT_BLOCK_SIZE,
	OPT_COMMIT,
	OPT_EXCLUDE,
	OPT_INCLUDE,
	OPT_LIVE,
	OPT_RATE,
	OPT_RECORDS,
	OPT_SEAL,
	OPT_SEGMENTS,
	OPT_SEGMENT_SIZE,
	OPT_SUPER,
	OPT_VERIFY,
	OPT_VOLUME,
	OPT_VOLUMES,
};

/* ---- the subcommands ---------------------------------------------------- */

int cmd_format(int argc, char **argv);
int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_stat(int argc, char **argv);
int cmd_volumes(int argc, char **argv);
int cmd_scrub(int argc, char **argv);
int cmd_sync(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_events(int argc, char **argv);
int cmd_block_size(int argc, char **argv);
int cmd_preload(int argc, char **argv);

/* ---- common.c ----------------------------------------------------------- */

/* argp_parse() with "cachectl NAME" as the program's name. */
void options_parse(const struct argp *argp, int argc, char **argv, void *input);

/* "cachectl NAME: ..." to stderr; returns the exit code that fits the error. */
int complain(const char *name, int err, const char *fmt, ...) CACHET_PRINTF(3, 4);
int complain_why(const char *name, int err, const struct cachet_why *why);
void warn(const char *name, const char *fmt, ...) CACHET_PRINTF(2, 3);

/* The device; or a complaint and its exit code. Does not load the module. */
int device_open(const char *name, int flags, int *ret_dev);

/* The tag alone, or all caches for NULL; or a complaint and its exit code. */
int tags_choose(const char *name, const char *tag, struct cachet_tags *ret_tags);

/* Prints and frees it; an exit code, for a full disk is an error too. */
int json_print(const char *name, struct json_object *obj, bool one_line);
int output_done(const char *name);

#endif /* CACHECTL_H */
