#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: write-back through the cache while memory is short: it ends, and is right
# boot: own
# cpus: 2 stock
# memory: 500M
# timeout: 300
#
# More than the memory is written through 9p and NFS mounts with a cache,
# by write() and by mappings, and read back, while something else takes the memory again
# and again. What writes pages back then needs the cache, and the cache needs memory to
# take them: were one to wait for the other, this would hang. No byte is wrong, and both
# kernels keep what 9p wrote: read again after a remount, it comes from the cache.

. "$(dirname "$0")/lib.sh"

mb=96
[ "$VM_KERNEL" = uml ] || mb=48

mkfs_xfs "$(vm_disk)" 3000
mount_volume "$(vm_disk)" /mnt/disk
mkdir -p /mnt/disk/{nfs,cache} /mnt/9p-server
# Of tmpfs, which does not make a writer wait: a server in user space would otherwise be
# made to wait for the pages that its own client has dirtied, with any cache or none.
mount -t tmpfs server /mnt/9p-server
at_exit umount /mnt/9p-server
random_file /mnt/disk/nfs/read ${mb}M 9
sync
cachet_load
cachectl format --size 1G --tag tight /mnt/disk/cache
cachet_attach tight /mnt/disk/cache
nfs_export nfs /mnt/disk/nfs
nfs_mount nfs /mnt/nfs
p9_serve
# 9p has two buffers of msize for each call. 6.12 wants each in one piece: of 128 KiB, the
# default, they are not to be had now, with any cache or none, and who reads or writes is told so.
p9_mount() {
	mkdir -p /mnt/9p
	mount -t 9p -o trans=tcp,version=9p2000.L,aname=/mnt/9p-server,uname=root,access=client,cache=fscache,msize=16384 \
		127.0.0.1 /mnt/9p
}
p9_mount
at_exit try_umount /mnt/9p
grep -E 'Mem(Total|Available)' /proc/meminfo

# A third of what memory is left is taken, and given back, over and over: tail holds all of a
# line that does not end.
eater() {
	local free
	trap - ERR EXIT
	while [ ! -e /run/eater.stop ]; do
		free=$(awk '/MemAvailable/ { print int($2 / 3072) }' /proc/meminfo)
		[ "$free" -le 0 ] || head -c "${free}M" /dev/zero | tail -n 1 >/dev/null || true
		echo >>/run/eater.meals
		sleep 0.2
	done
}
rm -f /run/eater.*
eater &
eater=$!
stop_eater() {
	touch /run/eater.stop
	wait_until 60 test ! -e "/proc/$eater"
}
at_exit stop_eater

note "writing and reading, $mb MiB each"
jobs=()
random_file /mnt/9p/written ${mb}M 1 &
jobs+=($!)
xfs_io -f -c "truncate ${mb}m" -c "mmap -rw 0 ${mb}m" -c "mwrite -S 0x5a 0 ${mb}m" -c "msync -s" \
	/mnt/9p/mapped >/dev/null &
jobs+=($!)
random_file /mnt/nfs/written ${mb}M 2 &
jobs+=($!)
cat /mnt/nfs/read >/dev/null &
jobs+=($!)
for job in "${jobs[@]}"; do
	wait "$job" || fail "a writer or reader failed"
done
note "written"
sync
note "synced"
stop_eater
note "$(wc -l </run/eater.meals) times memory was taken"
assert_ge "$(wc -l </run/eater.meals)" 1 "times memory was taken"

random_file /mnt/disk/want ${mb}M 1
assert_same /mnt/9p-server/written /mnt/disk/want "what 9p wrote, at the server"
random_file /mnt/disk/want ${mb}M 2
assert_same /mnt/disk/nfs/written /mnt/disk/want "what NFS wrote, at the server"
rm /mnt/disk/want
[ -z "$(tr -d Z </mnt/9p-server/mapped | head -c 1)" ] || fail "what was stored through a mapping, at the server"
umount /mnt/9p
cachectl sync --seal tight
nfs_remount nfs /mnt/nfs
p9_mount
before=$(counter tight bytes_read)
assert_same /mnt/9p/written /mnt/9p-server/written "9p, read again"
assert_same /mnt/9p/mapped /mnt/9p-server/mapped "9p, mapped, read again"
assert_same /mnt/nfs/written /mnt/disk/nfs/written "NFS, read again"
assert_same /mnt/nfs/read /mnt/disk/nfs/read "NFS, read again"
served=$(($(counter tight bytes_read) - before))
note "$((served >> 20)) MiB came from the cache; dropped fills: $(counter tight fills_dropped)"
assert_ge $served $((mb << 20)) "bytes that came from the cache"
assert_eq "$(status_of tight out_of_service)" false "out of service"
umount /mnt/9p
