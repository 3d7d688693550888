/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter language asked about one device; its errors with their columns, bounds and nodes.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "model/filter.h"
#include "model/verdict.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define DAY ((int64_t)86400000)
#define NOW (1000 * DAY)

static const struct fleet fleets[] = {
	{ .id = 1, .name = "default", .changes = 10 },
	{ .id = 2, .parent_id = 1, .name = "Sales", .changes = 5 },
	{ .id = 3, .parent_id = 2, .name = "Berlin" },
	{ .id = 4, .parent_id = 1, .name = "Lab" },
	{ .id = 5, .parent_id = 4, .name = "Berlin" },
};

/* The device that is asked about: in default/Sales/Berlin, version 18, seen two days ago. */
static const struct device device = {
	.id = 42,
	.fleet_id = 3,
	.name = "Host-7",
	.kind = "linux",
	.channel = "device",
	.serial = "PF3XYZ",
	.external_id = "42",
	.parent_id = 9,
	.model = "ThinkPad X1",
	.os_version = "Debian GNU/Linux 12",
	.agent_version = "1.0",
	.enrolled_ms = NOW - 30 * DAY,
	.last_seen_ms = NOW - 2 * DAY,
	.version_base = 1,
	.changes = 2,
	.applied_version = 18,
	.judged_version = 18,
	.reported = true,
	.satisfied = false,
};

static const char *attribute(void *user, const char *name)
{
	return strcmp(name, "site") == 0 ? "HQ east" : NULL;
}

static struct fleet_tree *new_tree(void)
{
	struct fleet_tree *t;
	assert_int_equal(fleet_tree_new(fleets, ARRAY_SIZE(fleets), &t), 0);
	return t;
}

static const struct {
	const char *text;
	bool match;
} matches[] = {
	{ "", true },
	{ "  \t\n ", true },
	/* numbers */
	{ "id=42", true },
	{ "id = 42", true },
	{ "id!=42", false },
	{ "id<43", true },
	{ "id<42", false },
	{ "id<=42", true },
	{ "id>41", true },
	{ "id>=43", false },
	{ "id=-1", false },
	{ "id='42'", true },
	{ "id in (1,2,42)", true },
	{ "id in (1, 2)", false },
	{ "version=18", true },
	{ "version>18", false },
	{ "applied_version>=18", true },
	/* text */
	{ "name=Host-7", true },
	{ "name=host-7", false },
	{ "name~host", true },
	{ "name~OST", true },
	{ "name~ost-8", false },
	{ "name~''", true },
	{ "name!=x", true },
	{ "serial=PF3XYZ", true },
	{ "serial in (a, PF3XYZ)", true },
	{ "external_id=42", true },
	{ "parent=9", true },
	{ "parent=0", false },
	{ "model=\"ThinkPad X1\"", true },
	{ "model='ThinkPad X1'", true },
	{ "model='ThinkPad\\ X1'", true },
	{ "model='ThinkPad'", false },
	{ "os_version~debian", true },
	{ "agent_version=1.0", true },
	{ "name=\"a\\\"b\"", false },
	/* words */
	{ "kind=linux", true },
	{ "kind=LINUX", true },
	{ "kind!=linux", false },
	{ "kind in (browser,linux)", true },
	{ "channel=device", true },
	{ "channel=chrome", false },
	/* verdicts */
	{ "verdict=NON_COMPLIANT", true },
	{ "verdict!=COMPLIANT", true },
	{ "verdict=compliant", false },
	{ "verdict in (STALE, UNKNOWN)", false },
	/* fleets */
	{ "fleet=3", true },
	{ "fleet=Sales/Berlin", true },
	{ "fleet=Lab/Berlin", false },
	{ "fleet=Sales", false },
	{ "fleet!=Sales", true },
	{ "within=Sales", true },
	{ "within=default", true },
	{ "within=Lab", false },
	{ "within!=Lab", true },
	{ "within in (Lab, Sales)", true },
	/* ages and times */
	{ "last_seen<7d", true },
	{ "last_seen<2d", false },
	{ "last_seen<=2d", true },
	{ "last_seen>1d", true },
	{ "last_seen>=2d", true },
	{ "last_seen>2d", false },
	{ "last_seen<1h", false },
	{ "enrolled>29d", true },
	{ "enrolled<29d", false },
	{ "enrolled>1970-01-02T00:00:00Z", true },
	{ "enrolled<'1970-01-02T00:00:00Z'", false },
	/* bool */
	{ "managed=true", true },
	{ "managed=false", false },
	{ "managed!=false", true },
	{ "managed in (true,false)", true },
	/* attributes */
	{ "attribute.site='HQ east'", true },
	{ "attribute.site~hq", true },
	{ "attribute.none=''", true },
	{ "attribute.none!=x", true },
	{ "attribute.none=x", false },
	/* logic */
	{ "kind=linux and id=42", true },
	{ "kind=linux and id=43", false },
	{ "kind=vm or id=42", true },
	{ "kind=vm or id=43", false },
	{ "not kind=vm", true },
	{ "not not kind=vm", false },
	{ "NOT kind=vm AND id=42", true },
	{ "kind=vm and id=43 or id=42", true },
	{ "id=42 or kind=vm and id=43", true },
	{ "(id=42 or kind=vm) and id=43", false },
	{ "not (id=43 or id=44)", true },
	{ "((((id=42))))", true },
	{ "kind=linux and verdict!=COMPLIANT and last_seen<7d", true },
	{ "name=and or id=42", true },
	{ "name='not'or id=42", true },
	{ "id in(42)and(kind=linux)", true },
};

static void test_match(void **state)
{
	struct fleet_tree *tree = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(matches); i++) {
		struct arena a;
		struct error err = { 0 };
		const struct filter *f = NULL;
		arena_init(&a);
		int r = filter_parse(matches[i].text, tree, NOW, &a, &f, &err);
		if (r)
			fail_msg("%s: %s", matches[i].text, err.message);
		if (filter_match(f, &device, tree, attribute, NULL) != matches[i].match)
			fail_msg("%s: not %d", matches[i].text, matches[i].match);
		arena_fini(&a);
	}
	fleet_tree_free(tree);
}

static void test_errors(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "name=", "column 6: expected a value after \"=\"" },
		{ "last_seen  <", "column 13: expected a value after \"<\"" },
		{ "name", "column 5: expected =, != or ~ after \"name\"" },
		{ "id", "column 3: expected =, !=, <, <=, > or >= after \"id\"" },
		{ "=5", "column 1: expected a field" },
		{ "and", "column 1: there is no field \"and\"" },
		{ "lastseen<7d",
		  "column 1: there is no field \"lastseen\"; did you mean \"last_seen\"?" },
		{ "colour=red", "column 1: there is no field \"colour\"" },
		{ "attribute.=x", "column 1: there is no field \"attribute.\"" },
		{ "Name=x", "column 1: there is no field \"Name\"; did you mean \"name\"?" },
		{ "'name'=x", "column 1: expected a field" },
		{ "name<x", "column 5: name compares with =, != or ~, not with <" },
		{ "kind~lin", "column 5: kind compares with = or !=, not with ~" },
		{ "verdict>STALE", "column 8: verdict compares with = or !=, not with >" },
		{ "id~4", "column 3: id compares with =, !=, <, <=, > or >=, not with ~" },
		{ "managed>true", "column 8: managed compares with = or !=, not with >" },
		{ "id=x", "column 4: expected a number, not \"x\"" },
		{ "id=4x", "column 4: expected a number, not \"4x\"" },
		{ "id=''", "column 4: expected a number, not \"\"" },
		{ "id=99999999999999999999",
		  "column 4: expected a number, not \"99999999999999999999\"" },
		{ "kind=toaster",
		  "column 6: expected browser, chromeos, android, linux, vm or container, "
		  "not \"toaster\"" },
		{ "channel=http",
		  "column 9: expected chrome, flyve, mdmcore, device or vm, not \"http\"" },
		{ "verdict=GOOD",
		  "column 9: expected UNKNOWN, STALE, NON_COMPLIANT or COMPLIANT, not "
		  "\"GOOD\"" },
		{ "managed=maybe", "column 9: expected true or false, not \"maybe\"" },
		{ "last_seen<soon", "column 11: expected an age (\"7d\", \"12h\") or a time "
				    "(\"2026-11-25T14:06:06Z\"), not \"soon\"" },
		{ "fleet=Nowhere", "column 7: there is no fleet \"Nowhere\"" },
		{ "fleet=Berlin", "column 7: fleet \"Berlin\" may be default/Sales/Berlin, "
				  "default/Lab/Berlin" },
		{ "id=1 id=2", "column 6: expected \"and\", \"or\" or the end after \"1\"" },
		{ "id=1 and", "column 9: expected a field after \"and\"" },
		{ "id=1 or or id=2", "column 9: there is no field \"or\"" },
		{ "not", "column 4: expected a field after \"not\"" },
		{ "(id=1", "column 6: expected \"and\", \"or\" or \")\" after \"1\"" },
		{ "id=1)", "column 5: expected \"and\", \"or\" or the end after \"1\"" },
		{ "()", "column 2: expected a field after \"(\"" },
		{ "id in 1", "column 7: expected \"(\" after \"in\"" },
		{ "id in ()", "column 8: expected a value after \"(\"" },
		{ "id in (1", "column 9: expected \",\" or \")\" after \"1\"" },
		{ "id in (1,", "column 10: expected a value after \",\"" },
		{ "id in (1 2)", "column 10: expected \",\" or \")\" after \"1\"" },
		{ "name='x", "column 6: the quote is not closed" },
		{ "name=\"x'", "column 6: the quote is not closed" },
		{ "name='x\\'", "column 6: the quote is not closed" },
		{ "name ! x", "column 6: expected \"!=\", found \"!\"" },
		{ "name='é€' and x=", "column 15: there is no field \"x\"" },
		{ "name=\xff", "the filter is not valid UTF-8" },
	};
	struct fleet_tree *tree = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena a;
		struct error err = { 0 };
		const struct filter *f = NULL;
		arena_init(&a);
		assert_int_equal(filter_parse(cases[i].text, tree, NOW, &a, &f, &err), ERR_INVALID);
		assert_string_equal(err.message, cases[i].message);
		assert_null(f);
		arena_fini(&a);
	}
	fleet_tree_free(tree);
}

/* 'n' times 'unit' between 'head' and 'tail'. */
static int parse_repeated(const char *head, const char *unit, size_t n, const char *tail,
			  struct error *err)
{
	struct arena a;
	const struct filter *f;
	CLEANUP(buf_fini) struct buf text;
	struct fleet_tree *tree = new_tree();
	arena_init(&a);
	buf_init(&text, 100000);
	buf_add_str(&text, head);
	for (size_t i = 0; i < n; i++)
		buf_add_str(&text, unit);
	buf_add_str(&text, tail);
	int r = filter_parse(buf_str(&text), tree, NOW, &a, &f, err);
	if (r == 0)
		assert_false(filter_match(f, &device, tree, attribute, NULL));
	arena_fini(&a);
	fleet_tree_free(tree);
	return r;
}

static void test_bounds(void **state)
{
	static const struct {
		const char *head, *unit;
		size_t n;
		const char *tail, *message; /* NULL: fine */
	} cases[] = {
		{ "id=1", " or id=1", 127, "", NULL },
		{ "id=1", " or id=1", 128, "", "column 1028: more than 128 comparisons" },
		{ "id=1", " and id=1", 127, "", NULL },
		{ "id in (1", ",1", 127, ")", NULL },
		{ "id in (1", ",1", 128, ")", "column 264: more than 128 comparisons" },
		{ "", "not ", 30, "id=1", NULL },
		{ "", "not ", 32, "id=1", "column 129: nested deeper than 32" },
		{ "", "(", 32, "id=1", "column 33: nested deeper than 32" },
		{ "", "(", 4000, "", "column 33: nested deeper than 32" },
		{ "name='", "x", 4089, "'", NULL },
		{ "name='", "x", 4090, "'", "a filter has at most 4096 bytes" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		int r = parse_repeated(cases[i].head, cases[i].unit, cases[i].n, cases[i].tail,
				       &err);
		assert_string_equal(err.message, cases[i].message ? cases[i].message : "");
		assert_int_equal(r, cases[i].message ? ERR_INVALID : 0);
	}
}

static void test_never_seen(void **state)
{
	static const struct {
		const char *text;
		bool match;
	} cases[] = {
		{ "last_seen<7d", false },
		{ "last_seen<=36500d", false },
		{ "last_seen>7d", true },
		{ "last_seen>=7d", true },
		{ "last_seen<2026-01-01T00:00:00Z", true },
		{ "not last_seen<7d", true },
	};
	struct device never = { .id = 1, .fleet_id = 1 };
	struct fleet_tree *tree = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct arena a;
		const struct filter *f;
		arena_init(&a);
		assert_int_equal(filter_parse(cases[i].text, tree, clock_utc_ms(), &a, &f, NULL),
				 0);
		assert_int_equal(filter_match(f, &never, tree, attribute, NULL), cases[i].match);
		arena_fini(&a);
	}
	fleet_tree_free(tree);
}

static void test_verdicts_of_rows(void **state)
{
	static const struct {
		bool reported, satisfied;
		int64_t applied;
		enum verdict verdict;
	} cases[] = {
		{ false, false, 0, VERDICT_UNKNOWN },
		{ true, true, 10, VERDICT_STALE },
		{ true, true, 18, VERDICT_COMPLIANT },
		{ true, false, 18, VERDICT_NON_COMPLIANT },
	};
	struct fleet_tree *tree = new_tree();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t v = 0; v <= VERDICT_COMPLIANT; v++) {
			struct device d = device;
			struct arena a;
			const struct filter *f;
			char text[64];
			d.reported = cases[i].reported;
			d.satisfied = cases[i].satisfied;
			d.applied_version = cases[i].applied;
			arena_init(&a);
			snprintf(text, sizeof text, "verdict=%s", verdict_name((enum verdict)v));
			assert_int_equal(filter_parse(text, tree, NOW, &a, &f, NULL), 0);
			assert_int_equal(filter_match(f, &d, tree, attribute, NULL),
					 v == cases[i].verdict);
			arena_fini(&a);
		}
	fleet_tree_free(tree);
}

/* What the store's backends rely on: the shape of the nodes. */
static void test_nodes(void **state)
{
	struct fleet_tree *tree = new_tree();
	struct arena a;
	const struct filter *f;
	arena_init(&a);
	assert_int_equal(filter_parse("last_seen<7d", tree, NOW, &a, &f, NULL), 0);
	assert_int_equal(f->type, FILTER_COMPARE);
	assert_int_equal(f->field, FILTER_LAST_SEEN);
	assert_int_equal(f->op, FILTER_GT);
	assert_int_equal(f->number, NOW - 7 * DAY);
	assert_int_equal(filter_parse("managed in (true,false)", tree, NOW, &a, &f, NULL), 0);
	assert_int_equal(f->type, FILTER_OR);
	assert_int_equal(f->left->field, FILTER_MANAGED);
	assert_int_equal(f->left->number, 1);
	assert_int_equal(f->right->number, 0);
	assert_int_equal(filter_parse("within=Sales", tree, NOW, &a, &f, NULL), 0);
	assert_int_equal(f->field, FILTER_WITHIN);
	assert_int_equal(f->number, 2);
	assert_int_equal(filter_parse("attribute.site~x", tree, NOW, &a, &f, NULL), 0);
	assert_string_equal(f->attribute, "site");
	assert_int_equal(f->op, FILTER_CONTAINS);
	assert_int_equal(filter_parse("kind=LINUX", tree, NOW, &a, &f, NULL), 0);
	assert_string_equal(f->text, "linux");
	assert_int_equal(filter_parse("verdict=stale", tree, NOW, &a, &f, NULL), 0);
	assert_int_equal(f->number, VERDICT_STALE);
	arena_fini(&a);
	fleet_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_match),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_never_seen),
		cmocka_unit_test(test_verdicts_of_rows),
		cmocka_unit_test(test_nodes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
