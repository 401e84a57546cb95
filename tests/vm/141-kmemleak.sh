#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: no memory is lost by attach, fill, read, reuse, refusals and detach
# vm: uml
# boot: own
# kernel-args: kmemleak=on
#
# A short life of a cache with each kind of ending: files in use, a full log, a
# write to a cached file, a failed attach, a cache that fails, an unread event.
# The kernel's leak detector then finds nothing (invariant 15): the driver looks
# at its report after the module is gone.

. "$(dirname "$0")/lib.sh"

[ -e /sys/kernel/debug/kmemleak ] || fail "this kernel has no kmemleak"

make_xfs server 512
mkdir /mnt/server/tree
random_file /mnt/server/tree/big 48M
real_tree /mnt/server/tree small
sum=$(tree_sum /mnt/server/tree)
nfs_server_start
nfs_export tree /mnt/server/tree
cachet_new leak 32M
nfs_mount tree /mnt/nfs

for round in 1 2 3; do
	assert_eq "$(tree_sum /mnt/nfs)" "$sum" "round $round: the files"
	drop_caches
	cachectl stat /mnt/nfs/big >/dev/null
	cachectl status --json >/dev/null
	cachectl volumes --json >/dev/null
	assert_fails "attached twice" cachectl attach "$(cachet_dir leak)"
	cachectl sync --seal leak
	cachectl detach leak
	cachectl attach "$(cachet_dir leak)"
done

# A write, and a read that holds the file while the cache leaves.
echo more >>/mnt/nfs/include/net/tcp.h
exec 8</mnt/nfs/big
head -c 1000000 <&8 >/dev/null
cachectl detach leak
exec 8<&-
cachectl attach "$(cachet_dir leak)"
cat /mnt/nfs/include/net/*.h >/dev/null

# One that fails, in use.
echo "data-write 5 0 1" >/sys/kernel/debug/cachet/inject
drop_caches
dd if=/mnt/nfs/big of=/dev/null bs=1M status=none
assert_eq "$(status_of leak out_of_service)" true "out of service"
drop_caches
cachectl detach leak || true
cachectl attach "$(cachet_dir leak)"
nfs_umount /mnt/nfs
cachectl detach leak
cachet_unload
