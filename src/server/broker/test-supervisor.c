/* SPDX-License-Identifier: Apache-2.0
 *
 * The supervisor by script, with a clock of its own: "at event -> action state".
 */
#include "server/broker/supervisor.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t lowest(uint64_t bound) /* no jitter: waits are 100, 200, 400 … */
{
	(void)bound;
	return 0;
}

struct step {
	int64_t at_ms;
	enum supervisor_event event;
	enum supervisor_action action;
	enum supervisor_state state;
};

#define STEPS_MAX 16
#define S(name)   SUPERVISOR_##name

static const struct script {
	const char *name;
	struct step steps[STEPS_MAX];
} scripts[] = {
	{ "serves and is stopped",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 50, S(TICK), S(NONE), S(STARTING) },
	    { 60, S(READY), S(NONE), S(SERVING) },
	    { 999999, S(TICK), S(NONE), S(SERVING) },
	    { 1000000, S(STOP), S(TERMINATE), S(STOPPING) },
	    { 1000001, S(STOP), S(NONE), S(STOPPING) },
	    { 1000100, S(EXITED), S(NONE), S(ENDED) },
	    { 9999999, S(TICK), S(NONE), S(ENDED) } } },
	{ "does not stop by itself",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 60, S(READY), S(NONE), S(SERVING) },
	    { 100, S(STOP), S(TERMINATE), S(STOPPING) },
	    { 10099, S(TICK), S(NONE), S(STOPPING) },
	    { 10100, S(TICK), S(KILL), S(STOPPING) },
	    { 10200, S(TICK), S(NONE), S(STOPPING) },
	    { 10300, S(EXITED), S(NONE), S(ENDED) } } },
	{ "killed while it serves: back soon, then later and later",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 10, S(READY), S(NONE), S(SERVING) },
	    { 1000, S(EXITED), S(NONE), S(WAITING) },
	    { 1099, S(TICK), S(NONE), S(WAITING) },
	    { 1100, S(TICK), S(SPAWN), S(STARTING) },
	    { 1110, S(READY), S(NONE), S(SERVING) },
	    { 2000, S(EXITED), S(NONE), S(WAITING) },
	    { 2199, S(TICK), S(NONE), S(WAITING) },
	    { 2200, S(TICK), S(SPAWN), S(STARTING) },
	    { 2210, S(READY), S(NONE), S(SERVING) },
	    { 62210, S(EXITED), S(NONE), S(WAITING) }, /* a minute is a success */
	    { 62309, S(TICK), S(NONE), S(WAITING) },
	    { 62310, S(TICK), S(SPAWN), S(STARTING) } } },
	{ "never becomes ready",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 20000, S(PROGRESS), S(NONE), S(STARTING) },
	    { 30000, S(TICK), S(NONE), S(STARTING) },
	    { 50000, S(TICK), S(KILL), S(ENDING) },
	    { 50001, S(READY), S(NONE), S(ENDING) }, /* too late */
	    { 99999, S(TICK), S(NONE), S(ENDING) },
	    { 100000, S(EXITED), S(NONE), S(WAITING) },
	    { 100100, S(TICK), S(SPAWN), S(STARTING) } } },
	{ "of no use, and does not end by itself",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 60, S(READY), S(NONE), S(SERVING) },
	    { 100, S(BROKEN), S(TERMINATE), S(ENDING) },
	    { 101, S(BROKEN), S(NONE), S(ENDING) },
	    { 10100, S(TICK), S(KILL), S(ENDING) },
	    { 20200, S(TICK), S(NONE), S(ENDING) },
	    { 20300, S(EXITED), S(NONE), S(WAITING) },
	    { 20301, S(BROKEN), S(NONE), S(WAITING) } } },
	{ "stopped while it starts",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 1, S(STOP), S(TERMINATE), S(STOPPING) },
	    { 2, S(READY), S(NONE), S(STOPPING) },
	    { 3, S(EXITED), S(NONE), S(ENDED) } } },
	{ "stopped while it waits",
	  { { 0, S(TICK), S(SPAWN), S(STARTING) },
	    { 1, S(EXITED), S(NONE), S(WAITING) },
	    { 2, S(STOP), S(NONE), S(ENDED) },
	    { 9999, S(TICK), S(NONE), S(ENDED) } } },
	{ "stopped before it was started", { { 0, S(STOP), S(NONE), S(ENDED) } } },
};

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct supervisor s;
		supervisor_init(&s, 0, lowest);
		for (size_t k = 0; k < STEPS_MAX; k++) {
			const struct step *x = &scripts[i].steps[k];
			if (k > 0 && x->at_ms == 0)
				break;
			enum supervisor_action a = supervisor_step(&s, x->event, x->at_ms);
			if (a != x->action || s.state != x->state)
				fail_msg("%s, step %zu: action %d, state %d", scripts[i].name, k, a,
					 s.state);
		}
	}
}

static void test_counts(void **state)
{
	struct supervisor s;
	int64_t now = 0;
	(void)state;
	supervisor_init(&s, now, lowest);
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(supervisor_step(&s, SUPERVISOR_TICK, now), SUPERVISOR_SPAWN);
		(void)supervisor_step(&s, SUPERVISOR_EXITED, now);
		assert_int_equal(s.n_bad, i);
		assert_int_equal(s.n_starts, i);
		assert_in_range(s.due_ms - now, 100, 30000);
		now = s.due_ms;
	}
	(void)supervisor_step(&s, SUPERVISOR_TICK, now);
	(void)supervisor_step(&s, SUPERVISOR_READY, now);
	(void)supervisor_step(&s, SUPERVISOR_EXITED, now);
	assert_int_equal(s.n_bad, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scripts),
					    cmocka_unit_test(test_counts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
