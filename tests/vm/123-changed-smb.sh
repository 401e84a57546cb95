#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what another client of an SMB server changes is not read as it was
#
# Invariants 1, 3 and 4, as 112 for NFS. Of two clients of one share the first has a cache
# and leases; the second changes files that the first has cached, and keeps closed, open, or
# has written to. Each is read at once through that mount, by who opens it and then by who
# has it open, and is the server's, byte by byte. After a remount it still is, and comes from
# the cache.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-changed.sh"

net_dir
smb_share dir /mnt/server/dir
options=guest,vers=3.1.1,cache=strict,rsize=262144,ip=127.0.0.1
net_mount_as -t cifs -o $options,fsc //127.0.0.1/dir
mkdir -p /mnt/other
cachet_new changed 256M

# put FILE OFFSET BYTES: random bytes, in place, which the server has when this returns.
put() {
	dd if=/dev/urandom of="$1" bs=64K iflag=fullblock,count_bytes count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc,fsync status=none
}

changes=(shrink grow grow_hole in_place one_byte rewrite cut_and_grow cut_and_refill replace)

# What the client does wrong for as long as it knows the file, without a cache, too: behind
# what was the end of a file that another client lets grow it does not ask the server, and
# shows zeros; a file that somebody has open does not become shorter, or another one. None of
# that may be cached: a new mount has the right bytes.
client_wrong=(closed.grow written.grow open.replace written.replace)
[ "$VM_KERNEL" = stock ] || client_wrong+=(open.shrink written.shrink)

# same FILE WHAT, if not at once, then soon: when a client is told to read anew what it has in
# memory, nobody waits until it does.
equal() { cmp "/mnt/net/$1" "/mnt/server/dir/$1" >/run/differ 2>&1; }
same() { equal "$1" || is_client_wrong "$1" || wait_until 5 equal "$1" || differs "$@"; }

# by_descriptor FILE WHAT: what 5 shows of the file that it was opened for
by_descriptor() { cmp - "/mnt/server/dir/$1" <&5 >/run/differ 2>&1 || is_client_wrong "$1" || differs "$@"; }

is_client_wrong() { [[ " ${client_wrong[*]} " == *" $1 "* ]]; }

differs() {
	exec 5<&-	# Or the clean-up can't unmount it
	fail "$2: $1: $(cat /run/differ)"
}

# keep FILE SIZE HOW: a file of that size, new on the server, is in the cache, and not in memory.
# Adds to $cached what came from there.
keep() {
	local before
	put "/mnt/server/dir/$1" 0 "$2"
	equal "$1" || differs "$1" "$3, at first"
	# In the cache, not in memory; for who copies pages there keeps them.
	cachectl sync --seal changed
	drop_caches
	before=$(counter changed bytes_read)
	equal "$1" || differs "$1" "$3, cached"
	cached=$((cached + $(counter changed bytes_read) - before))
}

# changed HOW: each change once, to a file that the first client keeps HOW.
changed() {
	local how=$1 change file
	for change in "${changes[@]}"; do
		file=$how.$change
		keep "$file" $size "$how"
		case $how in
		open) exec 5<"/mnt/net/$file" ;;
		written)
			exec 5<>"/mnt/net/$file"
			dd bs=100 count=1 if=/dev/urandom of=/dev/fd/5 conv=notrunc,fsync status=none
			;;
		esac
		"$change" "/mnt/other/$file"
		# A client may look at a name anew after a second only.
		[ "$change" != replace ] || sleep 1.5
		same "$file" "$how, changed"
		[ "$how" = closed ] || [ "$change" = replace ] || by_descriptor "$file" "$how, by descriptor"
		[ "$how" = closed ] || exec 5<&-
		drop_caches
		same "$file" "$how, changed, again"
	done
}

/run/net-mount
at_exit try_umount /mnt/net
mount -t cifs -o $options,nosharesock //127.0.0.1/dir /mnt/other
at_exit try_umount /mnt/other
for how in closed open written; do
	cached=0
	changed $how
	note "$how: $cached bytes were cached of what was changed"
	assert_ge "$cached" $((${#changes[@]} * size / 2)) "$how: bytes that were cached of what was changed"
done

# shown HOW CHANGE SIZE: who has a file open and does not call read(2) asks for no attributes.
# The server says soon that the file is changing, and the client goes by what it was told of it
# for a second at most.
shown() {
	local how=$1 change=$2 size=$3 file=$1.$2 filled
	keep "$file" "$size" "$how"
	drop_caches
	exec 5<"/mnt/net/$file"
	"$change" "/mnt/other/$file"
	sleep 2
	filled=$(counter changed bytes_filled)
	"$VM_HELPERS/show-by" "$how" "$size" <&5 | cmp -n "$size" - "/mnt/server/dir/$file" >/run/differ 2>&1 ||
		differs "$file" "by $how"
	exec 5<&-
	[ "$how.$change" = mmap.grow ] || return 0
	sync
	assert_eq "$(counter changed bytes_filled)" "$filled" "bytes kept of a file that grows meanwhile"
}
for how in mmap sendfile; do
	cached=0
	for change in in_place one_byte rewrite cut_and_grow cut_and_refill; do
		shown $how $change $size
	done
	# The client asks for what is mapped in one request of two READs, of which the first tells it
	# that the file has grown: what netfs shows behind the old end are zeros, and nothing is kept.
	shown $how grow 400000
	note "$how: $cached bytes were cached of what was changed"
	assert_ge "$cached" $((5 * size / 2)) "$how: bytes that were cached of what was changed"
done

# What is kept of a changed file outlives its cookie, which fscache gives up after ten seconds
# in which nobody has the file open, though the inode stays. The change comes right after a look
# at the file: the client hears of it with the lease for its next open, and tells nobody.
cookie_gone() { [ "$(status_of changed objects_in_use)" = 0 ]; }
forget_pages() {
	sync	# Linux 7.3 copies what was read to the cache as what was written
	echo 1 >/proc/sys/vm/drop_caches
}
file=closed.rewrite
equal $file || differs $file "before it is changed again"
one_byte "/mnt/other/$file"
same $file "changed again"
forget_pages
equal $file || differs $file "changed again, seen"
forget_pages
cachectl sync --seal changed
wait_until 20 cookie_gone
before=$(counter changed bytes_read)
equal $file || differs $file "after its cookie"
assert_ge $(($(counter changed bytes_read) - before)) $size "bytes from the cache, after the cookie"

cachectl sync --seal changed
/run/net-remount
assert_same_tree /mnt/net /mnt/server/dir "a new mount"
cachectl sync --seal changed
/run/net-remount
before=$(counter changed bytes_read)
assert_same_tree /mnt/net /mnt/server/dir "a new mount, again"
bytes=$(($(counter changed bytes_read) - before))
note "$bytes bytes from the cache," \
	"$(counter changed invalidations) invalidations, $(counter changed lookups_stale) changed"
assert_ge $bytes $(((${#changes[@]} * 3 + 11) * size * 9 / 10)) "bytes from the cache, after a remount"
