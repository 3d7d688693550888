/* SPDX-License-Identifier: Apache-2.0
 *
 * span: borrowed bytes, and the bounded readers.
 *
 * A span never owns and never relies on a NUL. The span_get_* readers are the only code that
 * indexes bytes a peer sent: each checks `want > left`, advances the span on success and leaves
 * it untouched on failure (false).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
	const uint8_t *p;
	size_t n;
};

struct span span_str(const char *s); /* of a C string, without its NUL */
bool span_eq(struct span a, struct span b);
bool span_eq_str(struct span a, const char *s);
bool span_ieq_str(struct span a, const char *s); /* ASCII case folded */

bool span_get_u8(struct span *s, uint8_t *ret);
bool span_get_be16(struct span *s, uint16_t *ret);
bool span_get_be24(struct span *s, uint32_t *ret);
bool span_get_be32(struct span *s, uint32_t *ret);
bool span_get_varint(struct span *s, uint64_t *ret); /* protobuf base-128, at most 10 bytes */
bool span_get_escape(struct span *s, uint8_t *ret);  /* "%41", RFC 3986 section 2.1 */
bool span_get_bytes(struct span *s, size_t n, struct span *ret);
/* Everything up to (not including) 'c', which is skipped; false when 'c' does not occur. */
bool span_get_until(struct span *s, char c, struct span *ret);

int hex_value(char c); /* of a digit, in both cases; -1: it is none */
