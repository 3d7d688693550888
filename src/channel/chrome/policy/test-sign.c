/* SPDX-License-Identifier: Apache-2.0
 *
 * sign: keys of a real keyring, through rotation; every signature is verified as a client would.
 */
#include "base/macros.h"
#include "channel/chrome/policy/keys.h"
#include "server/keys.h"
#include "server/org-config.h"
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#define SHA1   DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA1_RSA
#define SHA256 DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__SHA256_RSA
#define NONE   DM__POLICY_FETCH_REQUEST__SIGNATURE_TYPE__NONE

static char folder[] = "/tmp/reeve-sign-XXXXXX";
static struct arena arena;
static struct chrome chrome;
static struct server server;
static struct error err;
static int64_t org_id;

struct make {
	struct store_write write;
	struct signing_key *key;
};

static int make_org(struct store_conn *tx, struct store_write *w)
{
	struct change by = { "test", 1000 };
	struct organization o;
	int r = store_organization_create(tx, &by, "default", "", &arena, &o, &w->err);
	org_id = o.id;
	return r;
}

static int add_key(struct store_conn *tx, struct store_write *w)
{
	struct change by = { "test", 1000 };
	return store_signing_key_add(tx, &by, CONTAINER_OF(w, struct make, write)->key, &w->err);
}

static void run(int (*apply)(struct store_conn *tx, struct store_write *w), struct signing_key *key)
{
	struct make m = { .write = { .apply = apply }, .key = key };
	assert_int_equal(store_write_wait(server.store, &m.write), 0);
}

static void rotate(int64_t org, const char *purpose)
{
	struct signing_key k;
	assert_int_equal(keyring_generate(server.keys, org, purpose, 5, &arena, &k), 0);
	run(add_key, &k);
}

static int setup(void **state)
{
	const struct store_options o = { .backend = "memory" };
	arena_init(&arena);
	server.chrome = &chrome;
	server.org_configs = org_configs_new();
	chrome.keys = chrome_keys_new();
	if (!mkdtemp(folder) || store_open(&o, &server.store, &err) != 0 ||
	    keyring_new(folder, &server.keys) != 0)
		return -1;
	run(make_org, NULL);
	return 0;
}

static int teardown(void **state)
{
	char command[64];
	chrome_keys_free(chrome.keys);
	chrome_keys_free(NULL);
	store_close(server.store);
	keyring_free(server.keys);
	org_configs_free(server.org_configs);
	arena_fini(&arena);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

static const struct chrome_key *current(void)
{
	const struct chrome_key *k = NULL;
	assert_int_equal(chrome_key_get(&server, org_id, KEY_POLICY, 0, &k, &err), 0);
	return k;
}

static bool verifies(struct span spki, const EVP_MD *md, struct span data, struct span signature)
{
	const unsigned char *p = spki.p;
	EVP_PKEY *pkey = d2i_PUBKEY(NULL, &p, (long)spki.n);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool good = pkey && EVP_DigestVerifyInit(c, NULL, md, NULL, pkey) == 1 &&
		    EVP_DigestVerify(c, signature.p, signature.n, data.p, data.n) == 1;
	EVP_MD_CTX_free(c);
	EVP_PKEY_free(pkey);
	return good;
}

/* ---- the tests are one story: in this order ---- */

static void test_none_yet(void **state)
{
	const struct chrome_key *k;
	assert_int_equal(chrome_key_get(&server, org_id, KEY_POLICY, 0, &k, &err), ERR_NOT_FOUND);
	rotate(org_id, KEY_POLICY);
	assert_int_equal(chrome_key_version(current()), 1);
	assert_int_equal(chrome_key_get(&server, org_id, KEY_POLICY, 2, &k, &err), ERR_NOT_FOUND);
	assert_int_equal(chrome_key_get(&server, org_id + 1, KEY_POLICY, 0, &k, &err),
			 ERR_NOT_FOUND);
}

/* Without a verification key a client that does not verify is served all the same. */
static void test_no_verifier(void **state)
{
	const struct key_wish w = { .org_id = org_id, .domain = "d.org", .type = SHA256 };
	struct key_fields f;
	assert_int_equal(key_fields_make(&server, current(), &w, &arena, &f, &err), 0);
	assert_true(span_eq(f.new_public_key, chrome_key_spki(current())));
	assert_int_equal(f.verification_data.n, 0);
	assert_int_equal(f.verification_deprecated.n, 0);
	rotate(0, KEY_VERIFICATION);
}

static void test_sign(void **state)
{
	struct span data = span_str("policy data"), signature;
	struct span spki = chrome_key_spki(current());
	assert_int_equal(chrome_sign(current(), SHA256, data, &arena, &signature, &err), 0);
	assert_int_equal(signature.n, 256);
	assert_true(verifies(spki, EVP_sha256(), data, signature));
	assert_int_equal(chrome_sign(current(), SHA1, data, &arena, &signature, &err), 0);
	assert_true(verifies(spki, EVP_sha1(), data, signature));
	assert_false(verifies(spki, EVP_sha256(), data, signature));
	assert_int_equal(chrome_sign(current(), NONE, data, &arena, &signature, &err), ERR_INVALID);
	assert_int_equal(chrome_sign(current(), (Dm__PolicyFetchRequest__SignatureType)9, data,
				     &arena, &signature, &err),
			 ERR_INVALID);
}

static void check_verification(const struct key_fields *f, const char *domain)
{
	const struct chrome_key *verifier;
	assert_int_equal(chrome_key_get(&server, 0, KEY_VERIFICATION, 0, &verifier, &err), 0);
	struct span spki = chrome_key_spki(verifier);
	assert_true(
		verifies(spki, EVP_sha256(), f->verification_data, f->verification_data_signature));
	Dm__PublicKeyVerificationData *m = dm__public_key_verification_data__unpack(
		NULL, f->verification_data.n, f->verification_data.p);
	assert_non_null(m);
	assert_string_equal(m->domain, domain);
	assert_int_equal(m->new_public_key_version, chrome_key_version(current()));
	assert_memory_equal(m->new_public_key.data, chrome_key_spki(current()).p,
			    m->new_public_key.len);
	m->has_new_public_key_version = false; /* the deprecated one is of the first two fields */
	struct span old = chrome_pack(&arena, &m->base);
	assert_true(verifies(spki, EVP_sha256(), old, f->verification_deprecated));
	dm__public_key_verification_data__free_unpacked(m, NULL);
}

static void test_initial(void **state)
{
	static const char *const domains[] = { "d.org", "other.org", "d.org", "" };
	for (size_t i = 0; i < ARRAY_SIZE(domains); i++) {
		const struct key_wish w = { .org_id = org_id, .domain = domains[i], .type = SHA1 };
		struct key_fields f;
		assert_int_equal(key_fields_make(&server, current(), &w, &arena, &f, &err), 0);
		assert_true(span_eq(f.new_public_key, chrome_key_spki(current())));
		assert_int_equal(f.new_public_key_signature.n, 0);
		check_verification(&f, domains[i]);
	}
}

static void test_same(void **state)
{
	const struct key_wish w = { .org_id = org_id,
				    .domain = "d.org",
				    .has_version = true,
				    .version = 1,
				    .type = SHA256 };
	struct key_fields f;
	assert_int_equal(key_fields_make(&server, current(), &w, &arena, &f, &err), 0);
	assert_int_equal(f.new_public_key.n + f.verification_data.n, 0);
}

/* From any older version, in either hash; unknown ones are like none. */
static void test_rotation(void **state)
{
	static const struct {
		int64_t version;
		bool known;
	} cases[] = { { 1, true },  { 2, true },   { 4, false },
		      { 0, false }, { -1, false }, { INT32_MAX, false } };
	const struct chrome_key *first = current();
	rotate(org_id, KEY_POLICY);
	rotate(org_id, KEY_POLICY);
	assert_int_equal(chrome_key_version(current()), 3);
	assert_int_equal(chrome_key_version(first), 1); /* borrowed for long */
	for (size_t i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		const struct key_wish w = { .org_id = org_id,
					    .domain = "d.org",
					    .has_version = true,
					    .version = cases[i / 2].version,
					    .type = i % 2 ? SHA256 : SHA1 };
		const struct chrome_key *old;
		struct key_fields f;
		assert_int_equal(key_fields_make(&server, current(), &w, &arena, &f, &err), 0);
		check_verification(&f, "d.org");
		assert_int_equal(f.new_public_key_signature.n, cases[i / 2].known ? 256 : 0);
		if (!cases[i / 2].known)
			continue;
		assert_int_equal(chrome_key_get(&server, org_id, KEY_POLICY, w.version, &old, &err),
				 0);
		assert_true(verifies(chrome_key_spki(old), i % 2 ? EVP_sha256() : EVP_sha1(),
				     f.new_public_key, f.new_public_key_signature));
	}
}

/* Another verification key vouches at once. */
static void test_other_verifier(void **state)
{
	rotate(0, KEY_VERIFICATION);
	test_initial(state);
}

/* The private half is gone: not served with another key instead. */
static void test_file_lost(void **state)
{
	const struct chrome_key *k;
	struct signing_key row;
	rotate(org_id, KEY_POLICY);
	assert_int_equal(store_signing_key_current(store_reader(server.store), org_id, KEY_POLICY,
						   &arena, &row, &err),
			 0);
	keyring_discard(server.keys, &row);
	assert_int_equal(chrome_key_get(&server, org_id, KEY_POLICY, 0, &k, &err), ERR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_yet),       cmocka_unit_test(test_no_verifier),
		cmocka_unit_test(test_sign),           cmocka_unit_test(test_initial),
		cmocka_unit_test(test_same),           cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_other_verifier), cmocka_unit_test(test_file_lost),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
