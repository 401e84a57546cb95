#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: I/O errors anywhere in a cache are misses for the mount
# timeout: 300
#
# At each place where the module does I/O on the cache's own files, EIO is injected
# while the cache is in use. Every read of the mount is right and none fails
# (invariant 13). A read that fails once costs what was there, which is brought anew;
# many, and each write and flush, the cache: it is out of service and says so. Another
# cache isn't touched (invariant 20); no super is written after a failed flush
# (invariant 12); after detach and attach it works again.

. "$(dirname "$0")/lib.sh"

inject=/sys/kernel/debug/cachet/inject

make_xfs server 512
nfs_server_start
mkdir /mnt/server/tree
random_file /mnt/server/tree/old 3M 1
random_file /mnt/server/tree/small 20K 2
sync	# or XFS moves the change attribute when it writes them
nfs_export tree /mnt/server/tree
cachet_new bad 64M --segment-size 1M --block-size 64K
cachet_new good 64M

# The errors are meant for one cache: the other does nothing by itself.
mount_bad() { cachet_mount_with bad good small --commit-interval 10min; }
remount_bad() {
	nfs_umount /mnt/nfs
	mount_bad
}
[ -e $inject ] || fail "the module is built without fault injection"

n=0
new_file() {
	n=$((n + 1))
	random_file "/mnt/server/tree/new$n" 3M "$((n + 100))"
	sync	# or XFS moves the change attribute when it writes them
}

# Each makes the module do the I/O of one site, and may fail only in cachectl.
# The file's inode may stay when caches are dropped: a CLOSE still on its way holds it.
do_lookup() {
	local try before
	for try in 1 2 3 4 5; do
		before=$(cachet_lookups bad 2>&1 || true)
		drop_caches
		assert_same /mnt/nfs/small /mnt/server/tree/small
		[ "$(cachet_lookups bad 2>&1 || true)" = "$before" ] || return 0
		sleep 0.1
	done
}
do_read() {
	drop_caches
	assert_same /mnt/nfs/old /mnt/server/tree/old
}
do_fill() {
	new_file
	assert_same "/mnt/nfs/new$n" "/mnt/server/tree/new$n"
}
# Each sealed block is read back before it is served.
do_verify() {
	cachectl detach bad >/dev/null
	cachectl attach --verify "$(cachet_dir bad)" >/dev/null
	remount_bad
	do_read
}
do_sync() {
	local before
	before=$(counter bad records_written)
	do_fill
	# Who reads does not wait until it is kept: there must be something to commit.
	wait_until 10 recorded_since "$before"
	assert_fails "sync with an error" cachectl sync bad
}
recorded_since() { [ "$(counter bad records_written)" -gt "$1" ]; }

# at SITE SKIP ACTION: ACTION meets an error at SITE.
at() {
	local site=$1 skip=$2 action=$3 committed times i
	note "$site, after $skip"
	mount_bad
	# So that there is something in the cache: all but what is new to it.
	assert_same /mnt/nfs/old /mnt/server/tree/old
	assert_same /mnt/nfs/small /mnt/server/tree/small
	cachectl sync --seal bad
	assert_eq "$(status_of bad out_of_service)" false "$site: out of service before"
	committed=$(status_of bad committed)
	case $action in do_lookup) remount_bad ;; esac
	# One read that fails is not enough.
	case $site in
	*-read) times=1000 ;;
	*) times=1 ;;
	esac
	echo "$site 5 $skip $times" >$inject
	"$action"
	for ((i = 0; i < 10 && times > 1; i++)); do
		[ "$(status_of bad out_of_service)" != true ] || break
		cachectl sync --seal bad 2>/dev/null || true
		do_fill
		do_read
	done
	# The error may come from what works in the background.
	if [ -d /sys/fs/cachet/bad ]; then
		cachectl sync --seal bad 2>/dev/null || true
		if [ "$(status_of bad out_of_service)" != true ]; then
			cat $inject
			counters bad
			fail "$site: not out of service"
		fi
		assert_eq "$(status_of bad error)" "Input/output error" "$site: the error"
		case $site in
		index-flush | data-flush | super-write)
			assert_eq "$(status_of bad committed)" "$committed" "$site: committed epoch" ;;
		esac
	fi
	if [ "$times" != 1 ]; then
		grep "^$site 5 0 $times$" $inject && fail "$site: no error met"
		echo "$site 0 0 0" >$inject
	fi
	assert_eq "$(grep -c " [1-9][0-9]*$" $inject || true)" 0 "$site: errors not met"
	# The mount goes on: old files, new ones, files in the middle of it.
	do_read
	do_fill
	do_lookup
	assert_eq "$(status_of good out_of_service)" false "$site: the other cache"
	cachectl sync good
	# Exit 1: the last commit could not be made.
	[ ! -d /sys/fs/cachet/bad ] || assert_fails "$site: detach" cachectl detach bad 2>/dev/null
	cachectl attach "$(cachet_dir bad)" >/dev/null
	assert_eq "$(status_of bad out_of_service)" false "$site: out of service after attach"
	assert_eq "$(status_of bad crashed)" true "$site: crashed"
	do_read
	remount_bad
	do_read
	remount_bad
	reads_of do_read
	assert_eq "$READS" 0 "$site: after attach: READs at the server"
	nfs_umount /mnt/nfs
	cachectl detach --all >/dev/null
	cachectl attach "$(cachet_dir bad)" >/dev/null
	assert_eq "$(status_of bad crashed)" false "$site: crashed, in the end"
}

# place SITE SKIP ACTION: one read fails; the cache goes on, and has it all in the end.
place() {
	local site=$1 skip=$2 action=$3 times=1
	# Each is tried again, alone, which must fail too; those beside it come before.
	[ "$site" != data-read ] || times=60
	note "$site, once, after $skip"
	mount_bad
	assert_same /mnt/nfs/old /mnt/server/tree/old
	assert_same /mnt/nfs/small /mnt/server/tree/small
	cachectl sync --seal bad
	case $action in do_lookup) remount_bad ;; esac
	cachectl events --json bad >/run/before
	echo "$site 5 $skip $times" >$inject
	"$action"
	assert_eq "$(grep -c " [1-9][0-9]*$" $inject || true)" 0 "$site, once: errors not met"
	assert_eq "$(status_of bad out_of_service)" false "$site, once: out of service"
	assert_ge "$(counter bad media_errors)" 1 "$site, once: counted"
	cachectl events --json bad >/run/after
	assert_gt "$(grep -c unreadable /run/after)" "$(grep -c unreadable /run/before)" \
		"$site, once: events"
	drop_caches
	"$action"
	do_read
	do_lookup
	cachectl sync --seal bad
	reads_of do_read
	assert_eq "$READS" 0 "$site, once: READs once it is there again"
	reads_of do_lookup
	assert_eq "$READS" 0 "$site, once: READs of the small file"
	assert_eq "$(status_of bad out_of_service)" false "$site, once: out of service in the end"
	nfs_umount /mnt/nfs
	cachectl detach --all >/dev/null
	cachectl attach "$(cachet_dir bad)" >/dev/null
	assert_eq "$(status_of bad crashed)" false "$site, once: crashed"
}

place data-read 3 do_read
place index-read 0 do_lookup
if [ "$VM_KERNEL" != stock ]; then
	place index-read 5 do_read
	place seal-read 1 do_verify
fi

# Where time is short: those that netfs is told of, the index, and one in a commit.
at data-read 0 do_read
at data-write 0 do_fill
at index-write 0 do_fill
at super-write 0 do_sync
if [ "$VM_KERNEL" != stock ]; then
	at data-read 5 do_read
	at data-write 7 do_fill
	at seal-read 0 do_verify
	at index-read 0 do_lookup
	at index-write 9 do_fill
	at index-flush 0 do_sync
	at data-flush 0 do_sync
	at summary-write 0 do_fill
fi

# --- while attaching: refused, and good the next time ---
for site in super-read super-write index-read index-write index-flush data-flush; do
	cachectl detach bad >/dev/null
	echo "$site 5 0 1" >$inject
	rc=0
	cachectl attach "$(cachet_dir bad)" >/run/out 2>&1 || rc=$?
	note "attach, $site: exit $rc: $(cat /run/out)"
	if grep -q "^$site 5 0 1" $inject; then
		echo "$site 0 0 0" >$inject
		assert_eq "$rc" 0 "attach, $site not met: exit code"
	elif [ "$site" = super-read ]; then
		assert_eq "$rc" 0 "attach, one copy of super unreadable: exit code"
		assert_eq "$(counter bad media_errors)" 1 "attach, one copy of super unreadable"
	else
		assert_eq "$rc" 1 "attach, $site: exit code"
		[ ! -d /sys/fs/cachet/bad ] || fail "$site: attached in part"
		cachectl attach "$(cachet_dir bad)" >/dev/null
	fi
	assert_eq "$(status_of bad out_of_service)" false "attach, $site: out of service"
done
# A summary is read if a segment was left open in order.
cachectl detach --all >/dev/null
cachectl attach "$(cachet_dir bad)" >/dev/null
mount_bad
do_fill
nfs_umount /mnt/nfs
cachectl detach bad >/dev/null
echo "summary-read 5 0 1" >$inject
rc=0
cachectl attach "$(cachet_dir bad)" 2>/run/out || rc=$?
note "attach, summary-read: exit $rc: $(cat /run/out)"
assert_eq "$(grep -c "^summary-read 5 0 0" $inject)" 1 "summary-read: met"
assert_eq "$rc" 0 "attach, summary-read: exit code"
assert_eq "$(counter bad media_errors)" 1 "attach, summary-read: counted"
mount_bad
do_read
do_read
assert_eq "$(status_of bad out_of_service)" false "in the end: out of service"
assert_eq "$(counter good io_errors)" 0 "the other cache: I/O errors"
