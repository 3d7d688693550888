/* SPDX-License-Identifier: Apache-2.0
 *
 * Within one file system and across two: /tmp and /dev/shm, where they are two.
 */
#include "agent/providers/copy.h"
#include "agent/providers/testing.h"
#include "base/file.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define ANY (1 << 20)

static struct scratch s;
static char other[] = "/dev/shm/reeve-test-XXXXXX";
static bool across;

static int setup(void **state)
{
	struct stat a, b;
	scratch_init(&s);
	memcpy(other + strlen(other) - 6, "XXXXXX", 6);
	across = mkdtemp(other) && stat(other, &a) == 0 && stat(s.root, &b) == 0 &&
		 a.st_dev != b.st_dev;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = { "x", "y", "link" };
	char path[100];
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(path, sizeof path, "%s/%s", other, names[i]);
		unlink(path);
	}
	rmdir(other);
	scratch_fini(&s);
	return 0;
}

static void write_original(const char *path, mode_t mode)
{
	char real[100];
	const struct timespec times[2] = { { 1000, 5 }, { 2000, 6 } };
	scratch_file(&s, path, "content");
	snprintf(real, sizeof real, "%s%s", s.root, path);
	if (geteuid() == 0)
		assert_int_equal(chown(real, 123, 456), 0);
	assert_int_equal(chmod(real, mode), 0); /* after chown(), which takes setuid away */
	assert_int_equal(utimensat(AT_FDCWD, real, times, 0), 0);
}

static void check_original(const char *root, const char *path, mode_t mode)
{
	struct stat st;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, ANY);
	assert_int_equal(place_stat(root, path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	if (geteuid() == 0)
		assert_int_equal(st.st_uid, 123);
	assert_int_equal(place_read(root, path, &text), 0);
	assert_string_equal(buf_str(&text), "content");
}

static void test_move(void **state)
{
	const char *const roots[] = { s.root, across ? other : s.root };
	for (int i = 0; i < 2; i++) {
		CLEANUP(place_close) struct place from = PLACE_NONE;
		CLEANUP(place_close) struct place to = PLACE_NONE;
		char real[100];
		write_original("/x", 0640);
		snprintf(real, sizeof real, "%s/y", roots[i]);
		assert_int_equal(file_write_atomic(real, span_str("in the way"), 0600), 0);
		assert_int_equal(place_open(s.root, "/x", 0, &from), 0);
		assert_int_equal(place_open(roots[i], "/y", 0, &to), 0);
		assert_int_equal(move_object(&from, &to, ANY), 0);
		assert_false(place_exists(s.root, "/x"));
		check_original(roots[i], "/y", 0640);
	}
}

static void test_move_link(void **state)
{
	struct stat st;
	CLEANUP(place_close) struct place from = PLACE_NONE;
	CLEANUP(place_close) struct place to = PLACE_NONE;
	scratch_link(&s, "/link", "nowhere");
	assert_int_equal(place_open(s.root, "/link", 0, &from), 0);
	assert_int_equal(place_open(across ? other : s.root, "/link", 0, &to), 0);
	assert_int_equal(move_object(&from, &to, ANY), 0);
	assert_int_equal(place_stat(across ? other : s.root, "/link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void test_copy(void **state)
{
	CLEANUP(place_close) struct place from = PLACE_NONE;
	CLEANUP(place_close) struct place to = PLACE_NONE;
	write_original("/x", 04755);
	assert_int_equal(place_open(s.root, "/x", 0, &from), 0);
	assert_int_equal(place_open(s.root, "/copy", 0, &to), 0);
	assert_int_equal(copy_object(&from, &to, 3), -EFBIG);
	assert_false(place_exists(s.root, "/copy")); /* nothing half-done stays */
	assert_int_equal(copy_object(&from, &to, 7), 0);
	check_original(s.root, "/copy", 04755);
	check_original(s.root, "/x", 04755);
	assert_int_equal(copy_object(&from, &to, 7), -EEXIST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_move, setup, teardown),
		cmocka_unit_test_setup_teardown(test_move_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_copy, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
