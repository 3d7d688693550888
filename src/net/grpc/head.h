/* SPDX-License-Identifier: Apache-2.0
 *
 * head: what the headers of a request say, and whether that is a gRPC call. Pure.
 */
#pragma once

#include "net/grpc/status.h"

enum head_flag {
	HEAD_POST = 1u << 0,
	HEAD_GRPC = 1u << 1,       /* the content type is gRPC with protobuf */
	HEAD_TE = 1u << 2,         /* te: trailers */
	HEAD_COMPRESSED = 1u << 3, /* messages may be compressed */
	HEAD_BAD_TIMEOUT = 1u << 4,
	HEAD_TOO_LARGE = 1u << 5,
	HEAD_TOKEN = 1u << 6, /* authorization: Bearer, with the right token */
};

struct head {
	unsigned flags;
	uint32_t size;      /* of the header list, as RFC 9113 counts it */
	int64_t timeout_ms; /* -1: none */
	const char *token;  /* that has to be shown; NULL: none. Borrowed */
};

void head_init(struct head *h, const char *token);
/* true: it was the path. */
bool head_add(struct head *h, struct span name, struct span value, uint32_t size_max);
/* The HTTP status, and when that is 200 what gRPC thinks of it so far (OK: go on). */
int head_check(const struct head *h, struct grpc_status *ret);
