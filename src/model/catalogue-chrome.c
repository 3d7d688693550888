/* SPDX-License-Identifier: Apache-2.0
 *
 * What a few of Chrome's settings must look like beyond their kind: clients would pass over what is wrong in
 * silence, so that it is refused when somebody sets it.
 */
#include "model/catalogue-value.h"

#include "base/buf.h"
#include "base/crypto.h"
#include "model/text.h"

#define PAYLOAD_BYTES_MAX    65536
#define EXTENSION_ID_LENGTH  32
#define EXTENSION_ID_LETTERS "abcdefghijklmnop"

static int check_extensions(const struct setting_type *t, const json_t *v, struct error *err)
{
	char shown[EXCERPT_SIZE];
	const char *id;
	json_t *policies;
	if (!json_is_object(v))
		return error_set(err, ERR_INVALID,
				 "%s must be an object of extensions' ids, not %s", t->name,
				 text_excerpt_json(v, shown));
	json_object_foreach ((json_t *)v, id, policies) { /* the macro wants it mutable */
		if (strlen(id) != EXTENSION_ID_LENGTH ||
		    strspn(id, EXTENSION_ID_LETTERS) != EXTENSION_ID_LENGTH)
			return error_set(
				err, ERR_INVALID,
				"%s: an extension's id is 32 letters from a to p, not \"%s\"",
				t->name, text_excerpt(id, shown));
		if (!json_is_object(policies))
			return error_set(err, ERR_INVALID,
					 "%s: the policies of %s must be an object, not %s",
					 t->name, id, text_excerpt_json(policies, shown));
	}
	return 0;
}

static int check_base64(const struct setting_type *t, const json_t *v, struct error *err)
{
	CLEANUP(buf_fini) struct buf bytes;
	buf_init(&bytes, PAYLOAD_BYTES_MAX);
	if (base64_decode(span_str(json_string_value(v)), &bytes))
		return 0;
	return error_set(err, ERR_INVALID, "%s must be base64", t->name);
}

static int check_accounts(const struct setting_type *t, const json_t *v, struct error *err)
{
	static const char *const types[] = { "public_session", "kiosk_app", "kiosk_android_app" };
	char shown[EXCERPT_SIZE];
	size_t i;
	json_t *account;
	json_array_foreach (v, i, account) {
		const char *type = json_string_value(json_object_get(account, "type"));
		if (text_index(types, ARRAY_SIZE(types), type) < 0)
			return error_set(
				err, ERR_INVALID,
				"%s: element %zu: type must be public_session, kiosk_app or "
				"kiosk_android_app, not \"%s\"",
				t->name, i + 1, text_excerpt(type, shown));
	}
	return 0;
}

int setting_check_chrome(const struct setting_type *t, const json_t *v, struct error *err)
{
	static const struct {
		const char *name;
		int (*check)(const struct setting_type *t, const json_t *v, struct error *err);
	} checks[] = {
		{ "chrome_extensions.policies", check_extensions },
		{ "chrome_updater.payload", check_base64 },
		{ "chromeos.accounts", check_accounts },
		{ "chromeos.device_payload", check_base64 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (strcmp(checks[i].name, t->name) == 0)
			return checks[i].check(t, v, err);
	return 0;
}
