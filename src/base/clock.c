/* SPDX-License-Identifier: Apache-2.0
 *
 * Time and its text forms. Calendar arithmetic is our own (proleptic Gregorian, no locale, no
 * time zone database), so that it is the same everywhere and for any int64.
 */
#include "base/clock.h"

#define MS_PER_S   INT64_C(1000)
#define MS_PER_DAY (INT64_C(86400) * MS_PER_S)

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	if (clock_gettime(id, &ts) < 0)
		abort();
	return (int64_t)ts.tv_sec * MS_PER_S + ts.tv_nsec / 1000000;
}

int64_t clock_utc_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01 and back, by eras of 400 years that begin on 1 March (Howard Hinnant,
 * "chrono-compatible low-level date algorithms"). */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t of_era = year - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + day_of_year - 719468;
}

static void civil_from_days(int64_t days, int64_t *year, int *month, int *day)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t d = days - era * 146097;
	int64_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
	int64_t day_of_year = d - (365 * y + y / 4 - y / 100);
	int64_t m = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
	*month = (int)(m < 10 ? m + 3 : m - 9);
	*year = y + era * 400 + (*month <= 2);
}

const char *clock_format(int64_t utc_ms, char text[CLOCK_TEXT_SIZE])
{
	int64_t days = utc_ms / MS_PER_DAY, ms = utc_ms % MS_PER_DAY, year;
	int month, day;
	if (ms < 0) {
		ms += MS_PER_DAY;
		days--;
	}
	civil_from_days(days, &year, &month, &day);
	snprintf(text, CLOCK_TEXT_SIZE, "%04lld-%02d-%02dT%02d:%02d:%02d.%03dZ", (long long)year,
		 month, day, (int)(ms / 3600000), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
		 (int)(ms % 1000));
	return text;
}

/* Exactly n digits. */
static bool get_digits(const char **s, int n, int64_t *ret)
{
	int64_t v = 0;
	for (int i = 0; i < n; i++, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = v * 10 + (**s - '0');
	}
	*ret = v;
	return true;
}

static bool get_char(const char **s, const char *any_of)
{
	if (!**s || !strchr(any_of, **s))
		return false;
	(*s)++;
	return true;
}

static bool get_date(const char **s, int64_t *ret_days)
{
	static const int8_t in_month[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t y, m, d;
	if (!get_digits(s, 4, &y) || !get_char(s, "-") || !get_digits(s, 2, &m) ||
	    !get_char(s, "-") || !get_digits(s, 2, &d) || m < 1 || m > 12 || d < 1)
		return false;
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	if (d > in_month[m - 1] + (m == 2 && leap))
		return false;
	*ret_days = days_from_civil(y, m, d);
	return true;
}

static bool get_time(const char **s, int64_t *ret_ms)
{
	int64_t h, m, sec, ms = 0, digit;
	if (!get_digits(s, 2, &h) || !get_char(s, ":") || !get_digits(s, 2, &m) ||
	    !get_char(s, ":") || !get_digits(s, 2, &sec) || h > 23 || m > 59 || sec > 60)
		return false; /* 60: a leap second; it reads as the next minute's first */
	if (get_char(s, ".")) {
		if (!get_digits(s, 1, &digit))
			return false;
		ms = digit * 100;
		for (int64_t unit = 10; get_digits(s, 1, &digit); unit /= 10)
			ms += digit * unit; /* past the third digit unit is 0 */
	}
	*ret_ms = ((h * 60 + m) * 60 + sec) * MS_PER_S + ms;
	return true;
}

static bool get_zone(const char **s, int64_t *ret_ms)
{
	int64_t h, m;
	*ret_ms = 0;
	if (get_char(s, "Zz"))
		return true;
	bool minus = **s == '-';
	if (!get_char(s, "+-") || !get_digits(s, 2, &h) || !get_char(s, ":") ||
	    !get_digits(s, 2, &m) || h > 23 || m > 59)
		return false;
	*ret_ms = (h * 60 + m) * 60 * MS_PER_S * (minus ? -1 : 1);
	return true;
}

bool clock_parse(const char *text, int64_t *ret_utc_ms)
{
	int64_t days, ms, zone;
	if (!get_date(&text, &days) || !get_char(&text, "Tt ") || !get_time(&text, &ms) ||
	    !get_zone(&text, &zone) || *text)
		return false;
	*ret_utc_ms = days * MS_PER_DAY + ms - zone;
	return true;
}

static const struct {
	const char *suffix;
	int64_t ms;
} units[] = {
	/* largest first, for duration_format() */
	{ "d", MS_PER_DAY }, { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
};

bool duration_parse(const char *text, int64_t *ret_ms)
{
	const int64_t max_ms = MS_PER_DAY * 36525; /* 100 years */
	int64_t v = 0, digit, unit = 0;
	const char *s = text;
	while (v <= max_ms && get_digits(&s, 1, &digit))
		v = v * 10 + digit;
	if (s == text)
		return false;
	if (!*s)
		unit = MS_PER_S;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++)
		if (strcmp(s, units[i].suffix) == 0)
			unit = units[i].ms;
	if (unit == 0 || v > max_ms / unit)
		return false;
	*ret_ms = v * unit;
	return true;
}

const char *duration_format(int64_t ms, char text[CLOCK_TEXT_SIZE])
{
	size_t i = 0;
	while (ms % units[i].ms != 0)
		i++; /* the last one is 1 */
	if (ms == 0)
		snprintf(text, CLOCK_TEXT_SIZE, "0s");
	else
		snprintf(text, CLOCK_TEXT_SIZE, "%lld%s", (long long)(ms / units[i].ms),
			 units[i].suffix);
	return text;
}
