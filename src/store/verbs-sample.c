/* SPDX-License-Identifier: Apache-2.0
 *
 * Samples and raw reports, see sample.h. No events: they are what a device says all day long.
 */
#include "store/sample.h"
#include "store/verbs.h"

const struct sample_kind sample_kinds[] = {
	{ "cpu.temperature_c", "°C", "The hottest of the processor's sensors" },
	{ "cpu.used_percent", "%", "How busy the processor was" },
	{ "disk.free_bytes", "bytes", "Free on all volumes together" },
	{ "memory.free_bytes", "bytes", "Free memory" },
	{ NULL, NULL, NULL },
};

static bool is_sample_name(const char *name)
{
	for (const struct sample_kind *k = sample_kinds; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return true;
	return false;
}

/* ---- samples ---- */

static int64_t slot_of(int64_t at_ms)
{
	return at_ms - at_ms % SAMPLE_SLOT_MS;
}

int store_sample_put(struct store_conn *tx, int64_t device_id, const char *name, int64_t at_ms,
		     int64_t value, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	arena_init(&a);
	if (!is_sample_name(name) || at_ms <= 0)
		return error_set(err, ERR_INVALID, "\"%.60s\" is not measured", name);
	int r = store_device_get(tx, device_id, &a, &d, err);
	return r ? r
		 : row_put(tx, TABLE_sample,
			   &(struct sample){ .device_id = device_id,
					     .name = name,
					     .at_ms = slot_of(at_ms),
					     .value = value });
}

int store_sample_list(struct store_conn *c, int64_t device_id, const char *name, int64_t after_ms,
		      size_t limit, struct arena *a, struct sample **ret, size_t *ret_n)
{
	struct scan s = { .table = TABLE_sample,
			  .index = INDEX_PRIMARY,
			  .n_equal = 2,
			  .key = &(struct sample){ .device_id = device_id, .name = name },
			  .has_after = true,
			  .after = after_ms,
			  .limit = limit };
	void *rows = NULL;
	*ret_n = 0;
	int r = limit ? list_rows(c, &s, a, &rows, ret_n) : 0;
	*ret = rows;
	return r;
}

struct old_samples {
	int64_t before_ms;
	struct arena *arena;
	struct sample *rows;
	size_t n, max;
};

static int find_old(void *user, const void *record)
{
	struct old_samples *x = user;
	const struct sample *s = record;
	if (s->at_ms >= x->before_ms)
		return ROW_STOP;
	record_copy(TABLE_sample, s, x->arena, &x->rows[x->n++]);
	return x->n == x->max ? ROW_STOP : 0;
}

int store_sample_prune(struct store_conn *tx, int64_t before_ms, size_t max, size_t *ret_n)
{
	CLEANUP(arena_fini) struct arena a;
	struct scan s = { .table = TABLE_sample, .index = INDEX_OF(sample, by_age) };
	struct old_samples x = { .before_ms = before_ms, .arena = &a, .max = max };
	arena_init(&a);
	*ret_n = 0;
	x.rows = arena_new_n(&a, struct sample, max);
	int r = max ? row_scan(tx, &s, find_old, &x) : 0;
	for (size_t i = 0; i < x.n && r == 0; i++)
		r = row_delete(tx, TABLE_sample, &x.rows[i]);
	*ret_n = x.n;
	return r;
}

/* ---- raw reports ---- */

static int check_kind_room(struct store_conn *tx, const struct raw_report *new, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct raw_report old;
	struct scan s = {
		.table = TABLE_raw_report, .index = INDEX_PRIMARY, .n_equal = 1, .key = new
	};
	int64_t n = 0;
	arena_init(&a);
	int r = row_get_columns(tx, TABLE_raw_report, COLUMN_BIT(raw_report, received_ms), new, &a,
				&old);
	if (r != ROW_NOT_FOUND)
		return r;
	r = count_rows(tx, &s, &n);
	if (r == 0 && n >= RAW_REPORT_KINDS_MAX)
		return error_set(err, ERR_TOO_LARGE, "a device has at most %d kinds of raw reports",
				 RAW_REPORT_KINDS_MAX);
	return r;
}

int store_raw_report_put(struct store_conn *tx, int64_t device_id, const char *kind,
			 struct span body, int64_t now_ms, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct device d;
	struct raw_report new = {
		.device_id = device_id, .kind = kind, .size = (int64_t)body.n, .received_ms = now_ms
	};
	arena_init(&a);
	if (body.n <= RAW_REPORT_MAX)
		new.body = body;
	int r = check_name("a raw report's kind", kind, err);
	if (r == 0)
		r = store_device_get(tx, device_id, &a, &d, err);
	if (r == 0)
		r = check_kind_room(tx, &new, err);
	return r ? r : row_put(tx, TABLE_raw_report, &new);
}

struct raw_list {
	struct arena *arena;
	struct raw_report rows[RAW_REPORT_KINDS_MAX];
	size_t n;
};

static int list_raw(void *user, const void *record)
{
	struct raw_list *l = user;
	struct raw_report r = *(const struct raw_report *)record;
	r.body = (struct span){ NULL, 0 };
	record_copy(TABLE_raw_report, &r, l->arena, &l->rows[l->n++]);
	return l->n == RAW_REPORT_KINDS_MAX ? ROW_STOP : 0;
}

int store_raw_report_list(struct store_conn *c, int64_t device_id, struct arena *a,
			  struct raw_report **ret, size_t *ret_n)
{
	struct raw_list *l = arena_new(a, struct raw_list);
	struct scan s = { .table = TABLE_raw_report,
			  .index = INDEX_PRIMARY,
			  .n_equal = 1,
			  .key = &(struct raw_report){ .device_id = device_id } };
	l->arena = a;
	int r = row_scan(c, &s, list_raw, l);
	*ret = l->rows;
	*ret_n = l->n;
	return r;
}

int store_raw_report_get(struct store_conn *c, int64_t device_id, const char *kind, struct arena *a,
			 struct raw_report *ret, struct error *err)
{
	int r = row_get(c, TABLE_raw_report,
			&(struct raw_report){ .device_id = device_id, .kind = kind }, a, ret);
	if (r == ROW_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no \"%.40s\" report of device %lld",
				 kind, (long long)device_id);
	return r;
}
