// SPDX-License-Identifier: GPL-2.0-only
/*
 * module.c - the kernel module: load it, wait for its device
 *
 * Loading is only tried when the device is missing, so that a module that an
 * administrator loaded by hand (other options, another build) is left alone.
 * libkmod would write to stderr; its log is switched off and its results are
 * turned into words.
 */
#include <errno.h>
#include <fcntl.h>
#include <libkmod.h>
#include <stdarg.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "libcachet.h"

enum {
	NODE_WAIT_MS	= 2000,	/* For devtmpfs and udev */
	NODE_POLL_MS	= 10,
};

static void log_nothing(void *data, int priority, const char *file, int line,
			const char *fn, const char *format, va_list args)
	__attribute__((format(printf, 6, 0)));
static void log_nothing(void *data, int priority, const char *file, int line,
			const char *fn, const char *format, va_list args)
{
	(void)data, (void)priority, (void)file, (void)line;
	(void)fn, (void)format, (void)args;
}

static int load_failed(int err, struct cachet_why *why)
{
	struct utsname uts = {};

	uname(&uts);
	switch (-err) {
	case ENOENT:
		return cachet_why_set(why, err,
			"module cachet not found for kernel %s: install or build it for this kernel (dkms status, then depmod -a)",
			uts.release);
	case EKEYREJECTED:
	case ENOKEY:
	case EBADMSG:
		return cachet_why_set(why, err,
			"the kernel refused the signature of module cachet (%s): sign it with a key that the kernel trusts (mokutil --import), or build it with dkms, which does so",
			strerror(-err));
	case ENOEXEC:
		return cachet_why_set(why, err,
			"module cachet was built for another kernel than %s: rebuild it (dkms autoinstall); the kernel log has the details",
			uts.release);
	case EPERM:
	case EACCES:
		return cachet_why_set(why, err,
			"not allowed to load module cachet: become root; as root, the kernel is locked down or loading is disabled (kernel.modules_disabled)");
	default:
		return cachet_why_set(why, err,
			"module cachet can't be loaded: %s; the kernel log (dmesg) says more",
			strerror(-err));
	}
}

static int module_load(struct cachet_why *why)
{
	struct kmod_list *list = NULL, *entry;
	struct kmod_ctx *ctx;
	int err;

	ctx = kmod_new(NULL, NULL);
	if (!ctx)
		return cachet_why_set(why, -ENOMEM, "module cachet can't be loaded: out of memory");
	kmod_set_log_fn(ctx, log_nothing, NULL);

	/* Without a modules.dep for this kernel it fails or finds nothing. */
	err = kmod_module_new_from_lookup(ctx, "cachet", &list);
	if (!err && !list)
		err = -ENOENT;
	kmod_list_foreach(entry, list) {
		struct kmod_module *mod = kmod_module_get_module(entry);

		err = kmod_module_probe_insert_module(mod, KMOD_PROBE_APPLY_BLACKLIST,
						      NULL, NULL, NULL, NULL);
		kmod_module_unref(mod);
		if (err)
			break;
	}
	kmod_module_unref_list(list);
	kmod_unref(ctx);
	if (err > 0)
		return cachet_why_set(why, -EPERM,
			"module cachet is blacklisted in modprobe.d: remove the entry, or load it by hand (modprobe cachet)");
	return err ? load_failed(err, why) : 0;
}

int cachet_module_open(int flags, int *ret_dev, struct cachet_why *why)
{
	const struct timespec pause = { .tv_nsec = NODE_POLL_MS * 1000000L };
	int err, waited;

	err = cachet_device_open(flags, ret_dev);
	if (err == -ENOENT || err == -ENXIO || err == -ENODEV) {
		err = module_load(why);
		if (err)
			return err;
		for (waited = 0; waited < NODE_WAIT_MS; waited += NODE_POLL_MS) {
			err = cachet_device_open(flags, ret_dev);
			if (err != -ENOENT && err != -ENXIO && err != -ENODEV)
				break;
			nanosleep(&pause, NULL);
		}
	}
	if (err == -EACCES || err == -EPERM)
		return cachet_why_set(why, err, "%s: %s: become root (CAP_SYS_ADMIN in the initial user namespace is needed)",
				      CACHET_DEVICE, strerror(-err));
	if (err)
		return cachet_why_set(why, err, "%s: %s: the module is loaded, but its device does not come; is /dev a devtmpfs?",
				      CACHET_DEVICE, strerror(-err));
	return 0;
}
