#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: events, volumes, dump, stat and status say what is, also in JSON
# timeout: 200
#
# What a program reads is valid JSON and right; what a person reads says the
# same; help is there for each command; dumps show no content and no key that
# isn't asked for (invariants 23 and 34).

. "$(dirname "$0")/lib.sh"

make_xfs server 512
mkdir /mnt/server/tree /mnt/server/tree2
random_file /mnt/server/tree/file 3M
printf 'the secret of the house\n' >/mnt/server/tree/secret
random_file /mnt/server/tree2/other 20M 2
nfs_server_start
nfs_export tree /mnt/server/tree
nfs_export tree2 /mnt/server/tree2
cachet_new shown 16M --segment-size 1M

json() { jq -e "$@" >/dev/null; }

for command in format attach detach status stat volumes sync dump events block-size; do
	cachectl "$command" --help >/run/help || fail "$command --help: exit code"
	grep -q "^Usage: cachectl $command" /run/help || fail "$command --help: $(cat /run/help)"
	rc=0
	cachectl "$command" --no-such-option >/dev/null 2>/run/err || rc=$?
	assert_eq "$rc" 2 "$command --no-such-option: exit code"
	cachectl --help | grep "^  $command " >/dev/null || fail "$command is not in --help"
done
rc=0
cachectl no-such-command 2>/dev/null || rc=$?
assert_eq "$rc" 2 "no such command: exit code"

nfs_mount tree /mnt/nfs
nfs_mount tree2 /mnt/nfs2
cat /mnt/nfs/file /mnt/nfs/secret >/dev/null
cachectl sync --seal shown

# --- status ---
cachectl status --json >/run/status
json '.caches | length == 1' /run/status
json '.caches[0] | .tag == "shown" and .out_of_service == false and .crashed == false
	and .segment_bytes == 1048576 and .volumes_in_use == 2 and .live_bytes >= 3145728
	and .counters.bytes_filled >= 3145728 and .committed < .epoch' /run/status ||
	fail "status: $(cat /run/status)"
cachectl status shown | grep 'volumes' >/dev/null || fail "status for people"
cachectl status --verbose | grep segments_reused >/dev/null || fail "status --verbose"
for name in $(jq -r '.caches[0].counters | keys[]' /run/status); do
	[ -e "/sys/fs/cachet/shown/$name" ] || fail "no /sys/fs/cachet/shown/$name"
done
rc=0
cachectl status nobody 2>/dev/null || rc=$?
assert_eq "$rc" 3 "status of no cache: exit code"

# --- stat ---
cachectl stat --json /mnt/nfs/file /mnt/nfs/secret >/run/stat
jq -e . /run/stat >/dev/null || fail "stat --json: $(cat /run/stat)"
json '[.. | objects | select(.file? == "/mnt/nfs/file")][0]
	| .size == 3145728 and .cached_bytes == 3145728 and .tag == "shown"' /run/stat ||
	fail "stat: $(cat /run/stat)"
rc=0
cachectl stat /mnt/server/tree/file 2>/run/err || rc=$?
assert_eq "$rc" 3 "stat of a local file: exit code"

# --- volumes ---
cachectl volumes --json shown >/run/volumes
# A mount of NFSv4 walks through the root of the server's exports: one more.
json '.volumes | length == 3 and all(.tag == "shown" and .id >= 1)
	and (map(select(.mounted)) | length == 2)' /run/volumes ||
	fail "volumes: $(cat /run/volumes)"
json '[.volumes[].id] | unique | length == 3' /run/volumes || fail "ids: $(cat /run/volumes)"
assert_eq "$(cachectl volumes | tail -n +2 | grep -c mounted)" 2 "volumes for people"
nfs_umount /mnt/nfs2
cachectl volumes --json >/run/volumes
json '[.volumes[] | select(.mounted)] | length == 1' /run/volumes || fail "$(cat /run/volumes)"

# --- events: attached, volume, reused; what a slow reader loses is said ---
cachectl events --json >/run/events
jq -e -s 'all(.seq > 0)' /run/events >/dev/null || fail "events --json: $(cat /run/events)"
# The ring may hold those of tests before this one.
events_of() { cachectl events --json shown | jq -s "[.[] | select(.event == \"$1\")] | length"; }
assert_eq "$(events_of attached)" 1 "events: attached"
assert_ge "$(events_of volume)" 3 "events: volume"
cachectl events shown | grep attached >/dev/null || fail "events for people"
nfs_mount tree2 /mnt/nfs2
cat /mnt/nfs2/other >/dev/null
cachectl sync --seal shown
reused() { [ "$(events_of segment-reused)" -gt 0 ]; }
wait_until 5 reused || { cachectl events shown; fail "events: reused"; }
cachectl events --json | jq -e -s '[.[].seq] as $s | $s == ($s | sort)' >/dev/null ||
	fail "events are out of order"

# --- dump ---
rc=0
cachectl dump "$(cachet_dir shown)" 2>/run/err || rc=$?
assert_eq "$rc" 1 "dump of an attached cache: exit code"
cachectl dump --live --all --json "$(cachet_dir shown)" | jq -e '.attached' >/dev/null ||
	fail "dump --live"
nfs_umount /mnt/nfs
nfs_umount /mnt/nfs2
cachectl detach shown
for kind in super segments volumes records; do
	cachectl dump "--$kind" "$(cachet_dir shown)" >"/run/dump.$kind"
	[ -s "/run/dump.$kind" ] || fail "dump --$kind printed nothing"
	cachectl dump "--$kind" --json "$(cachet_dir shown)" >"/run/dump.$kind.json"
	jq -e ".$kind" "/run/dump.$kind.json" >/dev/null || fail "dump --$kind --json"
done
cachectl dump --all --json "$(cachet_dir shown)" >/run/dump
json '.attached == false and .super.tag == "shown" and (.segments | length > 0)
	and (.volumes | length == 3) and (.records | length > 0)' /run/dump || fail "dump --all"
json '.segments_count.bad == 0 and .records_count.bad == 0' /run/dump || {
	jq '.segments_count, .volumes_count, .records_count' /run/dump
	fail "dump: bad ones"
}
assert_eq "$(cat /run/dump /run/dump.records | grep -c 'secret of the house' || true)" 0 \
	"content in a dump"
before=$(sha256sum "$(cachet_dir shown)"/{super,index} | sha256sum)
cachectl dump --all "$(cachet_dir shown)" >/dev/null
assert_eq "$(sha256sum "$(cachet_dir shown)"/{super,index} | sha256sum)" "$before" "dump changed something"
if [ -c /dev/full ]; then
	assert_fails "dump to a full disk" cachectl dump --all "$(cachet_dir shown)" >/dev/full 2>/dev/null
fi
# Whatever the umask, nobody else may look into it.
assert_eq "$(stat -c %a "$(cachet_dir shown)"{,/super,/index,/data} | paste -sd' ')" \
	"700 600 600 600" "modes"
