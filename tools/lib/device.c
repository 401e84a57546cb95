// SPDX-License-Identifier: GPL-2.0-only
/*
 * device.c - /dev/cachet: one function per call of its ABI
 *
 * Each fills in the version and the reserved members, makes the call, and
 * turns errno into a result. What a result means to a user depends on what was
 * asked, so that the words are the caller's. Calls that were interrupted before
 * they did anything are not repeated: the user who pressed ^C means it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libcachet.h"

static int call(int dev, unsigned long request, void *arg)
{
	return ioctl(dev, request, arg) < 0 ? -errno : 0;
}

/* Also refuses a tag that would have to be cut. */
static int tag_copy(char to[CACHET_TAG_MAX], const char *tag)
{
	if (strlen(tag) >= CACHET_TAG_MAX)
		return -ENAMETOOLONG;
	strcpy(to, tag);
	return 0;
}

int cachet_device_open(int flags, int *ret_fd)
{
	int fd = open(CACHET_DEVICE, O_RDWR | O_CLOEXEC | O_NOCTTY | flags);

	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

int cachet_device_attach(int dev, struct cachet_attach *attach)
{
	attach->version = CACHET_ABI_VERSION;
	return call(dev, CACHET_IOC_ATTACH, attach);
}

int cachet_device_detach(int dev, const char *tag)
{
	struct cachet_tag arg = { .version = CACHET_ABI_VERSION };
	int err = tag_copy(arg.tag, tag);

	return err ?: call(dev, CACHET_IOC_DETACH, &arg);
}

int cachet_device_sync(int dev, const char *tag, bool seal)
{
	struct cachet_tag arg = {
		.version = CACHET_ABI_VERSION,
		.flags = seal ? CACHET_SYNC_SEAL : 0,
	};
	int err = tag_copy(arg.tag, tag);

	return err ?: call(dev, CACHET_IOC_SYNC, &arg);
}

int cachet_device_scrub(int dev, const char *tag, u64 slot, u64 max_bytes,
			struct cachet_scrub *ret_scrub)
{
	struct cachet_scrub arg = {
		.version = CACHET_ABI_VERSION,
		.max_bytes = max_bytes,
		.slot = slot,
	};
	int err = tag_copy(arg.tag, tag) ?: call(dev, CACHET_IOC_SCRUB, &arg);

	if (!err)
		*ret_scrub = arg;
	return err;
}

int cachet_device_status(int dev, const char *tag, struct cachet_status *ret_status)
{
	struct cachet_status arg = { .version = CACHET_ABI_VERSION };
	int err = tag_copy(arg.tag, tag);

	if (!err)
		err = call(dev, CACHET_IOC_STATUS, &arg);
	if (err)
		return err;
	arg.tag[CACHET_TAG_MAX - 1] = 0;
	*ret_status = arg;
	return 0;
}

int cachet_device_object_stat(int dev, struct cachet_object_stat *stat)
{
	int err;

	stat->version = CACHET_ABI_VERSION;
	err = call(dev, CACHET_IOC_OBJECT_STAT, stat);
	stat->tag[CACHET_TAG_MAX - 1] = 0;
	return err;
}

int cachet_device_volumes(int dev, const char *tag, u64 after_id, u32 room,
			  struct cachet_volume_info *ret_volumes, u32 *ret_nr)
{
	struct cachet_volumes arg = {
		.version = CACHET_ABI_VERSION,
		.nr = room,
		.after_id = after_id,
		.volumes = (uintptr_t)ret_volumes,
	};
	int err = tag_copy(arg.tag, tag);

	if (!err)
		err = call(dev, CACHET_IOC_VOLUMES, &arg);
	if (err)
		return err;
	*ret_nr = arg.nr < room ? arg.nr : room;
	return 0;
}

int cachet_device_block_size(int dev, const struct cachet_block_size *arg)
{
	struct cachet_block_size copy = *arg;

	copy.version = CACHET_ABI_VERSION;
	return call(dev, CACHET_IOC_BLOCK_SIZE, &copy);
}

/* -EAGAIN: none now, and the device was opened with O_NONBLOCK. */
int cachet_device_event(int dev, struct cachet_event *ret_event)
{
	struct cachet_event event;
	ssize_t n = read(dev, &event, sizeof(event));

	if (n < 0)
		return -errno;
	if (n != sizeof(event))
		return -EPROTO;
	event.tag[CACHET_TAG_MAX - 1] = 0;
	*ret_event = event;
	return 0;
}

const char *cachet_event_name(u32 type)
{
	/* No default: a new event of the ABI is to be given a name here. */
	switch ((enum cachet_event_type)type) {
	case CACHET_EVENT_ATTACHED:
		return "attached";
	case CACHET_EVENT_DETACHED:
		return "detached";
	case CACHET_EVENT_OUT:
		return "out-of-service";
	case CACHET_EVENT_REUSED:
		return "segment-reused";
	case CACHET_EVENT_VOLUME:
		return "volume";
	case CACHET_EVENT_CORRUPT:
		return "corrupt";
	case CACHET_EVENT_NO_SPACE:
		return "no-space";
	case CACHET_EVENT_UNREADABLE:
		return "unreadable";
	case CACHET_EVENT_DAMAGED:
		return "damaged";
	}
	return "unknown";
}

const char *cachet_event_text(const struct cachet_event *event,
			      char buf[CACHET_EVENT_TEXT_BYTES])
{
	unsigned long long arg0 = event->arg0, arg1 = event->arg1;
	size_t room = CACHET_EVENT_TEXT_BYTES;

	switch ((enum cachet_event_type)event->type) {
	case CACHET_EVENT_ATTACHED:
		snprintf(buf, room, "attached");
		return buf;
	case CACHET_EVENT_DETACHED:
		snprintf(buf, room, "detached");
		return buf;
	case CACHET_EVENT_OUT: {
		/* -errno: a number that is none stays a number */
		long long error = (long long)event->arg0;

		snprintf(buf, room, "out of service after an I/O error: %s (mounts go on without it)",
			 error < 0 && error > -4096 ? strerror((int)-error) : "unknown error");
		return buf;
	}
	case CACHET_EVENT_REUSED:
		snprintf(buf, room, "segment %llu freed to make room, %llu live pages lost",
			 arg0, arg1);
		return buf;
	case CACHET_EVENT_VOLUME:
		snprintf(buf, room, "volume %llu came into use", arg0);
		return buf;
	case CACHET_EVENT_CORRUPT:
		snprintf(buf, room, "digest mismatch in %llu pages from data page %llu on (read from the server instead)",
			 arg1, arg0);
		return buf;
	case CACHET_EVENT_NO_SPACE:
		snprintf(buf, room, "no segment is free: %llu pages were not kept", arg0);
		return buf;
	case CACHET_EVENT_UNREADABLE:
		snprintf(buf, room, "the device can't read %s near byte %llu: what was there is dropped (read from the server instead)",
			 arg1 == 2 ? "super" : arg1 ? "index" : "data", arg0);
		return buf;
	case CACHET_EVENT_DAMAGED:
		if (!arg1) {
			snprintf(buf, room, "the summary of a segment at byte %llu of data is damaged, and ignored (nothing more is written to that segment)",
				 arg0);
			return buf;
		}
		snprintf(buf, room, "a record at byte %llu of %s is damaged, and ignored (%s)", arg0,
			 arg1 == 2 ? "super" : "index",
			 arg1 == 2 ? "the other copy is used" : "what it told of is read from the server instead");
		return buf;
	}
	snprintf(buf, room, "event %u (%llu, %llu), unknown to this program",
		 event->type, arg0, arg1);
	return buf;
}

/* Whether an administrator should look. */
bool cachet_event_is_problem(u32 type)
{
	return type == CACHET_EVENT_OUT || type == CACHET_EVENT_CORRUPT ||
	       type == CACHET_EVENT_NO_SPACE || type == CACHET_EVENT_UNREADABLE ||
	       type == CACHET_EVENT_DAMAGED;
}
