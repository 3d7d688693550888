/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf written field by field, for messages whose field numbers are data: CloudPolicySettings has a
 * field a policy, ChromeDeviceSettingsProto is described by the catalogue. What has a .proto file is
 * packed by protobuf-c instead.
 *
 * Fields come out in the order in which they are written; who wants protoc's own bytes writes them in
 * ascending order. Overflow is the buf's 'failed'.
 */
#pragma once

#include "base/buf.h"

/* bool, enum, int32, int64 (negative ones take ten bytes) */
void proto_int(struct buf *b, uint32_t field, int64_t value);
/* bytes, string, or a message that was written elsewhere */
void proto_bytes(struct buf *b, uint32_t field, struct span value);
void proto_str(struct buf *b, uint32_t field, const char *value);
/* A message: what is written between the two is its content. They nest. */
size_t proto_begin(struct buf *b, uint32_t field);
void proto_end(struct buf *b, size_t begin);
