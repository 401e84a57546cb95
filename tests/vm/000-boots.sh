#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# title: the guest runs its kernel, XFS, an NFS 4.2 server, and counts its reads
# cpus: 2
#
# Without a cache each read of a file that left the memory asks the server. If
# this fails, so will all else, for reasons that lie in the harness.

. "$(dirname "$0")/lib.sh"

case $VM_KERNEL in
stock) want=6.12 ;;
*) want=7.3 ;;
esac
assert_eq "$(uname -r | cut -d. -f1,2)" "$want" "kernel release"
[ "$VM_KERNEL" = uml-debug ] || assert_eq "$(nproc)" 2 "processors"
[ -b "$(vm_disk)" ] || fail "no disk $(vm_disk)"

make_xfs server 400
assert_eq "$(stat -f -c %T /mnt/server)" xfs "type of the volume"
random_file /mnt/server/file 8M
dd if=/mnt/server/file of=/dev/null bs=1M iflag=direct status=none

note "mounting"
nfs_export server /mnt/server
nfs_mount server /mnt/client nofsc
grep ' /mnt/client ' /proc/mounts
grep -q ' /mnt/client nfs4 .*vers=4\.2' /proc/mounts || fail "not NFS 4.2"

note "reading"
for round in 1 2; do
	drop_caches
	bytes=$(server_read_bytes)
	reads_of cmp /mnt/server/file /mnt/client/file
	bytes=$(($(server_read_bytes) - bytes))
	note "round $round: $READS reads, $bytes bytes"
	assert_gt "$READS" 0 "reads in round $round"
	assert_ge "$bytes" $((8 << 20)) "bytes read in round $round"
done
reads_of cmp /mnt/server/file /mnt/client/file
assert_eq "$READS" 0 "reads of a file in memory"

note "trees"
real_tree /mnt/server/tree small
assert_gt "$(find /mnt/server/tree -type f | wc -l)" 500 "files of the small tree"
assert_eq "$(tree_sum /mnt/client/tree)" "$(tree_sum /mnt/server/tree)" "sum of the tree"
note "done"
