#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: caches damaged at random, or forged, are refused or harmless
# timeout: 1200
#
# Invariants 6, 13 and 17. A cache in use is copied, and the copy damaged in one of
# two ways, by seed:
#   - as bad disks do it (helpers/damage.c): bits, sectors, places, lengths. Attached with
#     --verify=always, all that is read is right, and so it is after a repair;
#   - as somebody would who wants to: records, segments, volumes, summaries and super
#     with odd values and right checksums. Bytes may then be anything, but every read
#     succeeds, and every command answers.
# A refused attach says why. Nothing hangs, and the kernel has nothing to complain of.
# --full: 1000 caches.

. "$(dirname "$0")/lib.sh"

images=24
[ "$VM_KERNEL" = uml ] || images=10
[ -z "$VM_FULL" ] || images=1000
seed=$((VM_SEED * 1000))

make_xfs server 512
dir=/mnt/server/dir
mkdir $dir
for i in 1 2 3 4 5 6; do
	random_file $dir/small$i $((i * 1500)) $i
done
random_file $dir/large 700000 7
cp $dir/large $dir/same
random_file $dir/changing 100000 8
random_file $dir/half 400000 9
sync
nfs_server_start
nfs_export dir $dir
cachet_new victim 16M --block-size 16K
cache=$(cachet_dir victim)
old=/mnt/victim/old
good=/mnt/victim/good

fill() {
	nfs_mount dir /mnt/nfs
	cat /mnt/nfs/* >/dev/null
	cachectl sync --seal victim
	nfs_umount /mnt/nfs
}
fill
cachectl detach victim
cp -r --reflink=always "$cache" $old
cachectl attach "$cache"
random_file $dir/changing 120000 10
sync
fill
cachectl detach victim
cp -r --reflink=always "$cache" $good

fresh() {
	rm -rf "$cache"
	cp -r --reflink=always $good "$cache"
}

# pick WORD...: one of them.
pick() {
	shift $((RANDOM % $#))
	echo "$1"
}

forge() {
	local i
	CHECK_SEED=$1 "$VM_HELPERS/check-image" "$cache" anything
	RANDOM=$(($1 % 32768))
	[ $((RANDOM % 3)) = 0 ] || return 0
	for ((i = RANDOM % 3; i >= 0; i--)); do
		"$VM_HELPERS/super-edit" "$cache/super" "$(pick 0 1 both)" \
			"$(pick flags epoch next_volume nr_segments nr_sets nr_volumes segment_shift \
				block_shift nr_lost lost reserved incompat digest)" \
			"$(pick 0 1 2 3 7 12 31 255 4095 65535 4294967295 $RANDOM $((RANDOM << 16)))"
	done
}

# compare FILE: its bytes, if nobody has forged them; else that it can be read.
compare() {
	if [ "$kind" = damage ]; then
		cmp "/mnt/nfs/$1" "$dir/$1" || fail "image $seed: wrong bytes in $1"
	else
		cat "/mnt/nfs/$1" >/dev/null || fail "image $seed: $1 can't be read"
	fi
}

# use_it: 1 if attach refuses.
refused=0 attached=0 served=0
use_it() {
	if ! cachectl attach --verify=always "$cache" >/run/out 2>&1; then
		grep -q . /run/out || fail "image $seed: attach failed, and said nothing"
		refused=$((refused + 1))
		return 1
	fi
	attached=$((attached + 1))
	tag=$(basename /sys/fs/cachet/*)
	nfs_mount dir /mnt/nfs
	for file in "$dir"/*; do
		compare "${file##*/}"
	done
	cachectl stat /mnt/nfs/large >/dev/null || true
	cachectl volumes --json "$tag" >/dev/null || true
	cachectl scrub "$tag" >/dev/null 2>&1 || true
	served=$((served + $(counter "$tag" bytes_read)))
	cachectl sync --seal "$tag" >/dev/null 2>&1 || true
	nfs_umount /mnt/nfs
	cachectl detach "$tag" >/dev/null || true
}

kinds=(damage forge)
for ((i = 0; i < images; i++, seed++)); do
	kind=${kinds[i % 2]}
	fresh
	if [ "$kind" = damage ]; then
		"$VM_HELPERS/damage" $seed "$cache" $old >/run/did
	else
		forge $seed >/run/did
	fi
	note "image $seed, $kind: $(cat /run/did)"
	use_it || cat /run/out
	rc=0
	timeout $((60 * VM_FACTOR)) cachectl check --repair "$cache" >/run/out 2>&1 || rc=$?
	[ $rc -le 15 ] || fail "image $seed: check --repair: exit code $rc: $(cat /run/out)"
	use_it || cat /run/out
done
note "$images images: $attached times attached, $refused times refused, $served bytes served"
cases $images "images"
assert_ge $attached $((images / 2)) "times that a damaged cache could be attached"
assert_gt $served 0 "bytes that came from damaged caches"
