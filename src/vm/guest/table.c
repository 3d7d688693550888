/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of processes, see table.h. A few dozen at most: a list is enough.
 */
#include "vm/guest/table.h"
#include "base/log.h"
#include "vm/guest/respawn.h"
#include "vm/guest/spawn.h"
#include <errno.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

struct process { /* heap, owned by the table */
	struct table *table;
	struct process *next;
	uint64_t number;
	char **argv, **env; /* owned */
	bool wanted;        /* respawn */
	bool console, wait;
	struct respawn respawn;
	pid_t pid; /* 0: it could not even be forked */
	bool starting;
	struct loop_io status; /* while starting */
	struct loop_task fail; /* tells of the failed fork, later */
	struct outcome outcome;
	void (*done)(const struct outcome *o, void *user); /* NULL: told, or forgotten */
	void *user;
};

struct table {
	struct loop *loop;
	struct process *first;
	size_t n;
	uint64_t last_number;
	bool no_more;
};

struct table *table_new(struct loop *loop)
{
	struct table *t = calloc(1, sizeof *t);
	if (!t)
		abort();
	t->loop = loop;
	return t;
}

size_t table_n(const struct table *t)
{
	return t->n;
}

/* ---- one process ---- */

static void free_list(char **list)
{
	for (size_t i = 0; list[i]; i++)
		free(list[i]);
	free(list);
}

static char **copy_list(const char *const *list, const char *first)
{
	size_t n = 0, at = 0;
	while (list[n])
		n++;
	char **copy = calloc(n + 2, sizeof *copy);
	if (!copy)
		abort();
	if (first)
		copy[at++] = strdup(first);
	for (size_t i = 0; i < n; i++)
		copy[at++] = strdup(list[i]);
	for (size_t i = 0; i < at; i++)
		if (!copy[i])
			abort();
	return copy;
}

static bool has_path(const char *const *env)
{
	for (; *env; env++)
		if (strncmp(*env, "PATH=", 5) == 0)
			return true;
	return false;
}

static void close_status(struct process *p)
{
	if (p->status.fd < 0)
		return;
	loop_remove(p->table->loop, &p->status);
	close(p->status.fd);
	p->status.fd = -1;
}

static void remove_process(struct process *p)
{
	struct process **at = &p->table->first;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->table->n--;
	loop_unpost(p->table->loop, &p->fail);
	close_status(p);
	free_list(p->argv);
	free_list(p->env);
	free(p);
}

void table_free(struct table *t)
{
	if (!t)
		return;
	while (t->first)
		remove_process(t->first);
	free(t);
}

static void tell(struct process *p, struct outcome o)
{
	void (*done)(const struct outcome *, void *) = TAKE(p->done);
	if (done)
		done(&o, p->user);
}

/* ---- starting ---- */

static void log_failure(const struct process *p, const struct spawn_failure *f)
{
	log_warn("a program did not start", F_STR("program", p->argv[0]),
		 F_STR("step", spawn_step_name(f->step)), F_STR("error", strerror(f->error)));
}

static void failed(struct process *p, const struct spawn_failure *f)
{
	const struct outcome o = { .status = PROCESS_FAILED,
				   .step = spawn_step_name(f->step),
				   .error = f->error };
	log_failure(p, f);
	p->wanted = false;
	p->wait = false;
	tell(p, o);
}

/* What the child had to say before it became the program. */
static void read_status(struct process *p)
{
	struct spawn_failure f;
	ssize_t n = read(p->status.fd, &f, sizeof f);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	close_status(p);
	p->starting = false;
	if (n == sizeof f)
		failed(p, &f);
	else if (!p->wait)
		tell(p, (struct outcome){ .status = PROCESS_LAUNCHED });
}

static void on_status(void *user, uint32_t events)
{
	(void)events;
	read_status(user);
}

static void on_fork_failed(void *user)
{
	struct process *p = user;
	tell(p, p->outcome);
	remove_process(p);
}

static void start(struct process *p)
{
	struct loop *loop = p->table->loop;
	int fd = -1;
	p->pid = 0;
	respawn_started(&p->respawn, loop_now_ms(loop));
	int r = spawn(p->argv, p->env, p->console, &p->pid, &fd);
	p->status = (struct loop_io){ .fd = fd, .fn = on_status, .user = p };
	if (r == 0)
		r = loop_add(loop, &p->status, EPOLLIN);
	p->starting = r == 0;
	if (r == 0)
		return;
	log_error("no process for a program", F_STR("program", p->argv[0]),
		  F_STR("error", strerror(-r)));
	p->outcome = (struct outcome){ .status = PROCESS_FAILED, .step = "fork", .error = -r };
	loop_post(loop, &p->fail);
}

uint64_t table_launch(struct table *t, const struct launch *what,
		      void (*done)(const struct outcome *o, void *user), void *user)
{
	struct process *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	p->table = t;
	p->number = ++t->last_number;
	p->argv = copy_list(what->argv, NULL);
	p->env = copy_list(what->env, has_path(what->env) ? NULL : "PATH=" SPAWN_PATH);
	p->wanted = what->respawn;
	p->console = what->console;
	p->wait = what->wait;
	p->done = done;
	p->user = user;
	p->fail = (struct loop_task){ .fn = on_fork_failed, .user = p };
	p->next = t->first;
	t->first = p;
	t->n++;
	start(p);
	return p->number;
}

void table_forget(struct table *t, uint64_t number)
{
	for (struct process *p = t->first; p; p = p->next)
		if (p->number == number)
			p->done = NULL;
}

void table_no_more(struct table *t)
{
	t->no_more = true;
}

/* ---- ending ---- */

static struct outcome outcome_of(int status)
{
	if (WIFSIGNALED(status))
		return (struct outcome){ .status = PROCESS_SIGNALED, .code = WTERMSIG(status) };
	return (struct outcome){ .status = PROCESS_EXITED, .code = WEXITSTATUS(status) };
}

static bool starts_again(struct process *p)
{
	if (!p->wanted || p->table->no_more)
		return false;
	if (respawn_allowed(&p->respawn, loop_now_ms(p->table->loop)))
		return true;
	log_error("a program ends again and again and is not started any more",
		  F_STR("program", p->argv[0]));
	return false;
}

static void ended(struct process *p, int status)
{
	if (p->starting) /* it was faster than our reading of the status */
		read_status(p);
	if (p->wait)
		tell(p, outcome_of(status));
	if (starts_again(p)) {
		start(p);
		return;
	}
	remove_process(p);
}

bool table_reap(struct table *t)
{
	pid_t pid;
	int status;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct process *p = t->first;
		while (p && p->pid != pid)
			p = p->next;
		if (p)
			ended(p, status);
	}
	return pid < 0 && errno == ECHILD;
}
