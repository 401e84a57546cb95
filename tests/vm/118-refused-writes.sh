#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what the server refused to take is not read from the cache
#
# Invariants 1 and 10, without a crash. A file of 9p is written to here while its server
# has no space, and while the server dies: who writes gets an error. What the network
# filesystem writes it gives to the cache as well, and size and version of the file are
# what they were. After a remount it must read as the server has it, the rest of it from
# the cache no less.

. "$(dirname "$0")/lib.sh"

dir=/mnt/server
options=trans=tcp,version=9p2000.L,aname=$dir,uname=root,access=client,cache=fscache,ignoreqv

make_xfs server 64
mkdir -p /mnt/net
random_file $dir/whole 800K
truncate -s 4M $dir/sparse
dd if=$dir/whole of=$dir/sparse bs=4K count=100 conv=notrunc status=none
cp $dir/whole $dir/other
sync
cachet_new refused 64M
at_exit try_umount /mnt/net

serve() {
	p9_serve
	diod=$!
	mount -t 9p -o $options 127.0.0.1 /mnt/net
}

# look WHAT: all is right, and a second time is from the cache.
look() {
	assert_same_tree /mnt/net $dir "$1"
	try_umount /mnt/net
	mount -t 9p -o $options 127.0.0.1 /mnt/net
	before=$(counter refused bytes_read)
	assert_same_tree /mnt/net $dir "$1, again"
	assert_ge "$(($(counter refused bytes_read) - before))" 4000000 "$1, again: bytes from the cache"
}

# refuse FILE PAGE COMMAND...: 60 pages that the server does not take, with COMMAND between
# open and write. Nobody else has the file open: closing it would wait for the server.
refuse() {
	local file=/mnt/net/$1 page=$2 writer
	shift 2
	rm -f /run/open /run/go
	(
		trap - ERR EXIT
		exec 1<>"$file"
		: >/run/open
		until [ -e /run/go ]; do sleep 0.05; done
		dd if=/dev/urandom bs=4K seek="$page" count=60 conv=notrunc,fsync status=none 2>/run/refused
	) &
	writer=$!
	wait_until 5 test -e /run/open
	"$@"
	: >/run/go
	if [ "$1" = stop ]; then
		sleep 0.3
		kill -KILL -- -$diod
	fi
	! wait $writer || fail "$1: the server has taken it"
}

# What XFS had set aside for the first part is there for the second.
fill_up() {
	local size
	for size in 1M 4K; do
		! dd if=/dev/zero bs=$size status=none >>$dir/ballast 2>/run/ballast || fail "endless space"
		sync $dir/ballast
	done
}
stop() { kill -STOP -- -$diod; }

serve
look "at first"

refuse sparse 300 fill_up
rm $dir/ballast
try_umount /mnt/net
mount -t 9p -o $options 127.0.0.1 /mnt/net
look "no space"

refuse whole 20 stop
try_umount /mnt/net
serve
look "the server died"
