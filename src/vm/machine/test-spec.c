/* SPDX-License-Identifier: Apache-2.0
 *
 * spec: words of disks and sizes, what cannot be started, and the file.
 */
#include "vm/machine/spec.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t size; /* 0: none */
	} cases[] = {
		{ "1", 1 },           { "2K", 2048 },       { "3M", 3 << 20 },
		{ "4G", 4ull << 30 }, { "1T", 1ull << 40 }, { "", 0 },
		{ "G", 0 },           { "-1", 0 },          { "1X", 0 },
		{ "1MB", 0 },         { "99999999T", 0 },   { "99999999999999999999", 0 },
		{ " 1", 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint64_t n = 0;
		assert_int_equal(size_parse(cases[i].text, 1, &n), cases[i].size > 0);
		assert_int_equal(n, cases[i].size);
	}
}

static void test_disks(void **state)
{
	static const char *const bad[] = { "",         "x",         "/a:",        "/a:rw",
					   "/a:size=", "/a:size=0", "/a:mount=x", "/a:fs=" };
	struct machine_spec s = { .n_disks = 1 };
	struct machine_disk d;
	struct error err;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(machine_disk_parse(bad[i], &d, &err), ERR_INVALID);
	assert_int_equal(
		machine_disk_parse("/a b,c:size=10G:ro:mount=/mnt/x:fs=btrfs", &s.disks[0], &err),
		0);
	assert_string_equal(s.disks[0].path, "/a b,c");
	assert_true(s.disks[0].read_only);
	assert_int_equal(s.disks[0].size, 10ull << 30);
	assert_string_equal(s.disks[0].target, "/mnt/x");
	assert_string_equal(s.disks[0].fstype, "btrfs");
	machine_spec_fini(&s);
}

static void test_shares(void **state)
{
	static const char *const bad[] = { "",     "/a",     "/a:",      "a:/b",      "/a:b",
					   "/a::", "/a:/b:", "/a:/b:rw", "/a:/b:ro:", "/a,b:/b" };
	struct machine_spec s = { .n_shares = 2 };
	struct machine_share share;
	struct error err;
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(machine_share_parse(bad[i], &share, &err), ERR_INVALID);
	assert_int_equal(machine_share_parse("/a b:/mnt/x", &s.shares[0], &err), 0);
	assert_int_equal(machine_share_parse("/:/:ro", &s.shares[1], &err), 0);
	assert_string_equal(s.shares[0].path, "/a b");
	assert_string_equal(s.shares[0].target, "/mnt/x");
	assert_false(s.shares[0].read_only);
	assert_true(s.shares[1].read_only);
	machine_spec_fini(&s);
}

static char *copy(const char *text)
{
	char *s = strdup(text);
	assert_non_null(s);
	return s;
}

static void test_check(void **state)
{
	struct error err;
	struct machine_spec s = { .kernel = copy("/proc/self/exe"), .memory_mib = 64, .cpus = 1 };
	(void)state;
	assert_int_equal(machine_spec_check(&s, &err), 0);
	s.memory_mib = 63;
	assert_int_equal(machine_spec_check(&s, &err), ERR_INVALID);
	s.memory_mib = 1ll << 40;
	assert_int_equal(machine_spec_check(&s, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "memory"));
	s.memory_mib = 64;
	s.cpus = 100000;
	assert_int_equal(machine_spec_check(&s, &err), ERR_INVALID);
	s.cpus = 1;
	s.initrd = copy("/no/such");
	assert_int_equal(machine_spec_check(&s, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.message, "initrd: /no/such"));
	free(s.initrd);
	s.initrd = NULL;
	assert_int_equal(machine_disk_parse("/no/such", &s.disks[0], &err), 0);
	s.n_disks = 1;
	assert_int_equal(machine_spec_check(&s, &err), ERR_NOT_FOUND);
	s.disks[0].size = 1; /* it will be made */
	assert_int_equal(machine_spec_check(&s, &err), 0);
	free(s.kernel);
	s.kernel = copy("/proc");
	assert_int_equal(machine_spec_check(&s, &err), ERR_INVALID);
	machine_spec_fini(&s);
}

static void test_file(void **state)
{
	struct machine_spec s = { .kernel = copy("/k"),
				  .append = copy("x y"),
				  .memory_mib = 512,
				  .cpus = 2,
				  .cid = 40,
				  .listen_port = 1234,
				  .vsock = true,
				  .n_disks = 1 };
	struct machine_spec again;
	struct error err;
	(void)state;
	memcpy(s.name, "a", 2);
	assert_int_equal(machine_disk_parse("/d:ro:mount=/m", &s.disks[0], &err), 0);
	assert_int_equal(machine_share_parse("/f:/t:ro", &s.shares[0], &err), 0);
	s.n_shares = 1;
	AUTO_JSON j = machine_spec_json(&s);
	assert_int_equal(machine_spec_read(j, &again, &err), 0);
	AUTO_JSON k = machine_spec_json(&again);
	assert_true(json_equal(j, k));
	machine_spec_fini(&again);
	static const char *const keys[] = { "name", "kernel",      "memory_mib", "cpus",
					    "cid",  "listen_port", "vsock" };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		AUTO_JSON less = json_deep_copy(j);
		json_object_del(less, keys[i]);
		assert_int_equal(machine_spec_read(less, &again, &err), ERR_INVALID);
		machine_spec_fini(&again);
	}
	machine_spec_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),  cmocka_unit_test(test_disks),
		cmocka_unit_test(test_shares), cmocka_unit_test(test_check),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
