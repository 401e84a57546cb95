#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: files of which parts are cached, at each length of the first part
# vm: uml
# timeout: 200
#
# A readahead whose pages are partly in the cache is cut into pieces. netfs of Linux 7.3
# keeps its pages in queues of 31 and looks at the one that a piece ended in again, which may
# be freed if the piece went up to its end (fs/cachet/compat/netfs.c). So: first parts of
# many lengths, around the ends of queues above all, and second parts that begin there.
# Every byte is right, and KASAN has nothing to say.

. "$(dirname "$0")/lib.sh"

pages=96
make_xfs server 256
mkdir /mnt/server/dir
lengths=({29..33} {60..64} {91..95} 1 2 15 16)
for i in "${lengths[@]}"; do
	for where in first last; do
		random_file "/mnt/server/dir/$where.$i" $((pages * 4096)) "$i"
	done
done
nfs_export dir /mnt/server/dir
cachet_new pieces 64M --block-size 64K
nfs_mount dir /mnt/nfs

# read_pages FILE FROM TO: these and no others.
read_pages() {
	local page args=(-c 'fadvise -r')
	for ((page = $2; page < $3; page++)); do
		args+=(-c "pread $((page * 4096)) 4096")
	done
	xfs_io -r "${args[@]}" "$1" >/dev/null
}

for i in "${lengths[@]}"; do
	read_pages /mnt/nfs/first."$i" 0 "$i"
	read_pages /mnt/nfs/last."$i" "$i" $pages
done
cachectl sync --seal pieces
for i in "${lengths[@]}"; do
	assert_eq "$(cachectl stat --json /mnt/nfs/first."$i" | jq '[.files[0].ranges[].pages] | add')" "$i" \
		"pages of first.$i"
done
# They are read whole, in one request, in two pieces or three.
nfs_remount dir /mnt/nfs
before=$(counter pieces read_hits)
for i in "${lengths[@]}"; do
	for where in first last; do
		cmp /mnt/nfs/$where."$i" /mnt/server/dir/$where."$i" || fail "$where.$i: exit code $?"
	done
done
assert_ge "$(counter pieces read_hits)" $((before + ${#lengths[@]} * 2)) "reads from the cache"
cachectl sync --seal pieces
nfs_remount dir /mnt/nfs
reads_of tree_sum /mnt/nfs >/dev/null
assert_eq "$READS" 0 "READs, when all is there"
