/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines that ran before we did: found by their folders, taken over by pid and monitor. They run well without us, so nothing
 * here ends one: what does not work is said, shows with the machine's state, and is tried again.
 */
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/line.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define AGAIN_MS    5000
#define CMDLINE_MAX ((size_t)1 << 20)

/* ---- which process ---- */

static pid_t read_pid(const struct machine *m, const char *file)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf text;
	arena_init(&a);
	buf_init(&text, 64);
	long pid = file_read(machine_path(&a, m, file), &text) < 0
			   ? 0
			   : strtol(buf_str(&text), NULL, 10);
	return pid > 1 && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static bool read_cmdline(pid_t pid, struct buf *out)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	return file_read(path, out) == 0;
}

static bool has_word_with(const struct buf *words, const char *mark)
{
	for (size_t i = 0; i < words->n; i += strlen(words->p + i) + 1)
		if (strstr(words->p + i, mark))
			return true;
	return false;
}

int adopt_find(const struct machine *m, const char *file, const char *mark, pid_t *ret,
	       struct buf *words_or_null)
{
	CLEANUP(buf_fini) struct buf own;
	struct buf *words = words_or_null ? words_or_null : &own;
	buf_init(&own, CMDLINE_MAX);
	*ret = read_pid(m, file);
	/* opened before looking: what is looked at is then it, or it has ended */
	int fd = *ret ? pidfd_open(*ret, 0) : -1;
	if (fd < 0)
		return -1;
	if (read_cmdline(*ret, words) && has_word_with(words, mark))
		return fd;
	close(fd);
	return -1;
}

bool adopt_process(const struct machine *m, struct process *ret)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf words;
	arena_init(&a);
	buf_init(&words, CMDLINE_MAX);
	const char *mark =
		arena_printf(&a, "path=%s", qemu_value(&a, machine_path(&a, m, "monitor")));
	ret->fd = adopt_find(m, "pid", mark, &ret->pid, &words);
	ret->accelerator = qemu_accelerator(buf_span(&words));
	return ret->fd >= 0;
}

/* ---- what works ---- */

static void say(struct machine *m, const char *why)
{
	if (strcmp(m->vm->why, why) == 0)
		return;
	if (why[0])
		log_warn("a virtual machine runs, but not all is well", F_STR("vm", m->spec.name),
			 F_STR("why", why));
	else
		log_info("a virtual machine is well again", F_STR("vm", m->spec.name));
	registry_vm_set(m->all->host->registry, m->vm, VM_READY, why);
}

static bool is_missing_something(const struct machine *m)
{
	return !m->qmp || (!m->port && !m->spec.vsock);
}

/* Its port and its monitor, those that are missing. What cannot be opened is in 'why'. */
static void open_all(struct machine *m, char why[WHY_SIZE])
{
	CLEANUP(buf_fini) struct buf text;
	struct error err;
	buf_init(&text, 4096);
	int r = m->qmp ? 0 : machine_open_monitor(m, &err);
	if (r)
		buf_add_str(&text, r > 0 ? err.message : strerror(-r));
	r = m->port || m->spec.vsock ? 0 : machine_open_port(m, &err);
	if (r)
		buf_addf(&text, "%sthe port that it calls cannot be opened: %s", text.n ? "; " : "",
			 r > 0 ? err.message : strerror(-r));
	line_beginning(buf_span(&text), why, WHY_SIZE);
}

void adopt_trouble(struct machine *m, const char *why)
{
	m->setting_up = false;
	if (!is_missing_something(m))
		say(m, why); /* else that is said, and explains it */
	machine_limit(m, AGAIN_MS);
}

void adopt_go_on(struct machine *m)
{
	char why[WHY_SIZE];
	open_all(m, why);
	if (why[0])
		say(m, why);
	else if (!m->guest)
		say(m, "qemu's monitor does not answer");
	if (m->guest && !m->setting_up)
		setup_begin(m);
	machine_limit(m, AGAIN_MS);
}

void adopt_answered(struct machine *m)
{
	char why[WHY_SIZE];
	if (is_missing_something(m))
		return;
	timer_stop(loop_timers(machine_loop(m)), &m->limit);
	shares_trouble(m, why, sizeof why);
	say(m, why);
}

/* ---- taking over ---- */

static void not_there(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	bool ran = access(machine_path(&a, m, "pid"), F_OK) == 0;
	shares_adopt(m);
	shares_end(m);
	machine_clean(m);
	registry_vm_set(m->all->host->registry, m->vm, ran ? VM_CRASHED : VM_STOPPED,
			ran ? "it ended while reeve-host did not run" : NULL);
}

int adopt(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf token;
	struct process process;
	char why[WHY_SIZE];
	arena_init(&a);
	buf_init(&token, sizeof m->token - 1);
	if (!adopt_process(m, &process)) {
		not_there(m);
		return 0;
	}
	if (file_read(machine_path(&a, m, "token"), &token) == 0)
		snprintf(m->token, sizeof m->token, "%s", buf_str(&token));
	m->accelerator = process.accelerator;
	m->adopted = m->told_ready = true;
	m->is_set_up = access(machine_path(&a, m, "ready"), F_OK) == 0;
	int r = machine_watch(m, &process);
	if (r)
		return r;
	shares_adopt(m);
	log_info("a virtual machine runs already", F_STR("vm", m->spec.name),
		 F_INT("pid", process.pid));
	registry_vm_set(m->all->host->registry, m->vm, VM_READY, NULL);
	open_all(m, why);
	say(m, why);
	machine_limit(m, AGAIN_MS);
	return 0;
}
