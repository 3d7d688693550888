/* SPDX-License-Identifier: Apache-2.0
 *
 * File URIs, see uri.h.
 */
#include "vm/portal/uri.h"
#include "base/utf8.h"

#define PATH_SIZE 4096

/* Off the front, if it is there. */
static bool skip_word(struct span *s, const char *word)
{
	struct span rest = *s, head;
	if (!span_get_bytes(&rest, span_str(word).n, &head) || !span_ieq_str(head, word))
		return false;
	*s = rest;
	return true;
}

/* %XX, or a byte as it is; '?' and '#' would begin what is no path any more. */
static bool get_byte(struct span *s, uint8_t *ret)
{
	return span_get_escape(s, ret) ||
	       (span_get_u8(s, ret) && *ret != '?' && *ret != '#' && *ret != '%');
}

bool file_uri_path(struct span uri, struct buf *out)
{
	CLEANUP(buf_fini) struct buf path;
	uint8_t c;
	buf_init(&path, PATH_SIZE);
	if (!skip_word(&uri, "file:"))
		return false;
	if (skip_word(&uri, "//"))
		(void)skip_word(&uri, "localhost");
	if (uri.n == 0 || uri.p[0] != '/')
		return false;
	while (uri.n > 0) {
		if (!get_byte(&uri, &c))
			return false;
		buf_add_char(&path, (char)c);
	}
	if (path.failed || !utf8_valid(buf_span(&path)) || utf8_has_control(buf_span(&path)))
		return false;
	buf_add(out, path.p, path.n);
	return !out->failed;
}
