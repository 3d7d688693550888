/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events: see sse.h.
 */
#include "reeve/sse.h"
#include <errno.h>

void sse_init(struct sse *s, sse_fn *fn, void *user)
{
	*s = (struct sse){ .fn = fn, .user = user };
	buf_init(&s->line, SSE_MAX);
	buf_init(&s->data, SSE_MAX);
	buf_init(&s->id, 256);
	buf_init(&s->type, 256);
}

void sse_fini(struct sse *s)
{
	buf_fini(&s->line);
	buf_fini(&s->data);
	buf_fini(&s->id);
	buf_fini(&s->type);
}

static int dispatch(struct sse *s)
{
	bool go_on = true;
	if (s->data.n > 0) {
		s->data.p[--s->data.n] = '\0'; /* the line feed behind the last line */
		go_on = s->fn(s->user, buf_str(&s->id), s->type.n ? buf_str(&s->type) : "message",
			      buf_str(&s->data));
	}
	buf_reset(&s->data);
	buf_reset(&s->type);
	return go_on ? 0 : -ECANCELED;
}

static void set(struct buf *b, struct span value)
{
	buf_reset(b);
	buf_add(b, value.p, value.n);
}

static int take_field(struct sse *s, struct span name, struct span value)
{
	if (span_eq_str(name, "data")) {
		buf_add(&s->data, value.p, value.n);
		buf_add_char(&s->data, '\n');
	} else if (span_eq_str(name, "event")) {
		set(&s->type, value);
	} else if (span_eq_str(name, "id") && (value.n == 0 || !memchr(value.p, '\0', value.n))) {
		set(&s->id, value);
	}
	return s->data.failed || s->id.failed || s->type.failed ? -EFBIG : 0;
}

static int take_line(struct sse *s)
{
	struct span value = buf_span(&s->line), name;
	int r;
	if (!s->started && value.n >= 3 && memcmp(value.p, "\xef\xbb\xbf", 3) == 0)
		value = (struct span){ value.p + 3, value.n - 3 };
	s->started = true;
	if (value.n == 0) {
		r = dispatch(s);
	} else if (!span_get_until(&value, ':', &name)) {
		r = take_field(s, value, (struct span){ NULL, 0 });
	} else {
		if (value.n > 0 && value.p[0] == ' ')
			value = (struct span){ value.p + 1, value.n - 1 };
		r = take_field(s, name, value); /* no name: a comment */
	}
	buf_reset(&s->line);
	return r;
}

int sse_feed(struct sse *s, struct span bytes)
{
	int r = 0;
	for (uint8_t c; r == 0 && span_get_u8(&bytes, &c);) {
		bool rest_of_crlf = c == '\n' && s->after_cr;
		s->after_cr = c == '\r';
		if (rest_of_crlf)
			continue;
		if (c == '\r' || c == '\n')
			r = take_line(s);
		else
			buf_add_char(&s->line, (char)c);
		if (s->line.failed)
			r = -EFBIG;
	}
	return r;
}
