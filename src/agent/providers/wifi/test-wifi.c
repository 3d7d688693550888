/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of rfkill.c, by the wifi provider; the bluetooth one differs by a table row, which is
 * looked at here as well.
 */
#include "agent/providers/all.h"
#include "agent/providers/testing.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void radio(const char *id, const char *type, const char *name, const char *soft,
		  const char *hard)
{
	const char *const attributes[][2] = {
		{ "type", type }, { "name", name }, { "soft", soft }, { "hard", hard }
	};
	for (size_t i = 0; i < ARRAY_SIZE(attributes); i++) {
		char path[100], text[100];
		snprintf(path, sizeof path, "/sys/devices/%s/%s", id, attributes[i][0]);
		snprintf(text, sizeof text, "%s\n", attributes[i][1]);
		scratch_file(&s, path, text);
	}
	char link[100], target[100];
	snprintf(link, sizeof link, "/sys/class/rfkill/%s", id);
	snprintf(target, sizeof target, "../../devices/%s", id);
	scratch_link(&s, link, target);
}

#define OFF "{'wifi.disabled': true}"
#define ON  "{'wifi.disabled': false}"

static void test_no_radio(void **state)
{
	check_observe(&s, &provider_wifi, "{}", "wifi.disabled", "true", "observed");
	check_observe(&s, &provider_wifi, ON, "wifi.disabled", "false", "observed");
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	check_enforce(&s, &provider_wifi, ON, "wifi.disabled", "false", "applied");
	radio("rfkill0", "bluetooth", "hci0", "0", "0");
	check_observe(&s, &provider_wifi, "{}", "wifi.disabled", "true", "observed");
	check_observe(&s, &provider_bluetooth, "{}", "bluetooth.disabled", "false", "observed");
	assert_int_equal(s.n_saves, 0);
}

static void test_observe(void **state)
{
	static const struct {
		const char *soft, *hard, *soft2, *value;
	} cases[] = {
		{ "0", "0", "0", "false" }, { "1", "0", "0", "false" },
		{ "0", "1", "1", "true" },  { "1", "0", "1", "true" },
		{ "1", "1", "1", "true" },  { "", "", "1", "false" }, /* unreadable is not off */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		radio("rfkill0", "wlan", "phy0", cases[i].soft, cases[i].hard);
		radio("rfkill1", "wlan", "phy1", cases[i].soft2, "0");
		check_observe(&s, &provider_wifi, OFF, "wifi.disabled", cases[i].value, "observed");
		check_observe(&s, &provider_wifi, "{}", "wifi.disabled", cases[i].value,
			      "observed");
		scratch_remove(&s, "/sys");
	}
}

static void test_off_tamper_and_back(void **state)
{
	radio("rfkill0", "wlan", "phy0", "0", "0");
	radio("rfkill1", "wlan", "phy1", "1", "0"); /* the user's own choice */
	radio("rfkill2", "bluetooth", "hci0", "0", "0");
	json_t *before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	assert_text(&s, "/sys/devices/rfkill0/soft", "1\n");
	assert_text(&s, "/sys/devices/rfkill2/soft", "0\n");
	json_t *enforced = scratch_snapshot(&s, true);
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, 1);
	scratch_file(&s, "/sys/devices/rfkill1/soft", "0\n");
	check_observe(&s, &provider_wifi, OFF, "wifi.disabled", "false", "observed");
	scratch_crash(&s);
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	AUTO_JSON gone = scratch_enforce(&s, &provider_wifi, "{}");
	assert_int_equal(json_object_size(gone), 0);
	scratch_file(&s, "/sys/devices/rfkill1/soft", "1\n"); /* tampered: its original is lost */
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_on_and_back(void **state)
{
	radio("rfkill0", "wlan", "phy0", "1", "0");
	json_t *before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_wifi, ON, "wifi.disabled", "false", "applied");
	assert_text(&s, "/sys/devices/rfkill0/soft", "0\n");
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	check_enforce(&s, &provider_wifi, ON, "wifi.disabled", "false", "applied");
	scratch_restore(&s, &provider_wifi);
	assert_same_tree(&s, before, false);
}

static void test_renumbered(void **state)
{
	radio("rfkill0", "wlan", "phy0", "0", "0");
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	scratch_remove(&s, "/sys");
	radio("rfkill7", "wlan", "phy0", "1", "0"); /* after a boot */
	scratch_restore(&s, &provider_wifi);
	assert_text(&s, "/sys/devices/rfkill7/soft", "0\n");
}

static void test_failures(void **state)
{
	radio("rfkill0", "wlan", "phy0", "0", "0");
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 1;
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "false", "failed");
	assert_same_tree(&s, before, true); /* nothing changes before its original is safe */
	check_enforce(&s, &provider_wifi, OFF, "wifi.disabled", "true", "applied");
	assert_int_equal(s.n_saves, 1);
	check_enforce(&s, &provider_wifi, "{'wifi.disabled': 'yes'}", "wifi.disabled", "null",
		      "failed");
	radio("rfkill1", "wlan", "phy1", "0", "1");
	AUTO_JSON ret = scratch_enforce(&s, &provider_wifi, ON);
	assert_result(ret, "wifi.disabled", "false", "applied", NULL); /* phy0 is on */
	scratch_remove(&s, "/sys/devices/rfkill0");
	AUTO_JSON hard = scratch_enforce(&s, &provider_wifi, ON);
	assert_result(hard, "wifi.disabled", "true", "failed", "hardware");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_radio, setup, teardown),
		cmocka_unit_test_setup_teardown(test_observe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off_tamper_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_renumbered, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
