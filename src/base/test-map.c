/* SPDX-License-Identifier: Apache-2.0
 *
 * map: against a plain array as the model, under random operations; keys of every length; many collisions.
 */
#include "base/macros.h"
#include "base/map.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_bytes(void **state)
{
	struct map *m = map_new();
	char values[40], key[41];
	for (size_t n = 0; n <= 40; n++) { /* around the 8 bytes that fit the slot */
		memset(key, 'k', n);
		if (n < 40)
			assert_null(map_put(m, (struct span){ (uint8_t *)key, n }, &values[n]));
	}
	memset(key, 'x', sizeof key); /* keys were copied */
	memset(key, 'k', 40);
	for (size_t n = 0; n < 40; n++)
		assert_ptr_equal(map_get(m, (struct span){ (uint8_t *)key, n }), &values[n]);
	assert_int_equal(map_n(m), 40);
	assert_null(map_get(m, (struct span){ (uint8_t *)key, 40 }));
	assert_ptr_equal(map_put(m, span_str("kkk"), &values[0]), &values[3]);
	assert_ptr_equal(map_remove(m, span_str("kkk")), &values[0]);
	assert_null(map_remove(m, span_str("kkk")));
	assert_null(map_get(m, span_str("kkk")));
	assert_int_equal(map_n(m), 39);
	map_free(m);
	map_free(NULL);
}

static uint32_t next_random(uint32_t *x) /* xorshift: the same every time */
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

#define N_KEYS 500

static void test_against_a_model(void **state)
{
	static int values[N_KEYS * 4];
	int *model[N_KEYS] = { NULL };
	size_t n = 0;
	uint32_t x = 1;
	struct map *m = map_new();
	for (int step = 0; step < 200000; step++) {
		int64_t k = next_random(&x) % N_KEYS;
		int *value = &values[next_random(&x) % ARRAY_SIZE(values)];
		switch (next_random(&x) % 3) {
		case 0:
			assert_ptr_equal(map_put(m, map_key_int(&k), value), model[k]);
			n += model[k] == NULL;
			model[k] = value;
			break;
		case 1:
			assert_ptr_equal(map_remove(m, map_key_int(&k)), model[k]);
			n -= model[k] != NULL;
			model[k] = NULL;
			break;
		default:
			assert_ptr_equal(map_get(m, map_key_int(&k)), model[k]);
		}
		assert_int_equal(map_n(m), n);
	}
	for (int64_t k = 0; k < N_KEYS; k++)
		assert_ptr_equal(map_get(m, map_key_int(&k)), model[k]);
	map_free(m);
}

static void add_up(void *user, struct span key, void *value)
{
	int64_t k;
	assert_int_equal(key.n, sizeof k);
	memcpy(&k, key.p, sizeof k);
	assert_ptr_equal(value, (char *)user + k); /* values are &sum + key, see below */
	*(int64_t *)user += 1 << 20;
}

static void test_each(void **state)
{
	int64_t sum = 0;
	struct map *m = map_new();
	map_each(m, add_up, &sum);
	assert_int_equal(sum, 0);
	for (int64_t k = 1; k <= 1000; k++)
		map_put(m, map_key_int(&k), (char *)&sum + k);
	map_each(m, add_up, &sum);
	assert_int_equal(sum, 1000 << 20);
	map_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_against_a_model),
		cmocka_unit_test(test_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
