/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may try how often: log-in attempts by peer address, writes by device. A token bucket of N
 * attempts a minute for each key, kept in a table of fixed size: keys that collide share a bucket, so a
 * collision can only make the limit stricter for a minute.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct throttle; /* heap, one owner; any thread */

struct throttle *throttle_new(uint64_t seed, size_t n_buckets);
void throttle_free(struct throttle *t);
/* Counts one attempt of an address (IPv6: of its /64). false: too many; *ret_wait_s says when the next one may come. per_minute 0:
 * no limit. */
bool throttle_attempt(struct throttle *t, const char *peer, int64_t per_minute, int64_t now_mono_ms,
		      int64_t *ret_wait_s);
/* The attempt was right: it does not count against the address. */
void throttle_success(struct throttle *t, const char *peer);
/* Counts one attempt of a number's owner: a device's id. */
bool throttle_attempt_id(struct throttle *t, int64_t id, int64_t per_minute, int64_t now_mono_ms,
			 int64_t *ret_wait_s);
