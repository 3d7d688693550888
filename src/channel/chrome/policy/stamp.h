/* SPDX-License-Identifier: Apache-2.0
 *
 * A policy's timestamp says which desired version it was made for: its last three digits are the version
 * modulo 1000, so what a client names later ("the last policy I saw is of …") tells the version it has applied,
 * without a row for each policy issued. Milliseconds within a second carry no other meaning.
 *
 * 'epoch' is added to the version: it changes when versions go back (a restored backup), so that the old
 * future's policies are not taken for today's. A client that lags by 1000 versions or more is taken for one
 * that lags by less; it is stale in any case.
 *
 * Passed over: a row for each device and type (a write with every new version, and lost after a crash), and the
 * policy_token, which clients send back only when they refuse a policy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define STAMP_MAX                                                                                  \
	INT64_C(253402300799000) /* the year 9999: what a client names beyond is nonsense */

/* The time of issue: now, at most a second earlier, unless 'floor_ms' (what the client has already) forbids;
 * then the earliest from there. Never below floor_ms. */
int64_t stamp_make(int64_t version, int64_t epoch, int64_t now_ms, int64_t floor_ms);
/* The version that is in a timestamp, given the current one; 0: none. */
int64_t stamp_version(int64_t stamp_ms, int64_t epoch, int64_t current_version);

/* policy_token: "VERSION.TIMESTAMP.SERIAL"; the serial tells answers apart that share the others. */
#define STAMP_TOKEN_SIZE 64
void stamp_token(int64_t version, int64_t stamp_ms, uint32_t serial, char ret[STAMP_TOKEN_SIZE]);
bool stamp_token_parse(const char *token, int64_t *ret_version, int64_t *ret_stamp_ms);
