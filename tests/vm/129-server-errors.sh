#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what an NFS server could not read is not kept, nor taken for read
# allow-log: nfs_free_request
# allow-log: Call Trace:
#
# A request takes many READs where the server is read little at a time; here one of them, in the
# middle, fails for a bad sector of the server's disk. Who reads gets an error, or the file as it
# is, and the same once the disk is mended: no byte that nobody has read (invariant 1). Linux
# 6.12 knows only how much all READs of a piece brought (fs/cachet/compat/netfs.c). Nor if it is
# the cache's own disk, at the same place, for which the server is asked. (Where one of
# the READs of a large folio fails, NFS may warn of a flag that it has left, once.)

. "$(dirname "$0")/lib.sh"

rsize=16384 size=$((1 << 20)) part=131072
inject=/sys/kernel/debug/cachet/inject
ram_disk device
sectors=$((300 * 2048))
dm_device disk "0 $sectors linear $device 0"
mkfs_xfs /dev/mapper/disk 300
mount_volume /dev/mapper/disk /mnt/server
mkdir /mnt/server/dir
for i in 0 1 2 3; do
	random_file "/mnt/server/dir/$i" $size "$((i + 1))"
	cp "/mnt/server/dir/$i" "/run/$i"
done
sync
nfs_export dir /mnt/server/dir
cachet_new errors 64M --block-size 64K

# bad FILE OFFSET BYTES: the server's disk can't read these. (XFS puts a new file in one piece.)
bad() {
	local at nr=$(($3 / 512))
	at=$(sectors_of "$1" "$2")
	dm_change disk "0 $at linear $device 0
$at $nr error
$((at + nr)) $((sectors - at - nr)) linear $device $((at + nr))"
}

# read_some FILE: the bytes that can be read, each as it was. (By a descriptor that stays open: a
# READ that has failed makes nfs_read_folio() send another one, of a page that is locked no more,
# and a close forgets all pages then. If it comes first, the kernel falls over that: 6.12 and 7.3.)
open_it() {
	exec 5<"$1"
	at_exit close_it
}
close_it() { exec 5<&-; }
read_some() {
	local at
	for ((at = 0; at < size; at += part)); do
		read_part "$1" "$at"
	done
}
read_part() {
	perl -e 'sysseek(STDIN, $ARGV[0], 0); sysread(STDIN, my $b, $ARGV[1]); print $b' "$2" $part \
		<&5 >/run/part
	[ "$(stat -c %s /run/part)" = $part ] || failed=$((failed + 1))
	cmp -n "$(stat -c %s /run/part)" /run/part "/run/$1" 0 "$2" >/run/part.cmp ||
		fail "file $1 from byte $2: $(cat /run/part.cmp)"
}

failed=0 n=0
for offset in 65536 $((65536 + 16384)) $((393216 + 49152)) $((size - 16384)); do
	nfs_mount dir /mnt/nfs "rsize=$rsize"
	bad "/mnt/server/dir/$n" "$offset" $rsize
	drop_caches
	open_it "/mnt/nfs/$n"
	read_some "$n"
	read_some "$n"
	sleep 3
	close_it
	dm_change disk "0 $sectors linear $device 0"
	drop_caches
	assert_same "/mnt/nfs/$n" "/run/$n" "file $n, mended"
	nfs_umount /mnt/nfs
	nfs_mount dir /mnt/nfs
	assert_same "/mnt/nfs/$n" "/run/$n" "file $n, mended, and mounted again"
	nfs_umount /mnt/nfs

	# The same where the cache has the file, and its own disk fails at that place.
	nfs_mount dir /mnt/nfs "rsize=$rsize"
	assert_same "/mnt/nfs/$n" "/run/$n" "file $n, to be cached"
	cachectl sync --seal errors
	bad "/mnt/server/dir/$n" "$offset" $rsize
	drop_caches
	open_it "/mnt/nfs/$n"
	echo "data-read 5 0 2" >$inject
	read_part "$n" $((offset & ~(part - 1)))
	[ "$(awk '$1 == "data-read" { print $4 }' $inject)" -lt 2 ] || fail "file $n was not cached"
	echo "data-read 0 0 0" >$inject
	read_some "$n"
	sleep 3
	close_it
	dm_change disk "0 $sectors linear $device 0"
	drop_caches
	assert_same "/mnt/nfs/$n" "/run/$n" "file $n, mended on both disks"
	nfs_umount /mnt/nfs
	n=$((n + 1))
done
note "$failed reads ended early"
assert_ge $failed 4 "reads that ended early"
cases $n "bad places"
