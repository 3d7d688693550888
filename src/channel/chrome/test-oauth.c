/* SPDX-License-Identifier: Apache-2.0
 *
 * What token-info endpoints answer, and what devices upload.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/crypto.h"
#include "channel/chrome/oauth.h"
#include "channel/chrome/uploads.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define NOW_MS INT64_C(1000000)

static void test_answers(void **state)
{
	static const struct {
		const char *body, *email;
		int64_t life_s;
	} cases[] = {
		{ "{\"email\":\"Ada@Example.ORG\",\"expires_in\":\"120\"}", "ada@example.org",
		  120 },
		{ "{\"email\":\"a@b\",\"email_verified\":\"true\",\"expires_in\":30}", "a@b", 30 },
		{ "{\"email\":\"a@b\",\"exp\":1010}", "a@b", 10 },
		{ "{\"email\":\"a@b\",\"exp\":\"990\"}", "a@b", 0 },
		{ "{\"email\":\"a@b\"}", "a@b", 300 },
		{ "{\"email\":\"a@b\",\"expires_in\":99999999999}", "a@b", 3600 },
		{ "{\"email\":\"a@b\",\"exp\":9223372036854775807}", "a@b", 300 },
		{ "{\"email\":\"a@b\",\"expires_in\":-5}", "a@b", 300 },
		{ "{\"email\":\"a@b\",\"email_verified\":false}", "", 60 },
		{ "{\"email\":\"a@b\",\"verified_email\":\"false\"}", "", 60 },
		{ "{\"email\":\"a@b\",\"active\":false}", "", 60 },
		{ "{\"email\":\"ab\"}", "", 60 },
		{ "{\"email\":\"@b\"}", "", 60 },
		{ "{\"email\":\"a@\"}", "", 60 },
		{ "{\"email\":\"a b@c\"}", "", 60 },
		{ "{\"email\":5}", "", 60 },
		{ "{\"error\":\"invalid_token\"}", "", 60 },
		{ "[]", "", 60 },
		{ "", "", 60 },
		{ "<html>", "", 60 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char email[OAUTH_EMAIL_MAX + 1];
		int64_t until_ms;
		bool good = oauth_answer_read(span_str(cases[i].body), NOW_MS, email, &until_ms);
		assert_int_equal(good, *cases[i].email != '\0');
		assert_string_equal(email, cases[i].email);
		assert_int_equal(until_ms, NOW_MS + cases[i].life_s * 1000);
	}
}

static void test_long_email(void **state)
{
	char body[400], email[OAUTH_EMAIL_MAX + 1];
	int64_t until_ms;
	for (int n = OAUTH_EMAIL_MAX; n <= OAUTH_EMAIL_MAX + 1; n++) {
		snprintf(body, sizeof body, "{\"email\":\"%0*d@b\"}", n - 2, 1);
		assert_int_equal(oauth_answer_read(span_str(body), NOW_MS, email, &until_ms),
				 n == OAUTH_EMAIL_MAX);
	}
}

/* ---- uploads ---- */

static EVP_PKEY *new_key(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	assert_non_null(key);
	return key;
}

static void test_signatures(void **state)
{
	EVP_PKEY *old = new_key(), *other = new_key();
	uint8_t spki[256], *p = spki, signature[256];
	size_t n_signature = sizeof signature;
	struct span message = span_str("the new key");
	int n = i2d_PUBKEY(old, &p);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, old), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &n_signature, message.p, message.n), 1);
	struct span key = { spki, (size_t)n }, good = { signature, n_signature };
	assert_true(public_key_signed(key, message, good));
	assert_false(public_key_signed(key, span_str("another"), good));
	assert_false(public_key_signed(key, message, (struct span){ signature, 3 }));
	assert_false(public_key_signed(key, message, (struct span){ 0 }));
	assert_false(public_key_signed(span_str("no key"), message, good));
	p = spki;
	(void)i2d_PUBKEY(other, &p);
	assert_false(public_key_signed(key, message, good));
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(old);
	EVP_PKEY_free(other);
}

static X509 *new_certificate(EVP_PKEY *key)
{
	X509 *c = X509_new();
	X509_NAME *name = X509_get_subject_name(c);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"book", -1, -1, 0);
	X509_set_issuer_name(c, name);
	X509_set_pubkey(c, key);
	ASN1_TIME_set_string_X509(X509_getm_notAfter(c), "20300101000000Z");
	ASN1_TIME_set_string_X509(X509_getm_notBefore(c), "20200101000000Z");
	assert_true(X509_sign(c, key, EVP_sha256()) > 0);
	return c;
}

static void check_certificate(struct span bytes)
{
	AUTO_JSON j = certificate_json(bytes);
	assert_string_equal(json_string_value(json_object_get(j, "subject")), "/CN=book");
	assert_int_equal(json_integer_value(json_object_get(j, "not_after_ms")), 1893456000000);
	assert_int_equal(json_integer_value(json_object_get(j, "size")), bytes.n);
}

static void test_certificates(void **state)
{
	EVP_PKEY *key = new_key();
	X509 *c = new_certificate(key);
	uint8_t *der = NULL;
	char *pem = NULL;
	int n = i2d_X509(c, &der);
	BIO *text = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(text, c);
	long n_pem = BIO_get_mem_data(text, &pem);
	check_certificate((struct span){ der, (size_t)n });
	check_certificate((struct span){ (const uint8_t *)pem, (size_t)n_pem });
	AUTO_JSON garbage = certificate_json(span_str("not a certificate"));
	assert_null(json_object_get(garbage, "subject"));
	assert_string_equal(json_string_value(json_object_get(garbage, "data")),
			    "bm90IGEgY2VydGlmaWNhdGU=");
	BIO_free(text);
	OPENSSL_free(der);
	X509_free(c);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_long_email),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_certificates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
