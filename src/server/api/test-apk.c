/* SPDX-License-Identifier: Apache-2.0
 *
 * apk: a manifest as the Android tools make it, in both encodings; cut at every byte; archives that are none.
 */
#include "base/buf.h"
#include "server/api/apk.h"
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- making one ---- */

static void le(struct buf *b, uint32_t v, int n)
{
	for (; n > 0; n--, v >>= 8)
		buf_add_char(b, (char)(v & 0xff));
}

static void add_pool(struct buf *out, const char *const *texts, uint32_t n, bool utf8)
{
	struct buf strings;
	uint32_t offsets[8];
	buf_init(&strings, 4096);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t length = (uint32_t)strlen(texts[i]);
		offsets[i] = (uint32_t)strings.n;
		le(&strings, length, utf8 ? 1 : 2);
		if (utf8)
			le(&strings, length, 1);
		for (const char *c = texts[i]; *c; c++)
			le(&strings, (uint8_t)*c, utf8 ? 1 : 2);
		le(&strings, 0, utf8 ? 1 : 2);
	}
	uint32_t head = 28 + 4 * n;
	le(out, 0x001c0001, 4);
	le(out, head + (uint32_t)strings.n, 4);
	le(out, n, 4);
	le(out, 0, 4);
	le(out, utf8 ? 0x100 : 0, 4);
	le(out, head, 4);
	le(out, 0, 4);
	for (uint32_t i = 0; i < n; i++)
		le(out, offsets[i], 4);
	buf_add(out, strings.p, strings.n);
	buf_fini(&strings);
}

static void add_attribute(struct buf *out, uint32_t name, uint32_t type, uint32_t value)
{
	le(out, UINT32_MAX, 4);
	le(out, name, 4);
	le(out, UINT32_MAX, 4);
	le(out, 8, 2);
	le(out, 0, 1);
	le(out, type, 1);
	le(out, value, 4);
}

/* <manifest package="…" versionCode="…"/> */
static void make_manifest(struct buf *out, const char *package, uint32_t code, bool utf8)
{
	const char *const texts[] = { "manifest", "package", "versionCode", package };
	struct buf body;
	buf_init(&body, 4096);
	add_pool(&body, texts, 4, utf8);
	le(&body, 0x00100102, 4);
	le(&body, 16 + 20 + 2 * 20, 4);
	le(&body, 1, 4);
	le(&body, UINT32_MAX, 4);
	le(&body, UINT32_MAX, 4);
	le(&body, 0, 4);
	le(&body, 20, 2);
	le(&body, 20, 2);
	le(&body, 2, 2);
	le(&body, 0, 4);
	le(&body, 0, 2);
	add_attribute(&body, 2, 0x10, code);
	add_attribute(&body, 1, 0x03, 3);
	buf_init(out, 8192);
	le(out, 0x00080003, 4);
	le(out, 8 + (uint32_t)body.n, 4);
	buf_add(out, body.p, body.n);
	buf_fini(&body);
}

/* ---- reading it ---- */

static void test_manifest(void **state)
{
	for (int utf8 = 0; utf8 < 2; utf8++) {
		struct buf m;
		struct apk apk;
		struct error err;
		make_manifest(&m, "org.example.app", 4200000042u, utf8 == 1);
		assert_int_equal(apk_read_manifest(buf_span(&m), &apk, &err), 0);
		assert_string_equal(apk.package, "org.example.app");
		assert_string_equal(apk.version_code, "4200000042");
		for (size_t n = 0; n < m.n; n++) {
			char *copy = malloc(n + 1);
			memcpy(copy, m.p, n);
			assert_int_equal(
				apk_read_manifest((struct span){ (uint8_t *)copy, n }, &apk, &err),
				ERR_INVALID);
			free(copy);
		}
		buf_fini(&m);
	}
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", "x", "org/example", "org.exam ple", ".a", "1.a" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct buf m;
		struct apk apk;
		struct error err;
		make_manifest(&m, bad[i], 1, true);
		assert_int_equal(apk_read_manifest(buf_span(&m), &apk, &err), ERR_INVALID);
		buf_fini(&m);
	}
}

static void write_zip(const char *path, const char *name, struct span content)
{
	struct archive *a = archive_write_new();
	struct archive_entry *e = archive_entry_new();
	archive_write_set_format_zip(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	archive_entry_set_pathname(e, name);
	archive_entry_set_size(e, (la_int64_t)content.n);
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
	assert_int_equal(archive_write_data(a, content.p, content.n), (la_ssize_t)content.n);
	archive_entry_free(e);
	archive_write_close(a);
	archive_write_free(a);
}

static void test_archive(void **state)
{
	char path[] = "/tmp/test-apk-XXXXXX";
	struct buf m;
	struct apk apk;
	struct error err;
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	make_manifest(&m, "org.example.app", 7, false);
	write_zip(path, "AndroidManifest.xml", buf_span(&m));
	assert_true(apk_is_zip(path));
	assert_int_equal(apk_read_file(path, &apk, &err), 0);
	assert_string_equal(apk.package, "org.example.app");
	write_zip(path, "classes.dex", buf_span(&m));
	assert_int_equal(apk_read_file(path, &apk, &err), ERR_INVALID);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_false(apk_is_zip(path));
	assert_int_equal(apk_read_file(path, &apk, &err), ERR_INVALID);
	assert_false(apk_is_zip("/nonexistent"));
	close(fd);
	unlink(path);
	buf_fini(&m);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_archive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
