/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans against a state in memory: what documents change, in which order, and every mistake.
 */
#include "base/buf.h"
#include "server/api/fake-state.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* The documents as JSON, with ' for ". */
static json_t *documents_of(const char *text)
{
	char *copy = strdup(text);
	struct error err;
	json_t *documents = NULL;
	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	if (json_parse(span_str(copy), &documents, &err) != 0)
		fail_msg("%s: %s", text, err.message);
	free(copy);
	return documents;
}

/* One line a change: "+ fleet default/X", "~ setting camera.disabled @default true -> false". */
static void describe(const struct plan *p, struct buf *out)
{
	static const char *const signs[] = { "+", "~", "-" };
	static const char *const kinds[] = { "organization", "config", "fleet", "setting" };
	for (size_t i = 0; i < p->n; i++) {
		const struct plan_change *c = &p->changes[i];
		char *before =
			c->before ? json_dumps(c->before, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
		char *after =
			c->after ? json_dumps(c->after, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
		buf_addf(out, "%s %s %s", signs[c->op], kinds[c->kind], c->name);
		if (c->fleet)
			buf_addf(out, " @%s", c->fleet->path);
		if (c->device_id)
			buf_addf(out, " @%lld", (long long)c->device_id);
		if (before)
			buf_addf(out, " %s", before);
		if (after)
			buf_addf(out, " -> %s", after);
		buf_add_char(out, '\n');
		free(before);
		free(after);
	}
}

static void complain(const struct plan *p, struct buf *out)
{
	size_t i;
	const json_t *e;
	json_array_foreach (p->errors, i, e)
		buf_addf(out, "%lld|%s|%s|%s\n",
			 (long long)json_integer_value(json_object_get(e, "document")),
			 json_string_value(json_object_get(e, "path")),
			 json_string_value(json_object_get(e, "key")),
			 json_string_value(json_object_get(e, "detail")));
}

static void check_plan(struct fake *f, const char *text, bool prune, const char *expected)
{
	const struct plan_source source = fake_source(f);
	CLEANUP(buf_fini) struct buf out;
	AUTO_JSON documents = documents_of(text);
	struct plan p;
	buf_init(&out, 1 << 16);
	plan_init(&p, &f->arena);
	assert_int_equal(plan_make(&p, &source, documents, prune), 0);
	describe(&p, &out);
	if (p.n_errors) {
		buf_reset(&out);
		complain(&p, &out);
	}
	assert_string_equal(buf_str(&out), expected);
	if (!p.n_errors)
		fake_apply(f, &p);
	plan_fini(&p);
}

static const struct {
	const char *what, *documents;
	bool prune;
	const char *changes;
} cases[] = {
	{ "nothing", "[]", true, "" },
	{ "an empty document", "[{}]", true, "" },
	{ "only names", "[{'fleets':[{'path':'default/Sales'}]}]", false, "" },
	{ "a setting is added, the others of the fleet are deleted",
	  "[{'fleets':[{'path':'default','settings':{'wifi.disabled':true}}]}]", false,
	  "+ setting wifi.disabled @default -> true\n"
	  "- setting camera.disabled @default true\n" },
	{ "a value changes, the order of the table stays",
	  "[{'fleets':[{'path':'default','settings':{'camera.disabled':false}}]}]", false,
	  "~ setting camera.disabled @default true -> false\n" },
	{ "the same in the long form",
	  "[{'fleets':[{'path':'default','settings':{'camera.disabled':{'value':true}}}]}]", false,
	  "" },
	{ "a level changes",
	  "[{'fleets':[{'path':'default','settings':"
	  "{'camera.disabled':{'value':true,'level':'recommended'}}}]}]",
	  false,
	  "~ setting camera.disabled @default true -> "
	  "{\"value\":true,\"level\":\"recommended\"}\n" },
	{ "a recommended one back to mandatory",
	  "[{'fleets':[{'path':'default/Sales','settings':{'password.min_length':8}}]}]", false,
	  "~ setting password.min_length @default/Sales {\"value\":8,\"level\":\"recommended\"} -> 8\n" },
	{ "what the catalogue does not know stays",
	  "[{'fleets':[{'path':'default/Sales/Berlin','settings':{}}]}]", false, "" },
	{ "new fleets, parents first, with what is between",
	  "[{'fleets':[{'path':'default/A/B/C','settings':{'camera.disabled':true}},"
	  "{'path':'default/A','settings':{'wifi.disabled':false}}]}]",
	  false,
	  "+ fleet A @default/A\n+ fleet B @default/A/B\n+ fleet C @default/A/B/C\n"
	  "+ setting camera.disabled @default/A/B/C -> true\n"
	  "+ setting wifi.disabled @default/A -> false\n" },
	{ "pruned fleets, the deepest first; those above a named one are kept",
	  "[{'fleets':[{'path':'default'}]}]", true,
	  "- fleet Berlin @default/Sales/Berlin\n- fleet Sales @default/Sales\n" },
	{ "kept by what is below", "[{'fleets':[{'path':'default/Sales/Berlin'}]}]", true, "" },
	{ "no list, nothing pruned", "[{'devices':[{'id':101},{'id':102}]}]", true, "" },
	{ "devices that are not named lose their settings", "[{'devices':[{'id':102}]}]", true,
	  "- setting wifi.disabled @101 true\n" },
	{ "a device's settings",
	  "[{'devices':[{'id':101,'name':'whatever','settings':{'camera.disabled':true}}]}]", false,
	  "+ setting camera.disabled @101 -> true\n- setting wifi.disabled @101 true\n" },
	{ "domain and configuration", "[{'domain':'example.org','config':{'poll.interval':'5m'}}]",
	  false, "+ config domain -> \"example.org\"\n+ config poll.interval -> \"5m\"\n" },
	{ "a new organization",
	  "[{'organization':'new','domain':'n.example','fleets':"
	  "[{'path':'default','settings':{'camera.disabled':true}},{'path':'default/X'}]}]",
	  true,
	  "+ organization new\n+ config domain -> \"n.example\"\n+ fleet X @default/X\n"
	  "+ setting camera.disabled @default -> true\n" },
	{ "two documents of one organization",
	  "[{'fleets':[{'path':'default/Sales'}]},{'organization':'default','fleets':"
	  "[{'path':'default/Sales/Berlin'}]}]",
	  true, "" },
	{ "another organization", "[{'organization':'other','fleets':[{'path':'default/Y'}]}]",
	  true, "+ fleet Y @default/Y\n" },
};

/* Each plan is carried out and made again: then nothing is left to do. */
static void test_changes(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fake *f = malloc(sizeof *f);
		fake_init(f);
		check_plan(f, cases[i].documents, cases[i].prune, cases[i].changes);
		check_plan(f, cases[i].documents, cases[i].prune, "");
		fake_fini(f);
		free(f);
	}
}

static void test_config_goes(void **state)
{
	struct fake *f = malloc(sizeof *f);
	fake_init(f);
	check_plan(f, "[{'domain':'a.b','config':{'poll.interval':'5m'}}]", false,
		   "+ config domain -> \"a.b\"\n+ config poll.interval -> \"5m\"\n");
	check_plan(f, "[{'config':{}}]", false, "");
	check_plan(f, "[{'domain':'','config':{}}]", true,
		   "- config domain \"a.b\"\n- config poll.interval \"5m\"\n");
	fake_fini(f);
	free(f);
}

static const struct {
	const char *documents, *mistakes;
} bad[] = {
	{ "[1]", "1|||a document must be an object\n" },
	{ "[{'fleet':[]}]", "1||fleet|unknown key\n" },
	{ "[{'fleets':{}}]", "1||fleets|must be a list\n" },
	{ "[{'organization':1}]", "1||organization|must be a string\n" },
	{ "[{'organization':'a/b'}]", "1||organization|the name must not hold any of /\n" },
	{ "[{'organization':'12'}]", "1||organization|the name must not be a number\n" },
	{ "[{'domain':'a b'}]", "1||domain|\"a b\" is not a domain name\n" },
	{ "[{'config':{'poll.interval':1,'nope':'x'}}]",
	  "1|config|poll.interval|no such key, or a bad value\n1|config|nope|no such key, or a bad value\n" },
	{ "[{'config':{}},{'config':{}}]",
	  "2||config|another document says it for this organization already\n" },
	{ "[{'fleets':[1]}]", "1|fleets[0]||must be an object\n" },
	{ "[{'fleets':[{}]}]", "1|fleets[0]|path|is missing\n" },
	{ "[{'fleets':[{'path':'Sales'}]}]",
	  "1|fleets[0]|path|must begin with the root fleet, \"default\"\n" },
	{ "[{'fleets':[{'path':'defaultX/Y'}]}]",
	  "1|fleets[0]|path|must begin with the root fleet, \"default\"\n" },
	{ "[{'fleets':[{'path':'default//X'}]}]",
	  "1|fleets[0]|path|a fleet's name must not be empty\n" },
	{ "[{'fleets':[{'path':'default/'}]}]",
	  "1|fleets[0]|path|a fleet's name must not be empty\n" },
	{ "[{'fleets':[{'path':'default/7'}]}]",
	  "1|fleets[0]|path|a fleet's name must not be a number\n" },
	{ "[{'fleets':[{'path':'default'},{'path':'default'}]}]",
	  "1|fleets[1]|path|is named twice\n" },
	{ "[{'fleets':[{'path':'default','settings':{'camera.disable':true}}]}]",
	  "1|fleets[0].settings|camera.disable|no such setting; did you mean camera.disabled?\n" },
	{ "[{'fleets':[{'path':'default','settings':{'camera.disabled':"
	  "{'value':true,'level':'always'}}}]}]",
	  "1|fleets[0].settings|camera.disabled|the level must be mandatory or recommended\n" },
	{ "[{'devices':[{'id':'101'}]}]", "1|devices[0]|id|must be an integer\n" },
	{ "[{'devices':[{'name':'x'}]}]", "1|devices[0]|id|is missing\n" },
	{ "[{'devices':[{'id':999}]}]", "1|devices[0]|id|there is no device 999\n" },
	{ "[{'organization':'other','devices':[{'id':101}]}]",
	  "1|devices[0]|id|the organization has no device 101\n" },
	{ "[{'devices':[{'id':101},{'id':101}]}]", "1|devices[1]|id|is named twice\n" },
	{ "[{},{'x':1,'fleets':[{'path':'default','y':2}]}]",
	  "2||x|unknown key\n2|fleets[0]|y|unknown key\n" },
};

static void test_mistakes(void **state)
{
	struct fake *f = malloc(sizeof *f);
	fake_init(f);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		check_plan(f, bad[i].documents, false, bad[i].mistakes);
	fake_fini(f);
	free(f);
}

static void test_too_many_mistakes(void **state)
{
	struct fake *f = malloc(sizeof *f);
	const struct plan_source source = fake_source(f);
	AUTO_JSON documents = json_array();
	struct plan p;
	fake_init(f);
	for (int i = 0; i < PLAN_DOCUMENTS_MAX + 10; i++)
		json_array_append_new(documents, json_integer(i));
	plan_init(&p, &f->arena);
	assert_int_equal(plan_make(&p, &source, documents, false), 0);
	assert_int_equal(p.n_errors, PLAN_DOCUMENTS_MAX + 1);
	assert_int_equal(json_array_size(p.errors), PLAN_ERRORS_MAX);
	plan_fini(&p);
	fake_fini(f);
	free(f);
}

static void test_document_settings(void **state)
{
	static const struct {
		const char *value, *level, *document;
	} forms[] = {
		{ "true", "mandatory", "true" },
		{ "true", NULL, "true" },
		{ "true", "", "true" },
		{ "5", "recommended", "{\"value\":5,\"level\":\"recommended\"}" },
		{ "{\"a\":1}", "mandatory", "{\"a\":1}" },
		{ "{\"value\":1}", "mandatory", "{\"value\":{\"value\":1}}" },
		{ "{\"value\":1,\"level\":\"x\"}", "mandatory",
		  "{\"value\":{\"value\":1,\"level\":\"x\"}}" },
		{ "{\"value\":1,\"b\":2}", "recommended",
		  "{\"value\":{\"value\":1,\"b\":2},\"level\":\"recommended\"}" },
		{ "null", "mandatory", "null" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		struct error err;
		const char *level;
		json_t *again;
		AUTO_JSON value = json_loads(forms[i].value, JSON_DECODE_ANY, NULL);
		AUTO_JSON document = document_setting(value, forms[i].level);
		char *text = json_dumps(document, JSON_ENCODE_ANY | JSON_COMPACT);
		assert_string_equal(text, forms[i].document);
		free(text);
		assert_int_equal(document_setting_read(document, &again, &level, &err), 0);
		assert_true(json_equal(again, value));
		bool recommended = forms[i].level && strcmp(forms[i].level, "recommended") == 0;
		assert_string_equal(level, recommended ? "recommended" : "mandatory");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes),           cmocka_unit_test(test_config_goes),
		cmocka_unit_test(test_mistakes),          cmocka_unit_test(test_too_many_mistakes),
		cmocka_unit_test(test_document_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
