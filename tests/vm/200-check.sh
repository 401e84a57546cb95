#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: check finds what is wrong in a detached cache, and what it repairs serves no wrong byte
# vm: uml
# timeout: 300
# boot: own
#
# A cache that was filled from a real mount is clean, down to its digests. Then
# copies of it are damaged, in all places that a device may damage: check finds
# it and changes nothing, repair corrects it, and the cache attaches and serves
# right bytes (invariants 4, 6 and 11). The bytes of a block that rotted would be
# wrong in a file if the repair left one record that points to them. After a power
# cut a cache is as clean; what is in doubt is told, and becomes no error.

. "$(dirname "$0")/lib.sh"

[ "$PHASE" != 1 ] || mkfs_xfs "$(vm_disk)" 1500
mount_volume "$(vm_disk)" /mnt/disk
if [ "$PHASE" = 1 ]; then
	mkdir -p /mnt/disk/tree/{first,synced,lost}
	for dir in /mnt/disk/tree/*; do
		random_file "$dir/big" 6M "$(echo "$dir" | cksum | cut -c 1-8)"
	done
	cp --reflink=never /mnt/disk/tree/first/{big,same}
	for ((i = 10; i < 20; i++)); do
		random_file "/mnt/disk/tree/lost/a$i" 20K "$i"
	done
	real_tree /run/small small
	find /run/small -name '*.h' | sort | sed -n 1,150p | xargs cp --parents -t /mnt/disk/tree/first
	tree_sum /mnt/disk/tree >/mnt/disk/sum
	tree_sum /mnt/disk/tree/first >/mnt/disk/sum.first
fi
nfs_server_start
nfs_export tree /mnt/disk/tree
# shellcheck disable=SC2119
cachet_load

# check CODE NAME [OPTION...]: of $cache; the answer is in /run/check
check() {
	local want=$1 name=$2 rc=0
	shift 2
	cachectl check --json "$@" "$cache" >/run/check || rc=$?
	[ "$rc" = "$want" ] || {
		jq -c '.findings[:20][]' /run/check
		fail "$name: check $*: exit code $rc instead of $want"
	}
	echo "  $(told verdict): $(told errors_corrected) errors corrected, $(told errors_left) left"
}

# said FILTER: of all that it answered; told KEY: a value of it
said() { jq "$@" /run/check; }
told() { json_value "$1" </run/check; }

# sums: all bytes of super, index and data.
sums() { md5sum "$cache"/{super,index,data}; }

# pass DIR: the bytes below DIR are right through $cache; $READS at the server.
pass() {
	cachectl attach "$cache"
	nfs_mount tree /mnt/nfs
	reads_of tree_sum "/mnt/nfs/$1" >/run/sum
	counters check >/run/counters
	[ "$(cat /run/sum)" = "$(cat "/mnt/disk/sum${1:+.$1}")" ] || {
		diff -rq "/mnt/nfs/$1" "/mnt/disk/tree/$1" || true
		cat /run/counters
		fail "wrong bytes in $1"
	}
	nfs_umount /mnt/nfs
	cachectl detach check
}
at_exit cachet_detach check

# flip FILE POS
flip() {
	local byte
	byte=$(dd if="$cache/$1" bs=1 skip="$2" count=1 status=none | od -An -tu1)
	# shellcheck disable=SC2059	# made here
	printf "\\x$(printf %02x $((byte ^ 16)))" |
		dd of="$cache/$1" bs=1 seek="$2" conv=notrunc status=none
}

# some FILTER EXPRESSION: of up to three records of /run/dump that FILTER lets pass
some() {
	jq -r --argjson sets "$sets" --argjson bytes "$(stat -c %s "$cache/index")" \
		"[.records[] | select($1)][:3][] | $2" /run/dump >/run/some
	[ -s /run/some ] || fail "there is no $1"
}

# Its place in index: the sets are at the end.
# shellcheck disable=SC2016	# for jq
record_pos='$bytes - ($sets - .set) * 4096 + .way * 128'

sealed='.slot == "trusted" and (.flags | index("sealed")) and (.extents | length) > 0'

damage_content() {
	local kind pos
	for kind in object extent; do
		some "$sealed and .kind == \"$kind\"" '.extents[0].page * 4096 + 1000'
		while read -r pos; do
			flip data "$pos"
		done </run/some
	done
}

damage_records() {
	local kind pos
	for kind in object extent content; do
		some ".slot == \"trusted\" and .kind == \"$kind\"" "$record_pos + 40"
		while read -r pos; do
			flip index "$pos"
		done </run/some
	done
}

damage_super_0() { flip super 100; }
damage_super_1() { flip super $((4096 + 100)); }

# One segment loses its record, another one its summary.
damage_segments() {
	local closed
	closed=$(jq '[.segments[] | select(.state == "closed" and (.flags | index("summary")))][:2][] |
		.segment' /run/dump)
	assert_eq "$(wc -w <<<"$closed")" 2 "closed segments"
	# shellcheck disable=SC2086	# two numbers
	set -- $closed
	flip index $((4096 + 64 * $1 + 20))
	flip data $((($2 + 1) * 2097152 - 64 + 20))
}

damage_volumes() {
	local segments place
	segments=$(jq '.segments | length' /run/dump)
	for place in $(jq '.volumes[] | select(.id > 0) | .place' /run/dump); do
		flip index $((4096 + (segments * 64 + 4095) / 4096 * 4096 + place * 512 + 50))
	done
}

# damaged NAME ERRORS TEXT [OPTION...]: a copy of /mnt/disk/cache, treated with damage_NAME
damaged() {
	local name=$1 errors=$2 text=$3 before
	shift 3
	cache=/mnt/disk/copy
	rm -rf "$cache"
	cp -a --reflink=always /mnt/disk/cache "$cache"
	note "$name"
	"damage_$name"
	before=$(sums)
	check 4 "$name" "$@"
	assert_ge "$(told errors_left)" "$errors" "$name: errors found"
	said '.findings[].text' >/run/texts
	grep -q "$text" /run/texts || fail "$name: nothing says '$text'"
	assert_eq "$(sums)" "$before" "$name: the files after a check"
	check 1 "$name" --repair "$@"
	assert_eq "$(told errors_left)" 0 "$name: errors left by the repair"
	check 0 "$name, repaired" --digests
	pass "$DIR"
	note "$name: $READS READs at the server"
	check 0 "$name, repaired and used" --digests
}

if [ "$PHASE" = 1 ]; then
	cache=/mnt/disk/cache DIR=first
	cachectl format --size 64M --segment-size 2M --tag check "$cache"
	cachectl attach "$cache"
	nfs_mount tree /mnt/nfs
	tree_sum /mnt/nfs/first >/run/sum
	cachectl sync --seal check
	rc=0
	cachectl check "$cache" 2>/run/err || rc=$?
	assert_eq "$rc" 8 "check of an attached cache: exit code"
	grep -q "is attached as 'check'" /run/err || fail "attached: $(cat /run/err)"
	nfs_umount /mnt/nfs
	cachectl detach check

	before=$(sums)
	check 0 whole --digests
	assert_eq "$(sums)" "$before" "the files after a check"
	assert_ge "$(told objects)" 152 "files that count"
	assert_gt "$(told summaries)" 3 "summaries"
	assert_gt "$(told digest_bytes)" $((12 << 20)) "bytes compared with their digest"
	assert_eq "$(said .counts.drop_objects+.counts.drop_blocks+.counts.verify_blocks)" 0 "in doubt"
	pass first
	assert_eq "$READS" 0 "READs at the server"

	cachectl dump --json --all "$cache" >/run/dump
	sets=$(jq .super.sets /run/dump)
	damaged records 9 'record in set .*: checksum'
	assert_gt "$READS" 0 "records: READs"
	damaged super_1 1 'copy 1 of super'
	assert_eq "$READS" 0 "super_1: READs"
	# What check does has little to do with the kernel; stock is slow.
	if [ "$VM_KERNEL" != stock ]; then
		damaged content 6 'do not match their digest' --digests
		assert_gt "$READS" 0 "content: READs"
		damaged super_0 1 'copy 0 of super'
		damaged segments 2 'summary of segment'
		assert_gt "$READS" 0 "segments: READs"
		damaged volumes 1 'volume slot 0: wrong checksum'
		assert_gt "$READS" 10 "volumes: READs"
	fi
	rm -rf /mnt/disk/copy

	# Records of an epoch that no commit ended, some of them on disk; then the cut.
	cache=/mnt/disk/cache
	cachectl attach --commit-interval 10min "$cache"
	nfs_mount tree /mnt/nfs
	cat /mnt/nfs/synced/* >/dev/null
	cachectl sync --seal check
	cat /mnt/nfs/lost/* >/dev/null
	# The small ones go into a segment that the commit knows, where they are verified,
	# the large one into others, where all is lost. An unmount waits until they are there.
	nfs_remount tree /mnt/nfs
	sync -f /mnt/disk
	cat /mnt/nfs/first/same >/dev/null &
	power_cut
fi

cache=/mnt/disk/cache DIR=
before=$(sums)
check 0 "after the power cut" --verbose
said -r '.findings[].text' | sed 's/[0-9][0-9]*/N/' | sort | uniq -c
said -c .counts
assert_eq "$(told detached_in_order)" false "detached in order"
assert_ge "$(told verify_blocks)" 10 "blocks to be verified"
assert_ge "$(told drop_blocks)" 1 "maps of blocks to be dropped"
assert_ge "$(told objects)" 153 "files that count"
objects=$(($(told objects) + $(told drop_objects))) verify=$(told verify_blocks)
check 0 "after the power cut" --digests
assert_eq "$(sums)" "$before" "the files after a check"

# A damage on top of it is found and corrected, and the crash is not forgotten.
cachectl dump --json --all "$cache" >/run/dump
sets=$(jq .super.sets /run/dump)
cp -a --reflink=always "$cache" /mnt/disk/whole
damage_records
check 4 "damaged after the power cut"
check 1 "damaged after the power cut" --repair
check 0 "repaired after the power cut" --digests
assert_eq "$(told detached_in_order)" false "detached in order, after the repair"
pass ''
check 0 "attached after that" --digests

# And without
rm -rf "$cache"
mv /mnt/disk/whole "$cache"
pass ''
cat /run/counters
counted() { sed -n "s/^check\/$1:\([0-9]*\)$/\1/p" /run/counters; }
note "after the power cut: $READS READs at the server"
assert_gt "$READS" 0 "what was to be dropped: READs"
assert_eq "$(counted lookups_found)" "$objects" "files that the attach did find"
assert_eq "$(counted suspect_verified)" "$verify" "blocks that were verified when they were read"
check 0 "attached after the power cut" --digests
assert_eq "$(told detached_in_order)" true "detached in order, after the attach"
