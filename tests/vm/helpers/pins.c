// SPDX-License-Identifier: GPL-2.0-only
/*
 * pins.c - the calls of /dev/cachet that pin, unpin, sweep and cull
 *
 *   pins pin FILE...            prints "PINNED_PAGES PAGES" of all of them together
 *   pins mark FILE...           the same, and nothing is moved yet
 *   pins unpin FILE...
 *   pins forget TAG FINGERPRINT unpin a file that need not be in use, or there
 *   pins sweep TAG              prints how many segments became ordinary
 *   pins cull TAG SEGMENT GENERATION|coldest
 *
 * Exit: 0, or 1 with the error of the call on standard error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "../../../include/uapi/linux/cachet.h"

static int dev;

static int failed(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerrorname_np(errno));
	return 1;
}

static int pin(char **files, unsigned int flags, unsigned long long start_page)
{
	unsigned long long pages = 0, pinned = 0;

	for (; *files; files++) {
		struct cachet_pin p = { .version = CACHET_ABI_VERSION, .flags = flags,
					.fd = open(*files, O_RDONLY), .start_page = start_page };

		if (p.fd < 0)
			return failed(*files);
		do {
			if (ioctl(dev, CACHET_IOC_PIN, &p))
				return failed(*files);
			pages += p.pages;
			pinned += p.pinned_pages;
		} while (!flags && p.start_page != UINT64_MAX);
		close(p.fd);
	}
	if (!flags)
		printf("%llu %llu\n", pinned, pages);
	return 0;
}

static int forget(const char *tag, const char *hex)
{
	struct cachet_pin p = { .version = CACHET_ABI_VERSION, .flags = CACHET_PIN_CLEAR, .fd = -1 };
	unsigned int i, byte;

	snprintf(p.tag, sizeof(p.tag), "%s", tag);
	for (i = 0; i < sizeof(p.fingerprint); i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			return 2;
		p.fingerprint[i] = byte;
	}
	return ioctl(dev, CACHET_IOC_PIN, &p) ? failed("forget") : 0;
}

static int sweep(const char *tag)
{
	struct cachet_sweep s = { .version = CACHET_ABI_VERSION };
	unsigned long long released = 0;

	snprintf(s.tag, sizeof(s.tag), "%s", tag);
	do {
		if (ioctl(dev, CACHET_IOC_SWEEP, &s))
			return failed("sweep");
		released += s.released;
	} while (s.set < s.nr_sets);
	printf("%llu\n", released);
	return 0;
}

static int cull(const char *tag, const char *segment, const char *generation)
{
	struct cachet_cull c = { .version = CACHET_ABI_VERSION, .segment = CACHET_CULL_COLDEST };

	snprintf(c.tag, sizeof(c.tag), "%s", tag);
	if (generation) {
		c.segment = strtoul(segment, NULL, 0);
		c.generation = strtoull(generation, NULL, 0);
	}
	return ioctl(dev, CACHET_IOC_CULL, &c) ? failed("cull") : 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	dev = open(CACHET_DEVICE, O_RDWR | O_CLOEXEC);
	if (dev < 0)
		return failed(CACHET_DEVICE);
	if (!strcmp(what, "pin"))
		return pin(argv + 2, 0, 0);
	if (!strcmp(what, "mark"))	/* As if all of it had been looked at already */
		return pin(argv + 2, 0, UINT32_MAX);
	if (!strcmp(what, "unpin"))
		return pin(argv + 2, CACHET_PIN_CLEAR, 0);
	if (!strcmp(what, "forget") && argc == 4)
		return forget(argv[2], argv[3]);
	if (!strcmp(what, "sweep"))
		return sweep(argv[2]);
	if (!strcmp(what, "cull") && argc > 3)
		return cull(argv[2], argv[3], argv[4]);
	fprintf(stderr, "usage: see the top of pins.c\n");
	return 2;
}
