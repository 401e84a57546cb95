// SPDX-License-Identifier: GPL-2.0-only
/*
 * attributes.c - changes of a file that its network filesystem does not tell of
 *
 *   about to read, or to keep -> what does the inode say now? -> as when the content
 *   was kept: go on; else forget it (object.c)
 *
 * fscache is told of most changes. Here is what NFS and cifs leave out, on the kernels that
 * are supported. Takes the object's lock.
 */
#include <linux/fs.h>
#include <linux/iversion.h>
#include <linux/magic.h>
#include "../internal.h"

/*
 * NFS tells nobody when this machine truncates a file that is only open for
 * reading. Its coherency data are these attributes; so they are compared with
 * those that the content was kept under.
 */
static void nfs_check(struct cachet_obj *obj, struct inode *inode, loff_t i_size)
{
	const struct fscache_cookie *cookie = obj->cookie;
	struct {
		s64	mtime_sec;
		s64	mtime_nsec;
		s64	ctime_sec;
		s64	ctime_nsec;
		u64	change;
	} aux;

	if (cookie->aux_len != sizeof(aux))
		return;
	aux.mtime_sec = inode_get_mtime(inode).tv_sec;
	aux.mtime_nsec = inode_get_mtime(inode).tv_nsec;
	aux.ctime_sec = inode_get_ctime(inode).tv_sec;
	aux.ctime_nsec = inode_get_ctime(inode).tv_nsec;
	/* Versions 2 and 3 have none, and say 0. */
	aux.change = ((const u64 *)cookie->aux)[4] ? inode_peek_iversion_raw(inode) : 0;
	cachet_object_seen(obj, &aux, sizeof(aux), i_size);
}

/*
 * A page fault, or splice(2), finds a file as it was when somebody last opened it or asked for
 * its attributes. What another client changes since, cifs hears of, forgets what is in memory,
 * and says so to nobody. So its attributes are asked for here, too; which costs nothing
 * while the server has promised to say when they change, or has told them a moment ago.
 *
 * The pages that are read are locked. cifs asks the server for them under these locks, too; with
 * no attribute named it waits for no write-back.
 *
 * Return: they are what they may be taken for.
 */
static bool revalidate(struct inode *inode)
{
	struct path path = { .dentry = d_find_any_alias(inode) };
	struct kstat stat;
	int ret;

	if (!path.dentry)
		return false;
	ret = inode->i_op->getattr(&nop_mnt_idmap, &path, &stat, 0, AT_STATX_SYNC_AS_STAT);
	dput(path.dentry);
	return !ret;
}

/*
 * cifs does not tell the cache of every change: 6.12 of no cut, for it has set the new size
 * before it asks itself whether that differs; 7.3 of none that it hears of by an open for which
 * the server gives it a lease. So what is kept of a file is compared with the times that it had,
 * as with NFS. And of one that is open for writing, whose times this machine changes too,
 * nothing is kept, from the first read or write-back on until it is looked up anew.
 */
static bool cifs_hold(struct cachet_obj *obj, struct inode *inode, loff_t i_size, bool reading)
{
	const struct fscache_cookie *cookie = obj->cookie;
	struct {
		__le64	mtime_sec;
		__le64	ctime_sec;
		__le32	mtime_nsec;
		__le32	ctime_nsec;
	} aux;

	if (READ_ONCE(obj->flags) & CACHET_OBJ_UNCACHED)
		return false;
	if (inode_is_open_for_write(inode)) {
		/* And what is on its way belongs to the generation that ends. */
		mutex_lock(&obj->lock);
		if (!(obj->flags & CACHET_OBJ_UNCACHED))
			cachet_object_drop(obj);
		WRITE_ONCE(obj->flags, obj->flags | CACHET_OBJ_UNCACHED);
		mutex_unlock(&obj->lock);
		return false;
	}
	if (cookie->aux_len != sizeof(aux))
		return false;
	/* A request goes by the size that was known when it began: netfs shows zeros behind that. */
	if (reading && (!revalidate(inode) || i_size_read(inode) != i_size))
		return false;
	aux.mtime_sec = cpu_to_le64(inode_get_mtime(inode).tv_sec);
	aux.mtime_nsec = cpu_to_le32(inode_get_mtime(inode).tv_nsec);
	aux.ctime_sec = cpu_to_le64(inode_get_ctime(inode).tv_sec);
	aux.ctime_nsec = cpu_to_le32(inode_get_ctime(inode).tv_nsec);
	cachet_object_seen(obj, &aux, sizeof(aux), i_size);
	return true;
}

/**
 * cachet_attributes_hold - may what is cached be believed, and what comes be kept?
 * @obj: object with an operation begun
 * @inode: the network file's
 * @i_size: its size as the request knows it, bytes
 * @reading: it is about to be read; else it is written back, or copied
 *
 * May sleep, and ask the server for its attributes. What belongs to others is forgotten.
 *
 * Return: yes; false: ask the server, and keep nothing.
 */
bool cachet_attributes_hold(struct cachet_obj *obj, struct inode *inode, loff_t i_size,
			    bool reading)
{
	switch (inode->i_sb->s_magic) {
	case CIFS_SUPER_MAGIC:
		return cifs_hold(obj, inode, i_size, reading);
	case NFS_SUPER_MAGIC:
		if (reading)
			nfs_check(obj, inode, i_size);
		return true;
	default:
		return true;
	}
}

/**
 * cachet_changes_are_told - does a network filesystem say what becomes of an open file?
 * @key: of its volume, the first byte is its length
 *
 * cifs not: see cifs_hold(). The client of AFS finds that another one has written between two of
 * its own stores when it is opened next, or never, if it leaves memory before; and by then the
 * version that it told fscache is that of both.
 *
 * Any context.
 */
bool cachet_changes_are_told(const u8 *key)
{
	return (key[0] < 5 || memcmp(key + 1, "cifs,", 5)) &&
		(key[0] < 4 || memcmp(key + 1, "afs,", 4));
}

/**
 * cachet_changes_may_hide - can a file change here, and look as before to fscache?
 * @key: of its volume, the first byte is its length
 *
 * The client of 9p gives fscache the version that its server had when the inode was made, with a
 * size, and does not ask again; diod has one version of all files. What is written or cut while
 * a cache is attached it says, or leaves traces (zeros.c); but those do not last.
 *
 * Any context.
 */
bool cachet_changes_may_hide(const u8 *key)
{
	return key[0] >= 3 && !memcmp(key + 1, "9p,", 3);
}

/**
 * cachet_changes_are_seen - can what is kept of a network filesystem be told from what it was?
 * @key: of its volume, the first byte is its length
 *
 * Ceph gives fscache the version of a file when the inode is made, and when this machine changes
 * it; not when it is opened, nor when another client has changed it while it was not in use. So
 * the next lookup would find the version that the old content is of. Nor is the cache told which
 * of its writes have failed.
 *
 * Any context. Return: false: nothing may be kept of it.
 */
bool cachet_changes_are_seen(const u8 *key)
{
	return key[0] < 5 || memcmp(key + 1, "ceph,", 5);
}
