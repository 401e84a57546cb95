// SPDX-License-Identifier: GPL-2.0-only
/*
 * create.c - a new cache: three files in a directory, or nothing
 *
 * The files are made under temporary names, filled in, made durable, and then
 * renamed: data, index, and super last. A directory without super is no cache,
 * so that an interruption at any point leaves none; what we can still reach is
 * removed. What a format that was killed left is removed by the next one: files
 * with temporary names, and data and index of the cache whose super still has
 * one. Nothing else in the directory is ever touched: if there is anything else,
 * we refuse.
 *
 * index and data are allocated now, so that the cache never meets a full
 * filesystem later. They read as zeros: a record of zeros is an absent one.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "libcachet.h"

enum {
	DEFAULT_SIZE_PERCENT	= 80,		/* Of the free space */
	DEFAULT_BLOCK_SHIFT	= 18,		/* 256 KiB */
	DEFAULT_SEGMENT_SHIFT	= 25,		/* 32 MiB */
	/* Reuse frees a segment at a time: with fewer it would drop too much. */
	WANTED_SEGMENTS		= 16,
	ROOM_PAUSE_MS		= 50,
	ROOM_PAUSES		= 40,		/* 2 s at the most */
};

#define MAX_TOTAL_BYTES		(1ull << 44)	/* 2^32 data addresses of 4 KiB */
#define ALLOCATE_STEP_BYTES	(1ull << 30)	/* Between two looks at the stop flag */

static const char *const temp_names[CACHET_FILE_NR] = {
	[CACHET_FILE_SUPER]	= ".cachet-format.super",
	[CACHET_FILE_INDEX]	= ".cachet-format.index",
	[CACHET_FILE_DATA]	= ".cachet-format.data",
};

/* The state of one run; what is to be undone stands here. */
struct run {
	struct cachet_create	*c;
	struct cachet_why	*why;
	struct cachet_geometry	geo;
	int			dirfd;
	bool			made_dir;
	u32			mode;		/* Of the directory */
	bool			leftover[CACHET_FILE_NR];	/* A killed format renamed it */
	int			fd[CACHET_FILE_NR];
	bool			temp[CACHET_FILE_NR];	/* The temporary name is ours */
	bool			final[CACHET_FILE_NR];	/* The final name is ours */
	u64			allocated;	/* Bytes, for the progress */
};

/* ---- the directory ------------------------------------------------------ */

static int dir_open(struct run *r)
{
	const char *dir = r->c->dir;
	struct stat st;

	if (!mkdir(dir, 0700))
		r->made_dir = true;
	else if (errno == ENOENT)
		return cachet_why_set(r->why, -ENOENT, "%s can't be made: its parent directory does not exist; make that first, or correct the name",
				      dir);
	else if (errno != EEXIST)
		return cachet_why_set(r->why, -errno, "%s can't be made: %s", dir, strerror(errno));

	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0)
		return cachet_why_set(r->why, -errno, "%s can't be opened: %s; nothing was changed",
				      dir, strerror(errno));
	if (flock(r->dirfd, LOCK_EX | LOCK_NB) < 0)
		return cachet_why_set(r->why, -EBUSY, "%s: another 'cachectl format' is working there; nothing was changed",
				      dir);
	if (fstat(r->dirfd, &st) < 0)
		return cachet_why_set(r->why, -errno, "%s: %s", dir, strerror(errno));
	if (st.st_uid != geteuid())
		return cachet_why_set(r->why, -EPERM, "%s belongs to user %u, who could exchange the cache's files: chown it to user %u, or take another directory; nothing was changed",
				      dir, st.st_uid, geteuid());
	r->mode = st.st_mode & 07777;
	return 0;
}

static int open_to_read(struct run *r, const char *name)
{
	/* Not to wait for a writer, should it be a pipe */
	return openat(r->dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static bool read_at(int fd, void *buf, size_t len, u64 pos)
{
	return pread(fd, buf, len, (off_t)pos) == (ssize_t)len;
}

static bool temp_super_read(struct run *r, struct cachet_super_info *ret_super)
{
	int fd = open_to_read(r, temp_names[CACHET_FILE_SUPER]);
	struct cachet_super sector[2];
	const char *why;
	bool ok;

	if (fd < 0)
		return false;
	ok = read_at(fd, &sector[0], sizeof(sector[0]), 0) &&
	     read_at(fd, &sector[1], sizeof(sector[1]), CACHET_SUPER_STRIDE) &&
	     !cachet_super_choose(&sector[0], &sector[1], ret_super, &why);
	close(fd);
	return ok;
}

/* Is it index or data of the cache whose super has its temporary name still? */
static bool is_leftover(struct run *r, enum cachet_file file)
{
	const char *magic = file == CACHET_FILE_INDEX ? CACHET_INDEX_MAGIC : CACHET_DATA_MAGIC;
	struct cachet_super_info super;
	struct cachet_file_id id;
	u64 pos;
	bool ok;
	int fd;

	if (file == CACHET_FILE_SUPER || !temp_super_read(r, &super))
		return false;
	fd = open_to_read(r, cachet_file_names[file]);
	if (fd < 0)
		return false;
	pos = file == CACHET_FILE_INDEX ? 0 : super.geo.data_bytes - CACHET_PAGE_BYTES;
	ok = read_at(fd, &id, sizeof(id), pos) &&
	     !cachet_file_id_check(&id, magic, super.uuid, pos);
	close(fd);
	return ok;
}

static int dir_check_entry(struct run *r, const struct dirent *entry)
{
	const char *dir = r->c->dir, *name = entry->d_name;
	int i;

	/* mkfs puts it into the root of some filesystems; it is not user data */
	if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "lost+found"))
		return 0;
	for (i = 0; i < CACHET_FILE_NR; i++)
		if (!strcmp(name, temp_names[i]))
			return 0;
	for (i = 0; i < CACHET_FILE_NR; i++) {
		if (strcmp(name, cachet_file_names[i]))
			continue;
		if (!faccessat(r->dirfd, cachet_file_names[CACHET_FILE_SUPER], F_OK,
			       AT_SYMLINK_NOFOLLOW))
			return cachet_why_set(r->why, -EEXIST, "%s already holds a cache; nothing was changed. To start anew, detach it and remove super, index and data there",
					      dir);
		r->leftover[i] = is_leftover(r, (enum cachet_file)i);
		if (r->leftover[i])
			return 0;
		return cachet_why_set(r->why, -EEXIST, "%s holds '%s' but no 'super': an interrupted format, or part of a damaged cache; nothing was changed. Remove '%s' if it is not needed",
				      dir, name, name);
	}
	return cachet_why_set(r->why, -ENOTEMPTY, "%s holds other files ('%s'); nothing was changed. Take an empty directory, for example %s/cachet",
			      dir, name, dir);
}

static int dir_check_empty(struct run *r)
{
	struct dirent *entry;
	int fd, err = 0;
	DIR *stream;

	fd = openat(r->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		err = cachet_why_set(r->why, -errno, "%s can't be read: %s", r->c->dir,
				     strerror(errno));
		if (fd >= 0)
			close(fd);
		return err;
	}
	while (!err && (errno = 0, entry = readdir(stream)))
		err = dir_check_entry(r, entry);
	if (!err && errno)
		err = cachet_why_set(r->why, -errno, "%s can't be read: %s", r->c->dir,
				     strerror(errno));
	closedir(stream);
	return err;
}

static int dir_check_filesystem(struct run *r)
{
	struct statfs fs;

	if (fstatfs(r->dirfd, &fs) < 0)
		return cachet_why_set(r->why, -errno, "%s: %s", r->c->dir, strerror(errno));
	if (fs.f_type != XFS_SUPER_MAGIC && !r->c->any_fs)
		return cachet_why_set(r->why, -EMEDIUMTYPE, "%s is not on XFS (filesystem type 0x%lx): a cache is made for XFS on a local device; nothing was changed. Mount an XFS filesystem there, or pass --any-fs for tests",
				      r->c->dir, (unsigned long)fs.f_type);
	return 0;
}

/*
 * Their room is wanted, and the lock says that whose they were is dead. The
 * temporary super goes last: it tells whose the others are.
 */
static int leftovers_remove(struct run *r)
{
	int i;

	for (i = CACHET_FILE_NR - 1; i >= 0; i--) {
		if ((r->leftover[i] && unlinkat(r->dirfd, cachet_file_names[i], 0) < 0) ||
		    (unlinkat(r->dirfd, temp_names[i], 0) < 0 && errno != ENOENT))
			return cachet_why_set(r->why, -errno, "%s: what an interrupted format left can't be removed: %s",
					      r->c->dir, strerror(errno));
	}
	return 0;
}

/* ---- sizes -------------------------------------------------------------- */

static int shift_of(u64 bytes, u8 *ret_shift)
{
	if (!bytes || bytes & (bytes - 1))
		return -EINVAL;
	*ret_shift = (u8)__builtin_ctzll(bytes);
	return 0;
}

static int plan_failed(struct run *r, int err, u64 total, u8 segment_shift, u8 block_shift)
{
	char a[CACHET_SIZE_TEXT_BYTES], b[CACHET_SIZE_TEXT_BYTES];

	switch (-err) {
	case ENOSPC:
		return cachet_why_set(r->why, err, "a cache of %s is too small: it needs %d segments of %s and an index; give a larger --size or a smaller --segment-size; nothing was changed",
				      cachet_size_text(total, a), CACHET_MIN_SEGMENTS,
				      cachet_size_text(1ull << segment_shift, b));
	case EFBIG:
		return cachet_why_set(r->why, err, "a cache of %s is too large: 16 TiB is the most; attach several caches instead; nothing was changed",
				      cachet_size_text(total, a));
	default:
		return cachet_why_set(r->why, err, "blocks of %s do not fit into segments of %s: a segment must be at least four blocks; nothing was changed",
				      cachet_size_text(1ull << block_shift, a),
				      cachet_size_text(1ull << segment_shift, b));
	}
}

/* The largest segments, up to the default, of which there are enough. */
static int plan(struct run *r, u64 total)
{
	u8 block_shift = DEFAULT_BLOCK_SHIFT, shift = DEFAULT_SEGMENT_SHIFT, least;
	const struct cachet_create *c = r->c;
	int err;

	if (c->block_bytes && (shift_of(c->block_bytes, &block_shift) ||
			       block_shift < CACHET_MIN_BLOCK_SHIFT ||
			       block_shift > CACHET_MAX_BLOCK_SHIFT))
		return cachet_why_set(r->why, -EINVAL, "block size %llu: it must be a power of two from 4K to 4M; nothing was changed",
				      ULL(c->block_bytes));
	if (c->segment_bytes) {
		if (shift_of(c->segment_bytes, &shift) || shift < CACHET_MIN_SEGMENT_SHIFT ||
		    shift > CACHET_MAX_SEGMENT_SHIFT)
			return cachet_why_set(r->why, -EINVAL, "segment size %llu: it must be a power of two from 1M to 1G; nothing was changed",
					      ULL(c->segment_bytes));
		err = cachet_geometry_plan(&r->geo, total, shift, block_shift);
		return err ? plan_failed(r, err, total, shift, block_shift) : 0;
	}

	least = block_shift + 2;
	if (least < CACHET_MIN_SEGMENT_SHIFT)
		least = CACHET_MIN_SEGMENT_SHIFT;
	for (;; shift--) {
		err = cachet_geometry_plan(&r->geo, total, shift, block_shift);
		if (shift == least || (err && err != -ENOSPC))
			break;
		if (!err && r->geo.nr_segments >= WANTED_SEGMENTS)
			break;
	}
	return err ? plan_failed(r, err, total, shift, block_shift) : 0;
}

/*
 * XFS frees a removed file in the background: who removes an old cache and then
 * formats would be told that there is no room. So wait until the number stands.
 */
static int room_read(struct run *r, u64 *ret_room, u64 *ret_whole)
{
	const struct timespec pause = { .tv_nsec = ROOM_PAUSE_MS * 1000000L };
	struct statvfs fs, before;
	int i;

	if (fstatvfs(r->dirfd, &fs) < 0)
		return -errno;
	for (i = 0; i < ROOM_PAUSES; i++) {
		before = fs;
		nanosleep(&pause, NULL);
		if (fstatvfs(r->dirfd, &fs) < 0)
			return -errno;
		if (fs.f_bavail == before.f_bavail)
			break;
	}
	*ret_room = (u64)fs.f_bavail * fs.f_frsize;
	*ret_whole = (u64)fs.f_blocks * fs.f_frsize;
	return 0;
}

static int plan_size(struct run *r)
{
	char a[CACHET_SIZE_TEXT_BYTES], b[CACHET_SIZE_TEXT_BYTES];
	const struct cachet_size *size = &r->c->size;
	u64 total, room = 0, whole = 0, need;
	int err;

	err = room_read(r, &room, &whole);
	if (err)
		return cachet_why_set(r->why, err, "%s: %s", r->c->dir, strerror(-err));
	if (size->bytes)
		total = size->bytes;
	else if (size->percent)
		total = whole / 100 * size->percent;
	else
		total = room / 100 * DEFAULT_SIZE_PERCENT;
	/* Who named no number of bytes gets what is possible. */
	if (!size->bytes && total > MAX_TOTAL_BYTES)
		total = MAX_TOTAL_BYTES;

	err = plan(r, total);
	if (err)
		return err;
	need = CACHET_SUPER_FILE_BYTES + r->geo.index_bytes + r->geo.data_bytes;
	if (need > room)
		return cachet_why_set(r->why, -ENOSPC, "%s has no room: the cache needs %s (%llu bytes), %s (%llu bytes) are free; give a smaller --size or free some space; nothing was changed",
				      r->c->dir, cachet_size_text(need, a), ULL(need),
				      cachet_size_text(room, b), ULL(room));
	return 0;
}

/* ---- the files ---------------------------------------------------------- */

static int file_failed(struct run *r, int err, enum cachet_file file, const char *what)
{
	return cachet_why_set(r->why, err, "%s/%s can't be %s: %s; the format was undone",
			      r->c->dir, cachet_file_names[file], what, strerror(-err));
}

static int interrupted(struct run *r)
{
	if (!r->c->stop || !r->c->stop(r->c->arg))
		return 0;
	return cachet_why_set(r->why, -EINTR, "%s: interrupted; the format was undone", r->c->dir);
}

static int file_make(struct run *r, enum cachet_file file)
{
	r->fd[file] = openat(r->dirfd, temp_names[file],
			     O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->fd[file] < 0)
		return file_failed(r, -errno, file, "made");
	r->temp[file] = true;
	/* The umask may have taken away what the owner needs. */
	if (fchmod(r->fd[file], 0600) < 0)
		return file_failed(r, -errno, file, "made private");
	return 0;
}

static int file_allocate(struct run *r, enum cachet_file file, u64 bytes)
{
	u64 pos, step;
	int err;

	for (pos = 0; pos < bytes; pos += step) {
		step = bytes - pos;
		if (step > ALLOCATE_STEP_BYTES)
			step = ALLOCATE_STEP_BYTES;
		err = interrupted(r);
		if (err)
			return err;
		if (fallocate(r->fd[file], 0, (off_t)pos, (off_t)step) < 0) {
			if (errno != EINTR)
				return file_failed(r, -errno, file, "allocated");
			step = 0;	/* Once more, unless we are to stop */
		}
		r->allocated += step;
		cachet_progress_update(r->c->progress, r->allocated);
	}
	return 0;
}

static int file_write_id(struct run *r, enum cachet_file file, const char *magic, u64 pos)
{
	union {
		struct cachet_file_id	id;
		u8			page[CACHET_PAGE_BYTES];
	} u = {};
	int err;

	cachet_file_id_encode(&u.id, magic, r->c->super.uuid, pos);
	err = cachet_write_full(r->fd[file], &u, sizeof(u), pos);
	return err ? file_failed(r, err, file, "written") : 0;
}

/* Epoch 1 goes to copy 1, epoch 2 to copy 0: either can be lost. */
static int super_write(struct run *r)
{
	u8 buf[CACHET_SUPER_FILE_BYTES] = {};
	struct cachet_super_info *s = &r->c->super;
	struct cachet_super sector;
	int err;

	s->created = (u64)time(NULL);
	s->written = s->created;
	s->next_volume = 1;
	s->flags = CACHET_SUPER_CLEAN;
	s->geo = r->geo;
	strcpy(s->tag, r->c->tag);
	for (s->epoch = 1; ; s->epoch++) {
		cachet_super_encode(&sector, s);
		memcpy(buf + (s->epoch & 1) * CACHET_SUPER_STRIDE, &sector, sizeof(sector));
		if (s->epoch == 2)
			break;
	}
	err = cachet_write_full(r->fd[CACHET_FILE_SUPER], buf, sizeof(buf), 0);
	return err ? file_failed(r, err, CACHET_FILE_SUPER, "written") : 0;
}

/* RFC 9562, version 4: random. */
static int uuid_make(u8 uuid[CACHET_UUID_BYTES])
{
	if (getrandom(uuid, CACHET_UUID_BYTES, 0) != CACHET_UUID_BYTES)
		return -EIO;
	uuid[6] = (uuid[6] & 0x0f) | 0x40;
	uuid[8] = (uuid[8] & 0x3f) | 0x80;
	return 0;
}

static int files_fill(struct run *r)
{
	int err, i;

	for (i = 0; i < CACHET_FILE_NR; i++) {
		err = file_make(r, (enum cachet_file)i);
		if (err)
			return err;
	}
	err = file_allocate(r, CACHET_FILE_INDEX, r->geo.index_bytes);
	if (!err)
		err = file_allocate(r, CACHET_FILE_DATA, r->geo.data_bytes);
	if (!err)
		err = file_write_id(r, CACHET_FILE_INDEX, CACHET_INDEX_MAGIC, 0);
	if (!err)
		err = file_write_id(r, CACHET_FILE_DATA, CACHET_DATA_MAGIC,
				    r->geo.data_bytes - CACHET_PAGE_BYTES);
	if (!err)
		err = super_write(r);
	for (i = 0; i < CACHET_FILE_NR && !err; i++) {
		err = interrupted(r);
		if (!err && fsync(r->fd[i]) < 0)
			err = file_failed(r, -errno, (enum cachet_file)i, "made durable");
	}
	return err;
}

static int file_publish(struct run *r, enum cachet_file file)
{
	const char *from = temp_names[file], *to = cachet_file_names[file];
	int err;

	err = renameat2(r->dirfd, from, r->dirfd, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
	/* Not every filesystem knows the flag; the directory is locked and was empty */
	if (err == -EINVAL || err == -ENOSYS)
		err = renameat(r->dirfd, from, r->dirfd, to) < 0 ? -errno : 0;
	if (err)
		return file_failed(r, err, file, "renamed");
	r->temp[file] = false;
	r->final[file] = true;
	return 0;
}

/* Both names of index and data are durable before super gets its own. */
static int files_publish(struct run *r)
{
	int err, parent;

	err = file_publish(r, CACHET_FILE_DATA);
	if (!err)
		err = file_publish(r, CACHET_FILE_INDEX);
	if (!err && fsync(r->dirfd) < 0)
		err = file_failed(r, -errno, CACHET_FILE_INDEX, "made durable");
	if (!err)
		err = interrupted(r);
	if (!err)
		err = file_publish(r, CACHET_FILE_SUPER);
	if (!err && fsync(r->dirfd) < 0)
		err = file_failed(r, -errno, CACHET_FILE_SUPER, "made durable");
	if (err || !r->made_dir)
		return err;
	parent = openat(r->dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0 || fsync(parent) < 0)
		err = cachet_why_set(r->why, -errno, "%s can't be made durable: %s; the format was undone",
				     r->c->dir, strerror(errno));
	if (parent >= 0)
		close(parent);
	return err;
}

static void run_undo(struct run *r)
{
	int i;

	/* super first: from then on it is no cache. But last while it is a temporary one. */
	if (r->final[CACHET_FILE_SUPER])
		unlinkat(r->dirfd, cachet_file_names[CACHET_FILE_SUPER], 0);
	for (i = CACHET_FILE_NR - 1; i >= 0; i--) {
		if (r->final[i] && i != CACHET_FILE_SUPER)
			unlinkat(r->dirfd, cachet_file_names[i], 0);
		if (r->temp[i])
			unlinkat(r->dirfd, temp_names[i], 0);
	}
	if (r->made_dir)
		rmdir(r->c->dir);
}

/* Of the directory: nobody but its owner may see what the cache holds. */
static int dir_make_private(struct run *r)
{
	if (r->mode == 0700)
		return 0;
	if (fchmod(r->dirfd, 0700) < 0)
		return cachet_why_set(r->why, -errno, "%s can't be made private (mode 0700): %s; the format was undone",
				      r->c->dir, strerror(errno));
	if (!r->made_dir)
		r->c->mode_was = r->mode;
	return 0;
}

int cachet_create_run(struct cachet_create *c, struct cachet_why *why)
{
	struct run r = { .c = c, .why = why, .dirfd = -1, .fd = { -1, -1, -1 } };
	int err;

	memset(&c->super, 0, sizeof(c->super));
	c->mode_was = 0;
	if (!cachet_tag_valid(c->tag))
		return cachet_why_set(why, -EINVAL, "tag '%s': 1 to %d characters out of A-Z a-z 0-9 . _ -, not beginning with a dot; nothing was changed",
				      c->tag, CACHET_TAG_MAX - 1);
	if (uuid_make(c->super.uuid))
		return cachet_why_set(why, -EIO, "no random numbers for the cache's UUID; nothing was changed");

	err = dir_open(&r);
	if (!err)
		err = dir_check_empty(&r);
	if (!err)
		err = dir_check_filesystem(&r);
	if (!err)
		err = leftovers_remove(&r);
	if (!err)
		err = plan_size(&r);
	if (!err)
		err = dir_make_private(&r);
	if (!err) {
		if (c->progress)
			c->progress->total = r.geo.index_bytes + r.geo.data_bytes;
		err = files_fill(&r);
	}
	if (!err)
		err = files_publish(&r);
	if (err) {
		run_undo(&r);
		if (c->mode_was)
			fchmod(r.dirfd, c->mode_was);
	}
	cachet_files_close(r.fd);
	if (r.dirfd >= 0)
		close(r.dirfd);
	return err;
}
