/* SPDX-License-Identifier: Apache-2.0
 *
 * payload: desired states in, bytes out, compared byte by byte with what protoc's encoders write.
 */
#include "base/macros.h"
#include "channel/chrome/policy/payload.h"
#include "channel/chrome/policy/proto-writer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

#define FLEET_NEAR 12
#define FLEET_FAR  11

static const struct nearness near = { .fleets = { FLEET_NEAR, FLEET_FAR }, .n = 2 };

struct row {
	const char *name, *value;
	int64_t fleet; /* 0: the device's own */
	bool recommended;
};

#define OWN(name, value)                                                                           \
	{                                                                                          \
		(name), (value), 0, false                                                          \
	}
#define RECOMMENDED(name, value)                                                                   \
	{                                                                                          \
		(name), (value), 0, true                                                           \
	}
#define NEAR(name, value)                                                                          \
	{                                                                                          \
		(name), (value), FLEET_NEAR, false                                                 \
	}
#define FAR(name, value)                                                                           \
	{                                                                                          \
		(name), (value), FLEET_FAR, false                                                  \
	}

/* Nearest scope first, as the store does; up to a row without a name. */
static void desired_of(const struct row *rows, struct desired *ret)
{
	desired_init(ret, CHANNEL_CHROME);
	for (size_t i = 0; rows[i].name; i++) {
		const struct setting s = {
			.scope = rows[i].fleet ? "fleet" : "device",
			.scope_id = rows[i].fleet,
			.name = rows[i].name,
			.level = rows[i].recommended ? "recommended" : "mandatory",
			.value_json = rows[i].value,
		};
		assert_non_null(catalogue_find(rows[i].name));
		assert_int_equal(desired_add(ret, &s, 1), 0);
	}
}

static void assert_hex(const struct buf *b, const char *hex)
{
	char *found = calloc(1, 2 * b->n + 1);
	assert_non_null(found);
	assert_false(b->failed);
	hex_encode(buf_span(b), found);
	assert_string_equal(found, hex);
	free(found);
}

/* ---- the writer ---- */

static void test_writer(void **state)
{
	struct buf b;
	buf_init(&b, 1 << 20);
	proto_int(&b, 1, 0);
	proto_int(&b, 2, 300);
	proto_int(&b, 3, -1);
	proto_str(&b, 16, "");
	assert_hex(&b, "080010ac0218ffffffffffffffffff01820100");
	buf_reset(&b);
	size_t outer = proto_begin(&b, 1), inner = proto_begin(&b, 2);
	proto_end(&b, inner);
	proto_str(&b, 3, "a");
	proto_end(&b, outer);
	assert_hex(&b, "0a0512001a0161");
	buf_fini(&b);
}

/* A content of 128 bytes and more moves by two. */
static void test_writer_long(void **state)
{
	char text[200];
	struct buf b;
	buf_init(&b, 1 << 20);
	memset(text, 'x', sizeof text);
	size_t begin = proto_begin(&b, 1);
	proto_bytes(&b, 1, (struct span){ (const uint8_t *)text, sizeof text });
	proto_end(&b, begin);
	assert_int_equal(b.n, 1 + 2 + 1 + 2 + sizeof text);
	assert_memory_equal(b.p, "\x0a\xcb\x01\x0a\xc8\x01xxx", 9);
	buf_fini(&b);
}

static void test_writer_full(void **state)
{
	struct buf b;
	for (size_t max = 0; max < 7; max++) {
		buf_init(&b, max);
		size_t begin = proto_begin(&b, 1);
		proto_str(&b, 1, "abc");
		proto_end(&b, begin);
		assert_true(b.failed);
		buf_fini(&b);
	}
}

/* ---- CloudPolicySettings ---- */

static const struct {
	const char *what;
	struct row rows[4];
	bool flat;
	const char *hex;
} settings_cases[] = {
	{ "nothing", { { 0 } }, false, "" },
	{ "string, field 3",
	  { OWN("chrome.HomepageLocation", "\"https://example.net/\"") },
	  false,
	  "1a16121468747470733a2f2f6578616d706c652e6e65742f" },
	{ "boolean, recommended, field 37",
	  { RECOMMENDED("chrome.ShowHomeButton", "true") },
	  false,
	  "aa02060a0208011001" },
	{ "false and 0 are written",
	  { OWN("chrome.ShowHomeButton", "false") },
	  false,
	  "aa02021000" },
	{ "list, field 738",
	  { OWN("chrome.URLBlocklist", "[\"x.test\",\"y.test\"]") },
	  false,
	  "922e1212100a06782e746573740a06792e74657374" },
	{ "empty list", { OWN("chrome.URLBlocklist", "[]") }, false, "922e021200" },
	{ "dictionary as text",
	  { OWN("chrome.ManagedBookmarks", "[{\"name\": \"a\"}]") },
	  false,
	  "aa0e10120e5b7b226e616d65223a2261227d5d" },
	{ "dictionary that is text already",
	  { OWN("chrome.ManagedBookmarks", "\"[1]\"") },
	  false,
	  "aa0e0512035b315d" },
	{ "sub-message, id 1367",
	  { OWN("chrome.AIModeSettings", "1") },
	  false,
	  "9a4105ba14021001" },
	{ "flat, id 1367", { OWN("chrome.AIModeSettings", "1") }, true, "ca55021001" },
	{ "mapped", { OWN("camera.disabled", "true") }, false, "ca0a021000" },
	{ "mapped, off", { OWN("camera.disabled", "false") }, false, "ca0a021001" },
	{ "explicit wins on one scope",
	  { OWN("camera.disabled", "true"), OWN("chrome.VideoCaptureAllowed", "true") },
	  false,
	  "ca0a021001" },
	{ "nearer wins: mapped on the device",
	  { OWN("camera.disabled", "true"), NEAR("chrome.VideoCaptureAllowed", "true") },
	  false,
	  "ca0a021000" },
	{ "nearer wins: mapped on the nearer fleet",
	  { NEAR("camera.disabled", "true"), FAR("chrome.VideoCaptureAllowed", "true") },
	  false,
	  "ca0a021000" },
	{ "nearer wins: explicit on the nearer fleet",
	  { NEAR("chrome.VideoCaptureAllowed", "true"), FAR("camera.disabled", "true") },
	  false,
	  "ca0a021001" },
	{ "others' settings are left out",
	  { OWN("nfc.disabled", "true"), OWN("chromeos.guest_mode", "false"),
	    OWN("chrome_extensions.policies", "{}") },
	  false,
	  "" },
};

static void test_settings(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(settings_cases); i++) {
		struct desired d;
		struct buf b;
		print_message("%s\n", settings_cases[i].what);
		desired_of(settings_cases[i].rows, &d);
		buf_init(&b, PAYLOAD_MAX);
		payload_settings(&d, &near, settings_cases[i].flat, &b);
		assert_hex(&b, settings_cases[i].hex);
		buf_fini(&b);
		desired_fini(&d);
	}
}

/* Outer fields ascend, and the sub-message is one. */
static void test_settings_order(void **state)
{
	static const struct row rows[] = { OWN("chrome.AIModeSettings", "1"),
					   OWN("chrome.HomepageLocation", "\"h\""),
					   OWN("chrome.GeminiSettings", "1"),
					   OWN("chrome.ShowHomeButton", "true"),
					   { 0 } };
	struct desired d;
	struct buf b;
	desired_of(rows, &d);
	buf_init(&b, PAYLOAD_MAX);
	payload_settings(&d, &near, false, &b);
	struct span all = buf_span(&b), one;
	uint64_t tag, n, last = 0;
	size_t n_fields = 0;
	for (; all.n > 0; n_fields++) {
		assert_true(span_get_varint(&all, &tag) && span_get_varint(&all, &n));
		assert_true(span_get_bytes(&all, n, &one));
		assert_true(tag > last);
		last = tag;
	}
	assert_int_equal(n_fields, 3);
	buf_fini(&b);
	desired_fini(&d);
}

/* Every policy there is has its own place, in both eras. */
static void test_settings_all(void **state)
{
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		static const char *const values[] = {
			[SETTING_BOOL] = "true",  [SETTING_INT] = "1",   [SETTING_STRING] = "\"\"",
			[SETTING_ENUM] = "\"\"",  [SETTING_LIST] = "[]", [SETTING_JSON] = "{}",
			[SETTING_OBJECTS] = "[]",
		};
		if (!t->policy)
			continue;
		const struct row row[] = { OWN(t->name, values[t->kind]), { 0 } };
		struct desired d;
		struct buf b;
		uint64_t tag;
		desired_of(row, &d);
		for (int flat = 0; flat < 2; flat++) {
			buf_init(&b, PAYLOAD_MAX);
			payload_settings(&d, &near, flat, &b);
			struct span all = buf_span(&b);
			assert_true(span_get_varint(&all, &tag));
			int id = t->policy->id;
			assert_int_equal(tag >> 3,
					 flat || id <= 1040 ? id + 2 : 1043 + (id - 1041) / 800);
			buf_fini(&b);
		}
		desired_fini(&d);
	}
}

/* ---- ChromeOS ---- */

static const struct {
	const char *what;
	struct row rows[4];
	const char *hex;
} device_cases[] = {
	{ "nothing", { { 0 } }, "" },
	{ "boolean", { OWN("chromeos.guest_mode", "false") }, "1a020800" },
	{ "two in one message",
	  { OWN("chromeos.report_users", "true"), OWN("chromeos.report_boot_mode", "false") },
	  "620418003001" },
	{ "shared with all channels",
	  { OWN("camera.disabled", "true"), OWN("wifi.disabled", "true"),
	    OWN("bluetooth.disabled", "false") },
	  "2a020800da02020801920502"
	  "0800" },
	{ "enum by its place",
	  { OWN("chromeos.timezone_detection", "\"ip_only\"") },
	  "a201021002" },
	{ "users, for old and new devices",
	  { OWN("chromeos.user_allowlist", "[\"*@a\"]") },
	  "12050a032a4061820705"
	  "0a032a4061" },
	{ "nobody", { OWN("chromeos.user_allowlist", "[]") }, "1200820700" },
	{ "JSON as text",
	  { OWN("chromeos.network_configuration", "{\"a\": 1}") },
	  "5a090a077b2261223a317d" },
	{ "accounts",
	  { OWN("chromeos.accounts", "[{\"account\":\"k\",\"type\":\"kiosk_app\",\"app\":\"i\"},"
				     "{\"account\":\"p\",\"type\":\"public_session\"},"
				     "{\"account\":\"?\",\"type\":\"later\"}]") },
	  "aa01130a0a12016b180122030a01690a05120170"
	  "1800" },
	{ "payload comes last",
	  { OWN("chromeos.device_payload", "\"CAE=\""), OWN("chromeos.guest_mode", "true") },
	  "1a0208010801" },
};

static void test_device(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(device_cases); i++) {
		struct desired d;
		struct buf b;
		struct error err;
		print_message("%s\n", device_cases[i].what);
		desired_of(device_cases[i].rows, &d);
		buf_init(&b, PAYLOAD_MAX);
		assert_int_equal(payload_device(&d, &b, &err), 0);
		assert_hex(&b, device_cases[i].hex);
		buf_fini(&b);
		desired_fini(&d);
	}
}

/* Rows whose column says "device:…" are all written, none under the number of another. */
static void test_device_all(void **state)
{
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		if (!t->chrome || strncmp(t->chrome, "device:", 7) != 0)
			continue;
		const struct row row[] = { OWN(t->name, t->default_json), { 0 } };
		struct desired d;
		struct buf b;
		struct error err;
		desired_of(row, &d);
		buf_init(&b, PAYLOAD_MAX);
		assert_int_equal(payload_device(&d, &b, &err), 0);
		assert_true(b.n >= 2);
		buf_fini(&b);
		desired_fini(&d);
	}
}

static void test_device_payload_bad(void **state)
{
	static const struct row row[] = { OWN("chromeos.device_payload", "\"?\""), { 0 } };
	struct desired d;
	struct buf b;
	struct error err;
	desired_of(row, &d);
	buf_init(&b, PAYLOAD_MAX);
	assert_int_equal(payload_device(&d, &b, &err), ERR_INVALID);
	assert_string_equal(err.message, "chromeos.device_payload is not base64");
	assert_int_equal(payload_updater(&d, &b, &err), ERR_NOT_FOUND);
	buf_fini(&b);
	desired_fini(&d);
}

static void test_accounts(void **state)
{
	static const struct row row[] = {
		OWN("chromeos.accounts", "[{\"account\":\"p\",\"type\":\"public_session\"}]"), { 0 }
	};
	struct desired d;
	desired_of(row, &d);
	assert_true(payload_has_account(&d, "p"));
	assert_false(payload_has_account(&d, "q"));
	assert_false(payload_has_account(&d, ""));
	desired_fini(&d);
	desired_init(&d, CHANNEL_CHROME);
	assert_false(payload_has_account(&d, "p"));
	desired_fini(&d);
}

/* ---- extensions ---- */

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_P "pppppppppppppppppppppppppppppppp"

static void test_extensions(void **state)
{
	static const struct row row[] = {
		OWN("chrome_extensions.policies",
		    "{\"" ID_P "\":{\"z\":1,\"a\":{\"Value\":[true],\"Level\":\"Recommended\"}},"
		    "\"" ID_A "\":{\"o\":{\"Value\":1,\"Other\":2}},\"short\":{},"
		    "\"" ID_A "q\":{},\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\":[]}"),
		{ 0 }
	};
	struct extension_policy *all;
	struct arena a;
	struct desired d;
	struct buf b;
	uint8_t hash[SHA256_SIZE];
	arena_init(&a);
	desired_of(row, &d);
	assert_int_equal(payload_extensions(&d, &a, &all), 2);
	assert_string_equal(all[0].id, ID_A);
	assert_true(span_eq_str(all[0].json, "{\"o\":{\"Level\":\"Mandatory\",\"Value\":"
					     "{\"Other\":2,\"Value\":1}}}"));
	assert_string_equal(all[1].id, ID_P);
	assert_true(span_eq_str(all[1].json, "{\"a\":{\"Level\":\"Recommended\",\"Value\":[true]},"
					     "\"z\":{\"Level\":\"Mandatory\",\"Value\":1}}"));
	sha256(all[1].json, hash);
	assert_memory_equal(all[1].sha256, hash, sizeof hash);

	buf_init(&b, PAYLOAD_MAX);
	payload_external(&all[0], "http://h:1", 7, &b);
	static const char url[] = "http://h:1/devicemanagement/data/extension-policy/7/" ID_A "/";
	assert_int_equal(b.p[0], 0x0a);
	assert_memory_equal(b.p + 3, url, sizeof url - 1);
	assert_memory_equal(b.p + b.n - SHA256_SIZE - 2, "\x12\x20", 2);
	assert_memory_equal(b.p + b.n - SHA256_SIZE, all[0].sha256, SHA256_SIZE);
	buf_fini(&b);
	desired_fini(&d);
	arena_fini(&a);
}

static void test_install(void **state)
{
	static const struct row rows[] = { OWN("chrome.ExtensionInstallBlocklist", "[\"*\"]"),
					   OWN("chrome.ExtensionInstallAllowlist", "[\"a\"]"),
					   { 0 } };
	const struct extension_version asked[] = { { "a", "1" }, { "b", "" } };
	struct desired d;
	struct buf b;
	buf_init(&b, PAYLOAD_MAX);
	desired_of(rows, &d);
	payload_install(&d, asked, 2, &b);
	assert_hex(&b, "0a080a0161120131"
		       "1801"
		       "0a070a0162120018"
		       "02");
	buf_reset(&b);
	desired_fini(&d);
	desired_of(&rows[2], &d);
	payload_install(&d, asked, 1, &b);
	assert_hex(&b, "0a080a01611201311801");
	buf_fini(&b);
	desired_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_writer),
		cmocka_unit_test(test_writer_long),
		cmocka_unit_test(test_writer_full),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_settings_order),
		cmocka_unit_test(test_settings_all),
		cmocka_unit_test(test_device),
		cmocka_unit_test(test_device_all),
		cmocka_unit_test(test_device_payload_bad),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_extensions),
		cmocka_unit_test(test_install),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
