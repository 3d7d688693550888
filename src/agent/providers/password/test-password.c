/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/all.h"
#include "agent/providers/password/pwquality.h"
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define DROP_IN "/etc/security/pwquality.conf.d/50-reeve.conf"
#define MAIN    "/etc/security/pwquality.conf"
#define PAM     "/etc/pam.d/common-password"
#define DEFS    "/etc/login.defs"

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	scratch_file(&s, PAM,
		     "# comment pam_pwquality.so\n"
		     "password requisite pam_pwquality.so retry=3\n"
		     "password [success=1 default=ignore] pam_unix.so obscure yescrypt\n");
	scratch_folder(&s, "/etc/security");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

/* Files in libpwquality's order, its syntax, and where it stops. */
static void test_reading(void **state)
{
	static const struct {
		const char *files[4][2];
		const char
			*value; /* of minlen dcredit ucredit lcredit ocredit minclass enforcing */
	} cases[] = {
		{ { { NULL } }, "8 0 0 0 0 0 1" },
		{ { { MAIN, "minlen = 10\n" } }, "10 0 0 0 0 0 1" },
		{ { { MAIN, "minlen=3" } }, "6 0 0 0 0 0 1" },
		{ { { MAIN, "  MinLen \t=  12  # more\n#minlen = 20\ndcredit -1" } },
		  "12 -1 0 0 0 0 1" },
		{ { { "/etc/security/pwquality.conf.d/90.conf", "minlen = 14\nocredit = 2\n" },
		    { "/etc/security/pwquality.conf.d/10.conf", "minlen = 9\nlcredit = -2\n" },
		    { "/etc/security/pwquality.conf.d/95.conf.bak", "minlen = 30\n" } },
		  "14 0 0 -2 2 0 1" },
		{ { { "/etc/security/pwquality.conf.d/90.conf", "minlen = 14\nminclass = 3\n" },
		    { MAIN, "minlen = 9\n" } },
		  "9 0 0 0 0 3 1" }, /* the main file is read last */
		{ { { MAIN, "minlen = 9\nnonsense = 1\nucredit = -1\n" } }, "9 0 0 0 0 0 1" },
		{ { { "/etc/security/pwquality.conf.d/10.conf", "minlen = x\n" },
		    { MAIN, "minlen = 9\n" } },
		  "8 0 0 0 0 0 1" },
		{ { { MAIN, "enforcing = 0\nbadwords = a b\nlocal_users_only\nretry = 2\n" } },
		  "8 0 0 0 0 0 0" },
		{ { { MAIN, "minlen = 9\n" },
		    { PAM,
		      "password required pam_pwquality.so minlen=11 use_authtok ucredit=-1\n" } },
		  "11 0 -1 0 0 0 1" },
		{ { { "/usr/lib/security/pwquality.conf.d/10.conf", "minlen = 20\n" },
		    { "/etc/security/pwquality.conf.d/10.conf", "ucredit = -3\n" },
		    { "/usr/lib/security/pwquality.conf", "minclass = 2\n" } },
		  "8 0 -3 0 0 2 1" },
		{ { { MAIN, "minlen = 99999999999\nucredit = -1\n" } }, "8 0 0 0 0 0 1" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pwquality q;
		CLEANUP(buf_fini) struct buf text;
		buf_init(&text, 200);
		scratch_file(&s, PAM, "password requisite pam_pwquality.so retry=3\n");
		for (size_t j = 0; j < 4 && cases[i].files[j][0]; j++)
			scratch_file(&s, cases[i].files[j][0], cases[i].files[j][1]);
		assert_int_equal(pwquality_read(&s.env, NULL, &q), 0);
		for (int o = 0; o < PWQ_N; o++)
			buf_addf(&text, "%s%d", o ? " " : "", q.value[o]);
		if (strcmp(buf_str(&text), cases[i].value) != 0)
			fail_msg("case %zu: %s", i, buf_str(&text));
		scratch_remove(&s, "/etc/security");
		if (place_exists(s.root, "/usr"))
			scratch_remove(&s, "/usr");
	}
}

static void test_observe(void **state)
{
	static const struct {
		const char *conf, *setting, *value;
	} cases[] = {
		{ "", "password.min_length", "8" },
		{ "", "password.min_symbols", "0" },
		{ "", "password.quality", "'something'" },
		{ "minlen = 12\ndcredit = 1\nucredit = 2\n", "password.min_length", "9" },
		{ "dcredit = 1\n", "password.min_numeric", "0" },
		{ "dcredit = -3\n", "password.min_numeric", "3" },
		{ "dcredit = -3\n", "password.quality", "'numeric'" },
		{ "ucredit = -1\n", "password.quality", "'alphabetic'" },
		{ "ucredit = -1\ndcredit = -1\n", "password.quality", "'alphanumeric'" },
		{ "minclass = 3\n", "password.quality", "'alphabetic'" },
		{ "minclass = 4\n", "password.quality", "'complex'" },
		{ "minclass = 4\nenforcing = 0\n", "password.quality", "'unspecified'" },
		{ "minlen = 20\nenforcing = 0\n", "password.min_length", "0" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scratch_file(&s, MAIN, cases[i].conf);
		check_observe(&s, &provider_password, "{}", cases[i].setting, cases[i].value,
			      "observed");
	}
}

static void test_pam(void **state)
{
	scratch_file(&s, PAM, "password [success=1 default=ignore] pam_unix.so obscure\n");
	AUTO_JSON ret = scratch_observe(&s, &provider_password, "{}");
	assert_result(ret, "password.min_length", "0", "observed", "libpam-pwquality");
	AUTO_JSON enforced = scratch_enforce(&s, &provider_password, "{'password.min_length': 10}");
	assert_result(enforced, "password.min_length", "0", "failed", "libpam-pwquality");
	assert_text(&s, DROP_IN,
		    "# Written by reeve-agent (password.*); removed with it.\nminlen = 10\n");
	scratch_remove(&s, "/etc/pam.d"); /* no stack to look at */
	check_observe(&s, &provider_password, "{}", "password.min_length", "10", "observed");
	scratch_remove(&s, DROP_IN);
	check_observe(&s, &provider_password, "{}", "password.min_length", "0", "observed");
}

#define ALL                                                                                        \
	"{'password.min_length': 12, 'password.min_numeric': 2, 'password.min_upper_case': 1,"     \
	" 'password.min_symbols': 0, 'password.quality': 'complex'}"

static void test_enforce_tamper_and_back(void **state)
{
	scratch_file(&s, MAIN, "# minlen = 8\n");
	json_t *before = scratch_snapshot(&s, false);
	AUTO_JSON ret = scratch_enforce(&s, &provider_password, ALL);
	assert_result(ret, "password.min_length", "12", "applied", NULL);
	assert_result(ret, "password.min_numeric", "2", "applied", NULL);
	assert_result(ret, "password.min_symbols", "1", "applied", NULL);
	assert_result(ret, "password.quality", "'complex'", "applied", NULL);
	assert_null(json_object_get(ret, "password.min_lower_case"));
	assert_text(&s, DROP_IN,
		    "# Written by reeve-agent (password.*); removed with it.\n"
		    "minlen = 12\ndcredit = -2\nucredit = -1\nocredit = -1\n");
	json_t *enforced = scratch_snapshot(&s, true);
	json_decref(scratch_enforce(&s, &provider_password, ALL));
	assert_same_tree(&s, enforced, true);
	assert_int_equal(s.n_saves, 1);

	scratch_file(&s, DROP_IN, "minlen = 6\n");
	check_observe(&s, &provider_password, ALL, "password.min_length", "6", "observed");
	scratch_crash(&s);
	check_enforce(&s, &provider_password, ALL, "password.min_length", "12", "applied");
	check_enforce(&s, &provider_password, "{'password.min_numeric': 1}", "password.min_numeric",
		      "1", "applied");
	AUTO_JSON none = scratch_enforce(&s, &provider_password, "{}");
	assert_int_equal(json_object_size(none), 0);
	assert_same_tree(&s, before, false);
}

static void test_never_weaker(void **state)
{
	scratch_file(&s, "/etc/security/pwquality.conf.d/20-cis.conf",
		     "minlen = 14\nucredit = -2\nenforcing = 0\n");
	check_enforce(&s, &provider_password,
		      "{'password.min_length': 10, 'password.min_upper_case': 1}",
		      "password.min_length", "14", "applied");
	assert_text(&s, DROP_IN,
		    "# Written by reeve-agent (password.*); removed with it.\n"
		    "minlen = 14\nucredit = -2\nenforcing = 1\n");
}

static void test_overridden(void **state)
{
	scratch_file(&s, MAIN, "minlen = 8\n");
	AUTO_JSON ret = scratch_enforce(&s, &provider_password,
					"{'password.min_length': 10, 'password.min_numeric': 1}");
	assert_result(ret, "password.min_length", "8", "failed", MAIN);
	assert_result(ret, "password.min_numeric", "1", "applied", NULL);
	scratch_file(&s, MAIN, "ocredit = 0\n");
	AUTO_JSON weak = scratch_enforce(&s, &provider_password, "{'password.quality': 'complex'}");
	assert_result(weak, "password.quality", "'alphanumeric'", "failed", "ocredit in " MAIN);
	scratch_file(&s, MAIN, "dcredit = 1\n"); /* a credit shortens what is needed */
	check_enforce(&s, &provider_password, "{'password.min_length': 10}", "password.min_length",
		      "9", "failed");
	scratch_file(&s, "/etc/security/pwquality.conf.d/00.conf", "oops\n");
	AUTO_JSON broken = scratch_enforce(&s, &provider_password, "{'password.min_length': 10}");
	assert_result(broken, "password.min_length", "8", "failed", "00.conf");
}

static void test_bad_values(void **state)
{
	AUTO_JSON ret = scratch_enforce(
		&s, &provider_password,
		"{'password.min_length': '10\\nminclass = 0', 'password.min_numeric': -1,"
		" 'password.quality': 'best', 'password.min_symbols': 2,"
		" 'password.max_failed_for_wipe': 5, 'password.enabled': 'pin'}");
	assert_result(ret, "password.min_length", "null", "failed", NULL);
	assert_result(ret, "password.min_numeric", "null", "failed", NULL);
	assert_result(ret, "password.quality", "null", "failed", NULL);
	assert_result(ret, "password.min_symbols", "2", "applied", NULL);
	assert_result(ret, "password.max_failed_for_wipe", "null", "unsupported", NULL);
	assert_result(ret, "password.enabled", "null", "unsupported", NULL);
	assert_text(&s, DROP_IN,
		    "# Written by reeve-agent (password.*); removed with it.\nocredit = -2\n");
}

static void test_save_fails(void **state)
{
	scratch_file(&s, DEFS, "PASS_MIN_LEN 5\n");
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 2;
	check_enforce(&s, &provider_password, ALL, "password.min_length", "8", "failed");
	assert_same_tree(&s, before, true);
	check_enforce(&s, &provider_password, ALL, "password.min_length", "12", "applied");
}

static void test_login_defs(void **state)
{
	static const struct {
		const char *text, *after;
	} cases[] = {
		{ "# PASS_MIN_LEN 5\nX y\n", "# PASS_MIN_LEN 5\nX y\n" },
		{ "A 1\nPASS_MIN_LEN\t5\nB 2", "A 1\nPASS_MIN_LEN\t12\nB 2" },
		{ "PASS_MIN_LEN 15\n", "PASS_MIN_LEN 15\n" },
		{ " PASS_MIN_LEN  5 ", "PASS_MIN_LEN\t12" },
		{ "PASS_MIN_LENGTH 5\n", "PASS_MIN_LENGTH 5\n" },
		{ "PASS_MIN_LEN 5\r\n", "PASS_MIN_LEN\t12\n" },
		{ "\n\nPASS_MIN_LEN x\n\n", "\n\nPASS_MIN_LEN\t12\n\n" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		scratch_file(&s, DEFS, cases[i].text);
		check_enforce(&s, &provider_password, ALL, "password.min_length", "12", "applied");
		assert_text(&s, DEFS, cases[i].after);
		json_decref(scratch_enforce(&s, &provider_password, ALL));
		assert_text(&s, DEFS, cases[i].after);
		scratch_restore(&s, &provider_password);
		assert_text(&s, DEFS, cases[i].text);
	}
}

static void test_login_defs_edited(void **state)
{
	scratch_file(&s, DEFS, "PASS_MIN_LEN 5\n");
	json_decref(scratch_enforce(&s, &provider_password, ALL));
	scratch_file(&s, DEFS, "PASS_MIN_LEN\t12\nMORE x\n"); /* somebody adds a line */
	json_decref(scratch_enforce(&s, &provider_password, "{'password.min_length': 9}"));
	assert_text(&s, DEFS, "PASS_MIN_LEN\t9\nMORE x\n");
	scratch_crash(&s);
	scratch_restore(&s, &provider_password);
	assert_text(&s, DEFS, "PASS_MIN_LEN 5\nMORE x\n");

	json_decref(scratch_enforce(&s, &provider_password, ALL));
	scratch_file(&s, DEFS, "PASS_MIN_LEN 20\n"); /* somebody's own choice */
	scratch_restore(&s, &provider_password);
	assert_text(&s, DEFS, "PASS_MIN_LEN 20\n");
	assert_int_equal(json_object_size(s.env.state), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_reading, setup, teardown),
		cmocka_unit_test_setup_teardown(test_observe, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pam, setup, teardown),
		cmocka_unit_test_setup_teardown(test_enforce_tamper_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_never_weaker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_overridden, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bad_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login_defs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login_defs_edited, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
