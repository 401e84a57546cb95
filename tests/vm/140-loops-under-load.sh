#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: attach, detach, mount, insmod and rmmod in loops while files are read
# cpus: 2
# timeout: 300
#
# Caches come and go under a mount that is read all the time, also two at once,
# also with the module; a second mount comes and goes with them. Every read has
# the right bytes and none fails (invariants 13 and 16). At the end the module
# can be unloaded and leaves nothing (invariant 15).

. "$(dirname "$0")/lib.sh"

rounds=9 big=16M
[ "$VM_KERNEL" != stock ] || rounds=4 big=2M

make_xfs server 512
for tree in a b; do
	mkdir "/mnt/server/$tree"
	random_file "/mnt/server/$tree/big" "$big" "$((16#$tree))"
done
real_tree /mnt/server/a small
cp -r /mnt/server/a/include/net /mnt/server/b/
sum_a=$(tree_sum /mnt/server/a)
sum_b=$(tree_sum /mnt/server/b)
nfs_server_start
nfs_export a /mnt/server/a
nfs_export b /mnt/server/b
cachet_new one 128M
cachet_new two 128M
cachectl detach --all
detach_all() { [ ! -e /dev/cachet ] || cachectl detach --all; }
at_exit detach_all
nfs_mount a /mnt/a

rm -f /run/loops.*

# reader DIR SUM: read all of it until told to stop.
reader() {
	local sum
	while [ ! -e /run/loops.stop ]; do
		sum=$(tree_sum "$1" 2>&1)
		[ "$sum" = "$2" ] || echo "$1: $sum" >>/run/loops.wrong
		echo . >>/run/loops.passes
	done
}

# Without it the second pass would never leave the page cache. Not 3: that also
# shrinks the sessions of the NFS server, which under load comes to a stand.
forgetter() {
	while [ ! -e /run/loops.stop ]; do
		echo 1 >/proc/sys/vm/drop_caches
		sleep 0.3
	done
}

# Also from the clean-up, which is a subshell and can't wait for them.
stop_readers() {
	local pid
	touch /run/loops.stop
	for pid in "${readers[@]}"; do
		wait_until 30 test ! -e "/proc/$pid" || return 1
	done
}

readers=()
for job in "reader /mnt/a $sum_a" "reader /mnt/a $sum_a" forgetter; do
	(
		trap - ERR EXIT
		$job
	) &
	readers+=($!)
done
at_exit stop_readers

served=0
for ((round = 1; round <= rounds; round++)); do
	tags=(one)
	case $((round % 4)) in
	1) tags=(one two) ;;
	3) tags=(two one) ;;
	0) tags=(two) ;;
	esac
	# shellcheck disable=SC2119
	cachet_load
	[ $((round % 2)) = 0 ] || nfs_mount b /mnt/b
	for tag in "${tags[@]}"; do
		cachectl attach "$(cachet_dir "$tag")" >/dev/null
	done
	[ $((round % 2)) = 1 ] || nfs_mount b /mnt/b
	[ "$(tree_sum /mnt/b)" = "$sum_b" ] || fail "round $round: wrong bytes in b"
	sleep "0.$((round % 5))"
	[ $((round % 3)) != 0 ] || nfs_umount /mnt/b
	for tag in "${tags[@]}"; do
		served=$((served + $(counter "$tag" bytes_read)))
	done
	if [ $((round % 5)) = 0 ]; then
		cachectl detach --all >/dev/null
	else
		for tag in "${tags[@]}"; do
			cachectl detach "$tag" >/dev/null
		done
	fi
	nfs_umount /mnt/b
	[ $((round % 3)) = 0 ] || cachet_unload
	[ ! -e /run/loops.wrong ] || fail "round $round: $(cat /run/loops.wrong)"
done

note "$rounds rounds, $(wc -l </run/loops.passes) passes of the readers, $served bytes from caches"
stop_readers
[ ! -e /run/loops.wrong ] || fail "$(cat /run/loops.wrong)"
assert_gt "$(wc -l </run/loops.passes)" 1 "passes of the readers"
assert_gt "$served" 0 "bytes that came from a cache"

nfs_umount /mnt/a
cachet_unload
[ ! -e /sys/fs/cachet ] || fail "/sys/fs/cachet is still there"
[ ! -e /dev/cachet ] || fail "/dev/cachet is still there"
[ ! -e /sys/kernel/debug/cachet ] || fail "debugfs still has cachet"
assert_eq "$(grep -c cachet /proc/slabinfo || true)" 0 "slab caches left"
