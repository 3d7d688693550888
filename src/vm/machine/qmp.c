/* SPDX-License-Identifier: Apache-2.0
 *
 * The monitor's client, see qmp.h. What is to be sent waits until the greeting has come and been answered.
 */
#include "vm/machine/qmp.h"
#include "base/buf.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define OUT_MAX ((size_t)1 << 20)

struct command { /* heap; waits for its answer */
	struct command *next;
	void (*done)(void *user, const json_t *value, const char *why);
	void *user;
};

struct qmp {
	struct loop *loop; /* NULL: not connected (tests) */
	struct loop_io io;
	struct loop_task ended;
	struct qmp_events events;
	struct buf in, out; /* out: not sent yet */
	struct command *first, **end;
	unsigned inside; /* calls of ours that go on when a callback returns */
	bool broken, closed;
};

static void enter(struct qmp *q)
{
	q->inside++;
}

/* A callback may have closed it: the last one out frees it. */
static void leave(struct qmp *q)
{
	if (--q->inside > 0 || !q->closed)
		return;
	buf_fini(&q->in);
	buf_fini(&q->out);
	free(q);
}

static void end_command(struct qmp *q, const json_t *value, const char *why)
{
	struct command *c = q->first;
	q->first = c->next;
	if (!q->first)
		q->end = &q->first;
	if (c->done)
		c->done(c->user, value, why);
	free(c);
}

/* ---- in ---- */

static bool take_message(struct qmp *q, const json_t *m)
{
	const json_t *value = json_object_get(m, "return");
	const json_t *error = json_object_get(m, "error");
	const char *event = json_string_value(json_object_get(m, "event"));
	if (event) {
		q->events.event(q->events.user, event, json_object_get(m, "data"));
		return true;
	}
	if (json_object_get(m, "QMP"))
		return true; /* the greeting */
	if ((!value && !error) || !q->first)
		return false;
	const char *why = json_string_value(json_object_get(error, "desc"));
	end_command(q, value, value ? NULL : why ? why : "the monitor gives no reason");
	return true;
}

static bool take_line(struct qmp *q, struct span line)
{
	struct error err;
	AUTO_JSON m = NULL;
	while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
		line.n--;
	if (line.n == 0)
		return true;
	return json_parse(line, &m, &err) == 0 && json_is_object(m) && take_message(q, m);
}

bool qmp_take(struct qmp *q, struct span bytes)
{
	struct span line;
	enter(q);
	buf_add(&q->in, bytes.p, bytes.n);
	struct span rest = buf_span(&q->in);
	bool good = !q->in.failed;
	while (good && !q->closed && span_get_until(&rest, '\n', &line))
		good = take_line(q, line);
	size_t left = rest.n;
	if (good && left < q->in.n) {
		memmove(q->in.p, rest.p, left);
		q->in.n = left;
	}
	leave(q);
	return good;
}

/* ---- the socket ---- */

static void on_ended(void *user)
{
	struct qmp *q = user;
	q->events.closed(q->events.user);
}

static void end(struct qmp *q)
{
	if (q->broken || !q->loop)
		return;
	q->broken = true;
	loop_remove(q->loop, &q->io);
	while (q->first)
		end_command(q, NULL, "the monitor is gone");
	if (!q->closed)
		loop_post(q->loop, &q->ended);
}

/* A monitor that takes nothing shows its end in on_io(): whoever gives a command is not called back before that returns. */
static void flush(struct qmp *q)
{
	while (q->out.n > 0) {
		ssize_t n = send(q->io.fd, q->out.p, q->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			buf_reset(&q->out);
			break;
		}
		memmove(q->out.p, q->out.p + n, q->out.n - (size_t)n);
		q->out.n -= (size_t)n;
	}
	uint32_t wanted = q->out.n > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
	if (wanted != q->io.events)
		loop_change(q->loop, &q->io, wanted);
}

static void on_io(void *user, uint32_t events)
{
	struct qmp *q = user;
	uint8_t *bytes = loop_scratch(q->loop);
	if (events & EPOLLOUT)
		flush(q);
	if (q->broken || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	ssize_t n = recv(q->io.fd, bytes, LOOP_SCRATCH_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enter(q);
	if (n <= 0 || !qmp_take(q, (struct span){ bytes, (size_t)n }))
		end(q);
	leave(q);
}

/* ---- life ---- */

struct qmp *qmp_new_unconnected(const struct qmp_events *events)
{
	struct qmp *q = calloc(1, sizeof *q);
	if (!q)
		abort();
	q->events = *events;
	q->io.fd = -1;
	q->end = &q->first;
	q->ended = (struct loop_task){ .fn = on_ended, .user = q };
	buf_init(&q->in, QMP_LINE_MAX);
	buf_init(&q->out, OUT_MAX);
	return q;
}

int qmp_open(struct loop *loop, const char *path, const struct qmp_events *events, struct qmp **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof address.sun_path)
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ? -errno : 0;
	struct qmp *q = r == 0 ? qmp_new_unconnected(events) : NULL;
	if (q) {
		q->loop = loop;
		q->io = (struct loop_io){ .fd = fd, .fn = on_io, .user = q };
		r = loop_add(loop, &q->io, EPOLLIN);
	}
	if (r) {
		close(fd);
		free(q);
		return r;
	}
	*ret = q;
	qmp_command(q, "qmp_capabilities", NULL, NULL, NULL);
	return 0;
}

void qmp_close(struct qmp *q)
{
	if (!q || q->closed)
		return;
	enter(q);
	if (q->loop) {
		if (!q->broken)
			loop_remove(q->loop, &q->io);
		loop_unpost(q->loop, &q->ended);
	}
	q->broken = q->closed = true;
	while (q->first)
		end_command(q, NULL, "the monitor is gone");
	if (q->io.fd >= 0)
		close(q->io.fd);
	leave(q);
}

void qmp_command(struct qmp *q, const char *name, json_t *steals_arguments_or_null,
		 void (*done)(void *, const json_t *, const char *), void *user)
{
	AUTO_JSON m =
		json_pack("{s:s, s:o*}", "execute", name, "arguments", steals_arguments_or_null);
	CLEANUP(free_charp) char *text = json_text(m);
	struct command *c = calloc(1, sizeof *c);
	if (!c || !text)
		abort();
	*c = (struct command){ .done = done, .user = user };
	*q->end = c;
	q->end = &c->next;
	buf_add_str(&q->out, text);
	buf_add_char(&q->out, '\n');
	if (q->loop && !q->broken && !q->out.failed)
		flush(q);
}
