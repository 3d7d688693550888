/* SPDX-License-Identifier: Apache-2.0
 *
 * ContainerListener: containers come and go and tell what they have. Status codes are cicerone's (vm-tools.md §3.2); what it lets
 * through and we do not: empty tokens, and those of another machine.
 */
#include "vm/host/listener.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "vm/host/garcon.h"
#include <stdlib.h>
#include <string.h>

#define TYPES_MAX          (8 * 1024 * 1024) /* a request has 4 MiB */
#define TYPES_ARGUMENT_MAX 100000

/* ---- who calls ---- */

struct host *caller_host(const struct grpc_call *call)
{
	const struct port *port = grpc_call_user(call);
	return port->host;
}

uint32_t caller_cid(const struct grpc_call *call)
{
	const struct port *port = grpc_call_user(call);
	const struct grpc_peer *peer = grpc_call_peer(call);
	return peer->transport == TRANSPORT_VSOCK ? peer->cid : port->cid;
}

void reply_done(struct grpc_call *call)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	grpc_reply(call, &empty);
}

void reply_refused(struct grpc_call *call, int r, const struct error *err)
{
	grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "%s",
			  r > 0 ? err->message : strerror(-r));
}

struct container *caller_container(struct grpc_call *call, const char *token, bool anybody)
{
	const struct host *h = caller_host(call);
	uint32_t cid = caller_cid(call);
	struct container *c = NULL;
	if (cid == 0 && !anybody) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "this is no peer with a CID");
		return NULL;
	}
	c = registry_by_token(h->registry, cid, token);
	if (!c || c->state != CONTAINER_UP) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "this machine has no container with this token that is up");
		return NULL;
	}
	return c;
}

/* ---- up and down ---- */

struct arrival { /* a ContainerReady that waits for the way back; heap, freed with its reply */
	struct grpc_call *call;
	struct host *host;
	struct container *container;
	uint32_t garcon_port, sftp_port;
};

static void on_reached(bool reached, void *user)
{
	struct arrival *a = user;
	struct container *c = a->container;
	if (!reached) {
		grpc_reply_status(a->call, GRPC_FAILED_PRECONDITION,
				  "the container's own service does not answer");
		free(a);
		return;
	}
	c->garcon_port = a->garcon_port;
	c->sftp_port = a->sftp_port;
	log_limited(LOG_LEVEL_INFO, "a container is up", F_STR("vm", c->vm->name),
		    F_STR("container", c->name));
	registry_container_set(a->host->registry, c, CONTAINER_UP);
	reply_done(a->call);
	free(a);
}

static void container_ready(struct grpc_call *call)
{
	const VmTools__Container__ContainerStartupInfo *request = grpc_call_request(call);
	struct host *h = caller_host(call);
	struct container *c = registry_by_token(h->registry, caller_cid(call), request->token);
	struct error err;
	if (!c) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "this machine has no container with this token");
		return;
	}
	if (request->garcon_port == 0 || request->garcon_port > INT32_MAX) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "garcon_port: %u is no port",
				  request->garcon_port);
		return;
	}
	struct arrival *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	*a = (struct arrival){ call, h, c, request->garcon_port, request->sftp_port };
	int r = garcon_open(h, c, request->garcon_port, on_reached, a, &err);
	if (r) {
		reply_refused(call, r, &err);
		free(a);
	} else {
		grpc_defer(call, NULL, NULL);
	}
}

static void container_shutdown(struct grpc_call *call)
{
	const VmTools__Container__ContainerShutdownInfo *request = grpc_call_request(call);
	struct container *c;
	if (request->token[0] == '\0') {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "the token is empty");
		return;
	}
	c = caller_container(call, request->token, false);
	if (!c)
		return;
	log_limited(LOG_LEVEL_INFO, "a container goes down", F_STR("vm", c->vm->name),
		    F_STR("container", c->name));
	registry_container_set(caller_host(call)->registry, c, CONTAINER_DOWN);
	reply_done(call);
}

/* ---- what it has ---- */

static void update_applications(struct grpc_call *call)
{
	const VmTools__Container__UpdateApplicationListRequest *request = grpc_call_request(call);
	struct container *c = caller_container(call, request->token, true);
	if (!c)
		return;
	registry_applications(caller_host(call)->registry, c, request);
	reply_done(call);
}

static void pending_lists(struct grpc_call *call)
{
	const VmTools__Container__PendingAppListUpdateCount *request = grpc_call_request(call);
	struct container *c;
	if (request->token[0] == '\0') {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "the token is empty");
		return;
	}
	c = caller_container(call, request->token, false);
	if (!c)
		return;
	c->n_pending = request->count;
	reply_done(call);
}

/* "png=image/png" with a comma or a line's end between them. */
static void render_types(const VmTools__Container__UpdateMimeTypesRequest *request, char between,
			 struct buf *out)
{
	for (size_t i = 0; i < request->n_mime_type_mappings && !out->failed; i++) {
		const VmTools__Container__UpdateMimeTypesRequest__MimeTypeMappingsEntry *e =
			request->mime_type_mappings[i];
		if (utf8_has_control(span_str(e->key)) || utf8_has_control(span_str(e->value)))
			continue;
		buf_addf(out, "%s=%s%c", e->key, e->value, between);
	}
	if (between == ',' && out->n > 0)
		out->p[--out->n] = '\0';
}

static void fire_types(struct host *h, const struct container *c,
		       const VmTools__Container__UpdateMimeTypesRequest *request)
{
	CLEANUP(buf_fini) struct buf lines, types;
	buf_init(&lines, TYPES_MAX);
	buf_init(&types, TYPES_ARGUMENT_MAX);
	render_types(request, '\n', &lines);
	render_types(request, ',', &types);
	if (types.failed)
		log_limited(LOG_LEVEL_INFO, "more types than an argument of a hook holds",
			    F_STR("vm", c->vm->name), F_STR("container", c->name),
			    F_INT("types", (int64_t)request->n_mime_type_mappings));
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "types", buf_str(&types) } },
					  .input = buf_span(&lines) };
	hook_fire(&h->hooks, HOOK_MIME_TYPES, &event);
}

static void update_mime_types(struct grpc_call *call)
{
	const VmTools__Container__UpdateMimeTypesRequest *request = grpc_call_request(call);
	struct container *c = caller_container(call, request->token, false);
	if (!c)
		return;
	registry_mime_types(c, request);
	if (hook_has(&caller_host(call)->hooks, HOOK_MIME_TYPES))
		fire_types(caller_host(call), c, request);
	reply_done(call);
}

const struct grpc_method listener_methods[] = {
	CONTAINER_METHOD("ContainerReady", container_startup_info, empty_message, container_ready,
			 "A container is up; its own service is reached before the answer."),
	CONTAINER_METHOD("ContainerShutdown", container_shutdown_info, empty_message,
			 container_shutdown, "It goes down; its applications leave the menu."),
	CONTAINER_METHOD("UpdateApplicationList", update_application_list_request, empty_message,
			 update_applications, "All its applications."),
	CONTAINER_METHOD("PendingUpdateApplicationListCalls", pending_app_list_update_count,
			 empty_message, pending_lists,
			 "How many more lists of applications will come."),
	CONTAINER_METHOD("UpdateMimeTypes", update_mime_types_request, empty_message,
			 update_mime_types, "Its MIME types by extension."),
	{ .path = NULL },
};
