/* SPDX-License-Identifier: Apache-2.0
 *
 * What devices measured over time, and their reports as they came over the wire.
 */
#include "base/clock.h"
#include "server/api/nouns.h"
#include "store/sample.h"
#include <inttypes.h>
#include <string.h>

/* ---- samples ---- */

struct sample_view {
	struct sample s;
	const char *unit;
};

static const struct field sample_fields[] = {
	FIELD_AT(struct sample_view, s.name, "name", AS_TEXT, 0, "What was measured"),
	FIELD_AT(struct sample_view, s.at_ms, "at", AS_TIME, 0, "When, to the minute"),
	FIELD_AT(struct sample_view, s.value, "value", AS_INT, 0, NULL),
	FIELD_AT(struct sample_view, unit, "unit", AS_TEXT, 0, "\"%\", \"bytes\" or \"°C\""),
	{ 0 },
};
const struct schema sample_schema = { .name = "Sample", .fields = sample_fields, .list = true };

struct sample_scan {
	int64_t device_id, since_ms;
	const char *name; /* NULL: all */
};

#define KEY_SIZE 80 /* "cpu.used_percent@001800000000000": sorts like (name, time) */

static int scan_kind(struct list_page *p, const struct sample_kind *kind, int64_t after_ms,
		     bool *ret_enough)
{
	const struct sample_scan *scan = p->arg;
	struct sample *rows;
	size_t n = 0;
	int r = store_sample_list(p->conn, scan->device_id, kind->name, after_ms, p->limit + 1,
				  p->arena, &rows, &n);
	for (size_t i = 0; i < n && r == 0 && !*ret_enough; i++) {
		char key[KEY_SIZE];
		snprintf(key, sizeof key, "%s@%015" PRId64, rows[i].name, rows[i].at_ms);
		const struct sample_view view = { rows[i], kind->unit };
		*ret_enough = list_row_named(p, key, &view);
	}
	return r;
}

static int sample_scan(struct list_page *p, struct error *err)
{
	const struct sample_scan *scan = p->arg;
	const char *at = strchr(p->after, '@');
	size_t n_name = at ? (size_t)(at - p->after) : 0;
	bool enough = false;
	int r = 0;
	for (const struct sample_kind *k = sample_kinds; k->name && r == 0 && !enough; k++) {
		bool here = strlen(k->name) == n_name && memcmp(k->name, p->after, n_name) == 0;
		if ((scan->name && strcmp(scan->name, k->name) != 0) ||
		    (n_name > 0 && !here && strcmp(k->name, p->after) < 0))
			continue;
		int64_t after_ms = here ? strtoll(at + 1, NULL, 10) : scan->since_ms - 1;
		r = scan_kind(p, k, after_ms, &enough);
	}
	return r;
}

static int check_name(const char *name, struct error *err)
{
	for (const struct sample_kind *k = sample_kinds; k->name; k++)
		if (!name || strcmp(name, k->name) == 0)
			return 0;
	return error_set(err, ERR_INVALID, "name: \"%.60s\" is not measured", name);
}

/* A time, or how long ago; none: from the start. */
static int read_since(const char *text, int64_t now_ms, int64_t *ret, struct error *err)
{
	int64_t ago_ms;
	if (!text || clock_parse(text, ret))
		return 0;
	if (!duration_parse(text, &ago_ms))
		return error_set(err, ERR_INVALID,
				 "since: \"%.60s\" is neither a time nor a duration", text);
	*ret = now_ms - ago_ms;
	return 0;
}

API_HANDLER(device_sample_list)
{
	static const struct list list = {
		.name = "samples", .fields = sample_fields, .scan = sample_scan, .by_name = true
	};
	struct sample_scan *scan = arena_new(http_arena(req), struct sample_scan);
	struct device d = { 0 };
	scan->name = http_query(req, "name");
	int r = check_name(scan->name, err);
	if (r == 0)
		r = read_since(http_query(req, "since"), clock_utc_ms(), &scan->since_ms, err);
	if (r == 0)
		r = api_device(req, api_conn(req), &d, err);
	scan->device_id = d.id;
	return r ? r : list_reply(req, &list, scan, err);
}

/* ---- raw reports ---- */

static const struct field raw_report_fields[] = {
	FIELD_AT(struct raw_report, kind, "kind", AS_TEXT, 0, "The channel's word"),
	FIELD_AT(struct raw_report, size, "size", AS_INT, 0,
		 "Bytes that came; large ones are not kept"),
	FIELD_AT(struct raw_report, received_ms, "received", AS_TIME, 0, NULL),
	{ 0 },
};
const struct schema raw_report_schema = { .name = "RawReport",
					  .fields = raw_report_fields,
					  .list = true };

static int raw_report_scan(struct list_page *p, struct error *err)
{
	const int64_t *device_id = p->arg;
	struct raw_report *rows;
	size_t n = 0;
	int r = store_raw_report_list(p->conn, *device_id, p->arena, &rows, &n);
	for (size_t i = 0; i < n && r == 0; i++)
		if (list_row_named(p, rows[i].kind, &rows[i]))
			break;
	return r;
}

API_HANDLER(device_raw_report_list)
{
	static const struct list list = { .name = "raw-reports",
					  .fields = raw_report_fields,
					  .scan = raw_report_scan,
					  .by_name = true };
	int64_t *id = arena_new(http_arena(req), int64_t);
	struct device d = { 0 };
	int r = api_device(req, api_conn(req), &d, err);
	*id = d.id;
	return r ? r : list_reply(req, &list, id, err);
}

API_HANDLER(device_raw_report_show)
{
	struct device d;
	struct raw_report report;
	int r = api_device(req, api_conn(req), &d, err);
	if (r == 0)
		r = store_raw_report_get(api_conn(req), d.id, http_path_param(req, "kind"),
					 http_arena(req), &report, err);
	if (r == 0 && report.body.n == 0 && report.size > 0)
		r = error_set(err, ERR_NOT_FOUND,
			      "the report was too large to be kept (%" PRId64 " bytes)",
			      report.size);
	if (r != 0)
		return r;
	http_reply_header(req, "Content-Disposition", "attachment");
	http_reply(req, 200, "application/octet-stream", report.body);
	return 0;
}
