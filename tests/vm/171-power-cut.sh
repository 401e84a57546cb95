#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: after a power cut nothing is wrong, and what was synced is still there
# vm: uml
# timeout: 200
# boot: own
#
# Two cuts in a row, each with three kinds of files: read before `cachectl sync`
# (these make no READ afterwards: invariant 9), read after it, and being read as
# the power goes (these are right, from wherever they come: invariants 6 and 7).
# Attaching needs no longer than before. The second cut comes while the cache is
# still "crashed" from the first. The commit interval is so long that only the
# sync commits.

. "$(dirname "$0")/lib.sh"

mb=6 attach_ms=500
[ "$VM_KERNEL" != stock ] || mb=2 attach_ms=5000

[ "$PHASE" != 1 ] || mkfs_xfs "$(vm_disk)" 1500
mount_volume "$(vm_disk)" /mnt/disk
if [ "$PHASE" = 1 ]; then
	mkdir -p /mnt/disk/tree/{synced,lost,torn}{1,2}
	for dir in /mnt/disk/tree/*; do
		random_file "$dir/big" "${mb}M" "$(echo "$dir" | cksum | cut -c 1-8)"
	done
	# Small files, each set of other bytes.
	real_tree /run/small small
	i=0
	for dir in /mnt/disk/tree/*; do
		mkdir "$dir/small"
		find /run/small -name '*.h' | sort | sed -n "$((i * 70 + 1)),$((i * 70 + 70))p" |
			xargs cp --parents -t "$dir/small"
		tree_sum "$dir" >"/mnt/disk/sum.${dir##*/}"
		i=$((i + 1))
	done
	sync
fi
nfs_server_start
nfs_export tree /mnt/disk/tree
# shellcheck disable=SC2119
cachet_load
[ "$PHASE" != 1 ] || cachectl format --size 128M --segment-size 2M --tag cut /mnt/disk/cache
cachectl attach --commit-interval 10min --json /mnt/disk/cache >/run/attached
at_exit cachet_detach cut
ms=$(jq '.took_ns / 1000000 | floor' /run/attached)
note "phase $PHASE: attached in $ms ms"
assert_le "$ms" "$attach_ms" "phase $PHASE: milliseconds to attach"
assert_eq "$(status_of cut crashed)" \
	"$([ "$PHASE" = 1 ] && echo false || echo true)" "phase $PHASE: crashed"
nfs_mount tree /mnt/nfs

# check DIR: all of it must be right. Sets READS.
check() {
	reads_of tree_sum "/mnt/nfs/$1" >/run/sum
	note "phase $PHASE: $1: $READS READs"
	[ "$(cat /run/sum)" = "$(cat "/mnt/disk/sum.$1")" ] || {
		diff -rq "/mnt/nfs/$1" "/mnt/disk/tree/$1" || true
		counters cut
		fail "phase $PHASE: $1: wrong bytes"
	}
}

# What the phases before left, the synced first.
for ((before = 1; before < PHASE; before++)); do
	check "synced$before"
	assert_eq "$READS" 0 "phase $PHASE: synced$before: READs at the server"
done
for ((before = 1; before < PHASE; before++)); do
	check "lost$before"
	check "torn$before"
done
if [ "$PHASE" -lt 3 ]; then
	# Nothing of this was read before: it is asked from the server.
	check "synced$PHASE"
	assert_gt "$READS" 10 "phase $PHASE: synced$PHASE: READs"
	cachectl sync --seal cut
	check "lost$PHASE"
	tar -C "/mnt/nfs/torn$PHASE" -cf - . | cat >/dev/null &
	sleep 0.05
	power_cut
fi

counters cut | grep -E 'suspect|digest|records_bad'
assert_eq "$(counter cut io_errors)" 0 "I/O errors"
nfs_umount /mnt/nfs
cachectl detach cut
cachectl attach /mnt/disk/cache
assert_eq "$(status_of cut crashed)" false "after detach: crashed"
nfs_mount tree /mnt/nfs
for dir in {synced,lost,torn}{1,2}; do
	check "$dir"
	assert_eq "$READS" 0 "after detach: $dir: READs at the server"
done
