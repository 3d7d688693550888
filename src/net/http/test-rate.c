/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/rate.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

static struct rate_address address(const char *text)
{
	struct rate_address a = { 0 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
		rate_address((struct sockaddr *)&v4, &a);
	else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
		rate_address((struct sockaddr *)&v6, &a);
	else
		fail();
	return a;
}

static void test_bucket(void **state)
{
	static const struct {
		int64_t now_ms, wait_ms;
	} steps[] = {
		/* 2 a second, bursts of 3 */
		{ 0, 0 },         { 0, 0 },      { 0, 0 },      { 0, 500 },  { 100, 400 },
		{ 499, 1 },       { 500, 0 },    { 500, 500 },  { 5000, 0 }, { 5000, 0 },
		{ 5000, 0 },      { 5000, 500 }, { 4000, 500 }, /* a clock read earlier */
		{ 1ll << 50, 0 },
	};
	struct rate_table *t = rate_table_new(1024);
	struct rate_address a = address("192.0.2.1");
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		assert_int_equal(rate_take(t, 1, &a, 2, 3, steps[i].now_ms), steps[i].wait_ms);
	rate_table_free(t);
}

static void test_limits(void **state)
{
	struct rate_table *t = rate_table_new(1024);
	struct rate_address a = address("192.0.2.1");
	for (int i = 0; i < 100; i++)
		assert_int_equal(rate_take(t, 1, &a, 0, 0, 0), 0); /* 0: no limit */
	assert_int_equal(rate_take(t, 2, &a, 1, 0, 0), 0);         /* burst 0: one second's */
	assert_int_equal(rate_take(t, 2, &a, 1, 0, 0), 1000);
	assert_int_equal(rate_take(t, 3, &a, UINT32_MAX, UINT32_MAX, 0), 0);
	assert_int_equal(rate_take(t, 3, &a, UINT32_MAX, UINT32_MAX, INT64_MAX), 0);
	rate_table_free(t);
}

static void test_addresses(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.1", "::ffff:192.0.2.1", true },
		{ "2001:db8::1", "2001:db8::2", true }, /* one /64 */
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "::1", "0.0.0.1", false },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct rate_table *t = rate_table_new(1024);
		struct rate_address a = address(cases[i].a), b = address(cases[i].b);
		assert_int_equal(memcmp(&a, &b, sizeof a) == 0, cases[i].same);
		assert_int_equal(rate_take(t, 1, &a, 1, 1, 0), 0);
		assert_int_equal(rate_take(t, 1, &b, 1, 1, 0) > 0, cases[i].same);
		assert_int_equal(rate_take(t, 2, &a, 1, 1, 0), 0); /* classes are apart */
		rate_table_free(t);
	}
}

/* A flood of addresses neither grows the table nor frees a busy peer from its limit. */
static void test_flood(void **state)
{
	struct rate_table *t = rate_table_new(1024);
	struct rate_address busy = address("192.0.2.1");
	int64_t now_ms = 0;
	unsigned n_free = 0;
	assert_int_equal(rate_take(t, 1, &busy, 1, 1, now_ms), 0);
	for (uint32_t i = 0; i < 100000; i++) {
		struct rate_address a = { { 4 } };
		memcpy(a.bytes + 1, &i, sizeof i);
		if (i % 400 == 0)
			now_ms++;
		(void)rate_take(t, 1, &a, 1, 1, now_ms);
		if (i % 100 == 0 && rate_take(t, 1, &busy, 1, 1, now_ms) == 0)
			n_free++;
	}
	assert_true(n_free <= 1);
	rate_table_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
