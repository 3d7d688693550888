/* SPDX-License-Identifier: Apache-2.0
 *
 * The loop, see loop.h. One turn: wait, hand out events, run timers, run tasks. Tasks that are posted
 * on the loop's own thread while events are handed out run in the same turn without a system call:
 * that is how a connection writes once for all the answers of a turn. Nor does a task from another thread
 * cost one as long as the loop is awake: it looks for tasks before it sleeps.
 */
#include "net/grpc/loop.h"
#include "base/clock.h"
#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_MAX 64

struct loop {
	int epoll_fd, wake_fd;
	struct loop_io wake_io;
	struct timers timers;
	int64_t now_ms;
	struct epoll_event events[EVENTS_MAX];
	int n_events; /* of this turn */
	bool quit;
	bool has_thread;
	pthread_t thread;              /* when has_thread */
	_Atomic(pthread_t) running_on; /* 0: nobody runs it */
	pthread_mutex_t lock;          /* the tasks below */
	struct loop_task *first, **last;
	bool awake; /* or woken: whoever posts need not write to wake_fd */
	uint8_t scratch[LOOP_SCRATCH_SIZE];
};

/* Not read: every write is an edge of its own, and the counter holds more of them than there will be. */
static void on_wake(void *user, uint32_t events)
{
	(void)user;
	(void)events;
}

int loop_new(struct loop **ret)
{
	struct loop *l = calloc(1, sizeof *l);
	if (!l)
		abort();
	pthread_mutex_init(&l->lock, NULL);
	l->last = &l->first;
	l->now_ms = clock_mono_ms();
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->wake_io = (struct loop_io){ .fd = l->wake_fd, .fn = on_wake, .user = l };
	int r = l->epoll_fd < 0 || l->wake_fd < 0 ? -errno
						  : loop_add(l, &l->wake_io, EPOLLIN | EPOLLET);
	if (r < 0) {
		loop_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	timers_fini(&l->timers);
	if (l->wake_fd >= 0)
		close(l->wake_fd);
	if (l->epoll_fd >= 0)
		close(l->epoll_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* ---- descriptors ---- */

static int control(struct loop *l, int op, struct loop_io *io, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.ptr = io };
	io->events = events;
	return epoll_ctl(l->epoll_fd, op, io->fd, &e) < 0 ? -errno : 0;
}

int loop_add(struct loop *l, struct loop_io *io, uint32_t events)
{
	return control(l, EPOLL_CTL_ADD, io, events);
}

void loop_change(struct loop *l, struct loop_io *io, uint32_t events)
{
	if (io->events != events && control(l, EPOLL_CTL_MOD, io, events) < 0)
		abort(); /* it was added: this cannot fail */
}

void loop_remove(struct loop *l, struct loop_io *io)
{
	(void)!control(l, EPOLL_CTL_DEL, io, 0);
	for (int i = 0; i < l->n_events; i++) /* its events of this turn are void */
		if (l->events[i].data.ptr == io)
			l->events[i].data.ptr = NULL;
}

/* ---- tasks ---- */

static void wake(struct loop *l)
{
	const uint64_t one = 1;
	(void)!write(l->wake_fd, &one, sizeof one);
}

bool loop_inside(const struct loop *l)
{
	return pthread_equal(atomic_load(&l->running_on), pthread_self());
}

void loop_post(struct loop *l, struct loop_task *task)
{
	bool inside = loop_inside(l), needed = false;
	pthread_mutex_lock(&l->lock);
	if (!task->queued) {
		task->queued = true;
		task->next = NULL;
		*l->last = task;
		l->last = &task->next;
		needed = !inside && !l->awake;
		l->awake = l->awake || needed;
	}
	pthread_mutex_unlock(&l->lock);
	if (needed)
		wake(l);
}

void loop_unpost(struct loop *l, struct loop_task *task)
{
	pthread_mutex_lock(&l->lock);
	for (struct loop_task **at = &l->first; task->queued && *at; at = &(*at)->next) {
		if (*at != task)
			continue;
		*at = task->next;
		if (!*at)
			l->last = at;
		task->queued = false;
		break;
	}
	pthread_mutex_unlock(&l->lock);
}

static struct loop_task *next_task(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	struct loop_task *task = l->first;
	if (task) {
		l->first = task->next;
		if (!l->first)
			l->last = &l->first;
		task->queued = false;
	} else {
		l->awake = false; /* from here on there is only sleep */
	}
	pthread_mutex_unlock(&l->lock);
	return task;
}

/* Bounded: tasks that post each other must not starve the descriptors. */
static bool run_tasks(struct loop *l)
{
	struct loop_task *task;
	for (int left = 10000; left > 0; left--) {
		if (!(task = next_task(l)))
			return false;
		task->fn(task->user);
	}
	return true;
}

struct blocking_call {
	struct loop_task task;
	void (*fn)(void *user);
	void *user;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

static void run_blocking(void *user)
{
	struct blocking_call *c = user;
	c->fn(c->user);
	pthread_mutex_lock(&c->lock);
	c->done = true;
	pthread_cond_signal(&c->changed);
	pthread_mutex_unlock(&c->lock);
}

void loop_call(struct loop *l, void (*fn)(void *user), void *user)
{
	struct blocking_call c = { .fn = fn, .user = user, .task = { .fn = run_blocking } };
	if (loop_inside(l)) {
		fn(user);
		return;
	}
	c.task.user = &c;
	pthread_mutex_init(&c.lock, NULL);
	pthread_cond_init(&c.changed, NULL);
	loop_post(l, &c.task);
	pthread_mutex_lock(&c.lock);
	while (!c.done)
		pthread_cond_wait(&c.changed, &c.lock);
	pthread_mutex_unlock(&c.lock);
	pthread_cond_destroy(&c.changed);
	pthread_mutex_destroy(&c.lock);
}

/* ---- running ---- */

static int timeout_ms(const struct loop *l, bool more_tasks)
{
	int64_t next_ms = timers_next_ms(&l->timers);
	if (more_tasks || l->quit)
		return 0;
	if (next_ms == INT64_MAX)
		return -1;
	int64_t wait_ms = next_ms - clock_mono_ms();
	return wait_ms < 0 ? 0 : wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms;
}

static void set_awake(struct loop *l)
{
	pthread_mutex_lock(&l->lock);
	l->awake = true;
	pthread_mutex_unlock(&l->lock);
}

static int turn(struct loop *l, bool *more_tasks)
{
	int n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, timeout_ms(l, *more_tasks));
	if (n < 0 && errno != EINTR)
		return -errno;
	set_awake(l);
	l->now_ms = clock_mono_ms();
	l->n_events = n > 0 ? n : 0;
	for (int i = 0; i < l->n_events; i++) {
		struct loop_io *io = l->events[i].data.ptr;
		if (io)
			io->fn(io->user, l->events[i].events);
	}
	l->n_events = 0;
	timers_run(&l->timers, l->now_ms);
	*more_tasks = run_tasks(l);
	return 0;
}

int loop_run(struct loop *l)
{
	int r = 0;
	bool more_tasks = true; /* what was posted before */
	atomic_store(&l->running_on, pthread_self());
	l->quit = false;
	while (r == 0 && !l->quit)
		r = turn(l, &more_tasks);
	atomic_store(&l->running_on, (pthread_t)0);
	return r;
}

static void *loop_main(void *user)
{
	if (loop_run(user) < 0)
		abort(); /* epoll_wait() on our own descriptor */
	return NULL;
}

int loop_start(struct loop *l)
{
	assert(!l->has_thread);
	int r = pthread_create(&l->thread, NULL, loop_main, l);
	l->has_thread = r == 0;
	return -r;
}

void loop_quit(struct loop *l)
{
	l->quit = true;
}

static void quit_task(void *user)
{
	loop_quit(user);
}

void loop_stop(struct loop *l)
{
	struct loop_task task = { .fn = quit_task, .user = l };
	if (!l->has_thread)
		return;
	assert(!loop_inside(l));
	loop_post(l, &task);
	pthread_join(l->thread, NULL);
	l->has_thread = false;
}

struct timers *loop_timers(struct loop *l)
{
	return &l->timers;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

uint8_t *loop_scratch(struct loop *l)
{
	return l->scratch;
}
