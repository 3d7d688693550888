/* SPDX-License-Identifier: Apache-2.0
 *
 * disk: images of a few MiB in a folder of their own; sizes before and after, and what is no image.
 */
#include "vm/host/disk.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((off_t)DISK_UNIT)

static char folder[64], image[128];

static int set_up(void **state)
{
	snprintf(folder, sizeof folder, "/tmp/test-disk-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(image, sizeof image, "%s/image", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)!unlink(image);
	return rmdir(folder);
}

/* 'size' bytes, with one byte of data at the end of the first 'used'. */
static void make(off_t size, off_t used)
{
	int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	if (used > 0)
		assert_int_equal(pwrite(fd, "x", 1, used - 1), 1);
	assert_int_equal(fsync(fd), 0);
	close(fd);
}

static off_t size_now(void)
{
	struct stat st;
	assert_int_equal(stat(image, &st), 0);
	return st.st_size;
}

static void test_info(void **state)
{
	struct disk_info info;
	make(8 * MIB, 0);
	assert_int_equal(disk_info(image, &info), 0);
	assert_int_equal(info.size, 8 * MIB);
	assert_int_equal(info.free, 8 * MIB);
	assert_int_equal(info.expandable % DISK_UNIT, 0);
	make(8 * MIB, 3 * MIB);
	assert_int_equal(disk_info(image, &info), 0);
	assert_true(info.free < 8 * (uint64_t)MIB && info.free > 0);
}

static void test_grow(void **state)
{
	static const struct row {
		uint64_t wanted, granted;
	} rows[] = {
		{ 0, 0 }, { 1, 0 }, { DISK_UNIT, DISK_UNIT }, { 3 * DISK_UNIT + 5, 3 * DISK_UNIT }
	};
	struct disk_info info;
	uint64_t granted;
	make(4 * MIB, 0);
	assert_int_equal(disk_info(image, &info), 0);
	if (info.expandable < 4 * DISK_UNIT)
		skip(); /* this machine has no room */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make(4 * MIB, 0);
		assert_int_equal(disk_grow(image, rows[i].wanted, &granted), 0);
		assert_int_equal(granted, rows[i].granted);
		assert_int_equal(size_now(), 4 * MIB + (off_t)rows[i].granted);
	}
	/* Never more than the host has. */
	make(4 * MIB, 0);
	assert_int_equal(disk_grow(image, UINT64_MAX, &granted), 0);
	assert_true(granted > 0 && granted < (uint64_t)1 << 60);
	assert_int_equal(size_now(), 4 * MIB + (off_t)granted);
}

static void test_shrink(void **state)
{
	static const struct row {
		off_t size, used;
		uint64_t wanted, released;
	} rows[] = {
		{ 8 * MIB, 0, 0, 0 },
		{ 8 * MIB, 0, 2 * DISK_UNIT + 1, 2 * DISK_UNIT },
		{ 8 * MIB, 0, UINT64_MAX, 7 * DISK_UNIT }, /* something is left */
		{ 8 * MIB, 8 * MIB, UINT64_MAX, 0 },
		{ 8 * MIB, 6 * MIB, UINT64_MAX, 2 * DISK_UNIT },
		{ 8 * MIB, 5 * MIB + 1, UINT64_MAX, 2 * DISK_UNIT }, /* whole MiB only */
		{ MIB / 2, 0, UINT64_MAX, 0 },
		{ 0, 0, UINT64_MAX, 0 },
	};
	uint64_t released;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		make(rows[i].size, rows[i].used);
		assert_int_equal(disk_shrink(image, rows[i].wanted, &released), 0);
		assert_int_equal(released, rows[i].released);
		assert_int_equal(size_now(), rows[i].size - (off_t)released);
	}
}

struct torn { /* a disk with data up to there, in however many pieces */
	uint64_t end;
	unsigned n_asked;
};

static bool torn_has_data(void *user, uint64_t at)
{
	struct torn *t = user;
	t->n_asked++;
	return at < t->end;
}

static void test_torn_disk(void **state)
{
	static const struct row {
		uint64_t size, end, found;
	} rows[] = {
		{ 0, 0, 0 },
		{ 4096, 0, 0 },
		{ 4096, 1, 4096 },
		{ 5000, 5000, 8192 },
		{ 1 << 20, 4097, 8192 },
		{ 1 << 20, 1 << 20, 1 << 20 },
		{ (uint64_t)1 << 62, ((uint64_t)1 << 61) + 4096, ((uint64_t)1 << 61) + 4096 },
		{ INT64_MAX, 1, 4096 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct torn t = { .end = rows[i].end };
		assert_int_equal(disk_end_of_data(rows[i].size, torn_has_data, &t), rows[i].found);
		assert_in_range(t.n_asked, 0, 64);
	}
}

static void test_no_image(void **state)
{
	char other[192];
	struct disk_info info;
	uint64_t n = 7;
	assert_int_equal(disk_info(image, &info), -ENOENT);
	assert_int_equal(disk_grow(image, DISK_UNIT, &n), -ENOENT);
	assert_int_equal(n, 0);
	assert_int_equal(disk_info(folder, &info), -EINVAL);
	assert_int_equal(disk_info("/dev/null", &info), -EINVAL);
	assert_int_equal(disk_shrink("/dev/null", 1, &n), -EINVAL);
	snprintf(other, sizeof other, "%s/link", folder);
	make(MIB, 0);
	assert_int_equal(symlink(image, other), 0);
	assert_int_equal(disk_info(other, &info), -ELOOP);
	assert_int_equal(unlink(other), 0);
	assert_int_equal(mkfifo(other, 0600), 0);
	assert_int_equal(disk_info(other, &info), -EINVAL); /* and nobody waits for a writer */
	assert_int_equal(unlink(other), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_info, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_grow, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_shrink, set_up, tear_down),
		cmocka_unit_test(test_torn_disk),
		cmocka_unit_test_setup_teardown(test_no_image, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
