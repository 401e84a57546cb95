// SPDX-License-Identifier: GPL-2.0-only
/*
 * progress.c - a bar on a terminal
 *
 * Draws on the stream that the caller named, and only if that is a terminal:
 * a log file or a pipe gets nothing. The bar appears after half a second, so
 * that short work stays quiet, and is removed at the end.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "libcachet.h"

enum {
	FIRST_MS	= 500,
	REDRAW_MS	= 200,
	BAR_MIN		= 10,	/* Columns */
	BAR_MAX		= 50,
	TEXT_COLUMNS	= 26,	/* " 100%  eta 00:00:00" and the brackets */
};

static long elapsed_ms(const struct timespec *since, const struct timespec *now)
{
	return (now->tv_sec - since->tv_sec) * 1000 + (now->tv_nsec - since->tv_nsec) / 1000000;
}

static int bar_columns(const struct cachet_progress *p)
{
	struct winsize size = {};
	int columns = 80;

	if (!ioctl(fileno(p->out), TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	columns -= (int)strlen(p->what) + TEXT_COLUMNS + (p->note ? (int)strlen(p->note) + 2 : 0);
	if (columns < BAR_MIN)
		return BAR_MIN;
	return columns > BAR_MAX ? BAR_MAX : columns;
}

void cachet_progress_begin(struct cachet_progress *p, FILE *out,
			   const char *what, u64 total)
{
	*p = (struct cachet_progress){ .what = what, .total = total };
	if (out && isatty(fileno(out)))
		p->out = out;
	clock_gettime(CLOCK_MONOTONIC, &p->start);
	p->drawn = p->start;
}

static void draw_bar(const struct cachet_progress *p, long ms)
{
	double part = (double)p->done / (double)p->total;
	int columns = bar_columns(p), full, i;

	if (part > 1)
		part = 1;
	full = (int)(part * columns);
	fputs(" [", p->out);
	for (i = 0; i < columns; i++)
		fputc(i < full ? '#' : '.', p->out);
	fprintf(p->out, "] %3d%%", (int)(part * 100));
	if (part > 0.01) {
		long left = (long)((double)ms * (1 - part) / part / 1000);

		fprintf(p->out, "  eta %ld:%02ld", left / 60, left % 60);
	}
}

void cachet_progress_update(struct cachet_progress *p, u64 done)
{
	struct timespec now;

	if (!p || !p->out)
		return;
	p->done = done;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (elapsed_ms(&p->drawn, &now) < (p->visible ? REDRAW_MS : FIRST_MS))
		return;
	p->drawn = now;
	p->visible = true;

	fprintf(p->out, "\r%s", p->what);
	if (p->total)
		draw_bar(p, elapsed_ms(&p->start, &now));
	if (p->note)
		fprintf(p->out, "  %s", p->note);
	fputs("\033[K", p->out);
	fflush(p->out);
}

void cachet_progress_end(struct cachet_progress *p)
{
	if (!p || !p->out || !p->visible)
		return;
	fputs("\r\033[K", p->out);
	fflush(p->out);
	p->visible = false;
}
