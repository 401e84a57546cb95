#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: a file of more than 16 TiB is right on both sides of what the cache can number
#
# The number of a page of a file has 32 bits in the cache. What lies behind comes from the
# server; and of what this machine writes on both sides at once, the part that could be kept is
# not what was cached before (invariant 1; the admin guide's known limits).

. "$(dirname "$0")/lib.sh"

limit=$((1 << 44))
page=4096
file=/mnt/net/file theirs=/mnt/server/dir/file

net_dir
p9_serve
cachet_new far 64M --block-size 64K
net_mount_as -t 9p \
	-o trans=tcp,version=9p2000.L,aname=/mnt/server/dir,uname=root,access=client,cache=fscache,ignoreqv \
	127.0.0.1

# write FILE OFFSET BYTES
write() {
	dd if=/dev/urandom of="$1" bs="$3" count=1 iflag=fullblock oflag=seek_bytes seek="$2" \
		conv=notrunc status=none
}

# same OFFSET BYTES WHAT: there the file is what the server has.
same() {
	local from
	for from in "$file" "$theirs"; do
		dd if="$from" of="/run/part.${from//\//-}" bs=64K iflag=fullblock,skip_bytes,count_bytes \
			skip="$1" count="$2" status=none
	done
	assert_same "/run/part.${file//\//-}" "/run/part.${theirs//\//-}" "$3"
	assert_eq "$(stat -c %s "/run/part.${file//\//-}")" "$2" "$3: bytes"
}

write "$theirs" $((limit - 1048576)) $((1048576 - 8 * page))
sync
/run/net-mount
at_exit try_umount /mnt/net

# It ends in the last block before the limit.
same $((limit - 200000)) $((200000 - 8 * page)) "read"
drop_caches
cachectl sync --seal far
hits=$(counter far bytes_read)	# (cachectl stat would look at each block of it)
same $((limit - 200000)) $((200000 - 8 * page)) "read once more"
assert_ge $(($(counter far bytes_read) - hits)) $((200000 - 8 * page)) "bytes of that from the cache"

# That block can't be kept whole.
write "$file" $((limit - 16 * page)) $((24 * page))
sync
drop_caches
same $((limit - 16 * page)) $((24 * page)) "written on both sides"
/run/net-remount
same $((limit - 200000)) $((200000 + 8 * page)) "written on both sides, and mounted again"

write "$file" $((limit + 10 * page)) $((3 * page))
truncate -s $((limit + 20 * page)) "$file"
sync
drop_caches
same $((limit - 200000)) $((200000 + 20 * page)) "written and cut behind the limit"

# A cut behind the last block that has a number is none of the first.
far=$((1 << 48))
truncate -s $((far + 10 * page)) "$file"
same 0 $((16 * page)) "the first block"
drop_caches
cachectl sync --seal far
exec 5<"$file"	# Who opens it for writing first would have it emptied on Linux 6.12
perl -e 'truncate($ARGV[0], $ARGV[1]) or die "$!\n"' "$file" $((far + 3 * page))
exec 5<&-
drop_caches
hits=$(counter far bytes_read)
same 0 $((16 * page)) "the first block, once more"
assert_ge $(($(counter far bytes_read) - hits)) $((16 * page)) "bytes of that from the cache"

/run/net-umount
cachectl detach far
cachectl check --digests "$(cachet_dir far)"
