#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what cachectl preload has read is in the cache, after an interruption too
#
# A tree of small files, a large one, and names that are no text, over a link with a delay.
# Preloaded, and mounted anew, reading it asks the server for nothing. A preload that was
# interrupted, and is begun again, asks for nothing a second time but what was on its way.
# A user preloads what that user may read, and is told of the rest.

. "$(dirname "$0")/lib.sh"

nr=300
[ "$VM_KERNEL" = uml ] || nr=60

make_xfs server 512
tree=/mnt/server/tree
mkdir -p $tree/small $tree/a/b
random_file /run/all 8M
for ((i = 0; i < nr; i++)); do
	dd if=/run/all of=$tree/small/f$i bs=1K skip=$((i * 7)) count=$((i % 16 + 1)) status=none
done
random_file $tree/large 9M 2
random_file "$tree/a/b/"$'n\xff\nme' 12345 3
: >$tree/empty
ln -s large $tree/link
nfs_server_start
nfs_export tree $tree
cachet_new main 64M --segment-size 1M
nfs_mount tree /mnt/nfs

[ "$VM_KERNEL" != stock ] || modprobe sch_netem
tc qdisc add dev lo root netem delay 1ms
at_exit tc qdisc del dev lo root

# --- a user: what may be read ---
chmod 700 $tree/a
preload_as() { setpriv --reuid 65534 --regid 65534 --clear-groups cachectl preload "$@"; }
assert_fails "a tree with what is not its own" preload_as -r --json /mnt/nfs >/run/user 2>/run/user.err
grep -q 'nfs/a: Permission denied' /run/user.err || fail "not told: $(cat /run/user.err)"
assert_eq "$(json_value files </run/user)" $((nr + 2)) "files that anybody may read"
chmod 755 $tree/a
nfs_remount tree /mnt/nfs
cachectl detach main
rm -rf "$(cachet_dir main)"
cachectl format --size 64M --segment-size 1M --tag main "$(cachet_dir main)"
cachectl attach "$(cachet_dir main)"
nfs_remount tree /mnt/nfs

# --- interrupted, and begun again ---
sent=$(server_read_bytes)
cachectl preload -r --json --rate 2M --files 4 /mnt/nfs >/run/first 2>/run/first.err &
pid=$!
some() { [ $(($(server_read_bytes) - sent)) -gt 2000000 ]; }
wait_until 20 some || fail "2 MB were not read"
kill -INT $pid
wait $pid && fail "interrupted, and it says that it came to its end"
grep -q 'interrupted; what was read until then is cached' /run/first.err ||
	fail "not told: $(cat /run/first.err)"
assert_eq "$(json_value complete </run/first)" false "complete"
first=$(($(server_read_bytes) - sent))
note "interrupted after $(json_value files </run/first) files, $first bytes from the server"
nfs_remount tree /mnt/nfs
cachectl preload -r --json /mnt/nfs >/run/second
assert_eq "$(json_value complete </run/second)" true "complete"
assert_eq "$(json_value files </run/second)" $((nr + 3)) "files"
whole=$(find $tree -type f -printf '%s\n' | awk '{ n += $1 } END { print n }')
assert_eq "$(json_value bytes </run/second)" "$whole" "bytes that were read"
sent=$(($(server_read_bytes) - sent))
note "$sent bytes from the server, for $whole"
# Of the first time no more was for nothing than what was on its way when it was interrupted.
assert_le "$sent" $((whole + first / 2)) "bytes from the server, in both"

# --- it is all there ---
nfs_remount tree /mnt/nfs
missed=$(counter main bytes_missed)
reads_of assert_same_tree /mnt/nfs $tree "preloaded"
assert_eq "$READS" 0 "READs of what was preloaded"
assert_eq "$(counter main bytes_missed)" "$missed" "bytes missed"
