/* SPDX-License-Identifier: Apache-2.0
 *
 * Looking for applications, see scan.h.
 */
#include "vm/container/scan.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 8

typedef VmTools__Container__Application application;
typedef VmTools__Container__Application__LocalizedString localized_string;
typedef VmTools__Container__Application__LocalizedString__StringWithLocale string_with_locale;
typedef VmTools__Container__Application__LocaleStrings locale_strings;
typedef VmTools__Container__Application__LocaleStrings__StringsWithLocale strings_with_locale;

struct scan {
	struct arena *arena;
	struct map *seen; /* ids; the value says nothing */
	application **found;
	const char **files;            /* theirs */
	size_t n_found, n_files, size; /* bytes of the message */
};

/* ---- an entry as a message ---- */

static localized_string *make_text(const struct entry_text *t, struct arena *a)
{
	localized_string *m = arena_new(a, localized_string);
	vm_tools__container__application__localized_string__init(m);
	m->values = arena_new_n(a, string_with_locale *, t->n);
	for (size_t i = 0; i < t->n; i++) {
		string_with_locale *s = arena_new(a, string_with_locale);
		vm_tools__container__application__localized_string__string_with_locale__init(s);
		s->locale = t->items[i].locale;
		s->value = t->items[i].value;
		m->values[m->n_values++] = s;
	}
	return m;
}

static locale_strings *make_lists(const struct entry_text *t, struct arena *a)
{
	locale_strings *m = arena_new(a, locale_strings);
	vm_tools__container__application__locale_strings__init(m);
	m->values = arena_new_n(a, strings_with_locale *, t->n);
	for (size_t i = 0; i < t->n; i++) {
		strings_with_locale *s = arena_new(a, strings_with_locale);
		vm_tools__container__application__locale_strings__strings_with_locale__init(s);
		s->locale = t->items[i].locale;
		s->n_value = t->items[i].list.n;
		s->value = t->items[i].list.items;
		m->values[m->n_values++] = s;
	}
	return m;
}

static char *program_name(const struct entry *e, const char *file, struct arena *a)
{
	struct error err;
	char **argv;
	if (entry_argv(e, file, NULL, 0, a, &argv, &err))
		return arena_strdup(a, "");
	char *slash = strrchr(argv[0], '/');
	return slash ? slash + 1 : argv[0];
}

static application *make_application(const struct entry *e, const char *id, const char *file,
				     struct arena *a)
{
	application *m = arena_new(a, application);
	vm_tools__container__application__init(m);
	m->desktop_file_id = arena_strdup(a, id);
	m->name = make_text(&e->name, a);
	m->comment = e->comment.n > 0 ? make_text(&e->comment, a) : NULL;
	m->keywords = e->keywords.n > 0 ? make_lists(&e->keywords, a) : NULL;
	m->n_mime_types = e->mime_types.n;
	m->mime_types = e->mime_types.items;
	m->no_display = e->no_display;
	m->startup_wm_class = e->startup_wm_class;
	m->startup_notify = e->startup_notify;
	m->executable_file_name = program_name(e, file, a);
	m->exec = e->exec;
	m->terminal = e->terminal;
	return m;
}

/* ---- which of them ---- */

static bool owner_may_run(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & S_IXUSR);
}

static bool is_in_path(const char *program, struct arena *a)
{
	const char *list = getenv("PATH");
	struct span rest = span_str(list ? list : "/usr/bin:/bin");
	while (rest.n > 0) {
		struct span dir;
		if (!span_get_until(&rest, ':', &dir)) {
			dir = rest;
			rest.n = 0;
		}
		if (owner_may_run(
			    arena_printf(a, "%.*s/%s", (int)dir.n, (const char *)dir.p, program)))
			return true;
	}
	return false;
}

static bool can_be_tried(const struct entry *e, struct arena *a)
{
	if (e->try_exec[0] == '\0')
		return true;
	return e->try_exec[0] == '/' ? owner_may_run(e->try_exec) : is_in_path(e->try_exec, a);
}

static int read_entry(const char *file, struct arena *a, struct entry *ret, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, ENTRY_FILE_MAX);
	int r = file_read_regular(file, &text);
	if (r)
		return error_set(err, ERR_NOT_FOUND, "%.200s: %s", file, strerror(-r));
	return entry_parse(buf_span(&text), a, ret, err);
}

static void take_file(struct scan *s, const char *file, const char *relative)
{
	char id[ENTRY_ID_SIZE];
	struct entry e;
	struct error err;
	static char yes;
	if (!entry_id(relative, id) || map_get(s->seen, span_str(id)))
		return;
	(void)map_put(s->seen, span_str(arena_strdup(s->arena, id)), &yes);
	if (read_entry(file, s->arena, &e, &err)) {
		log_debug("passed over", F_STR("file", file), F_STR("error", err.message));
		return;
	}
	if (!entry_is_shown(&e) || !can_be_tried(&e, s->arena))
		return;
	application *app = make_application(&e, id, file, s->arena);
	size_t size = vm_tools__container__application__get_packed_size(app) + 8;
	if (s->size + size > SCAN_MESSAGE_MAX) {
		log_limited(LOG_LEVEL_WARN, "left out, the list is full", F_STR("id", id));
		return;
	}
	s->size += size;
	s->files[s->n_found] = file;
	s->found[s->n_found++] = app;
}

/* ---- folders ---- */

static int is_visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

struct place { /* a folder, and those that lead to it; on the stack */
	dev_t dev;
	ino_t ino;
	const struct place *above;
};

/* A link back: what is there is told already, and would be told once more for each time around. */
static bool leads_back(const struct place *p, const struct stat *st)
{
	while (p && (p->dev != st->st_dev || p->ino != st->st_ino))
		p = p->above;
	return p;
}

static void scan_folder(struct scan *s, const char *root, const char *below, int depth,
			const struct place *above);

static void take_path(struct scan *s, const char *root, const char *relative, int depth,
		      const struct place *above) /* NOLINT(misc-no-recursion) */
{
	const char *path = arena_printf(s->arena, "%s/%s", root, relative);
	struct stat st;
	if (s->n_files == SCAN_FILES_MAX || stat(path, &st) != 0)
		return;
	s->n_files++;
	if (S_ISREG(st.st_mode))
		take_file(s, path, relative);
	else if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX && !leads_back(above, &st))
		scan_folder(s, root, relative, depth + 1, above);
}

static void scan_folder(struct scan *s, const char *root, const char *below, int depth,
			const struct place *above) /* NOLINT(misc-no-recursion) */
{
	struct dirent **entries = NULL;
	const char *folder = arena_printf(s->arena, "%s/%s", root, below);
	struct stat st = { 0 };
	int n = stat(folder, &st) == 0 ? scandir(folder, &entries, is_visible, alphasort) : 0;
	const struct place here = { st.st_dev, st.st_ino, above };
	for (int i = 0; i < n; i++) {
		take_path(s, root,
			  arena_printf(s->arena, "%s%s%s", below, below[0] ? "/" : "",
				       entries[i]->d_name),
			  depth, &here);
		free(entries[i]);
	}
	free(entries);
}

void scan_applications(const struct dirs *d, struct arena *a, struct scanned *ret)
{
	struct scan s = { .arena = a,
			  .seen = map_new(),
			  .found = arena_new_n(a, application *, SCAN_FILES_MAX),
			  .files = arena_new_n(a, const char *, SCAN_FILES_MAX) };
	for (const char *const *dir = d->data; *dir; dir++)
		scan_folder(&s, arena_printf(a, "%s/applications", *dir), "", 0, NULL);
	map_free(s.seen);
	VmTools__Container__UpdateApplicationListRequest *m =
		arena_new(a, VmTools__Container__UpdateApplicationListRequest);
	vm_tools__container__update_application_list_request__init(m);
	m->n_application = s.n_found;
	m->application = s.found;
	*ret = (struct scanned){ m, s.files, arena_printf(a, "%s/", d->data[0]) };
}

int scan_find(const struct dirs *d, const char *id, struct arena *a, struct entry *ret,
	      const char **ret_file, struct error *err)
{
	char relative[ENTRY_ID_SIZE + sizeof ENTRY_SUFFIX];
	for (const char *const *dir = d->data; *dir; dir++)
		for (unsigned i = 0; entry_candidate(id, i, relative); i++) {
			const char *file = arena_printf(a, "%s/applications/%s", *dir, relative);
			if (access(file, F_OK) != 0)
				continue;
			*ret_file = file;
			return read_entry(file, a, ret, err);
		}
	return error_set(err, ERR_NOT_FOUND, "there is no application “%.100s”", id);
}
