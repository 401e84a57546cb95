/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * cachet_counters.h - the counters of a cache: one table for sysfs, tools and docs
 *
 * X(name, unit, help). An entry's place is its number in struct cachet_status:
 * new ones go to the end, none is ever removed.
 */
#ifndef _UAPI_LINUX_CACHET_COUNTERS_H
#define _UAPI_LINUX_CACHET_COUNTERS_H

#define CACHET_COUNTERS(X) \
	X(read_hits,		"reads",	"reads answered by the cache") \
	X(read_misses,		"reads",	"reads sent to the server") \
	X(bytes_read,		"bytes",	"bytes read from the cache") \
	X(bytes_missed,		"bytes",	"bytes asked from the server") \
	X(bytes_filled,		"bytes",	"bytes handed to the cache to be kept") \
	X(bytes_written,	"bytes",	"bytes of fills written to the data log") \
	X(bytes_deduped,	"bytes",	"bytes not stored, for the same block was there already") \
	X(blocks_sealed,	"blocks",	"blocks that got their digest") \
	X(blocks_sealed_inline,	"blocks",	"of these, before they were written") \
	X(blocks_shared,	"blocks",	"blocks found stored already") \
	X(seal_deferred,	"blocks",	"whole blocks written unsealed because the sealer was behind") \
	X(fills_dropped,	"fills",	"fills not kept: no segment was free") \
	X(fills_stale,		"fills",	"fills not kept: the object was invalidated meanwhile") \
	X(fills_fragmented,	"fills",	"fills not kept: the block is in too many pieces") \
	X(fills_present,	"fills",	"fills not needed: the pages were there already") \
	X(reads_stale,		"reads",	"reads handed back to the server: the pages went away meanwhile") \
	X(lookups_found,	"lookups",	"objects found at lookup") \
	X(lookups_new,		"lookups",	"objects not found at lookup") \
	X(lookups_stale,	"lookups",	"objects emptied at lookup: the file has changed") \
	X(lookups_unacked,	"lookups",	"objects emptied at lookup: local writes of unknown fate") \
	X(invalidations,	"objects",	"objects emptied on request of the network filesystem") \
	X(resizes,		"objects",	"objects cut or grown") \
	X(records_written,	"records",	"records written to the index") \
	X(records_evicted,	"records",	"records that had to leave a full set") \
	X(records_bad,		"records",	"records ignored: wrong crc or contents") \
	X(suspect_verified,	"blocks",	"blocks of a crashed epoch that passed their digest") \
	X(suspect_dropped,	"blocks",	"blocks of a crashed epoch that were dropped") \
	X(digest_mismatches,	"blocks",	"blocks whose bytes did not match their digest") \
	X(segments_reused,	"segments",	"segments freed to make room") \
	X(commits,		"commits",	"epochs committed") \
	X(io_errors,		"errors",	"I/O errors on the cache's own files") \
	X(objects_dirty,	"objects",	"objects that began to be written by this machine") \
	X(objects_acked,	"objects",	"of these, objects whose bytes the server has acknowledged") \
	X(blocks_verified,	"blocks",	"blocks read back to compare their digest") \
	X(media_errors,		"errors",	"of the I/O errors, those that cost one place only: it could not be read") \
	X(bytes_moved,		"bytes",	"bytes copied to where what is pinned stays") \
	X(segments_released,	"segments",	"segments in which nothing is pinned any more")

#endif /* _UAPI_LINUX_CACHET_COUNTERS_H */
