/* SPDX-License-Identifier: Apache-2.0
 *
 * Cells: ages at every border, sizes, versions, colours; any JSON in any cell.
 */
#include "reeve/cell.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static void test_ages(void **state)
{
	static const struct {
		int64_t age_s;
		const char *wanted;
	} ages[] = {
		{ 0, "now" },          { 1, "1s ago" },      { 119, "119s ago" },
		{ 120, "2m ago" },     { 7199, "119m ago" }, { 7200, "2h ago" },
		{ 172799, "47h ago" }, { 172800, "2d ago" }, { 864000 * 10, "100d ago" },
		{ -1, "in 1s" },       { -3599, "in 60m" },  { -7 * 86400 + 1, "in 7d" },
		{ -3600, "in 60m" },   { -86400, "in 24h" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(ages); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 100);
		age_add(&b, 1795615566000 - ages[i].age_s * 1000, 1795615566000);
		assert_string_equal(buf_str(&b), ages[i].wanted);
	}
}

static const struct {
	cell_fn *fn;
	const char *row, *wanted;
	enum color color;
} cells[] = {
	{ cell_text, "{\"k\":\"x\"}", "x", COLOR_NONE },
	{ cell_text, "{}", "-", COLOR_NONE },
	{ cell_text, "{\"k\":\"\"}", "-", COLOR_NONE },
	{ cell_text, "{\"k\":[1]}", "[1]", COLOR_NONE },
	{ cell_text, "{\"k\":true}", "true", COLOR_NONE },
	{ cell_json, "{\"k\":\"x\"}", "\"x\"", COLOR_NONE },
	{ cell_json, "{\"k\":null}", "-", COLOR_NONE },
	{ cell_params, "{\"k\":[]}", "-", COLOR_NONE },
	{ cell_params, "{\"k\":7}", "-", COLOR_NONE },
	{ cell_params,
	  "{\"k\":[{\"name\":\"a\",\"required\":true},{\"name\":\"b\",\"required\":true},{\"name\":\"c\"}]}",
	  "a b [c]", COLOR_NONE },
	{ cell_params, "{\"k\":[{\"name\":\"a\",\"required\":false}]}", "[a]", COLOR_NONE },
	{ cell_age, "{\"k\":null}", "-", COLOR_NONE },
	{ cell_age, "{\"k\":\"1970-01-01T00:00:00Z\"}", "10s ago", COLOR_NONE },
	{ cell_age, "{\"k\":\"soon\"}", "soon", COLOR_NONE },
	{ cell_seen, "{}", "never", COLOR_NONE },
	{ cell_time, "{\"k\":\"2026-11-25T14:06:06.123Z\"}", "2026-11-25 14:06:06", COLOR_NONE },
	{ cell_time, "{\"k\":5}", "5", COLOR_NONE },
	{ cell_verdict, "{\"k\":\"COMPLIANT\"}", "COMPLIANT", COLOR_GREEN },
	{ cell_verdict, "{\"k\":\"NON_COMPLIANT\"}", "NON_COMPLIANT", COLOR_RED },
	{ cell_verdict, "{\"k\":\"STALE\"}", "STALE", COLOR_YELLOW },
	{ cell_verdict, "{\"k\":\"UNKNOWN\"}", "UNKNOWN", COLOR_DIM },
	{ cell_state, "{\"k\":\"failed\"}", "failed", COLOR_RED },
	{ cell_size, "{\"k\":0}", "0 B", COLOR_NONE },
	{ cell_size, "{\"k\":1023}", "1023 B", COLOR_NONE },
	{ cell_size, "{\"k\":1536}", "1.5 KiB", COLOR_NONE },
	{ cell_size, "{\"k\":9223372036854775807}", "8388608.0 TiB", COLOR_NONE },
	{ cell_size, "{\"k\":\"x\"}", "x", COLOR_NONE },
	{ cell_list, "{\"k\":[\"a\",\"b\"]}", "a, b", COLOR_NONE },
	{ cell_list, "{\"k\":[]}", "-", COLOR_NONE },
	{ cell_version, "{\"k\":7,\"applied_version\":7}", "7", COLOR_NONE },
	{ cell_version, "{\"k\":7,\"applied_version\":5}", "5 → 7", COLOR_YELLOW },
	{ cell_version, "{\"k\":7,\"applied_version\":null}", "7", COLOR_NONE },
	{ cell_yes, "{\"k\":true}", "yes", COLOR_NONE },
	{ cell_yes, "{}", "no", COLOR_NONE },
};

static void test_cells(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++) {
		struct cell c;
		AUTO_JSON row = json_loads(cells[i].row, 0, NULL);
		const struct column column = { "K", "k", cells[i].fn, COLUMN_TEXT };
		cell_make(&c, &column, row, 10000);
		assert_string_equal(buf_str(&c.text), cells[i].wanted);
		assert_int_equal(c.color, cells[i].color);
		buf_fini(&c.text);
	}
}

static void test_any_json_in_any_cell(void **state)
{
	static const char *const values[] = { "null",  "true", "-5", "1.5",      "\"\"",
					      "\"x\"", "[]",   "{}", "[null,{}]" };
	for (size_t i = 0; i < ARRAY_SIZE(cells); i++)
		for (size_t k = 0; k < ARRAY_SIZE(values); k++) {
			struct cell c;
			AUTO_JSON row = json_object();
			json_object_set_new(row, "k", json_loads(values[k], JSON_DECODE_ANY, NULL));
			json_object_set(row, "applied_version", json_object_get(row, "k"));
			const struct column column = { "K", "k", cells[i].fn, COLUMN_TEXT };
			cell_make(&c, &column, row, 10000);
			assert_false(c.text.failed);
			buf_fini(&c.text);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ages),
		cmocka_unit_test(test_cells),
		cmocka_unit_test(test_any_json_in_any_cell),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
