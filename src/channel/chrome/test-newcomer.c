/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "channel/chrome/endpoint.h"
#include "channel/chrome/newcomer.h"
#include <string.h>

static struct arena arena;

static struct chrome_request request(const char *type)
{
	return (struct chrome_request){ .arena = &arena,
					.type = chrome_type_find(type),
					.device_id = "id-1",
					.agent = "Chromium 156.0.8078.79(a21ce9-refs/heads/1)",
					.platform = "Linux|x86_64|6.2",
					.profile_id = "" };
}

static const char *attribute(const struct newcomer *c, const char *name)
{
	for (size_t i = 0; i < c->n_attributes; i++)
		if (strcmp(c->attributes[i].name, name) == 0)
			return c->attributes[i].value;
	return "(not said)";
}

static void test_browser(void **state)
{
	struct chrome_request r = request("register_browser");
	Dm__RegisterBrowserRequest m = DM__REGISTER_BROWSER_REQUEST__INIT;
	Dm__BrowserDeviceIdentifier id = DM__BROWSER_DEVICE_IDENTIFIER__INIT;
	struct newcomer c;
	newcomer_of_browser(&r, &m, &c); /* nothing said */
	assert_string_equal(c.name, "id-1");
	assert_string_equal(attribute(&c, "os"), "Linux");
	m.browser_device_identifier = &id;
	id.computer_name = (char *)"  "; /* or nothing but blanks */
	id.host_name = (char *)"host";
	newcomer_of_browser(&r, &m, &c);
	assert_string_equal(c.name, "host");
	m.os_platform = (char *)"Windows";
	m.os_version = (char *)"10\x01";
	m.device_model = (char *)"X1";
	m.brand_name = (char *)"Acme";
	id.computer_name = (char *)"desk";
	id.serial_number = (char *)"S1";
	newcomer_of_browser(&r, &m, &c);
	assert_int_equal(c.kind, KIND_BROWSER);
	assert_string_equal(c.name, "desk");
	assert_string_equal(c.serial, "S1");
	assert_string_equal(c.model, "X1");
	assert_string_equal(c.os_version, "10\xef\xbf\xbd");
	assert_string_equal(c.agent_version, "156.0.8078.79");
	assert_string_equal(attribute(&c, "os"), "Windows");
	assert_string_equal(attribute(&c, "arch"), "x86_64");
	assert_string_equal(attribute(&c, "hostname"), "desk");
	assert_string_equal(attribute(&c, "brand"), "Acme");
	assert_string_equal(attribute(&c, "registration_type"), "register_browser");
}

static void test_kinds(void **state)
{
	static const struct {
		int type; /* -1: not said */
		const char *serial;
		int status; /* 0: good */
		enum kind kind;
		const char *word;
	} cases[] = {
		{ -1, "", 0, KIND_BROWSER, "user" },
		{ -1, "S", 0, KIND_CHROMEOS, "device" },
		{ 0, "S", 0, KIND_CHROMEOS, "device" },
		{ 1, "", 0, KIND_BROWSER, "user" },
		{ 2, "S", 0, KIND_CHROMEOS, "device" },
		{ 2, "", 405, 0, NULL },
		{ 2, " \t", 405, 0, NULL },
		{ -1, " ", 0, KIND_BROWSER, "user" },
		{ 3, "", 0, KIND_BROWSER, "browser" },
		{ 4, "", 0, KIND_BROWSER, "android_browser" },
		{ 5, "", 0, KIND_BROWSER, "ios_browser" },
		{ 6, "", 0, KIND_BROWSER, "ios_browser" },
		{ 7, "", 400, 0, NULL },
		{ -7, "", 400, 0, NULL },
	};
	struct chrome_request r = request("register");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		Dm__DeviceRegisterRequest m = DM__DEVICE_REGISTER_REQUEST__INIT;
		struct newcomer c;
		struct error err;
		int status;
		m.has_type = cases[i].type != -1;
		if (m.has_type)
			m.type = (Dm__DeviceRegisterRequest__Type)cases[i].type;
		m.machine_id = (char *)(uintptr_t)cases[i].serial;
		int res = newcomer_of_device(&r, &m, "a@x.test", &c, &status, &err);
		assert_int_equal(res ? status : 0, cases[i].status);
		if (res)
			continue;
		assert_int_equal(c.kind, cases[i].kind);
		assert_string_equal(attribute(&c, "registration_type"), cases[i].word);
		assert_string_equal(attribute(&c, "user"), "a@x.test");
	}
}

static void test_device(void **state)
{
	struct chrome_request r = request("register");
	Dm__DeviceRegisterRequest m = DM__DEVICE_REGISTER_REQUEST__INIT;
	struct newcomer c;
	struct error err;
	int status;
	uint8_t key[32] = { 1 };
	m.has_type = m.has_flavor = m.has_server_backed_state_key = true;
	m.type = DM__DEVICE_REGISTER_REQUEST__TYPE__DEVICE;
	m.flavor = DM__DEVICE_REGISTER_REQUEST__FLAVOR__FLAVOR_ENROLLMENT_RECOVERY;
	m.machine_id = (char *)"S1";
	m.machine_model = (char *)"Link";
	m.requisition = (char *)"remora";
	m.server_backed_state_key = (ProtobufCBinaryData){ sizeof key, key };
	assert_int_equal(newcomer_of_device(&r, &m, "", &c, &status, &err), 0);
	assert_string_equal(c.name, "Link - S1");
	assert_string_equal(c.serial, "S1");
	assert_string_equal(c.model, "Link");
	assert_string_equal(c.os_version, "6.2");
	assert_int_equal(c.state_key.n, 32);
	assert_string_equal(attribute(&c, "registration_flavor"), "enrollment_recovery");
	assert_string_equal(attribute(&c, "requisition"), "remora");
	assert_string_equal(attribute(&c, "user"), "");
	m.flavor = (Dm__DeviceRegisterRequest__Flavor)77; /* of a client to come */
	assert_int_equal(newcomer_of_device(&r, &m, "", &c, &status, &err), 0);
	assert_string_equal(attribute(&c, "registration_flavor"), "");
	m.server_backed_state_key.len = 31;
	assert_int_equal(newcomer_of_device(&r, &m, "", &c, &status, &err), ERR_INVALID);
	assert_int_equal(status, 400);
}

static void test_agents(void **state)
{
	static const char *const cases[][2] = {
		{ "Chromium 156.0.8078.79(a21)", "156.0.8078.79" },
		{ "Google Chrome 46.0.2490.80", "46.0.2490.80" },
		{ "DMServer test", "" },
		{ "", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(newcomer_agent_version(&arena, cases[i][0]), cases[i][1]);
}

static void test_platforms(void **state)
{
	static const struct {
		const char *platform, *os, *arch;
	} cases[] = {
		{ "Linux|x86_64|-", "Linux", "x86_64" },
		{ "CrOS|x86_64|1.2|LINK", "CrOS", "x86_64" },
		{ "Linux", "Linux", "" },
		{ "", "", "" },
		{ "|", "", "" },
		{ "-|-|-", "", "" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct chrome_request r = request("register_browser");
		Dm__RegisterBrowserRequest m = DM__REGISTER_BROWSER_REQUEST__INIT;
		struct newcomer c;
		r.platform = cases[i].platform;
		newcomer_of_browser(&r, &m, &c);
		assert_string_equal(attribute(&c, "os"), cases[i].os);
		assert_string_equal(attribute(&c, "arch"), cases[i].arch);
	}
}

static int setup(void **state)
{
	arena_init(&arena);
	return 0;
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_browser),   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_device),    cmocka_unit_test(test_agents),
		cmocka_unit_test(test_platforms),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
