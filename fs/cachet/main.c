// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - loading and unloading the module
 *
 * The module can't be unloaded while a cache is attached: each holds a reference
 * to it. Unloading undoes what loading did, in reverse.
 */
#include <linux/module.h>
#include "internal.h"

struct kmem_cache *cachet_object_slab;
struct kmem_cache *cachet_fill_slab;
struct kmem_cache *cachet_set_slab;

static int __init cachet_init(void)
{
	int ret = -ENOMEM;

	cachet_object_slab = kmem_cache_create("cachet_object", sizeof(struct cachet_obj), 0,
					       SLAB_RECLAIM_ACCOUNT, NULL);
	if (!cachet_object_slab)
		goto out;
	cachet_fill_slab = kmem_cache_create("cachet_fill", sizeof(struct cachet_fill), 0, 0, NULL);
	if (!cachet_fill_slab)
		goto err_object_slab;
	cachet_set_slab = kmem_cache_create("cachet_set", CACHET_SET_BYTES, CACHET_SET_BYTES, 0,
					    NULL);
	if (!cachet_set_slab)
		goto err_fill_slab;
	ret = cachet_sha256_register();
	if (ret)
		goto err_set_slab;
	ret = cachet_inject_init();
	if (ret)
		goto err_sha256;
	ret = cachet_stats_init();
	if (ret)
		goto err_inject;
	ret = cachet_control_init();
	if (ret)
		goto err_stats;
	pr_info("loaded, ABI version %u, format version %u\n",
		CACHET_ABI_VERSION, CACHET_FORMAT_VERSION);
	return 0;

err_stats:
	cachet_stats_exit();
err_inject:
	cachet_inject_exit();
err_sha256:
	cachet_sha256_unregister();
err_set_slab:
	kmem_cache_destroy(cachet_set_slab);
err_fill_slab:
	kmem_cache_destroy(cachet_fill_slab);
err_object_slab:
	kmem_cache_destroy(cachet_object_slab);
out:
	pr_err("not loaded (%d)\n", ret);
	return ret;
}

static void __exit cachet_exit(void)
{
	cachet_control_exit();
	cachet_stats_exit();
	cachet_inject_exit();
	cachet_sha256_unregister();
	kmem_cache_destroy(cachet_set_slab);
	kmem_cache_destroy(cachet_fill_slab);
	kmem_cache_destroy(cachet_object_slab);
	pr_info("unloaded\n");
}

module_init(cachet_init);
module_exit(cachet_exit);

MODULE_DESCRIPTION("Content-addressed local cache for network filesystems");
MODULE_LICENSE("GPL");
MODULE_ALIAS("devname:cachet");
MODULE_SOFTDEP("pre: sha256");
