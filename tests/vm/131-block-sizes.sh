#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: every block size works, per cache, per volume and per file
#
# The same tree and a larger file by caches with blocks of 4 KiB to 4 MiB: right
# at first, right and without a READ after a remount. Then the block size of a
# volume and of one file is changed with cachectl while the cache is in use: what
# is there stays as it is, for the file it is void, and reads are right throughout.

. "$(dirname "$0")/lib.sh"

make_xfs server 512
real_tree /mnt/server/dir small
[ "$VM_KERNEL" = uml ] || rm -r /mnt/server/dir/include/net
random_file /mnt/server/dir/large $((9 << 20 | 12345))
# XFS moves the change attribute once more when it writes the data back.
sync
sum=$(tree_sum /mnt/server/dir)
nfs_export dir /mnt/server/dir

# pass WHAT: read it all; $READS is what that cost.
pass() {
	reads_of tree_sum /mnt/nfs >/run/sum
	assert_eq "$(cat /run/sum)" "$sum" "$1: the files"
}

sizes=(4K 64K 256K 1M 4M)
[ "$VM_KERNEL" != stock ] || sizes=(4K 4M)
for size in "${sizes[@]}"; do
	cachet_new "b$size" 192M --block-size "$size"
	nfs_mount dir /mnt/nfs
	pass "$size, first pass"
	assert_gt "$READS" 0 "$size, first pass: READs at the server"
	cachectl sync --seal "b$size"
	nfs_remount dir /mnt/nfs
	pass "$size, second pass"
	assert_eq "$READS" 0 "$size, second pass: READs at the server"
	assert_eq "$(stat_of /mnt/nfs/large block_bytes)" "$(numfmt --from=iec "$size")" "block size"
	note "$size: $(counter "b$size" blocks_sealed) blocks sealed"
	# The last one stays for what follows.
	[ "$size" = 4M ] && break
	nfs_umount /mnt/nfs
	cachet_detach "b$size"
done

# Of a file: it is void, and cached again in blocks of the new size.
cachectl block-size --file /mnt/nfs/large 16K
assert_eq "$(stat_of /mnt/nfs/large block_bytes)" 16384 "block size of the file"
assert_eq "$(stat_of /mnt/nfs/large cached_bytes)" 0 "cached of the file, after the change"
nfs_remount dir /mnt/nfs
pass "file with 16K"
assert_gt "$READS" 0 "file with 16K: READs at the server"
nfs_remount dir /mnt/nfs
pass "file with 16K, again"
assert_eq "$READS" 0 "file with 16K, again: READs at the server"
assert_eq "$(stat_of /mnt/nfs/large block_bytes)" 16384 "block size of the file, after remounts"

# Of a volume: what is there keeps its own, what is new has the other.
# The file knows which: the pseudo root of the server is a volume, too.
volume=$(stat_of /mnt/nfs/large volume)
cachectl block-size --tag b4M --volume "$volume" 64K
nfs_remount dir /mnt/nfs
pass "volume with 64K"
assert_eq "$READS" 0 "volume with 64K: READs for what was there already"
assert_eq "$(stat_of /mnt/nfs/large block_bytes)" 16384 "block size of the file, in the volume"
random_file /mnt/server/dir/new $((3 << 20 | 1)) 2
sync
cmp /mnt/nfs/new /mnt/server/dir/new || fail "volume with 64K: a new file"
nfs_remount dir /mnt/nfs
reads_of assert_same /mnt/nfs/new /mnt/server/dir/new "volume with 64K: a new file, cached"
assert_eq "$READS" 0 "volume with 64K, a new file: READs at the server"
assert_eq "$(stat_of /mnt/nfs/new block_bytes)" 65536 "block size of a new file"
rm /mnt/server/dir/new

# And back, for the file: that of its volume.
cachectl block-size --file /mnt/nfs/large default
assert_eq "$(stat_of /mnt/nfs/large block_bytes)" 65536 "block size of the file, by default"
nfs_remount dir /mnt/nfs
pass "by default again"
nfs_remount dir /mnt/nfs
pass "by default again, cached"
assert_eq "$READS" 0 "by default again: READs at the server"
assert_fails "a block size that is none" cachectl block-size --file /mnt/nfs/large 5000
counters b4M
