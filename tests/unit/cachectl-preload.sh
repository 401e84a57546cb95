#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cachectl-preload.sh - which files are read, all of them, and what is said of the others
#
# On a local filesystem: that a file was read is seen in the page cache, by fincore(1).
set -u
here=$(cd "$(dirname "$0")" && pwd)
cachectl=${CACHECTL:-$here/../../build/tools/cachectl}
if [ ! -x "$cachectl" ]; then
	echo "SKIP: not built: make -C tools"
	exit 77
fi

tmp=$(mktemp -d "${TMPDIR:-/var/tmp}/preload.XXXXXX")
trap 'chmod -R u+rwx "$tmp"; rm -rf "$tmp"' EXIT
if [ "$(stat -f -c %T "$tmp")" = tmpfs ]; then
	echo "SKIP: $tmp is on a tmpfs, which is memory: set TMPDIR"
	exit 77
fi
failed=0

fail() {
	echo "FAIL: $*"
	cat "$tmp/out" "$tmp/err"
	failed=1
}

# run CODE ARGUMENT...: of preload; output to $tmp/out and $tmp/err
run() {
	local want=$1 got
	shift
	"$cachectl" preload "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	[ "$got" = "$want" ] || fail "exit code $got instead of $want: preload $*"
}

says() {
	grep -qF -- "$2" "$tmp/$1" || fail "'$2' is not in the output"
}

# value NAME: of the JSON output
value() { sed -n "s/^ *\"$1\": \"\{0,1\}\([^,\"]*\).*/\1/p" "$tmp/out"; }

# has NAME VALUE...: in the JSON output
has() {
	while [ $# -gt 0 ]; do
		[ "$(value "$1")" = "$2" ] || fail "$1: $(value "$1") instead of $2"
		shift 2
	done
}

forget() {
	sync -f "$tmp"
	find "$tmp/tree" -type f -exec dd if={} iflag=nocache count=0 status=none \;
}

# in_memory FILE: is all of it?
in_memory() {
	local size pages
	size=$(stat -c %s "$1")
	pages=$(fincore --bytes --noheadings --output PAGES "$1")
	[ "$pages" -eq $(((size + 4095) / 4096)) ]
}

tree=$tmp/tree
mkdir -p "$tree/a/b/c" "$tree/skip/deep" "$tree/many"
for i in $(seq 300); do
	head -c $((i * 37)) /dev/zero >"$tree/many/f$i"
done
head -c 20000001 /dev/zero >"$tree/large"
odd="$tree/a/b/c/"$'n\xff\x01\nme'
echo odd >"$odd"
echo skipped >"$tree/skip/deep/file"
echo other >"$tree/a/x.o"
: >"$tree/empty"
mkfifo "$tree/fifo"
ln -s large "$tree/link"
ln -s . "$tree/loop"
files=305 bytes=$((20000001 + 4 + 8 + 6 + 37 * 300 * 301 / 2))

forget
in_memory "$tree/large" && fail "this test can't tell whether a file was read"
run 0 --recursive --json "$tree"
has files "$files" bytes "$bytes" failed 0 complete true mounts_passed_over 0
for file in "$odd" "$tree"/{large,many/f1,many/f300,a/x.o,skip/deep/file}; do
	in_memory "$file" || fail "not all of $file was read"
done

# One file at a time is as good, and so are several paths, and the working directory.
run 0 -r -n 1 --json "$tree/many" "$tree/large"
has files 301
(cd "$tree" && run 0 -r --json . && has files "$files" && run 0 large && exit "$failed") || failed=1

# Patterns: by name, by path, of what is left out nothing below.
run 0 -r --json --include '*.o' "$tree"
has files 1
run 0 -r --json --exclude skip --exclude 'many/*' "$tree"
has files 4
run 0 -r --json --include 'f*' --exclude 'f?' --exclude 'f??' "$tree"
has files 202	# f100 to f300, and skip/deep/file
forget
run 0 -r --exclude large "$tree"
in_memory "$tree/large" && fail "what was left out was read"

# What can't be read is told, by a name that is fit for a terminal; the others are read.
run 1 "$tree"
says err "tree: is a directory; --recursive"
run 1 "$tree/fifo" "$tree/none" "$tree/link"
says err "fifo: is no regular file"
says err "none: No such file or directory"
says out "1 files, 19.1 MiB read; 2 could not be"
run 2
says err "PATH is missing"
run 2 --files 0 "$tree"
run 2 --rate x "$tree"
if [ "$(id -u)" = 0 ]; then
	chmod 755 "$tmp"
	chmod 0 "$odd" "$tree/many"
	setpriv --reuid 65534 --regid 65534 --clear-groups "$cachectl" preload -r "$tree" \
		>"$tmp/out" 2>"$tmp/err" && fail "a file that can't be opened is no failure"
	says err 'n\xff\x01\x0ame: Permission denied'
	says err 'many: Permission denied'
	says out "4 files"
	chmod 755 "$odd" "$tree/many"
fi

# A rate is kept, and who does not want to wait for it is told what was read.
began=$(date +%s%N)
run 0 --rate 10M "$tree/large"
ms=$((($(date +%s%N) - began) / 1000000))
[ $ms -ge 1500 ] || fail "20 MB at 10 MiB a second took $ms ms"
timeout --foreground -s INT 1 "$cachectl" preload --json --rate 1M "$tree/large" "$tree/many/f1" \
	>"$tmp/out" 2>"$tmp/err"
[ $? = 124 ] || fail "not interrupted"
says err "interrupted; what was read until then is cached"
has complete false

# Memory is that of what is under way, not of the tree.
mkdir "$tree/more"
(cd "$tree/more" && seq -f "a-name-that-takes-some-room-%06.0f" 30000 | xargs touch)
if ! nm "$cachectl" 2>/dev/null | grep -q __asan_init; then
	(ulimit -v 60000 && run 0 -r --json "$tree/more" && has files 30000 && exit "$failed") ||
		failed=1
fi

[ $failed = 0 ] && echo "ok"
exit $failed
