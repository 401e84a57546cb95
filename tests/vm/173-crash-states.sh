#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: each state that a power cut may leave attaches at once and has no wrong byte
# timeout: 900
#
# Invariants 1, 3, 4, 6, 7, 8, 10. A cache is used, of files of NFS and 9p: read, written
# here, changed at the server, cut, copied; it is too small for them, commits now and
# then, is detached and attached. dm-log-writes notes what is written to its disk, and
# when that was flushed. From this log states are made that a cut might have left, with
# any part of what was not flushed (helpers/replay-log.c), some thousands a run rather
# than a few. In each XFS recovers, `cachectl check` finds nothing wrong, the cache
# attaches, and every file reads as the server has it (helpers/crash-states.c). The next
# round begins with such a state.
#
# Some files were pinned before the first round. In each state of each round they are, and
# nothing of them comes from the server. Others are pinned and unpinned meanwhile, segments
# are swept and culled.
#
# What is written here goes to a 9p server, with the sanitizers to one of SMB. One file of
# it is written to while the server is stopped, and then has no space: it never has these
# bytes. To a 9p server the file is the same, so that nothing but their not being
# acknowledged keeps them from being read; the client of SMB has another time for it. (To
# diod all versions of a file are the same one; what it does take therefore changes the
# size.)
#
# 10 states on stock, 24 with the sanitizers, 80 on uml, 2000 with --full; VM_STATES=N: so
# many. VM_SEED chooses the use and, of its log, the states. No use is the same twice, for
# time has a say in it: so of one that fails the log is kept, with what the server has, and
# VM_STATES=failed makes the state again of this log and the seed that was printed.

. "$(dirname "$0")/lib.sh"

rounds=2 states=80
case $VM_KERNEL in
stock) rounds=1 states=10 ;;
uml-debug) rounds=1 states=24 ;;
esac
[ -z "$VM_FULL" ] || states=2000
case $VM_STATES in
'' | failed) ;;
*) states=$VM_STATES ;;
esac
[ "$states" -le 100 ] || rounds=$((states / 100 + 1))

tree=/mnt/server/tree written=/mnt/taker/written cache=/mnt/cache/cache
disk=/run/disk.img disk_mb=20 server_mb=64 taker_mb=24
# What a run leaves of a state that failed.
kept=$VM_SHARE/crash-states
nfs_options=vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache,fsc
# As mount(2) takes it.
case $VM_KERNEL in
uml-debug)
	type=cifs source=//127.0.0.1/written
	options=ip=127.0.0.1,vers=3.1.1,user=,pass=,fsc,cache=strict
	;;
*)
	type=9p source=127.0.0.1
	options=trans=tcp,version=9p2000.L,aname=$written,uname=root,access=client,cache=fscache,ignoreqv
	;;
esac
RANDOM=$VM_SEED

# --- what there is ---

[ "$VM_KERNEL" != stock ] || modprobe -a loop dm_mod dm_log_writes
export DM_DISABLE_UDEV=1
# Each state has its dozen lines, and a serial line that is emulated is slow.
read -r printk _ </proc/sys/kernel/printk
at_exit eval "echo $printk >/proc/sys/kernel/printk"
echo 4 >/proc/sys/kernel/printk

# Not by truncate, which does not wait until the client has given back its delegation.
cut_to() { dd if=/dev/null of="$2" bs=1 seek="$1" status=none; }
bytes() { dd if=/dev/urandom bs=4K status=none "$@"; }

server='' taker='' log=''
# serve: what can be written to. Sets $serving.
serve() {
	case $type in
	9p) p9_serve ;;
	*) smb_share written $written ;;
	esac
	serving=$!
}

ram_disk server
ram_disk taker
ram_disk log
mkdir -p /mnt/nfs /mnt/written /mnt/cache
truncate -s ${disk_mb}M $disk
if [ "$VM_STATES" = failed ]; then
	[ -e "$kept.state" ] || skip "no state has failed: $kept.state"
	read -ra state <"$kept.state"
	cp "$kept.base" /run/base.img
	cp "$kept.log" /run/log
	for volume in server taker; do
		dd if="$kept.$volume" of="${!volume}" bs=1M conv=sparse status=none
		mount_volume "${!volume}" /mnt/$volume
	done
else
	mkfs_xfs $disk $disk_mb
	mkfs_xfs "$server" $server_mb
	mkfs_xfs "$taker" $taker_mb
	mount_volume "$server" /mnt/server
	mount_volume "$taker" /mnt/taker
	mkdir $tree $written
	for ((i = 0; i < 30; i++)); do
		bytes count=$((i * 2421 + i % 3)) iflag=count_bytes of=$tree/small$i
	done
	for ((i = 0; i < 6; i++)); do
		bytes count=$((450 + i)) bs=1K of=$tree/large$i
		cp $tree/large$i $tree/same$i
		bytes count=3 seek=$((i * 23)) of=$tree/sparse$i
		truncate -s 300K $tree/sparse$i
		pages[i]=$((i * 12 + 5))
		bytes count="${pages[i]}" of=$written/file$i
	done
	bytes count=5003 iflag=count_bytes of=$tree/keep0
	bytes count=70000 iflag=count_bytes of=$tree/keep1
	bytes count=75 of=$tree/keep2
	cp $tree/large0 $tree/keep3
	truncate -s 800K $written/never
	truncate -s 600K $tree/same0
	sync
fi
files=(small{0..29} {large,same,sparse}{0..5})
loop=$(losetup -f --show $disk)
at_exit losetup -d "$loop"
nfs_server_start
nfs_export tree $tree
serve
# shellcheck disable=SC2119
cachet_load
at_exit end_round

# --- one state after another ---

mounts_off() {
	try_umount /mnt/nfs
	try_umount /mnt/written
}

end_round() {
	mounts_off
	cachet_detach cut
	try_umount /mnt/cache
	[ ! -e /dev/mapper/cut ] || dmsetup remove --retry cut
}

# judge LOG OPTION...: see helpers/crash-states.c
judge() {
	"$VM_HELPERS/crash-states" --disk $disk --device "$loop" --mount /mnt/cache \
		--attach-ms $((200 * VM_FACTOR)) --log "$1" --base /run/base.img \
		--tree "nfs4 127.0.0.1:/tree /mnt/nfs $nfs_options $tree" \
		--tree "$type $source /mnt/written $options $written" "${@:2}"
}

# keep_rest: with the log and the state that failed, what the disk held before, and what the
# servers have.
keep_rest() {
	local volume mb
	cp --sparse=always /run/base.img "$kept.base"
	for volume in server taker; do
		mb=${volume}_mb
		xfs_freeze -f /mnt/$volume
		dd if="${!volume}" of="$kept.$volume" bs=1M count="${!mb}" iflag=direct conv=sparse \
			status=none
		xfs_freeze -u /mnt/$volume
	done
}

if [ "$VM_STATES" = failed ]; then
	# The state is the same; when segments are reused as it is read is not.
	for ((i = 0; i < 10; i++)); do
		judge /run/log "${state[@]}" || fail "${state[*]}: exit code $?"
	done
	note "the state that failed is as it should be, ten times: ${state[*]}"
	exit 0
fi

# --- use ---

mounts_on() {
	mount -t nfs4 -o "$nfs_options" 127.0.0.1:/tree /mnt/nfs
	mount -i -t $type -o "$options" $source /mnt/written
}

same() {
	assert_same_tree /mnt/nfs $tree "$1: NFS"
	assert_same_tree /mnt/written $written "$1: $type"
}

# begin_round MS: from here on all writes are noted.
begin_round() {
	cp $disk /run/base.img
	dmsetup create cut --table "0 $((disk_mb * 2048)) log-writes $loop $log"
	mount -o noatime /dev/mapper/cut /mnt/cache
	cachectl attach --commit-interval "$1" $cache
	mounts_on
}

# some: sets $f to one of the files.
some() { f=${files[RANDOM % ${#files[@]}]}; }

# Times must tell one version from the other, and nobody may read in between.
change_some() {
	local f g i list=()
	sleep 0.02
	for ((i = RANDOM % 10; i >= 0; i--)); do
		some
		g=$tree/$f
		some
		f=$tree/$f
		list+=("$f")
		case $((RANDOM % 5)) in
		0) bytes of="$f" seek=$((RANDOM % 50)) count=3 conv=notrunc ;;
		1) cut_to $((RANDOM * 8)) "$f" ;;
		2)
			cut_to $((RANDOM % 9000)) "$f"
			cut_to 200000 "$f"
			;;
		3) [ "$f" = "$g" ] || cp "$g" "$f" ;;
		4)
			bytes of=/mnt/server/new count=$((RANDOM % 60))
			sync /mnt/server/new
			mv /mnt/server/new "$f"
			;;
		esac
	done
	sync "${list[@]}"
	sleep 0.02
}

# write_here: a file is written anew, or its end, and it grows. diod has one version of a
# file, so each gets a size of its own.
unique=0
write_here() {
	local i=$((RANDOM % 6)) from=0 to how=fsync
	unique=$((unique + 1))
	if [ $((RANDOM % 3)) = 0 ] || [ "${pages[i]}" -gt 100 ]; then
		pages[i]=$((RANDOM % 50))
	else
		from=$((pages[i] > 3 ? pages[i] - RANDOM % 4 : 0))
		pages[i]=$((pages[i] + RANDOM % 30 + 1))
		how+=,notrunc
	fi
	to=$((pages[i] * 4096 + unique))
	bytes of=/mnt/written/file$i bs=4K oflag=seek_bytes seek=$((from * 4096)) \
		iflag=count_bytes,fullblock count=$((to - from * 4096)) conv=$how
}

read_some() {
	local f list=() n=$1
	while [ $((n--)) -gt 0 ]; do
		some
		list+=("/mnt/nfs/$f")
	done
	cat "${list[@]}" >/dev/null
}

# Nothing is in memory, and several read at a time.
read_much() {
	local pid
	echo 1 >/proc/sys/vm/drop_caches
	read_some 16 &
	pid=$!
	read_some 16
	wait $pid
}

# ahead: index is written back before the data that it tells of is flushed.
ahead() {
	dmsetup message cut 0 mark begin
	sleep 0.5
	dmsetup message cut 0 mark end
}

pins() { "$VM_HELPERS/pins" "$@"; }

# Others than those that stay all the time.
pin_some() {
	some
	cat "/mnt/nfs/$f" >/dev/null
	pins pin "/mnt/nfs/$f" /mnt/written/file$((RANDOM % 6)) >/run/pins
	some
	pins unpin "/mnt/nfs/$f" /mnt/written/file$((RANDOM % 6))
	[ $((RANDOM % 2)) = 0 ] || pins sweep cut >/run/pins
	[ $((RANDOM % 2)) = 0 ] || pins cull cut coldest 2>/run/pins || grep -q ENOENT /run/pins
}

act() {
	local f pid
	case $((RANDOM % 11)) in
	0 | 1 | 2)
		change_some
		read_much
		ahead
		;;
	3)
		some
		bytes of=/mnt/nfs/"$f" seek=$((RANDOM % 50)) count=2 conv=notrunc
		cat /mnt/nfs/"$f" >/dev/null
		;;
	4)
		write_here
		write_here
		;;
	5)
		change_some
		cachectl sync cut &
		pid=$!
		read_much
		wait $pid
		;;
	6) cachectl sync --seal cut ;;
	7 | 8)
		read_much
		cat /mnt/written/* >/dev/null
		;;
	9 | 10) pin_some ;;
	esac
}

# The server never takes this: it is stopped first, and then it has no space. Who writes
# has an error.
never() {
	local pid size
	cat /mnt/written/never >/dev/null
	rm -f /run/open /run/stopped
	# Nobody else has the file open: closing it would wait for the server.
	(
		trap - ERR EXIT
		exec 1<>/mnt/written/never
		: >/run/open
		until [ -e /run/stopped ]; do sleep 0.05; done
		bytes seek=$((RANDOM % 40)) count=150 conv=notrunc,fsync 2>/run/never
	) &
	pid=$!
	wait_until 5 test -e /run/open
	kill -STOP -- -$serving
	dmsetup message cut 0 mark begin
	: >/run/stopped
	# What XFS had set aside for the first part is there for the second.
	for size in 1M 4K; do
		! dd if=/dev/zero bs=$size status=none >>/mnt/taker/ballast 2>/run/ballast || fail "endless space"
		sync /mnt/taker/ballast
	done
	cachectl sync --seal cut
	read_much
	kill -CONT -- -$serving
	cachectl sync cut
	! wait $pid || fail "the server has no space, and has taken what was written"
	dmsetup message cut 0 mark end
	rm /mnt/taker/ballast
	try_umount /mnt/written
	mount -i -t $type -o "$options" $source /mnt/written
	assert_same_tree /mnt/written $written "round $round: what the server has never had"
}

use() {
	local n=$((RANDOM % 8)) i
	for ((i = 0; i < 8; i++)); do
		[ $i != $n ] || never
		act
		if [ $((RANDOM % 8)) = 0 ]; then
			mounts_off
			cachectl detach cut
			cachectl attach $cache
			mounts_on
		fi
	done
}

# Index is written back between commits, too.
for name in expire writeback; do
	read -r was </proc/sys/vm/dirty_${name}_centisecs
	at_exit eval "echo $was >/proc/sys/vm/dirty_${name}_centisecs"
	echo 20 >/proc/sys/vm/dirty_${name}_centisecs
done

mount -o noatime "$loop" /mnt/cache
cachectl format --size 9M --segment-size 1M --block-size 64K --tag cut $cache
cachectl attach $cache
mounts_on
cat /mnt/nfs/keep* >/dev/null
pins pin /mnt/nfs/keep* >/run/pins
cachectl sync --seal cut
mounts_off
cachectl detach cut
try_umount /mnt/cache

rm -f "$kept".*
note "set up"
interval=(3s 100ms 1s 300ms) reused=0
for ((round = 0; round < rounds; round++)); do
	begin_round "${interval[round % 4]}"
	same "round $round, at first"
	use
	same "round $round, in the end"
	note "round $round, used: $(counter cut segments_reused) segments reused," \
		"$(counter cut commits) commits"
	reused=$((reused + $(counter cut segments_reused)))
	end_round
	judge "$log" --leave --totals /run/totals --keep "$kept" \
		--states $((states * (round + 1) / rounds - states * round / rounds)) \
		--seed $((VM_SEED * 1000 + round)) || {
		rc=$?
		[ ! -e "$kept.state" ] || keep_rest
		fail "VM_SEED=$VM_SEED, round $round, exit code $rc: VM_STATES=failed looks at that state again"
	}
done
note "judged"
read -r made with_loss _ _ _ _ verified _ unacked served _ pinned _ </run/totals
[ $rounds = 1 ] || assert_gt "$reused" 0 "segments reused"
assert_ge "$pinned" $((made * 200 * 4096)) "bytes of the pinned files that the caches still had"
assert_gt "$with_loss" 0 "states that lost something"
assert_gt "$served" $((made << 18)) "bytes that the caches still had"
if [ "$made" -ge 80 ]; then
	assert_gt "$verified" 0 "blocks in doubt whose digest was right"
	assert_gt "$unacked" 0 "files whose local writes were dropped"
fi
cases "$made" states
