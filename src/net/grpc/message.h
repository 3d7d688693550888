/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages through protobuf-c under a bound: a few bytes on the wire can stand for a large struct, so
 * what decoding allocates is counted, in a budget that all calls of a server share. Strings are
 * UTF-8 without NULs, messages nest a bounded number of times.
 */
#pragma once

#include "base/buf.h"
#include <protobuf-c/protobuf-c.h>
#include <stdatomic.h>

struct memory { /* bytes that peers make us hold */
	_Atomic size_t used;
	size_t max;
};

/* false, and nothing taken: it would be more than the maximum. */
bool memory_take(struct memory *m, size_t n);
void memory_give(struct memory *m, size_t n);

struct decoded {
	ProtobufCMessage *message; /* owned; NULL: none */
	ProtobufCAllocator allocator;
	struct memory *memory; /* borrowed; NULL: not counted */
	size_t used, max;
	bool too_large; /* why decoding failed: not the bytes, but what they stand for */
};

/* false: not such a message, or too_large. Embedded, does not move while it holds a message. */
bool message_decode(struct decoded *d, const ProtobufCMessageDescriptor *type, struct span bytes,
		    struct memory *memory) WARN_UNUSED;
void message_free(struct decoded *d);
/* Framed, ready for DATA: the head of five bytes and the message. false: no memory. */
bool message_encode(struct buf *out, const ProtobufCMessage *m) WARN_UNUSED;
