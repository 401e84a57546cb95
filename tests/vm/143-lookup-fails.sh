#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a file that can't be looked up goes without the cache, and leaves nothing behind
#
# Invariants 13 and 15. Index can't be read for want of memory when a file is opened,
# which NFS, when it is opened for writing, then invalidates before the lookup has ended.
# Nor can the volume table, when the mount begins ("mount"): none of its files then can be,
# until it is tried again and recorded, which is told. The file is read and written as without a cache; when it is forgotten, fscache has no
# cookie too few or too many; and later it is cached.

. "$(dirname "$0")/lib.sh"

inject=/sys/kernel/debug/cachet/inject
files=20

make_xfs server 400
dir=/mnt/server/dir
mkdir $dir
for ((i = 0; i < files; i++)); do
	random_file $dir/$i 20000 $i
done
sync
nfs_server_start
nfs_export dir $dir
cachet_new main 64M
nfs_mount dir /mnt/nfs
cat /mnt/nfs/* >/dev/null
cachectl sync --seal main
nfs_umount /mnt/nfs

volumes_told() { cachectl events --json main | jq -s '[.[] | select(.event == "volume")] | length'; }

for how in read write mount; do
	cachectl detach main
	cachectl attach "$(cachet_dir main)"
	[ $how != mount ] || echo "index-read 12 0 100000" >$inject
	nfs_mount dir /mnt/nfs
	ls -l /mnt/nfs >/dev/null
	echo "index-read 12 0 100000" >$inject
	for ((i = 0; i < files; i++)); do
		case $how in
		read) assert_same /mnt/nfs/$i $dir/$i ;;
		write | mount) echo more >>/mnt/nfs/$i ;;
		esac
	done
	echo "index-read 0 0 0" >$inject
	if [ $how = mount ]; then
		before=$(volumes_told)
		sleep 1.1
		cp $dir/0 $dir/later
		assert_same /mnt/nfs/later $dir/later
		assert_eq "$(volumes_told)" $((before + 1)) "events of a volume that is recorded later"
		rm $dir/later
	fi
	nfs_umount /mnt/nfs
	for ((round = 0; round < 2; round++)); do
		nfs_mount dir /mnt/nfs
		for ((i = 0; i < files; i++)); do
			assert_same /mnt/nfs/$i $dir/$i
		done
		cachectl sync --seal main
		nfs_umount /mnt/nfs
		drop_caches
	done
	assert_eq "$(status_of main out_of_service)" false "$how: out of service"
done
nfs_mount dir /mnt/nfs
reads_of cat /mnt/nfs/* >/dev/null
assert_eq "$READS" 0 "READs of what was cached afterwards"
nfs_umount /mnt/nfs
# It would keep its volume.
grep ' nfs,' /proc/fs/fscache/volumes && fail "a cookie is left"
cachectl detach main
