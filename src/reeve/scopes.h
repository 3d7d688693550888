/* SPDX-License-Identifier: Apache-2.0
 *
 * --scope, as API tokens and administrators take it.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define OPTION_ROW_SCOPE                                                                           \
	{                                                                                          \
		0, "scope", OPTION_LIST, "SCOPE", "what it may do; may be given again",            \
			&opt.scopes, NULL                                                          \
	}
#define SCOPES_HELP                                                                                      \
	"Scopes are NOUN:read and NOUN:write, with the nouns organizations, fleets, devices, settings, " \
	"commands, enrollment_tokens, events, api_tokens, administrators, keys, files and server; "      \
	"commands:destructive for wipe and the like; \"read\" to read everything, \"*\" for all."

/* The array of what --scope named; ERR_INVALID when it named nothing. */
int scopes_make(json_t **ret, struct error *err) WARN_UNUSED;
