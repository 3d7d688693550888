/* SPDX-License-Identifier: Apache-2.0
 *
 * Last contacts. A request only notes "device 12 was here" in memory; the background thread
 * writes what was noted every few seconds, and once more at the stop. Never a write per request.
 *
 * Bounded: when the table is full before the next flush, further devices are not noted (counted).
 */
#pragma once

#include "store/store.h"

struct seen; /* heap, one owner; any thread */

struct seen *seen_new(void);
void seen_free(struct seen *s);
void seen_device(struct seen *s, int64_t device_id, int64_t now_ms);
void seen_api_token(struct seen *s, int64_t api_token_id, int64_t now_ms);
/* Writes what was noted since; waits for the commit. 0, or the commit's error (it is lost then). */
int seen_flush(struct seen *s, struct store *store) WARN_UNUSED;
uint64_t seen_n_dropped(const struct seen *s);
