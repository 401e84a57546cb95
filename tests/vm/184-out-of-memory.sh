#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: each allocation fails once, or for good: no wrong byte, no leak, no way out
# vm: uml-debug
# timeout: 1200
#
# Invariants 1, 13 and 15. Each place in the module that calls what may allocate is
# made to fail in turn, the first time and then every time, while a cache is attached,
# filled, read, written to, sealed, committed, scrubbed, asked and detached. The mount
# never notices: all bytes are right and all writes arrive. A command may fail, and
# says that memory is short. The cache is not taken out of service for one failure; it
# is when a file that was invalidated can't be emptied on disk, for good. Afterwards all
# works again.
#
# The places come from the disassembly: the return address of each call to an
# allocator, or to what allocates on our behalf. Fault injection (failslab,
# fail_page_alloc) then fails what has that address on its stack, whoever's
# process or worker it is. --full takes all places; else a part, from VM_SEED on.

. "$(dirname "$0")/lib.sh"

faults=/sys/kernel/debug
[ -d $faults/failslab ] || skip "no fault injection in this kernel"

# What sleeps for memory or returns NULL, and what does so on the way.
allocators='__kmalloc|kmem_cache_alloc|kvmalloc|free_pages_noprof|get_zeroed_page|pcpu_alloc'
allocators+='|__xa_store|alloc_workqueue|kmem_cache_create|kernel_read|kernel_write|vfs_fsync'
allocators+='|vfs_iocb_iter|kobject_init_and_add|kset_create|kthread_create_worker'
allocators+='|fscache_acquire_cache|fscache_add_cache|filemap_get_folio|queue_delayed_work'
allocators+='|fscache_begin_read|fscache_resume|debugfs_create|misc_register|single_open'

make_xfs server 512
dir=/mnt/server/dir
mkdir $dir
random_file $dir/a 3000 1
random_file $dir/b 70000 2
random_file $dir/c 3M 3
cp $dir/b $dir/same
truncate -s 1M $dir/sparse
sync
nfs_server_start
nfs_export dir $dir

# --- places ---

# places: "SECTION OFFSET FUNCTION ALLOCATOR" of each. UML's modules call through a
# register, which is loaded some lines before.
places() {
	objdump -dr --no-show-raw-insn "$CACHET_KO" | awk -v want="$allocators" '
		/^Disassembly of section/ { section = substr($4, 1, length($4) - 1) }
		/^[0-9a-f]+ <.*>:$/ { function_ = substr($2, 2, length($2) - 3) }
		/movabs \$0x0,%/ { register = $NF; sub(/.*,/, "", register) }
		/R_X86_64_64/ { symbol[register] = $NF }
		called != "" && /^ +[0-9a-f]+:\t/ {
			print section, substr($1, 1, length($1) - 1), function_, called
			called = ""
		}
		/call +\*%/ {
			register_ = substr($NF, 2)
			if (symbol[register_] ~ want)
				called = symbol[register_]
		}'
}

# arm FROM TIMES: fail what was called from there.
arm() {
	local kind
	for kind in failslab fail_page_alloc; do
		printf '%d' "$1" >$faults/$kind/require-start
		printf '%d' $(($1 + 1)) >$faults/$kind/require-end
		echo "$2" >$faults/$kind/times
	done
}

# left: how often it was not needed, of the times that were armed.
left() {
	local slab page
	read -r slab <$faults/failslab/times
	read -r page <$faults/fail_page_alloc/times
	LEFT=$((slab + page))
}

disarm() {
	echo 0 >$faults/failslab/times
	echo 0 >$faults/fail_page_alloc/times
}

for kind in failslab fail_page_alloc; do
	disarm
	echo 100 >$faults/$kind/probability
	echo 1 >$faults/$kind/interval
	echo 0 >$faults/$kind/verbose
	echo 0 >$faults/$kind/space
	echo 32 >$faults/$kind/stacktrace-depth
	echo N >$faults/$kind/ignore-gfp-wait
done
echo 0 >$faults/fail_page_alloc/min-order
at_exit disarm

# --- the workload ---

refused=0	# commands
out=0		# times that the cache went out of service
lasting=	# if all allocations of a place fail, not one

# may_fail COMMAND...: if it fails, then for want of memory, or of an object for that reason.
may_fail() {
	if ! "$@" >/run/out 2>&1; then
		grep -qiE "memory|is not cached${lasting:+|out of service|error at the last commit}" /run/out || fail "$place: $*: $(cat /run/out)"
		refused=$((refused + 1))
	fi
}

round=0
life() {
	round=$((round + 1))
	may_fail cachectl attach /mnt/oom/cache
	nfs_mount dir /mnt/nfs
	for pass in 1 2; do
		for file in a b c same sparse; do
			cmp $dir/$file /mnt/nfs/$file || fail "$place: wrong bytes in $file, pass $pass"
		done
		[ ! -d /sys/fs/cachet/oom ] || may_fail cachectl sync --seal oom
		echo 1 >/proc/sys/vm/drop_caches
	done
	# Changed here, and there.
	printf 'round %d' $round >>/mnt/nfs/a
	truncate -s $((50000 + round)) /mnt/nfs/b
	sync -f /mnt/nfs
	printf 'round %d' $round >>$dir/same
	printf 'round %d' $round | dd of=$dir/c bs=1 seek=$((round * 4000)) conv=notrunc status=none
	nfs_umount /mnt/nfs
	nfs_mount dir /mnt/nfs
	for file in a b c same; do
		cmp $dir/$file /mnt/nfs/$file || fail "$place: wrong bytes in the new $file"
	done
	if [ -d /sys/fs/cachet/oom ]; then
		may_fail cachectl stat /mnt/nfs/c
		may_fail cachectl volumes --json
		may_fail cachectl sync --seal oom
		may_fail cachectl scrub oom
		[ "$(status_of oom out_of_service)" = false ] || out=$((out + 1))
		[ $out = 0 ] || [ -n "$lasting" ] || fail "$place: out of service"
	fi
	nfs_umount /mnt/nfs
	[ ! -d /sys/fs/cachet/oom ] || may_fail cachectl detach oom
}

# back: nothing fails any more, and so all works.
back() {
	[ ! -d /sys/fs/cachet/oom ] || may_fail cachectl detach oom
	[ ! -d /sys/fs/cachet/oom ] || fail "$place: it can't be detached"
	cachectl check /mnt/oom/cache >/run/out || fail "$place: $(cat /run/out)"
}

cachet_new oom 64M --block-size 64K
cachectl detach oom
place="nowhere"
life
assert_eq $refused 0 "commands that failed with nothing to fail them"
back

# --- each place in turn ---

mapfile -t all < <(places | sort -u)
assert_gt ${#all[@]} 40 "places that allocate"
step=1 from=0
if [ -z "${VM_FULL:-}" ]; then
	step=8
	from=$((VM_SEED % step))
fi
hit=0
for ((i = from; i < ${#all[@]}; i += step)); do
	read -r section offset function allocator <<<"${all[i]}"
	[ -e "/sys/module/cachet/sections/$section" ] || continue
	base=$(<"/sys/module/cachet/sections/$section")
	for times in 1 1000000; do
		place="$allocator in $function, times $times"
		refused=0 out=0 lasting=${times#1}
		arm $((base + 0x$offset)) $times
		life
		left
		disarm
		failed=$((2 * times - LEFT))
		note "$place: failed $failed times, $refused commands refused, out of service: $out"
		back
		[ $failed != 0 ] || break
		hit=$((hit + 1))
	done
done
cases $hit "failures, once or for good"
note "${#all[@]} places, each ${step}th tried, $hit times something failed"
assert_gt $hit 0 "allocations that failed"
disarm
place="the end"
refused=0 out=0 lasting=
life
assert_eq $refused 0 "commands that failed at the end"
