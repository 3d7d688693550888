/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading desktop entries, see entry.h. One row a key says what becomes of its value.
 */
#include "vm/container/entry.h"
#include "vm/container/keyfile.h"
#include <stdint.h>
#include <string.h>

#define LOCALE_MAX 64 /* bytes */

enum key_kind { KEY_TYPE, KEY_BOOL, KEY_STRING, KEY_LIST, KEY_TEXT, KEY_TEXT_LIST };

static const struct key {
	const char *name;
	enum key_kind kind;
	size_t place; /* in struct entry */
} keys[] = {
	{ "Type", KEY_TYPE, offsetof(struct entry, type) },
	{ "Name", KEY_TEXT, offsetof(struct entry, name) },
	{ "Comment", KEY_TEXT, offsetof(struct entry, comment) },
	{ "Keywords", KEY_TEXT_LIST, offsetof(struct entry, keywords) },
	{ "NoDisplay", KEY_BOOL, offsetof(struct entry, no_display) },
	{ "Hidden", KEY_BOOL, offsetof(struct entry, hidden) },
	{ "Terminal", KEY_BOOL, offsetof(struct entry, terminal) },
	{ "StartupNotify", KEY_BOOL, offsetof(struct entry, startup_notify) },
	{ "StartupWMClass", KEY_STRING, offsetof(struct entry, startup_wm_class) },
	{ "Icon", KEY_STRING, offsetof(struct entry, icon) },
	{ "Exec", KEY_STRING, offsetof(struct entry, exec) },
	{ "TryExec", KEY_STRING, offsetof(struct entry, try_exec) },
	{ "Path", KEY_STRING, offsetof(struct entry, path) },
	{ "MimeType", KEY_LIST, offsetof(struct entry, mime_types) },
	{ "Categories", KEY_LIST, offsetof(struct entry, categories) },
	{ "OnlyShowIn", KEY_LIST, offsetof(struct entry, only_show_in) },
	{ "NotShowIn", KEY_LIST, offsetof(struct entry, not_show_in) },
};

static char unescaped(uint8_t c)
{
	switch (c) {
	case 's':
		return ' ';
	case 't':
		return '\t';
	case 'r':
		return '\r';
	case 'n':
		return '\n';
	default:
		return (char)c;
	}
}

static char *take_string(struct span s, struct arena *a)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;
	uint8_t c;
	while (span_get_u8(&s, &c))
		out[n++] = c == '\\' && span_get_u8(&s, &c) ? unescaped(c) : (char)c;
	return out;
}

/* Up to the semicolon that ends it. */
static size_t member_size(struct span s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] != ';')
		n += s.p[n] == '\\' && n + 1 < s.n ? 2 : 1;
	return n;
}

/* A copy of 'items' with room for twice as many; they stay in the arena, which ends soon. */
static void *grown(struct arena *a, const void *items, size_t size, size_t n, size_t *cap)
{
	if (n < *cap)
		return (void *)(uintptr_t)items;
	*cap = *cap ? *cap * 2 : 8;
	void *more = arena_alloc_n(a, size, *cap);
	if (n > 0)
		memcpy(more, items, n * size);
	return more;
}

static void add_members(struct entry_list *l, struct span value, struct arena *a)
{
	while (value.n > 0 && l->n < ENTRY_LIST_MAX) {
		size_t n = member_size(value);
		struct span member = { value.p, n };
		value.p += n;
		value.n -= n;
		if (value.n > 0) { /* its semicolon */
			value.p++;
			value.n--;
		}
		l->items = grown(a, l->items, sizeof *l->items, l->n, &l->cap);
		l->items[l->n++] = take_string(member, a);
	}
}

/* NULL: there are too many. */
static struct entry_locale *locale_of(struct entry_text *t, struct span locale, struct arena *a)
{
	for (size_t i = 0; i < t->n; i++)
		if (span_eq_str(locale, t->items[i].locale))
			return &t->items[i];
	if (t->n == ENTRY_LOCALES_MAX || locale.n > LOCALE_MAX)
		return NULL;
	t->items = grown(a, t->items, sizeof *t->items, t->n, &t->cap);
	struct entry_locale *l = &t->items[t->n++];
	*l = (struct entry_locale){ .locale = arena_strndup(a, (const char *)locale.p, locale.n) };
	return l;
}

static enum entry_type parse_type(struct span value)
{
	if (span_eq_str(value, "Application"))
		return ENTRY_APPLICATION;
	if (span_eq_str(value, "Link"))
		return ENTRY_LINK;
	return span_eq_str(value, "Directory") ? ENTRY_DIRECTORY : ENTRY_NONE;
}

static void set_text(struct entry_text *t, const struct keyfile_line *line, bool list,
		     struct arena *a)
{
	struct entry_locale *l = locale_of(t, line->locale, a);
	struct span value = line->value;
	if (l && list)
		add_members(&l->list, value, a);
	else if (l)
		l->value = take_string(value, a);
}

static void set(struct entry *e, const struct key *k, const struct keyfile_line *line,
		struct arena *a)
{
	void *place = (char *)e + k->place;
	struct span value = line->value;
	if (line->locale.n > 0 && k->kind != KEY_TEXT && k->kind != KEY_TEXT_LIST)
		return; /* a language's own icon, for one: the host has no use for it */
	switch (k->kind) {
	case KEY_TYPE:
		e->type = parse_type(value);
		break;
	case KEY_BOOL:
		*(bool *)place = span_eq_str(value, "true");
		break;
	case KEY_STRING:
		*(char **)place = take_string(value, a);
		break;
	case KEY_LIST:
		add_members(place, value, a);
		break;
	case KEY_TEXT:
	case KEY_TEXT_LIST:
		set_text(place, line, k->kind == KEY_TEXT_LIST, a);
		break;
	}
}

static const struct key *find_key(struct span name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_eq_str(name, keys[i].name))
			return &keys[i];
	return NULL;
}

static void set_defaults(struct entry *e)
{
	static char empty[] = "";
	*e = (struct entry){ .icon = empty,
			     .exec = empty,
			     .try_exec = empty,
			     .path = empty,
			     .startup_wm_class = empty };
}

int entry_parse(struct span text, struct arena *a, struct entry *ret, struct error *err)
{
	struct keyfile file;
	struct keyfile_line line;
	unsigned ours = 0; /* the number of our group */
	set_defaults(ret);
	keyfile_init(&file, text);
	while (keyfile_next(&file, &line)) {
		if (ours == 0 && span_eq_str(file.group, "Desktop Entry"))
			ours = file.n_groups;
		if (ours == 0)
			continue;
		if (file.n_groups != ours)
			break;
		const struct key *k = find_key(line.key);
		if (k)
			set(ret, k, &line, a);
	}
	if (ours == 0)
		return error_set(err, ERR_INVALID, "there is no group “Desktop Entry”");
	if (ret->type == ENTRY_NONE)
		return error_set(err, ERR_INVALID, "Type is not Application, Link or Directory");
	if (entry_name(ret)[0] == '\0')
		return error_set(err, ERR_INVALID, "Name is missing");
	return 0;
}

const char *entry_name(const struct entry *e)
{
	for (size_t i = 0; i < e->name.n; i++)
		if (e->name.items[i].locale[0] == '\0')
			return e->name.items[i].value;
	return "";
}

static bool contains(const struct entry_list *l, const char *word)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->items[i], word) == 0)
			return true;
	return false;
}

bool entry_is_shown(const struct entry *e)
{
	return e->type == ENTRY_APPLICATION && !e->hidden && e->exec[0] != '\0' &&
	       !(e->no_display && e->mime_types.n == 0) && !contains(&e->categories, "Settings") &&
	       (e->only_show_in.n == 0 || contains(&e->only_show_in, "GNOME")) &&
	       !contains(&e->not_show_in, "GNOME");
}
