#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what the disk refused to take of index is forgotten in memory, too, when it is attached again
# timeout: 60
#
# Each write to index fails while more is cached. Its pages are clean after that, and in memory
# not what they are on disk: records and segments of before would be found in their place
# sooner or later, in the middle of an attach that goes by the others. A segment could be
# written to that something points into (invariant 8). So the next attach reads what is on
# disk, on the same mount of the cache's filesystem (Linux keeps the pages); and all that is
# read then is right, and right again once the pages have gone.

. "$(dirname "$0")/lib.sh"

make_xfs server 256
mkdir /mnt/server/tree
for ((i = 0; i < 8; i++)); do
	random_file "/mnt/server/tree/f$i" 2M "$i"
done
nfs_export tree /mnt/server/tree

ram_disk device
sectors=$((400 * 2048))
linear="0 $sectors linear $device 0"
dm_device disk "$linear" dm_flakey
mkfs_xfs /dev/mapper/disk 400
mount_volume /dev/mapper/disk /mnt/bad
# shellcheck disable=SC2119
cachet_load
dir=$(cachet_dir bad)
mkdir "$dir"
cachectl format --size 32M --tag bad --segment-size 1M --block-size 64K "$dir"
sync -f "$dir"
# The table of the disk with each write to index failing.
xfs_io -r -c bmap "$dir/index" |
	sed -nE 's/^\s*[0-9]+: \[[0-9]+\.\.[0-9]+\]: ([0-9]+)\.\.([0-9]+).*/\1 \2/p' | sort -n >/run/extents
awk -v device="$device" -v sectors=$sectors '
	BEGIN { at = 0 }
	$1 > at { print at, $1 - at, "linear", device, at }
	{ print $1, $2 - $1 + 1, "flakey", device, $1, 0, 3600, 1, "error_writes"; at = $2 + 1 }
	END { if (at < sectors) print at, sectors - at, "linear", device, at }' \
	/run/extents >/run/failing
cat /run/failing

cachectl attach --commit-interval 600s "$dir"
at_exit cachet_detach bad
nfs_mount tree /mnt/nfs
look() {
	local file
	for file in "$@"; do
		assert_same "/mnt/nfs/$file" "/mnt/server/tree/$file"
	done
}
look f0 f1 f2
cachectl sync --seal bad

dm_change disk "$(cat /run/failing)"
look f3 f4 f5 f6
cachectl sync --seal bad 2>/run/err && fail "committed to a disk that takes nothing"
assert_eq "$(status_of bad out_of_service)" true "out of service"
nfs_umount /mnt/nfs
cachectl detach bad 2>/run/err && fail "detached in order"
dm_change disk "$linear"

# what DIR: all that index says there of files and volumes, in words. (What it says of
# segments the attach writes anew.)
what() { cachectl dump --live --volumes --records "$1"; }
mkdir -m 700 /run/disk
for file in super index data; do
	dd if="$dir/$file" of=/run/disk/$file bs=1M iflag=direct status=none
done
what /run/disk >/run/on-disk
what "$dir" >/run/in-memory
! cmp -s /run/on-disk /run/in-memory || fail "nothing that memory says is not on disk"
cachectl attach --commit-interval 600s "$dir"
what "$dir" >/run/attached
diff /run/on-disk /run/attached >/run/differ || fail "what it goes by is not on disk: $(head -n 20 /run/differ)"
rm -r /run/disk
assert_eq "$(status_of bad crashed)" true "crashed"
nfs_mount tree /mnt/nfs
reads_of look f0 f1 f2
assert_eq "$READS" 0 "READs of what was committed"
look f3 f4 f5 f6 f7
for ((i = 0; i < 2; i++)); do
	nfs_umount /mnt/nfs
	cachectl detach bad
	drop_caches
	cachectl attach "$dir"
	nfs_mount tree /mnt/nfs
	look f0 f1 f2 f3 f4 f5 f6 f7
done
