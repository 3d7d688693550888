/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/place.h"
#include "agent/providers/testing.h"
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	scratch_file(&s, "/etc/motd", "hello\n");
	scratch_file(&s, "/usr/bin/sh", "#!\n");
	scratch_link(&s, "/bin", "usr/bin");
	scratch_link(&s, "/etc/abs", "/usr/bin/sh");
	scratch_link(&s, "/etc/rel", "../usr/./bin//sh");
	scratch_link(&s, "/etc/out", "../../../../../../etc/motd");
	scratch_link(&s, "/etc/outside", "/etc/passwd");
	scratch_link(&s, "/etc/loop", "/etc/loop2");
	scratch_link(&s, "/etc/loop2", "loop");
	scratch_link(&s, "/etc/up", "../bin/../lib/x"); /* /bin is a link: its parent is /usr */
	scratch_file(&s, "/usr/lib/x", "x\n");
	scratch_link(&s, "/etc/dangling", "nowhere/at/all");
	scratch_link(&s, "/etc/self", ".");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static void test_read(void **state)
{
	static const struct {
		const char *path;
		int r;
		const char *content;
	} cases[] = {
		{ "/etc/motd", 0, "hello\n" },
		{ "//etc/./motd", 0, "hello\n" },
		{ "/etc/motd/", 0, "hello\n" },
		{ "/bin/sh", 0, "#!\n" },
		{ "/etc/abs", 0, "#!\n" },
		{ "/etc/rel", 0, "#!\n" },
		{ "/etc/out", 0, "hello\n" },      /* cannot leave the root */
		{ "/etc/outside", -ENOENT, NULL }, /* nor by an absolute link */
		{ "/etc/up", 0, "x\n" },
		{ "/etc/self/self/motd", 0, "hello\n" },
		{ "/etc/loop", -ELOOP, NULL },
		{ "/etc/dangling", -ENOENT, NULL },
		{ "/etc/motd/x", -ENOTDIR, NULL },
		{ "/etc", -EISDIR, NULL },
		{ "/", -EISDIR, NULL },
		{ "/etc/nothing", -ENOENT, NULL },
		{ "/nothing/at/all", -ENOENT, NULL },
		{ "", -EINVAL, NULL },
		{ "etc/motd", -EINVAL, NULL },
		{ "/etc/../etc/motd", -EINVAL, NULL },
		{ "/..", -EINVAL, NULL },
		{ "/etc/..", -EINVAL, NULL },
		{ "/etc/..motd", -ENOENT, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf b;
		buf_init(&b, 100);
		int r = place_read(s.root, cases[i].path, &b);
		if (r != cases[i].r)
			fail_msg("%s: %d, not %d", cases[i].path, r, cases[i].r);
		if (cases[i].content)
			assert_string_equal(buf_str(&b), cases[i].content);
	}
}

static void test_bounds(void **state)
{
	char longest[4200], text[8];
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 3);
	assert_int_equal(place_read(s.root, "/etc/motd", &b), -EFBIG);
	memset(longest, 'x', sizeof longest - 1);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	assert_false(place_path_valid(longest));
	longest[300] = '\0'; /* one name of 299 */
	assert_int_equal(place_read(s.root, longest, &b), -ENAMETOOLONG);
	assert_string_equal(place_word(s.root, "/etc/motd", text, sizeof text), "hello");
	assert_string_equal(place_word(s.root, "/etc/motd", text, 3), "he");
	assert_string_equal(place_word(s.root, "/etc/nothing", text, sizeof text), "");
}

static void test_fifo_does_not_block(void **state)
{
	char path[100];
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 100);
	snprintf(path, sizeof path, "%s/etc/fifo", s.root);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(place_read(s.root, "/etc/fifo", &b), -EINVAL);
}

/* A link that somebody else made leads nowhere, in the middle and at the end. */
static void test_link_of_another(void **state)
{
	char path[100];
	CLEANUP(place_close) struct place p = PLACE_NONE;
	CLEANUP(buf_fini) struct buf b;
	buf_init(&b, 100);
	if (geteuid() != 0)
		skip();
	scratch_link(&s, "/home/user/d", "/etc");
	snprintf(path, sizeof path, "%s/home/user/d", s.root);
	assert_int_equal(lchown(path, 12345, 12345), 0);
	assert_int_equal(place_read(s.root, "/home/user/d/motd", &b), -ELOOP);
	assert_int_equal(place_open(s.root, "/home/user/d/new", PLACE_MAKE, &p), -ELOOP);
	assert_int_equal(place_write(s.root, "/home/user/d/motd", span_str("!"), 0644), -ELOOP);
	assert_text(&s, "/etc/motd", "hello\n");
	/* as the last component it is replaced, not followed */
	assert_int_equal(place_write(s.root, "/home/user/d", span_str("file"), 0600), 0);
	assert_text(&s, "/home/user/d", "file");
	assert_text(&s, "/etc/motd", "hello\n");
}

static void test_write(void **state)
{
	struct stat st;
	mode_t before = umask(077);
	assert_int_equal(place_write(s.root, "/srv/a/b/c", span_str("1"), 0644), 0);
	assert_int_equal(place_write(s.root, "/bin/new", span_str("2"), 0640), 0);
	umask(before);
	assert_text(&s, "/srv/a/b/c", "1");
	assert_text(&s, "/usr/bin/new", "2");
	assert_int_equal(place_stat(s.root, "/srv/a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(place_stat(s.root, "/usr/bin/new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(place_write(s.root, "/etc/motd/x", span_str(""), 0644), -ENOTDIR);
	assert_int_equal(place_remove(s.root, "/srv/a/b/c"), 0);
	assert_int_equal(place_remove(s.root, "/srv/a/b/c"), 0);
	assert_int_equal(place_remove(s.root, "/srv/nowhere/x"), 0);
	assert_false(place_exists(s.root, "/srv/a/b/c"));
	assert_true(place_exists(s.root, "/srv/a/b"));
	assert_true(place_exists(s.root, "/bin/"));
	assert_true(place_exists(s.root, "/"));
}

static void test_poke_and_list(void **state)
{
	AUTO_JSON names = NULL;
	scratch_file(&s, "/sys/z", "1\n");
	scratch_file(&s, "/sys/a", "1\n");
	scratch_file(&s, "/sys/.h", "1\n");
	assert_int_equal(place_poke(s.root, "/sys/a", "0"), 0);
	assert_text(&s, "/sys/a", "0\n");
	assert_int_equal(place_poke(s.root, "/sys/none", "0"), -ENOENT); /* is not made */
	assert_int_equal(place_list(s.root, "/sys", &names), 0);
	AUTO_JSON expected = json_pack("[sss]", ".h", "a", "z");
	assert_same_json(names, expected);
	assert_int_equal(place_list(s.root, "/sys/none", &names), -ENOENT);
	assert_int_equal(place_list(s.root, "/sys/a", &names), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fifo_does_not_block, setup, teardown),
		cmocka_unit_test_setup_teardown(test_link_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_write, setup, teardown),
		cmocka_unit_test_setup_teardown(test_poke_and_list, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
