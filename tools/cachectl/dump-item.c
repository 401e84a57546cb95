// SPDX-License-Identifier: GPL-2.0-only
/*
 * dump-item.c - one structure of a cache as a JSON object, and that as text
 *
 * The object is the only description of a structure, so that text and JSON
 * can't say different things. What comes here has passed its checks, or has a
 * slot that says that it has not: then only its place is shown. No content of
 * any file is read.
 */
#include <string.h>
#include <asm/byteorder.h>

#include "dump.h"

/* names: of the bits from 0 on, NULL behind the last */
static void add_flags(struct json_object *obj, u32 flags, const char *const names[])
{
	struct json_object *list = json_object_new_array();
	int i;

	for (i = 0; names[i]; i++)
		if (flags & 1u << i)
			json_object_array_add(list, json_object_new_string(names[i]));
	json_object_object_add(obj, "flags", list);
}

static void add_copy(struct json_object *list, const struct cachet_image *image, int i)
{
	struct json_object *obj = json_object_new_object();

	cachet_json_add_u64(obj, "copy", (u64)i);
	if (image->copy_why[i])
		cachet_json_add_text(obj, "problem", image->copy_why[i]);
	else
		cachet_json_add_u64(obj, "epoch", image->copy_super[i].epoch);
	json_object_array_add(list, obj);
}

struct json_object *item_super(const struct cachet_image *image)
{
	const struct cachet_super_info *s = &image->super;
	struct json_object *obj = json_object_new_object();
	struct json_object *copies = json_object_new_array();
	struct json_object *lost = json_object_new_array();
	int i;

	cachet_json_add_text(obj, "tag", s->tag);
	cachet_json_add_uuid(obj, "uuid", s->uuid);
	cachet_json_add_u64(obj, "format", CACHET_FORMAT_VERSION);
	cachet_json_add_u64(obj, "epoch", s->epoch);
	cachet_json_add_bool(obj, "clean", s->flags & CACHET_SUPER_CLEAN);
	cachet_json_add_time(obj, "created", s->created);
	cachet_json_add_time(obj, "written", s->written);
	cachet_json_add_u64(obj, "next_volume", s->next_volume);
	cachet_json_add_u64(obj, "segments", s->geo.nr_segments);
	cachet_json_add_u64(obj, "segment_bytes", 1ull << s->geo.segment_shift);
	cachet_json_add_u64(obj, "block_bytes", 1ull << s->geo.block_shift);
	cachet_json_add_u64(obj, "sets", s->geo.nr_sets);
	cachet_json_add_u64(obj, "volumes", s->geo.nr_volumes);
	cachet_json_add_u64(obj, "data_bytes", s->geo.data_bytes);
	cachet_json_add_u64(obj, "index_bytes", s->geo.index_bytes);
	cachet_json_add_u64(obj, "compat", s->compat);
	cachet_json_add_u64(obj, "ro_compat", s->ro_compat);
	cachet_json_add_u64(obj, "incompat", s->incompat);
	cachet_json_add_text(obj, "index_file", cachet_id_texts[image->id[CACHET_FILE_INDEX]]);
	cachet_json_add_text(obj, "data_file", cachet_id_texts[image->id[CACHET_FILE_DATA]]);
	for (i = 0; i < 2; i++)
		add_copy(copies, image, i);
	json_object_object_add(obj, "copies", copies);
	for (i = 0; i < s->nr_lost; i++) {
		struct json_object *range = json_object_new_object();

		cachet_json_add_u64(range, "first", s->lost[i].first);
		cachet_json_add_u64(range, "last", s->lost[i].last);
		json_object_array_add(lost, range);
	}
	json_object_object_add(obj, "lost_epochs", lost);
	return obj;
}

struct json_object *item_segment(u32 nr, enum cachet_slot slot,
				 const struct cachet_segment_info *info)
{
	static const char *const states[] = { "free", "open", "closed" };
	static const char *const classes[] = { "ordinary", "pinned" };
	static const char *const flags[] = { "summary", NULL };
	struct json_object *obj = json_object_new_object();

	cachet_json_add_u64(obj, "segment", nr);
	cachet_json_add_text(obj, "slot", cachet_slot_names[slot]);
	if (slot <= CACHET_SLOT_BAD)
		return obj;
	cachet_json_add_text(obj, "state", info->state < 3 ? states[info->state] : "?");
	cachet_json_add_text(obj, "class", info->class < 2 ? classes[info->class] : "?");
	cachet_json_add_u64(obj, "epoch", info->epoch);
	cachet_json_add_u64(obj, "generation", info->generation);
	cachet_json_add_u64(obj, "used_pages", info->used);
	cachet_json_add_u64(obj, "live_pages", info->live);
	cachet_json_add_time(obj, "last_use", info->last_use);
	add_flags(obj, info->flags, flags);
	return obj;
}

struct json_object *item_volume(u32 nr, enum cachet_slot slot,
				const struct cachet_volume_data *info)
{
	struct json_object *obj = json_object_new_object();

	cachet_json_add_u64(obj, "place", nr);
	cachet_json_add_text(obj, "slot", cachet_slot_names[slot]);
	if (slot <= CACHET_SLOT_BAD)
		return obj;
	cachet_json_add_u64(obj, "id", info->id);
	cachet_json_add_u64(obj, "epoch", info->epoch);
	cachet_json_add_u64(obj, "generation", info->generation);
	cachet_json_add_u64(obj, "since", info->since);
	cachet_json_add_time(obj, "last_use", info->last_use);
	cachet_json_add_u64(obj, "block_bytes", info->block_shift ? 1ull << info->block_shift : 0);
	cachet_json_add_bytes(obj, "key", (const char *)info->key, info->key_len);
	cachet_json_add_hex(obj, "coherency", info->coherency, info->coherency_len);
	return obj;
}

static void add_extents(struct json_object *obj, const struct cachet_extent *extents,
			unsigned int nr)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct json_object *extent = json_object_new_object();

		cachet_json_add_u64(extent, "off", le16_to_cpu(extents[i].off));
		cachet_json_add_u64(extent, "len", le16_to_cpu(extents[i].len));
		cachet_json_add_u64(extent, "page", le32_to_cpu(extents[i].page));
		cachet_json_add_u64(extent, "generation", le64_to_cpu(extents[i].generation));
		json_object_array_add(list, extent);
	}
	json_object_object_add(obj, "extents", list);
}

static void add_object(struct json_object *obj, const struct cachet_object *o)
{
	cachet_json_add_u64(obj, "generation", le64_to_cpu(o->generation));
	cachet_json_add_u64(obj, "size", le64_to_cpu(o->size));
	cachet_json_add_u64(obj, "volume", le32_to_cpu(o->volume));
	cachet_json_add_u64(obj, "block_bytes", 1ull << o->block_shift);
	cachet_json_add_time(obj, "last_use", le32_to_cpu(o->last_use));
	cachet_json_add_u64(obj, "uses", o->uses);
	cachet_json_add_u64(obj, "acked", le32_to_cpu(o->acked));
	cachet_json_add_hex(obj, "coherency", o->coherency, sizeof(o->coherency));
	add_extents(obj, &o->extent, o->rec.nr);
	if (o->rec.flags & CACHET_REC_SEALED)
		cachet_json_add_hex(obj, "digest", o->digest, sizeof(o->digest));
}

static void add_extents_rec(struct json_object *obj, const struct cachet_extents *x)
{
	cachet_json_add_u64(obj, "generation", le64_to_cpu(x->generation));
	cachet_json_add_u64(obj, "block", le32_to_cpu(x->block));
	cachet_json_add_u64(obj, "part", x->rec.part);
	if (x->rec.flags & CACHET_REC_LOCAL)
		cachet_json_add_u64(obj, "session", le32_to_cpu(x->session));
	add_extents(obj, x->extent, x->rec.nr);
	if (x->rec.flags & CACHET_REC_SEALED)
		cachet_json_add_hex(obj, "digest", x->digest, sizeof(x->digest));
}

static void add_content(struct json_object *obj, const struct cachet_content *c)
{
	cachet_json_add_u64(obj, "pages", le32_to_cpu(c->pages));
	add_extents(obj, c->extent, c->rec.nr);
	cachet_json_add_hex(obj, "digest", c->digest, sizeof(c->digest));
}

struct json_object *item_record(u32 set, u32 way, enum cachet_slot slot,
				const char *slot_why, const void *rec)
{
	static const char *const flags[] = {
		"sealed", "local", "pinned", "more", "shared", "stable", "repeats", NULL
	};
	struct json_object *obj = json_object_new_object();
	union {
		struct cachet_record	head;
		struct cachet_object	object;
		struct cachet_extents	extents;
		struct cachet_content	content;
		u8			bytes[CACHET_RECORD_BYTES];
	} u;

	cachet_json_add_u64(obj, "set", set);
	cachet_json_add_u64(obj, "way", way);
	cachet_json_add_text(obj, "slot", cachet_slot_names[slot]);
	if (slot <= CACHET_SLOT_BAD) {
		if (slot_why)
			cachet_json_add_text(obj, "problem", slot_why);
		return obj;
	}

	memcpy(u.bytes, rec, sizeof(u.bytes));
	/* No default: cachet_record_check() has refused any other kind. */
	switch ((enum cachet_record_kind)u.head.kind) {
	case CACHET_REC_EMPTY:
		return obj;
	case CACHET_REC_OBJECT:
		cachet_json_add_text(obj, "kind", "object");
		break;
	case CACHET_REC_EXTENT:
		cachet_json_add_text(obj, "kind", "extent");
		break;
	case CACHET_REC_CONTENT:
		cachet_json_add_text(obj, "kind", "content");
		break;
	}
	cachet_json_add_u64(obj, "epoch", le64_to_cpu(u.head.epoch));
	add_flags(obj, u.head.flags, flags);
	cachet_json_add_hex(obj, "fp", u.head.fp, sizeof(u.head.fp));
	switch ((enum cachet_record_kind)u.head.kind) {
	case CACHET_REC_EMPTY:
		break;
	case CACHET_REC_OBJECT:
		add_object(obj, &u.object);
		break;
	case CACHET_REC_EXTENT:
		add_extents_rec(obj, &u.extents);
		break;
	case CACHET_REC_CONTENT:
		add_content(obj, &u.content);
		break;
	}
	return obj;
}

/* ---- as text ------------------------------------------------------------ */

/* Lists become {a,b}, objects in them {name=value name=value}. */
static void print_value(FILE *out, struct json_object *value)
{
	size_t i;

	if (json_object_is_type(value, json_type_array)) {
		fputc('{', out);
		for (i = 0; i < json_object_array_length(value); i++) {
			if (i)
				fputc(',', out);
			print_value(out, json_object_array_get_idx(value, i));
		}
		fputc('}', out);
	} else if (json_object_is_type(value, json_type_object)) {
		const char *before = "";

		json_object_object_foreach(value, name, member) {
			fprintf(out, "%s%s=", before, name);
			print_value(out, member);
			before = " ";
		}
	} else {
		const char *text = value ? json_object_get_string(value) : "-";
		const char *quote = strchr(text, ' ') ? "\"" : "";

		fprintf(out, "%s%s%s", quote, text, quote);
	}
}

void item_print_line(FILE *out, const char *what, struct json_object *item)
{
	fputs(what, out);
	json_object_object_foreach(item, name, value) {
		fprintf(out, " %s=", name);
		print_value(out, value);
	}
	fputc('\n', out);
}

void item_print_block(FILE *out, struct json_object *item)
{
	json_object_object_foreach(item, name, value) {
		fprintf(out, "  %-14s ", name);
		print_value(out, value);
		fputc('\n', out);
	}
}
