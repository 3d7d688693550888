/* SPDX-License-Identifier: Apache-2.0
 *
 * translate: what a container calls something, in the host's words. Pure.
 *
 * - http://localhost[:PORT up to 1023]/… is the container itself: its address takes the place of the name. Ports above
 *   are forwarded to the host's own loopback and stay.
 * - file:// (percent-encoded, and again when it leaves) and plain paths below one of the rows of 'paths' are below the row's other side on the host; other files do not
 *   exist there.
 * - mailto: takes no file of the host along.
 * - Everything else is not changed.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#define PATHS_MAX 32

struct path_row { /* both absolute, without a slash at the end; borrowed */
	const char *inside, *outside;
};

struct translation {
	const char *address; /* of the container, or NULL: localhost stays */
	struct path_row paths[PATHS_MAX];
	size_t n_paths; /* the first that fits counts */
};

/* ERR_INVALID: not UTF-8 or with control characters, too long, no scheme that may be opened, a file that leads elsewhere. */
int translate_url(const struct translation *t, const char *url, struct buf *out,
		  struct error *err) WARN_UNUSED;
/* Does it name something below a folder, whatever is there? Relative, no "..", no control characters. */
bool translate_is_below(const char *path);
/* A path of the host in the container's words, for what a person chose. false: it is not visible there. */
bool translate_back(const struct translation *t, const char *path, struct buf *out);
/* A path of the container on the host. false: not there. */
bool translate_path(const struct translation *t, const char *path, struct buf *out);
