/* SPDX-License-Identifier: Apache-2.0
 *
 * One node is a place in the path; its edges are sorted by length, then bytes. Nodes and edges live
 * in the router's arena. router.h has the rules.
 */
#include "net/http/router.h"
#include <assert.h>

struct edge {
	const char *text; /* of the route's pattern */
	size_t n;
	struct node *to;
};

struct node {
	struct edge *edges;
	size_t n_edges;
	struct node *param;
	const struct http_route *here[METHOD_N];
	const struct http_route *rest[METHOD_N]; /* "{name*}" from here on */
	bool has_rest;
};

struct router {
	struct arena arena;
	struct node root;
};

static const char *const method_names[METHOD_N] = {
	[METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
	[METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
	[METHOD_OPTIONS] = "OPTIONS",
};

enum http_method_id method_id(const char *name)
{
	for (size_t i = 0; i < METHOD_N; i++)
		if (strcmp(method_names[i], name) == 0)
			return (enum http_method_id)i;
	return METHOD_N;
}

const char *method_name(enum http_method_id m)
{
	return method_names[m];
}

/* ---- compiling ---- */

struct pattern_segment {
	const char *text; /* a parameter's name, without braces */
	size_t n;
	bool param, rest;
};

/* The segment after the slash at *pattern, which moves to the next slash or the end. */
static struct pattern_segment next_segment(const char **pattern)
{
	assert(**pattern == '/');
	const char *text = *pattern + 1;
	size_t n = strcspn(text, "/");
	*pattern = text + n;
	struct pattern_segment s = { .text = text, .n = n };
	if (text[0] != '{')
		return s;
	assert(n >= 3 && text[n - 1] == '}');
	s.param = true;
	s.rest = text[n - 2] == '*';
	s.text++;
	s.n -= s.rest ? 3 : 2;
	return s;
}

static int edge_compare(const struct edge *e, const char *text, size_t n)
{
	if (e->n != n)
		return e->n < n ? -1 : 1;
	return memcmp(e->text, text, n);
}

/* Where the edge is, or would have to be. */
static size_t edge_position(const struct node *node, const char *text, size_t n, bool *ret_found)
{
	size_t low = 0, high = node->n_edges;
	*ret_found = false;
	while (low < high && !*ret_found) {
		size_t mid = low + (high - low) / 2;
		int order = edge_compare(&node->edges[mid], text, n);
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
		if (order == 0) {
			*ret_found = true;
			low = mid;
		}
	}
	return low;
}

static struct node *literal_child(struct router *r, struct node *node, struct pattern_segment s)
{
	bool found;
	size_t at = edge_position(node, s.text, s.n, &found);
	if (found)
		return node->edges[at].to;
	/* A node grows only while the tables are compiled: copying costs nothing that matters. */
	struct edge *grown = arena_new_n(&r->arena, struct edge, node->n_edges + 1);
	for (size_t i = 0; i < node->n_edges; i++)
		grown[i < at ? i : i + 1] = node->edges[i];
	grown[at] = (struct edge){ s.text, s.n, arena_new(&r->arena, struct node) };
	node->edges = grown;
	node->n_edges++;
	return grown[at].to;
}

static struct node *param_child(struct router *r, struct node *node)
{
	if (!node->param)
		node->param = arena_new(&r->arena, struct node);
	return node->param;
}

static void add_route(struct router *r, const struct http_route *route)
{
	enum http_method_id m = method_id(route->method);
	assert(m != METHOD_N && m != METHOD_OPTIONS);
	struct node *node = &r->root;
	const struct http_route **slots = node->here;
	size_t n_params = 0, n_segments = 0;
	const char *p = route->pattern;
	while (*p) {
		struct pattern_segment s = next_segment(&p);
		n_params += s.param;
		n_segments++;
		if (s.rest) {
			assert(!*p); /* "{rest*}" is the last segment */
			slots = node->rest;
			node->has_rest = true;
		} else {
			node = s.param ? param_child(r, node) : literal_child(r, node, s);
			slots = node->here;
		}
	}
	assert(n_params <= ROUTER_PARAMS_MAX);
	assert(n_segments > 0 && n_segments <= URI_SEGMENTS_MAX);
	assert(!slots[m]); /* two routes for one method and shape */
	slots[m] = route;
}

struct router *router_new(const struct http_route *const *tables)
{
	struct router *r = calloc(1, sizeof *r);
	if (!r)
		abort();
	arena_init(&r->arena);
	for (; *tables; tables++)
		for (const struct http_route *route = *tables; route->method; route++)
			add_route(r, route);
	return r;
}

void router_free(struct router *r)
{
	if (!r)
		return;
	arena_fini(&r->arena);
	free(r);
}

/* ---- looking up ---- */

struct lookup {
	enum http_method_id method;
	const struct uri_path *path;
	struct route_match *match;
	size_t n_params; /* of the branch being walked */
	struct uri_segment params[ROUTER_PARAMS_MAX];
};

/* A pattern ends here: its route is taken when it is the first that fits; methods are noted. */
static void take(struct lookup *l, const struct http_route *const *slots, bool rest)
{
	struct route_match *match = l->match;
	for (unsigned m = 0; m < METHOD_N; m++) {
		if (!slots[m])
			continue;
		match->methods |= 1u << m;
		if (slots[m]->cors)
			match->cors_methods |= 1u << m;
	}
	if (match->route)
		return;
	match->route = slots[l->method];
	if (!match->route && l->method == METHOD_HEAD)
		match->route = slots[METHOD_GET];
	match->rest = rest;
	match->n_params = l->n_params;
	memcpy(match->params, l->params, sizeof match->params);
}

static void walk(struct lookup *l, const struct node *node, size_t i)
{
	if (i == l->path->n_segments) {
		take(l, node->here, false);
		return;
	}
	const struct uri_segment *s = &l->path->segments[i];
	bool found;
	size_t at = edge_position(node, l->path->text + s->at, s->n, &found);
	if (found)
		walk(l, node->edges[at].to, i + 1);
	if (!node->param && !node->has_rest)
		return;
	l->params[l->n_params++] = *s; /* fits: the route beyond has at most as many */
	if (node->param && s->n > 0)
		walk(l, node->param, i + 1);
	if (node->has_rest)
		take(l, node->rest, true);
	l->n_params--;
}

bool router_match(const struct router *r, enum http_method_id m, struct uri_path *path,
		  struct route_match *ret)
{
	/* A method that no route can have: nothing fits, and what the path allows is still told. */
	struct lookup l = { .method = m == METHOD_N ? METHOD_OPTIONS : m,
			    .path = path,
			    .match = ret };
	*ret = (struct route_match){ 0 };
	walk(&l, &r->root, 0);
	if (ret->methods & 1u << METHOD_GET)
		ret->methods |= 1u << METHOD_HEAD;
	if (ret->cors_methods & 1u << METHOD_GET)
		ret->cors_methods |= 1u << METHOD_HEAD;
	if (!ret->route)
		return ret->methods != 0;
	/* The NUL takes the place of the slash behind; "{rest*}" ends with the path itself. */
	for (size_t i = 0; i < ret->n_params - (ret->rest ? 1 : 0); i++)
		path->text[ret->params[i].at + ret->params[i].n] = '\0';
	return true;
}

int route_param_index(const struct http_route *route, const char *name)
{
	int index = 0;
	for (const char *p = route->pattern; *p;) {
		struct pattern_segment s = next_segment(&p);
		if (!s.param)
			continue;
		if (strlen(name) == s.n && memcmp(name, s.text, s.n) == 0)
			return index;
		index++;
	}
	return -1;
}
