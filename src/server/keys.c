/* SPDX-License-Identifier: Apache-2.0
 *
 * RSA pairs over OpenSSL's EVP, their private halves in DIR/keys, see keys.h. A file's name holds a
 * random part, so it is never one that an older key used.
 */
#include "server/keys.h"

#include "store/store.h"

#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdatomic.h>
#include <unistd.h>

#define RSA_BITS     2048
#define RSA_BITS_MAX 4096
#define PEM_SIZE_MAX 16384

struct keyring {
	char *dir; /* DIR/keys */
	atomic_bool ready, stopping;
};

static void pkey_freep(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}
#define AUTO_PKEY CLEANUP(pkey_freep) EVP_PKEY *

static void bio_freep(BIO **b)
{
	BIO_free(*b);
}
#define AUTO_BIO CLEANUP(bio_freep) BIO *

int keyring_new(const char *data_dir, struct keyring **ret)
{
	struct keyring *k = calloc(1, sizeof *k);
	if (!k || asprintf(&k->dir, "%s/keys", data_dir) < 0)
		abort();
	int r = dir_make(k->dir, 0700);
	if (r) {
		keyring_free(k);
		return r;
	}
	*ret = k;
	return 0;
}

void keyring_free(struct keyring *k)
{
	if (!k)
		return;
	free(k->dir);
	free(k);
}

void keyring_stop(struct keyring *k)
{
	k->stopping = true;
}

bool keyring_ready(const struct keyring *k)
{
	return k->ready;
}

/* ---- files ---- */

/* Names come from the store, which a restored backup may have filled. */
static bool path_of(const struct keyring *k, const char *name, char out[4096])
{
	if (!name || !*name || strchr(name, '/') || *name == '.')
		return false;
	return snprintf(out, 4096, "%s/%s", k->dir, name) < 4096;
}

static int public_pem(EVP_PKEY *pkey, struct arena *a, const char **ret)
{
	AUTO_BIO bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	if (!bio || PEM_write_bio_PUBKEY(bio, pkey) != 1)
		return -EIO;
	long n = BIO_get_mem_data(bio, &p);
	*ret = arena_strndup(a, p, (size_t)n);
	return 0;
}

static int save_private(const struct keyring *k, EVP_PKEY *pkey, const char *name)
{
	char path[4096];
	AUTO_BIO bio = BIO_new(BIO_s_secmem());
	char *p = NULL;
	if (!path_of(k, name, path))
		return -ENAMETOOLONG;
	if (!bio || PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
		return -EIO;
	long n = BIO_get_mem_data(bio, &p);
	int r = file_write_atomic(path, (struct span){ (const uint8_t *)p, (size_t)n }, 0600);
	OPENSSL_cleanse(p, (size_t)n);
	return r;
}

static int save(const struct keyring *k, EVP_PKEY *pkey, int64_t org_id, const char *purpose,
		int64_t now_ms, struct arena *a, struct signing_key *ret)
{
	uint8_t random[8];
	char hex[2 * sizeof random + 1];
	rand_bytes(random, sizeof random);
	hex_encode((struct span){ random, sizeof random }, hex);
	*ret = (struct signing_key){
		.org_id = org_id,
		.purpose = arena_strdup(a, purpose),
		.private_file = arena_printf(a, "%s-%lld-%s.pem", purpose, (long long)org_id, hex),
		.created_ms = now_ms,
	};
	int r = public_pem(pkey, a, &ret->public_pem);
	return r ? r : save_private(k, pkey, ret->private_file);
}

int keyring_generate(struct keyring *k, int64_t org_id, const char *purpose, int64_t now_ms,
		     struct arena *a, struct signing_key *ret)
{
	AUTO_PKEY pkey = EVP_RSA_gen(RSA_BITS);
	return pkey ? save(k, pkey, org_id, purpose, now_ms, a, ret) : -EIO;
}

/* Never asks at a terminal: a key under a password is refused. */
static int no_password(char *buf, int size, int writing, void *user)
{
	(void)buf, (void)size, (void)writing, (void)user;
	return 0;
}

int keyring_import(struct keyring *k, int64_t org_id, const char *purpose, const char *private_pem,
		   int64_t now_ms, struct arena *a, struct signing_key *ret, struct error *err)
{
	size_t n = strlen(private_pem);
	AUTO_BIO bio = n <= PEM_SIZE_MAX ? BIO_new_mem_buf(private_pem, (int)n) : NULL;
	AUTO_PKEY pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
	if (!pkey)
		return error_set(err, ERR_INVALID,
				 "This is not a private key in PEM without a password.");
	int bits = EVP_PKEY_get_bits(pkey);
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA || bits < RSA_BITS || bits > RSA_BITS_MAX)
		return error_set(err, ERR_INVALID, "The key must be RSA of %d to %d bits.",
				 RSA_BITS, RSA_BITS_MAX);
	return save(k, pkey, org_id, purpose, now_ms, a, ret);
}

int keyring_export(struct keyring *k, const struct signing_key *key, struct buf *out,
		   struct error *err)
{
	char path[4096];
	int r = path_of(k, key->private_file, path) ? file_read(path, out) : -ENOENT;
	if (r == -ENOENT)
		return error_set(err, ERR_NOT_FOUND, "The private half of this key is not there.");
	return r;
}

void keyring_discard(struct keyring *k, const struct signing_key *key)
{
	char path[4096];
	if (path_of(k, key->private_file, path) && file_remove(path) != 0)
		log_warn("the file of an unused key could not be removed", F_STR("file", path));
}

/* ---- what should exist ---- */

struct add { /* one key into the store, unless there is one by now */
	struct store_write write;
	struct arena *arena;
	struct change by;
	struct signing_key key;
	bool unused; /* somebody else made one meanwhile */
};

static int add_apply(struct store_conn *tx, struct store_write *w)
{
	struct add *x = CONTAINER_OF(w, struct add, write);
	struct signing_key current;
	int r = store_signing_key_current(tx, x->key.org_id, x->key.purpose, x->arena, &current,
					  &w->err);
	x->unused = r == 0;
	if (r != ERR_NOT_FOUND)
		return r;
	return store_signing_key_add(tx, &x->by, &x->key, &w->err);
}

static int ensure_one(struct keyring *k, struct store *store, int64_t org_id, const char *purpose,
		      int64_t now_ms, struct arena *a)
{
	struct signing_key current;
	struct error err;
	int r = store_signing_key_current(store_reader(store), org_id, purpose, a, &current, &err);
	if (r != ERR_NOT_FOUND)
		return r;
	if (k->stopping)
		return -ECANCELED;
	struct add x = { .write.apply = add_apply, .arena = a, .by = { "reeved", now_ms } };
	r = keyring_generate(k, org_id, purpose, now_ms, a, &x.key);
	if (r)
		return r;
	r = store_write_wait(store, &x.write);
	if (r != 0 || x.unused)
		keyring_discard(k, &x.key);
	return r;
}

int keyring_ensure(struct keyring *k, struct store *store, int64_t now_ms)
{
	struct arena a;
	struct organization *orgs = NULL;
	size_t n = 0;
	arena_init(&a);
	int r = ensure_one(k, store, 0, KEY_VERIFICATION, now_ms, &a);
	if (r == 0)
		r = ensure_one(k, store, 0, KEY_TOKEN, now_ms, &a);
	if (r == 0)
		r = store_organization_list(store_reader(store), &a, &orgs, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		r = ensure_one(k, store, orgs[i].id, KEY_POLICY, now_ms, &a);
	arena_fini(&a);
	if (r == 0)
		k->ready = true;
	return r;
}
