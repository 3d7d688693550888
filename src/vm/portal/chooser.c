/* SPDX-License-Identifier: Apache-2.0
 *
 * A conversation with org.freedesktop.portal.FileChooser (xdg-desktop-portal's interface, version 4):
 *
 *     we                                   the portal
 *     OpenFile or SaveFile, handle_token → answers with the request's path, shows the dialog
 *                                        ← Request.Response(0 chosen | 1 cancelled | 2 other, {"uris": …})
 *
 * The path of the request follows from our bus name and token, so the signal is waited for before the call. Only the peer that
 * answered the call may send it: anybody on the bus can send us signals.
 */
#include "vm/portal/chooser.h"
#include "vm/portal/pattern.h"
#include "vm/portal/uri.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-bus.h>

#define PORTAL   "org.freedesktop.portal.Desktop"
#define OBJECT   "/org/freedesktop/portal/desktop"
#define CHOOSER  "org.freedesktop.portal.FileChooser"
#define REQUEST  "org.freedesktop.portal.Request"
#define TOKEN    "reeve"
#define LIST_MAX 4096 /* of patterns, as text */

static const struct kind {
	const char *type, *method;
	bool multiple, directory, saves;
} kinds[] = {
	{ "open-file", "OpenFile", false, false, false },
	{ "open-multi-file", "OpenFile", true, false, false },
	{ "saveas-file", "SaveFile", false, false, true },
	{ "folder", "OpenFile", false, true, false },
	{ "upload-folder", "OpenFile", false, true, false },
};

struct dialog {            /* on the stack of chooser_ask() */
	char portal[256];  /* the unique name of who answered the call */
	char path[512];    /* of the request */
	sd_bus_slot *slot; /* of its signal */
	bool over, chosen, gone;
	int failed; /* -errno: the answer is none */
	struct buf *out;
};

static const struct kind *find_kind(const char *type)
{
	if (!type || type[0] == '\0')
		return &kinds[0];
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i].type, type) == 0)
			return &kinds[i];
	return NULL;
}

/* ---- the question: each 0 or -errno ---- */

static int add_bool(sd_bus_message *m, const char *name, bool value)
{
	return value ? sd_bus_message_append(m, "{sv}", name, "b", 1) : 0;
}

static int add_bytes(sd_bus_message *m, const char *name, const char *text)
{
	int r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "ay");
	if (r >= 0)
		r = sd_bus_message_append_array(m, 'y', text, strlen(text) + 1);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r >= 0 ? sd_bus_message_close_container(m) : r;
}

/* A folder is where it begins; of anything else it is the folder that it lies in, and to save the name. */
static int add_start(sd_bus_message *m, const struct kind *kind, const char *path)
{
	char folder[4096];
	struct stat st;
	const char *slash = strrchr(path, '/');
	if (path[0] != '/' || strlen(path) >= sizeof folder)
		return 0;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return add_bytes(m, "current_folder", path);
	snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	int r = add_bytes(m, "current_folder", folder);
	if (r >= 0 && kind->saves && slash[1] != '\0')
		r = sd_bus_message_append(m, "{sv}", "current_name", "s", slash + 1);
	return r;
}

/* What the person sees in the place of patterns: the extensions as they were told, as far as they count. */
static int add_patterns(sd_bus_message *m, struct span list)
{
	CLEANUP(buf_fini) struct buf pattern;
	int r = sd_bus_message_open_container(m, 'a', "(us)");
	buf_init(&pattern, LIST_MAX);
	while (r >= 0 && pattern_next(&list, &pattern)) {
		r = sd_bus_message_append(m, "(us)", 0u, buf_str(&pattern));
		buf_reset(&pattern);
	}
	return r >= 0 ? sd_bus_message_close_container(m) : r;
}

static int add_filter(sd_bus_message *m, const char *extensions)
{
	CLEANUP(buf_fini) struct buf any;
	struct span list = span_str(extensions);
	buf_init(&any, LIST_MAX);
	if (!pattern_next(&list, &any))
		return 0;
	int r = sd_bus_message_open_container(m, 'e', "sv");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", "filters");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', "a(sa(us))");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'a', "(sa(us))");
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'r', "sa(us)");
	if (r >= 0)
		r = sd_bus_message_append(m, "s", extensions);
	if (r >= 0)
		r = add_patterns(m, span_str(extensions));
	for (int depth = 0; r >= 0 && depth < 4; depth++)
		r = sd_bus_message_close_container(m);
	return r;
}

static int add_options(sd_bus_message *m, const struct kind *kind, const struct chooser_question *q)
{
	int r = sd_bus_message_open_container(m, 'a', "{sv}");
	if (r >= 0)
		r = sd_bus_message_append(m, "{sv}", "handle_token", "s", TOKEN);
	if (r >= 0)
		r = add_bool(m, "multiple", kind->multiple);
	if (r >= 0)
		r = add_bool(m, "directory", kind->directory);
	if (r >= 0 && q->path)
		r = add_start(m, kind, q->path);
	if (r >= 0 && q->extensions && !kind->directory)
		r = add_filter(m, q->extensions);
	return r >= 0 ? sd_bus_message_close_container(m) : r;
}

/* ---- the answer ---- */

static int add_files(struct dialog *d, sd_bus_message *m)
{
	const char *uri;
	int r = sd_bus_message_enter_container(m, 'v', "as");
	if (r >= 0)
		r = sd_bus_message_enter_container(m, 'a', "s");
	while (r >= 0 && (r = sd_bus_message_read(m, "s", &uri)) > 0)
		if (file_uri_path(span_str(uri), d->out))
			buf_add_char(d->out, '\n');
	if (r >= 0)
		r = sd_bus_message_exit_container(m);
	return r >= 0 ? sd_bus_message_exit_container(m) : r;
}

static int read_results(struct dialog *d, sd_bus_message *m)
{
	const char *key;
	int r = sd_bus_message_enter_container(m, 'a', "{sv}");
	while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
		r = sd_bus_message_read(m, "s", &key);
		if (r >= 0)
			r = strcmp(key, "uris") == 0 ? add_files(d, m)
						     : sd_bus_message_skip(m, "v");
		if (r >= 0)
			r = sd_bus_message_exit_container(m);
	}
	return r;
}

static int on_response(sd_bus_message *m, void *user, sd_bus_error *error)
{
	struct dialog *d = user;
	uint32_t code;
	const char *sender = sd_bus_message_get_sender(m);
	if (d->over || !sender || strcmp(sender, d->portal) != 0)
		return 0;
	int r = sd_bus_message_read(m, "u", &code);
	if (r >= 0 && code == 0)
		r = read_results(d, m);
	d->failed = r < 0 ? r : 0;
	d->chosen = r >= 0 && code == 0 && d->out->n > 0;
	d->over = true;
	return 0;
}

/* A portal that crashes sends nothing any more. */
static int on_owner_changed(sd_bus_message *m, void *user, sd_bus_error *error)
{
	struct dialog *d = user;
	const char *name, *before, *after;
	if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0 &&
	    strcmp(before, d->portal) == 0)
		d->over = d->gone = true;
	return 0;
}

/* ---- together ---- */

static int await_response(sd_bus *bus, struct dialog *d, const char *path)
{
	snprintf(d->path, sizeof d->path, "%s", path);
	d->slot = sd_bus_slot_unref(d->slot);
	return sd_bus_match_signal(bus, &d->slot, PORTAL, d->path, REQUEST, "Response", on_response,
				   d);
}

/* As the portal makes it from our bus name, ":1.42" → "1_42". */
static int expect_response(sd_bus *bus, struct dialog *d)
{
	char path[512];
	const char *name;
	int r = sd_bus_get_unique_name(bus, &name);
	if (r < 0)
		return r;
	snprintf(path, sizeof path, OBJECT "/request/%s/" TOKEN, name + (name[0] == ':'));
	for (char *p = path; *p; p++)
		if (*p == '.')
			*p = '_';
	return await_response(bus, d, path);
}

static int ask(sd_bus *bus, const struct kind *kind, const struct chooser_question *q,
	       sd_bus_message **ret, sd_bus_error *error)
{
	sd_bus_message *m = NULL;
	int r = sd_bus_message_new_method_call(bus, &m, PORTAL, OBJECT, CHOOSER, kind->method);
	if (r >= 0)
		r = sd_bus_message_append(m, "ss", "", q->title ? q->title : "");
	if (r >= 0)
		r = add_options(m, kind, q);
	if (r >= 0)
		r = sd_bus_call(bus, m, 0, error, ret);
	sd_bus_message_unref(m);
	return r;
}

/* Signals that came meanwhile wait in the bus's queue until wait_for_end(). */
static int begin(sd_bus *bus, const struct kind *kind, const struct chooser_question *q,
		 struct dialog *d, sd_bus_error *error)
{
	sd_bus_message *answer = NULL;
	const char *path, *sender;
	int r = expect_response(bus, d);
	if (r >= 0)
		r = sd_bus_add_match(bus, NULL,
				     "type='signal',sender='org.freedesktop.DBus',"
				     "member='NameOwnerChanged',arg0='" PORTAL "'",
				     on_owner_changed, d);
	if (r >= 0)
		r = ask(bus, kind, q, &answer, error);
	if (r >= 0)
		r = sd_bus_message_read(answer, "o", &path);
	if (r >= 0) {
		sender = sd_bus_message_get_sender(answer);
		snprintf(d->portal, sizeof d->portal, "%s", sender ? sender : "");
		if (strcmp(path, d->path) != 0) /* a portal older than version 0.9 */
			r = await_response(bus, d, path);
	}
	sd_bus_message_unref(answer);
	return r;
}

static int wait_for_end(sd_bus *bus, struct dialog *d)
{
	int r = 0;
	while (r >= 0 && !d->over) {
		r = sd_bus_process(bus, NULL);
		if (r == 0)
			r = sd_bus_wait(bus, UINT64_MAX);
		if (r == -EINTR)
			r = 0;
	}
	if (r >= 0 && d->gone)
		return -ECONNRESET;
	return r < 0 ? r : d->failed;
}

static int converse(sd_bus *bus, const struct kind *kind, const struct chooser_question *q,
		    struct dialog *d, struct error *err)
{
	sd_bus_error error = SD_BUS_ERROR_NULL;
	int r = begin(bus, kind, q, d, &error);
	if (r >= 0)
		r = wait_for_end(bus, d);
	if (r < 0)
		r = error_set(err, ERR_UNAVAILABLE, "the desktop's file chooser: %s",
			      error.message ? error.message : strerror(-r));
	else
		r = 0;
	sd_bus_error_free(&error);
	return r;
}

int chooser_ask(const struct chooser_question *q, struct buf *out, bool *ret_chosen,
		struct error *err)
{
	const struct kind *kind = find_kind(q->type);
	struct dialog d = { .out = out };
	sd_bus *bus = NULL;
	if (!kind)
		return error_set(err, ERR_INVALID, "“%.40s” is no type of dialog", q->type);
	int r = sd_bus_open_user(&bus);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "there is no session bus: %s", strerror(-r));
	r = converse(bus, kind, q, &d, err);
	sd_bus_slot_unref(d.slot);
	sd_bus_flush_close_unref(bus);
	*ret_chosen = d.chosen;
	return r;
}
