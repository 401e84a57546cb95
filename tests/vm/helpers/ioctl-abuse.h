/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl-abuse.h - what the parts of ioctl-abuse share: the device, the calls, the verdict
 */
#ifndef IOCTL_ABUSE_H
#define IOCTL_ABUSE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include "../../../include/uapi/linux/cachet.h"

struct call {
	unsigned long cmd;
	const char *name;
};

enum { NR_ALL = 11 };			/* Calls of the device */

union any_arg {
	uint32_t version;
	struct cachet_attach attach;
	struct cachet_tag tag;
	struct cachet_status status;
	struct cachet_object_stat object_stat;
	struct cachet_volumes volumes;
	struct cachet_block_size block_size;
	struct cachet_scrub scrub;
	struct cachet_pin pin;
	struct cachet_sweep sweep;
	struct cachet_cull cull;
};

/* What random calls are about. */
struct random_of {
	const char *tag;		/* A cache that is attached, and stays so */
	const char *dir;		/* Where its files are */
	const char *spare_tag;		/* One that comes and goes */
	const char *spare_dir;
	const char *net;		/* A file that may be cached */
	const char *local;		/* One that never is */
	unsigned long nr;
	uint64_t seed;
};

extern const struct call all[NR_ALL];
extern int dev;				/* The device, open */

void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void expect(const char *what, long ret, int want);
void fill_tag(char to[CACHET_TAG_MAX], const char *tag);
void drop_privileges(void);

#define CALL(what, cmd, arg, want) expect(what, ioctl(dev, cmd, arg), want)

/* ioctl-leaks.c */
void leaks(const char *tag, const char *net, const char *local, const char *spare);
void leaks_on_disk(const char *name);

/* ioctl-random.c */
void random_calls(const struct random_of *of, bool nobody);

#endif
