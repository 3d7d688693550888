/* SPDX-License-Identifier: Apache-2.0
 *
 * YAML to JSON values: libyaml's events, resolved by the core schema; yaml.h has the contract.
 *
 * An alias is a deep copy, paid from a budget that only aliases use, so ten lines cannot become a
 * gigabyte ("billion laughs"); nesting is bounded, through aliases too. An anchor is known
 * when its node is complete, so a node cannot contain itself.
 */
#include "base/yaml.h"
#include "base/yaml-scalar.h"
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <yaml.h>

#define DEPTH_MAX    64
#define ALIAS_BUDGET (1u << 20) /* bytes of text, and NODE_COST a node, that aliases may add */
#define NODE_COST    16

struct reader {
	yaml_parser_t parser;
	const char *name;
	json_t *anchors; /* object: name -> node (shared with the tree, copied at each alias) */
	size_t budget;
	int depth;
	struct error *err;
};

static int fail(struct reader *r, yaml_mark_t at, const char *fmt, ...) FORMAT_PRINTF(3, 4);
static int fail(struct reader *r, yaml_mark_t at, const char *fmt, ...)
{
	char what[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return error_set(r->err, ERR_INVALID, "%s:%zu: %s", r->name, at.line + 1, what);
}

static int next(struct reader *r, yaml_event_t *ret)
{
	if (yaml_parser_parse(&r->parser, ret))
		return 0;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	yaml_mark_t at = r->parser.problem_mark;
	if (r->parser.error == YAML_READER_ERROR) /* has an offset, no mark */
		at = r->parser.mark;
	return fail(r, at, "%s", r->parser.problem ? r->parser.problem : "not valid YAML");
}

static const char *text_of(const yaml_event_t *e)
{
	return (const char *)e->data.scalar.value;
}

/* ---- scalars ---- */

static int make_int(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	const char *s = text_of(e);
	int base = s[0] == '0' && s[1] == 'x' ? 16 : s[0] == '0' && s[1] == 'o' ? 8 : 10;
	errno = 0;
	long long v = strtoll(base == 10 ? s : s + 2, NULL, base);
	if (errno == ERANGE)
		return fail(r, e->start_mark, "the number %.40s is too large", s);
	*ret = json_integer(v);
	return *ret ? 0 : -ENOMEM;
}

static int make_float(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	double v =
		strtod(text_of(e), NULL); /* ".inf" reads as 0 here, so ask for the letters too */
	bool special = strpbrk(text_of(e), "nN") != NULL;
	if (special || !isfinite(v))
		return fail(r, e->start_mark, "the number %.40s is not finite", text_of(e));
	*ret = json_real(v);
	return *ret ? 0 : -ENOMEM;
}

static int make_str(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	size_t n = e->data.scalar.length;
	if (memchr(text_of(e), '\0', n))
		return fail(r, e->start_mark, "a string with a NUL character");
	*ret = json_stringn(text_of(e), n);
	return *ret ? 0 : fail(r, e->start_mark, "a string that is not UTF-8");
}

static int make_value(struct reader *r, const yaml_event_t *e, enum yaml_scalar kind, json_t **ret)
{
	switch (kind) {
	case SCALAR_STR:
		return make_str(r, e, ret);
	case SCALAR_NULL:
		*ret = json_null();
		return 0;
	case SCALAR_BOOL:
		*ret = json_boolean(strchr("tT", text_of(e)[0]) != NULL);
		return 0;
	case SCALAR_INT:
		return make_int(r, e, ret);
	case SCALAR_FLOAT:
		return make_float(r, e, ret);
	}
	return -EINVAL;
}

/* The kind that an explicit tag asks for; false: not one of the core schema. */
static bool kind_of_tag(const char *tag, enum yaml_scalar *ret)
{
	static const struct {
		const char *tag;
		enum yaml_scalar kind;
	} tags[] = {
		{ "!", SCALAR_STR },
		{ YAML_STR_TAG, SCALAR_STR },
		{ YAML_NULL_TAG, SCALAR_NULL },
		{ YAML_BOOL_TAG, SCALAR_BOOL },
		{ YAML_INT_TAG, SCALAR_INT },
		{ YAML_FLOAT_TAG, SCALAR_FLOAT },
	};
	for (size_t i = 0; i < ARRAY_SIZE(tags); i++)
		if (strcmp(tag, tags[i].tag) == 0) {
			*ret = tags[i].kind;
			return true;
		}
	return false;
}

static int read_scalar(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	const char *tag = (const char *)e->data.scalar.tag;
	bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	bool has_nul = memchr(text_of(e), '\0', e->data.scalar.length) != NULL;
	enum yaml_scalar is = has_nul ? SCALAR_STR : yaml_scalar_of(text_of(e));
	enum yaml_scalar wanted;
	if (!tag)
		return make_value(r, e, plain ? is : SCALAR_STR, ret);
	if (!kind_of_tag(tag, &wanted))
		return fail(r, e->start_mark, "the tag %.80s is not supported", tag);
	if (wanted == SCALAR_FLOAT && is == SCALAR_INT)
		is = SCALAR_FLOAT;
	if (wanted != SCALAR_STR && wanted != is)
		return fail(r, e->start_mark, "\"%.40s\" is not a %.80s", text_of(e), tag);
	return make_value(r, e, wanted, ret);
}

/* ---- aliases ---- */

static bool pay(struct reader *r, size_t cost)
{
	if (cost > r->budget)
		return false;
	r->budget -= cost;
	return true;
}

/* Takes the price of a copy of 'j' from the budget; false: too dear, or too deep where it would go. */
static bool pay_for(struct reader *r, json_t *j, int depth)
{
	const char *key;
	size_t i;
	json_t *v;
	if (depth > DEPTH_MAX || !pay(r, NODE_COST + json_string_length(j)))
		return false;
	json_array_foreach (j, i, v)
		if (!pay_for(r, v, depth + 1))
			return false;
	json_object_foreach (j, key, v)
		if (!pay(r, strlen(key)) || !pay_for(r, v, depth + 1))
			return false;
	return true;
}

static int read_alias(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	const char *anchor = (const char *)e->data.alias.anchor;
	json_t *target = json_object_get(r->anchors, anchor);
	if (!target)
		return fail(r, e->start_mark, "unknown alias *%.80s", anchor);
	if (!pay_for(r, target, r->depth))
		return fail(r, e->start_mark, "aliases make the document too large");
	*ret = json_deep_copy(target);
	return *ret ? 0 : -ENOMEM;
}

/* ---- collections ---- */

static int read_node(struct reader *r, const yaml_event_t *e, json_t **ret);

static int read_items(struct reader *r, json_t *array)
{
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t e = { 0 };
		AUTO_JSON v = NULL;
		int k = next(r, &e);
		if (k != 0 || e.type == YAML_SEQUENCE_END_EVENT)
			return k;
		k = read_node(r, &e, &v);
		if (k != 0)
			return k;
		if (json_array_append_new(array, TAKE(v)) < 0)
			return -ENOMEM;
	}
}

static int check_key(struct reader *r, const yaml_event_t *e, json_t *object)
{
	if (e->type != YAML_SCALAR_EVENT)
		return fail(r, e->start_mark, "a key must be a plain or quoted word");
	const char *key = text_of(e);
	if (memchr(key, '\0', e->data.scalar.length))
		return fail(r, e->start_mark, "a key with a NUL character");
	if (strcmp(key, "<<") == 0 && e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return fail(r, e->start_mark, "merge keys (<<) are not supported");
	if (json_object_get(object, key))
		return fail(r, e->start_mark, "the key \"%.80s\" is there twice", key);
	return 0;
}

static int read_pairs(struct reader *r, json_t *object)
{
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t key = { 0 };
		CLEANUP(yaml_event_delete) yaml_event_t value = { 0 };
		AUTO_JSON v = NULL;
		int k = next(r, &key);
		if (k != 0 || key.type == YAML_MAPPING_END_EVENT)
			return k;
		k = check_key(r, &key, object);
		if (k == 0)
			k = next(r, &value);
		if (k == 0)
			k = read_node(r, &value, &v);
		if (k != 0)
			return k;
		if (json_object_set_new(object, text_of(&key), TAKE(v)) < 0)
			return fail(r, key.start_mark, "a key that is not UTF-8");
	}
}

static int read_collection(struct reader *r, const yaml_event_t *e, bool mapping, json_t **ret)
{
	const char *tag =
		(const char *)(mapping ? e->data.mapping_start.tag : e->data.sequence_start.tag);
	if (tag && strcmp(tag, "!") != 0 && strcmp(tag, mapping ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0)
		return fail(r, e->start_mark, "the tag %.80s is not supported", tag);
	if (r->depth >= DEPTH_MAX)
		return fail(r, e->start_mark, "nested deeper than %d", DEPTH_MAX);
	AUTO_JSON j = mapping ? json_object() : json_array();
	if (!j)
		return -ENOMEM;
	r->depth++;
	int k = mapping ? read_pairs(r, j) : read_items(r, j);
	r->depth--;
	if (k == 0)
		*ret = TAKE(j);
	return k;
}

/* The node that begins with the event 'e'. */
static int read_node(struct reader *r, const yaml_event_t *e, json_t **ret)
{
	const yaml_char_t *anchor = NULL;
	int k;
	if (e->type == YAML_ALIAS_EVENT)
		return read_alias(r, e, ret);
	if (e->type == YAML_SCALAR_EVENT) {
		anchor = e->data.scalar.anchor;
		k = read_scalar(r, e, ret);
	} else if (e->type == YAML_MAPPING_START_EVENT) {
		anchor = e->data.mapping_start.anchor;
		k = read_collection(r, e, true, ret);
	} else if (e->type == YAML_SEQUENCE_START_EVENT) {
		anchor = e->data.sequence_start.anchor;
		k = read_collection(r, e, false, ret);
	} else {
		k = fail(r, e->start_mark, "a value is missing");
	}
	if (k == 0 && anchor && json_object_set(r->anchors, (const char *)anchor, *ret) < 0)
		k = -ENOMEM;
	return k;
}

/* ---- the stream ---- */

/* What follows a DOCUMENT-START: the root node and DOCUMENT-END. */
static int read_document(struct reader *r, json_t *documents)
{
	CLEANUP(yaml_event_delete) yaml_event_t root = { 0 };
	CLEANUP(yaml_event_delete) yaml_event_t end = { 0 };
	AUTO_JSON j = NULL;
	json_object_clear(r->anchors);
	int k = next(r, &root);
	if (k == 0)
		k = read_node(r, &root, &j);
	if (k == 0)
		k = next(r, &end);
	if (k == 0 && json_array_append_new(documents, TAKE(j)) < 0)
		k = -ENOMEM;
	return k;
}

static int read_stream(struct reader *r, json_t *documents)
{
	for (;;) {
		CLEANUP(yaml_event_delete) yaml_event_t e = { 0 };
		int k = next(r, &e);
		if (k != 0 || e.type == YAML_STREAM_END_EVENT)
			return k;
		if (e.type == YAML_DOCUMENT_START_EVENT)
			k = read_document(r, documents);
		if (k != 0)
			return k;
	}
}

int yaml_parse(const char *name, struct span text, json_t **ret, struct error *err)
{
	struct reader r = { .name = name, .budget = ALIAS_BUDGET, .err = err };
	AUTO_JSON documents = json_array();
	AUTO_JSON anchors = r.anchors = json_object();
	if (!documents || !anchors || !yaml_parser_initialize(&r.parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&r.parser, text.n ? text.p : (const uint8_t *)"", text.n);
	int k = read_stream(&r, documents);
	yaml_parser_delete(&r.parser);
	if (k == 0)
		*ret = TAKE(documents);
	return k;
}
