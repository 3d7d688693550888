/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading dpkg's database: paragraphs of "Field: value" separated by empty lines, continuation lines
 * begin with white space. A package is installed when the last word of its Status says so.
 */
#include "agent/providers/dpkg.h"
#include "agent/providers/place.h"

#define STATUS_FILE "/var/lib/dpkg/status"
#define STATUS_MAX  (64 * 1024 * 1024)
#define LOWER       "abcdefghijklmnopqrstuvwxyz"
#define UPPER       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"

struct paragraph {
	struct dpkg_package package;
	struct span status;
};

static bool is_field(struct span line, const char *name, struct span *ret)
{
	size_t n = strlen(name);
	if (line.n <= n || !span_ieq_str((struct span){ line.p, n }, name) || line.p[n] != ':')
		return false;
	line.p += n + 1;
	line.n -= n + 1;
	for (; line.n > 0 && strchr(" \t", line.p[0]); line.n--)
		line.p++;
	while (line.n > 0 && strchr(" \t\r", line.p[line.n - 1]))
		line.n--;
	*ret = line;
	return true;
}

static bool is_installed(const struct paragraph *p)
{
	static const char word[] = " installed";
	size_t n = strlen(word);
	return p->package.name.n > 0 && p->status.n > n &&
	       span_eq_str((struct span){ p->status.p + p->status.n - n, n }, word);
}

static void read_line(struct paragraph *p, struct span line)
{
	(void)(is_field(line, "Package", &p->package.name) ||
	       is_field(line, "Version", &p->package.version) ||
	       is_field(line, "Architecture", &p->package.architecture) ||
	       is_field(line, "Status", &p->status));
}

int dpkg_each(const char *root, bool (*fn)(void *user, const struct dpkg_package *p), void *user)
{
	CLEANUP(buf_fini) struct buf text;
	struct paragraph p = { 0 };
	struct span line;
	buf_init(&text, STATUS_MAX);
	int r = place_read(root, STATUS_FILE, &text);
	if (r < 0)
		return r;
	struct span rest = buf_span(&text);
	while (rest.n > 0) {
		if (!span_get_until(&rest, '\n', &line)) {
			line = rest;
			rest.n = 0;
		}
		if (line.n > 0)
			read_line(&p, line);
		if (line.n > 0 && rest.n > 0)
			continue;
		if (is_installed(&p) && !fn(user, &p.package))
			return 0;
		p = (struct paragraph){ 0 };
	}
	return 0;
}

struct search {
	const char *name;
	char *version;
};

static bool match(void *user, const struct dpkg_package *p)
{
	struct search *s = user;
	if (!span_eq_str(p->name, s->name))
		return true;
	snprintf(s->version, DPKG_VERSION_SIZE, "%.*s", (int)p->version.n,
		 (const char *)p->version.p);
	return false;
}

const char *dpkg_version(const char *root, const char *package, char version[DPKG_VERSION_SIZE])
{
	struct search s = { package, version };
	version[0] = '\0';
	if (dpkg_each(root, match, &s) < 0)
		version[0] = '\0';
	return version;
}

static bool made_of(const char *s, const char *first, const char *rest, size_t min)
{
	size_t n = strlen(s);
	return n >= min && n < DPKG_VERSION_SIZE && strchr(first, s[0]) && strspn(s, rest) == n;
}

bool dpkg_name_valid(const char *s)
{
	return made_of(s, LOWER DIGITS, LOWER DIGITS "+.-", 2);
}

bool dpkg_version_valid(const char *s)
{
	return made_of(s, DIGITS UPPER LOWER, DIGITS UPPER LOWER ".+~:-", 1);
}
