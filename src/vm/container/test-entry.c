/* SPDX-License-Identifier: Apache-2.0
 *
 * entry: what is read of a desktop entry, which are shown, ids and files, commands.
 */
#include "base/buf.h"
#include "vm/container/entry.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD "[Desktop Entry]\nType=Application\nName=N\n"

static int parse(const char *text, struct arena *a, struct entry *e)
{
	struct error err;
	return entry_parse(span_str(text), a, e, &err);
}

static void test_whole(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	struct entry e;
	(void)state;
	arena_init(&a);
	assert_int_equal(
		parse("# Exec=no\nName=outside\n[Desktop Entry]\r\nType=Application\r\n"
		      "  Name  =  Vi \\\\ IM\\s\n Name[fr]=Vi amélioré\nName[fr]=Vi\n"
		      "Name[xx]=\xff\nNoDisplay=True\nTerminal=true\nExec=vim %F\nnothing\n"
		      "empty=\nIcon=a\nIcon[fr]=b\nMimeType=text/plain;a\\;b;;\n"
		      "MimeType=c\nKeywords[fr]=x;y;\nStartupWMClass=\\x\\t\n[Other]\nExec=no\n"
		      "[Desktop Entry]\nExec=no\n",
		      &a, &e),
		0);
	assert_string_equal(entry_name(&e), "Vi \\ IM ");
	assert_int_equal(e.name.n, 2);
	assert_string_equal(e.name.items[1].locale, "fr");
	assert_string_equal(e.name.items[1].value, "Vi");
	assert_false(e.no_display);
	assert_true(e.terminal);
	assert_string_equal(e.exec, "vim %F");
	assert_string_equal(e.icon, "a");
	assert_string_equal(e.startup_wm_class, "x\t");
	assert_int_equal(e.mime_types.n, 4);
	assert_string_equal(e.mime_types.items[1], "a;b");
	assert_string_equal(e.mime_types.items[2], "");
	assert_string_equal(e.mime_types.items[3], "c");
	assert_int_equal(e.keywords.items[0].list.n, 2);
	assert_true(entry_is_shown(&e));
}

static void test_bad(void **state)
{
	static const char *const bad[] = {
		"",
		"[Desktop Entry]\n",
		"[Desktop Entry]\nType=Application\n",
		"[Desktop Entry]\nType=Application\nName[fr]=x\n",
		"[Desktop Entry]\nType=application\nName=x\n",
		"Type=Application\nName=x\n",
		"[desktop entry]\nType=Application\nName=x\n",
		"[Desktop Entry]\nType=Application\n[Desktop Entry]\nName=x\n",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CLEANUP(arena_fini) struct arena a;
		struct entry e;
		arena_init(&a);
		assert_true(parse(bad[i], &a, &e) > 0);
	}
}

static void test_shown(void **state)
{
	static const struct {
		const char *more;
		bool shown;
	} cases[] = {
		{ "Exec=x\n", true },
		{ "", false },
		{ "Exec=x\nHidden=true\n", false },
		{ "Exec=x\nNoDisplay=true\n", false },
		{ "Exec=x\nNoDisplay=true\nMimeType=a/b\n", true },
		{ "Exec=x\nCategories=A;Settings;\n", false },
		{ "Exec=x\nOnlyShowIn=KDE;GNOME\n", true },
		{ "Exec=x\nOnlyShowIn=KDE;\n", false },
		{ "Exec=x\nNotShowIn=GNOME\n", false },
		{ "Exec=x\nType=Link\n", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(arena_fini) struct arena a;
		CLEANUP(free_charp) char *text = NULL;
		struct entry e;
		arena_init(&a);
		assert_true(asprintf(&text, HEAD "%s", cases[i].more) > 0);
		assert_int_equal(parse(text, &a, &e), 0);
		assert_int_equal(entry_is_shown(&e), cases[i].shown);
	}
}

static void test_bounds(void **state)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf text;
	struct entry e;
	(void)state;
	arena_init(&a);
	buf_init(&text, 1 << 20);
	buf_add_str(&text, HEAD "Exec=");
	for (int i = 0; i < ENTRY_ARGS_MAX + 1; i++)
		buf_add_str(&text, "x ");
	buf_add_str(&text, "\nMimeType=");
	for (int i = 0; i < 2 * ENTRY_LIST_MAX; i++)
		buf_add_str(&text, ";");
	for (int i = 0; i < 2 * ENTRY_LOCALES_MAX; i++)
		buf_addf(&text, "\nComment[l%d]=x", i);
	assert_int_equal(parse(buf_str(&text), &a, &e), 0);
	assert_int_equal(e.mime_types.n, ENTRY_LIST_MAX);
	assert_int_equal(e.comment.n, ENTRY_LOCALES_MAX);
	struct error err;
	char **argv;
	assert_int_equal(entry_argv(&e, "", NULL, 0, &a, &argv, &err), ERR_TOO_LARGE);
}

static void test_ids(void **state)
{
	char id[ENTRY_ID_SIZE], path[ENTRY_ID_SIZE + sizeof ENTRY_SUFFIX];
	(void)state;
	assert_true(entry_id("kde/okular.desktop", id));
	assert_string_equal(id, "kde-okular");
	assert_false(entry_id(".desktop", id));
	assert_false(entry_id("x.desktopx", id));
	assert_false(entry_id("\xff.desktop", id));

	static const char *const expected[] = { "a/b/c.desktop", "a-b/c.desktop", "a/b-c.desktop",
						"a-b-c.desktop" };
	for (unsigned i = 0; i < 4; i++) {
		assert_true(entry_candidate("a-b-c", i, path));
		assert_string_equal(path, expected[i]);
	}
	assert_false(entry_candidate("a-b-c", 4, path));
	assert_true(entry_candidate("a-a-a-a-a-a-a-a-a-a-a-a", 1, path));
	assert_string_equal(path, "a-a-a-a-a-a-a-a-a-a-a-a.desktop");
	assert_false(entry_candidate("a-a-a-a-a-a-a-a-a-a-a-a", 2, path));

	static const char *const none[] = { "", "a/b", "../x", "a\nb" };
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_false(entry_candidate(none[i], 0, path));
	static const char *const strange[] = { "..-x", "a-..-x", "-etc-x", "a--x", ".-x" };
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		for (unsigned k = 0; entry_candidate(strange[i], k, path); k++) {
			assert_true(path[0] != '/');
			assert_null(strstr(path, "/../"));
			assert_int_not_equal(strncmp(path, "../", 3), 0);
		}
}

/* The words, each followed by '|'. */
static int words(const char *exec, struct buf *out)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(free_charp) char *line = strdup(exec);
	char *files[] = { (char[]){ "/a b" }, (char[]){ "/c;d" } };
	struct entry e;
	struct error err;
	char **argv;
	arena_init(&a);
	assert_int_equal(parse(HEAD "Icon=i\n", &a, &e), 0);
	e.exec = line;
	int r = entry_argv(&e, "/k", files, 2, &a, &argv, &err);
	for (size_t i = 0; r == 0 && argv[i]; i++)
		buf_addf(out, "%s|", argv[i]);
	return r;
}

static void test_argv(void **state)
{
	static const struct {
		const char *exec, *words; /* NULL: it is none */
	} cases[] = {
		{ "vim %f", "vim|/a b|" },
		{ "vim %U x", "vim|/a b|/c;d|x|" },
		{ "  vim   --a=%u%%  ", "vim|--a=/a b%|" },
		{ "vim %i %c %k %d%m", "vim|--icon|i|N|/k|" },
		{ "vim \"a \\\" %f\" \"\"", "vim|a \" %f||" },
		{ "sh -c \"a\\$b\" c\\d", "sh|-c|a$b|c\\d|" },
		{ "vim %", "vim|" },
		{ "vim \"a", NULL },
		{ "", NULL },
		{ "\"\" x", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(buf_fini) struct buf out;
		buf_init(&out, 1000);
		int r = words(cases[i].exec, &out);
		assert_int_equal(r, cases[i].words ? 0 : ERR_INVALID);
		if (cases[i].words)
			assert_string_equal(buf_str(&out), cases[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole), cmocka_unit_test(test_bad),
		cmocka_unit_test(test_shown), cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_ids),   cmocka_unit_test(test_argv),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
