#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: mapped, random, direct and concurrent reads are right and then cached
# cpus: 2
#
# Invariants 1 and 2: whatever way a file is read while it is being filled, each
# byte is the server's. One file for each way: by a mapping, in pieces of 1 to
# 5000 bytes anywhere, from the end to the start, by two readers at once, by
# readers at different places. After a remount the same is read without the
# server. Direct reads pass the cache by, and are the server's each time.

. "$(dirname "$0")/lib.sh"

mb=12 pieces=600
[ "$VM_KERNEL" != stock ] || mb=3 pieces=60
size=$((mb * 1048576 + 4321))
ways=(mapped mapped_backward random backward pair crowd large mixed)

make_xfs server 512
dir=/mnt/server/dir
mkdir "$dir"
for i in "${!ways[@]}"; do
	random_file "$dir/${ways[i]}" "$size" "$((i + 1))"
done
random_file "$dir/direct" "$size" 99
# XFS moves the change attribute once more when it writes the data back.
sync
nfs_export dir "$dir"
cachet_new modes 512M

# both NAME XFS_IO_ARGUMENT...: the same reads here and at the server's file;
# the bytes that xfs_io prints must be the same.
both() {
	local name=$1
	shift
	xfs_io -r "$@" "/mnt/nfs/$name" | grep '^[0-9a-f]\{8,\}:' >/run/got
	[ -e "/run/want.$name" ] ||
		xfs_io -r "$@" "$dir/$name" | grep '^[0-9a-f]\{8,\}:' >"/run/want.$name"
	assert_same /run/got "/run/want.$name" "$name"
}
at_exit rm -f /run/want.mapped /run/want.mapped_backward /run/want.random /run/want.mixed

# places COUNT COMMAND: COUNT times "COMMAND OFFSET LENGTH", the same each time.
places() {
	awk -v n="$1" -v command="$2" -v size="$size" 'BEGIN {
		srand(7)
		for (i = 0; i < n; i++) {
			len = 1 + int(rand() * 5000)
			printf "%s %d %d\n", command, int(rand() * (size - len)), len
		}
	}'
}

# Pages fault in one by one, with the readahead around them.
mapped() {
	local args=()
	mapfile -t args < <(places "$pieces" "mread -v" | sed 's/^/-c\n/')
	both mapped -c "mmap -r 0 $size" "${args[@]}"
}
mapped_backward() {
	local args=() at
	for ((at = size / 65536; at >= 0; at--)); do
		args+=(-c "mread -v $((at * 65536 + 100)) 64")
	done
	both mapped_backward -c "mmap -r 0 $size" -c "madvise -r" "${args[@]}"
}
random() {
	local args=()
	mapfile -t args < <(places "$pieces" "pread -v" | sed 's/^/-c\n/')
	both random -c "fadvise -r" "${args[@]}"
}
mixed() {
	local args=()
	mapfile -t args < <(places $((pieces / 4)) "pread -v" | sed 's/^/-c\n/')
	both mixed "${args[@]}"
	assert_same /mnt/nfs/mixed "$dir/mixed" "after pieces, all of it"
}
backward() {
	local at
	for ((at = size / 524288; at >= 0; at--)); do
		dd if=/mnt/nfs/backward bs=512K skip="$at" count=1 status=none |
			cmp - <(dd if="$dir/backward" bs=512K skip="$at" count=1 status=none) ||
			fail "backward, at $at"
	done
}
large() { dd if=/mnt/nfs/large bs=8M status=none | cmp - "$dir/large" || fail "large"; }

# all_of PID...: each of these processes succeeds.
all_of() {
	local pid ok=1
	for pid; do
		wait "$pid" || ok=
	done
	[ "$ok" ]
}
pair() {
	local pids=() i
	for i in 1 2; do
		cmp /mnt/nfs/pair "$dir/pair" &
		pids+=($!)
	done
	all_of "${pids[@]}" || fail "pair"
}
crowd() {
	local pids=() i from
	for i in 0 1 2 3 4 5; do
		from=$((size * i / 7))
		cmp -i "$from" -n $((size * 2 / 7)) /mnt/nfs/crowd "$dir/crowd" &
		pids+=($!)
	done
	all_of "${pids[@]}" || fail "crowd"
}

everything() {
	local way
	for way in "${ways[@]}"; do
		"$way"
	done
}

nfs_mount dir /mnt/nfs
reads_of everything
assert_gt "$READS" 0 "first pass: READs at the server"
nfs_remount dir /mnt/nfs
for way in "${ways[@]}"; do
	reads_of "$way"
	assert_eq "$READS" 0 "second pass: READs at the server for $way"
done
note "all ways are right, and cached"

# Direct reads: the server's each time, and nothing is kept of them.
direct() {
	dd if=/mnt/nfs/direct iflag=direct bs=64K status=none | cmp - "$dir/direct" || fail "direct"
}
nfs_remount dir /mnt/nfs
for i in 1 2; do
	reads_of direct
	assert_ge "$READS" $((size / 1048576)) "direct, $i: READs at the server"
done
assert_eq "$(stat_of /mnt/nfs/direct cached_bytes)" 0 \
	"cached of the file that was read directly"
# Of a file that is cached, too.
assert_same /mnt/nfs/direct "$dir/direct" "direct, then not"
nfs_remount dir /mnt/nfs
reads_of assert_same /mnt/nfs/direct "$dir/direct" "direct, cached"
assert_eq "$READS" 0 "direct, cached: READs at the server"
reads_of direct
assert_gt "$READS" 0 "direct, of a cached file: READs at the server"
counters modes
