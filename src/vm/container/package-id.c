/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking dpkg for owners, then for their versions, see package-id.h.
 */
#include "vm/container/package-id.h"
#include "base/log.h"
#include "base/map.h"
#include "vm/container/apt-text.h"
#include <stdlib.h>
#include <string.h>

#define ASK_MS 60000

struct search { /* heap; ends itself */
	struct programs *programs;
	struct arena *arena;
	struct scanned *list;
	struct map *owners; /* file → package's name, in the arena */
	struct map *ids;    /* package's name → id, in the arena */
	void (*done)(void *user);
	void *user;
};

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

static bool ask(struct search *s, char *const argv[], void (*line)(void *, char *),
		void (*done)(void *, int))
{
	struct error err;
	const struct child_start what = {
		.argv = argv, .line = line, .done = done, .user = s, .timeout_ms = ASK_MS
	};
	int r = child_start(s->programs, &what, &err);
	if (r > 0)
		log_debug("no ids of packages", F_STR("error", err.message));
	return r == 0;
}

static void search_free(struct search *s)
{
	map_free(s->owners);
	map_free(s->ids);
	free(s);
}

/* ---- versions ---- */

/* "vim 2:9.0-1 amd64" */
static void on_version_line(void *user, char *line)
{
	struct search *s = user;
	char *version = strchr(line, ' '), *arch = version ? strchr(version + 1, ' ') : NULL;
	if (!arch)
		return;
	*version++ = *arch++ = '\0';
	(void)map_put(s->ids, span_str(arena_strdup(s->arena, line)),
		      arena_printf(s->arena, "%s;%s;%s;", line, version, arch));
}

static void on_versions(void *user, int status)
{
	struct search *s = user;
	struct scanned *list = s->list;
	(void)status; /* what it said counts */
	for (size_t i = 0; i < list->message->n_application; i++) {
		const char *name = map_get(s->owners, span_str(list->files[i]));
		char *id = name ? map_get(s->ids, span_str(name)) : NULL;
		if (id)
			list->message->application[i]->package_id = id;
	}
	void (*done)(void *) = s->done;
	void *owner = s->user;
	search_free(s);
	done(owner);
}

static bool ask_for_versions(struct search *s)
{
	char **argv = arena_new_n(s->arena, char *, s->list->message->n_application + 4);
	size_t n = 0;
	argv[n++] = text("dpkg-query");
	argv[n++] = text("-W");
	argv[n++] = text("-f=${Package} ${Version} ${Architecture}\n");
	for (size_t i = 0; i < s->list->message->n_application; i++) {
		char *name = map_get(s->owners, span_str(s->list->files[i]));
		if (name)
			argv[n++] = name;
	}
	return ask(s, argv, on_version_line, on_versions);
}

/* ---- owners ---- */

static void on_owner_line(void *user, char *line)
{
	struct search *s = user;
	char name[256];
	const char *file = strstr(line, ": /");
	if (file && apt_owner_parse(line, name, sizeof name))
		(void)map_put(s->owners, span_str(arena_strdup(s->arena, file + 2)),
			      arena_strdup(s->arena, name));
}

static void on_owners(void *user, int status)
{
	struct search *s = user; /* 1 says that some belong to nobody */
	if (status > 1 || map_n(s->owners) == 0 || !ask_for_versions(s))
		on_versions(s, 1);
}

/* The user's own files are no package's; what dpkg would take as a pattern is left out. */
static bool can_be_asked(const struct scanned *list, const char *file)
{
	size_t n = strlen(list->own);
	return strncmp(file, list->own, n) != 0 && !strpbrk(file, "*?[\\");
}

static bool ask_for_owners(struct search *s)
{
	char **argv = arena_new_n(s->arena, char *, s->list->message->n_application + 3);
	size_t n = 0;
	argv[n++] = text("dpkg-query");
	argv[n++] = text("-S");
	for (size_t i = 0; i < s->list->message->n_application; i++)
		if (can_be_asked(s->list, s->list->files[i]))
			argv[n++] = text(s->list->files[i]);
	return n > 2 && ask(s, argv, on_owner_line, on_owners);
}

bool package_ids_find(struct programs *programs, struct arena *arena, struct scanned *list,
		      void (*done)(void *user), void *user)
{
	struct search *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	*s = (struct search){ .programs = programs,
			      .arena = arena,
			      .list = list,
			      .owners = map_new(),
			      .ids = map_new(),
			      .done = done,
			      .user = user };
	if (ask_for_owners(s))
		return true;
	search_free(s);
	return false;
}
