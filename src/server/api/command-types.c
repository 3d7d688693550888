/* SPDX-License-Identifier: Apache-2.0
 *
 * What may be sent to devices: the rows of model/command.def, for forms and for people.
 */
#include "model/command.h"
#include "model/shape.h"
#include "server/api/list.h"
#include "server/api/nouns.h"

static const struct field command_param_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("type", AS_TEXT, 0,
		 "string strings boolean integer object id percent, secret: shown to nobody"),
	FIELD_OF("required", AS_BOOL, 0, NULL),
	{ 0 },
};
const struct schema command_param_schema = { .name = "CommandParam",
					     .fields = command_param_fields };

static const struct field command_type_fields[] = {
	FIELD_OF("name", AS_TEXT, 0, NULL),
	FIELD_OF("kinds", AS_TEXTS, 0, "Kinds of devices that can do it"),
	FIELD_OF("channels", AS_TEXTS, 0, "Channels that have a word for it"),
	FIELD_OF("destructive", AS_BOOL, 0, "Needs the scope commands:destructive"),
	FIELD_REF("params", AS_ARRAY, 0, "CommandParam", NULL),
	FIELD_OF("expires_s", AS_INT, 0, "Seconds until it expires, unless it says otherwise"),
	FIELD_OF("doc", AS_TEXT, 0, NULL),
	{ 0 },
};
const struct schema command_type_schema = { .name = "CommandType",
					    .fields = command_type_fields,
					    .list = true };

static json_t *kinds_of(const struct command_type *t)
{
	json_t *names = json_array();
	for (unsigned k = 0; k < KIND_N; k++)
		if (t->kinds & 1u << k)
			json_array_append_new(names, json_string(kind_name((enum kind)k)));
	return names;
}

static json_t *channels_of(const struct command_type *t)
{
	json_t *names = json_array();
	for (unsigned c = 0; c < CHANNEL_N; c++)
		if (t->channels & 1u << c)
			json_array_append_new(names, json_string(channel_name((enum channel)c)));
	return names;
}

static int command_type_scan(struct list_page *p, struct error *err)
{
	for (size_t i = 0; i < command_type_n(); i++) {
		const struct command_type *t = command_type_at(i);
		if (strcmp(t->name, p->after) <= 0)
			continue;
		AUTO_JSON row =
			json_pack("{s:s, s:o, s:o, s:b, s:o, s:I, s:s}", "name", t->name, "kinds",
				  kinds_of(t), "channels", channels_of(t), "destructive",
				  t->destructive, "params", shape_to_json(t->params), "expires_s",
				  (json_int_t)(t->life_ms / 1000), "doc", t->doc);
		if (list_row_named(p, t->name, row))
			break;
	}
	return 0;
}

API_HANDLER(command_type_list)
{
	static const struct list list = { .name = "command-types",
					  .fields = command_type_fields,
					  .scan = command_type_scan,
					  .by_name = true };
	return list_reply(req, &list, NULL, err);
}
