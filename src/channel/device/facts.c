/* SPDX-License-Identifier: Apache-2.0
 *
 * What the device knows of itself: inventory, attributes, its FCM token; and its leaving.
 * Everything it can make the server keep has a bound for each device, not only for each request.
 */
#include "channel/device/handlers.h"

#define SECTIONS_MAX        64
#define SECTION_NAME_MAX    64
#define INVENTORY_MAX       (4u << 20) /* bytes kept of one device */
#define ATTRIBUTES_MAX      256
#define ATTRIBUTE_NAME_MAX  64
#define ATTRIBUTE_VALUE_MAX 1024
#define FCM_TOKEN_MAX       4096

/* ---- inventory ---- */

/* What will be there afterwards: sections that stay, and those of the body. */
static int check_room(struct store_conn *tx, struct op *op, const json_t *body, size_t n_new)
{
	struct inventory *old = NULL;
	size_t n_old = 0, n = json_object_size(body), bytes = n_new;
	int r = store_inventory_list(tx, device_of(op->req)->id, op->arena, &old, &n_old);
	for (size_t i = 0; i < n_old && r == 0; i++) {
		if (json_object_get(body, old[i].section))
			continue;
		n++;
		bytes += strlen(old[i].body_json);
	}
	if (r == 0 && n > SECTIONS_MAX)
		r = error_set(&op->err, ERR_TOO_LARGE,
			      "A device has at most %d sections of inventory.", SECTIONS_MAX);
	if (r == 0 && bytes > INVENTORY_MAX)
		r = error_set(&op->err, ERR_TOO_LARGE,
			      "The inventory of a device is at most %u bytes.", INVENTORY_MAX);
	return r;
}

static int inventory_apply(struct store_conn *tx, struct op *op)
{
	json_t *body = op->arg, *section;
	const char *name;
	int r = check_room(tx, op, body, http_body(op->req).n);
	json_object_foreach (body, name, section) {
		if (r)
			break;
		char *text = json_text(section);
		r = store_inventory_put(tx, device_of(op->req)->id, name, text, op->by.now_ms,
					&op->err);
		free(text);
	}
	return r;
}

static int inventory_check(const json_t *body, struct error *err)
{
	const char *name;
	json_t *section;
	if (json_object_size(body) > SECTIONS_MAX)
		return error_set(err, ERR_TOO_LARGE, "More than %d sections.", SECTIONS_MAX);
	json_object_foreach ((json_t *)body, name, section) {
		if (!*name)
			return error_set(err, ERR_INVALID, "A section needs a name.");
		int r = device_api_text_check("the name of a section", name, SECTION_NAME_MAX, err);
		if (r)
			return r;
		if (!json_is_object(section) && !json_is_array(section))
			return error_set(err, ERR_INVALID,
					 "%.64s: a section is an object or a list.", name);
	}
	return 0;
}

void device_api_inventory(struct http_request *req)
{
	struct error err;
	json_t *body = NULL;
	if (!device_api_body(req, &body))
		return;
	int r = inventory_check(body, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, inventory_apply, body));
}

/* ---- attributes ---- */

static int attributes_apply(struct store_conn *tx, struct op *op)
{
	json_t *body = op->arg, *value;
	const char *name;
	int r = 0;
	json_object_foreach (body, name, value) {
		if (r)
			break;
		r = store_attribute_set(tx, device_of(op->req)->id, name, json_string_value(value),
					op->by.now_ms, &op->err);
	}
	return r;
}

static int attributes_check(const json_t *body, struct error *err)
{
	const char *name;
	json_t *value;
	if (json_object_size(body) > ATTRIBUTES_MAX)
		return error_set(err, ERR_TOO_LARGE, "More than %d attributes.", ATTRIBUTES_MAX);
	json_object_foreach ((json_t *)body, name, value) {
		if (!*name)
			return error_set(err, ERR_INVALID, "An attribute needs a name.");
		if (!json_is_string(value))
			return error_set(err, ERR_INVALID, "%.64s: not a text.", name);
		int r = device_api_text_check("the name of an attribute", name, ATTRIBUTE_NAME_MAX,
					      err);
		if (r == 0)
			r = device_api_text_check(name, json_string_value(value),
						  ATTRIBUTE_VALUE_MAX, err);
		if (r)
			return r;
	}
	return 0;
}

void device_api_attributes(struct http_request *req)
{
	struct error err;
	json_t *body = NULL;
	if (!device_api_body(req, &body))
		return;
	int r = attributes_check(body, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, attributes_apply, body));
}

/* ---- FCM token ---- */

static int fcm_token_apply(struct store_conn *tx, struct op *op)
{
	return store_device_facts(tx, device_of(op->req)->id, NULL, NULL, NULL, op->arg, &op->err);
}

void device_api_fcm_token(struct http_request *req)
{
	struct error err;
	json_t *body = NULL;
	const char *token = NULL;
	if (!device_api_body(req, &body))
		return;
	int r = json_read_str(body, "token", true, &token, &err);
	if (r == 0)
		r = device_api_text_check("token", token, FCM_TOKEN_MAX, &err);
	if (r != 0)
		http_reply_result(req, r, &err);
	else
		op_submit(op_new(req, fcm_token_apply, arena_strdup(http_arena(req), token)));
}

/* ---- leaving ---- */

static int unenroll_apply(struct store_conn *tx, struct op *op)
{
	return store_device_unenroll(tx, &op->by, device_of(op->req)->id, &op->err);
}

void device_api_unenroll(struct http_request *req)
{
	op_submit(op_new(req, unenroll_apply, NULL));
}
