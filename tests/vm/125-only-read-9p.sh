#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what was read is no local write, and what was written is one whatever came between
#
# netfs has what it reads from 9p, SMB and AFS copied to the cache by way of write-back, and
# tells fscache as if it had been written. A file that is only read has no session for that: it
# can be pinned while it is open, and a detach does not take it for written to. Of one that is dirty
# when the cache goes nothing old is shown by the next one, whenever it is written back; and it has
# a session there, though nobody tells the cache so again: else what the server may not have
# got would count after a crash (invariants 1, 10).
#
# Of 9p what was cached by an attach before this one counts if no mount was there in between.

. "$(dirname "$0")/lib.sh"

net_dir
p9_serve
random_file /mnt/server/dir/read 1M 1
random_file /mnt/server/dir/written 300K 2
cp /mnt/server/dir/written /run/written
cachet_new copied 64M
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1
/run/net-mount
at_exit try_umount /mnt/net

# --- only read ---
exec 5</mnt/net/read
assert_same /dev/fd/5 /mnt/server/dir/read
drop_caches
cachectl sync --seal copied
assert_eq "$(stat_of /mnt/net/read cached_bytes)" 1048576 "bytes that are cached"
assert_eq "$(counter copied objects_dirty)" 0 "sessions of a file that is only read"
read -r kept pages < <("$VM_HELPERS/pins" pin /mnt/net/read)
assert_eq "$kept $pages" "256 256" "pages that stay, of those that are here, of an open file"
cachectl detach copied
exec 5<&-
/run/net-umount
cachectl attach "$(cachet_dir copied)"
/run/net-mount
assert_same /mnt/net/read /mnt/server/dir/read
assert_eq "$(counter copied lookups_unacked)" 0 "files emptied for writes the server may not have"
# What that mount did to it while there was no cache nobody says.
assert_eq "$(counter copied lookups_stale)" 1 "files of a mount that was there at the detach"

# --- below a mount that stays ---
cachectl detach copied
cachectl attach "$(cachet_dir copied)"
drop_caches
assert_same /mnt/net/read /mnt/server/dir/read
# What became of it while there was no cache the client does not say.
assert_eq "$(counter copied lookups_stale)" 1 "files of which nobody knows what became of them"

# --- dirty when the cache goes ---
# So that nothing is written back before its time.
echo 100000 >/proc/sys/vm/dirty_writeback_centisecs
at_exit eval 'echo 500 >/proc/sys/vm/dirty_writeback_centisecs'

# dirty WHEN: is it written back? While there is no cache, before the file is looked up in the
# next one, or after that.
dirty() {
	assert_same /mnt/net/written /run/written "$1, at first"
	drop_caches
	cachectl sync --seal copied
	assert_eq "$(stat_of /mnt/net/written cached_bytes)" 307200 "$1: bytes that are cached"
	dd if=/dev/urandom of=/run/new bs=200K count=1 status=none
	dd if=/run/new of=/run/written bs=64K conv=notrunc status=none
	exec 5<>/mnt/net/written	# To close it would write it back
	cat /run/new >&5
	! cmp -s /mnt/server/dir/written /run/written || fail "$1: it is on the server already"
	cachectl detach copied
	[ "$1" != without ] || sync
	cachectl attach "$(cachet_dir copied)"
	[ "$1" != before ] || sync
	exec 6</mnt/net/written	# Now it is looked up
	[ "$1" != after ] || sync
	assert_same /mnt/server/dir/written /run/written "$1: on the server"
	if [ "$1" = after ]; then
		assert_ge "$(counter copied bytes_filled)" 204800 "bytes handed to the cache"
		assert_eq "$(counter copied objects_dirty)" 1 "sessions of a file that was dirty"
	fi
	drop_caches
	assert_same /dev/fd/6 /run/written "$1: as it was opened"
	exec 5<&- 6<&-
	drop_caches
	assert_same /mnt/net/written /run/written "$1: opened anew"
}
dirty without
dirty before
dirty after

# --- a mount that came after the attach, and is gone before the detach: all counts ---
/run/net-umount
cachectl detach copied
cachectl attach "$(cachet_dir copied)"
/run/net-mount
assert_same /mnt/net/read /mnt/server/dir/read
sync
/run/net-umount
cachectl detach copied
cachectl attach "$(cachet_dir copied)"
/run/net-mount
assert_same /mnt/net/read /mnt/server/dir/read
assert_eq "$(counter copied lookups_stale)" 0 "files that count no more, of a mount that was heard"
assert_eq "$(counter copied read_misses)" 0 "reads of the server, of a mount that was heard"
