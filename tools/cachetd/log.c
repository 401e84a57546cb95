// SPDX-License-Identifier: GPL-2.0-only
/*
 * log.c - lines on stderr, with the priorities that the journal understands
 *
 * systemd connects stderr to the journal and takes "<3>" at the start of a line
 * as its priority; a person at a terminal is spared it.
 */
#include <stdarg.h>
#include <unistd.h>

#include "cachetd.h"

void log_line(const char *level, const char *fmt, ...)
{
	va_list args;

	flockfile(stderr);
	fputs(isatty(STDERR_FILENO) ? "cachetd: " : level, stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	funlockfile(stderr);
}
