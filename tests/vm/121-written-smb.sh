#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what this machine writes to files of SMB is never covered by what was cached before
#
# As 113, with SMB 3.1.1 by Samba. Nothing is kept of a file that is open for writing, for the
# client does not tell a cache of each change. The server's times of a file differ from what
# the client knew when it closed it, so that after the first remount it is another version,
# which is cached anew.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-written.sh"

net_dir
smb_share dir /mnt/server/dir
net_mount_as -t cifs -o guest,vers=3.1.1,fsc,cache=strict,ip=127.0.0.1 //127.0.0.1/dir
remounts=2
written
