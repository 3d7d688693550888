/* SPDX-License-Identifier: Apache-2.0
 *
 * Crypto: published vectors (FIPS 180, RFC 4231, RFC 4648), round trips of every length, strictness of the decoders, passwords.
 */
#include "base/crypto.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	const char *in, *hex;
} digests[] = {
	{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
};

static void test_sha256(void **state)
{
	uint8_t out[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	for (size_t i = 0; i < ARRAY_SIZE(digests); i++) {
		sha256(span_str(digests[i].in), out);
		hex_encode((struct span){ out, sizeof out }, hex);
		assert_string_equal(hex, digests[i].hex);
	}
	sha256((struct span){ NULL, 0 }, out);
	hex_encode((struct span){ out, sizeof out }, hex);
	assert_string_equal(hex, digests[0].hex);
}

static void test_hmac(void **state)
{
	uint8_t out[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	hmac_sha256(span_str("Jefe"), span_str("what do ya want for nothing?"), out);
	hex_encode((struct span){ out, sizeof out }, hex);
	assert_string_equal(hex,
			    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	hmac_sha256((struct span){ NULL, 0 }, (struct span){ NULL, 0 }, out);
	hex_encode((struct span){ out, sizeof out }, hex);
	assert_string_equal(hex,
			    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_random(void **state)
{
	char a[TOKEN_TEXT_SIZE], b[TOKEN_TEXT_SIZE];
	bool seen[7] = { false };
	rand_token(a);
	rand_token(b);
	assert_int_equal(strlen(a), TOKEN_TEXT_SIZE - 1);
	assert_string_not_equal(a, b);
	assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789-_"),
			 TOKEN_TEXT_SIZE - 1);
	assert_int_equal(rand_below(0), 0);
	assert_int_equal(rand_below(1), 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t v = rand_below(7);
		assert_true(v < 7);
		seen[v] = true;
	}
	for (int i = 0; i < 7; i++)
		assert_true(seen[i]);
	(void)rand_below(UINT64_MAX);
	(void)rand_below((UINT64_C(1) << 63) +
			 1); /* rejects half of all tries: must end all the same */
}

static void test_ct_equal(void **state)
{
	assert_true(ct_equal((struct span){ NULL, 0 }, span_str("")));
	assert_true(ct_equal(span_str("abc"), span_str("abc")));
	assert_false(ct_equal(span_str("abc"), span_str("abd")));
	assert_false(ct_equal(span_str("abc"), span_str("ab")));
}

static void test_hex(void **state)
{
	uint8_t bytes[256], back[256];
	char text[513];
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t n = 0; n <= sizeof bytes; n++) {
		hex_encode((struct span){ bytes, n }, text);
		assert_int_equal(strlen(text), 2 * n);
		assert_true(hex_decode(text, back, n));
		assert_memory_equal(back, bytes, n);
		assert_false(hex_decode(text, back, n + 1));
	}
	assert_true(hex_decode("aBcD", back, 2) && back[0] == 0xab && back[1] == 0xcd);
	assert_false(hex_decode("abc", back, 1)); /* odd */
	assert_false(hex_decode("ag", back, 1));
	assert_false(hex_decode("0x", back, 1));
	assert_false(hex_decode(" 1", back, 1));
}

static const struct {
	const char *plain, *std, *url;
} vectors[] = {
	{ "", "", "" },
	{ "f", "Zg==", "Zg" },
	{ "fo", "Zm8=", "Zm8" },
	{ "foo", "Zm9v", "Zm9v" },
	{ "foob", "Zm9vYg==", "Zm9vYg" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy" },
	{ "\xfb\xff\xfe", "+//+", "-__-" },
};

static void test_base64_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 100);
		base64_add(&b, span_str(vectors[i].plain));
		assert_string_equal(buf_str(&b), vectors[i].std);
		buf_reset(&b);
		base64url_add(&b, span_str(vectors[i].plain));
		assert_string_equal(buf_str(&b), vectors[i].url);
		buf_reset(&b);
		assert_true(base64_decode(span_str(vectors[i].std), &b));
		assert_true(base64_decode(span_str(vectors[i].url), &b)); /* appends */
		assert_int_equal(b.n, 2 * strlen(vectors[i].plain));
	}
}

static void test_base64_round_trip(void **state)
{
	uint8_t bytes[200];
	for (size_t n = 0; n <= sizeof bytes; n++) {
		CLEANUP(buf_fini) struct buf text, back;
		rand_bytes(bytes, sizeof bytes);
		for (int url = 0; url < 2; url++) {
			buf_init(&text, 400);
			buf_init(&back, n);
			(url ? base64url_add : base64_add)(&text, (struct span){ bytes, n });
			assert_true(base64_decode(buf_span(&text), &back));
			assert_true(span_eq(buf_span(&back), (struct span){ bytes, n }));
			buf_fini(&text);
			buf_fini(&back);
		}
	}
}

static void test_base64_refused(void **state)
{
	static const char *const bad[] = {
		"A",  "A===", "AA=",   "Zg=",      "Zg===", "====",
		"=",  "Z=g=", "Zm9v=", "Zm9v====", "Zm 9v", "Zm9v\n",
		"Zh", "Zm9",  "Zh==",  "Zm9=",     "Zm9.",  "\xff\xff\xff\xff"
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 100);
		buf_add_str(&b, "kept");
		if (base64_decode(span_str(bad[i]), &b))
			fail_msg("accepted: %s", bad[i]);
		assert_string_equal(buf_str(&b), "kept");
	}
	CLEANUP(buf_fini) struct buf small;
	buf_init(&small, 5);
	assert_false(base64_decode(span_str("Zm9vYmFy"), &small));
	assert_int_equal(small.n, 0);
}

static void test_passwords(void **state)
{
	char text[128], again[128];
	assert_int_equal(password_hash("correct horse", text), 0);
	assert_int_equal(password_hash("correct horse", again), 0);
	assert_string_not_equal(text, again); /* salted */
	assert_memory_equal(text, "$scrypt$ln=15,r=8,p=1$", 22);
	assert_true(password_verify("correct horse", text));
	assert_false(password_verify("correct horsf", text));
	assert_false(password_verify("", text));
	for (size_t n = strlen(text); n-- > 0;) { /* cut anywhere: refused, and quickly */
		again[0] = '\0';
		memcpy(again, text, n);
		again[n] = '\0';
		assert_false(password_verify("correct horse", again));
	}
}

static void test_password_texts_refused(void **state)
{
#define TAIL "$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	static const char *const bad[] = {
		"",
		"$",
		"$$$$",
		"plain",
		"$scrypt$ln=99,r=8,p=1" TAIL, /* would want all memory there is */
		"$scrypt$ln=18,r=8,p=1" TAIL,
		"$scrypt$ln=0,r=8,p=1" TAIL,
		"$scrypt$ln=1,r=99,p=1" TAIL,
		"$scrypt$ln=1,r=8,p=99" TAIL,
		"$scrypt$ln=1,r=0,p=1" TAIL,
		"$scrypt$ln=-1,r=8,p=1" TAIL,
		"$scrypt$ln=,r=8,p=1" TAIL,
		"$argon2$ln=1,r=8,p=1" TAIL,
		"x$scrypt$ln=1,r=8,p=1" TAIL,
		"$scrypt$ln=1,r=8,p=1" TAIL "AAAA",
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(password_verify("x", bad[i]));
#undef TAIL
}

static void test_erase(void **state)
{
	char secret[] = "secret";
	secret_erase(secret, sizeof secret);
	for (size_t i = 0; i < sizeof secret; i++)
		assert_int_equal(secret[i], 0);
	secret_erase(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_ct_equal),
		cmocka_unit_test(test_hex),
		cmocka_unit_test(test_base64_vectors),
		cmocka_unit_test(test_base64_round_trip),
		cmocka_unit_test(test_base64_refused),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_password_texts_refused),
		cmocka_unit_test(test_erase),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
