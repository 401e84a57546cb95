// SPDX-License-Identifier: GPL-2.0-only
/*
 * pages.c - pages on their way into the cache
 *
 * Where netfs stands: pages of a file have been read from the server, or written by
 * a program, and are given to the cache, at once or later.
 *
 * A page with a fill under way is not filled again, and one that is being
 * written from here is not read from the cache: its folio is in memory. An
 * invalidation drops the folios, and ends both.
 */
#include "model.h"

enum { MAX_OPS = 12 };

/* What brings pages to the cache. */
enum op_kind {
	OP_READ,			/* Who read them from the server, itself (NFS) */
	OP_COPY,			/* Read, and written back later as if dirty (SMB, 9p) */
	OP_WRITE,			/* Written here, and written back */
};

struct op {
	u32	file;
	u32	page;
	u32	nr;
	enum op_kind kind;
	unsigned int seq;		/* Of cachet_object_begin() */
	bool	in_part;		/* Of its first page a program wrote a part only */
	bool	issued;
	bool	counted;		/* In busy[] */
	struct cachet_obj *obj;
	struct iov_iter iter;
	u8	*buf;
};

static struct op *ops[MAX_OPS];
static u32 nr_ops;

/* Memory is lost. */
void pages_forget(void)
{
	nr_ops = 0;
}

static void op_free(struct op *op)
{
	struct client_file *f = &client[op->file];
	u32 i;

	for (i = 0; i < nr_ops; i++)
		if (ops[i] == op)
			ops[i--] = ops[--nr_ops];
	for (i = 0; op->counted && i < op->nr; i++)
		f->busy[op->page + i]--;
	f->ops--;
	model_free(op->buf);
	model_free(op);
}

static void op_done(const struct cachet_done *done, ssize_t ret)
{
	if (ret < 0)
		model_fail("a fill was told %zd", ret);
	op_free(done->priv);
}

/* What the write-back of pages does that were read: compat/netfs.c, bytes_current(). */
static u32 pages_current(struct op *op)
{
	u32 good;

	op->seq = cachet_object_begin(op->obj);
	good = cachet_asked_take(op->obj, op->seq, op->page, op->nr);
	if (good < op->nr)
		cachet_fill_forget(op->obj, (loff_t)(op->page + good) << CACHET_PAGE_SHIFT,
				   (size_t)(op->nr - good) << CACHET_PAGE_SHIFT);
	return good;
}

static void op_issue(struct op *op)
{
	struct client_file *f = &client[op->file];
	struct cachet_done done = { .fn = op_done, .priv = op };
	u32 skip = op->in_part ? 1 : 0, good;

	op->issued = true;
	promise_forget_blocks(op->file, op->obj, op->page, op->nr);
	good = op->kind == OP_COPY ? pages_current(op) : op->nr;
	/* A page of which a part is written is not kept; nor may what was there of it be. */
	if (skip)
		cachet_fill_forget(op->obj, (loff_t)op->page << CACHET_PAGE_SHIFT, 1);
	cachet_object_end(op->obj, op->seq);
	/* What the file was cut to meanwhile netfs does not keep. */
	if (skip >= good || op->page + op->nr > content_pages(&f->view)) {
		op_done(&done, 0);
		return;
	}
	iov_iter_advance(&op->iter, skip * CACHET_PAGE_BYTES);
	cachet_fill(op->obj, op->seq, op->page + skip, good - skip, &op->iter, f->view.size,
		    op->kind == OP_READ, &done);
}

static bool can_begin(u32 file, u32 page, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++)
		if (client[file].busy[page + i])
			return false;
	return nr_ops < MAX_OPS && page + nr <= content_pages(&client[file].view);
}

static void op_begin(u32 file, u32 page, u32 nr, enum op_kind kind)
{
	struct client_file *f = &client[file];
	struct op *op;
	u32 i;

	if (!can_begin(file, page, nr))
		return;
	op = model_alloc(sizeof(*op), true);
	op->file = file;
	op->page = page;
	op->nr = nr;
	op->kind = kind;
	op->obj = object_of(file);
	if (kind == OP_COPY)
		cachet_asked_note(op->obj, op->obj->seq, page, nr);
	else
		op->seq = cachet_object_begin(op->obj);
	op->in_part = kind == OP_WRITE && one_in(3);
	op->counted = true;
	op->buf = model_alloc((size_t)nr * CACHET_PAGE_BYTES, false);
	op->iter.at = op->buf;
	op->iter.count = (size_t)nr * CACHET_PAGE_BYTES;
	for (i = 0; i < nr; i++) {
		if (kind == OP_WRITE)
			f->view.page[page + i] = server_new_id();
		f->busy[page + i]++;
		page_make(&f->view, page + i, op->buf + (size_t)i * CACHET_PAGE_BYTES);
	}
	f->ops++;
	ops[nr_ops++] = op;
	if (kind == OP_WRITE || !one_in(4))
		op_issue(op);
}

/* Return: false: all are issued. */
bool pages_issue_one(u32 file)
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

/*
 * The folios are dropped: what is under way belongs to none. One that was to be
 * copied may stay, being dirty: it is written back later, with its old bytes.
 */
void pages_drop(u32 file)
{
	struct client_file *f = &client[file];
	u32 i, page;

	memset(f->busy, 0, sizeof(f->busy));
	for (i = 0; i < nr_ops; i++) {
		struct op *op = ops[i];

		if (op->file != file)
			continue;
		op->counted = op->counted && op->kind == OP_COPY && !op->issued;
		if (op->counted && one_in(2)) {
			op->counted = false;
			op_free(op);
			i--;
			continue;
		}
		for (page = op->page; op->counted && page < op->page + op->nr; page++)
			f->busy[page]++;
	}
}

/* Is something under way that begins or ends in these pages, or has them in between? */
bool pages_under_way(u32 file, u32 page, u32 nr)
{
	u32 i;

	for (i = 0; i < nr_ops; i++)
		if (ops[i]->file == file && ops[i]->page < page + nr &&
		    page < ops[i]->page + ops[i]->nr)
			return true;
	return false;
}

/* Wait until nothing of a file is under way. */
void pages_settle(u32 file)
{
	while (client[file].ops)
		if (!pages_issue_one(file) && !model_run_one())
			model_fail("a fill that never ends");
}

/* A program reads pages that are not in memory, and not in the cache. */
void pages_fill(u32 file)
{
	struct client_file *f = &client[file];
	u32 pages = content_pages(&f->view), page, nr;
	u32 per = 1u << (object_of(file)->block_shift - CACHET_PAGE_SHIFT);
	enum op_kind kind = habits.copies ? OP_COPY : OP_READ;

	if (!f->session && f->view.version != server[file].version)
		return;		/* It would be another version's */
	if (file != BURN_FILE && habits.parts && !one_in(3)) {
		if (!f->back || f->back > pages)
			f->back = min(pages, per);
		op_begin(file, --f->back, 1, kind);
		return;
	}
	if (file == BURN_FILE || one_in(4)) {
		op_begin(file, 0, pages, kind);
		return;
	}
	page = below(pages);
	if (one_in(2))		/* netfs rounds to blocks */
		page = page / per * per;
	nr = one_in(2) ? per : 1 + below(6);
	op_begin(file, page, min(nr, pages - page), kind);
}

/* All of a file is read from the server, and kept. Return: false: not now. */
bool pages_refill(u32 file)
{
	struct client_file *f = &client[file];

	pages_settle(file);
	if (!f->session && f->view.version != server[file].version)
		return false;
	op_begin(file, 0, content_pages(&f->view), OP_READ);
	pages_settle(file);
	return true;
}

/* The same from the last page to the first, so that none lies behind the one before it. */
bool pages_refill_singly(u32 file)
{
	struct client_file *f = &client[file];
	u32 page;

	pages_settle(file);
	if (!f->session && f->view.version != server[file].version)
		return false;
	for (page = content_pages(&f->view); page--; ) {
		op_begin(file, page, 1, OP_READ);
		if (one_in(2))
			pages_settle(file);
	}
	pages_settle(file);
	return true;
}

/* A program writes to pages that the file has. */
void pages_write(u32 file)
{
	u32 pages = content_pages(&client[file].view), page = below(pages);

	op_begin(file, page, min(1 + below(6), pages - page), OP_WRITE);
}

/* A program writes behind the end of a file. */
void pages_append(u32 file)
{
	struct client_file *f = &client[file];
	u32 old = content_pages(&f->view), page = f->view.size / CACHET_PAGE_BYTES, i;
	u32 nr = min(1 + below(6), FILE_PAGES - page);
	loff_t was = f->view.size, size = (loff_t)(page + nr) * CACHET_PAGE_BYTES;

	if (one_in(2))
		size -= below(CACHET_PAGE_BYTES - 1);
	if (size <= was)
		return;
	f->view.size = size;
	if (!can_begin(file, page, nr)) {
		f->view.size = was;
		return;
	}
	for (i = old; i < FILE_PAGES; i++)
		f->view.page[i] = 0;
	op_begin(file, page, nr, OP_WRITE);
}
