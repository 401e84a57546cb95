#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the smallest caches serve files larger than themselves
# timeout: 400
#
# With 8 segments some are always open, being freed or being read. Whatever then
# has no room is a miss: every byte is right, nothing hangs (invariants 1, 13,
# 19), for the smallest cache there is and for the one with the largest blocks.

. "$(dirname "$0")/lib.sh"

times=3
[ "$VM_KERNEL" = uml ] || times=2
make_xfs server 1024
nfs_server_start
mkdir /mnt/server/tree
nfs_export tree /mnt/server/tree
# shellcheck disable=SC2119
cachet_load

# tiny NAME VOLUME_MB FORMAT_OPTION...: find the least size, and use that.
tiny() {
	local name=$1 volume=$2 mb dir pos
	shift 2
	make_xfs "$name" "$volume"
	dir=$(cachet_dir "$name")
	for ((mb = 1; mb < volume; mb++)); do
		cachectl format --size "${mb}M" --tag "$name" "$@" "$dir" 2>/run/tiny.why && break
		grep -q 'too small' /run/tiny.why || fail "$name: $(cat /run/tiny.why)"
		[ ! -e "$dir" ] || fail "$name: a refused format left $dir"
	done
	note "$name: $mb MiB"
	assert_fails "$name: smaller by 64K" cachectl format --size "$(((mb << 10) - 1024 - 64))K" \
		--tag "$name" "$@" "$dir.less" 2>/dev/null
	cachet_attach "$name"
	random_file /mnt/server/tree/large "$((mb * times))M" "$mb"
	sync	# or XFS moves the change attribute when it writes them
	nfs_mount tree /mnt/nfs
	for ((pos = 1; pos <= 2; pos++)); do
		assert_same /mnt/nfs/large /mnt/server/tree/large "$name, pass $pos"
		drop_caches
	done
	# Pieces from all over, which overtake each other and the reuse.
	for ((pos = 0; pos < mb * times * 16; pos += 7)); do
		echo $((pos * 37 % (mb * times * 16)))
	done | sed -n "1,96p" | xargs -P 3 -I{} sh -c "
		cmp -i \$(({} * 65536)) -n 100000 /mnt/nfs/large /mnt/server/tree/large" ||
		fail "$name: wrong bytes in a piece"
	assert_gt "$(counter "$name" segments_reused)" 0 "$name: segments reused"
	assert_eq "$(counter "$name" io_errors)" 0 "$name: I/O errors"
	assert_le "$(du -sB1 "$dir" | cut -f1)" $((mb << 20)) "$name: bytes that it takes"
	drop_caches
	# What fits stays, once what was freed is committed: until then there may be no room for it.
	cachectl sync --seal "$name"
	random_file /mnt/server/tree/small 300K "$mb"
	sync	# or XFS moves the change attribute when it writes them
	assert_same /mnt/nfs/small /mnt/server/tree/small
	# What waits for its digest is a copy: memory may forget it before it is there.
	cachectl sync --seal "$name"
	drop_caches
	reads_of cmp /mnt/nfs/small /mnt/server/tree/small
	assert_eq "$READS" 0 "$name: READs for a small file"
	nfs_umount /mnt/nfs
	cachectl detach "$name"
}

# What came last is not the first to go where all else has been read since.
last() {
	local i kept=()
	make_xfs last 100
	cachectl format --size 9M --block-size 4K --segment-size 1M --tag last "$(cachet_dir last)"
	cachet_attach last
	for ((i = 10; i < 34; i++)); do
		random_file "/mnt/server/tree/f$i" 250K $i
	done
	sync	# or XFS moves the change attribute when it writes them
	nfs_mount tree /mnt/nfs
	for ((i = 10; i < 34; i++)); do
		cat "/mnt/nfs/f$i" >/dev/null
		cachectl sync --seal last	# What was freed is committed: there is room for the next
	done
	drop_caches
	for ((i = 10; i < 26; i++)); do
		[ "$(stat_of "/mnt/nfs/f$i" cached_bytes)" -lt 250000 ] || kept+=("/mnt/nfs/f$i")
	done
	assert_gt "${#kept[@]}" 8 "last: files of those that came first"
	# Those that came last are in the segment that was closed last, and in that which is open.
	cat "${kept[@]}" >/dev/null
	"$VM_HELPERS/pins" cull last coldest
	for ((i = 26; i < 34; i++)); do
		reads_of cmp "/mnt/nfs/f$i" "/mnt/server/tree/f$i"
		assert_eq "$READS" 0 "last: READs for f$i"
	done
	nfs_umount /mnt/nfs
	cachectl detach last
}

tiny least 300
tiny pages 300 --block-size 4K
[ "$VM_KERNEL" = stock ] || tiny large 400 --block-size 4M
last
