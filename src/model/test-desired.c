/* SPDX-License-Identifier: Apache-2.0
 *
 * Laying scopes under each other: nearest wins, and what each channel is told.
 */
#include "model/desired.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SETTING(scope_, id, name_, level_, value)                                                  \
	{                                                                                          \
		.scope = scope_, .scope_id = id, .name = name_, .level = level_,                   \
		.value_json = value, .changed_ms = 100 + id                                        \
	}

static void assert_item(const struct desired *d, const char *name, const char *value,
			bool recommended, const char *scope, int64_t scope_id)
{
	const struct desired_setting *s = desired_get(d, name);
	assert_non_null(s);
	CLEANUP(free_charp) char *text = json_text(s->value);
	assert_string_equal(s->type->name, name);
	assert_string_equal(text, value);
	assert_int_equal(s->recommended, recommended);
	assert_string_equal(s->scope, scope);
	assert_int_equal(s->scope_id, scope_id);
}

static void test_nearest_wins(void **state)
{
	static const struct setting device[] = {
		SETTING("device", 7, "wifi.disabled", "mandatory", "true"),
		SETTING("device", 7, "camera.disabled", "recommended", "false"),
	};
	static const struct setting fleet[] = {
		SETTING("fleet", 3, "wifi.disabled", "mandatory", "false"),
		SETTING("fleet", 3, "password.min_length", "mandatory", "8"),
		SETTING("fleet", 3, "not.in.the.catalogue", "mandatory", "8"),
	};
	static const struct setting root[] = {
		SETTING("fleet", 1, "camera.disabled", "mandatory", "true"),
		SETTING("fleet", 1, "password.min_length", "mandatory", "4"),
		SETTING("fleet", 1, "apps.remove", "mandatory", "[\"x\"]"),
	};
	struct desired d;
	desired_init(&d, CHANNEL_DEVICE);
	assert_int_equal(desired_add(&d, device, ARRAY_SIZE(device)), 0);
	assert_int_equal(desired_add(&d, fleet, ARRAY_SIZE(fleet)), 0);
	assert_int_equal(desired_add(&d, root, ARRAY_SIZE(root)), 0);
	desired_add_defaults(&d);
	assert_int_equal(d.n, 4);
	for (size_t i = 1; i < d.n; i++)
		assert_true(strcmp(d.items[i - 1].type->name, d.items[i].type->name) < 0);
	assert_item(&d, "wifi.disabled", "true", false, "device", 7);
	assert_item(&d, "camera.disabled", "false", true, "device", 7);
	assert_item(&d, "password.min_length", "8", false, "fleet", 3);
	assert_item(&d, "apps.remove", "[\"x\"]", false, "fleet", 1);
	assert_int_equal(desired_get(&d, "apps.remove")->changed_ms, 101);
	assert_null(desired_get(&d, "gps.disabled"));
	assert_null(desired_get(&d, ""));
	desired_fini(&d);
	assert_int_equal(d.n, 0);
	desired_fini(&d);
}

static void test_everything_at_once(void **state)
{
	struct desired d;
	desired_init(&d, CHANNEL_CHROME);
	for (size_t i = catalogue_n(); i-- > 0;) { /* backwards: always inserted at the front */
		struct setting row =
			SETTING("fleet", 1, catalogue_at(i)->name, "mandatory", "null");
		assert_int_equal(desired_add(&d, &row, 1), 0);
		assert_int_equal(desired_add(&d, &row, 1), 0);
	}
	assert_int_equal(d.n, catalogue_n());
	for (size_t i = 0; i < d.n; i++)
		assert_ptr_equal(d.items[i].type, catalogue_at(i));
	desired_fini(&d);
}

static void test_mdmcore_default(void **state)
{
	static const struct setting own[] = {
		SETTING("device", 7, "camera.disabled", "mandatory", "false"),
	};
	struct desired d;
	desired_init(&d, CHANNEL_MDMCORE);
	desired_add_defaults(&d);
	assert_int_equal(d.n, 1);
	assert_item(&d, "camera.disabled", "true", false, "default", 0);
	desired_fini(&d);
	assert_int_equal(desired_add(&d, own, 1), 0);
	desired_add_defaults(&d);
	assert_int_equal(d.n, 1);
	assert_item(&d, "camera.disabled", "false", false, "device", 7);
	desired_fini(&d);
}

static void test_stored_rubbish(void **state)
{
	static const char *const wrong[] = { "", "{", "tru", NULL };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct setting row = SETTING("fleet", 1, "camera.disabled", "mandatory", wrong[i]);
		struct desired d;
		desired_init(&d, CHANNEL_DEVICE);
		assert_int_equal(desired_add(&d, &row, 1), -EINVAL);
		desired_fini(&d);
	}
}

static void test_own_words(void **state)
{
	static const struct setting rows[] = {
		SETTING("fleet", 1, "password.quality", "mandatory",
			"\"PASSWORD_QUALITY_NUMERIC\""),
		SETTING("fleet", 1, "password.enabled", "mandatory", "true"),
	};
	struct desired d;
	desired_init(&d, CHANNEL_FLYVE);
	assert_int_equal(desired_add(&d, rows, ARRAY_SIZE(rows)), 0);
	assert_item(&d, "password.quality", "\"numeric\"", false, "fleet", 1);
	assert_item(&d, "password.enabled", "\"pin\"", false, "fleet", 1);
	desired_fini(&d);
}

static void test_to_json(void **state)
{
	static const struct setting rows[] = {
		SETTING("fleet", 1, "wifi.disabled", "mandatory", "true"),
		SETTING("fleet", 1, "gps.disabled", "mandatory", "true"),
		SETTING("fleet", 1, "camera.disabled", "recommended", "true"),
		SETTING("fleet", 1, "chrome.HomepageLocation", "mandatory", "\"x\""),
	};
	static const struct {
		enum channel channel;
		const char *json;
	} cases[] = {
		{ CHANNEL_MDMCORE,
		  "{\"camera.disabled\":{\"value\":true,\"level\":\"recommended\"}}" },
		{ CHANNEL_DEVICE,
		  "{\"camera.disabled\":{\"value\":true,\"level\":\"recommended\"},"
		  "\"chrome.HomepageLocation\":{\"value\":\"x\",\"level\":\"mandatory\"},"
		  "\"wifi.disabled\":{\"value\":true,\"level\":\"mandatory\"}}" },
		{ CHANNEL_VM, "{}" },
		{ CHANNEL_N,
		  "{\"camera.disabled\":{\"value\":true,\"level\":\"recommended\"},"
		  "\"chrome.HomepageLocation\":{\"value\":\"x\",\"level\":\"mandatory\"},"
		  "\"gps.disabled\":{\"value\":true,\"level\":\"mandatory\"},"
		  "\"wifi.disabled\":{\"value\":true,\"level\":\"mandatory\"}}" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct desired d;
		desired_init(&d, cases[i].channel);
		assert_int_equal(desired_add(&d, rows, ARRAY_SIZE(rows)), 0);
		AUTO_JSON j = desired_to_json(&d);
		CLEANUP(free_charp) char *text = json_text(j);
		assert_string_equal(text, cases[i].json);
		desired_fini(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest_wins),    cmocka_unit_test(test_everything_at_once),
		cmocka_unit_test(test_mdmcore_default), cmocka_unit_test(test_stored_rubbish),
		cmocka_unit_test(test_own_words),       cmocka_unit_test(test_to_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
