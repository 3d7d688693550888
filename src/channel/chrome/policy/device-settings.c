/* SPDX-License-Identifier: Apache-2.0
 *
 * ChromeDeviceSettingsProto. A row of the catalogue says where it goes by its chrome column, "device:17.8":
 * field 8 of the message in field 17; its kind says how. What is not so plain is in the tables here:
 * settings that all channels share and that mean the opposite, and those with a form of their own.
 */
#include "channel/chrome/policy/payload.h"

#include "channel/chrome/policy/proto-writer.h"
#include <stdlib.h>

#define DEVICE_PREFIX "device:"
#define DEVICE_BYTES  (512u << 10) /* of chromeos.device_payload */

struct field {
	uint32_t outer, inner;
	const struct desired_setting *setting;
	bool negated;
};

/* "disabled" here is "allowed = false" there. */
static const struct {
	const char *name;
	uint32_t outer, inner;
} negated[] = {
	{ "bluetooth.disabled", 43, 1 },
	{ "camera.disabled", 5, 1 },
	{ "roaming.disabled", 7, 1 },
	{ "wifi.disabled", 82, 1 },
};

#define ALLOWLIST_NEW 112 /* user_allowlist: what newer devices read instead of field 2 */
#define ALLOWLIST_OLD 2

static bool path_parse(const char *chrome, uint32_t *ret_outer, uint32_t *ret_inner)
{
	char *end;
	if (!chrome || strncmp(chrome, DEVICE_PREFIX, strlen(DEVICE_PREFIX)) != 0)
		return false;
	*ret_outer = (uint32_t)strtoul(chrome + strlen(DEVICE_PREFIX), &end, 10);
	*ret_inner = *end == '.' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
	return *ret_outer > 0 && *ret_inner > 0 && *end == '\0';
}

/* How many fields the setting has: 0, 1 or 2. */
static size_t fields_of(const struct desired_setting *s, struct field ret[2])
{
	ret[0] = (struct field){ .setting = s };
	for (size_t i = 0; i < ARRAY_SIZE(negated); i++)
		if (strcmp(s->type->name, negated[i].name) == 0) {
			ret[0].outer = negated[i].outer;
			ret[0].inner = negated[i].inner;
			ret[0].negated = true;
			return 1;
		}
	if (!path_parse(s->type->chrome, &ret[0].outer, &ret[0].inner))
		return 0;
	if (ret[0].outer != ALLOWLIST_OLD)
		return 1;
	ret[1] = ret[0];
	ret[1].outer = ALLOWLIST_NEW;
	return 2;
}

static int compare(const void *a, const void *b)
{
	const struct field *x = a, *y = b;
	if (x->outer != y->outer)
		return x->outer < y->outer ? -1 : 1;
	return (x->inner > y->inner) - (x->inner < y->inner);
}

/* ---- accounts of the device ---- */

static const char *const account_types[] = { "public_session", "kiosk_app", "kiosk_android_app" };

static int64_t account_type(const json_t *account)
{
	const char *word = json_string_value(json_object_get(account, "type"));
	for (size_t i = 0; word && i < ARRAY_SIZE(account_types); i++)
		if (strcmp(word, account_types[i]) == 0)
			return (int64_t)i;
	return -1;
}

static void write_member(struct buf *out, uint32_t field, const json_t *account, const char *key)
{
	const char *text = json_string_value(json_object_get(account, key));
	if (text)
		proto_str(out, field, text);
}

static void write_account(struct buf *out, uint32_t field, const json_t *account)
{
	int64_t type = account_type(account);
	if (type < 0)
		return; /* a type that clients do not know */
	size_t begin = proto_begin(out, field);
	write_member(out, 2, account, "account");
	proto_int(out, 3, type);
	if (type == 1) {
		size_t app = proto_begin(out, 4);
		write_member(out, 1, account, "app");
		write_member(out, 2, account, "update_url");
		proto_end(out, app);
	} else if (type == 2) {
		size_t app = proto_begin(out, 5);
		write_member(out, 1, account, "package");
		write_member(out, 2, account, "class");
		write_member(out, 3, account, "action");
		proto_end(out, app);
	}
	proto_end(out, begin);
}

bool payload_has_account(const struct desired *d, const char *account_id)
{
	const struct desired_setting *s = desired_get(d, "chromeos.accounts");
	size_t i;
	json_t *one;
	json_array_foreach (s ? s->value : NULL, i, one) {
		const char *id = json_string_value(json_object_get(one, "account"));
		if (id && strcmp(id, account_id) == 0)
			return true;
	}
	return false;
}

/* ---- the rest ---- */

static void write_array(struct buf *out, uint32_t field, const struct desired_setting *s)
{
	size_t i;
	json_t *one;
	json_array_foreach (s->value, i, one) {
		if (s->type->kind == SETTING_OBJECTS)
			write_account(out, field, one);
		else if (json_is_string(one))
			proto_str(out, field, json_string_value(one));
	}
}

static void write_text(struct buf *out, uint32_t field, const json_t *value)
{
	CLEANUP(free_charp) char *text = NULL;
	if (!json_is_string(value))
		text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	proto_str(out, field, text ? text : json_string_value(value));
}

static void write_field(struct buf *out, const struct field *f)
{
	const struct desired_setting *s = f->setting;
	switch (s->type->kind) {
	case SETTING_BOOL:
		proto_int(out, f->inner, json_is_true(s->value) != f->negated);
		break;
	case SETTING_INT:
		proto_int(out, f->inner, json_integer_value(s->value));
		break;
	case SETTING_ENUM:
		proto_int(out, f->inner, catalogue_choice(s->type, s->value));
		break;
	case SETTING_LIST:
	case SETTING_OBJECTS:
		write_array(out, f->inner, s);
		break;
	case SETTING_STRING:
	case SETTING_JSON:
		write_text(out, f->inner, s->value);
		break;
	}
}

static int add_base64(const struct desired *d, const char *name, struct buf *out, struct error *err)
{
	const struct desired_setting *s = desired_get(d, name);
	const char *text = s ? json_string_value(s->value) : NULL;
	CLEANUP(buf_fini) struct buf bytes;
	buf_init(&bytes, DEVICE_BYTES);
	if (!text || *text == '\0')
		return error_set(err, ERR_NOT_FOUND, "%s is not set", name);
	if (!base64_decode(span_str(text), &bytes))
		return error_set(err, ERR_INVALID, "%s is not base64", name);
	buf_add(out, bytes.p, bytes.n);
	return 0;
}

int payload_device(const struct desired *d, struct buf *out, struct error *err)
{
	struct field *fields = calloc(2 * d->n + 2, sizeof *fields);
	size_t n = 0, begin = 0;
	if (!fields)
		abort(); /* bounded by the catalogue */
	for (size_t i = 0; i < d->n; i++)
		n += fields_of(&d->items[i], &fields[n]);
	qsort(fields, n, sizeof *fields, compare);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || fields[i - 1].outer != fields[i].outer)
			begin = proto_begin(out, fields[i].outer);
		write_field(out, &fields[i]);
		if (i + 1 == n || fields[i + 1].outer != fields[i].outer)
			proto_end(out, begin);
	}
	free(fields);
	/* Appended: a message twice is merged, and what comes later wins. */
	int r = add_base64(d, "chromeos.device_payload", out, err);
	return r == ERR_NOT_FOUND ? 0 : r;
}

int payload_updater(const struct desired *d, struct buf *out, struct error *err)
{
	return add_base64(d, "chrome_updater.payload", out, err);
}
