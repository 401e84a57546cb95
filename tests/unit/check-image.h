/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * check-image.h - what the files of check-image know of each other
 */
#ifndef CHECK_IMAGE_H
#define CHECK_IMAGE_H

#include "libcachet.h"

enum {
	EPOCH		= 5,	/* The last committed one */
	SEG_GENERATION	= 2,
	A_PAGE		= 0,	/* In segment 0 */
	B1_PAGE		= 1,
	B2_PAGE		= 3,
	LATER_PAGE	= 5,	/* What a crash leaves */
	USED		= 8,
	NEXT_VOLUME	= 10,
};

extern struct cachet_image image;

/* The program ends with what went wrong, unless err is 0. */
void must(int err, const char *what);

/* Written to a file of the cache. */
void put(enum cachet_file file, const void *bytes, size_t len, u64 pos);

/* check-image-anything.c: the command of that name. */
void anything(void);

#endif
