#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: the cache's own filesystem can be frozen and thawed while it is used
# timeout: 200
#
# Who freezes it waits for those who write to it; these may wait for a directory of it,
# who reads that for mmap_lock, and who holds that, reading a file that is mapped, for the
# cache: which must not wait for the freeze then. A cache is used, mapped files with it,
# while its filesystem is frozen and thawed, and its directories are read and changed.
# Each freeze and thaw comes to its end; what was cached can be read while it is frozen, and
# what was not, too; and no byte is wrong. Lockdep has more to say about it than any number of rounds.

. "$(dirname "$0")/lib.sh"

rounds=40 ops=6000 nr_parts=20
[ "$VM_KERNEL" = uml ] || rounds=12 ops=1200

net_dir
random_file /mnt/server/dir/cached 3M 1
random_file /mnt/server/dir/big 6M 2
random_file /mnt/server/dir/whole 20M 3
random_file /mnt/server/dir/cut 300000 4
random_file /mnt/server/dir/written 300000 5
sync	# or XFS moves the change attribute when it writes it
nfs_server_start
p9_serve
nfs_export dir /mnt/server/dir
cachet_new a 64M
cachectl detach a
cachectl attach --commit-interval 100ms "$(cachet_dir a)"
# It reads files that the module reads below mmap_lock: lockdep would say so, here or later.
cachectl dump --live "$(cachet_dir a)" >/dev/null
nfs_mount dir /mnt/net
for command in mount umount remount; do
	printf '#!/bin/sh\n' >/run/net-$command
done
chmod +x /run/net-mount /run/net-umount /run/net-remount
assert_same /mnt/net/cached /mnt/server/dir/cached
cachectl sync --seal a

# freeze SECONDS: and have it stay so.
freeze() {
	timeout 60 fsfreeze --freeze /mnt/a || fail "it can't be frozen: exit code $?"
	sleep "$1"
}
thaw() { timeout 60 fsfreeze --unfreeze /mnt/a || fail "it can't be thawed: exit code $?"; }
thaw_it() { fsfreeze --unfreeze /mnt/a 2>/dev/null || true; }

tend() {
	while [ ! -e /run/frozen.stop ]; do
		ls -laR /mnt/a >/dev/null
		chmod 700 /mnt/a/cache
	done
}

# From the clean-up too.
stop() {
	thaw_it
	touch /run/frozen.stop
	wait_until 60 eval "! pgrep -x exercise >/dev/null"
}

# Nor does who reads what is not cached wait for the freeze: parts of blocks, and more than the
# sealer has buffers for; nor who reads a file of 9p once more, of which something is forgotten.
# mount_9p DIR WHERE
mount_9p() {
	mkdir -p "$2"
	mount -t 9p -o "trans=tcp,version=9p2000.L,aname=$1,uname=root,access=client,cache=fscache,ignoreqv" \
		127.0.0.1 "$2"
	at_exit try_umount "$2"
}
mount_9p /mnt/server/dir /mnt/9p
for file in cached cut written; do
	assert_same /mnt/9p/$file /mnt/server/dir/$file
done
sync
unused() { [ "$(status_of a objects_in_use)" = 0 ]; }
wait_until 30 unused || fail "files are in use for more than 10 seconds"
# Nobody tells the cache, and the client does not know any more once that is read or written
# to. Nothing can be forgotten while it is frozen: it is afterwards.
perl -e 'for my $f (@ARGV) { truncate($f, $_) or die "$f: $!\n" for 20000, 300000 }' /mnt/9p/cut /mnt/9p/written
echo 1 >/proc/sys/vm/drop_caches
freeze 0
at_exit thaw_it
timeout 60 cmp /mnt/9p/cached /mnt/server/dir/cached || fail "9p: exit code $?"
# Nor does its end of use wait, of which the next one would be kept waiting.
wait_until 30 unused || fail "a file that was read stays in use"
timeout 60 cmp /mnt/9p/cached /mnt/server/dir/cached || fail "9p, once more: exit code $?"
timeout 60 cmp /mnt/9p/cut /mnt/server/dir/cut || fail "9p, cut: exit code $?"
echo 1 >/proc/sys/vm/drop_caches
dd if=/dev/urandom of=/mnt/9p/written bs=1000 seek=200 count=1 conv=notrunc,fsync 2>/run/dd &
writer=$!
for ((i = 0; i < nr_parts; i++)); do
	timeout 60 dd if=/mnt/net/big bs=4K skip=$((i * 61 + 33)) count=3 of=/run/part status=none ||
		fail "part $i of what is not cached: exit code $?"
	dd if=/mnt/server/dir/big bs=4K skip=$((i * 61 + 33)) count=3 of=/run/same status=none
	assert_same /run/part /run/same "part $i of what is not cached"
done
timeout 60 cat /mnt/net/whole >/dev/null || fail "whole blocks that are not cached: exit code $?"
# Nor does the worker that ends such a read: a few hundred of these are all that the kernel has.
workers_stuck() { ps -e -o stat=,comm= | awk '/^D.* kworker\/u.*events_unbound/'; }
none_stuck() { [ -z "$(workers_stuck)" ]; }
wait_until 10 none_stuck || fail "workers wait for the freeze: $(workers_stuck | head -n 3)"
# A volume that is new waits, to be recorded; who asks how the cache is does not.
mount_9p /mnt/server /mnt/9p-new
cat /mnt/9p-new/dir/cached >/run/new &
reader=$!
volumes_wait() {
	cachectl volumes a >/dev/null &
	sleep 2
	kill -0 $! 2>/dev/null
}
wait_until 30 volumes_wait || fail "who asks for the volumes does not wait for the one that is new"
timeout 60 cachectl status a >/dev/null || fail "status, while a volume waits: exit code $?"
thaw
wait $reader || fail "who read from a new volume: exit code $?"
assert_same /run/new /mnt/server/dir/cached "new volume"
try_umount /mnt/9p-new
wait $writer || fail "who wrote to a file of 9p: exit code $?: $(cat /run/dd)"
echo 1 >/proc/sys/vm/drop_caches
for file in cut written; do
	assert_same /mnt/9p/$file /mnt/server/dir/$file "thawed: $file"
done
assert_same /mnt/net/big /mnt/server/dir/big
assert_same /mnt/net/whole /mnt/server/dir/whole
try_umount /mnt/9p

rm -f /run/frozen.stop
at_exit stop
tend &
tend=$!
refused=zero-keep,collapse,insert
[ "$VM_KERNEL" != stock ] || refused+=,zero
"$VM_HELPERS/exercise" --ops $ops --seed "$VM_SEED" --size 300000 --server /mnt/server/dir/f \
	--remount /run/net-remount --refused $refused /mnt/net/f >/run/exercise.log 2>&1 &
exercise=$!

for ((i = 0; i < rounds; i++)); do
	freeze "0.$((i % 4))"
	if [ $((i % 4)) = 0 ]; then
		echo 1 >/proc/sys/vm/drop_caches
		before=$(counter a bytes_read)
		timeout 60 cmp /mnt/net/cached /mnt/server/dir/cached || fail "round $i: exit code $?"
		assert_ge "$(counter a bytes_read)" $((before + (3 << 20))) "round $i: read while frozen"
	fi
	thaw
	sleep "0.$(((i + 1) % 3))"
done
still=$(pgrep -cx exercise || true)
note "$rounds times frozen; of the exercise $still still running"
wait $exercise || fail "seed $VM_SEED: exit code $?: $(cat /run/exercise.log)"
touch /run/frozen.stop
wait $tend
# What waited for a thaw, or a commit, has its digest now.
cachectl sync --seal a
assert_eq "$(status_of a seal_queue)" 0 "blocks that wait for their digest"
assert_eq "$(status_of a out_of_service)" false "out of service"
assert_eq "$(counter a io_errors)" 0 "I/O errors"
cases "$rounds freezes"
