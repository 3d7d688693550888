/* SPDX-License-Identifier: Apache-2.0
 *
 * policy-data: the bytes that are signed, compared with what protoc's encoders write.
 */
#include "base/crypto.h"
#include "base/macros.h"
#include "channel/chrome/policy/policy-data.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void assert_data(const struct policy_facts *f, const struct policy_value *v,
			int64_t key_version, const char *hex)
{
	struct buf out;
	char found[2048];
	buf_init(&out, 1000);
	policy_data_write(f, v,
			  &(struct policy_issue){ .key_version = key_version,
						  .stamp_ms = INT64_C(1764000000007),
						  .serial = 9 },
			  &out);
	assert_false(out.failed);
	hex_encode(buf_span(&out), found);
	assert_string_equal(found, hex);
	buf_fini(&out);
}

static void test_browser(void **state)
{
	const struct policy_facts f = { .request_token = "tok",
					.machine_name = "m",
					.username = "policy@d.org",
					.device_id = "dev",
					.service_account_identity = "s@d.org",
					.directory_id = "5",
					.managed_by = "d.org",
					.version = 7,
					.disabled = true,
					.serial_missing = true };
	const struct policy_value v = { .type = "t", .bytes = { (const uint8_t *)"\1\2", 2 } };
	assert_data(&f, &v, 3,
		    "0a0174"
		    "1087d0dfb4ab33"
		    "1a03746f6b"
		    "22020102"
		    "2a016d"
		    "3003"
		    "3a0c706f6c69637940642e6f7267"
		    "4203646576"
		    "4800"
		    "620773"
		    "40642e6f7267"
		    "7a11372e313736343030303030303030372e39"
		    "800101"
		    "b2010135"
		    "a20205642e6f7267");
}

static void test_device(void **state)
{
	const struct policy_facts f = { .request_token = "",
					.username = "",
					.device_id = "",
					.version = 1,
					.location = "l",
					.asset_id = "a",
					.serial_missing = true,
					.disabled = true,
					.disabled_message = "x",
					.invalidation_source = 1004,
					.invalidation_name = "n",
					.command_invalidation_source = 9,
					.command_invalidation_topic = "u" };
	const struct policy_value v = { .type = "t", .of_device = true, .entity_id = "e" };
	assert_data(&f, &v, 0,
		    "0a0174"
		    "1087d0dfb4ab33"
		    "1a00"
		    "2200"
		    "3a00"
		    "4200"
		    "4800"
		    "5001"
		    "5a0165"
		    "68ec07"
		    "72016e"
		    "7a11312e313736343030303030303030372e39"
		    "800101"
		    "8a010708011203"
		    "0a0178"
		    "900109"
		    "9a0100"
		    "a201016c"
		    "aa010161"
		    "da010175");
}

/* Not disabled is said, too: clients keep the last word otherwise. */
static void test_device_normal(void **state)
{
	const struct policy_facts f = { .request_token = "",
					.username = "",
					.device_id = "",
					.version = 1,
					.disabled_message = "x" };
	const struct policy_value v = { .type = "t", .of_device = true };
	assert_data(&f, &v, 1,
		    "0a0174"
		    "1087d0dfb4ab33"
		    "1a00"
		    "2200"
		    "3001"
		    "3a00"
		    "4200"
		    "4800"
		    "7a11312e313736343030303030303030372e39"
		    "800101"
		    "8a01020800");
}

static void test_domain(void **state)
{
	static const struct {
		const char *username, *domain;
	} cases[] = { { "policy@d.org", "d.org" },
		      { "a@b@c", "c" },
		      { "nobody", "" },
		      { "", "" },
		      { "a@", "" } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct policy_facts f = { .username = cases[i].username };
		assert_string_equal(policy_domain(&f), cases[i].domain);
	}
}

/* A copy needs nothing of the original. */
static void test_copy(void **state)
{
	struct arena a;
	char token[] = "tok";
	struct policy_facts copy;
	const struct policy_facts f = { .request_token = token, .version = 9, .disabled = true };
	arena_init(&a);
	policy_facts_copy(&f, &a, &copy);
	token[0] = 'x';
	assert_string_equal(copy.request_token, "tok");
	assert_string_equal(copy.managed_by, "");
	assert_int_equal(copy.version, 9);
	assert_true(copy.disabled);
	arena_fini(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_browser),       cmocka_unit_test(test_device),
		cmocka_unit_test(test_device_normal), cmocka_unit_test(test_domain),
		cmocka_unit_test(test_copy),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
