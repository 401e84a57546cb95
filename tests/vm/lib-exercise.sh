# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-exercise.sh - random operations through a mount, with caches of several block sizes
#
# Sourced by the tests that need it, after lib.sh.

# exercise STOCK_OPS MIN OPTION...: 1500 operations for each block size (25,000 with --full;
# STOCK_OPS on stock, which is slow), on a file of the mount of net_mount_as; of them all,
# MIN bytes at least must come from the cache. OPTIONs are those of helpers/exercise.c: among them
# --refused, for what the filesystem refuses, which is tried. Nothing else may be.
exercise() {
	local ops=1500 min=$2 seed=$VM_SEED total=0 block
	[ "$VM_KERNEL" != stock ] || ops=$1
	[ "$VM_KERNEL" != uml-debug ] || ops=600
	[ -z "$VM_FULL" ] || ops=25000
	shift 2
	for block in 4K 16K 64K 256K; do
		cachet_new "x$block" 64M --block-size $block
		/run/net-mount
		at_exit try_umount /mnt/net
		"$VM_HELPERS/exercise" --ops "$ops" --seed $((seed++)) --size 300000 \
			--server "/mnt/server/dir/f$block" --remount /run/net-remount "$@" "/mnt/net/f$block" ||
			fail "blocks of $block, seed $((seed - 1)): exit code $?"
		note "blocks of $block: $(counter "x$block" read_hits) reads from the cache," \
			"$(counter "x$block" invalidations) invalidations," \
			"$(counter "x$block" lookups_stale) changed, $(counter "x$block" objects_dirty) written to"
		total=$((total + $(counter "x$block" bytes_read)))
		/run/net-umount
		cachectl detach "x$block"
	done
	note "$total bytes read from the cache"
	assert_ge "$total" "$min" "bytes read from the cache"
	cases $((4 * ops)) "operations"
}
