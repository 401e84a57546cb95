// SPDX-License-Identifier: GPL-2.0-only
/*
 * size.c - numbers that people write and read
 *
 * Sizes have binary suffixes: K, M, G and T, also written KiB and so on; a
 * fraction is accepted where it makes whole bytes ("1.5G"). Nothing is rounded
 * or guessed: what is not understood is -EINVAL, what does not fit -ERANGE.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libcachet.h"

/* Digits only: strtoull() alone would accept signs, blanks and nothing. */
static int number_parse(const char **pos, u64 *ret)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)**pos))
		return -EINVAL;
	errno = 0;
	value = strtoull(*pos, &end, 10);
	if (errno)
		return -ERANGE;
	*pos = end;
	*ret = value;
	return 0;
}

static int suffix_parse(const char *text, unsigned int *ret_shift)
{
	static const char letters[] = "KMGTP";
	const char *letter;

	*ret_shift = 0;
	if (!*text || !strcmp(text, "B"))
		return 0;
	letter = strchr(letters, toupper((unsigned char)*text));
	if (!letter)
		return -EINVAL;
	text++;
	if (*text && strcasecmp(text, "iB"))
		return -EINVAL;
	*ret_shift = 10 * (unsigned int)(letter - letters + 1);
	return 0;
}

int cachet_size_parse(const char *text, u64 *ret_bytes)
{
	u64 whole, fraction = 0, scale = 1;
	const char *pos = text;
	unsigned int shift;
	int err;

	err = number_parse(&pos, &whole);
	if (err)
		return err;
	if (*pos == '.') {
		const char *digits = ++pos;

		err = number_parse(&pos, &fraction);
		if (err)
			return err;
		/* Three digits: 999 << 50 still fits in 64 bits */
		if (pos - digits > 3)
			return -EINVAL;
		for (; digits < pos; digits++)
			scale *= 10;
	}
	err = suffix_parse(pos, &shift);
	if (err)
		return err;
	if (whole > (UINT64_MAX >> shift) - 1)
		return -ERANGE;
	if ((fraction << shift) % scale)
		return -EINVAL;
	*ret_bytes = (whole << shift) + (fraction << shift) / scale;
	return 0;
}

int cachet_size_parse_percent(const char *text, struct cachet_size *ret_size)
{
	struct cachet_size size = {};
	const char *pos = text;
	u64 percent;
	int err;

	if (!strchr(text, '%')) {
		err = cachet_size_parse(text, &size.bytes);
		if (!err && !size.bytes)
			err = -EINVAL;
	} else {
		err = number_parse(&pos, &percent);
		if (!err && (strcmp(pos, "%") || !percent || percent > 100))
			err = -EINVAL;
		if (!err)
			size.percent = (u32)percent;
	}
	if (!err)
		*ret_size = size;
	return err;
}

/* Milliseconds, or with a suffix: 500ms, 5s, 2min. */
int cachet_size_parse_ms(const char *text, u32 *ret_ms)
{
	const char *pos = text;
	u64 value, unit;
	int err;

	err = number_parse(&pos, &value);
	if (err)
		return err;
	if (!*pos || !strcmp(pos, "ms"))
		unit = 1;
	else if (!strcmp(pos, "s"))
		unit = 1000;
	else if (!strcmp(pos, "min"))
		unit = 60000;
	else
		return -EINVAL;
	if (value > UINT32_MAX / unit)
		return -ERANGE;
	*ret_ms = (u32)(value * unit);
	return 0;
}

int cachet_size_parse_bool(const char *text, bool *ret_value)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcasecmp(text, yes[i])) {
			*ret_value = true;
			return 0;
		}
		if (!strcasecmp(text, no[i])) {
			*ret_value = false;
			return 0;
		}
	}
	return -EINVAL;
}

const char *cachet_size_text(u64 bytes, char buf[CACHET_SIZE_TEXT_BYTES])
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes;
	unsigned int unit = 0;

	/* 1023.95 would be printed as 1024.0 */
	while (value >= 1023.95 && unit < 6) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, CACHET_SIZE_TEXT_BYTES, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return buf;
}
