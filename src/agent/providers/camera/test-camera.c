/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/testing.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#define OFF  "{'camera.disabled': true}"
#define ON   "{'camera.disabled': false}"
#define CONF "/etc/modprobe.d/reeve-camera.conf"
#define CAM  "/sys/devices/pci0/usb1/1-4/1-4:1.0"

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	scratch_folder(&s, "/etc/modprobe.d");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void interface(const char *name, const char *class, const char *authorized)
{
	char path[200], text[200];
	snprintf(path, sizeof path, "/sys/devices/pci0/usb1/1-4/%s/bInterfaceClass", name);
	snprintf(text, sizeof text, "%s\n", class);
	scratch_file(&s, path, text);
	snprintf(path, sizeof path, "/sys/devices/pci0/usb1/1-4/%s/authorized", name);
	snprintf(text, sizeof text, "%s\n", authorized);
	scratch_file(&s, path, text);
	snprintf(path, sizeof path, "/sys/bus/usb/devices/%s", name);
	snprintf(text, sizeof text, "../../../devices/pci0/usb1/1-4/%s", name);
	scratch_link(&s, path, text);
}

static void two_cameras_and_a_mouse(void)
{
	interface("1-4:1.0", "0e", "1");
	interface("1-4:1.1", "0e", "1");
	interface("1-5:1.0", "03", "1");
	scratch_file(&s, "/sys/bus/usb/devices/usb1", ""); /* no interface */
	scratch_file(&s, "/sys/bus/usb/drivers_probe", "");
}

static void test_nothing_there(void **state)
{
	check_observe(&s, &provider_camera, "{}", "camera.disabled", "true", "observed");
	check_observe(&s, &provider_camera, OFF, "camera.disabled", "true", "observed");
	check_observe(&s, &provider_camera, ON, "camera.disabled", "false", "observed");
	json_t *before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	check_observe(&s, &provider_camera, ON, "camera.disabled", "true", "observed");
	check_enforce(&s, &provider_camera, ON, "camera.disabled", "false", "applied");
	assert_same_tree(&s, before, false);
}

static void test_observe(void **state)
{
	static const struct {
		const char *first, *second, *conf, *value;
	} cases[] = {
		{ "1", "1", NULL, "false" },
		{ "0", "0", NULL, "false" },
		{ "0", "0", "blacklist uvcvideo\n", "true" },
		{ "0", "0", "  blacklist \t uvcvideo  ", "true" },
		{ "0", "0", "# blacklist uvcvideo\n", "false" },
		{ "0", "0", "blacklist uvcvideo2\n", "false" },
		{ "0", "0", "x\ninstall uvcvideo /bin/false\ny", "true" },
		{ "0", "0", "install uvcvideo /bin/echo\n", "false" },
		{ "0", "1", "blacklist uvcvideo\n", "false" },
		{ "0", "", "blacklist uvcvideo\n", "false" }, /* unreadable is not off */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		interface("1-4:1.0", "0e", cases[i].first);
		interface("1-4:1.1", "0e", cases[i].second);
		if (cases[i].conf)
			scratch_file(&s, "/etc/modprobe.d/a.conf", cases[i].conf);
		scratch_file(&s, "/etc/modprobe.d/b.conf.disabled", "blacklist uvcvideo\n");
		check_observe(&s, &provider_camera, OFF, "camera.disabled", cases[i].value,
			      "observed");
		scratch_remove(&s, "/sys");
		scratch_remove(&s, "/etc/modprobe.d");
	}
}

static void test_off_tamper_and_back(void **state)
{
	two_cameras_and_a_mouse();
	scratch_file(&s, "/sys/devices/pci0/usb1/1-4/1-4:1.1/authorized", "0\n"); /* before us */
	json_t *before = scratch_snapshot(&s, false);
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	assert_text(&s, CAM "/authorized", "0\n");
	assert_text(&s, "/sys/devices/pci0/usb1/1-4/1-5:1.0/authorized", "1\n");
	json_t *enforced = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, n_saves);

	scratch_file(&s, CAM "/authorized", "1\n");
	check_observe(&s, &provider_camera, OFF, "camera.disabled", "false", "observed");
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	scratch_remove(&s, CONF);
	check_observe(&s, &provider_camera, OFF, "camera.disabled", "false", "observed");
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	scratch_file(&s, CONF, "# mine\n");
	scratch_crash(&s);
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");

	AUTO_JSON none = scratch_enforce(&s, &provider_camera, "{}");
	assert_int_equal(json_object_size(none), 0);
	assert_text(&s, "/sys/bus/usb/drivers_probe", "1-4:1.0");
	assert_true(scratch_ran(&s, "modprobe --quiet uvcvideo"));
	scratch_file(&s, "/sys/bus/usb/drivers_probe", "");
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
}

static void test_on(void **state)
{
	two_cameras_and_a_mouse();
	scratch_file(&s, CAM "/authorized", "0\n");
	check_enforce(&s, &provider_camera, ON, "camera.disabled", "false", "applied");
	assert_text(&s, CAM "/authorized", "1\n");
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	scratch_restore(&s, &provider_camera);
	assert_text(&s, CAM "/authorized", "0\n");
	assert_text(&s, "/sys/devices/pci0/usb1/1-4/1-4:1.1/authorized", "1\n");
	scratch_restore(&s, &provider_camera);
}

static void test_blocked_by_another(void **state)
{
	scratch_file(&s, "/usr/lib/modprobe.d/distro.conf", "blacklist uvcvideo\n");
	json_t *before = scratch_snapshot(&s, true);
	AUTO_JSON ret = scratch_enforce(&s, &provider_camera, ON);
	assert_result(ret, "camera.disabled", "true", "failed", "/usr/lib/modprobe.d/distro.conf");
	assert_same_tree(&s, before, true);
}

static void test_failures(void **state)
{
	two_cameras_and_a_mouse();
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 2;
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "false", "failed");
	assert_same_tree(&s, before, true);
	check_enforce(&s, &provider_camera, "{'camera.disabled': 1}", "camera.disabled", "null",
		      "failed");
	/* one interface cannot be written to: the other is switched all the same */
	scratch_remove(&s, "/sys/devices/pci0/usb1/1-4/1-4:1.0/authorized");
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "false", "failed");
	assert_text(&s, "/sys/devices/pci0/usb1/1-4/1-4:1.1/authorized", "0\n");
	scratch_remove(&s, "/sys/bus/usb/devices"); /* unplugged */
	check_enforce(&s, &provider_camera, OFF, "camera.disabled", "true", "applied");
	scratch_restore(&s, &provider_camera);
	assert_int_equal(json_object_size(s.env.state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_observe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_off_tamper_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_on, setup, teardown),
		cmocka_unit_test_setup_teardown(test_blocked_by_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
