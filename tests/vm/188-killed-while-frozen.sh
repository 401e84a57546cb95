#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: who is killed while it waits to write to the cache does not cost the cache
# timeout: 100
#
# A process that commits waits to write to index, for its filesystem is frozen. It is killed;
# a dying process is interrupted in the middle of a write when it goes on. A worker must do it
# then: no error is counted, the cache stays in service, and what was read is committed.

. "$(dirname "$0")/lib.sh"

net_dir
for i in 1 2 3 4; do
	random_file "/mnt/server/dir/f$i" 3M "$i"
done
sync	# or XFS moves the change attribute when it writes it
nfs_server_start
nfs_export dir /mnt/server/dir
cachet_new killed 64M
cachectl detach killed
# Nobody else commits meanwhile.
cachectl attach --commit-interval 100s "$(cachet_dir killed)"
nfs_mount dir /mnt/net
thaw_it() { fsfreeze --unfreeze /mnt/killed 2>/dev/null || true; }
at_exit thaw_it

# It waits, or had nothing to write and is through.
waits() { ! read -r _ _ state _ <"/proc/$1/stat" || [ "$state" != R ] && [ "$state" != S ]; } 2>/dev/null
killed=0
for i in 1 2 3 4; do
	assert_same "/mnt/net/f$i" "/mnt/server/dir/f$i"
	sleep 0.2	# The last of it is still being copied
	timeout 60 fsfreeze --freeze /mnt/killed
	cachectl sync killed &
	pid=$!
	wait_until 5 waits $pid
	kill -KILL $pid 2>/dev/null || true
	sleep 0.3
	timeout 60 fsfreeze --unfreeze /mnt/killed
	wait $pid || killed=$((killed + 1))
	cachectl sync killed
	assert_eq "$(counter killed io_errors)" 0 "round $i: I/O errors"
done
assert_gt $killed 0 "processes that were killed as they waited"
note "$killed were killed as they waited"
cachectl sync --seal killed
drop_caches
before=$(counter killed bytes_read)
for i in 1 2 3 4; do
	assert_same "/mnt/net/f$i" "/mnt/server/dir/f$i"
done
assert_ge $(($(counter killed bytes_read) - before)) $((12 << 20)) "bytes from the cache"
