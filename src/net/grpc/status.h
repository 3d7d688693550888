/* SPDX-License-Identifier: Apache-2.0
 *
 * The outcome of a call: gRPC's code and a sentence, with their forms on the wire.
 *
 * grpc-message is percent-encoded (PROTOCOL-HTTP2.md, "Responses"): bytes outside of 0x20..0x7e and
 * '%' itself travel as %XX. A decoder never fails: what is no escape stays as it is.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include <stdint.h>

enum grpc_code {
#define GRPC_STATUS(name, number) GRPC_##name = (number),
#include "net/grpc/status.def"
#undef GRPC_STATUS
};

#define GRPC_MESSAGE_MAX 400 /* bytes of a sentence, decoded; more is cut */

struct grpc_status {
	enum grpc_code code;
	char message[GRPC_MESSAGE_MAX]; /* UTF-8, "" when there is nothing to say */
};

/* Fills 's'; the code OK has no message by itself. */
void grpc_status_set(struct grpc_status *s, enum grpc_code code, const char *fmt, ...)
	FORMAT_PRINTF(3, 4);

const char *grpc_code_name(enum grpc_code code); /* "UNAVAILABLE"; "UNKNOWN" for any other number */
enum grpc_code grpc_code_from_err(enum err code);
enum grpc_code grpc_code_from_http(int http_status); /* of a peer that does not speak gRPC */
enum grpc_code grpc_code_from_h2(uint32_t h2_error); /* of an RST_STREAM */
/* The text of a grpc-status header; UNKNOWN when it is not a number that we know. */
enum grpc_code grpc_code_parse(struct span text);

void grpc_message_encode(struct buf *out, const char *message);
void grpc_message_decode(char out[GRPC_MESSAGE_MAX], struct span text);
