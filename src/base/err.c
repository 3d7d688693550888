/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of err.def as functions, and struct error's one setter. A message is always valid
 * UTF-8, whatever a peer's text in it was: it goes into JSON.
 */
#include "base/err.h"
#include "base/utf8.h"

static const struct {
	const char *slug, *title;
	int http, exit;
} table[] = {
	[ERR_NONE] = { "none", "No error", 200, 0 },
#define ERR(name, slug, http, exit, title) [ERR_##name] = { slug, title, http, exit },
#include "base/err.def"
#undef ERR
};

static enum err known(enum err code)
{
	return (unsigned)code < ARRAY_SIZE(table) ? code : ERR_INTERNAL;
}

/* Invalid bytes become '?', in place; a character that was cut at the end goes away. */
static void make_utf8(char *s)
{
	struct span left = span_str(s);
	uint32_t v;
	while (left.n > 0) {
		if (span_get_utf8(&left, &v))
			continue;
		size_t at = (size_t)((const char *)left.p - s);
		bool cut = left.n < 4 && left.p[0] >= 0xc0;
		for (size_t i = 1; cut && i < left.n; i++)
			cut = (left.p[i] & 0xc0) == 0x80;
		if (cut) {
			s[at] = '\0';
			return;
		}
		s[at] = '?';
		left.p++;
		left.n--;
	}
}

int error_set(struct error *e, enum err code, const char *fmt, ...)
{
	if (!e)
		return (int)code;
	va_list ap;
	va_start(ap, fmt);
	if (vsnprintf(e->message, sizeof e->message, fmt, ap) < 0)
		e->message[0] = '\0';
	va_end(ap);
	make_utf8(e->message);
	e->code = code;
	return (int)code;
}

int err_http_status(enum err code)
{
	return table[known(code)].http;
}

int err_exit_code(enum err code)
{
	return table[known(code)].exit;
}

const char *err_slug(enum err code)
{
	return table[known(code)].slug;
}

const char *err_title(enum err code)
{
	return table[known(code)].title;
}

enum err err_from_slug(const char *slug)
{
	for (size_t i = ERR_NONE + 1; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].slug, slug) == 0)
			return (enum err)i;
	return ERR_INTERNAL;
}
