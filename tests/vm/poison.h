/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * poison.h - memory that the module gets holds a pattern until it is set
 *
 * Included before each file of the module for uml-debug, and by nobody else. What is not
 * set, and comes out, is known by it: helpers/ioctl-leaks.c; and who relies on zeros does
 * not find any. It stands in for slab_debug=P, which does not work on UML with KASAN: mm/slub.c
 * poisons with the memset() that KASAN watches. -ftrivial-auto-var-init=pattern does
 * the same for the stack.
 */
#ifndef CACHET_POISON_H
#define CACHET_POISON_H

#include <linux/gfp.h>
#include <linux/poison.h>
#include <linux/slab.h>
#include <linux/string.h>

static inline void *cachet_poison(void *p, size_t n, gfp_t gfp)
{
	if (p && !(gfp & __GFP_ZERO))
		memset(p, POISON_INUSE, n);
	return p;
}

#undef kmalloc
#define kmalloc(n, gfp) \
	cachet_poison(alloc_hooks(kmalloc_noprof(n, gfp)), n, gfp)
#undef kmalloc_array
#define kmalloc_array(nr, n, gfp) \
	cachet_poison(alloc_hooks(kmalloc_array_noprof(nr, n, gfp)), (nr) * (n), gfp)
#undef kvmalloc
#define kvmalloc(n, gfp) \
	cachet_poison(alloc_hooks(kvmalloc_noprof(n, gfp)), n, gfp)
#undef kvmalloc_array
#define kvmalloc_array(nr, n, gfp) \
	cachet_poison(alloc_hooks(kvmalloc_array_noprof(nr, n, gfp)), (nr) * (n), gfp)
#undef kmem_cache_alloc
#define kmem_cache_alloc(slab, gfp) \
	cachet_poison(alloc_hooks(kmem_cache_alloc_noprof(slab, gfp)), kmem_cache_size(slab), gfp)
#undef __get_free_page
#define __get_free_page(gfp) \
	((unsigned long)cachet_poison((void *)__get_free_pages(gfp, 0), PAGE_SIZE, gfp))

#endif
