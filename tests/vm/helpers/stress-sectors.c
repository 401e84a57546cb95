// SPDX-License-Identifier: GPL-2.0-only
/*
 * stress-sectors.c - sectors that say what they are, and which of them may be seen
 *
 * See stress.h. All of it works without locks, beside writers and readers of other
 * processes: a writer tells that it begins before it writes, and that it is done after
 * it; a reader looks at what is done before it reads, and at what is begun after it.
 */
#include <stdio.h>
#include <string.h>

#include "stress.h"

uint64_t content_seed;

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

static uint64_t sector_hash(uint32_t pair, uint32_t sector, uint32_t version)
{
	return mix(mix(content_seed + pair) + ((uint64_t)sector << 32 | version));
}

/* Version 0 is zeros. */
static uint64_t word_of(uint64_t hash, unsigned int i, uint32_t version)
{
	uint64_t x;

	if (!version)
		return 0;
	x = (hash + i) * 0x9e3779b97f4a7c15ull;
	return (uint64_t)version << 32 | x >> 32;
}

/* A writer begins to change sectors; the version of what it writes. */
uint32_t sectors_begin(struct file *f, uint32_t from, uint32_t to, enum change change)
{
	uint32_t v = ++f->version, i;

	for (i = from; i < to; i++) {
		struct sector *s = &f->sectors[i];

		/* Before `begun`: who sees that sees these. */
		if (change == ZERO)
			atomic_store(&s->zero, v);
		if (change == ABSENT)
			atomic_store(&s->absent, v);
		atomic_store(&s->begun, v);
	}
	return v;
}

/* From now on everybody must see it, or a later one. */
void sectors_end(struct file *f, uint32_t from, uint32_t to, uint32_t version)
{
	uint32_t i;

	for (i = from; i < to; i++)
		atomic_store(&f->sectors[i].done, version);
}

void sectors_fill(const struct file *f, void *buf, uint32_t from, uint32_t to, uint32_t version)
{
	uint64_t *word = buf;
	uint32_t s;
	unsigned int i;

	for (s = from; s < to; s++) {
		uint64_t hash = sector_hash(f->pair, s, version);

		for (i = 0; i < WORDS; i++)
			*word++ = word_of(hash, i, version);
	}
}

/* Whoever looks from now on must see at least this. */
void sectors_note(const struct look *look, uint32_t from, uint32_t to)
{
	uint32_t i;

	for (i = from; i < to; i++)
		look->from[i] = atomic_load(&look->f->sectors[i].done);
}

static bool may_be_seen(const struct look *look, uint32_t s, uint32_t version)
{
	struct sector *sector = &look->f->sectors[s];
	uint32_t from = look->from[s];

	if (version)
		return version >= from && version <= atomic_load(&sector->begun);
	/*
	 * Also what is behind the end: a page that was read up to there is zeros from
	 * there on, and the file may grow while it is looked at.
	 */
	return atomic_load(&sector->zero) >= from || atomic_load(&sector->absent) >= from;
}

static bool tell(const struct look *look, uint32_t s, unsigned int word, uint64_t found,
		 bool missing, struct wrong *ret)
{
	const struct sector *sector = &look->f->sectors[s];

	*ret = (struct wrong) {
		.sector	= s,
		.word	= word,
		.found	= found,
		.from	= look->from[s],
		.begun	= atomic_load(&sector->begun),
		.done	= atomic_load(&sector->done),
		.zero	= atomic_load(&sector->zero),
		.absent	= atomic_load(&sector->absent),
		.missing = missing,
	};
	return false;
}

enum { MAX_MIXED = 8 };

/* Is each byte of a word that of one of these versions? */
static bool torn_word(uint64_t found, const uint64_t *words, unsigned int nr)
{
	unsigned int byte, i;

	for (byte = 0; byte < 64; byte += 8) {
		for (i = 0; i < nr; i++)
			if (!((found ^ words[i]) >> byte & 0xff))
				break;
		if (i == nr)
			return false;
	}
	return nr > 1;
}

/*
 * Words of several versions, all of which may be seen: read while it was written. A server
 * sends its pages as they are by then; stores to a mapping come one by one, and a processor
 * that is emulated copies byte by byte.
 */
static bool check_mixed(const struct look *look, uint32_t s, unsigned int first,
			unsigned int end, const uint64_t *word, struct wrong *ret)
{
	uint32_t seen[MAX_MIXED], version;
	uint64_t words[MAX_MIXED];
	bool is_torn[WORDS] = {};
	unsigned int i, k, nr = 0;

	for (i = first; i < end; i++) {
		version = word[i - first] >> 32;
		if (word[i - first] != word_of(sector_hash(look->f->pair, s, version), i, version) ||
		    !may_be_seen(look, s, version)) {
			is_torn[i] = true;
			continue;
		}
		for (k = 0; k < nr && seen[k] != version; k++)
			;
		if (k == nr && nr < MAX_MIXED)
			seen[nr++] = version;
	}
	/* The one word that was looked at may be the torn one. */
	for (version = look->from[s]; version <= atomic_load(&look->f->sectors[s].begun); version++) {
		for (k = 0; k < nr && seen[k] != version; k++)
			;
		if (k == nr && nr < MAX_MIXED)
			seen[nr++] = version;
	}
	for (i = first; i < end; i++) {
		if (!is_torn[i])
			continue;
		for (k = 0; k < nr; k++)
			words[k] = word_of(sector_hash(look->f->pair, s, seen[k]), i, seen[k]);
		if (!torn_word(word[i - first], words, nr))
			return tell(look, s, i, word[i - first], false, ret);
	}
	return true;
}

/*
 * Are these bytes such as may be seen? They are at @at in the file; @buf lies in memory as
 * they do in their words. Words that are not here as a whole are not looked at.
 */
bool sectors_check(const struct look *look, uint64_t at, size_t len, const void *buf,
		   struct wrong *ret)
{
	uint64_t w = (at + 7) / 8, end = (at + len) / 8;
	const uint64_t *word = (const uint64_t *)((const char *)buf + (w * 8 - at));

	while (w < end) {
		uint32_t s = w / WORDS, version = *word >> 32;
		unsigned int first = w % WORDS, i;
		unsigned int stop = end - w < WORDS - first ? first + (end - w) : WORDS;
		uint64_t hash = sector_hash(look->f->pair, s, version);

		for (i = first; i < stop; i++)
			if (word[i - first] != word_of(hash, i, version))
				break;
		if (i < stop) {
			if (!check_mixed(look, s, first, stop, word, ret))
				return false;
		} else if (!may_be_seen(look, s, version)) {
			return tell(look, s, first, *word, false, ret);
		}
		word += stop - first;
		w += stop - first;
	}
	return true;
}

/* The file was seen to end at @end, which may lie in a sector: may it, as far as @to? */
bool sectors_check_end(const struct look *look, uint64_t end, uint64_t to, struct wrong *ret)
{
	uint32_t s;

	for (s = end / SECTOR; s < (to + SECTOR - 1) / SECTOR; s++)
		if (atomic_load(&look->f->sectors[s].absent) < look->from[s])
			return tell(look, s, end % SECTOR / 8, 0, true, ret);
	return true;
}

/* In words; whose bytes they are, if they are any file's. */
void sectors_explain(const struct file *files, unsigned int nr, const struct file *f,
		     const struct wrong *w, char *text, size_t bytes)
{
	uint32_t version = w->found >> 32, s;
	char what[200];
	unsigned int i;

	if (w->missing)
		snprintf(what, sizeof(what), "the file ends there");
	else if (!w->found)
		snprintf(what, sizeof(what), "zeros");
	else if (w->found == word_of(sector_hash(f->pair, w->sector, version), w->word, version))
		snprintf(what, sizeof(what), "its version %u, %s", version,
			 version < w->from ? "an OLD one" : "one that was not written yet");
	else
		snprintf(what, sizeof(what), "%016llx, torn, or nobody's",
			 (unsigned long long)w->found);
	for (i = 0; i < nr && w->found && !w->missing; i++) {
		for (s = 0; s < files[i].max; s++) {
			if ((files[i].pair == f->pair && s == w->sector) ||
			    w->found != word_of(sector_hash(files[i].pair, s, version),
						w->word, version))
				continue;
			snprintf(what, sizeof(what), "version %u of sector %u of %s", version, s,
				 files[i].path);
		}
	}
	snprintf(text, bytes,
		 "%s, sector %u (byte %llu), word %u: %s; may be versions %u to %u "
		 "(now done %u, last zeros %u, last behind the end %u)",
		 f->path, w->sector, (unsigned long long)w->sector * SECTOR, w->word, what,
		 w->from, w->begun, w->done, w->zero, w->absent);
}
