/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: the text of a resolv.conf, and what must not get into one.
 */
#include "base/buf.h"
#include "vm/guest/machine.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OPTIONS "options single-request timeout:1 attempts:5\n"

static void test_resolv(void **state)
{
	static const struct {
		const char *servers[4], *search[4], *text; /* NULL: refused */
	} cases[] = {
		{ { "10.0.0.1" }, { NULL }, "nameserver 10.0.0.1\n" OPTIONS },
		{ { "10.0.0.1", "fe80::1" },
		  { "a.example", "b" },
		  "nameserver 10.0.0.1\nnameserver fe80::1\nsearch a.example b\n" OPTIONS },
		{ { NULL },
		  { NULL },
		  "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n"
		  "nameserver 2001:4860:4860::8844\n" OPTIONS },
		{ { "dns.example" }, { NULL }, NULL },
		{ { "" }, { NULL }, NULL },
		{ { "10.0.0.1\nnameserver 6.6.6.6" }, { NULL }, NULL },
		{ { "10.0.0.1" }, { "a\noptions x" }, NULL },
		{ { "10.0.0.1" }, { "a b" }, NULL },
		{ { "10.0.0.1" }, { "" }, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf out;
		struct error err;
		struct resolv_config c = { .nameservers =
						   (char *const *)(uintptr_t)cases[i].servers,
					   .search = (char *const *)(uintptr_t)cases[i].search };
		while (cases[i].servers[c.n_nameservers])
			c.n_nameservers++;
		while (cases[i].search[c.n_search])
			c.n_search++;
		buf_init(&out, 4096);
		assert_int_equal(resolv_text(&c, &out, &err), cases[i].text ? 0 : ERR_INVALID);
		if (cases[i].text)
			assert_string_equal(buf_str(&out), cases[i].text);
	}
}

static void test_too_many(void **state)
{
	CLEANUP(buf_fini) struct buf out;
	char *servers[] = { (char *)(uintptr_t) "10.0.0.1", (char *)(uintptr_t) "10.0.0.2" };
	const struct resolv_config c = { .nameservers = servers, .n_nameservers = 2 };
	struct error err;
	buf_init(&out, 30);
	assert_int_equal(resolv_text(&c, &out, &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolv),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
