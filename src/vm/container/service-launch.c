/* SPDX-License-Identifier: Apache-2.0
 *
 * Garcon's LaunchApplication and GetIcon. The host names an id; which file and which command that is, is looked up here.
 */
#include "base/file.h"
#include "vm/container/icon.h"
#include "vm/container/scan.h"
#include "vm/container/service.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOW_DENSITY  "_LOW_DENSITY="
#define ENV_MAX      32
#define ICON_PX_MAX  2048
#define ICON_IDS_MAX 4096

/* ---- LaunchApplication ---- */

/* DISPLAY_LOW_DENSITY=:1 is DISPLAY=:1 for what is scaled. */
static size_t add_low_density(char **env, size_t n, struct arena *a)
{
	for (char *const *e = environ; *e && n < ENV_MAX; e++) {
		const char *mark = strstr(*e, LOW_DENSITY);
		if (mark && mark < strchr(*e, '='))
			env[n++] = arena_printf(a, "%.*s=%s", (int)(mark - *e), *e,
						mark + strlen(LOW_DENSITY));
	}
	return n;
}

static char **make_env(const struct entry *e, const char *id, bool scaled, struct arena *a)
{
	char **env = arena_new_n(a, char *, ENV_MAX + 1);
	size_t n = 0;
	if (e->startup_notify)
		env[n++] = arena_printf(a, "DESKTOP_STARTUP_ID=%s", id);
	if (scaled)
		(void)add_low_density(env, n, a);
	return env;
}

/* What needs a terminal gets one of the host's. */
static int open_terminal(struct container *c, char **argv, struct error *err)
{
	VmTools__Container__OpenTerminalRequest m =
		VM_TOOLS__CONTAINER__OPEN_TERMINAL_REQUEST__INIT;
	if (c->link.state != HOST_LINK_UP)
		return error_set(err, ERR_UNAVAILABLE, "the host has no terminal for it now");
	m.token = c->token;
	m.params = argv;
	while (argv[m.n_params])
		m.n_params++;
	host_link_send(&c->link, &host_open_terminal, &m);
	return 0;
}

static int launch(struct container *c, const VmTools__Container__LaunchApplicationRequest *request,
		  struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const char *id = request->desktop_file_id, *file = NULL;
	bool scaled = request->display_scaling ==
		      VM_TOOLS__CONTAINER__LAUNCH_APPLICATION_REQUEST__DISPLAY_SCALING__SCALED;
	struct entry e;
	char **argv;
	arena_init(&a);
	int r = scan_find(&c->dirs, id, &a, &e, &file, err);
	if (r == 0 && e.type != ENTRY_APPLICATION)
		r = error_set(err, ERR_INVALID, "“%.100s” is no application", id);
	if (r == 0)
		r = entry_argv(&e, file, request->files, request->n_files, &a, &argv, err);
	if (r)
		return r;
	if (e.terminal)
		return open_terminal(c, argv, err);
	const struct program_spec spec = { .argv = argv,
					   .env = make_env(&e, id, scaled, &a),
					   .folder = e.path[0] ? e.path : c->dirs.home,
					   .errors = true };
	return program_start(&c->programs, &spec, NULL, err);
}

void call_launch_application(struct grpc_call *call)
{
	const VmTools__Container__LaunchApplicationRequest *request = grpc_call_request(call);
	VmTools__Container__LaunchApplicationResponse response =
		VM_TOOLS__CONTAINER__LAUNCH_APPLICATION_RESPONSE__INIT;
	struct error err = { .message = "" };
	if (request->desktop_file_id[0] == '\0')
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "desktop_file_id is missing");
	int r = launch(grpc_call_user(call), request, &err);
	response.success = r == 0;
	response.failure_reason = (char *)(uintptr_t)(r ? reason_of(r, &err) : "");
	grpc_reply(call, &response);
}

/* ---- GetIcon ---- */

struct icons {
	const struct container *container;
	struct icon_search search;
	unsigned size, scale;
	struct arena arena;
	VmTools__Container__DesktopIcon **found;
	size_t n_found, n_bytes;
};

static void add_icon(struct icons *s, char *id, const struct icon_file *file)
{
	CLEANUP(buf_fini) struct buf bytes;
	buf_init(&bytes, ICON_FILE_MAX);
	if (file_read_regular(file->path, &bytes) || bytes.n == 0 ||
	    s->n_bytes + bytes.n > SCAN_MESSAGE_MAX)
		return; /* as garcon does: the others may fit */
	VmTools__Container__DesktopIcon *icon =
		arena_new(&s->arena, VmTools__Container__DesktopIcon);
	vm_tools__container__desktop_icon__init(icon);
	struct span copy = arena_dup(&s->arena, buf_span(&bytes));
	icon->desktop_file_id = id;
	icon->icon = (ProtobufCBinaryData){ copy.n, (uint8_t *)(uintptr_t)copy.p };
	icon->format = file->svg ? VM_TOOLS__CONTAINER__DESKTOP_ICON__FORMAT__SVG
				 : VM_TOOLS__CONTAINER__DESKTOP_ICON__FORMAT__PNG;
	s->found[s->n_found++] = icon;
	s->n_bytes += copy.n + ENTRY_ID_SIZE;
}

static void look_for_icon(struct icons *s, char *id)
{
	CLEANUP(arena_fini) struct arena a;
	const char *file;
	struct entry e;
	struct error err;
	struct icon_file icon;
	arena_init(&a);
	if (scan_find(&s->container->dirs, id, &a, &e, &file, &err) == 0 && e.icon[0] &&
	    icon_find(&s->search, e.icon, s->size, s->scale, &a, &icon))
		add_icon(s, id, &icon);
}

static unsigned bounded(int32_t v, unsigned otherwise)
{
	return v <= 0 ? otherwise : v > ICON_PX_MAX ? ICON_PX_MAX : (unsigned)v;
}

void call_get_icon(struct grpc_call *call)
{
	const VmTools__Container__IconRequest *request = grpc_call_request(call);
	VmTools__Container__IconResponse response = VM_TOOLS__CONTAINER__ICON_RESPONSE__INIT;
	struct icons s = { .container = grpc_call_user(call),
			   .size = bounded(request->icon_size, 48),
			   .scale = bounded(request->scale, 1) };
	size_t n = request->n_desktop_file_ids;
	if (n > ICON_IDS_MAX)
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "at most %d icons at once",
					 ICON_IDS_MAX);
	arena_init(&s.arena);
	s.search = (struct icon_search){ .icon_dirs = s.container->dirs.icons,
					 .data_dirs = s.container->dirs.data,
					 .theme = dirs_icon_theme(&s.container->dirs, &s.arena) };
	s.found = arena_new_n(&s.arena, VmTools__Container__DesktopIcon *, n);
	for (size_t i = 0; i < n; i++)
		look_for_icon(&s, request->desktop_file_ids[i]);
	response.n_desktop_icons = s.n_found;
	response.desktop_icons = s.found;
	grpc_reply(call, &response);
	arena_fini(&s.arena);
}
