/* SPDX-License-Identifier: Apache-2.0
 *
 * Versions in timestamps and tokens, see stamp.h.
 */
#include "channel/chrome/policy/stamp.h"

#include <stdio.h>
#include <string.h>

#define DIGITS      1000 /* a second: versions that can be told apart */
#define VERSION_MAX (INT64_C(1) << 53)

static int64_t modulo(int64_t v)
{
	int64_t m = v % DIGITS;
	return m < 0 ? m + DIGITS : m;
}

/* The latest time not after 't' that has these digits. */
static int64_t at_or_before(int64_t t, int64_t digits)
{
	return t - modulo(t - digits);
}

int64_t stamp_make(int64_t version, int64_t epoch, int64_t now_ms, int64_t floor_ms)
{
	int64_t digits = modulo(modulo(version) + modulo(epoch));
	int64_t stamp = at_or_before(now_ms, digits);
	return stamp >= floor_ms ? stamp : at_or_before(floor_ms + DIGITS - 1, digits);
}

int64_t stamp_version(int64_t stamp_ms, int64_t epoch, int64_t current_version)
{
	if (stamp_ms <= 0 || stamp_ms > STAMP_MAX)
		return 0;
	int64_t behind = modulo(modulo(current_version) + modulo(epoch) - modulo(stamp_ms));
	return current_version > behind ? current_version - behind : 0;
}

void stamp_token(int64_t version, int64_t stamp_ms, uint32_t serial, char ret[STAMP_TOKEN_SIZE])
{
	snprintf(ret, STAMP_TOKEN_SIZE, "%lld.%lld.%u", (long long)version, (long long)stamp_ms,
		 serial);
}

/* Digits up to 'end', which is skipped; no sign, no leading zero, at most 'max'. */
static bool take_number(const char **s, char end, int64_t max, int64_t *ret)
{
	const char *p = *s;
	int64_t v = 0;
	if (*p < '1' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (*p - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	*s = p + 1;
	return *p == end;
}

bool stamp_token_parse(const char *token, int64_t *ret_version, int64_t *ret_stamp_ms)
{
	int64_t serial;
	return take_number(&token, '.', VERSION_MAX, ret_version) &&
	       take_number(&token, '.', STAMP_MAX, ret_stamp_ms) &&
	       take_number(&token, '\0', UINT32_MAX, &serial);
}
