/* SPDX-License-Identifier: Apache-2.0
 *
 * CloudPolicySettings. A policy is a message {1: {1: mode}, 2: value} in a field of its own: in the outer
 * message, or, for newer policies, in a sub-message (model/catalogue.h: top_field, inner_field).
 *
 * Settings of the catalogue say which policy they are by their chrome column, "Policy=JSON|JSON".
 */
#include "channel/chrome/policy/payload.h"

#include "channel/chrome/policy/proto-writer.h"
#include <stdlib.h>

#define CHROME_PREFIX    "chrome."
#define FLAT_OFFSET      2 /* field = id + 2 in clients from before sub-messages */
#define MODE_RECOMMENDED 1
#define MAPPED_NAME_MAX  128

struct policy {                          /* one that is set */
	const struct setting_type *type; /* of chrome.<Policy> */
	const json_t *value;             /* borrowed: of the desired state or of 'owned' */
	json_t *owned;
	bool recommended, explicit;
	size_t distance;
};

struct policies {
	struct policy *items;
	size_t n;
};

void nearness_of(const struct fleet_tree *t, int64_t fleet_id, struct nearness *ret)
{
	ret->n = fleet_tree_chain(t, fleet_id, ret->fleets);
}

static size_t distance_of(const struct nearness *near, const struct desired_setting *s)
{
	size_t i = 0;
	if (strcmp(s->scope, "device") == 0)
		return 0;
	while (i < near->n && near->fleets[i] != s->scope_id)
		i++;
	return i + 1;
}

/* ---- which policies ---- */

/* The policy of a row, and its value for this setting's: "VideoCaptureAllowed=false|true". */
static const struct setting_type *mapped(const struct desired_setting *s, json_t **ret_value)
{
	char name[MAPPED_NAME_MAX];
	const char *equals = s->type->chrome ? strchr(s->type->chrome, '=') : NULL;
	const char *bar = equals ? strchr(equals, '|') : NULL;
	if (!bar)
		return NULL;
	snprintf(name, sizeof name, CHROME_PREFIX "%.*s", (int)(equals - s->type->chrome),
		 s->type->chrome);
	*ret_value = json_is_true(s->value) ? json_loadb(equals + 1, (size_t)(bar - equals - 1),
							 JSON_DECODE_ANY, NULL)
					    : json_loads(bar + 1, JSON_DECODE_ANY, NULL);
	return catalogue_find(name);
}

static bool policy_of(const struct desired_setting *s, const struct nearness *near,
		      struct policy *ret)
{
	*ret = (struct policy){ .type = s->type,
				.value = s->value,
				.recommended = s->recommended,
				.explicit = s->type->policy != NULL,
				.distance = distance_of(near, s) };
	if (ret->explicit)
		return true;
	ret->type = mapped(s, &ret->owned);
	ret->value = ret->owned;
	return ret->type && ret->value;
}

/* By field, then the one that wins first. */
static int compare(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;
	if (x->type->policy->id != y->type->policy->id)
		return x->type->policy->id < y->type->policy->id ? -1 : 1;
	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	return (int)y->explicit - (int)x->explicit;
}

static void gather(const struct desired *d, const struct nearness *near, struct policies *ret)
{
	ret->items = calloc(d->n + 1, sizeof *ret->items);
	if (!ret->items)
		abort(); /* bounded by the catalogue */
	for (size_t i = 0; i < d->n; i++)
		if (policy_of(&d->items[i], near, &ret->items[ret->n]))
			ret->n++;
	qsort(ret->items, ret->n, sizeof *ret->items, compare);
}

static void policies_fini(struct policies *p)
{
	for (size_t i = 0; i < p->n; i++)
		json_decref(p->items[i].owned);
	free(p->items);
}

/* ---- bytes ---- */

static void write_list(struct buf *out, const json_t *value)
{
	size_t i, begin = proto_begin(out, 2);
	json_t *one;
	json_array_foreach (value, i, one)
		proto_str(out, 1, json_string_value(one) ? json_string_value(one) : "");
	proto_end(out, begin);
}

/* A dictionary travels as JSON text; an administrator may have written it as text already. */
static void write_json(struct buf *out, const json_t *value)
{
	if (json_is_string(value)) {
		proto_str(out, 2, json_string_value(value));
		return;
	}
	CLEANUP(free_charp) char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	proto_str(out, 2, text ? text : "null");
}

static void write_value(struct buf *out, enum setting_kind kind, const json_t *value)
{
	switch (kind) {
	case SETTING_BOOL:
		proto_int(out, 2, json_is_true(value));
		break;
	case SETTING_INT:
		proto_int(out, 2, json_integer_value(value));
		break;
	case SETTING_LIST:
		write_list(out, value);
		break;
	case SETTING_JSON:
	case SETTING_OBJECTS:
		write_json(out, value);
		break;
	case SETTING_STRING:
	case SETTING_ENUM:
		proto_str(out, 2, json_string_value(value) ? json_string_value(value) : "");
		break;
	}
}

static void write_policy(struct buf *out, uint32_t field, const struct policy *p)
{
	size_t begin = proto_begin(out, field);
	if (p->recommended) {
		size_t options = proto_begin(out, 1);
		proto_int(out, 1, MODE_RECOMMENDED);
		proto_end(out, options);
	}
	write_value(out, p->type->kind, p->value);
	proto_end(out, begin);
}

void payload_settings(const struct desired *d, const struct nearness *near, bool flat,
		      struct buf *out)
{
	CLEANUP(policies_fini) struct policies all = { 0 };
	int32_t open = 0, last_id = 0; /* field of the sub-message being written; 0: none */
	size_t begin = 0;
	gather(d, near, &all);
	for (size_t i = 0; i < all.n; i++) {
		const struct policy *p = &all.items[i];
		const struct chrome_policy *c = p->type->policy;
		int32_t sub = flat || c->inner_field == 0 ? 0 : c->top_field;
		if (i > 0 && c->id == last_id)
			continue; /* a farther one */
		last_id = c->id;
		if (open && open != sub)
			proto_end(out, begin);
		if (sub && open != sub)
			begin = proto_begin(out, (uint32_t)sub);
		open = sub;
		write_policy(out,
			     (uint32_t)(flat  ? c->id + FLAT_OFFSET
					: sub ? c->inner_field
					      : c->top_field),
			     p);
	}
	if (open)
		proto_end(out, begin);
}
