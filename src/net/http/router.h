/* SPDX-License-Identifier: Apache-2.0
 *
 * The route tables, compiled to a trie of path segments at start and read-only from then on.
 *
 * A literal segment wins over a parameter, a parameter over "{rest*}". Looking up costs a binary
 * search a segment; where a literal and a parameter stand side by side, both branches may be
 * walked, so the whole is bounded by the tables' size, never by what a peer sends. Two routes
 * of one method and shape are a mistake in the tables: it stops the program at start.
 */
#pragma once

#include "net/http/http.h"
#include "net/http/uri.h"

#define ROUTER_PARAMS_MAX 8

enum http_method_id { /* what routes may say, and what peers may then use */
		      METHOD_GET,
		      METHOD_HEAD,
		      METHOD_POST,
		      METHOD_PUT,
		      METHOD_PATCH,
		      METHOD_DELETE,
		      METHOD_OPTIONS,
		      METHOD_N
};

struct router;

struct route_match {
	const struct http_route *route; /* NULL: nothing for this method */
	size_t n_params;
	struct uri_segment params[ROUTER_PARAMS_MAX]; /* in the path's text, NUL-terminated there */
	bool rest;                                    /* the last of them is a "{rest*}" */
	unsigned methods;      /* 1u << METHOD_x: what this path may be used with */
	unsigned cors_methods; /* those of them that any origin may call */
};

struct router *router_new(const struct http_route *const *tables);
void router_free(struct router *r);

enum http_method_id method_id(const char *name); /* METHOD_N: another; case counts */
const char *method_name(enum http_method_id m);

/* false: no route has this path. HEAD follows GET. On a match, ends the parameters in path->text. */
bool router_match(const struct router *r, enum http_method_id m, struct uri_path *path,
		  struct route_match *ret);
/* Which parameter of the route's pattern is called so; -1: none. */
int route_param_index(const struct http_route *route, const char *name);
