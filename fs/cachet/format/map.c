// SPDX-License-Identifier: GPL-2.0-only
/*
 * map.c - the map of one block: which pages are here, and where
 *
 * Shared and pure: see codec.h. Pieces never overlap. They keep their order of
 * arrival, so that a piece that is added changes one record, the last.
 */
#include <linux/errno.h>
#include <linux/string.h>
#include <asm/byteorder.h>
#include "codec.h"

/**
 * cachet_map_find - the piece that holds a page
 * @m: map
 * @off: page in the block
 *
 * Return: the piece, or NULL if the page is absent.
 */
const struct cachet_piece *cachet_map_find(const struct cachet_map *m, u32 off)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (off >= m->piece[i].off && off - m->piece[i].off < m->piece[i].len)
			return &m->piece[i];
	return NULL;
}

/**
 * cachet_map_gap - how far pages are absent
 * @m: map
 * @off: an absent page in the block
 * @end: where to stop looking
 *
 * Return: the first present page from @off on, or @end.
 */
u32 cachet_map_gap(const struct cachet_map *m, u32 off, u32 end)
{
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		if (m->piece[i].off >= off && m->piece[i].off < end)
			end = m->piece[i].off;
	return end;
}

/**
 * cachet_map_pages - pages present
 * @m: map
 */
u32 cachet_map_pages(const struct cachet_map *m)
{
	u32 n = 0;
	unsigned int i;

	for (i = 0; i < m->nr; i++)
		n += m->piece[i].len;
	return n;
}

static void drop(struct cachet_map *m, unsigned int i)
{
	m->nr--;
	memmove(&m->piece[i], &m->piece[i + 1], (m->nr - i) * sizeof(m->piece[0]));
}

/**
 * cachet_map_punch - make pages absent
 * @m: map; no longer SEALED if a page went
 * @off: first page
 * @len: pages
 *
 * Return: 0; -ENOSPC: the hole would split a piece and there is no room for
 * one more: nothing was changed.
 */
int cachet_map_punch(struct cachet_map *m, u32 off, u32 len)
{
	u32 end = off + len;
	unsigned int i = 0;

	for (i = 0; i < m->nr; i++)
		if (m->piece[i].off < off && m->piece[i].off + m->piece[i].len > end &&
		    m->nr == CACHET_MAP_PIECES)
			return -ENOSPC;
	i = 0;
	while (i < m->nr) {
		struct cachet_piece *p = &m->piece[i];
		u32 pend = p->off + p->len;

		if (p->off >= end || pend <= off) {
			i++;
			continue;
		}
		m->flags &= ~(CACHET_REC_SEALED | CACHET_REC_SHARED);
		if (p->off >= off && pend <= end) {
			drop(m, i);
			continue;
		}
		if (p->off < off && pend > end) {
			struct cachet_piece *q = &m->piece[m->nr++];

			*q = *p;
			q->off = end;
			q->page += end - p->off;
			q->len = pend - end;
			p->len = off - p->off;
		} else if (p->off < off) {
			p->len = off - p->off;
		} else {
			p->page += end - p->off;
			p->len = pend - end;
			p->off = end;
		}
		i++;
	}
	return 0;
}

/**
 * cachet_map_insert - make pages present
 * @m: map; no longer SEALED
 * @new: what is where; replaces what was known of these pages
 *
 * Return: 0; -ENOSPC: too many pieces: nothing was changed.
 */
int cachet_map_insert(struct cachet_map *m, const struct cachet_piece *new)
{
	unsigned int i;
	int ret;

	/* A hole takes one piece more at most, the new one another. */
	if (m->nr + 2 > CACHET_MAP_PIECES) {
		bool room = m->nr < CACHET_MAP_PIECES;

		for (i = 0; room && i < m->nr; i++)
			if (m->piece[i].off < new->off + new->len &&
			    m->piece[i].off + m->piece[i].len > new->off)
				room = false;
		if (!room)
			return -ENOSPC;
	}
	ret = cachet_map_punch(m, new->off, new->len);
	if (ret)
		return ret;
	m->flags &= ~(CACHET_REC_SEALED | CACHET_REC_SHARED);
	for (i = 0; i < m->nr; i++) {
		struct cachet_piece *p = &m->piece[i];

		if (p->generation != new->generation)
			continue;
		if (p->off + p->len == new->off && p->page + p->len == new->page) {
			p->len += new->len;
			return 0;
		}
		if (new->off + new->len == p->off && new->page + new->len == p->page) {
			p->off = new->off;
			p->page = new->page;
			p->len += new->len;
			return 0;
		}
	}
	m->piece[m->nr++] = *new;
	return 0;
}

/**
 * cachet_map_parts - how many records a map takes
 * @m: map
 *
 * Return: 0 for an empty map, else 1 to CACHET_MAX_PARTS.
 */
u32 cachet_map_parts(const struct cachet_map *m)
{
	return (m->nr + CACHET_PART_EXTENTS - 1) / CACHET_PART_EXTENTS;
}

/**
 * cachet_piece_encode - write an extent
 * @d: filled in
 * @p: piece
 */
void cachet_piece_encode(struct cachet_extent *d, const struct cachet_piece *p)
{
	d->generation = cpu_to_le64(p->generation);
	d->page = cpu_to_le32(p->page);
	d->off = cpu_to_le16(p->off);
	d->len = cpu_to_le16(p->len);
}

/**
 * cachet_piece_decode - read an extent that cachet_extent_check() accepted
 * @d: as it is on disk
 * @ret: piece
 */
void cachet_piece_decode(const struct cachet_extent *d, struct cachet_piece *ret)
{
	ret->generation = le64_to_cpu(d->generation);
	ret->page = le32_to_cpu(d->page);
	ret->off = le16_to_cpu(d->off);
	ret->len = le16_to_cpu(d->len);
}

/**
 * cachet_map_encode_part - write the map's fields of one EXTENT record
 * @d: flags, nr, part, session, extents and digest are set; the rest is the caller's
 * @m: map; SEALED only with at most CACHET_SEALED_EXTENTS pieces
 * @part: 0 to cachet_map_parts() - 1
 */
void cachet_map_encode_part(struct cachet_extents *d, const struct cachet_map *m, u32 part)
{
	u32 from = part * CACHET_PART_EXTENTS;
	u32 left = m->nr - from;
	u32 nr = left < CACHET_PART_EXTENTS ? left : CACHET_PART_EXTENTS;
	unsigned int i;

	d->rec.flags = m->flags & CACHET_MAP_FLAGS;
	if (left > nr)
		d->rec.flags |= CACHET_REC_MORE;
	d->rec.nr = nr;
	d->rec.part = part;
	d->session = cpu_to_le32(m->flags & CACHET_REC_LOCAL ? m->session : 0);
	for (i = 0; i < nr; i++)
		cachet_piece_encode(&d->extent[i], &m->piece[from + i]);
	if (m->flags & CACHET_REC_SEALED)
		memcpy(d->digest, m->digest, sizeof(d->digest));
}

/**
 * cachet_map_decode_part - add one EXTENT record to a map
 * @m: map, with the parts before this one
 * @d: a record that cachet_record_check() accepted
 *
 * Return: 0; -EBADMSG: pieces overlap, or there are too many: nothing was added.
 */
int cachet_map_decode_part(struct cachet_map *m, const struct cachet_extents *d)
{
	unsigned int i, j, nr = m->nr;

	if (nr + d->rec.nr > CACHET_MAP_PIECES)
		return -EBADMSG;
	for (i = 0; i < d->rec.nr; i++) {
		struct cachet_piece *p = &m->piece[nr + i];

		cachet_piece_decode(&d->extent[i], p);
		for (j = 0; j < nr + i; j++)
			if (m->piece[j].off < p->off + p->len &&
			    p->off < m->piece[j].off + m->piece[j].len)
				return -EBADMSG;
	}
	if (!d->rec.part) {
		m->flags = d->rec.flags & (CACHET_MAP_FLAGS | CACHET_REC_PINNED);
		m->session = le32_to_cpu(d->session);
		if (m->flags & CACHET_REC_SEALED)
			memcpy(m->digest, d->digest, sizeof(m->digest));
	} else if (d->rec.flags & CACHET_REC_LOCAL) {
		m->flags |= CACHET_REC_LOCAL;
		if (le32_to_cpu(d->session) > m->session)
			m->session = le32_to_cpu(d->session);
	}
	m->nr = nr + d->rec.nr;
	return 0;
}
