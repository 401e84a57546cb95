/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * config.h - the daemon's configuration, as values
 */
#ifndef CACHETD_CONFIG_H
#define CACHETD_CONFIG_H

#include "libcachet.h"

#define CACHETD_CONFIG	"/etc/cachet/cachet.conf"

struct config_cache {
	char				tag[CACHET_TAG_MAX];
	char				*dir;
	struct cachet_attach_options	options;
	unsigned int			line;	/* Of its section */
	unsigned int			leaving; /* Somebody detaches it: tries left, once it is gone */
};

struct config {
	bool			keep;		/* Leave the caches attached at the end */
	bool			log_reuse;	/* Log every segment that is reused */
	size_t			nr;
	struct config_cache	*cache;
};

/* `why` says the file and line of the first error: "FILE:12: unknown key ...". */
int config_read(const char *path, struct config *ret_config, struct cachet_why *why);
void config_free(struct config *config);
const struct config_cache *config_find(const struct config *config, const char *tag);

#endif /* CACHETD_CONFIG_H */
