// SPDX-License-Identifier: GPL-2.0-only
/*
 * show-by.c - what a file holds for who does not call read(2)
 *
 *   show-by sendfile|mmap BYTES <FILE >COPY
 *
 * So many bytes from the start, whatever the offset is, or fewer if there are. The number is
 * not asked for: fstat(2) would have a network filesystem ask the server about the file.
 * Exit: 0; 1 with an error on standard error.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

static int failed(const char *what)
{
	fprintf(stderr, "show-by: %s: %s\n", what, strerrorname_np(errno));
	return 1;
}

static int by_sendfile(off_t size)
{
	off_t at = 0;
	ssize_t n;

	while (at < size) {
		n = sendfile(STDOUT_FILENO, STDIN_FILENO, &at, size - at);
		if (n < 0)
			return failed("sendfile");
		if (!n)
			break;
	}
	return 0;
}

static int by_mmap(off_t size)
{
	char *map = mmap(NULL, size, PROT_READ, MAP_SHARED, STDIN_FILENO, 0);
	ssize_t n;
	off_t at;

	if (map == MAP_FAILED)
		return failed("mmap");
	for (at = 0; at < size; at += n) {
		n = write(STDOUT_FILENO, map + at, size - at);
		if (n < 0)
			return failed("write");
	}
	return 0;
}

int main(int argc, char **argv)
{
	long long bytes = argc == 3 ? atoll(argv[2]) : 0;

	if (bytes <= 0 || (strcmp(argv[1], "sendfile") && strcmp(argv[1], "mmap"))) {
		fprintf(stderr, "usage: show-by sendfile|mmap BYTES <FILE >COPY\n");
		return 2;
	}
	return argv[1][0] == 's' ? by_sendfile(bytes) : by_mmap(bytes);
}
