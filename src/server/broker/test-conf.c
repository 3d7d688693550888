/* SPDX-License-Identifier: Apache-2.0
 *
 * The broker's configuration: what depends on ours, and that nothing else stands behind the listeners.
 */
#include "server/broker/conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const struct conf *c, const char *tail)
{
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 65536);
	conf_add(&b, c);
	const char *found = strstr(buf_str(&b), "max_packet_size");
	assert_non_null(found);
	assert_string_equal(found, tail);
	assert_non_null(strstr(buf_str(&b), "allow_anonymous false\n"));
}

static void test_texts(void **state)
{
	(void)state;
	check(&(struct conf){ .address = "127.0.0.1",
			      .port = 1883,
			      .plugin_fd = 5,
			      .link_fd = 6,
			      .cert_fd = -1,
			      .key_fd = -1,
			      .packet = 1000 },
	      "max_packet_size 1000\n"
	      "plugin /proc/self/fd/5\n"
	      "plugin_opt_link 6\n"
	      "listener 0 broker.sock\n"
	      "listener 1883 127.0.0.1\n");
	check(&(struct conf){ .address = "::",
			      .port = 8883,
			      .cert_fd = 9,
			      .key_fd = 10,
			      .plugin_fd = 7,
			      .link_fd = 8,
			      .packet = 2000,
			      .memory = INT64_C(1) << 33,
			      .connections = 50 },
	      "max_packet_size 2000\n"
	      "memory_limit 8589934592\n"
	      "plugin /proc/self/fd/7\n"
	      "plugin_opt_link 8\n"
	      "listener 0 broker.sock\n"
	      "listener 8883 ::\n"
	      "max_connections 50\n"
	      "certfile /proc/self/fd/9\n"
	      "keyfile /proc/self/fd/10\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
