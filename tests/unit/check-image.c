// SPDX-License-Identifier: GPL-2.0-only
/*
 * check-image.c - fill a new cache with records, then break it, for cachectl-check.sh
 *
 *   check-image DIR COMMAND...
 *
 * The commands stand in the table at the end. `fill` comes first: one small file
 * (A, a sealed block in its head), one large (B: block 1 sealed, block 2 not), two
 * volumes, a closed segment with its summary and an open one. All is written with
 * the encoders that the module uses, so that what is wrong is only what is meant;
 * but for `anything`: check-image-anything.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/byteorder.h>

#include "check-image.h"

#define GENERATION	(3ull << 24 | 1)

struct cachet_image image;
static int fd[CACHET_FILE_NR];

void must(int err, const char *what)
{
	if (!err)
		return;
	fprintf(stderr, "check-image: %s: %s\n", what, strerror(-err));
	exit(1);
}

void put(enum cachet_file file, const void *bytes, size_t len, u64 pos)
{
	must(cachet_write_full(fd[file], bytes, len, pos), "write");
}

/* ---- structures --------------------------------------------------------- */

static void put_super(u64 epoch, u32 flags)
{
	struct cachet_super_info s = image.super;
	struct cachet_super sector;

	s.epoch = epoch;
	s.flags = flags;
	s.next_volume = NEXT_VOLUME;
	cachet_super_encode(&sector, &s);
	put(CACHET_FILE_SUPER, &sector, sizeof(sector), (epoch & 1) * CACHET_SUPER_STRIDE);
}

static void put_segment(u32 nr, u64 epoch, u8 state, u16 flags)
{
	u64 pos = cachet_segment_pos(&image.super.geo, nr);
	const struct cachet_segment_info info = {
		.epoch = epoch, .generation = SEG_GENERATION, .state = state, .flags = flags,
		.used = state == CACHET_SEGMENT_FREE ? 0 : USED,
	};
	struct cachet_segment rec;

	cachet_segment_encode(&rec, image.seed, pos, &info);
	put(CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
}

static void put_volume_data(u32 slot, struct cachet_volume_data *v, const char *key)
{
	u64 pos = cachet_volume_pos(&image.super.geo, slot);
	struct cachet_volume_rec rec;

	v->key_len = (u8)strlen(key);
	memcpy(v->key, key, v->key_len);
	cachet_volume_encode(&rec, image.seed, pos, v);
	put(CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
}

static void put_volume_id(u32 slot, u64 epoch, u64 generation, const char *key, u64 id)
{
	struct cachet_volume_data v = { .epoch = epoch, .id = id, .generation = generation << 24 };

	put_volume_data(slot, &v, key);
}

static void put_volume(u32 slot, u64 epoch, u64 generation, const char *key)
{
	put_volume_id(slot, epoch, generation, key, slot + 1);
}

/* `way`: CACHET_WAYS for the first empty one. `set`: ~0 for the right one. */
static void put_record_at(union cachet_any_record *rec, u32 set, u32 way)
{
	struct cachet_image_place place;
	u64 pos;

	must(cachet_image_find(&image, rec, &place), "find");
	if (set == ~0u)
		set = place.set;
	if (way == CACHET_WAYS)
		way = place.empty_way;
	pos = cachet_set_pos(&image.super.geo, set) + way * CACHET_RECORD_BYTES;
	cachet_record_seal(rec->bytes, image.seed, pos);
	put(CACHET_FILE_INDEX, rec, sizeof(*rec), pos);
}

static void put_record(union cachet_any_record *rec)
{
	struct cachet_image_place place;

	must(cachet_image_find(&image, rec, &place), "find");
	put_record_at(rec, ~0u, place.way);
}

/* The stored record of a key. */
static struct cachet_image_place get_record(const union cachet_any_record *key)
{
	struct cachet_image_place place;

	must(cachet_image_find(&image, key, &place), "find");
	must(place.way == CACHET_WAYS ? -ENOENT : 0, "record");
	return place;
}

static u64 place_pos(const struct cachet_image_place *place)
{
	return cachet_set_pos(&image.super.geo, place->set) + place->way * CACHET_RECORD_BYTES;
}

static void put_extent(struct cachet_extent *e, u32 page, u16 off, u16 len)
{
	const struct cachet_piece p = {
		.generation = SEG_GENERATION, .page = page, .off = off, .len = len,
	};

	cachet_piece_encode(e, &p);
}

static union cachet_any_record head_of(u8 kind, char name, u64 epoch)
{
	union cachet_any_record rec = {};

	rec.head.kind = kind;
	rec.head.epoch = cpu_to_le64(epoch);
	memset(rec.head.fp, name, sizeof(rec.head.fp));
	return rec;
}

static union cachet_any_record object(char name, u64 epoch)
{
	union cachet_any_record rec = head_of(CACHET_REC_OBJECT, name, epoch);

	rec.object.generation = cpu_to_le64(GENERATION);
	rec.object.size = cpu_to_le64(3 << 18);
	rec.object.block_shift = 18;
	return rec;
}

static union cachet_any_record block(char name, u32 nr, u64 epoch, u32 page, u16 len)
{
	union cachet_any_record rec = head_of(CACHET_REC_EXTENT, name, epoch);

	rec.extents.generation = cpu_to_le64(GENERATION);
	rec.extents.block = cpu_to_le32(nr);
	rec.head.nr = 1;
	put_extent(&rec.extents.extent[0], page, 0, len);
	return rec;
}

/* Pages of data: their number, over and over. Returns their digest. */
static void put_data(u32 page, u32 pages, u8 ret_digest[CACHET_DIGEST_BYTES])
{
	u8 bytes[4 * CACHET_PAGE_BYTES];
	size_t len = (size_t)pages * CACHET_PAGE_BYTES;

	memset(bytes, (int)page + 'a', len);
	put(CACHET_FILE_DATA, bytes, len, (u64)page * CACHET_PAGE_BYTES);
	cachet_digest(bytes, len, ret_digest);
}

static union cachet_any_record content(u32 page, u32 pages, u64 epoch)
{
	union cachet_any_record rec = {};

	put_data(page, pages, rec.content.digest);
	rec.head.kind = CACHET_REC_CONTENT;
	rec.head.flags = CACHET_REC_SEALED;
	rec.head.nr = 1;
	rec.head.epoch = cpu_to_le64(epoch);
	memcpy(rec.head.fp, rec.content.digest, sizeof(rec.head.fp));
	rec.content.pages = cpu_to_le32(pages);
	put_extent(&rec.content.extent[0], page, 0, (u16)pages);
	return rec;
}

static void seal(union cachet_any_record *rec, u8 *digest, u32 page, u32 pages)
{
	rec->head.flags |= CACHET_REC_SEALED;
	put_data(page, pages, digest);
}

static void put_summary(u8 second_len)
{
	struct {
		struct cachet_summary_entry entry[2];
		struct cachet_summary_footer footer;
	} s = {};
	union cachet_any_record a = content(A_PAGE, 1, EPOCH);

	/* Entry 0 stands last */
	memset(s.entry[1].fp, 'A', CACHET_FP_BYTES);
	s.entry[1].len = cpu_to_le16(1);
	s.entry[1].page = cpu_to_le32(A_PAGE);
	s.entry[1].flags = CACHET_REC_SEALED;
	s.entry[1].block_shift = 18;
	memcpy(s.entry[1].digest, a.content.digest, CACHET_DIGEST_BYTES);
	memset(s.entry[0].fp, 'B', CACHET_FP_BYTES);
	s.entry[0].block = cpu_to_le32(2);
	s.entry[0].len = cpu_to_le16(second_len);
	s.entry[0].page = cpu_to_le32(B2_PAGE);
	s.entry[0].block_shift = 18;
	cachet_summary_encode(&s, 2, image.seed, cachet_summary_pos(&image.super.geo, 0, 0), 0,
			      SEG_GENERATION, EPOCH, image.super.uuid);
	put(CACHET_FILE_DATA, &s, sizeof(s), cachet_summary_pos(&image.super.geo, 0, 2));
}

/* ---- commands ----------------------------------------------------------- */

static void fill(void)
{
	union cachet_any_record rec;
	u32 i;

	put_super(EPOCH - 1, 0);
	put_super(EPOCH, CACHET_SUPER_CLEAN);
	put_segment(0, EPOCH, CACHET_SEGMENT_CLOSED, CACHET_SEGMENT_SUMMARY);
	for (i = 1; i < image.super.geo.nr_segments; i++)
		put_segment(i, EPOCH, CACHET_SEGMENT_FREE, 0);
	put_summary(2);
	put_volume(0, 2, 2, "nfs,one");
	put_volume(1, 3, 3, "nfs,two");
	put_volume(2, 3, 4, "nfs,three");

	rec = object('A', EPOCH);
	rec.head.nr = 1;
	put_extent(&rec.object.extent, A_PAGE, 0, 1);
	seal(&rec, rec.object.digest, A_PAGE, 1);
	put_record(&rec);
	rec = content(A_PAGE, 1, EPOCH);
	put_record(&rec);

	rec = object('B', EPOCH);
	put_record(&rec);
	rec = block('B', 1, EPOCH, B1_PAGE, 2);
	seal(&rec, rec.extents.digest, B1_PAGE, 2);
	put_record(&rec);
	rec = content(B1_PAGE, 2, EPOCH);
	put_record(&rec);
	rec = block('B', 2, EPOCH, B2_PAGE, 2);
	put_record(&rec);
}

/* The epoch after the last commit, and no more: nothing of it is trusted. */
static void crash(void)
{
	union cachet_any_record rec;

	put_super(EPOCH, 0);
	rec = block('B', 3, EPOCH + 1, LATER_PAGE, 1);
	seal(&rec, rec.extents.digest, LATER_PAGE, 1);
	put_record(&rec);
	rec = content(LATER_PAGE, 1, EPOCH + 1);
	put_record(&rec);
	rec = block('B', 4, EPOCH + 1, LATER_PAGE + 1, 2);
	put_record(&rec);
	rec = object('C', EPOCH + 1);
	put_record(&rec);
	rec = block('C', 1, EPOCH + 1, LATER_PAGE + 3, 1);
	put_record(&rec);
}

/* After so many crashes that one more makes what was committed between the first two suspect. */
static void often(void)
{
	struct cachet_super_info was = image.super;
	union cachet_any_record rec;
	u64 i;

	for (i = 0; i < CACHET_NR_LOST; i++) {
		image.super.lost[i].first = 20 * (i + 1);
		image.super.lost[i].last = 20 * (i + 1) + CACHET_LOST_EPOCHS - 1;
	}
	image.super.nr_lost = CACHET_NR_LOST;
	put_super(20 * (i + 1), 0);
	image.super = was;
	rec = object('D', 20 + CACHET_LOST_EPOCHS + 1);
	put_record(&rec);
	rec = object('E', 20 * i + CACHET_LOST_EPOCHS + 1);
	put_record(&rec);
}

/* Two volumes that came into use after the last commit, and the first was not written. */
static void volume_torn(void)
{
	put_volume(4, EPOCH + 1, 5, "nfs,five");
}

/* Later it came into use again, in the slot before. */
static void volume_torn_twice(void)
{
	volume_torn();
	put_volume_id(3, EPOCH + 1, 6, "nfs,five", 9);
}

/* In a segment of which no commit has said yet that it was opened. */
static void lost_segment(void)
{
	u32 page = cachet_segment_pages(&image.super.geo);
	union cachet_any_record rec = block('B', 5, EPOCH + 1, page, 1);

	put_record(&rec);
	rec = content(page, 1, EPOCH + 1);
	put_record(&rec);
}

static void reused(void)
{
	const struct cachet_segment_info info = {
		.epoch = EPOCH, .generation = EPOCH, .state = CACHET_SEGMENT_FREE,
	};
	u64 pos = cachet_segment_pos(&image.super.geo, 0);
	struct cachet_segment rec;

	cachet_segment_encode(&rec, image.seed, pos, &info);
	put(CACHET_FILE_INDEX, &rec, sizeof(rec), pos);
}

static void flip(enum cachet_file file, u64 pos)
{
	u8 byte;

	must(cachet_image_read(&image, file, &byte, 1, pos), "read");
	byte ^= 0x10;
	put(file, &byte, 1, pos);
}

static void bad_record(void)
{
	const union cachet_any_record key = object('A', 0);
	struct cachet_image_place place = get_record(&key);

	flip(CACHET_FILE_INDEX, place_pos(&place) + 40);
}

static void bad_segment(void)
{
	flip(CACHET_FILE_INDEX, cachet_segment_pos(&image.super.geo, 0) + 8);
}

static void bad_volume(void)
{
	flip(CACHET_FILE_INDEX, cachet_volume_pos(&image.super.geo, 0) + 50);
}

static void volume_gap(void)
{
	static const u8 zeros[sizeof(struct cachet_volume_rec)];

	put(CACHET_FILE_INDEX, zeros, sizeof(zeros), cachet_volume_pos(&image.super.geo, 1));
}

static void volume_lost(void)
{
	put_volume_id(1, 0, 0, "", 0);
}

static void volume_twice(void)
{
	put_volume(3, EPOCH, 5, "nfs,one");
}

static void volume_future(void)
{
	put_volume(3, EPOCH, 1000, "nfs,four");
}

/* As a detach leaves it that a mount of 9p has seen, and later. */
static void volume_since(u64 after)
{
	struct cachet_volume_data v = {
		.epoch = EPOCH, .id = 4, .generation = 5 << 24,
		.since = (EPOCH + after) << 24,
	};

	put_volume_data(3, &v, "9p,four");
}

static void volume_void(void)
{
	volume_since(0);
}

static void volume_void_later(void)
{
	volume_since(1);
}

static void volume_id(void)
{
	put_volume_id(3, EPOCH, 5, "nfs,four", NEXT_VOLUME);
}

static void volume_same_id(void)
{
	put_volume_id(3, EPOCH, 5, "nfs,four", 1);
}

static void future_segment(void)
{
	put_segment(1, EPOCH + 1, CACHET_SEGMENT_FREE, 0);
}

static void bad_summary(void)
{
	flip(CACHET_FILE_DATA, cachet_summary_pos(&image.super.geo, 0, 1));
}

static void odd_summary(void)
{
	put_summary(0);
}

static void rot(void)
{
	flip(CACHET_FILE_DATA, 4096 * B1_PAGE + 4100);
}

/* Of a file that is pinned the block in its head, which hides an older map of it. */
static void rot_head(void)
{
	union cachet_any_record rec = object('A', EPOCH);
	struct cachet_image_place place = get_record(&rec);

	rec = place.rec;
	rec.head.flags |= CACHET_REC_PINNED;
	put_record_at(&rec, place.set, place.way);
	rec = block('A', 0, EPOCH, B2_PAGE, 1);
	put_record(&rec);
	flip(CACHET_FILE_DATA, 4096 * A_PAGE + 4095);
}

/* Two such maps, which a torn set may have: the first of another version of the file. */
static void rot_head_twice(void)
{
	union cachet_any_record rec = block('A', 0, EPOCH, B2_PAGE, 1);
	struct cachet_image_place place;

	rot_head();
	place = get_record(&rec);
	put_record_at(&rec, place.set, place.empty_way);
	rec.extents.generation = cpu_to_le64(GENERATION - 1);
	put_record_at(&rec, place.set, place.way);
}

/* Files of which the one block that all of them share is in their heads. */
static void many_heads(void)
{
	union cachet_any_record rec;
	u32 i;

	for (i = 0; i < 70; i++) {
		rec = object((char)('C' + i), EPOCH);
		rec.head.nr = 1;
		put_extent(&rec.object.extent, A_PAGE, 0, 1);
		seal(&rec, rec.object.digest, A_PAGE, 1);
		put_record(&rec);
	}
}

static void wrong_set(void)
{
	union cachet_any_record rec = object('D', EPOCH);

	put_record_at(&rec, (cachet_image_set_of(&image, &rec) + 1) % image.super.geo.nr_sets,
		      CACHET_WAYS - 1);
}

static void twice(void)
{
	union cachet_any_record rec = object('B', EPOCH);

	rec.object.generation = cpu_to_le64(GENERATION + 1);
	put_record_at(&rec, ~0u, CACHET_WAYS - 1);
}

/* As a torn write of a set leaves it: the old record, and the new one elsewhere. */
static void torn_twice(void)
{
	union cachet_any_record rec = object('B', EPOCH + 1);

	put_record_at(&rec, ~0u, CACHET_WAYS - 1);
	rec = block('B', 2, EPOCH, B2_PAGE, 1);
	rec.extents.generation = cpu_to_le64(GENERATION - 1);
	put_record_at(&rec, ~0u, CACHET_WAYS - 1);
}

/* A crash, an attach after it, and a detach: lost[] has what was before. */
static void after_crash(void)
{
	struct cachet_super_info *s = &image.super;

	s->nr_lost = 1;
	s->lost[0].first = EPOCH + 1;
	s->lost[0].last = EPOCH + CACHET_LOST_EPOCHS;
	put_super(EPOCH + CACHET_LOST_EPOCHS + 1, 0);
	put_super(EPOCH + CACHET_LOST_EPOCHS + 2, CACHET_SUPER_CLEAN);
}

static void future(void)
{
	union cachet_any_record rec = object('D', EPOCH + CACHET_LOST_EPOCHS + 1);

	put_record(&rec);
}

static void future_generation(void)
{
	union cachet_any_record rec = object('D', EPOCH);

	rec.object.generation = cpu_to_le64(1000ull << 24);
	put_record(&rec);
}

static void future_piece(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, B2_PAGE, 1);

	rec.extents.extent[0].generation = cpu_to_le64(1000);
	put_record(&rec);
}

static void overlap(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, B2_PAGE, 2);

	rec.head.nr = 2;
	put_extent(&rec.extents.extent[1], B2_PAGE, 1, 2);
	put_record(&rec);
}

static void gap(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, B2_PAGE, 1);

	seal(&rec, rec.extents.digest, B2_PAGE, 1);
	rec.head.nr = 2;
	put_extent(&rec.extents.sealed[1], B2_PAGE, 2, 1);
	put_record(&rec);
}

static void into_free(void)
{
	union cachet_any_record rec =
		block('B', 5, EPOCH, cachet_segment_pages(&image.super.geo), 1);

	put_record(&rec);
}

static void not_pinned(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, B2_PAGE, 1);

	rec.head.flags |= CACHET_REC_PINNED;
	put_record(&rec);
}

static void into_summary(void)
{
	union cachet_any_record rec =
		block('B', 5, EPOCH, cachet_segment_pages(&image.super.geo) - 1, 1);

	put_record(&rec);
}

static void behind_used(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, USED, 1);

	put_record(&rec);
}

static void beyond_block(void)
{
	union cachet_any_record rec = block('B', 5, EPOCH, B1_PAGE, 2);

	put_extent(&rec.extents.extent[0], B1_PAGE, 63, 2);
	put_record(&rec);
}

static void headless(void)
{
	union cachet_any_record rec = block('D', 1, EPOCH, B2_PAGE, 1);

	put_record(&rec);
}

static void no_content(void)
{
	static const u8 zeros[CACHET_RECORD_BYTES];
	const union cachet_any_record key = content(A_PAGE, 1, 0);
	struct cachet_image_place place = get_record(&key);

	put(CACHET_FILE_INDEX, zeros, sizeof(zeros), place_pos(&place));
}

static void super_misplaced(void)
{
	struct cachet_super sector;

	must(cachet_image_read(&image, CACHET_FILE_SUPER, &sector, sizeof(sector),
			      CACHET_SUPER_STRIDE), "read");
	put(CACHET_FILE_SUPER, &sector, sizeof(sector), 0);
}

/* ---- a cache that is full ------------------------------------------------ */

/*
 * $CHECK_OBJECTS heads of files of one block, by the digests of their numbers, and all
 * segments closed; not detached in order. For the benchmark of attach.
 */
static void objects(void)
{
	u32 nr = getenv("CHECK_OBJECTS") ? (u32)strtoul(getenv("CHECK_OBJECTS"), NULL, 10) : 0;
	u32 pages = image.super.geo.nr_segments << (image.super.geo.segment_shift - 12), i;
	u8 digest[CACHET_DIGEST_BYTES];
	struct cachet_image_place place;
	union cachet_any_record rec;

	put_super(EPOCH - 1, 0);
	put_super(EPOCH, 0);
	put_volume(0, 2, 2, "nfs,one");
	for (i = 0; i < image.super.geo.nr_segments; i++)
		put_segment(i, EPOCH, CACHET_SEGMENT_CLOSED, 0);
	for (i = 0; i < nr; i++) {
		rec = object('A', EPOCH);
		cachet_digest(&i, sizeof(i), digest);
		memcpy(rec.head.fp, digest, sizeof(rec.head.fp));
		rec.head.nr = 1;
		put_extent(&rec.object.extent, i % pages, 0, 1);
		must(cachet_image_find(&image, &rec, &place), "find");
		if (place.empty_way != CACHET_WAYS)	/* Else one has to leave a full set */
			put_record(&rec);
	}
}

/* ---- id pages ----------------------------------------------------------- */

static void index_id(void)
{
	flip(CACHET_FILE_INDEX, 20);
}

static void data_id(void)
{
	flip(CACHET_FILE_DATA, image.super.geo.data_bytes - CACHET_PAGE_BYTES + 20);
}

/* A segment that was never closed, as the first one is until then. */
static void no_summary(void)
{
	static const u8 zeros[sizeof(struct cachet_summary_footer)];

	put(CACHET_FILE_DATA, zeros, sizeof(zeros),
	    cachet_summary_pos(&image.super.geo, 0, 0));
	put_segment(0, EPOCH, CACHET_SEGMENT_CLOSED, 0);
}

/* Of another cache, with other segments, at the end of one of this. */
static void other_summary(void)
{
	u64 pos = cachet_summary_pos(&image.super.geo, 2, 0);
	struct cachet_summary_footer footer;
	u8 uuid[CACHET_UUID_BYTES];

	memcpy(uuid, image.super.uuid, sizeof(uuid));
	uuid[3] ^= 1;
	cachet_summary_encode(&footer, 0, cachet_crc_seed(uuid), pos, 1, SEG_GENERATION, EPOCH, uuid);
	put(CACHET_FILE_DATA, &footer, sizeof(footer), pos);
}

static const struct {
	const char *name;
	void (*run)(void);
} commands[] = {
#define C(name) { #name, name }
	C(fill), C(crash), C(often), C(lost_segment), C(reused), C(bad_record), C(bad_segment), C(bad_volume), C(volume_gap),
	C(volume_lost), C(volume_twice), C(volume_future), C(volume_void), C(volume_void_later),
	C(volume_id), C(volume_same_id),
	C(volume_torn), C(volume_torn_twice), C(future_segment),
	C(torn_twice), C(after_crash), C(bad_summary), C(odd_summary), C(rot), C(rot_head), C(rot_head_twice), C(many_heads),
	C(wrong_set), C(twice),
	C(future), C(future_generation), C(future_piece), C(overlap), C(gap), C(into_free), C(not_pinned),
	C(into_summary), C(behind_used), C(beyond_block), C(headless), C(no_content),
	C(super_misplaced), C(index_id), C(data_id), C(no_summary), C(other_summary), C(objects),
	C(anything),
#undef C
};

int main(int argc, char **argv)
{
	struct cachet_why why = {};
	size_t k;
	int i;

	if (argc < 3) {
		fprintf(stderr, "usage: check-image DIR COMMAND...\n");
		return 2;
	}
	if (cachet_image_open(argv[1], &image, &why) ||
	    cachet_files_open(argv[1], true, fd, &why)) {
		fprintf(stderr, "check-image: %s\n", why.text);
		return 1;
	}
	for (i = 2; i < argc; i++) {
		for (k = 0; k < sizeof(commands) / sizeof(commands[0]); k++)
			if (!strcmp(argv[i], commands[k].name))
				break;
		if (k == sizeof(commands) / sizeof(commands[0])) {
			fprintf(stderr, "check-image: no command %s\n", argv[i]);
			return 2;
		}
		commands[k].run();
	}
	cachet_image_close(&image);
	cachet_files_close(fd);
	return 0;
}
