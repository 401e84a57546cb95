// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_map.c - the map of a block: steps against the model, and parts from disk
 *
 * Input: a byte. If it is even: a byte with the size of the block (in 8 pages,
 * less one), then steps of 6 bytes. If it is odd: parts of a map, 128 bytes each,
 * up to the first without MORE or that is refused; the model takes over what they
 * say, and the rest is steps.
 */
#include "fuzz.h"
#include "map_model.h"

static struct map_model mm;

static void fuzz_fix(uint8_t *data, size_t size)
{
	uint8_t *p = data + 1;
	u32 part;

	if (!size || !(data[0] & 1))
		return;
	size--;
	for (part = 0; size >= CACHET_RECORD_BYTES; part++) {
		fuzz_store(p, fuzz_crc(sample_seed(), part, p + 4, CACHET_RECORD_BYTES - 4));
		p += CACHET_RECORD_BYTES;
		size -= CACHET_RECORD_BYTES;
	}
}

static void step(const uint8_t *p)
{
	struct map_step s = {
		.off = (p[0] | p[1] << 8) % mm.pages,
		.len = (p[2] | p[3] << 8) % (mm.pages + 1),
		.segment = p[4] & 15,
		.generation = p[4] >> 4 & 3,
		.seal = p[5] & 3 ? 0 : p[5] & 4 ? MODEL_SEAL : CACHET_REC_SEALED,
	};
	const char *why;

	if (s.len > mm.pages - s.off)
		s.len = mm.pages - s.off;
	why = model_step(&mm, &s);
	if (why)
		fprintf(stderr, "model: %s\n", why);
	CHECK(!why);
}

/* The array says what the pieces of a decoded map say. */
static void adopt(void)
{
	u32 i, k;

	for (i = 0; i < mm.map.nr; i++) {
		const struct cachet_piece *p = &mm.map.piece[i];

		for (k = 0; k < p->len; k++) {
			mm.at[p->off + k].generation = p->generation;
			mm.at[p->off + k].page = p->page + k;
		}
	}
	CHECK(!model_compare(&mm));
}

/* As cachet_map_load() does. Returns the bytes that were parts. */
static size_t load(const uint8_t *data, size_t size)
{
	const struct cachet_geometry g = model_geometry();
	struct cachet_map was;
	const char *why;
	size_t done = 0;
	bool more = true;
	u32 part;

	for (part = 0; more && size - done >= CACHET_RECORD_BYTES; part++) {
		struct cachet_extents *x = fuzz_copy(data + done, CACHET_RECORD_BYTES);

		done += CACHET_RECORD_BYTES;
		more = false;
		if (!cachet_record_check(x, sample_seed(), part, &g, &why) &&
		    x->rec.kind == CACHET_REC_EXTENT && x->rec.part == part) {
			was = mm.map;
			more = x->rec.flags & CACHET_REC_MORE;
			if (cachet_map_decode_part(&mm.map, x)) {
				more = false;
				CHECK(mm.map.nr == was.nr && mm.map.flags == was.flags);
				CHECK(mm.map.session == was.session);
				CHECK(!memcmp(mm.map.piece, was.piece, was.nr * sizeof(was.piece[0])));
			}
		}
		free(x);
	}
	return done;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t done = 2;

	if (size < 2)
		return 0;
	if (data[0] & 1) {
		model_init(&mm, MODEL_PAGES);
		done = 1 + load(data + 1, size - 1);
		adopt();
		/* SHARED says something of SEALED maps only. */
		if (!(mm.map.flags & CACHET_REC_SEALED))
			mm.map.flags &= ~CACHET_REC_SHARED;
	} else {
		model_init(&mm, 8 * (1 + (data[1] & 127)));
	}
	for (; size - done >= 6; done += 6)
		step(data + done);
	return 0;
}
