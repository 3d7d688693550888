/* SPDX-License-Identifier: Apache-2.0
 *
 * Policies of extensions. The policy itself is a small ExternalPolicyData {1: URL, 2: SHA-256}; the client
 * downloads the JSON from there. The URL names device, extension and hash: whoever serves it makes the JSON
 * anew from the device's desired state and compares the hash, so nothing is stored, and only who was told the
 * hash can ask.
 *
 *     {"<policy>": {"Level": "Mandatory", "Value": …}, …}     keys sorted, so the hash is stable
 */
#include "channel/chrome/policy/payload.h"

#include "channel/chrome/policy/proto-writer.h"
#include <stdlib.h>

#define ID_LENGTH 32

static bool is_id(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnop");
	return n == ID_LENGTH && s[n] == '\0';
}

/* Already in the protocol's own form? */
static bool is_wrapped(const json_t *value)
{
	const char *level = json_string_value(json_object_get(value, "Level"));
	size_t n = json_object_size(value);
	bool known =
		level && (strcmp(level, "Mandatory") == 0 || strcmp(level, "Recommended") == 0);
	return json_object_get(value, "Value") && (n == 1 || (n == 2 && known));
}

static json_t *wrap(const struct desired_setting *s, json_t *value)
{
	json_t *bare = is_wrapped(value) ? json_object_get(value, "Value") : value;
	const char *level = s->recommended ? "Recommended" : "Mandatory";
	const json_t *own = is_wrapped(value) ? json_object_get(value, "Level") : NULL;
	return json_pack("{s:O, s:s}", "Value", bare, "Level",
			 own ? json_string_value(own) : level);
}

static bool extension_of(const struct desired_setting *s, const char *id, json_t *policies,
			 struct arena *a, struct extension_policy *ret)
{
	const char *name;
	json_t *value;
	if (!is_id(id) || !json_is_object(policies))
		return false;
	AUTO_JSON all = json_object();
	json_object_foreach (policies, name, value)
		json_object_set_new(all, name, wrap(s, value));
	CLEANUP(free_charp) char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);
	if (!text)
		return false;
	ret->id = arena_strdup(a, id);
	ret->json = arena_dup(a, span_str(text));
	sha256(ret->json, ret->sha256);
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct extension_policy *x = a, *y = b;
	return strcmp(x->id, y->id);
}

size_t payload_extensions(const struct desired *d, struct arena *a, struct extension_policy **ret)
{
	const struct desired_setting *s = desired_get(d, "chrome_extensions.policies");
	size_t n = 0;
	const char *id;
	json_t *policies;
	*ret = arena_new_n(a, struct extension_policy, EXTENSIONS_MAX);
	if (!s)
		return 0;
	json_object_foreach (s->value, id, policies)
		if (n < EXTENSIONS_MAX && extension_of(s, id, policies, a, &(*ret)[n]))
			n++;
	qsort(*ret, n, sizeof **ret, compare);
	return n;
}

void payload_external(const struct extension_policy *e, const char *base, int64_t device_id,
		      struct buf *out)
{
	char hex[2 * SHA256_SIZE + 1];
	struct buf url;
	hex_encode((struct span){ e->sha256, sizeof e->sha256 }, hex);
	buf_init(&url, 4096);
	buf_addf(&url, "%s" EXTENSION_POLICY_PATH "%lld/%s/%s", base, (long long)device_id, e->id,
		 hex);
	proto_bytes(out, 1, buf_span(&url));
	proto_bytes(out, 2, (struct span){ e->sha256, sizeof e->sha256 });
	buf_fini(&url);
}
