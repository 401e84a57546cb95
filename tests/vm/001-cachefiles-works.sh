#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# title: with the kernel's cachefiles, a second read after a remount asks nothing
# boot: own
# cpus: 2 stock
#
# Proves that the harness measures what it means to: the server's filesystem
# keeps its change attribute still, and no read hides from the counters. What
# cachefiles gets right here, Cachet must. In a boot of its own: lockdep remembers how
# cachefiles reads its files below the locks of mapped ones, and would charge it to others.

. "$(dirname "$0")/lib.sh"

make_xfs server 400
make_xfs cache 600
random_file /mnt/server/file 8M
real_tree /mnt/server/tree small
sum=$(tree_sum /mnt/server/tree)

nfs_export server /mnt/server
cachefiles_start /mnt/cache
nfs_mount server /mnt/client
grep -q ' /mnt/client .*,fsc' /proc/mounts || fail "mounted without fsc"

drop_caches
reads_of cmp /mnt/server/file /mnt/client/file
note "first read of the file: $READS reads"
assert_gt "$READS" 0 "reads of the first time"
reads_of tree_sum /mnt/client/tree
note "first read of the tree: $READS reads"
assert_gt "$READS" 500 "reads of the first time"

nfs_remount server /mnt/client
reads_of cmp /mnt/server/file /mnt/client/file
assert_eq "$READS" 0 "reads of the cached file"
before=$(server_reads)
assert_eq "$(tree_sum /mnt/client/tree)" "$sum" "sum of the tree"
READS=$(($(server_reads) - before))
note "second read of the tree: $READS reads"
# Of many small files it misses some, not the same ones each time (in 6.12, 2 to
# 9 of these 552): more than that would be the harness's doing.
assert_le "$READS" 40 "reads of the cached tree"
