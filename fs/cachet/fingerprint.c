// SPDX-License-Identifier: GPL-2.0-only
/*
 * fingerprint.c - which file content is of, and which state of it
 *
 * Both are digests of what the network filesystem says: its keys of the volume and of the
 * file, and its coherency data, which are other ones when the file is.
 */
#include "internal.h"

static u8 *add(u8 *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	return to + bytes;
}

static void fp_of(const void *buf, size_t bytes, u8 out[CACHET_FP_BYTES])
{
	u8 digest[CACHET_DIGEST_BYTES];

	cachet_sha256(buf, bytes, digest);
	memcpy(out, digest, CACHET_FP_BYTES);
}

/**
 * cachet_fp_of_cookie - the fingerprint of a file, by which its records are found
 * @cache: cache
 * @vol: its volume, ready
 * @cookie: of the file
 * @out: where it goes
 *
 * Of the cache, the volume and its generation, and the file.
 *
 * Any context.
 */
void cachet_fp_of_cookie(const struct cachet_cache *cache, const struct cachet_volume *vol,
			 struct fscache_cookie *cookie, u8 out[CACHET_FP_BYTES])
{
	const u8 *vkey = cookie->volume->key;
	__le64 generation = cpu_to_le64(vol->generation);
	u8 buf[CACHET_UUID_BYTES + sizeof(generation) + 1 + 255 + 255], *p = buf;

	/* In one piece: each call into the crypto layer costs as much as it hashes. */
	p = add(p, cache->super.uuid, CACHET_UUID_BYTES);
	p = add(p, &generation, sizeof(generation));
	p = add(p, vkey, 1 + vkey[0]);
	p = add(p, fscache_get_key(cookie), cookie->key_len);
	fp_of(buf, p - buf, out);
}

/**
 * cachet_coherency_of - coherency data, with their digest
 * @aux: the data
 * @len: bytes
 * @out: where they go
 *
 * Any context.
 */
void cachet_coherency_of(const void *aux, u8 len, struct cachet_coherency *out)
{
	u8 buf[1 + 255] = { len };

	fp_of(buf, add(buf + 1, aux, len) - buf, out->fp);
	out->len = len <= sizeof(out->aux) ? len : 0;
	memcpy(out->aux, aux, out->len);
}

/**
 * cachet_coherency_of_cookie - what fscache says of a file now
 * @cookie: of the file
 * @out: where its coherency data go
 * @ret_size: its size, bytes
 *
 * Process context.
 */
void cachet_coherency_of_cookie(struct fscache_cookie *cookie, struct cachet_coherency *out,
				loff_t *ret_size)
{
	u8 aux[255], len;

	spin_lock(&cookie->lock);
	len = cookie->aux_len;
	memcpy(aux, fscache_get_aux(cookie), len);
	*ret_size = cookie->object_size;
	spin_unlock(&cookie->lock);
	cachet_coherency_of(aux, len, out);
}

/**
 * cachet_coherency_tell - fscache hears what a file is like, in place of its filesystem
 * @cookie: of the file, kept from being withdrawn
 * @aux: its coherency data
 * @len: bytes; if these are not as many as the filesystem said, nothing happens
 * @size: of the file, bytes
 *
 * Process context.
 */
void cachet_coherency_tell(struct fscache_cookie *cookie, const void *aux, u8 len, loff_t size)
{
	spin_lock(&cookie->lock);
	if (cookie->aux_len == len)
		fscache_update_aux(cookie, aux, &size);
	spin_unlock(&cookie->lock);
}
