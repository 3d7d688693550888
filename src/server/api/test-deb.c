/* SPDX-License-Identifier: Apache-2.0
 *
 * Debian packages: control files by table, whole packages made here by libarchive, and garbage.
 */
#include "base/buf.h"
#include "server/api/deb.h"
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_control(void **state)
{
	static const struct {
		const char *text, *package, *version; /* package NULL: refused */
	} cases[] = {
		{ "Package: hello\nVersion: 2.10-3\nArchitecture: amd64\n", "hello", "2.10-3" },
		{ "package:x11\nVERSION:\t1:2~rc1+b1  \r\n", "x11", "1:2~rc1+b1" },
		{ "Version: 1\nPackage: g++\nDescription: a\n Package: other\n .\n", "g++", "1" },
		{ "Package: hello\nVersion: 1", "hello", "1" },
		{ "", NULL, NULL },
		{ "Package: hello\n", NULL, NULL },
		{ "Version: 1\n", NULL, NULL },
		{ "Package: Hello\nVersion: 1\n", NULL, NULL },
		{ "Package: a\nVersion: 1\n", NULL, NULL },
		{ "Package: ../etc\nVersion: 1\n", NULL, NULL },
		{ "Package: a b\nVersion: 1\n", NULL, NULL },
		{ "Package: ok\nVersion: 1 2\n", NULL, NULL },
		{ "Package: ok\nVersion: $(x)\n", NULL, NULL },
		{ "Package: ok\nVersion:\n", NULL, NULL },
		{ "Package: ok\nVersion: 1\nArchitecture: a/b\n", NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct error err = { 0 };
		struct deb deb;
		int r = deb_read_control(span_str(cases[i].text), &deb, &err);
		assert_int_equal(r, cases[i].package ? 0 : ERR_INVALID);
		if (cases[i].package) {
			assert_string_equal(deb.package, cases[i].package);
			assert_string_equal(deb.version, cases[i].version);
		} else {
			assert_non_null(strstr(err.message, "not a Debian package"));
		}
	}
}

static void test_long_values(void **state)
{
	CLEANUP(buf_fini) struct buf text;
	struct error err;
	struct deb deb;
	buf_init(&text, 4096);
	buf_add_str(&text, "Version: 1\nPackage: ");
	for (int i = 0; i < 300; i++)
		buf_add_char(&text, 'a');
	assert_int_equal(deb_read_control(buf_span(&text), &deb, &err), ERR_INVALID);
}

/* ---- packages made here ---- */

struct made {
	uint8_t bytes[65536];
	size_t n;
};

static void add(struct archive *a, const char *name, const void *p, size_t n)
{
	struct archive_entry *e = archive_entry_new();
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)n);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, p, n), (la_ssize_t)n);
	archive_entry_free(e);
}

static void make_control_tar(struct made *m, const char *filter, const char *name, const char *text)
{
	struct archive *a = archive_write_new();
	archive_write_set_format_ustar(a);
	if (filter)
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	archive_write_open_memory(a, m->bytes, sizeof m->bytes, &m->n);
	add(a, "./md5sums", "x", 1);
	add(a, name, text, strlen(text));
	archive_write_close(a);
	archive_write_free(a);
}

static void make_deb(struct made *m, const char *version, const char *control_name,
		     const struct made *control)
{
	struct archive *a = archive_write_new();
	archive_write_set_format_ar_bsd(a);
	archive_write_open_memory(a, m->bytes, sizeof m->bytes, &m->n);
	add(a, "debian-binary", version, strlen(version));
	add(a, control_name, control->bytes, control->n);
	add(a, "data.tar", "", 0);
	archive_write_close(a);
	archive_write_free(a);
}

static void test_packages(void **state)
{
	static const struct {
		const char *format, *filter, *member, *file;
		bool good;
	} cases[] = {
		{ "2.0\n", NULL, "control.tar", "./control", true },
		{ "2.0\n", "gzip", "control.tar.gz", "./control", true },
		{ "2.0\n", "xz", "control.tar.xz", "control", true },
		{ "2.1\n", "zstd", "control.tar.zst", "./control", true },
		{ "3.0\n", "gzip", "control.tar.gz", "./control", false },
		{ "2.0\n", "gzip", "data.tar.gz", "./control", false },
		{ "2.0\n", "gzip", "control.tar.gz", "./other", false },
		{ "2.0\n", "gzip", "control.tar.gz", "./sub/control", false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct made control = { .n = 0 }, deb = { .n = 0 };
		struct deb read = { .package = "" };
		struct error err = { 0 };
		make_control_tar(&control, cases[i].filter, cases[i].file,
				 "Package: hello\nVersion: 1.0\n");
		make_deb(&deb, cases[i].format, cases[i].member, &control);
		int r = deb_read_bytes((struct span){ deb.bytes, deb.n }, &read, &err);
		assert_int_equal(r, cases[i].good ? 0 : ERR_INVALID);
		assert_string_equal(read.package, cases[i].good ? "hello" : "");
		/* cut off anywhere: an answer, never a crash */
		for (size_t n = 0; n < deb.n; n += 7)
			(void)!deb_read_bytes((struct span){ deb.bytes, n }, &read, &err);
	}
}

static void test_garbage(void **state)
{
	static const char *const garbage[] = { "", "x", "!<arch>\n", "PK\3\4", "\177ELF" };
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++) {
		struct error err = { 0 };
		struct deb deb;
		assert_int_equal(deb_read_bytes(span_str(garbage[i]), &deb, &err), ERR_INVALID);
		assert_non_null(strstr(err.message, "not a Debian package"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_long_values),
		cmocka_unit_test(test_packages),
		cmocka_unit_test(test_garbage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
