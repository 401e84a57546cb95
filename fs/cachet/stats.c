// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats.c - /sys/fs/cachet/TAG: the counters and the state of a cache
 *
 * One file for each entry of the counter table, and a few for what is known
 * anyway. Counters are per processor and never reset while attached. Mode 0400:
 * what is cached, and shared, is nobody's business but root's.
 */
#include <linux/sysfs.h>
#include "internal.h"

static struct kset *cachet_kset;

/**
 * cachet_counter_read - the value of a counter
 * @cache: cache
 * @nr: counter
 */
u64 cachet_counter_read(const struct cachet_cache *cache, enum cachet_counter nr)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += per_cpu_ptr(cache->counters, cpu)[nr];
	return sum;
}

/**
 * cachet_status_fill - all that is known of a cache as a whole
 * @cache: attached
 * @ret: tag and version are the caller's; the rest is filled in
 */
void cachet_status_fill(struct cachet_cache *cache, struct cachet_status *ret)
{
	u64 live = 0;
	u32 i;

	for (i = 0; i < cache->geo.nr_segments; i++)
		live += min(READ_ONCE(cache->seg[i].live), READ_ONCE(cache->seg[i].used));
	memcpy(ret->uuid, cache->super.uuid, sizeof(ret->uuid));
	ret->epoch = READ_ONCE(cache->epoch);
	ret->committed = READ_ONCE(cache->committed);
	ret->data_bytes = (u64)cache->geo.nr_segments << cache->geo.segment_shift;
	ret->live_bytes = live << CACHET_PAGE_SHIFT;
	ret->segment_bytes = 1u << cache->geo.segment_shift;
	ret->block_bytes = 1u << cache->geo.block_shift;
	ret->nr_segments = cache->geo.nr_segments;
	ret->nr_free = READ_ONCE(cache->nr_free);
	ret->nr_freeing = READ_ONCE(cache->nr_freeing);
	ret->nr_open = READ_ONCE(cache->nr_open);
	ret->nr_pinned = READ_ONCE(cache->nr_pinned);
	ret->max_pinned = cachet_log_max_pinned(cache);
	ret->nr_sets = cache->geo.nr_sets;
	ret->nr_objects = atomic_read(&cache->nr_in_use);
	/* Without volume_lock: its holder may wait for the disk, or for a thaw. */
	ret->nr_volumes = atomic_read(&cache->nr_volumes);
	ret->seal_queue = cachet_seal_waiting(cache);
	ret->flags = cachet_cache_out(cache) ? CACHET_STATUS_OUT : 0;
	if (cache->crashed)
		ret->flags |= CACHET_STATUS_CRASHED;
	if (test_bit(CACHET_CACHE_LEAVING, &cache->flags))
		ret->flags |= CACHET_STATUS_LEAVING;
	ret->error = cache->error;
	ret->nr_counters = CACHET_NR_USED_COUNTERS;
	for (i = 0; i < CACHET_NR_USED_COUNTERS; i++)
		ret->counters[i] = cachet_counter_read(cache, i);
}

struct counter_attr {
	struct attribute attr;
	enum cachet_counter nr;
};

#define X(name_, unit, help)					\
static struct counter_attr attr_##name_ = {			\
	.attr = { .name = #name_, .mode = 0400 },		\
	.nr = CACHET_N_##name_,					\
};
CACHET_COUNTERS(X)
#undef X

static struct attribute *counter_attrs[] = {
#define X(name_, unit, help) &attr_##name_.attr,
	CACHET_COUNTERS(X)
#undef X
	NULL,
};
ATTRIBUTE_GROUPS(counter);

static ssize_t counter_show(struct kobject *kobj, struct attribute *attr, char *buf)
{
	struct cachet_cache *cache = container_of(kobj, struct cachet_cache, kobj);

	return sysfs_emit(buf, "%llu\n", cachet_counter_read(cache,
			  container_of(attr, struct counter_attr, attr)->nr));
}

static const struct sysfs_ops counter_ops = {
	.show	= counter_show,
};

static void kobj_release(struct kobject *kobj)
{
	complete(&container_of(kobj, struct cachet_cache, kobj)->kobj_gone);
}

static const struct kobj_type cache_ktype = {
	.release	= kobj_release,
	.sysfs_ops	= &counter_ops,
	.default_groups	= counter_groups,
};

/**
 * cachet_stats_add - show a cache in sysfs
 * @cache: being attached
 *
 * Return: 0 or -errno.
 */
int cachet_stats_add(struct cachet_cache *cache)
{
	int ret;

	init_completion(&cache->kobj_gone);
	cache->kobj.kset = cachet_kset;
	ret = kobject_init_and_add(&cache->kobj, &cache_ktype, NULL, "%s", cache->super.tag);
	if (ret) {
		kobject_put(&cache->kobj);
		wait_for_completion(&cache->kobj_gone);
	}
	return ret;
}

/**
 * cachet_stats_del - take a cache out of sysfs, and wait for the last reader
 * @cache: being detached
 */
void cachet_stats_del(struct cachet_cache *cache)
{
	kobject_del(&cache->kobj);
	kobject_put(&cache->kobj);
	wait_for_completion(&cache->kobj_gone);
}

int cachet_stats_init(void)
{
	cachet_kset = kset_create_and_add("cachet", NULL, fs_kobj);
	return cachet_kset ? 0 : -ENOMEM;
}

void cachet_stats_exit(void)
{
	kset_unregister(cachet_kset);
}
