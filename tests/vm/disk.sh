# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# disk.sh - the persistent disk of a VM
#
# Sourced by run. An image, or, for tests that say "disk: volatile", an image
# behind a server that remembers what was not flushed, and loses some of it when
# the power is cut (helpers/volatile-disk.c).

DISK_BYTES=8G		# sparse: as large as the largest test wants

disk_pid='' disk_socket=''

disk_fresh() {
	rm -f "$1"
	truncate -s "$DISK_BYTES" "$1"
}

# disk_on IMAGE KIND LOG: before a boot. Sets $disk, for the VM.
# shellcheck disable=SC2034,SC2154	# run's own
disk_on() {
	disk=$1
	[ "$2" = volatile ] || return 0
	[ "$kernel" = stock ] || suite_die "only the stock VM has a volatile disk"
	disk_socket=$(mktemp -u)
	nbdkit --exit-with-parent -f -U "$disk_socket" "$top/build/vm-helpers/volatile-disk.so" \
		file="$1" seed="$RANDOM" >>"$3" 2>&1 </dev/null 3<&- &
	disk_pid=$!
	disk=nbd:unix:$disk_socket
	until [ -S "$disk_socket" ]; do
		kill -0 "$disk_pid" 2>/dev/null || suite_die "the disk is dead: $3"
		sleep 0.02
	done
}

# disk_off: once the VM is gone. What was not flushed is lost, or some of it.
disk_off() {
	[ -n "$disk_pid" ] || return 0
	kill "$disk_pid" 2>/dev/null || true
	wait "$disk_pid" || true
	rm -f "$disk_socket"
	disk_pid=
}
