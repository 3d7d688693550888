/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses and requests of the admin API, as the commands make them; see cli.h.
 */
#include "reeve/cli.h"
#include <errno.h>
#include <stdarg.h>

#define PAGE_MAX 1000 /* items of one page that the server gives */

/* ---- addresses ---- */

static void add_pattern(struct url *u, const char *pattern, va_list ap)
{
	buf_init(&u->text, 1u << 20);
	u->has_query = false;
	buf_add_str(&u->text, "/api/v1");
	for (const char *brace; (brace = strstr(pattern, "{}")); pattern = brace + 2) {
		buf_add(&u->text, pattern, (size_t)(brace - pattern));
		buf_add_percent(&u->text, va_arg(ap, const char *), "");
	}
	buf_add_str(&u->text, pattern);
}

void url_init_server(struct url *u, const char *pattern, ...)
{
	va_list ap;
	va_start(ap, pattern);
	add_pattern(u, pattern, ap);
	va_end(ap);
}

void url_init(struct url *u, const char *pattern, ...)
{
	va_list ap;
	va_start(ap, pattern);
	add_pattern(u, pattern, ap);
	va_end(ap);
	url_param(u, "org", opt.org);
}

void url_fini(struct url *u)
{
	buf_fini(&u->text);
}

void url_param(struct url *u, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(&u->text, "%c%s=", u->has_query ? '&' : '?', name);
	buf_add_percent(&u->text, value, "");
	u->has_query = true;
}

void url_param_int(struct url *u, const char *name, int64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%lld", (long long)value);
	url_param(u, name, text);
}

/* ---- asking ---- */

int cli_send(struct cli *c, const char *method, struct url *u, json_t *body, json_t **ret,
	     struct error *err)
{
	AUTO_JSON owned = body;
	struct client *client;
	if (u->text.failed)
		return -ENOMEM;
	int r = cli_client(c, &client, err);
	if (r != 0)
		return r;
	struct request q = REQUEST_INIT(method, buf_str(&u->text));
	q.json = owned;
	q.idempotency_key = strcmp(method, "POST") == 0 ? opt.idempotency_key : NULL;
	r = client_send(client, &q, ret, err);
	if (r == 0 && ret && !*ret) /* an empty answer where a thing was expected */
		*ret = json_object();
	return r;
}

int cli_get(struct cli *c, struct url *u, json_t **ret, struct error *err)
{
	return cli_send(c, "GET", u, NULL, ret, err);
}

static int one_page(struct cli *c, const struct url *u, int64_t size, const char *cursor,
		    json_t **ret, struct error *err)
{
	struct url page = { .has_query = u->has_query };
	buf_init(&page.text, 1u << 20);
	buf_add_str(&page.text, buf_str(&u->text));
	url_param_int(&page, "limit", size);
	url_param(&page, "cursor", cursor);
	int r = cli_get(c, &page, ret, err);
	url_fini(&page);
	return r;
}

int cli_pages(struct cli *c, struct url *u, int64_t limit, cli_page_fn *fn, void *user,
	      struct error *err)
{
	CLEANUP(free_charp) char *cursor = NULL;
	int64_t n = 0;
	for (;;) {
		AUTO_JSON page = NULL;
		json_t *items = NULL;
		const char *next = NULL;
		int64_t want = limit > 0 && limit - n < PAGE_MAX ? limit - n : PAGE_MAX;
		int r = one_page(c, u, want, cursor, &page, err);
		if (r == 0)
			r = json_read_array(page, "items", true, &items, err);
		if (r == 0)
			r = json_read_str(page, "next", false, &next, err);
		if (r == 0)
			r = fn(c, items, user);
		if (r != 0)
			return r;
		n += (int64_t)json_array_size(items);
		if (!next || (limit > 0 && n >= limit))
			return 0;
		free(cursor);
		cursor = strdup(next);
		if (!cursor)
			return -ENOMEM;
	}
}

static int print_page(struct cli *c, const json_t *items, void *user)
{
	return output_list_items(&c->out, items);
}

int cli_list(struct cli *c, struct url *u, const struct view *view, struct error *err)
{
	int r = output_list_begin(&c->out, view);
	if (r == 0)
		r = cli_pages(c, u, opt.limit, print_page, NULL, err);
	return r == 0 ? output_list_end(&c->out) : r;
}

int cli_show(struct cli *c, struct url *u, const struct view *view, struct error *err)
{
	AUTO_JSON thing = NULL;
	int r = cli_get(c, u, &thing, err);
	return r == 0 ? output_object(&c->out, view, thing) : r;
}

/* ---- names ---- */

static bool is_number(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

struct search {
	const char *name;
	char ids[200]; /* of all that match: "3, 7" */
	int n;
};

static int search_page(struct cli *c, const json_t *items, void *user)
{
	struct search *s = user;
	size_t i, used = strlen(s->ids);
	json_t *item;
	json_array_foreach ((json_t *)items, i, item) {
		const char *name = json_string_value(json_object_get(item, "name"));
		if (!name || strcmp(name, s->name) != 0)
			continue;
		snprintf(s->ids + used, sizeof s->ids - used, "%s%lld", s->n > 0 ? ", " : "",
			 (long long)json_integer_value(json_object_get(item, "id")));
		used = strlen(s->ids);
		s->n++;
	}
	return 0;
}

int cli_find_id(struct cli *c, struct url *list, const char *what, const char *ref,
		const char **ret_id, struct error *err)
{
	struct search s = { .name = ref };
	*ret_id = ref;
	if (is_number(ref))
		return 0;
	int r = cli_pages(c, list, 0, search_page, &s, err);
	if (r != 0)
		return r;
	if (s.n == 0)
		return error_set(err, ERR_NOT_FOUND, "there is no %s \"%.100s\"", what, ref);
	if (s.n > 1)
		return error_set(err, ERR_CONFLICT,
				 "%d of them are called \"%.100s\"; give the id: %s", s.n, ref,
				 s.ids);
	*ret_id = arena_strdup(&c->arena, s.ids);
	return 0;
}

int cli_device(struct cli *c, const char **ref, struct error *err)
{
	CLEANUP(buf_fini) struct buf filter;
	struct url u;
	buf_init(&filter, 64u << 10);
	buf_add_str(&filter, "name=\"");
	for (const char *s = *ref; *s; s++)
		buf_addf(&filter, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
	buf_add_str(&filter, "\"");
	url_init(&u, "/devices");
	url_param(&u, "filter", buf_str(&filter));
	int r = cli_find_id(c, &u, "device", *ref, ref, err);
	url_fini(&u);
	return r;
}
