/* SPDX-License-Identifier: Apache-2.0
 *
 * URLs and paths, see translate.h.
 */
#include "vm/host/translate.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URL_MAX       65536
#define PORT_SAFE_MAX 1023 /* above, the host's loopback is forwarded to the container */

/* ---- paths ---- */

/* "..", as a whole component, written plainly or escaped. */
static bool climbs(const char *path)
{
	for (const char *p = path; *p;) {
		size_t n = 0, n_dots = 0;
		while (p[n] && p[n] != '/') {
			if (p[n] == '.') {
				n++;
			} else if (strncasecmp(p + n, "%2e", 3) == 0) {
				n += 3;
			} else {
				break;
			}
			n_dots++;
		}
		bool whole = p[n] == '\0' || p[n] == '/' || strncasecmp(p + n, "%2f", 3) == 0;
		if (n_dots == 2 && whole)
			return true;
		while (p[n] && p[n] != '/' && strncasecmp(p + n, "%2f", 3) != 0)
			n++;
		p += n;
		p += *p == '/' ? 1 : *p ? 3 : 0;
	}
	return false;
}

bool translate_is_below(const char *path)
{
	return path[0] != '\0' && path[0] != '/' && !climbs(path) &&
	       !utf8_has_control(span_str(path));
}

/* What is left of 'path' below 'root', beginning with a slash or empty; NULL: it is not below. */
static const char *below(const char *path, const char *root)
{
	size_t n = strlen(root);
	if (strncmp(path, root, n) != 0 || (path[n] != '\0' && path[n] != '/'))
		return NULL;
	return path + n;
}

static bool replace_root(const char *path, const char *from, const char *to, struct buf *out)
{
	const char *rest = below(path, from);
	if (!rest)
		return false;
	buf_add_str(out, to);
	buf_add_str(out, rest);
	return !out->failed;
}

bool translate_path(const struct translation *t, const char *path, struct buf *out)
{
	for (size_t i = 0; i < t->n_paths && !climbs(path); i++)
		if (replace_root(path, t->paths[i].inside, t->paths[i].outside, out))
			return true;
	return false;
}

bool translate_back(const struct translation *t, const char *path, struct buf *out)
{
	for (size_t i = 0; i < t->n_paths && !climbs(path); i++)
		if (replace_root(path, t->paths[i].outside, t->paths[i].inside, out))
			return true;
	return false;
}

/* ---- URLs ---- */

/* %XX; a '%' before anything else is one, as many a program writes it. false: a NUL. */
static bool decode(struct span text, struct buf *out)
{
	uint8_t c;
	while (span_get_escape(&text, &c) || span_get_u8(&text, &c)) {
		if (c == '\0')
			return false;
		buf_add_char(out, (char)c);
	}
	return true;
}

/* 'path' and what may follow it, '?' or '#'. */
static int file_url(const struct translation *t, const char *path, struct buf *out,
		    struct error *err)
{
	CLEANUP(buf_fini) struct buf inside, outside;
	size_t n = strcspn(path, "?#");
	buf_init(&inside, URL_MAX);
	buf_init(&outside, URL_MAX + 4096);
	if (path[0] != '/')
		return error_set(err, ERR_INVALID, "file://: the path must be absolute");
	if (!decode((struct span){ (const uint8_t *)path, n }, &inside) || climbs(buf_str(&inside)))
		return error_set(err, ERR_INVALID, "file://: “..” leads elsewhere");
	if (!translate_path(t, buf_str(&inside), &outside))
		return error_set(err, ERR_INVALID,
				 "file://: this file is not shared with the host");
	buf_add_str(out, "file://");
	buf_add_percent(out, buf_str(&outside), "/");
	buf_add_str(out, path + n);
	return 0;
}

/* Names the container itself, as a program inside sees it. */
static bool is_itself(struct span host)
{
	return span_eq_str(host, "localhost") || span_eq_str(host, "127.0.0.1");
}

/* Absent or unreadable ports are the scheme's own, which are low. */
static bool is_low_port(const char *after_host)
{
	char *end;
	if (*after_host != ':')
		return true;
	unsigned long port = strtoul(after_host + 1, &end, 10);
	return end == after_host + 1 || port <= PORT_SAFE_MAX;
}

static void web_url(const struct translation *t, const char *url, const char *rest, struct buf *out)
{
	size_t n = strcspn(rest, "/?#");
	const char *at = memchr(rest, '@', n);
	const char *host = at ? at + 1 : rest;
	size_t n_host = strcspn(host, ":/?#");
	struct span name = { (const uint8_t *)host, n_host };
	if (!t->address || !is_itself(name) || !is_low_port(host + n_host)) {
		buf_add_str(out, url);
		return;
	}
	buf_add(out, url, (size_t)(host - url));
	buf_add_str(out, t->address);
	buf_add_str(out, host + n_host);
}

/* mailto:…?attach=/etc/passwd: a header that mail programs know besides those of RFC 6068. */
static bool attaches(const char *url)
{
	CLEANUP(buf_fini) struct buf plain;
	buf_init(&plain, URL_MAX);
	if (!decode(span_str(url), &plain))
		return true;
	for (const char *p = buf_str(&plain); (p = strpbrk(p, "?&;")); p++)
		if (strncasecmp(p + 1, "attach", 6) == 0)
			return true;
	return false;
}

/* What a container may have opened: nothing that is a program's own way in. */
static bool scheme_ok(const char *url, size_t n)
{
	static const char *const allowed[] = { "http", "https", "ftp", "mailto", "tel", "news" };
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		if (strlen(allowed[i]) == n && strncasecmp(url, allowed[i], n) == 0)
			return true;
	return false;
}

int translate_url(const struct translation *t, const char *url, struct buf *out, struct error *err)
{
	struct span s = span_str(url);
	size_t n = strcspn(url, ":");
	if (s.n == 0 || s.n > URL_MAX)
		return error_set(err, ERR_INVALID, "a URL has 1 to %d bytes", URL_MAX);
	if (!utf8_valid(s) || utf8_has_control(s))
		return error_set(err, ERR_INVALID,
				 "the URL is not UTF-8, or has control characters");
	int r = 0;
	if (n == 4 && strncasecmp(url, "file", 4) == 0 && strncmp(url + 4, "://", 3) == 0)
		r = file_url(t, url + 7, out, err);
	else if (!scheme_ok(url, n) || url[n] != ':')
		r = error_set(err, ERR_INVALID, "URLs of this kind are not opened: %.40s", url);
	else if (strncasecmp(url, "mailto", n) == 0 && attaches(url))
		r = error_set(err, ERR_INVALID, "mailto: files are not attached");
	else if (strncmp(url + n, "://", 3) == 0)
		web_url(t, url, url + n + 3, out);
	else
		buf_add_str(out, url);
	if (r == 0 && out->failed)
		r = error_set(err, ERR_INVALID, "the URL is too long");
	return r;
}
