/* SPDX-License-Identifier: Apache-2.0
 *
 * program: real programs, each of them harmless: how they end, what they read and print, in what environment, time limits,
 * cancelling.
 */
#include "base/buf.h"
#include "vm/program/program.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct loop *loop;
	struct programs all;
	int n_done, n_wanted;
	struct program_end last;
	struct buf output; /* kept, or as it came */
};

static int set_up(void **state)
{
	static struct fixture f;
	f = (struct fixture){ .n_wanted = 1 };
	assert_int_equal(loop_new(&f.loop), 0);
	f.all.loop = f.loop;
	buf_init(&f.output, 2 * PROGRAM_OUTPUT_MAX);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	programs_end(&f->all);
	assert_int_equal(f->all.n, 0);
	buf_fini(&f->output);
	loop_free(f->loop);
	return 0;
}

static void done(void *user, const struct program_end *end)
{
	struct fixture *f = user;
	f->last = *end;
	buf_add(&f->output, end->output.p, end->output.n);
	if (++f->n_done == f->n_wanted)
		loop_quit(f->loop);
}

static char *word(const char *text)
{
	return (char *)(uintptr_t)text;
}

/* With the shell's script as its program, and our done(). */
static int start(struct fixture *f, const char *script, struct program_spec spec,
		 struct program **ret)
{
	char *argv[] = { word("sh"), word("-c"), word(script), NULL };
	struct error err;
	spec.argv = argv;
	spec.done = done;
	spec.user = f;
	return program_start(&f->all, &spec, ret, &err);
}

/* … to its end. */
static void run(struct fixture *f, const char *script, struct program_spec spec)
{
	f->n_done = 0;
	buf_reset(&f->output);
	assert_int_equal(start(f, script, spec, NULL), 0);
	assert_int_equal(f->n_done, 0); /* never before it returns */
	assert_int_equal(loop_run(f->loop), 0);
	assert_int_equal(f->all.n, 0);
}

static const struct program_spec kept = { .keep = true, .timeout_ms = 60000 };

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
		{ "echo hello; echo error >&2", 0, "hello\n" },
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
		run(f, rows[i].script, kept);
		assert_int_equal(f->last.status, rows[i].status);
		assert_false(f->last.timed_out);
		assert_string_equal(buf_str(&f->output), rows[i].output);
	}
}

static void on_output(void *user, struct span bytes)
{
	struct fixture *f = user;
	buf_add(&f->output, bytes.p, bytes.n);
}

static void test_where_output_goes(void **state)
{
	static const struct {
		const char *script, *output;
		bool errors, as_it_comes, keep;
	} rows[] = {
		{ "echo a; echo b >&2", "a\nb\n", .errors = true, .keep = true },
		{ "echo a; echo b >&2", "a\nb\n", .errors = true, .as_it_comes = true },
		{ "echo a; echo b >&2", "", .errors = true },
		/* No pipe that would break when we end. */
		{ "[ /proc/self/fd/1 -ef /dev/null ] && [ /proc/self/fd/2 -ef /dev/null ]", "",
		  .errors = true },
	};
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(f, rows[i].script,
		    (struct program_spec){ .keep = rows[i].keep,
					   .errors = rows[i].errors,
					   .output = rows[i].as_it_comes ? on_output : NULL });
		assert_int_equal(f->last.status, 0);
		assert_string_equal(buf_str(&f->output), rows[i].output);
	}
}

static void test_too_chatty(void **state)
{
	struct fixture *f = *state;
	run(f, "head -c 1000000 /dev/zero", kept);
	assert_int_equal(f->last.status, 0);
	assert_int_equal(f->output.n, PROGRAM_OUTPUT_MAX);
}

static void test_limit(void **state)
{
	static const char *const scripts[] = { "sleep 1000; exit 0", "yes", "exec yes" };
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		run(f, scripts[i], (struct program_spec){ .keep = true, .timeout_ms = 50 });
		assert_true(f->last.timed_out);
		assert_int_equal(f->last.status, 128 + SIGKILL);
	}
}

/* What goes on writing when the program itself has ended does not hold us. */
static void test_leaves_a_chatterbox(void **state)
{
	struct fixture *f = *state;
	run(f, "yes & echo $!", kept);
	assert_int_equal(f->last.status, 0);
	kill((pid_t)strtol(buf_str(&f->output), NULL, 10), SIGKILL);
}

static void test_environment(void **state)
{
	char *env[] = { word("TEST_ONE=1"), word("TEST_ONE_MORE=2"), NULL };
	struct program_spec spec = kept;
	struct fixture *f = *state;
	spec.env = env;
	setenv("TEST_ONE", "old", 1);
	setenv("TEST_TWO", "kept", 1);
	/* A shell would keep only one of two with the same name. */
	run(f, "tr '\\0' '\\n' < /proc/$$/environ | grep ^TEST_ | sort", spec);
	assert_string_equal(buf_str(&f->output), "TEST_ONE=1\nTEST_ONE_MORE=2\nTEST_TWO=kept\n");
}

static void test_folder(void **state)
{
	struct program_spec spec = kept;
	struct fixture *f = *state;
	spec.folder = "/usr";
	run(f, "pwd", spec);
	assert_string_equal(buf_str(&f->output), "/usr\n");
}

static void test_input(void **state)
{
	static const size_t sizes[] = { 1, 1000, PROGRAM_OUTPUT_MAX };
	struct program_spec spec = kept;
	struct fixture *f = *state;
	CLEANUP(buf_fini) struct buf input;
	buf_init(&input, PROGRAM_OUTPUT_MAX);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		while (input.n < sizes[i])
			buf_add_char(&input, (char)('a' + input.n % 26));
		spec.input = buf_span(&input);
		run(f, "cat", spec);
		assert_int_equal(f->output.n, input.n);
		assert_memory_equal(f->output.p, input.p, input.n);
		run(f, "exit 6", spec); /* who does not read it */
		assert_int_equal(f->last.status, 6);
	}
}

static void test_no_such_program(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { word("/nonexistent/program"), NULL };
	const struct program_spec spec = { .argv = argv, .keep = true, .done = done, .user = f };
	struct error err;
	assert_int_equal(program_start(&f->all, &spec, NULL, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "/nonexistent/program"));
	assert_int_equal(f->all.n, 0);
}

static void test_cancel(void **state)
{
	struct fixture *f = *state;
	struct program *p;
	assert_int_equal(start(f, "sleep 1000", (struct program_spec){ .keep = true }, &p), 0);
	program_cancel(p);
	assert_int_equal(f->all.n, 0);
	run(f, "exit 0", kept); /* what runs is only this one */
	assert_int_equal(f->n_done, 1);
}

static void test_owners(void **state)
{
	struct program_spec spec = kept;
	struct fixture *f = *state;
	for (int i = 0; i < 3; i++) {
		spec.owner = i < 2 ? (const void *)f : NULL;
		assert_int_equal(start(f, "exec sleep 1000", spec, NULL), 0);
	}
	assert_int_equal(programs_of(&f->all, f), 2);
	assert_int_equal(programs_of(&f->all, NULL), 1);
	assert_int_equal(programs_of(&f->all, &spec), 0);
}

static void test_the_end(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(start(f, "exec sleep 1000", kept, NULL), 0);
	assert_int_equal(start(f, "exec sleep 5", (struct program_spec){ .errors = true }, NULL),
			 0);
	programs_end(&f->all);
	assert_int_equal(f->n_done, 1); /* of the one with a limit; the other one is left alone */
	assert_int_equal(f->last.status, 128 + SIGKILL);
	assert_int_equal(f->all.n, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_ends),
		CASE(test_where_output_goes),
		CASE(test_too_chatty),
		CASE(test_limit),
		CASE(test_leaves_a_chatterbox),
		CASE(test_environment),
		CASE(test_folder),
		CASE(test_input),
		CASE(test_no_such_program),
		CASE(test_cancel),
		CASE(test_owners),
		CASE(test_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
