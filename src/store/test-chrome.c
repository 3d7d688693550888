/* SPDX-License-Identifier: Apache-2.0
 *
 * Conformance: registrations of one record, state keys and their buckets, pairings.
 */
#include "base/crypto.h"
#include "store/chrome.h"
#include "store/test-store.h"

#include <stdlib.h>
#include <string.h>

#define HASH(text)                                                                                 \
	(struct span)                                                                              \
	{                                                                                          \
		(const uint8_t *)(text), 32                                                        \
	}
#define TOKEN(n) HASH(#n "-token-of-thirty-two-bytes-exactly")

static int64_t new_device(struct fixture *f, const char *id, struct span token)
{
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_BROWSER,
				.channel = CHANNEL_CHROME,
				.name = id,
				.external_id = id,
				.token_hash = token };
	struct device d;
	struct store_conn *tx = tx_begin(f);
	e.org_id = f->org_id;
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	assert_ok(tx_end(f, 0));
	return d.id;
}

/* "managed", "over" or "unknown". */
static const char *fate(struct fixture *f, int64_t id, struct span token)
{
	struct device d;
	int r = store_device_by_token(reader(f), token, &f->arena, &d, &f->err);
	if (r == ERR_NOT_FOUND)
		return "unknown";
	assert_ok(r);
	assert_int_equal(d.id, id);
	return d.unenrolled_ms ? "over" : "managed";
}

static void add(struct fixture *f, int64_t id, struct span token)
{
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_BROWSER,
				.channel = CHANNEL_CHROME,
				.os_version = "6.2",
				.token_hash = token };
	struct device d;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_registration_add(tx, &f->by, id, &e, &f->arena, &d, &f->err));
	assert_ok(tx_end(f, 0));
	assert_string_equal(d.os_version, "6.2");
	f->by.now_ms++;
}

static void renew(struct fixture *f, int64_t id, struct span token)
{
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_BROWSER,
				.channel = CHANNEL_CHROME,
				.token_hash = token };
	struct device d;
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_registration_renew(tx, &f->by, id, &e, &f->arena, &d, &f->err));
	assert_ok(tx_end(f, 0));
}

static void end(struct fixture *f, int64_t id, struct span token)
{
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_registration_end(tx, &f->by, id, token, &f->err));
	assert_ok(tx_end(f, 0));
}

static void check_sound(struct fixture *f)
{
	AUTO_JSON findings = json_array();
	assert_ok(store_check(f->store, findings));
	assert_int_equal(json_array_size(findings), 0);
}

static void test_registrations(struct fixture *f)
{
	fixture_organization(f);
	int64_t id = new_device(f, "box", TOKEN(1));
	struct store_conn *tx = tx_begin(f);
	report(f, tx, id, 1, "{}");
	assert_ok(tx_end(f, 0));
	uint64_t generation = store_generation(f->store);
	add(f, id, TOKEN(2));
	add(f, id, TOKEN(3));
	assert_true(store_generation(f->store) > generation);
	assert_true(device(f, reader(f), id).reported); /* nothing started anew */
	assert_string_equal(fate(f, id, TOKEN(1)), "managed");
	assert_string_equal(fate(f, id, TOKEN(2)), "managed");
	assert_string_equal(fate(f, id, TOKEN(3)), "managed");
	assert_string_equal(fate(f, id, TOKEN(4)), "unknown");
	end(f, id, TOKEN(1)); /* not the latest */
	assert_string_equal(fate(f, id, TOKEN(1)), "over");
	end(f, id, TOKEN(3)); /* the latest: another takes its place */
	assert_string_equal(fate(f, id, TOKEN(3)), "over");
	assert_string_equal(fate(f, id, TOKEN(2)), "managed");
	assert_int_equal(device(f, reader(f), id).unenrolled_ms, 0);
	end(f, id, TOKEN(2));
	assert_int_not_equal(device(f, reader(f), id).unenrolled_ms, 0);
	assert_string_equal(fate(f, id, TOKEN(2)), "over");
	renew(f, id, TOKEN(4));
	assert_false(device(f, reader(f), id).reported);
	assert_string_equal(fate(f, id, TOKEN(2)), "over"); /* may enroll again: not unknown */
	assert_string_equal(fate(f, id, TOKEN(4)), "managed");
	check_sound(f);
}

static void test_renew_ends_all(struct fixture *f)
{
	fixture_organization(f);
	int64_t id = new_device(f, "box", TOKEN(1));
	add(f, id, TOKEN(2));
	renew(f, id, TOKEN(3));
	assert_string_equal(fate(f, id, TOKEN(1)), "over");
	assert_string_equal(fate(f, id, TOKEN(2)), "over");
	assert_string_equal(fate(f, id, TOKEN(3)), "managed");
	renew(f, id, TOKEN(1)); /* one that it had */
	assert_string_equal(fate(f, id, TOKEN(1)), "managed");
	assert_string_equal(fate(f, id, TOKEN(3)), "over");
	end(f, id, TOKEN(1));
	assert_string_equal(fate(f, id, TOKEN(1)), "over");
}

static void test_by_serial(struct fixture *f)
{
	struct device d = { 0 };
	fixture_organization(f);
	struct enrollment e = { .org_id = f->org_id,
				.kind = KIND_CHROMEOS,
				.channel = CHANNEL_CHROME,
				.external_id = "x",
				.serial = "S1",
				.token_hash = TOKEN(1) };
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_device_enroll(tx, &f->by, &e, &f->arena, &d, &f->err));
	assert_err(NOT_FOUND, store_chrome_unenrolled(tx, f->org_id, "chromeos", "S1", &f->arena,
						      &d, &f->err)); /* it is managed */
	assert_ok(store_device_unenroll(tx, &f->by, d.id, &f->err));
	assert_err(NOT_FOUND,
		   store_chrome_unenrolled(tx, f->org_id, "browser", "S1", &f->arena, &d, &f->err));
	assert_err(NOT_FOUND,
		   store_chrome_unenrolled(tx, f->org_id, "chromeos", "", &f->arena, &d, &f->err));
	assert_ok(store_chrome_unenrolled(tx, f->org_id, "chromeos", "S1", &f->arena, &d, &f->err));
	assert_string_equal(d.external_id, "x");
	assert_ok(tx_end(f, 0));
}

static void test_registrations_are_bounded(struct fixture *f)
{
	uint8_t token[32] = { 0 };
	struct span t = { token, sizeof token };
	fixture_organization(f);
	int64_t id = new_device(f, "box", TOKEN(1));
	for (int i = 0; i < DEVICE_TOKENS_MAX; i++) {
		token[0] = (uint8_t)(i + 1);
		add(f, id, t);
	}
	assert_string_equal(fate(f, id, TOKEN(1)), "managed"); /* beside the latest */
	token[0] = 3;
	end(f, id, t);
	token[0] = 99;
	add(f, id, t);
	token[0] = 3;
	assert_string_equal(fate(f, id, t), "unknown"); /* what was over goes first */
	assert_string_equal(fate(f, id, TOKEN(1)), "managed");
	token[0] = 100;
	add(f, id, t);
	assert_string_equal(fate(f, id, TOKEN(1)), "unknown"); /* then the oldest */
	token[0] = 1;
	assert_string_equal(fate(f, id, t), "managed");
}

/* ---- state keys ---- */

static int put_keys(struct fixture *f, int64_t id, const char *names)
{
	struct span hashes[STATE_KEYS_MAX + 1];
	size_t n = strlen(names);
	assert_true(n <= ARRAY_SIZE(hashes));
	for (size_t i = 0; i < n; i++) {
		uint8_t *h = arena_alloc(&f->arena, SHA256_SIZE);
		sha256((struct span){ (const uint8_t *)names + i, 1 }, h);
		hashes[i] = (struct span){ h, SHA256_SIZE };
	}
	struct store_conn *tx = tx_begin(f);
	int r = store_state_keys_put(tx, id, n, hashes, &f->err);
	return tx_end(f, r);
}

/* The device that has the key, by name; "" for none. */
static const char *owner(struct fixture *f, char key)
{
	uint8_t h[SHA256_SIZE];
	struct device d;
	sha256((struct span){ (const uint8_t *)&key, 1 }, h);
	int r = store_state_key_find(reader(f), (struct span){ h, sizeof h }, &f->arena, &d,
				     &f->err);
	if (r == ERR_NOT_FOUND)
		return "";
	assert_ok(r);
	return d.name;
}

static void test_state_keys(struct fixture *f)
{
	fixture_organization(f);
	int64_t one = new_device(f, "one", TOKEN(1)), two = new_device(f, "two", TOKEN(2));
	char many[STATE_KEYS_MAX + 2];
	assert_ok(put_keys(f, one, "abc"));
	assert_ok(put_keys(f, two, "de"));
	assert_ok(put_keys(f, one, "bcf")); /* replaces, not adds */
	assert_string_equal(owner(f, 'a'), "");
	assert_string_equal(owner(f, 'b'), "one");
	assert_string_equal(owner(f, 'f'), "one");
	assert_ok(put_keys(f, two, "dbb")); /* takes over; twice the same is once */
	assert_string_equal(owner(f, 'b'), "two");
	assert_string_equal(owner(f, 'e'), "");
	memset(many, 'x', sizeof many);
	many[STATE_KEYS_MAX + 1] = '\0';
	assert_int_equal(put_keys(f, one, many), ERR_TOO_LARGE);
	assert_ok(put_keys(f, one, ""));
	assert_string_equal(owner(f, 'c'), "");
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_device_delete(tx, &f->by, two, 0, &f->err));
	assert_ok(tx_end(f, 0));
	assert_string_equal(owner(f, 'b'), "");
	check_sound(f);
}

static uint64_t last_bits(struct span hash, unsigned power)
{
	uint64_t last = 0;
	for (size_t i = hash.n - 8; i < hash.n; i++)
		last = last << 8 | hash.p[i];
	return last & ((UINT64_C(1) << power) - 1);
}

/* Every bucket of every small power holds exactly those that belong there. */
static void test_buckets(struct fixture *f)
{
	fixture_organization(f);
	int64_t id = new_device(f, "one", TOKEN(1));
	const char *names = "abcdefghijklmnopqrstuvwxyz0123456789";
	assert_ok(put_keys(f, id, names));
	for (unsigned power = 0; power <= 6; power++) {
		size_t total = 0;
		for (uint64_t rest = 0; rest < UINT64_C(1) << power; rest++) {
			struct span *hashes;
			size_t n;
			uint64_t width;
			assert_ok(store_state_key_bucket(reader(f), power, rest, 100, &f->arena,
							 &hashes, &n, &width));
			for (size_t i = 0; i < n; i++)
				assert_int_equal(last_bits(hashes[i], power), rest);
			assert_int_equal(width, 0);
			total += n;
		}
		assert_int_equal(total, strlen(names));
	}
}

static void test_full_bucket(struct fixture *f)
{
	struct span *hashes;
	size_t n;
	uint64_t width, all;
	fixture_organization(f);
	int64_t id = new_device(f, "one", TOKEN(1));
	assert_ok(put_keys(f, id, "abcdefghijklmnop"));
	assert_ok(store_state_key_bucket(reader(f), 0, 0, 16, &f->arena, &hashes, &n, &all));
	assert_int_equal(n, 16);
	assert_int_equal(all, 0);
	assert_ok(store_state_key_bucket(reader(f), 0, 0, 4, &f->arena, &hashes, &n, &width));
	assert_int_equal(n, 4);
	assert_true(width > 0 && width < UINT64_C(1) << 32);
	uint64_t last = last_bits(hashes[0], 32);
	assert_ok(store_state_key_bucket(reader(f), 32, last, 4, &f->arena, &hashes, &n, &width));
	assert_int_equal(n, 1);
}

static bool paired(struct fixture *f, int64_t host, int64_t controller)
{
	bool yes = false;
	assert_ok(store_pairing_get(reader(f), host, controller, &yes));
	return yes;
}

static void test_pairings(struct fixture *f)
{
	fixture_organization(f);
	int64_t one = new_device(f, "one", TOKEN(1)), two = new_device(f, "two", TOKEN(2));
	struct store_conn *tx = tx_begin(f);
	assert_ok(store_pairing_put(tx, one, two, 1));
	assert_ok(store_pairing_put(tx, one, two, 2));
	assert_ok(tx_end(f, 0));
	assert_true(paired(f, one, two));
	assert_false(paired(f, two, one));
	check_sound(f);
	tx = tx_begin(f);
	assert_ok(store_device_delete(tx, &f->by, two, 0, &f->err));
	assert_ok(tx_end(f, 0));
	assert_false(paired(f, one, two));
	check_sound(f);
}

int main(void)
{
	static const struct store_test tests[] = {
		TEST(test_registrations), TEST(test_renew_ends_all),
		TEST(test_by_serial),     TEST(test_registrations_are_bounded),
		TEST(test_state_keys),    TEST(test_buckets),
		TEST(test_full_bucket),   TEST(test_pairings),
	};
	return run_on_backends(tests, ARRAY_SIZE(tests));
}
