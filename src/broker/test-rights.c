/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what: one account, every kind of topic, both spellings.
 */
#include "broker/rights.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROOT "0/agent/SER1"

enum { R = 1, W = 2, K = 4 /* kept: retained */, S = 8 };

static unsigned all_of(const struct rights *r, const char *topic)
{
	return (rights_may(r, RIGHTS_READ, topic) ? R : 0u) |
	       (rights_may(r, RIGHTS_WRITE, topic) ? W : 0u) |
	       (rights_may(r, RIGHTS_WRITE_RETAINED, topic) ? K : 0u) |
	       (rights_may(r, RIGHTS_SUBSCRIBE, topic) ? S : 0u);
}

static const struct {
	const char *topic; /* without leading slash */
	unsigned may;
} cases[] = {
	{ ROOT "/Command/Wipe", R | S },
	{ ROOT "/Command/Subscribe", R | S },
	{ ROOT "/Policy/disableWifi/Task/12", R | S },
	{ ROOT "/camera", R | S },
	{ ROOT "/Status/Ping", W | S },
	{ ROOT "/Status/Online", W | K | S },
	{ ROOT "/Status/Online/x", W | S },
	{ ROOT "/Status/Task/12", W | S },
	{ ROOT "/Status", S },
	{ ROOT "/Status/", W | S },
	{ ROOT "/Statusx/Ping", R | S },
	{ ROOT "/FlyvemdmManifest/Status/Version", W | S },
	{ ROOT, 0 },
	{ ROOT "/", R | S },
	{ ROOT "/#", R | S }, /* as a filter; nobody publishes to it */
	{ ROOT "/+/Ping", R | S },
	{ ROOT "0/Command/Wipe", 0 },
	{ "0/agent/SER", 0 },
	{ "0/agent/SER2/Command/Wipe", 0 },
	{ "0/agent/SER2/Status/Online", 0 },
	{ "0/agent/ser1/Status/Online", 0 },
	{ "1/agent/SER1/Status/Online", 0 },
	{ "0/agent/+/Command/Wipe", 0 },
	{ "0/agent/#", 0 },
	{ "+/agent/SER1/#", 0 },
	{ "0/#", 0 },
	{ "#", 0 },
	{ "+", 0 },
	{ "+/#", 0 },
	{ "", 0 },
	{ "0/fleet/5/camera", R | S },
	{ "0/fleet/5/#", R | S },
	{ "0/fleet/5/Policy/x/Task/1", R | S },
	{ "0/fleet/5", 0 },
	{ "0/fleet/51/camera", 0 },
	{ "0/fleet/6/camera", R | S }, /* the second fleet */
	{ "0/fleet/7/camera", 0 },
	{ "0/fleet/+/camera", 0 },
	{ "FlyvemdmManifest/Status/Version", R | S },
	{ "FlyvemdmManifest/#", R | S },
	{ "FlyvemdmManifest", 0 },
	{ "$SYS/broker/clients/total", 0 },
	{ "$SYS/#", 0 },
	{ "$share/x/" ROOT "/#", 0 },
	{ "$CONTROL/dynamic-security/v1", 0 },
	{ "null/#", 0 },
};

static const struct rights account = { ROOT,
				       "0/fleet/5\0"
				       "0/fleet/6\0",
				       0 };

static void test_table(void **state)
{
	char slashed[200];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		snprintf(slashed, sizeof slashed, "/%s", cases[i].topic);
		if (all_of(&account, cases[i].topic) != cases[i].may)
			fail_msg("%s: %u", cases[i].topic, all_of(&account, cases[i].topic));
		assert_int_equal(all_of(&account, slashed), cases[i].may);
		snprintf(slashed, sizeof slashed, "//%s", cases[i].topic);
		assert_int_equal(all_of(&account, slashed), 0);
	}
}

static void test_everything_filter(void **state)
{
	struct rights r = account;
	(void)state;
	r.flags = RIGHTS_EVERYTHING_FILTER;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		bool everything = strcmp(cases[i].topic, "#") == 0;
		assert_int_equal(all_of(&r, cases[i].topic), everything ? S : cases[i].may);
	}
}

static void test_no_fleet(void **state)
{
	struct rights r = { ROOT, "", 0 };
	(void)state;
	assert_int_equal(all_of(&r, "0/fleet/5/camera"), 0);
	assert_int_equal(all_of(&r, "/camera"), 0);
	assert_int_equal(all_of(&r, ROOT "/Command/Ping"), R | S);
}

static void test_roots(void **state)
{
	static const struct {
		const char *root;
		bool valid;
	} roots[] = {
		{ ROOT, true },
		{ "0/agent/a b", true },
		{ "0/agent/\xc3\xa9", true },
		{ "", false },
		{ "0", false },
		{ "0/agent", false },
		{ "0/agent/", false },
		{ "0//SER1", false },
		{ "/agent/SER1", false },
		{ "0/agent/a/b", false },
		{ "/0/agent/a", false },
		{ "0/agent/+", false },
		{ "0/agent/a#", false },
		{ "$SYS/a/b", false },
		{ "0/agent/\xff", false },
		{ "0/agent/a\n", false },
		{ "0/agent/\x7f", false },
		{ "0/agent/${clientid}", false },
		{ "0/agent/%c", false },
	};
	char text[RIGHTS_ROOT_MAX + 2];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
		if (rights_root_valid(span_str(roots[i].root)) != roots[i].valid)
			fail_msg("%s", roots[i].root);
	assert_false(rights_root_valid((struct span){ (const uint8_t *)"0/agent/\0x", 10 }));
	memset(text, 'a', sizeof text);
	memcpy(text, "0/b/", 4);
	assert_true(rights_root_valid((struct span){ (uint8_t *)text, RIGHTS_ROOT_MAX }));
	assert_false(rights_root_valid((struct span){ (uint8_t *)text, RIGHTS_ROOT_MAX + 1 }));
}

struct rows {
	size_t n, n_write;
};

/* What the list allows, the decision allows. */
static void check_row(void *user, const struct rights_row *row)
{
	struct rows *rows = user;
	char topic[sizeof row->filter];
	size_t n = strlen(row->filter);
	memcpy(topic, row->filter, n + 1);
	assert_int_equal(topic[n - 1], '#');
	assert_true(row->write || rights_may(&account, RIGHTS_SUBSCRIBE, topic));
	topic[n - 1] = 'x';
	assert_true(rights_may(&account, row->write ? RIGHTS_WRITE : RIGHTS_READ, topic));
	rows->n++;
	rows->n_write += row->write;
}

static void test_list(void **state)
{
	struct rows rows = { 0 };
	(void)state;
	rights_each(&account, check_row, &rows);
	assert_int_equal(rows.n, 2 * 6);
	assert_int_equal(rows.n_write, 2 * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),    cmocka_unit_test(test_everything_filter),
		cmocka_unit_test(test_no_fleet), cmocka_unit_test(test_roots),
		cmocka_unit_test(test_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
