#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a sector that can't be read costs what was there, and heals
# vm: uml
# timeout: 300
#
# Sectors of a cache's files go bad (dm-dust: reading one fails until it has been
# written to): some of data, of sets, of the volume table and the segment table, one
# copy of super. All that is read is right, nobody sees an error, the cache stays in
# service, what was lost comes from the server, once, and the drive has been made to
# put index elsewhere. scrub finds them too. An id page keeps the cache from being
# attached until a repair has mended it, and costs nothing of what is cached. A disk
# that is bad all over takes the cache out of service (CONFIG_DM_DUST: not in Debian's
# kernels).

. "$(dirname "$0")/lib.sh"

make_xfs server 256
mkdir /mnt/server/tree
for ((i = 0; i < 3; i++)); do
	random_file "/mnt/server/tree/large$i" 3M "$i"
done
for ((i = 0; i < 200; i++)); do
	random_file "/mnt/server/tree/small$i" $((i * 97 + 1)) "4$i"
done
nfs_export tree /mnt/server/tree

ram_disk device
sectors=$((512 * 2048))
dm_device bad "0 $sectors dust $device 0 512"
dmsetup message bad 0 quiet
mkfs_xfs /dev/mapper/bad 512
mount_volume /dev/mapper/bad /mnt/bad
# shellcheck disable=SC2119
cachet_load
dir=$(cachet_dir bad)
mkdir "$dir"
cachectl format --size 128M --tag bad --segment-size 1M --block-size 64K "$dir"
sets=$(($(stat -c %s "$dir/index") - $(cachectl dump --json "$dir" | json_value sets) * 4096))
cachectl attach "$dir"
at_exit cachet_detach bad

look() {
	drop_caches
	assert_same_tree /mnt/nfs /mnt/server/tree "$1"
}

# spoil FILE OFFSET...: the sector at each byte offset of a file of the cache.
spoil() {
	local sector
	sectors_of "$dir/$1" "${@:2}" >/run/spoil
	while read -r sector; do
		dmsetup message bad 0 addbadblock "$sector"
	done </run/spoil
}

bad_left() { dmsetup message bad 0 countbadblocks | sed -E 's/[^0-9]*([0-9]+).*/\1/'; }

# every STEP FROM TO: offsets
every() { seq "$2" "$1" "$3"; }

again() {
	nfs_umount /mnt/nfs
	cachectl detach bad
	"$@"
	cachectl attach "$dir"
	nfs_mount tree /mnt/nfs
}

# healed WHAT: what was lost is brought again, and there.
healed() {
	assert_ge "$(counter bad media_errors)" 1 "$1: places that can't be read"
	note "$1: $(counter bad media_errors) reads failed, $(bad_left) bad sectors are left"
	look "$1, again"
	cachectl sync --seal bad
	reads_of look "$1, once more"
	assert_eq "$READS" 0 "$1: READs once it is there"
	assert_eq "$(status_of bad out_of_service)" false "$1: out of service"
}

nfs_mount tree /mnt/nfs
look "at first"
cachectl sync --seal bad
reads_of look "at first, again"
assert_eq "$READS" 0 "at first: READs once it is there"
dmsetup message bad 0 enable

# The log begins at its first segment.
# shellcheck disable=SC2046
spoil data $(every 900000 70000 9000000)
look "data"
healed "data"

# shellcheck disable=SC2046
spoil index $(every 40960 "$((sets + 1024))" "$((sets + 400000))")
spoilt=$(bad_left)
look "index"
healed "index"
assert_lt "$(bad_left)" "$spoilt" "bad sectors once index was written anew"

# A page of volumes behind the segments, and the segments' own.
again spoil index $((sets - 256 * 512 + 512)) 4096
look "tables"
healed "tables"
# The places of these volumes are mended, too: nobody finds fault with them any more.
again cachectl check "$dir"
look "tables, a new mount"
assert_eq "$(counter bad records_bad)" 0 "tables, a new mount: damaged records"

for copy in 0 4096; do
	again spoil super $copy
	assert_eq "$(counter bad media_errors)" 1 "super at $copy: reads that failed"
	look "super at $copy"
	healed "super at $copy"
done

# Where it says whose file it is: without that no attach, until a repair has mended it.
# id_page FILE: bad; FILE and the other one are this cache's.
id_page() {
	local rc=0 file=$1 pos=0
	[ "$file" = index ] || pos=$(($(stat -c %s "$dir/data") - 4096))
	nfs_umount /mnt/nfs
	cachectl detach bad
	spoil "$file" $((pos + 512))
	drop_caches
	cachectl attach "$dir" 2>/run/err && fail "$file without its id page: attached"
	grep "the id page of $file can.t be read.*cachectl check --repair" /run/err ||
		fail "$file without its id page: $(cat /run/err)"
	cachectl check "$dir" >/run/check || rc=$?
	assert_eq "$rc" 4 "id page of $file: exit code of check"
	grep "^$file at $pos: the id page can.t be read.*(not corrected)" /run/check ||
		fail "id page of $file: check: $(cat /run/check)"
	assert_eq "$(bad_left)" 1 "id page of $file: bad sectors after check"
	rc=0
	cachectl check --repair "$dir" >/run/check || rc=$?
	assert_eq "$rc" 1 "id page of $file: exit code of check --repair"
	grep "^$file at $pos: .*(written anew)" /run/check || fail "repair: $(cat /run/check)"
	assert_eq "$(bad_left)" 0 "id page of $file: bad sectors after the repair"
	drop_caches
	cachectl attach "$dir"
	assert_eq "$(status_of bad crashed)" false "id page of $file: crashed"
	nfs_mount tree /mnt/nfs
	reads_of look "id page of $file"
	assert_eq "$READS" 0 "id page of $file: READs after the repair"
	assert_eq "$(counter bad media_errors)" 0 "id page of $file: reads that failed"
}
dmsetup message bad 0 clearbadblocks
id_page index
id_page data

# A copy of super that can't be read does not take the other one with it.
nfs_umount /mnt/nfs
cachectl detach bad
spoil super 4096
drop_caches
rc=0
cachectl check "$dir" >/run/check || rc=$?
assert_eq "$rc" 4 "copy 1 of super: exit code of check"
grep '^super at 4096: copy 1 of super: .*not corrected' /run/check || fail "check: $(cat /run/check)"
rc=0
cachectl check --repair "$dir" || rc=$?
assert_eq "$rc" 1 "copy 1 of super: exit code of check --repair"
sync
assert_eq "$(bad_left)" 0 "copy 1 of super: bad sectors after the repair"
cachectl attach "$dir"
nfs_mount tree /mnt/nfs

# While nobody reads it, a scrub finds it.
# shellcheck disable=SC2046
spoil data $(every 300000 9500000 19000000)
drop_caches
rc=0
cachectl scrub --json --rate max bad >/run/scrub || rc=$?
assert_eq "$rc" 4 "scrub: exit code"
assert_ge "$(json_value bad </run/scrub)" 3 "scrub: bad blocks"
assert_eq "$(counter bad digest_mismatches)" 0 "scrub: digests that do not match"
cachectl scrub --rate max bad || fail "scrub again: exit code $?"
look "scrubbed"
healed "scrub"

# All over.
dmsetup message bad 0 clearbadblocks
# shellcheck disable=SC2046
spoil data $(every 65536 0 $((30 << 20)))
for ((i = 0; i < 5; i++)); do
	look "bad all over"
	cachectl sync --seal bad 2>/dev/null || break
done
assert_eq "$(status_of bad out_of_service)" true "bad all over: out of service"
assert_eq "$(counter bad media_errors)" 64 "bad all over: places that were borne"
look "out of service"
nfs_umount /mnt/nfs
cachectl detach bad && fail "detached in order"
dmsetup message bad 0 disable
cachectl attach "$dir"
nfs_mount tree /mnt/nfs
look "mended"
