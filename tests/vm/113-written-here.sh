#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what this machine writes is never covered by what was cached before
#
# Invariants 1, 3 and 4, for writes by way of the mount: NFS opens for writing
# and invalidates; whatever is written, appended, mapped, cut and grown again in
# between, the bytes are the server's afterwards, and what was cut off and grown
# again is zeros. Looked at with the page cache dropped, so that the cache is
# asked, while the mount stays and after a remount. After the last close, reads
# fill the cache again, and the next pass makes no READ.

. "$(dirname "$0")/lib.sh"

block=262144
size=$((2 * block + 9000))

make_xfs server 512
mkdir /mnt/server/dir
nfs_export dir /mnt/server/dir
cachet_new written 256M

# put FILE OFFSET BYTES: random bytes, in place, and the same into a model that
# no network filesystem has ever seen.
put() {
	dd if=/dev/urandom of="/run/model/${1##*/}" bs=64K iflag=fullblock,count_bytes count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc status=none
	dd if="/run/model/${1##*/}" of="$1" bs=64K iflag=skip_bytes,count_bytes skip="$2" count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc status=none
}

# io FILE XFS_IO_OPTION...: the same to the file and its model.
io() {
	local file=$1
	shift
	xfs_io "$@" "$file" >/run/io.out
	xfs_io "$@" "/run/model/${file##*/}" >/run/io.out
}

# resize FILE SIZE: truncate(2), which opens nothing.
resize() {
	perl -e 'truncate($ARGV[0], $ARGV[1]) or die "$ARGV[0]: $!\n"' "$1" "$2"
	truncate -s "$2" "/run/model/${1##*/}"
}

overwrite() { put "$1" 0 "$size"; }
in_place() { put "$1" $((block - 100)) 5000; }
append() { put "$1" "$size" 70000; }
append_page() { put "$1" $((size + 10000)) 10; }
write_twice() {
	put "$1" 5 5
	put "$1" $((block + 5)) 5
}
truncate_open() { io "$1" -c 'truncate 5000'; }
down_up_open() { io "$1" -c 'truncate 100000' -c "truncate $size"; }
down_up() {
	resize "$1" 100000
	resize "$1" "$size"
}
# With a reader in between, and in two steps with the cache in memory dropped.
down_read_up() {
	resize "$1" 100000
	drop_caches
	assert_same "$1" "/run/model/${1##*/}" "cut"
	resize "$1" $((size + 4096))
}
down_up_reader() {
	local reader
	exec {reader}<"$1"
	resize "$1" 4097
	resize "$1" "$size"
	drop_caches
	assert_same "/dev/fd/$reader" "/run/model/${1##*/}" "cut and grown below a reader"
	exec {reader}<&-
}
up() { resize "$1" $((size + block)); }
mapped() { io "$1" -c "mmap -rw 0 $size" -c "mwrite -S 0x5a $((block - 50)) 4200" -c "msync -s" -c munmap; }
read_write() {
	io "$1" -c "pread 0 100" -c "pwrite -S 0x33 $((block + 4000)) 200" -c "pread $block 8192" \
		-c fsync -c "pread 0 $size"
}
direct() { io "$1" -d -c "pwrite -S 0x44 -b 8192 $block 8192"; }
punch() { io "$1" -c "fpunch 8192 $block"; }
# Without any reader between or after, but one that has the file open.
down_up_open_reader() {
	local reader
	exec {reader}<"$1"
	head -c 1 <&"$reader" >/run/head
	resize "$1" $((block - 1))
	resize "$1" "$size"
	exec {reader}<&-
}
works=(overwrite in_place append append_page write_twice truncate_open down_up_open down_up
	down_read_up down_up_reader down_up_open_reader up mapped read_write direct punch)

# look, server_right WHAT: each file, named after its work, is its model.
look() { assert_same_tree /mnt/nfs /run/model "$1"; }
server_right() { assert_same_tree /mnt/server/dir /run/model "$1, on the server"; }

# cached_now WHAT: what the last look read is in the cache now.
cached_now() {
	nfs_remount dir /mnt/nfs
	reads_of look "$1, cached"
	assert_eq "$READS" 0 "$1: READs at the server once it is cached"
}

mkdir /run/model
at_exit rm -rf /run/model
nfs_mount dir /mnt/nfs

for round in kept remounted; do
	for work in "${works[@]}"; do
		rm -f "/run/model/$work" "/mnt/nfs/$work"
		put "/mnt/nfs/$work" 0 "$size"
	done
	drop_caches
	look "$round, new"
	cached_now "$round, new"

	for work in "${works[@]}"; do
		"$work" "/mnt/nfs/$work"
	done
	case $round in
	kept) drop_caches ;;
	remounted) nfs_remount dir /mnt/nfs ;;
	esac
	look "$round"
	server_right "$round"
	drop_caches
	look "$round, again"
	cached_now "$round"
	note "$round: all files right"
done
counters written
