// SPDX-License-Identifier: GPL-2.0-only
/*
 * files.c - the files of a cache directory
 *
 * The kernel resolves no path of a cache: these are the descriptors that it
 * gets. They are opened relative to the directory, follow no link and must be
 * regular files, so that nobody who could plant a name in there makes the
 * module write elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libcachet.h"

const char *const cachet_file_names[CACHET_FILE_NR] = {
	[CACHET_FILE_SUPER]	= "super",
	[CACHET_FILE_INDEX]	= "index",
	[CACHET_FILE_DATA]	= "data",
};

static int file_open(int dirfd, const char *dir, const char *name, int flags,
		     int *ret_fd, struct cachet_why *why)
{
	struct stat st;
	int fd, err;

	/* O_NONBLOCK: a FIFO of that name must not keep us waiting */
	fd = openat(dirfd, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		if (err == -ENOENT)
			return cachet_why_set(why, err, "%s holds no cache: '%s' is missing; make one with: cachectl format %s",
					      dir, name, dir);
		if (err == -ELOOP)
			return cachet_why_set(why, err, "%s/%s is a symbolic link: a cache's files must be there themselves; name the real directory",
					      dir, name);
		return cachet_why_set(why, err, "%s/%s can't be opened: %s", dir, name, strerror(-err));
	}
	if (fstat(fd, &st) < 0)
		err = cachet_why_set(why, -errno, "%s/%s: %s", dir, name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		err = cachet_why_set(why, -EOPNOTSUPP, "%s/%s is not a regular file: this is no cache that 'cachectl format' made",
				     dir, name);
	else
		err = 0;
	if (err) {
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int cachet_files_open(const char *dir, bool write, int ret_fd[CACHET_FILE_NR],
		      struct cachet_why *why)
{
	int fd[CACHET_FILE_NR] = { -1, -1, -1 };
	int dirfd, err = 0, i;

	dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return cachet_why_set(why, -errno, "%s can't be opened: %s; name the directory of a cache, 'cachectl format' makes one",
				      dir, strerror(errno));
	for (i = 0; i < CACHET_FILE_NR && !err; i++)
		err = file_open(dirfd, dir, cachet_file_names[i], write ? O_RDWR : O_RDONLY,
				&fd[i], why);
	close(dirfd);
	if (err) {
		cachet_files_close(fd);
		return err;
	}
	memcpy(ret_fd, fd, sizeof(fd));
	return 0;
}

void cachet_files_close(int fd[CACHET_FILE_NR])
{
	int i;

	for (i = 0; i < CACHET_FILE_NR; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

int cachet_dir_lock(const char *dir, bool alone, int *ret_fd, struct cachet_why *why)
{
	int fd, err;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cachet_why_set(why, -errno, "%s can't be opened: %s; name the directory of a cache, 'cachectl format' makes one",
				      dir, strerror(errno));
	if (flock(fd, (alone ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		close(fd);
		return cachet_why_set(why, err, "%s: another cachectl is working there (%s): try again when it has ended",
				      dir, alone ? "format, attach or check" : "format or check");
	}
	*ret_fd = fd;
	return 0;
}

/* All of it, or -ENODATA where the file ends before. */
int cachet_read_full(int fd, void *buf, size_t len, u64 pos)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, (off_t)pos);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (!n)
			return -ENODATA;
		buf = (char *)buf + n;
		pos += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}

int cachet_write_full(int fd, const void *buf, size_t len, u64 pos)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, (off_t)pos);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		buf = (const char *)buf + n;
		pos += (u64)n;
		len -= (size_t)n;
	}
	return 0;
}
