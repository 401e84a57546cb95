#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: random operations on files of 9p: never a wrong byte
# timeout: 1200
#
# As 115, with diod. Here what is written stays in the cache. This server gives each
# version of a file the number 0, for which the client caches only with ignoreqv: whatever
# it does to a file itself, a client that has cached it can't know, with whatever cache. So
# only this machine changes them.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-exercise.sh"

net_dir
p9_serve
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1
exercise 400 4000000 --without server-change \
	--refused punch,zero,zero-keep,allocate,collapse,insert
