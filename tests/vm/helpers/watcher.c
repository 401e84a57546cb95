// SPDX-License-Identifier: GPL-2.0-only
/*
 * watcher.c - a program that must be asked before anybody reads from a filesystem (fanotify(7))
 *
 *   watcher away|refuse PATH
 *
 * Prints "watching" once it does. away: it never answers. refuse: it answers that nobody may.
 * Until it is killed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/fanotify.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct fanotify_event_metadata events[16], *e;
	struct fanotify_response no = { .response = FAN_DENY };
	ssize_t n;
	int fd;

	if (argc != 3 || (strcmp(argv[1], "away") && strcmp(argv[1], "refuse"))) {
		fprintf(stderr, "usage: watcher away|refuse PATH\n");
		return 2;
	}
	fd = fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY | O_LARGEFILE);
	if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, FAN_ACCESS_PERM,
				    AT_FDCWD, argv[2])) {
		perror(argv[2]);
		return 1;
	}
	puts("watching");
	fflush(stdout);
	if (!strcmp(argv[1], "away"))
		pause();
	while ((n = read(fd, events, sizeof(events))) > 0) {
		for (e = events; FAN_EVENT_OK(e, n); e = FAN_EVENT_NEXT(e, n)) {
			if (e->fd < 0)
				continue;
			no.fd = e->fd;
			if (write(fd, &no, sizeof(no)) != sizeof(no))
				perror("answer");
			close(e->fd);
		}
	}
	return 1;
}
