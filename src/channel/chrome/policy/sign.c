/* SPDX-License-Identifier: Apache-2.0
 *
 * Signing keys held ready, and signatures with them.
 *
 * A key is read and parsed when it is first needed and stays until chrome_keys_free(): there are as many as
 * there were rotations. It is known by the name of its file, which is never used again (server/keys.c). Which
 * versions there are is read again when the server's generation is another one.
 *
 * Signing duplicates a prepared EVP_PKEY_CTX: setting one up (fetching algorithms, a parameter at a time)
 * would cost a tenth of the signature. Keys and prepared contexts are only read, by any thread.
 */
#include "channel/chrome/policy/keys.h"

#include "base/crypto.h"
#include "base/map.h"
#include "server/cache.h"
#include "server/keys.h"
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>

#define PEM_MAX            16384
#define INTRODUCTION_SLOTS 256

enum digest { DIGEST_SHA1, DIGEST_SHA256, DIGEST_N };

struct chrome_key {
	int64_t version;
	char *file; /* what it is known by */
	EVP_PKEY *pkey;
	EVP_PKEY_CTX *signers[DIGEST_N];
	struct span spki; /* DER, owned */
};

/* One organization's rows of one purpose, as of a generation. */
struct key_rows {
	int64_t org_id;
	const char *purpose;
	uint64_t generation;
	struct arena arena;
	struct signing_key *items; /* in the arena */
	size_t n;
	struct key_rows *next;
};

struct introduction {       /* kept: the same for every device of an organization and domain */
	struct arena arena; /* of the spans */
	struct key_fields fields;
};

struct chrome_keys {
	pthread_mutex_t lock;
	struct key_rows *rows; /* one an organization and purpose */
	struct map *parsed;    /* file -> struct chrome_key */
	struct cache *introductions;
};

/* ---- one key ---- */

static const EVP_MD *digest_md(enum digest d)
{
	return d == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
}

static void key_free(struct chrome_key *k)
{
	if (!k)
		return;
	for (size_t d = 0; d < DIGEST_N; d++)
		EVP_PKEY_CTX_free(k->signers[d]);
	EVP_PKEY_free(k->pkey);
	OPENSSL_free((void *)k->spki.p);
	free(k->file);
	free(k);
}

static void key_freep(struct chrome_key **k)
{
	key_free(*k);
}

static EVP_PKEY_CTX *signer_new(EVP_PKEY *pkey, enum digest d)
{
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(pkey, NULL);
	if (c && EVP_PKEY_sign_init(c) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_signature_md(c, digest_md(d)) == 1)
		return c;
	EVP_PKEY_CTX_free(c);
	return NULL;
}

static EVP_PKEY *pkey_parse(const struct buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->n);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
	BIO_free(bio);
	return pkey;
}

static int key_parse(const struct buf *pem, const struct signing_key *row, struct chrome_key **ret)
{
	CLEANUP(key_freep) struct chrome_key *k = calloc(1, sizeof *k);
	if (!k || !(k->file = strdup(row->private_file)))
		abort();
	k->version = row->version;
	k->pkey = pkey_parse(pem);
	unsigned char *der = NULL;
	int n = k->pkey ? i2d_PUBKEY(k->pkey, &der) : -1;
	if (n <= 0)
		return -EBADMSG;
	k->spki = (struct span){ der, (size_t)n };
	for (size_t d = 0; d < DIGEST_N; d++)
		if (!(k->signers[d] = signer_new(k->pkey, (enum digest)d)))
			return -EIO;
	*ret = TAKE(k);
	return 0;
}

static int key_load(struct server *s, const struct signing_key *row, struct chrome_key **ret,
		    struct error *err)
{
	struct buf pem;
	buf_init(&pem, PEM_MAX);
	int r = keyring_export(s->keys, row, &pem, err);
	if (r == 0)
		r = key_parse(&pem, row, ret);
	if (pem.p)
		secret_erase(pem.p, pem.cap);
	buf_fini(&pem);
	return r;
}

int64_t chrome_key_version(const struct chrome_key *k)
{
	return k->version;
}

struct span chrome_key_spki(const struct chrome_key *k)
{
	return k->spki;
}

/* ---- which keys there are ---- */

static void introduction_free(void *value)
{
	struct introduction *i = value;
	arena_fini(&i->arena);
	free(i);
}

struct chrome_keys *chrome_keys_new(void)
{
	struct chrome_keys *k = calloc(1, sizeof *k);
	if (!k)
		abort();
	pthread_mutex_init(&k->lock, NULL);
	k->parsed = map_new();
	if (!k->parsed)
		abort();
	k->introductions = cache_new(INTRODUCTION_SLOTS, introduction_free);
	return k;
}

static void parsed_free(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	key_free(value);
}

void chrome_keys_free(struct chrome_keys *k)
{
	if (!k)
		return;
	for (struct key_rows *r = k->rows, *next; r; r = next) {
		next = r->next;
		arena_fini(&r->arena);
		free(r);
	}
	map_each(k->parsed, parsed_free, NULL);
	map_free(k->parsed);
	cache_free(k->introductions);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

static struct key_rows *rows_of(struct chrome_keys *k, int64_t org_id, const char *purpose)
{
	struct key_rows *r = k->rows;
	while (r && (r->org_id != org_id || strcmp(r->purpose, purpose) != 0))
		r = r->next;
	if (r)
		return r;
	r = calloc(1, sizeof *r);
	if (!r)
		abort();
	r->org_id = org_id;
	r->purpose = strcmp(purpose, KEY_POLICY) == 0 ? KEY_POLICY : KEY_VERIFICATION;
	r->next = k->rows;
	k->rows = r;
	return r;
}

static int rows_refresh(struct server *s, struct key_rows *r)
{
	uint64_t generation = server_generation(s);
	struct signing_key *all;
	size_t n = 0;
	if (r->items && r->generation == generation)
		return 0;
	arena_fini(&r->arena);
	r->n = 0;
	r->items = NULL;
	int failed = store_signing_key_list(store_reader(s->store), r->org_id, &r->arena, &all, &n);
	if (failed)
		return failed;
	r->items = arena_new_n(&r->arena, struct signing_key, n + 1);
	for (size_t i = 0; i < n; i++)
		if (strcmp(all[i].purpose, r->purpose) == 0)
			r->items[r->n++] = all[i];
	r->generation = generation;
	return 0;
}

static const struct signing_key *row_of(const struct key_rows *r, int64_t version)
{
	for (size_t i = 0; i < r->n; i++)
		if (version ? r->items[i].version == version : r->items[i].retired_ms == 0)
			return &r->items[i];
	return NULL;
}

static int key_find(struct server *s, const struct key_rows *rows, int64_t version,
		    const struct chrome_key **ret, struct error *err)
{
	struct chrome_keys *k = s->chrome->keys;
	const struct signing_key *row = row_of(rows, version);
	if (!row)
		return error_set(err, ERR_NOT_FOUND, "There is no such %s key.", rows->purpose);
	*ret = map_get(k->parsed, span_str(row->private_file));
	if (*ret)
		return 0;
	struct chrome_key *key;
	int r = key_load(s, row, &key, err);
	if (r)
		return r;
	(void)map_put(k->parsed, span_str(key->file), key);
	*ret = key;
	return 0;
}

int chrome_key_get(struct server *s, int64_t org_id, const char *purpose, int64_t version,
		   const struct chrome_key **ret, struct error *err)
{
	struct chrome_keys *k = s->chrome->keys;
	pthread_mutex_lock(&k->lock);
	struct key_rows *rows = rows_of(k, org_id, purpose);
	int r = rows_refresh(s, rows);
	if (r == 0)
		r = key_find(s, rows, version, ret, err);
	pthread_mutex_unlock(&k->lock);
	return r;
}

/* ---- signatures ---- */

static int sign(const struct chrome_key *k, enum digest d, struct span data, struct arena *a,
		struct span *ret)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int n_hash = 0;
	size_t n = (size_t)EVP_PKEY_get_size(k->pkey);
	uint8_t *out = arena_alloc(a, n);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_dup(k->signers[d]);
	bool good = c && EVP_Digest(data.p, data.n, hash, &n_hash, digest_md(d), NULL) == 1 &&
		    EVP_PKEY_sign(c, out, &n, hash, n_hash) == 1;
	EVP_PKEY_CTX_free(c);
	*ret = (struct span){ out, n };
	return good ? 0 : -EIO;
}

int chrome_sign(const struct chrome_key *k, Dm__PolicyFetchRequest__SignatureType type,
		struct span data, struct arena *a, struct span *ret, struct error *err)
{
	if (type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA1_RSA)
		return sign(k, DIGEST_SHA1, data, a, ret);
	if (type == DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA256_RSA)
		return sign(k, DIGEST_SHA256, data, a, ret);
	return error_set(err, ERR_INVALID, "signature_type is neither SHA1_RSA nor SHA256_RSA.");
}

/* ---- leading a client to the current key ---- */

static struct span pack_spki(struct arena *a, struct span spki, const char *domain, int64_t version)
{
	/* Field 3 makes it PublicKeyVerificationData; without, PolicyPublicKeyAndDomain. */
	Dm__PublicKeyVerificationData m = DM__PUBLIC_KEY_VERIFICATION_DATA__INIT;
	m.has_new_public_key = true;
	m.new_public_key = (ProtobufCBinaryData){ spki.n, (uint8_t *)spki.p };
	m.domain = (char *)domain;
	m.has_new_public_key_version = version > 0;
	m.new_public_key_version = (int32_t)version;
	return chrome_pack(a, &m.base);
}

static int verification_fields(const struct chrome_key *current, const struct chrome_key *verifier,
			       const char *domain, struct introduction *i)
{
	struct key_fields *f = &i->fields;
	struct span old = pack_spki(&i->arena, current->spki, domain, 0);
	f->verification_data = pack_spki(&i->arena, current->spki, domain, current->version);
	int r = sign(verifier, DIGEST_SHA256, old, &i->arena, &f->verification_deprecated);
	return r ? r
		 : sign(verifier, DIGEST_SHA256, f->verification_data, &i->arena,
			&f->verification_data_signature);
}

/* The key that the client has, if it is a known older one. */
static int old_key(struct server *s, const struct key_wish *w, const struct chrome_key **ret,
		   struct error *err)
{
	*ret = NULL;
	int r = w->has_version && w->version > 0
			? chrome_key_get(s, w->org_id, KEY_POLICY, w->version, ret, err)
			: 0;
	return r == ERR_NOT_FOUND ? 0 : r;
}

/* Who vouches for a new key; NULL while there is no verification key yet: clients that do not verify are
 * served all the same. */
static int verifier_get(struct server *s, const struct chrome_key **ret, struct error *err)
{
	*ret = NULL;
	int r = chrome_key_get(s, 0, KEY_VERIFICATION, 0, ret, err);
	return r == ERR_NOT_FOUND ? 0 : r;
}

struct parties { /* whose signatures an introduction is made of */
	const struct chrome_key *current, *old, *verifier; /* the latter two may be NULL */
};

static int introduction_make(const struct parties *p, const struct key_wish *w,
			     struct introduction *i, struct error *err)
{
	int r = p->old ? chrome_sign(p->old, w->type, p->current->spki, &i->arena,
				     &i->fields.new_public_key_signature, err)
		       : 0;
	return r || !p->verifier ? r : verification_fields(p->current, p->verifier, w->domain, i);
}

static void copy_fields(const struct introduction *i, const struct chrome_key *current,
			struct arena *a, struct key_fields *ret)
{
	const struct key_fields *f = &i->fields;
	*ret = (struct key_fields){
		.new_public_key = current->spki,
		.new_public_key_signature = arena_dup(a, f->new_public_key_signature),
		.verification_deprecated = arena_dup(a, f->verification_deprecated),
		.verification_data = arena_dup(a, f->verification_data),
		.verification_data_signature = arena_dup(a, f->verification_data_signature),
	};
}

static const char *file_of(const struct chrome_key *k)
{
	return k ? k->file : "";
}

static int introduction_get(struct server *s, const struct parties *p, const struct key_wish *w,
			    struct arena *a, struct key_fields *ret, struct error *err)
{
	struct cache *kept = s->chrome->keys->introductions;
	struct span key =
		span_str(arena_printf(a, "%s %s %s %d %s", file_of(p->current), file_of(p->old),
				      file_of(p->verifier), p->old ? (int)w->type : 0, w->domain));
	struct cache_entry *e = cache_get(kept, key, 0); /* the key says all that it depends on */
	if (!e) {
		struct introduction *i = calloc(1, sizeof *i);
		if (!i)
			abort();
		int r = introduction_make(p, w, i, err);
		if (r) {
			introduction_free(i);
			return r;
		}
		e = cache_put(kept, key, 0, i);
	}
	copy_fields(cache_value(e), p->current, a, ret);
	cache_unref(e);
	return 0;
}

int key_fields_make(struct server *s, const struct chrome_key *current, const struct key_wish *w,
		    struct arena *a, struct key_fields *ret, struct error *err)
{
	struct parties p = { .current = current };
	*ret = (struct key_fields){ 0 };
	if (w->has_version && w->version == current->version)
		return 0;
	int r = old_key(s, w, &p.old, err);
	if (r == 0)
		r = verifier_get(s, &p.verifier, err);
	return r ? r : introduction_get(s, &p, w, a, ret, err);
}
