/* SPDX-License-Identifier: Apache-2.0
 *
 * Verbs of what devices measure: samples over time, and the last raw report of each kind as it came
 * over the wire. As store.h says: 0, negative, or a positive enum err; records live in the arena.
 *
 * Both are bounded for each device, whatever it sends: a sample's time is rounded down to its slot and a
 * slot holds one value, the names are a fixed list, and old samples are pruned (retention.samples).
 */
#pragma once

#include "store/store.h"

#define SAMPLE_SLOT_MS       (60 * 1000)
#define RAW_REPORT_MAX       (1 << 20) /* of a larger one only its size is kept */
#define RAW_REPORT_KINDS_MAX 16

struct sample_kind {
	const char *name, *unit, *doc;
};
extern const struct sample_kind sample_kinds[]; /* ends with a NULL name; sorted by name */

/* The value replaces that of the same slot. ERR_INVALID: no such name; ERR_NOT_FOUND: no such device. */
int store_sample_put(struct store_conn *tx, int64_t device_id, const char *name, int64_t at_ms,
		     int64_t value, struct error *err) WARN_UNUSED;
/* The device's samples of this name beyond 'after_ms', oldest first. */
int store_sample_list(struct store_conn *c, int64_t device_id, const char *name, int64_t after_ms,
		      size_t limit, struct arena *a, struct sample **ret,
		      size_t *ret_n) WARN_UNUSED;
/* Removes samples older than the given time, of any device, oldest first, at most 'max'. */
int store_sample_prune(struct store_conn *tx, int64_t before_ms, size_t max,
		       size_t *ret_n) WARN_UNUSED;

/* The latest of its kind. ERR_TOO_LARGE: more kinds than a device may have. */
int store_raw_report_put(struct store_conn *tx, int64_t device_id, const char *kind,
			 struct span body, int64_t now_ms, struct error *err) WARN_UNUSED;
/* Without the bodies. */
int store_raw_report_list(struct store_conn *c, int64_t device_id, struct arena *a,
			  struct raw_report **ret, size_t *ret_n) WARN_UNUSED;
int store_raw_report_get(struct store_conn *c, int64_t device_id, const char *kind, struct arena *a,
			 struct raw_report *ret, struct error *err) WARN_UNUSED;
