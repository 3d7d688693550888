/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "channel/chrome/endpoint.h"
#include <stdlib.h>
#include <string.h>

static void add_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_add_char(b, (char)(v | 0x80));
	buf_add_char(b, (char)v);
}

/* The content as the length-delimited field of this number, instead of it. */
static void wrap(struct buf *b, unsigned field)
{
	struct buf outer;
	buf_init(&outer, b->n + 32);
	add_varint(&outer, field << 3 | 2);
	add_varint(&outer, b->n);
	buf_add(&outer, b->p, b->n);
	buf_fini(b);
	*b = outer;
}

/* chrome_desktop_report with so many policies, each the conflict of the next. */
static void nest(struct buf *b, unsigned n_policies)
{
	buf_init(b, 1 << 20);
	for (unsigned i = 1; i < n_policies; i++)
		wrap(b, 7);
	if (n_policies)
		wrap(b, 7);
	wrap(b, 6);
	wrap(b, 4);
	wrap(b, 26);
}

static void test_depth(void **state)
{
	static const struct {
		unsigned n_policies;
		bool ok;
	} cases[] = { { 0, true }, { 1, true }, { 10, true }, { 14, false }, { 20000, false } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf b;
		nest(&b, cases[i].n_policies);
		assert_int_equal(chrome_depth_ok(buf_span(&b)), cases[i].ok);
	}
}

/* Two bytes for each element: an empty submessage, a packed number, an empty text. */
static void test_memory(void **state)
{
	static const struct {
		size_t n;
		uint8_t element[2];
		unsigned path[3];
		bool ok;
	} cases[] = {
		{ 1000, { 7 << 3 | 2, 0 }, { 6, 4, 26 }, true },
		{ 900000, { 7 << 3 | 2, 0 }, { 6, 4, 26 }, false }, /* policies */
		{ 1000, { 1 << 3 | 2, 0 }, { 8, 0, 0 }, true },
		{ 900000, { 1 << 3 | 2, 0 }, { 8, 0, 0 }, false }, /* scopes */
		{ 500000, { 1, 1 }, { 12, 4, 0 }, true },          /* processor samples, packed */
		{ 900000, { 1 << 3, 0 }, { 2, 0, 0 }, false },     /* unknown fields cost too */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 4 << 20);
		for (size_t k = 0; k < cases[i].n; k++)
			buf_add(&b, cases[i].element, 2);
		for (size_t k = 0; k < 3 && cases[i].path[k]; k++)
			wrap(&b, cases[i].path[k]);
		if (chrome_depth_ok(buf_span(&b)) != cases[i].ok)
			fail_msg("case %zu", i);
	}
}

static int read_body(const void *p, size_t n, struct arena *a, struct chrome_request *r)
{
	struct error err;
	*r = (struct chrome_request){ .arena = a, .type = chrome_type_find("status") };
	return chrome_body_read((struct span){ p, n }, r, &err);
}

static void test_bodies(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		int result;
	} cases[] = {
		{ "", 0, ERR_INVALID },
		{ "\x22\x00", 2, 0 },               /* device status */
		{ "\x2a\x00", 2, 0 },               /* session status: one of the others */
		{ "\xf2\x01\x00", 3, 0 },           /* child status */
		{ "\x0a\x00", 2, ERR_INVALID },     /* another request's */
		{ "\x22\x05\x0a", 3, ERR_INVALID }, /* cut short */
		{ "\x22", 1, ERR_INVALID },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 11, ERR_INVALID },
		{ "\x22\x00\x9a\x3f\x01z", 6, 0 },            /* unknown fields are left alone */
		{ "\x22\x04\x62\x02\x05\x07", 6, 0 },         /* packed samples */
		{ "\x22\x04\x60\x05\x60\x07", 6, 0 },         /* one by one */
		{ "\x22\x02\x60\x05\x22\x02\x60\x07", 8, 0 }, /* twice: merged */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		struct chrome_request r;
		arena_init(&a);
		if (read_body(cases[i].bytes, cases[i].n, &a, &r) != cases[i].result)
			fail_msg("case %zu", i);
		if (i >= 9)
			assert_int_equal(
				r.body->device_status_report_request->n_cpu_utilization_pct_samples,
				2);
	}
}

static void test_pack(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	Dm__DevicePairingResponse m = DM__DEVICE_PAIRING_RESPONSE__INIT;
	arena_init(&a);
	assert_int_equal(chrome_pack(&a, &m.base).n, 0);
	m.has_status_code = true; /* success has to be said */
	m.status_code = DM__DEVICE_PAIRING_RESPONSE__STATUS_CODE__SUCCESS;
	assert_true(
		span_eq(chrome_pack(&a, &m.base), (struct span){ (const uint8_t *)"\x08\0", 2 }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_pack),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
