/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables as data, made from model/records.def: what backends generate their statements,
 * indexes and copies from; and what is done by descriptor alone. A table is AUTO when its one key
 * column is called "id".
 */
#include "store/rows.h"

#define TABLE(name, n_key)     static const struct column name##_columns[] = {
#define COL(table, type, name) { #name, COLUMN_##type, offsetof(struct table, name) },
#define INDEX(table, name, unique, ...)
#define END(table)                                                                                 \
	}                                                                                          \
	;
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END

#define POSITION(table, col)        (COLUMN_##table##_##col - COLUMN_START_##table - 1)
#define POSITIONS_1(table, a)       POSITION(table, a)
#define POSITIONS_2(table, a, b)    POSITION(table, a), POSITION(table, b)
#define POSITIONS_3(table, a, b, c) POSITION(table, a), POSITION(table, b), POSITION(table, c)
#define PICK_4TH(a, b, c, d, ...)   d
#define POSITIONS(table, ...)                                                                      \
	PICK_4TH(__VA_ARGS__, POSITIONS_3, POSITIONS_2, POSITIONS_1, )(table, __VA_ARGS__)
#define N_COLUMNS(...) PICK_4TH(__VA_ARGS__, 3, 2, 1, )

#define TABLE(name, n_key) static const struct table_index name##_indexes[] = {
#define COL(table, type, name)
#define INDEX(table, name, unique, ...)                                                            \
	{ #name, unique, { POSITIONS(table, __VA_ARGS__) }, N_COLUMNS(__VA_ARGS__) },
#define END(table)                                                                                 \
	}                                                                                          \
	;
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END

const struct table tables[TABLE_N] = {
#define TABLE(table, n)                                                                            \
	[TABLE_##table] = {                                                                        \
		.n_key = n, .auto_key = n == 1 && (false
#define COL(table, type, name) || __builtin_strcmp(#name, "id") == 0
#define INDEX(table, name, unique, ...)
#define END(table)                                                                                 \
		),                                                                                 \
		.name = #table,                                                                    \
		.record_size = sizeof(struct table),                                               \
		.columns = table##_columns,                                                        \
		.n_columns = ARRAY_SIZE(table##_columns),                                          \
		.indexes = table##_indexes,                                                        \
		.n_indexes = ARRAY_SIZE(table##_indexes),                                          \
	}                                                                                          \
	,
#include "model/records.def"
#undef TABLE
#undef COL
#undef INDEX
#undef END
};

void record_copy(enum table_id id, const void *from, struct arena *a, void *to)
{
	const struct table *t = &tables[id];
	memcpy(to, from, t->record_size);
	for (size_t i = 0; i < t->n_columns; i++) {
		void *f = (char *)to + t->columns[i].offset;
		const char **text = f;
		struct span *blob = f;
		if (t->columns[i].type == COLUMN_TEXT)
			*text = *text && **text ? arena_strdup(a, *text) : "";
		else if (t->columns[i].type == COLUMN_BLOB)
			*blob = blob->n ? arena_dup(a, *blob) : (struct span){ NULL, 0 };
	}
}

unsigned filter_fields(const struct filter *f)
{
	unsigned fields = 0;
	for (; f; f = f->right) { /* a loop to the right: chains of "or" lean to the left */
		if (f->type == FILTER_COMPARE)
			return fields | 1u << f->field;
		if (f->type == FILTER_TRUE)
			return fields;
		fields |= filter_fields(f->left);
		if (f->type == FILTER_NOT)
			return fields;
	}
	return fields;
}
