/* SPDX-License-Identifier: Apache-2.0
 *
 * Reports: stored, judged, and an event only when the verdict is another one.
 *
 * The hot path: a device that reports again what it reported before costs its row's last_seen, its
 * report's row, and nothing else (columns that did not change are not written, so their indexes are
 * not touched).
 */
#include "store/verbs.h"

#include "model/version.h"
#include "store/json-line.h"
#include <errno.h>
#include <inttypes.h>

#define VERSION_MAX (INT64_C(1) << 53) /* what JSON numbers hold exactly */

#define OBSERVED_BYTES_MAX (16 * 1024 * 1024) /* the channels' own limits are far below */

#define JUDGED_COLUMNS                                                                             \
	(COLUMN_BIT(device, applied_version) | COLUMN_BIT(device, judged_version) |                \
	 COLUMN_BIT(device, lag) | COLUMN_BIT(device, reported) | COLUMN_BIT(device, satisfied))

/* All that judging reads; the rest of the row is wide. */
#define HOT_COLUMNS                                                                                \
	(JUDGED_COLUMNS | COLUMN_BIT(device, org_id) | COLUMN_BIT(device, fleet_id) |              \
	 COLUMN_BIT(device, channel) | COLUMN_BIT(device, last_seen_ms) |                          \
	 COLUMN_BIT(device, unenrolled_ms) | COLUMN_BIT(device, version_base) |                    \
	 COLUMN_BIT(device, changes))

static bool judged_alike(const struct device *a, const struct device *b)
{
	return a->applied_version == b->applied_version && a->judged_version == b->judged_version &&
	       a->lag == b->lag && a->reported == b->reported && a->satisfied == b->satisfied;
}

static int verdict_event(struct store_conn *tx, int64_t device_id, enum verdict before,
			 const struct judgement *after, int64_t now_ms)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	arena_init(&a);
	int r = row_get(tx, TABLE_device, &(struct device){ .id = device_id }, &a, &d);
	if (r)
		return r;
	struct change by = { .actor = arena_printf(&a, "device:%" PRId64, d.id), .now_ms = now_ms };
	json_t *was = json_pack("{s:s}", "verdict", verdict_name(before));
	json_t *is = json_pack("{s:s, s:I, s:I}", "verdict", verdict_name(after->verdict),
			       "version", (json_int_t)after->version, "applied_version",
			       (json_int_t)d.applied_version);
	return event_add(tx, &by,
			 &(struct event_new){ .type = EVENT_DEVICE_VERDICT,
					      .org_id = d.org_id,
					      .fleet_id = d.fleet_id,
					      .device_id = d.id,
					      .object = d.name,
					      .before = was,
					      .after = is });
}

/* The row after the report; its verdict. */
static int judge_new(struct store_conn *tx, const struct device *before, int64_t applied_version,
		     const json_t *observed, int64_t now_ms, struct device *after,
		     struct judgement *ret)
{
	CLEANUP(desired_fini) struct desired desired = { 0 };
	bool recheck;
	int r = store_desired(tx, before, &desired);
	if (r)
		return r;
	*after = *before;
	after->applied_version = applied_version;
	after->judged_version = desired.version;
	after->lag = version_lag(after);
	after->reported = true;
	after->satisfied = verdict_satisfied(&desired, observed, NULL);
	if (now_ms > after->last_seen_ms)
		after->last_seen_ms = now_ms;
	int64_t chain = desired.version - version_of(after, 0);
	ret->version = desired.version;
	ret->verdict = verdict_of(after, chain, &recheck);
	return 0;
}

static int write_report(struct store_conn *tx, const struct device *before,
			const struct device *after, const json_t *observed, const char *raw_json,
			int64_t now_ms)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, OBSERVED_BYTES_MAX);
	json_line_add(&text, observed);
	uint64_t columns = COLUMN_BIT(device, last_seen_ms);
	if (!judged_alike(before, after))
		columns |= JUDGED_COLUMNS;
	int r = text.failed ? -E2BIG : row_update(tx, TABLE_device, columns, after);
	if (r)
		return r;
	return row_put(tx, TABLE_report,
		       &(struct report){ .device_id = after->id,
					 .received_ms = now_ms,
					 .applied_version = after->applied_version,
					 .observed_json = buf_str(&text),
					 .raw_json = raw_json });
}

int store_report(struct store_conn *tx, int64_t device_id, int64_t applied_version,
		 const json_t *observed, const char *raw_json, int64_t now_ms,
		 enum verdict *ret_verdict, int64_t *ret_version, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device before, after;
	struct judgement was, is;
	arena_init(&a);
	if (applied_version < 0 || applied_version > VERSION_MAX)
		return error_set(err, ERR_INVALID, "the applied version is out of range");
	int r = row_get_columns(tx, TABLE_device, HOT_COLUMNS, &(struct device){ .id = device_id },
				&a, &before);
	r = found(r, "device", device_id, err);
	if (r == 0 && before.unenrolled_ms)
		return error_set(err, ERR_GONE, "device %" PRId64 " is no longer managed",
				 device_id);
	if (r == 0)
		r = judge(tx, &before, &was);
	if (r == 0)
		r = judge_new(tx, &before, applied_version, observed, now_ms, &after, &is);
	if (r == 0)
		r = write_report(tx, &before, &after, observed, raw_json, now_ms);
	if (r == 0 && was.verdict != is.verdict)
		r = verdict_event(tx, device_id, was.verdict, &is, now_ms);
	if (r)
		return r;
	*ret_verdict = is.verdict;
	*ret_version = is.version;
	return 0;
}

int store_report_get(struct store_conn *c, int64_t device_id, struct arena *a, struct report *ret,
		     struct error *err)
{
	int r = row_get(c, TABLE_report, &(struct report){ .device_id = device_id }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "device %" PRId64 " has not reported yet",
				 device_id);
	return r;
}
