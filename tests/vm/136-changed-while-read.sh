#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what the cache is reading as its file is invalidated comes from the server
#
# Invariant 3, for reads in flight. The disk of the cache does not answer, and the reads of
# some files wait for it. Meanwhile these are changed at the server, and this machine gets
# to know that. When the disk goes on, what it had is the old bytes: each reader gets the
# new ones, and the old are not found again later.

. "$(dirname "$0")/lib.sh"

files=8
make_xfs server 256
nfs_server_start
mkdir /mnt/server/tree
for ((i = 0; i < files; i++)); do
	random_file "/mnt/server/tree/f$i" $((90000 + i)) "$i"
done
sync	# or XFS moves the change attribute when it writes them
nfs_export tree /mnt/server/tree
ram_disk device
dm_device slow "0 $((300 * 2048)) linear $device 0"
mkfs_xfs /dev/mapper/slow 300
mount_volume /dev/mapper/slow /mnt/slow
# shellcheck disable=SC2119
cachet_load
mkdir "$(cachet_dir slow)"
cachectl format --size 64M --tag slow "$(cachet_dir slow)"
cachet_attach slow
nfs_mount tree /mnt/nfs
cat /mnt/nfs/* >/dev/null
cachectl sync --seal slow
drop_caches
before=$(counter slow bytes_read)
cat /mnt/nfs/* >/dev/null
assert_ge $(($(counter slow bytes_read) - before)) $((files * 90000)) "bytes from the cache"

goes_on() { dmsetup resume slow; }
at_exit goes_on
# waits_for_disk PID: the cache has been asked, and does not answer.
waits_for_disk() {
	[ "$(counter slow read_hits)" -gt "$hits" ] && grep -q '^State:.*D' "/proc/$1/status"
}

for ((i = 0; i < files; i++)); do
	cp "/mnt/server/tree/f$i" /run/old
	drop_caches
	# All of index is in memory: only data waits for the disk.
	cachectl dump --live --records "$(cachet_dir slow)" >/dev/null
	hits=$(counter slow read_hits) stale=$(counter slow reads_stale)
	dmsetup suspend --nolockfs slow
	cat "/mnt/nfs/f$i" >/run/read &
	reader=$!
	wait_until 10 waits_for_disk $reader || fail "file $i: nobody waits for the disk"
	random_file /run/new $((90000 + i)) $((100 + i))
	dd if=/run/new of="/mnt/server/tree/f$i" conv=notrunc,fsync status=none
	: <"/mnt/nfs/f$i"	# The client asks for its attributes
	goes_on
	wait $reader || fail "file $i: exit code $?"
	! cmp -s /run/read /run/old || fail "file $i: the bytes from before it was invalidated"
	assert_same /run/read /run/new "file $i"
	assert_gt "$(counter slow reads_stale)" "$stale" "file $i: reads handed back to the server"
	drop_caches
	assert_same "/mnt/nfs/f$i" /run/new "file $i, again"
done
