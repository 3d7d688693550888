/* SPDX-License-Identifier: Apache-2.0
 *
 * The admin API's life: see api.h.
 */
#include "server/api/api.h"
#include "server/api/attempts.h"
#include "server/api/backup.h"
#include "server/api/feed.h"
#include "server/api/openapi.h"
#include "server/api/overview.h"
#include "server/api/state.h"
#include "server/blobs.h"
#include <string.h>

static void sweep(void *arg)
{
	blobs_sweep(arg);
}

static char *openapi_text(const struct http_route *const *tables)
{
	AUTO_JSON document = openapi_document(tables);
	return json_text(document);
}

int api_start(struct server *server, const struct http_route *const *tables, struct error *err)
{
	const char *data = server->config->data;
	struct api *api = calloc(1, sizeof *api);
	if (!api)
		abort();
	server->api = api;
	api->lanes[LATER_PASSWORD] = jobs_new();
	api->lanes[LATER_WORK] = jobs_new();
	api->overview = overview_new(server->store, api->lanes[LATER_WORK]);
	api->attempts = attempts_new();
	api->openapi = openapi_text(tables);
	backup_clean(data);
	int r = blobs_new(data, server->store, &server->blobs);
	if (r == 0)
		r = feed_new(server->store, server->metrics, &api->feed);
	if (r == 0)
		r = jobs_submit(api->lanes[LATER_WORK], sweep, server->blobs, err);
	if (r == 0) {
		overview_warm(api->overview);
		return 0;
	}
	api_stop(server);
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "%s: %s", data, strerror(-r)) : r;
}

static int apply_nothing(struct store_conn *tx, struct store_write *w)
{
	(void)tx;
	(void)w;
	return 0;
}

/* Until all that was submitted so far has ended. */
static void await_writer(struct store *store)
{
	struct store_write w = { .apply = apply_nothing };
	(void)!store_write_wait(store, &w);
}

void api_stop(struct server *server)
{
	struct api *api = server->api;
	if (!api)
		return;
	feed_free(api->feed);
	jobs_free(api->lanes[LATER_PASSWORD]);
	jobs_free(api->lanes[LATER_WORK]);
	await_writer(server->store); /* what jobs have submitted may still hold contents */
	overview_free(api->overview);
	attempts_free(api->attempts);
	blobs_free(server->blobs);
	server->blobs = NULL;
	free(api->openapi);
	free(api);
	server->api = NULL;
}
