/* SPDX-License-Identifier: Apache-2.0
 *
 * request-hash: the secret and its file, and what a hash made under another secret is taken for.
 */
#include "base/buf.h"
#include "base/crypto.h"
#include "base/file.h"
#include "server/request-hash.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

struct place {
	char dir[32], path[64];
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	*state = p;
	snprintf(p->dir, sizeof p->dir, "/tmp/reeve-request-XXXXXX");
	if (!mkdtemp(p->dir))
		return -1;
	snprintf(p->path, sizeof p->path, "%s/idempotency.key", p->dir);
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void hash_with_new_handle(const struct place *p, const char *text,
				 uint8_t out[REQUEST_HASH_SIZE])
{
	struct hash_secret *s;
	assert_int_equal(0, hash_secret_open(p->dir, &s));
	request_hash(s, span_str(text), out);
	hash_secret_free(s);
}

static void expect_conflict(const uint8_t hash[REQUEST_HASH_SIZE], struct span kept,
			    const char *words)
{
	struct error err;
	assert_int_equal(ERR_CONFLICT, request_hash_check(hash, kept, &err));
	assert_non_null(strstr(err.message, words));
}

static void test_same_over_restart(void **state)
{
	uint8_t a[REQUEST_HASH_SIZE], b[REQUEST_HASH_SIZE];
	struct error err;
	struct stat st;
	hash_with_new_handle(*state, "POST /x", a);
	hash_with_new_handle(*state, "POST /x", b);
	assert_int_equal(0, request_hash_check(a, (struct span){ b, sizeof b }, &err));
	assert_int_equal(0, stat(((struct place *)*state)->path, &st));
	assert_int_equal(0600, st.st_mode & 07777);
	assert_int_equal(32, st.st_size);
}

static void test_other_request(void **state)
{
	uint8_t a[REQUEST_HASH_SIZE], b[REQUEST_HASH_SIZE];
	hash_with_new_handle(*state, "POST /x", a);
	hash_with_new_handle(*state, "POST /y", b);
	expect_conflict(a, (struct span){ b, sizeof b }, "another request");
	assert_memory_equal(a, b, 8);
	assert_memory_not_equal(a + 8, b + 8, 24);
}

/* As after a restore on another server, or from before there was a secret. */
static void test_other_secret(void **state)
{
	struct place *p = *state;
	uint8_t a[REQUEST_HASH_SIZE], b[REQUEST_HASH_SIZE], plain[SHA256_SIZE];
	hash_with_new_handle(p, "POST /x", a);
	assert_int_equal(0, unlink(p->path));
	hash_with_new_handle(p, "POST /x", b);
	sha256(span_str("POST /x"), plain);
	expect_conflict(b, (struct span){ a, sizeof a }, "cannot tell");
	expect_conflict(b, (struct span){ plain, sizeof plain }, "cannot tell");
	expect_conflict(b, (struct span){ b, 8 }, "cannot tell");
	expect_conflict(b, (struct span){ 0 }, "cannot tell");
}

static void test_bad_file(void **state)
{
	struct place *p = *state;
	static char big[8192];
	const struct span bad[] = { { 0 },
				    { (const uint8_t *)"short", 5 },
				    { (const uint8_t *)big, 33 },
				    { (const uint8_t *)big, sizeof big } };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint8_t a[REQUEST_HASH_SIZE], b[REQUEST_HASH_SIZE];
		assert_int_equal(0, file_write_atomic(p->path, bad[i], 0600));
		hash_with_new_handle(p, "x", a);
		hash_with_new_handle(p, "x", b);
		assert_memory_equal(a, b, sizeof a);
	}
}

static void test_no_folder(void **state)
{
	struct hash_secret *s = NULL;
	assert_true(hash_secret_open("/nonexistent/folder", &s) < 0);
	assert_null(s);
	hash_secret_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_over_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_request, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_file, setup, teardown),
		cmocka_unit_test(test_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
