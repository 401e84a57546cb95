/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * list.h - the kernel's lists and hash tables, as far as the module uses them
 *
 * A list that is a variable of a file goes into a section of its own: a crash
 * makes it what it was when the module was loaded.
 */
#ifndef CACHET_MODEL_LIST_H
#define CACHET_MODEL_LIST_H

#include "base.h"

struct list_head { struct list_head *next, *prev; };
struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };

#define CACHET_BOOT_STATE	__attribute__((section("cachet_boot")))
#define LIST_HEAD(name)		struct list_head name CACHET_BOOT_STATE = { &name, &name }

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
	return l->next == l;
}

static inline void list_add(struct list_head *n, struct list_head *after)
{
	n->next = after->next;
	n->prev = after;
	after->next->prev = n;
	after->next = n;
}

static inline void list_add_tail(struct list_head *n, struct list_head *before)
{
	list_add(n, before->prev);
}

static inline void list_del(struct list_head *n)
{
	n->next->prev = n->prev;
	n->prev->next = n->next;
}

static inline void list_del_init(struct list_head *n)
{
	list_del(n);
	INIT_LIST_HEAD(n);
}

static inline void list_move(struct list_head *n, struct list_head *after)
{
	list_del(n);
	list_add(n, after);
}

static inline void list_move_tail(struct list_head *n, struct list_head *before)
{
	list_del(n);
	list_add_tail(n, before);
}

static inline void list_splice_tail_init(struct list_head *l, struct list_head *before)
{
	while (!list_empty(l))
		list_move_tail(l->next, before);
}

#define list_entry(p, type, member)	container_of(p, type, member)
#define list_first_entry_or_null(head, type, member) \
	(list_empty(head) ? NULL : list_first_entry(head, type, member))
#define list_first_entry(l, type, member) list_entry((l)->next, type, member)
#define list_for_each_entry(p, l, member) \
	for (p = list_entry((l)->next, typeof(*p), member); &p->member != (l); \
	     p = list_entry(p->member.next, typeof(*p), member))
#define list_for_each_entry_safe(p, n, l, member) \
	for (p = list_entry((l)->next, typeof(*p), member), \
	     n = list_entry(p->member.next, typeof(*p), member); &p->member != (l); \
	     p = n, n = list_entry(n->member.next, typeof(*n), member))

typedef int (*list_cmp_func_t)(void *priv, const struct list_head *a, const struct list_head *b);

/* Stable, as the kernel's: by insertion, for the model's lists are short. */
static inline void list_sort(void *priv, struct list_head *l, list_cmp_func_t cmp)
{
	struct list_head sorted, *p, *at;

	INIT_LIST_HEAD(&sorted);
	while (!list_empty(l)) {
		p = l->next;
		list_del(p);
		for (at = sorted.prev; at != &sorted && cmp(priv, at, p) > 0; at = at->prev)
			;
		list_add(p, at);
	}
	while (!list_empty(&sorted)) {
		p = sorted.next;
		list_del(p);
		list_add_tail(p, l);
	}
}

/* ---- hash tables ---- */

#define DECLARE_HASHTABLE(name, bits)	struct hlist_head name[1 << (bits)]
#define hash_init(table)		memset(table, 0, sizeof(table))
#define hash_slot(table, key)		(&(table)[(key) % (sizeof(table) / sizeof((table)[0]))])

static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}

static inline void hash_del(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}

#define hash_add(table, node, key)	hlist_add_head(node, hash_slot(table, key))
#define hlist_entry_or_null(p, type, member) \
	({ struct hlist_node *p_ = (p); p_ ? container_of(p_, type, member) : NULL; })
#define hash_for_each_possible(table, p, member, key) \
	for (p = hlist_entry_or_null(hash_slot(table, key)->first, typeof(*p), member); p; \
	     p = hlist_entry_or_null(p->member.next, typeof(*p), member))

#endif /* CACHET_MODEL_LIST_H */
