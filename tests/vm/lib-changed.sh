# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# lib-changed.sh - what others do to a file of $size bytes that this machine has cached
#
# Sourced by the tests that need it, after lib.sh. They say how bytes are written, `put FILE
# OFFSET BYTES`, and which of these changes they make. Most leave alone what the client could
# mistake for the new content.

block=262144
size=$((3 * block + 5000))

# resize FILE SIZE: truncate(1) opens the file so that it fails instead of
# waiting for a client to give its delegation back.
resize() { xfs_io -c "truncate $2" "$1"; }

shrink() { resize "$1" $((block + 777)); }
shrink_page() { resize "$1" $((2 * block)); }
empty() { : >"$1"; }
grow() { put "$1" "$size" 70000; }
grow_hole() { resize "$1" $((size + 2 * block)); }
in_place() { put "$1" $((block + 100)) 5000; }
one_byte() { put "$1" $((2 * block + 12345)) 1; }
twice() {
	put "$1" 0 100
	put "$1" $((size - 10)) 10
}
replace() {
	put "$1.new" 0 "$size"
	mv "$1.new" "$1"
}
replace_same_times() {
	put "$1.new" 0 "$size"
	touch -r "$1" "$1.new"
	mv "$1.new" "$1"
}
cut_and_grow() {
	resize "$1" 5000
	resize "$1" "$size"
}
cut_and_refill() {
	resize "$1" $((block / 2 + 1))
	put "$1" $((2 * block)) 3000
	resize "$1" "$size"
}
punch() { fallocate -p -o $((block - 4096)) -l 12288 "$1"; }
rewrite() { put "$1" 0 "$size"; }
