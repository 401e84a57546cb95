#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: each allocation fails once, or for good: no wrong byte, no leak, no way out
# vm: uml-debug
# timeout: 1200
# allow-log: Call Trace:
#
# Invariants 1, 13 and 15. Each place in the module that calls what may allocate is
# made to fail in turn, the first time and then every time, while a cache is attached,
# filled, read, written to, sealed, pinned, swept, culled, committed, scrubbed, asked and
# detached, and places of its disk can't be read. The mounts never notice: all bytes are
# right and all writes arrive. A command may fail, and says that memory is short. The cache
# is not taken out of service for one failure; it is when a file that is to be emptied, or a
# volume that is to be doubted, can't be on disk, for good. Afterwards all works again. Before that each allocation of
# insmod fails in turn: then the module is not there, or works.
#
# The places come from the disassembly: the return address of each call to an
# allocator, or to what allocates on our behalf. Fault injection (failslab,
# fail_page_alloc) then fails what has that address on its stack, whoever's
# process or worker it is. --full takes all places; else a part, from VM_SEED on. A place
# where nothing failed fails the test, unless it is in the list of those that can't.
#
# With VM_KMEMLEAK=1 nothing may have been lost in all this. (The stacks that are allowed in
# the log are those that kmem_cache_create() prints when it fails; a report that is bad has
# a line of its own above its stack.)

. "$(dirname "$0")/lib.sh"

faults=/sys/kernel/debug
[ -d $faults/failslab ] || skip "no fault injection in this kernel"

# What sleeps for memory or returns NULL, and what does so on the way.
allocators='__kmalloc|kmem_cache_alloc|kvmalloc|free_pages_noprof|get_zeroed_page|pcpu_alloc'
allocators+='|__xa_store|alloc_workqueue|kmem_cache_create|kernel_read|kernel_write|vfs_fsync'
allocators+='|vfs_iocb_iter|write_iter|kobject_init_and_add|kset_create|kthread_create_worker'
allocators+='|fscache_acquire_cache|debugfs_create|misc_register|single_open'

# Those of insmod.
loading='^(init_module|cachet_(control|stats|inject)_init) '

# Where nothing fails, and why: regular expressions for "FUNCTION ALLOCATOR".
never=(
	# __GFP_NOFAIL: what was invalidated, or is not kept, must be forgotten, and what a
	# segment or record has become must be written.
	'^(publish_work|publish|forget_older|cachet_map_forget) __kmalloc'
	'^cachet_index_(put|replace|drop) kmem_cache_alloc'
	'^cachet_seg_write_dirty kmem_cache_alloc'
	'^write_super get_zeroed_page'
	# __GFP_NOFAIL: fscache has no way to be told.
	'^cachet_volume_acquire __kmalloc'
	# Replaces an entry, for which there is a place.
	'^cachet_asked_take __xa_store'
	# Takes a part of a chunk that is there; one in hundreds of attaches needs a new one.
	'^cachet_cache_attach pcpu_alloc'
)

# Calls that the compiler doubles: one follows where the allocation before it failed. Of each the
# other must fail.
doubled=(
	'^cachet_pin __kvmalloc'
)

make_xfs server 512
dir=/mnt/server/dir
p9=/mnt/server/9p
mkdir $dir $p9
random_file $dir/a 3000 1
random_file $dir/b 70000 2
random_file $dir/c 400K 3
cp $dir/b $dir/same
random_file $dir/part 60000 4
truncate -s 100K $dir/sparse
sync
nfs_server_start
nfs_export dir $dir
p9_serve

# --- places ---

# places: "SECTION OFFSET FUNCTION ALLOCATOR" of each. UML's modules call through a
# register, which is loaded some lines before, or through a table of operations.
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
		}
		/call +\*0x[0-9a-f]+\(/ && function_ ~ /write_iter/ { called = "write_iter" }'
}

# fault NAME VALUE: of both kinds.
fault() {
	echo "$2" >"$faults/failslab/$1"
	echo "$2" >"$faults/fail_page_alloc/$1"
}

# arm FROM TO TIMES: fail what was called from there.
arm() {
	fault require-start $(($1))
	fault require-end $(($2))
	fault times "$3"
}

# left: how often it was not needed, of the times that were armed.
left() {
	local slab page
	read -r slab <$faults/failslab/times
	read -r page <$faults/fail_page_alloc/times
	LEFT=$((slab + page))
}

disarm() {
	fault times 0
	fault probability 100
}

disarm
fault interval 1
fault verbose 0
fault space 0
fault stacktrace-depth 32
echo N >$faults/failslab/ignore-gfp-wait
echo N >$faults/fail_page_alloc/ignore-gfp-wait
echo 0 >$faults/fail_page_alloc/min-order
# kmemleak switches itself off if it can't remember what was allocated.
read -r from to < <(awk '$3 == "__alloc_object" { print $1; getline; print $1 }' /proc/kallsyms | xargs) || true
if [ -n "$from" ]; then
	fault reject-start $((0x$from))
	fault reject-end $((0x$to))
fi
at_exit disarm

step=1 from=0
if [ -z "${VM_FULL:-}" ]; then
	step=8
	from=$((VM_SEED % step))
fi

# --- the module is loaded ---

# Whatever is called from a module, by this process only: /proc/PID/fail-nth goes before
# probability. The address of a module isn't known before it is there, but that all of them
# are beyond the kernel and its memory is.
read -r kernel_end < <(awk '$3 == "_end" { print "0x" $1 }' /proc/kallsyms)
fault probability 0
loads=0 loads_failed=0
# shellcheck disable=SC2046
[ -z "$(modinfo -F depends "$CACHET_KO")" ] || modprobe -a $(modinfo -F depends "$CACHET_KO" | tr , ' ')
for ((nth = from + 1; ; nth += step)); do
	arm "$kernel_end" 0x7fffffffffffffff 1000
	rc=0
	(echo $nth >/proc/self/fail-nth && exec insmod "$CACHET_KO") >/run/out 2>&1 || rc=$?
	left
	fault times 0
	loads=$((loads + 1))
	if [ $rc = 0 ]; then
		# Where it can do without, it is there as ever.
		rmmod cachet
	else
		loads_failed=$((loads_failed + 1))
		[ $((2000 - LEFT)) != 0 ] || fail "insmod, allocation $nth: $(cat /run/out)"
		grep -q 'Cannot allocate memory' /run/out || fail "insmod, allocation $nth: $(cat /run/out)"
	fi
	for path in /sys/module/cachet /sys/fs/cachet /dev/cachet $faults/cachet; do
		[ ! -e "$path" ] || fail "insmod, allocation $nth: $path is left"
	done
	! grep '^cachet' /proc/slabinfo || fail "insmod, allocation $nth: slab caches are left"
	[ $((2000 - LEFT)) != 0 ] || break
done
disarm
cases $loads "allocations of insmod"
note "insmod: of its $nth allocations each ${step}th was made to fail, $loads_failed times it did"
assert_gt $nth 20 "allocations of insmod"
assert_gt $loads_failed 0 "insmods that failed"

# --- the cache ---

ram_disk device
dm_device bad "0 $((300 * 2048)) dust $device 0 512"
dmsetup message bad 0 quiet
mkfs_xfs /dev/mapper/bad 300
mount_volume /dev/mapper/bad /mnt/oom
# shellcheck disable=SC2119
cachet_load
cache=$(cachet_dir oom)
mkdir "$cache"
cachectl format --size 64M --tag oom --block-size 64K --segment-size 1M "$cache"
at_exit cachet_detach oom
dmsetup message bad 0 enable

# One of the first set, and one of the volume table before it: 256 volumes of 512 bytes.
sets=$(($(stat -c %s "$cache/index") - $(cachectl dump --json "$cache" | json_value sets) * 4096))
of_set=$(sectors_of "$cache/index" $sets)
of_volumes=$(sectors_of "$cache/index" $((sets - 256 * 512)))

# --- the workload ---

refused=0	# commands
out=0		# times that the cache went out of service
lasting=	# if all allocations of a place fail, not one

# may_fail COMMAND...: if it fails, then for want of memory, or of an object for that reason.
may_fail() {
	if ! "$@" >/run/out 2>&1; then
		grep -qiE "memory|ENOMEM|is not cached|ENODATA|ENXIO${lasting:+|out of service|error at the last commit|EIO}" \
			/run/out || fail "$place: $*: $(cat /run/out)"
		refused=$((refused + 1))
	fi
}

inject() { echo "$1" >$faults/cachet/inject; }
attached() { [ -d /sys/fs/cachet/oom ]; }
pins() { "$VM_HELPERS/pins" "$@"; }
# At first there is nothing to cull.
cull() {
	pins cull oom coldest 2>/run/cull || grep ENOENT /run/cull || { cat /run/cull && return 1; }
}

same() {
	local file
	for file; do
		cmp "$dir/$file" "/mnt/nfs/$file" || fail "$place: wrong bytes in $file"
	done
}

round=0
life() {
	round=$((round + 1))
	printf 'round %d' $round | dd of=$dir/part conv=notrunc status=none
	may_fail cachectl attach --verify=once "$cache"
	nfs_mount dir /mnt/nfs
	# What comes in parts is sealed later, and moved then if it is pinned.
	dd if=/mnt/nfs/part of=/dev/null bs=4K skip=8 count=1 status=none
	! attached || may_fail pins pin /mnt/nfs/part
	for _ in 1 2; do
		same a b c same sparse part
		! attached || may_fail cachectl sync --seal oom
		echo 1 >/proc/sys/vm/drop_caches
	done
	if attached; then
		asked
		unreadable
	fi
	# Changed here, and there.
	printf 'round %d' $round >>/mnt/nfs/a
	truncate -s $((50000 + round)) /mnt/nfs/b
	sync -f /mnt/nfs
	printf 'round %d' $round >>$dir/same
	printf 'round %d' $round | dd of=$dir/c bs=1 seek=$((round % 100 * 4000)) conv=notrunc status=none
	nfs_umount /mnt/nfs
	nfs_mount dir /mnt/nfs
	same a b c same
	if attached; then
		may_fail cachectl stat /mnt/nfs/c
		may_fail cachectl sync --seal oom
		may_fail cachectl scrub oom
		[ "$(status_of oom out_of_service)" = false ] || out=$((out + 1))
		[ $out = 0 ] || [ -n "$lasting" ] || fail "$place: out of service"
	fi
	nfs_umount /mnt/nfs
	life_of_9p
	if attached; then
		bad_sectors
		# A mount of 9p that stays is to be remembered.
		mount_9p
		may_fail cachectl detach oom
		try_umount /mnt/9p
	fi
}

# asked: all that can be asked of a cache and the files in it.
asked() {
	local id
	may_fail cachectl events oom
	may_fail cat $faults/cachet/inject
	may_fail cachectl volumes --json oom
	if id=$(json_value id </run/out 2>/dev/null); then
		may_fail cachectl block-size --tag oom --volume="$id" default
	fi
	may_fail pins pin /mnt/nfs/c /mnt/nfs/part
	may_fail pins sweep oom
	may_fail cull
	may_fail pins unpin /mnt/nfs/c /mnt/nfs/part
	may_fail pins sweep oom
}

# unreadable: some reads of data fail, and what was there is read from the server.
unreadable() {
	echo 1 >/proc/sys/vm/drop_caches
	may_fail inject "data-read 5 0 4"
	same b
	may_fail inject "data-read 5 0 0"
}

# bad_sectors: a sweep and a mount do without what was there.
bad_sectors() {
	local sector
	may_fail cachectl sync oom	# What is dirty stays in memory
	echo 1 >/proc/sys/vm/drop_caches
	for sector in "$of_set" "$of_volumes"; do
		dmsetup message bad 0 addbadblock "$sector"
	done
	may_fail pins sweep oom
	nfs_mount dir /mnt/nfs
	same a
	nfs_umount /mnt/nfs
	may_fail cachectl sync oom
	dmsetup message bad 0 clearbadblocks >/dev/null
}

mount_9p() {
	mount -t 9p -o \
		trans=tcp,version=9p2000.L,aname=$p9,uname=root,access=client,cache=fscache,ignoreqv \
		127.0.0.1 /mnt/9p
}

same_9p() {
	cmp $p9/r$round /mnt/9p/r$round || fail "$place: wrong bytes by 9p, $1"
	sync -f /mnt/9p
	echo 1 >/proc/sys/vm/drop_caches
}

# life_of_9p: what is read and written there is copied to the cache when it is written back,
# as for SMB. Each time another file, and none goes: this server has no versions of them, and
# what was written while a file was not cached, no cache can know.
life_of_9p() {
	local text="round $round"
	head -c 200000 $dir/c >$p9/r$round
	mount_9p
	same_9p "read"
	same_9p "read again"
	printf %s "$text" | dd of=/mnt/9p/r$round bs=1 seek=150000 conv=notrunc status=none
	printf %s "$text" >>/mnt/9p/r$round
	sync -f /mnt/9p
	[ "$(tail -c ${#text} $p9/r$round)" = "$text" ] || fail "$place: what was written has not arrived"
	echo 1 >/proc/sys/vm/drop_caches
	same_9p "written here"
	try_umount /mnt/9p
	mount_9p
	same_9p "written here, and mounted again"
	try_umount /mnt/9p
}

# back: nothing fails any more, and so all works.
back() {
	! attached || may_fail cachectl detach oom
	! attached || fail "$place: it can't be detached"
	cachectl check "$cache" >/run/out && return
	# The other volumes of a page that could not be read are bad until they are used again.
	! grep '(not corrected)' /run/out | grep -v ': volume slot ' || fail "$place: $(cat /run/out)"
	cachectl check --repair "$cache" >/run/out || [ $? = 1 ] || fail "$place: $(cat /run/out)"
	cachectl check "$cache" >/run/out || fail "$place: repaired: $(cat /run/out)"
}

mkdir -p /mnt/9p
at_exit try_umount /mnt/9p
place="nowhere"
life
assert_eq $refused 0 "commands that failed with nothing to fail them"
back

# --- each place in turn ---

# For good: more often than anything is tried, but not for ever. XFS goes on asking for what
# its log needs (xlog_kvmalloc()).
good=50000

# try TIMES: let what is at the place fail so often.
try() {
	place="$allocator in $function, times $1"
	refused=0 out=0 lasting=${1#1}
	arm $((base + 0x$offset)) $((base + 0x$offset + 1)) "$1"
	life
	left
	disarm
	failed=$((2 * $1 - LEFT))
	note "$place: failed $failed times, $refused commands refused, out of service: $out"
	back
}

# listed PATTERN...: is the place one of these?
listed() {
	local pattern
	for pattern; do
		[[ ! "$function $allocator" =~ $pattern ]] || return 0
	done
	return 1
}

mapfile -t all < <(places | sort -u)
assert_gt ${#all[@]} 40 "places that allocate"
hit=0 loaded=0
unreached=() silent=() twins=()
declare -A reached	# "FUNCTION ALLOCATOR": failed
for ((i = from; i < ${#all[@]}; i += step)); do
	read -r section offset function allocator <<<"${all[i]}"
	if [[ "$function $allocator" =~ $loading ]]; then
		loaded=$((loaded + 1))
		continue
	fi
	if listed "${never[@]}"; then
		silent+=("$allocator in $function")
		continue
	fi
	base=$(<"/sys/module/cachet/sections/$section")
	# Not each life passes each place: it depends on what ends first, and on the one before.
	for _ in 1 2 3; do
		try 1
		[ "$failed" = 0 ] || break
	done
	if [ "$failed" = 0 ]; then
		if listed "${doubled[@]}"; then
			twins+=("$function $allocator")
		else
			unreached+=("$allocator in $function")
		fi
		continue
	fi
	reached["$function $allocator"]=1
	hit=$((hit + 1))
	try $good
	[ "$failed" = 0 ] || hit=$((hit + 1))
done
cases $hit "failures, once or for good"
note "${#all[@]} places, each ${step}th tried, $hit times something failed; $loaded are of insmod"
for twin in "${twins[@]}"; do
	[ -n "${reached[$twin]:-}" ] || [ -z "${VM_FULL:-}" ] || unreached+=("$twin")
done
[ ${#silent[@]} = 0 ] || printf 'can not fail: %s\n' "${silent[@]}"
[ ${#unreached[@]} = 0 ] || printf 'not reached: %s\n' "${unreached[@]}"
assert_gt $hit 0 "allocations that failed"
assert_eq ${#unreached[@]} 0 "places where nothing failed, that are not in the list of those that can't"
disarm
place="the end"
refused=0 out=0 lasting=
life
assert_eq $refused 0 "commands that failed at the end"
back
