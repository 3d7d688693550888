/* SPDX-License-Identifier: Apache-2.0
 *
 * The programs of the start, see startup.h.
 */
#include "vm/guest/startup.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/guest/launch-text.h"
#include <fts.h>

#define FILE_MAX_SIZE ((size_t)64 * 1024)

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

static void collect(struct startup *s, const char *folder)
{
	char *roots[] = { strdup(folder), NULL };
	FTS *f = roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL) : NULL;
	for (FTSENT *e; f && s->n < STARTUP_FILES_MAX && (e = fts_read(f));)
		if (e->fts_info == FTS_F && (s->paths[s->n] = strdup(e->fts_path)))
			s->n++;
	if (f)
		fts_close(f);
	free(roots[0]);
	qsort(s->paths, s->n, sizeof *s->paths, by_name);
}

static void on_outcome(const struct outcome *o, void *user)
{
	struct startup *s = user;
	const char *path = s->paths[s->at - 1];
	s->launched = 0;
	if (o->status == PROCESS_FAILED)
		log_error("not started", F_STR("file", path), F_STR("step", o->step),
			  F_STR("error", strerror(o->error)));
	else if (o->status != PROCESS_LAUNCHED)
		log_info("ended", F_STR("file", path), F_INT("code", o->code));
	loop_post(s->loop, &s->next);
}

/* false: there is nothing to wait for. */
static bool launch_file(struct startup *s, const char *path)
{
	CLEANUP(buf_fini) struct buf text;
	CLEANUP(arena_fini) struct arena arena;
	struct launch what;
	struct error err = { .message = "" };
	arena_init(&arena);
	buf_init(&text, FILE_MAX_SIZE);
	int r = file_read(path, &text);
	if (r < 0)
		error_set(&err, ERR_INVALID, "%s", strerror(-r));
	else
		r = launch_text_parse(buf_span(&text), &arena, &what, &err);
	if (r) {
		log_error("passed over", F_STR("file", path), F_STR("error", err.message));
		return false;
	}
	s->launched = table_launch(s->table, &what, on_outcome, s);
	return true;
}

static void next(void *user)
{
	struct startup *s = user;
	while (s->at < s->n)
		if (launch_file(s, s->paths[s->at++]))
			return;
	s->done(s->user);
}

void startup_begin(struct startup *s, struct loop *loop, struct table *table, const char *folder,
		   void (*done)(void *user), void *user)
{
	*s = (struct startup){ .loop = loop, .table = table, .done = done, .user = user };
	s->next = (struct loop_task){ .fn = next, .user = s };
	if (folder)
		collect(s, folder);
	loop_post(loop, &s->next);
}

void startup_fini(struct startup *s)
{
	if (!s->loop)
		return;
	loop_unpost(s->loop, &s->next);
	table_forget(s->table, s->launched);
	for (size_t i = 0; i < s->n; i++)
		free(s->paths[i]);
	s->n = 0;
}
