// SPDX-License-Identifier: GPL-2.0-only
/*
 * damage.c - do to the files of a detached cache what bad disks do
 *
 *   damage SEED DIR OLD_DIR
 *
 * One to eight times: a bit flips; sectors, or pages up to 64 KiB, become noise, zeros or
 * ones; a sector goes where another belongs, of the same file or of another one; a sector
 * of data, or of one copy of super, is that of OLD_DIR, an older state of the cache. Now
 * and then a file is cut or longer. Says what it did. What is read from a cache that
 * is damaged so is right all the same, if each block has a digest that is looked at.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR	512u
#define MOST	(64u << 10)

enum { SUPER, INDEX, DATA, NR_FILES };

static const char *const names[] = { "super", "index", "data" };
static int file[NR_FILES], old[NR_FILES];
static uint64_t size[NR_FILES];
static uint64_t state;

static uint64_t below(uint64_t n)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;
	return (state >> 20) % n;
}

static void must(int bad, const char *what)
{
	if (!bad)
		return;
	fprintf(stderr, "damage: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void open_in(const char *dir, int fd[NR_FILES], int flags)
{
	char path[4096];
	int i;

	for (i = 0; i < NR_FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		fd[i] = open(path, flags | O_CLOEXEC);
		must(fd[i] < 0, path);
	}
}

static void get(int fd, void *bytes, size_t len, uint64_t pos)
{
	must(pread(fd, bytes, len, (off_t)pos) != (ssize_t)len, "read");
}

static void put(int fd, const void *bytes, size_t len, uint64_t pos)
{
	must(pwrite(fd, bytes, len, (off_t)pos) != (ssize_t)len, "write");
}

/* Where there is something, if a few tries find such a place. */
static uint64_t place(int which, uint64_t unit)
{
	unsigned char bytes[SECTOR];
	uint64_t pos = 0;
	int tries;

	for (tries = 0; tries < 200; tries++) {
		pos = below(size[which] / unit) * unit;
		get(file[which], bytes, sizeof(bytes), pos);
		if (bytes[0] || memcmp(bytes, bytes + 1, sizeof(bytes) - 1))
			break;
	}
	return pos;
}

static void flip(int which)
{
	uint64_t pos = place(which, SECTOR) + below(SECTOR);
	unsigned char byte;

	get(file[which], &byte, 1, pos);
	byte ^= 1 << below(8);
	put(file[which], &byte, 1, pos);
	printf("%s: a bit at %#llx; ", names[which], (unsigned long long)pos);
}

static void spoil(int which)
{
	static unsigned char bytes[MOST];
	uint64_t unit = below(2) ? SECTOR : 4096;
	uint64_t pos = place(which, unit), len = unit * (1 + below(MOST / unit));
	int kind = (int)below(3);
	uint64_t i;

	if (below(2))
		len = unit;
	if (len > size[which] - pos)
		len = size[which] - pos;
	for (i = 0; i < len; i++)
		bytes[i] = (unsigned char)(kind == 0 ? below(256) : kind == 1 ? 0 : 0xff);
	put(file[which], bytes, len, pos);
	printf("%s: %llu bytes %s at %#llx; ", names[which], (unsigned long long)len,
	       kind == 0 ? "noise" : kind == 1 ? "zeros" : "ones", (unsigned long long)pos);
}

static void misdirect(int which)
{
	int from = below(2) ? which : (int)below(NR_FILES);
	uint64_t to = place(which, SECTOR), source = place(from, SECTOR);
	unsigned char bytes[SECTOR];

	get(file[from], bytes, sizeof(bytes), source);
	put(file[which], bytes, sizeof(bytes), to);
	printf("%s: sector %#llx of %s at %#llx; ", names[which], (unsigned long long)source,
	       names[from], (unsigned long long)to);
}

/* Of index it could not be told: see "What is not" in reliability.rst. */
static void revert(void)
{
	int which = below(4) ? DATA : SUPER;
	uint64_t pos = which == SUPER ? 0 : place(which, SECTOR);
	unsigned char bytes[SECTOR];

	get(old[which], bytes, sizeof(bytes), pos);
	put(file[which], bytes, sizeof(bytes), pos);
	printf("%s: old at %#llx; ", names[which], (unsigned long long)pos);
}

static void resize(int which)
{
	uint64_t to = below(2) ? below(size[which]) : size[which] + 1 + below(100000);

	must(ftruncate(file[which], (off_t)to), "truncate");
	printf("%s: %llu bytes long; ", names[which], (unsigned long long)to);
}

int main(int argc, char **argv)
{
	struct stat st;
	int i, nr;

	if (argc != 4) {
		fprintf(stderr, "usage: damage SEED DIR OLD_DIR\n");
		return 2;
	}
	state = strtoull(argv[1], NULL, 0) * 2654435761u + 1;
	open_in(argv[2], file, O_RDWR);
	open_in(argv[3], old, O_RDONLY);
	for (i = 0; i < NR_FILES; i++) {
		must(fstat(file[i], &st), "stat");
		size[i] = (uint64_t)st.st_size;
	}
	for (nr = 1 + (int)below(8); nr; nr--) {
		/* super is small: not each time, or few caches would attach */
		int which = below(8) ? 1 + (int)below(2) : SUPER;

		switch (below(4)) {
		case 0:
			flip(which);
			break;
		case 1:
			spoil(which);
			break;
		case 2:
			misdirect(which);
			break;
		default:
			revert();
		}
	}
	if (!below(16))
		resize((int)below(NR_FILES));
	printf("\n");
	return 0;
}
