// SPDX-License-Identifier: GPL-2.0-only
/*
 * json.c - json-c with fewer words, and the texts of bytes, UUIDs and times
 *
 * JSON says numbers as numbers, in the units of the ABI (bytes, pages,
 * seconds): a program should never have to parse "1.5 GiB". Memory that runs
 * out leaves the member away.
 */
#include <ctype.h>
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libcachet.h"

/* RFC 3629. What iconv of glibc lets through besides: code points from 0x110000 on. */
static bool is_utf8(const char *text)
{
	char *from = (char *)text, out[256], *to = out;
	const unsigned char *p;
	size_t left, room = sizeof(out);
	iconv_t cd;
	bool good;

	while (*from && !(*from & 0x80))	/* Most are nothing else */
		from++;
	left = strlen(from);
	if (!left)
		return true;
	for (p = (const unsigned char *)from; *p; p++)
		if (*p > 0xf4 || (*p == 0xf4 && p[1] > 0x8f))
			return false;
	cd = iconv_open("UTF-8", "UTF-8");
	good = cd != (iconv_t)-1;
	while (good && left) {
		good = iconv(cd, &from, &left, &to, &room) != (size_t)-1 || errno == E2BIG;
		to = out;
		room = sizeof(out);
	}
	if (cd != (iconv_t)-1)
		iconv_close(cd);
	return good;
}

static void add(struct json_object *obj, const char *name, struct json_object *value)
{
	if (json_object_object_add(obj, name, value))
		json_object_put(value);
}

void cachet_json_add_u64(struct json_object *obj, const char *name, u64 value)
{
	add(obj, name, json_object_new_uint64(value));
}

/* A negative value says "unknown": null. */
void cachet_json_add_double(struct json_object *obj, const char *name, double value)
{
	add(obj, name, value < 0 ? NULL : json_object_new_double(value));
}

void cachet_json_add_bool(struct json_object *obj, const char *name, bool value)
{
	add(obj, name, json_object_new_boolean(value));
}

void cachet_json_add_text(struct json_object *obj, const char *name, const char *text)
{
	char *plain = NULL;

	/* A name of a file may be any bytes */
	if (!is_utf8(text)) {
		plain = malloc(4 * strlen(text) + 1);
		text = plain ? cachet_plain_text(text, strlen(text), plain) : "?";
	}
	add(obj, name, json_object_new_string(text));
	free(plain);
}

/* Text of unknown origin: JSON must be UTF-8, and it may not be. */
void cachet_json_add_bytes(struct json_object *obj, const char *name,
			   const char *text, size_t len)
{
	char buf[4 * 256 + 1];

	if (len > 256)
		len = 256;
	add(obj, name, json_object_new_string(cachet_plain_text(text, len, buf)));
}

void cachet_json_add_hex(struct json_object *obj, const char *name,
			 const void *bytes, size_t len)
{
	char buf[2 * 256 + 1];

	if (len > 256)
		len = 256;
	cachet_hex_text(bytes, len, buf);
	add(obj, name, json_object_new_string(buf));
}

void cachet_json_add_uuid(struct json_object *obj, const char *name, const u8 uuid[16])
{
	char buf[CACHET_UUID_TEXT_BYTES];

	add(obj, name, json_object_new_string(cachet_uuid_text(uuid, buf)));
}

/* Seconds since 1970, as the formats have it; 0 is "never": null. */
void cachet_json_add_time(struct json_object *obj, const char *name, u64 seconds)
{
	add(obj, name, seconds ? json_object_new_uint64(seconds) : NULL);
}

void cachet_hex_text(const void *bytes, size_t len, char *buf)
{
	static const char digits[] = "0123456789abcdef";
	const u8 *p = bytes;
	size_t i;

	for (i = 0; i < len; i++) {
		buf[2 * i] = digits[p[i] >> 4];
		buf[2 * i + 1] = digits[p[i] & 15];
	}
	buf[2 * len] = 0;
}

const char *cachet_uuid_text(const u8 uuid[16], char buf[CACHET_UUID_TEXT_BYTES])
{
	char *p = buf;
	int i;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		cachet_hex_text(&uuid[i], 1, p);
		p += 2;
	}
	return buf;
}

/* Local time; "-" for 0. */
const char *cachet_time_text(u64 seconds, char buf[CACHET_TIME_TEXT_BYTES])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	if (!seconds || !localtime_r(&t, &tm) ||
	    !strftime(buf, CACHET_TIME_TEXT_BYTES, "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(buf, "-");
	return buf;
}

const char *cachet_name_text(const char *name, char *buf)
{
	const unsigned char *p;

	for (p = (const unsigned char *)name; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return cachet_plain_text(name, strlen(name), buf);
	return is_utf8(name) ? name : cachet_plain_text(name, strlen(name), buf);
}

const char *cachet_plain_text(const char *text, size_t len, char *buf)
{
	char *p = buf;
	size_t i;

	for (i = 0; i < len && text[i]; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c >= 0x20 && c < 0x7f && c != '\\')
			*p++ = text[i];
		else
			p += sprintf(p, "\\x%02x", c);
	}
	*p = 0;
	return buf;
}
