// SPDX-License-Identifier: GPL-2.0-only
/*
 * control.c - /dev/cachet: the table of ioctls
 *
 * Each call copies its structure in, checks version and reserved members, does
 * its work and copies the structure out. Only CAP_SYS_ADMIN in the initial
 * namespace may open the device, and only such a process may use it, however it
 * came by the descriptor.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include "internal.h"

union arg {
	__u32 version;
	struct cachet_attach attach;
	struct cachet_tag tag;
	struct cachet_status status;
	struct cachet_object_stat object_stat;
	struct cachet_volumes volumes;
	struct cachet_block_size block_size;
	struct cachet_scrub scrub;
	struct cachet_pin pin;
	struct cachet_sweep sweep;
	struct cachet_cull cull;
};

static bool tag_ok(const char tag[CACHET_TAG_MAX])
{
	return !tag[CACHET_TAG_MAX - 1] && cachet_tag_valid(tag);
}

static int do_attach(union arg *u)
{
	struct cachet_attach *a = &u->attach;

	if ((a->flags & ~(CACHET_ATTACH_ANY_FS | CACHET_ATTACH_VERIFY |
			  CACHET_ATTACH_VERIFY_ONCE)) ||
	    memchr_inv(a->reserved, 0, sizeof(a->reserved)) ||
	    (a->commit_ms && (a->commit_ms < CACHET_COMMIT_MIN_MS ||
			      a->commit_ms > CACHET_COMMIT_MAX_MS)))
		return -EINVAL;
	memset(a->tag, 0, sizeof(a->tag));
	memset(a->problem, 0, sizeof(a->problem));
	a->took_ns = 0;
	return cachet_cache_attach(a);
}

static int do_detach(union arg *u)
{
	if (u->tag.flags || !tag_ok(u->tag.tag))
		return -EINVAL;
	return cachet_cache_detach(u->tag.tag);
}

static int do_status(union arg *u)
{
	struct cachet_cache *cache;
	struct cachet_status in;

	if (!tag_ok(u->status.tag))
		return -EINVAL;
	cache = cachet_cache_find(u->status.tag);
	if (!cache)
		return -ENOENT;
	in = (struct cachet_status) { .version = CACHET_ABI_VERSION };
	memcpy(in.tag, u->status.tag, sizeof(in.tag));
	u->status = in;
	cachet_status_fill(cache, &u->status);
	cachet_cache_put(cache);
	return 0;
}

static int do_sync(union arg *u)
{
	struct cachet_cache *cache;
	int ret;

	if ((u->tag.flags & ~CACHET_SYNC_SEAL) || !tag_ok(u->tag.tag))
		return -EINVAL;
	cache = cachet_cache_find(u->tag.tag);
	if (!cache)
		return -ENOENT;
	ret = 0;
	if (u->tag.flags & CACHET_SYNC_SEAL)
		ret = cachet_seal_drain(cache);
	if (!ret)
		ret = cachet_commit(cache, false);
	cachet_cache_put(cache);
	return ret;
}

static int do_scrub(union arg *u)
{
	struct cachet_scrub *s = &u->scrub;
	struct cachet_cache *cache;
	int ret;

	if (s->reserved || !s->max_bytes || !tag_ok(s->tag))
		return -EINVAL;
	cache = cachet_cache_find(s->tag);
	if (!cache)
		return -ENOENT;
	s->blocks = 0;
	s->bytes = 0;
	s->bad = 0;
	ret = cachet_scrub(cache, s);
	cachet_cache_put(cache);
	return ret;
}

static int do_object_stat(union arg *u)
{
	return cachet_object_stat(&u->object_stat);
}

static int do_volumes(union arg *u)
{
	struct cachet_volumes *v = &u->volumes;
	struct cachet_volume_info __user *out = u64_to_user_ptr(v->volumes);
	struct cachet_volume_info *info;
	struct cachet_cache *cache;
	u32 room = v->nr;
	int ret = 0;

	if (!tag_ok(v->tag))
		return -EINVAL;
	cache = cachet_cache_find(v->tag);
	if (!cache)
		return -ENOENT;
	info = kzalloc(sizeof(*info), GFP_KERNEL);
	if (!info) {
		ret = -ENOMEM;
		goto out;
	}
	for (v->nr = 0; v->nr < room; v->nr++) {
		ret = cachet_volume_next(cache, v->after_id, info);
		if (ret)
			break;
		if (copy_to_user(out + v->nr, info, sizeof(*info))) {
			ret = -EFAULT;
			break;
		}
		v->after_id = info->id;
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
	}
	if (ret == -ENOENT)	/* The last one */
		ret = 0;
	kfree(info);
out:
	cachet_cache_put(cache);
	return ret;
}

static int do_block_size(union arg *u)
{
	struct cachet_block_size *b = &u->block_size;
	struct cachet_cache *cache;
	int ret;
	u8 shift;

	/* A file says itself which cache it is in. */
	if (b->reserved || (!tag_ok(b->tag) && (b->fd < 0 || b->tag[0])) ||
	    (b->block_bytes && (!is_power_of_2(b->block_bytes) ||
				b->block_bytes < 1u << CACHET_MIN_BLOCK_SHIFT ||
				b->block_bytes > 1u << CACHET_MAX_BLOCK_SHIFT)))
		return -EINVAL;
	shift = b->block_bytes ? ilog2(b->block_bytes) : 0;
	if (b->fd >= 0)
		return cachet_object_set_block(b->tag[0] ? b->tag : NULL, b->fd, shift);
	cache = cachet_cache_find(b->tag);
	if (!cache)
		return -ENOENT;
	if (shift && shift + 2 > cache->geo.segment_shift)
		ret = -EINVAL;	/* As for the cache's own: see geometry.c */
	else
		ret = cachet_cache_hold(cache);
	if (!ret) {
		ret = cachet_volume_set_block(cache, b->volume_id, shift);
		cachet_cache_let_go(cache);
	}
	cachet_cache_put(cache);
	return ret;
}

static int do_pin(union arg *u)
{
	struct cachet_pin *p = &u->pin;
	struct netfs_cache_resources cres = {};
	bool clear = p->flags & CACHET_PIN_CLEAR;
	struct cachet_cache *cache;
	struct cachet_obj *obj;
	struct file *file;
	int ret;

	if (p->reserved || (p->flags & ~CACHET_PIN_CLEAR) ||
	    (p->fd < 0 && (!clear || !tag_ok(p->tag))))
		return -EINVAL;
	p->pages = 0;
	p->pinned_pages = 0;
	if (p->fd < 0) {
		cache = cachet_cache_find(p->tag);
		if (!cache)
			return -ENOENT;
		ret = cachet_unpin_known(cache, p->fingerprint);
		cachet_cache_put(cache);
		return ret;
	}
	file = fget(p->fd);
	if (!file)
		return -EBADF;
	ret = cachet_netfs_begin(file, &cres, &obj);
	if (ret)
		goto out;
	memcpy(p->tag, obj->cache->super.tag, sizeof(p->tag));
	memcpy(p->fingerprint, obj->fp, sizeof(p->fingerprint));
	ret = clear ? cachet_unpin(obj) : cachet_pin(obj, p);
	cachet_netfs_end(&cres);
out:
	fput(file);
	return ret;
}

static int do_sweep(union arg *u)
{
	struct cachet_sweep *s = &u->sweep;
	struct cachet_cache *cache;
	int ret;

	if (s->reserved || !tag_ok(s->tag))
		return -EINVAL;
	cache = cachet_cache_find(s->tag);
	if (!cache)
		return -ENOENT;
	s->pinned = 0;
	s->cleared = 0;
	s->released = 0;
	ret = cachet_sweep(cache, s);
	cachet_cache_put(cache);
	return ret;
}

static int do_cull(union arg *u)
{
	struct cachet_cache *cache;
	int ret;

	if (!tag_ok(u->cull.tag))
		return -EINVAL;
	cache = cachet_cache_find(u->cull.tag);
	if (!cache)
		return -ENOENT;
	ret = cachet_cache_hold(cache);
	if (!ret) {
		ret = cachet_reclaim_cull(cache, u->cull.segment, u->cull.generation);
		cachet_cache_let_go(cache);
	}
	cachet_cache_put(cache);
	return ret;
}

static const struct {
	unsigned int cmd;
	int (*fn)(union arg *u);
} calls[] = {
	{ CACHET_IOC_ATTACH,		do_attach },
	{ CACHET_IOC_DETACH,		do_detach },
	{ CACHET_IOC_STATUS,		do_status },
	{ CACHET_IOC_SYNC,		do_sync },
	{ CACHET_IOC_SCRUB,		do_scrub },
	{ CACHET_IOC_OBJECT_STAT,	do_object_stat },
	{ CACHET_IOC_VOLUMES,		do_volumes },
	{ CACHET_IOC_BLOCK_SIZE,	do_block_size },
	{ CACHET_IOC_PIN,		do_pin },
	{ CACHET_IOC_SWEEP,		do_sweep },
	{ CACHET_IOC_CULL,		do_cull },
};

static long control_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	void __user *to = (void __user *)user;
	size_t size = _IOC_SIZE(cmd);
	unsigned int i;
	union arg *u;
	int ret;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	for (i = 0; i < ARRAY_SIZE(calls); i++)
		if (calls[i].cmd == cmd)
			break;
	if (i == ARRAY_SIZE(calls))
		return -ENOTTY;	/* Not ours, or built for another size of the structure */
	u = kzalloc(sizeof(*u), GFP_KERNEL);
	if (!u)
		return -ENOMEM;
	if (copy_from_user(u, to, size)) {
		ret = -EFAULT;
		goto out;
	}
	if (u->version != CACHET_ABI_VERSION) {
		pr_warn_ratelimited("%s speaks version %u of the interface, the module %u: install tools and module of one release\n",
				    current->comm, u->version, CACHET_ABI_VERSION);
		ret = -EPROTO;
		goto out;
	}
	ret = calls[i].fn(u);
	/* A failed attach says why in its structure. */
	if ((_IOC_DIR(cmd) & _IOC_READ) && (!ret || cmd == CACHET_IOC_ATTACH) &&
	    copy_to_user(to, u, size))
		ret = -EFAULT;
out:
	kfree(u);
	return ret;
}

static int control_open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	file->private_data = cachet_event_open();
	return file->private_data ? stream_open(inode, file) : -ENOMEM;
}

static int control_release(struct inode *inode, struct file *file)
{
	cachet_event_close(file->private_data);
	return 0;
}

static ssize_t control_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return cachet_event_read(file, buf, len);
}

static const struct file_operations control_fops = {
	.owner		= THIS_MODULE,
	.open		= control_open,
	.release	= control_release,
	.read		= control_read,
	.poll		= cachet_event_poll,
	.unlocked_ioctl	= control_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

static struct miscdevice control_device = {
	.minor	= MISC_DYNAMIC_MINOR,
	.name	= "cachet",
	.fops	= &control_fops,
	.mode	= 0600,
};

int cachet_control_init(void)
{
	return misc_register(&control_device);
}

void cachet_control_exit(void)
{
	misc_deregister(&control_device);
}
