/* SPDX-License-Identifier: Apache-2.0
 *
 * See list.h.
 */
#include "vm/fleet/list.h"

static int read_row(const json_t *item, struct book_row *ret, struct error *err)
{
	*ret = (struct book_row){ .managed = true };
	int r = json_read_int(item, "id", true, &ret->id, err);
	r = r ? r : json_read_str(item, "key", true, &ret->key, err);
	r = r ? r : json_read_int(item, "version", true, &ret->version, err);
	r = r ? r : json_read_int(item, "commands", true, &ret->commands, err);
	r = r ? r : json_read_bool(item, "managed", false, &ret->managed, err);
	if (r == 0 && (ret->id <= 0 || ret->version <= 0 || ret->commands < 0 || !*ret->key))
		r = error_set(err, ERR_INVALID, "a machine's id, key, version or commands is none");
	return r;
}

static int read_rows(const json_t *rows, void (*fn)(void *user, const struct book_row *row),
		     void *user, struct error *err)
{
	struct book_row row;
	json_t *item;
	size_t i;
	json_array_foreach (rows, i, item) {
		int r = json_is_object(item) ? read_row(item, &row, err)
					     : error_set(err, ERR_INVALID, "children: no object");
		if (r)
			return r;
		if (fn)
			fn(user, &row);
		if (i + 1 == LIST_MAX)
			break;
	}
	return 0;
}

int list_read(struct span body, void (*fn)(void *user, const struct book_row *row), void *user,
	      struct error *err)
{
	struct book_row host = { .key = "", .managed = true };
	AUTO_JSON j = NULL;
	json_t *rows = NULL;
	int r = json_parse(body, &j, err);
	if (r == 0 && !json_is_object(j))
		r = error_set(err, ERR_INVALID, "the answer is not a JSON object");
	r = r ? r : json_read_int(j, "version", true, &host.version, err);
	r = r ? r : json_read_int(j, "commands", true, &host.commands, err);
	r = r ? r : json_read_array(j, "children", true, &rows, err);
	if (r == 0 && (host.version <= 0 || host.commands < 0))
		r = error_set(err, ERR_INVALID, "\"version\" or \"commands\" is out of range");
	r = r ? r : read_rows(rows, NULL, NULL, err);
	if (r)
		return r;
	fn(user, &host);
	return read_rows(rows, fn, user, err);
}
