/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/listen.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_good(void **state)
{
	static const struct {
		const char *address;
		bool ipv6;
	} cases[] = { { "127.0.0.1:0", false }, { "[::1]:0", true } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd;
		unsigned port;
		bool ipv6;
		struct error err;
		assert_int_equal(listen_open(cases[i].address, &fd, &port, &ipv6, &err), 0);
		assert_in_range(port, 1, 65535);
		assert_int_equal(ipv6, cases[i].ipv6);
		close(fd);
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"",
		"127.0.0.1",
		"127.0.0.1:",
		"127.0.0.1:x",
		"127.0.0.1:65536",
		"127.0.0.1:-1",
		"::1:80",
		"[::1",
		"[::1]",
		"[::1]80",
		"[::1:80",
		"[]:x",
		"300.0.0.1:0",
		"no host here:0",
		"localhost:0",
		":",
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int fd;
		unsigned port;
		bool ipv6;
		struct error err;
		assert_int_equal(listen_open(cases[i], &fd, &port, &ipv6, &err), ERR_INVALID);
		assert_non_null(strstr(err.message, "cannot listen on"));
	}
}

static void test_taken(void **state)
{
	int fd, other;
	unsigned port;
	bool ipv6;
	struct error err;
	char address[32];
	assert_int_equal(listen_open("127.0.0.1:0", &fd, &port, &ipv6, &err), 0);
	snprintf(address, sizeof address, "127.0.0.1:%u", port);
	assert_int_equal(listen_open(address, &other, &port, &ipv6, &err), ERR_UNAVAILABLE);
	assert_non_null(strstr(err.message, "Address already in use"));
	assert_non_null(strstr(err.message, "another reeved"));
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
