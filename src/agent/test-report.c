/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: providers that work, fail, crash and hang, each alone; and the merging of results.
 */
#include "agent/job.h"
#include "agent/report.h"
#include "agent/state.h"
#include "base/log.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct state s; /* large */

static int set_up(void **unused)
{
	struct error err;
	snprintf(dir, sizeof dir, "/tmp/test-report-XXXXXX");
	log_setup(-1, LOG_FORMAT_LOGFMT); /* what is provoked here is rightly complained of */
	return mkdtemp(dir) ? state_open(&s, dir, &err) : -1;
}

static int tear_down(void **unused)
{
	char command[128];
	state_close(&s);
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

/* ---- providers ---- */

static void give(json_t *ret, const char *name, int value, const char *state)
{
	json_object_set_new(
		ret, name,
		json_pack("{s:i, s:s, s:s}", "value", value, "state", state, "message", ""));
}

static int good_observe(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	give(ret, "good.a", (int)json_integer_value(json_object_get(env->state, "n")), "observed");
	return 0;
}

static int good_enforce(struct provider_env *env, const json_t *desired, json_t *ret)
{
	const json_t *v = json_object_get(json_object_get(desired, "good.a"), "value");
	json_object_set_new(env->state, "n", json_integer(json_integer_value(v)));
	if (env->save(env))
		return -EIO;
	give(ret, "good.a", (int)json_integer_value(v), "applied");
	return 0;
}

static int good_restore(struct provider_env *env)
{
	json_object_clear(env->state);
	return env->save(env);
}

static int failing(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	give(ret, "failing.a", 1, "observed");
	return -EACCES; /* but failing.b has no result */
}

static int crashing(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	abort();
}

static int hanging(struct provider_env *env, const json_t *wanted, json_t *ret)
{
	while (pause() < 0)
		;
	return 0;
}

static int no_restore(struct provider_env *env)
{
	return -EBUSY;
}

#define PROVIDER(name_, observe_, enforce_, restore_)                                              \
	static const char *const name_##_settings[] = { #name_ ".*", NULL };                       \
	static const struct provider name_ = { #name_, name_##_settings, observe_, enforce_,       \
					       restore_ };
PROVIDER(good, good_observe, good_enforce, good_restore)
PROVIDER(crashing_one, crashing, crashing, no_restore)
PROVIDER(hanging_one, hanging, hanging, no_restore)

static const char *const failing_settings[] = { "failing.a", "failing.b", NULL };
static const struct provider failing_provider = { "failing", failing_settings, failing, failing,
						  no_restore };
static const struct provider *const all[] = { &crashing_one, &hanging_one, &failing_provider, &good,
					      NULL };

static json_t *text(const char *json)
{
	CLEANUP(free_charp) char *copy = strdup(json);
	struct error err;
	json_t *j = NULL;
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	assert_int_equal(json_parse(span_str(copy), &j, &err), 0);
	return j;
}

static json_t *run(enum report_mode mode, const char *settings)
{
	AUTO_JSON desired = text(settings);
	const struct report_job job = { .mode = mode,
					.providers = all,
					.settings = desired,
					.root = "",
					.state_dir = dir,
					.limit_ms = 300 };
	return report_run(&job);
}

static const char *state_of(const json_t *answer, const char *name)
{
	const json_t *settings = json_object_get(answer, "settings");
	return json_string_value(json_object_get(json_object_get(settings, name), "state"));
}

static void test_one_bad_provider_does_not_spoil_the_others(void **unused)
{
	AUTO_JSON answer = run(REPORT_ENFORCE, "{'good.a': {'value': 7}, 'failing.a': {'value': 1},"
					       " 'failing.b': {'value': 1}, 'other': {'value': 1},"
					       " 'crashing_one.x': {'value': 1},"
					       " 'hanging_one.x': {'value': 1}}");
	assert_string_equal(state_of(answer, "good.a"), "applied");
	assert_string_equal(state_of(answer, "failing.a"), "observed");
	assert_string_equal(state_of(answer, "failing.b"), "failed");
	assert_string_equal(state_of(answer, "crashing_one.x"), "failed");
	assert_string_equal(state_of(answer, "hanging_one.x"), "failed");
	assert_string_equal(state_of(answer, "other"), "unsupported");
	assert_int_equal(json_array_size(json_object_get(answer, "failed")), 3);
	AUTO_JSON again = run(REPORT_OBSERVE, "{'good.a': {'value': 7}}");
	const json_t *a = json_object_get(json_object_get(again, "settings"), "good.a");
	assert_int_equal(json_integer_value(json_object_get(a, "value")), 7); /* remembered */
}

static void test_restore(void **unused)
{
	AUTO_JSON answer = run(REPORT_RESTORE, "{'good.a': {'value': 7}, 'other': {'value': 1}}");
	assert_int_equal(json_array_size(json_object_get(answer, "failed")), 3);
	assert_null(state_of(answer, "other"));
}

static void test_provides(void **unused)
{
	static const char *const names[] = { "camera.disabled", "chrome.*", "*", NULL };
	const struct provider p = { .settings = names };
	const struct provider q = { .settings = names + 2 };
	assert_true(report_provides(&p, "camera.disabled"));
	assert_false(report_provides(&p, "camera.disabled2"));
	assert_false(report_provides(&p, "camera"));
	assert_true(report_provides(&p, "chrome.X"));
	assert_false(report_provides(&p, "chrome"));
	assert_false(report_provides(&q, "anything")); /* "*" alone is a name like any other */
}

/* ---- merging ---- */

static void test_merge(void **unused)
{
#define A(value, state)                                                                            \
	"{'a': {'value': " value ", 'state': '" state                                              \
	"', 'message': '', 'at': '1970-01-01T00:00:00.001Z'}}"
	static const struct {
		const char *before, *after, *desired;
		bool enforced, changed, drift;
		int failed;
		const char *state;
		bool kept; /* the entry of before, with its time */
	} cases[] = {
		{ "{}", A("1", "applied"), "{'a': 1}", true, true, false, 0, "applied", false },
		{ A("1", "applied"), A("1", "observed"), "{'a': 1}", false, false, false, 0,
		  "applied", true },
		{ A("1", "applied"), A("2", "observed"), "{'a': 1}", false, true, true, 0,
		  "observed", false },
		{ A("1", "observed"), A("2", "observed"), "{}", false, true, false, 0, "observed",
		  false },
		{ A("2", "observed"), A("1", "applied"), "{'a': 1}", true, true, false, 0,
		  "applied", false },
		{ A("1", "applied"), A("1", "applied"), "{'a': 1}", true, false, false, 0,
		  "applied", true },
		{ A("1", "applied"), A("1", "failed"), "{'a': 1}", true, true, false, 1, "failed",
		  false },
		{ A("1", "failed"), A("1", "observed"), "{'a': 1}", false, false, false, 1,
		  "failed", true },
		{ A("1", "failed"), A("1", "applied"), "{'a': 1}", true, true, false, 0, "applied",
		  false },
		{ "{}", A("null", "pending"), "{'a': 1}", true, true, false, 1, "pending", false },
		{ "{}", A("null", "failed"), "{}", true, true, false, 0, "failed", false },
		{ "{'b': {'value': 1}}", A("1", "applied"), "{}", true, true, false, 0, "applied",
		  false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		AUTO_JSON before = text(cases[i].before);
		AUTO_JSON after = text(cases[i].after);
		AUTO_JSON desired = text(cases[i].desired);
		struct report_change c;
		AUTO_JSON merged =
			report_merge(before, after, desired, cases[i].enforced, 5000, &c);
		const json_t *a = json_object_get(merged, "a");
		assert_int_equal(c.changed, cases[i].changed);
		assert_int_equal(c.drift, cases[i].drift);
		assert_int_equal(c.failed, cases[i].failed);
		assert_string_equal(json_string_value(json_object_get(a, "state")), cases[i].state);
		assert_string_equal(json_string_value(json_object_get(a, "at")),
				    cases[i].kept ? "1970-01-01T00:00:00.001Z"
						  : "1970-01-01T00:00:05.000Z");
	}
	struct report_change c; /* what is not there any more */
	AUTO_JSON before = text(A("1", "applied"));
	AUTO_JSON nothing = json_object();
	AUTO_JSON merged = report_merge(before, nothing, nothing, true, 0, &c);
	assert_true(c.changed);
	assert_int_equal(json_object_size(merged), 0);
}

static void test_a_report_fits_into_a_request(void **unused)
{
	CLEANUP(free_charp) char *large = malloc(300 * 1024);
	AUTO_JSON after = json_object();
	struct report_change c;
	memset(large, 'x', 300 * 1024 - 1);
	large[300 * 1024 - 1] = '\0';
	for (int i = 0; i < 5; i++) {
		char name[16];
		snprintf(name, sizeof name, "s%d", i);
		json_object_set_new(
			after, name,
			json_pack("{s:s, s:s}", "value", i ? large : "small", "state", "applied"));
	}
	AUTO_JSON merged = report_merge(NULL, after, NULL, true, 0, &c);
	CLEANUP(free_charp) char *sent = json_text(merged);
	assert_true(strlen(sent) < ANSWER_BODY_MAX);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(merged, "s0"), "value")),
		"small");
	assert_true(json_is_null(json_object_get(json_object_get(merged, "s1"), "value")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_bad_provider_does_not_spoil_the_others),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_provides),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_a_report_fits_into_a_request),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
