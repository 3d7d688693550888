/* SPDX-License-Identifier: Apache-2.0
 *
 * The five-byte framing, see frame.h.
 */
#include "net/grpc/frame.h"

void deframer_init(struct deframer *d, size_t message_max)
{
	*d = (struct deframer){ 0 };
	buf_init(&d->body, message_max);
}

void deframer_fini(struct deframer *d)
{
	buf_fini(&d->body);
}

bool deframer_whole(const struct deframer *d)
{
	return d->n_head == FRAME_HEAD_SIZE && d->n_left == 0;
}

bool deframer_empty(const struct deframer *d)
{
	return d->n_head == 0;
}

static enum frame_result head_done(struct deframer *d)
{
	struct span head = { d->head, FRAME_HEAD_SIZE };
	uint8_t flag = 0;
	uint32_t size = 0;
	(void)!(span_get_u8(&head, &flag) && span_get_be32(&head, &size)); /* it is whole */
	if (flag > 1)
		return FRAME_BAD_FLAG;
	if (flag == 1)
		return FRAME_COMPRESSED;
	if (size > d->body.max)
		return FRAME_TOO_LARGE;
	d->size = d->n_left = size;
	return FRAME_OK;
}

enum frame_result deframer_feed(struct deframer *d, struct span bytes)
{
	while (bytes.n > 0 && d->n_head < FRAME_HEAD_SIZE) {
		(void)!span_get_u8(&bytes, &d->head[d->n_head++]);
		if (d->n_head < FRAME_HEAD_SIZE)
			continue;
		enum frame_result r = head_done(d);
		if (r != FRAME_OK)
			return r;
	}
	if (bytes.n > d->n_left)
		return FRAME_SECOND;
	buf_add(&d->body, bytes.p, bytes.n);
	if (d->body.failed)
		return FRAME_NO_MEMORY;
	d->n_left -= bytes.n;
	return FRAME_OK;
}

void frame_head(uint8_t head[FRAME_HEAD_SIZE], uint32_t size)
{
	head[0] = 0;
	head[1] = (uint8_t)(size >> 24);
	head[2] = (uint8_t)(size >> 16);
	head[3] = (uint8_t)(size >> 8);
	head[4] = (uint8_t)size;
}
