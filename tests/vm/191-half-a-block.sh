#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what reuse has left of a block, whose digest it so has lost, is not shown unverified
#
# A sealed block lies in two segments, a bit of the second half flips while the cache is
# detached, and the segment of the first half is freed. With verify=always and verify=once
# the rest can't be compared any more: the server is asked for all of it, and what is sealed
# then is right (invariant 6). With verify=suspect the rest is served: reuse costs what it
# frees.

. "$(dirname "$0")/lib.sh"

make_xfs server 256
tree=/mnt/server/tree
mkdir $tree
random_file $tree/file 12K 1
random_file $tree/filler 2M 2
nfs_server_start
nfs_export tree $tree
cachet_new half 32M --segment-size 1M --block-size 32K
dir=$(cachet_dir half)

# some START: a page of it, without its neighbours: less than a quarter of a block, and one piece
some() {
	xfs_io -r -c "fadvise -r" -c "pread $1 4k" /mnt/nfs/file >/dev/null
	cachectl sync half
}

# two_halves: file is in the cache, sealed, in two segments: $first and $second, page numbers.
two_halves() {
	local fp
	nfs_mount tree /mnt/nfs
	some 0
	cat /mnt/nfs/filler >/dev/null
	cachectl sync --seal half	# or it gets its place when it has its digest
	some 4k
	some 8k
	cachectl sync --seal half
	assert_eq "$(stat_of /mnt/nfs/file sealed_bytes)" 12288 "bytes of it that have a digest"
	fp=$(stat_of /mnt/nfs/file fingerprint)
	nfs_umount /mnt/nfs
	cachectl detach half
	cachectl dump --records --segments --json "$dir" >/run/dump
	jq -r --arg fp "$fp" '[.. | objects | select(.fp? == $fp and .kind == "extent") | .extents[].page]
		| "\(.[0]) \(.[-1])"' /run/dump >/run/pages
	read -r first second </run/pages
	[ "$second" != null ] || fail "no record of it: $(grep -B3 -A30 "$fp" /run/dump)"
	note "the block begins at data pages $first and $second"
	assert_ne $((first / 256)) $((second / 256)) "segments of the two"
}

# flip: a bit of the second half
flip() {
	local byte at=$((second * 4096 + 1000))
	byte=$(od -An -tu1 -j $at -N 1 "$dir/data")
	printf %b "\\x$(printf %02x $((byte ^ 16)))" | dd of="$dir/data" bs=1 seek=$at conv=notrunc status=none
}

# free_first: the segment of the first half is freed.
free_first() {
	local generation
	generation=$(jq ".. | objects | select(.segment? == $((first / 256))) | .generation" /run/dump)
	"$VM_HELPERS/pins" cull half $((first / 256)) "$generation"
	cachectl sync half
}

for verify in always once; do
	two_halves
	flip
	cachectl attach --verify=$verify "$dir"
	at_exit cachet_detach half
	nfs_mount tree /mnt/nfs
	free_first
	assert_same /mnt/nfs/file $tree/file "$verify: the file, and at the server,"
	cachectl sync --seal half
	assert_eq "$(stat_of /mnt/nfs/file sealed_bytes)" 12288 "$verify: bytes that have a digest again"
	drop_caches
	reads_of assert_same /mnt/nfs/file $tree/file "$verify: the file, once more,"
	assert_eq "$READS" 0 "$verify: READs of it"
	nfs_umount /mnt/nfs
	random_file $tree/file 12K $RANDOM	# another content
	sync -f $tree
done

# What need not be verified stays.
two_halves
cachectl attach "$dir"
nfs_mount tree /mnt/nfs
free_first
before=$(counter half bytes_read)
some 8k	# alone: on Linux 6.12 what is here only in part comes from the server, whole
assert_ge $(($(counter half bytes_read) - before)) 4096 "bytes of the rest, from the cache"
assert_same /mnt/nfs/file $tree/file
