// SPDX-License-Identifier: GPL-2.0-only
/*
 * zeros.c - from where on netfs takes a file for zeros, and what that says of a cut
 *
 * netfs keeps a zero_point for each inode: behind it the server has nothing, and it is not asked.
 * A cut sets it back. It moves on when pages of the file leave memory: to the end of the page that
 * holds the cut, if that one stayed there, but no further before the file is read again.
 *
 * Not used of cifs, which sets it back for other reasons, too, and is asked for its times instead
 * (attributes.c). Takes the inode's i_lock, and the object's lock.
 */
#include <linux/magic.h>
#include <linux/netfs.h>
#include "../internal.h"

/**
 * cachet_zeros_from - from where on is a file taken for zeros?
 * @inode: of a filesystem that begins its inodes with netfs's
 *
 * Any context. Return: bytes; far behind the end where the filesystem does not use it.
 */
u64 cachet_zeros_from(const struct inode *inode)
{
#ifdef CACHET_HAVE_ZERO_POINT_CALL
	return netfs_read_zero_point(inode);
#else
	return READ_ONCE(container_of(inode, struct netfs_inode, inode)->zero_point);
#endif
}

/**
 * cachet_zeros_end - there is something in a file, which the server has or gets now
 * @inode: as above
 * @end: bytes, up to here
 *
 * netfs knows that of pages that left memory, or were written in part; of others not when they
 * are written back, but then what this machine wrote looks like what was cut off. Process
 * context.
 */
void cachet_zeros_end(struct inode *inode, u64 end)
{
	struct netfs_inode *ictx = netfs_inode(inode);

	if (inode->i_sb->s_magic == CIFS_SUPER_MAGIC)
		return;
	spin_lock(&inode->i_lock);
#ifdef CACHET_HAVE_ZERO_POINT_CALL
	if (end > ictx->_zero_point)
		netfs_write_zero_point(inode, end);
#else
	if (end > ictx->zero_point)
		ictx->zero_point = end;
#endif
	spin_unlock(&inode->i_lock);
}

/**
 * cachet_zeros_forget - what was cut off while nobody said so
 * @obj: object with an operation begun
 * @inode: its file's
 *
 * fscache tells no cache of a change of size while nobody has the file open. If it was cut, and
 * has grown to what it was, only zero_point shows how far; and that moves on. So it is compared
 * with what is known as soon as the file is used again, once. The page before it is forgotten
 * with what lies behind, for the cut may be in there; and of a file of 9p that was in use before
 * always the last page, where a cut can't be seen any more. While the cache's filesystem is
 * frozen nothing can be forgotten; then what was seen is kept, for zero_point moves on.
 *
 * May sleep. Return: false: something is to be forgotten, and the cache's filesystem is frozen:
 * what is here can't be believed now.
 */
bool cachet_zeros_forget(struct cachet_obj *obj, struct inode *inode)
{
	loff_t zeros, size, cut, from;
	bool later;

	if (!(READ_ONCE(obj->flags) & CACHET_OBJ_NEW_USE))
		return true;
	zeros = min_t(u64, cachet_zeros_from(inode), LLONG_MAX);
	mutex_lock(&obj->lock);
	size = obj->size;
	cut = zeros < size ? max_t(loff_t, zeros - 1, 0) : LLONG_MAX;
	cut = min(cut, obj->doubt);
	from = cut;
	/* Pages that may have stayed in memory meanwhile. */
	if (inode->i_sb->s_magic == V9FS_MAGIC && (obj->flags & CACHET_OBJ_USED_BEFORE))
		from = min_t(loff_t, cut, max_t(loff_t, size - 1, 0));
	if (!(obj->flags & CACHET_OBJ_NEW_USE) || inode->i_sb->s_magic == CIFS_SUPER_MAGIC)
		from = size;
	later = from < size && cachet_io_frozen(obj->cache);
	if (later) {
		/* That it was used before is said again when it is looked up again. */
		obj->doubt = cut;
	} else {
		if (from < size) {
			cachet_object_forget_from(obj, from);
			cachet_zeros_end(inode, size);	/* Once is enough */
		}
		obj->doubt = LLONG_MAX;
		WRITE_ONCE(obj->flags, obj->flags & ~CACHET_OBJ_NEW_USE);
	}
	mutex_unlock(&obj->lock);
	return !later;
}
