/* SPDX-License-Identifier: Apache-2.0
 *
 * protobuf-c with a counting allocator, see message.h. Each block starts with its own size.
 */
#include "net/grpc/message.h"
#include "base/utf8.h"
#include "net/grpc/frame.h"
#include <stdalign.h>

#define HEAD alignof(max_align_t)
/* An honest message of short strings takes about 10 bytes of memory for each of the wire, one of small
 * numbers while it is decoded some 30. */
#define BYTES_PER_BYTE 48
#define BYTES_AT_LEAST ((size_t)64 * 1024)
#define DEPTH_MAX      32

bool memory_take(struct memory *m, size_t n)
{
	size_t used = atomic_fetch_add(&m->used, n);
	if (n <= m->max && used <= m->max - n)
		return true;
	memory_give(m, n);
	return false;
}

void memory_give(struct memory *m, size_t n)
{
	atomic_fetch_sub(&m->used, n);
}

static void *counted_alloc(void *user, size_t n)
{
	struct decoded *d = user;
	if (n > d->max - d->used || (d->memory && !memory_take(d->memory, n))) {
		d->too_large = true;
		return NULL;
	}
	uint8_t *p = malloc(HEAD + n);
	if (!p) {
		d->too_large = true;
		if (d->memory)
			memory_give(d->memory, n);
		return NULL;
	}
	memcpy(p, &n, sizeof n);
	d->used += n;
	return p + HEAD;
}

static void counted_free(void *user, void *block)
{
	struct decoded *d = user;
	size_t n;
	if (!block)
		return;
	uint8_t *p = (uint8_t *)block - HEAD;
	memcpy(&n, p, sizeof n);
	d->used -= n;
	if (d->memory)
		memory_give(d->memory, n);
	free(p);
}

/* ---- what protobuf-c takes on trust ---- */

enum wire { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LENGTH = 2, WIRE_I32 = 5 };

/* false: it is not there whole. *ret_content: of a length-delimited field. */
static bool skip_value(struct span *s, unsigned wire, struct span *ret_content)
{
	uint64_t n;
	switch (wire) {
	case WIRE_VARINT:
		return span_get_varint(s, &n);
	case WIRE_I64:
		return span_get_bytes(s, 8, ret_content);
	case WIRE_I32:
		return span_get_bytes(s, 4, ret_content);
	case WIRE_LENGTH:
		return span_get_varint(s, &n) && n <= s->n &&
		       span_get_bytes(s, (size_t)n, ret_content);
	default:
		return false;
	}
}

static bool is_text(struct span s)
{
	return (s.n == 0 || !memchr(s.p, '\0', s.n)) && utf8_valid(s);
}

/* Messages nest DEPTH_MAX deep at most (protobuf-c would recurse as deep as it is told to), and
 * strings are UTF-8 without NULs: they become C strings, which would end there. */
static bool is_sound(struct span s, const ProtobufCMessageDescriptor *type, unsigned depth)
{
	uint64_t tag;
	while (s.n > 0) {
		struct span content = { 0 };
		if (!span_get_varint(&s, &tag) || tag >> 3 > UINT32_MAX ||
		    !skip_value(&s, tag & 7, &content))
			return false;
		const ProtobufCFieldDescriptor *f =
			protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
		if (!f || (tag & 7) != WIRE_LENGTH)
			continue;
		if (f->type == PROTOBUF_C_TYPE_STRING && !is_text(content))
			return false;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE &&
		    (depth == 0 || !is_sound(content, f->descriptor, depth - 1)))
			return false;
	}
	return true;
}

bool message_decode(struct decoded *d, const ProtobufCMessageDescriptor *type, struct span bytes,
		    struct memory *memory)
{
	*d = (struct decoded){
		.allocator = { counted_alloc, counted_free, d },
		.memory = memory,
		.max = BYTES_AT_LEAST + bytes.n * BYTES_PER_BYTE,
	};
	if (!is_sound(bytes, type, DEPTH_MAX))
		return false;
	d->message = protobuf_c_message_unpack(type, &d->allocator, bytes.n, bytes.p);
	return d->message != NULL;
}

void message_free(struct decoded *d)
{
	if (d->message)
		protobuf_c_message_free_unpacked(d->message, &d->allocator);
	d->message = NULL;
}

struct encoder {
	ProtobufCBuffer base;
	struct buf *out;
};

static void append(ProtobufCBuffer *base, size_t n, const uint8_t *p)
{
	buf_add(CONTAINER_OF(base, struct encoder, base)->out, p, n);
}

bool message_encode(struct buf *out, const ProtobufCMessage *m)
{
	struct encoder to = { { append }, out };
	uint8_t head[FRAME_HEAD_SIZE] = { 0 };
	buf_add(out, head, sizeof head);
	size_t n = protobuf_c_message_pack_to_buffer(m, &to.base);
	if (out->failed)
		return false;
	frame_head((uint8_t *)out->p, (uint32_t)n);
	return true;
}
