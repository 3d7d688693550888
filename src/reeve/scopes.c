/* SPDX-License-Identifier: Apache-2.0
 *
 * Scopes; see scopes.h.
 */
#include "reeve/scopes.h"
#include "reeve/opt.h"

int scopes_make(json_t **ret, struct error *err)
{
	AUTO_JSON scopes = json_array();
	for (int i = 0; i < opt.scopes.n; i++)
		if (json_array_append_new(scopes, json_string(opt.scopes.items[i])) < 0)
			return error_set(err, ERR_INVALID, "--scope: not UTF-8");
	if (opt.scopes.n == 0)
		return error_set(
			err, ERR_INVALID,
			"say what it may do with --scope: \"read\", \"*\", or NOUN:read and "
			"NOUN:write");
	*ret = TAKE(scopes);
	return 0;
}
