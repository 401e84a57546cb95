#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what is written to a file while the cache looks it up is not covered by what was cached
# vm: stock
#
# Linux 6.12 writes to the server alone while a file is being looked up. Here that takes a
# second, for its place in index must be read from a slow disk: so long that a program opens
# a file of 9p, writes to it and has it on the server by then. What the cache finds is older
# (invariant 1).

. "$(dirname "$0")/lib.sh"

net_dir
p9_serve
for ((i = 0; i < 6; i++)); do
	random_file "/mnt/server/dir/f$i" 200K "$i"
done

ram_disk device
sectors=$((256 * 2048))
dm_device slow "0 $sectors delay $device 0 0" dm_delay
mkfs_xfs /dev/mapper/slow 256
mount_volume /dev/mapper/slow /mnt/slow
# shellcheck disable=SC2119
cachet_load
dir=$(cachet_dir slow)
mkdir "$dir"
cachectl format --size 64M --tag slow "$dir"
cachectl attach "$dir"
at_exit cachet_detach slow
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1

# disk MS: a read takes so long.
disk() { dm_change slow "0 $sectors delay $device 0 $1 $device 0 0"; }

/run/net-mount
at_exit try_umount /mnt/net
cat /mnt/net/f* >/dev/null
drop_caches
cachectl sync --seal slow
before=$(counter slow bytes_read)
/run/net-remount
cat /mnt/net/f* >/dev/null
assert_ge $(($(counter slow bytes_read) - before)) 1000000 "bytes from the cache once it is there"

# What was read is forgotten, of index too; the volume is not.
/run/net-umount
/run/net-mount
drop_caches
disk 1000
for ((i = 0; i < 6; i++)); do
	perl -MIO::Handle -e '
		open(my $f, "+<", $ARGV[0]) or die "$ARGV[0]: $!\n";
		syswrite($f, "\x55" x 50000) == 50000 && $f->sync or die "$ARGV[0]: $!\n";
	' "/mnt/net/f$i"
done
disk 0
drop_caches
for ((i = 0; i < 6; i++)); do
	assert_same "/mnt/net/f$i" "/mnt/server/dir/f$i"
done
