#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a program that watches the cache's filesystem neither holds up a mount nor harms a cache
# vm: stock
# timeout: 200
#
# fanotify(7) lets a program be asked before anybody reads a file. Of what is read below the
# locks of who reads a network filesystem nobody asks: the program may be away, or wait for that
# filesystem itself (invariant 13). Nor is its refusal an error of the disk.

. "$(dirname "$0")/lib.sh"

make_xfs server 200
mkdir /mnt/server/dir
random_file /mnt/server/dir/cached 3M 1
random_file /mnt/server/dir/new 3M 2
sync
nfs_export dir /mnt/server/dir
cachet_new watched 64M
nfs_mount dir /mnt/nfs
assert_same /mnt/nfs/cached /mnt/server/dir/cached
cachectl sync --seal watched

watcher=
let_go() { [ -z "$watcher" ] || kill "$watcher" 2>/dev/null || true; }
at_exit let_go

for how in away refuse; do
	# What of index is in memory is read again, too.
	drop_caches
	"$VM_HELPERS/watcher" $how /mnt/watched >/run/watching &
	watcher=$!
	wait_until 10 test -s /run/watching || fail "$how: it does not watch"
	if timeout 2 cat /mnt/watched/cache/data >/dev/null 2>&1; then
		fail "$how: others can read files of the cache"
	fi
	before=$(counter watched bytes_read)
	timeout 60 cmp /mnt/nfs/cached /mnt/server/dir/cached || fail "$how: exit code $?"
	assert_ge "$(counter watched bytes_read)" $((before + (3 << 20))) "$how: bytes from the cache"
	timeout 60 cmp /mnt/nfs/new /mnt/server/dir/new || fail "$how: what is new: exit code $?"
	timeout 60 cachectl sync --seal watched || fail "$how: sync: exit code $?"
	kill "$watcher"
	wait "$watcher" || true
	watcher=
	assert_eq "$(status_of watched out_of_service)" false "$how: out of service"
	assert_eq "$(counter watched io_errors)" 0 "$how: I/O errors"
done
