#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# title: NFS: what is cut off by path while somebody reads on after an append does not come back
# timeout: 100
#
# Invariants 1 and 4. A file is written to and closed; it is opened again, to be read, before
# fscache gives up its cookie (`echo x >>file; tail -f file`). While it is open, and cached, it
# is cut to nothing by its name and grown to what it was: NFS tells no cache. Who reads it by the
# open descriptor, by its name, and on a new mount sees zeros, as the server has.

. "$(dirname "$0")/lib.sh"

net_dir
nfs_server_start
nfs_export dir /mnt/server/dir
cachet_new cut 64M
size=700000
for i in 1 2 3; do
	random_file "/mnt/server/dir/f$i" $((size - 1)) "$i"
done
sync	# or XFS moves the change attribute when it writes it
nfs_mount dir /mnt/net

# resize FILE SIZE: truncate(2), which opens nothing.
resize() { perl -e 'truncate($ARGV[0], $ARGV[1]) or die "$ARGV[0]: $!\n"' "$1" "$2"; }

# sees WHAT: by the descriptor 5, and by name
sees() {
	echo 1 >/proc/sys/vm/drop_caches
	"$VM_HELPERS/show-by" sendfile $size <&5 | cmp - "/mnt/server/dir/$file" >/run/differ 2>&1 ||
		differs "$1, by descriptor"
	echo 1 >/proc/sys/vm/drop_caches
	cmp "/mnt/net/$file" "/mnt/server/dir/$file" >/run/differ 2>&1 || differs "$1, by name"
}
differs() {
	exec 5<&-	# Or the clean-up can't unmount it
	fail "$file, $1: $(cat /run/differ)"
}
cached=0
for i in 1 2 3; do
	file=f$i
	cat "/mnt/net/$file" >/dev/null
	echo >>"/mnt/net/$file"
	exec 5<"/mnt/net/$file"
	sees "appended to"
	cachectl sync --seal cut
	before=$(counter cut bytes_read)
	sees "appended to, cached"
	cached=$((cached + $(counter cut bytes_read) - before))
	resize "/mnt/net/$file" 0
	resize "/mnt/net/$file" $size
	sees "cut and grown"
	exec 5<&-
done
assert_ge $cached $((size * 9 / 10)) "bytes from the cache of what was cut"
cachectl sync --seal cut
nfs_remount dir /mnt/net
assert_same_tree /mnt/net /mnt/server/dir "a new mount"
