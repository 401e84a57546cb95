// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-repair.c - changing a cache that is being checked
 *
 *   super "in use" -> (id pages) -> records -> flush data -> flush index -> super
 *
 * The order of the module's commit (fs/cachet/commit.c), and for the same reason:
 * what a repair writes carries an epoch that only the last step makes count. If
 * the machine dies in between, the next attach treats the cache as after a crash
 * and declares that epoch lost; a record that was zeroed is absent, which is
 * never wrong.
 *
 * The two supers that a repair writes go to the copies of their epochs, in turn:
 * a bad copy is the first to be written anew.
 *
 * A cache that was not detached in order stays so: what the next attach does
 * after a crash, above all to segments, must still be done.
 */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static int failed(struct check *ck, enum cachet_file file, const char *what, int err)
{
	return cachet_why_set(ck->why, err, "%s/%s can't be %s: %s; what was changed is safe, the next attach treats the cache as after a crash",
			      ck->c->dir, cachet_file_names[file], what, strerror(-err));
}

static int flush(struct check *ck, enum cachet_file file)
{
	return fsync(ck->fd[file]) < 0 ? failed(ck, file, "made durable", -errno) : 0;
}

static int super_write(struct check *ck, struct cachet_super_info *s)
{
	union {
		struct cachet_super	sector;
		u8			page[CACHET_SUPER_STRIDE];
	} u = {};
	struct cachet_super_info again;
	const char *problem;
	int err;

	s->written = (u64)time(NULL);
	cachet_super_encode(&u.sector, s);
	/* Numbers at their end would make a super that nobody reads any more */
	err = cachet_super_decode(&u.sector, &again, &problem);
	if (err)
		return cachet_why_set(ck->why, err, "%s can't be repaired: the numbers in its super are at their end; remove the three files and run 'cachectl format'",
				      ck->c->dir);
	err = cachet_write_full(ck->fd[CACHET_FILE_SUPER], &u, sizeof(u),
				(s->epoch & 1) * CACHET_SUPER_STRIDE);
	if (err)
		return failed(ck, CACHET_FILE_SUPER, "written", err);
	err = flush(ck, CACHET_FILE_SUPER);
	if (!err)
		ck->super = *s;
	return err;
}

/* Those that are written must be those that were read. */
static int same_files(struct check *ck)
{
	struct stat read, write;
	int i;

	for (i = 0; i < CACHET_FILE_NR; i++)
		if (fstat(ck->image.fd[i], &read) < 0 || fstat(ck->fd[i], &write) < 0 ||
		    read.st_dev != write.st_dev || read.st_ino != write.st_ino)
			return cachet_why_set(ck->why, -ESTALE, "%s/%s is not the file any more that was checked: nothing was changed",
					      ck->c->dir, cachet_file_names[i]);
	return 0;
}

int check_repair_begin(struct check *ck)
{
	struct cachet_super_info s = ck->super;
	int err;

	if (!ck->c->repair || ck->begun)
		return 0;
	err = cachet_files_open(ck->c->dir, true, ck->fd, ck->why) ?: same_files(ck);
	if (err)
		return err;
	if (ck->crashed) {
		err = cachet_super_lose(&s, s.epoch + 1, s.epoch + CACHET_LOST_EPOCHS);
		if (err)
			return cachet_why_set(ck->why, err, "%s can't be repaired: its lost epochs are out of order",
					      ck->c->dir);
		s.epoch += CACHET_LOST_EPOCHS;
		s.next_volume += s.geo.nr_volumes;
	}
	s.epoch++;
	/* Never over the copy that counts */
	if ((int)(s.epoch & 1) == ck->image.copy)
		s.epoch++;
	s.flags &= ~(u32)CACHET_SUPER_CLEAN;
	err = super_write(ck, &s);
	/* Both copies: if one goes bad, CLEAN is not found again */
	s.epoch++;
	if (!err)
		err = super_write(ck, &s);
	ck->begun = !err;
	return err;
}

u64 check_repair_epoch(const struct check *ck)
{
	return ck->super.epoch + 1;
}

int check_write(struct check *ck, const void *bytes, size_t len, u64 pos)
{
	int err;

	if (!ck->c->repair)
		return 0;
	err = check_repair_begin(ck);
	if (err)
		return err;
	err = cachet_write_full(ck->fd[CACHET_FILE_INDEX], bytes, len, pos);
	return err ? failed(ck, CACHET_FILE_INDEX, "written", err) : 0;
}

int check_zero(struct check *ck, size_t len, u64 pos)
{
	static const u8 zeros[sizeof(struct cachet_volume_rec)];

	return check_write(ck, zeros, len, pos);
}

int check_write_page(struct check *ck, enum cachet_file file, const void *page, u64 pos)
{
	int err;

	if (!ck->c->repair)
		return 0;
	err = check_repair_begin(ck);
	if (err)
		return err;
	err = cachet_write_page(ck->fd[file], page, pos);
	return err ? failed(ck, file, "written", err) : 0;
}

int check_flush(struct check *ck, enum cachet_file file)
{
	return ck->begun ? flush(ck, file) : 0;
}

int check_repair_end(struct check *ck)
{
	struct cachet_super_info s = ck->super;
	int err;

	if (!ck->begun)
		return 0;
	err = flush(ck, CACHET_FILE_DATA);
	if (!err)
		err = flush(ck, CACHET_FILE_INDEX);
	if (err)
		return err;
	s.epoch = check_repair_epoch(ck);
	if (!ck->crashed)
		s.flags |= CACHET_SUPER_CLEAN;
	return super_write(ck, &s);
}
