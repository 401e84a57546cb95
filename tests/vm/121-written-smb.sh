#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what this machine writes to files of SMB is never covered by what was cached before
#
# As 113, with SMB 3.1.1 by Samba. Here what is written goes to the cache, too; only on Linux
# 6.12 nothing is kept of a file that is open for writing, for its client tells a cache of no
# cut. The server's times of a file differ from what the client knew when it closed it, so
# that after the first remount it is another version, which is cached anew.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-written.sh"

net_dir
smb_share dir /mnt/server/dir
net_mount_as -t cifs -o guest,vers=3.1.1,fsc,cache=strict,ip=127.0.0.1 //127.0.0.1/dir
remounts=2
# It depends on the time that passes how many files are given up with their handles.
[ "$VM_KERNEL" = stock ] || min_filled=1000000 min_new=2000000 min_held=2000000
written
