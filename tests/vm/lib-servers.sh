# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-servers.sh - an SMB and a 9p server in the guest, and mounts of any server
#
# Sourced by lib.sh. The servers serve directories of the guest to itself, over 127.0.0.1, to
# everybody as root, and end with the test.

# smb_share NAME DIR: export DIR as //127.0.0.1/NAME, by Samba. A test has one share.
smb_share() {
	local dir=/run/vm-samba
	modprobe cifs 2>/dev/null || true
	mkdir -p $dir
	cat >$dir/smb.conf <<-END
		[global]
		server role = standalone server
		map to guest = bad user
		guest account = root
		bind interfaces only = yes
		interfaces = 127.0.0.1/8
		smb ports = 445
		disable netbios = yes
		load printers = no
		disable spoolss = yes
		pid directory = $dir
		lock directory = $dir
		state directory = $dir
		cache directory = $dir
		private dir = $dir
		ncalrpc dir = $dir/rpc
		log file = $dir/log
		logging = file
		max log size = 0
		server min protocol = SMB3_11
		[$1]
		path = $2
		read only = no
		guest ok = yes
		force user = root
		# Times and attributes that stay: without them each lookup is of another file.
		ea support = yes
		store dos attributes = yes
	END
	setsid smbd --foreground --no-process-group --configfile=$dir/smb.conf >$dir/out 2>&1 </dev/null &
	at_exit end_server $!
	wait_until 20 port_open 445 || fail "smbd: $(cat $dir/out $dir/log)"
}

# p9_serve: all directories, by diod: aname=DIR says which.
p9_serve() { p9_serve_at 564; }

# p9_serve_at PORT: the same, at another port. $DIOD is the server's process.
p9_serve_at() {
	modprobe 9p 2>/dev/null || true
	setsid diod --foreground --no-auth --no-userdb --export-all "--listen=127.0.0.1:$1" \
		>"/run/vm-diod.$1" 2>&1 </dev/null &
	DIOD=$!
	at_exit end_server $DIOD
	wait_until 20 port_open "$1" || fail "diod: $(cat "/run/vm-diod.$1")"
}

port_open() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

end_server() {
	kill -- "-$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
	# Those that it has begun, which are nobody's children now.
	wait_until 10 eval "! pgrep -g $1 >/dev/null"
}

# net_dir: /mnt/server/dir, to be exported.
net_dir() {
	make_xfs server 512
	mkdir /mnt/server/dir
}

# net_mount_as ARGUMENT...: of mount(8), but for the place: that directory, with fsc. It
# comes to /mnt/net with /run/net-mount, and goes with /run/net-umount: programs, for
# other programs run them too.
net_mount_as() {
	printf '#!/bin/sh -e\nmount %s /mnt/net\n' "$*" >/run/net-mount
	printf '#!/bin/sh -e\numount /mnt/net\n' >/run/net-umount
	printf '#!/bin/sh -e\n/run/net-umount\n/run/net-mount\n' >/run/net-remount
	chmod +x /run/net-mount /run/net-umount /run/net-remount
	mkdir -p /mnt/net
}

# netfs_stat NAME: a number of netfs's own, of all mounts.
netfs_stat() { sed -n "s/.* $1=\([0-9]*\).*/\1/p" /proc/fs/fscache/stats; }
