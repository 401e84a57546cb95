#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what this machine writes to files of 9p is never covered by what was cached before
#
# As 113, with diod. Here what is written goes to the cache, too, and stays known after a
# remount: of what was written here nothing is read from the server.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-written.sh"

net_dir
p9_serve
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1
refused=(punch zero allocate collapse insert)
# What netfs takes for zeros unasked, behind a size that a work has set, is not handed over.
min_filled=1200000 min_new=12000000 min_held=8000000
# Linux 6.12 writes past a lookup: of a file that is opened for writing first nothing stays.
[ "$VM_KERNEL" != stock ] || min_held=6000000
written
