#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a process whose files may not be large uses a large cache as any other
#
# The limit (RLIMIT_FSIZE) is that of whoever runs, and would hold for the cache's files
# too: to write to these is then left to a worker, while the process waits, with locks that
# no such worker may want. Lockdep says so if one does. Files of NFS and 9p are read,
# written, synced, cut and grown by such processes. None is killed, all bytes are right,
# and cached.

. "$(dirname "$0")/lib.sh"

dir=/mnt/server/dir
make_xfs server 400
mkdir $dir
for i in 1 2 3 4; do
	random_file $dir/f$i 700000 $i
done
sync
nfs_server_start
nfs_export dir $dir
cachet_new limited 96M --block-size 64K
mkdir -p /mnt/9p
at_exit try_umount /mnt/9p
p9_serve

p9_mount() {
	mount -t 9p -o trans=tcp,version=9p2000.L,aname=$dir,uname=root,access=client,cache=fscache,ignoreqv \
		127.0.0.1 /mnt/9p
}

# A megabyte: less than any file of the cache, more than any of the server.
limited() (
	trap - ERR EXIT
	ulimit -f 1024
	"$@"
)
work() {
	local file
	for file in /mnt/9p/f[12]; do
		dd if=/dev/urandom of="$file" bs=4K seek=20 count=50 conv=notrunc,fsync status=none
		truncate -s 300001 "$file"
		truncate -s 600000 "$file"
		dd if=/dev/urandom of="$file" bs=5000 seek=70 count=20 conv=notrunc,fsync status=none
		cat "$file" >/dev/null
	done
}

p9_mount
nfs_mount dir /mnt/nfs
for round in 1 2 3; do
	limited cmp /mnt/nfs/f3 $dir/f3 || fail "round $round: NFS: exit code $?"
	limited cmp /mnt/9p/f4 $dir/f4 || fail "round $round: 9p: exit code $?"
	limited "$VM_HELPERS/pins" pin /mnt/nfs/f3 >/run/pins || fail "round $round: pinning: exit code $?"
	limited cachectl sync --seal limited || fail "round $round: sync: exit code $?"
	"$VM_HELPERS/pins" unpin /mnt/nfs/f3
	limited work || fail "round $round: writing: exit code $?"
	assert_same_tree /mnt/9p $dir "round $round"
	drop_caches
	assert_same_tree /mnt/9p $dir "round $round, memory dropped"
	try_umount /mnt/9p
	p9_mount
	nfs_remount dir /mnt/nfs
	assert_same_tree /mnt/9p $dir "round $round, mounted anew"
done
cachectl sync limited
drop_caches
before=$(counter limited bytes_read)
limited cmp /mnt/9p/f4 $dir/f4 || fail "cached: exit code $?"
assert_ge $(($(counter limited bytes_read) - before)) 600000 "bytes that a limited process reads from the cache"
assert_eq "$(status_of limited out_of_service)" false "out of service"
assert_eq "$(counter limited io_errors)" 0 "I/O errors"
