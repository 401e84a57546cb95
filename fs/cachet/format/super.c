// SPDX-License-Identifier: GPL-2.0-only
/*
 * super.c - the super sector, and the pages that tie index and data to it
 *
 * Shared and pure: see codec.h. Only a cache whose two copies of super both
 * fail here can't be attached: everything else is rebuilt or missed.
 */
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/crc32c.h>
#include <asm/byteorder.h>
#include "codec.h"

static u32 super_crc(const struct cachet_super *d)
{
	const size_t from = offsetof(struct cachet_super, version);

	return crc32c(~0u, (const u8 *)d + from, sizeof(*d) - from);
}

static bool all_zero(const void *p, size_t n)
{
	const u8 *b = p;

	while (n--)
		if (*b++)
			return false;
	return true;
}

/**
 * cachet_tag_valid - may this be the name of a cache?
 * @tag: NUL-terminated
 *
 * 1 to 31 of the characters [A-Za-z0-9._-], not '.' first: it becomes the name
 * of a directory in sysfs and an argument on command lines.
 */
bool cachet_tag_valid(const char *tag)
{
	size_t n = 0;

	if (tag[0] == '.' || tag[0] == '-')
		return false;
	for (; tag[n]; n++) {
		char c = tag[n];

		if (n == CACHET_TAG_BYTES - 1)
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		      (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-'))
			return false;
	}
	return n > 0;
}

/**
 * cachet_super_encode - write a super sector
 * @d: filled in whole
 * @s: valid contents
 */
void cachet_super_encode(struct cachet_super *d, const struct cachet_super_info *s)
{
	unsigned int i;

	memset(d, 0, sizeof(*d));
	memcpy(d->magic, CACHET_SUPER_MAGIC, sizeof(d->magic));
	d->version = cpu_to_le32(CACHET_FORMAT_VERSION);
	d->compat = cpu_to_le32(s->compat);
	d->ro_compat = cpu_to_le32(s->ro_compat);
	d->incompat = cpu_to_le32(s->incompat);
	d->flags = cpu_to_le32(s->flags);
	memcpy(d->uuid, s->uuid, sizeof(d->uuid));
	memcpy(d->tag, s->tag, strlen(s->tag));
	d->epoch = cpu_to_le64(s->epoch);
	d->created = cpu_to_le64(s->created);
	d->written = cpu_to_le64(s->written);
	d->next_volume = cpu_to_le64(s->next_volume);
	d->nr_segments = cpu_to_le32(s->geo.nr_segments);
	d->nr_sets = cpu_to_le32(s->geo.nr_sets);
	d->nr_volumes = cpu_to_le32(s->geo.nr_volumes);
	d->segment_shift = s->geo.segment_shift;
	d->block_shift = s->geo.block_shift;
	d->digest = CACHET_DIGEST_SHA256;
	d->nr_lost = s->nr_lost;
	for (i = 0; i < s->nr_lost; i++) {
		d->lost[i].first = cpu_to_le64(s->lost[i].first);
		d->lost[i].last = cpu_to_le64(s->lost[i].last);
	}
	d->crc = cpu_to_le32(super_crc(d));
}

/**
 * cachet_super_decode - read and check a super sector
 * @d: as it is on disk
 * @ret: the contents
 * @ret_why: on failure, what is wrong
 *
 * Return: 0; -ENODATA: no super of ours; -EBADMSG: damaged; -EPROTONOSUPPORT:
 * another format version; -EOPNOTSUPP: unknown ro_compat or incompat features;
 * -EINVAL: whole, but the contents make no sense.
 */
int cachet_super_decode(const struct cachet_super *d, struct cachet_super_info *ret,
			const char **ret_why)
{
	struct cachet_super_info s = {};
	unsigned int i;

	if (memcmp(d->magic, CACHET_SUPER_MAGIC, sizeof(d->magic))) {
		*ret_why = "no Cachet super (wrong magic)";
		return -ENODATA;
	}
	if (le32_to_cpu(d->crc) != super_crc(d)) {
		*ret_why = "super is damaged (checksum)";
		return -EBADMSG;
	}
	if (le32_to_cpu(d->version) != CACHET_FORMAT_VERSION) {
		*ret_why = "format version not supported";
		return -EPROTONOSUPPORT;
	}
	s.compat = le32_to_cpu(d->compat);
	s.ro_compat = le32_to_cpu(d->ro_compat);
	s.incompat = le32_to_cpu(d->incompat);
	/* None is defined yet. */
	if (s.incompat || s.ro_compat) {
		*ret_why = "unknown incompatible feature bit";
		return -EOPNOTSUPP;
	}
	*ret_why = "super is inconsistent";
	s.flags = le32_to_cpu(d->flags);
	if (s.flags & ~CACHET_SUPER_CLEAN)
		return -EINVAL;
	memcpy(s.uuid, d->uuid, sizeof(s.uuid));
	memcpy(s.tag, d->tag, sizeof(s.tag));
	if (s.tag[CACHET_TAG_BYTES - 1] || !cachet_tag_valid(s.tag))
		return -EINVAL;
	s.epoch = le64_to_cpu(d->epoch);
	s.created = le64_to_cpu(d->created);
	s.written = le64_to_cpu(d->written);
	s.next_volume = le64_to_cpu(d->next_volume);
	/* 2^40 commits at one a second are 35,000 years. */
	if (!s.epoch || s.epoch >> 40 || !s.next_volume || s.next_volume >> 32)
		return -EINVAL;
	s.geo.nr_segments = le32_to_cpu(d->nr_segments);
	s.geo.nr_sets = le32_to_cpu(d->nr_sets);
	s.geo.nr_volumes = le32_to_cpu(d->nr_volumes);
	s.geo.segment_shift = d->segment_shift;
	s.geo.block_shift = d->block_shift;
	if (cachet_geometry_fill(&s.geo) || d->digest != CACHET_DIGEST_SHA256 ||
	    d->nr_lost > CACHET_NR_LOST || !all_zero(d->reserved, sizeof(d->reserved)))
		return -EINVAL;
	s.nr_lost = d->nr_lost;
	for (i = 0; i < s.nr_lost; i++) {
		s.lost[i].first = le64_to_cpu(d->lost[i].first);
		s.lost[i].last = le64_to_cpu(d->lost[i].last);
		if (s.lost[i].first > s.lost[i].last || s.lost[i].last >= s.epoch ||
		    (i && s.lost[i].first <= s.lost[i - 1].last))
			return -EINVAL;
	}
	*ret = s;
	*ret_why = NULL;
	return 0;
}

/**
 * cachet_super_choose - the newer good one of the two copies
 * @a: first copy
 * @b: second copy
 * @ret: its contents
 * @ret_why: what is wrong with a copy, even on success; or NULL
 *
 * Return: 0 if one is good, else the error of the copy that says more: a copy
 * that is whole but not for us (-EOPNOTSUPP, -EPROTONOSUPPORT) forbids to fall
 * back on an older one.
 */
int cachet_super_choose(const struct cachet_super *a, const struct cachet_super *b,
			struct cachet_super_info *ret, const char **ret_why)
{
	struct cachet_super_info sa, sb;
	const char *wa = NULL, *wb = NULL;
	int ea = cachet_super_decode(a, &sa, &wa);
	int eb = cachet_super_decode(b, &sb, &wb);

	*ret_why = ea ? wa : wb;
	if (ea == -EOPNOTSUPP || ea == -EPROTONOSUPPORT)
		return ea;
	if (eb == -EOPNOTSUPP || eb == -EPROTONOSUPPORT) {
		*ret_why = wb;
		return eb;
	}
	if (ea && eb) {
		if (ea == -ENODATA) {
			*ret_why = wb;
			return eb;
		}
		return ea;
	}
	if (!ea && !eb && memcmp(sa.uuid, sb.uuid, sizeof(sa.uuid))) {
		*ret_why = "the copies of super are of different caches";
		return -EINVAL;
	}
	*ret = eb || (!ea && sa.epoch > sb.epoch) ? sa : sb;
	return 0;
}

/**
 * cachet_epoch_lost - was this epoch left uncommitted by a crash?
 * @s: super
 * @epoch: any number
 */
bool cachet_epoch_lost(const struct cachet_super_info *s, u64 epoch)
{
	unsigned int i;

	for (i = 0; i < s->nr_lost; i++)
		if (epoch >= s->lost[i].first && epoch <= s->lost[i].last)
			return true;
	return false;
}

/* The committed epochs before a range of lost ones: how many, and how long ago they ended. */
struct kept {
	u64	nr;
	u64	age;
};

static struct kept kept_before(const struct cachet_super_info *s, unsigned int nr, u64 first,
			       u64 now)
{
	return (struct kept){ .nr = first - s->lost[nr - 1].last, .age = now - first + 1 };
}

/* Is @a worth less? Few epochs are, and old ones: most of what they wrote is gone by now. */
static bool worth_less(struct kept a, struct kept b)
{
	while ((a.nr | a.age | b.nr | b.age) >> 32) {
		a.nr >>= 1;
		a.age >>= 1;
		b.nr >>= 1;
		b.age >>= 1;
	}
	return a.nr * b.age < b.nr * a.age;
}

/**
 * cachet_super_lose - note a range of lost epochs
 * @s: super; its epoch must be set beyond @last afterwards
 * @first: first lost epoch, greater than all those noted before
 * @last: last lost epoch
 *
 * A crash before the first commit of an attach adds to the range of the one before it: nothing
 * was written in the epochs between them, which are those of the two copies of super.
 *
 * When the table is full two ranges become one, with the committed epochs between them: what was
 * written in those becomes suspect, which is safe. They are those with the fewest epochs between
 * them, for their age. So what crashes again and again costs what was cached in between, and
 * where crashes are rare the oldest go first.
 *
 * Return: 0, or -EINVAL if the range is out of order.
 */
int cachet_super_lose(struct cachet_super_info *s, u64 first, u64 last)
{
	unsigned int n = s->nr_lost, i, at = 1;
	struct kept least, one;

	if (first > last || (n && first <= s->lost[n - 1].last))
		return -EINVAL;
	/* Between them are only those that two copies of super said the last ones in. */
	if (n && first - s->lost[n - 1].last <= 3) {
		s->lost[n - 1].last = last;
		return 0;
	}
	if (n == CACHET_NR_LOST) {
		least = kept_before(s, 1, s->lost[1].first, last);
		for (i = 2; i <= n; i++) {
			one = kept_before(s, i, i < n ? s->lost[i].first : first, last);
			if (worth_less(one, least)) {
				least = one;
				at = i;
			}
		}
		if (at == n) {
			s->lost[n - 1].last = last;
			return 0;
		}
		s->lost[at - 1].last = s->lost[at].last;
		memmove(&s->lost[at], &s->lost[at + 1], (n - 1 - at) * sizeof(s->lost[0]));
		n--;
	}
	s->lost[n].first = first;
	s->lost[n].last = last;
	s->nr_lost = n + 1;
	return 0;
}

static u32 file_id_crc(const struct cachet_file_id *d, u64 pos)
{
	const size_t from = offsetof(struct cachet_file_id, uuid);
	__le64 where = cpu_to_le64(pos);

	return crc32c(crc32c(~0u, &where, sizeof(where)),
		      (const u8 *)d + from, sizeof(*d) - from);
}

/**
 * cachet_file_id_encode - write the page head that names the cache of a file
 * @d: filled in whole
 * @magic: CACHET_INDEX_MAGIC or CACHET_DATA_MAGIC
 * @uuid: the cache's
 * @pos: byte offset in the file
 */
void cachet_file_id_encode(struct cachet_file_id *d, const char magic[8],
			   const u8 uuid[CACHET_UUID_BYTES], u64 pos)
{
	memset(d, 0, sizeof(*d));
	memcpy(d->magic, magic, sizeof(d->magic));
	memcpy(d->uuid, uuid, sizeof(d->uuid));
	d->crc = cpu_to_le32(file_id_crc(d, pos));
}

/**
 * cachet_file_id_check - does this file belong to this cache?
 * @d: as it is on disk
 * @magic: CACHET_INDEX_MAGIC or CACHET_DATA_MAGIC
 * @uuid: the cache's
 * @pos: byte offset in the file
 *
 * Return: 0; -EBADMSG: damaged, or not such a file; -EMEDIUMTYPE: of another cache.
 */
int cachet_file_id_check(const struct cachet_file_id *d, const char magic[8],
			 const u8 uuid[CACHET_UUID_BYTES], u64 pos)
{
	if (memcmp(d->magic, magic, sizeof(d->magic)) ||
	    le32_to_cpu(d->crc) != file_id_crc(d, pos) || d->reserved0 ||
	    !all_zero(d->reserved, sizeof(d->reserved)))
		return -EBADMSG;
	return memcmp(d->uuid, uuid, sizeof(d->uuid)) ? -EMEDIUMTYPE : 0;
}
