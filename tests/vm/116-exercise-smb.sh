#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: random operations on files of SMB 3.1.1: never a wrong byte
# timeout: 1200
#
# As 115, with Samba. A file that is cut and grown again has shown its old bytes with other
# caches (invariant 4). The server tells versions of a file apart by its times.
#
# After a copy_file_range() the page cache is emptied: the client may keep pages of the
# destination that a readahead brings just then, for it can't drop those that wait to be
# copied to a cache. None of these may get there, and be read again: fs/cachet/asked.c.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-exercise.sh"

net_dir
smb_share dir /mnt/server/dir
net_mount_as -t cifs -o guest,vers=3.1.1,fsc,cache=strict,ip=127.0.0.1 //127.0.0.1/dir
# What was written is cached after a remount only: files are read for a while then.
# Nothing is refused.
exercise 300 1000000 --settle 20 --forget-after copy

# Files that are only read are, on any kernel.
cachet_new read 64M
random_file /mnt/server/dir/read 1M
/run/net-mount
assert_same /mnt/net/read /mnt/server/dir/read
/run/net-remount
assert_same /mnt/net/read /mnt/server/dir/read
assert_ge "$(counter read bytes_read)" 1048576 "bytes of a file that is only read, after a remount"
/run/net-umount
