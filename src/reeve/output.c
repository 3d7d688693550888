/* SPDX-License-Identifier: Apache-2.0
 *
 * Output: see output.h.
 */
#include "reeve/output.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "base/yaml.h"
#include "reeve/csv.h"
#include "reeve/text.h"
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TEXT_MAX (256u << 20) /* bytes of one write: more than any page of answers */

static const char *const format_names[] = {
	[FORMAT_TABLE] = "table",
	[FORMAT_JSON] = "json",
	[FORMAT_YAML] = "yaml",
	[FORMAT_CSV] = "csv",
};

int format_parse(const char *name, enum format *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_names); i++)
		if (strcmp(name, format_names[i]) == 0) {
			*ret = (enum format)i;
			return 0;
		}
	return error_set(err, ERR_INVALID, "--output: \"%.40s\" is none of table, json, yaml, csv",
			 name);
}

static bool wants_color(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
	return !(no && *no) && term && *term && strcmp(term, "dumb") != 0;
}

void output_init(struct output *o, enum format format, int fd)
{
	struct winsize size;
	*o = (struct output){ .format = format, .fd = fd, .now_ms = clock_utc_ms() };
	o->tty = isatty(fd);
	o->color = o->tty && wants_color();
	if (o->tty && ioctl(fd, TIOCGWINSZ, &size) == 0)
		o->width = size.ws_col;
	table_init(&o->table);
}

void output_fini(struct output *o)
{
	table_fini(&o->table);
	json_decref(o->csv_keys);
}

int output_write(struct output *o, const struct buf *text)
{
	struct span left = buf_span(text);
	if (text->failed)
		return -ENOMEM;
	while (left.n > 0) {
		ssize_t n = write(o->fd, left.p, left.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		left.p += n;
		left.n -= (size_t)n;
	}
	return 0;
}

/* ---- JSON ---- */

/* Indented; what could drive a terminal is escaped, which means the same to a reader. */
static void add_json(struct buf *out, const json_t *j, const char *line_prefix)
{
	CLEANUP(free_charp) char *text = json_dumps(j, JSON_INDENT(2) | JSON_ENCODE_ANY);
	if (!text)
		abort();
	struct span left = span_str(text);
	for (uint32_t c; span_get_utf8_lossy(&left, &c);) {
		if (c == '\n')
			buf_addf(out, "\n%s", line_prefix);
		else if (utf8_is_control(c))
			buf_addf(out, "\\u%04X", c);
		else
			utf8_add(out, c);
	}
}

/* ---- lists ---- */

static void begin_table(struct output *o)
{
	table_fini(&o->table);
	table_init(&o->table);
	for (const struct column *c = o->view->columns; c->title; c++)
		table_column(&o->table, c->title, c->kind);
}

int output_list_begin(struct output *o, const struct view *view)
{
	o->view = view;
	o->n_items = 0;
	json_decref(o->csv_keys);
	o->csv_keys = NULL;
	begin_table(o);
	return 0;
}

static void add_table_row(struct output *o, const json_t *item)
{
	for (const struct column *c = o->view->columns; c->title; c++) {
		struct cell cell;
		cell_make(&cell, c, item, o->now_ms);
		table_cell(&o->table, buf_str(&cell.text), cell.color);
		buf_fini(&cell.text);
	}
}

/* The first row decides the columns: the API gives every row of a list the same keys. */
static void add_csv_row(struct output *o, struct buf *out, const json_t *item)
{
	const char *key;
	json_t *v;
	if (!o->csv_keys) {
		o->csv_keys = json_array();
		json_object_foreach ((json_t *)item, key, v)
			json_array_append_new(o->csv_keys, json_string(key));
		csv_add_head(out, o->csv_keys);
	}
	csv_add_row(out, o->csv_keys, item, o->tty);
}

static void add_yaml_item(struct buf *out, const json_t *item)
{
	AUTO_JSON list = json_pack("[O]", item);
	yaml_add(out, list);
}

static void add_item(struct output *o, struct buf *out, const json_t *item)
{
	switch (o->format) {
	case FORMAT_TABLE:
		add_table_row(o, item);
		break;
	case FORMAT_JSON:
		buf_add_str(out, o->n_items == 0 ? "[\n  " : ",\n  ");
		add_json(out, item, "  ");
		break;
	case FORMAT_YAML:
		add_yaml_item(out, item);
		break;
	case FORMAT_CSV:
		add_csv_row(o, out, item);
		break;
	}
	o->n_items++;
}

int output_list_items(struct output *o, const json_t *items)
{
	size_t i;
	json_t *item;
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, TEXT_MAX);
	json_array_foreach ((json_t *)items, i, item)
		add_item(o, &out, item);
	return output_write(o, &out);
}

int output_list_end(struct output *o)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, TEXT_MAX);
	if (o->format == FORMAT_JSON)
		buf_add_str(&out, o->n_items == 0 ? "[]\n" : "\n]\n");
	else if (o->format == FORMAT_YAML && o->n_items == 0)
		buf_add_str(&out, "[]\n");
	else if (o->format == FORMAT_TABLE && o->n_items == 0)
		fprintf(stderr, "No %s.\n", o->view->things);
	else if (o->format == FORMAT_TABLE)
		table_render(&o->table, o->width, 0, o->color, &out);
	return output_write(o, &out);
}

int output_list(struct output *o, const struct view *view, const json_t *items)
{
	int r = output_list_begin(o, view);
	if (r == 0)
		r = output_list_items(o, items);
	return r == 0 ? output_list_end(o) : r;
}

/* ---- single things ---- */

static void add_facts(struct output *o, struct buf *out, const struct view *view,
		      const json_t *thing)
{
	struct table t;
	table_init(&t);
	table_column(&t, NULL, COLUMN_TEXT);
	table_column(&t, NULL, COLUMN_ELASTIC);
	for (const struct column *c = view->columns; c->title; c++) {
		struct cell cell;
		cell_make(&cell, c, thing, o->now_ms);
		table_cell(&t, c->title, COLOR_DIM);
		table_cell(&t, buf_str(&cell.text), cell.color);
		buf_fini(&cell.text);
	}
	table_render(&t, o->width, 0, o->color, out);
	table_fini(&t);
}

static void add_thing(struct output *o, struct buf *out, const json_t *thing)
{
	if (o->format == FORMAT_YAML) {
		yaml_add(out, thing);
	} else if (o->format == FORMAT_CSV) {
		json_decref(o->csv_keys);
		o->csv_keys = NULL;
		add_csv_row(o, out, thing);
	} else {
		add_json(out, thing, "");
		buf_add_char(out, '\n');
	}
}

int output_object(struct output *o, const struct view *view, const json_t *thing)
{
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, TEXT_MAX);
	if (o->format == FORMAT_TABLE && view)
		add_facts(o, &out, view, thing);
	else
		add_thing(o, &out, thing);
	return output_write(o, &out);
}

int output_done(struct output *o, const json_t *thing, const char *fmt, ...)
{
	CLEANUP(buf_fini) struct buf out, sentence;
	va_list ap;
	buf_init(&out, TEXT_MAX);
	buf_init(&sentence, 1u << 20);
	if (o->format == FORMAT_TABLE) {
		va_start(ap, fmt);
		buf_vaddf(&sentence, fmt, ap);
		va_end(ap);
		text_add_clean(&out, buf_str(&sentence));
		buf_add_char(&out, '\n');
	} else if (thing) {
		add_thing(o, &out, thing);
	} else {
		buf_add_str(&out, o->format == FORMAT_CSV ? "" : "{}\n");
	}
	return output_write(o, &out);
}
