// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs.c - which caches are attached, and what else serves fscache
 *
 * Our caches are the directories of /sys/fs/cachet; all that fscache knows
 * stands in /proc/fs/fscache/caches, in the order in which a mount looks
 * through them: a volume that asks for no cache by name takes the first one,
 * and keeps it until it is unmounted. So a cachefiles that was bound earlier
 * takes all mounts, and nothing says so: we do.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libcachet.h"

#define SYSFS_DIR	"/sys/fs/cachet"
#define FSCACHE_CACHES	"/proc/fs/fscache/caches"

static int tag_compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

int cachet_tags_read(struct cachet_tags *ret_tags)
{
	struct cachet_tags tags = {};
	struct dirent *entry;
	DIR *dir;

	dir = opendir(SYSFS_DIR);
	if (!dir) {
		if (errno != ENOENT)
			return -errno;
		*ret_tags = tags;
		return 0;
	}
	while ((entry = readdir(dir))) {
		void *grown;

		if (!cachet_tag_valid(entry->d_name) || entry->d_type == DT_REG)
			continue;
		grown = realloc(tags.tag, (tags.nr + 1) * sizeof(*tags.tag));
		if (!grown) {
			cachet_tags_free(&tags);
			closedir(dir);
			return -ENOMEM;
		}
		tags.tag = grown;
		memset(tags.tag[tags.nr], 0, sizeof(*tags.tag));
		/* A valid tag fits, with its NUL */
		memcpy(tags.tag[tags.nr++], entry->d_name, strlen(entry->d_name));
	}
	closedir(dir);
	if (tags.nr)
		qsort(tags.tag, tags.nr, sizeof(*tags.tag), tag_compare);
	*ret_tags = tags;
	return 0;
}

bool cachet_tags_have(const struct cachet_tags *tags, const char *tag)
{
	size_t i;

	for (i = 0; i < tags->nr; i++)
		if (!strcmp(tags->tag[i], tag))
			return true;
	return false;
}

void cachet_tags_free(struct cachet_tags *tags)
{
	if (!tags)
		return;
	free(tags->tag);
	*tags = (struct cachet_tags){};
}

int cachet_tags_find_uuid(const u8 uuid[16], char ret_tag[CACHET_TAG_MAX])
{
	struct cachet_status *status;
	struct cachet_tags tags;
	int dev, err;
	size_t i;

	err = cachet_tags_read(&tags);
	if (err)
		return err;
	if (!tags.nr)	/* Or nobody can tell */
		return access("/sys/fs", F_OK) && !access(CACHET_DEVICE, F_OK) ? -EADDRNOTAVAIL : -ENOENT;
	status = malloc(sizeof(*status));
	err = status ? cachet_device_open(0, &dev) : -ENOMEM;
	if (err)
		goto out;
	err = -ENOENT;
	for (i = 0; i < tags.nr; i++) {
		int ret = cachet_device_status(dev, tags.tag[i], status);

		/* One that was detached meanwhile is no error. Any other may be this one. */
		if (ret && ret != -ENOENT) {
			err = ret;
			break;
		}
		if (ret || memcmp(status->uuid, uuid, sizeof(status->uuid)))
			continue;
		strcpy(ret_tag, tags.tag[i]);
		err = 0;
		break;
	}
	close(dev);
out:
	free(status);
	cachet_tags_free(&tags);
	return err;
}

/* Whether a process has this name. /proc/PID/comm holds 15 characters. */
static bool process_runs(const char *name)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = opendir("/proc");
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		char path[300], comm[32] = "";
		FILE *f;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(comm, sizeof(comm), f)) {
			comm[strcspn(comm, "\n")] = 0;
			found = !strcmp(comm, name);
		}
		fclose(f);
	}
	closedir(dir);
	return found;
}

int cachet_rivals_check(struct cachet_why *why)
{
	char line[256], first[64] = "", rival[64] = "", state;
	struct cachet_tags tags;
	bool first_seen = false, gone = false, daemon;
	FILE *f;

	if (cachet_tags_read(&tags))
		return 0;
	f = fopen(FSCACHE_CACHES, "re");
	while (f && fgets(line, sizeof(line), f)) {
		char name[64];

		/* "00000001     2     1     3     1 A default"; headings don't match */
		if (sscanf(line, "%*8[0-9a-f] %*d %*d %*d %*d %c %63s", &state, name) != 2)
			continue;
		if (!first_seen)
			strcpy(first, name);
		first_seen = true;
		/* One that is not there any more stands there while mounts hold on to it. */
		if (!rival[0] && strcmp(name, "-") && !cachet_tags_have(&tags, name) &&
		    (state != '-' || !strcmp(first, name))) {
			strcpy(rival, name);
			gone = state == '-';
		}
	}
	if (f)
		fclose(f);
	daemon = process_runs("cachefilesd");

	if (rival[0] && gone)
		cachet_why_set(why, 0, "mounts hold on to the cache '%s', which is detached, and new mounts will join them: to use another one, unmount the network filesystems and mount them again; else attach '%s' again",
			       rival, rival);
	else if (rival[0] && !strcmp(first, rival))
		cachet_why_set(why, 0, "another fscache cache, '%s'%s, stands first: mounts use that one, not Cachet. To use Cachet: unmount the network filesystems, stop the other (systemctl disable --now cachefilesd), attach again, mount",
			       rival, daemon ? " (cachefilesd)" : "");
	else if (rival[0])
		cachet_why_set(why, 0, "another fscache cache, '%s'%s, is bound too: new mounts use '%s', the first one; mounts made before keep theirs. Run one of the two (systemctl disable --now cachefilesd)",
			       rival, daemon ? " (cachefilesd)" : "", first);
	else if (daemon)
		cachet_why_set(why, 0, "cachefilesd is running: it may bind a second cache, and each mount uses the one that was first. Run one of the two (systemctl disable --now cachefilesd)");
	cachet_tags_free(&tags);
	return rival[0] || daemon;
}
