/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vm/fleet/list.h"

static char seen[512];

static void take(void *user, const struct book_row *row)
{
	size_t n = strlen(seen);
	snprintf(seen + n, sizeof seen - n, "[%s %d v%d c%d%s]", row->key, (int)row->id,
		 (int)row->version, (int)row->commands, row->managed ? "" : " !");
}

#define ROW(more) "{\"version\":2,\"commands\":0,\"children\":[" more "]}"

static void test_read(void **state)
{
	static const struct {
		const char *text, *want; /* NULL: refused, and nothing was taken */
	} rows[] = {
		{ ROW(""), "[ 0 v2 c0]" },
		{ ROW("{\"id\":3,\"key\":\"web\",\"version\":1,\"commands\":4,\"managed\":true}"),
		  "[ 0 v2 c0][web 3 v1 c4]" },
		{ ROW("{\"id\":3,\"key\":\"w\",\"version\":1,\"commands\":0,\"managed\":false,\"x\":1}"),
		  "[ 0 v2 c0][w 3 v1 c0 !]" },
		{ "", NULL },
		{ "[]", NULL },
		{ "{}", NULL },
		{ "{\"version\":0,\"commands\":0,\"children\":[]}", NULL },
		{ "{\"version\":1,\"commands\":-1,\"children\":[]}", NULL },
		{ "{\"version\":1,\"commands\":0,\"children\":{}}", NULL },
		{ ROW("1"), NULL },
		{ ROW("{\"id\":3,\"key\":\"w\",\"version\":1,\"commands\":0},{\"id\":4}"), NULL },
		{ ROW("{\"id\":0,\"key\":\"w\",\"version\":1,\"commands\":0}"), NULL },
		{ ROW("{\"id\":3,\"key\":\"\",\"version\":1,\"commands\":0}"), NULL },
		{ ROW("{\"id\":3,\"key\":7,\"version\":1,\"commands\":0}"), NULL },
		{ ROW("{\"id\":3,\"key\":\"w\",\"version\":0,\"commands\":0}"), NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct error err = { 0 };
		seen[0] = '\0';
		int r = list_read(span_str(rows[i].text), take, NULL, &err);
		if ((r == 0) != (rows[i].want != NULL) ||
		    strcmp(seen, rows[i].want ? rows[i].want : "") != 0)
			fail_msg("row %zu: %d \"%s\" (%s)", i, r, seen, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_read) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
