/* SPDX-License-Identifier: Apache-2.0
 *
 * Tags, varints, lengths; see proto-writer.h. A message's length is known at its end only: its content
 * moves up by the bytes that the length takes.
 */
#include "channel/chrome/policy/proto-writer.h"

#include <string.h>

#define VARINT_MAX 10

enum wire_type { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static size_t varint(uint64_t v, uint8_t out[VARINT_MAX])
{
	size_t n = 0;
	for (; v >= 0x80; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

static void add_varint(struct buf *b, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	buf_add(b, bytes, varint(v, bytes));
}

static void add_tag(struct buf *b, uint32_t field, enum wire_type type)
{
	add_varint(b, (uint64_t)field << 3 | type);
}

void proto_int(struct buf *b, uint32_t field, int64_t value)
{
	add_tag(b, field, WIRE_VARINT);
	add_varint(b, (uint64_t)value);
}

void proto_bytes(struct buf *b, uint32_t field, struct span value)
{
	add_tag(b, field, WIRE_BYTES);
	add_varint(b, value.n);
	buf_add(b, value.p, value.n);
}

void proto_str(struct buf *b, uint32_t field, const char *value)
{
	proto_bytes(b, field, span_str(value));
}

size_t proto_begin(struct buf *b, uint32_t field)
{
	add_tag(b, field, WIRE_BYTES);
	return b->n;
}

void proto_end(struct buf *b, size_t begin)
{
	uint8_t length[VARINT_MAX];
	if (b->failed)
		return;
	size_t n_content = b->n - begin, n_length = varint(n_content, length);
	buf_add(b, length, n_length); /* room; it belongs before the content */
	if (b->failed)
		return;
	memmove(b->p + begin + n_length, b->p + begin, n_content);
	memcpy(b->p + begin, length, n_length);
}
