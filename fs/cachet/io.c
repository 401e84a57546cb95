// SPDX-License-Identifier: GPL-2.0-only
/*
 * io.c - the cache's own files: read, write, flush
 *
 * All synchronous I/O on super, index and data passes here: with the daemon's
 * credentials, without entering the filesystem for memory, past the fault
 * injection hook, and to the one door if it fails, unless only a place can't be
 * read (heal.c). Asynchronous I/O on data is in read.c and fill.c, under the same
 * rules.
 *
 * May sleep. Takes no lock of ours.
 */
#include <linux/file.h>
#include <linux/bvec.h>
#include <linux/sched/signal.h>
#include "internal.h"

/* Out of memory or a dying process: the cache is as good as before. */
static bool harmless(int err)
{
	return err == -ENOMEM || err == -EINTR || err == -EAGAIN;
}

static int finish(struct cachet_cache *cache, enum cachet_io_site site, u64 pos, ssize_t ret)
{
	if (ret >= 0 || harmless(ret))
		return min(ret, 0);
	switch (site) {
	case CACHET_IO_SUPER_READ:
	case CACHET_IO_INDEX_READ:
	case CACHET_IO_DATA_READ:
	case CACHET_IO_SEAL_READ:
	case CACHET_IO_SUMMARY_READ:
		return cachet_media_error(cache, site, pos, ret) ? -ENODATA : -EIO;
	default:
		cachet_io_error(cache, site, ret);
		return ret;
	}
}

/**
 * cachet_io_believe_disk - read what is on disk, though memory may say something else
 * @file: of the cache, that nobody has written to since it was opened
 *
 * Pages that could not be written are clean all the same, and stay in memory: once that is
 * short, an older state will be found in their place.
 *
 * May sleep. Return: 0; -EBUSY: somebody else writes to it.
 */
int cachet_io_believe_disk(struct file *file)
{
	struct address_space *mapping = file->f_mapping;

	if (!errseq_check(&mapping->wb_err, 0))
		return 0;
	/* What fails now is as good as lost before. */
	filemap_fdatawrite(mapping);
	filemap_fdatawait_keep_errors(mapping);
	/* Nobody may have been told yet: else the first commit would be. */
	pr_info("%pD: writes have failed (%d): it is read from disk again\n", file,
		file_check_and_advance_wb_err(file));
	return invalidate_inode_pages2(mapping);
}

/**
 * cachet_io_must_punt - is this process unfit to write to the cache's files?
 *
 * The VFS holds RLIMIT_FSIZE of whoever runs against our files (and kills for
 * it), and a dying process is interrupted in the middle of a write. Neither is
 * the cache's fault: a worker must do it.
 */
bool cachet_io_must_punt(void)
{
	return !(current->flags & (PF_KTHREAD | PF_WQ_WORKER)) &&
		(rlimit(RLIMIT_FSIZE) != RLIM_INFINITY || fatal_signal_pending(current));
}

/* A read or write, by whoever can do it. */
struct job {
	struct work_struct work;
	ssize_t	(*fn)(struct file *file, void *buf, size_t len, loff_t pos);
	const struct cred *cred;
	struct file *file;
	void	*buf;
	size_t	len;
	loff_t	pos;
	ssize_t	ret;
};

static void job_work(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, work);
	const struct cred *cred = override_creds(job->cred);

	job->ret = job->fn(job->file, job->buf, job->len, job->pos);
	revert_creds(cred);
}

static ssize_t punt(struct cachet_cache *cache,
		    ssize_t (*fn)(struct file *file, void *buf, size_t len, loff_t pos),
		    struct file *file, void *buf, size_t len, loff_t pos)
{
	struct job job = {
		.fn	= fn,
		.cred	= cache->cred,
		.file	= file,
		.buf	= buf,
		.len	= len,
		.pos	= pos,
	};

	INIT_WORK_ONSTACK(&job.work, job_work);
	queue_work(cache->io_wq, &job.work);
	flush_work(&job.work);
	destroy_work_on_stack(&job.work);
	return job.ret;
}

/**
 * cachet_io_read_iter - read from a file of the cache, and ask nobody
 * @iocb: file, position, and whether somebody waits for it
 * @iter: where to
 *
 * The VFS would ask first who watches the filesystem (fanotify(7)), below the locks of who reads
 * a mount: a program that may be away, or waits for that mount itself. What is read here is
 * told to nobody but who may read the network file.
 *
 * May sleep. Return: of read_iter(), bytes, -errno, or -EIOCBQUEUED.
 */
noinline ssize_t cachet_io_read_iter(struct kiocb *iocb, struct iov_iter *iter)
{
	return iocb->ki_filp->f_op->read_iter(iocb, iter);
}

static ssize_t read_all(struct file *file, void *buf, size_t len, loff_t pos)
{
	unsigned int nofs = memalloc_nofs_save();
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n = 0;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	iocb.ki_flags = 0;		/* Whatever the file's flags have become */
	iov_iter_kvec(&iter, ITER_DEST, &kvec, 1, len);
	while (iov_iter_count(&iter)) {
		n = cachet_io_read_iter(&iocb, &iter);
		if (n <= 0) {
			n = n ?: CACHET_IO_TRUNCATED;
			break;
		}
		n = 0;
	}
	memalloc_nofs_restore(nofs);
	return n;
}

/**
 * cachet_io_write_iter - write to a file of the cache, whatever is locked
 * @iocb: file, position, and whether somebody waits for it
 * @iter: what to write
 * @wait: for a freeze of the filesystem to end; else -EAGAIN
 * @level: returns, for cachet_io_end_write(), how the file is kept from being frozen
 *
 * Network filesystems come here below mmap_lock. Who freezes the cache's own filesystem
 * waits for those who write to it already; one of them may wait for a directory, and
 * who reads that for mmap_lock. To wait for the freeze here would close this circle, so
 * while there is one the write counts as what may wait below mmap_lock: a page fault.
 * Such are kept out at last when all others are through.
 *
 * (freeze_super() then holds s_umount, so a write that is throttled has nobody to clean
 * pages for it. Only index is written to memory here, and each commit flushes it.)
 *
 * May sleep. Return: of write_iter(), bytes, -errno, or -EIOCBQUEUED: then ki_complete()
 * must call cachet_io_end_write().
 */
ssize_t cachet_io_write_iter(struct kiocb *iocb, struct iov_iter *iter, bool wait, int *level)
{
	struct file *file = iocb->ki_filp;
	struct super_block *sb = file_inode(file)->i_sb;
	ssize_t ret;

	*level = SB_FREEZE_WRITE;
	if (!sb_start_write_trylock(sb)) {
		*level = SB_FREEZE_PAGEFAULT;
		if (wait)
			sb_start_pagefault(sb);
		else if (!__sb_start_write_trylock(sb, SB_FREEZE_PAGEFAULT))
			return -EAGAIN;
	}
	if (!is_sync_kiocb(iocb))
		__sb_writers_release(sb, *level);	/* For lockdep: another task ends it */
	ret = file->f_op->write_iter(iocb, iter);
	if (ret != -EIOCBQUEUED)
		cachet_io_end_write(iocb, *level);
	return ret;
}

/**
 * cachet_io_end_write - a write that cachet_io_write_iter() began has ended
 * @iocb: as it was given
 * @level: as it was returned
 *
 * Any context.
 */
void cachet_io_end_write(struct kiocb *iocb, int level)
{
	struct super_block *sb = file_inode(iocb->ki_filp)->i_sb;

	if (!is_sync_kiocb(iocb))
		__sb_writers_acquired(sb, level);
	__sb_end_write(sb, level);
}

/**
 * cachet_io_frozen - is the cache's filesystem frozen?
 * @cache: cache
 *
 * For who has better things to do than to wait for that. Any context; it may be out of date
 * at once. Its files are on one filesystem.
 */
bool cachet_io_frozen(const struct cachet_cache *cache)
{
	return READ_ONCE(file_inode(cache->data_file)->i_sb->s_writers.frozen) >=
		SB_FREEZE_PAGEFAULT;
}

static ssize_t write_all(struct file *file, void *buf, size_t len, loff_t pos)
{
	unsigned int throttle = current->flags & PF_LOCAL_THROTTLE;
	unsigned int nofs = memalloc_nofs_save();
	struct kvec kvec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n = 0;
	int level;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	iocb.ki_flags = IOCB_WRITE;	/* Whatever the file's flags have become */
	iov_iter_kvec(&iter, ITER_SOURCE, &kvec, 1, len);
	/*
	 * Somebody's write-back may wait for this: it must not be made to wait for
	 * that write-back in turn, only for the disk that it writes to itself.
	 */
	current->flags |= PF_LOCAL_THROTTLE;
	while (iov_iter_count(&iter)) {
		n = cachet_io_write_iter(&iocb, &iter, true, &level);
		if (n <= 0) {
			n = n ?: -EIO;
			break;
		}
		n = 0;
	}
	current_restore_flags(throttle, PF_LOCAL_THROTTLE);
	memalloc_nofs_restore(nofs);
	return n;
}

/**
 * cachet_io_short_read - why a direct read ended before its end
 * @file: that was read
 * @pos: byte offset
 * @n: bytes that were read
 *
 * Any context. Return: -errno.
 */
int cachet_io_short_read(struct file *file, u64 pos, size_t n)
{
	/* DAX tells of an error only when it is the first thing that it meets. */
	return pos + n < i_size_read(file_inode(file)) ? -EIO : CACHET_IO_TRUNCATED;
}

/*
 * A synchronous direct read or write, with the credentials of who calls; flags: IOCB_WRITE,
 * and those with which it is durable.
 */
static int direct(struct file *file, void *buf, size_t len, u64 pos, int flags)
{
	bool write = flags & IOCB_WRITE;
	unsigned int i, nr = len >> PAGE_SHIFT, nofs = memalloc_nofs_save();
	struct iov_iter iter;
	struct bio_vec *bv;
	struct kiocb iocb;
	ssize_t n = -ENOMEM;
	int level;

	bv = kvmalloc_array(nr, sizeof(*bv), CACHET_GFP);
	if (!bv)
		goto out;
	for (i = 0; i < nr; i++) {
		void *p = buf + ((size_t)i << PAGE_SHIFT);
		struct page *page = is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);

		bvec_set_page(&bv[i], page, PAGE_SIZE, 0);
	}
	iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, bv, nr, len);
	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	iocb.ki_flags = IOCB_DIRECT | flags;
	n = write ? cachet_io_write_iter(&iocb, &iter, true, &level) :
		    cachet_io_read_iter(&iocb, &iter);
	kvfree(bv);
	/* With DAX, who is killed meanwhile stops. */
	if (write && n >= 0 && n < len && fatal_signal_pending(current))
		n = -EINTR;
	if (n >= 0)
		n = n == len ? 0 : write ? -EIO : cachet_io_short_read(file, pos, n);
out:
	memalloc_nofs_restore(nofs);
	return n;
}

/*
 * The page cache reads more than it is asked for, and where one sector of that is
 * bad, none of it can be had. Read this page alone, past it.
 */
static ssize_t read_alone(struct file *file, void *buf, size_t len, u64 pos)
{
	u32 off = pos & (CACHET_PAGE_BYTES - 1);
	void *page;
	ssize_t n;

	if (off + len > CACHET_PAGE_BYTES)
		return -EIO;
	page = (void *)__get_free_page(GFP_NOFS);
	if (!page)
		return -ENOMEM;
	n = direct(file, page, CACHET_PAGE_BYTES, pos - off, 0);
	if (!n)
		memcpy(buf, page + off, len);
	free_page((unsigned long)page);
	return n;
}

/*
 * Of many pages that could not be read together: those up to the first that can't be read
 * alone, at *pos then.
 */
static int read_by_pages(struct file *file, void *buf, size_t len, u64 *pos)
{
	void *end = buf + len;
	int ret = 0;

	for (; buf < end; buf += CACHET_PAGE_BYTES, *pos += CACHET_PAGE_BYTES) {
		ret = direct(file, buf, CACHET_PAGE_BYTES, *pos, 0);
		if (ret)
			break;
	}
	return ret;
}

/**
 * cachet_io_read - read a file of the cache through the page cache
 * @cache: cache
 * @file: its super, index or data
 * @buf: kernel memory
 * @len: bytes; the file is that long, so less is an error (-EIO)
 * @pos: byte offset
 * @site: for errors and fault injection
 *
 * Return: 0 or -errno; then @buf is undefined. -ENODATA: the device can't read this
 * place; that is counted and told, and what was there is to be dropped.
 */
int cachet_io_read(struct cachet_cache *cache, struct file *file, void *buf, size_t len,
		   u64 pos, enum cachet_io_site site)
{
	const struct cred *cred = override_creds(cache->cred);
	ssize_t n = cachet_inject(site);

	if (!n) {
		n = fatal_signal_pending(current) ? -EINTR : read_all(file, buf, len, pos);
		/* To be killed is no reason not to know what stands there: much follows from it. */
		if (n == -EINTR)
			n = punt(cache, read_all, file, buf, len, pos);
		if (n < 0 && !harmless(n))
			n = read_alone(file, buf, len, pos);
	}
	revert_creds(cred);
	return finish(cache, site, pos, n);
}

/**
 * cachet_io_write - write a file of the cache through the page cache
 * @cache: cache
 * @file: its index
 * @buf: kernel memory
 * @len: bytes
 * @pos: byte offset; the file does not grow
 * @site: for errors and fault injection
 *
 * Return: 0 or -errno; then part of it may have been written.
 */
int cachet_io_write(struct cachet_cache *cache, struct file *file, const void *buf, size_t len,
		    u64 pos, enum cachet_io_site site)
{
	const struct cred *cred = override_creds(cache->cred);
	ssize_t n = cachet_inject(site);

	if (!n) {
		n = cachet_io_must_punt() ? -EINTR : write_all(file, (void *)buf, len, pos);
		/* Or killed while it waited, for a lock or a freeze: all of it again. */
		if (n == -EINTR)
			n = punt(cache, write_all, file, (void *)buf, len, pos);
	}
	revert_creds(cred);
	return finish(cache, site, pos, n);
}

static ssize_t write_direct(struct file *file, void *buf, size_t len, loff_t pos)
{
	return direct(file, buf, len, pos, IOCB_WRITE);
}

static ssize_t write_durable(struct file *file, void *buf, size_t len, loff_t pos)
{
	return direct(file, buf, len, pos, IOCB_WRITE | IOCB_DSYNC | IOCB_SYNC);
}

/**
 * cachet_io_direct - read or write a file of the cache past the page cache
 * @cache: cache
 * @file: its super or data
 * @buf: page-aligned, from kmalloc or vmalloc
 * @len: bytes, a multiple of the page size
 * @pos: byte offset, a multiple of the page size
 * @write: true: write, and return when it is durable (for super) or done (for data)
 * @site: for errors and fault injection
 *
 * Return: 0 or -errno. -ENODATA: as of cachet_io_read().
 */
int cachet_io_direct(struct cachet_cache *cache, struct file *file, void *buf, size_t len,
		     u64 pos, bool write, enum cachet_io_site site)
{
	ssize_t (*fn)(struct file *file, void *buf, size_t len, loff_t pos) =
		file == cache->super_file ? write_durable : write_direct;
	const struct cred *cred = override_creds(cache->cred);
	int ret = cachet_inject(site);

	if (!ret && !write) {
		ret = direct(file, buf, len, pos, 0);
		if (ret && !harmless(ret))
			ret = read_by_pages(file, buf, len, &pos);
	} else if (!ret) {
		ret = cachet_io_must_punt() ? -EINTR : fn(file, buf, len, pos);
		if (ret == -EINTR)
			ret = punt(cache, fn, file, buf, len, pos);
	}
	revert_creds(cred);
	return finish(cache, site, pos, ret);
}

/**
 * cachet_io_flush - make all that was written to a file durable
 * @cache: cache
 * @file: its index or data
 * @site: for errors and fault injection
 *
 * Return: 0 or -errno; then nothing may be said to be durable.
 */
int cachet_io_flush(struct cachet_cache *cache, struct file *file, enum cachet_io_site site)
{
	const struct cred *cred = override_creds(cache->cred);
	unsigned int nofs = memalloc_nofs_save();
	int ret = cachet_inject(site);

	if (!ret)
		ret = vfs_fsync(file, 0);
	memalloc_nofs_restore(nofs);
	revert_creds(cred);
	/* A flush that failed for whatever reason can't be tried again. */
	if (ret)
		cachet_io_error(cache, site, ret);
	return ret;
}
