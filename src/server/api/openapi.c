/* SPDX-License-Identifier: Apache-2.0
 *
 * The OpenAPI document: see openapi.h. A route says which statuses it answers with beyond the
 * common ones; which of these apply follows from the row (authentication, body, parameters).
 */
#include "server/api/openapi.h"
#include "server/api/nouns.h"
#include "server/api/state.h"
#include <string.h>

#define COMPONENT "#/components/schemas/"

/* Schemas that are no table of fields. */
static const struct special {
	const char *name, *media_type;
	const char *schema; /* JSON */
} specials[] = {
	{ "Bytes", "application/octet-stream", "{}" },
	{ "EventStream", "text/event-stream", "{\"type\":\"string\"}" },
	{ "Inventory", "application/json", "{\"type\":\"object\"}" },
	{ "OpenApi", "application/json", "{\"type\":\"object\"}" },
	{ "CommandOrSent", "application/json",
	  "{\"anyOf\":[{\"$ref\":\"" COMPONENT "Command\"},{\"$ref\":\"" COMPONENT
	  "CommandsSent\"}]}" },
};

static const struct special *special_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_SIZE(specials); i++)
		if (strcmp(specials[i].name, name) == 0)
			return &specials[i];
	return NULL;
}

static json_t *reference(const char *schema)
{
	return json_pack("{s:o}", "$ref", json_sprintf(COMPONENT "%s", schema));
}

static json_t *content(const char *media_type, json_t *schema)
{
	return json_pack("{s:{s:o}}", media_type, "schema", schema);
}

/* ---- answers ---- */

static bool is_list(const char *schema)
{
	size_t n = strlen(schema);
	return n > 4 && strcmp(schema + n - 4, "List") == 0;
}

static json_t *success(const struct http_route *r)
{
	const struct special *special = special_find(r->response_schema);
	json_t *answer = json_pack("{s:s}", "description", r->doc ? r->doc : "");
	if (!r->response_schema)
		return answer;
	json_t *media = content(special ? special->media_type : "application/json",
				reference(r->response_schema));
	if (is_list(r->response_schema))
		json_object_set_new(media, "text/csv",
				    json_pack("{s:{s:s}}", "schema", "type", "string"));
	json_object_set_new(answer, "content", media);
	return answer;
}

static json_t *problem(const char *status)
{
	static const struct {
		const char *status, *doc;
	} docs[] = {
		{ "400", "The request is not valid" },
		{ "401", "Authentication is missing or wrong" },
		{ "403", "Not allowed" },
		{ "404", "Not found" },
		{ "409", "In conflict with what is there" },
		{ "410", "No longer managed" },
		{ "412", "Changed in the meantime" },
		{ "413", "The body is too large, or none is taken here" },
		{ "415", "The body's type is another one" },
		{ "429", "Too many requests; Retry-After says when" },
		{ "500", "Internal error" },
		{ "503", "Temporarily unavailable; Retry-After says when" },
		{ "507", "The server's disk is full" },
	};
	const char *doc = "See the documentation";
	for (size_t i = 0; i < ARRAY_SIZE(docs); i++)
		if (strcmp(docs[i].status, status) == 0)
			doc = docs[i].doc;
	return json_pack("{s:s, s:o}", "description", doc, "content",
			 content("application/problem+json", reference("Problem")));
}

static void add_common(json_t *answers, const struct http_route *r)
{
	const struct {
		const char *status;
		bool applies;
	} common[] = {
		{ "400", r->body_max > 0 || r->strict_query || strchr(r->pattern, '{') },
		{ "401", r->auth != AUTH_NONE },
		{ "403", r->auth == AUTH_ADMIN },
		{ "404", strchr(r->pattern, '{') != NULL },
		{ "410", r->auth == AUTH_DEVICE },
		{ "413", true },
		{ "415", r->content_type != NULL },
		{ "429", r->rate != RATE_NONE },
		{ "500", true },
		{ "503", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(common); i++)
		if (common[i].applies && !json_object_get(answers, common[i].status))
			json_object_set_new(answers, common[i].status, problem(common[i].status));
}

/* Each word of the row's statuses: 2xx and 3xx are what the row answers, others are problems. */
static json_t *answers(const struct http_route *r)
{
	json_t *all = json_object();
	char status[4];
	for (const char *p = r->statuses ? r->statuses : "200"; *p; p += strspn(p, " ")) {
		snprintf(status, sizeof status, "%.3s", p);
		p += strcspn(p, " ");
		if (status[0] > '3')
			json_object_set_new(all, status, problem(status));
		else if (status[0] == '3' || strcmp(status, "204") == 0)
			json_object_set_new(all, status, json_pack("{s:s}", "description", r->doc));
		else
			json_object_set_new(all, status, success(r));
	}
	add_common(all, r);
	return all;
}

/* ---- parameters ---- */

static json_t *parameter(const char *in, const char *name, const char *type, const char *doc)
{
	return json_pack("{s:s, s:s, s:b, s:s, s:{s:s}}", "name", name, "in", in, "required",
			 strcmp(in, "path") == 0, "description", doc, "schema", "type", type);
}

static void add_path_parameters(json_t *all, const char *pattern)
{
	static const struct {
		const char *name, *type, *doc;
	} known[] = {
		{ "id", "integer", "Its id" },
		{ "org", "string", "Id or name" },
		{ "fleet", "string", "Id, unique name, or path (URL-encoded)" },
		{ "name", "string", "Name of the setting" },
	};
	char name[64];
	for (const char *p = pattern; (p = strchr(p, '{')); p++) {
		size_t known_at = 0;
		snprintf(name, sizeof name, "%.*s", (int)strcspn(p + 1, "*}"), p + 1);
		while (known_at < ARRAY_SIZE(known) && strcmp(known[known_at].name, name) != 0)
			known_at++;
		bool found = known_at < ARRAY_SIZE(known);
		json_array_append_new(all, parameter("path", name,
						     found ? known[known_at].type : "string",
						     found ? known[known_at].doc : name));
	}
}

static json_t *parameters(const struct http_route *r)
{
	json_t *all = json_array();
	add_path_parameters(all, r->pattern);
	for (const struct http_param *q = r->params; q && q->name; q++)
		json_array_append_new(
			all,
			parameter("query", q->name,
				  strcmp(q->type, "duration") == 0 ? "string" : q->type, q->doc));
	if (r->statuses && strstr(r->statuses, "412"))
		json_array_append_new(all, parameter("header", "If-Match", "string",
						     "ETag that must still be the current one"));
	if (r->auth == AUTH_ADMIN && strcmp(r->method, "POST") == 0)
		json_array_append_new(
			all, parameter("header", "Idempotency-Key", "string",
				       "The same key and request, within a day: the same answer"));
	return all;
}

/* ---- operations ---- */

static json_t *security(int auth)
{
	switch ((enum auth)auth) {
	case AUTH_NONE:
		return json_array();
	case AUTH_DEVICE:
		return json_pack("[{s:[]}]", "deviceToken");
	case AUTH_ADMIN:
		return json_pack("[{s:[]}, {s:[]}, {s:[]}]", "apiToken", "apiKey", "session");
	}
	return json_array();
}

static json_t *request_body(const struct http_route *r)
{
	const char *type = r->content_type ? r->content_type : "application/octet-stream";
	json_t *schema = r->request_schema ? reference(r->request_schema) : json_object();
	return json_pack("{s:b, s:o}", "required", 1, "content", content(type, schema));
}

/* The first folder below /api/v1 or /device/v1, or the first of all: "devices". */
static json_t *tag(const char *pattern)
{
	static const char *const roots[] = { "/api/v1/", "/device/v1/", "/" };
	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		size_t n = strlen(roots[i]);
		if (strncmp(pattern, roots[i], n) == 0)
			return json_stringn(pattern + n, strcspn(pattern + n, "/{"));
	}
	return json_string("other");
}

static json_t *operation(const struct http_route *r)
{
	json_t *o =
		json_pack("{s:s*, s:s*, s:[o], s:o, s:o, s:o}", "operationId", r->name, "summary",
			  r->doc, "tags", tag(r->pattern), "parameters", parameters(r), "responses",
			  answers(r), "security", security(r->auth));
	if (r->body_max > 0)
		json_object_set_new(o, "requestBody", request_body(r));
	if (r->scope)
		json_object_set_new(o, "x-scope", json_string(r->scope));
	return o;
}

/* "/files/{rest*}" -> "/files/{rest}" */
static void path_of(const char *pattern, char path[256])
{
	size_t n = 0;
	for (; *pattern && n < 255; pattern++)
		if (*pattern != '*')
			path[n++] = *pattern;
	path[n] = '\0';
}

static json_t *paths(const struct http_route *const *tables)
{
	json_t *all = json_object();
	char path[256], method[8];
	for (; *tables; tables++) {
		for (const struct http_route *r = *tables; r->method; r++) {
			path_of(r->pattern, path);
			size_t n = 0;
			for (; r->method[n] && n < sizeof method - 1; n++)
				method[n] = (char)(r->method[n] | 0x20);
			method[n] = '\0';
			if (!json_object_get(all, path))
				json_object_set_new(all, path, json_object());
			json_object_set_new(json_object_get(all, path), method, operation(r));
		}
	}
	return all;
}

/* ---- components ---- */

static void add_list(json_t *all, const struct schema *s)
{
	char name[80];
	json_t *list =
		json_pack("{s:s, s:{s:{s:s, s:o}, s:{s:s, s:s}}, s:[s]}", "type", "object",
			  "properties", "items", "type", "array", "items", reference(s->name),
			  "next", "type", "string", "description",
			  "Cursor of the next page; not there at the end", "required", "items");
	if (s->list_also) {
		const struct schema also = { .name = s->name, .fields = s->list_also };
		json_t *more = schema_to_json(&also);
		json_object_update(json_object_get(list, "properties"),
				   json_object_get(more, "properties"));
		json_array_extend(json_object_get(list, "required"),
				  json_object_get(more, "required"));
		json_decref(more);
	}
	json_object_set_new(list, "additionalProperties", json_false());
	snprintf(name, sizeof name, "%sList", s->name);
	json_object_set_new(all, name, list);
}

static json_t *schemas(void)
{
	json_t *all = json_object();
	for (const struct schema *const *s = api_schemas; *s; s++) {
		json_object_set_new(all, (*s)->name, schema_to_json(*s));
		if ((*s)->list)
			add_list(all, *s);
	}
	for (size_t i = 0; i < ARRAY_SIZE(specials); i++)
		json_object_set_new(all, specials[i].name, json_loads(specials[i].schema, 0, NULL));
	return all;
}

static json_t *security_schemes(void)
{
	return json_pack("{s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s}, s:{s:s, s:s, s:s, s:s}, "
			 "s:{s:s, s:s, s:s}}",
			 "apiToken", "type", "http", "scheme", "bearer", "description",
			 "An API token", "apiKey", "type", "apiKey", "in", "header", "name",
			 "X-API-Key", "session", "type", "apiKey", "in", "cookie", "name",
			 "reeve_session", "description", "A session; its writes carry X-CSRF-Token",
			 "deviceToken", "type", "http", "scheme", "bearer", "description",
			 "A device token");
}

json_t *openapi_document(const struct http_route *const *tables)
{
	return json_pack(
		"{s:s, s:{s:s, s:s, s:s, s:{s:s}}, s:[{s:s}], s:o, s:{s:o, s:o}}", "openapi",
		"3.1.0", "info", "title", "Reeve", "version", REEVE_VERSION, "description",
		"The admin API (/api/v1), the device API and what else the server answers.",
		"license", "name", "Apache-2.0", "servers", "url", "/", "paths", paths(tables),
		"components", "schemas", schemas(), "securitySchemes", security_schemes());
}

API_HANDLER(openapi_show)
{
	const struct api *api = api_of(req);
	http_reply_static(req, 200, "application/json", span_str(api->openapi), NULL, NULL);
	return 0;
}
