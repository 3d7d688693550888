/* SPDX-License-Identifier: Apache-2.0
 *
 * spool: an answer too large for memory, written to an unnamed temporary file of the data folder
 * and served from there. A slow reader then holds disk, not memory and not a read transaction.
 */
#pragma once

#include "net/http/http.h"

struct spool; /* heap, one owner */

int spool_new(const char *data_dir, struct spool **ret) WARN_UNUSED;
void spool_free(struct spool *s);
void spool_freep(struct spool **s);
/* Errors are kept and come out of spool_reply(). */
void spool_add(struct spool *s, struct span bytes);
void spool_add_spool(struct spool *s, struct spool *other); /* all of the other's content */
/* Answers the request with what was written; on an error nothing is answered. */
int spool_reply(struct spool *s, struct http_request *req, int status,
		const char *content_type) WARN_UNUSED;
