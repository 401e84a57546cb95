#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the benchmark: no cache, cachefiles and Cachet on the same files
# run: by-name
# boot: own
# kernel-args: idle=poll
# timeout: 900
#
# Called by tests/bench/run. Each round mounts the same export three times, with
# a new, empty cache each; the three are interleaved, so that a machine that gets
# slower is slower for all. Passes: first read; then remounted, with the page
# cache dropped, the same again.
#
# Idle processors of the emulator poll. To leave a halt takes them long: who does more
# in the background, and so keeps them from halting, would look faster. (UML has no
# such parameter.)

. "$(dirname "$0")/lib.sh"

rounds=5
files=5000 large=512
bench=$VM_LIB/../../build/bench
glob=$(cat "$bench/glob")

# Sizes spread evenly over 2 to 16 KiB, contents that do not compress or repeat.
make_small() {
	mkdir -p "$1"
	perl -e 'my ($dir, $files) = @ARGV;
		open(my $random, "<:raw", "/dev/urandom") or die $!;
		for my $i (0 .. $files - 1) {
			my $size = 2048 + $i * 7919 % 14337;
			read($random, my $bytes, $size) == $size or die $!;
			open(my $file, ">:raw", "$dir/f$i") or die $!;
			print $file $bytes;
			close($file) or die $!;
		}' "$1" "$files"
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

begin_none() { :; }
end_none() { :; }
begin_cachefiles() { cachefiles_start "/mnt/cache/cf$1" >/dev/null; }
end_cachefiles() {
	cachefiles_stop
	rm -rf "/mnt/cache/cf$1"
}
begin_cachet() {
	cachectl format --size 768M --tag bench "/mnt/cache/ct$1" >/dev/null
	cachectl attach "/mnt/cache/ct$1" >/dev/null
}
end_cachet() {
	cachectl detach bench >/dev/null
	rm -rf "/mnt/cache/ct$1"
}

# XFS frees the inodes of removed files in the background: of 5,000 of them for as
# long as the next one is measured. So each begins on a new filesystem.
fresh_volume() {
	umount /mnt/cache
	mkfs_xfs "$cache_device" 1100
	mount -o noatime "$cache_device" /mnt/cache
}

# The server keeps files open for some seconds and so their inodes in memory:
# without a flush, who comes first pays for all.
cold() {
	exportfs -f
	sleep 1.2
	drop_caches
}

measure() {
	local what=$1 round=$2 kind=$3 list=$4 opts=
	[ "$kind" != none ] || opts=nofsc
	fresh_volume
	"begin_$kind" "$round"
	cold
	nfs_mount "$what" /mnt/nfs $opts
	"$bench/readtree" "$list" | cut -d' ' -f1 >>"/run/$what.$kind.first"
	nfs_umount /mnt/nfs
	cold
	nfs_mount "$what" /mnt/nfs $opts
	"$bench/readtree" "$list" | cut -d' ' -f1 >>"/run/$what.$kind.cached"
	if [ "$kind" = cachet ]; then
		awk '$1 == "cachet_object" { print $4, $3 }' /proc/slabinfo >"/run/slab.$what"
	fi
	nfs_umount /mnt/nfs
	"end_$kind" "$round"
}

row() {
	local what=$1 pass=$2 text=$3 n f c
	n=$(median <"/run/$what.none.$pass")
	f=$(median <"/run/$what.cachefiles.$pass")
	c=$(median <"/run/$what.cachet.$pass")
	awk -v t="$text" -v n="$n" -v f="$f" -v c="$c" 'BEGIN {
		printf "| %-38s | %8.3f | %10.3f | %8.3f | %6.2f |\n", t, n, f, c, f / c }'
}

mkdir -p /mnt/nfs
make_xfs server 1100
make_xfs cache 1100
cache_device=$(findmnt -no SOURCE /mnt/cache)
mkdir -p /mnt/server/small /mnt/server/large
nfs_server_start
cachet_load
for what in small large; do
	# shellcheck disable=SC2053
	[[ $what == $glob ]] || continue
	if [ "$what" = small ]; then
		make_small /mnt/server/small
	else
		random_file /mnt/server/large/f $((large << 20))
	fi
	nfs_export "$what" "/mnt/server/$what"
	(cd "/mnt/server/$what" && find . -type f | sort -V | sed 's|^\.|/mnt/nfs|') >"/run/$what.list"
	for ((round = 1; round <= rounds; round++)); do
		for kind in none cachefiles cachet; do
			measure "$what" "$round" "$kind" "/run/$what.list"
		done
		note "$what: round $round of $rounds: seconds first and cached:" \
			"$(for kind in none cachefiles cachet; do
				echo "$kind $(tail -qn 1 "/run/$what.$kind."{first,cached} | paste -sd ' ')"
			done | paste -sd,)"
	done
done
echo "# $VM_KERNEL, Linux $(uname -r), $(nproc) CPUs; seconds, medians of $rounds; ratio: cachefiles / Cachet"
printf '| %-38s | %8s | %10s | %8s | %6s |\n' workload 'no cache' cachefiles Cachet ratio
# shellcheck disable=SC2053
if [[ small == $glob ]]; then
	row small first "$files files of 2-16 KB, first read"
	row small cached "the same, cached, remounted"
fi
# shellcheck disable=SC2053
if [[ large == $glob ]]; then
	row large first "$large MiB file, first read"
	row large cached "the same, cached, remounted"
fi
for f in /run/slab.*; do
	echo "# ${f##*.}: bytes per object in use: $(cut -d' ' -f1 "$f")"
done
