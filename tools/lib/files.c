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
#include <stdalign.h>
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

/* From here on past the page cache, or not. -errno: this file can't be. */
static int set_direct(int fd, bool direct)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) < 0)
		return -errno;
	return 0;
}

/*
 * pread(2) holds a lock of the file while it copies to our memory, which takes mmap_lock.
 * A page fault that needs an attached cache takes the two the other way round: so the bytes,
 * which may be those of an attached cache, are put into a pipe first, and come from there.
 */
static ssize_t read_some(int fd, const int pipe[2], void *buf, size_t len, u64 pos)
{
	off_t off = (off_t)pos;
	ssize_t in = splice(fd, &off, pipe[1], NULL, len, 0), got = 0;

	/* All of it, or the next one would find the rest */
	while (got < in) {
		ssize_t n = read(pipe[0], (char *)buf + got, (size_t)(in - got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = EPIPE;
			return -1;
		}
		got += n;
	}
	return in;
}

/*
 * The page cache reads more than it is asked for, and where one sector of that is
 * bad, none of it can be had. So: what is wanted of one page, past it.
 */
static ssize_t read_alone(int fd, const int pipe[2], void *buf, size_t len, u64 pos)
{
	alignas(CACHET_PAGE_BYTES) u8 page[CACHET_PAGE_BYTES];
	u32 off = pos & (CACHET_PAGE_BYTES - 1);
	ssize_t n;

	if (len > CACHET_PAGE_BYTES - off)
		len = CACHET_PAGE_BYTES - off;
	if (set_direct(fd, true))
		return -EIO;
	n = read_some(fd, pipe, page, sizeof(page), pos - off);
	set_direct(fd, false);
	if (n < (ssize_t)(off + len))
		return -EIO;
	memcpy(buf, page + off, len);
	return (ssize_t)len;
}

int cachet_read_full(int fd, const int pipe[2], void *buf, size_t len, u64 pos)
{
	while (len) {
		ssize_t n = read_some(fd, pipe, buf, len, pos);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			n = errno == EIO ? read_alone(fd, pipe, buf, len, pos) : -errno;
		if (n < 0)
			return (int)n;
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

/* At once what is on the device, and what a drive can put elsewhere if the old place is bad. */
int cachet_write_page(int fd, const void *page, u64 pos)
{
	bool direct = !set_direct(fd, true);
	int err = cachet_write_full(fd, page, CACHET_PAGE_BYTES, pos);

	if (!direct)
		return err;
	set_direct(fd, false);
	/* Not every filesystem can do that with pages: then as it can */
	return err == -EINVAL ? cachet_write_full(fd, page, CACHET_PAGE_BYTES, pos) : err;
}
