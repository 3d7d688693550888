/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: answers without an end, fed by any thread.
 *
 * A stream is owned by its MHD_Response: when that is destroyed, for whatever reason, 'closed'
 * runs and the stream is freed. While its queue is empty the connection is suspended;
 * 'suspended' says so, and whoever clears it, under the lock, resumes. A peer that is gone is seen
 * when the worker next looks at the socket, that is after the next send.
 *
 * http_stream_send() and 'closed' may race: the owner keeps its pointer under a lock of its own, holds
 * it while sending and takes it in 'closed'. No lock of ours is held when 'closed' is called.
 */
#include "net/http/worker.h"
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>

#define QUEUE_MAX  (256u << 10)
#define QUEUE_KEEP (16u << 10) /* memory kept while nothing is queued */
#define BLOCK      4096

struct http_stream {
	struct http_server *server;
	struct http_stream *prev, *next; /* server.streams, under server.lock */
	void (*closed)(void *user);
	void *user;

	pthread_mutex_t lock;
	struct MHD_Connection *mhd; /* NULL: not queued yet */
	struct conn *conn;
	char *data; /* queue: data[head .. head + n) */
	size_t head, n, cap;
	uint64_t n_sent;
	bool suspended;
	bool ended;  /* no more is queued; what is there is still sent */
	bool failed; /* cut it */
};

/* ---- queue, under the lock ---- */

static bool queue_add(struct http_stream *s, struct span bytes)
{
	if (bytes.n > QUEUE_MAX - s->n)
		return false;
	if (s->n + bytes.n > s->cap) {
		size_t cap = s->cap ? s->cap : BLOCK;
		while (cap < s->n + bytes.n)
			cap *= 2;
		char *grown = malloc(cap);
		if (!grown)
			return false;
		if (s->n > 0)
			memcpy(grown, s->data + s->head, s->n);
		free(s->data);
		s->data = grown;
		s->cap = cap;
		s->head = 0;
	} else if (s->head + s->n + bytes.n > s->cap) {
		memmove(s->data, s->data + s->head, s->n);
		s->head = 0;
	}
	if (bytes.n > 0)
		memcpy(s->data + s->head + s->n, bytes.p, bytes.n);
	s->n += bytes.n;
	return true;
}

static size_t queue_take(struct http_stream *s, char *out, size_t max)
{
	size_t n = s->n < max ? s->n : max;
	memcpy(out, s->data + s->head, n);
	s->head += n;
	s->n -= n;
	s->n_sent += n;
	if (s->n == 0)
		s->head = 0;
	if (s->n == 0 && s->cap > QUEUE_KEEP) {
		free(s->data);
		s->data = NULL;
		s->cap = 0;
	}
	return n;
}

static void wake(struct http_stream *s)
{
	if (!s->suspended)
		return;
	s->suspended = false;
	MHD_resume_connection(s->mhd);
	worker_wake(s->conn->worker);
}

/* ---- the worker's side ---- */

static bool peer_gone(const struct http_stream *s)
{
	char byte;
	ssize_t n = recv(s->conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

static ssize_t stream_read(void *cls, uint64_t position, char *out, size_t max)
{
	struct http_stream *s = cls;
	ssize_t r = 0;
	(void)position;
	pthread_mutex_lock(&s->lock);
	if (s->failed || (s->n > 0 && peer_gone(s))) {
		s->failed = true;
		r = MHD_CONTENT_READER_END_WITH_ERROR;
	} else if (s->n > 0) {
		r = (ssize_t)queue_take(s, out, max);
	} else if (s->ended) {
		r = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		s->suspended = true;
		MHD_suspend_connection(s->mhd);
	}
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void stream_destroyed(void *cls)
{
	struct http_stream *s = cls;
	struct http_server *server = s->server;
	pthread_mutex_lock(&server->lock);
	if (s->prev)
		s->prev->next = s->next;
	else
		server->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	pthread_mutex_unlock(&server->lock);
	if (s->closed)
		s->closed(s->user);
	server->n_streams--;
	pthread_mutex_destroy(&s->lock);
	free(s->data);
	free(s);
	server_unref(server);
}

void stream_queued(struct http_stream *s, struct http_request *req)
{
	pthread_mutex_lock(&s->lock);
	s->mhd = req->mhd;
	s->conn = req->conn;
	pthread_mutex_unlock(&s->lock);
}

uint64_t stream_n_sent(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	uint64_t n = s->n_sent;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void streams_end(struct http_server *server)
{
	pthread_mutex_lock(&server->lock);
	for (struct http_stream *s = server->streams; s; s = s->next)
		http_stream_end(s);
	pthread_mutex_unlock(&server->lock);
}

/* ---- the owner's side ---- */

struct http_stream *http_stream_start(struct http_request *req, const char *content_type,
				      void (*closed)(void *user), void *user)
{
	struct http_server *server = req->server;
	struct http_stream *s = calloc(1, sizeof *s);
	if (!s)
		abort();
	*s = (struct http_stream){ .server = server, .closed = closed, .user = user };
	pthread_mutex_init(&s->lock, NULL);
	server_ref(server);
	server->n_streams++;
	pthread_mutex_lock(&server->lock);
	s->ended = server->stopping; /* streams_end() has been, or is about to be */
	s->next = server->streams;
	if (s->next)
		s->next->prev = s;
	server->streams = s;
	pthread_mutex_unlock(&server->lock);
	reply_set(req, 200, content_type,
		  MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, stream_read, s,
						    stream_destroyed),
		  0);
	req->reply.stream = s;
	return s;
}

bool http_stream_send(struct http_stream *s, struct span bytes)
{
	pthread_mutex_lock(&s->lock);
	bool ok = !s->failed && !s->ended;
	if (ok && !queue_add(s, bytes)) {
		ok = false;
		s->failed = true;
		/* It may be stuck in a send that the worker cannot leave by itself. */
		if (s->conn)
			s->conn->deadline_ms = 1;
	}
	wake(s);
	pthread_mutex_unlock(&s->lock);
	return ok;
}

size_t http_stream_queued(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	size_t n = s->n;
	pthread_mutex_unlock(&s->lock);
	return n;
}

void http_stream_end(struct http_stream *s)
{
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	wake(s);
	pthread_mutex_unlock(&s->lock);
}
