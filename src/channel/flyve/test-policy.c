/* SPDX-License-Identifier: Apache-2.0
 *
 * policy, order: what the protocol's page shows, byte for byte where agents look; every setting that
 * has a word for this channel can be said.
 */
#include "channel/flyve/order.h"
#include "channel/flyve/policy.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int find_file(void *user, int64_t id, struct file *ret)
{
	static const struct file files[] = {
		{ .id = 42,
		  .name = "app",
		  .package = "com.example.app",
		  .package_version = "2",
		  .sha256 = "aa",
		  .size = 10,
		  .version = 7 },
		{ .id = 8, .name = "file.ext", .version = 18, .sha256 = "bb", .size = 3 },
	};
	(void)user;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (files[i].id == id) {
			*ret = files[i];
			return 0;
		}
	return ERR_NOT_FOUND;
}

struct said {
	struct arena arena;
	struct flyve_said *items;
	size_t n, n_left_out;
	struct flyve_task tasks[64];
};

/* "name=JSON" pairs, NULL-ended. */
static void say(struct said *s, const char *const *pairs)
{
	CLEANUP(desired_fini) struct desired d = { 0 };
	arena_init(&s->arena);
	desired_init(&d, CHANNEL_FLYVE);
	for (; *pairs; pairs++) {
		const char *eq = strchr(*pairs, '=');
		struct setting row = { .scope = "fleet",
				       .level = "mandatory",
				       .name = arena_strndup(&s->arena, *pairs,
							     (size_t)(eq - *pairs)),
				       .value_json = eq + 1 };
		assert_int_equal(desired_add(&d, &row, 1), 0);
	}
	assert_int_equal(
		flyve_say(&d, find_file, NULL, &s->arena, &s->items, &s->n, &s->n_left_out), 0);
	for (size_t i = 0; i < s->n; i++)
		s->tasks[i] = (struct flyve_task){ .id = (int64_t)i + 12 - FLYVE_TASK_BASE,
						   .setting = s->items[i].setting,
						   .item = s->items[i].item,
						   .entry_json = s->items[i].entry,
						   .removal_json = s->items[i].removal };
}

static void assert_group(const char *group, const char *const *pairs, const char *wanted)
{
	struct said s = { 0 };
	say(&s, pairs);
	assert_string_equal(flyve_group_message(group, s.tasks, s.n, &s.arena), wanted);
	arena_fini(&s.arena);
}
#define PAIRS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void test_groups(void **state)
{
	assert_group("camera", PAIRS(), "{\"camera\":[{\"disableCamera\":\"false\"}]}");
	assert_group("camera", PAIRS("camera.disabled=true"),
		     "{\"camera\":[{\"disableCamera\":\"true\",\"taskId\":\"12\"}]}");
	/* agents of D1 look at the first entry of this one only */
	assert_group("encryption", PAIRS("geolocation.interval_s=60"),
		     "{\"encryption\":[{\"storageEncryption\":\"false\"},"
		     "{\"periodicGeolocation\":\"60\",\"taskId\":\"12\"}]}");
	assert_group("encryption", PAIRS(), "{\"encryption\":[{\"storageEncryption\":\"false\"}]}");
	assert_group("application", PAIRS("apps.deploy=[{\"app\":42}]", "apps.remove=[\"org.x\"]"),
		     "{\"application\":[{\"deployApp\":\"com.example.app\",\"id\":\"42\","
		     "\"version\":\"2\",\"versionCode\":\"2\",\"sha256\":\"aa\",\"size\":\"10\","
		     "\"taskId\":\"12\"},{\"removeApp\":\"org.x\",\"taskId\":\"13\"}]}");
	assert_group("application", PAIRS(), "{\"application\":[]}");
	assert_group("file",
		     PAIRS("files.deploy=[{\"file\":8,\"destination\":\"%SDCARD%/path/to/x.y\"}]",
			   "files.remove=[\"%SDCARD%/old\"]"),
		     "{\"file\":[{\"deployFile\":\"%SDCARD%/path/to/\",\"id\":\"8\","
		     "\"version\":\"18\",\"sha256\":\"bb\",\"size\":\"3\","
		     "\"path\":\"%SDCARD%/path/to/x.y\",\"taskId\":\"12\"},"
		     "{\"removeFile\":\"%SDCARD%/old\",\"taskId\":\"13\"}]}");
	assert_group("file",
		     PAIRS("files.deploy=[{\"file\":8,\"destination\":\"%SDCARD%/path/\"}]"),
		     "{\"file\":[{\"deployFile\":\"%SDCARD%/path/\",\"id\":\"8\","
		     "\"version\":\"18\",\"sha256\":\"bb\",\"size\":\"3\",\"taskId\":\"12\"}]}");
	/* what is deployed and removed at once is removed */
	assert_group("application",
		     PAIRS("apps.deploy=[{\"app\":42}]", "apps.remove=[\"com.example.app\"]"),
		     "{\"application\":[{\"removeApp\":\"com.example.app\",\"taskId\":\"12\"}]}");
	assert_group("file",
		     PAIRS("files.deploy=[{\"file\":8,\"destination\":\"%SDCARD%//a/\"}]",
			   "files.remove=[\"%SDCARD%/a/file.ext\"]"),
		     "{\"file\":[{\"removeFile\":\"%SDCARD%/a/file.ext\",\"taskId\":\"12\"}]}");
	assert_group("launcher", PAIRS("launcher.apps=[\"a.b\"]", "launcher.enabled=true"),
		     "{\"launcher\":{\"code\":\"start\",\"data\":[{\"name\":\"a.b\"}],"
		     "\"taskId\":\"12\"}}");
	assert_group("launcher", PAIRS("launcher.apps=[\"a.b\"]"),
		     "{\"launcher\":{\"code\":\"update\",\"data\":[{\"name\":\"a.b\"}],"
		     "\"taskId\":\"12\"}}");
	assert_group("launcher", PAIRS(), "{\"launcher\":{\"code\":\"unlock\",\"data\":[]}}");
}

static void test_passwords(void **state)
{
	struct said s = { 0 };
	say(&s, PAIRS("password.enabled=\"pin\"", "password.max_failed_for_wipe=6",
		      "password.quality=\"alphabetic\"", "screen.max_time_to_lock_ms=5000"));
	const char *m = flyve_group_message("policies", s.tasks, s.n, &s.arena);
	static const char *const wanted[] = {
		"{\"policies\":[{\"passwordEnabled\":\"PASSWORD_PIN\",\"taskId\":\"12\"},"
		"{\"MaximumFailedPasswordsForWipe\":\"6\",\"taskId\":\"13\"},"
		"{\"passwordQuality\":\"PASSWORD_QUALITY_ALPHABETIC\",\"taskId\":\"14\"},"
		"{\"MaximumTimeToLock\":\"5000\",\"taskId\":\"15\"}",
		"{\"passwordMinLength\":\"0\"}",
		"{\"passwordMinLetters\":\"0\"}",
		"{\"passwordMinLowerCase\":\"0\"}",
		"{\"passwordMinNonLetter\":\"0\"}",
		"{\"passwordMinNumeric\":\"0\"}",
		"{\"passwordMinSymbols\":\"0\"}",
		"{\"passwordMinUpperCase\":\"0\"}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_non_null(strstr(m, wanted[i]));
	assert_null(strstr(m, "resetPassword")); /* its default would ask for a reset to "0" */
	arena_fini(&s.arena);
}

/* What was unset last is undone by agents that look at the first entry only; what D1 never had is undone, too. */
static void test_undone(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	struct flyve_task tasks[] = {
		{ .id = 1, .setting = "password.min_length", .item = "", .neutral = true },
		{ .id = 2, .setting = "password.quality", .item = "", .neutral = true },
		{ .id = 3, .setting = "geolocation.interval_s", .item = "", .neutral = true },
	};
	const char *m = flyve_group_message("policies", tasks, 3, &a);
	static const char begins[] =
		"{\"policies\":[{\"passwordQuality\":\"PASSWORD_QUALITY_UNSPECIFIED\"},"
		"{\"passwordMinLength\":\"0\"},{\"passwordEnabled\":\"PASSWORD_NONE\"},";
	assert_memory_equal(m, begins, sizeof begins - 1);
	assert_null(strstr(strstr(m, "passwordMinLength") + 1, "passwordMinLength"));
	assert_string_equal(flyve_group_message("encryption", tasks, 3, &a),
			    "{\"encryption\":[{\"storageEncryption\":\"false\"},"
			    "{\"periodicGeolocation\":\"0\"}]}");
}

static void assert_task(const struct said *s, size_t i, const char *topic, const char *payload)
{
	struct flyve_message m;
	struct arena *a = (struct arena *)&s->arena;
	assert_true(flyve_task_message("0/fleet/5", &s->tasks[i], a, &m));
	assert_string_equal(m.topic, topic);
	assert_string_equal(m.payload, payload);
}

static void test_d2(void **state)
{
	struct said s = { 0 };
	say(&s, PAIRS("camera.disabled=true", "launcher.enabled=false",
		      "screen.max_time_to_lock_ms=5000"));
	assert_task(&s, 0, "0/fleet/5/Policy/disableCamera/Task/12",
		    "{\"disableCamera\":\"true\",\"taskId\":\"12\"}");
	assert_task(&s, 1, "0/fleet/5/Policy/maximumTimeToLock/Task/13",
		    "{\"taskId\":\"13\",\"maximumTimeToLock\":\"5000\"}");
	assert_task(&s, 2, "0/fleet/5/Policy/launcher/Task/14",
		    "{\"launcher\":{\"code\":\"unlock\",\"data\":[],\"taskId\":\"14\"},"
		    "\"taskId\":\"14\"}");
	struct flyve_task broken = { .setting = "camera.disabled", .entry_json = "{" };
	struct flyve_message m;
	assert_false(flyve_task_message("r", &broken, &s.arena, &m));
	arena_fini(&s.arena);
}

static void test_left_out(void **state)
{
	struct said s = { 0 };
	say(&s,
	    PAIRS("apps.deploy=[{\"app\":99},{\"app\":8},{\"app\":42,\"remove_on_delete\":true}]",
		  "files.deploy=[{\"file\":8,\"destination\":\"%SDCARD%/d/\","
		  "\"remove_on_delete\":true},{\"file\":8,\"destination\":\"\"}]"));
	assert_int_equal(s.n, 2);
	assert_int_equal(s.n_left_out, 3);
	assert_string_equal(s.items[0].removal, "{\"removeApp\":\"com.example.app\"}");
	assert_string_equal(s.items[1].removal, "{\"removeFile\":\"%SDCARD%/d/file.ext\"}");
	arena_fini(&s.arena);
}

/* The catalogue's column is well formed, and every default is one that is documented. */
static void test_catalogue(void **state)
{
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		struct flyve_word p;
		bool known = false;
		if (!t->flyve)
			continue;
		if (!flyve_word_of(t, &p))
			fail_msg("%s: \"%s\"", t->name, t->flyve);
		for (size_t k = 0; k < flyve_group_n(); k++)
			known |= strcmp(flyve_group_at(k), p.group) == 0;
		if (!known)
			fail_msg("%s: no group \"%s\"", t->name, p.group);
		bool list = t->kind == SETTING_LIST || t->kind == SETTING_OBJECTS ||
			    strcmp(p.group, "launcher") == 0;
		if (list != (flyve_default_entry(t, &a) == NULL))
			fail_msg("%s: default", t->name);
	}
	arena_fini(&a);
}

static void test_orders(void **state)
{
	struct command c = { .id = 12, .created_ms = 1476345332999, .params_json = "{}" };
	static const struct {
		const char *type, *suffix, *payload;
		bool retained;
		int qos;
	} cases[] = {
		{ "ping", "Command/Ping", "{\"query\":\"Ping\"}", false, 1 },
		{ "locate", "Command/Geolocate", "{\"query\":\"Geolocate\"}", false, 1 },
		{ "inventory", "Command/Inventory", "{\"query\":\"Inventory\"}", false, 1 },
		{ "lock", "Command/Lock",
		  "{\"lock\":\"now\",\"taskId\":\"12\",\"datetime\":1476345332}", true, 1 },
		{ "unlock", "Command/Lock",
		  "{\"lock\":\"unlock\",\"taskId\":\"12\",\"datetime\":1476345332}", true, 1 },
		{ "wipe", "Command/Wipe",
		  "{\"wipe\":\"now\",\"taskId\":\"12\",\"datetime\":1476345332}", true, 2 },
		{ "unenroll", "Command/Unenroll",
		  "{\"unenroll\":\"now\",\"taskId\":\"12\",\"datetime\":1476345332}", true, 1 },
	};
	struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct flyve_order *o = flyve_order_find(cases[i].type);
		assert_non_null(o);
		assert_string_equal(o->suffix, cases[i].suffix);
		assert_string_equal(flyve_order_payload(o, &c, &a), cases[i].payload);
		assert_int_equal(o->retained, cases[i].retained);
		assert_int_equal(o->qos, cases[i].qos);
	}
	const struct flyve_order *reset = flyve_order_find("reset_password");
	assert_null(flyve_order_payload(reset, &c, &a));
	c.params_json = "{\"password\":\"1234\"}";
	assert_non_null(strstr(flyve_order_payload(reset, &c, &a),
			       "{\"policies\":[{\"resetPassword\":\"1234\"}]"));
	assert_null(flyve_order_find("powerwash"));
	assert_string_equal(flyve_subscribe_payload("/0/fleet/5", &a),
			    "{\"subscribe\":[{\"topic\":\"/0/fleet/5\"}]}");
	assert_string_equal(flyve_subscribe_payload(NULL, &a), "{\"subscribe\":[]}");
	arena_fini(&a);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),    cmocka_unit_test(test_undone),
		cmocka_unit_test(test_passwords), cmocka_unit_test(test_d2),
		cmocka_unit_test(test_left_out),  cmocka_unit_test(test_catalogue),
		cmocka_unit_test(test_orders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
