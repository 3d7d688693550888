/* SPDX-License-Identifier: Apache-2.0
 *
 * Parts of multipart/form-data, see multipart.h.
 *
 *     [preamble CR LF] "--" boundary CR LF headers CR LF CR LF body CR LF "--" boundary … "--" CR LF
 *
 * The CR LF before a boundary belongs to the boundary, so that the first one, at the start of the body, is
 * the only one without.
 */
#include "channel/chrome/command/multipart.h"

#include <string.h>

#define DASHES "--"
#define BREAK  "\r\n"

static int malformed(struct error *err, const char *what)
{
	return error_set(err, ERR_INVALID, "The upload is not multipart/form-data: %s.", what);
}

/* ---- text ---- */

static bool skip_text(struct span *s, const char *text)
{
	struct span piece, copy = *s;
	if (!span_get_bytes(&copy, strlen(text), &piece) || !span_eq_str(piece, text))
		return false;
	*s = copy;
	return true;
}

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (struct span){ s.p + 1, s.n - 1 };
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Up to the separator or the end. */
static struct span take_until(struct span *s, char separator)
{
	struct span piece;
	if (!span_get_until(s, separator, &piece)) {
		piece = *s;
		*s = (struct span){ s->p + s->n, 0 };
	}
	return piece;
}

/* `; name="value"` of a header's value, without the quotes; empty: not there. */
static struct span parameter(struct span value, const char *name)
{
	while (value.n > 0) {
		struct span pair = trim(take_until(&value, ';'));
		struct span key = trim(take_until(&pair, '='));
		pair = trim(pair);
		if (!span_ieq_str(key, name))
			continue;
		if (pair.n >= 2 && pair.p[0] == '"' && pair.p[pair.n - 1] == '"')
			return (struct span){ pair.p + 1, pair.n - 2 };
		return pair;
	}
	return (struct span){ NULL, 0 };
}

/* ---- boundaries ---- */

static bool boundary_valid(struct span b)
{
	if (b.n == 0 || b.n > MULTIPART_BOUNDARY_MAX)
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < ' ' || b.p[i] > '~')
			return false;
	return true;
}

/* What comes before the next boundary; m->rest is then behind it. */
static bool take_to_boundary(struct multipart *m, struct span *ret)
{
	const uint8_t *at = memmem(m->rest.p, m->rest.n, m->delimiter, m->n_delimiter);
	struct span skipped;
	if (!at)
		return false;
	return span_get_bytes(&m->rest, (size_t)(at - m->rest.p), ret) &&
	       span_get_bytes(&m->rest, m->n_delimiter, &skipped);
}

int multipart_init(struct multipart *m, const char *content_type, struct span body,
		   struct error *err)
{
	struct span value = span_str(content_type), start = { m->delimiter + 2, 0 }, skipped;
	struct span type = trim(take_until(&value, ';'));
	struct span boundary = parameter(value, "boundary");
	if (!span_ieq_str(type, "multipart/form-data") || !boundary_valid(boundary))
		return error_set(err, ERR_UNSUPPORTED_TYPE,
				 "An upload is multipart/form-data with a boundary.");
	m->rest = body;
	m->n_delimiter = strlen(BREAK DASHES) + boundary.n;
	memcpy(m->delimiter, BREAK DASHES, strlen(BREAK DASHES));
	memcpy(m->delimiter + strlen(BREAK DASHES), boundary.p, boundary.n);
	start.n = m->n_delimiter - strlen(BREAK);
	struct span copy = body;
	if (span_get_bytes(&copy, start.n, &skipped) && span_eq(skipped, start))
		m->rest = copy;
	else if (!take_to_boundary(m, &skipped))
		return malformed(err, "its boundary is not in it");
	return 0;
}

/* ---- parts ---- */

static void read_header(struct span line, struct multipart_part *part)
{
	struct span value = line;
	struct span name = trim(take_until(&value, ':'));
	value = trim(value);
	if (span_ieq_str(name, "Content-Disposition")) {
		part->name = parameter(value, "name");
		part->filename = parameter(value, "filename");
	} else if (span_ieq_str(name, "Content-Type")) {
		part->content_type = value;
	} else if (span_ieq_str(name, "Command-ID")) {
		part->command_id = value;
	} else if (span_ieq_str(name, "File-Type")) {
		part->file_type = value;
	}
}

/* Up to the empty line, which may be all there is. */
static int read_headers(struct multipart *m, struct multipart_part *part, struct error *err)
{
	for (size_t i = 0; i < MULTIPART_HEADERS_MAX; i++) {
		struct span line;
		if (skip_text(&m->rest, BREAK))
			return 0;
		if (!span_get_until(&m->rest, '\n', &line) || line.n == 0 ||
		    line.p[line.n - 1] != '\r')
			return malformed(err, "a header without an end");
		line.n--;
		read_header(line, part);
	}
	return malformed(err, "a part has too many headers");
}

int multipart_next(struct multipart *m, struct multipart_part *ret, bool *ret_there,
		   struct error *err)
{
	*ret = (struct multipart_part){ .name = { NULL, 0 } };
	*ret_there = false;
	if (skip_text(&m->rest, DASHES))
		return 0;
	while (m->rest.n > 0 && (m->rest.p[0] == ' ' || m->rest.p[0] == '\t'))
		m->rest = (struct span){ m->rest.p + 1, m->rest.n - 1 }; /* RFC 2046's padding */
	if (!skip_text(&m->rest, BREAK))
		return malformed(err, "a boundary without an end");
	int r = read_headers(m, ret, err);
	if (r)
		return r;
	/* an empty body: its boundary shares the empty line's CR LF */
	m->rest = (struct span){ m->rest.p - strlen(BREAK), m->rest.n + strlen(BREAK) };
	struct span body;
	if (!take_to_boundary(m, &body))
		return malformed(err, "its last boundary is missing");
	ret->body = body.n >= strlen(BREAK)
			    ? (struct span){ body.p + strlen(BREAK), body.n - strlen(BREAK) }
			    : (struct span){ body.p, 0 };
	*ret_there = true;
	return 0;
}
