# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-written.sh - a list of works that change files through a mount, each beside a model
#
# Sourced by the tests that need it, after lib.sh.

block=262144
size=$((2 * block + 9000))
model=/mnt/server/model

# Descriptors of files that are held open.
held=()

let_go() {
	local fd
	for fd in "${held[@]}"; do
		exec {fd}<&-
	done
	held=()
}

# wrong MESSAGE: with files held open the mount could not be undone.
wrong() {
	let_go
	fail "$1"
}

# put FILE OFFSET BYTES: random bytes, in place, and the same into a model that
# no network filesystem has ever seen.
put() {
	dd if=/dev/urandom of="$model/${1##*/}" bs=64K iflag=fullblock,count_bytes count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc status=none
	dd if="$model/${1##*/}" of="$1" bs=64K iflag=skip_bytes,count_bytes skip="$2" count="$3" \
		oflag=seek_bytes seek="$2" conv=notrunc status=none
}

# both FILE COMMAND...: COMMAND with the file, and with its model; not with that if the file
# refuses it.
both() {
	local file=$1
	shift
	"$@" "$file" >/run/both.out || return
	"$@" "$model/${file##*/}" >/run/both.out
}
io() { both "$1" xfs_io "${@:2}"; }

# resize FILE SIZE: truncate(2), which opens nothing.
resize() {
	perl -e 'truncate($ARGV[0], $ARGV[1]) or die "$ARGV[0]: $!\n"' "$1" "$2"
	truncate -s "$2" "$model/${1##*/}"
}

overwrite() { put "$1" 0 "$size"; }
in_place() { put "$1" $((block - 100)) 5000; }
append() { put "$1" "$size" 70000; }
append_page() { put "$1" $((size + 10000)) 10; }
write_twice() {
	put "$1" 5 5
	put "$1" $((block + 5)) 5
}
truncate_open() { io "$1" -c 'truncate 5000'; }
down_up_open() { io "$1" -c 'truncate 100000' -c "truncate $size"; }
down_up() {
	resize "$1" 100000
	resize "$1" "$size"
}
# With a reader in between, and in two steps with the cache in memory dropped.
down_read_up() {
	resize "$1" 100000
	drop_caches
	cmp "$1" "$model/${1##*/}" || wrong "cut"
	resize "$1" $((size + 4096))
}
down_up_reader() {
	local reader
	exec {reader}<"$1"
	resize "$1" 4097
	resize "$1" "$size"
	drop_caches
	held+=("$reader")
	cmp "/dev/fd/$reader" "$model/${1##*/}" || wrong "cut and grown below a reader"
	unset 'held[-1]'
	exec {reader}<&-
}
# Without any reader between or after, but one that has the file open.
down_up_open_reader() {
	local reader
	exec {reader}<"$1"
	head -c 1 <&"$reader" >/run/head
	resize "$1" $((block - 1))
	resize "$1" "$size"
	exec {reader}<&-
}
# One program that writes, cuts and grows, and looks: on SMB with Linux 6.12 other caches
# show what it wrote where it must read zeros. Once more with all of it written to the
# server, and forgotten in memory before it looks.
truncate_then_grow() {
	local file
	for file in "$1" "$model/${1##*/}"; do
		perl -MIO::Handle -e '
			my ($file, $forget) = @ARGV;
			my $found;
			open(my $f, "+>", $file) or die "$file: $!\n";
			syswrite($f, "\x77" x 262144) == 262144 or die "$file: $!\n";
			!$forget or $f->sync or die "$file: $!\n";
			truncate($f, 100000) or die "$file: cut: $!\n";
			truncate($f, 262144) or die "$file: grow: $!\n";
			!$forget or !system($forget) or die "$forget failed\n";
			sysseek($f, 0, 0) or die "$file: $!\n";
			sysread($f, $found, 300000) == 262144 or die "$file: a short read\n";
			$found eq "\x77" x 100000 . "\0" x 162144 or die "$file: it did not grow by zeros\n";
		' "$file" "${2:-}"
	done
}
truncate_then_grow_forgotten() { truncate_then_grow "$1" "sync; echo 3 >/proc/sys/vm/drop_caches"; }
up() { resize "$1" $((size + block)); }
mapped() { io "$1" -c "mmap -rw 0 $size" -c "mwrite -S 0x5a $((block - 50)) 4200" -c "msync -s" -c munmap; }
read_write() {
	io "$1" -c "pread 0 100" -c "pwrite -S 0x33 $((block + 4000)) 200" -c "pread $block 8192" \
		-c fsync -c "pread 0 $size"
}
direct() { io "$1" -d -c "pwrite -S 0x44 -b 8192 $block 8192"; }
punch() { both "$1" fallocate -p -o 8192 -l $block; }
zero() { both "$1" fallocate -z -o 5000 -l $block; }
allocate() { both "$1" fallocate -o $((size - 5000)) -l 100000; }
collapse() { both "$1" fallocate -c -o 8192 -l $block; }
insert() { both "$1" fallocate -i -o 8192 -l $block; }
copy() {
	local file
	for file in "$1" "$model/${1##*/}"; do
		xfs_io -c "copy_range -s 100 -d $((block + 5)) -l 70000 $file" "$file" >/run/io.out || return
	done
}
works=(overwrite in_place append append_page write_twice truncate_open down_up_open down_up
	down_read_up down_up_reader down_up_open_reader truncate_then_grow truncate_then_grow_forgotten
	up mapped read_write direct punch zero allocate collapse insert copy)

# What a test may say of its filesystem: the works that it refuses; how often it must be
# mounted anew until a file that was written to is known again; and, in bytes, the least that
# the works hand to the cache, that comes from it of files which were written here and not
# read since (some 12 MB in all), and of those that are held open while they are changed.
refused=()
remounts=1
min_filled=0 min_new=0 min_held=0

# asked: how often servers were asked for a part of a file. A test may know better.
asked() { netfs_stat DL; }

# look WHAT: each file, named after its work, is its model. Sets FROM_SERVER to how often the
# server was asked for that, FROM_CACHE to the bytes that the cache gave.
look() {
	local before cached
	before=$(asked) cached=$(counter written bytes_read)
	diff -rq /mnt/net $model || wrong "$1: files are wrong"
	FROM_SERVER=$(($(asked) - before)) FROM_CACHE=$(($(counter written bytes_read) - cached))
	note "$1: $FROM_CACHE bytes from the cache, the server asked $FROM_SERVER times"
}

# look_cached WHAT: they are so in the cache, all of them.
look_cached() {
	local i
	for ((i = 0; i < remounts; i++)); do
		/run/net-remount
		look "$1, mounted anew"
	done
	assert_eq "$FROM_SERVER" 0 "$1: times that the server was asked once it is cached"
	assert_ge "$FROM_CACHE" "$(cat $model/* | wc -c)" "$1: bytes from the cache once it is cached"
}

# Each of them must say that it can't, and leave the file as it is.
try_refused() {
	local work
	for work in "${refused[@]}"; do
		[[ " ${works[*]} " = *" $work "* ]] || fail "no such work: $work"
		put "/mnt/net/$work" 0 $size
		! "$work" "/mnt/net/$work" 2>/run/refused || fail "$work: it is not refused"
		grep -Eq 'supported|Invalid argument' /run/refused || fail "$work: $(cat /run/refused)"
	done
}

# written: each work three times. Looked at while the mount stays, after a remount, and while
# the files are held open to be written to.
written() {
	local round work filled fd todo=()
	mkdir $model
	cachet_new written 256M
	/run/net-mount
	at_exit try_umount /mnt/net
	try_refused
	for work in "${works[@]}"; do
		[[ " ${refused[*]} " = *" $work "* ]] || todo+=("$work")
	done
	for round in kept remounted held; do
		for work in "${todo[@]}"; do
			rm -f "$model/$work" "/mnt/net/$work"
			put "/mnt/net/$work" 0 $size
		done
		drop_caches
		look "$round, new"
		assert_ge "$FROM_CACHE" "$min_new" "$round, new: bytes from the cache"
		look_cached "$round, new"

		filled=$(counter written bytes_filled)
		for work in "${todo[@]}"; do
			if [ $round = held ]; then
				exec {fd}<>"/mnt/net/$work"
				held+=("$fd")
			fi
			"$work" "/mnt/net/$work"
		done
		if [ $round = remounted ]; then
			/run/net-remount
		else
			drop_caches
		fi
		filled=$(($(counter written bytes_filled) - filled))
		note "$round: $filled bytes handed to the cache"
		assert_ge "$filled" "$min_filled" "$round: bytes that the works handed to the cache"
		look "$round"
		[ $round != held ] || [ "$FROM_CACHE" -ge "$min_held" ] ||
			wrong "$round: expected at least $min_held bytes from the cache"
		diff -rq /mnt/server/dir $model || wrong "$round: files are wrong on the server"
		drop_caches
		look "$round, again"
		let_go
		if [ $round = held ]; then
			/run/net-remount
			look "$round, let go"
		fi
		look_cached "$round"
	done
	cases $((3 * ${#todo[@]})) "works"
	counters written
}
