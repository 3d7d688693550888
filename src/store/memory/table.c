/* SPDX-License-Identifier: Apache-2.0
 *
 * One table in memory: sorted arrays of pointers, one for the primary key and one an index. Finding is a
 * binary search, inserting moves pointers: fine for the sizes of tests.
 */
#include "store/memory/memory.h"

#include <assert.h>
#include <stdlib.h>

/* ---- blocks ---- */

static const void *field(const struct column *col, const void *record)
{
	return (const char *)record + col->offset;
}

static size_t extra_size(const struct column *col, const void *record)
{
	const char *text;
	switch (col->type) {
	case COLUMN_TEXT:
		text = *(const char *const *)field(col, record);
		return text ? strlen(text) + 1 : 1;
	case COLUMN_BLOB:
		return ((const struct span *)field(col, record))->n;
	case COLUMN_I64:
	case COLUMN_BOOL:
		break;
	}
	return 0;
}

void *block_new(enum table_id id, const void *record)
{
	const struct table *t = &tables[id];
	size_t size = t->record_size;
	for (size_t i = 0; i < t->n_columns; i++)
		size += extra_size(&t->columns[i], record);
	char *block = malloc(size), *end = block + t->record_size;
	if (block == NULL)
		abort();
	memcpy(block, record, t->record_size);
	for (size_t i = 0; i < t->n_columns; i++) {
		const struct column *col = &t->columns[i];
		size_t n = extra_size(col, record);
		const char **text = (const char **)(block + col->offset);
		struct span *blob = (struct span *)(block + col->offset);
		if (col->type == COLUMN_TEXT) {
			memcpy(end, *text ? *text : "", n);
			*text = end;
		} else if (col->type == COLUMN_BLOB) {
			if (n)
				memcpy(end, blob->p, n);
			blob->p = (const uint8_t *)end;
		}
		end += n;
	}
	return block;
}

/* ---- order ---- */

static int compare_i64(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

static const char *text_of(const struct column *col, const void *record)
{
	const char *text = *(const char *const *)field(col, record);
	return text ? text : "";
}

static int compare_blob(const struct span *a, const struct span *b)
{
	size_t n = a->n < b->n ? a->n : b->n;
	int order = n ? memcmp(a->p, b->p, n) : 0;
	return order ? order : compare_i64((int64_t)a->n, (int64_t)b->n);
}

static int compare_column(const struct column *col, const void *a, const void *b)
{
	switch (col->type) {
	case COLUMN_I64:
		return compare_i64(*(const int64_t *)field(col, a),
				   *(const int64_t *)field(col, b));
	case COLUMN_BOOL:
		return compare_i64(*(const bool *)field(col, a), *(const bool *)field(col, b));
	case COLUMN_TEXT:
		return strcmp(text_of(col, a), text_of(col, b));
	case COLUMN_BLOB:
		return compare_blob(field(col, a), field(col, b));
	}
	return 0;
}

static size_t n_index_columns(const struct table *t, int index)
{
	return index == INDEX_PRIMARY ? t->n_key : t->indexes[index].n_columns;
}

static const struct column *index_column(const struct table *t, int index, size_t i)
{
	return &t->columns[index == INDEX_PRIMARY ? i : t->indexes[index].columns[i]];
}

/* By the first 'n' columns of the index. */
static int compare_prefix(const struct table *t, int index, size_t n, const void *a, const void *b)
{
	for (size_t i = 0; i < n; i++) {
		int order = compare_column(index_column(t, index, i), a, b);
		if (order)
			return order;
	}
	return 0;
}

static int compare_rows(const struct table *t, int index, const void *a, const void *b)
{
	int order = compare_prefix(t, index, n_index_columns(t, index), a, b);
	return order ? order : compare_prefix(t, INDEX_PRIMARY, t->n_key, a, b);
}

/* A unique index has no place for rows whose last text or blob column is empty. */
static bool indexed(const struct table *t, int index, const void *record)
{
	if (index == INDEX_PRIMARY || !t->indexes[index].unique)
		return true;
	const struct column *last = index_column(t, index, n_index_columns(t, index) - 1);
	switch (last->type) {
	case COLUMN_TEXT:
		return *text_of(last, record) != '\0';
	case COLUMN_BLOB:
		return ((const struct span *)field(last, record))->n > 0;
	case COLUMN_I64:
	case COLUMN_BOOL:
		break;
	}
	return true;
}

/* ---- sorted arrays ---- */

static size_t place_of_row(const struct sorted *s, const struct table *t, int index,
			   const void *row)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_rows(t, index, s->rows[middle], row) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void add_row(struct sorted *s, const struct table *t, int index, const void *row)
{
	if (!indexed(t, index, row))
		return;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 16;
		s->rows = realloc(s->rows, s->cap * sizeof *s->rows);
		if (s->rows == NULL)
			abort();
	}
	size_t at = place_of_row(s, t, index, row);
	memmove(&s->rows[at + 1], &s->rows[at], (s->n - at) * sizeof *s->rows);
	s->rows[at] = row;
	s->n++;
}

static void remove_row(struct sorted *s, const struct table *t, int index, const void *row)
{
	if (!indexed(t, index, row))
		return;
	size_t at = place_of_row(s, t, index, row);
	assert(at < s->n && s->rows[at] == row);
	memmove(&s->rows[at], &s->rows[at + 1], (s->n - at - 1) * sizeof *s->rows);
	s->n--;
}

static const struct sorted *sorted_of(const struct memory_table *m, int index)
{
	return index == INDEX_PRIMARY ? &m->primary : &m->indexes[index];
}

void table_replace(struct memory_table *m, enum table_id id, const void *old, const void *new)
{
	const struct table *t = &tables[id];
	assert(t->n_indexes <= INDEXES_MAX);
	for (int i = INDEX_PRIMARY; i < (int)t->n_indexes; i++) {
		struct sorted *s = i == INDEX_PRIMARY ? &m->primary : &m->indexes[i];
		if (old)
			remove_row(s, t, i, old);
		if (new)
			add_row(s, t, i, new);
	}
}

void table_free(struct memory_table *m)
{
	for (size_t i = 0; i < m->primary.n; i++)
		free((void *)m->primary.rows[i]);
	free(m->primary.rows);
	for (size_t i = 0; i < INDEXES_MAX; i++)
		free(m->indexes[i].rows);
}

/* ---- finding ---- */

/* Where the rows with the key's first columns begin; 'past': where they end. */
static size_t place_of_key(const struct sorted *s, const struct scan *k, bool past)
{
	const struct table *t = &tables[k->table];
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare_prefix(t, k->index, k->n_equal, s->rows[middle], k->key);
		if (order < 0 || (order == 0 && past))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const void *table_find(const struct memory_table *m, enum table_id t, int index, size_t n,
		       const void *key)
{
	const struct sorted *s = sorted_of(m, index);
	struct scan k = { .table = t, .index = index, .n_equal = n, .key = key };
	size_t at = place_of_key(s, &k, false);
	if (at < s->n && compare_prefix(&tables[t], index, n, s->rows[at], key) == 0)
		return s->rows[at];
	return NULL;
}

bool table_taken(const struct memory_table *m, enum table_id id, const void *record,
		 const void *self)
{
	const struct table *t = &tables[id];
	for (int i = INDEX_PRIMARY; i < (int)t->n_indexes; i++) {
		bool unique = i == INDEX_PRIMARY || t->indexes[i].unique;
		if (!unique || !indexed(t, i, record))
			continue;
		const void *other = table_find(m, id, i, n_index_columns(t, i), record);
		if (other && other != self)
			return true;
	}
	return false;
}

static bool beyond(const struct scan *s, const void *row)
{
	if (!s->has_after)
		return true;
	const struct column *col = index_column(&tables[s->table], s->index, s->n_equal);
	int64_t value = *(const int64_t *)field(col, row);
	return s->descending ? value < s->after : value > s->after;
}

int table_scan(const struct memory_table *m, const struct scan *s, row_fn *fn, void *user)
{
	const struct sorted *rows = sorted_of(m, s->index);
	size_t first = place_of_key(rows, s, false), end = place_of_key(rows, s, true);
	size_t n_given = 0;
	for (size_t i = 0; i < end - first; i++) {
		const void *row = rows->rows[s->descending ? end - 1 - i : first + i];
		if (!beyond(s, row))
			continue;
		int r = fn(user, row);
		if (r)
			return r == ROW_STOP ? 0 : r;
		if (++n_given == s->limit)
			return 0;
	}
	return 0;
}
