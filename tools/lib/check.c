// SPDX-License-Identifier: GPL-2.0-only
/*
 * check.c - is what is on disk of a detached cache in order?
 *
 *   ids -> super -> segments -> summaries -> volumes -> records -> (rebuild)
 *
 * What a decoder of fs/cachet/format refuses, and what contradicts something
 * else, is an error. What merely does not count any more (a reused segment, an
 * emptied file, an epoch that a crash left uncommitted) is none: that is how a
 * cache forgets.
 *
 * An error is corrected by taking away what is wrong, never by guessing what it
 * was: a record that is absent is a miss. Emits findings by callback and prints
 * nothing. The directory is locked for the time, so that no attach begins.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

static void finding_text(struct cachet_finding *f, const char *fmt, va_list args)
{
	vsnprintf(f->text, sizeof(f->text), fmt, args);
}

void check_error(struct check *ck, enum cachet_file file, u64 pos, const char *fix,
		 const char *fmt, ...)
{
	struct cachet_finding f = { .file = file, .pos = pos };
	va_list args;

	va_start(args, fmt);
	finding_text(&f, fmt, args);
	va_end(args);
	if (ck->c->repair)
		f.fix = fix;
	if (f.fix)
		ck->c->nr_fixed++;
	else
		ck->c->nr_left++;
	if (!fix)
		ck->c->hopeless = true;
	ck->c->found(ck->c->arg, &f);
}

void check_harmless(struct check *ck, enum cachet_file file, u64 pos, const char *fmt, ...)
{
	struct cachet_finding f = { .file = file, .pos = pos, .harmless = true };
	va_list args;

	if (!ck->c->verbose)
		return;
	va_start(args, fmt);
	finding_text(&f, fmt, args);
	va_end(args);
	ck->c->found(ck->c->arg, &f);
}

bool check_unreadable(int err)
{
	return err == -EIO || err == -ENODATA || err == -EILSEQ;
}

int check_step(struct check *ck, const char *stage, u64 done, u64 total)
{
	if (ck->c->progress)
		ck->c->progress(ck->c->arg, stage, done, total);
	return ck->c->stop && ck->c->stop(ck->c->arg) ? -EINTR : 0;
}

/* ---- super -------------------------------------------------------------- */

static void super_check_size(struct check *ck)
{
	u64 bytes = ck->image.file_bytes[CACHET_FILE_SUPER];

	if (bytes != CACHET_SUPER_FILE_BYTES)
		check_error(ck, CACHET_FILE_SUPER, 0, NULL, "%llu bytes long, must be %u: no attach takes it",
			    ULL(bytes), CACHET_SUPER_FILE_BYTES);
}

static int super_check(struct check *ck)
{
	const struct cachet_image *image = &ck->image;
	int i, err;

	for (i = 0; i < 2; i++) {
		u64 pos = (u64)i * CACHET_SUPER_STRIDE, epoch = image->copy_super[i].epoch;

		if (!image->copy_why[i] && (int)(epoch & 1) == i)
			continue;
		err = check_repair_begin(ck);
		if (err)
			return err;
		if (image->copy_why[i])
			check_error(ck, CACHET_FILE_SUPER, pos, "written anew",
				    "copy %d of super: %s; the other copy is used",
				    i, image->copy_why[i]);
		else
			check_error(ck, CACHET_FILE_SUPER, pos, "written anew",
				    "copy %d of super is of epoch %llu, which belongs to the other copy",
				    i, ULL(epoch));
	}
	return 0;
}

/* ---- the run ------------------------------------------------------------ */

static int stages(struct check *ck)
{
	int err;

	/* Before anything is written */
	super_check_size(ck);
	err = check_ids(ck);
	/* Nothing in there can be used, so there is nothing more to say. */
	if (err || ck->c->hopeless)
		return err;
	err = super_check(ck);
	if (!err)
		err = check_segments(ck);
	if (!err)
		err = check_summaries(ck);
	if (!err)
		err = check_volumes(ck);
	if (!err)
		err = check_records(ck);
	if (!err)
		err = check_rebuild(ck);
	return err;
}

static int refuse_attached(struct check *ck)
{
	char tag[CACHET_TAG_MAX];
	int err = cachet_tags_find_uuid(ck->image.super.uuid, tag);

	if (err == -ENOENT)
		return 0;
	if (err == -EADDRNOTAVAIL)
		return cachet_why_set(ck->why, err, "whether %s is attached could not be found out: mount sysfs at /sys",
				      ck->c->dir);
	if (err)
		return cachet_why_set(ck->why, err, "whether %s is attached could not be found out: %s",
				      ck->c->dir, strerror(-err));
	return cachet_why_set(ck->why, -EBUSY, "%s is attached as '%s': detach it first (cachectl detach %s)",
			      ck->c->dir, tag, tag);
}

static int run(struct check *ck)
{
	int err, end;

	err = refuse_attached(ck);
	if (err)
		return err;
	ck->c->super = ck->image.super;
	ck->super = ck->image.super;
	ck->last_epoch = cachet_image_last_epoch(&ck->image);
	ck->crashed = !(ck->image.super.flags & CACHET_SUPER_CLEAN);
	/* As the next attach does, which may make of two ranges one. (All of lost[] is older.) */
	if (ck->crashed)
		cachet_super_lose(&ck->image.super, ck->image.super.epoch + 1, ck->last_epoch);
	ck->seg = calloc(ck->image.super.geo.nr_segments, sizeof(*ck->seg));
	ck->bytes = malloc(1u << CACHET_MAX_BLOCK_SHIFT);
	if (!ck->seg || !ck->bytes)
		return cachet_why_set(ck->why, -ENOMEM, "%s: there is not enough memory to check it",
				      ck->c->dir);
	ck->why->text[0] = 0;
	err = stages(ck);
	if (err == -EINTR)
		cachet_why_set(ck->why, err, "%s: interrupted%s", ck->c->dir,
			       ck->c->repair ? "; what was corrected stays so" : "");
	else if (err && !ck->why->text[0])
		cachet_why_set(ck->why, err, "%s can't be read to its end: %s%s", ck->c->dir,
			       strerror(-err), err == -EIO ?
			       "; an attach does without what can't be read, and tells where it is" : "");
	/* Whatever came in between: what was begun is brought to an end */
	if (!err || err == -EINTR) {
		end = check_repair_end(ck);
		if (end)
			err = end;
	}
	return err;
}

/* What the device holds counts, not what was read from it, or written to it, before. */
static int forget_cached(struct check *ck)
{
	int fd[CACHET_FILE_NR], i, err;

	err = cachet_files_open(ck->c->dir, false, fd, ck->why);
	if (err)	/* -EUCLEAN is XFS's: it says nothing of the cache */
		return err == -EUCLEAN ? -ENOTRECOVERABLE : err;
	for (i = 0; i < CACHET_FILE_NR; i++)
		posix_fadvise(fd[i], 0, 0, POSIX_FADV_DONTNEED);
	cachet_files_close(fd);
	return 0;
}

int cachet_check_run(struct cachet_check *c, struct cachet_why *why)
{
	struct check *ck;
	int lock, err;

	memset(&c->counts, 0, sizeof(c->counts));
	c->nr_fixed = 0;
	c->nr_left = 0;
	c->hopeless = false;
	ck = calloc(1, sizeof(*ck));
	if (!ck)
		return cachet_why_set(why, -ENOMEM, "%s: there is not enough memory", c->dir);
	ck->c = c;
	ck->why = why;
	memset(ck->fd, -1, sizeof(ck->fd));
	err = cachet_dir_lock(c->dir, true, &lock, why);
	if (err)
		goto out;
	err = forget_cached(ck) ?: cachet_image_open(c->dir, &ck->image, why);
	/* Neither copy of super is good: an answer, not a failure */
	if (err == -EBADMSG || err == -EINVAL || err == -ENODATA) {
		err = -EUCLEAN;
		c->hopeless = true;
	}
	if (!err) {
		err = run(ck);
		cachet_image_close(&ck->image);
	}
	close(lock);
out:
	cachet_files_close(ck->fd);
	free(ck->seg);
	free(ck->bytes);
	free(ck);
	return err;
}
