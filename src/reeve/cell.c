/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells: see cell.h. Texts are cleaned where they enter a table (table_cell).
 */
#include "reeve/cell.h"
#include "base/clock.h"
#include <inttypes.h>

#define CELL_MAX (64u << 10) /* bytes; nobody reads more in a table */

void value_add(struct buf *out, const json_t *v)
{
	if (!v || json_is_null(v)) {
		buf_add_str(out, "-");
	} else if (json_is_string(v)) {
		buf_add_str(out, json_string_value(v));
	} else {
		CLEANUP(free_charp) char *text = json_text(v);
		buf_add_str(out, text);
	}
}

void cell_text(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	value_add(&ret->text, v);
	buf_add_str(&ret->text, ret->text.n == 0 ? "-" : ""); /* a gap reads as a mistake */
}

void cell_dim(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	cell_text(ret, v, row, now_ms);
	ret->color = COLOR_DIM;
}

void cell_json(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	CLEANUP(free_charp) char *text = json_text(v);
	buf_add_str(&ret->text, json_is_null(v) ? "-" : text);
}

void cell_yes(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	buf_add_str(&ret->text, json_is_true(v) ? "yes" : "no");
}

void cell_list(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	size_t i;
	json_t *item;
	if (!json_is_array(v) || json_array_size(v) == 0) {
		value_add(&ret->text, json_is_array(v) ? NULL : v);
		return;
	}
	json_array_foreach ((json_t *)v, i, item) {
		buf_add_str(&ret->text, i > 0 ? ", " : "");
		value_add(&ret->text, item);
	}
}

void cell_params(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	size_t i;
	json_t *param;
	json_array_foreach ((json_t *)v, i, param) {
		bool needed = json_is_true(json_object_get(param, "required"));
		buf_add_str(&ret->text, i > 0 ? needed ? " " : " [" : needed ? "" : "[");
		value_add(&ret->text, json_object_get(param, "name"));
		buf_add_str(&ret->text, needed ? "" : "]");
	}
	buf_add_str(&ret->text, ret->text.n == 0 ? "-" : "");
}

void age_add(struct buf *out, int64_t at_ms, int64_t now_ms)
{
	static const struct {
		int64_t s;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = (now_ms - at_ms) / 1000;
	bool future = s < 0;
	size_t i = 0;
	if (future)
		s = -s;
	if (s == 0) {
		buf_add_str(out, "now");
		return;
	}
	while (s < units[i].s * (units[i].s > 1 ? 2 : 1) && i + 1 < ARRAY_SIZE(units))
		i++;                                 /* "90m", not "1h": one unit must say enough */
	int64_t begun = future ? units[i].s - 1 : 0; /* a token for 1h says so while it is new */
	buf_addf(out, future ? "in %" PRId64 "%c" : "%" PRId64 "%c ago", (s + begun) / units[i].s,
		 units[i].unit);
}

static void add_age(struct cell *ret, const json_t *v, int64_t now_ms, const char *none)
{
	int64_t ms;
	if (json_is_null(v))
		buf_add_str(&ret->text, none);
	else if (json_is_string(v) && clock_parse(json_string_value(v), &ms))
		age_add(&ret->text, ms, now_ms);
	else
		value_add(&ret->text, v);
}

void cell_age(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	add_age(ret, v, now_ms, "-");
}

void cell_seen(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	add_age(ret, v, now_ms, "never");
}

void cell_time(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	int64_t ms;
	char text[CLOCK_TEXT_SIZE];
	if (!json_is_string(v) || !clock_parse(json_string_value(v), &ms)) {
		value_add(&ret->text, v);
		return;
	}
	clock_format(ms, text);
	buf_addf(&ret->text, "%.10s %.8s", text, text + 11);
}

static void add_coloured(struct cell *ret, const json_t *v, const char *const green[],
			 const char *const yellow[], const char *const red[])
{
	const struct {
		const char *const *words;
		enum color color;
	} groups[] = { { green, COLOR_GREEN }, { yellow, COLOR_YELLOW }, { red, COLOR_RED } };
	value_add(&ret->text, v);
	ret->color = COLOR_DIM;
	for (size_t g = 0; g < ARRAY_SIZE(groups); g++)
		for (const char *const *w = groups[g].words; *w; w++)
			if (strcmp(buf_str(&ret->text), *w) == 0)
				ret->color = groups[g].color;
}

void cell_verdict(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	static const char *const green[] = { "COMPLIANT", NULL };
	static const char *const yellow[] = { "STALE", NULL };
	static const char *const red[] = { "NON_COMPLIANT", NULL };
	add_coloured(ret, v, green, yellow, red);
}

void cell_state(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	static const char *const green[] = { "done", "applied", NULL };
	static const char *const yellow[] = { "queued", "sent", "acknowledged", "pending", NULL };
	static const char *const red[] = { "failed", "expired", NULL };
	add_coloured(ret, v, green, yellow, red);
}

void cell_size(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double size = json_number_value(v);
	size_t i = 0;
	if (!json_is_number(v)) {
		value_add(&ret->text, v);
		return;
	}
	for (; size >= 1024 && i + 1 < ARRAY_SIZE(units); i++)
		size /= 1024;
	buf_addf(&ret->text, i == 0 ? "%.0f %s" : "%.1f %s", size, units[i]);
}

void cell_version(struct cell *ret, const json_t *v, const json_t *row, int64_t now_ms)
{
	const json_t *applied = json_object_get(row, "applied_version");
	if (json_is_integer(applied) && !json_equal(applied, v)) {
		value_add(&ret->text, applied);
		buf_add_str(&ret->text, " → ");
		ret->color = COLOR_YELLOW;
	}
	value_add(&ret->text, v);
}

void cell_make(struct cell *ret, const struct column *c, const json_t *row, int64_t now_ms)
{
	const json_t *v = json_object_get(row, c->key);
	ret->color = COLOR_NONE;
	buf_init(&ret->text, CELL_MAX);
	(c->cell ? c->cell : cell_text)(ret, v ? v : json_null(), row, now_ms);
}
