// SPDX-License-Identifier: GPL-2.0-only
/*
 * caches.c - attach what is configured, detach it at the end
 *
 * A cache that can't be attached does not keep the others from it. One that is
 * attached already (a daemon before this one died or was told to keep it) is
 * taken over, if it is the configured one by its UUID. The directory must hold
 * the cache that its section names: a wrong path is found out here, and not
 * when somebody detaches another cache by that name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "cachetd.h"

bool caches_have(const struct caches *caches, const char *tag)
{
	size_t i;

	for (i = 0; i < caches->nr; i++)
		if (!strcmp(caches->tag[i], tag))
			return true;
	return false;
}

static int caches_add(struct caches *caches, const char *tag)
{
	void *grown = realloc(caches->tag, (caches->nr + 1) * sizeof(*caches->tag));

	if (!grown)
		return -ENOMEM;
	caches->tag = grown;
	memset(caches->tag[caches->nr], 0, sizeof(*caches->tag));
	strcpy(caches->tag[caches->nr++], tag);
	return 0;
}

void caches_forget(struct caches *caches, const char *tag)
{
	size_t i;

	for (i = 0; i < caches->nr; i++) {
		if (strcmp(caches->tag[i], tag))
			continue;
		caches->nr--;
		memmove(&caches->tag[i], &caches->tag[i + 1],
			(caches->nr - i) * sizeof(*caches->tag));
		return;
	}
}

void caches_free(struct caches *caches)
{
	free(caches->tag);
	caches->tag = NULL;
	caches->nr = 0;
}

/* 1 if it was attached already, 0 if it is now, or -errno. */
static int attach_one(struct caches *caches, const struct config_cache *cache,
		      struct cachet_why *why)
{
	char tag[CACHET_TAG_MAX];
	struct cachet_image image;
	u64 took_ns;
	u8 uuid[16];
	int err;

	err = cachet_image_open(cache->dir, &image, why);
	if (err)
		return err;
	memcpy(uuid, image.super.uuid, sizeof(uuid));
	memcpy(tag, image.super.tag, sizeof(tag));
	cachet_image_close(&image);
	if (strcmp(tag, cache->tag))
		return cachet_why_set(why, -EINVAL, "%s holds a cache named '%s': correct the section's name or its 'dir'",
				      cache->dir, tag);
	if (!cachet_tags_find_uuid(uuid, tag))
		return 1;
	err = cachet_attach_dir(caches->dev, cache->dir, &cache->options, tag, &took_ns, why);
	if (err)
		return err;
	log_info("cache %s: attached from %s in %.1f ms", tag, cache->dir, (double)took_ns / 1e6);
	return 0;
}

unsigned int caches_attach(struct caches *caches, const struct config *config)
{
	unsigned int failed = 0;
	struct cachet_why why = {};
	size_t i;

	for (i = 0; i < config->nr; i++) {
		const struct config_cache *cache = &config->cache[i];
		int ret;

		if (caches_have(caches, cache->tag))
			continue;
		ret = attach_one(caches, cache, &why);
		if (ret < 0) {
			log_error("cache %s: %s", cache->tag, why.text);
			failed++;
			continue;
		}
		if (ret)
			log_notice("cache %s: was attached already, taken over; its options are those of that attach",
				   cache->tag);
		if (caches_add(caches, cache->tag)) {
			log_error("cache %s: attached, but out of memory: it will not be detached at the end",
				  cache->tag);
			failed++;
		}
	}
	if (caches->nr && cachet_rivals_check(&why))
		log_warning("%s", why.text);
	return failed;
}

unsigned int caches_detach(struct caches *caches)
{
	unsigned int failed = 0;
	size_t i;

	for (i = caches->nr; i-- > 0;) {
		const char *tag = caches->tag[i];
		int err = cachet_device_detach(caches->dev, tag);

		if (!err) {
			log_info("cache %s: detached", tag);
		} else if (err == -ENOENT || err == -ENODEV) {
			log_notice("cache %s: somebody else has detached it", tag);
		} else {
			log_error("cache %s: can't be detached: %s; it may still be attached: see the kernel log, then 'cachectl detach %s'",
				  tag, strerror(-err), tag);
			failed++;
		}
	}
	caches_free(caches);
	return failed;
}
