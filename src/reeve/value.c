/* SPDX-License-Identifier: Apache-2.0
 *
 * Values on the command line; see cli.h.
 */
#include "base/clock.h"
#include "reeve/cli.h"
#include <errno.h>

int value_parse(const char *text, json_t **ret, struct error *err)
{
	struct error problem;
	int r = json_parse(span_str(text), ret, &problem);
	if (r <= 0)
		return r;
	if (*text && strchr("{[\"", *text)) /* meant to be JSON: a typing mistake, not a word */
		return error_set(err, ERR_INVALID, "\"%.60s\" is %s", text, problem.message);
	*ret = json_string(text);
	return *ret ? 0 : error_set(err, ERR_INVALID, "the value is not UTF-8");
}

int values_parse(const struct option_list *items, json_t **ret, struct error *err)
{
	AUTO_JSON o = json_object();
	for (int i = 0; i < items->n; i++) {
		const char *equals = strchr(items->items[i], '=');
		json_t *v;
		if (!equals || equals == items->items[i])
			return error_set(err, ERR_INVALID, "\"%.60s\" is not NAME=VALUE",
					 items->items[i]);
		CLEANUP(free_charp)
		char *key = strndup(items->items[i], (size_t)(equals - items->items[i]));
		if (!key)
			return -ENOMEM;
		if (json_object_get(o, key))
			return error_set(err, ERR_INVALID, "\"%.60s\" is given twice", key);
		int r = value_parse(equals + 1, &v, err);
		if (r != 0)
			return r;
		if (json_object_set_new(o, key, v) < 0)
			return error_set(err, ERR_INVALID, "\"%.60s\" is not UTF-8", key);
	}
	*ret = TAKE(o);
	return 0;
}

void body_str(json_t *body, const char *key, const char *value)
{
	if (value)
		json_object_set_new(body, key, json_string(value));
}

void body_expires(json_t *body)
{
	char text[CLOCK_TEXT_SIZE];
	if (opt.expires_ms != OPT_NONE)
		body_str(body, "expires", duration_format(opt.expires_ms, text));
}
