#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cachectl-check.sh - cachectl check finds what is wrong, and repair takes it away
#
# check-image makes the caches: whole, broken in one way each, and as a crash
# leaves them. Promises 4, 6 and 11 of a repair: it brings nothing back that could
# be wrong, and one that is interrupted leaves a cache that can be used.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cachectl=${CACHECTL:-$here/../../build/tools/cachectl}
image=${CHECK_IMAGE:-$(dirname "$cachectl")/unit/check-image}
fault=$(dirname "$image")/check-fault.so
if [ ! -x "$cachectl" ] || [ ! -x "$image" ] || [ ! -e "$fault" ]; then
	echo "SKIP: the tools, check-image or check-fault are not built: make unit-build"
	exit 77
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

fail() {
	echo "FAIL: $*"
	failed=1
}

# run CODE COMMAND...: output to $tmp/out
run() {
	local want=$1 got
	shift
	"$@" >"$tmp/out" 2>&1
	got=$?
	[ "$got" = "$want" ] || {
		fail "exit code $got instead of $want: $*"
		cat "$tmp/out"
	}
}

says() {
	grep -qE -- "$1" "$tmp/out" || {
		fail "'$1' is not in the output:"
		cat "$tmp/out"
	}
}

# counts NAME VALUE: in the JSON that the last command printed
counts() {
	local got
	got=$(grep -o "\"$1\":[0-9]*" "$tmp/out" | head -n 1)
	[ "$got" = "\"$1\":$2" ] || {
		fail "$1 is not $2: $got"
		cat "$tmp/out"
	}
}

digest() {
	sha256sum "$tmp/c/super" "$tmp/c/index" "$tmp/c/data"
}

fresh() {
	rm -rf "$tmp/c"
	"$cachectl" format --any-fs --size 12M "$tmp/c" >/dev/null || exit 1
	"$image" "$tmp/c" "$@" || exit 1
}

# The command line, and what is no cache
run 0 "$cachectl" check --help
run 16 "$cachectl" check
run 16 "$cachectl" check --frobnicate "$tmp"
run 16 "$cachectl" check one two
run 8 "$cachectl" check "$tmp"
says 'holds no cache'
run 8 "$cachectl" check "$tmp/none"
run 8 "$cachectl" check --json "$tmp/none"
says '"verdict":"failed"'

# A new cache
"$cachectl" format --any-fs --size 12M "$tmp/c" >/dev/null
before=$(digest)
run 0 "$cachectl" check "$tmp/c"
says ': clean$'
run 0 "$cachectl" check --repair --digests "$tmp/c"
[ "$(digest)" = "$before" ] || fail "a repair of a good cache wrote to it"

# A cache with something in it
fresh fill
before=$(digest)
run 0 "$cachectl" check --json --digests "$tmp/c"
counts objects 2
counts blocks 3
counts contents 2
counts volumes 3
counts segments 1
counts summaries 1
counts summary_entries 2
counts digests 4
counts void_records 0
counts contents_missing 0
if command -v python3 >/dev/null; then
	python3 -c "import json; json.load(open('$tmp/out'))" || fail "no JSON"
fi
run 0 "$cachectl" check --repair --digests -v "$tmp/c"
[ "$(digest)" = "$before" ] || fail "a repair of a good cache wrote to it"

# breaks TEXT CHECK-OPTIONS COMMAND...: found, not touched, corrected, gone
breaks() {
	local text=$1 options=$2 sum
	shift 2
	fresh fill "$@"
	sum=$(digest)
	# shellcheck disable=SC2086	# none or more options
	run 4 "$cachectl" check $options "$tmp/c"
	says "$text.* \(not corrected\)$"
	[ "$(digest)" = "$sum" ] || fail "$*: a check without --repair wrote to the cache"
	# shellcheck disable=SC2086
	run 1 "$cachectl" check --json $options --repair "$tmp/c"
	counts errors_left 0
	# shellcheck disable=SC2086
	run 0 "$cachectl" check --json --digests "$tmp/c"
	says '"verdict":"clean"'
	says '"detached_in_order":true'
}

breaks 'object record in set [0-9]+: checksum' '' bad_record
counts objects 1
breaks 'segment 0: wrong checksum' '' bad_segment
counts objects 2
counts blocks 0
counts void_records 4
breaks 'record of segment 1: of an epoch that never was' '' future_segment
breaks 'volume slot 0: wrong checksum' '' bad_volume
counts volumes 2
# It is no gap at any time: a repair may end between any two writes
run 0 "$cachectl" dump --volumes "$tmp/c"
says 'volume place=0 slot=lost'
breaks 'volume slot 1: empty, although slot 2' '' volume_gap
counts volumes 2
# A place that has lost its volume says so: no fault, and no gap.
fresh fill volume_lost
before=$(digest)
run 0 "$cachectl" check --json "$tmp/c"
says '"verdict":"clean"'
counts volumes 2
run 0 "$cachectl" check --repair "$tmp/c"
[ "$(digest)" = "$before" ] || fail "a repair of a cache with a lost volume wrote to it"
run 0 "$cachectl" dump --volumes "$tmp/c"
says 'lost'
breaks 'volume slot 0: wrong checksum' '' volume_lost bad_volume
counts volumes 1
breaks 'volume slot 0: the same volume' '' volume_twice
counts volumes 3
breaks 'volume slot 3: of a generation that never was' '' volume_future
counts volumes 3
breaks 'volume slot 3: since a generation that never was' '' volume_void_later
counts volumes 3
fresh fill volume_void
run 0 "$cachectl" check --json "$tmp/c"
counts volumes 4
run 0 "$cachectl" dump --volumes --json "$tmp/c"
counts since 0
says '"since":[1-9]'
breaks 'volume slot 3: of an id that was never given out' '' volume_id
counts volumes 3
breaks 'volume slot 3: its id is that of another' '' volume_same_id
counts volumes 3
breaks 'summary of segment 0: wrong checksum' '' bad_summary
counts summaries 0
breaks 'summary of segment 0: an entry of no block' '' odd_summary
breaks 'extent record in set [0-9]+: the bytes do not match' --digests rot
counts blocks 2
counts contents 1
breaks 'object record in set [0-9]+, the first block: the bytes do not match' --digests rot_head
counts objects 2
counts blocks 2
counts contents 1
run 0 "$cachectl" dump --records "$tmp/c"
says 'kind=object .*flags=\{pinned\}'
breaks 'object record in set [0-9]+, the first block: the bytes do not match' --digests rot_head_twice
run 0 "$cachectl" dump --records "$tmp/c"
! grep -E 'kind=extent .*fp=41' "$tmp/out" || fail "maps that a bad head had hidden are left"
breaks 'object record.*where nobody looks' '' wrong_set
breaks 'object record.*same key' '' twice
counts objects 1
breaks 'object record.*an epoch that never was' '' future
breaks 'object record.*generation that never was' '' future_generation
breaks 'extent record.*segment generation that never was' '' future_piece
breaks 'extent record.*overlap' '' overlap
breaks 'extent record.*leave a gap' '' gap
breaks 'extent record.*free segment' '' into_free
breaks 'extent record.*pinned, and points into a segment that is not' '' not_pinned
breaks 'extent record.*summary of a segment' '' into_summary
breaks 'extent record.*behind what was written' '' behind_used
breaks 'extent record.*beyond its block' '' beyond_block

# Without --digests nobody reads the bytes
fresh fill rot
run 0 "$cachectl" check "$tmp/c"

# One copy of super, each in turn; then both
for copy in 0 1; do
	fresh fill
	printf '\377' | dd of="$tmp/c/super" bs=1 seek=$((copy * 4096 + 100)) conv=notrunc status=none
	# With the newer copy gone, the older one speaks of a cache in use
	run 4 "$cachectl" check "$tmp/c"
	says "copy $copy of super: super is damaged"
	run 1 "$cachectl" check --repair "$tmp/c"
	run 0 "$cachectl" check "$tmp/c"
done
fresh fill super_misplaced
run 4 "$cachectl" check "$tmp/c"
says 'belongs to the other copy'
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check "$tmp/c"
for copy in 0 1; do
	printf '\377' | dd of="$tmp/c/super" bs=1 seek=$((copy * 4096 + 100)) conv=notrunc status=none
done
before=$(digest)
run 4 "$cachectl" check --repair "$tmp/c"
says "super can't be used.*cachectl format"
[ "$(digest)" = "$before" ] || fail "a repair without a super wrote to the cache"

# What no repair corrects, and so does not touch
fresh fill bad_record
truncate -s 8M "$tmp/c/data"
before=$(digest)
run 4 "$cachectl" check --repair "$tmp/c"
says 'data at .*shorter than super says'
says 'cachectl format'
[ "$(digest)" = "$before" ] || fail "a repair that is no use wrote to the cache"
fresh fill index_id
truncate -s 12K "$tmp/c/super"
before=$(digest)
run 4 "$cachectl" check --repair "$tmp/c"
says 'super at 0: 12288 bytes long'
[ "$(digest)" = "$before" ] || fail "a repair without the right super wrote to the cache"

# The id pages: byte for byte what format made
# ids: their digest; of index and data.
id_at() { [ "$1" = index ] && echo 0 || echo $(($(stat -c %s "$tmp/c/data") / 4096 - 1)); }
ids() {
	for file in index data; do
		dd if="$tmp/c/$file" bs=4096 skip="$(id_at $file)" count=1 status=none | sha256sum
	done
}
# overwrite FILE FROM: its id page, with what comes
overwrite() { dd if="$2" of="$tmp/c/$1" bs=4096 seek="$(id_at "$1")" count=1 conv=notrunc status=none; }

# remade TEXT: both pages are as in $whole after a repair, and what counts is all of `fill`
remade() {
	before=$(digest)
	run 4 "$cachectl" check "$tmp/c"
	says "$1: no attach takes the file \(not corrected\)$"
	[ "$(digest)" = "$before" ] || fail "$1: a check without --repair wrote to the cache"
	run 1 "$cachectl" check --repair "$tmp/c"
	says "$1: no attach takes the file \(written anew\)$"
	[ "$(ids)" = "$whole" ] || fail "$1: not what format makes"
	run 0 "$cachectl" check --json --digests "$tmp/c"
	counts objects 2
	counts blocks 3
	counts digests 4
}

for file in index data; do
	fresh fill
	whole=$(ids)
	"$image" "$tmp/c" "${file}_id"
	remade "^$file at [0-9]*: the id page is damaged"
	overwrite "$file" /dev/zero
	remade "^$file at [0-9]*: the id page is damaged"
	overwrite "$file" /dev/urandom
	remade "^$file at [0-9]*: the id page is damaged"
	says '"detached_in_order":true'
	# Its magic alone, which its crc is not of
	printf x | dd of="$tmp/c/$file" bs=1 seek=$(($(id_at "$file") * 4096)) conv=notrunc status=none
	remade "^$file at [0-9]*: the id page is damaged"
done
fresh fill bad_record index_id data_id
run 1 "$cachectl" check --repair --json "$tmp/c"
counts errors_corrected 3
run 0 "$cachectl" check "$tmp/c"
# A new cache, and one that crashed
fresh index_id data_id
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check "$tmp/c"
fresh fill crash index_id data_id
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check --json "$tmp/c"
counts verify_blocks 1
says '"detached_in_order":false'

# A page that names another cache: neither file is touched, nor what else is wrong
# refuses TEXT: a repair says so, and changes nothing
refuses() {
	before=$(digest)
	run 4 "$cachectl" check --repair "$tmp/c"
	says "$1.*no attach takes .*\(not corrected\)$"
	says 'restore the files .*, or remove the three and run .cachectl format'
	[ "$(digest)" = "$before" ] || fail "$1: a repair wrote to the cache"
}
other=$tmp/other
fresh fill
mv "$tmp/c" "$other"
for file in index data; do
	fresh fill bad_record
	cp "$other/$file" "$tmp/c/$file"
	refuses "$file at [0-9]*: the file is of another cache"
	printf x | dd of="$tmp/c/$file" bs=1 seek=$(($(id_at "$file") * 4096)) conv=notrunc status=none
	refuses "$file at [0-9]*: the file is of another cache"
	# And one that no longer says so, but the rest of it does
	overwrite "$file" /dev/zero
	[ $file = data ] || refuses "index.*damaged, and no record of its segment table is of this cache"
	[ $file = index ] || refuses "data.*damaged, and 1 summaries in it are of another cache"
done
fresh fill other_summary data_id
refuses 'data.*damaged, and 1 summaries in it are of another cache'
fresh fill other_summary
run 0 "$cachectl" check "$tmp/c"
# One is damaged, which could be mended, and the other is of another cache
fresh fill index_id
cp "$other/data" "$tmp/c/data"
refuses 'data at [0-9]*: the file is of another cache'

# Summaries that should be there are not; unless a crash took them
fresh fill bad_summary data_id
refuses 'data.*damaged, and of 1 summaries that index knows of none is in it'
for crash in crash after_crash; do
	fresh fill bad_summary $crash data_id
	run 4 "$cachectl" check "$tmp/c"
	says 'data.*damaged, and no summary says whose it is: all that is in it is lost'
done

# Nothing to tell by: no byte of the file may be served
unproven() {
	before=$(digest)
	run 4 "$cachectl" check --json "$tmp/c"
	counts blocks 3
	says 'no summary says whose it is: all that is in it is lost'
	[ "$(digest)" = "$before" ] || fail "a check without --repair wrote to the cache"
	run 1 "$cachectl" check --repair "$tmp/c"
	says 'written anew, the segment table emptied'
	run 0 "$cachectl" check --json --digests "$tmp/c"
	counts segments 0
	counts blocks 0
	counts contents 0
	counts void_records 4
	counts volumes 3
}
fresh fill no_summary data_id
unproven
# Not even where no segment is in use
fresh fill no_summary reused data_id into_free
run 1 "$cachectl" check --repair "$tmp/c"
says 'data at [0-9]*: the id page is damaged: .* \(written anew, the segment table emptied\)'
run 0 "$cachectl" check --json "$tmp/c"
counts blocks 0
counts errors_corrected 0
fresh fill no_summary
"$image" "$other" no_summary
cp "$other/data" "$tmp/c/data"
overwrite data /dev/zero
unproven

# Pages that can't be read, and what the page cache would bring with them
export CHECK_FAULT_BAD=$tmp/bad
mkdir "$tmp/bad"
faulted() { LD_PRELOAD=$fault "$cachectl" "$@"; }
direct=1
dd if="$tmp/c/super" of=/dev/null bs=4096 count=1 iflag=direct status=none 2>/dev/null || {
	direct=
	echo "no direct I/O on $tmp: pages that can't be read are not tried"
}
for file in ${direct:+index data}; do
	fresh fill
	whole=$(ids)
	# The other one is damaged meanwhile
	[ "$file" = index ] && "$image" "$tmp/c" data_id
	[ "$file" = data ] && "$image" "$tmp/c" index_id
	page=$tmp/bad/$file.$(id_at "$file")
	: >"$page"
	run 4 faulted check "$tmp/c"
	says "^$file at [0-9]*: the id page can't be read: no attach takes the file \(not corrected\)$"
	[ -e "$page" ] || fail "a check without --repair wrote to the cache"
	run 1 faulted check --repair "$tmp/c"
	says "^$file at [0-9]*: the id page can't be read: no attach takes the file \(written anew\)$"
	[ ! -e "$page" ] || fail "$file: its id page was not written past the page cache"
	[ "$(ids)" = "$whole" ] || fail "$file: not what format makes"
	run 0 faulted check --json --digests "$tmp/c"
	counts blocks 3
done
if [ "$direct" ]; then
	# A copy of super does not take the other one with it
	fresh fill
	: >"$tmp/bad/super.0"
	run 4 faulted check "$tmp/c"
	says 'copy 0 of super: Input/output error'
	# Nor do both: they may be good, and come back with the device
	: >"$tmp/bad/super.1"
	run 8 faulted check "$tmp/c"
	says "super can't be read: copy 0: Input/output error; copy 1: Input/output error"
	! grep 'cachectl format' "$tmp/out" || fail "a cache whose super can't be read is given up"
	rm "$tmp/bad/super.0" "$tmp/bad/super.1"
	run 0 "$cachectl" check "$tmp/c"
	# Where so much is bad, it is the device: what is left stays, and what it may still hold
	fresh fill many_heads
	: >"$tmp/bad/data.0"
	run 9 faulted check --repair --digests "$tmp/c"
	says "more than 64 blocks can't be read: the device is failing"
	rm "$tmp/bad/data.0"
	run 0 "$cachectl" check --json --digests "$tmp/c"
	counts objects 72
	# A segment table that can't be read speaks for nothing
	fresh fill no_summary data_id
	: >"$tmp/bad/index.1"
	run 1 faulted check --repair "$tmp/c"
	says 'written anew, the segment table emptied'
	run 0 faulted check --json "$tmp/c"
	counts blocks 0
	# But the summaries do; the rest is for an attach
	fresh fill data_id
	: >"$tmp/bad/index.1"
	run 9 faulted check --repair "$tmp/c"
	says 'data at [0-9]*: the id page is damaged: .* \(written anew\)'
	says "can't be read to its end: Input/output error; an attach does without"
	rm "$tmp/bad/index.1"
	run 0 "$cachectl" check --json "$tmp/c"
	counts blocks 3
fi

# What is void is no error
fresh fill reused headless
run 0 "$cachectl" check --json "$tmp/c"
counts objects 2
counts void_records 5
run 0 "$cachectl" check -v "$tmp/c"
says 'extent record: void.*harmless'

# As a crash leaves it: clean, and what will be dropped is told
fresh fill crash
before=$(digest)
run 0 "$cachectl" check "$tmp/c"
says 'not detached in order'
says 'next attach drops 1 files, 2 maps of blocks \(12.0 KiB\), 1 places of digests, and verifies 1 blocks \(4.0 KiB\)'
run 0 "$cachectl" check --repair "$tmp/c"
[ "$(digest)" = "$before" ] || fail "a repair of a crashed cache without errors wrote to it"
# In doubt, and with the wrong bytes: dropped, but no error
printf '\377' | dd of="$tmp/c/data" bs=1 seek=$((5 * 4096)) conv=notrunc status=none
run 0 "$cachectl" check --json --digests "$tmp/c"
counts verify_blocks 0
counts drop_blocks 3

# After many crashes the next attach gives up more than what this one lost
fresh fill often
run 0 "$cachectl" check --json "$tmp/c"
counts objects 3
counts drop_objects 1
fresh fill often bad_record
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check --json "$tmp/c"
counts objects 2
counts drop_objects 1

# A volume of whose slot the one before was not written, and of which it was taken later
fresh fill crash volume_torn
before=$(digest)
run 0 "$cachectl" check --verbose "$tmp/c"
says 'volume slot 4: of a crash, and not found: a slot before it is empty'
run 0 "$cachectl" check --json --repair "$tmp/c"
counts volumes 3
[ "$(digest)" = "$before" ] || fail "a repair of a crashed cache without errors wrote to it"
fresh fill crash volume_torn_twice
run 0 "$cachectl" check --verbose "$tmp/c"
says 'volume slot 4: of a crash, and not found: the same volume stands in a slot before it'
run 0 "$cachectl" check --json "$tmp/c"
counts volumes 4

# What a crash left in a segment that was free before is lost with it, and so no error
fresh fill crash lost_segment
run 0 "$cachectl" check --json "$tmp/c"
counts void_records 0
counts drop_blocks 3
counts drop_bytes 16384
counts drop_contents 2

# A repair of it: what the crash left is as much in doubt as before, and it stays crashed
fresh fill crash bad_record
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check --json "$tmp/c"
counts objects 1
counts drop_objects 1
counts drop_blocks 2
counts verify_blocks 1
says '"detached_in_order":false'
"$cachectl" dump --json "$tmp/c" >"$tmp/out"
says '"first":6,"last":21'

# Rebuilding: the place of a digest comes back, if the bytes have it
fresh fill no_content
run 0 "$cachectl" check --json "$tmp/c"
counts contents 1
counts contents_missing 1
run 0 "$cachectl" check --json --repair "$tmp/c"
counts contents_rebuilt 1
run 0 "$cachectl" check --json --digests "$tmp/c"
counts contents 2
counts contents_missing 0
says '"detached_in_order":true'
fresh fill no_content
printf '\377' | dd of="$tmp/c/data" bs=1 seek=7 conv=notrunc status=none
run 0 "$cachectl" check --json --repair "$tmp/c"
counts contents_rebuilt 0

# A head or a map does not: nobody knows which version of the file it was of
fresh fill bad_record
run 1 "$cachectl" check --repair "$tmp/c"
run 0 "$cachectl" check --json "$tmp/c"
counts objects 1

# What a crash may tear is no error, long after the crash; without one it is (above)
fresh fill after_crash bad_summary behind_used
run 0 "$cachectl" check --json "$tmp/c"
counts summaries_torn 1
counts blocks 4
says '"detached_in_order":true'
fresh fill crash torn_twice
run 0 "$cachectl" check --json "$tmp/c"
counts objects 2
counts drop_objects 2
counts void_records 1

# No regular file: nothing that anybody should remove
fresh fill
rm "$tmp/c/super"
mkfifo "$tmp/c/super"
run 8 "$cachectl" check --repair "$tmp/c"
says 'not a regular file'

# Whatever the records say, with the right checksums: a repair comes to an end, nothing
# wrong is left, and a second one has nothing to do
for ((CHECK_SEED = 1; CHECK_SEED <= ${CHECK_SEEDS:-25}; CHECK_SEED++)); do
	export CHECK_SEED
	state=
	[ $((CHECK_SEED % 3)) != 0 ] || state=crash
	# shellcheck disable=SC2086	# one or none
	fresh fill $state anything
	before=$(digest)
	"$cachectl" check --digests "$tmp/c" >"$tmp/out" 2>&1
	code=$?
	case $code in
	0 | 4) ;;
	*) fail "seed $CHECK_SEED: exit code $code" && cat "$tmp/out" ;;
	esac
	[ "$(digest)" = "$before" ] || fail "seed $CHECK_SEED: a check without --repair wrote to the cache"
	run $((code / 4)) "$cachectl" check --digests --repair "$tmp/c"
	run 0 "$cachectl" check --digests "$tmp/c"
done

# Nobody reads what it says: the repair is brought to an end all the same
CHECK_SEED=1 fresh fill anything
exec 9> >(:)
wait $!
"$cachectl" check --repair "$tmp/c" >&9 2>"$tmp/err"
code=$?
exec 9>&-
[ "$code" = 9 ] || fail "with nobody reading: exit code $code"
grep -q "output can't be written" "$tmp/err" || fail "with nobody reading: $(cat "$tmp/err")"
run 0 "$cachectl" check --json "$tmp/c"
says '"detached_in_order":true'

# Somebody else works there
fresh fill
exec 9<"$tmp/c"
flock -n 9
run 8 "$cachectl" check "$tmp/c"
says 'another cachectl is working there'
exec 9<&-

# A repair commits in the order of the module, and the copy of super that counts is last
# faulty HOW AT: a repair of what $broken makes, with a fault at step AT; its exit code in $code
unreadable=
faulty() {
	fresh fill "${broken[@]}"
	[ -z "$unreadable" ] || : >"$tmp/bad/$unreadable"
	rm -f "$tmp/steps"
	# In a subshell, which says nothing when it is killed
	(
		export CHECK_FAULT=$1 CHECK_FAULT_AT=$2 CHECK_FAULT_LOG=$tmp/steps
		faulted check --json --repair "$tmp/c" >"$tmp/out" 2>&1
		exit $?
	) 2>/dev/null
	code=$?
}

# What is in front of others in the table of volumes leaves no gap: these would not be found
no_gap() {
	"$cachectl" check "$tmp/c" >"$tmp/out" 2>&1
	! grep -E 'volume slot .*(empty|emptied)' "$tmp/out" || fail "$*: volumes are lost"
}

broken=(volume_gap)
faulty none 0
order=$(uniq "$tmp/steps" | paste -sd,)
# First both copies of super say that it is in use.
begin='write super,flush super'
end='flush data,flush index,write super,flush super'
# Within: first the place where a volume goes, then that from which it came
[ "$order" = "$begin,$begin,write index,flush index,write index,$end" ] ||
	fail "a volume is moved in this order: $order"
broken=(bad_record twice bad_volume no_content)
faulty none 0
counts objects 0
counts errors_corrected 4
steps=$(wc -l <"$tmp/steps")
[ "$code" = 1 ] || fail "a repair with check-fault: exit code $code"
[ "$steps" -ge 10 ] || fail "a repair has $steps steps"
order=$(uniq "$tmp/steps" | paste -sd,)
# Of two records with the same key first the second, which nobody would find, then the first
changes='write index,flush index,write index,flush index,write index'
[ "$order" = "$begin,$begin,$changes,$end" ] ||
	fail "a repair writes in this order: $order"

# mended: whatever came in between, the next repair ends it
mended() {
	"$cachectl" check --json --repair "$tmp/c" >"$tmp/out" 2>&1
	got=$?
	[ "$got" -le 1 ] || fail "$*: exit code $got of the next repair"
	run 0 "$cachectl" check --json --digests "$tmp/c"
	counts volumes 2
	# Of the two records both are gone, or the one is left that was found before
	case $(grep -oE '"(objects|blocks)":[0-9]+' "$tmp/out" | paste -sd,) in
	'"objects":0,"blocks":0' | '"objects":1,"blocks":2') ;;
	*)
		fail "$*: of two records the wrong one is left"
		cat "$tmp/out"
		;;
	esac
}

for ((at = 1; at <= steps; at++)); do
	# Interrupted: what was begun is committed
	faulty int "$at"
	case $code in
	33) says '"verdict":"interrupted"' ;;
	1) ;;
	*) fail "interrupted at step $at: exit code $code" ;;
	esac
	tail -n 2 "$tmp/steps" | paste -sd, | grep -x 'write super,flush super' >/dev/null ||
		fail "interrupted at step $at: not committed"
	no_gap "interrupted at step $at"
	mended "interrupted at step $at"
	says '"detached_in_order":true'

	faulty eio "$at"
	[ $((code & 8)) = 8 ] || fail "an error at step $at: exit code $code"
	no_gap "an error at step $at"
	mended "an error at step $at"

	# Dead: what it wrote does not count before its super does
	for how in kill cut half; do
		faulty "$how" "$at"
		[ "$code" = 137 ] || fail "$how at step $at: exit code $code"
		"$cachectl" check --json "$tmp/c" >"$tmp/out" 2>&1
		if [ "$at" -gt 2 ] && [ "$at" -lt "$steps" ]; then
			says '"detached_in_order":false'
			counts contents 1
		fi
		no_gap "$how at step $at"
		mended "$how at step $at"
	done
done

# An id page is written last of what it stands for. One of data that nothing proves:
# whoever finds it good finds no segment in use, whatever came in between.
broken=(no_summary index_id data_id bad_record)
[ -z "$direct" ] || unreadable=data.$(id_at data)
faulty none 0
[ "$code" = 1 ] || fail "a repair of id pages: exit code $code"
order=$(uniq "$tmp/steps" | paste -sd,)
changes='write index,flush index,write index,flush index,write data,flush data,write index'
[ "$order" = "$begin,$begin,$changes,$end" ] ||
	fail "a repair of id pages writes in this order: $order"
broken=(no_summary data_id bad_record)
faulty none 0
steps=$(wc -l <"$tmp/steps")

# believed: is the id page of data, now, one that an attach takes?
believed() {
	faulted check --json "$tmp/c" >"$tmp/out" 2>&1
	! grep -q '"data","pos":[0-9]*,"text":"the id page' "$tmp/out"
}
found=0
for ((at = 1; at <= steps; at++)); do
	for how in int eio kill cut half; do
		faulty "$how" "$at"
		case $how-$code in
		int-1 | int-33 | eio-8 | eio-9 | eio-40 | kill-137 | cut-137 | half-137) ;;
		*) fail "id pages, $how at step $at: exit code $code" ;;
		esac
		if believed; then
			found=$((found + 1))
			counts segments 0
			counts blocks 0
		fi
		faulted check --json --repair "$tmp/c" >"$tmp/out" 2>&1
		[ $? -le 1 ] || fail "id pages, $how at step $at: exit code of the next repair"
		run 0 faulted check --json --digests "$tmp/c"
		counts blocks 0
		counts objects 1
		[ -z "$(ls "$tmp/bad")" ] || fail "id pages, $how at step $at: one is still unreadable"
	done
done
[ "$found" -gt 10 ] || fail "id pages: an attach would have taken the file only $found times"

[ "$failed" = 0 ] && echo "cachectl-check: ok"
exit "$failed"
