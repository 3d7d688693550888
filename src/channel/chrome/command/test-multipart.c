/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data: what Chromium sends, what RFC 2046 also allows, and what is cut off.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "channel/chrome/command/multipart.h"

#include <string.h>

#define TYPE  "multipart/form-data; boundary=AaB03x"
#define BREAK "\r\n"
#define SCREEN                                                                                     \
	"Content-Disposition: form-data; name=\"Screen 0\"; filename=\"screen0.png\"" BREAK        \
	"Command-ID: 12" BREAK "Content-Type: image/png" BREAK                                     \
	"File-Type: screenshot_file" BREAK BREAK

/* "name|filename|type|command|file type=body;" of every part, or "error". */
static void describe(struct buf *out, const char *type, struct span body)
{
	struct multipart m;
	struct multipart_part p;
	struct error err;
	bool there = true;
	int r = multipart_init(&m, type, body, &err);
	while (r == 0 && there) {
		r = multipart_next(&m, &p, &there, &err);
		if (r || !there)
			break;
		const struct span all[] = { p.name,       p.filename,  p.content_type,
					    p.command_id, p.file_type, p.body };
		for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
			buf_add(out, all[i].p, all[i].n);
			buf_add_char(out, i + 2 < ARRAY_SIZE(all)   ? '|'
					  : i + 1 < ARRAY_SIZE(all) ? '='
								    : ';');
		}
	}
	if (r) {
		assert_true(r == ERR_INVALID || r == ERR_UNSUPPORTED_TYPE);
		buf_reset(out);
		buf_add_str(out, "error");
	}
}

static void test_parts(void **state)
{
	static const struct {
		const char *type, *body, *want;
	} cases[] = {
		{ TYPE, "--AaB03x" BREAK SCREEN "PNG" BREAK "--AaB03x--" BREAK,
		  "Screen 0|screen0.png|image/png|12|screenshot_file=PNG;" },
		{ TYPE,
		  "--AaB03x" BREAK SCREEN "a\r\n--AaB03\r\n" BREAK "--AaB03x" BREAK BREAK "b" BREAK
		  "--AaB03x--",
		  "Screen 0|screen0.png|image/png|12|screenshot_file=a\r\n--AaB03\r\n;||||=b;" },
		{ TYPE, "preamble" BREAK "--AaB03x" BREAK BREAK "x" BREAK "--AaB03x--epilogue",
		  "||||=x;" },
		{ TYPE, "--AaB03x  \t" BREAK BREAK "x" BREAK "--AaB03x--", "||||=x;" },
		{ TYPE, "--AaB03x" BREAK "X: y" BREAK BREAK BREAK "--AaB03x--", "||||=;" },
		{ TYPE, "--AaB03x" BREAK BREAK "--AaB03x--", "||||=;" }, /* not even a line */
		{ TYPE, "--AaB03x--", "" },
		{ "Multipart/Form-Data ; charset=x; Boundary=\"AaB03x\"", "--AaB03x--", "" },
		{ TYPE,
		  "--AaB03x" BREAK "content-disposition: form-data; NAME=n" BREAK BREAK "x" BREAK
		  "--AaB03x--",
		  "n||||=x;" },
		{ TYPE, "", "error" },
		{ TYPE, "--AaB03", "error" },
		{ TYPE, "--AaB03x", "error" },
		{ TYPE, "--AaB03x" BREAK, "error" },
		{ TYPE, "--AaB03xy" BREAK BREAK "x" BREAK "--AaB03x--", "error" },
		{ TYPE, "--AaB03x" BREAK "X: y", "error" },
		{ TYPE, "--AaB03x" BREAK "X: y\n\n", "error" },
		{ TYPE, "--AaB03x" BREAK SCREEN "PNG", "error" },
		{ TYPE, "--AaB03x" BREAK SCREEN "PNG" BREAK "--AaB03x", "error" },
		{ "multipart/form-data", "--AaB03x--", "error" },
		{ "multipart/form-data; boundary=", "--AaB03x--", "error" },
		{ "multipart/form-data; boundary=\"\x01\"", "--AaB03x--", "error" },
		{ "application/json; boundary=AaB03x", "--AaB03x--", "error" },
		{ "", "", "error" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf got;
		buf_init(&got, 1000);
		describe(&got, cases[i].type, span_str(cases[i].body));
		if (strcmp(buf_str(&got), cases[i].want) != 0)
			fail_msg("%zu: \"%s\", not \"%s\"", i, buf_str(&got), cases[i].want);
	}
}

static void test_limits(void **state)
{
	CLEANUP(buf_fini) struct buf body, got;
	char type[200], boundary[MULTIPART_BOUNDARY_MAX + 2];
	memset(boundary, 'b', sizeof boundary);
	buf_init(&body, 10000);
	buf_init(&got, 1000);
	for (int n = MULTIPART_BOUNDARY_MAX; n <= MULTIPART_BOUNDARY_MAX + 1; n++) {
		snprintf(type, sizeof type, "multipart/form-data; boundary=%.*s", n, boundary);
		buf_reset(&body);
		buf_addf(&body, "--%.*s--", n, boundary);
		buf_reset(&got);
		describe(&got, type, buf_span(&body));
		assert_string_equal(buf_str(&got), n == MULTIPART_BOUNDARY_MAX ? "" : "error");
	}
	buf_reset(&body);
	buf_add_str(&body, "--AaB03x" BREAK);
	for (int i = 0; i < MULTIPART_HEADERS_MAX; i++)
		buf_add_str(&body, "X: y" BREAK);
	buf_add_str(&body, BREAK "x" BREAK "--AaB03x--");
	buf_reset(&got);
	describe(&got, TYPE, buf_span(&body));
	assert_string_equal(buf_str(&got), "error");
}

/* Cut at every byte, it is an error and never more than was there. */
static void test_cut_off(void **state)
{
	static const char whole[] = "--AaB03x" BREAK SCREEN "PNG" BREAK "--AaB03x--";
	for (size_t n = 0; n < sizeof whole - 1; n++) {
		CLEANUP(buf_fini) struct buf got;
		buf_init(&got, 1000);
		describe(&got, TYPE, (struct span){ (const uint8_t *)whole, n });
		assert_string_equal(buf_str(&got), "error");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
