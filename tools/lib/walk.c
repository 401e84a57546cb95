// SPDX-License-Identifier: GPL-2.0-only
/*
 * walk.c - the regular files below some paths, one after the other
 *
 *   paths -> directories, one open for each level -> names -> patterns -> files
 *
 * Memory is that of the deepest directory, not of the tree: names are read from the
 * directories as they are asked for, in the order in which the filesystem gives them. fts(3)
 * would read each directory whole. Every name is opened relative to its directory, so that
 * paths may be longer than the kernel takes, and what is renamed meanwhile leads nowhere else.
 *
 * A path that somebody named may be a symbolic link; those below are not followed. Other
 * filesystems that are mounted below are passed over, and counted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "walk.h"

enum {
	NAMES_AT_ONCE	= 1000,	/* Then the caller sees to other things */
};

struct cachet_dir {
	unsigned int refs;
	DIR *names;			/* NULL: the working directory */
};

struct level {
	struct cachet_dir *dir;
	size_t path_len;		/* Of the directory's path */
};

struct cachet_walk {
	char *const *paths;		/* Those that were named: the next one, and what follows */
	struct cachet_dir *here;	/* The working directory, which they begin in */
	const struct cachet_walk_options *options;
	struct level *level;		/* [depth] is the deepest that is open */
	size_t depth, room;
	size_t top_len;			/* Of path, that part which was named */
	dev_t dev;			/* Of that */
	char *path;			/* Of the last entry */
	size_t path_room;
	u64 nr_mounts;
};

/* ---- directories -------------------------------------------------------- */

struct cachet_dir *cachet_dir_get(struct cachet_dir *dir)
{
	dir->refs++;
	return dir;
}

void cachet_dir_put(struct cachet_dir *dir)
{
	if (!dir || --dir->refs)
		return;
	if (dir->names)
		closedir(dir->names);
	free(dir);
}

int cachet_dir_fd(const struct cachet_dir *dir)
{
	return dir->names ? dirfd(dir->names) : AT_FDCWD;
}

/* Takes over `fd`; path is that of the directory. */
static int level_push(struct cachet_walk *w, int fd)
{
	struct cachet_dir *dir = NULL;

	if (w->depth == w->room) {
		void *grown = realloc(w->level, (w->room + 16) * sizeof(*w->level));

		if (!grown)
			goto err;
		w->level = grown;
		w->room += 16;
	}
	dir = malloc(sizeof(*dir));
	if (!dir)
		goto err;
	dir->refs = 1;
	dir->names = fdopendir(fd);
	if (!dir->names)
		goto err;
	w->level[w->depth++] = (struct level){ .dir = dir, .path_len = strlen(w->path) };
	return 0;
err:
	free(dir);
	close(fd);
	return -ENOMEM;
}

/* ---- paths and patterns ------------------------------------------------- */

/* path becomes its first `len` bytes, a slash if there is none, and name. */
static int path_set(struct cachet_walk *w, size_t len, const char *name)
{
	bool slash = len && w->path[len - 1] != '/';
	size_t need = len + slash + strlen(name) + 1;

	if (need > w->path_room) {
		char *grown = realloc(w->path, need + 256);

		if (!grown)
			return -ENOMEM;
		w->path = grown;
		w->path_room = need + 256;
	}
	if (slash)
		w->path[len] = '/';
	strcpy(w->path + len + slash, name);
	return 0;
}

/* One with a slash is of the path below what was named, others are of the name. */
static bool matches(const struct cachet_walk *w, char *const *patterns, const char *name)
{
	const char *below = w->path + w->top_len;

	while (*below == '/')
		below++;
	for (; patterns && *patterns; patterns++)
		if (!fnmatch(*patterns, strchr(*patterns, '/') ? below : name, 0))
			return true;
	return false;
}

static bool wanted(const struct cachet_walk *w, const char *name, bool directory)
{
	if (matches(w, w->options->exclude, name))
		return false;
	return directory || !w->options->include || matches(w, w->options->include, name);
}

/* ---- the walk ----------------------------------------------------------- */

int cachet_walk_begin(char *const *paths, const struct cachet_walk_options *options,
		      struct cachet_walk **ret_walk)
{
	struct cachet_walk *w = calloc(1, sizeof(*w));

	if (w)
		w->here = calloc(1, sizeof(*w->here));
	if (!w || !w->here) {
		free(w);
		return -ENOMEM;
	}
	w->paths = paths;
	w->options = options;
	w->here->refs = 1;
	*ret_walk = w;
	return 0;
}

void cachet_walk_end(struct cachet_walk *w)
{
	if (!w)
		return;
	while (w->depth)
		cachet_dir_put(w->level[--w->depth].dir);
	cachet_dir_put(w->here);
	free(w->level);
	free(w->path);
	free(w);
}

u64 cachet_walk_mounts(const struct cachet_walk *w)
{
	return w->nr_mounts;
}

/* A directory that was met, or named: 0, or -errno. */
static int enter(struct cachet_walk *w, int dir, const char *name, bool top)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (top ? 0 : O_NOFOLLOW));
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st)) {
		int err = -errno;

		close(fd);
		return err;
	}
	if (top) {
		w->dev = st.st_dev;
	} else if (st.st_dev != w->dev) {
		w->nr_mounts++;
		close(fd);
		return 0;
	}
	return level_push(w, fd);
}

/* A path that was named: 1 if it is a file, 0 if it is a directory, or -errno. */
static int begin_top(struct cachet_walk *w, struct cachet_walk_entry *ret)
{
	const char *path = *w->paths++;
	struct stat st;
	int err = path_set(w, 0, path);

	if (err)
		return err;
	ret->path = w->path;
	w->top_len = strlen(w->path);
	if (stat(path, &st))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return w->options->recursive ? enter(w, AT_FDCWD, path, true) : -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EOPNOTSUPP;
	ret->dir = w->here;
	ret->name = w->path;
	return 1;
}

/* Of a filesystem that does not say it in the directory: DT_*, or -errno. */
static int type_of(int dir, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type;
	if (fstatat(dir, de->d_name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	return IFTODT(st.st_mode);
}

/* The next name of the deepest directory: 1 if it is a file, 0 if not, or -errno. */
static int step(struct cachet_walk *w, struct cachet_walk_entry *ret)
{
	struct level *l = &w->level[w->depth - 1];
	size_t len = l->path_len;
	struct dirent *de;
	int err, type;

	errno = 0;
	de = readdir(l->dir->names);
	if (!de) {
		int failed = -errno;

		w->path[len] = 0;
		ret->path = w->path;
		cachet_dir_put(l->dir);
		w->depth--;
		return failed;
	}
	if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return 0;
	err = path_set(w, len, de->d_name);
	if (err)
		return err;
	ret->path = w->path;
	ret->name = w->path + strlen(w->path) - strlen(de->d_name);
	type = type_of(dirfd(l->dir->names), de);
	if (type < 0)
		return type == -ENOENT ? 0 : type;	/* Removed just now */
	if ((type != DT_DIR && type != DT_REG) || !wanted(w, ret->name, type == DT_DIR))
		return 0;
	if (type == DT_DIR)
		return enter(w, dirfd(l->dir->names), ret->name, false);
	ret->dir = l->dir;
	return 1;
}

int cachet_walk_next(struct cachet_walk *w, struct cachet_walk_entry *ret)
{
	int found = 0, nr = 0;

	*ret = (struct cachet_walk_entry){};
	while (!found && (w->depth || *w->paths)) {
		if (nr++ == NAMES_AT_ONCE) {
			ret->path = NULL;
			return -EAGAIN;
		}
		found = w->depth ? step(w, ret) : begin_top(w, ret);
	}
	return found;
}
