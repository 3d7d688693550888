/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http/router.h"
#include <assert.h>

static const struct http_route routes[] = { { .method = "GET", .pattern = "/a/{b}/c" },
					    { .method = "GET", .pattern = "/a/{b*}" },
					    { 0 } };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct http_route *const tables[] = { routes, NULL };
	struct uri_param params[URI_PARAMS_MAX];
	struct uri_path p;
	struct route_match m;
	struct error err;
	size_t n;
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	char *query, *path = uri_target(arena_strndup(&a, (const char *)data, size), &query);
	struct router *r = router_new(tables);
	if (path && uri_split_path(path, &p, &err) == 0)
		router_match(r, METHOD_GET, &p, &m);
	if (query && uri_split_query(query, params, URI_PARAMS_MAX, &n, &err) == 0)
		assert(n <= URI_PARAMS_MAX);
	router_free(r);
	return 0;
}
