// SPDX-License-Identifier: GPL-2.0-only
/*
 * super-edit.c - change a field of a cache's super, with a right checksum
 *
 *   super-edit SUPER COPY FIELD VALUE      COPY: 0, 1 or both
 *
 * For tests of what the module and the tools refuse. Compiled in the guest, with
 * the format's own header and the tools' crc32c.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/crc32c.h>
#include "cachet_format.h"

#define FIELD(name) { #name, offsetof(struct cachet_super, name), \
		      sizeof(((struct cachet_super *)0)->name) }

static const struct {
	const char *name;
	size_t offset, size;
} fields[] = {
	FIELD(version), FIELD(compat), FIELD(ro_compat), FIELD(incompat), FIELD(flags),
	FIELD(uuid), FIELD(tag), FIELD(epoch), FIELD(next_volume), FIELD(nr_segments),
	FIELD(nr_sets), FIELD(nr_volumes), FIELD(segment_shift), FIELD(block_shift),
	FIELD(digest), FIELD(nr_lost), FIELD(lost), FIELD(reserved),
};

static int edit(int fd, int copy, size_t field, unsigned long long value)
{
	const size_t from = offsetof(struct cachet_super, version);
	struct cachet_super s;
	unsigned char *at = (unsigned char *)&s + fields[field].offset;
	off_t pos = (off_t)copy * CACHET_SUPER_STRIDE;
	unsigned int crc;
	size_t i;

	if (pread(fd, &s, sizeof(s), pos) != sizeof(s))
		return -1;
	/* Little-endian, as all of it */
	for (i = 0; i < fields[field].size && i < sizeof(value); i++)
		at[i] = (unsigned char)(value >> 8 * i);
	crc = crc32c(~0u, (unsigned char *)&s + from, sizeof(s) - from);
	for (i = 0; i < sizeof(s.crc); i++)
		((unsigned char *)&s.crc)[i] = (unsigned char)(crc >> 8 * i);
	return pwrite(fd, &s, sizeof(s), pos) == sizeof(s) ? 0 : -1;
}

int main(int argc, char **argv)
{
	size_t field;
	int fd, copy;

	if (argc != 5) {
		fprintf(stderr, "usage: super-edit SUPER 0|1|both FIELD VALUE\n");
		return 2;
	}
	for (field = 0; field < sizeof(fields) / sizeof(fields[0]); field++)
		if (!strcmp(argv[3], fields[field].name))
			break;
	if (field == sizeof(fields) / sizeof(fields[0])) {
		fprintf(stderr, "super-edit: no field %s\n", argv[3]);
		return 2;
	}
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	for (copy = 0; copy < 2; copy++) {
		if (strcmp(argv[2], "both") && atoi(argv[2]) != copy)
			continue;
		if (fd < 0 || edit(fd, copy, field, strtoull(argv[4], NULL, 0))) {
			perror(argv[1]);
			return 1;
		}
	}
	return fsync(fd) ? 1 : 0;
}
