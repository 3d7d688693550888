/* SPDX-License-Identifier: Apache-2.0
 *
 * Files the command line reads: API tokens wherever they may lie, documents of desired state.
 */
#include "base/file.h"
#include "reeve/credentials.h"
#include "reeve/documents.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h> /* needs the four above */

static char dir[64];

static int set_up(void **state)
{
	snprintf(dir, sizeof dir, "/tmp/test-reeve-XXXXXX");
	return mkdtemp(dir) && chdir(dir) == 0 && setenv("HOME", dir, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", dir);
	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static void write_file(const char *path, const char *text)
{
	assert_int_equal(file_write_atomic(path, span_str(text), 0600), 0);
}

static void assert_token(const char *named, const char *token, const char *path)
{
	struct credentials c;
	struct error err = { .message = "" };
	int r = credentials_find(named, &c, &err);
	if (r != 0)
		fail_msg("%s", err.message);
	assert_string_equal(c.token ? c.token : "(none)", token ? token : "(none)");
	if (path)
		assert_non_null(strstr(c.path, path));
	credentials_fini(&c);
}

static void test_places(void **state)
{
	if (access("/var/lib/reeve/admin.token", F_OK) != 0) /* a server may live on this machine */
		assert_token(NULL, NULL, NULL);
	assert_int_equal(dir_make(".config/reeve", 0700), 0);
	write_file(".config/reeve/token", "from-home\n");
	assert_token(NULL, "from-home", ".config/reeve/token");
	assert_int_equal(dir_make("var", 0700), 0);
	write_file("var/admin.token", "from-var");
	assert_token(NULL, "from-var", "var/admin.token");
	write_file("named", "  from-named \r\n");
	assert_token("named", "from-named", "named");
}

static void test_bad_tokens(void **state)
{
	static const char *const bad[] = { "",          "\n",       "two words", "a\nb",
					   "tab\there", "\xc3\xbc", "x\x1b" };
	struct credentials c;
	struct error err;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		write_file("t", bad[i]);
		assert_int_equal(credentials_find("t", &c, &err), ERR_UNAUTHENTICATED);
		assert_string_equal(err.message, "t does not hold an API token (one line of text)");
		credentials_fini(&c);
	}
	assert_int_equal(file_write_atomic("t", (struct span){ (const uint8_t *)"a\0b", 3 }, 0600),
			 0);
	assert_int_equal(credentials_find("t", &c, &err), ERR_UNAUTHENTICATED);
	credentials_fini(&c);
	assert_int_equal(credentials_find("none", &c, &err), ERR_UNAUTHENTICATED);
	assert_string_equal(err.message,
			    "cannot read the token file none: No such file or directory");
	credentials_fini(&c);
	assert_int_equal(credentials_find("/dev/zero", &c, &err), ERR_UNAUTHENTICATED);
	credentials_fini(&c);
}

static int read_documents(const char *a, const char *b, struct documents *ret, struct error *err)
{
	char *files[] = { (char *)a, (char *)b };
	return documents_read(files, b ? 2 : 1, ret, err);
}

static void test_documents(void **state)
{
	CLEANUP(documents_fini) struct documents d;
	CLEANUP(documents_fini) struct documents again;
	struct error err;
	write_file("a.yaml",
		   "organization: default\nfleets: []\n---\n# empty\n---\norganization: b\n");
	write_file("b.json", "[{\"organization\":\"c\"}]");
	assert_int_equal(read_documents("a.yaml", "b.json", &d, &err), 0);
	CLEANUP(free_charp) char *text = json_text(d.all);
	CLEANUP(free_charp) char *origins = json_text(d.origins);
	assert_string_equal(text, "[{\"organization\":\"default\",\"fleets\":[]},"
				  "{\"organization\":\"b\"},{\"organization\":\"c\"}]");
	assert_string_equal(origins, "[\"a.yaml, document 1\",\"a.yaml, document 2\",\"b.json\"]");
	CLEANUP(buf_fini) struct buf out;
	buf_init(&out, 10000);
	documents_add(&out, d.all);
	assert_string_equal(buf_str(&out), "---\norganization: default\nfleets: []\n---\n"
					   "organization: b\n---\norganization: c\n");
	write_file("c.yaml", buf_str(&out));
	assert_int_equal(read_documents("c.yaml", NULL, &again, &err), 0);
	assert_true(json_equal(d.all, again.all));
}

static void test_bad_documents(void **state)
{
	static const struct {
		const char *text, *sentence;
	} bad[] = {
		{ "", "there is no document in the files" },
		{ "# nothing\n", "there is no document in the files" },
		{ "a: 1\na: 2\n", "x.yaml:2: the key \"a\" is there twice" },
		{ "just words\n", "x.yaml: a document is a mapping, not a text" },
		{ "7\n", "x.yaml: a document is a mapping, not a number" },
		{ "a: 1\n---\n- 1\n", "x.yaml: item 1 of the list is not a mapping" },
	};
	struct error err;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(documents_fini) struct documents d;
		write_file("x.yaml", bad[i].text);
		assert_int_equal(read_documents("x.yaml", NULL, &d, &err), ERR_INVALID);
		assert_string_equal(err.message, bad[i].sentence);
	}
	CLEANUP(documents_fini) struct documents d;
	CLEANUP(documents_fini) struct documents endless;
	assert_int_equal(read_documents("none", NULL, &d, &err), ERR_UNAVAILABLE);
	assert_string_equal(err.message, "cannot read none: No such file or directory");
	assert_int_equal(read_documents("/dev/zero", NULL, &endless, &err), ERR_INVALID);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_places),
		TEST(test_bad_tokens),
		TEST(test_documents),
		TEST(test_bad_documents),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
