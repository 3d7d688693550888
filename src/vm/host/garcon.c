/* SPDX-License-Identifier: Apache-2.0
 *
 * Calling containers, see garcon.h.
 */
#include "vm/host/garcon.h"
#include "base/buf.h"
#include <stdlib.h>
#include <string.h>

struct garcon {
	struct grpc_client *client;
	void (*done)(bool reached, void *user); /* NULL: it knows */
	void *user;
};

#define GARCON_METHOD(name, request_type, response_type)                                           \
	{                                                                                          \
		.path = "/vm_tools.container.Garcon/" name,                                        \
		.request = &vm_tools__container__##request_type##__descriptor,                     \
		.response = &vm_tools__container__##response_type##__descriptor,                   \
	}

const struct grpc_method garcon_launch =
	GARCON_METHOD("LaunchApplication", launch_application_request, launch_application_response);
const struct grpc_method garcon_icon = GARCON_METHOD("GetIcon", icon_request, icon_response);
static const struct grpc_method session = GARCON_METHOD(
	"GetGarconSessionInfo", get_garcon_session_info_request, get_garcon_session_info_response);

static void tell(struct garcon *g, bool reached)
{
	void (*done)(bool, void *) = g->done;
	g->done = NULL;
	if (done)
		done(reached, g->user);
}

/* Old ones do not know the call: any answer of theirs will do. */
static void on_session(const struct grpc_result *result, void *user)
{
	enum grpc_code code = result->status.code;
	tell(user,
	     code != GRPC_UNAVAILABLE && code != GRPC_DEADLINE_EXCEEDED && code != GRPC_CANCELLED);
}

/* "tcp:127.0.0.1:{port}", or vsock. */
static void make_address(const struct host *h, const struct container *c, uint32_t port,
			 struct buf *out)
{
	const struct vm_config *vm = host_config_vm(&h->config, c->vm->name);
	const char *text = vm ? vm->garcon : NULL;
	const char *word = text ? strstr(text, "{port}") : NULL;
	if (word)
		buf_addf(out, "%.*s%u%s", (int)(word - text), text, port, word + strlen("{port}"));
	else
		buf_addf(out, "vsock:%u:%u", c->vm->cid, port);
}

int garcon_open(struct host *h, struct container *c, uint32_t port, void (*done)(bool, void *),
		void *user, struct error *err)
{
	const VmTools__Container__GetGarconSessionInfoRequest empty =
		VM_TOOLS__CONTAINER__GET_GARCON_SESSION_INFO_REQUEST__INIT;
	CLEANUP(buf_fini) struct buf address;
	garcon_close(c);
	buf_init(&address, ENDPOINT_TEXT_SIZE + 64);
	make_address(h, c, port, &address);
	const struct grpc_client_options o = { .address = buf_str(&address),
					       .connect_timeout_ms = GARCON_REACH_MS };
	struct garcon *g = calloc(1, sizeof *g);
	if (!g)
		abort();
	int r = grpc_client_new(h->loop, &o, &g->client, err);
	if (r) {
		free(g);
		return r;
	}
	g->done = done;
	g->user = user;
	c->garcon = g;
	grpc_client_call(g->client, &session, &empty, GARCON_REACH_MS, on_session, g);
	return 0;
}

void garcon_close(struct container *c)
{
	struct garcon *g = TAKE(c->garcon);
	if (!g)
		return;
	grpc_client_free(g->client);
	tell(g, false);
	free(g);
}

bool garcon_call(struct container *c, const struct grpc_method *m, const void *request,
		 int64_t timeout_ms, void (*done)(const struct grpc_result *, void *), void *user)
{
	if (!c->garcon)
		return false;
	grpc_client_call(c->garcon->client, m, request, timeout_ms, done, user);
	return true;
}
