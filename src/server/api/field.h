/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields: one table a noun says how its rows become JSON, CSV and a schema in the OpenAPI
 * document, and what a request's body may hold.
 *
 * A row is whatever the table's offsets and getters expect (usually a record of the model inside
 * a small view struct), or a JSON object when the schema says so. Nothing is owned here.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

enum field_as {
	AS_INT,    /* int64_t */
	AS_TEXT,   /* const char *; NULL is "" */
	AS_BOOL,   /* bool */
	AS_TIME,   /* int64_t, UTC ms; 0 is null */
	AS_JSON,   /* const char *: one JSON text, any value; "" is null */
	AS_WORDS,  /* const char *: space separated, becomes a list of strings */
	AS_OBJECT, /* computed, or of a JSON row; 'schema' names its schema, NULL: any object */
	AS_ARRAY,  /* computed, or of a JSON row; 'schema' is that of its elements, NULL: any */
	AS_TEXTS,  /* computed: a list of strings */
	AS_COUNTS, /* computed: an object of integers */
	AS_REF,    /* requests: an id or a name */
};

enum field_flag {
	FIELD_NULL = 1u << 0,     /* may be null ("" of a text, 0 of an integer become null) */
	FIELD_OPTIONAL = 1u << 1, /* answers: not always there */
	FIELD_NEEDED = 1u << 2,   /* requests: must be there */
	FIELD_KEY = 1u << 3,      /* the row is a JSON object: the value is its member 'name' */
};

struct field { /* tables end with a NULL name */
	const char *name;
	enum field_as as;
	unsigned flags;
	size_t offset;                   /* of the member in the row, when 'get' is NULL */
	json_t *(*get)(const void *row); /* computed: a new reference; NULL is null */
	const char *schema;
	const char *doc;
};

#define FIELD_AT(row, member, name_, as_, flags_, doc_)                                            \
	{                                                                                          \
		.name = (name_), .as = (as_), .flags = (flags_), .offset = offsetof(row, member),  \
		.doc = (doc_)                                                                      \
	}
#define FIELD_GET(fn, name_, as_, flags_, doc_)                                                    \
	{                                                                                          \
		.name = (name_), .as = (as_), .flags = (flags_), .get = (fn), .doc = (doc_)        \
	}
#define FIELD_OF(name_, as_, flags_, doc_) /* of a JSON row or a request */                        \
	{                                                                                          \
		.name = (name_), .as = (as_), .flags = (flags_) | FIELD_KEY, .doc = (doc_)         \
	}
#define FIELD_REF(name_, as_, flags_, schema_, doc_) /* the same, with a schema of its own */      \
	{                                                                                          \
		.name = (name_), .as = (as_), .flags = (flags_) | FIELD_KEY, .schema = (schema_),  \
		.doc = (doc_)                                                                      \
	}

struct schema { /* a name in the OpenAPI components */
	const char *name;
	const struct field *fields;
	bool list;                     /* lists of it exist: NAMEList */
	bool request;                  /* a request's body: unknown keys are errors */
	const struct field *also;      /* members that rows of lists do not have, or NULL */
	const struct field *list_also; /* of a list, beside items and next; or NULL */
};

/* The row as an object, keys in the table's order; owned by the caller. */
json_t *fields_to_json(const struct field *fields, const void *row);
void fields_csv_header(const struct field *fields, struct buf *out);
void fields_csv_row(const struct field *fields, const void *row, struct buf *out);
/* An object of these fields: unknown keys, missing ones and wrong types are ERR_INVALID naming
 * the key. null is the same as a missing key, unless the field may be null. */
int fields_check(const struct field *fields, const json_t *object, struct error *err) WARN_UNUSED;
/* The JSON Schema (2020-12) of an object of these fields; owned by the caller. */
json_t *schema_to_json(const struct schema *s);
