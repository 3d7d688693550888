/* SPDX-License-Identifier: Apache-2.0
 *
 * messages: what decoding may cost, what it refuses, and that all of it is given back.
 */
#include "net/grpc/echo.pb-c.h"
#include "net/grpc/message.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct memory memory = { .max = 8 << 20 };

static void assert_refused(struct span bytes, bool too_large)
{
	struct decoded d;
	assert_false(message_decode(&d, &reeve__test__echo_request__descriptor, bytes, &memory));
	assert_int_equal(d.too_large, too_large);
	assert_int_equal(d.used, 0);
	assert_int_equal(memory.used, 0);
	message_free(&d);
}

static void test_there_and_back(void **state)
{
	CLEANUP(buf_fini) struct buf wire;
	Reeve__Test__EchoRequest m = REEVE__TEST__ECHO_REQUEST__INIT;
	struct decoded d;
	m.text = (char *)(uintptr_t) "grüße";
	m.delay_ms = 7;
	buf_init(&wire, 1000);
	assert_true(message_encode(&wire, &m.base));
	assert_memory_equal(wire.p, "\0\0\0\0\13", 5);
	assert_true(message_decode(&d, &reeve__test__echo_request__descriptor,
				   (struct span){ (uint8_t *)wire.p + 5, wire.n - 5 }, &memory));
	const Reeve__Test__EchoRequest *back = (void *)d.message;
	assert_string_equal(back->text, m.text);
	assert_int_equal(back->delay_ms, 7);
	assert_int_equal(memory.used, d.used);
	assert_true(memory.used > 0);
	message_free(&d);
	assert_int_equal(memory.used, 0);
}

static void test_encode_bounded(void **state)
{
	CLEANUP(buf_fini) struct buf wire;
	Reeve__Test__EchoRequest m = REEVE__TEST__ECHO_REQUEST__INIT;
	m.text = (char *)(uintptr_t) "too long";
	buf_init(&wire, 8);
	assert_false(message_encode(&wire, &m.base));
}

static void test_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} cases[] = {
		{ "\xff", 1 }, /* a tag that does not end */
		{ "\x0a\x05"
		  "abc",
		  5 }, /* longer than what is there */
		{ "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "\x0a\x03"
		  "a\0b",
		  5 },                         /* a NUL in a string */
		{ "\x0a\x02\xc3\x28", 4 },     /* no UTF-8 */
		{ "\x0b\x0c", 2 },             /* groups */
		{ "\x3a\x03\x0a\x01\xff", 5 }, /* no UTF-8, one level down */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_refused((struct span){ (const uint8_t *)cases[i].bytes, cases[i].n }, false);
}

/* nested { nested { … } }, written from the inside out: each level is its own length before it. */
static size_t nest(uint8_t *out, size_t size, unsigned depth)
{
	size_t at = size;
	for (unsigned i = 0; i < depth; i++) {
		size_t n = size - at;
		out[--at] = (uint8_t)(n >> 7);
		out[--at] = (uint8_t)(n | 0x80);
		out[--at] = 0x3a;
	}
	memmove(out, out + at, size - at);
	return size - at;
}

static void test_depth(void **state)
{
	static uint8_t bytes[3 * 5000];
	struct decoded d;
	size_t n = nest(bytes, sizeof bytes, 32);
	assert_true(message_decode(&d, &reeve__test__echo_request__descriptor,
				   (struct span){ bytes, n }, &memory));
	message_free(&d);
	assert_int_equal(memory.used, 0);
	n = nest(bytes, sizeof bytes, 33);
	assert_refused((struct span){ bytes, n }, false);
	n = nest(bytes, sizeof bytes, 5000);
	assert_refused((struct span){ bytes, n }, false);
}

/* Two bytes on the wire are a whole struct in memory. */
static void test_small_bytes_large_memory(void **state)
{
	static uint8_t bytes[400000];
	for (size_t i = 0; i < sizeof bytes; i += 2) {
		bytes[i] = 0x3a;
		bytes[i + 1] = 0;
	}
	assert_refused((struct span){ bytes, sizeof bytes }, true); /* 200 000 messages */
	memory.max = 1000;
	assert_refused((struct span){ bytes, 1000 }, true);
	memory.max = 8 << 20;
}

static void test_memory(void **state)
{
	struct memory m = { .max = 100 };
	assert_true(memory_take(&m, 60));
	assert_false(memory_take(&m, 41));
	assert_false(memory_take(&m, SIZE_MAX));
	assert_true(memory_take(&m, 40));
	memory_give(&m, 100);
	assert_int_equal(m.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_encode_bounded),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_small_bytes_large_memory),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
