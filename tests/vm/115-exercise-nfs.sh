#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: random operations on files of NFS: never a wrong byte
# timeout: 1200
#
# Invariants 1, 3 and 4 for whatever a program can do to a file here, and a server to the
# same file meanwhile (helpers/exercise.c). Blocks of several sizes, so that what is
# changed is parts of blocks and many of them. 100,000 operations with --full.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-exercise.sh"

net_dir
nfs_export dir /mnt/server/dir
net_mount_as -t nfs4 \
	-o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache,fsc 127.0.0.1:/dir
refused=zero-keep,collapse,insert
[ "$VM_KERNEL" != stock ] || refused+=,zero
exercise 200 1000000 --refused $refused
