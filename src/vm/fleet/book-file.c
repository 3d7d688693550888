/* SPDX-License-Identifier: Apache-2.0
 *
 * The book as JSON, and what a restart means for it: commands that nobody answered are failed.
 */
#include "base/file.h"
#include "vm/fleet/book.h"
#include <errno.h>

#define FILE_MAX (8u << 20)

/* ---- writing ---- */

static json_t *child_json(const struct book_child *c)
{
	json_t *j = json_pack("{s:O, s:O, s:I, s:b}", "facts", c->facts, "sent", c->sent, "id",
			      (json_int_t)c->id, "refused", c->refused);
	if (c->token)
		json_object_set_new(j, "token", json_string(c->token));
	return j;
}

static json_t *command_json(const struct book_command *c)
{
	json_t *j = json_pack("{s:I, s:s, s:s, s:O, s:b, s:b, s:s}", "id", (json_int_t)c->id, "key",
			      c->key, "type", c->type, "params", c->params, "finished",
			      c->state == BOOK_FINISHED, "done", c->done, "message", c->message);
	if (c->result)
		json_object_set(j, "result", c->result);
	return j;
}

static json_t *ids_json(const int64_t *ids, size_t n)
{
	json_t *j = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_integer(ids[i]));
	return j;
}

json_t *book_to_json(const struct book *b)
{
	json_t *children = json_array(), *commands = json_array();
	for (size_t i = 0; i < b->n; i++)
		json_array_append_new(children, child_json(b->children[i]));
	for (size_t i = 0; i < b->n_commands; i++)
		json_array_append_new(commands, command_json(&b->commands[i]));
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "server",
			 b->server ? b->server : "", "enrollment_key", b->enrollment_key, "left",
			 b->left, "leaving", b->leaving, "host", child_json(&b->host), "children",
			 children, "gone", ids_json(b->gone, b->n_gone), "commands", commands,
			 "ran", ids_json(b->ran, b->n_ran));
}

/* ---- reading ---- */

static int read_child(struct book_child *c, const json_t *j, struct error *err)
{
	json_t *facts = NULL, *sent = NULL;
	const char *token = NULL;
	int64_t id = 0;
	int r = json_read_object(j, "facts", true, &facts, err);
	r = r ? r : json_read_object(j, "sent", true, &sent, err);
	r = r ? r : json_read_str(j, "token", false, &token, err);
	r = r ? r : json_read_int(j, "id", true, &id, err);
	r = r ? r : json_read_bool(j, "refused", false, &c->refused, err);
	if (r)
		return r;
	json_decref(c->facts);
	json_decref(c->sent);
	json_decref(c->attributes);
	c->facts = json_incref(facts);
	c->sent = json_deep_copy(sent);
	c->attributes = json_deep_copy(sent); /* until somebody says how it is */
	c->id = token && *token ? id : 0;
	c->token = c->id ? strdup(token) : NULL;
	if (c->id && !c->token)
		abort();
	return 0;
}

static int read_children(struct book *b, const json_t *list, struct error *err)
{
	size_t i;
	json_t *item;
	json_array_foreach (list, i, item) {
		json_t *facts = NULL;
		const char *key = NULL, *kind = NULL;
		int r = json_read_object(item, "facts", true, &facts, err);
		r = r ? r : json_read_str(facts, "key", true, &key, err);
		r = r ? r : json_read_str(facts, "kind", true, &kind, err);
		if (r)
			return r;
		struct book_child *c =
			book_put(b, &(struct fleet_child){ .key = key, .kind = kind });
		if (!c)
			return error_set(err, ERR_INVALID, "children: too many, or a bad key");
		c->present = false;
		r = read_child(c, item, err);
		if (r)
			return r;
	}
	return 0;
}

static int read_command(struct book *b, const json_t *j, struct error *err)
{
	const char *key = NULL, *type = NULL, *message = "";
	json_t *params = NULL, *result = NULL;
	bool finished = false, done = false;
	int64_t id = 0;
	int r = json_read_int(j, "id", true, &id, err);
	r = r ? r : json_read_str(j, "key", true, &key, err);
	r = r ? r : json_read_str(j, "type", true, &type, err);
	r = r ? r : json_read_object(j, "params", false, &params, err);
	r = r ? r : json_read_object(j, "result", false, &result, err);
	r = r ? r : json_read_bool(j, "finished", false, &finished, err);
	r = r ? r : json_read_bool(j, "done", false, &done, err);
	r = r ? r : json_read_str(j, "message", false, &message, err);
	if (r || !book_take(b, key, id, type, params))
		return r;
	book_finish(book_command(b, id), finished && done,
		    finished ? message : "reeve-host was restarted meanwhile", json_incref(result));
	return 0;
}

static void read_ids(const json_t *list, int64_t *ids, size_t max, size_t *ret_n)
{
	size_t i;
	json_t *item;
	*ret_n = 0;
	json_array_foreach (list, i, item)
		if (json_is_integer(item) && *ret_n < max)
			ids[(*ret_n)++] = json_integer_value(item);
}

int book_from_json(struct book *b, const json_t *j, struct error *err)
{
	const char *server = "", *key = "", *left = "";
	json_t *host = NULL, *children = NULL, *commands = NULL, *item;
	size_t i;
	int r = json_read_str(j, "server", true, &server, err);
	r = r ? r : json_read_str(j, "enrollment_key", false, &key, err);
	r = r ? r : json_read_str(j, "left", false, &left, err);
	r = r ? r : json_read_bool(j, "leaving", false, &b->leaving, err);
	r = r ? r : json_read_object(j, "host", true, &host, err);
	r = r ? r : json_read_array(j, "children", true, &children, err);
	r = r ? r : json_read_array(j, "commands", true, &commands, err);
	r = r ? r : read_child(&b->host, host, err);
	r = r ? r : read_children(b, children, err);
	if (r)
		return r;
	b->server = strdup(server);
	if (!b->server)
		abort();
	snprintf(b->enrollment_key, sizeof b->enrollment_key, "%s", key);
	snprintf(b->left, sizeof b->left, "%s", left);
	read_ids(json_object_get(j, "gone"), b->gone, BOOK_GONE_MAX, &b->n_gone);
	read_ids(json_object_get(j, "ran"), b->ran, BOOK_REMEMBERED, &b->n_ran);
	json_array_foreach (commands, i, item)
		if ((r = read_command(b, item, err)))
			return r;
	b->dirty = false;
	return 0;
}

int book_load(struct book *b, const char *path, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	AUTO_JSON j = NULL;
	buf_init(&text, FILE_MAX);
	int r = file_read(path, &text);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	r = json_parse(buf_span(&text), &j, err);
	if (r == 0 && !json_is_object(j))
		r = error_set(err, ERR_INVALID, "%s is not a JSON object", path);
	r = r ? r : book_from_json(b, j, err);
	secret_erase(text.p, text.n);
	return r;
}
