#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what becomes of a file of 9p while no cache is told does not come back from one
#
# The client tells the cache of a cut only while somebody has the file open; and what is
# written while no cache is attached, or the cache is out of service, it tells nobody. Its
# server, diod, gives all versions of a file one number, and one that gives each its own is not
# asked again while the file is in memory. So each file here has the size and the version that it
# had when it was cached, and other bytes (invariants 1, 3, 4).

. "$(dirname "$0")/lib.sh"

size=300000
inject=/sys/kernel/debug/cachet/inject

net_dir
p9_serve
cachet_new left 64M --block-size 64K
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1
/run/net-mount
at_exit try_umount /mnt/net

# forget_pages: those in memory; the file stays, and with it what the client knows of it.
forget_pages() {
	sync
	echo 1 >/proc/sys/vm/drop_caches
}

# cached NAME [SIZE]: a file that is in the cache, and nobody has open.
cached() {
	local size=${2:-$size}
	random_file "/mnt/server/dir/$1" "$size" "$((++seed))"
	assert_same "/mnt/net/$1" "/mnt/server/dir/$1" "$1, at first"
	drop_caches
	cachectl sync --seal left
	assert_ge "$(stat_of "/mnt/net/$1" cached_bytes)" "$size" "$1: bytes that are cached"
	drop_caches
}
seed=0

# same NAME WHAT
same() { assert_same "/mnt/net/$1" "/mnt/server/dir/$1" "$1: $2"; }

# resize NAME SIZE...: truncate(2), which opens nothing.
resize() {
	perl -e 'my $f = shift; truncate($f, $_) or die "$f: $!\n" for @ARGV' "/mnt/net/$1" "${@:2}"
}

write_in_place() {
	dd if=/dev/urandom of="/mnt/net/$1" bs=100K count=1 seek=1 conv=notrunc status=none
}

# --- cut, and grown to what it was ---
cached cut
resize cut 100000 $size
same cut "cut and grown"
forget_pages
same cut "cut and grown, once more"

# Its last page is read first, and forgotten.
cached back
resize back 100000 $size
tail -c 100 /mnt/net/back >/dev/null
forget_pages
same back "cut, grown, and read from behind"

cached beyond
resize beyond 100000
dd if=/dev/urandom of=/mnt/net/beyond bs=1000 count=1 seek=400 conv=notrunc status=none
forget_pages
same beyond "cut, and written to far behind"

# --- with its pages in memory: the page that holds the cut stays there ---
unused() { [ "$(status_of left objects_in_use)" = 0 ]; }
cached stays
cached last
cached small 3000
cached changed
(cd /mnt/net && cat stays last small changed) >/dev/null
wait_until 30 unused || fail "files are in use for more than 10 seconds"
resize stays 100000 $size
resize last $((size - 500)) $size
resize small 1000 3000
cp /mnt/server/dir/changed /run/changed
resize changed 100000 $size
truncate -s 100000 /run/changed
truncate -s $size /run/changed
forget_pages
same stays "cut with its pages in memory"
# Who pins it comes before who reads it.
"$VM_HELPERS/pins" pin /mnt/net/last >/run/pins
same last "cut in its last page"
same small "cut, a file of one page"
# What was cut off must not go back to the server with the rest of the page either. (A reader is
# there first: on Linux 6.12 a file that is opened for writing first loses what is cached of it.)
exec 5</mnt/net/changed
for file in /mnt/net/changed /run/changed; do
	printf x | dd of=$file bs=1 seek=100100 conv=notrunc status=none
done
exec 5<&-
sync
assert_same /mnt/server/dir/changed /run/changed "at the server: cut, and changed in one byte"
forget_pages
same changed "cut, and changed in one byte"

# --- but what was written here, and has left memory in part, was not cut ---
dd if=/dev/urandom of=/mnt/net/kept bs=1M count=2 status=none
sync
wait_until 30 unused || fail "files are in use for more than 10 seconds"
dd if=/mnt/net/kept of=/dev/null bs=64K count=1 iflag=nocache status=none
wait_until 30 unused || fail "files are in use for more than 10 seconds"
assert_same /mnt/net/kept /mnt/server/dir/kept
# Of a file that is used again its last page is asked for once more.
assert_ge "$(stat_of /mnt/net/kept cached_bytes)" $(((2 << 20) - 4096)) "kept: bytes that are cached"

# --- another file, with the number of one that is gone ---
for try in {1..20}; do
	cached gone
	old=$(stat -c %i /mnt/server/dir/gone)
	rm /mnt/net/gone
	sync	# That XFS has the number again
	perl -e 'open(my $f, "+>", $ARGV[0]) or die "$!\n"; truncate($f, $ARGV[1]) or die "$!\n"' \
		/mnt/net/gone $size
	drop_caches
	same gone "another file"
	[ "$(stat -c %i /mnt/server/dir/gone)" != "$old" ] || break
	rm /mnt/net/gone
	drop_caches	# Or the client knows that there is none, when the server makes the next
done
note "the number of the file that was gone came again at try $try"
assert_eq "$(stat -c %i /mnt/server/dir/gone)" "$old" "number of the other file"

# --- written while there is no cache ---
cached away
cat /mnt/net/away >/dev/null
cachectl detach left
write_in_place away
cachectl attach "$(cachet_dir left)"
forget_pages
same away "written while there was no cache"

# Cut and grown, and read: then the client does not know any more that it was cut.
cached read
exec 5</mnt/net/read
cat <&5 >/dev/null
cachectl detach left
resize read 100000 $size
cat /mnt/net/read >/dev/null
forget_pages
cachectl attach "$(cachet_dir left)"
same read "cut and grown while there was no cache, and read"
exec 5<&-

cached tail
cachectl detach left
drop_caches
cat /mnt/net/tail >/dev/null
resize tail $((size - 500)) $size
forget_pages
cachectl attach "$(cachet_dir left)"
same tail "cut in its last page while there was no cache"

# The client asks for the version of a file when it makes its inode: the next mount, too.
remount() {
	/run/net-umount
	/run/net-mount
}
cached stayed
cat /mnt/net/stayed >/dev/null
cachectl detach left
write_in_place stayed
cachectl attach "$(cachet_dir left)"
cat /mnt/net/tail >/dev/null	# This mount finds the cache
remount
same stayed "written by a mount that stayed while there was no cache, read by the next one"

cached went
cat /mnt/net/went >/dev/null
cachectl detach left
write_in_place went
/run/net-umount
cachectl attach "$(cachet_dir left)"
/run/net-mount
same went "written while there was no cache by a mount that was there before"

cached born
/run/net-umount
cachectl detach left
/run/net-mount
write_in_place born
cachectl attach "$(cachet_dir left)"
remount	# It has opened nothing
same born "written by a mount that came while there was no cache, read by the next one"

# --- while a detach waits, for another server that does not answer ---
p9_serve_at 565
go_on() { kill -CONT "$DIOD" 2>/dev/null || true; }
mkdir /mnt/stuck
mount -t 9p -o trans=tcp,port=565,version=9p2000.L,aname=/mnt/server,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1 /mnt/stuck
at_exit try_umount /mnt/stuck
at_exit go_on
cached leaving
exec 6</mnt/stuck/dir/away
kill -STOP "$DIOD"
cat <&6 >/run/stuck &
reader=$!
exec 6<&-
sleep $((2 * VM_FACTOR))
cachectl detach left &
detach=$!
leaving() { [ "$(status_of left leaving)" = true ]; }
wait_until 20 leaving || fail "the detach has not begun, or not waited"
sleep "$VM_FACTOR"	# That it has told fscache
write_in_place leaving
/run/net-umount
kill -0 $detach 2>/dev/null || fail "the detach has not waited"
go_on
wait $detach || fail "the detach that had to wait: exit code $?"
wait $reader
assert_same /run/stuck /mnt/server/dir/away "read from the server that did not answer"
try_umount /mnt/stuck
cachectl attach "$(cachet_dir left)"
/run/net-mount
same leaving "written while a detach waited, by a mount that went meanwhile"

# --- while its lookup fails: of the next one nothing can be seen, either ---
# unseen NAME: its lookup fails, and it is written to.
unseen() {
	cached "$1"
	echo "index-read 12 0 1000" >$inject
	cat "/mnt/net/$1" >/dev/null
	write_in_place "$1"
	sync
	echo "index-read 0 0 0" >$inject
}
unseen missed
drop_caches
same missed "written after its lookup failed"
unseen later
/run/net-umount
cachectl detach left
cachectl attach "$(cachet_dir left)"
/run/net-mount
same later "written after its lookup failed, read after the next attach"
# From then on all is as ever: cached() says so.
cached more

# --- while the cache is out of service ---
cached out
cat /mnt/net/out >/dev/null
echo "index-write 5 0 1" >$inject
random_file /mnt/server/dir/other 200K 99
cat /mnt/net/other >/dev/null
sync
cachectl sync left 2>/dev/null || true
assert_eq "$(status_of left out_of_service)" true "the cache is out of service"
write_in_place out
cachectl detach left || true	# It says that the cache was out
cachectl attach "$(cachet_dir left)"
forget_pages
same out "written while the cache was out of service"

# --- and what was written here before a detach ---
cached dirty
exec 5<>/mnt/net/dirty
head -c 100K /dev/urandom >&5
exec 5<&-
cachectl detach left
cachectl attach "$(cachet_dir left)"
drop_caches
same dirty "written before a detach"

/run/net-umount
cachectl detach left
cachectl check --digests "$(cachet_dir left)"
cases 21 "files"
