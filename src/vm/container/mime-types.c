/* SPDX-License-Identifier: Apache-2.0
 *
 * Telling of types of files, see mime-types.h.
 */
#include "vm/container/mime-types.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "vm/container/mime-cache.h"
#include "vm/container/scan.h"
#include <string.h>

#define ENTRY_OVERHEAD 16 /* bytes of a message's: tags and lengths */

typedef VmTools__Container__UpdateMimeTypesRequest__MimeTypeMappingsEntry mapping;

struct collecting {
	struct arena *arena;
	VmTools__Container__UpdateMimeTypesRequest *message;
	size_t size, n_left_out; /* bytes of the message */
};

static bool read_cache(const char *folder, unsigned level, struct mime_table *t)
{
	CLEANUP(buf_fini) struct buf file;
	CLEANUP(arena_fini) struct arena a;
	struct error err;
	arena_init(&a);
	buf_init(&file, MIME_FILE_MAX);
	const char *path = arena_printf(&a, "%s/mime.cache", folder);
	if (file_read_regular(path, &file))
		return false;
	if (mime_cache_read(buf_span(&file), level, t, &err))
		log_warn("passed over", F_STR("file", path), F_STR("error", err.message));
	return true;
}

static void collect(void *user, struct span key, void *value)
{
	struct collecting *c = user;
	const struct mime_type *m = value;
	(void)key;
	c->size += strlen(m->extension) + strlen(m->type) + ENTRY_OVERHEAD;
	if (c->size > SCAN_MESSAGE_MAX) {
		c->n_left_out++;
		return;
	}
	mapping *e = arena_new(c->arena, mapping);
	vm_tools__container__update_mime_types_request__mime_type_mappings_entry__init(e);
	e->key = m->extension;
	e->value = m->type;
	c->message->mime_type_mappings[c->message->n_mime_type_mappings++] = e;
}

static void on_sent(const struct grpc_result *result, void *user)
{
	struct mime_types *m = user;
	pacing_done(&m->pacing);
	host_link_check_answer(m->link, result);
}

static void send_table(struct mime_types *m, const struct mime_table *t)
{
	CLEANUP(arena_fini) struct arena a;
	VmTools__Container__UpdateMimeTypesRequest message =
		VM_TOOLS__CONTAINER__UPDATE_MIME_TYPES_REQUEST__INIT;
	arena_init(&a);
	message.token = arena_strdup(&a, m->link->options.token);
	message.mime_type_mappings = arena_new_n(&a, mapping *, map_n(t->by_extension));
	struct collecting c = { .arena = &a, .message = &message };
	map_each(t->by_extension, collect, &c);
	if (c.n_left_out > 0)
		log_limited(LOG_LEVEL_WARN, "types of files are left out, the list is full",
			    F_INT("types", (int64_t)c.n_left_out));
	if (!host_link_call(m->link, &host_mime_types, &message, on_sent, m))
		pacing_done(&m->pacing);
}

static void look(struct mime_types *m)
{
	struct mime_table t;
	mime_table_init(&t);
	watch_renew(m->watcher, &m->watch);
	if (read_cache(m->paths[0], 0, &t)) {
		(void)!read_cache(m->paths[1], 1, &t);
		send_table(m, &t);
	} else {
		pacing_done(&m->pacing);
	}
	mime_table_fini(&t);
}

static void start_timer(struct mime_types *m)
{
	if (m->pacing.posted)
		timer_start(loop_timers(m->link->loop), &m->timer, m->pacing.due_ms);
}

static void on_due(void *user)
{
	struct mime_types *m = user;
	if (pacing_due(&m->pacing, loop_now_ms(m->link->loop)))
		look(m);
	start_timer(m);
}

static void on_changed(void *user)
{
	struct mime_types *m = user;
	if (pacing_change(&m->pacing, loop_now_ms(m->link->loop)))
		start_timer(m);
}

void mime_types_send(struct mime_types *m)
{
	if (m->pacing.busy)
		return on_changed(m);
	m->pacing.busy = true;
	look(m);
}

void mime_types_open(struct mime_types *m, const struct dirs *d, const char *system,
		     struct host_link *l, struct watcher *w)
{
	*m = (struct mime_types){ .link = l, .watcher = w };
	arena_init(&m->arena);
	m->paths[0] = system;
	m->paths[1] = arena_printf(&m->arena, "%s/mime", d->data[0]);
	m->timer = (struct timer){ .fn = on_due, .user = m };
	m->watch = (struct watch){ .paths = m->paths, .changed = on_changed, .user = m };
	watch_begin(w, &m->watch);
}

void mime_types_close(struct mime_types *m)
{
	if (!m->link)
		return;
	timer_stop(loop_timers(m->link->loop), &m->timer);
	watch_end(m->watcher, &m->watch);
	arena_fini(&m->arena);
}
