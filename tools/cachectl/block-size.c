// SPDX-License-Identifier: GPL-2.0-only
/*
 * block-size.c - cachectl block-size: the unit of content addressing
 *
 * Holds for what is cached from now on. Small blocks find more duplicates and
 * cost more records; large ones the other way round.
 */
#include <stdio.h>

#include "cachectl.h"

struct block_size_args {
	const char *file;
	const char *tag;
	const char *size;
	u64 volume;
	u64 bytes;
};

static const struct argp_option options[] = {
	{ "file", 'f', "FILE", 0, "Of this file on a network filesystem", 0 },
	{ "tag", 't', "TAG", 0, "Of a volume in this cache", 0 },
	{ "volume", OPT_VOLUME, "ID", 0, "The volume, by its number in 'cachectl volumes'", 0 },
	{}
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct block_size_args *args = state->input;
	char *end;

	switch (key) {
	case 'f':
		args->file = arg;
		return 0;
	case 't':
		if (!cachet_tag_valid(arg))
			argp_error(state, "--tag '%s': this can't be the name of a cache", arg);
		args->tag = arg;
		return 0;
	case OPT_VOLUME:
		errno = 0;
		args->volume = strtoull(arg, &end, 10);
		if (errno || *end || !args->volume || arg[0] < '0' || arg[0] > '9')
			argp_error(state, "--volume '%s': a number from 'cachectl volumes'", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (args->size)
			argp_error(state, "one SIZE, please");
		args->size = arg;
		if (!strcmp(arg, "default"))
			return 0;
		if (cachet_size_parse(arg, &args->bytes) || args->bytes < 4096 ||
		    args->bytes > 4194304 || args->bytes & (args->bytes - 1))
			argp_error(state, "SIZE '%s': a power of two from 4K to 4M, or 'default'", arg);
		return 0;
	case ARGP_KEY_END:
		if (!args->size)
			argp_error(state, "SIZE is missing");
		if (args->file ? args->tag || args->volume : !args->tag || !args->volume)
			argp_error(state, "name either --file, or --tag and --volume");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int too_large(const struct block_size_args *args)
{
	char size[CACHET_SIZE_TEXT_BYTES];

	return complain("block-size", -EINVAL, "blocks of %s are too large for that cache: its segments, of which 'cachectl status' tells, must have four times as much",
			cachet_size_text(args->bytes, size));
}

static int file_set(int dev, const struct block_size_args *args)
{
	struct cachet_block_size arg = { .block_bytes = (u32)args->bytes };
	int err;

	arg.fd = open(args->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (arg.fd < 0)
		return complain("block-size", -errno, "%s can't be opened: %s", args->file,
				strerror(errno));
	err = cachet_device_block_size(dev, &arg);
	close(arg.fd);
	switch (-err) {
	case 0:
		return EXIT_OK;
	case ENXIO:
		return complain("block-size", err, "%s is on no network filesystem with a cache: was it mounted with the option fsc, while a cache was attached?",
				args->file);
	case EINVAL:
		return too_large(args);
	case ENODATA:
		return complain("block-size", err, "%s is not cached by Cachet now: open it for reading elsewhere, or set the size for its volume",
				args->file);
	default:
		return complain("block-size", err, "%s: %s", args->file, strerror(-err));
	}
}

static int volume_set(int dev, const struct block_size_args *args)
{
	struct cachet_block_size arg = {
		.fd = -1,
		.volume_id = args->volume,
		.block_bytes = (u32)args->bytes,
	};
	int err;

	strcpy(arg.tag, args->tag);
	err = cachet_device_block_size(dev, &arg);
	if (err == -ENOENT || err == -ENXIO || err == -ENODATA)
		return complain("block-size", err, "there is no cache '%s' attached, or no volume %" PRIu64 " in it; 'cachectl volumes' lists them",
				args->tag, args->volume);
	if (err == -EINVAL)
		return too_large(args);
	if (err == -ESHUTDOWN)
		return complain("block-size", err, "'%s' is being detached", args->tag);
	if (err)
		return complain("block-size", err, "volume %" PRIu64 " of '%s': %s",
				args->volume, args->tag, strerror(-err));
	return EXIT_OK;
}

int cmd_block_size(int argc, char **argv)
{
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "SIZE|default",
		.doc = "Set the block size for what is cached from now on, of a file or of a volume. What a volume has already keeps its own; a file is emptied.",
	};
	struct block_size_args args = {};
	int rc, dev;

	options_parse(&argp, argc, argv, &args);
	rc = device_open("block-size", 0, &dev);
	if (rc)
		return rc;
	rc = args.file ? file_set(dev, &args) : volume_set(dev, &args);
	close(dev);
	return rc;
}
