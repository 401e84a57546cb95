// SPDX-License-Identifier: GPL-2.0-only
/*
 * caches.c - attach what is configured, detach it at the end
 *
 * A cache that can't be attached does not keep the others from it. One that is
 * attached already (a daemon before this one died or was told to keep it) is
 * taken over, if it is the configured one by its UUID. The directory must hold
 * the cache that its section names: a wrong path is found out here, and not
 * when somebody detaches another cache by that name.
 *
 * Somebody else may detach a cache, and attach another one by its name. The
 * event may be lost, or not be read yet: the module is asked what it has
 * whenever that matters.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "cachetd.h"

enum { LEAVING_TRIES = 5 };

bool caches_have(const struct caches *caches, const char *tag)
{
	size_t i;

	for (i = 0; i < caches->nr; i++)
		if (!strcmp(caches->cache[i].tag, tag))
			return true;
	return false;
}

static int caches_add(struct caches *caches, const struct cache *cache)
{
	void *grown = realloc(caches->cache, (caches->nr + 1) * sizeof(*caches->cache));

	if (!grown)
		return -ENOMEM;
	caches->cache = grown;
	caches->cache[caches->nr++] = *cache;
	return 0;
}

static void tell_out(struct cache *cache, const struct cachet_status *status)
{
	if (!(status->flags & CACHET_STATUS_OUT) || cache->told_out)
		return;
	log_error("cache %s: out of service after an I/O error: %s (mounts go on without it); mend the device, then 'cachectl detach %s' and reload this service",
		  cache->tag, strerror(-status->error), cache->tag);
	cache->told_out = true;
}

void caches_refresh(struct caches *caches)
{
	size_t i, kept = 0;

	for (i = 0; i < caches->nr; i++) {
		struct cache *cache = &caches->cache[i];
		struct cachet_status status;
		int err = cachet_device_status(caches->dev, cache->tag, &status);

		/* Whoever can't tell has it still. */
		if (err == -ENOENT ||
		    (!err && memcmp(status.uuid, cache->uuid, sizeof(cache->uuid)))) {
			log_notice("cache %s: somebody else has detached it", cache->tag);
			continue;
		}
		if (!err)
			tell_out(cache, &status);
		caches->cache[kept++] = *cache;
	}
	caches->nr = kept;
}

void caches_free(struct caches *caches)
{
	free(caches->cache);
	caches->cache = NULL;
	caches->nr = 0;
}

/* Attached already. 1, or -EAGAIN: not for long. */
static int take_over(int dev, struct cache *cache, struct cachet_why *why)
{
	struct cachet_status status;

	if (cachet_device_status(dev, cache->tag, &status))
		return 1;
	if (status.flags & CACHET_STATUS_LEAVING)
		return cachet_why_set(why, -EAGAIN, "somebody is detaching it, which waits for I/O under way; it is attached again after that");
	tell_out(cache, &status);
	return 1;
}

/* 1 if it was attached already, 0 if it is now, or -errno; -EAGAIN: it is being detached. */
static int attach_one(int dev, const struct config_cache *config, struct cache *ret_cache,
		      struct cachet_why *why)
{
	struct cachet_image image;
	struct cache cache = {};
	u64 took_ns;
	int err;

	err = cachet_image_open(config->dir, &image, why);
	if (err)
		return err;
	memcpy(cache.uuid, image.super.uuid, sizeof(cache.uuid));
	memcpy(cache.tag, image.super.tag, sizeof(cache.tag));
	cachet_image_close(&image);
	if (strcmp(cache.tag, config->tag))
		return cachet_why_set(why, -EINVAL, "%s holds a cache named '%s': correct the section's name or its 'dir'",
				      config->dir, cache.tag);
	if (!cachet_tags_find_uuid(cache.uuid, cache.tag)) {
		err = take_over(dev, &cache, why);
		*ret_cache = cache;
		return err;
	}
	err = cachet_attach_dir(dev, config->dir, &config->options, cache.tag, &took_ns, why);
	if (err)
		return err;
	log_info("cache %s: attached from %s in %.1f ms", cache.tag, config->dir,
		 (double)took_ns / 1e6);
	*ret_cache = cache;
	return 0;
}

unsigned int caches_attach(struct caches *caches, struct config *config, bool again)
{
	unsigned int failed = 0;
	struct cachet_why why = {};
	size_t i;

	caches->nr_leaving = 0;
	for (i = 0; i < config->nr; i++) {
		struct config_cache *cache = &config->cache[i];
		struct cache added;
		int ret;

		if (caches_have(caches, cache->tag) || (again && !cache->leaving))
			continue;
		ret = attach_one(caches->dev, cache, &added, &why);
		if (ret == -EAGAIN) {
			if (!cache->leaving)
				log_notice("cache %s: %s", cache->tag, why.text);
			cache->leaving = LEAVING_TRIES;
			caches->nr_leaving++;
			continue;
		}
		/* It leaves sysfs, and then its name and its files. */
		if (ret == -EBUSY && cache->leaving && --cache->leaving) {
			caches->nr_leaving++;
			continue;
		}
		cache->leaving = 0;
		if (ret < 0) {
			log_error("cache %s: %s", cache->tag, why.text);
			failed++;
			continue;
		}
		if (ret)
			log_notice("cache %s: was attached already, taken over; its options are those of that attach",
				   cache->tag);
		if (caches_add(caches, &added)) {
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

	caches_refresh(caches);
	for (i = caches->nr; i-- > 0;) {
		const char *tag = caches->cache[i].tag;
		int err = cachet_device_detach(caches->dev, tag);

		if (!err) {
			log_info("cache %s: detached", tag);
		} else if (err == -ENOENT || err == -ENODEV) {
			log_notice("cache %s: somebody else has detached it", tag);
		} else if (err == -ESHUTDOWN) {
			log_notice("cache %s: somebody else is detaching it", tag);
		} else if (err == -EIO) {
			log_error("cache %s: detached, after an I/O error: what was cached since the last commit may be read again from the server; see the kernel log",
				  tag);
			failed++;
		} else {
			log_error("cache %s: can't be detached: %s; it may still be attached: see the kernel log, then 'cachectl detach %s'",
				  tag, strerror(-err), tag);
			failed++;
		}
	}
	caches_free(caches);
	return failed;
}
