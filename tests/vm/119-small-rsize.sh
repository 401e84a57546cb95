#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: where a server is read little at a time, requests stay whole
#
# A server with little memory has a small rsize, and one request of netfs takes many READs.
# On Linux 6.12 netfs would cut the request at the borders of rsize, and so within large folios,
# and may lose what such a piece brought (fs/cachet/compat/netfs.c): there, pieces end where
# folios do, and there are fewer of them than READs. The files are right, and are kept.

. "$(dirname "$0")/lib.sh"

nr=8 rsize=16384
make_xfs server 128
mkdir /mnt/server/dir
for ((i = 0; i < nr; i++)); do
	random_file "/mnt/server/dir/$i" $((i * 321987 + 9999)) "$i"
done
sum=$(tree_sum /mnt/server/dir)
nfs_export dir /mnt/server/dir
cachet_new small 64M
nfs_mount dir /mnt/nfs rsize=$rsize
grep -q "rsize=$rsize," /proc/mounts || fail "rsize is another: $(grep /mnt/nfs /proc/mounts)"

requests() { echo $(($(netfs_stat RA) + $(netfs_stat RF))); }

asked=$(requests) pieces=$(netfs_stat DL)
reads_of tree_sum /mnt/nfs >/run/sum
asked=$(($(requests) - asked)) pieces=$(($(netfs_stat DL) - pieces))
assert_eq "$(cat /run/sum)" "$sum" "first pass: the files"
note "$asked requests, $pieces pieces, $READS READs"
assert_gt "$READS" $((asked * 2)) "READs; of so many requests twice"
[ "$VM_KERNEL" != stock ] || assert_gt "$READS" $((pieces * 2)) "READs; of pieces twice"

nfs_remount dir /mnt/nfs rsize=$rsize
reads_of tree_sum /mnt/nfs >/run/sum
assert_eq "$(cat /run/sum)" "$sum" "second pass: the files"
assert_eq "$READS" 0 "second pass: READs at the server"
