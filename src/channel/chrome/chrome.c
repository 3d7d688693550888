/* SPDX-License-Identifier: Apache-2.0
 *
 * The channel's one route, what it holds while the server runs, and what organizations configured.
 */
#include "channel/chrome/endpoint.h"

#include "server/org-config.h"
#include <stdlib.h>
#include <string.h>

const struct http_route chrome_routes[] = {
	{ .method = "POST",
	  .pattern = "/devicemanagement/data/api",
	  .auth = AUTH_NONE, /* by request=: types.c */
	  .body_max = CHROME_BODY_MAX,
	  .rate = RATE_DEVICE,
	  .handler = chrome_endpoint,
	  .name = "chrome_data_api",
	  .statuses = "200 401 403 405 406 409 410 413",
	  .doc = "Chrome's device management: registration, policy, reports, commands" },
	{ 0 },
};

void chrome_start(struct server *s)
{
	struct chrome *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	c->keys = chrome_keys_new();
	c->answers = chrome_answers_new();
	c->oauth = chrome_oauth_new(s);
	s->chrome = c;
}

static int nothing(struct store_conn *tx, struct store_write *w)
{
	(void)tx, (void)w;
	return 0;
}

void chrome_stop(struct server *s)
{
	struct chrome *c = s->chrome;
	if (!c)
		return;
	struct store_write last = { .apply = nothing };
	chrome_oauth_free(c->oauth);              /* first: its answers use the others … */
	(void)!store_write_wait(s->store, &last); /* … and so do the writes that they became */
	chrome_answers_free(c->answers);
	chrome_keys_free(c->keys);
	free(c);
	s->chrome = NULL;
}

void chrome_config(struct server *s, int64_t org_id, struct arena *a, struct chrome_config *ret)
{
	struct org_config c;
	(void)org_config_get(s->org_configs, s->store, s->config, org_id, &c);
	*ret = (struct chrome_config){
		.domain = arena_strdup(a, c.chrome_domain),
		.service_account_identity = arena_strdup(a, c.chrome_identity),
		.signature_freshness_ms = c.chrome_signature_freshness_ms,
		.unenroll_deletes_token = c.chrome_delete_token,
		.token_info_url = s->config->chrome_token_info_url,
	};
}

int64_t chrome_account_org(const struct chrome_request *r)
{
	struct server *s = r->server;
	const char *at = strrchr(r->email, '@');
	return at ? org_config_by_domain(s->org_configs, s->store, s->config, at + 1) : 0;
}
