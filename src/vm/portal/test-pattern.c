/* SPDX-License-Identifier: Apache-2.0
 *
 * pattern: lists of extensions, also hostile ones.
 */
#include "vm/portal/pattern.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct row {
	const char *list, *patterns;
} rows[] = {
	{ "", "" },
	{ "png", "*.[pP][nN][gG] " },
	{ "PNG,h", "*.[pP][nN][gG] *.[hH] " },
	{ " .7z , tar.gz", "*.7[zZ] *.[tT][aA][rR].[gG][zZ] " },
	{ ",,", "" },
	{ "a*,b?,[c],d\\,e/f,g", "*.[gG] " },
	{ "ä,\nx,\xff", "*.ä " },
	{ "123456789012345678901234567890123,1", "*.1 " },
};

static void lists(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_fini) struct buf out;
		struct span list = span_str(rows[i].list);
		buf_init(&out, 1000);
		while (pattern_next(&list, &out))
			buf_add_char(&out, ' ');
		assert_string_equal(buf_str(&out), rows[i].patterns);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(lists) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
