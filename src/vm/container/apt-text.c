/* SPDX-License-Identifier: Apache-2.0
 *
 * See apt-text.h.
 */
#include "vm/container/apt-text.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *prefix;
	enum apt_status status;
} prefixes[] = {
	{ "dlstatus:", APT_DOWNLOADING },
	{ "pmstatus:", APT_INSTALLING },
	{ "pmerror:", APT_ERROR },
};

/* After the next colon; NULL: there is none. */
static const char *next_field(const char *s)
{
	const char *colon = s ? strchr(s, ':') : NULL;
	return colon ? colon + 1 : NULL;
}

/* A package's field may have a colon ("vim:amd64"): the percentage is the first that looks like one. */
static bool take_percent(const char *s, unsigned *ret)
{
	unsigned n = 0;
	if (!isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s); s++)
		n = n < 1000 ? n * 10 + (unsigned)(*s - '0') : n;
	*ret = n > 100 ? 100 : n;
	return *s == ':' || *s == '.';
}

enum apt_status apt_status_parse(const char *line, unsigned *ret_percent, const char **ret_text)
{
	*ret_percent = 0;
	*ret_text = line;
	if (strncmp(line, "E: ", 3) == 0) {
		*ret_text = line + 3;
		return APT_ERROR;
	}
	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
		size_t n = strlen(prefixes[i].prefix);
		if (strncmp(line, prefixes[i].prefix, n) != 0)
			continue;
		const char *field = next_field(line + n);
		while (field && !take_percent(field, ret_percent))
			field = next_field(field);
		const char *text = next_field(field);
		if (!text)
			return APT_OTHER;
		*ret_text = text;
		return prefixes[i].status;
	}
	return APT_OTHER;
}

static bool is_made_of(const char *s, size_t n, const char *more)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr(more, s[i]))
			return false;
	return n > 0 && n < 200 && isalnum((unsigned char)s[0]);
}

bool apt_name_ok(const char *name)
{
	return is_made_of(name, strlen(name), "+-.");
}

bool apt_name_of_id(const char *id, char *out, size_t size)
{
	size_t n_name = strcspn(id, ";");
	const char *version = id[n_name] ? id + n_name + 1 : id + n_name;
	size_t n_version = strcspn(version, ";");
	const char *arch = version[n_version] ? version + n_version + 1 : version + n_version;
	size_t n_arch = strcspn(arch, ";");
	bool any = n_arch == 0 || (n_arch == 3 && strncmp(arch, "all", 3) == 0);
	if (!is_made_of(id, n_name, "+-.") ||
	    (n_version && !is_made_of(version, n_version, "+-.:~")) ||
	    (!any && !is_made_of(arch, n_arch, "-")))
		return false;
	int n = snprintf(out, size, "%.*s%s%.*s%s%.*s", (int)n_name, id, any ? "" : ":",
			 any ? 0 : (int)n_arch, arch, n_version ? "=" : "", (int)n_version,
			 version);
	return n > 0 && (size_t)n < size;
}

bool apt_owner_parse(const char *line, char *out, size_t size)
{
	size_t n = strcspn(line, ":, ");
	const char *path = strstr(line, ": /");
	if (!path || line + n > path || !is_made_of(line, n, "+-.") || n >= size)
		return false; /* "diversion by x from: /…" has a blank before its first colon */
	snprintf(out, size, "%.*s", (int)n, line);
	return strncmp(line, "diversion by ", 13) != 0;
}
