/* SPDX-License-Identifier: Apache-2.0
 *
 * pool: what is saved comes back; other people's files do no harm.
 */
#include "base/file.h"
#include "reeve-bench/pool.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

static char path[] = "/tmp/reeve-pool-XXXXXX";

static int setup(void **state)
{
	int fd = mkstemp(path);
	(void)state;
	return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void test_round_trip(void **state)
{
	struct pool a, b;
	struct error err;
	pool_init(&a, 3);
	pool_init(&b, 0);
	for (size_t i = 0; i < a.n; i++)
		snprintf(a.devices[i].id, sizeof a.devices[i].id, "id%zu", i);
	snprintf(a.devices[1].token, sizeof a.devices[1].token, "%043d", 7);
	assert_int_equal(0, pool_save(&a, path, &err));
	assert_int_equal(0, pool_load(&b, path, 100, &err));
	assert_int_equal(3, b.n);
	assert_memory_equal(a.devices, b.devices, 3 * sizeof *a.devices);
	assert_int_equal(0, pool_load(&b, path, 2, &err));
	assert_int_equal(2, b.n);
	pool_fini(&a);
	pool_fini(&b);
}

static void test_bad_files(void **state)
{
	char long_line[300];
	struct pool p;
	struct error err;
	memset(long_line, 'x', sizeof long_line - 1);
	long_line[sizeof long_line - 1] = '\0';
	static const char *const texts[] = { "", "one", "\n\n", "one two three" };
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		pool_init(&p, 5);
		assert_int_equal(0, file_write_atomic(path, span_str(texts[i]), 0600));
		assert_int_equal(0, pool_load(&p, path, 5, &err));
		assert_true(p.n <= 1);
		pool_fini(&p);
	}
	pool_init(&p, 5);
	assert_int_equal(0, file_write_atomic(path, span_str(long_line), 0600));
	assert_int_equal(0, pool_load(&p, path, 5, &err));
	assert_int_equal(ERR_NOT_FOUND, pool_load(&p, "/nonexistent/file", 5, &err));
	assert_int_equal(ERR_NOT_FOUND, pool_save(&p, "/nonexistent/file", &err));
	pool_fini(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_bad_files),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
