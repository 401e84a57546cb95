#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a mount goes while what was read is still being written to the cache
# cpus: 2
# timeout: 200
#
# fscache's accesses hold no reference to their cookie, and NFS gives up its own
# whatever is under way. The cache's disk does not answer, so that the fills of
# many files hang; then the mount goes, and the disk goes on: each file's
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
ram_disk device
dm_device going "0 $((300 * 2048)) linear $device 0"
mkfs_xfs /dev/mapper/going 300
mount_volume /dev/mapper/going /mnt/going
# shellcheck disable=SC2119
cachet_load
mkdir "$(cachet_dir going)"
cachectl format --size 64M --tag going "$(cachet_dir going)"
cachet_attach going

goes_on() { dmsetup resume going; }
at_exit goes_on

for ((round = 1; round <= rounds; round++)); do
	nfs_mount tree /mnt/nfs
	# All of index is in memory: who opens a file does not wait for the disk.
	cachectl dump --live --records "$(cachet_dir going)" >/dev/null
	dmsetup suspend --nolockfs going
	cat /mnt/nfs/"$round"/* >/dev/null
	umount /mnt/nfs &
	sleep "0.$((round % 3 + 1))"
	goes_on
	wait $! || fail "round $round: umount"
done

nfs_mount tree /mnt/nfs
assert_eq "$(tree_sum /mnt/nfs)" "$sums" "the files"
note "$(counter going bytes_filled) bytes filled, $(counter going bytes_read) read"
assert_gt "$(counter going bytes_read)" 0 "bytes from the cache"
