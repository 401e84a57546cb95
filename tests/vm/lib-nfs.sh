# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-nfs.sh - an NFS server in the guest, mounts of it, and what it was asked
#
# Sourced by lib.sh. Client and server are the same kernel, over 127.0.0.1. The
# server starts once per boot and stays; exports and mounts end with the test.
#
#   /mnt/NAME (the volume) --bind--> /srv/vm-export/NAME --> 127.0.0.1:/NAME
#
# The root of the exports is a tmpfs: the guest's own root is an overlay, which
# can't be exported, not even as the pseudo root that leads to a volume.

NFS_ROOT=/srv/vm-export

# nfs_server_start: start the server, if it isn't running.
nfs_server_start() {
	[ ! -e /run/vm-nfs-server ] || return 0
	modprobe -a nfsd nfs nfsv4 2>/dev/null || true
	mkdir -p "$NFS_ROOT"
	mount -t tmpfs -o mode=755 vm-export "$NFS_ROOT"
	mountpoint -q /proc/fs/nfsd || mount -t nfsd nfsd /proc/fs/nfsd
	exportfs -o rw,sync,no_root_squash,no_subtree_check,fsid=0 "127.0.0.1:$NFS_ROOT"
	# Clients are remembered in v4recovery. The program that the server would rather
	# run for that, at each mount, takes long to start where processors are emulated;
	# and without rpc_pipefs it does not wait a second for a daemon that is none.
	[ ! -e /sys/module/nfsd/parameters/cltrack_prog ] ||
		echo none >/sys/module/nfsd/parameters/cltrack_prog
	# As on a machine with more memory: where little is read at a time, and no cache is in
	# service, netfs of Linux 6.12 may meet a BUG (Documentation/reliability.rst).
	echo 1048576 >/proc/fs/nfsd/max_block_size
	rpc.mountd --no-nfs-version 3
	# NFSv4 over TCP needs no port mapper. A short grace period that ends at
	# once: there are no clients from before.
	rpc.nfsd -G 10 -N 3 -U 4
	echo Y >/proc/fs/nfsd/v4_end_grace
	touch /run/vm-nfs-server
}

# nfs_export NAME DIR [OPTIONS]: export DIR as 127.0.0.1:/NAME. OPTIONS come
# after those below and so win: async, ro, ...
NFS_FSID=0
nfs_export() {
	# XFS moves the change attribute of a new file when it writes it out.
	sync
	local at=$NFS_ROOT/$1
	nfs_server_start
	NFS_FSID=$((NFS_FSID + 1))
	mkdir -p "$at"
	mount --bind "$2" "$at"
	at_exit nfs_unexport "$1"
	exportfs -o "rw,sync,no_root_squash,no_subtree_check,fsid=$NFS_FSID${3:+,$3}" "127.0.0.1:$at"
}

# The server keeps exports and files until it is told to forget them, which
# exportfs -u does. A second flush within the same second is put off to one in
# the future, so that asking more often would only make it later.
nfs_unexport() {
	local at=$NFS_ROOT/$1 try
	exportfs -u "127.0.0.1:$at" || return 1
	for try in 1 2 3 4 5 6; do
		umount "$at" 2>/dev/null && break
		[ "$try" -gt 1 ] || note "waiting for the server to forget $1"
		sleep 1.2
		exportfs -f
	done
	try_umount "$at" && rmdir "$at"
}

# nfs_mount NAME DIR [OPTIONS]: mount 127.0.0.1:/NAME at DIR, with fsc unless
# OPTIONS have nofsc.
nfs_mount() {
	local options=vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache
	case ,${3:-}, in
	*,nofsc,*) ;;
	*) options+=,fsc ;;
	esac
	mkdir -p "$2"
	mount -t nfs4 -o "$options${3:+,$(nfs_options "$3")}" "127.0.0.1:/$1" "$2"
	at_exit nfs_umount "$2"
}

# mount(8) takes nofsc for a negation of its own, as long as it's known.
nfs_options() {
	local options=,$1,
	options=${options/,nofsc,/,}
	options=${options#,}
	echo "${options%,}"
}

# nfs_umount DIR
nfs_umount() {
	try_umount "$1"
}

# nfs_remount NAME DIR [OPTIONS]: unmount, forget all in memory, mount again.
nfs_remount() {
	nfs_umount "$2"
	drop_caches
	nfs_mount "$@"
}

# server_reads: the READ (25) and READ_PLUS (68) operations that the server has
# got so far. The line is "proc4ops COUNT OP_0 OP_1 ...".
server_reads() {
	awk '$1 == "proc4ops" { print $(3 + 25) + $(3 + 68) }' /proc/net/rpc/nfsd
}

# server_read_bytes: the bytes that it has sent for them.
server_read_bytes() {
	awk '$1 == "io" { print $2 }' /proc/net/rpc/nfsd
}

# reads_of COMMAND...: run COMMAND and set $READS to the READs that it cost.
reads_of() {
	local before
	before=$(server_reads)
	"$@"
	# shellcheck disable=SC2034	# for the test
	READS=$(($(server_reads) - before))
}
