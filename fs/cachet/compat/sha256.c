// SPDX-License-Identifier: GPL-2.0-only
/*
 * sha256.c - the kernel's fastest SHA-256
 *
 * From 6.16 on that is lib/crypto's own, and there is nothing to set up. Before,
 * only the crypto API knows of the processor's instructions.
 */
#include "compat.h"

#ifdef CACHET_HAVE_SHA256_LIB

int cachet_sha256_register(void)
{
	return 0;
}

void cachet_sha256_unregister(void)
{
}

#else

#include <linux/err.h>

struct crypto_shash *cachet_sha256_tfm;

int cachet_sha256_register(void)
{
	struct crypto_shash *tfm = crypto_alloc_shash("sha256", 0, 0);

	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	if (crypto_shash_descsize(tfm) > HASH_MAX_DESCSIZE) {
		crypto_free_shash(tfm);
		return -EOPNOTSUPP;
	}
	cachet_sha256_tfm = tfm;
	return 0;
}

void cachet_sha256_unregister(void)
{
	crypto_free_shash(cachet_sha256_tfm);
}

#endif
