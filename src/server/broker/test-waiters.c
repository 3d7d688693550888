/* SPDX-License-Identifier: Apache-2.0
 *
 * Who is answered when, and with what.
 */
#include "server/broker/waiters.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1000

struct fixture {
	struct waiters w;
	char said[64]; /* what was answered: a letter for each, capital when it is in force */
};

struct one {
	struct fixture *f;
	char letter;
};

static void say(void *user, bool in_force)
{
	struct one *x = user;
	size_t n = strlen(x->f->said);
	x->f->said[n] = (char)(in_force ? x->letter - 'a' + 'A' : x->letter);
}

static void check(struct fixture *f, const char *want)
{
	assert_string_equal(f->said, want);
	memset(f->said, 0, sizeof f->said);
}

static void test_a_turn_between(void **state)
{
	struct fixture f = { 0 };
	struct one a = { &f, 'a' }, b = { &f, 'b' };
	waiters_init(&f.w);
	assert_true(waiters_add(&f.w, say, &a, NOW));
	assert_false(waiters_sent(&f.w, 1)); /* its commit may not have been read */
	assert_int_equal(waiters_answer(&f.w, 1, NOW), NOW + WAITERS_PATIENCE_MS);
	waiters_begin_turn(&f.w);
	assert_true(waiters_add(&f.w, say, &b, NOW + 5));
	assert_true(waiters_sent(&f.w, 2));
	assert_false(waiters_sent(&f.w, 3)); /* once is enough */
	assert_int_equal(waiters_answer(&f.w, 1, NOW), NOW + WAITERS_PATIENCE_MS);
	check(&f, "");
	assert_int_equal(waiters_answer(&f.w, 2, NOW), NOW + 5 + WAITERS_PATIENCE_MS);
	check(&f, "A");
	waiters_begin_turn(&f.w);
	assert_true(waiters_sent(&f.w, 4));
	assert_int_equal(waiters_answer(&f.w, 7, NOW), INT64_MAX); /* a later SYNC covers it */
	check(&f, "B");
	waiters_fini(&f.w);
	check(&f, "");
}

static void test_patience(void **state)
{
	struct fixture f = { 0 };
	struct one a = { &f, 'a' }, b = { &f, 'b' };
	waiters_init(&f.w);
	assert_true(waiters_add(&f.w, say, &a, NOW));
	waiters_begin_turn(&f.w);
	assert_true(waiters_sent(&f.w, 1));
	assert_true(waiters_add(&f.w, say, &b, NOW + 1));
	assert_int_equal(waiters_answer(&f.w, 0, NOW + WAITERS_PATIENCE_MS - 1),
			 NOW + WAITERS_PATIENCE_MS);
	check(&f, "");
	assert_int_equal(waiters_answer(&f.w, 0, NOW + WAITERS_PATIENCE_MS),
			 NOW + 1 + WAITERS_PATIENCE_MS);
	check(&f, "a");
	waiters_fini(&f.w);
	check(&f, "b");
}

/* The broker died: what was sent is not in force at the next one. */
static void test_forget(void **state)
{
	struct fixture f = { 0 };
	struct one a = { &f, 'a' };
	waiters_init(&f.w);
	assert_true(waiters_add(&f.w, say, &a, NOW));
	waiters_begin_turn(&f.w);
	assert_true(waiters_sent(&f.w, 1));
	waiters_forget(&f.w);
	(void)waiters_answer(&f.w, 1, NOW);
	check(&f, "");
	waiters_begin_turn(&f.w);
	assert_true(waiters_sent(&f.w, 2));
	(void)waiters_answer(&f.w, 2, NOW);
	check(&f, "A");
	waiters_fini(&f.w);
}

static void test_closed(void **state)
{
	struct fixture f = { 0 };
	struct one a = { &f, 'a' }, b = { &f, 'b' };
	waiters_init(&f.w);
	assert_true(waiters_add(&f.w, say, &a, NOW));
	waiters_close(&f.w);
	check(&f, "a");
	assert_false(waiters_add(&f.w, say, &b, NOW));
	waiters_fini(&f.w);
	check(&f, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_turn_between),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_forget),
		cmocka_unit_test(test_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
