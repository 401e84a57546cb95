#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a mount goes while what was read is still being written to the cache
# cpus: 2
# timeout: 200
#
# fscache's accesses hold no reference to their cookie, and NFS gives up its own
# whatever is under way. The cache's filesystem is frozen, so that the fills of
# many files hang; then the mount goes, and the filesystem goes on: each file's
# last access ends while its inode and cookie are taken down. Whatever became of
# the fills, nothing is freed twice (the kernel log is read after each test), and
# the next mount has the right bytes.

. "$(dirname "$0")/lib.sh"

rounds=8 files=64
[ "$VM_KERNEL" != stock ] || rounds=3 files=24

make_xfs server 256
nfs_server_start
for ((round = 1; round <= rounds; round++)); do
	mkdir -p "/mnt/server/tree/$round"
	random_file /run/all "$((files * 20))K" "$round"
	split -b 20K /run/all "/mnt/server/tree/$round/f."
done
sums=$(tree_sum /mnt/server/tree)
nfs_export tree /mnt/server/tree
cachet_new going 64M

thaw() { fsfreeze -u /mnt/going 2>/dev/null || true; }
at_exit thaw

for ((round = 1; round <= rounds; round++)); do
	nfs_mount tree /mnt/nfs
	fsfreeze -f /mnt/going
	cat /mnt/nfs/"$round"/* >/dev/null
	umount /mnt/nfs &
	sleep "0.$((round % 3 + 1))"
	fsfreeze -u /mnt/going
	wait $! || fail "round $round: umount"
done

nfs_mount tree /mnt/nfs
assert_eq "$(tree_sum /mnt/nfs)" "$sums" "the files"
note "$(counter going bytes_filled) bytes filled, $(counter going bytes_read) read"
assert_gt "$(counter going bytes_read)" 0 "bytes from the cache"
