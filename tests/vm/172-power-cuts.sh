#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: power cuts at random moments of everything at once: no wrong byte, and attached as it is
# vm: stock
# boot: own
# disk: volatile
# timeout: 100
#
# Files are read by two readers, changed on the server, cut, grown, replaced, copied,
# over and over, and others are written here, to a server of 9p; the cache is smaller than
# they are, commits more or less often, and is written back in between; files are pinned
# and unpinned, segments swept and culled. Some time the power goes, once in four while the
# cache is being detached, and what the drive had not flushed is there, or not, or in
# part, sector by sector (invariants 1, 3, 4, 6, 7, 8).
# Then the cache is clean to `cachectl check`, attaches about as quickly as when it
# was empty, and each byte is the server's. Files of NFS, SMB and 9p were pinned before the
# first cut: they are pinned after each (invariants 9, 25), and nothing of them comes from
# the server.
# 3 cuts, 100 with --full; VM_SEED chooses others.
#
# What is read has its server on the same disk. So that it can't lose what a client has
# seen: nobody reads while a file changes, its new attributes are durable before its
# first new byte may be, and all of it is before anybody reads again. What is written here
# has it outside the VM, which loses nothing. (What it has not acknowledged Linux 6.12 does not
# give to a cache: that is for 173, on 7.3.)

. "$(dirname "$0")/lib.sh"

cuts=${VM_FULL:+100}
cuts=${cuts:-3}
cache=/mnt/disk/cache tree=/mnt/disk/tree others=/mnt/disk/others written=$VM_SHARE/written
files=24
RANDOM=$((VM_SEED * 1000 + PHASE))
# What is pinned: where it is seen, and what it is.
declare -A kept=(
	[/mnt/nfs/keep0]=$tree/keep0 [/mnt/nfs/keep1]=$tree/keep1
	[/mnt/smb/keep]=$others/keep [/mnt/9p/keep]=$others/keep
)

[ "$PHASE" != 1 ] || mkfs_xfs "$(vm_disk)" 1000
mount_volume "$(vm_disk)" /mnt/disk
if [ "$PHASE" = 1 ]; then
	mkdir "$tree" "$others"
	# Every second one has two MiB and half of that of the next, or twelve pages and less.
	random_file /run/all 26M
	for ((i = 0; i < files; i++)); do
		dd if=/run/all of="$tree/f$i" bs=4K skip=$((i * 256)) status=none \
			count=$((i % 2 ? i % 12 + 1 : 512)) iflag=fullblock
	done
	random_file "$tree/keep0" 700001
	random_file "$tree/keep1" 5003
	random_file "$others/keep" 300007
	sync
	rm -rf "$written"
	mkdir "$written"
	for i in 0 1 2 3; do
		random_file "$written/w$i" $((40000 + i))
	done
	echo 4 >"$written.unique"
fi
# To diod all versions of a file are the same one (Documentation/reliability.rst), so none is
# to have the size that another had: whole pages are what a cut has left of one.
read -r unique <"$written.unique"
for file in "$written"/w?; do
	[ $(($(stat -c %s "$file") % 4096)) != 0 ] || truncate -s +$((++unique)) "$file"
done
echo "$unique" >"$written.unique"
nfs_server_start
nfs_export tree "$tree"
smb_share others "$others"
p9_serve
# shellcheck disable=SC2119
cachet_load
if [ "$PHASE" = 1 ]; then
	cachectl format --size 16M --segment-size 1M --tag cut "$cache"
else
	cachectl check "$cache" || fail "cut $((PHASE - 1)): check: exit code $?"
fi
interval=(100ms 3s 1s 5s)
cachectl attach --commit-interval "${interval[PHASE % 4]}" --json "$cache" >/run/attached
at_exit cachet_detach cut
ms=$(($(json_value took_ns </run/attached) / 1000000))
# Once in four the cache was about to be detached, or was.
[ "$PHASE" = 1 ] || [ $((PHASE % 4)) = 0 ] || assert_eq "$(status_of cut crashed)" true "cut $((PHASE - 1)): crashed"
[ "$PHASE" != 1 ] || echo "$ms" >/mnt/disk/attach_ms
assert_le "$ms" "$(($(cat /mnt/disk/attach_ms) * 5 + 500))" "cut $((PHASE - 1)): milliseconds to attach"
nfs_mount tree /mnt/nfs
mkdir -p /mnt/smb /mnt/9p /mnt/written
mount -t cifs -o vers=3.1.1,guest,fsc //127.0.0.1/others /mnt/smb
at_exit try_umount /mnt/smb
p9_options=trans=tcp,version=9p2000.L,uname=root,access=client,cache=fscache,ignoreqv
mount -t 9p -o "$p9_options,aname=$others" 127.0.0.1 /mnt/9p
at_exit try_umount /mnt/9p
mount -t 9p -o "$p9_options,aname=$written" 127.0.0.1 /mnt/written
at_exit try_umount /mnt/written

if [ "$PHASE" = 1 ]; then
	cat "${!kept[@]}" >/dev/null
	drop_caches
	cachectl sync --seal cut
	"$VM_HELPERS/pins" pin "${!kept[@]}" >/run/pins
	cachectl sync cut
else
	missed=$(counter cut bytes_missed)
	pinned() { cachectl stat --json "$1" | json_value pinned_bytes; }
	for file in "${!kept[@]}"; do
		# A detach that finds a mount of 9p leaves its files in doubt: the pin stays, and what it
		# keeps comes anew (Documentation/reliability.rst).
		if [ $((PHASE % 4)) = 0 ] && [ "$file" = /mnt/9p/keep ] && [ "$(pinned "$file")" = 0 ]; then
			before=$(counter cut bytes_missed)
			assert_same "$file" "${kept[$file]}" "cut $((PHASE - 1)): $file, anew"
			drop_caches
			missed=$((missed + $(counter cut bytes_missed) - before))
		fi
		assert_eq "$(pinned "$file")" \
			$((($(stat -c %s "${kept[$file]}") + 4095) / 4096 * 4096)) "cut $((PHASE - 1)): $file: bytes pinned"
		assert_same "$file" "${kept[$file]}" "cut $((PHASE - 1)): $file"
	done
	assert_eq "$(counter cut bytes_missed)" "$missed" "cut $((PHASE - 1)): bytes that were pinned, from the server"
fi
assert_same_tree /mnt/nfs "$tree" "cut $((PHASE - 1))"
was=$(counter cut bytes_read)
assert_same_tree /mnt/written "$written" "cut $((PHASE - 1))"
echo $(($(counter cut bytes_read) - was)) >>/mnt/disk/served_written
assert_eq "$(counter cut io_errors)" 0 "cut $((PHASE - 1)): I/O errors"
note "cut $((PHASE - 1)) of $cuts: attached in $ms ms, $(counter cut bytes_read) bytes from the cache," \
	"$(counter cut suspect_verified) suspect blocks verified, $(counter cut suspect_dropped) dropped"
counters cut | grep -E 'lookups|suspect|records_bad|misses|hits' | paste -sd ' '
counter cut bytes_read >>/mnt/disk/served
sync /mnt/disk/served /mnt/disk/served_written /mnt/disk/attach_ms

if [ "$PHASE" -le "$cuts" ]; then
	: >/run/failed
	: >/run/changed
	file() { echo "f$((RANDOM % files))"; }
	failed() { echo "$*" >>/run/failed; }
	# What is asked of the cache fails once that is being detached.
	refused() { [ -e /run/detach ] || failed "$*"; }

	read_some() {
		local f
		f=/mnt/nfs/$(file)
		case $((RANDOM % 3)) in
		0) dd if="$f" of="/run/read.$1" bs=4K skip=$((RANDOM % 512)) count=9 2>"/run/err.$1" ;;
		*) cat "$f" >"/run/read.$1" ;;
		esac || failed "read $f"
	}

	change_one() {
		local f from
		f=$tree/$(file) from=$tree/$(file)
		touch "$f"
		sync "$f"
		case $((RANDOM % 5)) in
		0) dd if=/dev/urandom of="$f" bs=4K seek=$((RANDOM % 512)) count=3 conv=notrunc ;;
		1) xfs_io -c "truncate $((RANDOM * 64))" "$f" ;;
		2) xfs_io -f -c "truncate $((RANDOM % 9000))" -c "truncate 2097152" "$f" ;;
		3) [ "$f" = "$from" ] || cp "$from" "$f" ;;
		4)
			dd if=/dev/urandom of="$f.new" bs=4K count=$((RANDOM % 300))
			sync "$f.new"
			mv "$f.new" "$f"
			;;
		esac 2>/run/err.change || failed "change $f"
		sync "$f" "$tree"
		echo "$f" >>/run/changed
	}

	# A file is written anew, or goes on behind its end, or in front of that, and is read.
	write_here() {
		local i=$((RANDOM % 4)) size from=0 how=fsync
		size=$(stat -c %s "$written/w$i")
		if [ $((RANDOM % 3)) != 0 ] && [ "$size" -lt 400000 ]; then
			from=$((size > 9000 ? size - RANDOM % 9000 : size))
			how+=,notrunc
			[ "$from" -gt 0 ] || from=$size
		else
			size=0
		fi
		unique=$((unique + 1))
		size=$(((size / 4096 + 1 + RANDOM % 24) * 4096 + unique))
		echo "$unique" >"$written.next"
		mv "$written.next" "$written.unique"
		dd if=/dev/urandom of="/mnt/written/w$i" bs=128K oflag=seek_bytes seek="$from" \
			iflag=count_bytes,fullblock count=$((size - from)) conv=$how 2>/run/err.write ||
			failed "write w$i"
		cat "/mnt/written/w$((RANDOM % 4))" >/run/read.written || failed "read what is written"
	}

	write_some() {
		RANDOM=$((VM_SEED * 1000 + PHASE + 1))
		while :; do
			write_here
			sleep "$((RANDOM % 3)).$((RANDOM % 10))"
		done
	}

	# Not of those that stay.
	pin_some() {
		"$VM_HELPERS/pins" pin "/mnt/nfs/$(file)" "/mnt/written/w$((RANDOM % 4))" >/run/pins 2>&1 ||
			grep -q ENOSPC /run/pins || refused pin
		"$VM_HELPERS/pins" unpin "/mnt/nfs/$(file)" "/mnt/written/w$((RANDOM % 4))" || refused unpin
		"$VM_HELPERS/pins" sweep cut >/run/pins || refused sweep
		"$VM_HELPERS/pins" cull cut coldest 2>/run/pins || grep -q ENOENT /run/pins || refused cull
	}

	use() {
		local i
		RANDOM=$((VM_SEED * 1000 + PHASE + 2))
		while :; do
			# These flush the disk: several in a row, and then long none.
			[ -e /run/calm ] || for ((i = RANDOM % 4; i >= 0; i--)); do
				change_one
			done
			for i in 1 2 3 4 5 6 7 8; do
				echo 1 >/proc/sys/vm/drop_caches
				read_some 1 &
				read_some 2 &
				wait $! || failed "reader 2"
				wait
			done
		done
	}

	commit_some() {
		RANDOM=$((VM_SEED * 1000 + PHASE + 3))
		while :; do
			sleep "$((RANDOM % 4)).$((RANDOM % 10))"
			# While it is being detached there is none.
			[ ! -e /run/detach ] || return
			cachectl sync cut || refused sync
			pin_some
		done
	}

	# Index is written back between commits, too.
	echo 20 >/proc/sys/vm/dirty_expire_centisecs
	echo 20 >/proc/sys/vm/dirty_writeback_centisecs
	use &
	commit_some &
	write_some &
	changes=$((RANDOM % 8 + 1))
	enough() { [ "$(wc -l </run/changed)" -ge "$changes" ]; }
	wait_until 30 enough || fail "cut $PHASE: $(wc -l </run/changed) changes, and no more"
	: >/run/calm
	sleep "$((RANDOM % 3)).$((RANDOM % 1000))"
	if [ $((PHASE % 4)) = 3 ]; then
		: >/run/detach
		cachectl detach cut >/run/detached 2>&1 &
		sleep "0.$((RANDOM % 10))"
	fi
	[ ! -s /run/failed ] || fail "cut $PHASE: $(cat /run/failed)"
	power_cut
fi

assert_gt "$(awk '{ n += $1 } END { printf "%d", n / 1024 }' /mnt/disk/served)" 1000 \
	"KiB that the cache still had after the cuts"
# Of a few cuts, each may have come just after a file was written.
[ "$cuts" -lt 50 ] || assert_gt "$(awk '{ n += $1 } END { printf "%d", n / 1024 }' /mnt/disk/served_written)" 0 \
	"KiB of them that were written here"
cases "$cuts" "power cuts"
nfs_umount /mnt/nfs
umount /mnt/smb
umount /mnt/9p
umount /mnt/written
cachectl detach cut
cachectl check --digests "$cache" || fail "check --digests after all cuts: exit code $?"
