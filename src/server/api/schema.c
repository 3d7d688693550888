/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Schemas (2020-12, as OpenAPI 3.1 uses them) of field tables: see field.h.
 */
#include "server/api/field.h"
#include <string.h>

/* {"type": name}, or {"type": [name, "null"]} */
static json_t *typed(const char *name, bool nullable)
{
	if (nullable)
		return json_pack("{s:[s,s]}", "type", name, "null");
	return json_pack("{s:s}", "type", name);
}

static json_t *reference(const char *schema)
{
	return json_pack("{s:o}", "$ref", json_sprintf("#/components/schemas/%s", schema));
}

static json_t *object_schema(const struct field *f, bool nullable)
{
	if (!f->schema)
		return typed("object", nullable);
	if (nullable)
		return json_pack("{s:[o,o]}", "anyOf", reference(f->schema), typed("null", false));
	return reference(f->schema);
}

static json_t *list_schema(json_t *items, bool nullable)
{
	json_t *list = typed("array", nullable);
	json_object_set_new(list, "items", items);
	return list;
}

static json_t *field_schema(const struct field *f, bool request)
{
	bool nullable = (f->flags & FIELD_NULL) || (request && !(f->flags & FIELD_NEEDED));
	json_t *s = NULL;
	switch (f->as) {
	case AS_INT:
		return typed("integer", nullable);
	case AS_TEXT:
		return typed("string", nullable);
	case AS_BOOL:
		return typed("boolean", nullable);
	case AS_TIME:
		s = typed("string", nullable || !request);
		json_object_set_new(s, "format", json_string("date-time"));
		return s;
	case AS_JSON:
		return json_object();
	case AS_OBJECT:
		return object_schema(f, nullable);
	case AS_ARRAY:
		return list_schema(f->schema ? reference(f->schema) : json_object(), nullable);
	case AS_WORDS:
	case AS_TEXTS:
		return list_schema(typed("string", false), nullable);
	case AS_COUNTS:
		s = typed("object", nullable);
		json_object_set_new(s, "additionalProperties", typed("integer", false));
		return s;
	case AS_REF:
		return json_pack("{s:[s,s,s]}", "type", "string", "integer", "null");
	}
	return json_object();
}

static void add_fields(const struct schema *s, const struct field *fields, json_t *properties,
		       json_t *required)
{
	for (const struct field *f = fields; f && f->name; f++) {
		json_t *p = field_schema(f, s->request);
		if (f->doc)
			json_object_set_new(p, "description", json_string(f->doc));
		json_object_set_new(properties, f->name, p);
		if (s->request ? f->flags & FIELD_NEEDED : !(f->flags & FIELD_OPTIONAL))
			json_array_append_new(required, json_string(f->name));
	}
}

json_t *schema_to_json(const struct schema *s)
{
	json_t *properties = json_object(), *required = json_array();
	add_fields(s, s->fields, properties, required);
	add_fields(s, s->also, properties, required);
	return json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties", properties,
			 "required", required, "additionalProperties", 0);
}
