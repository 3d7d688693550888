/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands in Flyve's words, see order.h.
 */
#include "channel/flyve/order.h"

#include "base/json.h"
#include <inttypes.h>
#include <string.h>

static const struct flyve_order orders[] = {
	{ "ping", "Command/Ping", "query", "Ping", false, 1, FLYVE_DONE_BY_ANSWER },
	{ "locate", "Command/Geolocate", "query", "Geolocate", false, 1, FLYVE_DONE_BY_ANSWER },
	{ "inventory", "Command/Inventory", "query", "Inventory", false, 1, FLYVE_DONE_BY_ANSWER },
	{ "lock", "Command/Lock", "lock", "now", true, 1, FLYVE_DONE_BY_SIGHT },
	{ "unlock", "Command/Lock", "lock", "unlock", true, 1, FLYVE_DONE_BY_SIGHT },
	{ "wipe", "Command/Wipe", "wipe", "now", true, 2, FLYVE_DONE_BY_RETURN },
	{ "unenroll", FLYVE_UNENROLL_SUFFIX, "unenroll", "now", true, 1, FLYVE_DONE_BY_LEAVING },
	{ "reset_password", "Command/ResetPassword", NULL, NULL, true, 1, FLYVE_DONE_BY_SIGHT },
};

const struct flyve_order *flyve_order_find(const char *type)
{
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++)
		if (strcmp(orders[i].type, type) == 0)
			return &orders[i];
	return NULL;
}

static const char *text_of(json_t *steals, struct arena *a)
{
	CLEANUP(free_charp) char *text = json_text(steals);
	json_decref(steals);
	return arena_strdup(a, text);
}

/* What D1 agents know is a policy of that name. */
static json_t *reset_password(const struct command *c)
{
	AUTO_JSON params = NULL;
	struct error ignored;
	const char *password = NULL;
	if (json_parse(span_str(c->params_json), &params, &ignored) != 0 ||
	    json_read_str(params, "password", true, &password, &ignored) != 0)
		return NULL;
	return json_pack("{s:[{s:s}]}", "policies", "resetPassword", password);
}

const char *flyve_order_payload(const struct flyve_order *o, const struct command *c,
				struct arena *a)
{
	json_t *m = o->key ? json_pack("{s:s}", o->key, o->value) : reset_password(c);
	if (!m)
		return NULL;
	if (o->retained) { /* queries stay byte for byte what old agents were tested with */
		json_object_set_new(m, "taskId", json_string(arena_printf(a, "%" PRId64, c->id)));
		json_object_set_new(m, "datetime", json_integer(c->created_ms / 1000));
	}
	return text_of(m, a);
}

const char *flyve_goodbye_payload(int64_t now_s, struct arena *a)
{
	return text_of(json_pack("{s:s, s:I}", "unenroll", "now", "datetime", (json_int_t)now_s),
		       a);
}

const char *flyve_subscribe_payload(const char *root, struct arena *a)
{
	json_t *list = root ? json_pack("[{s:s}]", "topic", root) : json_array();
	return text_of(json_pack("{s:o}", "subscribe", list), a);
}

const char *flyve_manifest_payload(struct arena *a)
{
	return text_of(json_pack("{s:s}", "version", REEVE_VERSION), a);
}
