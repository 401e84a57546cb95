/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ioctl-abuse.h - what the parts of ioctl-abuse share: the device, the calls, the verdict
 */
#ifndef IOCTL_ABUSE_H
#define IOCTL_ABUSE_H

#include <sys/ioctl.h>
#include "../../../include/uapi/linux/cachet.h"

struct call {
	unsigned long cmd;
	const char *name;
};

enum { NR_ALL = 11 };			/* Calls of the device */

extern const struct call all[NR_ALL];
extern int dev;				/* The device, open */

void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
void expect(const char *what, long ret, int want);
void fill_tag(char to[CACHET_TAG_MAX], const char *tag);

#define CALL(what, cmd, arg, want) expect(what, ioctl(dev, cmd, arg), want)

/* ioctl-leaks.c */
void leaks(const char *tag, const char *net, const char *local, const char *spare);
void leaks_on_disk(const char *name);

#endif
