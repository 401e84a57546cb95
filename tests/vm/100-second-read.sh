#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a real tree read a second time never asks the server
# timeout: 400
#
# The main job. The server is asked how often it was read, not the cache: after
# unmount, remount and dropped page cache the second pass makes no READ at all,
# and every file is right. So it is after detach and attach, and after the module
# was unloaded and loaded again.

. "$(dirname "$0")/lib.sh"

make_xfs server 1024
real_tree /mnt/server/tree "$([ "$VM_KERNEL" = uml ] || echo small)"
sums=$(tree_sum /mnt/server/tree)
nfs_server_start
nfs_export tree /mnt/server/tree
cachet_new first 768M

nfs_mount tree /mnt/nfs
before=$(server_reads)
assert_eq "$(tree_sum /mnt/nfs)" "$sums" "first pass: the files"
assert_lt 100 "$(($(server_reads) - before))" "first pass: READs at the server"

again() {
	nfs_remount tree /mnt/nfs
	reads_of tree_sum /mnt/nfs >/run/sums
	[ "$READS" = 0 ] || counters first
	assert_eq "$(cat /run/sums)" "$sums" "$1: the files"
	assert_eq "$READS" 0 "$1: READs at the server"
	note "$1: no READ, all files right"
}

again "second pass"

nfs_umount /mnt/nfs
cachet_detach first
cachet_attach first
nfs_mount tree /mnt/nfs
again "after detach and attach"

nfs_umount /mnt/nfs
cachet_detach first
cachet_unload
cachet_load
cachet_attach first
nfs_mount tree /mnt/nfs
again "after unloading the module"
counters first
