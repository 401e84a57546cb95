/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay-log.h - what a disk may hold after a power cut, by a log of dm-log-writes
 */
#ifndef REPLAY_LOG_H
#define REPLAY_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SECTOR = 512, BLOCK = 4096, BLOCK_SECTORS = BLOCK / SECTOR };

/* One line of the log. */
struct entry {
	uint64_t sector;
	const uint8_t *data;	/* NULL: no write (a flush, a mark) */
	const char *mark;	/* Its text */
	uint32_t nr;		/* Sectors */
	uint32_t flags;
	uint32_t flushed;	/* The flush that made it durable: its number; nr: none */
	bool	in_base;
};

struct replay {
	const uint8_t *log;	/* Mapped */
	uint64_t log_bytes;	/* In use */
	struct entry *entry;
	uint32_t nr;
	uint8_t *base;		/* What is durable at the last point asked for; private */
	uint64_t bytes;		/* Of the disk */
	uint64_t xlog_first, xlog_end;	/* Sectors of XFS's own log */
	uint32_t point;		/* The last one asked for */
	uint32_t done;		/* All entries before this one are in base */
};

/* Where the power goes: before this entry is complete. */
struct crash {
	uint32_t point;
	uint64_t seed;		/* Of what survives */
};

/* What a state has lost. */
struct loss {
	uint32_t at_risk;	/* Writes that were not durable */
	uint32_t lost;		/* Of these, all of it */
	uint32_t torn;		/* Of these, a part */
	uint32_t sectors;	/* Lost */
	uint32_t share, shift;	/* As drawn: see lose() */
};

uint64_t mix(uint64_t z);
uint64_t draw(uint64_t *seed);

/* Both print what is wrong and return -1. */
int replay_open(struct replay *r, const char *log, const char *base);
int replay_state(struct replay *r, const struct crash *crash, uint8_t *disk, struct loss *ret_loss);

void replay_choose(const struct replay *r, uint64_t seed, uint32_t nr, struct crash *ret_crash);

#endif
