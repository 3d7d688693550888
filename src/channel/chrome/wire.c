/* SPDX-License-Identifier: Apache-2.0
 *
 * Protobuf on an arena, and what may be unpacked at all.
 *
 * protobuf-c trusts its input in two ways: it recurses as deep as messages nest (Policy.conflicts is
 * a Policy), and an empty submessage of two bytes becomes a whole struct. chrome_depth_ok() walks
 * the bytes along the descriptors first, without memory of its own, and adds up what unpacking would take.
 * Wrong bytes it leaves to the unpacker, which says so.
 */
#include "channel/chrome/handlers.h"

#define DEPTH_MAX  16         /* the protocol's own messages nest 8 deep */
#define MEMORY_MAX (48 << 20) /* of what a body of CHROME_BODY_MAX may become */
#define MEMBER     64         /* bytes the unpacker keeps of each field, and alignment */

enum { WIRE_VARINT = 0, WIRE_I64 = 1, WIRE_LENGTH = 2, WIRE_I32 = 5 };

static void *allocate(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void leave(void *arena, void *p)
{
	(void)arena; /* goes with the arena */
	(void)p;
}

ProtobufCAllocator chrome_allocator(struct arena *a)
{
	return (ProtobufCAllocator){ .alloc = allocate, .free = leave, .allocator_data = a };
}

struct span chrome_pack(struct arena *a, const ProtobufCMessage *m)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *p = arena_alloc(a, n + 1);
	return (struct span){ p, protobuf_c_message_pack(m, p) };
}

/* false: it is not there whole. *ret_content: of a length-delimited field. */
static bool skip_value(struct span *s, unsigned wire, struct span *ret_content)
{
	uint64_t n = 0;
	struct span ignored;
	switch (wire) {
	case WIRE_VARINT:
		return span_get_varint(s, &n);
	case WIRE_I64:
		return span_get_bytes(s, 8, &ignored);
	case WIRE_I32:
		return span_get_bytes(s, 4, &ignored);
	case WIRE_LENGTH:
		return span_get_varint(s, &n) && n <= s->n &&
		       span_get_bytes(s, (size_t)n, ret_content);
	default:
		return false;
	}
}

/* A packed list of one-byte elements becomes a list of eight-byte ones. */
static size_t cost_of(const ProtobufCFieldDescriptor *f, unsigned wire, size_t n_content)
{
	bool text = !f || f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES;
	return MEMBER + (wire == WIRE_LENGTH && !text ? 8 * n_content : n_content);
}

static bool walk(struct span s, const ProtobufCMessageDescriptor *type, unsigned depth,
		 size_t *left)
{
	if (depth == 0 || type->sizeof_message > *left)
		return false;
	*left -= type->sizeof_message;
	while (s.n > 0) {
		uint64_t tag;
		struct span content = { 0 };
		if (!span_get_varint(&s, &tag) || !skip_value(&s, tag & 7, &content))
			return true;
		const ProtobufCFieldDescriptor *f =
			tag >> 3 <= UINT32_MAX ? protobuf_c_message_descriptor_get_field(
							 type, (unsigned)(tag >> 3))
					       : NULL;
		bool message = f && f->type == PROTOBUF_C_TYPE_MESSAGE && (tag & 7) == WIRE_LENGTH;
		size_t cost = message ? MEMBER : cost_of(f, tag & 7, content.n);
		if (cost > *left)
			return false;
		*left -= cost;
		if (message && !walk(content, f->descriptor, depth - 1, left))
			return false;
	}
	return true;
}

bool chrome_depth_ok(struct span message)
{
	size_t left = MEMORY_MAX;
	return walk(message, &dm__device_management_request__descriptor, DEPTH_MAX, &left);
}
