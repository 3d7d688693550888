/* SPDX-License-Identifier: Apache-2.0
 *
 * deframer: every case whole, split at every byte, and byte by byte.
 */
#include "net/grpc/frame.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MAX 8

static const struct {
	const char *bytes;
	size_t n;
	enum frame_result result;
	bool whole;
	const char *message;
} cases[] = {
	{ "", 0, FRAME_OK, false, "" },
	{ "\0\0\0\0", 4, FRAME_OK, false, "" },
	{ "\0\0\0\0\0", 5, FRAME_OK, true, "" },
	{ "\0\0\0\0\3abc", 8, FRAME_OK, true, "abc" },
	{ "\0\0\0\0\3ab", 7, FRAME_OK, false, "ab" },
	{ "\0\0\0\0\10abcdefgh", 13, FRAME_OK, true, "abcdefgh" },
	{ "\0\0\0\0\11", 5, FRAME_TOO_LARGE, false, "" },
	{ "\0\377\377\377\377", 5, FRAME_TOO_LARGE, false, "" },
	{ "\1\0\0\0\3abc", 8, FRAME_COMPRESSED, false, "" },
	{ "\2\0\0\0\3abc", 8, FRAME_BAD_FLAG, false, "" },
	{ "\377\377\377\377\377", 5, FRAME_BAD_FLAG, false, "" },
	{ "\0\0\0\0\3abcd", 9, FRAME_SECOND, false, "" },
	{ "\0\0\0\0\0\0", 6, FRAME_SECOND, false, "" },
};

/* In pieces of 'first' bytes and then of 'then'. */
static void check(size_t i, size_t first, size_t then)
{
	struct deframer d;
	struct span left = { (const uint8_t *)cases[i].bytes, cases[i].n };
	enum frame_result r = FRAME_OK;
	deframer_init(&d, MAX);
	for (size_t n = first; left.n > 0 && r == FRAME_OK; n = then) {
		struct span piece = { left.p, n < left.n ? n : left.n };
		(void)!span_get_bytes(&left, piece.n, &piece);
		r = deframer_feed(&d, piece);
	}
	assert_int_equal(r, cases[i].result);
	if (r == FRAME_OK) {
		assert_int_equal(deframer_whole(&d), cases[i].whole);
		assert_int_equal(deframer_empty(&d), cases[i].n == 0);
		assert_true(span_eq_str(buf_span(&d.body), cases[i].message));
	}
	deframer_fini(&d);
}

static void test_split_everywhere(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		check(i, 1, 1);
		for (size_t first = 1; first <= cases[i].n + 1; first++)
			check(i, first, SIZE_MAX);
	}
}

/* What is announced costs nothing. */
static void test_allocates_what_came(void **state)
{
	struct deframer d;
	uint8_t head[FRAME_HEAD_SIZE];
	deframer_init(&d, UINT32_MAX);
	frame_head(head, UINT32_MAX);
	assert_int_equal(deframer_feed(&d, (struct span){ head, sizeof head }), FRAME_OK);
	assert_int_equal(deframer_feed(&d, span_str("abc")), FRAME_OK);
	assert_true(d.body.cap < 1000);
	assert_false(deframer_whole(&d));
	deframer_fini(&d);
}

static void test_head(void **state)
{
	uint8_t head[FRAME_HEAD_SIZE];
	frame_head(head, 0x01020304);
	assert_memory_equal(head, "\0\1\2\3\4", sizeof head);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split_everywhere),
		cmocka_unit_test(test_allocates_what_came),
		cmocka_unit_test(test_head),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
