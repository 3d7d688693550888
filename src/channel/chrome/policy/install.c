/* SPDX-License-Identifier: Apache-2.0
 *
 * ExtensionInstallPolicies: a client names the extensions it has or wants, and hears of each whether it may
 * be installed. The answer follows the policies that say so already: ExtensionInstallBlocklist, unless
 * ExtensionInstallAllowlist has it.
 */
#include "channel/chrome/policy/payload.h"

#include "channel/chrome/policy/proto-writer.h"

enum action { ACTION_ALLOW = 1, ACTION_BLOCK = 2 };

static bool listed(const struct desired *d, const char *setting, const char *id)
{
	const struct desired_setting *s = desired_get(d, setting);
	size_t i;
	json_t *one;
	json_array_foreach (s ? s->value : NULL, i, one)
		if (json_is_string(one) && strcmp(json_string_value(one), id) == 0)
			return true;
	return false;
}

static enum action action_of(const struct desired *d, const char *id)
{
	static const char block[] = "chrome.ExtensionInstallBlocklist";
	bool blocked = listed(d, block, id) || listed(d, block, "*");
	return blocked && !listed(d, "chrome.ExtensionInstallAllowlist", id) ? ACTION_BLOCK
									     : ACTION_ALLOW;
}

void payload_install(const struct desired *d, const struct extension_version *asked, size_t n,
		     struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		size_t begin = proto_begin(out, 1);
		proto_str(out, 1, asked[i].id);
		proto_str(out, 2, asked[i].version);
		proto_int(out, 3, action_of(d, asked[i].id));
		proto_end(out, begin);
	}
}
