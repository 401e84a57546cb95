#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what this machine writes is never covered by what was cached before
#
# Invariants 1, 3 and 4, for writes by way of the mount: NFS opens for writing
# and invalidates; whatever is written, appended, mapped, cut and grown again in
# between, the bytes are the server's afterwards, and what was cut off and grown
# again is zeros. Looked at with the page cache dropped, so that the cache is
# asked, while the mount stays and after a remount. After the last close, reads
# fill the cache again, and the second mount from then on makes no READ.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-written.sh"

net_dir
nfs_export dir /mnt/server/dir
net_mount_as -t nfs4 \
	-o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache,fsc 127.0.0.1:/dir
# What a client has written may get other times once more, when it gives its delegation back;
# what was read until then is read once more.
remounts=2
refused=(collapse insert)
[ "$VM_KERNEL" != stock ] || refused+=(zero)
# The server counts them itself.
asked() { server_reads; }
written
