/* SPDX-License-Identifier: Apache-2.0
 *
 * The parser of the filter language (grammar in filter.h): recursive descent over the text, one
 * function a rule, into nodes of the caller's arena. Every error names the column, counted in
 * characters from 1. Depth, number of comparisons and length are bounded, so is the work.
 *
 * `in (…)` becomes an "or" of comparisons: whoever reads a filter knows AND, OR, NOT and COMPARE.
 * Evaluation is in filter-match.c; the store's backends make SQL of the same nodes.
 */
#include "model/filter.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "model/catalogue.h"
#include "model/text.h"
#include "model/verdict.h"
#include <errno.h>
#include <inttypes.h>
#include <strings.h>

#define TEXT_BYTES_MAX  4096
#define DEPTH_MAX       32
#define COMPARISONS_MAX 128
#define ATTRIBUTE       "attribute."

/* ---- fields and operators ---- */

enum field_type {
	TYPE_NUMBER,
	TYPE_TEXT,
	TYPE_WORD,
	TYPE_VERDICT,
	TYPE_FLEET,
	TYPE_TIME,
	TYPE_BOOL,
};

static const struct field {
	const char *name;
	enum field_type type;
} fields[] = {
#define FIELD(id, f_name, f_type, doc) [FILTER_##id] = { f_name, TYPE_##f_type },
#include "model/filter.def"
#undef FIELD
};

static const char *const op_words[] = {
	[FILTER_EQ] = "=", [FILTER_NE] = "!=", [FILTER_LT] = "<",       [FILTER_LE] = "<=",
	[FILTER_GT] = ">", [FILTER_GE] = ">=", [FILTER_CONTAINS] = "~",
};

#define OP(op)    (1u << FILTER_##op)
#define OPS_SAME  (OP(EQ) | OP(NE))
#define OPS_ORDER (OPS_SAME | OP(LT) | OP(LE) | OP(GT) | OP(GE))

static const struct {
	unsigned ops;
	const char *ops_text;
} types[] = {
	[TYPE_NUMBER] = { OPS_ORDER, "=, !=, <, <=, > or >=" },
	[TYPE_TEXT] = { OPS_SAME | OP(CONTAINS), "=, != or ~" },
	[TYPE_WORD] = { OPS_SAME, "= or !=" },
	[TYPE_VERDICT] = { OPS_SAME, "= or !=" },
	[TYPE_FLEET] = { OPS_SAME, "= or !=" },
	[TYPE_TIME] = { OPS_ORDER, "=, !=, <, <=, > or >=" },
	[TYPE_BOOL] = { OPS_SAME, "= or !=" },
};

/* ---- tokens ---- */

enum token_type {
	TOKEN_END,
	TOKEN_WORD,
	TOKEN_QUOTED,
	TOKEN_OP,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_COMMA
};

struct token {
	enum token_type type;
	const char *at;    /* where it begins */
	const char *text;  /* WORD, QUOTED: its value, in the arena */
	enum filter_op op; /* OP */
};

struct parser {
	const char *text, *next; /* the whole; what is not read yet */
	struct token token;      /* the one to look at */
	const char *after;       /* the word or sign read before it, for "expected … after" */
	unsigned depth, n_comparisons;
	const struct fleet_tree *tree;
	int64_t now_ms;
	struct arena *arena;
	struct error *err;
};

static unsigned column_of(const struct parser *p, const char *at)
{
	unsigned column = 1;
	for (const char *s = p->text; s < at; s++)
		column += ((unsigned char)*s & 0xc0) != 0x80; /* characters, not bytes */
	return column;
}

static int fail(struct parser *p, const char *at, const char *fmt, ...) FORMAT_PRINTF(3, 4);
static int fail(struct parser *p, const char *at, const char *fmt, ...)
{
	char sentence[300];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, ap);
	va_end(ap);
	return error_set(p->err, ERR_INVALID, "column %u: %s", column_of(p, at), sentence);
}

static int expected(struct parser *p, const char *what)
{
	char shown[EXCERPT_SIZE];
	if (p->after)
		return fail(p, p->token.at, "expected %s after \"%s\"", what,
			    text_excerpt(p->after, shown));
	return fail(p, p->token.at, "expected %s", what);
}

/* Whatever is not a sign of the language: names, times, paths, addresses, in any script. */
static size_t word_length(const char *s)
{
	return strcspn(s, " \t\r\n()=!<>~,'\"");
}

static int read_quoted(struct parser *p)
{
	const char *start = p->next, quote = *p->next++;
	CLEANUP(buf_fini) struct buf value;
	buf_init(&value, TEXT_BYTES_MAX);
	while (*p->next && *p->next != quote) {
		if (*p->next == '\\' && p->next[1])
			p->next++;
		buf_add_char(&value, *p->next++);
	}
	if (!*p->next)
		return fail(p, start, "the quote is not closed");
	p->next++;
	p->token.type = TOKEN_QUOTED;
	p->token.text = arena_strndup(p->arena, buf_str(&value), value.n);
	return 0;
}

static int read_op(struct parser *p)
{
	int found = -1;
	for (size_t i = 0; i < ARRAY_SIZE(op_words); i++) { /* the longest one that fits */
		size_t n = strlen(op_words[i]);
		if (strncmp(p->next, op_words[i], n) == 0 &&
		    (found < 0 || n > strlen(op_words[found])))
			found = (int)i;
	}
	if (found < 0)
		return fail(p, p->next, "expected \"!=\", found \"!\"");
	p->next += strlen(op_words[found]);
	p->token.type = TOKEN_OP;
	p->token.op = (enum filter_op)found;
	return 0;
}

/* Reads the next token into p->token. */
static int advance(struct parser *p)
{
	static const char signs[] = "(),";
	static const enum token_type sign_types[] = { TOKEN_OPEN, TOKEN_CLOSE, TOKEN_COMMA };
	if (p->token.at) {
		size_t n = (size_t)(p->next - p->token.at);
		p->after = arena_strndup(p->arena, p->token.at, n);
	}
	p->next += strspn(p->next, " \t\r\n");
	p->token = (struct token){ .at = p->next };
	const char *sign = *p->next ? strchr(signs, *p->next) : NULL;
	size_t n = word_length(p->next);
	if (*p->next == '\0') {
		p->token.type = TOKEN_END;
	} else if (sign) {
		p->token.type = sign_types[sign - signs];
		p->next++;
	} else if (*p->next == '\'' || *p->next == '"') {
		return read_quoted(p);
	} else if (n) {
		p->token.type = TOKEN_WORD;
		p->token.text = arena_strndup(p->arena, p->next, n);
		p->next += n;
	} else {
		return read_op(p);
	}
	return 0;
}

static bool at_word(const struct parser *p, const char *word)
{
	return p->token.type == TOKEN_WORD && strcasecmp(p->token.text, word) == 0;
}

/* ---- values ---- */

static int value_number(struct parser *p, struct filter *f)
{
	char *end, shown[EXCERPT_SIZE];
	const char *s = p->token.text;
	errno = 0;
	f->number = strtoimax(s, &end, 10);
	if (!*s || *end || errno)
		return fail(p, p->token.at, "expected a number, not \"%s\"",
			    text_excerpt(s, shown));
	return 0;
}

static int value_bool(struct parser *p, struct filter *f)
{
	char shown[EXCERPT_SIZE];
	f->number = strcasecmp(p->token.text, "true") == 0;
	if (!f->number && strcasecmp(p->token.text, "false") != 0)
		return fail(p, p->token.at, "expected true or false, not \"%s\"",
			    text_excerpt(p->token.text, shown));
	return 0;
}

static const char *verdict_word(size_t i)
{
	return verdict_name((enum verdict)i);
}

static const char *kind_word(size_t i)
{
	return kind_name((enum kind)i);
}

static const char *channel_word(size_t i)
{
	return channel_name((enum channel)i);
}

/* One word of a fixed vocabulary; anything else gets told all of it. */
static int value_word(struct parser *p, const char *(*word)(size_t), size_t n, size_t *ret)
{
	char shown[EXCERPT_SIZE];
	for (*ret = 0; *ret < n; (*ret)++)
		if (strcasecmp(p->token.text, word(*ret)) == 0)
			return 0;
	CLEANUP(buf_fini) struct buf all;
	buf_init(&all, 160);
	for (size_t i = 0; i < n; i++)
		buf_addf(&all, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : " or ", word(i));
	return fail(p, p->token.at, "expected %s, not \"%s\"", buf_str(&all),
		    text_excerpt(p->token.text, shown));
}

static int value_vocabulary(struct parser *p, struct filter *f)
{
	bool kind = f->field == FILTER_KIND;
	size_t i;
	int r = kind ? value_word(p, kind_word, KIND_N, &i)
		     : value_word(p, channel_word, CHANNEL_N, &i);
	if (r == 0)
		f->text = kind ? kind_word(i) : channel_word(i);
	return r;
}

static int value_verdict(struct parser *p, struct filter *f)
{
	size_t i;
	int r = value_word(p, verdict_word, VERDICT_COMPLIANT + 1, &i);
	f->number = (int64_t)i;
	return r;
}

static int value_fleet(struct parser *p, struct filter *f)
{
	const struct fleet *fleet;
	struct error why;
	int r = fleet_tree_find(p->tree, p->token.text, &fleet, &why);
	if (r < 0)
		return r;
	if (r > 0)
		return fail(p, p->token.at, "%s", why.message);
	f->number = fleet->id;
	return 0;
}

/* An age is a moment in the past, seen from the other side: younger than a week is later than a
 * week ago. */
static enum filter_op turned_round(enum filter_op op)
{
	switch (op) {
	case FILTER_LT:
		return FILTER_GT;
	case FILTER_LE:
		return FILTER_GE;
	case FILTER_GT:
		return FILTER_LT;
	case FILTER_GE:
		return FILTER_LE;
	case FILTER_EQ:
	case FILTER_NE:
	case FILTER_CONTAINS:
		return op;
	}
	return op;
}

static int value_time(struct parser *p, struct filter *f)
{
	char shown[EXCERPT_SIZE];
	int64_t age_ms;
	if (clock_parse(p->token.text, &f->number))
		return 0;
	if (!duration_parse(p->token.text, &age_ms))
		return fail(p, p->token.at,
			    "expected an age (\"7d\", \"12h\") or a time "
			    "(\"2026-11-25T14:06:06Z\"), not \"%s\"",
			    text_excerpt(p->token.text, shown));
	f->number =
		p->now_ms > age_ms ? p->now_ms - age_ms : 1; /* 0 is never: older than any age */
	f->op = turned_round(f->op);
	return 0;
}

static int value_text(struct parser *p, struct filter *f)
{
	f->text = p->token.text;
	return 0;
}

/* Reads the value that the token is into 'f', by the type of its field. */
static int read_value(struct parser *p, struct filter *f)
{
	static int (*const readers[])(struct parser *, struct filter *) = {
		[TYPE_NUMBER] = value_number,   [TYPE_TEXT] = value_text,
		[TYPE_WORD] = value_vocabulary, [TYPE_VERDICT] = value_verdict,
		[TYPE_FLEET] = value_fleet,     [TYPE_TIME] = value_time,
		[TYPE_BOOL] = value_bool,
	};
	if (p->token.type != TOKEN_WORD && p->token.type != TOKEN_QUOTED)
		return expected(p, "a value");
	if (++p->n_comparisons > COMPARISONS_MAX)
		return fail(p, p->token.at, "more than %d comparisons", COMPARISONS_MAX);
	int r = readers[fields[f->field].type](p, f);
	return r ? r : advance(p);
}

/* ---- rules ---- */

static struct filter *new_node(struct parser *p, struct filter f)
{
	struct filter *node = arena_new(p->arena, struct filter);
	*node = f;
	return node;
}

static int unknown_field(struct parser *p)
{
	char shown[EXCERPT_SIZE], hint[EXCERPT_SIZE];
	struct nearest nearest;
	nearest_init(&nearest, p->token.text);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		nearest_add(&nearest, fields[i].name, fields[i].name);
	return fail(p, p->token.at, "there is no field \"%s\"%s",
		    text_excerpt(p->token.text, shown), nearest_hint(&nearest, hint));
}

static int read_field(struct parser *p, struct filter *f)
{
	const char *name = p->token.text;
	if (p->token.type != TOKEN_WORD)
		return expected(p, "a field");
	if (strncmp(name, ATTRIBUTE, strlen(ATTRIBUTE)) == 0 && name[strlen(ATTRIBUTE)]) {
		f->field = FILTER_ATTRIBUTE;
		f->attribute = name + strlen(ATTRIBUTE);
		return advance(p);
	}
	for (size_t i = 0; i < FILTER_ATTRIBUTE; i++)
		if (strcmp(name, fields[i].name) == 0) {
			f->field = (enum filter_field)i;
			return advance(p);
		}
	return unknown_field(p);
}

/* "(" value *( "," value ) ")" */
static int parse_in(struct parser *p, struct filter one, const struct filter **ret)
{
	const struct filter *all = NULL;
	one.op = FILTER_EQ;
	if (p->token.type != TOKEN_OPEN)
		return expected(p, "\"(\"");
	do {
		struct filter next = one;
		int r = advance(p);
		if (r == 0)
			r = read_value(p, &next);
		if (r)
			return r;
		const struct filter *node = new_node(p, next);
		all = !all ? node
			   : new_node(p, (struct filter){
						 .type = FILTER_OR, .left = all, .right = node });
	} while (p->token.type == TOKEN_COMMA);
	if (p->token.type != TOKEN_CLOSE)
		return expected(p, "\",\" or \")\"");
	*ret = all;
	return advance(p);
}

static int parse_comparison(struct parser *p, const struct filter **ret)
{
	struct filter f = { .type = FILTER_COMPARE };
	int r = read_field(p, &f);
	if (r)
		return r;
	if (at_word(p, "in")) {
		r = advance(p);
		return r ? r : parse_in(p, f, ret);
	}
	enum field_type type = fields[f.field].type;
	if (p->token.type != TOKEN_OP)
		return expected(p, types[type].ops_text);
	if (!(types[type].ops & 1u << p->token.op))
		return fail(p, p->token.at, "%s compares with %s, not with %s",
			    fields[f.field].name, types[type].ops_text, op_words[p->token.op]);
	f.op = p->token.op;
	r = advance(p);
	if (r == 0)
		r = read_value(p, &f);
	if (r == 0)
		*ret = new_node(p, f);
	return r;
}

static int parse_or(struct parser *p, const struct filter **ret);

static int parse_group(struct parser *p, const struct filter **ret)
{
	int r = advance(p);
	if (r == 0)
		r = parse_or(p, ret);
	if (r)
		return r;
	if (p->token.type != TOKEN_CLOSE)
		return expected(p, "\"and\", \"or\" or \")\"");
	return advance(p);
}

static int parse_not(struct parser *p, const struct filter **ret);

static int parse_unary(struct parser *p, const struct filter **ret)
{
	if (p->depth == DEPTH_MAX)
		return fail(p, p->token.at, "nested deeper than %d", DEPTH_MAX);
	p->depth++;
	int r = at_word(p, "not")             ? parse_not(p, ret)
		: p->token.type == TOKEN_OPEN ? parse_group(p, ret)
					      : parse_comparison(p, ret);
	p->depth--;
	return r;
}

static int parse_not(struct parser *p, const struct filter **ret)
{
	const struct filter *inner;
	int r = advance(p);
	if (r == 0)
		r = parse_unary(p, &inner);
	if (r == 0)
		*ret = new_node(p, (struct filter){ .type = FILTER_NOT, .left = inner });
	return r;
}

static int parse_and(struct parser *p, const struct filter **ret)
{
	int r = parse_unary(p, ret);
	while (r == 0 && at_word(p, "and")) {
		const struct filter *right;
		r = advance(p);
		if (r == 0)
			r = parse_unary(p, &right);
		if (r == 0)
			*ret = new_node(p, (struct filter){ .type = FILTER_AND,
							    .left = *ret,
							    .right = right });
	}
	return r;
}

static int parse_or(struct parser *p, const struct filter **ret)
{
	int r = parse_and(p, ret);
	while (r == 0 && at_word(p, "or")) {
		const struct filter *right;
		r = advance(p);
		if (r == 0)
			r = parse_and(p, &right);
		if (r == 0)
			*ret = new_node(
				p,
				(struct filter){ .type = FILTER_OR, .left = *ret, .right = right });
	}
	return r;
}

int filter_parse(const char *text, const struct fleet_tree *tree, int64_t now_ms, struct arena *a,
		 const struct filter **ret, struct error *err)
{
	struct parser p = {
		.text = text, .next = text, .tree = tree, .now_ms = now_ms, .arena = a, .err = err
	};
	const struct filter *all = NULL;
	if (strlen(text) > TEXT_BYTES_MAX)
		return error_set(err, ERR_INVALID, "a filter has at most %d bytes", TEXT_BYTES_MAX);
	if (!utf8_valid(span_str(text)))
		return error_set(err, ERR_INVALID, "the filter is not valid UTF-8");
	int r = advance(&p);
	if (r == 0 && p.token.type == TOKEN_END)
		all = new_node(&p, (struct filter){ .type = FILTER_TRUE });
	else if (r == 0)
		r = parse_or(&p, &all);
	if (r == 0 && p.token.type != TOKEN_END)
		r = expected(&p, "\"and\", \"or\" or the end");
	if (r == 0)
		*ret = all;
	return r;
}
