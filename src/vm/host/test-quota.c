/* SPDX-License-Identifier: Apache-2.0
 *
 * quota: the fixed window by a clock of the test's, and metrics.
 */
#include "vm/host/quota.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_window(void **state)
{
	struct window w;
	(void)state;
	window_init(&w, OPEN_WINDOW_MS, OPEN_MAX, 1000);
	for (int i = 0; i < OPEN_MAX; i++)
		assert_true(window_take(&w, 1000 + i));
	assert_false(window_take(&w, 2000));
	assert_false(window_take(
		&w, 1000 + OPEN_WINDOW_MS)); /* not more than its length: still the same */
	assert_true(window_take(&w, 1001 + OPEN_WINDOW_MS));
	for (int i = 1; i < OPEN_MAX; i++)
		assert_true(
			window_take(&w, 1001 + 2 * OPEN_WINDOW_MS)); /* it began with that call */
	assert_false(window_take(&w, 1001 + 2 * OPEN_WINDOW_MS));
	assert_true(window_take(&w, 1002 + 2 * OPEN_WINDOW_MS));
}

static void test_refused_calls_never_open_it(void **state)
{
	struct window w;
	(void)state;
	window_init(&w, 10, 1, 0);
	assert_true(window_take(&w, 0));
	for (int i = 0; i < 100000; i++)
		assert_false(window_take(&w, 10));
	assert_true(window_take(&w, 11));
}

static void test_metrics(void **state)
{
	static const struct {
		const char *name;
		bool ok;
	} names[] = {
		{ "a", true },
		{ "A.b-9", true },
		{ "", false },
		{ "a b", false },
		{ "a_b", false },
		{ "a\n", false },
		{ "ä", false },
		{ "0123456789012345678901234567890123456789012345678901234567890123", true },
		{ "01234567890123456789012345678901234567890123456789012345678901234", false },
	};
	VmTools__Container__ReportMetricsRequest__Metric m =
		VM_TOOLS__CONTAINER__REPORT_METRICS_REQUEST__METRIC__INIT;
	VmTools__Container__ReportMetricsRequest__Metric *list[METRICS_MAX + 1];
	VmTools__Container__ReportMetricsRequest r =
		VM_TOOLS__CONTAINER__REPORT_METRICS_REQUEST__INIT;
	(void)state;
	for (size_t i = 0; i < METRICS_MAX + 1; i++)
		list[i] = &m;
	r.metric = list;
	assert_true(metrics_ok(&r));
	r.n_metric = 1;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		m.name = (char *)(uintptr_t)names[i].name;
		assert_int_equal(metrics_ok(&r), names[i].ok);
	}
	m.name = (char *)(uintptr_t) "a";
	r.n_metric = METRICS_MAX;
	assert_true(metrics_ok(&r));
	r.n_metric = METRICS_MAX + 1;
	assert_false(metrics_ok(&r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window),
		cmocka_unit_test(test_refused_calls_never_open_it),
		cmocka_unit_test(test_metrics),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
