/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of nouns, and how one is found; see command.h. A new noun: a file, a line here and a
 * line in nouns.h.
 */
#include "base/buf.h"
#include "reeve/command.h"
#include "reeve/nouns.h"

const struct noun *const nouns[] = {
	&noun_device,   &noun_fleet,  &noun_setting, &noun_command,   &noun_enrollment_token,
	&noun_plan,     &noun_apply,  &noun_export,  &noun_file,      &noun_app,
	&noun_event,    &noun_org,    &noun_admin,   &noun_api_token, &noun_key,
	&noun_overview, &noun_backup, &noun_restore, &noun_check,     &noun_completion,
	&noun_help,     NULL,
};

const struct noun *noun_find(const char *name)
{
	for (const struct noun *const *n = nouns; *n; n++)
		if (strcmp((*n)->name, name) == 0)
			return *n;
	return NULL;
}

const struct command *command_find(const struct noun *noun, const char *verb)
{
	for (const struct command *c = noun->commands; c->doc; c++)
		if (c->verb && strcmp(c->verb, verb) == 0)
			return c;
	return NULL;
}

void command_arg_bounds(const char *args, int *ret_min, int *ret_max)
{
	*ret_min = *ret_max = 0;
	for (const char *s = args ? args : ""; *s; s += strcspn(s, " "), s += *s == ' ') {
		size_t n = strcspn(s, " ");
		bool many = memmem(s, n, "…", strlen("…")) != NULL;
		*ret_min += *s != '[';
		*ret_max = many ? -1 : *ret_max + 1;
	}
}

bool command_arg_name(const char *args, int n, char *ret, size_t size)
{
	const char *s = args ? args : "";
	size_t len = strcspn(s, " ");
	for (; n > 0 && s[len] == ' '; n--) {
		s += len + 1;
		len = strcspn(s, " ");
	}
	if (!*s || (n > 0 && !memmem(s, len, "…", strlen("…"))))
		return false;
	s += *s == '[';
	snprintf(ret, size, "%.*s", (int)strcspn(s, " ]…"), s); /* "…" has no byte of a letter */
	return true;
}

void command_add_name(struct buf *out, const struct noun *noun, const struct command *c)
{
	buf_addf(out, "reeve %s", noun->name);
	if (c && c->verb)
		buf_addf(out, " %s", c->verb);
}
