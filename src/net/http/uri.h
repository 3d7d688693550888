/* SPDX-License-Identifier: Apache-2.0
 *
 * Taking a request target apart, in place: percent-decoding, path segments, query parameters.
 *
 * Decoding never makes text longer, so everything is written over the input. A decoded '/' (%2F)
 * is text of its segment, never a separator; "." and ".." are segments like any other. What
 * comes out is UTF-8 without NUL. 0, or ERR_INVALID with the sentence.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define URI_SEGMENTS_MAX 32
#define URI_PARAMS_MAX   64

struct uri_path {
	char *text; /* decoded, NUL-terminated, begins with '/' */
	size_t n;
	size_t n_segments;
	struct uri_segment {
		uint32_t at, n; /* of text, without the slash before it */
	} segments[URI_SEGMENTS_MAX];
};

struct uri_param {
	const char *name, *value;
};

/* The path part of a target in origin form or absolute form ("http://host/path"); *ret_query is
 * what follows the '?', or NULL. Writes a NUL over the '?'. NULL: the target has another form. */
char *uri_target(char *target, char **ret_query);
/* 'path' begins with '/' and ends with a NUL. */
int uri_split_path(char *path, struct uri_path *ret, struct error *err) WARN_UNUSED;
/* application/x-www-form-urlencoded; '+' is a space; a name may come once. *ret_n <= max. */
int uri_split_query(char *query, struct uri_param *ret, size_t max, size_t *ret_n,
		    struct error *err) WARN_UNUSED;
