/* SPDX-License-Identifier: Apache-2.0
 *
 * answers: keeping, replacing, forgetting, the limit of bytes; notes of devices; many threads.
 */
#include "base/crypto.h"
#include "base/macros.h"
#include "channel/chrome/policy/answers.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static struct chrome_answers *kept;

static int setup(void **state)
{
	kept = chrome_answers_new();
	return 0;
}

static int teardown(void **state)
{
	chrome_answers_free(kept);
	chrome_answers_free(NULL);
	return 0;
}

/* One of this device, with so many bytes. */
static void put(const char *key, int64_t device_id, size_t n)
{
	struct answer *a = answer_new();
	a->device_id = device_id;
	a->items = arena_new(&a->arena, struct answer_item);
	a->items[0].data = (struct span){ arena_alloc(&a->arena, n + 1), n };
	a->n = 1;
	answers_put(kept, span_str(key), a);
	answer_unref(a);
}

static int64_t device_of(const char *key)
{
	CLEANUP(answer_unrefp) struct answer *a = answers_get(kept, span_str(key));
	return a ? a->device_id : 0;
}

static void test_put(void **state)
{
	assert_int_equal(device_of("a"), 0);
	put("a", 1, 10);
	put("b", 2, 10);
	assert_int_equal(device_of("a"), 1);
	assert_int_equal(device_of("b"), 2);
	assert_int_equal(device_of("ab"), 0);
	put("a", 3, 10);
	assert_int_equal(device_of("a"), 3);
}

static void test_forget(void **state)
{
	struct answer *held;
	put("a", 1, 10);
	put("b", 2, 10);
	held = answers_get(kept, span_str("a"));
	chrome_answers_forget(kept, 1);
	assert_int_equal(device_of("a"), 0);
	assert_int_equal(device_of("b"), 2);
	assert_int_equal(held->device_id, 1); /* lives as long as somebody has it */
	answer_unref(held);
}

/* 200 of a megabyte are more than may be kept; the last one is. */
static void test_limit(void **state)
{
	char key[16];
	size_t n = 0;
	for (int i = 1; i <= 200; i++) {
		snprintf(key, sizeof key, "k%d", i);
		put(key, i, 1 << 20);
	}
	for (int i = 1; i <= 200; i++) {
		snprintf(key, sizeof key, "k%d", i);
		n += device_of(key) == i;
	}
	assert_true(n >= 1 && n <= 65);
	assert_int_equal(device_of("k200"), 200);
}

static void test_notes(void **state)
{
	assert_int_equal(answers_note(kept, 5).issued_ms, 0);
	answers_note_issued(kept, 5, 100);
	answers_note_issued(kept, 5, 90); /* never back */
	answers_note_named(kept, 5, 80);
	assert_int_equal(answers_note(kept, 5).issued_ms, 100);
	assert_int_equal(answers_note(kept, 5).named_ms, 80);
	answers_note_named(kept, 5, 70); /* what it says now */
	assert_int_equal(answers_note(kept, 5).named_ms, 70);
	assert_int_equal(answers_note(kept, 6).issued_ms, 0);
}

static void *hammer(void *arg)
{
	char key[16];
	for (int i = 0; i < 2000; i++) {
		snprintf(key, sizeof key, "k%d", i % 7);
		put(key, i % 7, 100);
		assert_int_equal(device_of(key), i % 7);
		answers_note_issued(kept, i % 3 + 1, i);
		if (i % 500 == 0)
			chrome_answers_forget(kept, 100);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_put),   TEST(test_forget),  TEST(test_limit),
		TEST(test_notes), TEST(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
