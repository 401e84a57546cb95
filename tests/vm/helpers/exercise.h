/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * exercise.h - what the parts of exercise share: the file, and what it must hold
 */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGE = 4096 };

/* exercise.c */
extern const char *server_path, *remount;
extern uint64_t max_size;
extern unsigned int settle_ms;
extern unsigned char *good;		/* What the file must hold: max_size bytes */
extern unsigned char *buf;		/* As large */
extern uint64_t size;			/* Of the file */
extern int fd;
extern unsigned int only_reads;		/* Operations for which it stays open to be read */

uint64_t below(uint64_t n);
bool one_in(unsigned int n);
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void last_lines(void);
void broken(const char *what) __attribute__((noreturn));
void compare(const char *how, uint64_t at, uint64_t len, const unsigned char *got);
void reopen(bool write);
void set_size(uint64_t now);
void check_size(void);
void read_range(const char *how, uint64_t at, uint64_t len);
void forget(void);
void some(uint64_t *at, uint64_t *len);
void new_bytes(uint64_t at, uint64_t len);

/* exercise-ops.c */
enum { NR_OPS = 20 };
enum { NOT_NOW = 1 };		/* The file is not such that it could be tried */

struct op {
	const char *name;
	int	(*fn)(void);	/* Returns 0, NOT_NOW, or -errno when it is refused */
	unsigned int weight;
	bool	writes;
};

extern const struct op ops[NR_OPS];

#endif
