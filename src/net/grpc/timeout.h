/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc-timeout: at most eight digits and a unit of H M S m u n (PROTOCOL-HTTP2.md).
 */
#pragma once

#include "base/span.h"

#define GRPC_TIMEOUT_TEXT_SIZE 12

/* Milliseconds, rounded up so that "1n" is not "never waited". false: not a timeout. */
bool grpc_timeout_parse(struct span text, int64_t *ret_ms);
/* The finest unit that fits; a time that has passed already is "0m". Returns 'text'. */
const char *grpc_timeout_format(int64_t ms, char text[GRPC_TIMEOUT_TEXT_SIZE]);
