/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger: no command runs twice, over restarts at every step; bounds; damaged documents.
 */
#include "agent/ledger.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct ledger l; /* large */

static int set_up(void **state)
{
	ledger_init(&l);
	return 0;
}

static int tear_down(void **state)
{
	ledger_fini(&l);
	return 0;
}

/* What is on disk comes back as it was. */
static void restart(const char *boot_id)
{
	AUTO_JSON j = ledger_to_json(&l);
	ledger_fini(&l);
	assert_int_equal(ledger_from_json(&l, j), 0);
	AUTO_JSON again = ledger_to_json(&l);
	assert_true(json_equal(j, again));
	ledger_recover(&l, boot_id);
}

static void assert_counts(unsigned open, unsigned results)
{
	struct ledger_counts c = ledger_count(&l);
	assert_int_equal(c.open, open);
	assert_int_equal(c.results, results);
}

static void test_a_life(void **state)
{
	AUTO_JSON params = json_pack("{s:s}", "a", "b");
	assert_true(ledger_take(&l, 5, "ping", params, 77));
	assert_false(ledger_take(&l, 5, "ping", params, 77)); /* handed out again */
	assert_counts(1, 1);
	assert_null(ledger_to_run(&l)); /* not before the server knows */
	assert_int_equal(ledger_to_deliver(&l)->id, 5);
	ledger_delivered(&l, 5, true);
	assert_null(ledger_to_deliver(&l));
	struct ledger_entry *e = ledger_to_run(&l);
	assert_int_equal(e->expires_ms, 77);
	assert_true(json_equal(e->params, params));
	ledger_start(e, "b1");
	assert_null(ledger_to_run(&l)); /* one at a time */
	assert_false(ledger_take(&l, 5, "ping", params, 77));
	ledger_finish(e, true, "", json_pack("{s:i}", "x", 1));
	assert_counts(0, 1);
	restart("b1");
	assert_int_equal(json_integer_value(json_object_get(ledger_to_deliver(&l)->result, "x")),
			 1);
	ledger_delivered(&l, 5, true);
	assert_counts(0, 0);
	assert_int_equal(l.n, 0);
}

static void test_run_before(void **state)
{
	assert_true(ledger_take(&l, 5, "ping", NULL, 0));
	ledger_delivered(&l, 5, true);
	ledger_finish(ledger_to_run(&l), true, "", NULL);
	ledger_delivered(&l, 5, true);
	restart("b1");
	assert_true(ledger_take(&l, 5, "ping", NULL, 0)); /* the server has forgotten the result */
	assert_null(ledger_to_run(&l));
	assert_false(ledger_to_deliver(&l)->done);
	assert_non_null(strstr(ledger_to_deliver(&l)->message, "not run twice"));
}

static void test_cancelled_before_it_ran(void **state)
{
	assert_true(ledger_take(&l, 5, "wipe", NULL, 0));
	ledger_delivered(&l, 5, false);
	assert_null(ledger_to_run(&l));
	assert_int_equal(l.n, 0);
	ledger_delivered(&l, 5, true); /* of nothing */
}

static void test_restart_at_each_state(void **state)
{
	static const struct {
		const char *type;
		int steps; /* 0 taken, 1 acknowledged, 2 started, 3 finished */
		const char *boot;
		enum ledger_state after;
		bool done;
	} cases[] = {
		{ "ping", 0, "b1", LEDGER_TAKEN, false },
		{ "ping", 1, "b1", LEDGER_ACKNOWLEDGED, false },
		{ "ping", 2, "b1", LEDGER_FINISHED, false },
		{ "ping", 2, "b2", LEDGER_FINISHED, false },
		{ "ping", 3, "b2", LEDGER_FINISHED, true },
		{ "reboot", 0, "b2", LEDGER_TAKEN, false },
		{ "reboot", 1, "b2", LEDGER_ACKNOWLEDGED, false }, /* some other reboot */
		{ "reboot", 2, "b1", LEDGER_FINISHED, false },
		{ "reboot", 2, "b2", LEDGER_FINISHED, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ledger_fini(&l);
		assert_true(ledger_take(&l, 9, cases[i].type, NULL, 0));
		if (cases[i].steps > 0)
			ledger_delivered(&l, 9, true);
		if (cases[i].steps > 1)
			ledger_start(ledger_to_run(&l), "b1");
		if (cases[i].steps > 2)
			ledger_finish(ledger_find(&l, 9), true, "", NULL);
		restart(cases[i].boot);
		assert_int_equal(ledger_find(&l, 9)->state, cases[i].after);
		assert_int_equal(ledger_find(&l, 9)->done, cases[i].done);
	}
}

static void test_a_reboot_does_not_keep_once_waiting(void **state)
{
	assert_true(ledger_take(&l, 1, "reboot", NULL, 0));
	ledger_delivered(&l, 1, true);
	ledger_start(ledger_to_run(&l), "b1");
	assert_counts(0, 0);
	assert_true(ledger_take(&l, 2, "ping", NULL, 0));
	ledger_delivered(&l, 2, true);
	assert_null(ledger_to_run(&l)); /* nothing begins any more */
}

static void test_bounds(void **state)
{
	for (int i = 1; i <= LEDGER_MAX; i++)
		assert_true(ledger_take(&l, i, "ping", NULL, 0));
	assert_false(ledger_count(&l).room);
	assert_false(ledger_take(&l, 1000, "ping", NULL, 0));
	for (int i = 1; i <= 1000; i++) { /* ids are remembered, the newest of them */
		ledger_delivered(&l, i, false);
		(void)ledger_take(&l, i + LEDGER_MAX, "ping", NULL, 0);
	}
	assert_int_equal(l.n_run, LEDGER_REMEMBERED);
	assert_int_equal(l.run[LEDGER_REMEMBERED - 1], 1000);
}

static void test_results_are_bounded(void **state)
{
	CLEANUP(free_charp) char *text = malloc(LEDGER_RESULT_MAX + 1);
	memset(text, 'x', LEDGER_RESULT_MAX);
	text[LEDGER_RESULT_MAX] = '\0';
	assert_true(ledger_take(&l, 1, "inventory", NULL, 0));
	ledger_delivered(&l, 1, true);
	ledger_finish(ledger_to_run(&l), true, "", json_string(text));
	assert_null(ledger_find(&l, 1)->result);
	assert_non_null(strstr(ledger_find(&l, 1)->message, "too large"));
	ledger_finish(ledger_find(&l, 1), false, "bad \xff\n end", NULL);
	assert_string_equal(ledger_find(&l, 1)->message, "bad \xef\xbf\xbd  end");
	restart("b1");
}

static void test_documents_with_nonsense(void **state)
{
	static const struct {
		const char *text;
		size_t left_out, n;
	} cases[] = {
		{ "{}", 0, 0 },
		{ "{'commands': 7, 'run': {}}", 0, 0 },
		{ "{'commands': [7, null, {}], 'run': ['x', 1, 1]}", 3, 0 },
		{ "{'commands': [{'id': 1, 'type': 'x', 'state': 'odd'}]}", 1, 0 },
		{ "{'commands': [{'id': 1, 'type': 'x', 'state': 'taken', 'params': []}]}", 1, 0 },
		{ "{'commands': [{'id': 1, 'type': 'x', 'state': 'taken'},"
		  " {'id': 1, 'type': 'x', 'state': 'started'}]}",
		  1, 1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(free_charp) char *text = strdup(cases[i].text);
		AUTO_JSON j = NULL;
		struct error err;
		for (char *p = text; *p; p++)
			if (*p == '\'')
				*p = '"';
		assert_int_equal(json_parse(span_str(text), &j, &err), 0);
		ledger_fini(&l);
		assert_int_equal(ledger_from_json(&l, j), cases[i].left_out);
		assert_int_equal(l.n, cases[i].n);
		ledger_recover(&l, "b");
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_a_life),
		TEST(test_run_before),
		TEST(test_cancelled_before_it_ran),
		TEST(test_restart_at_each_state),
		TEST(test_a_reboot_does_not_keep_once_waiting),
		TEST(test_bounds),
		TEST(test_results_are_bounded),
		TEST(test_documents_with_nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
