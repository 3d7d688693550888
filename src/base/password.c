/* SPDX-License-Identifier: Apache-2.0
 *
 * Password hashes of crypto.h: scrypt (RFC 7914) in the PHC string format,
 * "$scrypt$ln=15,r=8,p=1$<salt>$<hash>", both base64 without padding. The cost is in the text, so it can be
 * raised later while old hashes still verify; what a text may ask for is bounded.
 */
#include "base/crypto.h"
#include <errno.h>
#include <openssl/evp.h>

#define SALT_SIZE 16
#define HASH_SIZE 32
#define MEM_MAX   (UINT64_C(256) << 20)

struct scrypt {
	unsigned ln, r, p;
	uint8_t salt[SALT_SIZE], hash[HASH_SIZE];
};

static bool derive(const char *password, const struct scrypt *s, uint8_t hash[HASH_SIZE])
{
	return EVP_PBE_scrypt(password, strlen(password), s->salt, SALT_SIZE, UINT64_C(1) << s->ln,
			      s->r, s->p, MEM_MAX, hash, HASH_SIZE) == 1;
}

static void add_unpadded(struct buf *out, struct span in)
{
	base64_add(out, in);
	while (out->n > 0 && out->p[out->n - 1] == '=')
		out->p[--out->n] = '\0';
}

int password_hash(const char *password, char text[128])
{
	struct scrypt s = { .ln = 15, .r = 8, .p = 1 };
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 127);
	rand_bytes(s.salt, sizeof s.salt);
	if (!derive(password, &s, s.hash))
		return -ENOMEM;
	buf_addf(&out, "$scrypt$ln=%u,r=%u,p=%u$", s.ln, s.r, s.p);
	add_unpadded(&out, (struct span){ s.salt, sizeof s.salt });
	buf_add_char(&out, '$');
	add_unpadded(&out, (struct span){ s.hash, sizeof s.hash });
	secret_erase(s.hash, sizeof s.hash);
	if (out.failed)
		return -ENOMEM;
	memcpy(text, out.p, out.n + 1);
	return 0;
}

static bool decode_exactly(struct span in, uint8_t *out, size_t n)
{
	CLEANUP(buf_fini) struct buf bytes;
	buf_init(&bytes, n);
	if (!base64_decode(in, &bytes) || bytes.n != n)
		return false;
	memcpy(out, bytes.p, n);
	return true;
}

/* "ln=15": a number of one or two digits. */
static bool get_cost(struct span *s, const char *name, char end, unsigned *ret)
{
	struct span field, key;
	if (!span_get_until(s, end, &field) || !span_get_until(&field, '=', &key) ||
	    !span_eq_str(key, name) || field.n < 1 || field.n > 2)
		return false;
	*ret = 0;
	for (size_t i = 0; i < field.n; i++) {
		if (field.p[i] < '0' || field.p[i] > '9')
			return false;
		*ret = *ret * 10 + (unsigned)(field.p[i] - '0');
	}
	return true;
}

static bool parse(const char *text, struct scrypt *s)
{
	struct span left = span_str(text), empty, name, salt;
	return span_get_until(&left, '$', &empty) && empty.n == 0 &&
	       span_get_until(&left, '$', &name) && span_eq_str(name, "scrypt") &&
	       get_cost(&left, "ln", ',', &s->ln) && get_cost(&left, "r", ',', &s->r) &&
	       get_cost(&left, "p", '$', &s->p) && s->ln >= 1 && s->ln <= 17 && s->r >= 1 &&
	       s->r <= 8 && s->p >= 1 && s->p <= 4 && span_get_until(&left, '$', &salt) &&
	       decode_exactly(salt, s->salt, SALT_SIZE) && decode_exactly(left, s->hash, HASH_SIZE);
}

bool password_verify(const char *password, const char *text)
{
	struct scrypt s;
	uint8_t hash[HASH_SIZE];
	bool same = parse(text, &s) && derive(password, &s, hash) &&
		    ct_equal((struct span){ hash, HASH_SIZE }, (struct span){ s.hash, HASH_SIZE });
	secret_erase(hash, sizeof hash);
	return same;
}
