/* SPDX-License-Identifier: Apache-2.0
 *
 * What a machine is, read below scratch roots.
 */
#include "agent/machine.h"
#include "base/buf.h"
#include "base/file.h"
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static int set_up(void **state)
{
	snprintf(root, sizeof root, "/tmp/test-machine-XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", root);
	return system(command);
}

static void put(const char *path, const char *content)
{
	char full[200];
	snprintf(full, sizeof full, "%s%s", root, path);
	*strrchr(full, '/') = '\0';
	assert_int_equal(dir_make(full, 0755), 0);
	snprintf(full, sizeof full, "%s%s", root, path);
	assert_int_equal(file_write_atomic(full, span_str(content), 0644), 0);
}

static void check(const char *key, const char *value)
{
	AUTO_JSON j = machine_describe(root, NULL);
	assert_string_equal(json_string_value(json_object_get(j, key)), value);
}

static void test_nothing_is_known(void **state)
{
	char boot[MACHINE_BOOT_SIZE];
	check("name", "localhost");
	check("serial", "");
	check("model", "");
	check("os_version", "Linux");
	check("agent_version", REEVE_VERSION);
	assert_string_equal(machine_boot_id(root, boot), "");
}

static void test_a_laptop(void **state)
{
	char boot[MACHINE_BOOT_SIZE];
	put("/etc/hostname", "host7\n");
	put("/sys/class/dmi/id/product_serial", "PF3XYZ \n");
	put("/sys/class/dmi/id/sys_vendor", "LENOVO\n");
	put("/sys/class/dmi/id/product_name", "ThinkPad X1\n");
	put("/etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 \\\"x\\\"\"\n");
	put("/proc/sys/kernel/random/boot_id", "b-1\n");
	check("name", "host7");
	check("serial", "PF3XYZ");
	check("model", "LENOVO ThinkPad X1");
	check("os_version", "Debian GNU/Linux 12 \"x\"");
	assert_string_equal(machine_boot_id(root, boot), "b-1");
	AUTO_JSON named = machine_describe(root, "given");
	assert_string_equal(json_string_value(json_object_get(named, "name")), "given");
}

static void test_fillers(void **state)
{
	static const char *const fillers[] = {
		"0\n", "Not Specified\n", "to be filled by o.e.m.", "0000-00", "", " \n"
	};
	put("/etc/machine-id", "0123456789abcdef0123456789abcdef\n");
	put("/sys/class/dmi/id/product_name", "System Product Name\n");
	for (size_t i = 0; i < ARRAY_SIZE(fillers); i++) {
		put("/sys/class/dmi/id/product_serial", fillers[i]);
		AUTO_JSON j = machine_describe(root, NULL);
		const char *serial = json_string_value(json_object_get(j, "serial"));
		assert_int_equal(strlen(serial), 32);
		assert_string_not_equal(serial, "0123456789abcdef0123456789abcdef");
		assert_string_equal(json_string_value(json_object_get(j, "model")), "");
	}
}

static void test_the_vendor_is_not_said_twice(void **state)
{
	put("/sys/class/dmi/id/sys_vendor", "Acme\n");
	put("/sys/class/dmi/id/product_name", "ACME Rocket\n");
	check("model", "ACME Rocket");
	put("/sys/class/dmi/id/product_name", "None\n");
	check("model", "Acme");
}

static void test_nonsense(void **state)
{
	CLEANUP(free_charp) char *longest = malloc(60000);
	memset(longest, 'x', 59999);
	longest[59999] = '\0';
	put("/etc/hostname", "a\x1b[2J\xff\n");
	put("/etc/os-release", "PRETTY_NAME=\nPRETTY_NAME=\"\"");
	put("/sys/class/dmi/id/product_serial", longest);
	check("name", "a [2J\xef\xbf\xbd");
	check("os_version", "");
	AUTO_JSON j = machine_describe(root, longest);
	assert_true(json_string_length(json_object_get(j, "serial")) <= 255);
	assert_true(json_string_length(json_object_get(j, "name")) <= 255);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_known), TEST(test_a_laptop),
		TEST(test_fillers),          TEST(test_the_vendor_is_not_said_twice),
		TEST(test_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
