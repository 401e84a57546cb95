// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_config.c - cachet.conf, as the daemon reads it
 *
 * Input: the file. It is accepted whole, with values that the daemon may rely on, or
 * refused with a message that names the file and a line of it.
 */
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"
#include "../../tools/cachetd/config.h"

/* Nothing in it has a checksum. */
static void fuzz_fix(uint8_t *data, size_t size)
{
	(void)data;
	(void)size;
}

static void accepted(const struct config *c)
{
	size_t i, k;

	for (i = 0; i < c->nr; i++) {
		const struct config_cache *cache = &c->cache[i];
		u32 ms = cache->options.commit_ms;

		CHECK(cachet_tag_valid(cache->tag));
		CHECK(cache->dir && cache->dir[0] == '/');
		CHECK(!ms || (ms >= 100 && ms <= 600000));
		CHECK(config_find(c, cache->tag) == cache);
		for (k = 0; k < i; k++)
			CHECK(strcmp(c->cache[k].dir, cache->dir));
	}
}

/* "FILE:LINE: text", with a line that the file has, or the one behind its last. */
static void refused(const char *path, const struct cachet_why *why, const uint8_t *data, size_t size)
{
	unsigned long line, lines = 1;
	size_t i;

	CHECK(!strncmp(why->text, path, strlen(path)) && why->text[strlen(path)] == ':');
	line = strtoul(why->text + strlen(path) + 1, NULL, 10);
	for (i = 0; i < size; i++)
		lines += data[i] == '\n';
	CHECK(line <= lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	static char path[64];
	struct cachet_why why = {};
	struct config config = {};
	int err;

	if (fd < 0) {
		fd = memfd_create("cachet.conf", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	CHECK(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	err = config_read(path, &config, &why);
	if (err) {
		CHECK(err < 0);
		refused(path, &why, data, size);
	} else {
		accepted(&config);
	}
	config_free(&config);
	return 0;
}
