/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading index.theme, see icon-theme.h.
 */
#include "vm/container/icon-theme.h"
#include "base/utf8.h"
#include "vm/container/keyfile.h"
#include <string.h>

#define SIZE_PX_MAX 4096

static struct span trim(struct span s)
{
	while (s.n > 0 && s.p[0] == ' ') {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

/* The next word of "a,b,c"; NULL: there is none. */
static const char *take_word(struct span *list, struct arena *a)
{
	while (list->n > 0) {
		struct span word;
		if (!span_get_until(list, ',', &word)) {
			word = *list;
			list->n = 0;
		}
		word = trim(word);
		if (word.n == 0 || word.n > ICON_NAME_MAX)
			continue;
		const char *text = arena_strndup(a, (const char *)word.p, word.n);
		if (icon_path_ok(text))
			return text;
	}
	return NULL;
}

static void add_dirs(struct icon_theme *t, struct span list, struct arena *a)
{
	const char *path;
	while (t->n_dirs < ICON_DIRS_MAX && (path = take_word(&list, a)))
		t->dirs[t->n_dirs++] = (struct icon_dir){
			.path = path, .type = ICON_THRESHOLD, .scale = 1, .threshold = 2
		};
}

static void set_theme(struct icon_theme *t, const struct keyfile_line *line, struct arena *a)
{
	struct span list = line->value;
	const char *name;
	if (span_eq_str(line->key, "Directories") || span_eq_str(line->key, "ScaledDirectories"))
		add_dirs(t, list, a);
	else if (span_eq_str(line->key, "Inherits"))
		while (t->n_parents < ICON_PARENTS_MAX && (name = take_word(&list, a)))
			t->parents[t->n_parents++] = name;
}

static void set_dir(struct icon_dir *d, const struct keyfile_line *line)
{
	static const struct {
		const char *key;
		size_t place;
	} numbers[] = {
		{ "Size", offsetof(struct icon_dir, size) },
		{ "Scale", offsetof(struct icon_dir, scale) },
		{ "MinSize", offsetof(struct icon_dir, min) },
		{ "MaxSize", offsetof(struct icon_dir, max) },
		{ "Threshold", offsetof(struct icon_dir, threshold) },
	};
	if (span_eq_str(line->key, "Type")) {
		d->type = span_eq_str(line->value, "Fixed")      ? ICON_FIXED
			  : span_eq_str(line->value, "Scalable") ? ICON_SCALABLE
								 : ICON_THRESHOLD;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (span_eq_str(line->key, numbers[i].key))
			(void)!keyfile_number(line->value, SIZE_PX_MAX,
					      (unsigned *)(void *)((char *)d + numbers[i].place));
}

static struct icon_dir *find_dir(struct icon_theme *t, struct span path)
{
	for (size_t i = 0; i < t->n_dirs; i++)
		if (span_eq_str(path, t->dirs[i].path))
			return &t->dirs[i];
	return NULL;
}

void icon_theme_parse(struct span text, struct arena *a, struct icon_theme *ret)
{
	struct keyfile file;
	struct keyfile_line line;
	unsigned number = 0;
	struct icon_dir *dir = NULL;
	*ret = (struct icon_theme){ .dirs = arena_new_n(a, struct icon_dir, ICON_DIRS_MAX) };
	keyfile_init(&file, text);
	while (keyfile_next(&file, &line)) {
		if (file.n_groups != number) {
			number = file.n_groups;
			dir = find_dir(ret, file.group);
		}
		if (dir)
			set_dir(dir, &line);
		else if (span_eq_str(file.group, "Icon Theme"))
			set_theme(ret, &line, a);
	}
}

static unsigned outside(unsigned wanted, unsigned low, unsigned high)
{
	return wanted < low ? low - wanted : wanted > high ? wanted - high : 0;
}

unsigned icon_dir_distance(const struct icon_dir *d, unsigned size, unsigned scale)
{
	unsigned wanted = size * scale, of = d->scale ? d->scale : 1;
	unsigned low = d->size, high = d->size;
	if (d->type == ICON_SCALABLE) {
		low = d->min ? d->min : d->size;
		high = d->max ? d->max : d->size;
	} else if (d->type == ICON_THRESHOLD) {
		low = d->size > d->threshold ? d->size - d->threshold : 0;
		high = d->size + d->threshold;
	}
	return outside(wanted, low * of, high * of);
}

bool icon_path_ok(const char *path)
{
	size_t n = strlen(path);
	return n > 0 && n <= ICON_NAME_MAX && path[0] != '/' && strncmp(path, "..", 2) != 0 &&
	       !strstr(path, "/..") && !utf8_has_control(span_str(path)) &&
	       utf8_valid(span_str(path));
}
