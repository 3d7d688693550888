/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of file names, see pattern.h. Choosers compare them as they are, so both cases are in them, as GTK writes its own.
 */
#include "vm/portal/pattern.h"
#include "base/utf8.h"

#define EXTENSION_MAX 32

static struct span next_item(struct span *list)
{
	struct span item;
	if (!span_get_until(list, ',', &item)) {
		item = *list;
		list->p += list->n;
		list->n = 0;
	}
	while (item.n > 0 && (item.p[0] == ' ' || item.p[0] == '.')) {
		item.p++;
		item.n--;
	}
	while (item.n > 0 && item.p[item.n - 1] == ' ')
		item.n--;
	return item;
}

static bool is_letter(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_plain(struct span item)
{
	if (item.n == 0 || item.n > EXTENSION_MAX || !utf8_valid(item) || utf8_has_control(item))
		return false;
	for (size_t i = 0; i < item.n; i++) {
		uint8_t c = item.p[i];
		if (c == '*' || c == '?' || c == '[' || c == ']' || c == '\\' || c == '/')
			return false;
	}
	return true;
}

bool pattern_next(struct span *list, struct buf *out)
{
	while (list->n > 0) {
		struct span item = next_item(list);
		if (!is_plain(item))
			continue;
		buf_add_str(out, "*.");
		for (size_t i = 0; i < item.n; i++) {
			uint8_t c = item.p[i];
			if (is_letter(c))
				buf_addf(out, "[%c%c]", c | 0x20, c & ~0x20);
			else
				buf_add_char(out, (char)c);
		}
		return true;
	}
	return false;
}
