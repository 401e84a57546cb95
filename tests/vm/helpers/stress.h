/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stress.h - what the parts of stress share: files, what their sectors may hold, counts
 *
 * A file has one writer at a time, and each change has a version, counted up for the
 * file. A sector of 512 bytes says which version wrote it: each of its words holds the
 * version, and a hash of it, of the sector's place and of the file. Shared by all
 * processes is, for each sector:
 *
 *   begun   the last version that a writer has begun
 *   done    the last one that is complete, and that everybody must see who opens the file
 *   zero    the last one, begun, that made zeros of it
 *   absent  the last one, begun, that put it behind the end of the file
 *
 * Who noted `done` before, and looks then at `begun`, may have seen any version between
 * the two; and zeros only if `zero` or `absent` is not older than what was done.
 */
#ifndef STRESS_H
#define STRESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SECTOR = 512, WORDS = SECTOR / 8 };

struct sector {
	_Atomic uint32_t begun;
	_Atomic uint32_t done;
	_Atomic uint32_t zero;
	_Atomic uint32_t absent;
};

/* Who changes a file. */
enum kind { STILL, LOCAL, SERVER, MIXED, NR_KINDS };

enum { HISTORY = 24 };

/* What was done to a file. */
struct event {
	double	when;			/* When it began, s since the boot */
	double	took;			/* s; 0: is under way */
	pid_t	pid;
	char	what[80];
};

struct file {
	char	path[96];		/* By the network filesystem */
	char	server_path[96];
	char	lock_path[96];		/* Empty: none. See change_turn() */
	unsigned int mount;		/* Its number */
	uint32_t ops;			/* What is done to it: 1 << OP_... */
	enum kind kind;
	uint32_t pair;			/* Two files have the same content for a version */
	uint32_t max;			/* Sectors that it may grow to */
	atomic_flag busy;		/* Has a writer */
	uint32_t version;		/* The last one given. The writer's */
	uint32_t nr;			/* Sectors that it has. The writer's */
	struct sector *sectors;
	struct event history[HISTORY];	/* A ring. The writer's, and read after a failure */
	unsigned int nr_events;
};

/* A look at a file: what must be seen, and what is told if it is not. */
struct look {
	const struct file *f;
	const char *how;
	uint32_t *from;			/* For each sector the oldest version to be seen */
};

/* What was found instead; for the report. */
struct wrong {
	uint32_t sector;
	unsigned int word;
	uint64_t found;
	uint32_t from, begun, done, zero, absent;
	bool	missing;		/* The file ends before */
};

enum change { DATA, ZERO, ABSENT };

extern uint64_t content_seed;

uint32_t sectors_begin(struct file *f, uint32_t from, uint32_t to, enum change change);
void sectors_end(struct file *f, uint32_t from, uint32_t to, uint32_t version);
void sectors_fill(const struct file *f, void *buf, uint32_t from, uint32_t to, uint32_t version);
void sectors_note(const struct look *look, uint32_t from, uint32_t to);
bool sectors_check(const struct look *look, uint64_t at, size_t len, const void *buf,
		   struct wrong *ret);
bool sectors_check_end(const struct look *look, uint64_t end, uint64_t to, struct wrong *ret);
void sectors_explain(const struct file *files, unsigned int nr, const struct file *f,
		     const struct wrong *w, char *text, size_t bytes);

/* ---- stress-ops.c: what a process does to a file ------------------------ */

enum { BIT_NFS = 1, BIT_SMB = 2, BIT_9P = 4, ALL = 7 };

/* What is counted, and for which kinds of mounts. */
#define OPS(X) \
	X(OPEN,		"opened to read",	ALL) \
	X(READ,		"read",			ALL) \
	X(READ_ALL,	"read in sequence",	ALL) \
	X(MAP_READ,	"read mapped",		ALL) \
	X(FORGET,	"forgotten",		ALL) \
	X(AHEAD,	"read ahead",		ALL) \
	X(WRITE,	"written",		ALL) \
	X(MAP_WRITE,	"written mapped",	ALL) \
	X(CUT,		"cut",			ALL) \
	X(CUT_PATH,	"cut by path",		ALL) \
	X(GROW,		"grown",		ALL) \
	X(CUT_GROW,	"cut and grown",	ALL) \
	X(REWRITE,	"rewritten",		ALL) \
	X(SYNC,		"synced",		ALL) \
	X(PUNCH,	"punched",		ALL & ~BIT_9P) \
	X(SERVER_WRITE,	"server: written",	BIT_NFS) \
	X(SERVER_CUT,	"server: cut",		BIT_NFS) \
	X(SERVER_GROW,	"server: grown",	BIT_NFS) \
	X(SERVER_PUNCH,	"server: punched",	BIT_NFS) \
	X(SERVER_REWRITE, "server: rewritten",	BIT_NFS) \
	X(AT_SERVER,	"compared at the server", ALL) \
	X(WHEN_QUIET,	"compared when quiet",	ALL)

#define X(name, word, kinds) OP_##name,
enum op { OPS(X) NR_OPS };
#undef X

enum { MAX_MOUNTS = 4, CHUNK = 256 << 10 };

struct worker {
	pid_t	pid;
	_Atomic unsigned long turns;
	_Atomic bool idle;
	char	doing[160];
};

/* Of all processes. */
struct shared {
	atomic_flag failing;
	_Atomic int failed;		/* Exit code */
	_Atomic bool stop, pause;
	_Atomic unsigned long dropped, hogged;
	_Atomic unsigned long count[MAX_MOUNTS][NR_OPS];
	_Atomic uint64_t bytes_seen;
};

extern struct shared *shared;
extern uint64_t big;			/* Size of the largest files */
extern bool map_by_kernel;		/* See map_read() */

void ops_init(uint32_t max_sectors);
void ops_begin(uint64_t seed);
uint64_t below(uint64_t n);
bool one_in(unsigned int n);
void nap(unsigned int ms);
void make_file(struct file *f);
void read_turn(struct file *f);
void change_turn(struct file *f, bool at_server, bool may_resize);
void compare(struct file *f, const char *path, const char *how, enum op op);

/* ---- stress.c: the processes -------------------------------------------- */

double uptime(void);

/* What this process does, for the report. */
__attribute__((format(printf, 1, 2)))
void doing(const char *fmt, ...);

/* All ends here: with errno, with a wrong byte. */
__attribute__((format(printf, 1, 2), noreturn))
void broken(const char *fmt, ...);
__attribute__((noreturn))
void wrong_bytes(const struct look *look, const struct wrong *w);

#endif
