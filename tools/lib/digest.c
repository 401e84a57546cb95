// SPDX-License-Identifier: GPL-2.0-only
/*
 * digest.c - SHA-256, from libgcrypt
 */
#include <gcrypt.h>

#include "libcachet.h"

/* Bytes of memory; `ret_digest` gets the 32 bytes that records carry. */
void cachet_digest(const void *bytes, size_t len, u8 ret_digest[CACHET_DIGEST_BYTES])
{
	/* The library wants to be asked for its version before anything else */
	if (!gcry_control(GCRYCTL_INITIALIZATION_FINISHED_P)) {
		gcry_check_version(NULL);
		gcry_control(GCRYCTL_DISABLE_SECMEM, 0);
		gcry_control(GCRYCTL_INITIALIZATION_FINISHED, 0);
	}
	gcry_md_hash_buffer(GCRY_MD_SHA256, ret_digest, bytes, len);
}
