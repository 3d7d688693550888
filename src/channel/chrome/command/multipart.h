/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578) as Chromium's upload job writes it: parts with a name, a file's name and
 * headers of their own. Bytes of a peer: everything is bounded, nothing is copied; the parts borrow from
 * the body.
 */
#pragma once

#include "base/err.h"
#include "base/span.h"

#define MULTIPART_BOUNDARY_MAX 70 /* RFC 2046 5.1.1 */
#define MULTIPART_HEADERS_MAX  32 /* lines of one part */

struct multipart {
	struct span rest; /* what follows the last boundary that was read */
	uint8_t delimiter[MULTIPART_BOUNDARY_MAX + 4];
	size_t n_delimiter; /* of CR LF "--" and the boundary */
};

struct multipart_part { /* empty: not given */
	struct span name, filename, content_type, command_id, file_type;
	struct span body;
};

/* From the header Content-Type. ERR_UNSUPPORTED_TYPE: not multipart/form-data with a boundary. */
int multipart_init(struct multipart *m, const char *content_type, struct span body,
		   struct error *err) WARN_UNUSED;
/* *ret_there false: that was the last one. ERR_INVALID: the body is cut off, or not in this form. */
int multipart_next(struct multipart *m, struct multipart_part *ret, bool *ret_there,
		   struct error *err) WARN_UNUSED;
