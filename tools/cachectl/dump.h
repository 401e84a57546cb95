/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dump.h - the two halves of cachectl dump
 */
#ifndef CACHECTL_DUMP_H
#define CACHECTL_DUMP_H

#include "libcachet.h"

/* ---- dump-item.c: one record of a cache as a JSON object ---------------- */

struct json_object *item_super(const struct cachet_image *image);
struct json_object *item_segment(u32 nr, enum cachet_slot slot,
				 const struct cachet_segment_info *info);
struct json_object *item_volume(u32 nr, enum cachet_slot slot,
				const struct cachet_volume_data *info);
struct json_object *item_record(u32 set, u32 way, enum cachet_slot slot,
				const char *slot_why, const void *rec);

/* As text: a line of name=value for each, or for the super a line per member. */
void item_print_line(FILE *out, const char *what, struct json_object *item);
void item_print_block(FILE *out, struct json_object *item);

#endif /* CACHECTL_DUMP_H */
