/* SPDX-License-Identifier: Apache-2.0
 *
 * Presence: what is heard of it, for every combination that the plugin may report.
 */
#include "server/broker/presence.h"

#include "broker/link.h"

#include "base/macros.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct heard {
	char text[100];
};

static void hear(void *user, int64_t device_id, bool online, int64_t at_ms)
{
	struct heard *h = user;
	size_t n = strlen(h->text);
	assert_int_equal(at_ms, 7);
	snprintf(h->text + n, sizeof h->text - n, "%c%d", online ? '+' : '-', (int)device_id);
}

enum { WENT = LINK_WENT, CAME = LINK_CAME, NOW = LINK_ONLINE, CONTACT = LINK_CONTACT };

static void test_reports(void **state)
{
	static const struct {
		bool before;
		unsigned flags;
		const char *heard;
		bool after;
	} cases[] = {
		{ false, CAME | NOW, "+1", true },
		{ false, CAME | NOW | CONTACT, "+1", true },
		{ false, CAME | WENT, "+1-1", false },
		{ false, WENT, "", false },
		{ false, CONTACT, "", false },
		{ true, WENT, "-1", false },
		{ true, WENT | CAME | NOW, "-1+1", true },
		{ true, WENT | CAME, "-1+1-1", false },
		{ true, CAME | NOW, "", true },
		{ true, CONTACT | NOW, "", true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct presence *p = presence_new();
		struct heard h = { "" };
		if (cases[i].before)
			presence_report(p, 1, CAME | NOW, 7);
		presence_on_change(p, hear, &h);
		presence_report(p, 1, cases[i].flags, 7);
		if (strcmp(h.text, cases[i].heard) != 0)
			fail_msg("case %zu: %s", i, h.text);
		assert_int_equal(presence_online(p, 1), cases[i].after);
		presence_free(p);
	}
}

static void test_clear(void **state)
{
	struct presence *p = presence_new();
	struct heard h = { "" };
	(void)state;
	presence_report(p, 1, CAME | NOW, 7);
	presence_on_change(p, hear, &h);
	presence_clear(p, 7);
	presence_clear(p, 7);
	assert_string_equal(h.text, "-1");
	for (int64_t id = 1; id <= 1000; id++)
		presence_report(p, id, CAME | NOW, 7);
	presence_on_change(p, NULL, NULL);
	presence_clear(p, 7);
	for (int64_t id = 1; id <= 1000; id++)
		assert_false(presence_online(p, id));
	presence_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reports),
					    cmocka_unit_test(test_clear) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
