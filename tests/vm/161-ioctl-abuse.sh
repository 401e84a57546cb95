#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: no call of /dev/cachet, however wrong, does harm
# timeout: 300
#
# Each call with one thing wrong gets the documented error. What a call, a read or a file of
# sysfs writes was set by the module, each byte of it, and nothing beside it is written; so
# is what the module writes to the cache's files. 20,000 calls made of random numbers (--full:
# 1,000,000), some of which attach and detach a cache, do nothing bad. Nobody without
# CAP_SYS_ADMIN commands a cache, however the descriptor was come by: as many of such calls
# are refused (invariants 17 and 18). The caches work afterwards as before.

. "$(dirname "$0")/lib.sh"

calls=20000
[ "$VM_KERNEL" != stock ] || calls=4000
[ -z "$VM_FULL" ] || calls=1000000
# Below /: nobody must be able to run it.
mkdir -m 755 /abuse
at_exit rm -rf /abuse
cp "$VM_HELPERS/ioctl-abuse" /abuse/
chmod 755 /abuse/ioctl-abuse

make_xfs server 512
mkdir /mnt/server/tree
random_file /mnt/server/tree/file 3M
random_file /mnt/server/tree/parts $((4 << 20 | 1000)) 2
random_file /mnt/server/local 8K
cp /mnt/server/local /run/local
sync	# or XFS moves the change attribute when it writes them
nfs_server_start
nfs_export tree /mnt/server/tree
cachet_new abused 64M
cachet_new spare 16M --segment-size 1M
cachectl detach spare
nfs_mount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file

/abuse/ioctl-abuse wrong abused /mnt/nfs/file /mnt/server/local

# --- what is written ---
for skip in 0 512 1024; do
	dd if=/mnt/nfs/parts of=/dev/null bs=4K skip=$skip count=1 status=none
done
cachectl sync --seal abused
nfs_remount tree /mnt/nfs	# What is mapped comes from the cache
/abuse/ioctl-abuse leaks abused /mnt/nfs/parts /mnt/server/local "$(cachet_dir spare)"

# --- without the privilege ---
assert_eq "$(stat -c '%a %U' /dev/cachet)" "600 root" "mode of the device"
/abuse/ioctl-abuse drop
# The descriptor is root's; its user is not.
setpriv --reuid 65534 --regid 65534 --clear-groups /abuse/ioctl-abuse fd 7 7<>/dev/cachet
# uid 0, but without the capability; and with it, but in a namespace of its own.
setpriv --bounding-set -sys_admin --inh-caps -all /abuse/ioctl-abuse fd 7 7<>/dev/cachet
setpriv --bounding-set -sys_admin --inh-caps -all /abuse/ioctl-abuse open
if [ -e /proc/self/ns/user ]; then
	unshare --user --map-root-user /abuse/ioctl-abuse fd 7 7<>/dev/cachet
	unshare --user --map-root-user /abuse/ioctl-abuse open
fi
# What is counted, and so shared, is not for everybody (invariant 22).
assert_fails "counters as nobody" setpriv --reuid 65534 --regid 65534 --clear-groups \
	cat /sys/fs/cachet/abused/read_hits 2>/dev/null
rc=0
setpriv --reuid 65534 --regid 65534 --clear-groups "$(command -v cachectl)" sync abused \
	2>/run/err || rc=$?
assert_eq "$rc" 1 "cachectl as nobody: exit code"
grep -q 'become root' /run/err || fail "cachectl as nobody: $(cat /run/err)"

# --- random numbers, from who may and from who may not ---
about=(abused "$(cachet_dir abused)" spare "$(cachet_dir spare)" /mnt/nfs/file /mnt/server/local
	"$calls" "$VM_SEED")
/abuse/ioctl-abuse nobody "${about[@]}"
[ ! -d /sys/fs/cachet/spare ] || fail "nobody attached a cache"
cases "$calls" "calls that are refused"
/abuse/ioctl-abuse root "${about[@]}"
cases "$calls" "calls"
cachet_detach spare

# --- events: poll and a reader that waits ---
timeout $((10 * VM_FACTOR)) cachectl events --follow --json >/run/events &
follower=$!
wait_until 5 test -s /run/events || fail "no events"
nfs_umount /mnt/nfs
cachectl detach abused
wait_until 5 grep -q '"event":"detached"' /run/events || fail "the reader was not woken"
kill "$follower"
wait "$follower" || true
for name in abused spare; do
	/abuse/ioctl-abuse disk "$(cachet_dir $name)"/{super,index,data}
	cachectl check "$(cachet_dir $name)"
done

# --- as before: of the cache's own files, too, nothing was written that was passed for one ---
assert_same /mnt/server/local /run/local "a file that is no cache's"
cachectl attach "$(cachet_dir abused)"
nfs_mount tree /mnt/nfs
assert_same /mnt/nfs/file /mnt/server/tree/file
nfs_remount tree /mnt/nfs
reads_of cmp /mnt/nfs/file /mnt/server/tree/file
assert_eq "$READS" 0 "READs at the server"
assert_eq "$(status_of abused out_of_service)" false "out of service"
