# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-cache.sh - attach caches in the guest: Cachet's, and cachefiles to compare
#
# Sourced by lib.sh. What is attached here is detached when the test ends, and a
# module that the test loaded is unloaded: each test so checks that both can be.

# --- Cachet ---

# cachet_load [PARAM=VALUE...]: load the module, if it isn't there yet.
# shellcheck disable=SC2120	# tests may have parameters
cachet_load() {
	[ ! -d /sys/module/cachet ] || return 0
	[ -e "$CACHET_KO" ] || fail "no $CACHET_KO: build it first"
	local needs
	needs=$(modinfo -F depends "$CACHET_KO" | tr , ' ')
	# shellcheck disable=SC2086	# a list
	[ -z "$needs" ] || modprobe -a $needs
	insmod "$CACHET_KO" "$@"
	at_exit cachet_unload
}

cachet_unload() {
	[ -d /sys/module/cachet ] || return 0
	wait_until 5 rmmod cachet 2>/dev/null || rmmod cachet
}

# cachet_new NAME SIZE [FORMAT_OPTION...]: a cache of SIZE (256M, 1G, ...) with
# the tag NAME on a volume of its own, attached; it is in $(cachet_dir NAME).
cachet_new() {
	local name=$1 size=$2 mb
	shift 2
	# shellcheck disable=SC2119
	cachet_load
	# A tenth and the log of XFS are more than the volume takes for itself.
	mb=$(($(numfmt --from=iec "$size") / 1048576))
	make_xfs "$name" $((mb + mb / 10 + 128))
	mkdir "$(cachet_dir "$name")"
	cachectl format --size "$size" --tag "$name" "$@" "$(cachet_dir "$name")"
	cachet_attach "$name"
}

cachet_dir() { echo "/mnt/$1/cache"; }

# sectors_of FILE OFFSET...: where on its device these bytes of a cache's file are, a line for
# each. (By bmap, for it may be attached: what asks for extents copies them to its own memory
# while the file is locked.)
sectors_of() {
	xfs_io -r -c bmap "$1" |
		sed -nE 's/^\s*[0-9]+: \[([0-9]+)\.\.([0-9]+)\]: ([0-9]+)\.\..*/\1 \2 \3/p' >/run/bmap
	printf '%s\n' "${@:2}" | awk '
		NR == FNR { first[NR] = $1; last[NR] = $2; on[NR] = $3; n = NR; next }
		{ at = int($1 / 512) }
		{ for (i = 1; i <= n; i++) if (first[i] <= at && at <= last[i]) print on[i] + at - first[i] }' \
		/run/bmap - >/run/sectors
	assert_eq "$(wc -l </run/sectors)" $(($# - 1)) "$1: sectors found"
	cat /run/sectors
}

# cachet_attach NAME [DIR]
cachet_attach() {
	cachectl attach "${2:-$(cachet_dir "$1")}"
	at_exit cachet_detach "$1"
}

# cachet_detach NAME
cachet_detach() {
	[ ! -d "/sys/fs/cachet/$1" ] || cachectl detach "$1"
}

# counter TAG NAME: the value of a counter of an attached cache.
counter() {
	local value
	read -r value <"/sys/fs/cachet/$1/$2" && echo "$value"
}

# counters TAG: all of them, for the log.
counters() { grep -rs . "/sys/fs/cachet/$1" | sed "s|^/sys/fs/cachet/||" | sort; }

# json_value KEY: the first value of that name in the JSON on stdin. For what is
# short and asked for often: jq takes long to start where processors are emulated.
json_value() {
	local text
	IFS= read -r -d '' text || true
	[[ $text =~ \"$1\":[[:space:]]*(\"([^\"]*)\"|[^],}[:space:]]+) ]] || {
		echo "no '$1' in: $text" >&2
		return 1
	}
	case ${BASH_REMATCH[1]} in
	\"*) echo "${BASH_REMATCH[2]}" ;;
	*) echo "${BASH_REMATCH[1]}" ;;
	esac
}

# status_of TAG KEY, stat_of FILE KEY: what cachectl says of a cache, of a file.
status_of() { cachectl status --json "$1" | json_value "$2"; }
stat_of() { cachectl stat --json "$1" | json_value "$2"; }

# cachet_mount_with TAG OTHER FILE [ATTACH_OPTION...]: mount 127.0.0.1:/tree at /mnt/nfs so
# that it uses the cache TAG, although OTHER is attached too in the end, with these options:
# a mount takes any cache that is there. FILE of it is read, to see.
cachet_mount_with() {
	local tag=$1 other=$2 file=$3 try before
	shift 3
	cachet_detach "$other" >/dev/null
	# fscache may still know the other one, and take it as soon as it is back.
	for try in 1 2 3 4 5; do
		nfs_mount tree /mnt/nfs
		cachectl attach "$@" "$(cachet_dir "$other")" >/dev/null
		before=$(cachet_lookups "$tag")
		cat "/mnt/nfs/$file" >/dev/null
		[ "$(cachet_lookups "$tag")" = "$before" ] || return 0
		note "mount $try uses the other cache"
		nfs_umount /mnt/nfs
		cachectl detach "$other" >/dev/null
		sleep 0.3
	done
	fail "no mount uses the cache $tag"
}

cachet_lookups() { echo "$(counter "$1" lookups_found) $(counter "$1" lookups_new)"; }

# --- cachefiles ---
#
# Its daemon, cachefilesd, only has to cull and wants dnotify, which not every
# kernel has. Here a process that says where the cache is and then holds the
# device open does as well.

CACHEFILES_PID=

# cachefiles_start DIR [TAG]: attach cachefiles, with its cache in DIR.
cachefiles_start() {
	modprobe cachefiles
	mkdir -p "$1"
	wait_until 5 test -c /dev/cachefiles || fail "no /dev/cachefiles"
	# Each command is one write of its own.
	(
		trap - ERR EXIT
		exec 5<>/dev/cachefiles
		for command in "dir $1" "tag ${2:-cachefiles}" bind; do
			printf %s "$command" >&5
		done
		: >/run/cachefiles.bound
		exec sleep infinity
	) &
	CACHEFILES_PID=$!
	at_exit cachefiles_stop
	wait_until 5 test -e /run/cachefiles.bound || fail "cachefiles did not start"
}

# Closing the device withdraws the cache, after which the module can go.
cachefiles_stop() {
	rm -f /run/cachefiles.bound
	[ -z "$CACHEFILES_PID" ] || kill "$CACHEFILES_PID" 2>/dev/null || true
	[ ! -d /sys/module/cachefiles ] || wait_until 10 rmmod cachefiles 2>/dev/null
}
