#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: equal blocks are stored once, in two volumes and within a file
# cpus: 2
#
# Two exports with the same files, some of them large: once the first is cached
# and sealed, filling the second writes next to nothing to the data log, whose
# growth the cache counts, and both are right and read without the server
# afterwards. Invariant 5: sharing wants the same length too. A file that ends
# within a block is zero behind its end in the cache; a longer file with real
# zeros there, or one that is whole pages longer, must not be taken for it, nor
# the other way round.
#
# Where one processor does everything, hashing may fall behind by more than is held
# back for it, and what is written then is found to be shared too late.

. "$(dirname "$0")/lib.sh"

block=262144
large=(60 50 40)	# MiB
[ "$VM_KERNEL" != stock ] || large=(6)
[ "$VM_KERNEL" != uml-debug ] || large=(24 16)

make_xfs server 1024
mkdir -p /mnt/server/one /mnt/server/two /mnt/server/three
real_tree /mnt/server/one/tree small
[ "$VM_KERNEL" != stock ] || rm -r /mnt/server/one/tree/include/net
for mb in "${large[@]}"; do
	random_file "/mnt/server/one/large$mb" $((mb * 1048576 + 777)) "$mb"
done
cp -r /mnt/server/one/. /mnt/server/two/
# XFS moves the change attribute once more when it writes the data back.
sync
sum=$(tree_sum /mnt/server/one)
bytes=$(du -sb --apparent-size /mnt/server/one | awk '{ print $1 }')
nfs_export one /mnt/server/one
nfs_export two /mnt/server/two
cachet_new dedup 512M

# settled: all that was read is in the cache, and sealed.
settled() {
	drop_caches
	cachectl sync --seal dedup
}

nfs_mount one /mnt/nfs1
nfs_mount two /mnt/nfs2
assert_eq "$(tree_sum /mnt/nfs1)" "$sum" "first volume: the files"
settled
before=$(counter dedup bytes_written)
live=$(status_of dedup live_bytes)
assert_ge "$before" "$bytes" "first volume: written to the data log"
assert_eq "$(tree_sum /mnt/nfs2)" "$sum" "second volume: the files"
settled
grown=$(($(counter dedup bytes_written) - before))
note "$bytes bytes: the second fill wrote $grown"
counters dedup
assert_lt "$grown" $((bytes / 100)) "second volume: written to the data log"
assert_ge "$(counter dedup bytes_deduped)" $((bytes * 99 / 100)) "bytes_deduped"
live2=$(status_of dedup live_bytes)
assert_lt $((live2 - live)) $((bytes / 100)) "growth of live_bytes"

# What people are shown.
cachectl status dedup
cachectl status --json dedup >/run/status
ratio=$(jq '[.. | .dedup_ratio? // empty][0]' /run/status)
awk -v r="$ratio" 'BEGIN { exit !(r > 0.45 && r < 0.55) }' || fail "dedup_ratio is $ratio"
stat=$(cachectl stat --json "/mnt/nfs2/large${large[0]}")
assert_eq "$(jq '.files[0].shared_bytes == .files[0].cached_bytes' <<<"$stat")" true "shared: $stat"

for volume in 1 2; do
	nfs_umount "/mnt/nfs$volume"
done
drop_caches
nfs_mount one /mnt/nfs1
nfs_mount two /mnt/nfs2
for volume in 1 2; do
	reads_of tree_sum "/mnt/nfs$volume" >/run/sum
	assert_eq "$(cat /run/sum)" "$sum" "volume $volume again: the files"
	assert_eq "$READS" 0 "volume $volume again: READs at the server"
done

# The twin lives when its block's first owner changes.
random_file "/mnt/server/one/large${large[0]}" 5M 99
assert_same "/mnt/nfs1/large${large[0]}" "/mnt/server/one/large${large[0]}" "after a change of its twin"
nfs_remount two /mnt/nfs2
reads_of assert_same "/mnt/nfs2/large${large[0]}" "/mnt/server/two/large${large[0]}" "twin of a changed file"
assert_eq "$READS" 0 "twin of a changed file: READs at the server"

# Within one file, and beginnings of different length.
here=/mnt/server/three
random_file /run/block "$block" 5
for _ in 1 2 3 4 5 6 7 8; do
	cat /run/block
done >"$here/eight"
for size in 1 5000 8192 8193 12288 $((block - 5000)) $((block - 4096)) $((block - 1)) $block; do
	head -c "$size" /run/block >"$here/cut$size"
	cp "$here/cut$size" "$here/page$size"
	truncate -s %4096 "$here/page$size"
	cp "$here/cut$size" "$here/pages$size"
	truncate -s +20000 "$here/pages$size"
	cp "$here/cut$size" "$here/zeros$size"
	truncate -s %$block "$here/zeros$size"
	cat "$here/zeros$size" /run/block >"$here/more$size"
done
truncate -s $((3 * block)) "$here/zeros"
truncate -s $((3 * block - 5000)) "$here/zeros-less"
sync
sum=$(tree_sum "$here")
nfs_export three "$here"
nfs_mount three /mnt/nfs3
before=$(counter dedup bytes_written)
assert_same /mnt/nfs3/eight "$here/eight" "equal blocks in a file"
settled
grown=$(($(counter dedup bytes_written) - before))
assert_eq "$(stat_of /mnt/nfs3/eight sealed_bytes)" \
	$((8 * block)) "sealed of the file with equal blocks"
note "eight equal blocks: wrote $grown"
assert_eq "$(tree_sum /mnt/nfs3)" "$sum" "beginnings: the files"
settled
# Each size twice, the second time the other way round: who comes first differs.
for order in '' -r; do
	nfs_remount three /mnt/nfs3
	before=$(server_reads)
	# shellcheck disable=SC2086	# or nothing
	find "$here" -type f -printf '%P\n' | sort $order | while read -r file; do
		assert_same "/mnt/nfs3/$file" "$here/$file" "beginnings, again"
	done
	assert_eq "$(($(server_reads) - before))" 0 "beginnings, again: READs at the server"
done
assert_eq "$(counter dedup digest_mismatches)" 0 digest_mismatches
