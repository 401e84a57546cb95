#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cachectl-format.sh - the command line of format and dump, on any filesystem
#
# Exit codes, messages, JSON, and that a signal leaves nothing behind. What
# needs XFS is in cachectl-format-xfs.sh.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cachectl=${CACHECTL:-$here/../../build/tools/cachectl}
cachetd=${CACHETD:-$here/../../build/tools/cachetd}
if [ ! -x "$cachectl" ] || [ ! -x "$cachetd" ]; then
	echo "SKIP: the tools are not built: make -C tools"
	exit 77
fi

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

fail() {
	echo "FAIL: $*"
	failed=1
}

# run CODE COMMAND...: output to $tmp/out and $tmp/err
run() {
	local want=$1 got
	shift
	"$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" = "$want" ] || {
		fail "exit code $got instead of $want: $*"
		cat "$tmp/out" "$tmp/err"
	}
}

# says FILE TEXT
says() {
	grep -qF -- "$2" "$tmp/$1" || {
		fail "'$2' is not in the output:"
		cat "$tmp/$1"
	}
}

json() {
	if command -v python3 >/dev/null; then
		python3 -c "import json,sys; d=json.load(open('$tmp/out')); assert $1, d" ||
			fail "JSON: $1"
	fi
}

# Usage
run 2 "$cachectl"
run 0 "$cachectl" --help
says out block-size
run 0 "$cachectl" --version
run 2 "$cachectl" frobnicate
for command in format attach detach status stat volumes sync scrub dump events block-size; do
	run 0 "$cachectl" $command --help
	says out "Usage: cachectl $command"
	run 2 "$cachectl" $command --no-such-option
done
run 2 "$cachectl" format
run 2 "$cachectl" format --size 12Q "$tmp/c"
run 2 "$cachectl" format --size 0% "$tmp/c"
run 2 "$cachectl" detach
run 2 "$cachectl" detach --all tag
run 2 "$cachectl" block-size --tag x 64K
run 2 "$cachectl" block-size --tag x --volume 1 5000

# A cache, and back
run 0 "$cachectl" format --any-fs --size 40M --tag one "$tmp/c"
says out "cache 'one'"
[ "$(stat -c %a "$tmp/c/super" "$tmp/c/index" "$tmp/c/data" "$tmp/c" | tr '\n' ' ')" = \
	"600 600 600 700 " ] || fail "modes: $(stat -c '%n %a' "$tmp"/c/*)"
[ "$(find "$tmp/c" -mindepth 1 | wc -l)" = 3 ] || fail "other files in the cache"
run 0 "$cachectl" dump --all "$tmp/c"
says out "epoch          2"
run 0 "$cachectl" dump --all --json "$tmp/c"
json 'd["super"]["tag"] == "one" and d["super"]["clean"] and d["records_count"]["bad"] == 0'

# Of super both copies, as format.rst says, and either is enough
# number FILE OFFSET BYTES
number() { od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '; }
made=$(for at in 4096 0; do
	echo "epoch $(number "$tmp/c/super" $((at + 80)) 8) to copy $((at / 4096)), flags $(number "$tmp/c/super" $((at + 28)) 4)"
done)
said=$(grep -o 'epoch [0-9]* to copy [01]' "$here/../../Documentation/format.rst" | sed 's/$/, flags 1/')
[ "$made" = "$said" ] || fail "a new super has: $made; format.rst says: $said"
cp "$tmp/c/super" "$tmp/super"
for copy in 0 1; do
	dd if=/dev/zero of="$tmp/c/super" bs=4096 seek=$copy count=1 conv=notrunc status=none
	run 0 "$cachectl" dump "$tmp/c"
	says out "epoch          $((copy ? 2 : 1))"
	cp "$tmp/super" "$tmp/c/super"
done

# Refusals
run 1 "$cachectl" format --any-fs --size 40M "$tmp/c"
says err "already holds a cache"
says err "nothing was changed"
mkdir "$tmp/full"
echo letter >"$tmp/full/letter"
run 1 "$cachectl" format --any-fs --size 40M "$tmp/full"
says err "holds other files ('letter')"
[ "$(cat "$tmp/full/letter")" = letter ] || fail "format changed a file"
run 1 "$cachectl" format --any-fs --size 15T "$tmp/d"
says err "has no room"
run 1 "$cachectl" format --any-fs --size 2M "$tmp/d"
says err "too small"
run 1 "$cachectl" format --any-fs --size 40M --tag 'a b' "$tmp/d"
run 1 "$cachectl" format --any-fs --size 40M "$tmp/no/d"
[ ! -e "$tmp/d" ] || fail "a refused format left a directory"
run 3 "$cachectl" dump "$tmp/full"
says err "holds no cache"

# A flipped bit in super, and JSON of another cache
run 0 "$cachectl" format --any-fs --size 40M --json "$tmp/e"
json 'd["tag"] == "cachet" and d["segments"] >= 16'
printf '\377' | dd of="$tmp/e/super" bs=1 seek=4200 conv=notrunc status=none
run 0 "$cachectl" dump "$tmp/e"
printf '\377' | dd of="$tmp/e/super" bs=1 seek=104 conv=notrunc status=none
run 1 "$cachectl" dump "$tmp/e"
says err "super can't be used"

# Killed in the middle: what stays is no cache, and the next format goes on. In the foreground:
# otherwise timeout(1) sends SIGCONT too, which takes LeakSanitizer's SIGSTOP away if it comes
# as the process ends, and that then waits for ever.
mkdir "$tmp/k"
for delay in 0.02 0.05 0.055 0.06 0.07 0.1; do
	timeout --foreground -k 20 -s TERM "$delay" "$cachectl" format --any-fs --size 200M "$tmp/k/t" >/dev/null 2>&1
	[ -e "$tmp/k/t" ] && [ ! -e "$tmp/k/t/super" ] &&
		fail "SIGTERM after $delay s left $(ls -A "$tmp/k/t")"
	rm -rf "$tmp/k/t"
	# In a subshell, whose word on the killed process goes with it
	(timeout --foreground -s KILL "$delay" "$cachectl" format --any-fs --size 200M "$tmp/k/k"; :) >/dev/null 2>&1
	if [ ! -e "$tmp/k/k/super" ]; then
		run 0 "$cachectl" format --any-fs --size 40M "$tmp/k/k"
	fi
	rm -rf "$tmp/k/k"
done

# holds DIR NAME...: these and no others
holds() {
	local dir=$1
	shift
	[ "$(find "$dir" -mindepth 1 -printf '%f\n' | LC_ALL=C sort | tr '\n' ' ')" = "$* " ] ||
		fail "$dir holds $(find "$dir" -mindepth 1)"
}

# Killed between the names: data, and index, are known by what super holds
for left in data "data index"; do
	run 0 "$cachectl" format --any-fs --size 40M "$tmp/k/n"
	mv "$tmp/k/n/super" "$tmp/k/n/.cachet-format.super"
	[ "$left" != data ] || mv "$tmp/k/n/index" "$tmp/k/n/.cachet-format.index"
	run 0 "$cachectl" format --any-fs --size 40M "$tmp/k/n"
	holds "$tmp/k/n" data index super
	run 0 "$cachectl" check --digests "$tmp/k/n"
	rm -rf "$tmp/k/n"
done
# But not those of another cache, and not without super
run 0 "$cachectl" format --any-fs --size 40M "$tmp/k/n"
run 0 "$cachectl" format --any-fs --size 40M "$tmp/k/o"
rm "$tmp/k/n/super" "$tmp/k/n/index"
run 1 "$cachectl" format --any-fs --size 40M "$tmp/k/n"
says err "part of a damaged cache; nothing was changed"
cp "$tmp/k/o/super" "$tmp/k/n/.cachet-format.super"
run 1 "$cachectl" format --any-fs --size 40M "$tmp/k/n"
says err "part of a damaged cache; nothing was changed"
holds "$tmp/k/n" .cachet-format.super data

# The daemon's configuration
run 0 "$cachetd" --check-config --config "$here/../../tools/cachetd/cachet.conf"
printf '[cache x]\ndir=/x\nverfy=yes\n' >"$tmp/conf"
run 1 "$cachetd" --check-config --config "$tmp/conf"
says err "$tmp/conf:3: unknown key 'verfy'"
run 1 "$cachetd" --check-config --config "$tmp/none"
run 2 "$cachetd" --nonsense

# Without the module
if [ ! -e /dev/cachet ]; then
	run 0 "$cachectl" status
	run 0 "$cachectl" status --json
	json 'd == {"caches": []}'
	run 3 "$cachectl" status one
	run 3 "$cachectl" detach one
	run 0 "$cachectl" detach --all
	run 3 "$cachectl" stat "$tmp/full/letter"
	run 3 "$cachectl" events
fi

[ "$failed" = 0 ] && echo "cachectl-format: ok"
exit "$failed"
