#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what happens to the disk and filesystem below a cache does not reach the mount
# timeout: 300
#
# The filesystem fills up, by somebody else; its quota is used up; it is shut down; its
# disk fails all writes, or vanishes. The files of the cache have their space, so the
# first two are none of its business. With the others it goes out of service: all that
# is read through the mount stays right and none of it fails (invariant 13), another
# cache isn't touched (invariant 20), nothing is said to be committed that is not
# (invariant 12), and once the fault is mended the cache is attached again, as after a
# crash, with what was committed. Who writes to a file of 9p meanwhile writes on: each
# piece comes to the server.

. "$(dirname "$0")/lib.sh"

make_xfs server 300
mkdir /mnt/server/tree
random_file /mnt/server/tree/old 3M 1
random_file /mnt/server/tree/small 20K 2
nfs_export tree /mnt/server/tree
mkdir -p /mnt/server/9p /mnt/9p
random_file /mnt/server/9p/written 300K 3
cp /mnt/server/9p/written /run/written
p9_serve
cachet_new good 64M

ram_disk device
sectors=$((400 * 2048))
linear="0 $sectors linear $device 0"
dm_device disk "$linear" dm_flakey
mkfs_xfs /dev/mapper/disk 400

# volume: mount it; a shut down one must have been unmounted.
volume() {
	mkdir -p /mnt/disk
	mount -o noatime,prjquota /dev/mapper/disk /mnt/disk
}
volume
at_exit umount /mnt/disk
dir=/mnt/disk/cache
mkdir $dir
cachectl format --size 64M --segment-size 1M --tag bad $dir
cachectl attach $dir
at_exit cachet_detach bad
mount_bad() {
	cachet_mount_with bad good small
	mount -t 9p -o trans=tcp,version=9p2000.L,aname=/mnt/server/9p,uname=root,access=client,cache=fscache,ignoreqv \
		127.0.0.1 /mnt/9p
	same_9p "a new mount"
}
umount_both() {
	nfs_umount /mnt/nfs
	try_umount /mnt/9p
}
at_exit try_umount /mnt/9p

same_9p() {
	assert_same /mnt/9p/written /run/written "$1: the file of 9p"
	assert_same /mnt/server/9p/written /run/written "$1: that file at the server"
}

# write_on: to the file of 9p, a piece after the other, each on the server before the next.
write_on() {
	local pieces=0
	while [ ! -e /run/write.end ] && [ $pieces -lt 2000 ]; do
		dd if=/dev/urandom of=/run/piece bs=9999 count=1 status=none
		cat /run/piece >>/run/written
		dd if=/run/piece of=/mnt/9p/written bs=9999 oflag=append conv=notrunc,fsync status=none \
			2>/run/write.failed || return
		pieces=$((pieces + 1))
		echo $pieces >/run/write.pieces.new
		mv /run/write.pieces.new /run/write.pieces
	done
}
pieces() { cat /run/write.pieces; }
five_more() { [ -s /run/write.failed ] || [ "$(pieces)" -ge $(($1 + 5)) ]; }

n=0
new_file() {
	n=$((n + 1))
	random_file "/mnt/server/tree/new$n" 3M "$((n + 100))"
	sync -f /mnt/server	# or XFS moves the change attribute when it writes them
}
forget() { echo 3 >/proc/sys/vm/drop_caches; }
old() {
	forget
	assert_same /mnt/nfs/old /mnt/server/tree/old
	assert_same /mnt/nfs/small /mnt/server/tree/small
}
new() {
	new_file
	assert_same "/mnt/nfs/new$n" "/mnt/server/tree/new$n"
}

# unharmed WHAT: it works as if nothing had happened.
unharmed() {
	old
	new
	cachectl sync --seal bad || fail "$1: sync: exit code $?"
	forget
	reads_of assert_same "/mnt/nfs/new$n" "/mnt/server/tree/new$n"
	assert_eq "$READS" 0 "$1: READs of a new file, once it is there"
	assert_eq "$(status_of bad out_of_service)" false "$1: out of service"
}

# fault WHAT COMMAND...: breaks it; the mount goes on. Then umount, MEND, and again.
fault() {
	local what=$1 committed pieces writer
	note "$what"
	echo "row: $what" >/dev/kmsg
	rm -f /run/write.*
	echo 0 >/run/write.pieces
	(
		trap - ERR EXIT
		write_on
	) &
	writer=$!
	wait_until 20 five_more 0
	assert_ge "$(counter bad objects_dirty)" 1 "$what: files that are written to through it"
	"${@:2}"
	committed=$(status_of bad committed)
	pieces=$(pieces)
	for ((i = 0; i < 3; i++)); do
		old
		new
	done
	cachectl sync --seal bad 2>/dev/null && fail "$what: sync succeeded"
	assert_eq "$(status_of bad out_of_service)" true "$what: out of service"
	assert_eq "$(status_of bad committed)" "$committed" "$what: committed epoch"
	assert_eq "$(status_of good out_of_service)" false "$what: the other cache"
	cachectl sync good
	old
	new
	wait_until 20 five_more "$pieces" || fail "$what: nobody can write"
	touch /run/write.end
	wait $writer || true
	[ ! -s /run/write.failed ] || fail "$what: $(cat /run/write.failed)"
	forget
	same_9p "$what"
	note "$what: $pieces pieces before, $(pieces) in all were written"
	dmesg | sed "1,/row: $what/d" | grep 'bad: out of service' >/dev/null || fail "$what: not logged"
	umount_both
	cachectl detach bad 2>/dev/null && fail "$what: detached in order"
	umount /mnt/disk
	dm_change disk "$linear"
	volume
	cachectl check $dir || fail "$what: check: exit code $?"
	cachectl attach $dir
	assert_eq "$(status_of bad crashed)" true "$what: crashed"
	mount_bad
	reads_of old
	assert_eq "$READS" 0 "$what: READs of what was committed"
	unharmed "$what, mended"
	same_9p "$what, mended"
}

mount_bad
unharmed "at first"

# --- no faults at all ---
dd if=/dev/zero of=/mnt/disk/hog bs=1M status=none 2>/dev/null && fail "the volume is never full"
dd if=/dev/zero of=/mnt/disk/hog2 bs=4K status=none 2>/dev/null && fail "the volume is never full"
for ((i = 0; i < 3; i++)); do
	unharmed "the volume is full"
done
rm /mnt/disk/hog*
xfs_io -c "chproj -R 7" -c "chattr +P" $dir/data $dir/index $dir
xfs_quota -x -c "limit -p bhard=1m 7" /mnt/disk
dd if=/dev/zero of=$dir/hog bs=1M count=4 status=none 2>/dev/null && fail "there is no quota"
rm -f $dir/hog
unharmed "over quota"
xfs_quota -x -c "limit -p bhard=0 7" /mnt/disk

# --- read-only ---
# Not while it is attached: XFS knows who may write to a file.
mount -o remount,ro /mnt/disk 2>/run/err && fail "it was made read-only below an attached cache"
unharmed "to be read-only"
umount_both
cachectl detach bad
mount -o remount,ro /mnt/disk
cachectl attach $dir 2>/run/err && fail "attached where nothing can be written"
grep -qi 'read-only' /run/err || fail "attached read-only: $(cat /run/err)"
mount -o remount,rw /mnt/disk
cachectl attach $dir
mount_bad
unharmed "read-only no more"

# --- faults ---
all_fail() { dm_change disk "0 $sectors error"; }
writes_fail() { dm_change disk "0 $sectors flakey $device 0 0 3600 1 error_writes"; }
shut_down() { xfs_io -x -c "shutdown ${1:-}" /mnt/disk; }
fault "the disk vanishes" all_fail
fault "all writes fail" writes_fail
fault "the filesystem is shut down" shut_down
fault "the filesystem is shut down with its log" shut_down -f
