#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a cache a third of the size of what is read through it goes on working
# cpus: 2
# timeout: 400
#
# No daemon runs: the kernel alone reuses the coldest segments. Every byte is
# right in any order of reading, the files of the cache never grow (invariant
# 19), and what is read often stays while other files pass by.

. "$(dirname "$0")/lib.sh"

size_mb=96 nr=36 each=8M cold=2 segment=2M
[ "$VM_KERNEL" = uml ] || size_mb=16 nr=12 each=4M cold=1 segment=1M

make_xfs server 1024
mkdir /mnt/server/set
for ((i = 0; i < nr; i++)); do
	random_file "/mnt/server/set/f$i" "$each" "$((i + 10))"
done
random_file /mnt/server/set/hot 1M 9
(cd /mnt/server/set && sha256sum f* >/run/full.sums)
nfs_server_start
nfs_export set /mnt/server/set
cachet_new full "${size_mb}M" --segment-size $segment
dir=$(cachet_dir full)
size=$((size_mb << 20))
sizes=$(stat -c '%n %s' "$dir"/*)

check_files() {
	assert_le "$(du -sB1 "$dir" | cut -f1)" "$size" "$1: bytes that the cache takes"
	assert_eq "$(stat -c '%n %s' "$dir"/*)" "$sizes" "$1: sizes of its files"
}

# pass NAME SORT_OPTION...: read all, in that order, by two readers.
pass() {
	local name=$1 begun=$EPOCHREALTIME
	shift
	sort "$@" -k2 /run/full.sums >/run/full.order
	(cd /mnt/nfs && xargs -P 2 -n 4 -d '\n' sh -c \
		'printf "%s\n" "$@" | sha256sum --quiet --check -' sh </run/full.order) ||
		fail "$name: wrong bytes"
	note "$name: $(awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }') s"
	# Pages that wait for their digest can't be dropped, and would answer the next pass.
	cachectl sync --seal full
	drop_caches
}

nfs_mount set /mnt/nfs nofsc
pass "without a cache"
nfs_umount /mnt/nfs

nfs_mount set /mnt/nfs
pass "first pass"
check_files "first pass"
pass "second pass, backwards" -r
check_files "second pass"
pass "third pass, another order" -k1
check_files "third pass"
counters full
assert_gt "$(counter full segments_reused)" "$((size_mb / 2))" "segments reused"
assert_eq "$(counter full io_errors)" 0 "I/O errors"
assert_gt "$(counter full bytes_read)" 0 "bytes from the cache"

# Some 5 times the size of the cache passes by, a bit between two uses.
cat /mnt/nfs/hot >/dev/null
for ((i = 0; i < size_mb * 5 / 8 / cold; i++)); do
	for ((j = 0; j < cold; j++)); do
		cat "/mnt/nfs/f$(((i * cold + j) % nr))" >/dev/null
	done
	drop_caches
	reads_of cmp /mnt/nfs/hot /mnt/server/set/hot
	assert_eq "$READS" 0 "use $i of the hot file: READs at the server"
done
check_files "the end"
note "hot file served $i times; $(counter full segments_reused) segments reused, $(counter full fills_dropped) fills dropped"
