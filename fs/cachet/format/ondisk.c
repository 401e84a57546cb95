// SPDX-License-Identifier: GPL-2.0-only
/*
 * ondisk.c - the sizes and offsets that the format promises, checked by the compiler
 */
#include <linux/stddef.h>
#include <linux/build_bug.h>
#include "cachet_format.h"

#define SIZE(type, bytes)	static_assert(sizeof(struct type) == (bytes))
#define AT(type, member, off)	static_assert(offsetof(struct type, member) == (off))

SIZE(cachet_lost, 16);
SIZE(cachet_super, CACHET_SUPER_BYTES);
AT(cachet_super, version, 12);
AT(cachet_super, uuid, 32);
AT(cachet_super, tag, 48);
AT(cachet_super, epoch, 80);
AT(cachet_super, nr_segments, 112);
AT(cachet_super, segment_shift, 124);
AT(cachet_super, lost, 128);

SIZE(cachet_file_id, 64);
AT(cachet_file_id, uuid, 16);

SIZE(cachet_segment, 64);
AT(cachet_segment, generation, 16);
AT(cachet_segment, used, 24);

SIZE(cachet_volume_rec, 512);
AT(cachet_volume_rec, id, 16);
AT(cachet_volume_rec, key, 40);
AT(cachet_volume_rec, coherency, 296);
AT(cachet_volume_rec, since, 456);

SIZE(cachet_extent, 16);
SIZE(cachet_record, 32);
AT(cachet_record, kind, 4);
AT(cachet_record, epoch, 8);
AT(cachet_record, fp, 16);

SIZE(cachet_object, CACHET_RECORD_BYTES);
AT(cachet_object, coherency, 48);
AT(cachet_object, block_shift, 76);
AT(cachet_object, extent, 80);
AT(cachet_object, digest, 96);

SIZE(cachet_extents, CACHET_RECORD_BYTES);
AT(cachet_extents, block, 40);
AT(cachet_extents, extent, 48);
AT(cachet_extents, sealed, 48);
AT(cachet_extents, digest, 96);

SIZE(cachet_content, CACHET_RECORD_BYTES);
AT(cachet_content, pages, 64);
AT(cachet_content, extent, 80);

SIZE(cachet_summary_footer, 64);
SIZE(cachet_summary_entry, 64);
AT(cachet_summary_entry, digest, 32);
