/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec of a desktop entry as the words of a command. No shell has a part in it: what files are called makes no difference.
 *
 * Words end at blanks. Inside of double quotes codes are text, and a backslash takes the next character as it is; outside of
 * them it is a character like any other.
 */
#include "base/buf.h"
#include "vm/container/entry.h"
#include <string.h>

struct words {
	struct arena *arena;
	char **items;
	size_t n;
	struct buf word;
	bool begun; /* "" is a word, too */
	bool too_many;
};

static void end_word(struct words *w)
{
	if (!w->begun)
		return;
	if (w->n == ENTRY_ARGS_MAX)
		w->too_many = true;
	else
		w->items[w->n++] = arena_strdup(w->arena, buf_str(&w->word));
	buf_reset(&w->word);
	w->begun = false;
}

static void add_text(struct words *w, const char *text)
{
	buf_add_str(&w->word, text);
	w->begun = true;
}

static void add_files(struct words *w, char *const files[], size_t n)
{
	for (size_t i = 0; i < n && !w->too_many; i++) {
		if (i > 0)
			end_word(w);
		add_text(w, files[i]);
	}
}

static void add_icon(struct words *w, const char *icon)
{
	if (icon[0] == '\0')
		return;
	end_word(w);
	add_text(w, "--icon");
	end_word(w);
	add_text(w, icon);
}

struct expansion {
	const struct entry *entry;
	const char *file;
	char *const *files;
	size_t n_files;
};

static void add_code(struct words *w, char code, const struct expansion *x)
{
	switch (code) {
	case 'f':
	case 'u':
		add_files(w, x->files, x->n_files > 0);
		break;
	case 'F':
	case 'U':
		add_files(w, x->files, x->n_files);
		break;
	case 'i':
		add_icon(w, x->entry->icon);
		break;
	case 'c':
		add_text(w, entry_name(x->entry));
		break;
	case 'k':
		add_text(w, x->file);
		break;
	case '%':
		add_text(w, "%");
		break;
	default: /* withdrawn ones, and mistakes: nothing */
		break;
	}
}

/* Returns after the closing quote, or NULL: there is none. */
static const char *add_quoted(struct words *w, const char *s)
{
	w->begun = true;
	for (; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		buf_add_char(&w->word, *s);
	}
	return *s ? s + 1 : NULL;
}

/* One step; NULL at a quote that is not closed. */
static const char *step(struct words *w, const char *s, const struct expansion *x)
{
	if (*s == ' ' || *s == '\t' || *s == '\n') {
		end_word(w);
	} else if (*s == '"') {
		return add_quoted(w, s + 1);
	} else if (*s == '%') {
		if (s[1] == '\0')
			return s + 1;
		add_code(w, s[1], x);
		return s + 2;
	} else {
		buf_add_char(&w->word, *s);
		w->begun = true;
	}
	return s + 1;
}

int entry_argv(const struct entry *e, const char *file, char *const files[], size_t n_files,
	       struct arena *a, char ***ret, struct error *err)
{
	const struct expansion x = { e, file, files, n_files };
	struct words w = { .arena = a, .items = arena_new_n(a, char *, ENTRY_ARGS_MAX + 1) };
	const char *s = e->exec;
	buf_init(&w.word, ENTRY_FILE_MAX);
	while (s && *s && !w.too_many)
		s = step(&w, s, &x);
	end_word(&w);
	bool failed = w.word.failed || w.too_many;
	buf_fini(&w.word);
	*ret = w.items;
	if (failed)
		return error_set(err, ERR_TOO_LARGE, "the command has too many words");
	if (!s)
		return error_set(err, ERR_INVALID, "a quote in Exec is not closed");
	if (w.n == 0 || w.items[0][0] == '\0')
		return error_set(err, ERR_INVALID, "Exec names no program");
	return 0;
}
