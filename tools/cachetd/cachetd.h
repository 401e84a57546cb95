/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cachetd.h - the parts of the daemon
 */
#ifndef CACHETD_H
#define CACHETD_H

#include <systemd/sd-event.h>

#include "config.h"

/* ---- log.c: to the journal, or to a terminal ---------------------------- */

/* `level` is one of SD_ERR and so on, from <systemd/sd-daemon.h>. */
#define log_error(...)		log_line(SD_ERR, __VA_ARGS__)
#define log_warning(...)	log_line(SD_WARNING, __VA_ARGS__)
#define log_notice(...)		log_line(SD_NOTICE, __VA_ARGS__)
#define log_info(...)		log_line(SD_INFO, __VA_ARGS__)
void log_line(const char *level, const char *fmt, ...) CACHET_PRINTF(2, 3);

/* ---- caches.c: what the daemon has attached ----------------------------- */

struct cache {
	char	tag[CACHET_TAG_MAX];
	u8	uuid[16];
	bool	told_out;			/* That it is out of service has been logged */
};

struct caches {
	int	dev;				/* /dev/cachet */
	size_t	nr;
	struct cache *cache;			/* Attached by us, or taken over */
	size_t	nr_leaving;			/* Configured, and somebody still detaches them */
};

/*
 * Attaches what is configured and not attached yet; the number that failed. What is being
 * detached by somebody else is none of those: again: only that.
 */
unsigned int caches_attach(struct caches *caches, struct config *config, bool again);
/* Detaches all, the last one first; the number that failed. */
unsigned int caches_detach(struct caches *caches);
/* Forgets those that the module does not have any more, and tells which are out of service. */
void caches_refresh(struct caches *caches);
bool caches_have(const struct caches *caches, const char *tag);
void caches_free(struct caches *caches);

/* ---- loop.c: wait for signals and events -------------------------------- */

struct cachetd {
	const char	*config_path;
	struct config	config;
	struct caches	caches;
	bool		keep;		/* --keep, whatever the configuration says */
	u64		next_seq;	/* Of the next event; 0: none seen yet */
	u64		began_ns;	/* CLOCK_REALTIME: events before that are old */
	sd_event_source	*retry;		/* While caches.nr_leaving is not 0 */
};

void loop_block_signals(void);
int loop_run(struct cachetd *d);
void loop_status(const struct cachetd *d, const char *state);

#endif /* CACHETD_H */
