#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cachectl-device.sh - what cachectl and cachetd make of the module's answers
#
# Runs them with cachectl-fake-device.c in front of /dev/cachet.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cachectl=${CACHECTL:-$here/../../build/tools/cachectl}
cachetd=${CACHETD:-$here/../../build/tools/cachetd}
fake=${CACHET_FAKE-$here/../../build/tools/unit/cachectl-fake-device.so}
if [ ! -x "$cachectl" ] || [ ! -x "$cachetd" ] || [ ! -e "$fake" ]; then
	echo "SKIP: not built, or built with sanitizers: make -C tools unit"
	exit 77
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export CACHET_FAKE_DIR=$tmp
mkdir "$tmp/sys"
mkfifo "$tmp/events"
failed=0

fail() {
	echo "FAIL: $*"
	cat "$tmp/out" "$tmp/err"
	failed=1
}

# run CODE COMMAND...: output to $tmp/out and $tmp/err
run() {
	local want=$1 got
	shift
	LD_PRELOAD=$fake "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" = "$want" ] || fail "exit code $got instead of $want: $*"
}

# says FILE TEXT
says() {
	grep -qF -- "$2" "$tmp/$1" || fail "'$2' is not in the output"
}

caches() {
	echo 'CACHE    REF   VOLS  OBJS  ACCES S NAME'
	echo '======== ===== ===== ===== ===== = ==============='
	for name in "$@"; do
		echo "00000001     1     0     0     0 A $name"
	done
}

"$cachectl" format --any-fs --size 40M --tag one "$tmp/one" >/dev/null || exit 1
"$cachectl" format --any-fs --size 40M --tag two "$tmp/two" >/dev/null || exit 1

# cachectl
caches one >"$tmp/caches"
run 0 "$cachectl" status
says out "no cache is attached"
run 0 "$cachectl" attach "$tmp/one"
says out "attached as 'one' in 1.2 ms"
[ -s "$tmp/err" ] && fail "a warning without a reason"
run 1 "$cachectl" attach "$tmp/one"
says err "the tag is in use; 'cachectl status'"
run 3 "$cachectl" attach "$tmp/none"
run 0 "$cachectl" status one
says out "33.3% of 3000 reads"
run 0 "$cachectl" status --json -v
says out '"bytes_missed": 4000'
says out '"commits": 0'
run 3 "$cachectl" status two
run 0 "$cachectl" volumes
[ "$(grep -c 'nfs,\\x1b' "$tmp/out")" = 100 ] || fail "not all volumes, or raw escapes"
echo >"$tmp/file"
run 0 "$cachectl" stat "$tmp/file"
says out "pages      2498-2498 sealed"
says out "pages      2500-2999 sealed"
run 3 "$cachectl" stat /dev/null
says err "on no network filesystem with a cache"
run 0 "$cachectl" sync one
run 0 "$cachectl" sync --seal --all
run 3 "$cachectl" sync two
run 0 "$cachectl" scrub --rate max one
says out "one: 8 blocks of 2.0 MiB verified, 0 bad"
echo 2 >"$tmp/bad"
run 4 "$cachectl" scrub --rate 1G --json one
says out '"bad": 2'
says out '"passes": 2'
[ -e "$tmp/bad" ] && fail "the first pass was not the first"
# What was found is told however a scrub ends, for no other finds it again.
# scrub_begin RATE BAD: in the background, until it has found so many
scrub_begin() {
	echo "$2" >"$tmp/bad"
	LD_PRELOAD=$fake "$cachectl" scrub --rate "$1" one >"$tmp/out" 2>"$tmp/err" &
	for _ in $(seq 200); do
		[ -e "$tmp/bad" ] || return	# now it knows what to do at a signal, too
		sleep 0.05
	done
	fail "no scrub"
}
# scrub_ends CODE WHY FOUND COMPLAINT
scrub_ends() {
	local got
	wait $!
	got=$?
	[ $got = "$1" ] || fail "exit code $got instead of $1: scrub, $2"
	says out "4 blocks of 1.0 MiB verified, $3; not complete"
	says err "$4"
}
for signal in INT TERM HUP; do
	scrub_begin 100K 2
	kill -$signal $!
	scrub_ends 36 "SIG$signal" "2 bad: dropped, the server will be asked for them" interrupted
done
scrub_begin 100K 0
kill -INT $!
scrub_ends 32 "SIGINT, nothing found" "0 bad" interrupted
scrub_begin 500K 2
rmdir "$tmp/sys/one"
scrub_ends 7 "detached meanwhile" "2 bad: dropped, the server will be asked for them" \
	"no cache 'one' is attached"
mkdir "$tmp/sys/one"
run 3 "$cachectl" scrub two
run 1 env CACHET_FAKE_EIO=1 "$cachectl" scrub one
says err "out of service"
run 2 "$cachectl" scrub --rate 17 one
run 0 "$cachectl" block-size --tag one --volume 3 64K
run 1 "$cachectl" block-size --tag one --volume 3 4M
says err "blocks of 4.0 MiB are too large for that cache"
run 0 "$cachectl" events
run 1 "$cachectl" dump "$tmp/one"
says err "is attached as 'one'"
run 0 "$cachectl" dump --live "$tmp/one"
run 8 "$cachectl" check --repair "$tmp/one"
says err "is attached as 'one': detach it first"
# Who can't tell does not write to it
mv "$tmp/uuid-one" "$tmp/aside"
run 8 "$cachectl" check --repair "$tmp/one"
says err "whether $tmp/one is attached could not be found out: Input/output error"
mv "$tmp/aside" "$tmp/uuid-one"
# What is told of one cache, and what was lost, of whichever
# event SEQ TYPE TAG [old]: to be read; of the year 2262, or of 1970
event() {
	local time='\xff\xff\xff\xff\xff\xff\xff\x7f'
	[ -z "${4:-}" ] || time='\0\0\0\0\0\0\0\0'
	{
		printf %b "\\x$(printf %02x "$1")"
		head -c 7 /dev/zero
		printf %b "$time"
		printf %b "\\x$(printf %02x "$2")"
		head -c 23 /dev/zero
		printf %s "$3"
		head -c $((32 - ${#3})) /dev/zero
	} >"$tmp/event"
	cat "$tmp/event" 1<>"$tmp/events"	# at once: it reads whole ones only
}
exec 9<>"$tmp/events"
event 1 5 one
event 10 5 two
event 11 9 one
run 0 "$cachectl" events one
says out "(8 events lost"
says out "the summary of a segment at byte 0 of data is damaged"
event 12 5 one
event 20 5 two
run 0 "$cachectl" events one
says out "(7 events lost"
event 21 5 one
event 30 5 two
run 0 "$cachectl" events --json one
says out '"lost_before":8'
exec 9>&-
# What users call their files
odd=$tmp/$'n\xc3\xbc\xff\033[7m'
echo >"$odd"
run 0 "$cachectl" stat --json "$odd"
says out '/n\\xc3\\xbc\\xff\\x1b[7m"'
run 0 "$cachectl" stat "$odd"
says out 'n\xc3\xbc\xff\x1b[7m'
: >"$odd"
run 3 "$cachectl" stat "$odd"
says err 'n\xc3\xbc\xff\x1b[7m is on no network filesystem'
echo >"$odd"
echo >"$tmp/"$'\xf4\x90\x80\x80'
run 0 "$cachectl" stat --json "$tmp/"$'\xf4\x90\x80\x80'
says out '\\xf4\\x90\\x80\\x80"'
mv "$odd" "$tmp/"$'n\xc3\xbc'
run 0 "$cachectl" stat "$tmp/"$'n\xc3\xbc'
says out $'/n\xc3\xbc'
run 1 env CACHET_FAKE_EIO=1 "$cachectl" detach one
says err "I/O error"
[ -e "$tmp/sys/one" ] && fail "still attached"
run 0 "$cachectl" attach "$tmp/one"
run 0 "$cachectl" detach --all
[ -e "$tmp/sys/one" ] && fail "still attached"

# Another backend first, and second
caches CacheFiles one >"$tmp/caches"
run 0 "$cachectl" attach "$tmp/one"
says err "'CacheFiles', stands first"
run 0 "$cachectl" detach one
caches one CacheFiles >"$tmp/caches"
run 0 "$cachectl" attach "$tmp/one"
says err "new mounts use 'one', the first one"

# cachetd: takes over one, attaches two at a reload, detaches both
caches one two >"$tmp/caches"
# wait_for TEXT: in the daemon's log
wait_for() {
	for _ in $(seq 100); do
		grep -qF -- "$1" "$tmp/err" && return
		sleep 0.05
	done
	fail "the daemon did not say '$1'"
}

: >"$tmp/out"
: >"$tmp/err"
printf '[cache one]\ndir=%s\n[cache wrong]\ndir=%s\n' "$tmp/one" "$tmp/two" >"$tmp/conf"
LD_PRELOAD=$fake "$cachetd" --config "$tmp/conf" 2>"$tmp/err" &
daemon=$!
wait_for "cache one: was attached already, taken over"
wait_for "holds a cache named 'two'"
printf '[cache one]\nbad=1\n' >"$tmp/conf"
sleep 0.2
kill -HUP "$daemon"
wait_for "$tmp/conf:2: unknown key 'bad'"
printf '[cache two]\ndir=%s\n' "$tmp/two" >"$tmp/conf"
kill -HUP "$daemon"
wait_for "cache one: is no longer configured"
wait_for "cache two: attached from"
kill -TERM "$daemon"
wait "$daemon" || fail "cachetd ended with $?"
[ -z "$(ls "$tmp/sys")" ] || fail "cachetd left caches attached"

# What somebody else detaches: the module is asked, whatever became of the event
printf '[cache one]\ndir=%s\n[cache two]\ndir=%s\n' "$tmp/one" "$tmp/two" >"$tmp/conf"
: >"$tmp/err"
LD_PRELOAD=$fake "$cachetd" --config "$tmp/conf" 2>>"$tmp/err" &
daemon=$!
wait_for "cache two: attached from"
event 7 5 two
wait_for "cache two: volume 0 came into use"
# not read yet, or read when it was attached: at a reload
rmdir "$tmp/sys/one"
: >"$tmp/err"
kill -HUP "$daemon"
wait_for "configuration read again"
says err "cache one: somebody else has detached it"
says err "cache one: attached from"
[ -e "$tmp/sys/one" ] || fail "not attached again at a reload"
# lost: when that is seen
rmdir "$tmp/sys/one"
: >"$tmp/err"
event 10 5 two
wait_for "2 events were lost"
wait_for "cache one: somebody else has detached it"
# older than our attach: it tells nothing
: >"$tmp/err"
event 11 2 two
event 12 5 two
wait_for "cache two: volume 0 came into use"
grep -q detached "$tmp/err" && fail "a detach that is long past is believed"
# another one by the name of ours is not ours to detach
cp "$tmp/uuid-one" "$tmp/uuid-two"
: >"$tmp/err"
kill -TERM "$daemon"
wait "$daemon" || fail "cachetd ended with $?"
says err "cache two: somebody else has detached it"
[ -e "$tmp/sys/two" ] || fail "cachetd detached somebody else's cache"
rmdir "$tmp/sys/two"
printf '[cache two]\ndir=%s\n' "$tmp/two" >"$tmp/conf"

# One that is being detached, by the daemon before this one perhaps: attached when that ends
printf '[cache %s]\ndir=%s\n' one "$tmp/one" two "$tmp/two" wrong "$tmp/none" >"$tmp/conf"
run 0 "$cachectl" attach "$tmp/one"
run 0 "$cachectl" attach "$tmp/two"
touch "$tmp/leaving-one" "$tmp/out-two"
run 0 "$cachectl" status one
says out "is being detached"
: >"$tmp/err"
LD_PRELOAD=$fake "$cachetd" --config "$tmp/conf" 2>>"$tmp/err" &
daemon=$!
wait_for "cache one: somebody is detaching it"
# Out of service before it came, and no event says so
wait_for "cache two: out of service after an I/O error: Input/output error"
event 1 3 one old
wait_for "before this daemon: out of service"
grep -q "cache one: out of service" "$tmp/err" && fail "a cache is said to be out of service that is not"
sleep 1.5
touch "$tmp/busy-one"
rm "$tmp/leaving-one"
rmdir "$tmp/sys/one"
# Not everything that it had goes at once
sleep 1.5
rm "$tmp/busy-one"
wait_for "cache one: attached from"
grep -q 'cache one: .*in use' "$tmp/err" && fail "it was not waited for"
[ "$(grep -c 'cache wrong:' "$tmp/err")" = 1 ] || fail "another one is tried again"
[ "$(grep -c 'somebody is detaching it' "$tmp/err")" = 1 ] || fail "said again and again"
touch "$tmp/out-one"
event 2 3 one
wait_for "cache one: out of service after an I/O error"
rm "$tmp/out-one" "$tmp/out-two"
kill -TERM "$daemon"
wait "$daemon" || fail "cachetd ended with $?"
printf '[cache two]\ndir=%s\n' "$tmp/two" >"$tmp/conf"

# --keep, and a detach that fails
: >"$tmp/err"	# what the one before said is not an answer
LD_PRELOAD=$fake "$cachetd" --keep --config "$tmp/conf" 2>"$tmp/err" &
daemon=$!
wait_for "cache two: attached from"
kill -TERM "$daemon"
wait "$daemon" || fail "cachetd --keep ended with $?"
[ -e "$tmp/sys/two" ] || fail "--keep detached a cache"
: >"$tmp/err"
CACHET_FAKE_EIO=1 LD_PRELOAD=$fake "$cachetd" --config "$tmp/conf" 2>"$tmp/err" &
daemon=$!
wait_for "taken over"
kill -TERM "$daemon"
wait "$daemon" && fail "a detach that failed was not told"
says err "detached, after an I/O error"

# None can be attached
printf '[cache none]\ndir=%s\n' "$tmp/none" >"$tmp/conf"
run 1 "$cachetd" --config "$tmp/conf"
says err "none of the 1 configured caches"

[ "$failed" = 0 ] && echo "cachectl-device: ok"
exit "$failed"
