#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: bits that rot in data or index are found, told, and healed by the server
# timeout: 200
#
# One bit of each 64 KiB of data flips, or one of each page of index, while the cache
# is detached or while it is in use. With verify=always no read sees one, with
# verify=once the first does not, and scrub finds them all (invariant 6): also in
# blocks that share their bytes, in small files whose place stands in their head, and
# in files that are open. None is shared anew. What was dropped is brought anew, once. So are records of index,
# of files, segments and volumes, and a copy of super: each is counted, traced and told. A
# scrub can be interrupted, is held to its rate, and lets a detach go first.

. "$(dirname "$0")/lib.sh"

mb=3
[ "$VM_KERNEL" != stock ] || mb=1
make_xfs server 256
mkdir -p /mnt/server/tree/{a,b}
for ((i = 0; i < 4; i++)); do
	random_file "/mnt/server/tree/a/large$i" $((mb * 1048576 + i * 5000)) "$i"
done
for ((i = 0; i < 40; i++)); do
	random_file "/mnt/server/tree/a/small$i" $((i * 997 + 1)) "4$i"
done
cp -r /mnt/server/tree/a/. /mnt/server/tree/b/
nfs_export tree /mnt/server/tree
# What is healed is written anew: room for all of it, or the oldest gives way.
cachet_new rot 256M
dir=$(cachet_dir rot)
data_bytes=$(stat -c %s "$dir/data") index_bytes=$(stat -c %s "$dir/index")

look() { assert_same_tree /mnt/nfs /mnt/server/tree "$1"; }

# settle WHAT: all of it is in the cache, and sealed.
settle() {
	look "$1"
	cachectl sync --seal rot
	drop_caches
	reads_of look "$1, once more"
	assert_eq "$(counter rot segments_reused)" 0 "$1: segments reused"
	assert_eq "$READS" 0 "$1: READs once it is there"
}

rot_data() {
	local flipped
	flipped=$("$VM_HELPERS/flip-bits" "$dir/data" 65536 0 $((data_bytes - 4096)) "$1")
	note "$1: $flipped bits flipped in data"
	assert_gt "$flipped" 30 "bits flipped in data"
}

again() {
	nfs_umount /mnt/nfs
	cachectl detach rot
	"${@:2}"
	cachectl attach "--verify=$1" "$dir"
	nfs_mount tree /mnt/nfs
}

# found WHAT: blocks that did not match; sets $bad
found() {
	bad=$(counter rot digest_mismatches)
	note "$1: $bad bad blocks, $(counter rot blocks_verified) verified"
	assert_gt "$bad" 20 "$1: blocks that do not match their digest"
	assert_eq "$(counter rot io_errors)" 0 "$1: I/O errors"
}

trace=/sys/kernel/tracing
[ -e $trace/trace ] || mount -t tracefs nodev $trace
for event in corrupt record_bad; do
	echo 1 >"$trace/events/cachet/cachet_$event/enable"
done
trace_off() { echo 0 >$trace/events/cachet/enable; }
at_exit trace_off

# told WHAT LEAST EVENT TRACE: as events and as lines of trace, since the last time.
told_to=0
told() {
	local events lines
	cachectl events --json rot >/run/events
	events=$(jq -s "[.[] | select(.event == \"$3\" and .seq > $told_to)] | length" /run/events)
	lines=$(grep -c "cachet_$4:" $trace/trace || true)
	told_to=$(jq -s 'map(.seq) | max // 0' /run/events)
	echo >$trace/trace
	note "$1: $events events, $lines lines of trace"
	assert_ge "$events" "$2" "$1: events"
	assert_ge "$lines" "$2" "$1: lines of trace"
}

nfs_mount tree /mnt/nfs
settle "at first"
assert_eq "$(counter rot blocks_verified)" 0 "blocks verified without being asked to"

again always rot_data 1
look always
found always
told always 20 corrupt corrupt
before=$(counter rot blocks_verified)
settle "always, healed"
assert_eq "$(counter rot digest_mismatches)" "$bad" "always, healed: bad blocks"
assert_gt "$(counter rot blocks_verified)" "$before" "always: blocks verified, once more"

# A file that is complete comes to lie where the same bytes are stored, once these are verified: read in
# parts it has its digest later, when nothing but that keeps it from being shown what has rotted there.
for file in a/first b/second; do
	random_file "/mnt/server/tree/$file" 256K 90
done
sync -f /mnt/server
cat /mnt/nfs/a/first >/dev/null
cachectl sync --seal rot
again always rot_data 7
xfs_io -r -c "fadvise -r" -c "pread 0 128k" -c "pread 128k 128k" /mnt/nfs/b/second >/dev/null
cachectl sync --seal rot
assert_eq "$(counter rot digest_mismatches)" 1 "bad blocks that a file was to share"
assert_eq "$(stat_of /mnt/nfs/b/second shared_bytes)" 0 "bytes that it shares"
assert_eq "$(stat_of /mnt/nfs/b/second sealed_bytes)" 262144 "bytes of it that have a digest"
drop_caches
reads_of assert_same /mnt/nfs/b/second /mnt/server/tree/b/second
assert_eq "$READS" 0 "READs of it"

again once rot_data 2
look once
found once
settle "once, healed"
before=$(counter rot blocks_verified)
drop_caches
look "once, the third time"
assert_eq "$(counter rot blocks_verified)" "$before" "once: blocks verified, once more"

# scrub RC WHAT [OPTION...]: sets $bad
scrub() {
	local rc=0
	cachectl scrub --json "${@:3}" rot >/run/scrub || rc=$?
	assert_eq "$rc" "$1" "scrub, $2: exit code"
	bad=$(json_value bad </run/scrub)
	note "scrub, $2: $(json_value blocks </run/scrub) blocks, $bad bad, $(json_value passes </run/scrub) passes"
	assert_eq "$(json_value complete </run/scrub)" true "scrub, $2: complete"
}

again suspect rot_data 3
scrub 4 "idle" --rate max
assert_gt "$bad" 20 "scrub, idle: bad blocks"
scrub 0 "idle, again" --rate max
look "scrubbed while idle"
settle "scrubbed while idle, healed"

# All files are open, so that their objects are in memory and heads with a block too.
tail -qf /mnt/nfs/*/* >/run/tail &
tail=$!
wait_until 10 test -s /run/tail || fail "tail reads nothing"
look "open files"
rot_data 4
scrub 4 "open files" --rate max
assert_gt "$bad" 20 "scrub, open files: bad blocks"
scrub 0 "open files, again" --rate max
drop_caches
look "scrubbed while open"
kill "$tail"
wait "$tail" || true
settle "scrubbed while open, healed"

# Of each record; the sets are at the end.
sets=$((index_bytes - $(cachectl dump --live --json "$dir" | json_value sets) * 4096))
rot_index() { "$VM_HELPERS/flip-bits" "$dir/index" 128 "$sets" "$index_bytes" 5; }
again suspect rot_index
look index
assert_gt "$(counter rot records_bad)" 20 "bad records"
told index 20 damaged record_bad
settle "index, healed"

# Also those that nobody asks for: the key itself is damaged, or the file is gone.
nfs_umount /mnt/nfs
rot_index
scrub 0 "index" --rate max
told "index, scrubbed" 20 damaged record_bad
before=$(counter rot records_bad)
scrub 0 "index, again" --rate max
assert_eq "$(counter rot records_bad)" "$before" "index, scrubbed again: bad records"
nfs_mount tree /mnt/nfs
settle "index, healed again"

# What stands before the sets: segments and volumes.
rot_tables() { "$VM_HELPERS/flip-bits" "$dir/index" 64 4096 "$sets" 6; }
again suspect rot_tables
look tables
told tables 2 damaged record_bad
settle "tables, healed"

rot_super() { "$VM_HELPERS/flip-bits" "$dir/super" 512 0 512 7; }
again suspect rot_super
told super 1 damaged record_bad
reads_of look super
assert_eq "$READS" 0 "super: READs"

# At half of it a second it takes two seconds, and otherwise until it is interrupted.
scrub 0 "quickly" --rate max
bytes=$(json_value bytes </run/scrub)
begun=${EPOCHREALTIME/./}
scrub 0 "slowly" --rate "$((bytes / 2))"
took=$(((${EPOCHREALTIME/./} - begun) / 1000))
assert_ge "$took" 1500 "milliseconds for $bytes bytes, half of them a second"
cachectl scrub --rate 4K rot >/run/scrub 2>/run/err &
scrub=$!
# Until it has begun, it is deaf.
wait_until 3 eval "! kill -INT $scrub 2>/run/err.kill" || fail "scrub is not interrupted"
grep -q interrupted /run/err || fail "scrub says: $(cat /run/err)"
cachectl scrub --rate 200K rot >/run/scrub 2>/run/err &
scrub=$!
nfs_umount /mnt/nfs
cachectl detach rot
wait "$scrub" && fail "scrub of a detached cache succeeded"
grep -q "detached\|no cache" /run/err || fail "scrub says: $(cat /run/err)"
