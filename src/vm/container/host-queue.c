/* SPDX-License-Identifier: Apache-2.0
 *
 * One call after the other, see host-queue.h.
 */
#include "vm/container/host-queue.h"
#include "base/log.h"
#include "base/macros.h"
#include "vm/container/methods.h"
#include <stdlib.h>

struct host_notice {
	struct host_notice *next;
	const struct grpc_method *method;
	size_t n_bytes;
	ProtobufCMessage *request; /* owned */
};

static void notice_free(struct host_notice *n)
{
	protobuf_c_message_free_unpacked(n->request, NULL);
	free(n);
}

static struct host_notice *take_first(struct host_queue *q)
{
	struct host_notice *n = q->first;
	q->first = n->next;
	if (!q->first)
		q->end = &q->first;
	q->n--;
	q->n_bytes -= n->n_bytes;
	return n;
}

/* ---- telling ---- */

static void call_first(struct host_queue *q);

static void on_told(const struct grpc_result *result, void *user)
{
	struct host_queue *q = user;
	q->busy = false;
	if (result->status.code != GRPC_OK)
		log_limited(LOG_LEVEL_WARN, "the host did not take it",
			    F_STR("method", q->method->path),
			    F_STR("code", grpc_code_name(result->status.code)),
			    F_STR("message", result->status.message));
	if (q->first)
		call_first(q);
	else if (q->idle)
		q->idle(q->user);
}

static void call_first(struct host_queue *q)
{
	struct host_notice *n = take_first(q);
	q->busy = true;
	q->method = n->method;
	q->call = grpc_client_call(q->client, n->method, n->request, CALL_MS, on_told, q);
	notice_free(n);
}

/* ---- what waits ---- */

/* NULL: no memory; a file's name, for one, is as long as a peer likes. */
static struct host_notice *notice_new(const struct grpc_method *m, const ProtobufCMessage *request)
{
	size_t n_bytes = protobuf_c_message_get_packed_size(request);
	struct host_notice *n = calloc(1, sizeof *n);
	uint8_t *packed = malloc(n_bytes + 1);
	if (!n)
		abort();
	if (packed) {
		protobuf_c_message_pack(request, packed);
		n->method = m;
		n->n_bytes = n_bytes;
		n->request = protobuf_c_message_unpack(m->request, NULL, n_bytes, packed);
	}
	free(packed);
	if (!n->request)
		free(TAKE(n));
	return n;
}

static void log_drop(const struct grpc_method *m, const char *why)
{
	log_limited(LOG_LEVEL_WARN, "not told to the host", F_STR("method", m->path),
		    F_STR("why", why));
}

static void drop_first(struct host_queue *q, const char *why)
{
	struct host_notice *n = take_first(q);
	log_drop(n->method, why);
	notice_free(n);
}

void host_queue_add(struct host_queue *q, const struct grpc_method *m, const void *request)
{
	struct host_notice *n = notice_new(m, request);
	if (!n)
		return log_drop(m, "no memory");
	*q->end = n;
	q->end = &n->next;
	q->n++;
	q->n_bytes += n->n_bytes;
	if (!q->busy)
		call_first(q);
	while (q->n > HOST_QUEUE_MAX || q->n_bytes > HOST_QUEUE_BYTES_MAX)
		drop_first(q, "too much waits for its answers");
}

void host_queue_drop(struct host_queue *q, const char *why)
{
	while (q->first)
		drop_first(q, why);
	if (q->busy)
		grpc_client_cancel(q->client, q->call);
}

void host_queue_init(struct host_queue *q, struct grpc_client *client)
{
	*q = (struct host_queue){ .client = client };
	q->end = &q->first;
}
