/* SPDX-License-Identifier: Apache-2.0
 *
 * qr: a whole PNG, for its owner only, or nothing at all. (The scenarios read one back.)
 */
#include "base/file.h"
#include "reeve/qr.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_write(void **state)
{
	char folder[] = "/tmp/test-qr-XXXXXX", path[64], text[4000];
	struct error err;
	struct buf file;
	struct stat st;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/qr.png", folder);
	assert_int_equal(qr_write(path, "flyve://register?data=x", &err), 0);
	buf_init(&file, 1 << 20);
	assert_int_equal(file_read(path, &file), 0);
	assert_true(file.n > 50);
	assert_memory_equal(file.p, "\x89PNG\r\n\x1a\n", 8);
	assert_memory_equal(file.p + file.n - 8, "IEND", 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	buf_fini(&file);
	unlink(path);
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	assert_int_equal(qr_write(path, text, &err), ERR_INVALID);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(qr_write("/nonexistent/qr.png", "x", &err), ERR_UNAVAILABLE);
	rmdir(folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_write) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
