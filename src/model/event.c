/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of event types, made from event.def.
 */
#include "model/event.h"

static const struct {
	const char *name, *doc;
	bool rings;
} types[EVENT_N] = {
#define EVENT(id, event_name, event_rings, event_doc)                                              \
	[EVENT_##id] = { event_name, event_doc, event_rings },
#include "model/event.def"
#undef EVENT
};

const char *event_type_name(enum event_type t)
{
	return (size_t)t < EVENT_N ? types[t].name : "unknown";
}

const char *event_type_doc(enum event_type t)
{
	return (size_t)t < EVENT_N ? types[t].doc : "";
}

bool event_type_parse(const char *name, enum event_type *ret)
{
	for (size_t i = 0; name && i < EVENT_N; i++)
		if (strcmp(types[i].name, name) == 0) {
			*ret = (enum event_type)i;
			return true;
		}
	return false;
}

bool event_rings(enum event_type t)
{
	return (size_t)t < EVENT_N && types[t].rings;
}
