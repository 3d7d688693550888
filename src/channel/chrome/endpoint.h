/* SPDX-License-Identifier: Apache-2.0
 *
 * Between the files that read a request: words of query and headers, the table of types. Pure, so that
 * tests and the fuzzer come without HTTP.
 */
#pragma once

#include "channel/chrome/handlers.h"

struct chrome_words { /* of the query, decoded, and of the headers; NULL: absent */
	const char *request, *device_type, *app_type, *device_id, *agent, *platform, *profile_id;
	const char *critical, *retry, *oauth_token, *oauth;
	const char *authorization;
};
/* Fills type, device_id … oauth_token and scheme of r; r->arena is there. ERR_INVALID. */
int chrome_words_read(const struct chrome_words *w, struct chrome_request *r,
		      struct error *err) WARN_UNUSED;
/* Whether the credentials that the row wants are there at all. ERR_UNAUTHENTICATED. */
int chrome_words_authorized(const struct chrome_request *r, struct error *err) WARN_UNUSED;

extern const struct chrome_type chrome_types[];               /* ended by a row without a name */
const struct chrome_type *chrome_type_find(const char *name); /* either spelling; NULL: unknown */

/* Unpacks into the arena and looks for the row's member. ERR_INVALID. */
int chrome_body_read(struct span bytes, struct chrome_request *r, struct error *err) WARN_UNUSED;

http_handler chrome_endpoint;
