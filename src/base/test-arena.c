/* SPDX-License-Identifier: Apache-2.0
 *
 * arena: alignment, zeroing, blocks of their own for large things, text helpers.
 */
#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_aligned_zeroed_apart(void **state)
{
	struct arena a;
	uint8_t *before = NULL;
	size_t n_before = 0;
	arena_init(&a);
	for (size_t n = 0; n < 9000; n += n < 100 ? 1 : 97) {
		uint8_t *p = arena_alloc(&a, n);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xa5, n);
		for (size_t i = 0; i < n_before; i++) /* nobody wrote into the neighbour */
			assert_int_equal(before[i], 0xa5);
		before = p;
		n_before = n;
	}
	arena_fini(&a);
	assert_null(a.head);
	assert_non_null(arena_alloc(&a, 1)); /* usable again */
	arena_fini(&a);
}

static void test_large_does_not_waste_the_head(void **state)
{
	struct arena a;
	arena_init(&a);
	(void)arena_alloc(&a, 16);
	size_t used = a.used;
	struct arena_block *head = a.head;
	(void)arena_alloc(&a, 1 << 20);
	assert_ptr_equal(a.head, head);
	assert_int_equal(a.used, used);
	arena_fini(&a);
}

static void test_text(void **state)
{
	struct arena a;
	arena_init(&a);
	assert_string_equal(arena_strdup(&a, "abc"), "abc");
	assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(&a, "ab", 30), "ab");
	assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	assert_int_equal(strlen(arena_printf(&a, "%5000s", "")), 5000);
	struct span s = arena_dup(&a, (struct span){ (const uint8_t *)"a\0b", 3 });
	assert_memory_equal(s.p, "a\0b", 3);
	assert_int_equal(arena_dup(&a, (struct span){ NULL, 0 }).n, 0);
	arena_fini(&a);
}

/* A size that wraps must stop the process, not hand out a short block. */
static void test_absurd_sizes_abort(void **state)
{
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct arena a;
			signal(SIGABRT, SIG_DFL);
			arena_init(&a);
			if (i == 0)
				(void)arena_new_n(&a, uint64_t, SIZE_MAX / 8 + 2);
			else
				(void)arena_alloc(&a, SIZE_MAX - 3);
			_exit(0);
		}
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned_zeroed_apart),
		cmocka_unit_test(test_large_does_not_waste_the_head),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_absurd_sizes_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
