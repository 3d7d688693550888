/* SPDX-License-Identifier: Apache-2.0
 *
 * Server-sent events (HTML standard, section 9.2.6), decoded: bytes in as they arrive, one call for each
 * event. Does no I/O. Bounded: a line or the data of an event longer than SSE_MAX is an error.
 */
#pragma once

#include "base/buf.h"

#define SSE_MAX (1u << 20)

/* 'id' is the last one that the stream gave ("" before the first); all texts end with a NUL. false:
 * stop. */
typedef bool sse_fn(void *user, const char *id, const char *type, const char *data);

struct sse {
	struct buf line, data, id, type;
	bool after_cr; /* the last line ended with a CR: an LF that follows belongs to it */
	bool started;  /* the first line was seen: no byte order mark any more */
	sse_fn *fn;
	void *user;
};

void sse_init(struct sse *s, sse_fn *fn, void *user);
void sse_fini(struct sse *s);
/* 0, -EFBIG when something is too long, -ECANCELED when fn() said stop. */
int sse_feed(struct sse *s, struct span bytes) WARN_UNUSED;
