/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of loads, and the form of a request.
 */
#include "reeve-bench/kind.h"

#include <string.h>

static const struct load_kind *const kinds[] = {
	&device_enroll,  &device_desired, &device_report,
	&mdmcore_enroll, &mdmcore_policy, &mdmcore_report,
};

const struct load_kind *load_kind_at(size_t i)
{
	return i < ARRAY_SIZE(kinds) ? kinds[i] : NULL;
}

const struct load_kind *load_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(kinds[i]->name, name) == 0)
			return kinds[i];
	return NULL;
}

void request_add(struct buf *out, const struct load_target *t, const char *method, const char *path,
		 const char *token, const char *body)
{
	buf_addf(out, "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, t->host);
	if (*token)
		buf_addf(out, "Authorization: Bearer %s\r\n", token);
	if (body)
		buf_addf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
			 strlen(body));
	buf_add_str(out, "\r\n");
	if (body)
		buf_add_str(out, body);
}
