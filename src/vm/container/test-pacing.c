/* SPDX-License-Identifier: Apache-2.0
 *
 * pacing: scripts of what happens when, with what comes of it.
 */
#include "base/macros.h"
#include "vm/container/pacing.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* c: a change, d: the clock is looked at, e: the list was told. */
static const struct step {
	int64_t at_ms;
	char what;
	bool result;
	unsigned count; /* afterwards */
} script[] = {
	{ 0, 'd', false, 0 },     { 1000, 'c', true, 1 },   { 2000, 'c', false, 1 },
	{ 3999, 'd', false, 1 },  { 4000, 'd', true, 1 },   { 4000, 'd', false, 1 },
	{ 4500, 'c', true, 2 },   { 5000, 'c', false, 2 },  { 7500, 'd', false, 2 },
	{ 9000, 'e', false, 1 },  { 10499, 'd', false, 1 }, { 10500, 'd', true, 1 },
	{ 11000, 'e', false, 0 }, { 20000, 'd', false, 0 }, { 20000, 'c', true, 1 },
};

static void test_script(void **state)
{
	struct pacing p = { 0 };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(script); i++) {
		const struct step *s = &script[i];
		bool result = false;
		if (s->what == 'c')
			result = pacing_change(&p, s->at_ms);
		else if (s->what == 'd')
			result = pacing_due(&p, s->at_ms);
		else
			pacing_done(&p);
		assert_int_equal(result, s->result);
		assert_int_equal(pacing_count(&p), s->count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_script) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
