/* SPDX-License-Identifier: Apache-2.0
 *
 * translate: URLs and paths of a container with an address and two shared folders.
 */
#include "vm/host/translate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct translation t = {
	.address = "100.115.92.204",
	.paths = { { "/home/user", "/srv/vm/home" },
		   { "/mnt/shared", "/home/me" },
		   { "/my files", "/srv/her files" } },
	.n_paths = 3,
};

static void test_urls(void **state)
{
	static const struct {
		const char *in, *out; /* NULL: refused */
	} rows[] = {
		{ "http://localhost/", "http://100.115.92.204/" },
		{ "http://localhost", "http://100.115.92.204" },
		{ "https://127.0.0.1:443/a?b#c", "https://100.115.92.204:443/a?b#c" },
		{ "http://localhost:1023/", "http://100.115.92.204:1023/" },
		{ "http://localhost:1024/", "http://localhost:1024/" },
		{ "http://localhost:8000/", "http://localhost:8000/" },
		{ "http://localhost:x/", "http://100.115.92.204:x/" },
		{ "http://me@localhost/a", "http://me@100.115.92.204/a" },
		{ "http://localhost.example/", "http://localhost.example/" },
		{ "http://LOCALHOST/", "http://LOCALHOST/" },
		{ "http://example.org/@localhost/", "http://example.org/@localhost/" },
		{ "http://example.org/?u=http://localhost/",
		  "http://example.org/?u=http://localhost/" },
		{ "mailto:me@localhost", "mailto:me@localhost" },
		{ "mailto:me@example.org?subject=attach&body=a%20b",
		  "mailto:me@example.org?subject=attach&body=a%20b" },
		{ "mailto:me@example.org?attach=/etc/passwd", NULL },
		{ "MAILTO:?a=b&Attachment=/etc/passwd", NULL },
		{ "mailto://?%61ttach=/etc/passwd", NULL },
		{ "mailto:?a=b%26attach=/etc/passwd", NULL },
		{ "mailto:a%00", NULL },
		{ "file:///home/user", "file:///srv/vm/home" },
		{ "file:///home/user/a b", "file:///srv/vm/home/a%20b" },
		{ "file:///home/user/a%20b%25%C3%A4", "file:///srv/vm/home/a%20b%25%C3%A4" },
		{ "file:///home/user/100%/%4/%zz", "file:///srv/vm/home/100%25/%254/%25zz" },
		{ "file:///home/%75ser/a.html?b#c d", "file:///srv/vm/home/a.html?b#c d" },
		{ "file:///home/user/a%3Fb", "file:///srv/vm/home/a%3Fb" },
		{ "file:///my%20files/a", "file:///srv/her%20files/a" },
		{ "file:///home/user/a%00/../x", NULL },
		{ "file:///home/user/%25%32%65%252e/x", NULL }, /* for whoever decodes twice */
		{ "file:///home/user%2f%2e%2e%2fx", NULL },
		{ "file:///mnt/shared/x", "file:///home/me/x" },
		{ "file:///home/user/a..b/..c/...", "file:///srv/vm/home/a..b/..c/..." },
		{ "file:///home/username/x", NULL },
		{ "file:///home/user/../x", NULL },
		{ "file:///home/user/..", NULL },
		{ "file:///home/user/%2e%2E/x", NULL },
		{ "file:///home/user/a%2f..%2fx", NULL },
		{ "file:///home/user/.%2e", NULL },
		{ "file:///etc/passwd", NULL },
		{ "file://localhost/home/user", NULL },
		{ "file:/home/user", NULL },
		{ "javascript:alert(1)", NULL },
		{ "--help", NULL },
		{ "/etc/passwd", NULL },
		{ "", NULL },
		{ "http", NULL },
		{ "http://a\n", NULL },
		{ "http://\xff/", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_fini) struct buf out;
		struct error err;
		buf_init(&out, 4096);
		int r = translate_url(&t, rows[i].in, &out, &err);
		assert_int_equal(r, rows[i].out ? 0 : ERR_INVALID);
		if (rows[i].out)
			assert_string_equal(buf_str(&out), rows[i].out);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *inside, *outside;
	} rows[] = {
		{ "/home/user/a", "/srv/vm/home/a" },
		{ "/mnt/shared", "/home/me" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		CLEANUP(buf_fini) struct buf out;
		buf_init(&out, 4096);
		assert_true(translate_path(&t, rows[i].inside, &out));
		assert_string_equal(buf_str(&out), rows[i].outside);
		buf_reset(&out);
		assert_true(translate_back(&t, rows[i].outside, &out));
		assert_string_equal(buf_str(&out), rows[i].inside);
		buf_reset(&out);
		assert_false(translate_path(&t, "/srv/vm/home/a", &out));
		assert_false(translate_back(&t, "/home/me/../you", &out));
	}
}

static void test_is_below(void **state)
{
	static const struct {
		const char *path;
		bool below;
	} rows[] = {
		{ "Documents", true }, { "a/b..", true }, { "-x", true },      { "", false },
		{ "/etc", false },     { "..", false },   { "a/../b", false }, { "a\nb", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(translate_is_below(rows[i].path), rows[i].below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_is_below),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
