/* SPDX-License-Identifier: Apache-2.0
 *
 * Request targets (RFC 3986 section 2.1, RFC 9112 section 3.2); uri.h has the rules.
 */
#include "net/http/uri.h"
#include "base/span.h"
#include "base/utf8.h"
#include <strings.h>

/* The character at *in, decoded, which moves behind it; -1: a bad escape. */
static int next_char(const char **in)
{
	const char *p = *in;
	if (*p != '%') {
		(*in)++;
		return (unsigned char)*p;
	}
	int high = hex_value(p[1]);
	int low = high < 0 ? -1 : hex_value(p[2]);
	*in += 3;
	return low < 0 ? -1 : high << 4 | low;
}

static int bad_char(int c, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s",
			 c < 0 ? "a percent escape in the address is not two hex digits"
			       : "the address contains a NUL (%00)");
}

/* Text that needs no look: ASCII. */
static bool all_ascii(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] >= 0x80)
			return false;
	return true;
}

static int check_text(const char *s, size_t n, struct error *err)
{
	if (all_ascii(s, n) || utf8_valid((struct span){ (const uint8_t *)s, n }))
		return 0;
	return error_set(err, ERR_INVALID, "the address is not UTF-8");
}

static char *skip_authority(char *target)
{
	size_t scheme = strncasecmp(target, "http://", 7) == 0    ? 7
			: strncasecmp(target, "https://", 8) == 0 ? 8
								  : 0;
	if (scheme == 0)
		return NULL;
	char *path = target + scheme + strcspn(target + scheme, "/?");
	if (path == target + scheme)
		return NULL; /* no host */
	if (*path == '/')
		return path;
	/* "http://host" and "http://host?q" mean the path "/": there is room in the scheme. */
	size_t n = strlen(path);
	memmove(target + 1, path, n + 1);
	target[0] = '/';
	return target;
}

char *uri_target(char *target, char **ret_query)
{
	char *path = *target == '/' ? target : skip_authority(target);
	*ret_query = NULL;
	if (!path)
		return NULL;
	char *mark = strchr(path, '?');
	if (mark) {
		*mark = '\0';
		*ret_query = mark + 1;
	}
	return path;
}

int uri_split_path(char *path, struct uri_path *ret, struct error *err)
{
	const char *in = path + 1;
	char *out = path + 1;
	size_t start = 1;
	ret->text = path;
	ret->n_segments = 0;
	for (;; start = (size_t)(out - path)) {
		while (*in && *in != '/') {
			int c = next_char(&in);
			if (c <= 0)
				return bad_char(c, err);
			*out++ = (char)c;
		}
		if (ret->n_segments == URI_SEGMENTS_MAX)
			return error_set(err, ERR_INVALID, "the address has too many segments");
		size_t n = (size_t)(out - path) - start;
		ret->segments[ret->n_segments++] =
			(struct uri_segment){ (uint32_t)start, (uint32_t)n };
		if (!*in)
			break;
		in++;
		*out++ = '/';
	}
	*out = '\0';
	ret->n = (size_t)(out - path);
	return check_text(path, ret->n, err);
}

/* Decodes the text up to one of 'ends' over *out and moves both; *ret is where it begins. */
static int decode_word(const char **in, char **out, const char *ends, const char **ret,
		       struct error *err)
{
	char *start = *out;
	while (**in && !strchr(ends, **in)) {
		bool plus = **in == '+';
		int c = next_char(in);
		if (c <= 0)
			return bad_char(c, err);
		*(*out)++ = plus ? ' ' : (char)c;
	}
	*ret = start;
	return check_text(start, (size_t)(*out - start), err);
}

/* One "name=value" or "name". The output stays behind the input: each NUL that is written takes
 * the place of the '=' or '&' that was read, or of the NUL at the end. */
static int split_param(const char **in, char **out, struct uri_param *ret, struct error *err)
{
	int r = decode_word(in, out, "=&", &ret->name, err);
	ret->value = "";
	if (r == 0 && **in == '=') {
		(*in)++;
		*(*out)++ = '\0';
		r = decode_word(in, out, "&", &ret->value, err);
	}
	if (r)
		return r;
	if (**in == '&')
		(*in)++;
	*(*out)++ = '\0';
	return 0;
}

static bool has_param(const struct uri_param *params, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(params[i].name, name) == 0)
			return true;
	return false;
}

int uri_split_query(char *query, struct uri_param *ret, size_t max, size_t *ret_n,
		    struct error *err)
{
	const char *in = query;
	char *out = query;
	*ret_n = 0;
	while (*in) {
		struct uri_param p;
		if (*in == '&') {
			in++;
			continue;
		}
		int r = split_param(&in, &out, &p, err);
		if (r)
			return r;
		if (*ret_n == max)
			return error_set(err, ERR_INVALID,
					 "the address has more than %zu query parameters", max);
		if (has_param(ret, *ret_n, p.name))
			return error_set(err, ERR_INVALID,
					 "the query parameter '%s' is given more than once",
					 p.name);
		ret[(*ret_n)++] = p;
	}
	return 0;
}
