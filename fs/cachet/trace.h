/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * trace.h - tracepoints: each change of state, each I/O decision, and why
 *
 * Names of fields, the same everywhere: cache, obj: debug ids; block: number in
 * the file; off, pages: 4096-byte pages; dpage: data address in pages; seg:
 * number of a segment; gen: generation; epoch; bytes.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM cachet

#if !defined(CACHET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define CACHET_TRACE_H

#include <linux/tracepoint.h>

#ifndef CACHET_TRACE_WORDS
#define CACHET_TRACE_WORDS
#define CACHET_REF_WORD(name, word)	{ CACHET_REF_##name, word },
#define CACHET_READ_WORD(name, word)	{ CACHET_READ_##name, word },
#define CACHET_FILL_WORD(name, word)	{ CACHET_FILL_##name##_WHY, word },
#define CACHET_OBJECT_WORD(name, word)	{ CACHET_OBJECT_##name, word },
#define CACHET_SEG_WORD(name, word)	{ CACHET_SEG_##name##_WHY, word },
#define CACHET_IO_WORD(name, word)	{ CACHET_IO_##name, word },
#endif

TRACE_EVENT(cachet_ref,
	TP_PROTO(unsigned int obj, int ref, enum cachet_ref_why why),
	TP_ARGS(obj, ref, why),
	TP_STRUCT__entry(
		__field(unsigned int,	obj)
		__field(int,		ref)
		__field(unsigned int,	why)
	),
	TP_fast_assign(
		__entry->obj = obj;
		__entry->ref = ref;
		__entry->why = why;
	),
	TP_printk("obj=%u ref=%d why=%s", __entry->obj, __entry->ref,
		  __print_symbolic(__entry->why, CACHET_REF_WHYS(CACHET_REF_WORD) { -1, "" }))
);

TRACE_EVENT(cachet_object,
	TP_PROTO(struct cachet_obj *obj, enum cachet_object_why why),
	TP_ARGS(obj, why),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	obj)
		__field(u64,		gen)
		__field(loff_t,		size)
		__field(unsigned int,	why)
	),
	TP_fast_assign(
		__entry->cache = obj->cache->id;
		__entry->obj = obj->debug_id;
		__entry->gen = obj->generation;
		__entry->size = obj->size;
		__entry->why = why;
	),
	TP_printk("cache=%u obj=%u gen=%llx bytes=%lld why=%s", __entry->cache, __entry->obj,
		  __entry->gen, __entry->size,
		  __print_symbolic(__entry->why, CACHET_OBJECT_WHYS(CACHET_OBJECT_WORD) { -1, "" }))
);

TRACE_EVENT(cachet_read,
	TP_PROTO(struct cachet_obj *obj, u64 page, u64 pages, enum cachet_read_why why),
	TP_ARGS(obj, page, pages, why),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	obj)
		__field(u64,		page)
		__field(u64,		pages)
		__field(unsigned int,	why)
	),
	TP_fast_assign(
		__entry->cache = obj->cache->id;
		__entry->obj = obj->debug_id;
		__entry->page = page;
		__entry->pages = pages;
		__entry->why = why;
	),
	TP_printk("cache=%u obj=%u page=%llu pages=%llu why=%s", __entry->cache, __entry->obj,
		  __entry->page, __entry->pages,
		  __print_symbolic(__entry->why, CACHET_READ_WHYS(CACHET_READ_WORD) { -1, "" }))
);

TRACE_EVENT(cachet_fill,
	TP_PROTO(struct cachet_fill *fill, enum cachet_fill_why why),
	TP_ARGS(fill, why),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	obj)
		__field(u32,		block)
		__field(u16,		off)
		__field(u16,		pages)
		__field(u32,		dpage)
		__field(u32,		session)
		__field(int,		error)
		__field(unsigned int,	why)
	),
	TP_fast_assign(
		__entry->cache = fill->obj->cache->id;
		__entry->obj = fill->obj->debug_id;
		__entry->block = fill->block;
		__entry->off = fill->off;
		__entry->pages = fill->len;
		__entry->dpage = fill->nr ? fill->piece[0].page : 0;
		__entry->session = fill->session;
		__entry->error = fill->error;
		__entry->why = why;
	),
	TP_printk("cache=%u obj=%u block=%u off=%u pages=%u dpage=%u session=%u error=%d why=%s",
		  __entry->cache, __entry->obj, __entry->block, __entry->off, __entry->pages,
		  __entry->dpage, __entry->session, __entry->error,
		  __print_symbolic(__entry->why, CACHET_FILL_WHYS(CACHET_FILL_WORD) { -1, "" }))
);

TRACE_EVENT(cachet_sealed,
	TP_PROTO(struct cachet_obj *obj, u32 block, u32 pages, bool shared),
	TP_ARGS(obj, block, pages, shared),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	obj)
		__field(u32,		block)
		__field(u32,		pages)
		__field(bool,		shared)
	),
	TP_fast_assign(
		__entry->cache = obj->cache->id;
		__entry->obj = obj->debug_id;
		__entry->block = block;
		__entry->pages = pages;
		__entry->shared = shared;
	),
	TP_printk("cache=%u obj=%u block=%u pages=%u shared=%u", __entry->cache, __entry->obj,
		  __entry->block, __entry->pages, __entry->shared)
);

TRACE_EVENT(cachet_corrupt,
	/* @obj: its debug_id, 0: not in memory */
	TP_PROTO(struct cachet_cache *cache, unsigned int obj, u32 block, u32 dpage, bool suspect),
	TP_ARGS(cache, obj, block, dpage, suspect),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	obj)
		__field(u32,		block)
		__field(u32,		dpage)
		__field(bool,		suspect)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->obj = obj;
		__entry->block = block;
		__entry->dpage = dpage;
		__entry->suspect = suspect;
	),
	TP_printk("cache=%u obj=%u block=%u dpage=%u suspect=%u", __entry->cache, __entry->obj,
		  __entry->block, __entry->dpage, __entry->suspect)
);

TRACE_EVENT(cachet_segment,
	TP_PROTO(struct cachet_cache *cache, u32 seg, u64 gen, u32 live, enum cachet_seg_why why),
	TP_ARGS(cache, seg, gen, live, why),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(u32,		seg)
		__field(u64,		gen)
		__field(u32,		live)
		__field(unsigned int,	why)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->seg = seg;
		__entry->gen = gen;
		__entry->live = live;
		__entry->why = why;
	),
	TP_printk("cache=%u seg=%u gen=%llu live_pages=%u why=%s", __entry->cache, __entry->seg,
		  __entry->gen, __entry->live,
		  __print_symbolic(__entry->why, CACHET_SEG_WHYS(CACHET_SEG_WORD) { -1, "" }))
);

TRACE_EVENT(cachet_volume,
	TP_PROTO(struct cachet_cache *cache, u64 id, u64 gen, bool acquired),
	TP_ARGS(cache, id, gen, acquired),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(u64,		id)
		__field(u64,		gen)
		__field(bool,		acquired)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->id = id;
		__entry->gen = gen;
		__entry->acquired = acquired;
	),
	TP_printk("cache=%u volume=%llu gen=%llx %s", __entry->cache, __entry->id, __entry->gen,
		  __entry->acquired ? "acquired" : "freed")
);

TRACE_EVENT(cachet_commit,
	TP_PROTO(struct cachet_cache *cache, u64 epoch),
	TP_ARGS(cache, epoch),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(u64,		epoch)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->epoch = epoch;
	),
	TP_printk("cache=%u epoch=%llu", __entry->cache, __entry->epoch)
);

TRACE_EVENT(cachet_record_bad,
	TP_PROTO(struct cachet_cache *cache, u64 pos, const char *what),
	TP_ARGS(cache, pos, what),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(u64,		pos)
		__array(char,		what, 32)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->pos = pos;
		strscpy(__entry->what, what, sizeof(__entry->what));
	),
	TP_printk("cache=%u index_byte=%llu what=%s", __entry->cache, __entry->pos, __entry->what)
);

TRACE_EVENT(cachet_record_evicted,
	TP_PROTO(struct cachet_cache *cache, u8 kind, const u8 *fp),
	TP_ARGS(cache, kind, fp),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(u8,		kind)
		__array(u8,		fp, 8)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->kind = kind;
		memcpy(__entry->fp, fp, 8);
	),
	TP_printk("cache=%u kind=%u fp=%*phN", __entry->cache, __entry->kind, 8, __entry->fp)
);

TRACE_EVENT(cachet_io_error,
	TP_PROTO(struct cachet_cache *cache, enum cachet_io_site site, int error),
	TP_ARGS(cache, site, error),
	TP_STRUCT__entry(
		__field(u32,		cache)
		__field(unsigned int,	site)
		__field(int,		error)
	),
	TP_fast_assign(
		__entry->cache = cache->id;
		__entry->site = site;
		__entry->error = error;
	),
	TP_printk("cache=%u site=%s error=%d", __entry->cache,
		  __print_symbolic(__entry->site, CACHET_IO_SITES(CACHET_IO_WORD) { -1, "" }),
		  __entry->error)
);

#endif /* CACHET_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
