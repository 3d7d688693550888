/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading what an agent enrolls with, see enrollment.h.
 */
#include "channel/flyve/enrollment.h"

#include "base/crypto.h"
#include "base/utf8.h"
#include "channel/flyve/status.h"
#include <ctype.h>
#include <string.h>
#include <strings.h>

#define TEXT_MAX   255
#define NUMBER_MAX 9 /* digits */

/* ---- versions ---- */

static bool get_number(const char **text, int64_t *ret)
{
	const char *s = *text;
	int64_t n = 0;
	size_t digits = strspn(s, "0123456789");
	if (digits == 0 || digits > NUMBER_MAX)
		return false;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (s[i] - '0');
	*text += digits;
	*ret = n;
	return true;
}

static bool read_at(const char *s, struct flyve_version *ret)
{
	if (!get_number(&s, &ret->major) || *s++ != '.' || !get_number(&s, &ret->minor) ||
	    *s++ != '.' || !get_number(&s, &ret->patch))
		return false;
	ret->prerelease = s[0] == '-' && isalnum((unsigned char)s[1]);
	return true;
}

bool flyve_version_read(const char *text, struct flyve_version *ret)
{
	for (const char *s = text; *s; s++) {
		bool begins = s == text || !isdigit((unsigned char)s[-1]);
		if (begins && isdigit((unsigned char)*s) && read_at(s, ret))
			return true;
	}
	return false;
}

/* ---- the input ---- */

/* Numbers are texts here: PHP did not mind, and agents send either. */
static const char *text_of(const json_t *input, const char *key, struct arena *a)
{
	const json_t *v = json_object_get(input, key);
	if (json_is_integer(v))
		return arena_printf(a, "%lld", (long long)json_integer_value(v));
	return json_is_string(v) ? json_string_value(v) : "";
}

static bool is_plain(const char *text)
{
	return strlen(text) <= TEXT_MAX && !utf8_has_control(span_str(text));
}

static bool read_flag(const json_t *input, const char *key, bool *ret)
{
	const json_t *v = json_object_get(input, key);
	int64_t n;
	*ret = json_is_true(v);
	if (json_is_boolean(v))
		return true;
	if (!flyve_json_int(v, &n))
		return false;
	*ret = n != 0;
	return true;
}

static const char *read_inventory(const json_t *input, struct flyve_enrollment *e)
{
	CLEANUP(buf_fini) struct buf xml;
	struct error ignored;
	const char *text = json_string_value(json_object_get(input, "inventory"));
	buf_init(&xml, FLYVE_INVENTORY_MAX);
	if (!text || !*text)
		return "Device inventory XML is mandatory";
	if (!flyve_inventory_decode(text, &xml) ||
	    flyve_inventory_read(buf_span(&xml), &e->inventory, &ignored) != 0)
		return "Inventory XML is not well formed";
	return NULL;
}

static const char *check_version(struct flyve_enrollment *e)
{
	struct flyve_version v;
	bool android = strcmp(e->type, "android") == 0;
	if (!*e->version)
		return "Agent version missing";
	if (!*e->type)
		return "MDM type missing";
	if (!android && strcmp(e->type, "apple") != 0)
		return "unknown MDM type";
	if (!flyve_version_read(e->version, &v))
		return "Bad agent version";
	if (v.major < (android ? 2 : 1))
		return "The agent version is too low";
	if (e->dialect == FLYVE_DIALECT_NONE) {
		bool before_2 = v.major < 2 ||
				(v.major == 2 && v.minor == 0 && v.patch == 0 && v.prerelease);
		e->dialect = before_2 ? FLYVE_D1 : FLYVE_D2;
	}
	return NULL;
}

static const char *check_notification(const json_t *input, struct flyve_enrollment *e)
{
	const json_t *type = json_object_get(input, "notification_type");
	const char *text = json_string_value(type);
	if (!type || json_is_null(type))
		return NULL;
	e->dialect = FLYVE_D2;
	if (text && strcmp(text, "mqtt") == 0)
		return NULL;
	return text && strcmp(text, "fcm") == 0 ? "FCM service is not available"
						: "Notification settings are invalid";
}

static const char *check(const json_t *input, struct flyve_enrollment *e)
{
	const char *reason = check_notification(input, e);
	if (!reason && !*e->serial && !*e->uuid)
		reason = "One of serial and uuid is mandatory";
	if (!reason)
		reason = read_inventory(input, e);
	if (!reason)
		reason = check_version(e);
	if (!reason && !read_flag(input, "has_system_permission", &e->has_system_permission))
		reason = "The agent does not advertise its system permissions";
	return reason;
}

bool flyve_enrollment_read(const json_t *input, struct arena *a, struct flyve_enrollment *ret,
			   const char **ret_reason)
{
	*ret = (struct flyve_enrollment){ 0 };
	const struct {
		const char *key, **field;
	} texts[] = {
		{ "_invitation_token", &ret->invitation_token },
		{ "_email", &ret->email },
		{ "_serial", &ret->serial },
		{ "_uuid", &ret->uuid },
		{ "version", &ret->version },
		{ "type", &ret->type },
		{ "firstname", &ret->first_name },
		{ "lastname", &ret->last_name },
		{ "phone", &ret->phone },
	};
	*ret_reason = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		*texts[i].field = text_of(input, texts[i].key, a);
		if (!is_plain(*texts[i].field)) {
			*ret_reason = arena_printf(a, "%s is too long or has control characters",
						   texts[i].key);
			*texts[i].field = "";
		}
	}
	if (!*ret_reason)
		*ret_reason = check(input, ret);
	return *ret_reason == NULL;
}
