/* SPDX-License-Identifier: Apache-2.0
 *
 * CSV cells by table, and the rows that field tables make.
 */
#include "server/api/csv.h"
#include "server/api/field.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_cells(void **state)
{
	static const struct {
		const char *text;
		bool guard;
		const char *cell;
	} cases[] = {
		{ "", true, "" },
		{ "plain", true, "plain" },
		{ "a,b", true, "\"a,b\"" },
		{ "say \"hi\"", true, "\"say \"\"hi\"\"\"" },
		{ "\"", true, "\"\"\"\"" },
		{ "two\nlines", true, "\"two\nlines\"" },
		{ "two\r\nlines", true, "\"two\r\nlines\"" },
		{ " outer", true, "\" outer\"" },
		{ "outer ", true, "\"outer \"" },
		{ "in ner", true, "in ner" },
		{ "=1+1", true, "'=1+1" },
		{ "+1", true, "'+1" },
		{ "-1", true, "'-1" },
		{ "-1", false, "-1" },
		{ "@x", true, "'@x" },
		{ "\tx", true, "'\tx" },
		{ "\rx", true, "\"'\rx\"" },
		{ "=HYPERLINK(\"http://x\",\"y\")", true,
		  "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"" },
		{ "a=b", true, "a=b" },
		{ "'", true, "'" },
		{ "\xc3\xa4\xc3\xb6", true, "\xc3\xa4\xc3\xb6" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf out;
		buf_init(&out, 1000);
		csv_add_cell(&out, true, span_str(cases[i].text), cases[i].guard);
		assert_string_equal(buf_str(&out), cases[i].cell);
	}
}

struct row {
	int64_t id, maybe, when;
	const char *name, *scopes, *value;
	bool on;
};

static json_t *twice(const void *row)
{
	return json_integer(2 * ((const struct row *)row)->id);
}

static const struct field fields[] = {
	FIELD_AT(struct row, id, "id", AS_INT, 0, NULL),
	FIELD_AT(struct row, maybe, "maybe", AS_INT, FIELD_NULL, NULL),
	FIELD_AT(struct row, when, "when", AS_TIME, 0, NULL),
	FIELD_AT(struct row, name, "name", AS_TEXT, 0, NULL),
	FIELD_AT(struct row, scopes, "scopes", AS_WORDS, 0, NULL),
	FIELD_AT(struct row, value, "value", AS_JSON, 0, NULL),
	FIELD_AT(struct row, on, "on", AS_BOOL, 0, NULL),
	FIELD_GET(twice, "twice", AS_INT, 0, NULL),
	{ 0 },
};

static void test_rows(void **state)
{
	static const struct {
		struct row row;
		const char *csv, *json;
	} cases[] = {
		{ { 0 },
		  "0,,,,[],,false,0\r\n",
		  "{\"id\":0,\"maybe\":null,\"when\":null,\"name\":\"\",\"scopes\":[],\"value\":null,"
		  "\"on\":false,\"twice\":0}" },
		{ { -5, 7, 1, "-x", "a b:c", "{\"k\":[1,\"=2\"]}", true },
		  "-5,7,1970-01-01T00:00:00.001Z,'-x,\"[\"\"a\"\",\"\"b:c\"\"]\","
		  "\"{\"\"k\"\":[1,\"\"=2\"\"]}\",true,-10\r\n",
		  "{\"id\":-5,\"maybe\":7,\"when\":\"1970-01-01T00:00:00.001Z\",\"name\":\"-x\","
		  "\"scopes\":[\"a\",\"b:c\"],\"value\":{\"k\":[1,\"=2\"]},\"on\":true,\"twice\":-10}" },
		{ { .value = "-3", .scopes = "  " },
		  "0,,,,[],-3,false,0\r\n",
		  "{\"id\":0,\"maybe\":null,\"when\":null,\"name\":\"\",\"scopes\":[],\"value\":-3,"
		  "\"on\":false,\"twice\":0}" },
		{ { .value = "\"=1\"" },
		  "0,,,,[],'=1,false,0\r\n",
		  "{\"id\":0,\"maybe\":null,\"when\":null,\"name\":\"\",\"scopes\":[],\"value\":\"=1\","
		  "\"on\":false,\"twice\":0}" },
		{ { .value = "no json" },
		  "0,,,,[],,false,0\r\n",
		  "{\"id\":0,\"maybe\":null,\"when\":null,\"name\":\"\",\"scopes\":[],\"value\":null,"
		  "\"on\":false,\"twice\":0}" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf out;
		AUTO_JSON object = fields_to_json(fields, &cases[i].row);
		CLEANUP(free_charp) char *text = json_text(object);
		buf_init(&out, 1000);
		fields_csv_row(fields, &cases[i].row, &out);
		assert_string_equal(buf_str(&out), cases[i].csv);
		assert_string_equal(text, cases[i].json);
	}
}

static void test_header(void **state)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 1000);
	fields_csv_header(fields, &out);
	assert_string_equal(buf_str(&out), "id,maybe,when,name,scopes,value,on,twice\r\n");
}

/* ---- request bodies ---- */

static const struct field body_fields[] = {
	FIELD_OF("name", AS_TEXT, FIELD_NEEDED, NULL),
	FIELD_OF("n", AS_INT, 0, NULL),
	FIELD_OF("on", AS_BOOL, 0, NULL),
	FIELD_OF("value", AS_JSON, FIELD_NEEDED, NULL),
	FIELD_OF("list", AS_TEXTS, 0, NULL),
	FIELD_OF("ref", AS_REF, 0, NULL),
	FIELD_OF("object", AS_OBJECT, 0, NULL),
	FIELD_OF("array", AS_ARRAY, 0, NULL),
	{ 0 },
};

static void test_bodies(void **state)
{
	static const struct {
		const char *body, *complaint; /* NULL: good */
	} cases[] = {
		{ "{\"name\":\"x\",\"value\":1}", NULL },
		{ "{\"name\":\"x\",\"value\":null,\"n\":null,\"list\":null}", NULL },
		{ "{\"name\":\"x\",\"value\":1,\"ref\":12,\"list\":[\"a\"],\"object\":{},\"array\":[1]}",
		  NULL },
		{ "{\"name\":\"x\",\"value\":1,\"ref\":\"a\"}", NULL },
		{ "[]", "the body must be a JSON object" },
		{ "1", "the body must be a JSON object" },
		{ "{}", "\"name\" is missing" },
		{ "{\"name\":null,\"value\":1}", "\"name\" is missing" },
		{ "{\"name\":\"x\"}", "\"value\" is missing" },
		{ "{\"name\":\"x\",\"value\":1,\"nme\":1}", "unknown key \"nme\"" },
		{ "{\"name\":1,\"value\":1}", "\"name\" must be a string" },
		{ "{\"name\":\"x\",\"value\":1,\"n\":1.5}", "\"n\" must be an integer" },
		{ "{\"name\":\"x\",\"value\":1,\"on\":1}", "\"on\" must be true or false" },
		{ "{\"name\":\"x\",\"value\":1,\"list\":[1]}",
		  "\"list\" must be a list of strings" },
		{ "{\"name\":\"x\",\"value\":1,\"ref\":[]}", "\"ref\" must be an id or a name" },
		{ "{\"name\":\"x\",\"value\":1,\"object\":[]}", "\"object\" must be an object" },
		{ "{\"name\":\"x\",\"value\":1,\"array\":{}}", "\"array\" must be a list" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		AUTO_JSON body = NULL;
		assert_int_equal(json_parse(span_str(cases[i].body), &body, &err), 0);
		int r = fields_check(body_fields, body, &err);
		assert_int_equal(r, cases[i].complaint ? ERR_INVALID : 0);
		if (cases[i].complaint)
			assert_string_equal(err.message, cases[i].complaint);
	}
}

static void test_schema(void **state)
{
	static const struct schema s = { .name = "S", .fields = fields };
	AUTO_JSON schema = schema_to_json(&s);
	CLEANUP(free_charp) char *text = json_text(schema);
	assert_string_equal(
		text,
		"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},"
		"\"maybe\":{\"type\":[\"integer\",\"null\"]},"
		"\"when\":{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"},"
		"\"name\":{\"type\":\"string\"},"
		"\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},\"value\":{},"
		"\"on\":{\"type\":\"boolean\"},\"twice\":{\"type\":\"integer\"}},"
		"\"required\":[\"id\",\"maybe\",\"when\",\"name\",\"scopes\",\"value\",\"on\",\"twice\"],"
		"\"additionalProperties\":false}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cells),  cmocka_unit_test(test_rows),
		cmocka_unit_test(test_header), cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_schema),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
