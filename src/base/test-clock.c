/* SPDX-License-Identifier: Apache-2.0
 *
 * Time texts: known moments, round trips, calendars from the C library, everything that is almost a time.
 */
#include "base/clock.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	const char *text;
	int64_t ms;
} moments[] = {
	{ "1970-01-01T00:00:00.000Z", 0 },
	{ "1969-12-31T23:59:59.999Z", -1 },
	{ "2026-11-25T14:06:06.123Z", 1795615566123 },
	{ "2000-02-29T12:00:00.000Z", 951825600000 },
	{ "1900-03-01T00:00:00.000Z", -2203891200000 },
	{ "0000-01-01T00:00:00.000Z", -62167219200000 },
	{ "9999-12-31T23:59:59.999Z", 253402300799999 },
};

static void test_moments(void **state)
{
	char text[CLOCK_TEXT_SIZE];
	int64_t ms;
	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		assert_string_equal(clock_format(moments[i].ms, text), moments[i].text);
		assert_true(clock_parse(moments[i].text, &ms));
		assert_int_equal(ms, moments[i].ms);
	}
	assert_true(strlen(clock_format(INT64_MAX, text)) < CLOCK_TEXT_SIZE);
	assert_true(strlen(clock_format(INT64_MIN, text)) < CLOCK_TEXT_SIZE);
}

/* Our calendar against the C library's, over all years that have four digits. */
static void test_against_libc(void **state)
{
	char ours[CLOCK_TEXT_SIZE], theirs[64];
	for (int64_t s = -62167219200; s < 253402300800; s += 86400 * 13 + 3661) {
		time_t t = (time_t)s;
		struct tm tm;
		int64_t back;
		assert_non_null(gmtime_r(&t, &tm));
		snprintf(theirs, sizeof theirs, "%04d-%02d-%02dT%02d:%02d:%02d.000Z",
			 tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			 tm.tm_sec);
		assert_string_equal(clock_format(s * 1000, ours), theirs);
		assert_true(clock_parse(ours, &back));
		assert_int_equal(back, s * 1000);
	}
}

static const struct {
	const char *text;
	int64_t ms; /* -1: refused */
} forms[] = {
	{ "1970-01-01T00:00:01Z", 1000 },
	{ "1970-01-01t00:00:01z", 1000 },
	{ "1970-01-01 00:00:01Z", 1000 },
	{ "1970-01-01T00:00:01.5Z", 1500 },
	{ "1970-01-01T00:00:01.123456789Z", 1123 },
	{ "1970-01-01T01:00:01+01:00", 1000 },
	{ "1969-12-31T22:30:01-01:30", 1000 },
	{ "1998-12-31T23:59:60Z", 915148800000 }, /* leap second */
	{ "", -1 },
	{ "1970-01-01", -1 },
	{ "1970-01-01T00:00:01", -1 }, /* no zone: whose time? */
	{ "1970-01-01T00:00:01.Z", -1 },
	{ "1970-01-01T00:00:01Zx", -1 },
	{ "1970-01-01T00:00:61Z", -1 },
	{ "1970-01-01T24:00:00Z", -1 },
	{ "1970-01-01T00:60:00Z", -1 },
	{ "1970-13-01T00:00:00Z", -1 },
	{ "1970-00-01T00:00:00Z", -1 },
	{ "1970-01-00T00:00:00Z", -1 },
	{ "1970-04-31T00:00:00Z", -1 },
	{ "1900-02-29T00:00:00Z", -1 },
	{ "1970-01-01T00:00:00+24:00", -1 },
	{ "1970-01-01T00:00:00+01", -1 },
	{ "-970-01-01T00:00:00Z", -1 },
	{ "+1970-01-01T00:00:00Z", -1 },
	{ "1970-1-1T0:0:0Z", -1 },
};

static void test_forms(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		int64_t ms = -1;
		bool ok = clock_parse(forms[i].text, &ms);
		if (ok != (forms[i].ms >= 0) || ms != forms[i].ms)
			fail_msg("%s: %d %lld", forms[i].text, ok, (long long)ms);
	}
}

/* No prefix of a whole time is a time. */
static void test_cut(void **state)
{
	const char whole[] = "2026-11-25T14:06:06.123Z";
	for (size_t n = 0; n + 1 < sizeof whole; n++) {
		char text[sizeof whole] = "";
		int64_t ms;
		memcpy(text, whole, n);
		assert_false(clock_parse(text, &ms));
	}
}

static const struct {
	const char *text;
	int64_t ms;            /* -1: refused */
	const char *canonical; /* NULL: the text itself */
} durations[] = {
	{ "90s", 90000, NULL },
	{ "15m", 900000, NULL },
	{ "24h", 86400000, "1d" },
	{ "7d", 604800000, NULL },
	{ "500ms", 500, NULL },
	{ "1500ms", 1500, NULL },
	{ "30", 30000, "30s" },
	{ "0", 0, "0s" },
	{ "0d", 0, "0s" },
	{ "36525d", 3155760000000, NULL },
	{ "36526d", -1, NULL },
	{ "3155760000000ms", 3155760000000, "36525d" },
	{ "3155760000001ms", -1, NULL },
	{ "99999999999999999999999999d", -1, NULL },
	{ "18446744073709551616s", -1, NULL },
	{ "", -1, NULL },
	{ "s", -1, NULL },
	{ "-1s", -1, NULL },
	{ "+1s", -1, NULL },
	{ " 1s", -1, NULL },
	{ "1 s", -1, NULL },
	{ "1.5h", -1, NULL },
	{ "1h30m", -1, NULL },
	{ "1y", -1, NULL },
	{ "1S", -1, NULL },
};

static void test_durations(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
		char text[CLOCK_TEXT_SIZE];
		int64_t ms = -1;
		bool ok = duration_parse(durations[i].text, &ms);
		if (ok != (durations[i].ms >= 0) || ms != durations[i].ms)
			fail_msg("%s: %d %lld", durations[i].text, ok, (long long)ms);
		if (!ok)
			continue;
		assert_string_equal(duration_format(ms, text), durations[i].canonical
								       ? durations[i].canonical
								       : durations[i].text);
		int64_t back;
		assert_true(duration_parse(text, &back));
		assert_int_equal(back, ms);
	}
}

static void test_clocks_run(void **state)
{
	assert_true(clock_utc_ms() > 1700000000000);
	int64_t before = clock_mono_ms();
	assert_true(clock_mono_ms() >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_moments),   cmocka_unit_test(test_against_libc),
		cmocka_unit_test(test_forms),     cmocka_unit_test(test_cut),
		cmocka_unit_test(test_durations), cmocka_unit_test(test_clocks_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
