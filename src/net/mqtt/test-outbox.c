/* SPDX-License-Identifier: Apache-2.0
 *
 * The outbox: bounds by number and bytes, order, and order again after a lost connection.
 */
#include "base/macros.h"
#include "net/mqtt/outbox.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static int add(struct outbox *q, const char *topic, size_t n_payload, int qos)
{
	static uint8_t payload[1000];
	struct error err;
	struct mqtt_message m = { .topic = topic, .payload = { payload, n_payload }, .qos = qos };
	return outbox_add(q, &m, NULL, &err);
}

static void test_bounds(void **state)
{
	static const struct {
		size_t max, bytes_max, n_payload;
		size_t n_fit;
	} cases[] = {
		{ 3, 100000, 10, 3 }, { 100, 400, 35, 4 } /* 100 each */,
		{ 100, 10, 1, 0 },    { 0, 100000, 0, 0 },
		{ 1, 65, 0, 1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct outbox q;
		size_t n = 0;
		outbox_init(&q, cases[i].max, cases[i].bytes_max);
		while (n < 10 && add(&q, "t", cases[i].n_payload, 1) == 0)
			n++;
		assert_int_equal(n, cases[i].n_fit);
		assert_int_equal(q.n, n);
		outbox_fini(&q);
	}
}

static void test_room_comes_back(void **state)
{
	struct outbox q;
	(void)state;
	outbox_init(&q, 1, 100000);
	for (int i = 1; i < 10; i++) {
		assert_int_equal(add(&q, "t", 5, 1), 0);
		assert_int_equal(add(&q, "t", 5, 1), ERR_UNAVAILABLE);
		struct item *item = outbox_start(&q);
		item->mid = i;
		assert_int_equal(add(&q, "t", 5, 1), ERR_UNAVAILABLE); /* flying counts */
		assert_null(outbox_land(&q, i + 1));
		assert_ptr_equal(outbox_land(&q, i), item);
		assert_null(outbox_land(&q, i));
		assert_int_equal(item->id, i);
		free(item);
	}
	assert_int_equal(q.n + q.n_flying + q.n_bytes, 0);
	outbox_fini(&q);
}

static void test_lost(void **state)
{
	static const char *const topics[] = { "a", "b", "c", "d", "e" };
	static const int qos[] = { 0, 1, 0, 2, 0 };
	static const char *const after[] = { "a", "c", "e", "f" };
	struct outbox q;
	(void)state;
	outbox_init(&q, 10, 100000);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(add(&q, topics[i], 0, qos[i]), 0);
		outbox_start(&q)->mid = i + 1;
	}
	assert_int_equal(add(&q, "f", 0, 1), 0);
	outbox_connection_lost(&q);
	assert_int_equal(q.n_flying, 2); /* b and d are libmosquitto's */
	for (size_t i = 0; i < ARRAY_SIZE(after); i++)
		assert_string_equal(outbox_start(&q)->topic, after[i]);
	assert_null(outbox_start(&q));
	outbox_fini(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds),
					    cmocka_unit_test(test_room_comes_back),
					    cmocka_unit_test(test_lost) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
