// SPDX-License-Identifier: GPL-2.0-only
/*
 * client.c - a machine that uses the cache
 *
 * What a network filesystem, netfs and fscache would do with the module: files
 * are opened and closed, read from the server and kept, written here, cut,
 * invalidated; the cache is attached, synced, detached. One operation is chosen
 * after the other; what they leave in the work queues runs when it likes.
 */
#include "model.h"

const struct fscache_cache_ops cachet_fscache_ops;
struct client_file client[NR_FILES];
struct cachet_cache *the_cache;
u32 world_flags;
u32 world_yield;
bool world_full;
bool world_pins;
u32 world_favourite;
struct habits habits;

static struct fscache_cache fscache;
static struct fscache_volume volume;
static u8 volume_key[] = "\5model";
static struct fscache_cookie *withdrawing[NR_FILES];
static u32 nr_withdrawing;
static u64 scrub_slot;

/* ---- fscache and the rest of the module --------------------------------- */

struct fscache_cache *fscache_acquire_cache(const char *tag)
{
	return &fscache;
}

int fscache_add_cache(struct fscache_cache *cache, const struct fscache_cache_ops *o, void *priv)
{
	cache->cache_priv = priv;
	the_cache = priv;
	return 0;
}

void fscache_io_error(struct fscache_cache *cache)
{
	model_fail("out of service for what is no reason: %d", the_cache->error);
}

void fscache_withdraw_cookie(struct fscache_cookie *cookie)
{
	withdrawing[nr_withdrawing++] = cookie;
}

/*
 * While a cache goes nobody tells it of what is written: not of an O_DIRECT write, but for a
 * counter, and of what was dirty only that there is such. Who wrote may have let go by now.
 */
static void pass_by(struct client_file *f)
{
	u32 file = f - client;

	if (file == BURN_FILE || !one_in(3) || f->outdated ||
	    f->view.version != server[file].version)
		return;
	promise_forget(file);
	f->view.page[below(content_pages(&f->view))] = server_new_id();
	server[file] = f->view;
	server_same_version(file, f->view.size);
	f->session = false;
	if (one_in(2))
		f->cookie.inval_counter++;
	else
		set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &f->cookie.flags);
	if (one_in(2))
		atomic_dec(&f->cookie.n_active);
}

void fscache_wait_for_objects(struct fscache_cache *cache)
{
	while (nr_withdrawing) {
		struct fscache_cookie *cookie = withdrawing[--nr_withdrawing];

		pass_by(container_of(cookie, struct client_file, cookie));
		cachet_object_withdraw(cookie);
	}
	if (cache->nr_objects)
		model_fail("%d objects are left", cache->nr_objects);
}

void cachet_event(struct cachet_cache *cache, enum cachet_event_type type, u64 arg0, u64 arg1)
{
	if (type == CACHET_EVENT_CORRUPT && !disk_flips)
		model_fail("a trusted block of %llu pages at data page %llu is not what its digest says",
			   (unsigned long long)arg1, (unsigned long long)arg0);
	if (type == CACHET_EVENT_UNREADABLE && !arg1 && disk_readable(arg0))
		model_fail("page %llu of data can be read, and is said to be bad",
			   (unsigned long long)arg0 / CACHET_PAGE_BYTES);
	if (type == CACHET_EVENT_REUSED)
		promise_reused |= 1u << arg0;
}

int cachet_stats_add(struct cachet_cache *cache)
{
	return 0;
}

/* The end of a detach: nothing is evicted or reused any more. */
void cachet_stats_del(struct cachet_cache *cache)
{
	promise_crash();
}

/* ---- coming and going --------------------------------------------------- */

void client_volume(void)
{
	memset(&volume, 0, sizeof(volume));
	volume.cache = &fscache;
	volume.key = volume_key;
	refcount_set(&volume.ref, 2);	/* A mount's, and who asks for it */
	cachet_volume_acquire(&volume);
	if (!volume.cache_priv)
		model_fail("no place for the volume");
}

int client_attach(void)
{
	struct cachet_attach arg = { .super_fd = DISK_SUPER, .index_fd = DISK_INDEX,
				     .data_fd = DISK_DATA, .flags = world_flags };
	int ret;

	memset(&fscache, 0, sizeof(fscache));
	promise_reused = 0;
	scrub_slot = 0;
	ret = cachet_cache_attach(&arg);
	if (ret)
		model_log("attach: %d, %s\n", ret, arg.problem);
	return ret;
}

/* Memory is lost, and with it what was open. */
void client_forget(void)
{
	memset(client, 0, sizeof(client));
	pages_forget();
	nr_withdrawing = 0;
	disk_starved = 0;
	the_cache = NULL;
}

static void set_coherency(struct client_file *f, u32 file)
{
	u32 aux[] = { file, f->view.version };

	memcpy(f->cookie.inline_aux, aux, sizeof(aux));
	f->cookie.object_size = f->view.size;
}

bool client_open(u32 file)
{
	struct client_file *f = &client[file];

	memset(f, 0, sizeof(*f));
	f->cookie.volume = &volume;
	f->cookie.key_len = 4;
	f->cookie.key[0] = file;
	f->cookie.aux_len = 8;
	refcount_set(&f->cookie.ref, 1);
	atomic_inc(&f->cookie.n_active);
	f->view = server[file];
	set_coherency(f, file);
	f->open = cachet_object_lookup(&f->cookie);
	model_log("-- file %u, version %u, is object %u\n", file, f->view.version,
		  f->open ? object_of(file)->debug_id : 0);
	return f->open;
}

/* ---- writing here ------------------------------------------------------- */

static void begin_session(u32 file)
{
	if (client[file].view.version != server[file].version)
		return;
	promise_forget(file);
	client[file].session = true;
	set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &client[file].cookie.flags);
	/* Its head may not be written, and that is heard of by nobody. */
	disk_starved = one_in(8);
	cachet_object_begin_session(object_of(file));
	disk_starved = 0;
}

/* The model's network filesystem does, at the latest when the file is read again. */
bool cachet_changes_are_told(const u8 *key)
{
	return true;
}

/* Each version of a file looks different, here. */
bool cachet_changes_may_hide(const u8 *key)
{
	(void)key;
	return false;
}

bool cachet_changes_are_seen(const u8 *key)
{
	(void)key;
	return true;
}

/* Whoever writes here waits for the lookup. */
bool cachet_written_meanwhile(const struct fscache_cookie *cookie)
{
	return false;
}

bool cachet_netfs_is(const struct super_block *sb)
{
	return false;
}

/* What every read looks at first: netfs may have told nobody of a cut. */
void client_notice_cut(u32 file)
{
	struct cachet_obj *obj = object_of(file);

	if (obj->size <= client[file].view.size)
		return;
	mutex_lock(&obj->lock);
	cachet_object_resize(obj, client[file].view.size);
	mutex_unlock(&obj->lock);
}

/* A file gets another size here. Return: was the cache told? */
static bool resize(u32 file, loff_t size)
{
	struct client_file *f = &client[file];
	u32 old = content_pages(&f->view), i;
	loff_t was = f->view.size;

	/* It waits for folios that are being read. */
	while (pages_issue_one(file))
		;
	client_notice_cut(file);
	promise_forget(file);
	f->view.size = size;
	/* A page that grows is written to: zeros follow what it held. */
	if (size > was && was % CACHET_PAGE_BYTES)
		f->view.page[was / CACHET_PAGE_BYTES] = server_new_id();
	for (i = old; i < FILE_PAGES; i++)
		f->view.page[i] = 0;
	for (i = content_pages(&f->view); i < FILE_PAGES; i++)
		f->view.page[i] = 0;
	if (size < was && one_in(4))
		return false;		/* It will be noticed */
	mutex_lock(&object_of(file)->lock);
	cachet_object_resize(object_of(file), size);
	mutex_unlock(&object_of(file)->lock);
	f->cookie.object_size = size;
	return true;
}

/* ftruncate(), or truncate(), which no open for writing comes before. */
static void cut(u32 file)
{
	struct client_file *f = &client[file];
	loff_t size = 1 + below(FILE_PAGES * CACHET_PAGE_BYTES), was = f->view.size;
	bool told;

	if (!f->session && f->view.version != server[file].version)
		return;
	/* Short files have it all in their head. */
	if (one_in(2))
		size = one_in(3) ? server_size_again(file) : 1 + below(2 * CACHET_PAGE_BYTES);
	told = resize(file, size);
	if (f->session)
		return;
	if (told && !f->outdated && was != size && one_in(3)) {
		server[file] = f->view;
		server_same_version(file, was);
		return;
	}
	f->view.version++;
	server[file] = f->view;
	f->outdated = true;
}

/* ---- changes ------------------------------------------------------------ */

static void invalidate(u32 file)
{
	struct client_file *f = &client[file];

	promise_forget(file);
	pages_drop(file);
	f->view = server[file];
	f->outdated = false;
	set_coherency(f, file);
	f->cookie.inval_counter++;
	cachet_object_invalidate(&f->cookie);
}

/* The attributes differ, and nobody said so. */
static void seen(u32 file)
{
	struct client_file *f = &client[file];
	unsigned int seq;
	u32 aux[2];

	if (f->session || (f->view.version == server[file].version && !f->outdated))
		return;
	promise_forget(file);
	pages_drop(file);
	f->view = server[file];
	f->outdated = false;
	aux[0] = file;
	aux[1] = f->view.version;
	seq = cachet_object_begin(object_of(file));
	cachet_object_seen(object_of(file), aux, sizeof(aux), f->view.size);
	cachet_object_end(object_of(file), seq);
	if (memcmp(f->cookie.inline_aux, aux, sizeof(aux)) || f->cookie.object_size != f->view.size)
		model_fail("file %u: fscache was not told what it is like", file);
}

static void rebuild(u32 file)
{
	struct cachet_obj *obj = object_of(file);
	unsigned int seq;

	if (client[file].ops)
		return;
	promise_forget(file);
	seq = cachet_object_begin(obj);
	cachet_object_rebuild(obj, one_in(2) ? 0 : 12 + below(4));
	cachet_object_end(obj, seq);
}

void client_close(u32 file, bool retire)
{
	struct client_file *f = &client[file];

	pages_settle(file);
	if (f->session) {
		/* The server has acknowledged it all. */
		f->view.version = server[file].version + 1;
		server[file] = f->view;
	}
	if (f->session || (f->outdated && one_in(2)))
		set_coherency(f, file);
	atomic_dec(&f->cookie.n_active);
	if (retire) {
		promise_forget(file);
		promise_unpin(file);
		set_bit(FSCACHE_COOKIE_RETIRED, &f->cookie.flags);
	}
	cachet_object_withdraw(&f->cookie);
	if (refcount_read(&f->cookie.ref) != 1)
		model_fail("a closed file's cookie is referenced");
	f->open = false;
	f->session = false;
}

void client_detach(void)
{
	u32 i;

	for (i = 0; i < NR_FILES; i++) {
		if (!client[i].open)
			continue;
		if (one_in(2))
			client_close(i, false);
		else
			pages_settle(i);
	}
	model_run_all();
	promise_all(true);
	if (cachet_cache_detach("model"))
		model_fail("detach failed");
	promise_keep();
	server_committed();
	if (model_allocations)
		model_fail("%u allocations are left after a detach", model_allocations);
	client_forget();
}

/* A part of a scrub. Return: blocks that were bad. */
static u64 scrub_some(u64 *slot, u64 max_bytes)
{
	struct cachet_scrub told = { .slot = *slot, .max_bytes = max_bytes };
	int ret;

	/* Interrupted before the first place it would look like the end of one. */
	do {
		ret = cachet_scrub(the_cache, &told);
	} while (!ret && told.slot == *slot);
	if (ret)
		model_fail("a scrub failed: %d", ret);
	*slot = told.slot < told.nr_slots ? told.slot : 0;
	return told.bad;
}

/*
 * Scrub until nothing is bad: the first time finds where a digest is said to be, the
 * second who named it, and where places go bad a few others may come to it.
 */
void client_scrub(void)
{
	u64 slot, bad = 1;
	u32 n;

	for (n = 0; bad; n++) {
		if (n == 12)
			model_fail("what a scrub has found stays where it is");
		bad = 0;
		slot = 0;
		do {
			bad += scrub_some(&slot, 1 << 20);
		} while (slot);
	}
}

static void commit(bool quiet)
{
	promise_all(quiet);
	if (cachet_commit(the_cache, false))
		model_fail("sync failed");
	promise_keep();
	server_committed();
}

/* What a file that is being written to keeps from being sealed may go on waiting. */
static void seal_all(void)
{
	u32 i;

	if (cachet_seal_drain(the_cache))
		model_fail("a drain failed");
	for (i = 0; i < NR_FILES; i++)
		if (client[i].open && object_of(i)->session)
			return;
	if (the_cache->nr_put_off)
		model_fail("%u blocks wait, and were to be sealed", the_cache->nr_put_off);
}

static void sync_cache(void)
{
	bool quiet = one_in(2);

	if (one_in(2))
		seal_all();
	if (quiet)
		model_run_all();
	/* What waits for this commit is recorded anew behind it. */
	commit(quiet && list_empty(&the_cache->seal_put_off));
}

/* ---- pins --------------------------------------------------------------- */

/* Return: is all that is here of the file pinned? */
static bool pin_once(u32 file)
{
	struct cachet_obj *obj = object_of(file);
	unsigned int seq = cachet_object_begin(obj);
	struct cachet_pin told = {};
	u32 shift = obj->block_shift - CACHET_PAGE_SHIFT, i;
	int ret = 0;

	/* A block that moves is recorded anew, and so is not committed any more. */
	for (i = 0; i < FILE_PAGES; i += 1u << shift)
		promise_forget_blocks(file, obj, i, 1);
	while (!ret && told.start_page != U64_MAX)
		ret = cachet_pin(obj, &told);
	cachet_object_end(obj, seq);
	/* With few sets they fill up with what is pinned. */
	if (ret && !(ret == -ENOSPC && the_geo.nr_sets < 8))
		model_fail("a pin failed: %d", ret);
	model_log("-- pinned: %llu of %llu pages\n", (unsigned long long)told.pinned_pages,
		  (unsigned long long)told.pages);
	return told.pinned_pages == told.pages;
}

static void pin(u32 file)
{
	if (pin_once(file) || !one_in(4))
		return;
	/* What was under way is over; who asks again gets it, if there is room. */
	model_run_all();
	if (!pin_once(file) && !client[file].session && the_geo.nr_sets > 8 && !disk_rots && !disk_flips &&
	    the_cache->nr_pinned < cachet_log_max_pinned(the_cache))
		model_fail("a pin that does not hold");
}

/* What was read in parts is committed while its blocks wait for their digests. */
static void pin_in_parts(u32 file)
{
	/* What was written here: the next to open it finds that the server has it. */
	if (client[file].session) {
		client_close(file, false);
		if (!client_open(file))
			return;
	}
	pin(file);
	if (pages_refill_singly(file))
		commit(false);
}

static void unpin(u32 file)
{
	struct client_file *f = &client[file];
	u8 fp[CACHET_FP_BYTES];
	int ret;

	if (!f->open && !client_open(file))
		return;
	promise_unpin(file);
	memcpy(fp, object_of(file)->fp, sizeof(fp));
	if (one_in(2))
		client_close(file, false);
	ret = f->open && one_in(2) ? cachet_unpin(object_of(file)) :
		cachet_unpin_known(the_cache, fp);
	if (ret && ret != -ENOENT)
		model_fail("an unpin failed: %d", ret);
}

/* Who sweeps, or scrubs, or pins, is interrupted now and then, and goes on later. */
bool model_signal(void)
{
	return world_pins && one_in(20);
}

/*
 * Some sets of a sweep that may have begun before a crash, or all of one, in which a file may
 * be pinned again that is not when the sweep passes it.
 */
static void sweep(bool all, u32 file)
{
	struct cachet_sweep told = { .set = all ? 0 : the_cache->sweep_set };
	bool again = all && file != BURN_FILE && one_in(3);
	int ret;

	if (again)
		unpin(file);
	do {
		check_pins_before();
		ret = cachet_sweep(the_cache, &told);
		check_pins_after();
		if (ret)
			model_fail("a sweep failed: %d", ret);
		if (again && told.set < told.nr_sets && one_in(2) &&
		    (client[file].open || client_open(file)))
			pin(file);
	} while (all && told.set < told.nr_sets);
}

static void cull(void)
{
	u32 segment = one_in(4) ? CACHET_CULL_COLDEST : below(the_geo.nr_segments);
	u64 generation = segment == CACHET_CULL_COLDEST ? 0 : the_cache->seg[segment].generation;
	int ret = cachet_reclaim_cull(the_cache, segment, generation);

	if (ret && ret != -EPERM && ret != -EBUSY && ret != -ENOENT && ret != -ESTALE)
		model_fail("a cull failed: %d", ret);
}

static void act_pin(u32 file)
{
	u32 what = below(13);

	model_log("-- pins: %u on file %u\n", what, file);
	if (what < 5 && file != BURN_FILE && (client[file].open || client_open(file)))
		pin(file);
	else if (what == 12 && file != BURN_FILE && (client[file].open || client_open(file)))
		pin_in_parts(file);
	else if (what < 7)
		unpin(file);
	else if (what < 11)
		sweep(one_in(2), file);
	else
		cull();
}

/*
 * Of a sealed block that lies in several segments one is freed, and a bit of the others
 * changes: nothing can say so any more.
 */
void client_halve_some(void)
{
	struct cachet_map m;
	u32 i, block;

	for (i = 0; i < NR_FILES; i++) {
		if (!client[i].open || client[i].session)
			continue;
		for (block = 0; block < 4; block++) {
			if (cachet_map_load(object_of(i), block, &m) < 0 || m.nr < 2 ||
			    (m.flags & (CACHET_REC_SEALED | CACHET_MAP_SUSPECT)) != CACHET_REC_SEALED ||
			    cachet_reclaim_cull(the_cache, cachet_segment_of(&the_geo, m.piece[0].page),
						m.piece[0].generation))
				continue;
			model_log("-- half of block %u of file %u\n", block, i);
			/* With verify=once others that share it may be believed by now. */
			if (world_flags == CACHET_ATTACH_VERIFY)
				disk_flip(m.piece[m.nr - 1].page);
		}
	}
}

/* An operation is a number below 100: the first of these that it is less than. */
enum operation {
	SYNC = 4, TIMERS = 8, RUN = 16, TEND = 17, FILL = 50, ISSUE = 56, READ = 64, CLOSE = 76,
	WRITE = 83, APPEND = 84, CUT = 86, CHANGE = 94, REBUILD = 95, WRITE_AGAIN = 100,
};

static u32 between(enum operation after, enum operation last)
{
	return after + below(last - after);
}

/* What an administrator does. */
static void tend(void)
{
	if (disk_flips && !disk_flips_sealed && world_flags == CACHET_ATTACH_VERIFY)
		disk_flip_some();
	if (one_in(2))
		cachet_volume_set_block(the_cache, 1, one_in(2) ? 0 : 12 + below(4));
	else
		scrub_some(&scrub_slot, 1 + below(1 << 18));
}

static u32 some_file(void)
{
	if (world_full && one_in(3))
		return BURN_FILE;
	if (!habits.focus || one_in(4))
		return below(NR_FILES);
	if (one_in(12))
		world_favourite = below(BURN_FILE);
	return world_favourite;
}

static void act(u32 file, u32 what)
{
	struct client_file *f = &client[file];

	model_log("-- operation %u on file %u, version %u, size %lld%s\n", what, file,
		  f->view.version, (long long)f->view.size, f->session ? ", written here" : "");
	model_seconds += one_in(8) ? below(16000) : 0;
	if (what < SYNC) {
		sync_cache();
	} else if (what < TIMERS) {
		model_run_timers();
	} else if (what < RUN) {
		model_run_some(below(world_full ? 80 : 6));
	} else if (what < TEND) {
		tend();
	} else if (!f->open) {
		if (one_in(6)) {
			server_change(file);
		} else if (one_in(10) && file != BURN_FILE) {
			promise_forget(file);
			server_replace(file);
		}
		client_open(file);
	} else if (what < FILL || file == BURN_FILE) {
		if (file == BURN_FILE && one_in(2)) {
			/* What is under way would be dropped, and no segment fills. */
			if (world_full && one_in(2))
				pages_settle(file);
			server_change(file);
			invalidate(file);
		}
		pages_fill(file);
	} else if (what < ISSUE) {
		pages_issue_one(file);
	} else if (what < READ) {
		check_file(file);
	} else if (what < CLOSE) {
		client_close(file, one_in(12));
	} else if (what < WRITE) {
		if (f->session)
			pages_write(file);
		else if (one_in(2))
			begin_session(file);
	} else if (what < APPEND) {
		if (f->session)
			pages_append(file);
	} else if (what < CUT) {
		cut(file);
	} else if (what < CHANGE) {
		if (!f->session)
			server_change(file);
		else if (!one_in(8))
			return;
		if (one_in(2))
			invalidate(file);
		else
			seen(file);
	} else if (what < REBUILD) {
		rebuild(file);
	} else if (f->session) {
		pages_write(file);
	}
}

/* One operation, of whatever kind. */
void client_act(void)
{
	u32 what = below(WRITE_AGAIN);

	if (world_pins && one_in(10)) {
		act_pin(some_file());
		return;
	}
	if (what < TIMERS && ((world_full && !one_in(30)) || (habits.writes && !one_in(3))))
		what = TIMERS;
	if (habits.reads && what >= CLOSE)
		what = one_in(3) ? between(CUT, CHANGE) : between(TEND, FILL);
	if (habits.writes && what >= RUN && one_in(2))
		what = one_in(5) ? between(READ, CLOSE) : between(CLOSE, CUT);
	if (habits.cuts && what >= RUN && one_in(4))
		what = between(APPEND, CUT);
	act(some_file(), what);
}

/* The first operations on files, some of which nobody has looked at since the attach. */
void client_act_first(void)
{
	u32 i, n;

	for (i = 0; i < BURN_FILE; i++) {
		if (one_in(3) || (!client[i].open && !client_open(i)))
			continue;
		if (one_in(4))
			begin_session(i);
		for (n = 1 + below(2); n; n--)
			act(i, one_in(3) ? below(WRITE_AGAIN) : between(APPEND, CUT));
	}
}
