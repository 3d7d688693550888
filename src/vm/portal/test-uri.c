/* SPDX-License-Identifier: Apache-2.0
 *
 * uri: what portals answer with, and what must not become a path or a second line.
 */
#include "vm/portal/uri.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct row {
	const char *uri, *path; /* NULL: refused */
} rows[] = {
	{ "file:///home/me/a.txt", "/home/me/a.txt" },
	{ "file:/home/me/a.txt", "/home/me/a.txt" },
	{ "FILE://LocalHost/a", "/a" },
	{ "file:///", "/" },
	{ "file:///with%20blank%C3%a4%25", "/with blankä%" },
	{ "file:///a+b", "/a+b" }, /* a plus is a plus */
	{ "file:///a%2Fb", "/a/b" },
	{ "file://server/share/a", NULL },
	{ "file://localhost.evil/a", NULL },
	{ "file://", NULL },
	{ "file:", NULL },
	{ "", NULL },
	{ "file:relative", NULL },
	{ "http://localhost/a", NULL },
	{ "/home/me", NULL },
	{ "file:///a%0ab", NULL },
	{ "file:///a%00b", NULL },
	{ "file:///a\nb", NULL },
	{ "file:///a%ffb", NULL },
	{ "file:///a%", NULL },
	{ "file:///a%4", NULL },
	{ "file:///a%zz", NULL },
	{ "file:///a?b", NULL },
	{ "file:///a#b", NULL },
};

static void uris(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_fini) struct buf out;
		buf_init(&out, 8192);
		bool ok = file_uri_path(span_str(rows[i].uri), &out);
		if (ok != (rows[i].path != NULL))
			fail_msg("“%s”: %s", rows[i].uri, ok ? "accepted" : "refused");
		assert_string_equal(buf_str(&out), rows[i].path ? rows[i].path : "");
	}
}

static void too_long(void **state)
{
	CLEANUP(buf_fini) struct buf uri, out;
	buf_init(&uri, 10000);
	buf_init(&out, 10000);
	buf_add_str(&uri, "file:///");
	for (int i = 0; i < 5000; i++)
		buf_add_char(&uri, 'a');
	assert_false(file_uri_path(buf_span(&uri), &out));
	assert_int_equal(out.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(uris),
		cmocka_unit_test(too_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
