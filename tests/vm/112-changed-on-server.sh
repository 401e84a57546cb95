#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: no old byte is read once the server's file has changed
#
# Invariants 1, 3 and 4: a cached file shrinks, grows, is rewritten in place (also
# twice within a second, so that only the change attribute moves), is replaced by
# a rename, is cut and grown again, all behind the client's back. Each is looked
# at with the mount kept (the next open asks the server) and with a new mount, and
# each time the bytes are the server's, and then cached anew: a second look costs
# no READ. Where the server has a hole the client reads zeros, and nowhere else.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-changed.sh"

make_xfs server 512
mkdir /mnt/server/dir
nfs_export dir /mnt/server/dir
cachet_new changed 256M

# put FILE OFFSET BYTES: random bytes, in place.
put() {
	dd if=/dev/urandom of="$1" bs=64K iflag=fullblock,count_bytes count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc status=none
}

# Each to a file of its own.
changes=(shrink shrink_page empty grow grow_hole in_place one_byte twice replace
	replace_same_times cut_and_grow cut_and_refill punch rewrite)

# look WHAT: every file, named after its change, is the server's, byte by byte.
look() { assert_same_tree /mnt/nfs /mnt/server/dir "$1"; }

# cached_now WHAT: the last look has left all of it in the cache.
cached_now() {
	nfs_remount dir /mnt/nfs
	reads_of look "$1, cached"
	assert_eq "$READS" 0 "$1: READs at the server once it is cached"
}

# XFS moves the change attribute once more when it writes the data back: hence
# each sync below.

# change_all: make every change, to files that the client knows.
change_all() {
	local change
	for change in "${changes[@]}"; do
		"$change" "/mnt/server/dir/$change"
	done
	sync
}

# start_over: files of full size again, new ones, known to the client.
start_over() {
	local change
	for change in "${changes[@]}"; do
		rm -f "/mnt/server/dir/$change"
		put "/mnt/server/dir/$change" 0 "$size"
	done
	sync
	look "at first"
	cached_now "at first"
}

nfs_mount dir /mnt/nfs
start_over
change_all
look "mount kept"
cached_now "mount kept"

start_over
nfs_umount /mnt/nfs
change_all
drop_caches
nfs_mount dir /mnt/nfs
look "new mount"
cached_now "new mount"

# Many times within a second, and each time the client has looked.
nfs_remount dir /mnt/nfs
for i in 1 2 3 4 5 6 7 8; do
	put /mnt/server/dir/rewrite $((i % 3 * block + i)) 10
	assert_same /mnt/nfs/rewrite /mnt/server/dir/rewrite "changed $i times"
done
sync
look "changed often"
cached_now "changed often"

# What waits for its digest is of a file as it was then. It does not keep out of the
# cache what is read of the file as it is now. The sealer gets next to no time here.
sealer=$(pgrep cachet-seal)
chrt -i -p 0 "$sealer"
taskset -cp 0 "$sealer" >/run/taskset
nice -n 5 taskset -c 0 bash -c 'while :; do :; done' &
busy=$!
free_cpu() { kill "$busy" 2>/run/err || true; }
at_exit free_cpu
held_up=(rewrite replace in_place one_byte)
[ "$VM_KERNEL" != stock ] || held_up=(rewrite)
for i in 1 2; do
	for change in "${held_up[@]}"; do
		put "/mnt/server/dir/$change" "$i" 10
	done
	sync
	look "sealer held up, changed $i times"
done
free_cpu
wait "$busy" || true
cachectl sync --seal changed
cached_now "sealer held up"
chrt -o -p 0 "$sealer"

# Of an open file nothing old is read once the change was noticed, which another
# open of it does; what is read then comes by the descriptor opened before.
exec 5</mnt/nfs/in_place
head -c 100 <&5 >/run/head
in_place /mnt/server/dir/in_place
stat /mnt/nfs/in_place >/run/stat
head -c 1 /mnt/nfs/in_place >/run/head
drop_caches
cmp <(xfs_io -r -c "pread -v $block 8192" /dev/fd/5 2>/run/err | grep '^[0-9a-f]\{8\}') \
	<(xfs_io -r -c "pread -v $block 8192" /mnt/server/dir/in_place | grep '^[0-9a-f]\{8\}') ||
	fail "an open file shows old bytes after the change was noticed"
exec 5<&-
counters changed
