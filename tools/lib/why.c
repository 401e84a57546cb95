// SPDX-License-Identifier: GPL-2.0-only
/*
 * why.c - the reason of a failure, in words
 *
 * The library does not print: it hands the sentence to its caller, who knows
 * whether it goes to a terminal, to the journal or into JSON. A sentence that
 * does not fit is cut.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libcachet.h"

int cachet_why_set(struct cachet_why *why, int error, const char *fmt, ...)
{
	va_list args;

	if (!why)
		return error;
	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return error;
}

/* The same, appended to what stands there. */
int cachet_why_add(struct cachet_why *why, int error, const char *fmt, ...)
{
	va_list args;
	size_t len;

	if (!why)
		return error;
	len = strnlen(why->text, sizeof(why->text) - 1);
	va_start(args, fmt);
	vsnprintf(why->text + len, sizeof(why->text) - len, fmt, args);
	va_end(args);
	return error;
}
