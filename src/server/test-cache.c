/* SPDX-License-Identifier: Apache-2.0
 *
 * cache: hits of the same generation only, references that outlive replacement and the cache itself,
 * every value freed once.
 */
#include "base/macros.h"
#include "server/cache.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static atomic_int n_alive;

static int *value_new(int v)
{
	int *p = malloc(sizeof *p);
	*p = v;
	n_alive++;
	return p;
}

static void value_free(void *p)
{
	n_alive--;
	free(p);
}

static int value_of(struct cache_entry *e)
{
	int v = *(const int *)cache_value(e);
	cache_unref(e);
	return v;
}

static void test_generations(void **state)
{
	struct cache *c = cache_new(64, value_free);
	struct span key = span_str("mdmcore:device-1");
	assert_null(cache_get(c, key, 1));
	assert_int_equal(value_of(cache_put(c, key, 1, value_new(10))), 10);
	assert_int_equal(value_of(cache_get(c, key, 1)), 10);
	assert_null(cache_get(c, key, 2));
	assert_null(cache_get(c, key, 0));
	assert_null(cache_get(c, span_str("mdmcore:device-2"), 1));
	assert_null(cache_get(c, span_str("mdmcore:device-"), 1));
	assert_int_equal(value_of(cache_put(c, key, 2, value_new(20))), 20);
	assert_int_equal(value_of(cache_get(c, key, 2)), 20);
	assert_null(cache_get(c, key, 1));
	assert_int_equal(n_alive, 1);
	cache_free(c);
	cache_free(NULL);
	assert_int_equal(n_alive, 0);
}

static void test_references_outlive(void **state)
{
	struct cache *c = cache_new(64, value_free);
	struct cache_entry *first = cache_put(c, span_str("a"), 1, value_new(1));
	cache_unref(cache_put(c, span_str("a"), 2, value_new(2)));
	struct cache_entry *second = cache_get(c, span_str("a"), 2);
	cache_free(c);
	assert_int_equal(n_alive, 2);
	assert_int_equal(value_of(first), 1);
	assert_int_equal(value_of(second), 2);
	assert_int_equal(n_alive, 0);
	cache_unref(NULL);
}

static void test_bounded(void **state)
{
	struct cache *c = cache_new(64, value_free);
	for (int64_t i = 0; i < 10000; i++)
		cache_unref(cache_put(c, (struct span){ (uint8_t *)&i, sizeof i }, 1,
				      value_new((int)i)));
	assert_true(n_alive <= 64);
	cache_free(c);
	assert_int_equal(n_alive, 0);
}

static struct span key_of(const int64_t *k)
{
	return (struct span){ (const uint8_t *)k, sizeof *k };
}

static void test_wants(void **state)
{
	struct cache *c = cache_new(64, value_free);
	int64_t k = 0;
	assert_true(cache_wants(c, key_of(&k), 1)); /* every slot is free */
	for (; k < 10000; k++)
		cache_unref(cache_put(c, key_of(&k), 1, value_new((int)k)));
	for (; k < 20000; k++) /* one pass over many */
		assert_false(cache_wants(c, key_of(&k), 1));
	k--;
	assert_true(cache_wants(c, key_of(&k), 1)); /* the second time in a row */
	assert_true(cache_wants(c, key_of(&k), 2)); /* what is there is of the past */
	cache_free(c);
	assert_int_equal(n_alive, 0);
}

static void *many(void *arg)
{
	struct cache *c = arg;
	for (int64_t i = 0; i < 20000; i++) {
		int64_t k = i % 100;
		struct span key = { (uint8_t *)&k, sizeof k };
		struct cache_entry *e = cache_get(c, key, (uint64_t)(i / 1000));
		if (!e)
			e = cache_put(c, key, (uint64_t)(i / 1000), value_new((int)k));
		if (value_of(e) != k)
			return arg;
	}
	return NULL;
}

static void test_threads(void **state)
{
	struct cache *c = cache_new(64, value_free);
	pthread_t threads[4];
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, many, c), 0);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	cache_free(c);
	assert_int_equal(n_alive, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generations), cmocka_unit_test(test_references_outlive),
		cmocka_unit_test(test_bounded),     cmocka_unit_test(test_wants),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
