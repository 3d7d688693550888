/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML: the core schema, what is refused and where the error points, laughs that stay few, texts cut at every byte, round trips of hostile values.
 */
#include "base/yaml.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* needs the four above */

static const struct {
	const char *yaml, *json; /* of the array of documents */
} good[] = {
	{ "", "[]" },
	{ "# only a comment\n", "[]" },
	{ "---\n", "[null]" },
	{ "a: 1\nb: two\n", "[{\"a\":1,\"b\":\"two\"}]" },
	{ "- 1\n- [2, 3]\n- {x: y}\n", "[[1,[2,3],{\"x\":\"y\"}]]" },
	{ "a: 1\n---\nb: 2\n", "[{\"a\":1},{\"b\":2}]" },
	{ "[null, ~, Null, NULL]", "[[null,null,null,null]]" },
	{ "a:\nb: ''", "[{\"a\":null,\"b\":\"\"}]" },
	{ "[true, True, FALSE, false]", "[[true,true,false,false]]" },
	{ "[yes, no, on, off, y, nulL]", "[[\"yes\",\"no\",\"on\",\"off\",\"y\",\"nulL\"]]" },
	{ "[0, -7, +7, 0o17, 0xfF, 007]", "[[0,-7,7,15,255,7]]" },
	{ "[1.5, .5, -1., 1e3, 1E-2, +.5e+1]", "[[1.5,0.5,-1.0,1000.0,0.01,5.0]]" },
	{ "[\"1\", '2', '~', 'true']", "[[\"1\",\"2\",\"~\",\"true\"]]" },
	{ "[1_000, 1:30, 0b1, 2026-11-25, '.', -, +, 1e, 0x, 0o8, 1.2.3]",
	  "[[\"1_000\",\"1:30\",\"0b1\",\"2026-11-25\",\".\",\"-\",\"+\",\"1e\",\"0x\",\"0o8\",\"1.2.3\"]]" },
	{ "9223372036854775807", "[9223372036854775807]" },
	{ "1: x\ntrue: y\n", "[{\"1\":\"x\",\"true\":\"y\"}]" },
	{ "t: |\n  one\n  two\n", "[{\"t\":\"one\\ntwo\\n\"}]" },
	{ "a: &x {b: 1}\nc: *x\n", "[{\"a\":{\"b\":1},\"c\":{\"b\":1}}]" },
	{ "[!!str 1, !!int '2', !!float 3, !!bool true, ! 4, !!null '']",
	  "[[\"1\",2,3.0,true,\"4\",null]]" },
	{ "!!map {a: !!seq [1]}", "[{\"a\":[1]}]" },
	{ "%YAML 1.1\n---\na: 1\n...\n", "[{\"a\":1}]" },
	{ "\"<<\": x", "[{\"<<\":\"x\"}]" },
};

static void test_good(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		AUTO_JSON j = NULL;
		struct error err = { 0 };
		int r = yaml_parse("f.yaml", span_str(good[i].yaml), &j, &err);
		if (r != 0)
			fail_msg("%s: %d %s", good[i].yaml, r, err.message);
		CLEANUP(free_charp) char *text = json_text(j);
		assert_string_equal(text, good[i].json);
	}
}

static const struct {
	const char *yaml, *sentence;
} bad[] = {
	{ "a: 1\nb: 2\na: 3\n", "f.yaml:3: the key \"a\" is there twice" },
	{ "a: 1\n1: x\n\"1\": y\n", "f.yaml:3: the key \"1\" is there twice" },
	{ "a: *x\n", "f.yaml:1: unknown alias *x" },
	{ "\na: &x [*x]\n", "f.yaml:2: unknown alias *x" },
	{ "a: &x 1\n---\nb: *x\n",
	  "f.yaml:3: unknown alias *x" }, /* anchors end with their document */
	{ "? [a]\n: b\n", "f.yaml:1: a key must be a plain or quoted word" },
	{ "a: &k k\n*k : 1\n", "f.yaml:2: a key must be a plain or quoted word" },
	{ "a: !thing x\n", "f.yaml:1: the tag !thing is not supported" },
	{ "a: !!binary eA==\n", "f.yaml:1: the tag tag:yaml.org,2002:binary is not supported" },
	{ "a: !!set {x}\n", "f.yaml:1: the tag tag:yaml.org,2002:set is not supported" },
	{ "a: !!int x\n", "f.yaml:1: \"x\" is not a tag:yaml.org,2002:int" },
	{ "a: 9223372036854775808\n", "f.yaml:1: the number 9223372036854775808 is too large" },
	{ "a: .inf\n", "f.yaml:1: the number .inf is not finite" },
	{ "a: -.INF\n", "f.yaml:1: the number -.INF is not finite" },
	{ "a: .NaN\n", "f.yaml:1: the number .NaN is not finite" },
	{ "a: 1e999\n", "f.yaml:1: the number 1e999 is not finite" },
	{ "a: \"x\\0y\"\n", "f.yaml:1: a string with a NUL character" },
	{ "\"x\\0y\": 1\n", "f.yaml:1: a key with a NUL character" },
	{ "a: {<<: {b: 1}}\n", "f.yaml:1: merge keys (<<) are not supported" },
	{ "a: [1, 2\n", "f.yaml:2: did not find expected ',' or ']'" },
	{ "a: 1\n\tb: 2\n", "f.yaml:2: found a tab character that violates indentation" },
	{ "a: \"x\n", "f.yaml:2: found unexpected end of stream" },
	{ "a: \xff\n", "f.yaml:1: invalid leading UTF-8 octet" },
	{ "a: \x01\n", "f.yaml:1: control characters are not allowed" },
	{ "%YAML 3.0\n---\na\n", "f.yaml:1: found incompatible YAML document" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		AUTO_JSON j = NULL;
		struct error err = { 0 };
		int r = yaml_parse("f.yaml", span_str(bad[i].yaml), &j, &err);
		if (r != ERR_INVALID || strcmp(err.message, bad[i].sentence) != 0)
			fail_msg("%s: %d %s", bad[i].yaml, r, err.message);
		assert_null(j);
	}
}

static int parse_buf(struct buf *b, json_t **ret, struct error *err)
{
	assert_false(b->failed);
	return yaml_parse("f.yaml", buf_span(b), ret, err);
}

static void test_depth(void **state)
{
	for (int depth = 63; depth <= 65; depth++) {
		AUTO_JSON j = NULL;
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 1 << 20);
		for (int i = 0; i < depth; i++)
			buf_add_char(&b, '[');
		for (int i = 0; i < depth; i++)
			buf_add_char(&b, ']');
		assert_int_equal(parse_buf(&b, &j, NULL), depth <= 64 ? 0 : ERR_INVALID);
	}
	AUTO_JSON j = NULL;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buf_add_char(&b, i % 2 ? '[' : '{');
	assert_int_equal(parse_buf(&b, &j, NULL), ERR_INVALID);
}

/* Ten levels of ten aliases would be 10^10 nodes. */
static void test_billion_laughs(void **state)
{
	AUTO_JSON j = NULL;
	struct error err;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	buf_add_str(&b, "a0: &a0 lol\n");
	for (int i = 1; i <= 10; i++) {
		buf_addf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_addf(&b, "*a%d,", i - 1);
		buf_add_str(&b, "]\n");
	}
	assert_int_equal(parse_buf(&b, &j, &err), ERR_INVALID);
	assert_non_null(strstr(err.message, "aliases make the document too large"));
}

/* Long texts count by their bytes, and chains of aliases by their depth. */
static void test_other_laughs(void **state)
{
	AUTO_JSON j = NULL;
	CLEANUP(buf_fini) struct buf fat, chain;
	buf_init(&fat, 4 << 20);
	buf_addf(&fat, "a: &a %0*dx\nb: [", 100000, 0);
	for (int i = 0; i < 20; i++)
		buf_add_str(&fat, "*a,");
	buf_add_str(&fat, "]\n");
	assert_int_equal(parse_buf(&fat, &j, NULL), ERR_INVALID);
	buf_init(&chain, 1 << 20);
	buf_add_str(&chain, "a0: &a0 x\n");
	for (int i = 1; i <= 100; i++)
		buf_addf(&chain, "a%d: &a%d [*a%d]\n", i, i, i - 1);
	assert_int_equal(parse_buf(&chain, &j, NULL), ERR_INVALID);
}

/* Every prefix is parsed or refused without reading past its end. */
static void test_cut_everywhere(void **state)
{
	const char whole[] = "%YAML 1.2\n---\na: &x \"t\\x41\\u00fc\\n\"\nb: [1, {c: *x}]\n"
			     "d: |+\n  block\n\n? !!str k\n: 'it''s'\n...\n";
	for (size_t n = 0; n < sizeof whole; n++) {
		AUTO_JSON j = NULL;
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, whole, n);
		int r = yaml_parse("f", (struct span){ copy, n }, &j, NULL);
		assert_true(r == 0 || r == ERR_INVALID);
		free(copy);
	}
}

static void test_emit_golden(void **state)
{
	AUTO_JSON j = json_loads(
		"{\"organization\":\"default\",\"empty\":{},\"none\":[],\"nil\":null,\"t\":true,"
		"\"i\":-5,\"f\":1.0,\"list\":[1,\"two\",{\"a\":1,\"b\":[true]}],"
		"\"s\":[\"plain\",\"two words\",\"yes\",\"1\",\"1.5\",\"~\",\"\",\" lead\",\"a: b\","
		"\"# x\",\"it's\",\"2026-11-25\",\"12:30:00\",\"- x\",\"*a\",\"{x\",\"é\",\"tab\\there\"],"
		"\"pem\":\"-----BEGIN-----\\nAAA\\n-----END-----\\n\",\"null\":\"null\"}",
		0, NULL);
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 10000);
	yaml_add(&b, j);
	assert_string_equal(buf_str(&b),
			    "organization: default\nempty: {}\nnone: []\nnil: null\nt: true\n"
			    "i: -5\nf: 1.0\nlist:\n- 1\n- two\n- a: 1\n  b:\n  - true\n"
			    "s:\n- plain\n- two words\n- 'yes'\n- '1'\n- '1.5'\n- '~'\n"
			    "- ''\n- ' lead'\n- 'a: b'\n- '# x'\n- it's\n"
			    "- '2026-11-25'\n- '12:30:00'\n- '- x'\n- '*a'\n- '{x'\n- é\n"
			    "- \"tab\\there\"\n"
			    "pem: |\n  -----BEGIN-----\n  AAA\n  -----END-----\n"
			    "'null': 'null'\n");
}

static void assert_round_trip(json_t *value)
{
	AUTO_JSON back = NULL;
	struct error err = { 0 };
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 1 << 20);
	yaml_add(&b, value);
	if (parse_buf(&b, &back, &err) != 0 || json_array_size(back) != 1 ||
	    !json_equal(json_array_get(back, 0), value)) {
		CLEANUP(free_charp) char *text = json_text(value);
		fail_msg("%s\n%s\n%s", text, buf_str(&b), err.message);
	}
}

/* A value at the top, in a list, as a value and as a key. */
static void assert_string_survives(const char *s)
{
	AUTO_JSON top = json_string(s);
	AUTO_JSON mixed = json_pack("{s:[s,{s:s}],s:s}", "list", s, s, s, "z", s);
	assert_round_trip(top);
	assert_round_trip(mixed);
}

/* All texts of up to four characters from those that mean something to YAML. */
static void test_round_trip_short_strings(void **state)
{
	static const char letters[] = "a -:#\n\t'\"\\|>[{,?*&!%@~0.";
	char s[5] = "";
	assert_string_survives("");
	for (size_t i = 0; i < sizeof letters - 1; i++) {
		s[0] = letters[i];
		s[1] = '\0';
		assert_string_survives(s);
		for (size_t k = 0; k < sizeof letters - 1; k++) {
			s[1] = letters[k];
			s[2] = '\0';
			assert_string_survives(s);
			for (size_t m = 0; m < sizeof letters - 1; m++) {
				s[2] = letters[m];
				s[3] = '\0';
				assert_string_survives(s);
			}
		}
	}
}

static uint32_t next_random(uint32_t *x) /* xorshift: the same every time */
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static json_t *random_value(uint32_t *x, int depth)
{
	static const char *const strings[] = {
		"",     "a",    "no",       "null",   "1e5",       "0x1F",       "line\nline",
		"\n",   " \n ", "a\n\nb\n", "\n\n\n", "trailing ", "key: value", "---",
		"...",  "é",    "\u2028",   "\ufeff", "\x7f",      "\x1b[31m",   "# c",
		"a #b", "'",    "\"",       "\\n",    "% x",       "@",          "`",
		"- ",   "? ",   ": ",       "!",      "&a",        "*b",
	};
	json_t *j;
	switch (next_random(x) % (depth > 0 ? 8 : 6)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(next_random(x) & 1);
	case 2:
		return json_integer((int64_t)next_random(x) << (next_random(x) % 32) >> 3);
	case 3:
		return json_real((double)(int32_t)next_random(x) / (1 + next_random(x) % 1000));
	case 4:
	case 5:
		return json_string(strings[next_random(x) % ARRAY_SIZE(strings)]);
	case 6:
		j = json_array();
		for (uint32_t n = next_random(x) % 4; n > 0; n--)
			json_array_append_new(j, random_value(x, depth - 1));
		return j;
	default:
		j = json_object();
		for (uint32_t n = next_random(x) % 4; n > 0; n--)
			json_object_set_new(j, strings[next_random(x) % ARRAY_SIZE(strings)],
					    random_value(x, depth - 1));
		return j;
	}
}

static void test_round_trip_random(void **state)
{
	uint32_t x = 12345;
	for (int i = 0; i < 5000; i++) {
		AUTO_JSON j = random_value(&x, 5);
		assert_round_trip(j);
	}
}

static void test_long_keys_and_lines(void **state)
{
	char s[1100];
	for (size_t n = 120; n < sizeof s;
	     n += 163) { /* libyaml's simple keys end at 128 and 1024 */
		for (size_t i = 0; i < n; i++)
			s[i] = i % 7 ? 'x' : ' ';
		s[0] = s[n - 1] = 'k';
		s[n] = '\0';
		assert_string_survives(s);
	}
}

static void test_small_buf_fails(void **state)
{
	CLEANUP(buf_fini) struct buf b;
	AUTO_JSON j = json_string("longer than the buf");
	buf_init(&b, 5);
	yaml_add(&b, j);
	assert_true(b.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_billion_laughs),
		cmocka_unit_test(test_other_laughs),
		cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_emit_golden),
		cmocka_unit_test(test_round_trip_short_strings),
		cmocka_unit_test(test_round_trip_random),
		cmocka_unit_test(test_long_keys_and_lines),
		cmocka_unit_test(test_small_buf_fails),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
