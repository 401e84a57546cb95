#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: caches come and go under files that many read and change: never a wrong byte
# boot: own
# cpus: 2
# kernel-args: mem=1200M
# timeout: 120
# lasts: 40 1800
#
# Invariants 1, 3, 4, 13, 15, 16, 19 under load. Processes read, map, write, cut, punch the
# files of three mounts, and those of NFS change at the server, too; of each sector it is
# known which versions may be seen (helpers/stress.c). The files are several times what the
# caches have room for, memory is short, the page cache is dropped all the time. Meanwhile
# two caches are attached and detached in all orders, also with the module; one more
# mount comes and goes; caches are synced, scrubbed, asked, checked, change block sizes;
# files are pinned and unpinned, segments swept and culled.
#
# Files of 9p are changed in a part of their own, the last quarter, while one cache stays:
# this server has no versions of files, so what is written while a cache is away no cache
# can know (Documentation/reliability.rst). In the first part they are only read.
#
# What the clients of a kernel do wrong under this load without any cache, too, is left out
# where it is said below; each case is in Documentation/reliability.rst.
#
# Every read has the right bytes, none fails, no scrub or check finds anything, and at the
# end the module can be unloaded and leaves nothing. Much must have come from the caches.

. "$(dirname "$0")/lib.sh"

one=16M two=28M big=4M b_files=100
min_served=$((VM_SECONDS * 2 << 20)) min_reused=$((VM_SECONDS / 3))
if [ "$VM_KERNEL" != uml ]; then
	one=12M two=20M big=1536K b_files=20
	min_served=$((VM_SECONDS * 20 << 10)) min_reused=$((VM_SECONDS / 12))
fi
last=$((VM_SECONDS / 4)) first=$((VM_SECONDS - VM_SECONDS / 4))
without='' nfs_without='' locked='' mapped=() locks=()
if [ "$VM_KERNEL" != stock ]; then
	# What is mapped is not safe in UML with two processors, be it of a network or not: see
	# map_read() of stress-ops.c. A store may get lost likewise.
	without="written mapped" mapped=(--map-by-kernel)
	# The clients of Linux 7.3. NFS shows the bytes of before, or writes them back, of a file
	# that the server changes in turn with this machine: it takes the server's change for
	# its own.
	nfs_without="$without,changes by both"
	# And all of them show zeros of a file whose size this machine changes while others ask
	# for it: they believe an answer that is older than what was written since. So who
	# changes a size has the file alone.
	locks=(--locks /run/file-locks) locked='flock --shared'
fi
mkdir -p /run/file-locks
# Files of SMB are only read on Linux 6.12. Under this load its client shows zeros and bytes of
# before, without fsc too: netfs reads what it believes to be behind the server's end of the
# file (zero_point) as zeros. And it loses stores to a mapping of a page that was written in
# part while no cache was there, and warns: netfs_page_mkwrite() keeps the note of how far it
# was written.
smb_without=$without
[ "$VM_KERNEL" != stock ] || smb_without=changes

make_xfs server 700
mkdir /mnt/server/{nfs,smb,9p,b}
random_file /run/all "$((b_files * 20))K" 77
split -b 20K /run/all /mnt/server/b/f.
random_file /mnt/server/b/big 3M 78
sum_b=$(tree_sum /mnt/server/b)
nfs_export nfs /mnt/server/nfs
nfs_export b /mnt/server/b
smb_share smb /mnt/server/smb
p9_serve
cachet_new one "$one" --segment-size 1M --block-size 16K
cachet_new two "$two" --segment-size 1M --block-size 128K
cachet_new three "$one" --segment-size 1M --block-size 16K
cachectl detach --all
detach_all() { [ ! -e /dev/cachet ] || cachectl detach --all; }
at_exit detach_all

pins() { "$VM_HELPERS/pins" "$@"; }
# Of two sweeps of one cache the first ends.
sweep() { pins sweep "$1" >/run/out 2>&1 || grep -q ESTALE /run/out; }
# Of the segments, perhaps none may go.
cull() { pins cull "$1" coldest 2>/run/out || grep -q ENOENT /run/out; }

# What the load runs between two stages. It changes who comes first, and with it which
# cache the mounts get.
mkdir -p /mnt/nfs /mnt/smb /mnt/9p
cat >/run/stress-umount <<'END'
#!/bin/bash
for dir in /mnt/nfs /mnt/smb /mnt/9p; do
	for try in {1..300}; do
		mountpoint -q $dir || break
		umount $dir 2>/dev/null || sleep 0.1
	done
	! mountpoint -q $dir || { umount $dir; fuser -vm $dir; exit 1; }
done
END
nfs_options=vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache,fsc
p9_options=trans=tcp,version=9p2000.L,aname=/mnt/server/9p,uname=root,access=client
cat >/run/stress-mount <<END
#!/bin/bash -e
mount -t nfs4 -o $nfs_options 127.0.0.1:/nfs /mnt/nfs
mount -t cifs -o guest,vers=3.1.1,fsc,cache=strict,ip=127.0.0.1 //127.0.0.1/smb /mnt/smb
mount -t 9p -o $p9_options,cache=fscache,ignoreqv 127.0.0.1 /mnt/9p
END
chmod +x /run/stress-umount /run/stress-mount
at_exit /run/stress-umount

declare -A did=() sum=()
# did WHAT COMMAND...: run it, count it.
did() {
	local what=$1
	shift
	"$@" || fail "round $round: $what failed: exit code $?: $(cat /run/out)"
	did[$what]=$((${did[$what]:-0} + 1))
}

# collect TAG: its counters, before they go.
collect() {
	local file value
	for file in /sys/fs/cachet/"$1"/*; do
		read -r value <"$file"
		sum[${file##*/}]=$((${sum[${file##*/}]:-0} + value))
	done
}

# More commands, which race with attach and detach and so may fail.
asker() {
	local n=$((VM_SEED * 7)) rc file guard command what word pins=$VM_HELPERS/pins
	local mounts=(nfs smb 9p)
	while [ ! -e /run/stress.stop ]; do
		n=$((n + 1))
		file=/mnt/${mounts[n / 13 % 3]}/f$((n % 20))a
		guard=${locked:+$locked /run/file-locks/$(basename "$(dirname "$file")")-${file##*/}}
		case $((n % 13)) in
		0) command="cachectl sync --all --seal" ;;
		1) command="$guard cachectl stat $file" ;;
		2) command="cachectl status --json" ;;
		3) command="cachectl scrub --rate=max one" ;;
		4) command="cachectl volumes two" ;;
		5) command="$guard cachectl block-size --file=$file $((16 << n % 5))K" ;;
		6) command="cachectl scrub --rate=8M two" ;;
		7) command="cachectl events" ;;
		8) command="$pins pin /mnt/b/big /mnt/b/f.a[a-m]" ;;
		9) command="$guard $pins pin $file" ;;
		10) command="$pins unpin /mnt/b/big /mnt/b/f.a[a-m]" ;;
		11) command="$pins sweep two" ;;
		12) command="$pins cull one coldest" ;;
		esac
		read -ra word <<<"${command#"$guard"}"
		what="${word[0]##*/} ${word[1]}"
		rc=0
		# shellcheck disable=SC2086	# words
		$command >/run/asker.out 2>&1 || rc=$?
		case "$rc $what" in
		0*) echo "$what" >>/run/asker.done ;;
		[4-7]" cachectl scrub") { echo "$command:"; cat /run/asker.out; } >>/run/asker.wrong ;;
		*) echo "$what: failed" >>/run/asker.done ;;
		esac
		sleep 0.1
	done
}

mount_b() { mkdir -p /mnt/b && mount -t nfs4 -o "$nfs_options" 127.0.0.1:/b /mnt/b; }
umount_b() { try_umount /mnt/b; }
at_exit umount_b
same_b() { [ "$(tree_sum /mnt/b)" = "$sum_b" ]; }
# check TAG [OPTION]
check() {
	cachectl check "${@:2}" "$(cachet_dir "$1")" >/run/check.out 2>&1 && return
	cat /run/check.out
	return 1
}

rm -f /run/stress.* /run/asker.*
# load SECONDS TOTAL ARG...: the processes, in the background.
load() {
	local seconds=$1 total=$2
	shift 2
	(
		trap - ERR EXIT
		exec "$VM_HELPERS/stress" --seconds "$seconds" --seed "$VM_SEED" \
			--big "$(numfmt --from=iec "$big")" --stuck $((60 * VM_FACTOR)) --hog 150 \
			"${mapped[@]}" "${locks[@]}" --total "$total" --umount /run/stress-umount \
			--mount /run/stress-mount "$@"
	) &
	stress=$!
}
load "$first" /run/stress.first "nfs:/mnt/server/nfs:/mnt/nfs:$nfs_without" \
	"smb:/mnt/server/smb:/mnt/smb:$smb_without" 9p:/mnt/server/9p:/mnt/9p:changes
(
	trap - ERR EXIT
	asker
) &
asker=$!
# Also from the clean-up, which is a subshell and can't wait for them.
stop_all() {
	touch /run/stress.stop
	wait_until 30 test ! -e "/proc/$asker" || return 1
	! kill "$stress" 2>/dev/null || wait_until 30 test ! -e "/proc/$stress"
}
at_exit stop_all

RANDOM=$VM_SEED
round=0
while kill -0 $stress 2>/dev/null; do
	round=$((round + 1))
	case $((round % 4)) in
	0) tags=(two) ;;
	1) tags=(one two) ;;
	2) tags=(one) ;;
	3) tags=(two one) ;;
	esac
	note "round $round"
	: >/run/out
	[ -d /sys/module/cachet ] || did "module loaded" insmod "$CACHET_KO"
	[ $((round % 2)) = 0 ] || did "second mount" mount_b
	for tag in "${tags[@]}"; do
		did attached cachectl attach "$(cachet_dir "$tag")" >/run/out
	done
	[ $((round % 2)) = 1 ] || did "second mount" mount_b
	did "second mount read" same_b
	# Its files may be in a cache that is detached.
	if "$VM_HELPERS/pins" pin /mnt/b/* >/run/out 2>&1; then
		did "second mount pinned" true
	fi
	[ $((round % 3)) != 0 ] || did "second unmounted with a cache" umount_b
	sleep "$((RANDOM % 3)).$((RANDOM % 10))"
	for tag in "${tags[@]}"; do
		case $((RANDOM % 4)) in
		0) did "synced and sealed" cachectl sync --seal "$tag" ;;
		1) did scrubbed cachectl scrub --rate=max "$tag" >/run/out ;;
		2) did "volumes listed" cachectl volumes "$tag" >/run/out ;;
		3)
			did swept sweep "$tag"
			did culled cull "$tag"
			;;
		esac
		collect "$tag"
	done
	if [ $((round % 5)) = 0 ]; then
		did "detached, all" cachectl detach --all >/run/out
	else
		for tag in "${tags[@]}"; do
			did detached cachectl detach "$tag" >/run/out
		done
	fi
	case $((RANDOM % 3)) in
	0) did checked check "${tags[0]}" ;;
	1) did "checked with digests" check "${tags[0]}" --digests ;;
	esac
	umount_b
	[ $((round % 3)) = 0 ] || did "module unloaded" cachet_unload
	[ ! -e /run/asker.wrong ] || fail "round $round: $(cat /run/asker.wrong)"
done
# ended: wait for them.
ended() {
	local rc=0
	wait "$stress" || rc=$?
	[ "$rc" = 0 ] || fail "the load, seed $VM_SEED: exit code $rc"
}
ended

# Files of 9p, which are changed.
[ -d /sys/module/cachet ] || insmod "$CACHET_KO"
cachectl attach "$(cachet_dir three)"
load "$last" /run/stress.last --stage $((last / 3)) "9p:/mnt/server/9p:/mnt/9p:$without"
while kill -0 "$stress" 2>/dev/null; do
	case $((RANDOM % 3)) in
	0) did "synced and sealed" cachectl sync --seal three ;;
	1) did scrubbed cachectl scrub --rate=max three >/run/out ;;
	2)
		did swept sweep three
		did culled cull three
		sleep 1
		;;
	esac
done
ended
stop_all
[ ! -e /run/asker.wrong ] || fail "$(cat /run/asker.wrong)"
collect three
did detached cachectl detach three
did "checked with digests" check three --digests
cases "$(($(cat /run/stress.first) + $(cat /run/stress.last)))" "operations on files under load"

echo "$round rounds"
for what in "${!did[@]}"; do
	echo "$what: ${did[$what]}"
done
sort /run/asker.done | uniq -c
for what in "${!sum[@]}"; do
	echo "counter $what: ${sum[$what]}"
done | sort

assert_gt "${sum[bytes_read]}" "$min_served" "bytes that came from the caches"
for what in attached detached "module unloaded" "second mount pinned" scrubbed swept \
	culled "synced and sealed" "checked with digests"; do
	assert_gt "${did[$what]:-0}" 0 "times: $what"
done
assert_gt "${sum[bytes_moved]}" 0 "bytes moved to where what is pinned stays"
assert_gt "${sum[segments_reused]}" "$min_reused" "segments reused"
assert_eq "${sum[digest_mismatches]}" 0 "blocks that did not match their digest"
assert_eq "${sum[io_errors]}" 0 "I/O errors"
cachet_unload
[ ! -e /sys/fs/cachet ] || fail "/sys/fs/cachet is still there"
[ ! -e /dev/cachet ] || fail "/dev/cachet is still there"
[ ! -e /sys/kernel/debug/cachet ] || fail "debugfs still has cachet"
assert_eq "$(grep -c cachet /proc/slabinfo || true)" 0 "slab caches left"
