#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a cache that waits, for its disk or for a server, keeps no other one waiting
# timeout: 200
#
# A server of 9p stops to answer while a file is read: a detach of the cache in use waits for
# it. So does one of a cache whose filesystem is frozen while it is written to. Meanwhile other
# caches are asked, committed, detached and attached, the one in question is asked, too,
# and who detaches it once more is told what it waits for (invariants 13, 16, 20). Once the
# server answers, or the filesystem is thawed, the detach ends in order.

. "$(dirname "$0")/lib.sh"

net_dir
mkdir -p /mnt/server/tree
for ((i = 0; i < 9; i++)); do
	random_file "/mnt/server/dir/f$i" 1M "$i"
	random_file "/mnt/server/tree/f$i" 1M "1$i"
done
p9_serve
diod=$DIOD
nfs_export tree /mnt/server/tree
cachet_new one 64M
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1

# soon COMMAND...: it must not wait
soon() { timeout $((20 * VM_FACTOR)) "$@" || fail "$*: exit code $?"; }

# going PID: does it still wait, after some time?
going() {
	sleep 1
	kill -0 "$1" 2>/dev/null
}

# others: what is done with a cache that is in no trouble, and with the one that is.
others() {
	soon cachectl status --json >/run/status
	soon cachectl sync two
	soon cachectl detach two
	soon cachectl attach "$(cachet_dir two)"
	soon cachectl volumes two >/dev/null
	soon cachectl status --json one >/run/status
	timeout $((20 * VM_FACTOR)) cachectl detach one 2>/run/err && fail "$1: detached twice"
	grep -q 'being detached already' /run/err || fail "$1: $(cat /run/err)"
	timeout $((20 * VM_FACTOR)) cachectl attach "$(cachet_dir one)" 2>/run/err &&
		fail "$1: attached while it is being detached"
	grep -q 'attached already' /run/err || fail "$1: $(cat /run/err)"
}

# detached WHAT: the detach under way ends in order.
detached() {
	local rc=0
	wait "$detach" || rc=$?
	assert_eq "$rc" 0 "$1: exit code of the detach: $(cat /run/detach)"
	cachectl attach --commit-interval 2s "$(cachet_dir one)"
	assert_eq "$(status_of one crashed)" false "$1: crashed"
}

# detach_waits FILE WHAT: somebody reads it as the server stops to answer, and the cache goes.
detach_waits() {
	exec 6<"/mnt/net/$1"	# To open it asks the server, too
	kill -STOP "$diod"
	cat <&6 >"/run/$1" &
	reader=$!
	exec 6<&-
	going $reader || fail "a server that is stopped answers"
	cachectl detach one >/run/detach 2>&1 &
	detach=$!
	going $detach || fail "$2: the detach does not wait: $(cat /run/detach)"
}

kill_daemon() { kill -KILL "$daemon" 2>/dev/null || true; }

# --- the server ---
/run/net-mount
at_exit try_umount /mnt/net
assert_same /mnt/net/f0 /mnt/server/dir/f0
assert_ge "$(counter one lookups_new)" 1 "files looked up"
cachet_new two 64M
go_on() { kill -CONT "$diod" 2>/dev/null || true; }
at_exit go_on
detach_waits f1 server
others server
going $detach || fail "server: the detach did not wait: $(cat /run/detach)"
go_on
wait $reader
assert_same /run/f1 /mnt/server/dir/f1
detached server

# --- and a daemon that comes meanwhile: it attaches what has gone ---
printf '[cache one]\ndir = %s\n' "$(cachet_dir one)" >/run/cachet.conf
drop_caches
detach_waits f2 daemon
cachetd -c /run/cachet.conf 2>/run/cachetd.log &
daemon=$!
at_exit kill_daemon
said() { grep -q "cache one: $1" /run/cachetd.log; }
wait_until 20 said "somebody is detaching it" || fail "daemon: $(cat /run/cachetd.log)"
go_on
wait $reader
wait $detach || fail "daemon: the detach: exit code $?: $(cat /run/detach)"
wait_until 20 said "attached from" || fail "daemon: $(cat /run/cachetd.log)"
kill $daemon
wait $daemon || fail "daemon: exit code $?: $(cat /run/cachetd.log)"
cachectl attach --commit-interval 2s "$(cachet_dir one)"
/run/net-umount

# --- the disk ---
cachet_mount_with one two f0
thaw() { fsfreeze --unfreeze /mnt/one 2>/dev/null || true; }
at_exit thaw
# So that there is something to commit, which then waits, too.
assert_same /mnt/nfs/f6 /mnt/server/tree/f6
soon fsfreeze --freeze /mnt/one
readers=()
for ((i = 1; i < 6; i++)); do
	cat "/mnt/nfs/f$i" >"/run/f$i" &
	readers+=($!)
done
sleep 3
cachectl detach one >/run/detach 2>&1 &
detach=$!
going $detach || fail "disk: the detach does not wait: $(cat /run/detach)"
others disk
going $detach || fail "disk: the detach did not wait: $(cat /run/detach)"
thaw
detached disk
wait "${readers[@]}"
for ((i = 1; i < 6; i++)); do
	assert_same "/run/f$i" "/mnt/server/tree/f$i"
done
