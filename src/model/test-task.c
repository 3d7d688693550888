/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of a task: every pair of states.
 */
#include "model/task.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N_STATES (TASK_CANCELLED + 1)

static void test_words(void **state)
{
	enum task_state s;
	for (size_t i = 0; i < N_STATES; i++) {
		assert_true(task_state_parse(task_state_name((enum task_state)i), &s));
		assert_int_equal(s, i);
	}
	assert_false(task_state_parse("finished", &s));
	assert_false(task_state_parse("", &s));
	assert_false(task_state_parse(NULL, &s));
}

/* Every pair of states: rows are where it is, columns where it shall go. */
static void test_moves(void **state)
{
	static const char *const may[N_STATES] = {
		/* pending received running done failed cancelled */
		[TASK_PENDING] = "yyyyyy", [TASK_RECEIVED] = "yyyyyy", [TASK_RUNNING] = "ynyyyy",
		[TASK_DONE] = "ynnyyy",    [TASK_FAILED] = "yyyyyy",   [TASK_CANCELLED] = "yyyyyy",
	};
	for (size_t from = 0; from < N_STATES; from++)
		for (size_t to = 0; to < N_STATES; to++) {
			struct task t = { .state = task_state_name((enum task_state)from),
					  .changed_ms = 1 };
			struct error err = { 0 };
			int r = task_move(&t, (enum task_state)to, 5, "m", 9, &err);
			if (may[from][to] == 'y') {
				assert_int_equal(r, 0);
				assert_string_equal(t.state, task_state_name((enum task_state)to));
				assert_int_equal(t.changed_ms, 9);
				assert_string_equal(t.message, "m");
				continue;
			}
			assert_int_equal(r, ERR_CONFLICT);
			assert_non_null(
				strstr(err.message, task_state_name((enum task_state)from)));
			assert_non_null(strstr(err.message, task_state_name((enum task_state)to)));
			assert_int_equal(t.changed_ms, 1);
		}
}

static void test_progress(void **state)
{
	static const struct {
		enum task_state next;
		int64_t progress, then;
		int r;
	} cases[] = {
		{ TASK_RUNNING, 0, 0, 0 },
		{ TASK_RUNNING, 100, 100, 0 },
		{ TASK_RUNNING, 101, 7, ERR_INVALID },
		{ TASK_RUNNING, -1, 7, ERR_INVALID },
		{ TASK_DONE, 0, 100, 0 },
		{ TASK_FAILED, 40, 40, 0 },
		{ TASK_PENDING, 40, 0, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct task t = { .state = "running", .progress = 7 };
		assert_int_equal(task_move(&t, cases[i].next, cases[i].progress, NULL, 0, NULL),
				 cases[i].r);
		assert_int_equal(t.progress, cases[i].then);
	}
}

static void test_new_and_broken(void **state)
{
	struct task t = { 0 };
	assert_int_equal(task_move(&t, TASK_RECEIVED, 0, NULL, 3, NULL), 0);
	assert_string_equal(t.state, "received");
	assert_string_equal(t.message, "");
	t = (struct task){ .state = "" };
	assert_int_equal(task_move(&t, TASK_DONE, 0, NULL, 3, NULL), 0);
	t = (struct task){ .state = "nonsense" };
	assert_int_equal(task_move(&t, TASK_DONE, 0, NULL, 3, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_moves),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_new_and_broken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
