// SPDX-License-Identifier: GPL-2.0-only
/*
 * common.c - what the subcommands share: options, complaints, the device, output
 *
 * This is the only place that writes to stderr. A complaint says what happened,
 * to what, and what to do; the exit code follows from the error, so that a
 * script can tell "there is no such thing" from "it failed".
 */
#include <stdarg.h>
#include <stdio.h>

#include "cachectl.h"

void options_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	static char name[64];

	snprintf(name, sizeof(name), "cachectl %s", argv[0]);
	argv[0] = name;
	argp_parse(argp, argc, argv, 0, NULL, input);
}

static int exit_code(int err)
{
	switch (-err) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case ENODATA:
	case ENXIO:
	case ENODEV:
		return EXIT_NOT_FOUND;
	default:
		return EXIT_FAILED;
	}
}

/* There may be names in it, which may be of any bytes: none of them commands the terminal. */
static void say(const char *name, const char *prefix, const char *fmt, va_list args)
{
	char *text = NULL, *buf = NULL;
	int len = vasprintf(&text, fmt, args);

	if (len >= 0)
		buf = malloc(4 * (size_t)len + 1);
	fflush(stdout);
	fprintf(stderr, "cachectl %s: %s%s\n", name, prefix,
		buf ? cachet_name_text(text, buf) : strerror(ENOMEM));
	free(buf);
	if (len >= 0)
		free(text);
}

int complain(const char *name, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(name, "", fmt, args);
	va_end(args);
	return exit_code(err);
}

int complain_why(const char *name, int err, const struct cachet_why *why)
{
	return complain(name, err, "%s", why->text);
}

void warn(const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(name, "warning: ", fmt, args);
	va_end(args);
}

int device_open(const char *name, int flags, int *ret_dev)
{
	int err = cachet_device_open(flags, ret_dev);

	switch (-err) {
	case 0:
		return EXIT_OK;
	case ENOENT:
	case ENXIO:
	case ENODEV:
		return complain(name, err, "%s is not there: the module is not loaded, so no cache is attached; 'cachectl attach DIR' loads it",
				CACHET_DEVICE);
	case EACCES:
	case EPERM:
		return complain(name, err, "%s: %s: become root (CAP_SYS_ADMIN in the initial user namespace is needed)",
				CACHET_DEVICE, strerror(-err));
	default:
		return complain(name, err, "%s: %s", CACHET_DEVICE, strerror(-err));
	}
}

int tags_choose(const char *name, const char *tag, struct cachet_tags *ret_tags)
{
	struct cachet_tags tags;
	int err = cachet_tags_read(&tags);

	if (err)
		return complain(name, err, "the attached caches can't be listed: %s",
				strerror(-err));
	if (tag && !cachet_tags_have(&tags, tag)) {
		cachet_tags_free(&tags);
		return complain(name, -ENOENT, "no cache '%s' is attached; 'cachectl status' lists those that are",
				tag);
	}
	if (tag) {
		memset(tags.tag[0], 0, sizeof(tags.tag[0]));
		strcpy(tags.tag[0], tag);
		tags.nr = 1;
	}
	*ret_tags = tags;
	return EXIT_OK;
}

int output_done(const char *name)
{
	if (fflush(stdout) || ferror(stdout))
		return complain(name, -EIO, "the output can't be written: %s", strerror(errno));
	return EXIT_OK;
}

int json_print(const char *name, struct json_object *obj, bool one_line)
{
	const int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		(one_line ? JSON_C_TO_STRING_PLAIN :
			    JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED);

	puts(json_object_to_json_string_ext(obj, flags));
	json_object_put(obj);
	return output_done(name);
}
