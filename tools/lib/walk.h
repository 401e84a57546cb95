/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * walk.h - the regular files below some paths, one after the other
 */
#ifndef CACHET_WALK_H
#define CACHET_WALK_H

#include "libcachet.h"

/* A directory that stays open as long as somebody opens files in it. */
struct cachet_dir;

struct cachet_dir *cachet_dir_get(struct cachet_dir *dir);
void cachet_dir_put(struct cachet_dir *dir);
int cachet_dir_fd(const struct cachet_dir *dir);

/*
 * Patterns are those of fnmatch(3): one with a slash is compared with the path below what
 * was named, where * matches slashes too, another one with the name alone. What `exclude`
 * matches is left out, directories with all below; of files, what `include` does not match.
 * They are not asked about what was named itself.
 */
struct cachet_walk_options {
	bool		recursive;	/* Else a directory is -EISDIR */
	char *const	*include;	/* NULL-terminated; NULL: all files */
	char *const	*exclude;	/* NULL-terminated; NULL: none */
};

struct cachet_walk_entry {
	struct cachet_dir *dir;		/* cachet_dir_get() keeps it beyond the next call */
	const char	*name;		/* In there; until the next call */
	const char	*path;		/* For people; until the next call. NULL: see there */
};

struct cachet_walk;

/* `paths` is NULL-terminated, and stays with `options` until the end. 0 or -ENOMEM. */
int cachet_walk_begin(char *const *paths, const struct cachet_walk_options *options,
		      struct cachet_walk **ret_walk);

/*
 * Returns 1 and a regular file; 0 at the end; -errno for ret->path, which is passed over:
 * -EISDIR, a directory without `recursive`; -EOPNOTSUPP, named and neither file nor directory.
 * Without a path -EAGAIN: many names, and no file among them yet; -ENOMEM.
 */
int cachet_walk_next(struct cachet_walk *walk, struct cachet_walk_entry *ret_entry);

/* Filesystems mounted below, which were passed over so far. */
u64 cachet_walk_mounts(const struct cachet_walk *walk);

void cachet_walk_end(struct cachet_walk *walk);

#endif /* CACHET_WALK_H */
