/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/providers/testing.h"
#include "agent/providers/undo.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

static struct scratch s;

static int setup(void **state)
{
	scratch_init(&s);
	scratch_file(&s, "/etc/x", "original\n");
	return 0;
}

static int teardown(void **state)
{
	scratch_fini(&s);
	return 0;
}

static int write_text(const char *path, const char *text, unsigned flags)
{
	return undo_write(&s.env, path, span_str(text), 0644, flags);
}

static void test_write_and_back(void **state)
{
	json_t *before = scratch_snapshot(&s, false);
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	assert_int_equal(write_text("/etc/x", "ours, later", 0), 0);
	assert_int_equal(write_text("/etc/new/deep/y", "ours", 0), 0);
	assert_text(&s, "/etc/x", "ours, later");
	assert_text(&s, "/etc/new/deep/y", "ours");
	json_t *changed = scratch_snapshot(&s, true);
	int n_saves = s.n_saves;
	assert_int_equal(write_text("/etc/x", "ours, later", 0), 0); /* as it is already */
	assert_int_equal(s.n_saves, n_saves);
	assert_same_tree(&s, changed, true);
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_same_tree(&s, before, false);
	assert_int_equal(json_object_size(s.saved), 0);
	assert_false(place_exists(s.root, KEPT_FOLDER));
}

static void test_already_so(void **state)
{
	assert_int_equal(write_text("/etc/x", "original\n", 0), 0);
	assert_false(undo_has(&s.env, "/etc/x"));
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_text(&s, "/etc/x", "original\n");
}

static void test_mode_is_repaired(void **state)
{
	struct stat st;
	char path[100];
	snprintf(path, sizeof path, "%s/etc/x", s.root);
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	chmod(path, 0600);
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	assert_int_equal(place_stat(s.root, "/etc/x", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void test_keeps_mode_and_owner(void **state)
{
	struct stat st;
	char path[100];
	snprintf(path, sizeof path, "%s/etc/x", s.root);
	chmod(path, 04711);
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	assert_int_equal(place_stat(s.root, KEPT_FOLDER, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700); /* nobody reaches the old setuid program */
	assert_int_equal(undo_restore(&s.env, "/etc/x"), 0);
	assert_int_equal(place_stat(s.root, "/etc/x", &st), 0);
	assert_int_equal(st.st_mode & 07777, 04711);
}

static void test_save_fails(void **state)
{
	json_t *before = scratch_snapshot(&s, true);
	s.fail_saves = 2;
	assert_int_equal(write_text("/etc/x", "ours", 0), -EIO);
	assert_int_equal(undo_remove(&s.env, "/etc/x"), -EIO);
	assert_same_tree(&s, before, true);
	assert_false(undo_has(&s.env, "/etc/x"));
	/* what changes until the next try is the original */
	scratch_file(&s, "/etc/x", "newer original\n");
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_text(&s, "/etc/x", "newer original\n");
}

/* A crash after the note was saved and before the file was changed, and after that. */
static void test_crash(void **state)
{
	for (int changed = 0; changed < 2; changed++) {
		char hash[HASH_SIZE];
		hash_span(span_str("ours"), hash);
		assert_int_equal(undo_begin(&s.env, "/etc/x", hash, 0), 0);
		assert_int_equal(undo_begin(&s.env, "/etc/new/y", hash, 0), 0);
		if (changed)
			assert_int_equal(place_write(s.root, "/etc/x", span_str("ours"), 0644), 0);
		scratch_crash(&s);
		assert_int_equal(undo_restore_all(&s.env), 0);
		assert_text(&s, "/etc/x", "original\n");
		assert_false(place_exists(s.root, "/etc/new"));
		assert_false(place_exists(s.root, "/etc/x.reeve-original"));
	}
	assert_int_equal(write_text("/etc/x", "ours", 0), 0); /* put back, but the save is lost */
	s.fail_saves = 1;
	assert_int_equal(undo_restore(&s.env, "/etc/x"), -EIO);
	scratch_crash(&s);
	assert_int_equal(undo_restore(&s.env, "/etc/x"), 0);
	assert_text(&s, "/etc/x", "original\n");
	assert_false(place_exists(s.root, "/etc/x.reeve-original"));
	assert_false(undo_has(&s.env, "/etc/x"));
}

static void test_foreign_edits(void **state)
{
	static const struct {
		const char *was; /* NULL: nothing */
		unsigned flags;
		const char *edit; /* NULL: somebody removes it */
		const char *after, *beside;
	} cases[] = {
		{ "was", 0, "edited", "edited", "was" },
		{ "was", 0, NULL, "was", NULL },
		{ "was", 0, "was", "was", NULL },
		{ "was", UNDO_OURS, "edited", "was", NULL },
		{ NULL, 0, "edited", "edited", NULL },
		{ NULL, 0, NULL, NULL, NULL },
		{ NULL, UNDO_OURS, "edited", NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].was)
			scratch_file(&s, "/srv/f", cases[i].was);
		assert_int_equal(write_text("/srv/f", "ours", cases[i].flags), 0);
		if (cases[i].edit)
			scratch_file(&s, "/srv/f", cases[i].edit);
		else
			scratch_remove(&s, "/srv/f");
		assert_int_equal(undo_restore(&s.env, "/srv/f"), 0);
		if (cases[i].after)
			assert_text(&s, "/srv/f", cases[i].after);
		else
			assert_false(place_exists(s.root, "/srv/f"));
		if (cases[i].beside)
			assert_text(&s, "/srv/f.reeve-original", cases[i].beside);
		else
			assert_false(place_exists(s.root, "/srv/f.reeve-original"));
		assert_false(place_exists(s.root, KEPT_FOLDER));
		if (place_exists(s.root, "/srv"))
			scratch_remove(&s, "/srv");
	}
}

static void test_remove(void **state)
{
	scratch_link(&s, "/etc/link", "x");
	json_t *before = scratch_snapshot(&s, false);
	assert_int_equal(undo_remove(&s.env, "/etc/none"), 0);
	assert_int_equal(undo_remove(&s.env, "/etc/x/y"), 0);
	assert_int_equal(s.n_saves, 0);
	assert_int_equal(undo_remove(&s.env, "/etc"), -EISDIR);
	assert_int_equal(undo_remove(&s.env, "/etc/../etc/x"), -EINVAL);
	assert_int_equal(undo_remove(&s.env, "/etc/link"), 0);
	assert_text(&s, "/etc/x", "original\n"); /* the link, not what it points to */
	assert_int_equal(undo_remove(&s.env, "/etc/x"), 0);
	assert_false(place_exists(s.root, "/etc/x"));
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_same_tree(&s, before, false);
}

static void test_replaces_a_link(void **state)
{
	scratch_link(&s, "/etc/link", "x");
	json_t *before = scratch_snapshot(&s, false);
	assert_int_equal(write_text("/etc/link", "ours", 0), 0);
	assert_text(&s, "/etc/x", "original\n");
	assert_text(&s, "/etc/link", "ours");
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_same_tree(&s, before, false);
}

static void test_forget(void **state)
{
	assert_int_equal(write_text("/etc/x", "ours", 0), 0);
	assert_int_equal(undo_forget(&s.env, "/etc/x"), 0);
	assert_int_equal(undo_forget(&s.env, "/etc/none"), 0);
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_text(&s, "/etc/x", "ours");
	assert_false(place_exists(s.root, KEPT_FOLDER));
}

static void test_folder_in_the_way(void **state)
{
	scratch_folder(&s, "/etc/d");
	assert_int_equal(write_text("/etc/d", "ours", 0), -EISDIR);
	assert_int_equal(write_text("/etc/new", "ours", 0), 0);
	scratch_remove(&s, "/etc/new");
	scratch_folder(&s, "/etc/new"); /* somebody's */
	assert_int_equal(write_text("/etc/new", "ours", 0), -EISDIR);
	assert_int_equal(undo_restore_all(&s.env), 0);
	assert_true(place_exists(s.root, "/etc/new"));
}

static void test_hash(void **state)
{
	char a[HASH_SIZE], b[HASH_SIZE];
	scratch_link(&s, "/etc/link", "x");
	assert_int_equal(hash_file(s.root, "/etc/x", a), 0);
	hash_span(span_str("original\n"), b);
	assert_string_equal(a, b);
	static const char *const nothing[] = { "/etc/link", "/etc", "/etc/none", "/etc/x/y" };
	for (size_t i = 0; i < ARRAY_SIZE(nothing); i++) {
		assert_int_equal(hash_file(s.root, nothing[i], a), 0);
		assert_string_equal(a, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_already_so, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mode_is_repaired, setup, teardown),
		cmocka_unit_test_setup_teardown(test_keeps_mode_and_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_save_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crash, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_edits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_remove, setup, teardown),
		cmocka_unit_test_setup_teardown(test_replaces_a_link, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forget, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folder_in_the_way, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hash, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
