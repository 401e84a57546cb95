// SPDX-License-Identifier: GPL-2.0-only
/*
 * cachectl-fake-device.c - a /dev/cachet for tests without the module
 *
 * Preloaded into cachectl and cachetd. Below the directory $CACHET_FAKE_DIR,
 * "sys/TAG/" stands for an attached cache, "uuid-TAG" holds its UUID; with "out-TAG" it is
 * out of service, with "leaving-TAG" being detached; with
 * "busy-TAG" its name is not free. "events" is a FIFO from which
 * events are read, "caches" takes the place of /proc/fs/fscache/caches. Enough
 * of the ABI to see what the tools make of its answers; how the module behaves
 * is tested with the module.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/cachet.h>
#include "codec.h"

/* Their own names for 64-bit offsets, or our definitions would be renamed. */
int open64(const char *path, int flags, ...);
FILE *fopen64(const char *path, const char *mode);

enum {
	NR_VOLUMES	= 100,	/* More than one call returns */
	END_PAGE	= 3000,	/* Of every file: single pages, then a run */
	RUN_PAGE	= 2500,
};

static const char *in_dir(const char *name, const char *tag)
{
	static char path[512];
	const char *dir = getenv("CACHET_FAKE_DIR");
	int n = snprintf(path, sizeof(path), "%s/", dir ? dir : "/nonexistent");

	snprintf(path + n, sizeof(path) - (size_t)n, "%s%s", name, tag);
	return path;
}

static const char *redirect(const char *path)
{
	if (!strcmp(path, "/sys/fs/cachet"))
		return in_dir("sys", "");
	if (!strcmp(path, "/proc/fs/fscache/caches"))
		return in_dir("caches", "");
	return path;
}

DIR *opendir(const char *path)
{
	DIR *(*real)(const char *) = (DIR *(*)(const char *))dlsym(RTLD_NEXT, "opendir");

	return real(redirect(path));
}

FILE *fopen64(const char *path, const char *mode)
{
	FILE *(*real)(const char *, const char *) =
		(FILE *(*)(const char *, const char *))dlsym(RTLD_NEXT, "fopen64");

	return real(redirect(path), mode);
}

int open64(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) =
		(int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open64");
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	return real(strcmp(path, CACHET_DEVICE) ? path : in_dir("events", ""), flags, mode);
}

static int status(struct cachet_status *s)
{
	unsigned int i;
	FILE *f;

	if (access(in_dir("sys/", s->tag), F_OK))
		return -ENOENT;
	f = fopen64(in_dir("uuid-", s->tag), "r");
	if (!f)
		return -EIO;
	if (fread(s->uuid, sizeof(s->uuid), 1, f) != 1)
		memset(s->uuid, 0, sizeof(s->uuid));
	fclose(f);
	if (!access(in_dir("out-", s->tag), F_OK)) {
		s->flags |= CACHET_STATUS_OUT;
		s->error = -EIO;
	}
	if (!access(in_dir("leaving-", s->tag), F_OK))
		s->flags |= CACHET_STATUS_LEAVING;
	s->nr_counters = 4;	/* An older module than these tools */
	for (i = 0; i < s->nr_counters; i++)
		s->counters[i] = 1000 * (i + 1);
	s->data_bytes = 1u << 30;
	s->live_bytes = 1u << 28;
	s->segment_bytes = 1u << 25;
	s->block_bytes = 1u << 18;
	s->nr_segments = 32;
	s->nr_free = 20;
	s->epoch = 9;
	s->committed = 8;
	return 0;
}

static int attach(struct cachet_attach *a)
{
	struct cachet_super copy[2];
	struct cachet_super_info info;
	const char *why;
	FILE *f;

	if (pread(a->super_fd, &copy[0], sizeof(copy[0]), 0) != sizeof(copy[0]) ||
	    pread(a->super_fd, &copy[1], sizeof(copy[1]), CACHET_SUPER_STRIDE) != sizeof(copy[1]) ||
	    cachet_super_choose(&copy[0], &copy[1], &info, &why)) {
		strcpy(a->problem, "both copies of super are damaged");
		return -EUCLEAN;
	}
	if (!access(in_dir("sys/", info.tag), F_OK) || !access(in_dir("busy-", info.tag), F_OK)) {
		strcpy(a->problem, "the tag is in use");
		return -EBUSY;
	}
	f = fopen64(in_dir("uuid-", info.tag), "w");
	if (mkdir(in_dir("sys/", info.tag), 0700) < 0 || !f || fwrite(info.uuid, sizeof(info.uuid), 1, f) != 1 || fclose(f))
		return -EIO;
	strcpy(a->tag, info.tag);
	a->took_ns = 1234567;
	return 0;
}

static int volumes(struct cachet_volumes *v)
{
	struct cachet_volume_info *info = (void *)(uintptr_t)v->volumes;
	u64 id = v->after_id + 1;
	u32 n;

	for (n = 0; n < v->nr && id <= NR_VOLUMES; n++, id++) {
		memset(&info[n], 0, sizeof(info[n]));
		info[n].id = id;
		info[n].last_use = 1700000000;
		snprintf(info[n].key, sizeof(info[n].key), "nfs,\033%u", (unsigned int)id);
	}
	v->nr = n;
	return 0;
}

static int object_stat(struct cachet_object_stat *o)
{
	struct cachet_range *range = (void *)(uintptr_t)o->ranges;
	u64 page = o->start_page;
	struct stat st;
	u32 n;

	if (fstat(o->fd, &st) < 0 || !st.st_size)
		return -ENXIO;
	strcpy(o->tag, "one");
	o->size = (u64)st.st_size;
	o->block_bytes = 1u << 18;
	for (n = 0; n < o->nr_ranges && page < END_PAGE; n++, page += 2) {
		range[n].start_page = page;
		range[n].nr_pages = page < RUN_PAGE ? 1 : 2;
		range[n].flags = CACHET_RANGE_SEALED;
		o->cached_pages += range[n].nr_pages;
		o->sealed_pages += range[n].nr_pages;
	}
	o->nr_ranges = n;
	o->start_page = page < END_PAGE ? page : UINT64_MAX;
	return 0;
}

static int tag_call(unsigned long request, const char *tag)
{
	if (access(in_dir("sys/", tag), F_OK))
		return -ENOENT;
	/* The last commit fails: it is detached all the same. */
	if (request == CACHET_IOC_DETACH && rmdir(in_dir("sys/", tag)) < 0)
		return -errno;
	return getenv("CACHET_FAKE_EIO") ? -EIO : 0;
}

/* Two calls of 1 MiB go over all of it; the first finds as many bad as DIR/bad says, once. */
static int scrub(struct cachet_scrub *s)
{
	int err = tag_call(CACHET_IOC_SCRUB, s->tag);
	unsigned int bad = 0;
	FILE *f;

	if (err)
		return err;
	f = s->slot ? NULL : fopen64(in_dir("", "bad"), "r");
	if (f) {
		if (fscanf(f, "%u", &bad) != 1)
			bad = 0;
		fclose(f);
		unlink(in_dir("", "bad"));
	}
	s->nr_slots = 100;
	s->slot += 50;
	s->blocks = 4;
	s->bytes = 1 << 20;
	s->bad = bad;
	return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) =
		(int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_list args;
	void *arg;
	int err;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (request == CACHET_IOC_ATTACH)
		err = attach(arg);
	else if (request == CACHET_IOC_STATUS)
		err = status(arg);
	else if (request == CACHET_IOC_VOLUMES)
		err = volumes(arg);
	else if (request == CACHET_IOC_OBJECT_STAT)
		err = object_stat(arg);
	else if (request == CACHET_IOC_SCRUB)
		err = scrub(arg);
	else if (request == CACHET_IOC_BLOCK_SIZE)
		err = ((struct cachet_block_size *)arg)->block_bytes > 1 << 20 ? -EINVAL : 0;
	else if (request == CACHET_IOC_DETACH || request == CACHET_IOC_SYNC)
		err = tag_call(request, ((struct cachet_tag *)arg)->tag);
	else
		return real(fd, request, arg);
	if (!err)
		return 0;
	errno = -err;
	return -1;
}
