#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: what waits for its digest with its pages held waits for no block that is read back
#
# More is read than may wait for the sealer with its pages held: the rest is written, and waits
# to be read back. Small files that are read meanwhile get their digests first, whatever is
# queued: their pages are under write-back until then. Of each the trace tells how many blocks
# were read back between its coming and its digest.

. "$(dirname "$0")/lib.sh"

nr_small=40 large_mb=24
[ "$VM_KERNEL" = uml ] || large_mb=12

make_xfs server 256
mkdir /mnt/server/tree
random_file /mnt/server/tree/large ${large_mb}M 1
for ((i = 0; i < nr_small; i++)); do
	random_file "/mnt/server/tree/small$i" 4000 "4$i"
done
nfs_export tree /mnt/server/tree
# With its pages held an eighth of the log may wait: 4 MiB, but for what is reserved.
cachet_new sealed 32M --segment-size 1M --block-size 8K
nfs_mount tree /mnt/nfs

trace=/sys/kernel/tracing
[ -e $trace/trace ] || mount -t tracefs nodev $trace
echo 8192 >$trace/buffer_size_kb
trace_off() { echo 0 >$trace/events/cachet/enable; }
at_exit trace_off
echo >$trace/trace
echo 1 >$trace/events/cachet/cachet_fill/enable
echo 1 >$trace/events/cachet/cachet_sealed/enable

cat /mnt/nfs/large >/dev/null
for ((i = 0; i < nr_small; i++)); do
	cat "/mnt/nfs/small$i" >/dev/null
done
cachectl sync --seal sealed
trace_off

# The fills that waited with their pages held; of these, those that came while a hundred blocks
# at least were still to be read back; and how many were read back before one of them, at most.
awk '
	/cachet_sealed:/ { sealed++; next }
	/cachet_fill:/ {
		id = $0; sub(/.*obj=/, "", id); sub(/ off=.*/, "", id)
		if (/why=seal-first/) came[id] = sealed
		else if (/why=published/ && id in came) { n++; at[n] = came[id]; waited[n] = sealed - came[id]; delete came[id] }
	}
	END {
		for (i = 1; i <= n; i++) {
			if (sealed - at[i] >= 100) early++
			if (waited[i] > most) most = waited[i]
		}
		print n + 0, early + 0, most + 0, sealed + 0
	}' $trace/trace >/run/waits
read -r fills early most sealed </run/waits
note "$fills fills waited for their digest, $early of them with 100 blocks or more to be read back; $most of $sealed came before one"
assert_ge "$early" 10 "fills that came while much was to be read back"
# The one under way, and the one that was next.
assert_le "$most" 2 "blocks read back before a fill that waited"
assert_eq "$(stat_of /mnt/nfs/large sealed_bytes)" $((large_mb << 20)) "bytes that have a digest in the end"
cases "$fills" "fills"
