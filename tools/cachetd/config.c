// SPDX-License-Identifier: GPL-2.0-only
/*
 * config.c - read cachet.conf
 *
 * inih splits the lines. What it does not say, we get by reading the lines for
 * it: their numbers, and where a section begins (it reports keys alone, so that
 * an empty or a repeated section would pass unseen). The first error counts;
 * nothing unknown is passed over, for a misspelt key would silently do nothing.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

enum section_kind {
	SECTION_NONE,
	SECTION_DAEMON,
	SECTION_CACHE,
};

struct reader {
	FILE			*file;
	const char		*path;
	struct cachet_why	*why;
	int			err;		/* The first error; `why` is its text */
	unsigned int		line;
	char			*text;		/* Of the line, from getline() */
	size_t			text_room;
	struct config		config;
	enum section_kind	section;
	bool			daemon_seen;
	unsigned int		keys_seen;	/* Bits of the section's key table */
};

/* ---- errors ------------------------------------------------------------- */

static int wrong(struct reader *r, int err, const char *fmt, ...) CACHET_PRINTF(3, 4);
static int wrong(struct reader *r, int err, const char *fmt, ...)
{
	char text[400];
	va_list args;

	if (r->err)
		return r->err;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	r->err = cachet_why_set(r->why, err, "%s:%u: %s", r->path, r->line, text);
	return r->err;
}

/* ---- keys --------------------------------------------------------------- */

static struct config_cache *last_cache(struct reader *r)
{
	return &r->config.cache[r->config.nr - 1];
}

static int set_bool(struct reader *r, const char *key, const char *value, bool *ret)
{
	if (cachet_size_parse_bool(value, ret))
		return wrong(r, -EINVAL, "%s = '%s': yes or no", key, value);
	return 0;
}

static int set_keep(struct reader *r, const char *key, const char *value)
{
	return set_bool(r, key, value, &r->config.keep);
}

static int set_log_reuse(struct reader *r, const char *key, const char *value)
{
	return set_bool(r, key, value, &r->config.log_reuse);
}

static int set_dir(struct reader *r, const char *key, const char *value)
{
	struct config_cache *cache = last_cache(r);
	size_t i;

	if (value[0] != '/')
		return wrong(r, -EINVAL, "%s = '%s': an absolute path", key, value);
	for (i = 0; i + 1 < r->config.nr; i++)
		if (r->config.cache[i].dir && !strcmp(r->config.cache[i].dir, value))
			return wrong(r, -EEXIST, "%s = '%s' is that of [cache %s] already",
				     key, value, r->config.cache[i].tag);
	cache->dir = strdup(value);
	return cache->dir ? 0 : wrong(r, -ENOMEM, "out of memory");
}

static int set_verify(struct reader *r, const char *key, const char *value)
{
	if (cachet_verify_parse(value, &last_cache(r)->options.verify))
		return wrong(r, -EINVAL, "%s = '%s': suspect, once or always", key, value);
	return 0;
}

static int set_any_fs(struct reader *r, const char *key, const char *value)
{
	return set_bool(r, key, value, &last_cache(r)->options.any_fs);
}

static int set_commit(struct reader *r, const char *key, const char *value)
{
	u32 *ms = &last_cache(r)->options.commit_ms;

	if (cachet_size_parse_ms(value, ms) || *ms < 100 || *ms > 600000)
		return wrong(r, -EINVAL, "%s = '%s': 100ms to 10min", key, value);
	return 0;
}

struct key {
	const char *name;
	int (*set)(struct reader *r, const char *key, const char *value);
};

static const struct key daemon_keys[] = {
	{ "keep",		set_keep },
	{ "log-reuse",		set_log_reuse },
	{}
};

static const struct key cache_keys[] = {
	{ "dir",		set_dir },
	{ "verify",		set_verify },
	{ "any-fs",		set_any_fs },
	{ "commit-interval",	set_commit },
	{}
};

/* inih's handler: nonzero to go on, zero for an error in this line. */
static int on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reader *r = arg;
	const struct key *keys = r->section == SECTION_DAEMON ? daemon_keys : cache_keys;
	unsigned int i;

	(void)section;
	if (r->err)
		return 0;
	if (r->section == SECTION_NONE) {
		wrong(r, -EINVAL, "'%s' stands before any section: begin with [cache NAME] or [daemon]",
		      name);
		return 0;
	}
	for (i = 0; keys[i].name; i++)
		if (!strcmp(name, keys[i].name))
			break;
	if (!keys[i].name)
		wrong(r, -EINVAL, "unknown key '%s'; cachet.conf(5) lists them", name);
	else if (r->keys_seen & 1u << i)
		wrong(r, -EEXIST, "'%s' is set twice in this section", name);
	else if (!value || !*value)
		wrong(r, -EINVAL, "'%s' has no value", name);
	else
		keys[i].set(r, name, value);
	r->keys_seen |= 1u << i;
	return !r->err;
}

/* ---- sections ----------------------------------------------------------- */

static void section_end(struct reader *r)
{
	const struct config_cache *cache;

	if (r->section != SECTION_CACHE || r->err)
		return;
	cache = last_cache(r);
	if (!cache->dir) {
		r->line = cache->line;
		wrong(r, -EINVAL, "[cache %s] has no 'dir'", cache->tag);
	}
}

static void cache_begin(struct reader *r, const char *tag)
{
	struct config_cache *cache;
	void *grown;

	if (!cachet_tag_valid(tag)) {
		wrong(r, -EINVAL, "[cache %s]: a name has 1 to %d characters out of A-Z a-z 0-9 . _ - and does not begin with a dot",
		      tag, CACHET_TAG_MAX - 1);
		return;
	}
	if (config_find(&r->config, tag)) {
		wrong(r, -EEXIST, "[cache %s] stands here a second time, first at line %u",
		      tag, config_find(&r->config, tag)->line);
		return;
	}
	grown = realloc(r->config.cache, (r->config.nr + 1) * sizeof(*cache));
	if (!grown) {
		wrong(r, -ENOMEM, "out of memory");
		return;
	}
	r->config.cache = grown;
	cache = &r->config.cache[r->config.nr++];
	*cache = (struct config_cache){ .line = r->line };
	strcpy(cache->tag, tag);
	r->section = SECTION_CACHE;
}

/* `text` begins behind the bracket. */
static void section_begin(struct reader *r, const char *text)
{
	char name[128];
	size_t len = strcspn(text, "]\r\n");
	const char *tag;

	section_end(r);
	r->section = SECTION_NONE;
	r->keys_seen = 0;
	if (r->err)
		return;
	if (text[len] != ']' || len >= sizeof(name)) {
		wrong(r, -EINVAL, "a section is [daemon] or [cache NAME]");
		return;
	}
	memcpy(name, text, len);
	name[len] = 0;
	if (!strcmp(name, "daemon")) {
		if (r->daemon_seen)
			wrong(r, -EEXIST, "[daemon] stands here a second time");
		r->daemon_seen = true;
		r->section = SECTION_DAEMON;
		return;
	}
	if (strncmp(name, "cache", 5) || !isblank((unsigned char)name[5])) {
		wrong(r, -EINVAL, "unknown section [%s]: there are [daemon] and [cache NAME]", name);
		return;
	}
	for (tag = name + 5; isblank((unsigned char)*tag); tag++)
		;
	cache_begin(r, tag);
}

/* inih's reader: like fgets(), which would pass over what follows a zero byte. */
static char *on_line(char *buf, int room, void *arg)
{
	struct reader *r = arg;
	const char *text = buf;
	ssize_t len;

	if (r->err)
		return NULL;
	len = getline(&r->text, &r->text_room, r->file);
	if (len < 0)
		return NULL;
	r->line++;
	if (memchr(r->text, 0, (size_t)len)) {
		wrong(r, -EINVAL, "the line has a zero byte in it: this is no text file");
		return NULL;
	}
	if (len >= room) {
		wrong(r, -EINVAL, "the line is longer than %d characters", room - 3);
		return NULL;
	}
	memcpy(buf, r->text, (size_t)len + 1);
	while (isblank((unsigned char)*text))
		text++;
	/* It would be taken for more of the value before it */
	if (text != buf && *text && !strchr("\r\n;#", *text)) {
		wrong(r, -EINVAL, "the line is indented: keys and sections begin in the first column");
		return NULL;
	}
	if (*text == '[')
		section_begin(r, text + 1);
	return r->err ? NULL : buf;
}

int config_read(const char *path, struct config *ret_config, struct cachet_why *why)
{
	struct reader r = { .path = path, .why = why };
	int line;

	r.file = fopen(path, "re");
	if (!r.file)
		return cachet_why_set(why, -errno, "%s can't be read: %s; cachet.conf(5) says what belongs there",
				      path, strerror(errno));
	line = ini_parse_stream(on_line, &r, on_key, &r);
	if (!r.err && ferror(r.file))
		r.err = cachet_why_set(why, -EIO, "%s can't be read to its end", path);
	if (!r.err && line) {
		if (line > 0)
			r.line = (unsigned int)line;
		wrong(&r, -EINVAL, "neither a section, nor NAME = VALUE, nor a comment (#)");
	}
	section_end(&r);
	fclose(r.file);
	free(r.text);
	if (r.err) {
		config_free(&r.config);
		return r.err;
	}
	*ret_config = r.config;
	return 0;
}

void config_free(struct config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->nr; i++)
		free(config->cache[i].dir);
	free(config->cache);
	*config = (struct config){};
}

const struct config_cache *config_find(const struct config *config, const char *tag)
{
	size_t i;

	for (i = 0; i < config->nr; i++)
		if (!strcmp(config->cache[i].tag, tag))
			return &config->cache[i];
	return NULL;
}
