// SPDX-License-Identifier: GPL-2.0-only
/*
 * image.c - read the files of a cache, best one that is not attached
 *
 * Opens for reading alone and changes nothing. Whatever is on disk goes through
 * the decoders of fs/cachet/format, the same ones that the module uses; a part
 * that fails its check is reported as such and does not stop the rest. Reading
 * the files of an attached cache is harmless, but the answer may be torn: the
 * caller decides.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <asm/byteorder.h>

#include "libcachet.h"

enum {
	SETS_PER_READ	= 256,	/* 1 MiB */
};

const char *const cachet_slot_names[CACHET_SLOT_NR] = {
	[CACHET_SLOT_EMPTY]	= "empty",
	[CACHET_SLOT_LOST]	= "lost",
	[CACHET_SLOT_BAD]	= "bad",
	[CACHET_SLOT_FUTURE]	= "future",
	[CACHET_SLOT_SUSPECT]	= "suspect",
	[CACHET_SLOT_TRUSTED]	= "trusted",
};

const char *const cachet_id_texts[CACHET_ID_NR] = {
	[CACHET_ID_GOOD]	= "good",
	[CACHET_ID_SHORT]	= "shorter than super says",
	[CACHET_ID_LONG]	= "longer than super says",
	[CACHET_ID_OTHER]	= "of another cache",
	[CACHET_ID_UNREADABLE]	= "id page can't be read",
	[CACHET_ID_DAMAGED]	= "id page is damaged",
};

static bool all_zero(const void *bytes, size_t len)
{
	const u8 *p = bytes;

	while (len--)
		if (*p++)
			return false;
	return true;
}

enum cachet_slot cachet_image_slot_of_epoch(const struct cachet_image *image, u64 epoch)
{
	const struct cachet_super_info *s = &image->super;

	if (cachet_epoch_lost(s, epoch))
		return CACHET_SLOT_SUSPECT;
	if (epoch <= s->epoch)
		return CACHET_SLOT_TRUSTED;
	/* What was never given out is not of our time, whoever wrote it. */
	return epoch <= cachet_image_last_epoch(image) ? CACHET_SLOT_SUSPECT : CACHET_SLOT_FUTURE;
}

/* The last epoch that anything on disk may be of; detached in order: none was begun. */
u64 cachet_image_last_epoch(const struct cachet_image *image)
{
	const struct cachet_super_info *s = &image->super;

	return s->epoch + (s->flags & CACHET_SUPER_CLEAN ? 0 : CACHET_LOST_EPOCHS);
}

int cachet_image_read(const struct cachet_image *image, enum cachet_file file, void *buf,
		      size_t len, u64 pos)
{
	int err = cachet_read_full(image->fd[file], image->pipe, buf, len, pos);

	/* XFS's own words for what xfs_repair is for. Ours mean what was read. */
	return err == -EUCLEAN || err == -EBADMSG ? -ENOTRECOVERABLE : err;
}

static enum cachet_id id_read(const struct cachet_image *image, enum cachet_file file)
{
	const struct cachet_geometry *geo = &image->super.geo;
	bool index = file == CACHET_FILE_INDEX;
	const char *magic = index ? CACHET_INDEX_MAGIC : CACHET_DATA_MAGIC;
	u64 bytes = index ? geo->index_bytes : geo->data_bytes;
	u64 pos = index ? 0 : bytes - CACHET_PAGE_BYTES;
	struct cachet_file_id id;
	bool whole;

	if (image->file_bytes[file] != bytes)
		return image->file_bytes[file] < bytes ? CACHET_ID_SHORT : CACHET_ID_LONG;
	if (cachet_image_read(image, file, &id, sizeof(id), pos))
		return CACHET_ID_UNREADABLE;
	whole = !memcmp(id.magic, magic, sizeof(id.magic));
	/* The crc is not of the magic: the UUID of another cache counts without it */
	memcpy(id.magic, magic, sizeof(id.magic));
	switch (-cachet_file_id_check(&id, magic, image->super.uuid, pos)) {
	case 0:
		return whole ? CACHET_ID_GOOD : CACHET_ID_DAMAGED;
	case EMEDIUMTYPE:
		return CACHET_ID_OTHER;
	default:
		return CACHET_ID_DAMAGED;
	}
}

static int super_read(struct cachet_image *image, const char *dir, struct cachet_why *why)
{
	struct cachet_super sector[2] = {};
	const char *problem = NULL;
	int err, i, unread = 0;

	for (i = 0; i < 2; i++) {
		struct cachet_super_info *info = &image->copy_super[i];

		err = cachet_image_read(image, CACHET_FILE_SUPER, &sector[i],
				       sizeof(sector[i]), (u64)i * CACHET_SUPER_STRIDE);
		if (err) {
			memset(&sector[i], 0, sizeof(sector[i]));
			if (err != -ENODATA)
				unread = err;
			image->copy_why[i] = err == -ENODATA ? "beyond the end of the file" :
							       strerror(-err);
		} else if (all_zero(&sector[i], sizeof(sector[i]))) {
			image->copy_why[i] = "only zeros";
		} else if (cachet_super_decode(&sector[i], info, &image->copy_why[i])) {
			memset(info, 0, sizeof(*info));
		} else {
			image->copy_why[i] = NULL;
		}
	}

	err = cachet_super_choose(&sector[0], &sector[1], &image->super, &problem);
	/* It may be good, and come back with the device */
	if (err && unread)
		return cachet_why_set(why, unread, "%s/super can't be read: copy 0: %s; copy 1: %s: see what the kernel says of its device",
				      dir, image->copy_why[0] ?: "good",
				      image->copy_why[1] ?: "good");
	if (err)
		return cachet_why_set(why, err, "%s/super can't be used: copy 0: %s; copy 1: %s%s%s",
				      dir, image->copy_why[0] ?: "good",
				      image->copy_why[1] ?: "good",
				      problem ? "; " : "", problem ?: "");
	image->copy = !image->copy_why[1] && image->copy_super[1].epoch == image->super.epoch;
	return 0;
}

int cachet_image_open(const char *dir, struct cachet_image *ret_image, struct cachet_why *why)
{
	struct cachet_image image = {};
	struct stat st;
	int err, i;

	if (pipe2(image.pipe, O_CLOEXEC) < 0)
		return cachet_why_set(why, -errno, "a pipe can't be made: %s", strerror(errno));
	err = cachet_files_open(dir, false, image.fd, why);
	if (err)
		goto err_pipe;
	for (i = 0; i < CACHET_FILE_NR; i++) {
		if (fstat(image.fd[i], &st) < 0) {
			err = cachet_why_set(why, -errno, "%s/%s: %s", dir,
					     cachet_file_names[i], strerror(errno));
			goto err_close;
		}
		image.file_bytes[i] = (u64)st.st_size;
	}
	err = super_read(&image, dir, why);
	if (err)
		goto err_close;
	image.seed = cachet_crc_seed(image.super.uuid);
	for (i = CACHET_FILE_INDEX; i <= CACHET_FILE_DATA; i++)
		image.id[i] = id_read(&image, (enum cachet_file)i);
	*ret_image = image;
	return 0;

err_close:
	cachet_files_close(image.fd);
err_pipe:
	close(image.pipe[0]);
	close(image.pipe[1]);
	return err;
}

void cachet_image_close(struct cachet_image *image)
{
	if (!image)
		return;
	cachet_files_close(image->fd);
	close(image->pipe[0]);
	close(image->pipe[1]);
}

enum cachet_slot cachet_image_segment(const struct cachet_image *image, u32 nr,
				      const struct cachet_segment *rec,
				      struct cachet_segment_info *ret_info)
{
	const struct cachet_geometry *geo = &image->super.geo;

	memset(ret_info, 0, sizeof(*ret_info));
	if (all_zero(rec, sizeof(*rec)))
		return CACHET_SLOT_EMPTY;
	if (cachet_segment_decode(rec, image->seed, cachet_segment_pos(geo, nr), geo, ret_info))
		return CACHET_SLOT_BAD;
	return cachet_image_slot_of_epoch(image, ret_info->epoch);
}

int cachet_image_segments(const struct cachet_image *image, const struct cachet_image_visitor *v)
{
	const struct cachet_geometry *geo = &image->super.geo;
	struct cachet_segment_info info;
	struct cachet_segment rec;
	enum cachet_slot slot;
	int err = 0;
	u32 nr;

	/* 64 bytes at a time: the page cache makes that cheap enough */
	for (nr = 0; nr < geo->nr_segments && !err; nr++) {
		u64 pos = cachet_segment_pos(geo, nr);

		err = cachet_image_read(image, CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
		if (err)
			break;
		slot = cachet_image_segment(image, nr, &rec, &info);
		err = v->segment(v->arg, nr, slot, &info);
	}
	return err;
}

int cachet_image_volumes(const struct cachet_image *image, const struct cachet_image_visitor *v)
{
	const struct cachet_geometry *geo = &image->super.geo;
	struct cachet_volume_data info;
	struct cachet_volume_rec rec;
	enum cachet_slot slot;
	int err = 0;
	u32 nr;

	for (nr = 0; nr < geo->nr_volumes && !err; nr++) {
		u64 pos = cachet_volume_pos(geo, nr);

		err = cachet_image_read(image, CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
		if (err)
			break;
		memset(&info, 0, sizeof(info));
		switch (-cachet_volume_decode(&rec, image->seed, pos, &info)) {
		case 0:
			slot = cachet_image_slot_of_epoch(image, info.epoch);
			break;
		case ENOENT:
			slot = CACHET_SLOT_EMPTY;
			break;
		case ESTALE:
			slot = CACHET_SLOT_LOST;
			break;
		default:
			slot = CACHET_SLOT_BAD;
			break;
		}
		err = v->volume(v->arg, nr, slot, &info);
	}
	return err;
}

static enum cachet_slot slot_of_record(const struct cachet_image *image, u32 set, u32 way,
				       const u8 *rec, const char **ret_why)
{
	u64 pos = cachet_set_pos(&image->super.geo, set) + way * CACHET_RECORD_BYTES;
	struct cachet_record head;

	memcpy(&head, rec, sizeof(head));
	switch (-cachet_record_check(rec, image->seed, pos, &image->super.geo, ret_why)) {
	case 0:
		return cachet_image_slot_of_epoch(image, le64_to_cpu(head.epoch));
	case ENOENT:
		return CACHET_SLOT_EMPTY;
	default:
		return CACHET_SLOT_BAD;
	}
}

static int visit_set(const struct cachet_image *image, const struct cachet_image_visitor *v,
		     const u8 *bytes, u32 set)
{
	int err = 0;
	u32 way;

	for (way = 0; way < CACHET_WAYS && !err; way++) {
		const u8 *rec = bytes + way * CACHET_RECORD_BYTES;
		const char *slot_why = NULL;
		enum cachet_slot slot = slot_of_record(image, set, way, rec, &slot_why);

		err = v->record(v->arg, set, way, slot, slot_why, rec);
	}
	return err;
}

u32 cachet_image_set_of(const struct cachet_image *image, const union cachet_any_record *rec)
{
	const struct cachet_geometry *geo = &image->super.geo;

	switch (rec->head.kind) {
	case CACHET_REC_OBJECT:
		return cachet_object_set(geo, rec->head.fp);
	case CACHET_REC_EXTENT:
		return cachet_extent_set(geo, rec->head.fp, le32_to_cpu(rec->extents.block),
					 rec->head.part);
	default:
		return cachet_content_set(geo, rec->content.digest);
	}
}

bool cachet_image_same_key(const union cachet_any_record *a, const union cachet_any_record *b)
{
	if (a->head.kind != b->head.kind || memcmp(a->head.fp, b->head.fp, CACHET_FP_BYTES))
		return false;
	if (a->head.kind == CACHET_REC_EXTENT)
		return a->head.part == b->head.part && a->extents.block == b->extents.block;
	if (a->head.kind == CACHET_REC_CONTENT)
		return !memcmp(a->content.digest, b->content.digest, CACHET_DIGEST_BYTES);
	return true;
}

int cachet_image_find(const struct cachet_image *image, const union cachet_any_record *key,
		      struct cachet_image_place *ret_place)
{
	struct cachet_image_place place = { .set = cachet_image_set_of(image, key),
					    .way = CACHET_WAYS, .empty_way = CACHET_WAYS };
	union cachet_any_record set[CACHET_WAYS];
	enum cachet_slot slot;
	const char *why;
	u32 way;
	int err;

	err = cachet_image_read(image, CACHET_FILE_INDEX, set, sizeof(set),
			       cachet_set_pos(&image->super.geo, place.set));
	if (err)
		return err;
	for (way = 0; way < CACHET_WAYS; way++) {
		if (set[way].head.kind == CACHET_REC_EMPTY && place.empty_way == CACHET_WAYS)
			place.empty_way = way;
		/* The key first: it is cheaper than the crc */
		if (place.way < CACHET_WAYS || !cachet_image_same_key(key, &set[way]))
			continue;
		slot = slot_of_record(image, place.set, way, set[way].bytes, &why);
		if (slot <= CACHET_SLOT_BAD)
			continue;
		place.way = way;
		place.slot = slot;
		place.rec = set[way];
	}
	*ret_place = place;
	return 0;
}

int cachet_image_records(const struct cachet_image *image, const struct cachet_image_visitor *v)
{
	const struct cachet_geometry *geo = &image->super.geo;
	u32 set, nr, i;
	int err = 0;
	u8 *buf;

	buf = malloc((size_t)SETS_PER_READ * CACHET_SET_BYTES);
	if (!buf)
		return -ENOMEM;
	for (set = 0; set < geo->nr_sets && !err; set += nr) {
		nr = geo->nr_sets - set;
		if (nr > SETS_PER_READ)
			nr = SETS_PER_READ;
		err = cachet_image_read(image, CACHET_FILE_INDEX, buf,
				       (size_t)nr * CACHET_SET_BYTES, cachet_set_pos(geo, set));
		for (i = 0; i < nr && !err; i++)
			err = visit_set(image, v, buf + (size_t)i * CACHET_SET_BYTES, set + i);
		if (!err && v->progress)
			v->progress(v->arg, set + nr);
	}
	free(buf);
	return err;
}
