# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# klog.sh - what in a kernel log makes a test fail
#
# Sourced by run, on the host. The guest only saves its log: a pattern that is
# wrong can so be tried on the logs of yesterday.

KLOG_BAD=(
	'WARNING:' 'BUG:' 'Oops' 'general protection' 'Kernel panic' 'Call Trace'
	'KASAN' 'UBSAN' 'KCSAN' 'refcount_t' 'list_(add|del) corruption'
	'possible (circular|recursive) locking' 'inconsistent lock state'
	'suspicious RCU usage' 'sleeping function called from invalid context'
	'blocked for more than' 'soft lockup' 'rcu.*detected.*stall'
	'kmemleak: .* new suspected' 'unreferenced object'
)

# klog_scan FILE [ALLOWED_REGEX...]: print the first bad lines of FILE, if any.
klog_scan() {
	local file=$1 bad allowed=()
	shift
	[ -e "$file" ] || return 0
	bad=$(IFS='|' && echo "${KLOG_BAD[*]}")
	for regex; do
		allowed+=(-e "$regex")
	done
	if [ ${#allowed[@]} -gt 0 ]; then
		tr -d '\r' <"$file" | grep -avE "${allowed[@]}" | grep -aE "$bad" | head -n 20 || true
	else
		tr -d '\r' <"$file" | grep -aE "$bad" | head -n 20 || true
	fi
}
