/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of scopes and what one covers: "*" everything, "read" every "<noun>:read",
 * "<noun>:write" also "<noun>:read", any scope itself.
 */
#include "server/scopes.h"

#include "base/span.h"
#include <string.h>

const struct scope_row scope_rows[] = {
	{ "*", "Everything" },
	{ "read", "Everything that only reads" },
	{ "organizations:read", "See organizations" },
	{ "organizations:write", "Create and change organizations" },
	{ "fleets:read", "See fleets" },
	{ "fleets:write", "Create, change, move and delete fleets" },
	{ "devices:read", "See devices, their inventory and reports" },
	{ "devices:write", "Rename, move, unenroll and delete devices" },
	{ "settings:read", "See the catalogue and what is set" },
	{ "settings:write", "Set and unset settings, apply documents" },
	{ "commands:read", "See commands and their results" },
	{ "commands:write", "Send and cancel commands" },
	{ "commands:destructive", "Send commands that destroy (wipe, unenroll)" },
	{ "enrollment_tokens:read", "See enrollment tokens" },
	{ "enrollment_tokens:write", "Create and revoke enrollment tokens" },
	{ "events:read", "See the audit log" },
	{ "api_tokens:read", "See API tokens" },
	{ "api_tokens:write", "Create and revoke API tokens" },
	{ "administrators:read", "See administrators" },
	{ "administrators:write", "Create, change and delete administrators" },
	{ "keys:read", "See public keys" },
	{ "keys:write", "Rotate and import keys, read private ones" },
	{ "files:read", "See and download deployables" },
	{ "files:write", "Upload and delete deployables" },
	{ "server:read", "See the server's state and metrics" },
	{ "server:write", "Back up, restore and check the server" },
	{ 0 },
};

/* The next word of a space separated list; false at its end. */
static bool next_word(struct span *list, struct span *ret)
{
	while (list->n > 0 && *list->p == ' ') {
		list->p++;
		list->n--;
	}
	if (list->n == 0)
		return false;
	if (!span_get_until(list, ' ', ret)) {
		*ret = *list;
		*list = (struct span){ list->p + list->n, 0 };
	}
	return true;
}

static bool ends_with(struct span s, const char *tail)
{
	size_t n = strlen(tail);
	return s.n > n && memcmp(s.p + s.n - n, tail, n) == 0;
}

static bool covers(struct span held, struct span wanted)
{
	if (span_eq_str(held, "*") || span_eq(held, wanted))
		return true;
	if (!ends_with(wanted, ":read"))
		return false;
	if (span_eq_str(held, "read"))
		return true;
	size_t noun = wanted.n - strlen("read"); /* with the colon */
	return ends_with(held, ":write") && held.n == noun + strlen("write") &&
	       memcmp(held.p, wanted.p, noun) == 0;
}

static bool any_covers(const char *held, struct span wanted)
{
	struct span list = span_str(held ? held : ""), word;
	while (next_word(&list, &word))
		if (covers(word, wanted))
			return true;
	return false;
}

bool scopes_allow(const char *held, const char *wanted)
{
	return !wanted || any_covers(held, span_str(wanted));
}

static bool known(struct span scope)
{
	for (const struct scope_row *row = scope_rows; row->name; row++)
		if (span_eq_str(scope, row->name))
			return true;
	return false;
}

int scopes_check(const char *text, struct error *err)
{
	struct span list = span_str(text), word;
	bool any = false;
	while (next_word(&list, &word)) {
		if (!known(word))
			return error_set(err, ERR_INVALID, "There is no scope \"%.*s\".",
					 (int)(word.n < 64 ? word.n : 64), (const char *)word.p);
		any = true;
	}
	return any ? 0 : error_set(err, ERR_INVALID, "At least one scope is needed.");
}

int scopes_covered(const char *held, const char *wanted, struct error *err)
{
	struct span list = span_str(wanted), word;
	while (next_word(&list, &word))
		if (!any_covers(held, word))
			return error_set(err, ERR_FORBIDDEN,
					 "You do not hold the scope \"%.*s\" yourself.",
					 (int)(word.n < 64 ? word.n : 64), (const char *)word.p);
	return 0;
}
