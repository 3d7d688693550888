/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration file: one YAML document of nested mappings whose leaves are scalars. Read by
 * libyaml's events rather than through base/yaml.h because every complaint names the line of its key.
 */
#include "base/buf.h"
#include "base/file.h"
#include "model/text.h"
#include "server/config-row.h"

#include <yaml.h>

#define FILE_MAX  (1 << 20)
#define KEY_MAX   128
#define DEPTH_MAX 4

struct reader {
	const char *name;
	config_set_fn *set;
	void *user;
	struct error *err;
	yaml_parser_t parser;
	char key[KEY_MAX];               /* dotted, of the mapping being read */
	unsigned depth;                  /* open mappings */
	size_t lines_set[CONFIG_ROWS_N]; /* line each key was set in; 0: not yet */
};

static int complain(struct reader *r, size_t line, const char *what, const char *name)
{
	char shown[EXCERPT_SIZE];
	return error_set(r->err, ERR_INVALID, "%s:%zu: %s%s%s", r->name, line, what,
			 name ? ": " : "", name ? text_excerpt(name, shown) : "");
}

static int next(struct reader *r, yaml_event_t *event)
{
	if (yaml_parser_parse(&r->parser, event))
		return 0;
	const char *what = r->parser.problem ? r->parser.problem : "not readable";
	return complain(r, r->parser.problem_mark.line + 1, what, NULL);
}

static int read_mapping(struct reader *r);

static int read_scalar(struct reader *r, const yaml_event_t *value, size_t line)
{
	const struct config_row *row = config_row_find(r->key);
	char hint[EXCERPT_SIZE];
	if (!row)
		return error_set(r->err, ERR_INVALID, "%s:%zu: there is no setting \"%s\"%s",
				 r->name, line, r->key,
				 config_row_hint(r->key, false, hint, sizeof hint));
	size_t *set_in = &r->lines_set[row - config_rows];
	if (*set_in)
		return error_set(r->err, ERR_INVALID, "%s:%zu: %s is set in line %zu already",
				 r->name, line, row->key, *set_in);
	*set_in = line;
	const char *text = (const char *)value->data.scalar.value;
	bool null = value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		    (strcmp(text, "") == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
	if (strlen(text) != value->data.scalar.length)
		return complain(r, line, "a value with a NUL byte", row->key);
	return r->set(r->user, row, null ? row->dflt : text, line, r->err);
}

/* What follows a key: a scalar, or a mapping that continues the key. */
static int read_value(struct reader *r, size_t line)
{
	yaml_event_t event;
	int result = next(r, &event);
	if (result)
		return result;
	if (event.type == YAML_SCALAR_EVENT)
		result = read_scalar(r, &event, line);
	else if (event.type == YAML_MAPPING_START_EVENT)
		result = read_mapping(r);
	else
		result = complain(r, line, "one value is expected here", r->key);
	yaml_event_delete(&event);
	return result;
}

static int read_pair(struct reader *r, const yaml_event_t *key)
{
	size_t line = key->start_mark.line + 1, n = strlen(r->key);
	const char *name = (const char *)key->data.scalar.value;
	if (key->type != YAML_SCALAR_EVENT)
		return complain(r, line, "a name is expected here", NULL);
	if (n + strlen(name) + 2 > sizeof r->key)
		return complain(r, line, "there is no such setting", name);
	snprintf(r->key + n, sizeof r->key - n, "%s%s", n > 0 ? "." : "", name);
	int result = read_value(r, line);
	r->key[n] = '\0';
	return result;
}

static int read_mapping(struct reader *r)
{
	if (r->depth == DEPTH_MAX)
		return complain(r, r->parser.mark.line + 1, "there is no setting this deep",
				r->key);
	r->depth++;
	int result = 0;
	for (bool more = true; more && result == 0;) {
		yaml_event_t key;
		result = next(r, &key);
		if (result)
			return result;
		more = key.type != YAML_MAPPING_END_EVENT;
		if (more)
			result = read_pair(r, &key);
		yaml_event_delete(&key);
	}
	r->depth--;
	return result;
}

static bool is_empty_document(const yaml_event_t *e)
{
	return e->type == YAML_SCALAR_EVENT && e->data.scalar.length == 0;
}

/* stream start, [document start, mapping, document end], stream end */
static int read_stream(struct reader *r)
{
	int result = 0;
	for (bool more = true; more && result == 0;) {
		yaml_event_t event;
		result = next(r, &event);
		if (result)
			return result;
		more = event.type != YAML_STREAM_END_EVENT;
		size_t line = event.start_mark.line + 1;
		if (event.type == YAML_MAPPING_START_EVENT)
			result = read_mapping(r);
		else if (event.type == YAML_SEQUENCE_START_EVENT ||
			 event.type == YAML_ALIAS_EVENT ||
			 (event.type == YAML_SCALAR_EVENT && !is_empty_document(&event)))
			result = complain(r, line, "\"key: value\" is expected here", NULL);
		yaml_event_delete(&event);
	}
	return result;
}

int config_file_parse(const char *name, struct span text, config_set_fn *set, void *user,
		      struct error *err)
{
	struct reader r = { .name = name, .set = set, .user = user, .err = err };
	if (!yaml_parser_initialize(&r.parser))
		abort();
	yaml_parser_set_input_string(&r.parser, text.p ? text.p : (const uint8_t *)"", text.n);
	int result = read_stream(&r);
	yaml_parser_delete(&r.parser);
	return result;
}

int config_file_read(const char *path, config_set_fn *set, void *user, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, FILE_MAX);
	int r = file_read(path, &text);
	if (r)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	return config_file_parse(path, buf_span(&text), set, user, err);
}
