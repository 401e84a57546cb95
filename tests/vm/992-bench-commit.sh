#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the benchmark: what steady commits cost who fills the cache
# run: by-name
# boot: own
# timeout: 2400
#
# Called by tests/bench/run. One large file is read through an empty cache that holds all
# of it, once with commits each five seconds, the default, and once with none (each ten
# minutes): a pair. The machine itself changes by more than what is looked for, so each pair
# gives a ratio, every other one begins with the other half, and what is told is their mean
# with its standard error. (Medians of nine rounds of each kind could not tell a commit each
# five seconds from ten times as many.)

. "$(dirname "$0")/lib.sh"

pairs=24 mb=2560
[ "$VM_KERNEL" != stock ] || pairs=6 mb=512

mkfs_xfs "$(vm_disk)" 7500
mount_volume "$(vm_disk)" /mnt/disk
mkdir /mnt/disk/server
random_file /mnt/disk/server/file ${mb}M
sync
nfs_server_start
nfs_export server /mnt/disk/server
cachet_load

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

# pair MS: both halves; by how many percent the one with commits takes longer.
pair() {
	if [ $((pair % 2)) = 0 ]; then
		measure 600000
		measure "$1"
	else
		measure "$1"
		measure 600000
	fi
	paste <(tail -n 1 /run/commit.600000) <(tail -n 1 "/run/commit.$1") |
		awk '{ print ($2 / $1 - 1) * 100 }' >>"/run/cost.$1"
	note "pair $((pair + 1)) of $pairs, $1 ms: $(tail -qn 1 /run/commit.600000 "/run/commit.$1" |
		paste -sd ' ')"
}

# The first read of a boot is not like the others.
measure 600000
rm /run/commit*.600000
for ((pair = 0; pair < pairs; pair++)); do
	pair 5000
	[ $((pair % 4)) != 0 ] || pair 500
done
echo "# $VM_KERNEL, Linux $(uname -r), $(nproc) CPUs; $mb MiB, first read; seconds"
printf '| %-22s | %5s | %7s | %7s | %7s | %18s |\n' "against no commits" pairs commits without with \
	"takes longer by"
mean() { awk '{ n++; s += $1 } END { print s / n }' "$@"; }
for ms in 5000 500; do
	awk -v ms=$ms -v with="$(mean /run/commit.$ms)" -v without="$(mean /run/commit.600000)" \
		-v commits="$(mean /run/commits.$ms)" '
		{ n++; s += $1; q += $1 * $1 }
		END {
			e = n > 1 ? sqrt((q - s * s / n) / (n - 1) / n) : 0
			printf "| a commit each %3.1f s    | %5d | %7.1f | %7.2f | %7.2f | %6.2f +- %4.2f %%   |\n",
				ms / 1000, n, commits, without, with, s / n, e
		}' /run/cost.$ms
done
