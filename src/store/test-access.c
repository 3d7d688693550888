/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: enrollment tokens, API tokens, administrators, sessions, idempotency, keys, files.
 */
#include "store/test-store.h"

#include <string.h>

/* ---- enrollment tokens ---- */

static void test_enrollment_token(struct fixture *f)
{
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	int64_t sales = make_fleet(f, tx, 0, "Sales");
	struct enrollment_token t = { .org_id = f->org_id,
				      .kind = "agent",
				      .token_hash = span_str("h1"),
				      .uses_max = 2,
				      .expires_ms = 2000000 };
	struct enrollment_token bad = t, used, *all;
	size_t n;
	bad.kind = "tank";
	assert_err(INVALID, store_enrollment_token_create(tx, &f->by, &bad, &f->err));
	bad = t;
	bad.token_hash.n = 0;
	assert_err(INVALID, store_enrollment_token_create(tx, &f->by, &bad, &f->err));
	bad = t;
	bad.fleet_id = 99;
	assert_err(NOT_FOUND, store_enrollment_token_create(tx, &f->by, &bad, &f->err));
	assert_ok(store_enrollment_token_create(tx, &f->by, &t, &f->err));
	assert_int_equal(t.fleet_id, f->root_id);
	bad = t;
	assert_err(CONFLICT, store_enrollment_token_create(tx, &f->by, &bad, &f->err));
	struct enrollment_token second = { .org_id = f->org_id,
					   .fleet_id = sales,
					   .kind = "chrome",
					   .token_hash = span_str("h2"),
					   .hint = "abcd",
					   .email = "a@b" };
	assert_ok(store_enrollment_token_create(tx, &f->by, &second, &f->err));
	assert_ok(store_enrollment_token_list(tx, f->org_id, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_string_equal(all[1].hint, "abcd");
	assert_ok(store_enrollment_token_list(tx, 77, &f->arena, &all, &n));
	assert_int_equal(n, 0);

	const struct {
		const char *kind, *hash;
		int64_t now_ms;
		int r;
	} uses[] = {
		{ "chrome", "h1", 1000000, ERR_UNAUTHENTICATED },
		{ "agent", "h9", 1000000, ERR_UNAUTHENTICATED },
		{ "agent", "", 1000000, ERR_UNAUTHENTICATED },
		{ "agent", "h1", 2000000, ERR_UNAUTHENTICATED },
		{ "agent", "h1", 1000000, 0 },
		{ "agent", "h1", 1000000, 0 },
		{ "agent", "h1", 1000000, ERR_UNAUTHENTICATED },
		{ "chrome", "h2", 9000000, 0 },
	};
	char sentence[sizeof f->err.message] = "";
	for (size_t i = 0; i < ARRAY_SIZE(uses); i++) {
		assert_int_equal(store_enrollment_token_use(tx, uses[i].kind,
							    span_str(uses[i].hash), uses[i].now_ms,
							    &f->arena, &used, &f->err),
				 uses[i].r);
		if (uses[i].r && *sentence == '\0')
			snprintf(sentence, sizeof sentence, "%s", f->err.message);
		if (uses[i].r)
			assert_string_equal(f->err.message, sentence); /* one for all */
	}
	assert_ok(store_enrollment_token_revoke(tx, &f->by, second.id, &f->err));
	assert_ok(store_enrollment_token_revoke(tx, &f->by, second.id, &f->err));
	assert_err(NOT_FOUND, store_enrollment_token_revoke(tx, &f->by, 99, &f->err));
	assert_err(UNAUTHENTICATED, store_enrollment_token_use(tx, "chrome", span_str("h2"), 5,
							       &f->arena, &used, &f->err));
	assert_ok(tx_end(f, 0));
	assert_ok(store_enrollment_token_get(reader(f), t.id, &f->arena, &used, &f->err));
	assert_int_equal(used.uses, 2);
}

/* ---- API tokens ---- */

static void test_api_token(struct fixture *f)
{
	struct api_token t = { .name = "ci", .token_hash = span_str("h1"), .scopes = "read" };
	struct api_token other = { .name = "ci", .token_hash = span_str("h2"), .scopes = "*" };
	struct api_token found, *all;
	size_t n;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_api_token_create(tx, &f->by, &t, &f->err));
	assert_err(CONFLICT, store_api_token_create(tx, &f->by, &other, &f->err));
	other.name = "";
	assert_err(INVALID, store_api_token_create(tx, &f->by, &other, &f->err));
	other.name = "other";
	other.token_hash = span_str("h1");
	assert_err(CONFLICT, store_api_token_create(tx, &f->by, &other, &f->err));
	assert_ok(store_api_token_by_hash(tx, span_str("h1"), &f->arena, &found, &f->err));
	assert_string_equal(found.scopes, "read");
	assert_err(NOT_FOUND,
		   store_api_token_by_hash(tx, span_str("h7"), &f->arena, &found, &f->err));
	assert_ok(store_api_token_touch(tx, t.id, 77));
	assert_ok(store_api_token_touch(tx, 99, 77));
	assert_ok(tx_end(f, 0));

	uint64_t before = store_generation(f->store);
	tx = tx_begin(f);
	assert_ok(store_api_token_revoke(tx, &f->by, t.id, &f->err));
	assert_ok(store_api_token_revoke(tx, &f->by, t.id, &f->err));
	assert_err(NOT_FOUND, store_api_token_revoke(tx, &f->by, 99, &f->err));
	other.name = "ci"; /* free again */
	other.token_hash = span_str("h2");
	assert_ok(store_api_token_create(tx, &f->by, &other, &f->err));
	assert_ok(tx_end(f, 0));
	assert_true(store_generation(f->store) > before);
	assert_ok(store_api_token_list(reader(f), &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_int_equal(all[0].last_used_ms, 77);
	assert_int_equal(all[0].revoked_ms, f->by.now_ms);
}

/* ---- administrators and sessions ---- */

static void test_administrator(struct fixture *f)
{
	struct administrator a = { .name = "ann", .password = "$scrypt$1", .scopes = "*" };
	struct administrator b = { .name = "bob", .password = "$scrypt$2", .scopes = "read" };
	struct administrator found, *all;
	size_t n;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_administrator_create(tx, &f->by, &a, &f->err));
	struct administrator again = a;
	assert_err(CONFLICT, store_administrator_create(tx, &f->by, &again, &f->err));
	again.name = "";
	assert_err(INVALID, store_administrator_create(tx, &f->by, &again, &f->err));
	assert_err(CONFLICT, store_administrator_delete(tx, &f->by, a.id, &f->err)); /* the last */
	found = a;
	found.disabled_ms = 5;
	assert_err(CONFLICT, store_administrator_update(tx, &f->by, &found, &f->err));
	assert_ok(store_administrator_create(tx, &f->by, &b, &f->err));
	assert_ok(store_administrator_update(tx, &f->by, &found, &f->err)); /* now it may */
	assert_err(CONFLICT, store_administrator_delete(tx, &f->by, b.id, &f->err));
	assert_ok(store_administrator_delete(tx, &f->by, a.id, &f->err)); /* disabled already */
	assert_err(NOT_FOUND, store_administrator_delete(tx, &f->by, a.id, &f->err));
	assert_err(NOT_FOUND, store_administrator_update(tx, &f->by, &a, &f->err));
	assert_ok(tx_end(f, 0));
	struct store_conn *c = reader(f);
	assert_ok(store_administrator_list(c, &f->arena, &all, &n));
	assert_int_equal(n, 1);
	assert_ok(store_administrator_by_name(c, "bob", &f->arena, &found, &f->err));
	assert_string_equal(found.password, "$scrypt$2");
	assert_err(NOT_FOUND, store_administrator_by_name(c, "Bob", &f->arena, &found, &f->err));
	assert_ok(store_administrator_get(c, b.id, &f->arena, &found, &f->err));
	assert_err(NOT_FOUND, store_administrator_get(c, 99, &f->arena, &found, &f->err));
}

static int new_session(struct fixture *f, struct store_conn *tx, int64_t who, const char *hash,
		       int64_t expires_ms)
{
	struct session s = { .administrator_id = who,
			     .token_hash = span_str(hash),
			     .csrf_token = "csrf",
			     .created_ms = f->by.now_ms,
			     .expires_ms = expires_ms };
	return store_session_create(tx, &f->by, &s, &f->err);
}

static int get_session(struct fixture *f, struct store_conn *c, const char *hash, int64_t now_ms)
{
	struct session s;
	struct administrator who;
	return store_session_get(c, span_str(hash), now_ms, &f->arena, &s, &who, &f->err);
}

static void test_session(struct fixture *f)
{
	struct administrator a = { .name = "ann", .password = "1", .scopes = "*" };
	struct administrator b = { .name = "bob", .password = "2", .scopes = "*" };
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_administrator_create(tx, &f->by, &a, &f->err));
	assert_ok(store_administrator_create(tx, &f->by, &b, &f->err));
	assert_ok(new_session(f, tx, a.id, "s1", 2000));
	assert_ok(new_session(f, tx, a.id, "s2", 3000));
	assert_ok(new_session(f, tx, b.id, "s3", 4000));
	assert_err(CONFLICT, new_session(f, tx, b.id, "s3", 4000));
	assert_err(UNAUTHENTICATED, new_session(f, tx, b.id, "", 4000));
	assert_err(NOT_FOUND, new_session(f, tx, 99, "s4", 4000));
	assert_ok(get_session(f, tx, "s1", 1999));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "s1", 2000));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "nobody", 1));
	assert_ok(store_administrator_get(tx, a.id, &f->arena, &a, &f->err));
	assert_int_equal(a.last_login_ms, f->by.now_ms);
	assert_ok(store_session_expire(tx, 2000));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "s1", 1));
	assert_ok(get_session(f, tx, "s2", 1));
	a.scopes = "read"; /* does not end the sessions */
	assert_ok(store_administrator_update(tx, &f->by, &a, &f->err));
	assert_ok(get_session(f, tx, "s2", 1));
	a.password = "new";
	assert_ok(store_administrator_update(tx, &f->by, &a, &f->err));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "s2", 1));
	b.disabled_ms = 1;
	assert_ok(store_administrator_update(tx, &f->by, &b, &f->err));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "s3", 1));
	assert_err(UNAUTHENTICATED, new_session(f, tx, b.id, "s5", 4000));
	assert_ok(new_session(f, tx, a.id, "s6", 4000));
	assert_ok(store_session_delete(tx, span_str("s6")));
	assert_ok(store_session_delete(tx, span_str("s6")));
	assert_err(UNAUTHENTICATED, get_session(f, tx, "s6", 1));
	assert_ok(tx_end(f, 0));
}

static void test_idempotency(struct fixture *f)
{
	struct idempotency i = { .actor = "token:a",
				 .key = "k1",
				 .request_hash = span_str("hash"),
				 .status = 201,
				 .body_json = "{}",
				 .created_ms = 1000 };
	struct idempotency got;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_idempotency_put(tx, &i));
	i.key = "k2";
	i.created_ms = 2000;
	assert_ok(store_idempotency_put(tx, &i));
	assert_ok(store_idempotency_get(tx, "token:a", "k1", &f->arena, &got, &f->err));
	assert_int_equal(got.status, 201);
	assert_true(span_eq_str(got.request_hash, "hash"));
	assert_err(NOT_FOUND, store_idempotency_get(tx, "token:b", "k1", &f->arena, &got, &f->err));
	assert_ok(store_idempotency_expire(tx, 2000));
	assert_err(NOT_FOUND, store_idempotency_get(tx, "token:a", "k1", &f->arena, &got, &f->err));
	assert_ok(store_idempotency_get(tx, "token:a", "k2", &f->arena, &got, &f->err));
	assert_ok(tx_end(f, 0));
}

/* ---- keys and files ---- */

static void test_signing_keys(struct fixture *f)
{
	struct signing_key k = { .purpose = "policy", .public_pem = "one", .private_file = "1" };
	struct signing_key next, got, *all;
	size_t n;
	fixture_organization(f);
	struct store_conn *tx = tx_begin(f);
	k.org_id = f->org_id;
	assert_err(NOT_FOUND,
		   store_signing_key_current(tx, f->org_id, "policy", &f->arena, &got, &f->err));
	assert_ok(store_signing_key_add(tx, &f->by, &k, &f->err));
	assert_int_equal(k.version, 1);
	next = k;
	next.public_pem = "two";
	assert_ok(store_signing_key_add(tx, &f->by, &next, &f->err));
	assert_int_equal(next.version, 2);
	k.purpose = "verification";
	k.org_id = 0;
	assert_ok(store_signing_key_add(tx, &f->by, &k, &f->err));
	assert_int_equal(k.version, 1);
	k.purpose = "";
	assert_err(INVALID, store_signing_key_add(tx, &f->by, &k, &f->err));
	assert_ok(tx_end(f, 0));
	struct store_conn *c = reader(f);
	assert_ok(store_signing_key_current(c, f->org_id, "policy", &f->arena, &got, &f->err));
	assert_string_equal(got.public_pem, "two");
	assert_ok(store_signing_key_list(c, f->org_id, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_int_equal(all[0].retired_ms, f->by.now_ms);
	assert_int_equal(all[1].retired_ms, 0);
}

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void test_files(struct fixture *f)
{
	struct file a = { .kind = "file", .name = "motd", .sha256 = SHA_A, .size = 3 };
	struct file b = { .kind = "app", .name = "motd", .sha256 = SHA_A, .package = "motd" };
	struct file got, bad = { .kind = "film", .name = "x" }, *all;
	size_t n;
	bool last;
	char value[64];
	fixture_organization(f);
	a.org_id = b.org_id = bad.org_id = f->org_id;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_file_put(tx, &f->by, &a, &f->err));
	assert_ok(store_file_put(tx, &f->by, &b, &f->err));
	assert_int_equal(a.version, 1);
	assert_err(INVALID, store_file_put(tx, &f->by, &bad, &f->err));
	bad.kind = "file"; /* but no hash */
	assert_err(INVALID, store_file_put(tx, &f->by, &bad, &f->err));
	bad.sha256 = SHA_A;
	bad.name = "";
	assert_err(INVALID, store_file_put(tx, &f->by, &bad, &f->err));
	assert_ok(store_file_list(tx, f->org_id, NULL, &f->arena, &all, &n));
	assert_int_equal(n, 2);
	assert_ok(store_file_list(tx, f->org_id, "app", &f->arena, &all, &n));
	assert_int_equal(n, 1);
	assert_string_equal(all[0].package, "motd");

	int64_t d = make_device(f, tx, 0, "pc");
	snprintf(value, sizeof value, "[{\"file\":%d,\"destination\":\"/etc/motd\"}]", (int)a.id);
	set(f, tx, SCOPE_FLEET, f->root_id, "files.deploy", value);
	snprintf(value, sizeof value, "[{\"app\":%d}]", (int)b.id);
	set(f, tx, SCOPE_DEVICE, d, "apps.deploy", value);
	assert_err(CONFLICT, store_file_delete(tx, &f->by, a.id, &last, &f->err));
	assert_non_null(strstr(f->err.message, "fleet"));
	assert_err(CONFLICT, store_file_delete(tx, &f->by, b.id, &last, &f->err));
	assert_non_null(strstr(f->err.message, "device"));
	/* new content: whoever deploys it has something to fetch */
	assert_int_equal(version(f, tx, d), 3);
	struct file again = a;
	again.sha256 = SHA_B;
	assert_ok(store_file_put(tx, &f->by, &again, &f->err));
	assert_int_equal(again.id, a.id);
	assert_int_equal(again.version, 2);
	assert_int_equal(version(f, tx, d), 4);

	assert_ok(
		store_setting_unset(tx, &f->by, SCOPE_FLEET, f->root_id, "files.deploy", &f->err));
	assert_ok(store_setting_unset(tx, &f->by, SCOPE_DEVICE, d, "apps.deploy", &f->err));
	struct file same = { .org_id = f->org_id, .kind = "file", .name = "y", .sha256 = SHA_A };
	assert_ok(store_file_put(tx, &f->by, &same, &f->err));
	assert_ok(store_file_delete(tx, &f->by, b.id, &last, &f->err));
	assert_false(last);
	assert_ok(store_file_delete(tx, &f->by, same.id, &last, &f->err));
	assert_true(last);
	assert_err(NOT_FOUND, store_file_delete(tx, &f->by, same.id, &last, &f->err));
	assert_err(NOT_FOUND, store_file_get(tx, same.id, &f->arena, &got, &f->err));
	assert_ok(store_file_get(tx, a.id, &f->arena, &got, &f->err));
	assert_string_equal(got.sha256, SHA_B);
	assert_ok(tx_end(f, 0));
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_enrollment_token),
		TEST(test_api_token),
		TEST(test_administrator),
		TEST(test_session),
		TEST(test_idempotency),
		TEST(test_signing_keys),
		TEST(test_files),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
