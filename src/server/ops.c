/* SPDX-License-Identifier: Apache-2.0
 *
 * The routes of operations. /healthz says that the process answers; /readyz looks at its parts, so a
 * load balancer can wait; /metrics is open on loopback and needs server:read from elsewhere.
 */
#include "server/ops.h"

#include "server/auth.h"
#include "server/bootstrap.h"
#include "server/metrics.h"

#include "base/buf.h"
#include "base/clock.h"

#define METRICS_MAX (1 << 20)

static void healthz(struct http_request *req)
{
	http_reply(req, 200, "text/plain; charset=utf-8", span_str("ok\n"));
}

static void version(struct http_request *req)
{
	http_reply_json(req, 200,
			json_pack("{s:s, s:s}", "name", "reeve", "version", REEVE_VERSION));
}

static void readyz(struct http_request *req)
{
	struct server *s = server_of(req);
	int64_t last = 0;
	bool store = store_event_last(store_reader(s->store), &last) == 0;
	bool keys = bootstrap_done(s), ready = store && keys;
	json_t *body = json_pack("{s:b, s:{s:s, s:s}}", "ready", ready, "parts", "store",
				 store ? "ok" : "unavailable", "keys", keys ? "ok" : "being made");
	if (!ready)
		http_reply_header(req, "Retry-After", "1");
	http_reply_json(req, ready ? 200 : 503, body);
}

/* Not what a proxy on this machine forwards for somebody else. */
static bool is_local(struct http_request *req)
{
	const char *peer = http_peer(req);
	bool loopback = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
			strncmp(peer, "::ffff:127.", 11) == 0;
	return loopback && !http_header(req, "X-Forwarded-For") && !http_header(req, "Forwarded");
}

static void metrics(struct http_request *req)
{
	if (!is_local(req) && !auth_admin(req, "server:read"))
		return;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, METRICS_MAX);
	metrics_text(server_of(req), &text);
	http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", buf_span(&text));
}

const struct http_route ops_routes[] = {
	{ .method = "GET",
	  .pattern = "/healthz",
	  .handler = healthz,
	  .name = "healthz",
	  .doc = "The process answers",
	  .statuses = "200" },
	{ .method = "GET",
	  .pattern = "/readyz",
	  .handler = readyz,
	  .name = "readyz",
	  .doc = "Every part is ready to serve",
	  .statuses = "200 503" },
	{ .method = "GET",
	  .pattern = "/version",
	  .handler = version,
	  .name = "version",
	  .doc = "Name and version of the server",
	  .statuses = "200" },
	{ .method = "GET",
	  .pattern = "/metrics",
	  .handler = metrics,
	  .name = "metrics",
	  .doc = "Prometheus metrics; off loopback with the scope server:read",
	  .statuses = "200 401 403" },
	{ 0 },
};
