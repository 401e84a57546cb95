#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# cachectl-format-xfs.sh - format where it is meant to be: on XFS
#
# Mounts an XFS image over loop. Skips (77) where that is not possible.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cachectl=${CACHECTL:-$here/../../build/tools/cachectl}

skip() {
	echo "SKIP: $*"
	exit 77
}

[ -x "$cachectl" ] || skip "cachectl is not built: make -C tools"
[ "$(id -u)" = 0 ] || skip "needs root to mount"
command -v mkfs.xfs >/dev/null || skip "mkfs.xfs is missing: apt install xfsprogs"

tmp=$(mktemp -d)
trap 'umount "$tmp/m" 2>/dev/null; rm -rf "$tmp"' EXIT
truncate -s 1G "$tmp/image"
mkfs.xfs -q "$tmp/image" || skip "mkfs.xfs failed"
mkdir "$tmp/m"
mount -o loop,noatime "$tmp/image" "$tmp/m" 2>/dev/null || skip "XFS over loop can't be mounted here"

die() {
	echo "FAIL: $*"
	exit 1
}

# The filesystem's root itself, with no size named: 80% of what is free
chmod 0755 "$tmp/m"
out=$("$cachectl" format "$tmp/m") || die "format of a filesystem's root"
grep -q 'now 0700 (it was 0755)' <<<"$out" || die "the change of the mode is not told: $out"
free=$(df --output=avail -B1 "$tmp/m" | tail -n 1)
used=$(du -sB1 "$tmp/m" | cut -f1)
if [ "$used" -lt $((3 * free)) ] || [ "$used" -gt $((5 * free)) ]; then
	die "80% were wanted, $used are used and $free free"
fi
"$cachectl" dump --all "$tmp/m" | grep 'records: .* 0 bad' >/dev/null || die "dump"
"$cachectl" format "$tmp/m" 2>/dev/null && die "formatted twice"
rm "$tmp/m/super" "$tmp/m/index" "$tmp/m/data"

# A percentage of the whole, and the room that is not there
"$cachectl" format --size 60% "$tmp/m/a" >/dev/null || die "format of 60%"
"$cachectl" format --size 60% "$tmp/m/b" 2>"$tmp/err" && die "120% of a filesystem"
grep -q 'has no room' "$tmp/err" || die "no room: $(cat "$tmp/err")"
[ ! -e "$tmp/m/b" ] || die "a refused format left a directory"

# Not on XFS
mkdir "$tmp/other"
if [ "$(stat -f -c %T "$tmp/other")" != xfs ]; then
	"$cachectl" format --size 40M "$tmp/other/c" 2>"$tmp/err" && die "took a filesystem that is not XFS"
	grep -q 'not on XFS' "$tmp/err" || die "not on XFS: $(cat "$tmp/err")"
	[ ! -e "$tmp/other/c" ] || die "a refused format left a directory"
fi
echo "cachectl-format-xfs: ok"
