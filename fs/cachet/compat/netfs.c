// SPDX-License-Identifier: GPL-2.0-only
/*
 * netfs.c - the one file that speaks netfs
 *
 * A thin layer: netfs's requests become "what is present", "read this range" and
 * "keep this range" of the core, and the core's answers become netfs's. All that
 * netfs changes from kernel to kernel ends here.
 *
 * An operation on a cookie (cres) counts itself in with cachet_object_begin();
 * what it got is kept in cres->cache_priv2. While it runs, fscache holds the
 * cookie's object.
 *
 * A read that fails must be told so that netfs asks the server: since 7.x by an
 * error; in 6.12 by nothing transferred (an error would reach the user).
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/netfs.h>
#include <linux/nfs_fs.h>
#include "../internal.h"
#include "../trace.h"

static struct cachet_obj *cres_obj(const struct netfs_cache_resources *cres)
{
	const struct fscache_cookie *cookie = cres->cache_priv;

	return cookie->cache_priv;
}

/*
 * Where an operation is at its object: cachet_object_begin()'s answer, made non-NULL; if
 * it has been counted out before its end; and if it is that of a request that writes.
 */
enum { PRIV_BEGUN, PRIV_COUNTED_OUT, PRIV_WRITES, PRIV_SEQ_SHIFT };

static void *seq_to_priv(unsigned int seq)
{
	return (void *)((unsigned long)seq << PRIV_SEQ_SHIFT | BIT(PRIV_BEGUN));
}

static unsigned int priv_to_seq(const void *priv)
{
	return (unsigned long)priv >> PRIV_SEQ_SHIFT;
}

static void count_out(struct netfs_cache_resources *cres, struct cachet_obj *obj)
{
	if (!test_and_set_bit(PRIV_COUNTED_OUT, (unsigned long *)&cres->cache_priv2))
		cachet_object_end(obj, priv_to_seq(cres->cache_priv2));
}

/* ---- being told --------------------------------------------------------- */

#ifdef CACHET_HAVE_NETFS_TERM_PLAIN
#define TERM(fn, priv, ret, async)	(fn)(priv, ret)
#else
#define TERM(fn, priv, ret, async)	(fn)(priv, ret, async)
#endif

static void read_done(const struct cachet_done *done, ssize_t ret)
{
	netfs_io_terminated_t term = (netfs_io_terminated_t)done->term;

#ifndef CACHET_HAVE_CACHE_READ_RETRY
	if (ret < 0)
		ret = 0;
#endif
	if (term)
		TERM(term, done->priv, ret, done->async);
}

/* ---- reading ------------------------------------------------------------ */

#ifdef CACHET_HAVE_SPLIT_FOLIO
static void fit_server(struct netfs_io_subrequest *subreq)
{
}

static void fit_retry(struct netfs_io_request *rreq)
{
}

/*
 * netfs of 7.3 keeps a pointer to the folio_queue that a piece of a readahead ended in, and
 * looks there when the next one begins (netfs_mark_copy_to_cache()). If the piece went up to
 * the end of that queue, all of it may have arrived and the queue be freed by then. So no
 * piece may end between two queues.
 *
 * Nothing behind the start of a piece that is being prepared was asked for, so no queue that
 * holds some of that is freed: they are looked at from the last one backwards.
 */
static bool ends_between_queues(const struct netfs_io_request *rreq, u64 pos)
{
	u64 end = rreq->start + rreq->len;
	struct folio_queue *fq;
	unsigned int slot;

	if (rreq->origin != NETFS_READAHEAD)
		return false;
	for (fq = rreq->buffer.head; fq && end > pos; fq = fq->prev) {
		for (slot = 0; slot < folioq_count(fq); slot++)
			end -= folioq_folio_size(fq, slot);
		if (end == pos)
			return true;
	}
	return false;
}

/*
 * The last page of such a piece goes with the first one behind it, from the server. And a
 * directory of AFS is read in one, with one piece: whole from here, or whole from there.
 */
static void fit_piece(const struct netfs_io_subrequest *subreq, u64 nr, bool *present, u64 *run)
{
	if (subreq->rreq->origin == NETFS_READ_SINGLE) {
		*present = *present && *run == nr && subreq->len == nr << CACHET_PAGE_SHIFT &&
			iov_iter_count(&subreq->io_iter) == subreq->len;
		*run = nr;
		return;
	}
	if (*run == nr || !ends_between_queues(subreq->rreq, subreq->start +
					       (*run << CACHET_PAGE_SHIFT)))
		return;
	if (*present && *run > 1) {
		--*run;
	} else {
		*present = false;
		++*run;
	}
}
#else
/* How much the server is asked for by one call, at most; 0: not known. */
static u64 one_call(const struct nfs_server *server)
{
#if IS_ENABLED(CONFIG_NFS_V4)
	if (server->pnfs_curr_ld)	/* Others may be asked, for as much as they have */
		return 0;
#endif
	return server->rsize;
}

/*
 * netfs of 6.12 cuts what it asks the server for into pieces of rsize. Those within a large
 * folio hand what they have to their neighbours when they end; one that does while the one
 * before it, of another folio, is being taken off the list has its bytes lost, and the next
 * one stops the kernel ("Can't donate prior to front"). So for NFS they end where folios do.
 *
 * NFS makes as many calls of a piece as it takes, and says only how much all of those brought
 * that did not fail. netfs takes that for so much from the start: a folio that was read in part
 * for whole. So a piece is of one call, or of one folio, which counts only if all of it came.
 * Other filesystems cut by themselves, after this.
 */
static u64 whole_folios(const struct netfs_io_subrequest *subreq)
{
	const struct netfs_io_request *rreq = subreq->rreq;
	u64 most = one_call(NFS_SB(rreq->inode->i_sb)), len = 0, next;
	struct folio *folio;

	while (len < subreq->len) {
		/* Of this request, and locked. */
		folio = filemap_get_folio(rreq->mapping, (subreq->start + len) >> PAGE_SHIFT);
		if (IS_ERR(folio))
			break;
		next = folio_pos(folio) + folio_size(folio) - subreq->start;
		folio_put(folio);
		if (len && next > most)
			break;
		len = next;
	}
	return len ? min_t(u64, len, subreq->len) : subreq->len;
}

static void fit_server(struct netfs_io_subrequest *subreq)
{
	if (subreq->rreq->inode->i_sb->s_magic != NFS_SUPER_MAGIC)
		return;
	subreq->len = whole_folios(subreq);
	subreq->rreq->io_streams[0].sreq_max_len = subreq->len;
}

/*
 * What could not be read here is asked for in one piece, and nobody is asked about that. So it is
 * said before that of NFS each folio is to be one. (Nobody but netfs reads here, for a request.)
 */
static void fit_retry(struct netfs_io_request *rreq)
{
	if (rreq->inode->i_sb->s_magic == NFS_SUPER_MAGIC)
		rreq->io_streams[0].sreq_max_segs = 1;
}

/*
 * And it trips over an assertion when more than two neighbours make up a large folio: all
 * of the request comes from one place. What follows a piece of it was not there whole when
 * that was asked for.
 */
static void fit_piece(const struct netfs_io_subrequest *subreq, u64 nr, bool *present, u64 *run)
{
	if (*run == nr && subreq->start == subreq->rreq->start)
		return;
	*present = false;
	*run = nr;
}
#endif

/*
 * How many of these pages will hold what the server says. Where another machine has let the
 * file grow, which changes its size and not zero_point, there is something behind that, and what
 * is read must not be kept.
 */
static u64 asked_pages(const struct netfs_io_request *rreq, u64 page, u64 nr, u64 i_size)
{
	u64 zeros = cachet_zeros_from(rreq->inode);
	u64 end = zeros >> CACHET_PAGE_SHIFT;

	if (zeros >= i_size || end >= page + nr)
		return nr;
	/* Some filesystems have what they read copied with no more questions. */
	return test_bit(NETFS_RREQ_USE_PGPRIV2, &rreq->flags) || end <= page ? 0 : end - page;
}

static int netfs_read(struct netfs_cache_resources *cres, loff_t start, struct iov_iter *iter,
		      enum netfs_read_from_hole hole, netfs_io_terminated_t term, void *priv)
{
	struct cachet_done done = {
		.fn	= read_done,
		.priv	= priv,
		.term	= (void (*)(void))term,
	};

	fit_retry(container_of(cres, struct netfs_io_request, cache_resources));
	/* Presence is exact: there are no holes to be zeroed or to fail at. */
	if (!fscache_wait_for_operation(cres, FSCACHE_WANT_READ) ||
	    !IS_ALIGNED(start, CACHET_PAGE_BYTES)) {
		read_done(&done, -ENOBUFS);
		return -ENOBUFS;
	}
	cachet_read(cres_obj(cres), start >> CACHET_PAGE_SHIFT, iter, cres->inval_counter, &done);
	return -EIOCBQUEUED;
}

static enum netfs_io_source from_server(struct netfs_io_subrequest *subreq)
{
	fit_server(subreq);
	return NETFS_DOWNLOAD_FROM_SERVER;
}

static enum netfs_io_source netfs_prepare_read(struct netfs_io_subrequest *subreq,
					       unsigned long long i_size)
{
	struct netfs_cache_resources *cres = &subreq->rreq->cache_resources;
	u64 page = subreq->start >> CACHET_PAGE_SHIFT, nr, run, asked;
	enum cachet_read_why why;
	struct cachet_obj *obj;
	unsigned int seq;
	bool present;

	if (subreq->start >= i_size) {
#ifndef CACHET_HAVE_COPY_MARK_BY_FOLIO
		/*
		 * The rest of the page that holds the end of the file. If the part before
		 * it was read already, the page is finished with the flags of this one.
		 */
		if (!IS_ALIGNED(subreq->start, CACHET_PAGE_BYTES))
			__set_bit(NETFS_SREQ_COPY_TO_CACHE, &subreq->flags);
#endif
		return NETFS_FILL_WITH_ZEROES;
	}
	if (!fscache_wait_for_operation(cres, FSCACHE_WANT_READ))
		return from_server(subreq);
	obj = cres_obj(cres);
	if (!cachet_zeros_forget(obj, subreq->rreq->inode))
		return from_server(subreq);
	/* Whole pages up to the one that holds the end of the file. */
	if (!IS_ALIGNED(subreq->start, CACHET_PAGE_BYTES))
		return from_server(subreq);
	if (!cachet_attributes_hold(obj, subreq->rreq->inode, i_size, true))
		return from_server(subreq);
	nr = DIV_ROUND_UP_ULL(min_t(u64, subreq->len, i_size - subreq->start), CACHET_PAGE_BYTES);
	if (READ_ONCE(obj->size) > i_size) {
		/* Cut by somebody who did not say so: what lies behind must not come back. */
		mutex_lock(&obj->lock);
		if (obj->size > i_size)
			cachet_object_resize(obj, i_size);
		mutex_unlock(&obj->lock);
	}
	seq = READ_ONCE(obj->seq);	/* The server is asked after this */
	present = cachet_read_present(obj, page, nr, &run);
	fit_piece(subreq, nr, &present, &run);
	if (present && subreq->len >= run << CACHET_PAGE_SHIFT) {
		subreq->len = run << CACHET_PAGE_SHIFT;
		cachet_count(obj->cache, read_hits);
		trace_cachet_read(obj, page, run, CACHET_READ_PRESENT);
		return NETFS_READ_FROM_CACHE;
	}
	why = cachet_cache_out(obj->cache) ? CACHET_READ_OUT : CACHET_READ_ABSENT;
	if (run < nr)
		subreq->len = run << CACHET_PAGE_SHIFT;
	fit_server(subreq);
	run = min_t(u64, run, DIV_ROUND_UP_ULL(subreq->len, CACHET_PAGE_BYTES));
	asked = why == CACHET_READ_ABSENT ? asked_pages(subreq->rreq, page, run, i_size) : 0;
	if (asked) {
		__set_bit(NETFS_SREQ_COPY_TO_CACHE, &subreq->flags);
		if (!test_bit(NETFS_RREQ_USE_PGPRIV2, &subreq->rreq->flags))
			cachet_asked_note(obj, seq, page, asked);
	}
	cachet_count(obj->cache, read_misses);
	cachet_count_add(obj->cache, bytes_missed, subreq->len);
	trace_cachet_read(obj, page, run, why);
	return NETFS_DOWNLOAD_FROM_SERVER;
}

/*
 * Whole blocks, but only for who reads a good part of one anyway: a random read of
 * a few pages must not fetch 64 times as much. The start stays: to a reader in
 * sequence the pages before it are in memory, and then the kernel moves neither
 * end, and no block ever comes whole. So that the first one does, the first
 * window of such a reader, 64 KiB from the start of a block, is part enough.
 */
static void netfs_expand_readahead(struct netfs_cache_resources *cres,
				   unsigned long long *start, unsigned long long *len,
				   unsigned long long i_size)
{
	struct cachet_obj *obj = cres_obj(cres);
	unsigned long long block = 1ull << obj->block_shift, end;

	if (*len < (IS_ALIGNED(*start, block) ? block / 4 : block / 2))
		return;
	end = min(round_up(*start + *len, block), round_up(i_size, CACHET_PAGE_BYTES));
	end = max(end, *start + *len);
	*len = end - *start;
}

static int netfs_query_occupancy(struct netfs_cache_resources *cres, loff_t start, size_t len,
				 size_t granularity, loff_t *data_start, size_t *data_len)
{
	u64 page = DIV_ROUND_UP_ULL(start, CACHET_PAGE_BYTES), run;
	u64 end = (start + len) >> CACHET_PAGE_SHIFT;
	struct cachet_obj *obj;

	*data_start = -1;
	*data_len = 0;
	if (!fscache_wait_for_operation(cres, FSCACHE_WANT_READ))
		return -ENOBUFS;
	obj = cres_obj(cres);
	for (; page < end; page += run) {
		loff_t from, to;

		if (!cachet_read_present(obj, page, end - page, &run))
			continue;
		from = page << CACHET_PAGE_SHIFT;
		to = (page + run) << CACHET_PAGE_SHIFT;
		if (granularity) {
			from = DIV_ROUND_UP_ULL(from, granularity) * granularity;
			to = div64_u64(to, granularity) * granularity;
		}
		if (from >= to)
			continue;
		*data_start = from;
		*data_len = to - from;
		return 0;
	}
	return -ENODATA;
}

/* ---- writing ------------------------------------------------------------ */

/* Bytes [start, start + count of iter) of a file of i_size bytes, page-aligned. */
static void keep(struct netfs_cache_resources *cres, loff_t start, struct iov_iter *iter,
		 loff_t i_size, bool from_server, const struct cachet_done *done)
{
	struct cachet_obj *obj = cres_obj(cres);

	/*
	 * What writes to the cache has read nothing that another operation could bring
	 * to it. The request whose pages these are is running, and counted.
	 */
	count_out(cres, obj);
	cachet_fill(obj, priv_to_seq(cres->cache_priv2), start >> CACHET_PAGE_SHIFT,
		    iov_iter_count(iter) >> CACHET_PAGE_SHIFT, iter, i_size, from_server, done);
}

/*
 * fscache says that a file is about to be written to: when it is opened for that, though NFS
 * never writes to the cache what it writes; when pages are marked that were read, and are to be
 * copied; from a worker, which may be late; and not again after a detach. So a session begins
 * with the first bytes of one: see is_local_write().
 */
static void prepare_to_write(struct fscache_cookie *cookie)
{
}

/* Does the server get these bytes, too? Else they have come from there. */
static bool is_local_write(const struct netfs_io_request *wreq)
{
	if (wreq->origin == NETFS_PGPRIV2_COPY_TO_CACHE)
		return false;
	/* Of both kinds, if there are some to be written among those to be copied. */
	return wreq->origin != NETFS_WRITEBACK ||
		test_bit(NETFS_RREQ_UPLOAD_TO_SERVER, &wreq->flags);
}

static void netfs_prepare_write_subreq(struct netfs_io_subrequest *subreq)
{
	struct netfs_io_request *wreq = subreq->rreq;
	struct netfs_io_stream *stream = &wreq->io_streams[subreq->stream_nr];
	struct netfs_cache_resources *cres = &wreq->cache_resources;
	u64 block;

	stream->sreq_max_segs = INT_MAX;	/* The length is bound enough */
	stream->sreq_max_len = 1u << CACHET_MAX_BLOCK_SHIFT;
	if (!fscache_wait_for_operation(cres, FSCACHE_WANT_WRITE)) {
		netfs_prepare_write_failed(subreq);
		return;
	}
	/* One block at a time, so that it can be sealed while its pages are at hand. */
	block = 1ull << READ_ONCE(cres_obj(cres)->block_shift);
	stream->sreq_max_len = block - (subreq->start & (block - 1));
}

static void subreq_done(const struct cachet_done *done, ssize_t ret)
{
	TERM(netfs_write_subrequest_terminated, done->priv, ret, done->async);
}

static void subreq_end(struct netfs_io_subrequest *subreq, ssize_t ret)
{
	TERM(netfs_write_subrequest_terminated, subreq, ret, false);
}

/*
 * Pages that were read and are being copied, not written here: how many bytes, from the
 * first one on, are of now? Until this ends they stay where they are, being under write-back.
 */
static size_t bytes_current(struct netfs_io_subrequest *subreq, struct cachet_obj *obj)
{
	struct netfs_io_request *wreq = subreq->rreq;
	unsigned int seq = priv_to_seq(wreq->cache_resources.cache_priv2);
	pgoff_t index = subreq->start >> PAGE_SHIFT, next;
	pgoff_t end = DIV_ROUND_UP_ULL(subreq->start + subreq->len, PAGE_SIZE);
	pgoff_t good = end, taken;
	struct folio *folio;

	if (wreq->origin != NETFS_WRITEBACK)
		return subreq->len;
	for (; index < end; index = next) {
		folio = filemap_get_folio(wreq->mapping, index);
		if (IS_ERR(folio))
			return 0;
		next = min(folio_next_index(folio), end);
		if (folio_get_private(folio) == NETFS_FOLIO_COPY_TO_CACHE) {
			taken = cachet_asked_take(obj, seq, index, next - index);
			if (taken < next - index)
				good = min(good, index + taken);
		}
		folio_put(folio);
	}
	if (good == end)
		return subreq->len;
	return max_t(u64, (u64)good << PAGE_SHIFT, subreq->start) - subreq->start;
}

static void netfs_issue_write(struct netfs_io_subrequest *subreq)
{
	struct netfs_io_request *wreq = subreq->rreq;
	struct netfs_io_stream *stream = &wreq->io_streams[subreq->stream_nr];
	struct netfs_cache_resources *cres = &wreq->cache_resources;
	struct cachet_done done = { .fn = subreq_done, .priv = subreq };
	bool local = is_local_write(wreq);
	/* Anything else may be what this machine wrote. */
	bool from_server = wreq->origin == NETFS_PGPRIV2_COPY_TO_CACHE;
	size_t len = subreq->len, skip, tail, good;
	loff_t start = subreq->start;

	if (!fscache_wait_for_operation(cres, FSCACHE_WANT_WRITE)) {
		subreq_end(subreq, -ENOBUFS);
		return;
	}
	set_bit(PRIV_WRITES, (unsigned long *)&cres->cache_priv2);
	cachet_zeros_forget(cres_obj(cres), wreq->inode);
	if (!cachet_attributes_hold(cres_obj(cres), wreq->inode, wreq->i_size, false)) {
		subreq_end(subreq, len);
		return;
	}
	if (local) {
		cachet_object_begin_session(cres_obj(cres));
		cachet_zeros_end(wreq->inode, min_t(u64, start + len, wreq->i_size));
	}
	good = bytes_current(subreq, cres_obj(cres));
	if (good < len) {
		cachet_count(cres_obj(cres)->cache, fills_stale);
		cachet_fill_forget(cres_obj(cres), start + good, len - good);
		if (!good) {
			subreq_end(subreq, len);
			return;
		}
		/* Dealt with: what is short is tried again. */
		subreq->transferred += len - good;
		len = good;
		iov_iter_truncate(&subreq->io_iter, len);
	}
	/* A partial first page is not kept; nor may what was there of it be. */
	skip = -start & (CACHET_PAGE_BYTES - 1);
	if (skip) {
		if (!from_server)
			cachet_fill_forget(cres_obj(cres), start, min(skip, len));
		if (skip >= len) {
			subreq_end(subreq, len);
			return;
		}
		subreq->transferred += skip;
		start += skip;
		len -= skip;
		iov_iter_advance(&subreq->io_iter, skip);
	}
	/* The page that holds the end of the file is zero behind it. */
	tail = len & (CACHET_PAGE_BYTES - 1);
	if (tail) {
		size_t need = CACHET_PAGE_BYTES - tail;

		/* But not by O_SYNC: what was stored there, by a mapping, is still there. */
		if (wreq->origin != NETFS_WRITETHROUGH && start + len == wreq->i_size &&
		    stream->submit_extendable_to >= need) {
			len += need;
			subreq->len += need;
			subreq->io_iter.count += need;
		} else {
			if (!from_server)
				cachet_fill_forget(cres_obj(cres), start + len - tail, tail);
			len -= tail;
			if (!len) {
				subreq_end(subreq, tail);
				return;
			}
			/* Dealt with, as the first page. */
			subreq->transferred += tail;
			iov_iter_truncate(&subreq->io_iter, len);
		}
	}
	keep(cres, start, &subreq->io_iter, wreq->i_size, from_server, &done);
}

/*
 * netfs writes to server and cache side by side. What the server has refused is lost to
 * it, with an error for who wrote; here it is published already. Nor is what was here
 * before to be trusted: a part may have arrived.
 */
static void forget_refused(struct netfs_cache_resources *cres)
{
	const struct netfs_io_request *wreq =
		container_of(cres, struct netfs_io_request, cache_resources);
	struct cachet_obj *obj = cres_obj(cres);

	/* Or never sent: nobody had the file open for writing any more. */
	if (!wreq->io_streams[0].failed &&
	    (wreq->origin != NETFS_WRITEBACK || wreq->io_streams[0].avail ||
	     !test_bit(NETFS_RREQ_UPLOAD_TO_SERVER, &wreq->flags)))
		return;
	mutex_lock(&obj->lock);
	cachet_object_drop(obj);
	mutex_unlock(&obj->lock);
}

/*
 * What was read is copied: if it was that alone for which fscache takes the file to be written to,
 * it is not, unless a session runs. Who opens it for writing, or makes it dirty, does so first, and
 * says it then.
 *
 * Those who make such requests keep the inode until they have ended. NFS does not, and has others.
 */
static void forget_copied(struct netfs_cache_resources *cres)
{
	const struct netfs_io_request *wreq =
		container_of(cres, struct netfs_io_request, cache_resources);
	struct fscache_cookie *cookie = cres->cache_priv;

	if (wreq->origin != NETFS_WRITEBACK || is_local_write(wreq) ||
	    READ_ONCE(cres_obj(cres)->session))
		return;
	clear_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
	smp_mb__after_atomic();	/* Clear, then look: they do the reverse */
	if (inode_is_open_for_write(wreq->inode) ||
	    mapping_tagged(wreq->inode->i_mapping, PAGECACHE_TAG_DIRTY))
		set_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags);
}

/**
 * cachet_written_meanwhile - may a file have been written to while it was looked up?
 * @cookie: with an object from now on
 *
 * Any context. What was written then, or while there was no cache, the object knows nothing of.
 * That somebody has just opened the file for writing looks the same: so this is believed where
 * there was such a time, and on kernels whose writes do not wait for the lookup.
 */
bool cachet_written_meanwhile(const struct fscache_cookie *cookie)
{
	smp_mb();	/* A write looks for the object after this is set */
	if (!test_bit(FSCACHE_COOKIE_LOCAL_WRITE, &cookie->flags))
		return false;
#ifdef CACHET_HAVE_WRITES_PAST_LOOKUP
	return true;
#else
	return !READ_ONCE(((struct cachet_volume *)cookie->volume->cache_priv)->sees_all);
#endif
}

/* ---- operations --------------------------------------------------------- */

static void netfs_end_operation(struct netfs_cache_resources *cres)
{
	struct fscache_cookie *cookie = cres->cache_priv;

	if (test_bit(PRIV_WRITES, (unsigned long *)&cres->cache_priv2)) {
		forget_refused(cres);
		forget_copied(cres);
	}
	if (cres->cache_priv2)
		count_out(cres, cookie->cache_priv);
	/*
	 * fscache looks at the cookie after it has given up the access, when nothing
	 * keeps it any more: neither does the object, which may be withdrawn then.
	 */
	fscache_get_cookie(cookie, fscache_cookie_get_end_access);
	fscache_end_cookie_access(cookie, fscache_access_io_end);
	fscache_put_cookie(cookie, fscache_cookie_put_object);
}

/* Without those that Ceph alone calls: cachet_changes_are_seen(). */
static const struct netfs_cache_ops netfs_ops = {
	.end_operation		= netfs_end_operation,
	.read			= netfs_read,
	.issue_write		= netfs_issue_write,
	.expand_readahead	= netfs_expand_readahead,
	.prepare_read		= netfs_prepare_read,
	.prepare_write_subreq	= netfs_prepare_write_subreq,
	.query_occupancy	= netfs_query_occupancy,
};

static bool begin_operation(struct netfs_cache_resources *cres, enum fscache_want_state want)
{
	const struct fscache_cookie *cookie = cres->cache_priv;
	struct cachet_obj *obj = cres_obj(cres);

	if (!obj)
		return false;
	if (!cres->cache_priv2) {
		cres->ops = &netfs_ops;
		cres->cache_priv2 = seq_to_priv(cachet_object_begin(obj));
		/* Since fscache looked, who writes directly has emptied it, and is writing. */
		if (test_bit(FSCACHE_COOKIE_DISABLED, &cookie->flags)) {
			count_out(cres, obj);
			cres->cache_priv2 = NULL;
			cres->ops = NULL;
			return false;
		}
	}
	return true;
}

static void resize_cookie(struct netfs_cache_resources *cres, loff_t new_size)
{
	struct cachet_obj *obj = cres_obj(cres);
	struct fscache_cookie *cookie = cres->cache_priv;

	mutex_lock(&obj->lock);
	cachet_object_resize(obj, new_size);
	mutex_unlock(&obj->lock);
	cookie->object_size = new_size;
}

/*
 * An invalidation that comes while a file is looked up waits for the lookup, with an
 * access. Of a cookie that did not get an object fscache ends it only if the cookie is
 * said to have failed: else the access stays, and keeps the cookie among those that can
 * be found when it is freed.
 */
static bool lookup_cookie(struct fscache_cookie *cookie)
{
	if (cachet_object_lookup(cookie))
		return true;
	fscache_caching_failed(cookie);
	return false;
}

const struct fscache_cache_ops cachet_fscache_ops = {
	.name			= "cachet",
	.acquire_volume		= cachet_volume_acquire,
	.free_volume		= cachet_volume_free,
	.lookup_cookie		= lookup_cookie,
	.withdraw_cookie	= cachet_object_withdraw,
	.invalidate_cookie	= cachet_object_invalidate,
	.begin_operation	= begin_operation,
	.resize_cookie		= resize_cookie,
	.prepare_to_write	= prepare_to_write,
};

/* ---- files by descriptor ------------------------------------------------ */

/*
 * Filesystems whose inodes begin with netfs's, as this kernel was built. A name alone is not
 * enough: OpenAFS, which is not of this kernel, says "afs", too.
 */
static const struct {
	const char	*name;
	unsigned long	magic;
} netfs_types[] = {
#if IS_ENABLED(CONFIG_NFS_FSCACHE)
	{ "nfs", NFS_SUPER_MAGIC }, { "nfs4", NFS_SUPER_MAGIC },
#endif
#if IS_ENABLED(CONFIG_CIFS)
	{ "cifs", CIFS_SUPER_MAGIC }, { "smb3", CIFS_SUPER_MAGIC },
#endif
#if IS_ENABLED(CONFIG_9P_FS)
	{ "9p", V9FS_MAGIC },
#endif
#if IS_ENABLED(CONFIG_AFS_FS)
	{ "afs", AFS_FS_MAGIC },
#endif
#if IS_ENABLED(CONFIG_CEPH_FS)
	{ "ceph", CEPH_SUPER_MAGIC },
#endif
};

/**
 * cachet_netfs_is - is a filesystem one that may be cached?
 * @sb: its superblock
 *
 * Any context.
 */
bool cachet_netfs_is(const struct super_block *sb)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(netfs_types); i++)
		if (!strcmp(sb->s_type->name, netfs_types[i].name) &&
		    sb->s_magic == netfs_types[i].magic)
			return true;
	return false;
}

/**
 * cachet_netfs_begin - begin an operation on the file behind a descriptor
 * @file: any file
 * @cres: zeroed; to be given to cachet_netfs_end() on success
 * @ret_obj: its object
 *
 * May wait for a lookup. Return: 0; -ENXIO: no regular file of a network
 * filesystem with a cache; -ENODATA: not cached, or by another backend.
 */
int cachet_netfs_begin(struct file *file, struct netfs_cache_resources *cres,
		       struct cachet_obj **ret_obj)
{
	struct inode *inode = file_inode(file);
	struct fscache_cookie *cookie;

	if (!cachet_netfs_is(inode->i_sb) || !S_ISREG(inode->i_mode))
		return -ENXIO;
	cookie = netfs_i_cookie(netfs_inode(inode));
	if (!fscache_cookie_valid(cookie))
		return -ENODATA;
	if (fscache_begin_read_operation(cres, cookie))
		return -ENODATA;
	if (cres->ops != &netfs_ops || !fscache_wait_for_operation(cres, FSCACHE_WANT_READ)) {
		fscache_end_operation(cres);
		return -ENODATA;
	}
	*ret_obj = cres_obj(cres);
	/* It brings no bytes, so whoever fills need not wait until it ends. */
	count_out(cres, *ret_obj);
	return 0;
}

/**
 * cachet_netfs_end - end it
 * @cres: of cachet_netfs_begin()
 */
void cachet_netfs_end(struct netfs_cache_resources *cres)
{
	fscache_end_operation(cres);
}
