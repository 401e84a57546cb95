// SPDX-License-Identifier: GPL-2.0-only
/*
 * flip-bits.c - let a file rot
 *
 *   flip-bits FILE EVERY FROM TO SEED
 *
 * Flips one bit, anywhere, in each EVERY bytes of [FROM, TO) of FILE that are not
 * all zero, and says how many. The rest of the file, and its length, stay.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	if (fd < 0 || !bytes) {
		perror(argv[1]);
		return 1;
	}
	for (pos = strtoull(argv[3], NULL, 0); pos + every <= to; pos += every) {
		unsigned long long at = (unsigned long long)rand_r(&seed) % every;

		if (pread(fd, bytes, every, pos) != (ssize_t)every)
			break;
		if (!bytes[0] && !memcmp(bytes, bytes + 1, every - 1))
			continue;
		bytes[at] ^= 1 << rand_r(&seed) % 8;
		if (pwrite(fd, bytes + at, 1, pos + at) != 1) {
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
