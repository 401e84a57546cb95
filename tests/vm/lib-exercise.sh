# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-exercise.sh - random operations through a mount, with caches of several block sizes
#
# Sourced by the tests that need it, after lib.sh.

# exercise OPS MIN OPTION...: OPS operations for each block size, on a file of
# /mnt/server/dir; of them all, MIN bytes at least must come from the cache.
# /run/net-mount and /run/net-umount are the caller's: of that directory, with fsc, at /mnt/net.
# OPTIONs are those of helpers/exercise.c.
exercise() {
	local ops=$1 min=$2 seed=$VM_SEED total=0 block
	shift 2
	printf '#!/bin/sh -e\n/run/net-umount\n/run/net-mount\n' >/run/net-remount
	chmod +x /run/net-mount /run/net-umount /run/net-remount
	mkdir -p /mnt/net
	for block in 4K 16K 64K 256K; do
		cachet_new "x$block" 64M --block-size $block
		/run/net-mount
		at_exit exercise_umount
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
	assert_ge "$total" "$min" "bytes read from the cache"
	cases $((4 * ops)) "operations"
}

exercise_umount() { ! mountpoint -q /mnt/net || /run/net-umount; }
