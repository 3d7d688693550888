/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts: what is added to the four files for a user, and what is refused and leaves them alone.
 */
#include "vm/guest/accounts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define DAY    20000
#define ROOT   "root:x:0:0:root:/root:/bin/sh\n"
#define PASSWD ROOT "chronos:x:1000:1000::/home/chronos:/bin/sh\n"
#define GROUP  "root:x:0:\nwheel:x:10:\nvideo:x:44:chronos\nbroken\n"
#define GROUPS 4

static const struct {
	const char *passwd, *group, *name;
	int64_t uid; /* -1: none asked for */
	const char *groups[GROUPS];
	int result;
	const char *wanted_passwd, *wanted_group; /* NULL: as before */
} cases[] = {
	{ PASSWD,
	  GROUP,
	  "me",
	  -1,
	  { NULL },
	  0,
	  PASSWD "me:x:1001:1001::/home/me:/bin/bash\n",
	  GROUP "me:x:1001:\n" },
	{ PASSWD,
	  GROUP,
	  "me",
	  2000,
	  { "wheel", "video" },
	  0,
	  PASSWD "me:x:2000:2000::/home/me:/bin/bash\n",
	  "root:x:0:\nwheel:x:10:me\nvideo:x:44:chronos,me\nbroken\nme:x:2000:\n" },
	{ "",
	  "",
	  "m-1_$",
	  -1,
	  { NULL },
	  0,
	  "m-1_$:x:1000:1000::/home/m-1_$:/bin/bash\n",
	  "m-1_$:x:1000:\n" },
	/* the last line has no end */
	{ "root:x:0:0:::",
	  "root:x:0:",
	  "me",
	  -1,
	  { "root" },
	  0,
	  "root:x:0:0:::\nme:x:1000:1000::/home/me:/bin/bash\n",
	  "root:x:0:me\nme:x:1000:\n" },
	/* a group of this name, and of this number, are there */
	{ ROOT,
	  "me:x:7:\n",
	  "me",
	  -1,
	  { NULL },
	  0,
	  ROOT "me:x:1000:7::/home/me:/bin/bash\n",
	  NULL },
	{ ROOT,
	  "other:x:1234:\n",
	  "me",
	  1234,
	  { NULL },
	  0,
	  ROOT "me:x:1234:1000::/home/me:/bin/bash\n",
	  "other:x:1234:\nme:x:1000:\n" },
	/* is there */
	{ PASSWD, GROUP, "chronos", -1, { "video" }, 0, NULL, NULL },
	{ PASSWD,
	  GROUP,
	  "chronos",
	  1000,
	  { "wheel", "wheel" },
	  0,
	  NULL,
	  "root:x:0:\nwheel:x:10:chronos\nvideo:x:44:chronos\nbroken\n" },
	/* in conflict */
	{ PASSWD, GROUP, "chronos", 1001, { "wheel" }, ERR_CONFLICT, NULL, NULL },
	{ PASSWD, GROUP, "me", 1000, { NULL }, ERR_CONFLICT, NULL, NULL },
	{ "me:x:x:1::/:\n", GROUP, "me", -1, { NULL }, ERR_CONFLICT, NULL, NULL },
	{ ROOT, "me:x::\n", "me", -1, { NULL }, ERR_CONFLICT, NULL, NULL },
	/* not valid */
	{ PASSWD, GROUP, "", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "Me", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "1me", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "$", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "m$e", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me:x:0:0", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me\nevil", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "../me", -1, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD,
	  GROUP,
	  "m23456789012345678901234567890123",
	  -1,
	  { NULL },
	  ERR_INVALID,
	  NULL,
	  NULL },
	{ PASSWD, GROUP, "me", 0, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me", UINT32_MAX, { NULL }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me", -1, { "wheel", "nope" }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me", -1, { "" }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me", -1, { "broken" }, ERR_INVALID, NULL, NULL },
	{ PASSWD, GROUP, "me", -1, { "wheel:x" }, ERR_INVALID, NULL, NULL },
};

static void test_add(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(accounts_fini) struct accounts a;
		struct user_request u = { .name = cases[i].name,
					  .has_uid = cases[i].uid >= 0,
					  .uid = (uint32_t)cases[i].uid,
					  .groups = (char *const *)(uintptr_t)cases[i].groups };
		struct user made;
		struct error err = { .message = "" };
		while (cases[i].groups[u.n_groups])
			u.n_groups++;
		accounts_init(&a);
		a.has_shadow = true;
		buf_add_str(&a.passwd, cases[i].passwd);
		buf_add_str(&a.group, cases[i].group);
		for (int again = 0; again < 2; again++) { /* changes nothing */
			assert_int_equal(accounts_add(&a, &u, "/bin/bash", DAY, &made, &err),
					 cases[i].result);
			assert_string_equal(buf_str(&a.passwd), cases[i].wanted_passwd
									? cases[i].wanted_passwd
									: cases[i].passwd);
			assert_string_equal(buf_str(&a.group), cases[i].wanted_group
								       ? cases[i].wanted_group
								       : cases[i].group);
		}
		assert_int_equal(err.message[0] != '\0', cases[i].result != 0);
	}
}

static void test_shadow(void **state)
{
	char *groups[] = { (char *)(uintptr_t) "wheel", (char *)(uintptr_t) "video" };
	const struct user_request u = { .name = "me", .groups = groups, .n_groups = 2 };
	for (int there = 0; there < 2; there++) {
		CLEANUP(accounts_fini) struct accounts a;
		struct user made;
		struct error err;
		accounts_init(&a);
		buf_add_str(&a.group, GROUP);
		buf_add_str(&a.gshadow, "wheel:*::a\n");
		a.has_shadow = a.has_gshadow = there;
		assert_int_equal(accounts_add(&a, &u, "/bin/sh", DAY, &made, &err), 0);
		assert_true(made.created);
		assert_string_equal(made.home, "/home/me");
		assert_string_equal(buf_str(&a.shadow), there ? "me:!:20000:0:99999:7:::\n" : "");
		assert_string_equal(buf_str(&a.gshadow),
				    there ? "wheel:*::a,me\nme:!::\n" : "wheel:*::a\n");
		/* a user with a password nobody has, either way */
		assert_non_null(strstr(buf_str(&a.passwd), there ? "me:x:1000:" : "me:*:1000:"));
	}
}

static void test_full(void **state)
{
	CLEANUP(accounts_fini) struct accounts a;
	const struct user_request u = { .name = "me" };
	struct user made;
	struct error err;
	accounts_init(&a);
	a.passwd.max = 10;
	assert_int_equal(accounts_add(&a, &u, "/bin/sh", DAY, &made, &err), ERR_CONFLICT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
