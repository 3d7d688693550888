/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events: the standard's examples, whole and split at every byte; limits; a listener that stops.
 */
#include "reeve/sse.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static struct buf got; /* "id|type|data;" of every event */
static int stop_after;

static bool collect(void *user, const char *id, const char *type, const char *data)
{
	buf_addf(&got, "%s|%s|%s;", id, type, data);
	return --stop_after != 0;
}

static int feed(const char *text, size_t n, size_t step)
{
	struct sse s;
	int r = 0;
	buf_reset(&got);
	stop_after = -1;
	sse_init(&s, collect, NULL);
	for (size_t i = 0; r == 0 && i < n; i += step)
		r = sse_feed(&s, (struct span){ (const uint8_t *)text + i,
						n - i < step ? n - i : step });
	sse_fini(&s);
	return r;
}

static const struct {
	const char *in, *wanted;
} streams[] = {
	{ "data: x\n\n", "|message|x;" },
	{ "data:x\n\n", "|message|x;" },
	{ "data:  x\n\n", "|message| x;" },
	{ "data: a\ndata: b\n\n", "|message|a\nb;" },
	{ "data\n\ndata\ndata\n\ndata:", "|message|;|message|\n;" }, /* from the standard */
	{ "id: 7\nevent: device.verdict\ndata: {}\n\n", "7|device.verdict|{};" },
	{ "id: 7\ndata: a\n\ndata: b\n\n", "7|message|a;7|message|b;" }, /* the id stays */
	{ "id: 7\ndata: a\n\nid\ndata: b\n\n", "7|message|a;|message|b;" },
	{ "event: x\n\ndata: a\n\n", "|message|a;" }, /* no data: no event, and the type goes */
	{ ": ping\n\n: ping\n\n", "" },
	{ "data: a\r\n\r\ndata: b\r\rdata: c\n\n", "|message|a;|message|b;|message|c;" },
	{ "\xef\xbb\xbf"
	  "data: bom\n\n",
	  "|message|bom;" },
	{ "data: unfinished\n", "" },
	{ "nonsense: x\nretry: 5\ndata: a: b\n\n", "|message|a: b;" },
	{ "\n\n\n", "" },
};

static void test_streams(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		size_t n = strlen(streams[i].in);
		for (size_t step = 1; step <= n; step++) {
			assert_int_equal(feed(streams[i].in, n, step), 0);
			assert_string_equal(buf_str(&got), streams[i].wanted);
		}
	}
}

static void test_nul_in_id_is_ignored(void **state)
{
	const char text[] = "id: 1\nid: 2\0 3\ndata: x\n\n";
	assert_int_equal(feed(text, sizeof text - 1, 3), 0);
	assert_string_equal(buf_str(&got), "1|message|x;");
}

static void test_limits(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 8 << 20);
	buf_addf(&b, "data: %*s", SSE_MAX, ""); /* a line without end */
	assert_int_equal(feed(b.p, b.n, 4096), -EFBIG);
	buf_reset(&b);
	for (int i = 0; i < 5000; i++) /* lines without end */
		buf_addf(&b, "data: %*s\n", 1000, "");
	assert_int_equal(feed(b.p, b.n, 4096), -EFBIG);
	buf_reset(&b);
	buf_addf(&b, "id: %*s\ndata: x\n\n", 1000, "7");
	assert_int_equal(feed(b.p, b.n, 4096), -EFBIG);
}

static void test_stop(void **state)
{
	struct sse s;
	buf_reset(&got);
	stop_after = 2;
	sse_init(&s, collect, NULL);
	assert_int_equal(sse_feed(&s, span_str("data: a\n\ndata: b\n\ndata: c\n\n")), -ECANCELED);
	assert_string_equal(buf_str(&got), "|message|a;|message|b;");
	sse_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_nul_in_id_is_ignored),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_stop),
	};
	buf_init(&got, 1 << 22);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	buf_fini(&got);
	return r;
}
