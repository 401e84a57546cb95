# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib.sh - what every VM test starts with: verdicts, clean-up, volumes, reboots
#
# A test sources this first. Whatever these helpers make is undone when the test
# ends, in reverse order, so that the next one in the same boot finds a clean
# guest; what can't be undone (a volume that stays busy, say) fails the test,
# since it is how a lost reference shows. Helpers that print a value print
# nothing else; all others talk to the log freely.
#
# The environment, from guest-init: VM_KERNEL (uml, uml-debug, stock), VM_FACTOR
# (how many times longer things may take here), VM_DISK (an empty disk of 8 GiB,
# for this test alone if it has an own boot), VM_SOURCE (kernel sources),
# CACHET_KO (the module), VM_HELPERS (programs of tests), PHASE (see "Reboots").

set -euo pipefail
set -E
VM_LIB=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
# shellcheck source-path=SCRIPTDIR source=lib-nfs.sh
. "$VM_LIB/lib-nfs.sh"
# shellcheck source-path=SCRIPTDIR source=lib-servers.sh
. "$VM_LIB/lib-servers.sh"
# shellcheck source-path=SCRIPTDIR source=lib-cache.sh
. "$VM_LIB/lib-cache.sh"

# --- verdicts ---

note() {
	local up
	read -r up _ </proc/uptime
	echo "[$up] $*"
}

# They end the test from a subshell too, as long as nothing catches that.
fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "skip: $*"
	exit 77
}

assert_eq() { [ "$1" = "$2" ] || fail "$3: expected $2, found $1"; }
assert_ne() { [ "$1" != "$2" ] || fail "$3: found $1"; }
assert_le() { [ "$1" -le "$2" ] || fail "$3: expected at most $2, found $1"; }
assert_lt() { [ "$1" -lt "$2" ] || fail "$3: expected less than $2, found $1"; }
assert_ge() { [ "$1" -ge "$2" ] || fail "$3: expected at least $2, found $1"; }
assert_gt() { [ "$1" -gt "$2" ] || fail "$3: expected more than $2, found $1"; }
assert_same() { cmp "$1" "$2" || fail "${3:-$1 and $2} differ"; }

# assert_same_tree DIR DIR MESSAGE: below both are the same files with the same bytes.
assert_same_tree() { diff -rq "$1" "$2" || fail "$3: $1 and $2 differ"; }

# assert_fails MESSAGE COMMAND...: COMMAND must fail.
assert_fails() {
	local message=$1
	shift
	! "$@" || fail "$message: '$*' succeeded"
}

# wait_until SECONDS COMMAND...: 0 as soon as COMMAND succeeds, 1 after SECONDS,
# which count VM_FACTOR times.
wait_until() {
	local end=$((SECONDS + $1 * VM_FACTOR))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# cases NUMBER WHAT: how many a test that can go on for long has tried; tests/soak counts.
cases() { echo "cases: $*"; }

# --- clean-up ---

VM_UNDO=()

# at_exit COMMAND...: run COMMAND when the test ends, after those added later.
at_exit() {
	VM_UNDO+=("$(printf '%q ' "$@")")
}

vm_finish() {
	local rc=$? i dirty=
	trap - ERR
	set +e
	# After a power cut nothing gets the chance to tidy up.
	[ "$rc" -ne 89 ] || exit 89
	cd /
	for ((i = ${#VM_UNDO[@]} - 1; i >= 0; i--)); do
		(eval "${VM_UNDO[i]}") && continue
		echo "FAIL: clean-up: ${VM_UNDO[i]}" >&2
		dirty=1
	done
	# Also what it gives back: the memory of the ram disks.
	if [ -d /sys/module/brd ] && ! rmmod brd; then
		echo "FAIL: clean-up: a ram disk is still in use" >&2
		dirty=1
	fi
	# Its own code, for the next test needs another boot.
	[ -z "$dirty" ] || exit 99
	exit "$rc"
}

vm_where() {
	local rc=$? i
	[ "$BASH_SUBSHELL" -eq 0 ] || return "$rc"
	echo "exit $rc: $BASH_COMMAND" >&2
	for ((i = 1; i < ${#FUNCNAME[@]}; i++)); do
		echo "  at ${BASH_SOURCE[i]##*/}:${BASH_LINENO[i - 1]}, ${FUNCNAME[i]}" >&2
	done
	return "$rc"
}

trap vm_finish EXIT
trap vm_where ERR

# --- Reboots ---
#
# A test with an own boot may reboot: it is run again, with the next PHASE (1,
# 2, ...) and the same $VM_DISK, and everything else fresh.

# reboot_clean: end this phase, undo what it set up, shut down, boot again.
reboot_clean() { exit 88; }

# power_cut: the host kills the VM as it stands. Processes in the background go
# on until then. What the disk acknowledged is there after the boot, what was
# under way is there or not.
power_cut() { exit 89; }

# --- volumes ---

# The persistent disk: of this test with an own boot, else fresh for each boot
# and shared by all tests of it.
vm_disk() { echo "$VM_DISK"; }

# try_umount DIR: unmount it, with patience for what closes files late.
unmounted() { umount "$1" 2>/dev/null || ! mountpoint -q "$1"; }
try_umount() {
	mountpoint -q "$1" || return 0
	wait_until 5 unmounted "$1" && return 0
	umount "$1" || true
	fuser -vm "$1" || true
	return 1
}

# mount_volume DEVICE DIR [OPTIONS]: mount until the test ends; noatime, since a
# server's XFS counts each access time as a change, which no cache survives.
mount_volume() {
	mkdir -p "$2"
	mount -o "noatime${3:+,$3}" "$1" "$2"
	at_exit try_umount "$2"
}

VM_RAMS=0

# ram_disk VAR: set VAR to a ram disk that nobody uses. Its size is nominal: it
# takes memory as it is written, and gives it back when the test ends.
ram_disk() {
	[ -d /sys/module/brd ] || modprobe brd rd_nr=8 rd_size=$((8 << 20))
	[ "$VM_RAMS" -lt 8 ] || fail "all ram disks are in use"
	wait_until 5 test -b "/dev/ram$VM_RAMS" || fail "no /dev/ram$VM_RAMS"
	printf -v "$1" %s "/dev/ram$VM_RAMS"
	VM_RAMS=$((VM_RAMS + 1))
}

# dm_device NAME TABLE [TARGET...]: /dev/mapper/NAME, until the test ends. TARGETs are
# modules where they are not built in.
dm_device() {
	export DM_DISABLE_UDEV=1	# Nobody else makes the nodes
	[ "$VM_KERNEL" != stock ] || modprobe -a dm_mod "${@:3}"
	dmsetup create "$1" --table "$2"
	at_exit dmsetup remove --retry "$1"
}

# dm_change NAME TABLE: it becomes that, also for what is under way.
dm_change() {
	dmsetup suspend --nolockfs "$1"
	dmsetup load "$1" --table "$2" || {
		dmsetup resume "$1"
		fail "$1: no such table: $2"
	}
	dmsetup resume "$1"
}

# mkfs_xfs DEVICE SIZE_MB: an XFS of that size. mkfs wants 300 MB, or persuasion.
mkfs_xfs() {
	local small=()
	[ "$2" -ge 300 ] || small=(--unsupported)
	mkfs.xfs -q -f -K "${small[@]}" -d "size=${2}m" "$1"
}

# make_xfs NAME SIZE_MB: an XFS on a ram disk, at /mnt/NAME.
make_xfs() {
	local device
	ram_disk device
	mkfs_xfs "$device" "$2"
	mount_volume "$device" "/mnt/$1"
}

# make_ext4 NAME SIZE_MB: an ext4 on a ram disk, at /mnt/NAME.
make_ext4() {
	local device
	ram_disk device
	mkfs.ext4 -q -F -E nodiscard "$device" "${2}m"
	mount_volume "$device" "/mnt/$1"
}

# drop_caches: forget all that is cached in memory, once it is written.
drop_caches() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# --- files to work on ---

# random_file FILE SIZE [SEED]: SIZE (1M, 300K, ...) of bytes that don't
# compress, the same each time for a SEED.
random_file() {
	head -c "$2" /dev/zero |
		openssl enc -aes-128-ctr -nosalt -K "$(printf '%032x' "${3:-1}")" \
			-iv 00000000000000000000000000000000 >"$1" 2>/dev/null
}

# real_tree DEST [small]: copy a tree that people work on. The large one is the
# kernel's network drivers, some 6,900 files and 150 MB; the small one is some
# 550 headers, 5 MB, for guests where time is short.
real_tree() {
	local part parts=(drivers/net)
	[ "${2:-}" != small ] || parts=(include/net include/trace)
	for part in "${parts[@]}"; do
		[ -d "$VM_SOURCE/$part" ] || skip "no kernel source: run scripts/kernel-uml"
		mkdir -p "$1/$part"
		tar -C "$VM_SOURCE/$part" -cf - . | tar -C "$1/$part" --no-same-owner -xf -
	done
	sync	# XFS moves the change attribute of a new file when it writes it out
}

# tree_sum DIR: one checksum over all names and contents below DIR.
tree_sum() {
	(cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum) | sha256sum | cut -d' ' -f1
}
