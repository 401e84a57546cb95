// SPDX-License-Identifier: GPL-2.0-only
/*
 * readtree.c - read the files of a list once, and say how long that took
 *
 *	readtree LIST
 *
 * LIST has one path a line. Each is opened, read to its end in pieces of 128 KiB
 * and closed, in the order of the list, by one thread. Prints seconds and bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PIECE	(128 << 10)

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	char *line = NULL, *buf = malloc(PIECE);
	char **paths = NULL;
	size_t room = 0, nr = 0, i;
	long long bytes = 0;
	double began;
	ssize_t n;
	FILE *f;
	int fd;

	f = argc == 2 ? fopen(argv[1], "r") : NULL;
	if (!f || !buf) {
		fprintf(stderr, "usage: readtree LIST\n");
		return 2;
	}
	while ((n = getline(&line, &room, f)) > 0) {
		line[n - 1] = 0;
		paths = realloc(paths, (nr + 1) * sizeof(*paths));
		if (!paths)
			return 1;
		paths[nr++] = strdup(line);
	}
	fclose(f);
	began = now();
	for (i = 0; i < nr; i++) {
		fd = open(paths[i], O_RDONLY);
		if (fd < 0) {
			fprintf(stderr, "readtree: %s: %s\n", paths[i], strerror(errno));
			return 1;
		}
		while ((n = read(fd, buf, PIECE)) > 0)
			bytes += n;
		if (n < 0) {
			fprintf(stderr, "readtree: %s: %s\n", paths[i], strerror(errno));
			return 1;
		}
		close(fd);
	}
	printf("%.4f %lld\n", now() - began, bytes);
	return 0;
}
