/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching a machine whose process runs: its end, qemu's monitor, its agent, and the limit of whatever it is doing.
 */
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/line.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

struct loop *machine_loop(const struct machine *m)
{
	return m->all->host->loop;
}

/* What stands for the running machine goes; spec.json and the console's text stay. */
void machine_clean(const struct machine *m)
{
	static const char *const names[] = { "pid", "monitor", "token", "ready" };
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)!unlink(machine_path(&a, m, names[i]));
}

void machine_release(struct machine *m)
{
	timer_stop(loop_timers(machine_loop(m)), &m->limit);
	if (m->starter)
		program_cancel(TAKE(m->starter));
	m->setting_up = false;
	console_end(m);
	grpc_client_free(TAKE(m->guest));
	qmp_close(TAKE(m->qmp));
	if (m->ended.fd >= 0) {
		loop_remove(machine_loop(m), &m->ended);
		close(m->ended.fd);
		m->ended.fd = -1;
	}
	if (m->port)
		port_close(m->all->host, TAKE(m->port));
	shares_release(m);
	m->pid = 0;
}

void machine_detach(struct machine *m)
{
	shares_end(m);
	machine_release(m);
}

void machine_kill(const struct machine *m)
{
	if (m->ended.fd >= 0)
		(void)!pidfd_send_signal(m->ended.fd, SIGKILL, NULL, 0);
}

/* ---- ends ---- */

static void format(char why[WHY_SIZE], const char *fmt, va_list ap) FORMAT_PRINTF(2, 0);

/* Some of it may be the guest's. */
static void format(char why[WHY_SIZE], const char *fmt, va_list ap)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 4096);
	buf_vaddf(&text, fmt, ap);
	line_beginning(buf_span(&text), why, WHY_SIZE);
}

void machine_fail(struct machine *m, const char *fmt, ...)
{
	struct error err;
	char why[WHY_SIZE];
	va_list ap;
	if (launch_without_kvm(m))
		return;
	va_start(ap, fmt);
	format(why, fmt, ap);
	va_end(ap);
	log_error("a virtual machine failed", F_STR("vm", m->spec.name), F_STR("why", why));
	machine_kill(m);
	machine_detach(m);
	machine_clean(m);
	registry_vm_set(m->all->host->registry, m->vm, VM_CRASHED, why);
	(void)error_set(&err, ERR_UNAVAILABLE, "%s: %s", m->spec.name, why);
	machine_tell(&m->starting, ERR_UNAVAILABLE, &err);
	machine_tell(&m->stopping, 0, NULL);
}

void machine_give_up(struct machine *m, const char *fmt, ...)
{
	char why[WHY_SIZE];
	va_list ap;
	va_start(ap, fmt);
	format(why, fmt, ap);
	va_end(ap);
	if (m->adopted)
		adopt_trouble(m, why);
	else
		machine_fail(m, "%s", why);
}

void machine_stopped(struct machine *m)
{
	bool again = m->again;
	machine_detach(m);
	machine_clean(m);
	m->again = false;
	log_info("a virtual machine has stopped", F_STR("vm", m->spec.name));
	registry_vm_set(m->all->host->registry, m->vm, VM_STOPPED, NULL);
	machine_tell(&m->stopping, 0, NULL);
	if (again)
		launch_begin(m);
}

static void on_ended(void *user, uint32_t events)
{
	struct machine *m = user;
	char words[WORDS_SIZE];
	(void)events;
	if (m->vm->state == VM_STOPPING || (m->switched_off && !m->starting)) {
		machine_stopped(m);
		return;
	}
	if (m->relaunch) {
		launch_relaunch(m);
		return;
	}
	console_last_words(m, words);
	machine_fail(m,
		     m->switched_off ? "the guest switched itself off: %s"
				     : "qemu has ended; the console's last words: %s",
		     words);
}

/* ---- the monitor ---- */

static void on_event(void *user, const char *name, const json_t *data)
{
	struct machine *m = user;
	const char *reason = json_string_value(json_object_get(data, "reason"));
	if (strcmp(name, "SHUTDOWN") == 0 && reason && strcmp(reason, "guest-shutdown") == 0)
		m->switched_off = true;
}

/* The process shows its end itself. */
static void on_monitor_closed(void *user)
{
	struct machine *m = user;
	qmp_close(TAKE(m->qmp));
}

static void set_up_when_both_are_there(struct machine *m)
{
	if (m->guest && m->told_ready && !m->setting_up && m->vm->state != VM_STOPPING)
		setup_begin(m);
}

static void open_guest(struct machine *m, const char *address)
{
	struct error err;
	snprintf(m->guest_address, sizeof m->guest_address, "%s", address);
	const struct grpc_client_options o = { .address = m->guest_address,
					       .token = m->spec.vsock ? NULL : m->token,
					       .connect_timeout_ms = 10000,
					       .wait_for_ready = true };
	if (m->guest)
		return;
	if (grpc_client_new(machine_loop(m), &o, &m->guest, &err)) {
		machine_give_up(m, "%s", err.message);
		return;
	}
	set_up_when_both_are_there(m);
}

static void on_network(void *user, const json_t *value, const char *why)
{
	struct machine *m = user;
	unsigned port = value ? qemu_forwarded_port(
					json_string_value(value) ? json_string_value(value) : "")
			      : 0;
	char address[ENDPOINT_TEXT_SIZE];
	if (!m->qmp || m->vm->state == VM_STOPPING)
		return; /* it ends */
	if (port == 0) {
		if (m->adopted)
			qmp_close(TAKE(m->qmp)); /* to be asked again */
		machine_give_up(m, "qemu does not say how to reach the guest: %s",
				why ? why : "no port is forwarded");
		return;
	}
	snprintf(address, sizeof address, "tcp:127.0.0.1:%u", port);
	open_guest(m, address);
}

int machine_open_monitor(struct machine *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const struct qmp_events events = { on_event, on_monitor_closed, m };
	arena_init(&a);
	int r = qmp_open(machine_loop(m), machine_path(&a, m, "monitor"), &events, &m->qmp);
	if (r)
		return error_set(err, ERR_UNAVAILABLE, "qemu's monitor cannot be opened: %s",
				 strerror(-r));
	if (m->spec.vsock) {
		char address[ENDPOINT_TEXT_SIZE];
		snprintf(address, sizeof address, "vsock:%u:%d", m->spec.cid, GUEST_PORT);
		open_guest(m, address);
	} else {
		qmp_command(m->qmp, "human-monitor-command",
			    json_pack("{s:s}", "command-line", "info usernet"), on_network, m);
	}
	return 0;
}

int machine_watch(struct machine *m, const struct process *steals)
{
	m->pid = steals->pid;
	m->ended = (struct loop_io){ .fd = steals->fd, .fn = on_ended, .user = m };
	console_begin(m);
	return loop_add(machine_loop(m), &m->ended, EPOLLIN);
}

void machine_ready(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	int r = m->is_set_up ? 0
			     : file_write_atomic(machine_path(&a, m, "ready"), span_str(""), 0600);
	if (r < 0)
		log_warn("a virtual machine's folder cannot be written", F_STR("vm", m->spec.name),
			 F_STR("why", strerror(-r)));
	m->is_set_up = true;
	if (m->adopted) {
		adopt_answered(m);
		return;
	}
	launch_note_kvm(m);
	timer_stop(loop_timers(machine_loop(m)), &m->limit);
	log_info("a virtual machine is up", F_STR("vm", m->spec.name), F_INT("pid", m->pid));
	machine_tell(&m->starting, 0, NULL);
}

void machine_told_ready(struct machine *m)
{
	m->told_ready = true;
	set_up_when_both_are_there(m);
}

/* ---- stopping ---- */

/* The agent's word, the monitor's, the kernel's: the next one when the last did not end it. */
void machine_end_harder(struct machine *m)
{
	m->kills++;
	if (m->kills == 1 && m->qmp) {
		log_warn("a virtual machine does not stop; qemu is told to",
			 F_STR("vm", m->spec.name));
		qmp_command(m->qmp, "quit", NULL, NULL, NULL);
	} else {
		machine_kill(m);
	}
	machine_limit(m, KILL_MS);
}

static void on_limit(void *user)
{
	struct machine *m = user;
	char words[WORDS_SIZE];
	if (m->vm->state == VM_STOPPING) {
		machine_end_harder(m);
		return;
	}
	if (m->adopted) {
		adopt_go_on(m);
		return;
	}
	console_last_words(m, words);
	machine_fail(m, "it is not ready after %d s; the console's last words: %s",
		     m->accelerator == ACCELERATOR_KVM ? KVM_TRY_MS / 1000
						       : MACHINE_READY_MS / 1000,
		     words);
}

void machine_limit(struct machine *m, int64_t ms)
{
	m->limit.fn = on_limit;
	m->limit.user = m;
	timer_start(loop_timers(machine_loop(m)), &m->limit, loop_now_ms(machine_loop(m)) + ms);
}

static const struct grpc_method shutdown_method = {
	.path = "/vm_tools.Maitred/Shutdown",
	.request = &vm_tools__empty_message__descriptor,
	.response = &vm_tools__empty_message__descriptor,
};

/* Answered or not: its process ends, or the limit comes. */
static void on_shutdown_answered(const struct grpc_result *result, void *user)
{
	(void)user;
	if (result->status.code != GRPC_OK && result->status.code != GRPC_CANCELLED)
		log_warn("a guest does not shut down", F_STR("why", result->status.message));
}

void machine_begin_stop(struct machine *m, bool force)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	struct error err;
	m->setting_up = false;
	registry_vm_set(m->all->host->registry, m->vm, VM_STOPPING, NULL);
	(void)error_set(&err, ERR_CONFLICT, "%s: it was stopped", m->spec.name);
	machine_tell(&m->starting, ERR_CONFLICT, &err);
	if (!m->pid) { /* not in the background yet: on_launched() goes on */
		if (!m->starter)
			machine_stopped(m);
	} else if (force || !m->guest || !m->told_ready) {
		machine_end_harder(m);
	} else {
		grpc_client_call(m->guest, &shutdown_method, &empty, MACHINE_SHUTDOWN_MS,
				 on_shutdown_answered, NULL);
		machine_limit(m, MACHINE_SHUTDOWN_MS);
	}
}
