/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports as facts: tables that name fields which exist, hostile texts and numbers, bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "channel/chrome/report/facts.h"
#include "channel/chrome/report/validation.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(s) ((char[]){ s }) /* protobuf-c's texts are not const */
#define NOW     INT64_C(1800000000000)
#define MIN     INT64_C(60000)

struct fixture {
	struct arena arena;
	struct facts f;
};

static int setup(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	arena_init(&x->arena);
	facts_init(&x->f, &x->arena, NOW);
	*state = x;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *x = *state;
	facts_fini(&x->f);
	arena_fini(&x->arena);
	free(x);
	return 0;
}

static const char *section(struct fixture *x, const char *name)
{
	for (size_t i = 0; i < x->f.n_sections; i++)
		if (strcmp(x->f.sections[i].name, name) == 0) {
			CLEANUP(free_charp) char *text = json_text(x->f.sections[i].body);
			return arena_strdup(&x->arena, text);
		}
	return "";
}

static const char *attribute(struct fixture *x, const char *name)
{
	for (size_t i = 0; i < x->f.n_attributes; i++)
		if (strcmp(x->f.attributes[i].name, name) == 0)
			return x->f.attributes[i].value;
	return "";
}

/* "name@minutes ago=value …" */
static const char *samples(struct fixture *x)
{
	char *text = arena_strdup(&x->arena, "");
	for (size_t i = 0; i < x->f.n_samples; i++)
		text = arena_printf(&x->arena, "%s%s%s@%lld=%lld", text, i ? " " : "",
				    x->f.samples[i].name,
				    (long long)((NOW - x->f.samples[i].at_ms) / MIN),
				    (long long)x->f.samples[i].value);
	return text;
}

static void check_rows(const struct fact_row *rows, const ProtobufCMessageDescriptor *d)
{
	for (; rows->field; rows++)
		if (!protobuf_c_message_descriptor_get_field_by_name(d, rows->field))
			fail_msg("%s has no field %s", d->name, rows->field);
}

static void test_tables(void **state)
{
	check_rows(device_status_rows, &dm__device_status_report_request__descriptor);
	check_rows(session_status_rows, &dm__session_status_report_request__descriptor);
}

static void test_texts(void **state)
{
	struct fixture *x = *state;
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ NULL, "" },
		{ "", "" },
		{ "Zürich", "Zürich" },
		{ "a\xff"
		  "b",
		  "a\xef\xbf\xbd"
		  "b" },
		{ "a\x1b[31mb\n", "a [31mb " },
		{ "1234567890", "12345678" },
		{ "1234567ü", "1234567" }, /* never half a character */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(clean_text(&x->arena, cases[i].in, 8), cases[i].out);
	char word[ENUM_WORD_MAX];
	assert_string_equal(
		enum_word(&dm__network_interface__network_device_type__descriptor, 1, word),
		"wifi");
	assert_string_equal(enum_word(&dm__os_update_status__update_status__descriptor, 3, word),
			    "update_need_reboot");
	assert_string_equal(enum_word(&dm__policy__policy_level__descriptor, -7, word), "-7");
}

static void test_status(void **state)
{
	struct fixture *x = *state;
	Dm__DeviceStatusReportRequest m = DM__DEVICE_STATUS_REPORT_REQUEST__INIT;
	Dm__NetworkInterface wifi = DM__NETWORK_INTERFACE__INIT, *interfaces[] = { &wifi };
	Dm__DeviceLocation place = DM__DEVICE_LOCATION__INIT;
	Dm__VolumeInfo disk = DM__VOLUME_INFO__INIT, *disks[] = { &disk, &disk };
	int32_t cpu[] = { 10, 20, 30 };
	wifi.has_type = 1;
	wifi.type = DM__NETWORK_INTERFACE__NETWORK_DEVICE_TYPE__TYPE_WIFI;
	wifi.mac_address = TEXT("00:11\xff");
	place.has_latitude = place.has_timestamp = 1;
	place.latitude = 52.5;
	place.timestamp = NOW;
	disk.has_storage_free = 1;
	disk.storage_free = 500;
	m.os_version = TEXT("12.0\n");
	m.boot_mode = TEXT("Verified");
	m.network_interfaces = interfaces;
	m.n_network_interfaces = 1;
	m.device_location = &place;
	m.volume_infos = disks;
	m.n_volume_infos = 2;
	m.cpu_utilization_pct_samples = cpu;
	m.n_cpu_utilization_pct_samples = 3;
	facts_of_device_status(&x->f, &m);
	assert_int_equal(x->f.problem.code, ERR_NONE);
	assert_string_equal(x->f.os_version, "12.0 ");
	assert_string_equal(attribute(x, "boot_mode"), "Verified");
	assert_string_equal(section(x, "os"), "{\"version\":\"12.0 \",\"boot_mode\":\"Verified\"}");
	assert_string_equal(
		section(x, "network"),
		"{\"interfaces\":[{\"type\":\"wifi\",\"mac_address\":\"00:11\xef\xbf\xbd\"}]}");
	assert_string_equal(section(x, "location"),
			    "{\"latitude\":52.5,\"timestamp\":\"2027-01-15T08:00:00.000Z\"}");
	assert_string_equal(samples(x), "cpu.used_percent@4=10 cpu.used_percent@2=20 "
					"cpu.used_percent@0=30 disk.free_bytes@0=1000");
}

/* A part that is wrong is said, and the rest is there. */
static void test_bad_parts(void **state)
{
	struct fixture *x = *state;
	Dm__DeviceStatusReportRequest m = DM__DEVICE_STATUS_REPORT_REQUEST__INIT;
	Dm__DeviceLocation place = DM__DEVICE_LOCATION__INIT;
	Dm__CpuUtilizationInfo old = DM__CPU_UTILIZATION_INFO__INIT, *infos[] = { &old };
	int32_t cpu[] = { 101, -1, 50 };
	place.has_latitude = 1;
	place.latitude = 1e300;
	old.cpu_utilization_pct = 5;
	m.os_version = TEXT("12");
	m.device_location = &place;
	m.cpu_utilization_pct_samples = cpu;
	m.n_cpu_utilization_pct_samples = 3;
	m.cpu_utilization_infos = infos;
	m.n_cpu_utilization_infos = 1;
	facts_of_device_status(&x->f, &m);
	assert_int_equal(x->f.problem.code, ERR_INVALID);
	assert_non_null(strstr(x->f.problem.message, "location"));
	assert_string_equal(samples(x), "cpu.used_percent@0=50");
	assert_string_equal(section(x, "os"), "{\"version\":\"12\"}");
}

static void test_bounds(void **state)
{
	struct fixture *x = *state;
	enum { N = 30000 };
	Dm__DeviceStatusReportRequest m = DM__DEVICE_STATUS_REPORT_REQUEST__INIT;
	Dm__DeviceUser user = DM__DEVICE_USER__INIT;
	Dm__DeviceUser **users = calloc(N, sizeof *users);
	int32_t *cpu = calloc(N, sizeof *cpu);
	char *text = malloc(100000);
	memset(text, 'x', 99999);
	text[99999] = '\0';
	user.has_type = 1;
	user.email = text;
	for (size_t i = 0; i < N; i++)
		users[i] = &user;
	m.users = users;
	m.n_users = N;
	m.cpu_utilization_pct_samples = cpu;
	m.n_cpu_utilization_pct_samples = N;
	facts_of_device_status(&x->f, &m);
	assert_int_equal(x->f.problem.code, ERR_TOO_LARGE);
	assert_int_equal(x->f.n_samples, SAMPLES_OF_A_KIND);
	assert_true(strlen(section(x, "users")) < (2u << 20));
	free(users);
	free(cpu);
	free(text);
}

static void test_session(void **state)
{
	struct fixture *x = *state;
	Dm__SessionStatusReportRequest m = DM__SESSION_STATUS_REPORT_REQUEST__INIT;
	Dm__AppStatus app = DM__APP_STATUS__INIT, *apps[] = { &app };
	app.app_id = TEXT("abc");
	app.has_error = 1;
	app.error = 1;
	m.installed_apps = apps;
	m.n_installed_apps = 1;
	m.user_dm_token = TEXT("secret");
	facts_of_session_status(&x->f, &m);
	assert_string_equal(section(x, "session"),
			    "{\"apps\":[{\"app_id\":\"abc\",\"error\":true}]}");
}

static void test_desktop(void **state)
{
	struct fixture *x = *state;
	Dm__ChromeDesktopReportRequest m = DM__CHROME_DESKTOP_REPORT_REQUEST__INIT;
	Dm__BrowserReport browser = DM__BROWSER_REPORT__INIT;
	Dm__OSReport os = DM__OSREPORT__INIT;
	Dm__Extension extension = DM__EXTENSION__INIT, *extensions[] = { &extension };
	Dm__Policy policy = DM__POLICY__INIT, *policies[] = { &policy };
	Dm__ChromeUserProfileInfo profile = DM__CHROME_USER_PROFILE_INFO__INIT,
				  *profiles[] = { &profile };
	os.name = TEXT("Linux");
	os.version = TEXT("6.1");
	os.arch = TEXT("x86_64");
	extension.id = TEXT("aaaa");
	policy.name = TEXT("URLBlocklist");
	policy.has_source = 1;
	policy.source = DM__POLICY__POLICY_SOURCE__SOURCE_CLOUD;
	policy.value = TEXT("[\"x\"]");
	profile.id = TEXT("/home/u/Default");
	profile.extensions = extensions;
	profile.n_extensions = 1;
	profile.chrome_policies = policies;
	profile.n_chrome_policies = 1;
	browser.browser_version = TEXT("156.0");
	browser.chrome_user_profile_infos = profiles;
	browser.n_chrome_user_profile_infos = 1;
	m.os_report = &os;
	m.browser_report = &browser;
	m.computer_name = TEXT("box");
	facts_of_desktop(&x->f, &m);
	assert_string_equal(x->f.agent_version, "156.0");
	assert_string_equal(x->f.os_version, "Linux 6.1");
	assert_string_equal(attribute(x, "hostname"), "box");
	assert_string_equal(
		section(x, "profiles"),
		"{\"profiles\":[{\"id\":\"/home/u/Default\",\"n_extensions\":1,\"n_policies\":1}]}");
	assert_string_equal(section(x, "extensions"),
			    "{\"extensions\":[{\"id\":\"aaaa\",\"profile\":\"/home/u/Default\"}]}");
	assert_string_equal(
		section(x, "policies"),
		"{\"browser\":[{\"name\":\"URLBlocklist\",\"source\":\"cloud\",\"value\":\"[\\\"x\\\"]\","
		"\"profile\":\"/home/u/Default\"}],\"extensions\":[]}");
}

static void test_validation(void **state)
{
	static const struct {
		int result;
		bool refused;
		const char *word;
	} cases[] = {
		{ 0, false, "does not say" }, { 2, true, "first key" },
		{ 3, true, "signature" },     { 8, true, "older" },
		{ 9, true, "token" },         { 10, true, "another device" },
		{ 13, true, "verification" }, { 14, false, "doubtful" },
		{ 15, true, "wrong" },        { 16, true, "not know" },
		{ -1, true, "not know" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_int_equal(validation_refused(cases[i].result), cases[i].refused);
		assert_non_null(strstr(validation_reason(cases[i].result), cases[i].word));
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		T(test_texts),
		T(test_status),
		T(test_bad_parts),
		T(test_bounds),
		T(test_session),
		T(test_desktop),
		cmocka_unit_test(test_validation),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
