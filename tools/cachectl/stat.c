// SPDX-License-Identifier: GPL-2.0-only
/*
 * stat.c - cachectl stat: what is cached of a file
 *
 * The module answers with as many ranges as there is room for and says where to
 * go on; neighbouring ranges that agree in everything are printed as one. The
 * answer is of a moment: the file may be read or invalidated meanwhile.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "cachectl.h"

enum {
	ROOM = 1024,	/* Ranges per call: 24 KiB */
};

struct stat_args {
	char **files;
	int nr_files;
	bool json;
};

struct answer {
	struct cachet_object_stat stat;	/* Of the last call; sums in the members below */
	u64 cached, sealed, shared, pinned;
	struct cachet_range *ranges;
	size_t nr, room;
};

static const struct argp_option options[] = {
	{ "json", 'j', NULL, 0, "Report in JSON", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct stat_args *args = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		args->json = true;
		return 0;
	case ARGP_KEY_ARGS:
		args->files = state->argv + state->next;
		args->nr_files = state->argc - state->next;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "FILE is missing");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int answer_add(struct answer *a, const struct cachet_range *range)
{
	struct cachet_range *last = a->nr ? &a->ranges[a->nr - 1] : NULL;

	if (last && last->flags == range->flags &&
	    last->start_page + last->nr_pages == range->start_page) {
		last->nr_pages += range->nr_pages;
		return 0;
	}
	if (a->nr == a->room) {
		size_t room = a->room ? 2 * a->room : 16;
		void *grown = realloc(a->ranges, room * sizeof(*a->ranges));

		if (!grown)
			return -ENOMEM;
		a->ranges = grown;
		a->room = room;
	}
	a->ranges[a->nr++] = *range;
	return 0;
}

static int answer_read(struct answer *a, int dev, int fd)
{
	struct cachet_range *buf = calloc(ROOM, sizeof(*buf));
	u64 from = 0;
	int err = 0;
	u32 i;

	if (!buf)
		return -ENOMEM;
	do {
		memset(&a->stat, 0, sizeof(a->stat));
		a->stat.fd = fd;
		a->stat.start_page = from;
		a->stat.ranges = (uintptr_t)buf;
		a->stat.nr_ranges = ROOM;
		err = cachet_device_object_stat(dev, &a->stat);
		if (err)
			break;
		for (i = 0; i < a->stat.nr_ranges && i < ROOM && !err; i++)
			err = answer_add(a, &buf[i]);
		a->cached += a->stat.cached_pages;
		a->sealed += a->stat.sealed_pages;
		a->shared += a->stat.shared_pages;
		a->pinned += a->stat.pinned_pages;
		/* Each call must get further, or the file changed under us */
		if (!err && a->stat.start_page != UINT64_MAX && a->stat.start_page <= from)
			err = -EAGAIN;
		from = a->stat.start_page;
	} while (!err && from != UINT64_MAX);
	free(buf);
	return err;
}

static double cached_part(const struct answer *a)
{
	u64 pages = (a->stat.size + CACHET_PAGE_BYTES - 1) / CACHET_PAGE_BYTES;

	if (!pages)
		return 1;	/* All of nothing */
	return a->cached < pages ? (double)a->cached / (double)pages : 1;
}

static struct json_object *answer_json(const struct answer *a, const char *file)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *list = json_object_new_array();
	size_t i;

	cachet_json_add_text(obj, "file", file);
	cachet_json_add_text(obj, "tag", a->stat.tag);
	cachet_json_add_u64(obj, "volume", a->stat.volume_id);
	cachet_json_add_hex(obj, "fingerprint", a->stat.fingerprint, 16);
	cachet_json_add_u64(obj, "size", a->stat.size);
	cachet_json_add_u64(obj, "block_bytes", a->stat.block_bytes);
	cachet_json_add_u64(obj, "cached_bytes", a->cached * CACHET_PAGE_BYTES);
	cachet_json_add_u64(obj, "sealed_bytes", a->sealed * CACHET_PAGE_BYTES);
	cachet_json_add_u64(obj, "shared_bytes", a->shared * CACHET_PAGE_BYTES);
	cachet_json_add_bool(obj, "pinned", a->stat.flags & CACHET_STAT_PINNED);
	cachet_json_add_u64(obj, "pinned_bytes", a->pinned * CACHET_PAGE_BYTES);
	cachet_json_add_double(obj, "cached_ratio", cached_part(a));
	for (i = 0; i < a->nr; i++) {
		struct json_object *range = json_object_new_object();

		cachet_json_add_u64(range, "start_page", a->ranges[i].start_page);
		cachet_json_add_u64(range, "pages", a->ranges[i].nr_pages);
		cachet_json_add_bool(range, "sealed", a->ranges[i].flags & CACHET_RANGE_SEALED);
		cachet_json_add_bool(range, "shared", a->ranges[i].flags & CACHET_RANGE_SHARED);
		cachet_json_add_bool(range, "local", a->ranges[i].flags & CACHET_RANGE_LOCAL);
		cachet_json_add_bool(range, "pinned", a->ranges[i].flags & CACHET_RANGE_PINNED);
		json_object_array_add(list, range);
	}
	json_object_object_add(obj, "ranges", list);
	return obj;
}

static void answer_print(const struct answer *a, const char *file)
{
	char text[CACHET_SIZE_TEXT_BYTES], *name = malloc(4 * strlen(file) + 1);
	size_t i;

	printf("%s\n", name ? cachet_name_text(file, name) : "?");
	free(name);
	printf("  cache      %s, volume %llu, blocks of %s\n", a->stat.tag,
	       ULL(a->stat.volume_id), cachet_size_text(a->stat.block_bytes, text));
	printf("  size       %s (%llu bytes)\n", cachet_size_text(a->stat.size, text),
	       ULL(a->stat.size));
	printf("  cached     %.1f%%: %" PRIu64 " pages", cached_part(a) * 100, a->cached);
	printf(", %s\n", cachet_size_text(a->cached * CACHET_PAGE_BYTES, text));
	printf("  sealed     %s\n", cachet_size_text(a->sealed * CACHET_PAGE_BYTES, text));
	printf("  shared     %s\n", cachet_size_text(a->shared * CACHET_PAGE_BYTES, text));
	if (a->stat.flags & CACHET_STAT_PINNED)
		printf("  pinned     %s\n", cachet_size_text(a->pinned * CACHET_PAGE_BYTES, text));
	for (i = 0; i < a->nr; i++) {
		const struct cachet_range *r = &a->ranges[i];

		printf("  pages      %llu-%llu%s%s%s%s\n", ULL(r->start_page),
		       ULL(r->start_page + r->nr_pages - 1),
		       r->flags & CACHET_RANGE_SEALED ? " sealed" : "",
		       r->flags & CACHET_RANGE_SHARED ? " shared" : "",
		       r->flags & CACHET_RANGE_LOCAL ? " local" : "",
		       r->flags & CACHET_RANGE_PINNED ? " pinned" : "");
	}
}

static int stat_one(int dev, const char *file, struct json_object *list)
{
	struct answer answer = {};
	int fd, err, rc = EXIT_OK;

	/* O_NONBLOCK: do not wait for the writer of a FIFO */
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return complain("stat", -errno, "%s can't be opened: %s", file, strerror(errno));
	err = answer_read(&answer, dev, fd);
	close(fd);
	if (err == -ENXIO)
		rc = complain("stat", err, "%s is on no network filesystem with a cache: was it mounted with the option fsc, while a cache was attached?",
			      file);
	else if (err == -ENODATA)
		rc = complain("stat", err, "%s is not cached by Cachet now: nothing of it was read since it was opened, or it is open for writing, or its mount uses another cache (/proc/fs/fscache/caches)",
			      file);
	else if (err)
		rc = complain("stat", err, "%s: %s%s", file, strerror(-err),
			      err == -EAGAIN ? ": it changes while it is looked at; try again" : "");
	else if (list)
		json_object_array_add(list, answer_json(&answer, file));
	else
		answer_print(&answer, file);
	free(answer.ranges);
	return rc;
}

int cmd_stat(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE...",
		.doc = "What is cached of files on a network filesystem. A page is 4096 bytes.",
	};
	struct json_object *list = NULL;
	struct stat_args args = {};
	int rc, one, dev, i;

	options_parse(&argp, argc, argv, &args);
	rc = device_open("stat", 0, &dev);
	if (rc)
		return rc;
	if (args.json)
		list = json_object_new_array();
	for (i = 0; i < args.nr_files; i++) {
		one = stat_one(dev, args.files[i], list);
		if (one)
			rc = one;
	}
	close(dev);
	if (list) {
		struct json_object *doc = json_object_new_object();

		json_object_object_add(doc, "files", list);
		return json_print("stat", doc, false) ?: rc;
	}
	return rc ?: output_done("stat");
}
