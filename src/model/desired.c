/* SPDX-License-Identifier: Apache-2.0
 *
 * Laying the settings of one scope under those of nearer ones; see desired.h.
 *
 * Items are kept sorted by name at all times: a lookup is a binary search, and a device has at most
 * as many of them as the catalogue has rows.
 */
#include "model/desired.h"
#include <errno.h>

void desired_init(struct desired *d, enum channel channel)
{
	*d = (struct desired){ .channel = channel };
}

void desired_fini(struct desired *d)
{
	for (size_t i = 0; i < d->n; i++)
		json_decref(d->items[i].value);
	free(d->items);
	*d = (struct desired){ .channel = d->channel };
}

/* Where 'name' is, or belongs. */
static size_t place_of(const struct desired *d, const char *name, bool *ret_there)
{
	size_t low = 0, high = d->n;
	*ret_there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(d->items[middle].type->name, name);
		if (order == 0) {
			*ret_there = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Makes room at 'at' and puts the item there, which takes its value. */
static void insert(struct desired *d, size_t at, struct desired_setting item)
{
	if ((d->n & (d->n - 1)) == 0) { /* n is a power of two (or 0): that many were allocated */
		size_t n = d->n ? 2 * d->n : 1;
		struct desired_setting *items = realloc(d->items, n * sizeof *items);
		if (!items)
			abort(); /* bounded by the catalogue: small memory of our own */
		d->items = items;
	}
	memmove(&d->items[at + 1], &d->items[at], (d->n - at) * sizeof item);
	d->items[at] = item;
	d->n++;
}

/* Adds one setting unless a nearer scope has it. */
static int add(struct desired *d, const struct setting_type *type, const char *value_json,
	       struct desired_setting item)
{
	bool there;
	size_t at = place_of(d, type->name, &there);
	AUTO_JSON value = NULL;
	if (there)
		return 0;
	int r = json_parse(span_str(value_json ? value_json : ""), &value, NULL);
	if (r)
		return r < 0 ? r : -EINVAL; /* the store holds what was checked */
	item.type = type;
	item.value = catalogue_canonical(type, value);
	insert(d, at, item);
	return 0;
}

int desired_add(struct desired *d, const struct setting *rows, size_t n)
{
	int r = 0;
	for (size_t i = 0; i < n && r == 0; i++) {
		const struct setting_type *type = catalogue_find(rows[i].name);
		bool device = rows[i].scope && strcmp(rows[i].scope, "device") == 0;
		bool recommended = rows[i].level && strcmp(rows[i].level, "recommended") == 0;
		if (!type)
			continue;
		r = add(d, type, rows[i].value_json,
			(struct desired_setting){ .recommended = recommended,
						  .scope = device ? "device" : "fleet",
						  .scope_id = rows[i].scope_id,
						  .changed_ms = rows[i].changed_ms });
	}
	return r;
}

void desired_add_defaults(struct desired *d)
{
	if (d->channel != CHANNEL_MDMCORE)
		return;
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *type = catalogue_at(i);
		if (type->mdmcore_default_json &&
		    add(d, type, type->mdmcore_default_json,
			(struct desired_setting){ .scope = "default" }))
			abort(); /* our own table is not JSON: a test would have said so */
	}
}

const struct desired_setting *desired_get(const struct desired *d, const char *name)
{
	bool there;
	size_t at = place_of(d, name, &there);
	return there ? &d->items[at] : NULL;
}

json_t *desired_to_json(const struct desired *d)
{
	json_t *all = json_object();
	for (size_t i = 0; i < d->n; i++) {
		const struct desired_setting *s = &d->items[i];
		if (!catalogue_applies(s->type, d->channel))
			continue;
		json_object_set_new(all, s->type->name,
				    json_pack("{s:O, s:s}", "value", s->value, "level",
					      s->recommended ? "recommended" : "mandatory"));
	}
	return all;
}
