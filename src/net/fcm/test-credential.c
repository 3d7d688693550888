/* SPDX-License-Identifier: Apache-2.0
 *
 * Key files good and bad, addresses, and an assertion that the public key verifies.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include "net/fcm/credential.h"
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/reeve-credential-XXXXXX";
static char path[64];
static char *rsa_pem, *small_pem, *ec_pem; /* keys, made once */

static char *new_pem(EVP_PKEY *key)
{
	char *data, *copy;
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long n = BIO_get_mem_data(bio, &data);
	copy = malloc((size_t)n + 1);
	memcpy(copy, data, (size_t)n);
	copy[n] = '\0';
	BIO_free(bio);
	EVP_PKEY_free(key);
	return copy;
}

static int set_up(void **state)
{
	rsa_pem = new_pem(EVP_RSA_gen(2048));
	small_pem = new_pem(EVP_RSA_gen(1024));
	ec_pem = new_pem(EVP_EC_gen("P-256"));
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/key.json", folder);
	return 0;
}

static int tear_down(void **state)
{
	free(rsa_pem);
	free(small_pem);
	free(ec_pem);
	unlink(path);
	return rmdir(folder);
}

static json_t *new_file(void)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "type", "service_account", "project_id",
			 "reeve-1", "client_email", "a@b", "private_key_id", "k1", "private_key",
			 rsa_pem, "token_uri", "https://oauth2.googleapis.com/token");
}

static void write_file(const char *text)
{
	assert_int_equal(file_write_atomic(path, span_str(text), 0600), 0);
}

static int load_with(const char *key, json_t *steals_value, struct credential *c, struct error *err)
{
	AUTO_JSON o = new_file();
	if (steals_value)
		json_object_set_new(o, key, steals_value);
	else
		json_object_del(o, key);
	CLEANUP(free_charp) char *text = json_text(o);
	write_file(text);
	return credential_load(path, c, err);
}

static void test_load(void **state)
{
	struct credential c;
	struct error err = { 0 };
	assert_int_equal(load_with("more", json_true(), &c, &err), 0);
	assert_string_equal(c.project_id, "reeve-1");
	assert_string_equal(c.client_email, "a@b");
	assert_string_equal(c.key_id, "k1");
	assert_string_equal(c.token_uri, "https://oauth2.googleapis.com/token");
	assert_non_null(c.key);
	credential_fini(&c);
	credential_fini(&c);
	assert_int_equal(load_with("private_key_id", NULL, &c, &err), 0);
	assert_string_equal(c.key_id, "");
	credential_fini(&c);
	assert_int_equal(load_with("token_uri", NULL, &c, &err), 0);
	assert_string_equal(c.token_uri, "https://oauth2.googleapis.com/token");
	credential_fini(&c);
}

/* Every error names the file and the key in it, and never shows the private one. */
static void test_bad_keys(void **state)
{
	const struct {
		const char *key;
		json_t *value;
		const char *message;
	} cases[] = {
		{ "type", NULL, "\"type\" is missing" },
		{ "type", json_string("authorized_user"),
		  "\"type\" must be \"service_account\", not \"authorized_user\"" },
		{ "type", json_integer(1), "\"type\" must be a string, not an integer" },
		{ "project_id", NULL, "\"project_id\" is missing" },
		{ "project_id", json_string(""), "\"project_id\" is empty" },
		{ "project_id", json_string("../x"),
		  "\"project_id\" is not a project's id: \"../x\"" },
		{ "client_email", NULL, "\"client_email\" is missing" },
		{ "client_email", json_true(), "\"client_email\" must be a string, not a boolean" },
		{ "private_key", NULL, "\"private_key\" is missing" },
		{ "private_key", json_string("SECRET"),
		  "\"private_key\" is not an RSA key of at least 2048 bits in PEM" },
		{ "private_key", json_string(small_pem),
		  "\"private_key\" is not an RSA key of at least 2048 bits in PEM" },
		{ "private_key", json_string(ec_pem),
		  "\"private_key\" is not an RSA key of at least 2048 bits in PEM" },
		{ "token_uri", json_string("http://oauth2.googleapis.com/token"),
		  "\"token_uri\" must be an https:// address, not "
		  "\"http://oauth2.googleapis.com/token\"" },
		{ "token_uri", json_string("ftp://127.0.0.1/"),
		  "\"token_uri\" must be an https:// address, not \"ftp://127.0.0.1/\"" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct credential c;
		struct error err;
		char wanted[300];
		assert_int_equal(load_with(cases[i].key, cases[i].value, &c, &err), ERR_INVALID);
		snprintf(wanted, sizeof wanted, "%s: %s", path, cases[i].message);
		assert_string_equal(err.message, wanted);
	}
}

static void test_bad_files(void **state)
{
	struct credential c;
	struct error err;
	assert_int_equal(credential_load("/nowhere/key.json", &c, &err), ERR_INVALID);
	assert_string_equal(err.message, "/nowhere/key.json: No such file or directory");
	assert_int_equal(credential_load(folder, &c, &err), ERR_INVALID);
	write_file("");
	assert_int_equal(credential_load(path, &c, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "not valid JSON"));
	write_file("[1]");
	assert_int_equal(credential_load(path, &c, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "key.json: is not a JSON object"));
	char *large = malloc(70000);
	memset(large, ' ', 69999);
	large[69999] = '\0';
	write_file(large);
	free(large);
	assert_int_equal(credential_load(path, &c, &err), ERR_INVALID);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *url;
		bool ok;
	} cases[] = {
		{ "https://fcm.googleapis.com", true },
		{ "http://127.0.0.1:8080", true },
		{ "http://localhost/x", true },
		{ "http://[::1]:1/", true },
		{ "http://fcm.googleapis.com", false },
		{ "http://127.0.0.1.evil.org/", false },
		{ "http://127.0.0.1@evil.org/", false },
		{ "http://localhost.evil.org", false },
		{ "ftp://localhost/", false },
		{ "file:///etc/passwd", false },
		{ "fcm.googleapis.com", false },
		{ "", false },
		{ "https://", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(address_check("it", cases[i].url, NULL),
				 cases[i].ok ? 0 : ERR_INVALID);
}

static json_t *part_of(struct span part)
{
	json_t *j;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 4096);
	assert_true(base64_decode(part, &text));
	assert_int_equal(json_parse(buf_span(&text), &j, NULL), 0);
	return j;
}

/* Header, claims, and a signature that the public half verifies, after whatever stood there before. */
static void test_assertion(void **state)
{
	struct credential c;
	struct span head, claims = { 0 };
	CLEANUP(buf_fini) struct buf out, signature;
	buf_init(&out, 8192);
	buf_init(&signature, 1024);
	assert_int_equal(load_with("more", json_true(), &c, NULL), 0);
	buf_add_str(&out, "before=");
	assert_int_equal(credential_assertion(&c, 1700000000999, &out), 0);
	struct span jwt = { (const uint8_t *)out.p + 7, out.n - 7 }, rest = jwt;
	assert_true(span_get_until(&rest, '.', &head) && span_get_until(&rest, '.', &claims));
	AUTO_JSON h = part_of(head);
	AUTO_JSON p = part_of(claims);
	CLEANUP(free_charp) char *h_text = json_text(h), *p_text = json_text(p);
	assert_string_equal(h_text, "{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"k1\"}");
	assert_string_equal(p_text, "{\"iss\":\"a@b\",\"scope\":\"https://www.googleapis.com/auth/"
				    "firebase.messaging\",\"aud\":\"https://oauth2.googleapis.com/"
				    "token\",\"iat\":1700000000,\"exp\":1700003600}");
	assert_true(base64_decode(rest, &signature));
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, c.key), 1);
	assert_int_equal(EVP_DigestVerify(md, (const uint8_t *)signature.p, signature.n, jwt.p,
					  head.n + 1 + claims.n),
			 1);
	EVP_MD_CTX_free(md);
	CLEANUP(buf_fini) struct buf small;
	buf_init(&small, 100);
	assert_true(credential_assertion(&c, 0, &small) < 0);
	credential_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),      cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_bad_files), cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_assertion),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
