#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: exactly the pages that were read are present, in a sparse file of 5 GiB
#
# Invariant 1, the hole: cachefiles asks its backing filesystem which pages it
# has, which may join neighbours that are far apart and so serve zeros. Here
# single pages are read, on both sides of 4 GiB and of block borders, some of
# them in holes of the server's file, and the last one, which is not a whole
# page. Just these are present, whoever is asked: cachectl, and the server, which
# after a remount is not asked for them and is for each of their neighbours.

. "$(dirname "$0")/lib.sh"

size=$((5 << 30 | 1234))
last=$((size >> 12))
block=64	# pages
count=60
[ "$VM_KERNEL" != stock ] || count=20

# Pages with content, scattered, each with neighbours that have some too; and
# pages where the server has a hole.
pages=()
for ((i = 1; i <= count; i++)); do
	pages+=($((i * 7919 * 160 % (last - 4096) / 4 * 4 + 2)))
done
pages+=($((7 * block - 1)) $((9 * block)) $(((1 << 20) - 1)) $(((1 << 20) + 1)) "$last")
holes=(5 $((block * 50 + 17)) $(((1 << 20) + 1000)))
mapfile -t pages < <(printf '%s\n' "${pages[@]}" | sort -nu)
mapfile -t all < <(printf '%s\n' "${pages[@]}" "${holes[@]}" | sort -nu)

make_xfs server 512
file=/mnt/server/dir/sparse
mkdir /mnt/server/dir
truncate -s "$size" "$file"
for page in "${pages[@]}"; do
	for at in $((page - 1)) "$page" $((page + 1)); do
		[ "$at" -le "$last" ] || continue
		yes "page $at" | head -c 4096 || true
	done | dd of="$file" bs=4096 seek=$((page - 1)) conv=notrunc status=none
done
truncate -s "$size" "$file"
# XFS moves the change attribute once more when it writes the data back.
sync

# dump FILE PAGE...: read single pages, without readahead, and print their bytes.
dump() {
	local file=$1 page args=(-c 'fadvise -r')
	shift
	for page; do
		args+=(-c "pread -v $((page * 4096)) 4096")
	done
	xfs_io -r "${args[@]}" "$file" | grep '^[0-9a-f]\{8\}'
}

# present FILE: the pages that cachectl says are present, a line each.
present() {
	cachectl stat --json "$1" | jq -r '.files[0].ranges[] | [.start_page, .pages] | @tsv' |
		while read -r start nr; do
			seq "$start" $((start + nr - 1))
		done
}

neighbours() {
	local page
	for page in "${all[@]}"; do
		printf '%s\n' $((page - 1)) $((page + 1))
	done | awk -v last="$last" '$1 <= last' | sort -nu |
		grep -vxF -f <(printf '%s\n' "${all[@]}")
}

dump "$file" "${all[@]}" >/run/want
nfs_export dir /mnt/server/dir
cachet_new exact 256M
nfs_mount dir /mnt/nfs
reads_of dump /mnt/nfs/sparse "${all[@]}" >/run/got
assert_same /run/got /run/want "first pass: the pages"
assert_eq "$READS" "${#all[@]}" "first pass: READs at the server"

# Filling goes on behind the reader's back, up to the unmount.
nfs_remount dir /mnt/nfs
present /mnt/nfs/sparse >/run/present
printf '%s\n' "${all[@]}" | diff - /run/present || fail "other pages are present than were read"
reads_of dump /mnt/nfs/sparse "${all[@]}" >/run/got
assert_same /run/got /run/want "second pass: the pages"
assert_eq "$READS" 0 "second pass: READs at the server"
note "${#all[@]} pages are present, and no other"

mapfile -t others < <(neighbours)
dump "$file" "${others[@]}" >/run/want
reads_of dump /mnt/nfs/sparse "${others[@]}" >/run/got
assert_same /run/got /run/want "neighbours: the pages"
assert_eq "$READS" "${#others[@]}" "neighbours: READs at the server"

# All of it once more, with old and new pages mixed, and in the other order.
mapfile -t both < <(printf '%s\n' "${all[@]}" "${others[@]}" | sort -nr)
dump "$file" "${both[@]}" >/run/want
nfs_remount dir /mnt/nfs
reads_of dump /mnt/nfs/sparse "${both[@]}" >/run/got
assert_same /run/got /run/want "third pass: the pages"
assert_eq "$READS" 0 "third pass: READs at the server"
present /mnt/nfs/sparse >/run/present
printf '%s\n' "${both[@]}" | sort -n | diff - /run/present ||
	fail "other pages are present than were read"
counters exact
