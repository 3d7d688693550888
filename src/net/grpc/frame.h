/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's framing inside DATA: a flag byte, a length of four bytes, that many bytes of message.
 *
 * deframer: takes the bytes of one direction of a unary call in any pieces and has one message at
 * the end. It allocates what has arrived, never what is announced. Pure; no I/O.
 */
#pragma once

#include "base/buf.h"

#define FRAME_HEAD_SIZE 5

enum frame_result {
	FRAME_OK,
	FRAME_COMPRESSED, /* flag 1 */
	FRAME_BAD_FLAG,   /* flag neither 0 nor 1 */
	FRAME_TOO_LARGE,  /* announced more than the maximum */
	FRAME_SECOND,     /* a second message: the call is unary */
	FRAME_NO_MEMORY,
};

struct deframer {
	uint8_t head[FRAME_HEAD_SIZE];
	size_t n_head;   /* bytes of the head so far */
	size_t n_left;   /* bytes of the message to come */
	size_t size;     /* as announced, when the head is whole */
	struct buf body; /* the message; owned */
};

void deframer_init(struct deframer *d, size_t message_max);
void deframer_fini(struct deframer *d);
/* After anything but FRAME_OK the deframer is done with. */
enum frame_result deframer_feed(struct deframer *d, struct span bytes) WARN_UNUSED;
bool deframer_whole(const struct deframer *d); /* exactly one whole message is there */
bool deframer_empty(const struct deframer *d); /* not a byte came */

void frame_head(uint8_t head[FRAME_HEAD_SIZE], uint32_t size);
