// SPDX-License-Identifier: GPL-2.0-only
/*
 * make_corpus.c - write the first inputs of each fuzz target, from valid structures
 *
 *	make_corpus DIR		DIR/super/..., as tests/fuzz/run seed does
 *
 * What lies in tests/fuzz/corpus came from here, or is an input that once broke
 * something and has a name that says what.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "sample.h"

static const char *top;

static void save(const char *target, const char *name, const void *a, size_t na,
		 const void *b, size_t nb)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", top, target);
	mkdir(path, 0777);
	snprintf(path, sizeof(path), "%s/%s/%s", top, target, name);
	f = fopen(path, "w");
	if (!f || fwrite(a, 1, na, f) != na || fwrite(b, 1, nb, f) != nb || fclose(f)) {
		perror(path);
		exit(1);
	}
}

static const struct sample *find(const char *name)
{
	size_t i;

	for (i = 0; i < NR_SAMPLES; i++)
		if (!strcmp(samples[i].name, name))
			return &samples[i];
	abort();
}

static void supers(void)
{
	u8 crashes[9 * 4];
	u64 two[2 * 512 / 8];

	memset(crashes, 3, sizeof(crashes));
	save("super", "one", golden_super, 512, NULL, 0);
	save("super", "two", golden_super, 512, golden_super, 512);
	sample_super((u8 *)two);
	sample_super((u8 *)two + 512);
	save("super", "crashes", two, sizeof(two), crashes, sizeof(crashes));
}

static void configs(void)
{
	static const char one[] = "[cache main]\ndir = /var/cache/cachet\n";
	static const char all[] = "# caches\n[daemon]\nkeep = yes\nlog-reuse = no\n\n"
		"[cache a]\ndir = /a\nverify = once\nany-fs = yes\ncommit-interval = 5s\n"
		"[cache b.2]\ndir = /b ; second\nverify = always\ncommit-interval = 100ms\n";

	save("config", "one", one, sizeof(one) - 1, NULL, 0);
	save("config", "all", all, sizeof(all) - 1, NULL, 0);
}

static void records(void)
{
	static const char * const names[] = { "object", "sealed", "part0", "part1", "content" };
	static const u8 head[8] = { 4, 8, 0, 17 };
	union {
		u8 bytes[128];
		u64 align;
	} r;
	size_t i;

	for (i = 0; i < 5; i++) {
		find(names[i])->encode(r.bytes);
		cachet_record_seal(r.bytes, sample_seed(), 0x123456780ull);
		save("record", names[i], head, sizeof(head), r.bytes, sizeof(r.bytes));
	}
}

/* At the position that fuzz_segment.c gives them. */
static void tables(void)
{
	static struct cachet_volume_data v;
	struct cachet_segment_info s;
	struct cachet_segment ds;
	struct cachet_volume_rec dv;
	struct cachet_file_id id;

	sample_segment_info(&s);
	cachet_segment_encode(&ds, sample_seed(), 0x2340, &s);
	save("segment", "segment", "\0", 1, &ds, sizeof(ds));
	sample_volume_data(&v);
	cachet_volume_encode(&dv, sample_seed(), 0x2340, &v);
	save("segment", "volume", "\1", 1, &dv, sizeof(dv));
	cachet_file_id_encode(&id, CACHET_INDEX_MAGIC, sample_uuid, 0x2340);
	save("segment", "index", "\2", 1, &id, sizeof(id));
	cachet_file_id_encode(&id, CACHET_DATA_MAGIC, sample_uuid, 0x2340);
	save("segment", "data", "\3", 1, &id, sizeof(id));
}

static void summaries(void)
{
	union {
		u8 bytes[192];
		u64 align;
	} r;

	sample_summary(r.bytes);
	cachet_summary_encode(r.bytes, 2, sample_seed(), 0x5ffffc0, SAMPLE_SEGMENT,
			      SAMPLE_SEG_GENERATION, SAMPLE_EPOCH, sample_uuid);
	save("summary", "two", r.bytes, sizeof(r.bytes), NULL, 0);
	save("summary", "short", r.bytes + 64, 128, NULL, 0);
	cachet_summary_encode(r.bytes, 0, sample_seed(), 0x5ffffc0, SAMPLE_SEGMENT,
			      SAMPLE_SEG_GENERATION, SAMPLE_EPOCH, sample_uuid);
	save("summary", "none", r.bytes, 64, NULL, 0);
}

static void maps(void)
{
	union {
		u8 bytes[256];
		u64 align;
	} r;
	u8 steps[80 * 6] = {};
	int i;

	sample_sealed(r.bytes);
	cachet_record_seal(r.bytes, sample_seed(), 0);
	save("map", "sealed", "\1", 1, r.bytes, 128);
	sample_part0(r.bytes);
	sample_part1(r.bytes + 128);
	cachet_record_seal(r.bytes, sample_seed(), 0);
	cachet_record_seal(r.bytes + 128, sample_seed(), 1);
	save("map", "parts", "\1", 1, r.bytes, 256);
	/* Every second page of 1 MiB, to the end of the map and beyond. */
	for (i = 0; i < 80; i++) {
		steps[6 * i] = 2 * i;
		steps[6 * i + 2] = 1;
		steps[6 * i + 4] = 0x10;
		steps[6 * i + 5] = 1;
	}
	save("map", "full", "\0\37", 2, steps, sizeof(steps));
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: make_corpus DIR\n");
		return 2;
	}
	top = argv[1];
	mkdir(top, 0777);
	supers();
	configs();
	records();
	tables();
	summaries();
	maps();
	return 0;
}
