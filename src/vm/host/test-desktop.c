/* SPDX-License-Identifier: Apache-2.0
 *
 * desktop: whatever an application says of itself, its entry has the lines that we write and no others.
 */
#include "vm/host/desktop.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef VmTools__Container__Application__LocalizedString__StringWithLocale word;

static struct vm vm = { .name = "termina" };
static struct container container = { .vm = &vm, .name = "penguin" };

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static void render(VmTools__Container__Application *app, struct buf *out)
{
	desktop_render(&container, app, "/usr/bin/reeve-host", "/icons/a b.png", "/state", out);
	assert_false(out->failed);
}

static void test_whole_entry(void **state)
{
	word name = { PROTOBUF_C_MESSAGE_INIT(
			      &vm_tools__container__application__localized_string__string_with_locale__descriptor),
		      text(""), text("Vim") },
	     french = name;
	word *names[] = { &name, &french };
	VmTools__Container__Application__LocalizedString localized =
		VM_TOOLS__CONTAINER__APPLICATION__LOCALIZED_STRING__INIT;
	VmTools__Container__Application app = VM_TOOLS__CONTAINER__APPLICATION__INIT;
	char *types[] = { text("text/plain"), text("a;b") };
	CLEANUP(buf_fini) struct buf out;
	(void)state;
	french.locale = text("fr");
	french.value = text("Vi amélioré");
	localized.n_values = 2;
	localized.values = names;
	app.desktop_file_id = text("vim");
	app.name = &localized;
	app.n_mime_types = 2;
	app.mime_types = types;
	app.no_display = app.startup_notify = 1;
	app.startup_wm_class = text("Vim");
	buf_init(&out, DESKTOP_MAX);
	render(&app, &out);
	assert_string_equal(
		buf_str(&out),
		"[Desktop Entry]\nType=Application\nVersion=1.5\n"
		"Name=Vim\nName[fr]=Vi amélioré\n"
		"Exec=\"/usr/bin/reeve-host\" container launch \"termina\" \"penguin\" -- \"vim\" %F\n"
		"Icon=/icons/a b.png\nMimeType=text/plain;\n"
		"NoDisplay=true\nStartupWMClass=Vim\nStartupNotify=true\n"
		"X-Reeve-Host=/state\nX-Reeve-VM=termina\nX-Reeve-Container=penguin\n");
}

static void test_hostile(void **state)
{
	static const char *const evil[] = { "a\nExec=rm -rf /\n[Desktop Action x]",
					    "\r\nExec=x",
					    "\xff\xfe",
					    " lead",
					    "a\\nb",
					    "`id` $(id) \"q\" %f",
					    "\x1b[31m",
					    "\xe2\x80\xae" };
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
		word w =
			VM_TOOLS__CONTAINER__APPLICATION__LOCALIZED_STRING__STRING_WITH_LOCALE__INIT;
		word bad = w;
		word *words[] = { &w, &bad };
		VmTools__Container__Application__LocalizedString name =
			VM_TOOLS__CONTAINER__APPLICATION__LOCALIZED_STRING__INIT;
		VmTools__Container__Application app = VM_TOOLS__CONTAINER__APPLICATION__INIT;
		char *types[] = { text(evil[i]) };
		int n_lines = 0;
		CLEANUP(buf_fini) struct buf out;
		w.value = text(evil[i]);
		bad.locale = text(evil[i]); /* no locale: left out */
		bad.value = text("x");
		name.n_values = 2;
		name.values = words;
		app.name = app.comment = &name;
		app.desktop_file_id = text("a`b$c\"d\\e%f");
		app.startup_wm_class = text(evil[i]);
		app.n_mime_types = 1;
		app.mime_types = types;
		buf_init(&out, DESKTOP_MAX);
		render(&app, &out);
		for (const char *p = buf_str(&out); (p = strchr(p, '\n')); p++)
			n_lines++;
		assert_int_equal(n_lines, 11);
		assert_null(strchr(buf_str(&out), '\r'));
		assert_null(strchr(buf_str(&out), '\x1b'));
		assert_non_null(
			strstr(buf_str(&out),
			       "\nExec=\"/usr/bin/reeve-host\" container launch \"termina\" "
			       "\"penguin\" -- \"a\\\\`b\\\\$c\\\\\"d\\\\\\\\e%%f\" %F\n"));
	}
}

static void test_types(void **state)
{
	static const struct {
		const char *type;
		bool kept;
	} rows[] = {
		{ "text/plain", true },
		{ "application/vnd.oasis.opendocument.text", true },
		{ "image/svg+xml", true },
		{ "inode/directory", true },
		{ "x-scheme-handler/https", false },
		{ "X-Scheme-Handler/file", false },
		{ "x-content/unix-software", false },
		{ "text", false },
		{ "/plain", false },
		{ "text/", false },
		{ "text/a/b", false },
		{ "text/a;x-scheme-handler/http", false },
		{ "text/a b", false },
		{ "text/a\nExec=x", false },
		{ "", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		VmTools__Container__Application app = VM_TOOLS__CONTAINER__APPLICATION__INIT;
		CLEANUP(buf_fini) struct buf out, line;
		char *types[] = { text(rows[i].type) };
		buf_init(&out, DESKTOP_MAX);
		buf_init(&line, 512);
		app.desktop_file_id = text("a");
		app.n_mime_types = 1;
		app.mime_types = types;
		render(&app, &out);
		buf_addf(&line, "\nMimeType=%s;\n", rows[i].type);
		assert_int_equal(strstr(buf_str(&out), buf_str(&line)) != NULL, rows[i].kept);
		assert_int_equal(strstr(buf_str(&out), "MimeType") != NULL, rows[i].kept);
	}
}

static void test_ids(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".x", "a/b", "a\nb", "\xff" };
	char name[DESKTOP_NAME_SIZE], other[DESKTOP_NAME_SIZE], longest[202];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(desktop_id_ok(bad[i]));
	memset(longest, 'x', 201);
	longest[201] = '\0';
	assert_false(desktop_id_ok(longest));
	assert_true(desktop_id_ok("org.gnome.gedit"));
	assert_true(desktop_file_name(&container, "a b_c-d.é", name));
	assert_string_equal(name, "reeve-termina-penguin-a_20b_5fc-d._c3_a9.desktop");
	assert_true(desktop_file_name(&container, "a_20b", other));
	assert_string_equal(other, "reeve-termina-penguin-a_5f20b.desktop");
	for (int i = 0; i < 100; i++)
		longest[i] = '\xc3';
	assert_false(desktop_file_name(&container, longest, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_entry),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_ids),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
