/* SPDX-License-Identifier: Apache-2.0
 *
 * What mqtt.mode may be, and what it is told otherwise.
 */
#include "server/broker-mode.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_good(void **state)
{
	static const struct {
		const char *text;
		struct broker_mode mode;
	} cases[] = {
		{ "off", { .type = BROKER_OFF } },
		{ "embedded", { .type = BROKER_EMBEDDED, .port = 1883 } },
		{ "embedded:0", { .type = BROKER_EMBEDDED, .port = 0 } },
		{ "embedded:65535", { .type = BROKER_EMBEDDED, .port = 65535 } },
		{ "mqtt://h", { .type = BROKER_EXTERNAL, .port = 1883, .host = "h" } },
		{ "mqtts://h",
		  { .type = BROKER_EXTERNAL, .port = 8883, .host = "h", .tls = true } },
		{ "mqtt://me@broker.example.org:99",
		  { .type = BROKER_EXTERNAL,
		    .port = 99,
		    .host = "broker.example.org",
		    .user = "me" } },
		{ "mqtts://a@b@[::1]:7",
		  { .type = BROKER_EXTERNAL,
		    .port = 7,
		    .host = "::1",
		    .user = "a@b",
		    .tls = true } },
		{ "mqtt://[fe80::1%eth0]",
		  { .type = BROKER_EXTERNAL, .port = 1883, .host = "fe80::1%eth0" } },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct broker_mode m;
		struct error err;
		const struct broker_mode *e = &cases[i].mode;
		if (broker_mode_parse(cases[i].text, &m, &err) != 0)
			fail_msg("%s: %s", cases[i].text, err.message);
		assert_int_equal(m.type, e->type);
		assert_int_equal(m.port, e->port);
		assert_int_equal(m.tls, e->tls);
		assert_string_equal(m.host, e->host);
		assert_string_equal(m.user, e->user);
	}
}

static void test_bad(void **state)
{
	static const char *const cases[] = {
		"",
		"on",
		"embeddedx",
		"embedded:",
		"embedded:-1",
		"embedded:65536",
		"embedded:99999999999999999999",
		"embedded:1x",
		"mqtt:",
		"mqtt://",
		"mqtt://:1883",
		"mqtt://h:",
		"mqtt://h:0",
		"mqtt://h:1:2",
		"mqtt://@h",
		"mqtt://me:secret@h",
		"mqtt://$server@h",
		"mqtt://h/path",
		"mqtt://[::1",
		"mqtt://[::1]x",
		"mqtt://h\n",
		"http://h",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct broker_mode m;
		struct error err = { 0 };
		if (broker_mode_parse(cases[i], &m, &err) != ERR_INVALID)
			fail_msg("%s was taken", cases[i]);
		assert_null(strstr(err.message, "secret"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_good),
					    cmocka_unit_test(test_bad) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
