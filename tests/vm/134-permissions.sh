#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what is cached is read by those who may read the file, and by nobody else
#
# A cache does not ask who reads: the network filesystem has, when the file was opened, and asks
# the server where it must (invariant 21). Root reads a file of its own by NFS and 9p, and it is
# cached. Another user can't open it, nor ask what the cache has of any file (invariant 22). When the
# server lets that user read it, it comes from the cache as soon as it was read once: a new mode
# is a new version. And when it does not, no more. (With SMB the mount says who is asking.)

. "$(dirname "$0")/lib.sh"

dir=/mnt/server/dir
make_xfs server 512
mkdir -p $dir /mnt/9p
random_file $dir/file 300001
chmod 600 $dir/file
sync	# or XFS moves the change attribute when it writes them
nfs_server_start
nfs_export dir $dir
p9_serve
cachet_new kept 64M
nfs_mount dir /mnt/nfs
mount -t 9p \
	-o "trans=tcp,version=9p2000.L,aname=$dir,uname=root,access=client,cache=fscache,ignoreqv" \
	127.0.0.1 /mnt/9p
at_exit try_umount /mnt/9p

another() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# All of the file from the cache. (Nobody has it open, so what it is now is looked at.)
from_cache() {
	local before
	sync
	cachectl sync --seal kept
	drop_caches
	before=$(counter kept bytes_read)
	"${@:2}" cat "$1" >/run/out || fail "$1: $*"
	assert_same /run/out $dir/file "$1"
	assert_ge $(($(counter kept bytes_read) - before)) 300001 "$1: bytes from the cache"
}

refused() {
	local before
	echo 1 >/proc/sys/vm/drop_caches
	before=$(counter kept bytes_read)
	assert_fails "$1: another user opens it" another cat "$1" 2>/run/err >/run/out
	[ ! -s /run/out ] || fail "$1: another user has got something"
	assert_eq "$(counter kept bytes_read)" "$before" "$1: bytes from the cache for who may not read"
}

for file in /mnt/nfs/file /mnt/9p/file; do
	cat $file >/dev/null
	from_cache $file
	refused $file
	chmod 644 $file
	another cat $file >/run/out || fail "$file: another user may read it, and can't"
	# Of no file, be it one that the user may read.
	assert_fails "$file: another user asks what is cached" another cachectl stat $file 2>/run/err
	grep -q CAP_SYS_ADMIN /run/err || fail "$file: another user asks: $(cat /run/err)"
	from_cache $file another
	chmod 600 $file
	cat $file >/dev/null
	from_cache $file
	refused $file
done
