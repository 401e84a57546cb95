// SPDX-License-Identifier: GPL-2.0-only
/*
 * flip-bits.c - let a file rot
 *
 *   flip-bits FILE EVERY FROM TO SEED
 *
 * Flips one bit, anywhere, in each EVERY bytes of [FROM, TO) of FILE that are not
 * all zero, and says how many. The rest of the file, and its length, stay.
 *
 * It may be a file of an attached cache: bytes come and go by way of a pipe, so that none is
 * copied from or to this program while the file is locked (Documentation/reliability.rst).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int pipe_fd[2];

static int read_at(int fd, unsigned char *bytes, size_t len, unsigned long long pos)
{
	off_t off = (off_t)pos;

	while (len) {
		ssize_t in = splice(fd, &off, pipe_fd[1], NULL, len, 0), n;

		if (in <= 0)
			return -1;
		for (; in; in -= n, bytes += n, len -= (size_t)n) {
			n = read(pipe_fd[0], bytes, (size_t)in);
			if (n <= 0)
				return -1;
		}
	}
	return 0;
}

static int write_byte(int fd, unsigned char byte, unsigned long long pos)
{
	off_t off = (off_t)pos;

	return write(pipe_fd[1], &byte, 1) == 1 &&
	       splice(pipe_fd[0], NULL, fd, &off, 1, 0) == 1 ? 0 : -1;
}

int main(int argc, char **argv)
{
	unsigned long long every, pos, to, flipped = 0;
	unsigned char *bytes;
	unsigned int seed;
	int fd;

	if (argc != 6) {
		fprintf(stderr, "usage: flip-bits FILE EVERY FROM TO SEED\n");
		return 2;
	}
	every = strtoull(argv[2], NULL, 0);
	to = strtoull(argv[4], NULL, 0);
	seed = strtoul(argv[5], NULL, 0);
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	bytes = malloc(every);
	if (fd < 0 || !bytes || pipe(pipe_fd)) {
		perror(argv[1]);
		return 1;
	}
	for (pos = strtoull(argv[3], NULL, 0); pos + every <= to; pos += every) {
		unsigned long long at = (unsigned long long)rand_r(&seed) % every;

		if (read_at(fd, bytes, every, pos))
			break;
		if (!bytes[0] && !memcmp(bytes, bytes + 1, every - 1))
			continue;
		bytes[at] ^= 1 << rand_r(&seed) % 8;
		if (write_byte(fd, bytes[at], pos + at)) {
			perror(argv[1]);
			return 1;
		}
		flipped++;
	}
	if (fsync(fd)) {
		perror(argv[1]);
		return 1;
	}
	printf("%llu\n", flipped);
	return 0;
}
