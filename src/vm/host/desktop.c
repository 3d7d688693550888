/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing desktop entries, see desktop.h.
 */
#include "vm/host/desktop.h"
#include "base/span.h"
#include "base/utf8.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ID_MAX     200
#define LOCALE_MAX 32
#define TYPE_MAX   255
#define WORDS      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

bool desktop_id_ok(const char *id)
{
	struct span s = span_str(id);
	return s.n > 0 && s.n <= ID_MAX && utf8_valid(s) && !utf8_has_control(s) &&
	       !strchr(id, '/') && id[0] != '.';
}

/* ---- the file's name ---- */

/* '-' stands between the parts and '_' begins an escape, so neither stands for itself. */
static void add_part(struct buf *out, const char *text, const char *plain)
{
	for (; *text; text++) {
		if (strchr(WORDS, *text) || strchr(plain, *text))
			buf_add_char(out, *text);
		else
			buf_addf(out, "_%02x", (unsigned char)*text);
	}
}

bool desktop_file_name(const struct container *c, const char *id, char name[DESKTOP_NAME_SIZE])
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, DESKTOP_NAME_SIZE - 1);
	buf_add_str(&text, "reeve-");
	add_part(&text, c->vm->name, ".");
	buf_add_char(&text, '-');
	add_part(&text, c->name, ".");
	buf_add_char(&text, '-');
	add_part(&text, id, ".-"); /* the last one */
	buf_add_str(&text, ".desktop");
	snprintf(name, DESKTOP_NAME_SIZE, "%s", buf_str(&text));
	return !text.failed;
}

/* ---- values ---- */

/* As a value of type string: escapes for what would end the line; other control characters are left out. 'list': a ';' ends
 * an element. */
static void add_text(struct buf *out, const char *text, bool list)
{
	struct span s = span_str(text);
	uint32_t c;
	bool first = true;
	while (span_get_utf8_lossy(&s, &c)) {
		if (c == '\n')
			buf_add_str(out, "\\n");
		else if (c == '\t')
			buf_add_str(out, "\\t");
		else if (c == ' ' && first)
			buf_add_str(out, "\\s");
		else if (c == '\\')
			buf_add_str(out, "\\\\");
		else if (c == ';' && list)
			buf_add_str(out, "\\;");
		else if (!utf8_is_control(c))
			utf8_add(out, c);
		first = false;
	}
}

static bool is_locale(const char *text)
{
	size_t n = strlen(text);
	return n > 0 && n <= LOCALE_MAX && strspn(text, WORDS "_@.-") == n;
}

static void add_line(struct buf *out, const char *key, const char *locale, const char *value)
{
	buf_add_str(out, key);
	if (*locale)
		buf_addf(out, "[%s]", locale);
	buf_add_char(out, '=');
	add_text(out, value, false);
	buf_add_char(out, '\n');
}

static const char *standard_value(const VmTools__Container__Application__LocalizedString *s)
{
	for (size_t i = 0; s && i < s->n_values; i++)
		if (s->values[i]->locale[0] == '\0' && s->values[i]->value[0] != '\0')
			return s->values[i]->value;
	return NULL;
}

static void add_localized(struct buf *out, const char *key,
			  const VmTools__Container__Application__LocalizedString *s,
			  const char *otherwise)
{
	const char *value = standard_value(s);
	if (value || otherwise)
		add_line(out, key, "", value ? value : otherwise);
	for (size_t i = 0; s && i < s->n_values; i++)
		if (is_locale(s->values[i]->locale))
			add_line(out, key, s->values[i]->locale, s->values[i]->value);
}

static void add_list(struct buf *out, const char *key, const char *locale, char *const *items,
		     size_t n)
{
	buf_add_str(out, key);
	if (*locale)
		buf_addf(out, "[%s]", locale);
	buf_add_char(out, '=');
	for (size_t i = 0; i < n; i++) {
		add_text(out, items[i], true);
		buf_add_char(out, ';');
	}
	buf_add_char(out, '\n');
}

/* A type of files. What stands for addresses and for disks that are put in is not: it would make an application of a container the
 * host's browser, and no file of these kinds ever reaches it. */
static bool is_type(const char *text)
{
	static const char *const others[] = { "x-scheme-handler/", "x-content/" };
	const char *slash = strchr(text, '/');
	size_t n = strlen(text);
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (strncasecmp(text, others[i], strlen(others[i])) == 0)
			return false;
	return slash && slash > text && slash[1] && n <= TYPE_MAX &&
	       strspn(text, WORDS "!#$&-^_.+/") == n && !strchr(slash + 1, '/');
}

static void add_types(struct buf *out, char *const *types, size_t n)
{
	bool any = false;
	for (size_t i = 0; i < n; i++) {
		if (!is_type(types[i]))
			continue;
		buf_addf(out, "%s%s;", any ? "" : "MimeType=", types[i]);
		any = true;
	}
	if (any)
		buf_add_char(out, '\n');
}

static void add_keywords(struct buf *out, const VmTools__Container__Application__LocaleStrings *s)
{
	for (size_t i = 0; s && i < s->n_values; i++)
		if (s->values[i]->locale[0] == '\0' || is_locale(s->values[i]->locale))
			add_list(out, "Keywords", s->values[i]->locale, s->values[i]->value,
				 s->values[i]->n_value);
}

/* ---- the command ---- */

/* One argument: quoted (the specification's "Exec variables"), then escaped as every string is; '%' is a field code. */
static void add_argument(struct buf *out, const char *text)
{
	buf_add_char(out, '"');
	for (; *text; text++) {
		if (strchr("\"`$\\", *text))
			buf_addf(out, *text == '\\' ? "\\\\\\\\" : "\\\\%c", *text);
		else if (*text == '%')
			buf_add_str(out, "%%");
		else
			buf_add_char(out, *text);
	}
	buf_add_char(out, '"');
}

static void add_exec(struct buf *out, const struct container *c, const char *launcher,
		     const char *id)
{
	buf_add_str(out, "Exec=");
	add_argument(out, launcher);
	buf_add_str(out, " container launch ");
	add_argument(out, c->vm->name);
	buf_add_char(out, ' ');
	add_argument(out, c->name);
	buf_add_str(out, " -- ");
	add_argument(out, id);
	buf_add_str(out, " %F\n");
}

void desktop_render(const struct container *c, const VmTools__Container__Application *app,
		    const char *launcher, const char *icon, const char *mark, struct buf *out)
{
	buf_add_str(out, "[Desktop Entry]\nType=Application\nVersion=1.5\n");
	add_localized(out, "Name", app->name, app->desktop_file_id);
	add_localized(out, "Comment", app->comment, NULL);
	add_exec(out, c, launcher, app->desktop_file_id);
	if (icon)
		add_line(out, "Icon", "", icon);
	add_types(out, app->mime_types, app->n_mime_types);
	add_keywords(out, app->keywords);
	if (app->no_display)
		buf_add_str(out, "NoDisplay=true\n");
	if (app->startup_wm_class[0])
		add_line(out, "StartupWMClass", "", app->startup_wm_class);
	if (app->startup_notify)
		buf_add_str(out, "StartupNotify=true\n");
	add_line(out, "X-Reeve-Host", "", mark);
	add_line(out, "X-Reeve-VM", "", c->vm->name);
	add_line(out, "X-Reeve-Container", "", c->name);
}
