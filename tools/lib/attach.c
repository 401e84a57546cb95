// SPDX-License-Identifier: GPL-2.0-only
/*
 * attach.c - hand a cache directory to the module
 *
 * Opens the three files and makes the call. The module says in `problem` what
 * is wrong with the cache; what a person can do about it is added here, from
 * the error numbers that the ABI lists.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libcachet.h"

/* What to do, by the error of CACHET_IOC_ATTACH; "" when `problem` must do. */
static const char *attach_advice(int err)
{
	switch (-err) {
	case EBUSY:
		return "; 'cachectl status' lists what is attached, /proc/fs/fscache/caches who holds the name";
	case EXDEV:
		return "; super, index and data must lie in one directory of one filesystem";
	case EMEDIUMTYPE:
		return "; put the cache on XFS, or pass --any-fs (any-fs = yes in cachet.conf) for tests";
	case EUCLEAN:
		return "; the cache can't be used any more: what it held is still on the server; remove its three files and run 'cachectl format'";
	case EFBIG:
	case ENODATA:
		return "; a file was cut or grown: remove the three files and run 'cachectl format'";
	case EOPNOTSUPP:
	case EPROTONOSUPPORT:
		return "; it was made or upgraded by a newer version: attach it with that version, or format a new one";
	case EBADMSG:
		return "; 'cachectl check --repair' on this directory mends it if the file proves to be this cache's";
	case ESTALE:
		return "; index and data must be the ones that were made with this super: restore them, or remove all three and run 'cachectl format'";
	case EPROTO:
		return "; module and tools are of different versions: install both from the same release and reload the module";
	case EPERM:
		return "; become root (CAP_SYS_ADMIN in the initial user namespace is needed)";
	case ENOMEM:
		return "; there is not enough memory now";
	case EIO:
		return "; the device below is failing: see the kernel log (dmesg)";
	default:
		return "; the kernel log (dmesg) may say more";
	}
}

int cachet_verify_parse(const char *text, u32 *ret_flags)
{
	bool always = !strcmp(text, "always");
	bool once = !strcmp(text, "once");

	if (!always && !once && strcmp(text, "suspect") && cachet_size_parse_bool(text, &always))
		return -EINVAL;
	*ret_flags = always ? CACHET_ATTACH_VERIFY : once ? CACHET_ATTACH_VERIFY_ONCE : 0;
	return 0;
}

int cachet_attach_dir(int dev, const char *dir, const struct cachet_attach_options *options,
		      char ret_tag[CACHET_TAG_MAX], u64 *ret_took_ns,
		      struct cachet_why *why)
{
	struct cachet_attach arg = { .commit_ms = options->commit_ms };
	int fd[CACHET_FILE_NR];
	int lock, err, i;

	if (options->any_fs)
		arg.flags |= CACHET_ATTACH_ANY_FS;
	arg.flags |= options->verify;

	/* Not while a check or repair is looking at the files */
	err = cachet_dir_lock(dir, false, &lock, why);
	if (err)
		return err;
	err = cachet_files_open(dir, true, fd, why);
	if (err) {
		close(lock);
		return err;
	}
	/* O_NONBLOCK was for the open alone: the module gets plain files */
	for (i = 0; i < CACHET_FILE_NR; i++)
		fcntl(fd[i], F_SETFL, fcntl(fd[i], F_GETFL) & ~O_NONBLOCK);
	arg.super_fd = fd[CACHET_FILE_SUPER];
	arg.index_fd = fd[CACHET_FILE_INDEX];
	arg.data_fd = fd[CACHET_FILE_DATA];

	err = cachet_device_attach(dev, &arg);
	cachet_files_close(fd);
	close(lock);
	if (err) {
		arg.problem[sizeof(arg.problem) - 1] = 0;
		return cachet_why_set(why, err, "%s can't be attached: %s%s", dir,
				      arg.problem[0] ? arg.problem : strerror(-err),
				      attach_advice(err));
	}
	arg.tag[CACHET_TAG_MAX - 1] = 0;
	memcpy(ret_tag, arg.tag, CACHET_TAG_MAX);
	*ret_took_ns = arg.took_ns;
	return 0;
}
