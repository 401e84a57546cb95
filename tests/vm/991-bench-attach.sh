#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the benchmark: attaching after a crash, by the number of objects
# run: by-name
# boot: own
# timeout: 600
#
# Called by tests/bench/run. One geometry, with room for more than a million records; in
# it the heads of 10^4, 10^5 and 10^6 files, as a machine that died leaves them. Each
# attach begins with a cold page cache, on a copy of the same image.

. "$(dirname "$0")/lib.sh"

rounds=7

mkfs_xfs "$(vm_disk)" 7000
mount_volume "$(vm_disk)" /mnt/disk
cachet_load
mkdir /mnt/disk/image
cachectl format --size 3G --block-size 4K --tag crashed /mnt/disk/image

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

sizes='10000 100000 1000000'
for objects in $sizes; do
	cp -r --reflink=always /mnt/disk/image "/mnt/disk/image-$objects"
	CHECK_OBJECTS=$objects "$VM_HELPERS/check-image" "/mnt/disk/image-$objects" objects
	: >"/run/times-$objects"
	# Some find no room in their set.
	there=$(cachectl check --json "/mnt/disk/image-$objects" | json_value objects)
	assert_ge "$there" $((objects * 99 / 100)) "objects in the index"
done
# The first round is thrown away: the guest's memory is new to the host then.
for ((round = 0; round <= rounds; round++)); do
	for objects in $sizes; do
		rm -rf /mnt/disk/cache
		cp -r --reflink=always "/mnt/disk/image-$objects" /mnt/disk/cache
		drop_caches
		cachectl attach /mnt/disk/cache >/dev/null
		cachectl detach crashed >/dev/null
		[ "$round" = 0 ] ||
			dmesg | sed -n 's/.*crashed: attached in \([0-9]*\) us.*/\1/p' | tail -n 1 >>"/run/times-$objects"
	done
done
echo "# $VM_KERNEL, Linux $(uname -r), $(nproc) CPUs; milliseconds, medians of $rounds"
printf '| %-38s | %8s | %8s |\n' 'attach after a crash' attach longest
for objects in $sizes; do
	printf '| %-38s | %8.1f | %8.1f |\n' "$objects objects" \
		"$(median <"/run/times-$objects" | awk '{ print $1 / 1000 }')" \
		"$(sort -n "/run/times-$objects" | tail -n 1 | awk '{ print $1 / 1000 }')"
done
cachectl check /mnt/disk/cache >/run/check || { head -n 8 /run/check; tail -n 3 /run/check; exit 1; }
