#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what is no good cache is refused in words, and left as it was
# timeout: 300
#
# One row for each way in which a directory, its files or the wishes of a user
# are wrong. Each says what is wrong on stderr, ends with the documented exit
# code, leaves a line in the kernel log where the kernel decided, and changes no
# byte of the files (invariants 17, 34, 35). What is only half wrong attaches.

. "$(dirname "$0")/lib.sh"
cp "$VM_HELPERS/super-edit" /run/

make_xfs c 700
# shellcheck disable=SC2119
cachet_load
at_exit cachectl detach --all
cachectl format --size 24M --tag good /mnt/c/good
cachectl format --size 24M --tag other /mnt/c/other
cachectl format --size 24M --tag good /mnt/c/twin
# Both copies of super in use, as after some days.
cachectl attach /mnt/c/good
cachectl detach good

at=/mnt/c/row
fresh() {
	rm -rf "$at"
	cp -a --reflink=always /mnt/c/good "$at"
}

# sums DIR: what its files are, and all bytes of them but the middle of data. By way of
# copies that the kernel makes: one of these caches is attached, and a program of root's that
# reads one may meet a page fault that needs it (Documentation/reliability.rst).
sums() {
	local file copies=() bytes
	stat -c '%A %h %u %s %N' "$1" "$1"/*
	for file in super index data; do
		[ -f "$1/$file" ] || continue
		bytes=$(stat -Lc %s "$1/$file")
		copies+=("/run/sums.$file")
		rm -f "/run/sums.$file"
		if [ "$file" = data ] && [ "$bytes" -gt 131072 ]; then
			xfs_io -f -c "sendfile -i $1/data 0 65536" \
				-c "sendfile -i $1/data $((bytes - 65536)) 65536" /run/sums.data
		else
			xfs_io -f -c "sendfile -i $1/$file 0 $bytes" "/run/sums.$file"
		fi >/dev/null
	done
	md5sum "${copies[@]}"
} 2>/dev/null

klog_mark() { echo "row: $1" >/dev/kmsg; }
klog_since() {
	local log
	log=$(dmesg)
	[[ $log == *"row: $1"* ]] || fail "no mark in the kernel log"
	echo "${log##*row: "$1"}"
}

# refused NAME EXIT STDERR_REGEX KERNEL_REGEX DIR [OPTION...]: cachectl attach
# must refuse it. KERNEL_REGEX is empty where the kernel is never asked.
refused() {
	local name=$1 code=$2 said=$3 logged=$4 dir=$5 before rc=0 lines klog
	shift 5
	before=$(sums "$dir") || true
	klog_mark "$name"
	timeout $((20 * VM_FACTOR)) cachectl attach "$@" "$dir" >/run/out 2>/run/err || rc=$?
	mapfile -t lines </run/err
	printf '%s\n' "${lines[@]}"
	assert_eq "$rc" "$code" "$name: exit code"
	[ ! -s /run/out ] || fail "$name: stdout: $(cat /run/out)"
	[[ ${lines[0]-} =~ $said ]] || fail "$name: stderr does not say '$said'"
	assert_eq "${#lines[@]}" 1 "$name: lines on stderr"
	klog=$(klog_since "$name")
	if [ -n "$logged" ]; then
		[[ $klog =~ cachet:\ not\ attached:\ [^$'\n']*$logged ]] ||
			fail "$name: the kernel log does not say '$logged'"
	elif [[ $klog == *cachet:\ * ]]; then
		fail "$name: lines in the kernel log: $klog"
	fi
	assert_eq "$(sums "$dir" || true)" "$before" "$name: the files"
	[ ! -e /sys/fs/cachet/good ] || [ "$dir" != "$at" ] || fail "$name: attached"
	note "$name: refused"
}

# accepted NAME TAG DIR [OPTION...]
accepted() {
	local name=$1 tag=$2 dir=$3
	shift 3
	cachectl attach "$@" "$dir" 2>/run/err || fail "$name: $(cat /run/err)"
	cachectl detach "$tag"
	note "$name: accepted"
}

# --- the directory ---
refused "no directory" 3 'row can.t be opened: No such file' '' "$at"
mkdir -m 700 "$at"
refused "an empty directory" 3 "holds no cache: 'super' is missing; .*cachectl format" '' "$at"
for file in super index data; do
	fresh
	rm "$at/$file"
	refused "no $file" 3 "'$file' is missing" '' "$at"
	ln -s "../good/$file" "$at/$file"
	refused "$file is a link" 1 'symbolic link' '' "$at"
	rm "$at/$file"
	mkfifo "$at/$file"
	refused "$file is a pipe" 1 'not a regular file' '' "$at"
done
refused "a file, no directory" 1 'Not a directory' '' /mnt/c/good/super

# --- sizes and contents of the files ---
for file in super index data; do
	fresh
	truncate -s -4096 "$at/$file"
	refused "$file cut" 1 "$file: .* bytes long, must be .*cachectl format" "$file: " "$at"
	truncate -s +8192 "$at/$file"
	refused "$file grown" 1 "$file: .* bytes long, must be .*cachectl format" "$file: " "$at"
	: >"$at/$file"
	refused "$file empty" 1 "$file: 0 bytes long" "$file: " "$at"
done
fresh
head -c 8192 /dev/urandom >"$at/super"
refused "random bytes as super" 1 'no Cachet super .*cachectl format' 'no Cachet super' "$at"
fresh
head -c 8192 /dev/zero >"$at/super"
refused "zeros as super" 1 'no Cachet super .*cachectl format' 'no Cachet super' "$at"

# damage FILE OFFSET
damage() { printf '\377\376' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

fresh
damage "$at/super" 100
damage "$at/super" $((4096 + 100))
refused "both copies of super damaged" 1 'checksum.*cachectl format' checksum "$at"
for copy in 0 1; do
	fresh
	damage "$at/super" $((copy * 4096 + 100))
	klog_mark "copy $copy"
	accepted "copy $copy of super damaged" good "$at"
	klog_since "copy $copy" | grep 'a record at byte .* of super is damaged' >/dev/null || fail "copy $copy: no warning"
done

# super-edit with a right checksum: it is meant so.
for field in incompat ro_compat; do
	for copy in 0 1 both; do
		fresh
		/run/super-edit "$at/super" "$copy" "$field" 0x80000000
		refused "unknown $field bit, copy $copy" 1 'feature bit.*newer version' 'feature bit' "$at"
	done
done
fresh
/run/super-edit "$at/super" both version 2
refused "a later format version" 1 'format version.*newer version' 'format version' "$at"
fresh
/run/super-edit "$at/super" both compat 0x80000000
accepted "unknown compat bit" good "$at"
# One row for each check: absurd values must not be followed.
for edit in 'uuid 0' 'flags 0x80' 'epoch 0' 'epoch 0xffffffffffffffff' 'nr_segments 0xffffffff' \
	'nr_segments 1' 'nr_sets 0' 'nr_sets 0xffffffff' 'nr_volumes 0' 'segment_shift 63' \
	'block_shift 40' 'digest 9' 'nr_lost 200' 'reserved 1' 'next_volume 0' 'tag 0x2f2e2e'; do
	fresh
	# shellcheck disable=SC2086	# a field and its value
	/run/super-edit "$at/super" both $edit
	refused "$edit" 1 'cachectl format' . "$at"
done

for file in index data; do
	fresh
	cp --reflink=always "/mnt/c/other/$file" "$at/$file"
	chmod 600 "$at/$file"
	refused "$file of another cache" 1 "$file belongs to another cache.*cachectl format" \
		"$file belongs" "$at"
done
for file in index data; do
	fresh
	pos=20
	[ "$file" = index ] || pos=$(($(stat -c %s "$at/data") - 4096 + 20))
	damage "$at/$file" "$pos"
	refused "the id page of $file damaged" 1 "the id page of $file is damaged.*check --repair" \
		"the id page of $file is damaged" "$at"
	rc=0
	cachectl check --repair "$at" || rc=$?
	assert_eq "$rc" 1 "repair of the id page of $file: exit code"
	accepted "the id page of $file mended" good "$at"
done

# --- the filesystem ---
make_ext4 ext 200
assert_fails "format on ext4" cachectl format --size 24M --tag ext /mnt/ext/cache 2>/run/err
grep -q 'not on XFS.*--any-fs' /run/err || fail "ext4: $(cat /run/err)"
cachectl format --any-fs --size 24M --tag ext /mnt/ext/cache
refused "not on XFS" 1 'on ext4, not on XFS.*--any-fs' 'not on XFS' /mnt/ext/cache
accepted "ext4 with --any-fs" ext /mnt/ext/cache --any-fs

nfs_export c /mnt/c
nfs_mount c /mnt/nfs nofsc
refused "on NFS" 1 'on nfs4, a network filesystem.*local XFS' 'a network filesystem' /mnt/nfs/good --any-fs
nfs_umount /mnt/nfs

# --- attached already ---
cachectl attach /mnt/c/good
refused "attached already" 1 'attached already, as good' 'attached already' /mnt/c/good
refused "tag in use" 1 'tag good is in use.*cachectl status' 'tag good is in use' /mnt/c/twin
assert_fails "dump of an attached cache" cachectl dump /mnt/c/good 2>/run/err
grep -q -- '--live' /run/err || fail "dump: $(cat /run/err)"
cachectl detach good
rc=0
cachectl detach good 2>/run/err || rc=$?
assert_eq "$rc" 3 "detach of what is not attached: exit code"
grep -q "no cache 'good' is attached" /run/err || fail "detach: $(cat /run/err)"

# --- cachefiles at the same time: allowed, but said ---
if modprobe cachefiles 2>/dev/null; then
	mkdir /mnt/c/cachefiles
	cachefiles_start /mnt/c/cachefiles CacheFiles
	cachectl attach /mnt/c/good 2>/run/err
	cat /run/err
	grep -q "warning: another fscache cache, 'CacheFiles'.*stands first.*unmount" /run/err ||
		fail "cachefiles is bound, but attach does not say so"
	cachectl detach good
	cachefiles_stop
	cachectl attach /mnt/c/good 2>/run/err
	[ ! -s /run/err ] || fail "a warning without a rival: $(cat /run/err)"
	cachectl detach good
fi

# --- format ---
# refused_format NAME EXIT STDERR_REGEX ARGUMENT...: for DIR $at, which is new.
refused_format() {
	local name=$1 code=$2 said=$3 rc=0
	shift 3
	rm -rf "$at"
	cachectl format "$@" "$at" >/run/out 2>/run/err || rc=$?
	head -n 1 /run/err | sed 's/^/  /'
	assert_eq "$rc" "$code" "format, $name: exit code"
	grep -qE "$said" /run/err || fail "format, $name: stderr does not say '$said'"
	[ ! -e "$at" ] || fail "format, $name: something was left in $at"
}
refused_format "no room" 1 'has no room: .* are free; give a smaller --size' --size 5G
refused_format "too small" 1 'too small: it needs 8 segments' --size 1M
refused_format "too large" 1 'too large: 16 TiB' --size 20T
refused_format "segment size" 1 'power of two from 1M to 1G' --size 24M --segment-size 3M
refused_format "block size" 1 'power of two from 4K to 4M' --size 24M --block-size 5000
refused_format "blocks and segments" 1 'at least four blocks' \
	--size 24M --segment-size 1M --block-size 512K
refused_format "no number" 2 "size 'much'" --size much
refused_format "negative" 2 "size '-5'" --size=-5
refused_format "percent" 2 "size '200%'" --size 200%
refused_format "tag" 1 "tag 'a/b'" --size 24M --tag a/b
refused_format "empty tag" 1 "tag ''" --size 24M --tag ''
refused_format "long tag" 1 'tag .*1 to 31' --size 24M --tag 0123456789012345678901234567890123
before=$(sums /mnt/c/good)
assert_fails "format over a cache" cachectl format --size 24M /mnt/c/good 2>/run/err
grep -q 'already holds a cache' /run/err || fail "format over a cache: $(cat /run/err)"
assert_eq "$(sums /mnt/c/good)" "$before" "format over a cache: the files"
mkdir "$at"
echo precious >"$at/thesis"
assert_fails "format over data" cachectl format --size 24M "$at" 2>/run/err
grep -q "other files ('thesis')" /run/err || fail "format over data: $(cat /run/err)"
assert_eq "$(ls -A "$at")" thesis "format over data: the directory"

accepted "the good one, after all that" good /mnt/c/good
