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
	# It is off from then on, and finds nothing.
	'kmemleak: Cannot allocate a kmemleak_object'
)

# Reports of KASAN that are not ours to mend, by a line of theirs:
# - Linux 7.3 counts a read of NFS down in an inode that may be freed by then:
#   nfs_clear_inode() does not wait for reads (netfs_wait_for_outstanding_io()), as
#   the other filesystems do.
KLOG_KNOWN='BUG: KASAN: slab-use-after-free in netfs_deinit_request'

# And of lockdep, by what is in one of them:
# - flush_tlb_mm() of UML walks the mappings of a process without mmap_lock, which who takes a
#   part of a file away from all processes has not (unmap_mapping_range()).
KLOG_KNOWN_RCU='suspicious RCU usage.*lib/maple_tree\.c.*flush_tlb_mm\+.*unmap_mapping_range'

# klog_known: stdin without the reports that are known.
klog_known() {
	awk -v known="$KLOG_KNOWN" -v known_rcu="${KLOG_KNOWN_RCU//\\/\\\\}" '
		/={60,}$/ {
			if (report != "") {
				if (report !~ known)
					printf "%s%s\n", report, $0
				report = ""
				next
			}
			report = $0 "\n"
			next
		}
		report != "" { report = report $0 "\n"; next }
		/={20,}$/ && rcu == "" { rcu = $0 "\n"; stack = 0; next }
		rcu != "" && !(stack && !/\[<[0-9a-f]+>\]/) {
			rcu = rcu $0 "\n"
			stack = stack || /Call Trace:/
			next
		}
		rcu != "" {
			if (rcu !~ known_rcu)
				printf "%s", rcu
			rcu = ""
		}
		{ print }
		END { printf "%s%s", report, rcu }'
}

# klog_scan FILE [ALLOWED_REGEX...]: print the first bad lines of FILE, if any.
klog_scan() {
	local file=$1 bad allowed=()
	shift
	[ -e "$file" ] || return 0
	bad=$(IFS='|' && echo "${KLOG_BAD[*]}")
	for regex; do
		allowed+=(-e "$regex")
	done
	[ ${#allowed[@]} -gt 0 ] || allowed=(-e '$^')
	tr -d '\r' <"$file" | klog_known | grep -avE "${allowed[@]}" | grep -aE "$bad" |
		head -n 20 || true
}
