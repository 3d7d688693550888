/* SPDX-License-Identifier: Apache-2.0
 *
 * network: what is refused before anything is touched.
 */
#include "vm/guest/network.h"
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_check(void **state)
{
	static const struct {
		const char *address, *netmask, *gateway, *complaint; /* NULL: fine */
	} cases[] = {
		{ "100.115.92.6", "255.255.255.252", "100.115.92.5", NULL },
		{ "10.0.2.15", "255.255.255.0", "10.0.2.2", NULL },
		{ "10.0.2.15", "255.0.0.0", "10.255.0.1", NULL },
		{ "0.0.0.0", "0.0.0.0", "0.0.0.0", "address is missing" },
		{ "10.0.2.15", "0.0.0.0", "0.0.0.0", "netmask is missing" },
		{ "10.0.2.15", "255.255.255.0", "0.0.0.0", "gateway is missing" },
		{ "10.0.2.15", "255.0.255.0", "10.0.2.2", "holes" },
		{ "10.0.2.15", "0.0.0.1", "10.0.2.2", "holes" },
		{ "10.0.2.15", "255.255.255.0", "10.0.3.2", "subnet" },
		{ "10.0.2.15", "255.255.255.0", "10.0.2.15", "itself" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct ipv4_config c = { inet_addr(cases[i].address),
					       inet_addr(cases[i].netmask),
					       inet_addr(cases[i].gateway) };
		struct error err;
		int r = network_check(&c, &err);
		assert_int_equal(r, cases[i].complaint ? ERR_INVALID : 0);
		if (r)
			assert_non_null(strstr(err.message, cases[i].complaint));
	}
}

static void test_parse(void **state)
{
	static const struct {
		const char *text, *address, *netmask, *gateway; /* NULL: refused */
	} cases[] = {
		{ "10.0.2.15/24,10.0.2.2", "10.0.2.15", "255.255.255.0", "10.0.2.2" },
		{ "10.0.2.1/31,10.0.2.0", "10.0.2.1", "255.255.255.254", "10.0.2.0" },
		{ "10.0.2.15/8,10.9.9.9", "10.0.2.15", "255.0.0.0", "10.9.9.9" },
		{ "", NULL, NULL, NULL },
		{ "10.0.2.15", NULL, NULL, NULL },
		{ "10.0.2.15/24", NULL, NULL, NULL },
		{ "10.0.2.15/0,10.0.2.2", NULL, NULL, NULL },
		{ "10.0.2.15/33,10.0.2.2", NULL, NULL, NULL },
		{ "10.0.2.15/24,10.0.2.2 ", NULL, NULL, NULL },
		{ "10.0.2.15/24,10.0.3.2", NULL, NULL, NULL },
		{ "10.0.2.256/24,10.0.2.2", NULL, NULL, NULL },
		{ "10.0.2/24,10.0.2.2", NULL, NULL, NULL },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ipv4_config c;
		struct error err;
		int r = network_parse(cases[i].text, &c, &err);
		assert_int_equal(r, cases[i].address ? 0 : ERR_INVALID);
		if (r)
			continue;
		assert_int_equal(c.address, inet_addr(cases[i].address));
		assert_int_equal(c.netmask, inet_addr(cases[i].netmask));
		assert_int_equal(c.gateway, inet_addr(cases[i].gateway));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_check),
					    cmocka_unit_test(test_parse) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
