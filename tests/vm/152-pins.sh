#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what is pinned stays, whatever else passes through the cache
# timeout: 300
#
# Files are pinned before and after they are read; then several times the size of the
# cache is read beside them. Of those that are pinned the server sends nothing again: not
# then, not after a detach, not after one of them has changed and was read once. Their
# segments can't be culled. Unpinned, by descriptor or by fingerprint, and swept, they
# make room as others do; a sweep leaves what is pinned while it is on its way. No more is pinned than may be: the rest is cached as ever, but
# that of a block of which a part is pinned, which stays so.

. "$(dirname "$0")/lib.sh"

nr_small=60 size_mb=32 each=4M
[ "$VM_KERNEL" = uml ] || nr_small=20 size_mb=20 each=2M

pins() { "$VM_HELPERS/pins" "$@"; }

make_xfs server 512
mkdir -p /mnt/server/tree/{keep,pass}
random_file /mnt/server/tree/keep/large 5M 1
random_file /mnt/server/tree/keep/part 3M 2
for ((i = 0; i < nr_small; i++)); do
	random_file "/mnt/server/tree/keep/small$i" $((i * 331 + 1)) "3$i"
done
cp /mnt/server/tree/keep/large /mnt/server/tree/pass/same
for ((i = 0; i < 20; i++)); do
	random_file "/mnt/server/tree/pass/f$i" $each "4$i"
done
sync	# or XFS moves the change attribute when it writes them
nfs_server_start
nfs_export tree /mnt/server/tree
cachet_new pinned ${size_mb}M --segment-size 1M --block-size 64K
nfs_mount tree /mnt/nfs

# What is the same in a file that is not pinned lies elsewhere.
cat /mnt/nfs/pass/same >/dev/null
cat /mnt/nfs/keep/large /mnt/nfs/keep/small* >/dev/null
dd if=/mnt/nfs/keep/part of=/dev/null bs=4K skip=100 count=50 status=none
cachectl sync --seal pinned

# --- pinned: what is here, and what comes ---
nr_segments=$(cachectl status --json pinned | json_value segments)
read -r kept pages < <(pins pin /mnt/nfs/keep/*)
assert_eq "$kept" "$pages" "pages that stay, of those that are here"
assert_ge "$pages" $((5 * 256 + 50 + nr_small)) "pages that are here"
read -r again pages < <(pins pin /mnt/nfs/keep/*)
assert_eq "$again $pages" "$kept $kept" "pinned twice: pages that stay, of those that are here"
before=$(counter pinned bytes_moved)
pins pin /mnt/nfs/keep/* >/run/again
assert_eq "$(counter pinned bytes_moved)" "$before" "bytes moved by the third time"
cat /mnt/nfs/keep/part >/dev/null
cachectl sync --seal pinned
for file in part large small$((nr_small - 1)); do
	cachectl stat --json "/mnt/nfs/keep/$file" >/run/stat
	assert_eq "$(json_value pinned </run/stat)" true "$file: pinned"
	assert_eq "$(json_value pinned_bytes </run/stat)" "$(json_value cached_bytes </run/stat)" \
		"$file: bytes that stay, of those that are here"
done
cachectl stat /mnt/nfs/keep/large | grep -q '^  pages .* pinned$' || fail "stat does not say which pages"
cachectl status pinned | grep -q '^  pinned ' || fail "status does not speak of pins"

pass_by() {
	local i
	for ((i = 0; i < 20; i++)); do
		cat "/mnt/nfs/pass/f$i" >/dev/null
	done
	cachectl sync --seal pinned
	drop_caches
}

# stays WHAT
stays() {
	reads_of assert_same_tree /mnt/nfs/keep /mnt/server/tree/keep "$1"
	assert_eq "$READS" 0 "$1: READs"
}

begun=$(counter pinned segments_reused)
for round in 1 2; do
	pass_by
	stays "round $round"
done
assert_ge $(($(counter pinned segments_reused) - begun)) "$size_mb" "segments reused"
reads_of cat /mnt/nfs/pass/f0 >/dev/null
assert_ge "$READS" 1 "a file that is not pinned: READs"

# --- culled ---
while pins cull pinned coldest 2>/run/err; do :; done
grep -q ENOENT /run/err || fail "culling the coldest ended with: $(cat /run/err)"
cachectl sync pinned
culled=0
while read -r segment generation; do
	pins cull pinned "$segment" "$generation" 2>/run/err && fail "segment $segment is pinned, and was culled"
	grep -q -e EPERM -e EBUSY /run/err || fail "segment $segment: $(cat /run/err)"
	culled=$((culled + 1))
done < <(cachectl dump --live --segments --json "$(cachet_dir pinned)" |
	jq -r '.. | objects | select(.class == "pinned") | "\(.segment) \(.generation)"')
assert_ge "$culled" 8 "pinned segments that could not be culled"
drop_caches
stays "all else culled"

# --- changed at the server ---
random_file /mnt/server/tree/keep/large 4M 9
random_file /mnt/server/tree/keep/small1 9000 9
sync
nfs_umount /mnt/nfs
nfs_mount tree /mnt/nfs
assert_same_tree /mnt/nfs/keep /mnt/server/tree/keep "changed"
cachectl sync --seal pinned
pass_by
stays "changed"
assert_eq "$(cachectl stat --json /mnt/nfs/keep/large | json_value pinned)" true "changed: pinned"

# --- detached, and attached again ---
nfs_umount /mnt/nfs
cachectl detach pinned
cachectl check "$(cachet_dir pinned)"
cachet_unload
insmod "$CACHET_KO"
cachectl attach "$(cachet_dir pinned)"
nfs_mount tree /mnt/nfs
pass_by
stays "attached again, by a module that was loaded anew"

# --- unpinned ---
pinned=$(cachectl status --json pinned | json_value segments_pinned)
fingerprint=$(cachectl stat --json /mnt/nfs/keep/large | json_value fingerprint)
pins unpin /mnt/nfs/keep/small* /mnt/nfs/keep/part
nfs_umount /mnt/nfs
pins forget pinned "$fingerprint"
pins forget pinned 00000000000000000000000000000000 2>/run/err && fail "nobody's fingerprint was unpinned"
grep -q ENOENT /run/err || fail "nobody's fingerprint: $(cat /run/err)"
released=$(pins sweep pinned)
left=$(cachectl status --json pinned | json_value segments_pinned)
note "unpinned: of $pinned segments $released are ordinary, $left are left"
assert_le "$left" 1 "segments that are pinned when nothing is"
assert_eq "$((released + left))" "$pinned" "segments"
nfs_mount tree /mnt/nfs
stays "unpinned, and not yet reused"
assert_eq "$(cachectl stat --json /mnt/nfs/keep/large | json_value pinned)" false "large: pinned"
for round in 1 2; do
	pass_by
done
reads_of assert_same_tree /mnt/nfs/keep /mnt/server/tree/keep "unpinned"
assert_ge "$READS" 8 "unpinned: READs"

# --- pinned while a sweep looks for what is not ---
# A twin has the bytes of files that are pinned no more. The records that say so of it are
# still being written, to a filesystem that is frozen, while the sweep passes their place.
for ((i = 0; i < 20; i++)); do
	random_file "/mnt/server/tree/one$i" 65536 "5$i"
done
cat /mnt/server/tree/one{19,1,2} >/mnt/server/tree/twin	# The first is in its head already
sync
pins pin /mnt/nfs/one* >/dev/null
cat /mnt/nfs/one* /mnt/nfs/twin >/dev/null
cachectl sync --seal pinned
pins unpin /mnt/nfs/one*
pins mark /mnt/nfs/twin >/dev/null
cachectl sync pinned
cachectl stat --json /mnt/nfs/twin >/run/stat
assert_eq "$(json_value cached_bytes </run/stat)" $((3 << 16)) "a sweep meanwhile: bytes that are here"
assert_lt "$(json_value pinned_bytes </run/stat)" $((3 << 16)) "a sweep meanwhile: bytes that stay before"
thaw_it() { fsfreeze --unfreeze /mnt/pinned 2>/dev/null || true; }
at_exit thaw_it
fsfreeze --freeze /mnt/pinned
pins pin /mnt/nfs/twin >/run/pin &
pin=$!
wait_until 10 pgrep -r D -x pins >/dev/null || fail "to pin a file does not wait for the freeze"
pins sweep pinned >/run/released &
sweep=$!
sleep 1
thaw_it
wait $sweep || fail "sweep: exit code $?"
wait $pin || fail "pin: exit code $?"
cachectl sync pinned
cachectl stat --json /mnt/nfs/twin >/run/stat
note "a sweep meanwhile: $(</run/pin) pages stay, $(</run/released) segments released"
assert_eq "$(json_value pinned_bytes </run/stat)" $((3 << 16)) "a sweep meanwhile: bytes that stay"
pins unpin /mnt/nfs/twin
pins sweep pinned >/run/released

# --- more than may be ---
max=$(cachectl status --json pinned | json_value segments_pinned_max)
assert_lt "$max" "$nr_segments" "segments that may be pinned"
random_file /mnt/server/tree/edge 3M 10
sync
edge() { dd if="$1" bs=4K skip=100 count=50 status=none; }
edge /mnt/nfs/edge >/dev/null
cachectl sync --seal pinned
read -r kept pages < <(pins pin /mnt/nfs/edge)
assert_eq "$kept" "$pages" "part of a file: pages that stay, of those that are here"
part=$pages
read -r kept pages < <(pins pin /mnt/nfs/pass/*)
for ((i = 0; i < 20; i++)); do
	assert_same "/mnt/nfs/pass/f$i" "/mnt/server/tree/pass/f$i"
done
cachectl sync --seal pinned
drop_caches
assert_le "$(cachectl status --json pinned | json_value segments_pinned)" "$max" "pinned segments"
read -r kept pages < <(pins pin /mnt/nfs/pass/*)
note "more than may be: $kept of $pages pages stay, in at most $max segments of 256"
assert_lt "$kept" "$pages" "pages that stay, of those that are here"
assert_ge "$kept" $((max * 200)) "pages that stay"

# The last pages in which anything could be pinned; then the rest of blocks that are
pins pin /mnt/nfs/keep/small* >/dev/null
before=$(counter pinned fills_dropped)
assert_same /mnt/nfs/edge /mnt/server/tree/edge
cachectl sync --seal pinned
note "rests of pinned blocks that were not kept: $(($(counter pinned fills_dropped) - before))"
assert_ge "$(cachectl stat --json /mnt/nfs/edge | json_value pinned_bytes)" $((part * 4096)) \
	"part of a file: bytes that stay, with no room for the rest"
pins sweep pinned >/dev/null
pass_by
reads_of edge /mnt/nfs/edge >/run/edge
assert_eq "$READS" 0 "part of a file, with no room for the rest: READs"
edge /mnt/server/tree/edge | cmp - /run/edge || fail "part of a file"
pins unpin /mnt/nfs/keep/small*

cat /mnt/nfs/keep/small* >/dev/null
cachectl sync --seal pinned
drop_caches
reads_of cat /mnt/nfs/keep/small* >/run/small
assert_eq "$READS" 0 "beside them files that are not pinned: READs"
cat /mnt/server/tree/keep/small* | cmp - /run/small || fail "beside them files that are not pinned"
assert_eq "$(counter pinned io_errors)" 0 "I/O errors"
