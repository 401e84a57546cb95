#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the benchmark: what steady commits cost who fills the cache
# run: by-name
# boot: own
# timeout: 1200
#
# Called by tests/bench/run. One large file is read through an empty cache that holds all
# of it, with commits each half second, each five seconds (the default), and none (each
# ten minutes), in turn.

. "$(dirname "$0")/lib.sh"

rounds=9 mb=2560
[ "$VM_KERNEL" != stock ] || rounds=3 mb=512

mkfs_xfs "$(vm_disk)" 7500
mount_volume "$(vm_disk)" /mnt/disk
mkdir /mnt/disk/server
random_file /mnt/disk/server/file ${mb}M
sync
nfs_server_start
nfs_export server /mnt/disk/server
cachet_load

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# measure MS: seconds that it takes to read the file.
measure() {
	local begun
	cachectl format --size $((mb + 256))M --tag fill /mnt/disk/cache >/dev/null
	cachectl attach --commit-interval "$1" /mnt/disk/cache >/dev/null
	nfs_mount server /mnt/nfs
	drop_caches
	begun=$EPOCHREALTIME
	dd if=/mnt/nfs/file of=/dev/null bs=1M status=none
	awk -v a="$begun" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }' >>"/run/commit.$1"
	counter fill commits >>"/run/commits.$1"
	nfs_umount /mnt/nfs
	cachectl detach fill >/dev/null
	rm -rf /mnt/disk/cache
}

for ((round = 0; round < rounds; round++)); do
	for ms in 600000 5000 500; do
		measure $ms
	done
	note "round $((round + 1)) of $rounds: none, each 5 s, each 0.5 s:" \
		"$(tail -qn 1 /run/commit.600000 /run/commit.5000 /run/commit.500 | paste -sd ' ')"
done
# The fastest: what else the machine does makes a round slower, never faster.
echo "# $VM_KERNEL, Linux $(uname -r), $(nproc) CPUs; $rounds rounds; seconds, and of those without commits"
printf '| %-32s | %8s | %8s | %8s | %8s | %8s |\n' "$mb MiB file, first read" commits median 'of none' \
	fastest 'of none'
none=$(median </run/commit.600000) least=$(sort -n /run/commit.600000 | head -n 1)
for ms in 600000 5000 500; do
	awk -v ms=$ms -v s="$(median </run/commit.$ms)" -v f="$(sort -n /run/commit.$ms | head -n 1)" \
		-v none="$none" -v least="$least" -v n="$(median </run/commits.$ms)" 'BEGIN {
		what = ms == 600000 ? "no commits" : "a commit each " ms / 1000 " s"
		printf "| %-32s | %8d | %8.3f | %6.1f %% | %8.3f | %6.1f %% |\n", what, n,
			s, 100 * s / none, f, 100 * f / least }'
done
