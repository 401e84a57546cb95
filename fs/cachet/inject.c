// SPDX-License-Identifier: GPL-2.0-only
/*
 * inject.c - making the cache's I/O fail on purpose
 *
 * Compiled in with CONFIG_CACHET_INJECT, which is for tests. Each place where
 * the cache does I/O asks cachet_inject() first. In debugfs, cachet/inject takes
 * lines "SITE ERRNO SKIP TIMES": the I/O of that site fails TIMES times with
 * -ERRNO, after SKIP that do not.
 */
#include "internal.h"

#ifdef CONFIG_CACHET_INJECT

#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

static const char *const site_names[] = {
#define X(name, word) word,
	CACHET_IO_SITES(X)
#undef X
};

static struct {
	int	error;			/* -errno */
	unsigned int skip;
	unsigned int times;
} sites[CACHET_NR_IO_SITES];

static DEFINE_SPINLOCK(sites_lock);
static struct dentry *dir;

/**
 * cachet_inject - shall this I/O fail?
 * @site: where it is
 *
 * Any context. Return: 0 or the -errno to fail with.
 */
int cachet_inject(enum cachet_io_site site)
{
	unsigned long flags;
	int ret = 0;

	if (!READ_ONCE(sites[site].times))
		return 0;
	spin_lock_irqsave(&sites_lock, flags);
	if (sites[site].skip) {
		sites[site].skip--;
	} else if (sites[site].times) {
		sites[site].times--;
		ret = sites[site].error;
	}
	spin_unlock_irqrestore(&sites_lock, flags);
	return ret;
}

static int inject_show(struct seq_file *m, void *v)
{
	unsigned int i;

	for (i = 0; i < CACHET_NR_IO_SITES; i++)
		seq_printf(m, "%s %d %u %u\n", site_names[i], -sites[i].error,
			   sites[i].skip, sites[i].times);
	return 0;
}

static int inject_open(struct inode *inode, struct file *file)
{
	return single_open(file, inject_show, NULL);
}

static ssize_t inject_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	char line[64], name[24];
	unsigned int err, skip, times, i;

	if (len >= sizeof(line))
		return -EINVAL;
	if (copy_from_user(line, buf, len))
		return -EFAULT;
	line[len] = 0;
	if (sscanf(line, "%23s %u %u %u", name, &err, &skip, &times) != 4 || err > MAX_ERRNO)
		return -EINVAL;
	for (i = 0; i < CACHET_NR_IO_SITES; i++) {
		if (strcmp(site_names[i], name))
			continue;
		spin_lock_irq(&sites_lock);
		sites[i].error = -(int)err;
		sites[i].skip = skip;
		WRITE_ONCE(sites[i].times, times);
		spin_unlock_irq(&sites_lock);
		return len;
	}
	return -EINVAL;
}

static const struct file_operations inject_fops = {
	.owner		= THIS_MODULE,
	.open		= inject_open,
	.read		= seq_read,
	.write		= inject_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

int cachet_inject_init(void)
{
	dir = debugfs_create_dir("cachet", NULL);
	debugfs_create_file("inject", 0600, dir, NULL, &inject_fops);
	return 0;
}

void cachet_inject_exit(void)
{
	debugfs_remove(dir);
}

#endif /* CONFIG_CACHET_INJECT */
