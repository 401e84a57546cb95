#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: files of which parts are cached, at each length of the first part
# vm: uml
# timeout: 200
#
# A readahead whose pages are partly in the cache is cut into pieces. netfs of Linux 7.3
# keeps its pages in queues of 31 and looks at the one that a piece ended in again, which may
# be freed if the piece went up to its end (fs/cachet/compat/netfs.c). So: first parts of
# many lengths, around the ends of queues above all, and second parts that begin there.
# Every byte is right, and KASAN has nothing to say.
#
# What is read of SMB and 9p is copied to the cache from memory: what was there is not lost to that.

. "$(dirname "$0")/lib.sh"

pages=96
net_dir
lengths=({29..33} {60..64} {91..95} 1 2 15 16)
for i in "${lengths[@]}"; do
	for where in first last; do
		random_file "/mnt/server/dir/$where.$i" $((pages * 4096)) "$i"
	done
done
nfs_export dir /mnt/server/dir
smb_share dir /mnt/server/dir
p9_serve

# read_pages FILE FROM TO: these and no others.
read_pages() {
	local page args=(-c 'fadvise -r')
	for ((page = $2; page < $3; page++)); do
		args+=(-c "pread $((page * 4096)) 4096")
	done
	xfs_io -r "${args[@]}" "$1" >/dev/null
}

# all_in_pieces NAME ARGUMENT...: with a cache of that name, mounted as net_mount_as does
all_in_pieces() {
	local name=$1 before i where

	cachet_new "$name" 64M --block-size 64K
	net_mount_as "${@:2}"
	/run/net-mount
	for i in "${lengths[@]}"; do
		read_pages /mnt/net/first."$i" 0 "$i"
		read_pages /mnt/net/last."$i" "$i" $pages
	done
	sync
	cachectl sync --seal "$name"
	for i in "${lengths[@]}"; do
		assert_eq "$(cachectl stat --json /mnt/net/first."$i" | jq '[.files[0].ranges[].pages] | add')" "$i" \
			"$name: pages of first.$i"
	done
	# They are read whole, in one request, in two pieces or three.
	/run/net-remount
	before=$(counter "$name" read_hits)
	for i in "${lengths[@]}"; do
		for where in first last; do
			cmp /mnt/net/$where."$i" /mnt/server/dir/$where."$i" || fail "$name: $where.$i: exit code $?"
		done
	done
	assert_ge "$(counter "$name" read_hits)" $((before + ${#lengths[@]} * 2)) "$name: reads from the cache"
	sync
	cachectl sync --seal "$name"
	/run/net-remount
	before=$(counter "$name" read_misses)
	for i in "${lengths[@]}"; do
		for where in first last; do
			cmp /mnt/net/$where."$i" /mnt/server/dir/$where."$i" || fail "$name: $where.$i: exit code $?"
		done
	done
	assert_eq "$(counter "$name" read_misses)" "$before" "$name: reads of the server, when all is there"
	assert_eq "$(counter "$name" fills_stale)" 0 "$name: pages read and not kept"
	/run/net-umount
	cachectl detach "$name"
}

all_in_pieces nfs -t nfs4 \
	-o vers=4.2,addr=127.0.0.1,clientaddr=127.0.0.1,nosharecache,fsc 127.0.0.1:/dir
all_in_pieces smb -t cifs -o guest,vers=3.1.1,fsc,cache=strict,ip=127.0.0.1 //127.0.0.1/dir
all_in_pieces 9p -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1
cases $((3 * 2 * ${#lengths[@]})) "files"
