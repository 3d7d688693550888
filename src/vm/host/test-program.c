/* SPDX-License-Identifier: Apache-2.0
 *
 * program: real programs, each of them harmless: how they end, what they print, time limits, cancelling.
 */
#include "vm/host/program.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct loop *loop;
	struct programs all;
	int n_done, n_wanted;
	struct program_end last;
	char output[64];
	size_t n_output;
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .n_wanted = 1 };
	assert_int_equal(loop_new(&f.loop), 0);
	f.all.loop = f.loop;
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	programs_end(&f->all);
	assert_int_equal(f->all.n, 0);
	loop_free(f->loop);
	return 0;
}

static void done(const struct program_end *end, void *user)
{
	struct fixture *f = user;
	f->last = *end;
	f->n_output = end->output.n;
	snprintf(f->output, sizeof f->output, "%.*s", (int)end->output.n,
		 end->output.p ? (const char *)end->output.p : "");
	if (++f->n_done == f->n_wanted)
		loop_quit(f->loop);
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

static int start(struct fixture *f, const char *script, int64_t timeout_ms, struct program **ret)
{
	char *argv[] = { word("sh"), word("-c"), word(script), NULL };
	char *env[] = { word("REEVE_VM=a"), NULL };
	struct error err;
	return program_start(&f->all, argv, env, timeout_ms, done, f, ret, &err);
}

static void test_ends(void **state)
{
	static const struct row {
		const char *script;
		int status;
		const char *output;
	} rows[] = {
		{ "exit 0", 0, "" },
		{ "exit 3", 3, "" },
		{ "kill -9 $$", 128 + SIGKILL, "" },
		{ "echo hello; echo $REEVE_VM", 0, "hello\na\n" },
		{ "cat", 0, "" }, /* there is no input */
		{ "trap '' TERM; kill -TERM $$; exit 2", 2,
		  "" },                                 /* handlers are ours to begin with */
		{ "kill -PIPE $$", 128 + SIGPIPE, "" }, /* not ignored any more */
		{ "exec >&-; exit 4", 4, "" },
		{ "sleep 5 2>/dev/null & exit 5", 5,
		  "" }, /* what it leaves behind is not waited for */
	};
	struct fixture *f = *state;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		f->n_done = 0;
		assert_int_equal(start(f, rows[i].script, 60000, NULL), 0);
		assert_int_equal(f->n_done, 0); /* never before it returns */
		assert_int_equal(loop_run(f->loop), 0);
		assert_int_equal(f->last.status, rows[i].status);
		assert_false(f->last.timed_out);
		assert_string_equal(f->output, rows[i].output);
		assert_int_equal(f->all.n, 0);
	}
}

static void test_too_chatty(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(start(f, "head -c 1000000 /dev/zero", 60000, NULL), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->last.status, 0);
	assert_int_equal(f->n_output, PROGRAM_OUTPUT_MAX);
}

static void test_limit(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(start(f, "sleep 1000; exit 0", 50, NULL), 0);
	assert_int_equal(loop_run(f->loop), 0);
	assert_true(f->last.timed_out);
	assert_int_equal(f->last.status, 128 + SIGKILL);
}

static void test_no_such_program(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { word("/nonexistent/program"), NULL };
	struct error err;
	assert_int_equal(program_start(&f->all, argv, NULL, 0, done, f, NULL, &err),
			 ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "/nonexistent/program"));
	assert_int_equal(f->all.n, 0);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct program *p;
	assert_int_equal(start(f, "sleep 1000", 0, &p), 0);
	program_cancel(p);
	assert_int_equal(f->all.n, 0);
	assert_int_equal(start(f, "exit 0", 0, NULL), 0); /* what runs is only this one */
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->n_done, 1);
}

static void test_the_end(void **state)
{
	struct fixture *f = *state;
	struct program *unlimited;
	assert_int_equal(start(f, "exec sleep 1000", 60000, NULL), 0);
	assert_int_equal(start(f, "exec sleep 5 2>/dev/null", 0, &unlimited), 0);
	(void)unlimited;
	programs_end(&f->all);
	assert_int_equal(f->n_done, 1); /* of the one with a limit; the other one is left alone */
	assert_int_equal(f->last.status, 128 + SIGKILL);
	assert_int_equal(f->all.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_chatty, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_such_program, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_end, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
