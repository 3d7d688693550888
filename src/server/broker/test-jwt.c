/* SPDX-License-Identifier: Apache-2.0
 *
 * Passwords that are JWTs, on a store and a key of the test's: the claims, and the signature checked with what is
 * published. (The scenarios check both with a library that is not OpenSSL's C interface.)
 */
#include "server/broker/jwt.h"

#include "server/keys.h"
#include "store/store.h"

#include "base/crypto.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000)

struct world {
	char dir[40];
	struct store *store;
	struct keyring *keys;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	struct store_options o = { .backend = "memory", .path = "" };
	struct error err;
	snprintf(w->dir, sizeof w->dir, "/tmp/reeve-jwt-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	assert_int_equal(keyring_new(w->dir, &w->keys), 0);
	assert_int_equal(store_open(&o, &w->store, &err), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;
	char command[80];
	store_close(w->store);
	keyring_free(w->keys);
	snprintf(command, sizeof command, "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	free(w);
	return 0;
}

static const struct rights rights = { "0/agent/A", "0/fleet/5\0", 0 };

static json_t *part(struct span *token)
{
	struct span text = *token;
	CLEANUP(buf_fini) struct buf bytes;
	json_t *j = NULL;
	struct error err;
	buf_init(&bytes, 65536);
	assert_true(span_get_until(token, '.', &text));
	assert_true(base64_decode(text, &bytes));
	assert_int_equal(json_parse(buf_span(&bytes), &j, &err), 0);
	return j;
}

static bool verify(struct world *w, struct span signed_text, struct span signature)
{
	struct arena a;
	struct signing_key key;
	struct error err;
	arena_init(&a);
	assert_int_equal(
		store_signing_key_current(store_reader(w->store), 0, KEY_TOKEN, &a, &key, &err), 0);
	BIO *bio = BIO_new_mem_buf(key.public_pem, -1);
	EVP_PKEY *pkey = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey), 1);
	bool good =
		EVP_DigestVerify(ctx, signature.p, signature.n, signed_text.p, signed_text.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(pkey);
	BIO_free(bio);
	arena_fini(&a);
	return good;
}

static void test_no_key_yet(void **state)
{
	struct world *w = *state;
	struct error err;
	json_t *keys = NULL;
	CLEANUP(buf_fini) struct buf token;
	buf_init(&token, 65536);
	assert_int_equal(
		jwt_add(&token, w->keys, store_reader(w->store), "A", &rights, NOW, 1000, &err),
		ERR_UNAVAILABLE);
	assert_int_equal(token.n, 0);
	assert_int_equal(jwt_keys(store_reader(w->store), &keys), 0);
	assert_int_equal(json_array_size(json_object_get(keys, "keys")), 0);
	json_decref(keys);
}

static void test_token(void **state)
{
	struct world *w = *state;
	struct error err;
	CLEANUP(buf_fini) struct buf token;
	CLEANUP(buf_fini) struct buf signature;
	buf_init(&token, 65536);
	buf_init(&signature, 1024);
	assert_int_equal(keyring_ensure(w->keys, w->store, NOW), 0);
	assert_int_equal(jwt_add(&token, w->keys, store_reader(w->store), "A \"quoted\"", &rights,
				 NOW, 60000, &err),
			 0);
	struct span left = buf_span(&token);
	AUTO_JSON head = part(&left);
	AUTO_JSON claims = part(&left);
	assert_string_equal(json_string_value(json_object_get(head, "alg")), "RS256");
	assert_string_equal(json_string_value(json_object_get(claims, "sub")), "A \"quoted\"");
	assert_int_equal(json_integer_value(json_object_get(claims, "iat")), NOW / 1000);
	assert_int_equal(json_integer_value(json_object_get(claims, "exp")), NOW / 1000 + 60);
	assert_int_equal(json_array_size(json_object_get(claims, "acl")), 2 * 5 + 1);

	assert_true(base64_decode(left, &signature));
	struct span text = { (const uint8_t *)token.p, token.n - left.n - 1 };
	assert_true(verify(w, text, buf_span(&signature)));
	signature.p[7] ^= 1;
	assert_false(verify(w, text, buf_span(&signature)));
}

static void test_acl(void **state)
{
	(void)state;
	AUTO_JSON everything = jwt_acl(NULL);
	assert_int_equal(json_array_size(everything), 1);
	AUTO_JSON acl = jwt_acl(&rights);
	const json_t *last = json_array_get(acl, json_array_size(acl) - 1);
	assert_string_equal(json_string_value(json_object_get(last, "permission")), "deny");
	assert_string_equal(json_string_value(json_object_get(last, "topic")), "#");
	for (size_t i = 0; i + 1 < json_array_size(acl); i++)
		assert_string_equal(
			json_string_value(json_object_get(json_array_get(acl, i), "permission")),
			"allow");
}

#define JWT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { JWT(test_no_key_yet), JWT(test_token),
					    cmocka_unit_test(test_acl) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
