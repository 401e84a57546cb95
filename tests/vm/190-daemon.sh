#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: cachetd attaches, reports to systemd and detaches; killed, caching goes on
# timeout: 200
#
# The configuration is checked to the line. systemd is told when the caches are
# there and when the daemon leaves. What rots on the device, can't be read, or costs the cache is
# in the daemon's log. I/O never waits for the daemon: after SIGKILL
# the mount is served as before (invariant 13), and the next daemon takes over.

. "$(dirname "$0")/lib.sh"

conf=/run/cachet.conf
make_xfs server 512
mkdir /mnt/server/tree
random_file /mnt/server/tree/file 4M
sync	# or XFS moves the change attribute when it writes them
nfs_server_start
nfs_export tree /mnt/server/tree
cachet_new first 64M
cachet_new second 64M
cachectl detach --all

# --- check-config ---
# bad LINE REGEX TEXT: the error names the file and the line.
bad() {
	local rc=0
	printf '%b' "$3" >/run/bad.conf
	cachetd --config /run/bad.conf --check-config >/run/out 2>/run/err || rc=$?
	assert_eq "$rc" 1 "check-config of '$3': exit code"
	grep -qE "/run/bad.conf:$1: .*$2" /run/err ||
		fail "check-config of '$3': no '/run/bad.conf:$1: $2' in: $(cat /run/err)"
}
bad 2 "unknown key 'size'" '[cache a]\nsize = 3\ndir = /x\n'
bad 1 "before any section" 'dir = /x\n'
bad 1 "has no 'dir'" '[cache a]\n'
bad 3 "unknown section" '[cache a]\ndir = /x\n[cachet]\n'
bad 4 "second time, first at line 1" '[cache a]\ndir = /x\n\n[cache a]\ndir = /y\n'
bad 2 "absolute path" '[cache a]\ndir = x\n'
bad 3 "set twice" '[cache a]\ndir = /x\ndir = /y\n'
bad 3 "100ms to 10min" '[cache a]\ndir = /x\ncommit-interval = 1h\n'
bad 3 "suspect, once or always" '[cache a]\ndir = /x\nverify = perhaps\n'
bad 1 "1 to 31 characters" '[cache a/b]\ndir = /x\n'
bad 2 "neither a section" '[cache a]\nnonsense\n'
bad 2 "has no value" '[cache a]\ndir =\n'
bad 4 "is that of .cache a. already" '[cache a]\ndir = /x\n[cache b]\ndir = /x\n'
rc=0
cachetd --config /run/none.conf 2>/run/err || rc=$?
assert_eq "$rc" 1 "no configuration: exit code"
grep -q '/run/none.conf can.t be read' /run/err || fail "no configuration: $(cat /run/err)"

cat >$conf <<END
# Two caches.
[daemon]
log-reuse = no

[cache first]
dir = $(cachet_dir first)
commit-interval = 1s

[cache second]
dir = $(cachet_dir second)
verify = once
END
cachetd -c $conf --check-config | grep 'good: 2 caches' >/dev/null || fail "a good configuration is refused"

# --- systemd's side of the socket ---
cat >/run/notify.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("/run/notify")
with open("/run/notified", "ab", buffering=0) as out:
    while True:
        out.write(s.recv(4096).replace(b"\n", b" ") + b"\n")
END
rm -f /run/notify /run/notified
/usr/bin/python3 /run/notify.py &
reader=$!
at_exit kill "$reader"
wait_until 10 test -S /run/notify || fail "no socket"

daemon=
daemon_start() {
	: >/run/notified
	NOTIFY_SOCKET=/run/notify cachetd -c $conf 2>>/run/cachetd.log &
	daemon=$!
	wait_until 10 grep -q READY=1 /run/notified || fail "not ready: $(cat /run/cachetd.log)"
}
kill_daemon() { kill -KILL "$daemon" 2>/dev/null || true; }
at_exit kill_daemon
attached() { [ -d /sys/fs/cachet/first ] && [ -d /sys/fs/cachet/second ]; }

daemon_start
attached || fail "ready, but not attached: $(cat /run/cachetd.log)"
grep -q 'READY=1 STATUS=2 caches attached, 2 configured' /run/notified ||
	fail "status: $(cat /run/notified)"

# --- reload: what somebody else has detached is attached again, also if its event comes later ---
kill -STOP "$daemon"
cachectl detach second
kill -HUP "$daemon"
kill -CONT "$daemon"
wait_until 5 attached || fail "not attached again: $(cat /run/cachetd.log)"
grep -q 'cache second: somebody else has detached it' /run/cachetd.log || fail "$(cat /run/cachetd.log)"
nfs_mount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file

# --- reload: a mistake changes nothing ---
cp $conf $conf.good
echo '[cache third' >>$conf
: >/run/notified
kill -HUP "$daemon"
wait_until 5 grep -q READY=1 /run/notified || fail "no answer to SIGHUP: $(cat /run/notified)"
grep -q RELOADING=1 /run/notified || fail "RELOADING was not told: $(cat /run/notified)"
grep -q "$conf:12: .*stays as it was" /run/cachetd.log || fail "$(cat /run/cachetd.log)"
attached || fail "detached by a mistake in the configuration"
mv $conf.good $conf

# --- bits that rot: it is told ---
for tag in first second; do
	cachectl sync --seal $tag
done
nfs_umount /mnt/nfs
kill -TERM "$daemon"
wait "$daemon" || fail "SIGTERM: exit code $?"
for tag in first second; do
	dir=$(cachet_dir $tag)
	"$VM_HELPERS/flip-bits" "$dir/data" 65536 0 $(($(stat -c %s "$dir/data") - 4096)) 1 >/run/flipped
	"$VM_HELPERS/flip-bits" "$dir/super" 512 0 512 2 >/run/flipped
done
sed -i 's/^commit-interval = 1s$/&\nverify = always/' $conf
daemon_start
nfs_mount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file
told_rot() {
	grep -q 'cache [a-z]*: digest mismatch in .* pages' /run/cachetd.log &&
		grep -q 'cache first: a record at byte .* of super is damaged' /run/cachetd.log
}
wait_until 5 told_rot || fail "not all that rotted is told: $(cat /run/cachetd.log)"
nfs_remount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file

# --- killed: caching goes on ---
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
attached || fail "detached by the death of the daemon"
nfs_remount tree /mnt/nfs
reads_of cmp /mnt/nfs/file /mnt/server/tree/file
assert_eq "$READS" 0 "without a daemon: READs at the server"
random_file /mnt/server/tree/more 1M 3
sync	# or XFS moves the change attribute when it writes them
assert_same /mnt/nfs/more /mnt/server/tree/more
nfs_remount tree /mnt/nfs
reads_of cmp /mnt/nfs/more /mnt/server/tree/more
assert_eq "$READS" 0 "without a daemon, a new file: READs at the server"
committed() { [ "$(counter first commits)" -gt 0 ]; }
wait_until 5 committed || fail "no commits without a daemon"

# --- the next one takes over, and detaches at the end ---
: >/run/cachetd.log
daemon_start
assert_eq "$(grep -c 'taken over' /run/cachetd.log)" 2 "caches taken over"
kill -TERM "$daemon"
rc=0
wait "$daemon" || rc=$?
assert_eq "$rc" 0 "SIGTERM: exit code"
wait_until 5 grep -q STOPPING=1 /run/notified || fail "STOPPING was not told: $(cat /run/notified)"
for tag in first second; do
	[ ! -d "/sys/fs/cachet/$tag" ] || fail "$tag is not detached"
done
assert_eq "$(cachectl dump --json "$(cachet_dir first)" | jq '.super.clean')" true "detached in order"
assert_same /mnt/nfs/file /mnt/server/tree/file
nfs_umount /mnt/nfs

# --- one of two is wrong: the other is attached; none: it fails ---
mv "$(cachet_dir second)/index" "$(cachet_dir second)/away"
: >/run/cachetd.log
daemon_start
[ -d /sys/fs/cachet/first ] || fail "the good one is not attached: $(cat /run/cachetd.log)"
grep -q "cache second: .*'index' is missing" /run/cachetd.log || fail "$(cat /run/cachetd.log)"
kill -TERM "$daemon"
wait "$daemon"
printf '[cache second]\ndir = %s\n' "$(cachet_dir second)" >$conf
rc=0
timeout $((10 * VM_FACTOR)) cachetd -c $conf 2>/run/err || rc=$?
assert_eq "$rc" 1 "no cache could be attached: exit code"
mv "$(cachet_dir second)/away" "$(cachet_dir second)/index"

# --- keep ---
daemon_pid() { timeout $((10 * VM_FACTOR)) cachetd --keep -c $conf 2>/run/err & }
daemon_pid
daemon=$!
wait_until 5 test -d /sys/fs/cachet/second || fail "not attached: $(cat /run/err)"
sleep 0.5
kill -TERM "$daemon"
wait "$daemon" || true
[ -d /sys/fs/cachet/second ] || fail "--keep: detached"
cachectl detach second

# --- the disk below fails: it is told, too ---
: >/run/cachetd.log
daemon_start
nfs_mount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file
cachectl sync --seal second
drop_caches
echo "data-read 5 0 8" >/sys/kernel/debug/cachet/inject
assert_same /mnt/nfs/file /mnt/server/tree/file
told() { grep -q "cache second: $1" /run/cachetd.log; }
wait_until 5 told "the device can't read data near byte" || fail "not told: $(cat /run/cachetd.log)"
echo "data-read 0 0 0" >/sys/kernel/debug/cachet/inject
random_file /mnt/server/tree/last 1M 4
assert_same /mnt/nfs/last /mnt/server/tree/last
echo "data-flush 5 0 1" >/sys/kernel/debug/cachet/inject
fails() { ! cachectl sync second 2>/dev/null; }
wait_until 10 fails || fail "a sync that could not flush has not failed"
wait_until 5 told "out of service after an I/O error" || fail "not told: $(cat /run/cachetd.log)"
cachectl events second | grep 'out of service after an I/O error' >/dev/null || fail "not among the events"
drop_caches
assert_same /mnt/nfs/file /mnt/server/tree/file
nfs_umount /mnt/nfs
kill -TERM "$daemon"
rc=0
wait "$daemon" || rc=$?
assert_eq "$rc" 1 "stopped, the last commit of one failed: exit code"
told "detached, after an I/O error" || fail "$(cat /run/cachetd.log)"
! told "can't be detached" || fail "$(cat /run/cachetd.log)"

# --- and is no news to the next one ---
: >/run/cachetd.log
daemon_start
wait_until 5 told "at .*, before this daemon: out of service" || fail "$(cat /run/cachetd.log)"
! told "out of service" || fail "said of a cache that is in service: $(cat /run/cachetd.log)"
kill -TERM "$daemon"
wait "$daemon"
