#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a cache survives a reboot: what was read before is not asked again
# timeout: 200
# boot: own
#
# The server's tree and the cache are on the persistent disk. After an orderly
# shutdown the cache attaches as not crashed, and a pass over the tree makes no
# READ (invariant 9); so it is after a second reboot, before which nothing was
# read at all.

. "$(dirname "$0")/lib.sh"

[ "$PHASE" != 1 ] || mkfs_xfs "$(vm_disk)" 1500
mount_volume "$(vm_disk)" /mnt/disk
if [ "$PHASE" = 1 ]; then
	mkdir /mnt/disk/tree
	real_tree /mnt/disk/tree small
	random_file /mnt/disk/tree/big 20M
	tree_sum /mnt/disk/tree >/mnt/disk/sums
fi
nfs_server_start
nfs_export tree /mnt/disk/tree
# shellcheck disable=SC2119
cachet_load
[ "$PHASE" != 1 ] || cachectl format --size 256M --tag boot /mnt/disk/cache
cachet_attach boot /mnt/disk/cache
assert_eq "$(status_of boot crashed)" false "phase $PHASE: crashed"

# Phase 3: the cache was attached in phase 2, and served, but got nothing new.
nfs_mount tree /mnt/nfs
reads_of tree_sum /mnt/nfs >/run/sums
assert_eq "$(cat /run/sums)" "$(cat /mnt/disk/sums)" "phase $PHASE: the files"
note "phase $PHASE: $READS READs at the server"
if [ "$PHASE" = 1 ]; then
	assert_gt "$READS" 100 "phase 1: READs"
else
	[ "$READS" = 0 ] || counters boot
	assert_eq "$READS" 0 "phase $PHASE: READs at the server"
fi
[ "$PHASE" = 3 ] || reboot_clean
