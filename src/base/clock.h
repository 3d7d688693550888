/* SPDX-License-Identifier: Apache-2.0
 *
 * Time: milliseconds everywhere. UTC since 1970 for records, monotonic for intervals.
 *
 * Logic takes `now_ms` as a parameter; only edges call clock_*_ms(). Text forms: RFC 3339 with
 * milliseconds in UTC ("2026-11-25T14:06:06.123Z"); durations "90s", "15m", "24h", "7d", "500ms".
 */
#pragma once

#include "base/macros.h"
#include <stdbool.h>
#include <stdint.h>

int64_t clock_utc_ms(void);
int64_t clock_mono_ms(void);

#define CLOCK_TEXT_SIZE 32
const char *clock_format(int64_t utc_ms, char text[CLOCK_TEXT_SIZE]); /* returns 'text' */
bool clock_parse(const char *text, int64_t *ret_utc_ms);
/* A bare number is taken as seconds. false: not a duration, negative, or more than 100 years. */
bool duration_parse(const char *text, int64_t *ret_ms);
const char *duration_format(int64_t ms, char text[CLOCK_TEXT_SIZE]); /* largest exact unit */
