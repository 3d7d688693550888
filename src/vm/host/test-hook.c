/* SPDX-License-Identifier: Apache-2.0
 *
 * hook: configurations good and bad, and that no word of an event becomes more or less than one argument.
 */
#include "base/buf.h"
#include "vm/host/hook.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
	json_t *j = json_loads(text, 0, NULL);
	assert_non_null(j);
	return j;
}

static void test_configuration(void **state)
{
	static const struct row {
		const char *json, *problem; /* NULL: it is good */
	} rows[] = {
		{ "{}", NULL },
		{ "{\"open_url\": [\"firefox\", \"--\", \"{url}\"]}", NULL },
		{ "{\"open_url\": []}", NULL },
		{ "{\"open_url\": [\"x\", \"{vm}-{container}\"]}", NULL },
		{ "{\"open_url\": [\"x\", \"{}{A}{ url}{\"]}", NULL }, /* not words at all */
		{ "[]", "names and lists" },
		{ "{\"open_door\": []}", "“open_door” is no hook" },
		{ "{\"open_url\": \"firefox {url}\"}", "open_url: a list" },
		{ "{\"open_url\": [\"x\", 5]}", "word 2 is not text" },
		{ "{\"open_url\": [\"x\", \"{title}\"]}", "{title} is none of its words" },
		{ "{\"notify\": [\"x\", \"{url}\"]}", "notify: {url}" },
		{ "{\"open_url\": [\"x\", \"{ur}\"]}", "{ur}" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct hooks h;
		struct error err;
		json_t *j = parse(rows[i].json);
		int r = hooks_init(&h, NULL, "/sbin/reeve-host", j, &err);
		if (r != (rows[i].problem ? ERR_INVALID : 0))
			fail_msg("%s: %d", rows[i].json, r);
		if (r && !strstr(err.message, rows[i].problem))
			fail_msg("%s: %s", rows[i].json, err.message);
		hooks_fini(&h);
		json_decref(j);
	}
}

/* The arguments as one text: <a><b>. */
static void show(const struct hooks *h, enum hook hook, const struct hook_event *event,
		 struct buf *out)
{
	char **argv = hook_argv(h, hook, event);
	buf_reset(out);
	for (size_t i = 0; argv && argv[i]; i++)
		buf_addf(out, "<%s>", argv[i]);
	hook_argv_free(argv);
}

static void test_defaults(void **state)
{
	char *params[] = { (char *)(uintptr_t) "vi", (char *)(uintptr_t) "a b; {url}" };
	char *enter[] = { (char *)(uintptr_t) "ssh", (char *)(uintptr_t) "penguin" };
	CLEANUP(buf_fini) struct buf out;
	struct hooks h;
	struct error err;
	buf_init(&out, 4096);
	assert_int_equal(hooks_init(&h, NULL, "/sbin/reeve-host", NULL, &err), 0);

	show(&h, HOOK_OPEN_URL,
	     &(struct hook_event){ .words = { { "url", "http://x/?$(id) {vm}" } } }, &out);
	assert_string_equal(buf_str(&out), "<xdg-open><http://x/?$(id) {vm}>");

	show(&h, HOOK_OPEN_TERMINAL,
	     &(struct hook_event){ .params = { params, 2 }, .enter = { enter, 2 } }, &out);
	assert_string_equal(buf_str(&out),
			    "<x-terminal-emulator><-e><ssh><penguin><vi><a b; {url}>");
	show(&h, HOOK_OPEN_TERMINAL, &(struct hook_event){ .enter = { enter, 1 } }, &out);
	assert_string_equal(buf_str(&out), "<x-terminal-emulator><-e><ssh>");

	show(&h, HOOK_NOTIFY,
	     &(struct hook_event){ .words = { { "title", "-x" }, { "text", "" } } }, &out);
	assert_string_equal(buf_str(&out), "<notify-send><--app-name=Reeve><--><-x><>");
	assert_false(hook_has(&h, HOOK_METRICS));
	show(&h, HOOK_METRICS, &(struct hook_event){ .vm = "a" }, &out);
	assert_string_equal(buf_str(&out), "");
	hooks_fini(&h);
}

static void test_words(void **state)
{
	json_t *j = parse("{\"open_url\": [\"x\", \"{vm}/{container}={url}{url}\", \"{no}{\"],"
			  " \"open_terminal\": [\"t\", \"-e {params}\", \"{params}\", \"end\"]}");
	char *params[] = { (char *)(uintptr_t) "", (char *)(uintptr_t) "{vm}" };
	CLEANUP(buf_fini) struct buf out;
	struct hooks h;
	struct error err;
	buf_init(&out, 4096);
	assert_int_equal(hooks_init(&h, NULL, "/sbin/reeve-host", j, &err), ERR_INVALID); /* {no} */
	hooks_fini(&h);
	json_array_set_new(json_object_get(j, "open_url"), 2, json_string("{"));
	assert_int_equal(hooks_init(&h, NULL, "/sbin/reeve-host", j, &err), 0);
	json_decref(j);
	show(&h, HOOK_OPEN_URL,
	     &(struct hook_event){ .vm = "a", .container = "b", .words = { { "url", "{vm}" } } },
	     &out);
	assert_string_equal(buf_str(&out), "<x><a/b={vm}{vm}><{>");
	show(&h, HOOK_OPEN_URL, &(struct hook_event){ .words = { { "url", "u" } } }, &out);
	assert_string_equal(buf_str(&out), "<x></=uu><{>"); /* a machine's own: no container */
	show(&h, HOOK_OPEN_TERMINAL, &(struct hook_event){ .params = { params, 2 } }, &out);
	assert_string_equal(buf_str(&out), "<t><-e {params}><><{vm}><end>");
	hooks_fini(&h);
}

static void test_too_long(void **state)
{
	size_t n = 200000;
	char *url = calloc(n + 1, 1);
	struct hooks h;
	struct error err;
	assert_non_null(url);
	memset(url, 'u', n);
	assert_int_equal(hooks_init(&h, NULL, "/sbin/reeve-host", NULL, &err), 0);
	assert_null(
		hook_argv(&h, HOOK_OPEN_URL, &(struct hook_event){ .words = { { "url", url } } }));
	hooks_fini(&h);
	free(url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
