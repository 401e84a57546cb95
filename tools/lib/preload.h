/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * preload.h - read files so that they are cached, many at a time
 */
#ifndef CACHET_PRELOAD_H
#define CACHET_PRELOAD_H

#include "walk.h"

enum {
	CACHET_PRELOAD_FILES_MAX = 1024,
};

struct cachet_preload {
	char *const	*paths;		/* NULL-terminated */
	struct cachet_walk_options walk;
	u32		files;		/* Open at a time, 1 to CACHET_PRELOAD_FILES_MAX; 0: 64 */
	u64		in_flight;	/* Bytes asked for at a time, at most; 0: 64 MiB */
	u64		rate;		/* Bytes a second, at most; 0: no limit */
	/* A path that could not be read, or not to its end; `err` is -errno. */
	void		(*failed)(void *arg, const char *path, int err);
	/* Called again and again, while files are read. May be NULL. */
	void		(*progress)(void *arg);
	/* Asked as often: true ends it, with -EINTR. */
	bool		(*stop)(void *arg);
	void		*arg;
	/* out; valid at any time, also on failure */
	u64		nr_files;	/* Read to their end */
	u64		nr_bytes;
	u64		nr_failed;
	u64		nr_mounts;	/* Filesystems mounted below that were passed over */
};

/*
 * Reads all of it, with fewer files at a time if RLIMIT_NOFILE wants it. Returns 0 if it came to the end, whatever failed on the way; -EINTR:
 * p->stop() said so, what was read is cached; -ENOSYS, -EPERM: io_uring can't be used here;
 * -ENOMEM and others: it could not go on.
 */
int cachet_preload_run(struct cachet_preload *p, struct cachet_why *why);

/* What there is to be read: for a progress bar, by a thread of its own. */
struct cachet_preload_total {
	u64		nr_files;
	u64		nr_bytes;
	bool		complete;	/* The walk came to its end */
};

/*
 * Counts; what can't be read is left out. `stop` points to a flag that ends it early.
 * The numbers may be read while it runs.
 */
void cachet_preload_count(const struct cachet_preload *p, const bool *stop,
			  struct cachet_preload_total *ret_total);

#endif /* CACHET_PRELOAD_H */
