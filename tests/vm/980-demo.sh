#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the main job, shown: a tree on NFSv4.2, read twice through the cache
# run: by-name
# vm: uml
# timeout: 500

. "$(dirname "$0")/lib.sh"

say() { printf '%s\n' "$*"; }

# A pass: read every file, and tell who was asked for what.
pass() {
	local reads bytes hits filled began ended
	reads=$(server_reads)
	bytes=$(server_read_bytes)
	hits=$(counter demo bytes_read)
	filled=$(counter demo blocks_sealed)
	shared=$(counter demo blocks_shared)
	began=$(date +%s%N)
	(cd /mnt/nfs && find . -type f -print0 | sort -z | xargs -0 sha256sum) >/run/sums."$2"
	ended=$(date +%s%N)
	cachectl sync --seal demo
	say
	say "$1"
	printf '  time                     %8.2f s\n' "$(((ended - began) / 10000000))e-2"
	printf '  asked from the server    %8d READ operations, %s\n' \
		$(($(server_reads) - reads)) "$(human $(($(server_read_bytes) - bytes)))"
	printf '  served by the cache      %8s\n' "$(human $(($(counter demo bytes_read) - hits)))"
	printf '  blocks stored            %8d\n' \
		$(($(counter demo blocks_sealed) - filled - $(counter demo blocks_shared) + shared))
	printf '  blocks saved by dedup    %8d\n' $(($(counter demo blocks_shared) - shared))
}

human() { numfmt --to=iec --suffix=B "$1"; }

say "Linux $(uname -r), NFSv4.2 server and client in this VM."
say "Copying a real source tree to the server..."
make_xfs server 1024 >/dev/null
real_tree /mnt/server/tree
# Some of it twice, as any real tree has: vendored copies, build outputs.
cp -r /mnt/server/tree/drivers/net/wireless/intel /mnt/server/tree/vendored
files=$(find /mnt/server/tree -type f | wc -l)
size=$(find /mnt/server/tree -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
say "$files files, $(human "$size")."
nfs_server_start >/dev/null 2>&1
nfs_export tree /mnt/server/tree >/dev/null
say
say "Making a cache of 768 MiB on XFS:  cachectl format, cachectl attach"
cachet_new demo 768M >/run/new
sed 's/^/  /' /run/new
say
say "Mounting with the cache:           mount -t nfs4 -o vers=4.2,fsc 127.0.0.1:/tree /mnt/nfs"
nfs_mount tree /mnt/nfs
pass "First pass: every file is read and its SHA-256 computed" 1
say
say "Unmounting, dropping the page cache, mounting again..."
nfs_remount tree /mnt/nfs
pass "Second pass: the same" 2
cmp /run/sums.1 /run/sums.2 || fail "the second pass read other bytes"
(cd /mnt/server/tree && sha256sum --quiet -c /run/sums.2) || fail "the bytes are not the server's"
say
say "All $files files are what the server holds, in both passes."
say
cachectl status demo
