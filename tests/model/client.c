// SPDX-License-Identifier: GPL-2.0-only
/*
 * client.c - a machine that uses the cache
 *
 * What a network filesystem, netfs and fscache would do with the module: files
 * are opened and closed, read from the server and kept, written here, cut,
 * invalidated; the cache is attached, synced, detached. One operation is chosen
 * after the other; what they leave in the work queues runs when it likes.
 *
 * A page with a fill under way is not filled again, and one that is being
 * written from here is not read from the cache: its folio is in memory. An
 * invalidation drops the folios, and ends both.
 */
#include "model.h"

enum { MAX_OPS = 12 };

/* Pages on their way from the server, or from a program, into the cache. */
struct op {
	u32	file;
	u32	page;
	u32	nr;
	unsigned int seq;		/* Of cachet_object_begin() */
	bool	local;
	bool	issued;
	bool	counted;		/* In busy[] */
	struct cachet_obj *obj;
	struct iov_iter iter;
	u8	*buf;
};

const struct fscache_cache_ops cachet_fscache_ops;
struct client_file client[NR_FILES];
struct cachet_cache *the_cache;
u32 world_flags;
u32 world_yield;
bool world_full;
bool world_writes;

static struct op *ops[MAX_OPS];
static u32 nr_ops;
static struct fscache_cache fscache;
static struct fscache_volume volume;
static u8 volume_key[] = "\5model";
static struct fscache_cookie *withdrawing[NR_FILES];
static u32 nr_withdrawing;

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

void fscache_wait_for_objects(struct fscache_cache *cache)
{
	while (nr_withdrawing)
		cachet_object_withdraw(withdrawing[--nr_withdrawing]);
	if (cache->nr_objects)
		model_fail("%d objects are left", cache->nr_objects);
}

void cachet_event(struct cachet_cache *cache, enum cachet_event_type type, u64 arg0, u64 arg1)
{
	if (type == CACHET_EVENT_CORRUPT)
		model_fail("a trusted block of %llu pages at data page %llu is not what its digest says",
			   (unsigned long long)arg1, (unsigned long long)arg0);
	if (type == CACHET_EVENT_REUSED)
		promise_reused |= 1u << arg0;
}

void cachet_asked_init(struct cachet_obj *obj)
{
}

void cachet_asked_free(struct cachet_obj *obj)
{
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
	ret = cachet_cache_attach(&arg);
	if (ret)
		model_log("attach: %d, %s\n", ret, arg.problem);
	return ret;
}

/* Memory is lost, and with it what was open. */
void client_forget(void)
{
	memset(client, 0, sizeof(client));
	nr_ops = 0;
	nr_withdrawing = 0;
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
	return f->open;
}

static struct cachet_obj *object_of(u32 file)
{
	return client[file].cookie.cache_priv;
}

/* ---- fills -------------------------------------------------------------- */

static void op_done(const struct cachet_done *done, ssize_t ret)
{
	struct op *op = done->priv;
	struct client_file *f = &client[op->file];
	u32 i;

	if (ret < 0)
		model_fail("a fill was told %zd", ret);
	for (i = 0; i < nr_ops; i++)
		if (ops[i] == op)
			ops[i--] = ops[--nr_ops];
	for (i = 0; op->counted && i < op->nr; i++)
		f->busy[op->page + i]--;
	f->ops--;
	model_free(op->buf);
	model_free(op);
}

static void op_issue(struct op *op)
{
	struct client_file *f = &client[op->file];
	struct cachet_done done = { .fn = op_done, .priv = op };

	op->issued = true;
	cachet_object_end(op->obj, op->seq);
	promise_forget_blocks(op->file, op->obj, op->page, op->nr);
	/* What the file was cut to meanwhile netfs does not keep. */
	if (op->page + op->nr > content_pages(&f->view)) {
		op_done(&done, 0);
		return;
	}
	cachet_fill(op->obj, op->seq, op->page, op->nr, &op->iter, f->view.size, !op->local,
		    &done);
}

static void op_begin(u32 file, u32 page, u32 nr, bool local)
{
	struct client_file *f = &client[file];
	struct op *op;
	u32 i;

	for (i = 0; i < nr; i++)
		if (f->busy[page + i])
			return;
	if (nr_ops == MAX_OPS || page + nr > content_pages(&f->view))
		return;
	op = model_alloc(sizeof(*op), true);
	op->file = file;
	op->page = page;
	op->nr = nr;
	op->local = local;
	op->obj = object_of(file);
	op->seq = cachet_object_begin(op->obj);
	op->counted = true;
	op->buf = model_alloc((size_t)nr * CACHET_PAGE_BYTES, false);
	op->iter.at = op->buf;
	op->iter.count = (size_t)nr * CACHET_PAGE_BYTES;
	for (i = 0; i < nr; i++) {
		if (local)
			f->view.page[page + i] = server_new_id();
		f->busy[page + i]++;
		page_make(&f->view, page + i, op->buf + (size_t)i * CACHET_PAGE_BYTES);
	}
	f->ops++;
	ops[nr_ops++] = op;
	if (local || !one_in(4))
		op_issue(op);
}

/* Return: false: all are issued. */
static bool issue_one(u32 file)
{
	u32 i;

	for (i = 0; i < nr_ops; i++) {
		if (ops[i]->file == file && !ops[i]->issued) {
			op_issue(ops[i]);
			return true;
		}
	}
	return false;
}

/* The folios are gone: what is under way belongs to none. */
static void drop_folios(u32 file)
{
	u32 i;

	for (i = 0; i < nr_ops; i++)
		if (ops[i]->file == file)
			ops[i]->counted = false;
	memset(client[file].busy, 0, sizeof(client[file].busy));
}

/* Wait until nothing of a file is under way. */
void client_settle(u32 file)
{
	while (client[file].ops)
		if (!issue_one(file) && !model_run_one())
			model_fail("a fill that never ends");
}

static void fill_some(u32 file)
{
	struct client_file *f = &client[file];
	u32 pages = content_pages(&f->view), page, nr;
	u32 per = 1u << (object_of(file)->block_shift - CACHET_PAGE_SHIFT);

	if (!f->session && f->view.version != server[file].version)
		return;		/* It would be another version's */
	if (file == BURN_FILE || one_in(4)) {
		op_begin(file, 0, pages, false);
		return;
	}
	page = below(pages);
	if (one_in(2))		/* netfs rounds to blocks */
		page = page / per * per;
	nr = one_in(2) ? per : 1 + below(6);
	op_begin(file, page, min(nr, pages - page), false);
}

/* ---- writing here ------------------------------------------------------- */

static void begin_session(u32 file)
{
	if (client[file].view.version != server[file].version)
		return;
	promise_forget(file);
	client[file].session = true;
	set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &client[file].cookie.flags);
	cachet_object_prepare_to_write(&client[file].cookie);
}

static void write_some(u32 file)
{
	u32 pages = content_pages(&client[file].view), page = below(pages);

	op_begin(file, page, min(1 + below(6), pages - page), true);
}

/* ftruncate() of a file that is open for writing here. */
static void cut(u32 file)
{
	struct client_file *f = &client[file];
	u32 old = content_pages(&f->view), i;
	loff_t was = f->view.size;

	/* It waits for folios that are being read. */
	while (issue_one(file))
		;
	f->view.size = 1 + below(FILE_PAGES * CACHET_PAGE_BYTES);
	/* A page that grows is written to: zeros follow what it held. */
	if (f->view.size > was && was % CACHET_PAGE_BYTES)
		f->view.page[was / CACHET_PAGE_BYTES] = server_new_id();
	for (i = old; i < FILE_PAGES; i++)
		f->view.page[i] = 0;
	for (i = content_pages(&f->view); i < FILE_PAGES; i++)
		f->view.page[i] = 0;
	promise_forget(file);
	mutex_lock(&object_of(file)->lock);
	cachet_object_resize(object_of(file), f->view.size);
	mutex_unlock(&object_of(file)->lock);
	f->cookie.object_size = f->view.size;
}

/* ---- changes ------------------------------------------------------------ */

static void invalidate(u32 file)
{
	struct client_file *f = &client[file];

	promise_forget(file);
	drop_folios(file);
	f->view = server[file];
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

	if (f->session || f->view.version == server[file].version)
		return;
	promise_forget(file);
	drop_folios(file);
	f->view = server[file];
	aux[0] = file;
	aux[1] = f->view.version;
	seq = cachet_object_begin(object_of(file));
	cachet_object_seen(object_of(file), aux, sizeof(aux), f->view.size);
	cachet_object_end(object_of(file), seq);
	if (one_in(2))
		set_coherency(f, file);
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

	client_settle(file);
	if (f->session) {
		/* The server has acknowledged it all. */
		f->view.version = server[file].version + 1;
		server[file] = f->view;
		set_coherency(f, file);
	}
	atomic_dec(&f->cookie.n_active);
	if (retire) {
		promise_forget(file);
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
			client_settle(i);
	}
	model_run_all();
	promise_all();
	if (cachet_cache_detach("model"))
		model_fail("detach failed");
	promise_keep();
	if (model_allocations)
		model_fail("%u allocations are left after a detach", model_allocations);
	client_forget();
}

static void sync_cache(void)
{
	if (one_in(2))
		cachet_seal_drain(the_cache);
	model_run_all();
	promise_all();
	if (cachet_commit(the_cache, false))
		model_fail("sync failed");
	promise_keep();
}

/* One operation, of whatever kind. */
void client_act(void)
{
	u32 file = below(NR_FILES), what = below(100);
	struct client_file *f;

	if (world_full && one_in(3))
		file = BURN_FILE;
	if (world_full && what < 8 && !one_in(30))
		what = 8;
	if (world_writes && what > 15 && one_in(2))
		what = 76 + below(10);
	f = &client[file];
	model_seconds += one_in(8) ? below(4000) : 0;
	if (what < 4) {
		sync_cache();
	} else if (what < 8) {
		model_run_timers();
	} else if (what < 16) {
		model_run_some(below(world_full ? 80 : 6));
	} else if (what < 17) {
		cachet_volume_set_block(the_cache, 1, one_in(2) ? 0 : 12 + below(4));
	} else if (!f->open) {
		if (one_in(4))
			server_change(file);
		client_open(file);
	} else if (what < 50 || file == BURN_FILE) {
		if (file == BURN_FILE && one_in(2)) {
			/* What is under way would be dropped, and no segment fills. */
			if (world_full && one_in(2))
				client_settle(file);
			server_change(file);
			invalidate(file);
		}
		fill_some(file);
	} else if (what < 56) {
		issue_one(file);
	} else if (what < 64) {
		check_file(file);
	} else if (what < 76) {
		client_close(file, one_in(12));
	} else if (what < 84) {
		if (f->session)
			write_some(file);
		else if (one_in(2))
			begin_session(file);
	} else if (what < 86) {
		if (f->session)
			cut(file);
	} else if (what < 94) {
		if (!f->session)
			server_change(file);
		else if (!one_in(8))
			return;
		if (one_in(2))
			invalidate(file);
		else
			seen(file);
	} else if (what < 95) {
		rebuild(file);
	} else if (f->session) {
		write_some(file);
	}
}
