// SPDX-License-Identifier: GPL-2.0-only
/*
 * cache.c - attaching and detaching a cache, and the one door for its errors
 *
 *   files checked -> super -> epochs begun -> segments -> sealer -> fscache
 *
 * Detaching goes the other way: fscache lets go of volumes and files, what was
 * under way ends, the open segment gets its summary, the last commit says that
 * the cache was left in order.
 *
 * control_lock guards the list of caches, and is held for no I/O: what one waits for, a disk
 * or a server that does not answer, keeps no other from being attached, asked or detached.
 * A cache is in the list, with its files, from before the attach reads them until nothing of
 * the detach is left to be done; in between it is found by its tag. What was found stays valid
 * while referenced, but may be detached meanwhile.
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/module.h>
#include "internal.h"
#include "trace.h"

static DEFINE_MUTEX(control_lock);
static LIST_HEAD(caches);		/* Attached, or about to be, or no more */
static atomic_t ids;

/*
 * A page fault on a network file reads the cache's files below that file's
 * invalidate_lock; a plain read(2) of a file of theirs, of XFS, faults below its
 * i_rwsem. Of one class, the two would look like a circle to lockdep. They would be
 * one only if the cache's own files were read into a mapping of what it caches.
 *
 * The last subclass: filesystems nest by the first ones (I_MUTEX_PARENT2 is 5).
 */
#define CACHE_FILE_LOCK_SUBCLASS	7

static void set_lock_class(struct file *file, unsigned int subclass)
{
	lockdep_set_subclass(&file_inode(file)->i_rwsem, subclass);
}

static void put_file(struct file *file)
{
	if (file)
		fput(file);
}

/* ---- references --------------------------------------------------------- */

static void cache_free(struct kref *ref)
{
	struct cachet_cache *cache = container_of(ref, struct cachet_cache, ref);
	unsigned int i;

	/* Who held a reference may have asked for a commit after the last one. */
	cancel_delayed_work_sync(&cache->commit_work);
	cancel_work_sync(&cache->reclaim_work);
	/* What it runs may be on its way out, with files and credentials. */
	destroy_workqueue(cache->io_wq);
	destroy_workqueue(cache->wq);
	cachet_log_free(cache);
	cachet_verify_exit(cache);
	put_file(cache->super_file);
	put_file(cache->index_file);
	put_file(cache->data_file);
	put_cred(cache->cred);
	for (i = 0; i < CACHET_SET_LOCKS; i++)
		mutex_destroy(&cache->set_lock[i]);
	free_percpu(cache->counters);
	kfree(cache);
	module_put(THIS_MODULE);
}

/**
 * cachet_cache_put - give a reference back
 * @cache: of cachet_cache_find()
 *
 * Process context.
 */
void cachet_cache_put(struct cachet_cache *cache)
{
	kref_put(&cache->ref, cache_free);
}

/**
 * cachet_cache_hold - let a detach wait, for a call of /dev/cachet that writes
 * @cache: of cachet_cache_find()
 *
 * May sleep; takes seal_sem. What such a call recorded behind the last commit would be of an
 * epoch that never was.
 *
 * Return: 0: until cachet_cache_let_go(), soon; -ESHUTDOWN: it is being detached; -EIO: out of
 * service.
 */
int cachet_cache_hold(struct cachet_cache *cache)
{
	int ret = 0;

	down_read(&cache->seal_sem);
	if (!cache->sealer || test_bit(CACHET_CACHE_LEAVING, &cache->flags))
		ret = -ESHUTDOWN;
	else if (cachet_cache_out(cache))
		ret = -EIO;
	if (ret)
		up_read(&cache->seal_sem);
	return ret;
}

/**
 * cachet_cache_let_go - a detach need not wait any more
 * @cache: held
 *
 * Process context.
 */
void cachet_cache_let_go(struct cachet_cache *cache)
{
	up_read(&cache->seal_sem);
}

/* Under control_lock. */
static struct cachet_cache *find(const char *tag)
{
	struct cachet_cache *cache;

	list_for_each_entry(cache, &caches, link)
		if (test_bit(CACHET_CACHE_ATTACHED, &cache->flags) &&
		    !strcmp(cache->super.tag, tag))
			return cache;
	return NULL;
}

/**
 * cachet_cache_find - an attached cache by its name
 * @tag: NUL-terminated
 *
 * Takes control_lock. Return: the cache, which may be being detached, with a reference, or
 * NULL.
 */
struct cachet_cache *cachet_cache_find(const char *tag)
{
	struct cachet_cache *cache;

	mutex_lock(&control_lock);
	cache = find(tag);
	if (cache)
		kref_get(&cache->ref);
	mutex_unlock(&control_lock);
	return cache;
}

/* ---- the door ----------------------------------------------------------- */

static const char *const site_words[] = {
#define X(name, word) word,
	CACHET_IO_SITES(X)
#undef X
};

/**
 * cachet_io_error - the cache's own files can't be relied on any more
 * @cache: attached, or being so
 * @site: what was tried
 * @err: -errno
 *
 * Process context. The first time: logs, tells the daemon, and takes the cache out
 * of service. From then on everything is a miss, until it is detached.
 */
void cachet_io_error(struct cachet_cache *cache, enum cachet_io_site site, int err)
{
	cachet_count(cache, io_errors);
	trace_cachet_io_error(cache, site, err);
	if (test_and_set_bit(CACHET_CACHE_OUT, &cache->flags))
		return;
	cache->error = err;
	pr_err("%s: out of service: %s failed (%d). Mounts go on without it; mend the disk, then detach and attach it again\n",
	       cache->super.tag, site_words[site], err);
	cachet_event(cache, CACHET_EVENT_OUT, (s64)err, 0);
	spin_lock(&cache->door_lock);
	if (cache->fscache)
		fscache_io_error(cache->fscache);
	spin_unlock(&cache->door_lock);
	cachet_seal_committed(cache);
}

/* fscache's part of the cache ends: who meets an error now does not tell it any more. */
static void forget_fscache(struct cachet_cache *cache)
{
	spin_lock(&cache->door_lock);
	cache->fscache = NULL;
	spin_unlock(&cache->door_lock);
}

/* ---- attach ------------------------------------------------------------- */

#define PROBLEM(arg, ...) \
	snprintf((arg)->problem, sizeof((arg)->problem), __VA_ARGS__)

static struct file *get_one(struct cachet_attach *arg, int fd, const char *name)
{
	struct file *file = fget(fd);
	const char *what = NULL;

	if (!file) {
		PROBLEM(arg, "%s: not an open file", name);
		return ERR_PTR(-EBADF);
	}
	if (!S_ISREG(file_inode(file)->i_mode))
		what = "not a regular file";
	else if ((file->f_mode & (FMODE_READ | FMODE_WRITE)) != (FMODE_READ | FMODE_WRITE))
		what = "not open for reading and writing";
	else if (file->f_flags & O_APPEND)
		what = "open for appending";
	else if (file->f_flags & O_DIRECT)
		what = "open for direct I/O, which the cache asks for where it wants it";
	else if (!(file->f_mode & FMODE_CAN_ODIRECT))
		what = "on a filesystem without direct I/O";
	if (what) {
		PROBLEM(arg, "%s: %s", name, what);
		fput(file);
		return ERR_PTR(-EINVAL);
	}
	return file;
}

static bool same_file(const struct file *a, const struct file *b)
{
	return file_inode(a) == file_inode(b);
}

/* Are these three files fit to be a cache? */
static int check_files(struct cachet_cache *cache, struct cachet_attach *arg)
{
	struct super_block *sb = file_inode(cache->data_file)->i_sb;

	if (same_file(cache->super_file, cache->index_file) ||
	    same_file(cache->super_file, cache->data_file) ||
	    same_file(cache->index_file, cache->data_file)) {
		PROBLEM(arg, "super, index and data are not three files");
		return -EINVAL;
	}
	if (file_inode(cache->super_file)->i_sb != sb || file_inode(cache->index_file)->i_sb != sb) {
		PROBLEM(arg, "super, index and data are not on one filesystem");
		return -EXDEV;
	}
	if (sb->s_magic != XFS_SUPER_MAGIC && !(arg->flags & CACHET_ATTACH_ANY_FS)) {
		PROBLEM(arg, "the cache is on %s, not on XFS", sb->s_type->name);
		return -EMEDIUMTYPE;
	}
	/* It would wait for itself. */
	if (cachet_netfs_is(sb)) {
		PROBLEM(arg, "the cache is on %s, a network filesystem: put it on a local XFS",
			sb->s_type->name);
		return -EINVAL;
	}
	return 0;
}

/* And nobody else's? Then they are this one's. Under control_lock. */
static int claim_files(struct cachet_cache *cache, struct cachet_attach *arg)
{
	struct cachet_cache *other;

	list_for_each_entry(other, &caches, link) {
		if (same_file(other->super_file, cache->super_file) ||
		    same_file(other->index_file, cache->index_file) ||
		    same_file(other->data_file, cache->data_file)) {
			if (test_bit(CACHET_CACHE_ATTACHED, &other->flags))
				PROBLEM(arg, "these files are attached already, as %s",
					other->super.tag);
			else
				PROBLEM(arg, "these files are just being attached, or detached");
			return -EBUSY;
		}
	}
	set_lock_class(cache->super_file, CACHE_FILE_LOCK_SUBCLASS);
	set_lock_class(cache->index_file, CACHE_FILE_LOCK_SUBCLASS);
	set_lock_class(cache->data_file, CACHE_FILE_LOCK_SUBCLASS);
	set_bit(CACHET_CACHE_FILES_OURS, &cache->flags);
	list_add_tail(&cache->link, &caches);
	return 0;
}

static int check_size(const struct file *file, u64 want, const char *name,
		      struct cachet_attach *arg)
{
	u64 size = i_size_read(file_inode(file));

	if (size == want)
		return 0;
	PROBLEM(arg, "%s: %llu bytes long, must be %llu", name, size, want);
	return size < want ? -ENODATA : -EFBIG;
}

/* Past the page cache: what a crash left there is not what is on disk. */
static int read_supers(struct cachet_cache *cache, void *buf)
{
	unsigned int i, bad = 0;
	int ret;

	for (i = 0; i < 2; i++) {
		void *copy = buf + i * CACHET_SUPER_STRIDE;

		ret = cachet_io_direct(cache, cache->super_file, copy, CACHET_SUPER_STRIDE,
				       i * CACHET_SUPER_STRIDE, false, CACHET_IO_SUPER_READ);
		if (ret == -ENODATA && !bad++)	/* The other one will do */
			memset(copy, 0xff, CACHET_SUPER_STRIDE);
		else if (ret)
			return ret;
	}
	return 0;
}

static int load_super(struct cachet_cache *cache, struct cachet_attach *arg)
{
	struct cachet_super_info other;
	const char *ignored;
	const char *why = NULL;
	bool first;
	void *buf;
	int ret;

	ret = check_size(cache->super_file, CACHET_SUPER_FILE_BYTES, "super", arg);
	if (ret)
		return ret;
	buf = kvmalloc(2 * PAGE_SIZE, CACHET_GFP);
	if (!buf)
		return -ENOMEM;
	ret = read_supers(cache, buf);
	if (ret) {
		PROBLEM(arg, "super can't be read (%d)", ret);
		ret = ret == -ENODATA ? -EIO : ret;
		goto out;
	}
	ret = cachet_super_choose(buf, buf + CACHET_SUPER_STRIDE, &cache->super, &why);
	if (ret) {
		PROBLEM(arg, "%s", why);
		if (ret == -EBADMSG || ret == -EINVAL || ret == -ENODATA)
			ret = -EUCLEAN;
		goto out;
	}
	if (why) {	/* The other copy is used */
		first = cachet_super_decode(buf, &other, &ignored);
		cachet_damaged(cache, CACHET_FILE_SUPER, first ? 0 : CACHET_SUPER_STRIDE, why);
	}
	cache->geo = cache->super.geo;
	cache->seed = cachet_crc_seed(cache->super.uuid);
out:
	kvfree(buf);
	return ret;
}

/*
 * A bad id page is refused although the file may be the right one: to prove that takes
 * a look at all of it, which cachectl check has, and somebody who wants it mended.
 */
static int check_id(struct cachet_cache *cache, struct file *file, const char magic[8], u64 pos,
		    const char *name, struct cachet_attach *arg)
{
	struct cachet_file_id id;
	int ret;

	ret = cachet_io_read(cache, file, &id, sizeof(id), pos, file == cache->index_file ?
			     CACHET_IO_INDEX_READ : CACHET_IO_DATA_READ);
	if (ret == -ENODATA) {	/* That place alone: a repair may mend it */
		PROBLEM(arg, "the id page of %s can't be read", name);
		return -EBADMSG;
	}
	if (ret) {
		PROBLEM(arg, "%s can't be read (%d)", name, ret);
		return ret;
	}
	ret = cachet_file_id_check(&id, magic, cache->super.uuid, pos);
	if (ret == -EMEDIUMTYPE) {
		PROBLEM(arg, "%s belongs to another cache", name);
		return -ESTALE;
	}
	if (ret)
		PROBLEM(arg, "the id page of %s is damaged", name);
	return ret;
}

static int load(struct cachet_cache *cache, struct cachet_attach *arg)
{
	int ret;

	ret = load_super(cache, arg);
	if (ret)
		return ret;
	ret = cachet_io_believe_disk(cache->index_file) ?: cachet_io_believe_disk(cache->data_file);
	if (ret) {
		PROBLEM(arg, "what the disk has refused to take can't be forgotten (%d)", ret);
		return ret;
	}
	ret = check_size(cache->index_file, cache->geo.index_bytes, "index", arg);
	if (!ret)
		ret = check_size(cache->data_file, cache->geo.data_bytes, "data", arg);
	if (!ret)
		ret = check_id(cache, cache->index_file, CACHET_INDEX_MAGIC, 0, "index", arg);
	if (!ret)
		ret = check_id(cache, cache->data_file, CACHET_DATA_MAGIC,
			       cache->geo.data_bytes - CACHET_PAGE_BYTES, "data", arg);
	return ret;
}

static struct cachet_cache *cache_alloc(void)
{
	struct cachet_cache *cache = kzalloc(sizeof(*cache), GFP_KERNEL);
	unsigned int i;

	if (!cache)
		return NULL;
	cache->id = atomic_inc_return(&ids);
	cache->counters = __alloc_percpu(sizeof(u64) * CACHET_NR_USED_COUNTERS, sizeof(u64));
	if (!cache->counters)
		goto err_free;
	cache->wq = alloc_workqueue("cachet/%u", CACHET_WQ_FLAGS, 0, cache->id);
	if (!cache->wq)
		goto err_counters;
	cache->io_wq = alloc_workqueue("cachet-io/%u", CACHET_WQ_FLAGS, 0, cache->id);
	if (!cache->io_wq)
		goto err_wq;
	__module_get(THIS_MODULE);
	kref_init(&cache->ref);
	INIT_LIST_HEAD(&cache->link);
	cache->cred = get_current_cred();
	mutex_init(&cache->commit_lock);
	init_rwsem(&cache->seal_sem);
	init_rwsem(&cache->epoch_sem);
	INIT_DELAYED_WORK(&cache->commit_work, cachet_commit_work);
	spin_lock_init(&cache->log_lock);
	mutex_init(&cache->roll_lock);
	INIT_LIST_HEAD(&cache->free);
	INIT_LIST_HEAD(&cache->freeing);
	INIT_LIST_HEAD(&cache->closed);
	init_waitqueue_head(&cache->idle_wait);
	INIT_WORK(&cache->reclaim_work, cachet_reclaim_work);
	for (i = 0; i < CACHET_SET_LOCKS; i++)
		mutex_init(&cache->set_lock[i]);
	mutex_init(&cache->volume_lock);
	mutex_init(&cache->pin_lock);
	INIT_LIST_HEAD(&cache->volumes);
	spin_lock_init(&cache->objects_lock);
	spin_lock_init(&cache->door_lock);
	spin_lock_init(&cache->seal_lock);
	INIT_LIST_HEAD(&cache->seal_jobs);
	INIT_LIST_HEAD(&cache->seal_put_off);
	hash_init(cache->objects);
	INIT_LIST_HEAD(&cache->withdrawing);
	return cache;

err_wq:
	destroy_workqueue(cache->wq);
err_counters:
	free_percpu(cache->counters);
err_free:
	kfree(cache);
	return NULL;
}

static int open_files(struct cachet_cache *cache, struct cachet_attach *arg)
{
	struct file *file;
	int ret;

	file = get_one(arg, arg->super_fd, "super");
	if (IS_ERR(file))
		return PTR_ERR(file);
	cache->super_file = file;
	file = get_one(arg, arg->index_fd, "index");
	if (IS_ERR(file))
		return PTR_ERR(file);
	cache->index_file = file;
	file = get_one(arg, arg->data_fd, "data");
	if (IS_ERR(file))
		return PTR_ERR(file);
	cache->data_file = file;
	ret = check_files(cache, arg);
	if (ret)
		return ret;
	mutex_lock(&control_lock);
	ret = claim_files(cache, arg);
	mutex_unlock(&control_lock);
	return ret;
}

/* Nothing is done with them any more. */
static void disclaim_files(struct cachet_cache *cache)
{
	mutex_lock(&control_lock);
	list_del_init(&cache->link);
	if (test_bit(CACHET_CACHE_FILES_OURS, &cache->flags)) {
		set_lock_class(cache->super_file, 0);
		set_lock_class(cache->index_file, 0);
		set_lock_class(cache->data_file, 0);
	}
	mutex_unlock(&control_lock);
}

/* Stop what works on a cache's behalf; nothing new is begun. */
static void quiesce(struct cachet_cache *cache)
{
	set_bit(CACHET_CACHE_LEAVING, &cache->flags);
	cachet_seal_exit(cache);
	flush_workqueue(cache->wq);
	cachet_object_wait_all(cache);
	cancel_work_sync(&cache->reclaim_work);
	cachet_log_close(cache);
	/* Who closed the last segment may not have returned yet. */
	flush_workqueue(cache->wq);
	cancel_delayed_work_sync(&cache->commit_work);
}

static enum cachet_verify verify_of(u32 flags)
{
	if (flags & CACHET_ATTACH_VERIFY)
		return CACHET_VERIFY_ALWAYS;
	return flags & CACHET_ATTACH_VERIFY_ONCE ? CACHET_VERIFY_ONCE : CACHET_VERIFY_SUSPECT;
}

/**
 * cachet_cache_attach - CACHET_IOC_ATTACH
 * @arg: in and out
 *
 * May sleep for as long as the disk takes. Return: 0; -errno: @arg->problem says why, and
 * nothing has changed.
 */
int cachet_cache_attach(struct cachet_attach *arg)
{
	struct fscache_cache *fscache;
	struct cachet_cache *cache;
	u64 began = ktime_get_ns();
	int ret, nr_volumes;

	ret = -ENOMEM;
	cache = cache_alloc();
	if (!cache)
		goto out;
	cache->commit_ms = arg->commit_ms ?: CACHET_COMMIT_MS;
	ret = open_files(cache, arg);
	if (ret)
		goto err_put;
	ret = load(cache, arg);
	if (ret)
		goto err_put;

	ret = cachet_verify_init(cache, verify_of(arg->flags));
	if (ret)
		goto err_put;

	fscache = fscache_acquire_cache(cache->super.tag);
	if (IS_ERR(fscache)) {
		ret = PTR_ERR(fscache);
		PROBLEM(arg, "the tag %s is in use by another cache", cache->super.tag);
		goto err_put;
	}
	ret = cachet_commit_begin(cache);
	if (ret) {
		PROBLEM(arg, "super can't be written (%d)", ret);
		goto err_relinquish;
	}
	ret = cachet_log_load(cache);
	/* What it can do without, it does; but not with a disk that fails. */
	if (!ret && cachet_cache_out(cache))
		ret = -EIO;
	if (ret) {
		PROBLEM(arg, "the segment table can't be read (%d)", ret);
		goto err_quiesce;
	}
	ret = cachet_seal_init(cache);
	if (ret)
		goto err_quiesce;
	/* A new cache: its segments may be used once the table says so. */
	if (!cache->nr_free && cache->nr_freeing) {
		ret = cachet_commit(cache, false);
		if (ret) {
			PROBLEM(arg, "the first commit failed (%d)", ret);
			goto err_quiesce;
		}
	}
	ret = cachet_stats_add(cache);
	if (ret)
		goto err_quiesce;
	cache->fscache = fscache;
	/* Until it is known: they may come at once. Or go. */
	cache->found_mounts = true;
	nr_volumes = atomic_read(&fscache->n_volumes);
	ret = fscache_add_cache(fscache, &cachet_fscache_ops, cache);
	if (ret)
		goto err_stats;
	nr_volumes += atomic_read(&fscache->n_volumes);
	WRITE_ONCE(cache->found_mounts, nr_volumes != 0);
	if (cache->nr_free < cachet_reclaim_target(cache))
		queue_work(cache->wq, &cache->reclaim_work);
	memcpy(arg->tag, cache->super.tag, sizeof(arg->tag));
	arg->took_ns = ktime_get_ns() - began;
	pr_info("%s: attached in %llu us%s\n", cache->super.tag, arg->took_ns / 1000,
		cache->crashed ? ", after a crash" : "");
	/* It may be detached from here on, and by who hears of it be asked. */
	mutex_lock(&control_lock);
	set_bit(CACHET_CACHE_ATTACHED, &cache->flags);
	cachet_event(cache, CACHET_EVENT_ATTACHED, 0, 0);
	mutex_unlock(&control_lock);
	return 0;

err_stats:
	forget_fscache(cache);
	cachet_stats_del(cache);
err_quiesce:
	quiesce(cache);
	/* Say what was so before: detached in order, if it was. */
	if (!cachet_cache_out(cache) && !cache->crashed)
		cachet_commit(cache, true);
err_relinquish:
	fscache_relinquish_cache(fscache);
err_put:
	disclaim_files(cache);
	cachet_cache_put(cache);
out:
	if (!arg->problem[0])
		PROBLEM(arg, "no memory, or no thread (%d)", ret);
	pr_err("not attached: %s\n", arg->problem);
	return ret;
}

/* ---- detach ------------------------------------------------------------- */

static void withdraw_objects(struct cachet_cache *cache)
{
	struct cachet_obj *obj;
	unsigned int n = 0;

	spin_lock(&cache->objects_lock);
	while (!list_empty(&cache->withdrawing)) {
		obj = list_first_entry(&cache->withdrawing, struct cachet_obj, link);
		list_del_init(&obj->link);
		/* The object has its cookie until withdrawal, which this begins. */
		fscache_withdraw_cookie(obj->cookie);
		if (!(++n & 63)) {
			spin_unlock(&cache->objects_lock);
			cond_resched();
			spin_lock(&cache->objects_lock);
		}
	}
	spin_unlock(&cache->objects_lock);
}

/* It is LEAVING, and nobody else's to detach. */
static int detach(struct cachet_cache *cache)
{
	struct fscache_cache *fscache = cache->fscache;
	int ret;

	cachet_volume_leave_all(cache);
	fscache_withdraw_cache(fscache);
	cachet_volume_withdraw_all(cache);
	withdraw_objects(cache);
	fscache_wait_for_objects(fscache);
	cachet_volume_free_all(cache);
	quiesce(cache);
	ret = cachet_commit(cache, true);
	/* Whoever still holds a reference must not write any more. */
	set_bit(CACHET_CACHE_OUT, &cache->flags);
	forget_fscache(cache);
	/* Before its name and its files are free for another one. */
	cachet_stats_del(cache);
	mutex_lock(&control_lock);
	clear_bit(CACHET_CACHE_ATTACHED, &cache->flags);
	mutex_unlock(&control_lock);
	fscache_relinquish_cache(fscache);
	disclaim_files(cache);
	cachet_event(cache, CACHET_EVENT_DETACHED, 0, 0);
	pr_info("%s: detached%s\n", cache->super.tag,
		ret ? ", not in order: the next attach treats it as crashed" : "");
	cachet_cache_put(cache);
	return ret;
}

/**
 * cachet_cache_detach - CACHET_IOC_DETACH
 * @tag: its name
 *
 * Takes control_lock, for a moment; waits for I/O under way, also that of a server which does
 * not answer. Return: 0; -ENOENT: no such cache; -ESHUTDOWN: somebody else is about it;
 * -EIO: detached, but the last commit failed: it counts as crashed.
 */
int cachet_cache_detach(const char *tag)
{
	struct cachet_cache *cache;
	int ret = 0;

	mutex_lock(&control_lock);
	cache = find(tag);
	if (!cache)
		ret = -ENOENT;
	else if (test_and_set_bit(CACHET_CACHE_LEAVING, &cache->flags))
		ret = -ESHUTDOWN;
	mutex_unlock(&control_lock);
	return ret ?: detach(cache);
}
