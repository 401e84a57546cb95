#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: files of every awkward size are right, whole and present
#
# Invariants 1 and 4 at the end of a file: sizes around 0, a page, a block and
# two blocks. Each file is read twice, the second time without the server; what
# cachectl says of it is its size in whole pages, and what a mapping shows behind
# its end, in its last page, are zeros.

. "$(dirname "$0")/lib.sh"

block=65536
sizes=(0 1 4095 4096 4097 8191 $((block - 1)) "$block" $((block + 1)) $((block + 4096))
	$((2 * block - 1)) $((2 * block + 5000)) $((5 * block)))

make_xfs server 300
mkdir /mnt/server/dir
for size in "${sizes[@]}"; do
	random_file "/mnt/server/dir/$size" "$size" "$((size + 1))"
done
# XFS moves the change attribute once more when it writes the data back.
sync
nfs_export dir /mnt/server/dir
cachet_new sizes 256M --block-size 64K

# read_all PASS: read each file and compare; $READS is what that cost.
read_all() {
	local size
	for size in "${sizes[@]}"; do
		assert_same "/mnt/nfs/$size" "/mnt/server/dir/$size" "$1, $size bytes"
	done
}

nfs_mount dir /mnt/nfs
reads_of read_all "first pass"
assert_ge "$READS" $((${#sizes[@]} - 1)) "first pass: READs at the server"
cachectl sync --seal sizes
nfs_remount dir /mnt/nfs
reads_of read_all "second pass"
assert_eq "$READS" 0 "second pass: READs at the server"

for size in "${sizes[@]}"; do
	whole=$(((size + 4095) / 4096 * 4096))
	cachectl stat --json "/mnt/nfs/$size" >/run/stat
	assert_eq "$(json_value size </run/stat)" "$size" "size of the file of $size bytes"
	assert_eq "$(json_value cached_bytes </run/stat)" "$whole" "cached of $size bytes"
	assert_eq "$(json_value sealed_bytes </run/stat)" "$whole" "sealed of $size bytes"
done

# tail_zeros: no byte but zero is mapped behind the end of a file.
tail_zeros() {
	local size from rest
	for size in "${sizes[@]}"; do
		rest=$((-size & 4095)) from=$((size & ~4095))
		[ "$rest" -gt 0 ] || continue
		xfs_io -r -c "mmap -r $from 4096" -c "mread -v $from 4096" "/mnt/nfs/$size" |
			cut -c 12-58 | tr -d ' \n' | tail -c $((2 * rest)) >/run/tail
		assert_eq "$(tr -d 0 </run/tail)" "" "behind the end of the file of $size bytes"
		assert_eq "$(stat -c %s /run/tail)" $((2 * rest)) "digits behind the end of $size bytes"
	done
}
nfs_remount dir /mnt/nfs
reads_of tail_zeros
assert_eq "$READS" 0 "mapped tails: READs at the server"
