/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting, watching and ending machines, see machine.h.
 */
#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/machine-private.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <unistd.h>

#define QEMU_START_MS 30000 /* until it is in the background */
#define KVM_TRY_MS    20000 /* with KVM a machine is ready in less, or KVM is of no use here */
#define KILL_MS       5000  /* between one way to end it and the next, harder one */
#define OWN_CID_MIN   32
#define OTHER_CID_MIN 0x80000000u
#define CONSOLE_LINES 400 /* bytes of the console in a sentence */

/* ---- helpers ---- */

const char *machine_path(struct arena *a, const struct machine *m, const char *name)
{
	return arena_printf(a, "%s/%s", m->folder, name);
}

void machine_wait(struct waiter **list, machine_done_fn *done, void *user)
{
	struct waiter *w = done ? calloc(1, sizeof *w) : NULL;
	if (done && !w)
		abort();
	if (!done)
		return;
	*w = (struct waiter){ *list, done, user };
	*list = w;
}

void machine_tell(struct waiter **list, int r, const struct error *err)
{
	struct waiter *w = *list;
	*list = NULL; /* whoever is told may wait again */
	while (w) {
		struct waiter *next = w->next;
		w->done(w->user, r, err);
		free(w);
		w = next;
	}
}

static struct loop *loop_of(const struct machine *m)
{
	return m->all->host->loop;
}

static void set_limit(struct machine *m, int64_t ms)
{
	timer_start(loop_timers(loop_of(m)), &m->limit, loop_now_ms(loop_of(m)) + ms);
}

static struct machine *find(const struct machines *all, const char *name)
{
	for (struct machine *m = all->first; m; m = m->next)
		if (strcmp(m->spec.name, name) == 0)
			return m;
	return NULL;
}

static struct machine *find_or(const struct machines *all, const char *name, struct error *err)
{
	struct machine *m = find(all, name);
	if (!m)
		(void)error_set(err, ERR_NOT_FOUND, "there is no virtual machine %s", name);
	return m;
}

/* What stands for the running machine goes; spec.json and the console's text stay. */
static void clean_folder(const struct machine *m)
{
	static const char *const names[] = { "pid", "monitor", "token" };
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		(void)!unlink(machine_path(&a, m, names[i]));
}

/* Everything that belongs to the process, which has ended or never was. */
static void detach(struct machine *m)
{
	timer_stop(loop_timers(loop_of(m)), &m->limit);
	if (m->starter)
		program_cancel(TAKE(m->starter));
	m->setting_up = false;
	grpc_client_free(TAKE(m->guest));
	qmp_close(TAKE(m->qmp));
	if (m->ended.fd >= 0) {
		loop_remove(loop_of(m), &m->ended);
		close(m->ended.fd);
		m->ended.fd = -1;
	}
	if (m->port)
		port_close(m->all->host, TAKE(m->port));
	m->pid = 0;
}

static void kill_now(const struct machine *m)
{
	if (m->ended.fd >= 0)
		(void)!pidfd_send_signal(m->ended.fd, SIGKILL, NULL, 0);
}

/* ---- the console ---- */

static void read_console(const struct machine *m, size_t max, struct buf *out)
{
	CLEANUP(arena_fini) struct arena a;
	char bytes[4096];
	ssize_t n;
	arena_init(&a);
	int fd = open(machine_path(&a, m, "console"), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	off_t size = lseek(fd, 0, SEEK_END);
	(void)!lseek(fd, size > (off_t)max ? size - (off_t)max : 0, SEEK_SET);
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		buf_add(out, bytes, (size_t)n);
	close(fd);
}

/* The last lines in one, for a sentence. */
static void last_words(const struct machine *m, struct buf *out)
{
	read_console(m, CONSOLE_LINES, out);
	for (size_t i = 0; i < out->n; i++)
		if ((unsigned char)out->p[i] < ' ')
			out->p[i] = ' ';
}

/* ---- ends ---- */

static void launch(struct machine *m);

/* With KVM it may only be KVM. */
static bool try_without_kvm(struct machine *m)
{
	if (m->accelerator != ACCELERATOR_KVM || !m->starting || m->told_ready)
		return false;
	log_warn("this machine does not come up with KVM; trying without",
		 F_STR("vm", m->spec.name));
	m->accelerator = ACCELERATOR_TCG;
	kill_now(m);
	detach(m);
	launch(m);
	return true;
}

void machine_fail(struct machine *m, const char *fmt, ...)
{
	struct error err;
	char why[200];
	va_list ap;
	if (try_without_kvm(m))
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	log_error("a virtual machine failed", F_STR("vm", m->spec.name), F_STR("why", why));
	kill_now(m);
	detach(m);
	clean_folder(m);
	registry_vm_set(m->all->host->registry, m->vm, VM_CRASHED, why);
	(void)error_set(&err, ERR_UNAVAILABLE, "%s: %s", m->spec.name, why);
	machine_tell(&m->starting, ERR_UNAVAILABLE, &err);
	machine_tell(&m->stopping, 0, NULL);
}

static void stopped(struct machine *m)
{
	bool again = m->again;
	detach(m);
	clean_folder(m);
	m->again = false;
	log_info("a virtual machine has stopped", F_STR("vm", m->spec.name));
	registry_vm_set(m->all->host->registry, m->vm, VM_STOPPED, NULL);
	machine_tell(&m->stopping, 0, NULL);
	if (again)
		launch(m);
}

static void on_ended(void *user, uint32_t events)
{
	struct machine *m = user;
	CLEANUP(buf_fini) struct buf words;
	(void)events;
	buf_init(&words, 2 * CONSOLE_LINES);
	if (m->vm->state == VM_STOPPING || (m->switched_off && !m->starting)) {
		stopped(m);
		return;
	}
	last_words(m, &words);
	machine_fail(m,
		     m->switched_off ? "the guest switched itself off: %s"
				     : "qemu has ended; the console's last words: %s",
		     buf_str(&words));
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
	if (grpc_client_new(loop_of(m), &o, &m->guest, &err)) {
		machine_fail(m, "%s", err.message);
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
		machine_fail(m, "qemu does not say how to reach the guest: %s",
			     why ? why : "no port is forwarded");
		return;
	}
	snprintf(address, sizeof address, "tcp:127.0.0.1:%u", port);
	open_guest(m, address);
}

static int open_monitor(struct machine *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const struct qmp_events events = { on_event, on_monitor_closed, m };
	arena_init(&a);
	int r = qmp_open(loop_of(m), machine_path(&a, m, "monitor"), &events, &m->qmp);
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

int machine_attach(struct machine *m, pid_t pid, struct error *err)
{
	int fd = pidfd_open(pid, 0);
	if (fd < 0)
		return error_set(err, ERR_UNAVAILABLE, "qemu ended at once");
	m->pid = pid;
	m->ended = (struct loop_io){ .fd = fd, .fn = on_ended, .user = m };
	int r = loop_add(loop_of(m), &m->ended, EPOLLIN);
	return r ? r : open_monitor(m, err);
}

/* ---- starting ---- */

static void on_limit(void *user);

void machine_ready(struct machine *m)
{
	timer_stop(loop_timers(loop_of(m)), &m->limit);
	log_info("a virtual machine is up", F_STR("vm", m->spec.name), F_INT("pid", m->pid));
	machine_tell(&m->starting, 0, NULL);
}

static void on_change(void *user, enum registry_change change, struct vm *vm, struct container *c)
{
	struct machines *all = user;
	struct machine *m =
		change == VM_CHANGED && vm->state == VM_READY ? find(all, vm->name) : NULL;
	(void)c;
	if (m && m->pid && !m->told_ready) {
		m->told_ready = true;
		set_up_when_both_are_there(m);
	}
}

/* It was told to stop while qemu was starting. */
static void launched_too_late(struct machine *m, pid_t pid)
{
	struct error err;
	if (pid == 0 || machine_attach(m, pid, &err)) {
		stopped(m);
		return;
	}
	kill_now(m);
	set_limit(m, KILL_MS);
}

static void on_launched(const struct program_end *end, void *user)
{
	struct machine *m = user;
	struct error err;
	m->starter = NULL;
	pid_t pid = end->status == 0 ? adopt_pid(m) : 0;
	if (m->vm->state == VM_STOPPING) {
		launched_too_late(m, pid);
		return;
	}
	if (pid == 0) {
		machine_fail(m, "qemu did not start (%d): %.*s", end->status,
			     (int)(end->output.n < 150 ? end->output.n : 150),
			     end->output.n ? (const char *)end->output.p : "it says nothing");
		return;
	}
	int r = machine_attach(m, pid, &err);
	if (r) {
		machine_fail(m, "%s", r > 0 ? err.message : strerror(-r));
		return;
	}
	set_limit(m, m->accelerator == ACCELERATOR_KVM ? KVM_TRY_MS : MACHINE_READY_MS);
}

static int write_file(const struct machine *m, const char *name, struct span content,
		      struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	int r = file_write_atomic(machine_path(&a, m, name), content, 0600);
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "%s: %s", machine_path(&a, m, name),
				 strerror(-r))
		     : 0;
}

static int write_spec(const struct machine *m, struct error *err)
{
	AUTO_JSON j = machine_spec_json(&m->spec);
	CLEANUP(free_charp) char *text = json_text(j);
	return write_file(m, "spec.json", span_str(text), err);
}

static int open_port(struct machine *m, struct error *err)
{
	char address[ENDPOINT_TEXT_SIZE];
	struct endpoint bound;
	snprintf(address, sizeof address, "tcp:127.0.0.1:%lld", (long long)m->spec.listen_port);
	const struct port_spec spec = { .address = address, .cid = m->spec.cid, .token = m->token };
	int r = port_open(m->all->host, &spec, &m->port, &bound, err);
	if (r == 0)
		m->spec.listen_port = ntohs(bound.addr.in.sin_port);
	return r;
}

/* What has to be there before qemu is: the token, the port, the specification. */
static int prepare(struct machine *m, struct error *err)
{
	uint8_t random[32];
	int r = dir_make(m->folder, 0700);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", m->folder, strerror(-r));
	clean_folder(m);
	rand_bytes(random, sizeof random);
	hex_encode((struct span){ random, sizeof random }, m->token);
	m->spec.listen_port = 0;
	r = write_file(m, "token", span_str(m->token), err);
	if (r == 0 && !m->spec.vsock)
		r = open_port(m, err);
	return r ? r : write_spec(m, err);
}

static int run_qemu(struct machine *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	const struct qemu_paths paths = { .token = machine_path(&a, m, "token"),
					  .qmp = machine_path(&a, m, "monitor"),
					  .console = machine_path(&a, m, "console"),
					  .pid = machine_path(&a, m, "pid") };
	char **argv = qemu_argv(&a, &m->spec, m->accelerator, &paths);
	return program_start(&m->all->programs, argv, NULL, QEMU_START_MS, on_launched, m,
			     &m->starter, err);
}

static void launch(struct machine *m)
{
	struct error err;
	m->told_ready = m->switched_off = false;
	m->kills = 0;
	registry_vm_set(m->all->host->registry, m->vm, VM_STARTING, NULL);
	int r = prepare(m, &err);
	if (r == 0)
		r = run_qemu(m, &err);
	if (r)
		machine_fail(m, "%s", r > 0 ? err.message : strerror(-r));
}

/* ---- machines ---- */

static uint32_t free_cid(const struct registry *r, bool vsock)
{
	uint32_t cid = vsock ? OWN_CID_MIN : OTHER_CID_MIN;
	while (registry_vm_by_cid(r, cid))
		cid++;
	return cid;
}

static void set_disk(struct machine *m)
{
	free(m->vm->disk);
	m->vm->disk = NULL;
	for (size_t i = 0; i < m->spec.n_disks && !m->vm->disk; i++)
		if (!m->spec.disks[i].read_only && !(m->vm->disk = strdup(m->spec.disks[i].path)))
			abort();
}

static int machine_new(struct machines *all, struct machine_spec *steals, struct machine **ret,
		       struct error *err)
{
	struct machine *m = calloc(1, sizeof *m);
	if (!m || asprintf(&m->folder, "%s/vms/%s", all->host->options.state, steals->name) < 0)
		abort();
	m->all = all;
	m->ended.fd = -1;
	m->limit = (struct timer){ .fn = on_limit, .user = m };
	int r = registry_vm_add(all->host->registry, steals->name, steals->cid, &m->vm, err);
	if (r == 0)
		r = host_load_containers(all->host, m->vm, err);
	if (r) {
		if (m->vm)
			registry_vm_remove(all->host->registry, m->vm);
		free(m->folder);
		free(m);
		machine_spec_fini(steals);
		return r;
	}
	m->spec = *steals;
	*steals = (struct machine_spec){ .n_disks = 0 };
	set_disk(m);
	m->next = all->first;
	all->first = m;
	*ret = m;
	return 0;
}

static bool runs(const struct machine *m)
{
	return m->pid || m->starter || m->again;
}

/* A new specification for a machine that does not run. */
static void take_spec(struct machine *m, struct machine_spec *steals)
{
	uint32_t cid = m->spec.cid;
	machine_spec_fini(&m->spec);
	m->spec = *steals;
	m->spec.cid = cid;
	*steals = (struct machine_spec){ .n_disks = 0 };
	set_disk(m);
}

static enum accelerator best_accelerator(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0 ? ACCELERATOR_KVM : ACCELERATOR_TCG;
}

static int make_machine(struct machines *all, struct machine_spec *steals, struct machine **ret,
			struct error *err)
{
	struct machine *m = find(all, steals->name);
	int r = 0;
	if (m && runs(m))
		r = error_set(err, ERR_CONFLICT, "%s: this virtual machine runs already",
			      steals->name);
	if (r == 0)
		r = machine_spec_check(steals, err);
	if (r == 0)
		r = machine_spec_make_disks(steals, err);
	if (r) {
		machine_spec_fini(steals);
		return r;
	}
	steals->vsock = access("/dev/vhost-vsock", R_OK | W_OK) == 0;
	steals->cid = free_cid(all->host->registry, steals->vsock);
	if (m)
		take_spec(m, steals);
	else
		r = machine_new(all, steals, &m, err);
	*ret = m;
	return r;
}

/* Told at once would be before the call has returned. */
struct refusal {
	struct loop_task task;
	machine_done_fn *done;
	void *user;
	int r;
	struct error err;
};

static void on_refusal(void *user)
{
	struct refusal *f = user;
	f->done(f->user, f->r, &f->err);
	free(f);
}

static void answer_later(struct machines *all, machine_done_fn *done, void *user, int r,
			 const struct error *err)
{
	struct refusal *f = done ? calloc(1, sizeof *f) : NULL;
	if (!done)
		return;
	if (!f)
		abort();
	*f = (struct refusal){ .done = done, .user = user, .r = r };
	if (r > 0)
		f->err = *err;
	f->task = (struct loop_task){ .fn = on_refusal, .user = f };
	loop_post(all->host->loop, &f->task);
}

void machine_start(struct machines *all, struct machine_spec *steals, machine_done_fn *done,
		   void *user)
{
	struct machine *m = NULL;
	struct error err;
	int r = make_machine(all, steals, &m, &err);
	if (r) {
		answer_later(all, done, user, r, &err);
		return;
	}
	m->accelerator = best_accelerator();
	machine_wait(&m->starting, done, user);
	launch(m);
}

void machine_start_again(struct machines *all, const char *name, machine_done_fn *done, void *user)
{
	struct error err;
	struct machine *m = find_or(all, name, &err);
	int r = !m        ? ERR_NOT_FOUND
		: runs(m) ? error_set(&err, ERR_CONFLICT, "%s: this virtual machine runs already",
				      name)
			  : machine_spec_check(&m->spec, &err);
	if (r) {
		answer_later(all, done, user, r, &err);
		return;
	}
	m->accelerator = best_accelerator();
	machine_wait(&m->starting, done, user);
	launch(m);
}

/* ---- stopping ---- */

/* The agent's word, the monitor's, the kernel's: the next one when the last did not end it. */
static void end_harder(struct machine *m)
{
	m->kills++;
	if (m->kills == 1 && m->qmp) {
		log_warn("a virtual machine does not stop; qemu is told to",
			 F_STR("vm", m->spec.name));
		qmp_command(m->qmp, "quit", NULL, NULL, NULL);
	} else {
		kill_now(m);
	}
	set_limit(m, KILL_MS);
}

static void on_limit(void *user)
{
	struct machine *m = user;
	CLEANUP(buf_fini) struct buf words;
	buf_init(&words, 2 * CONSOLE_LINES);
	if (m->vm->state == VM_STOPPING) {
		end_harder(m);
		return;
	}
	last_words(m, &words);
	machine_fail(m, "it is not ready after %d s; the console's last words: %s",
		     m->accelerator == ACCELERATOR_KVM ? KVM_TRY_MS / 1000
						       : MACHINE_READY_MS / 1000,
		     buf_str(&words));
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

static void begin_stop(struct machine *m, bool force)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	struct error err;
	m->setting_up = false;
	registry_vm_set(m->all->host->registry, m->vm, VM_STOPPING, NULL);
	(void)error_set(&err, ERR_CONFLICT, "%s: it was stopped", m->spec.name);
	machine_tell(&m->starting, ERR_CONFLICT, &err);
	if (!m->pid) { /* not in the background yet: on_launched() goes on */
		if (!m->starter)
			stopped(m);
	} else if (force || !m->guest || !m->told_ready) {
		end_harder(m);
	} else {
		grpc_client_call(m->guest, &shutdown_method, &empty, MACHINE_SHUTDOWN_MS,
				 on_shutdown_answered, NULL);
		set_limit(m, MACHINE_SHUTDOWN_MS);
	}
}

void machine_stop(struct machines *all, const char *name, bool force, machine_done_fn *done,
		  void *user)
{
	struct error err;
	struct machine *m = find_or(all, name, &err);
	if (!m || !runs(m)) {
		int r = m ? error_set(&err, ERR_CONFLICT, "%s: this virtual machine does not run",
				      name)
			  : ERR_NOT_FOUND;
		answer_later(all, done, user, r, &err);
		return;
	}
	m->again = false;
	machine_wait(&m->stopping, done, user);
	if (m->vm->state != VM_STOPPING)
		begin_stop(m, force);
	else if (force)
		end_harder(m);
}

void machine_reboot(struct machines *all, const char *name, machine_done_fn *done, void *user)
{
	struct error err;
	struct machine *m = find_or(all, name, &err);
	if (!m || !runs(m)) {
		machine_start_again(all, name, done, user);
		return;
	}
	if (m->vm->state != VM_STOPPING)
		begin_stop(m, false);
	if (runs(m)) {
		m->again = true;
		machine_wait(&m->starting, done, user);
	} else {
		machine_start_again(all, name, done, user);
	}
}

static void machine_free(struct machine *m)
{
	struct machine **at = &m->all->first;
	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	machine_tell(&m->starting, -ECANCELED, NULL);
	machine_tell(&m->stopping, -ECANCELED, NULL);
	detach(m);
	machine_spec_fini(&m->spec);
	secret_erase(m->token, sizeof m->token);
	free(m->folder);
	free(m);
}

int machine_remove(struct machines *all, const char *name, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	struct machine *m = find_or(all, name, err);
	arena_init(&a);
	if (!m)
		return ERR_NOT_FOUND;
	if (runs(m))
		return error_set(err, ERR_CONFLICT, "%s: it runs; stop it first", name);
	clean_folder(m);
	(void)!unlink(machine_path(&a, m, "console"));
	int r = file_remove(machine_path(&a, m, "spec.json"));
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", m->folder, strerror(-r));
	(void)!rmdir(m->folder);
	registry_vm_remove(all->host->registry, m->vm);
	machine_free(m);
	return 0;
}

/* ---- asking ---- */

bool machine_is_known(const struct machines *all, const char *name)
{
	return find(all, name);
}

int machine_call(struct machines *all, const char *name, const struct grpc_method *method,
		 const void *request, int64_t timeout_ms,
		 void (*done)(const struct grpc_result *, void *), void *user, struct error *err)
{
	struct machine *m = find_or(all, name, err);
	if (!m)
		return ERR_NOT_FOUND;
	if (m->vm->state != VM_READY || !m->guest)
		return error_set(err, ERR_CONFLICT, "%s: this virtual machine is %s", name,
				 vm_state_name(m->vm->state));
	grpc_client_call(m->guest, method, request, timeout_ms, done, user);
	return 0;
}

void machine_each(const struct machines *all, void (*fn)(void *, const struct machine_info *),
		  void *user)
{
	for (const struct machine *m = all->first; m; m = m->next) {
		const struct machine_info info = { .name = m->spec.name,
						   .why = m->vm->why,
						   .accelerator = m->accelerator == ACCELERATOR_KVM
									  ? "kvm"
									  : "tcg",
						   .state = m->vm->state,
						   .since_ms = m->vm->since_ms,
						   .memory_mib = m->spec.memory_mib,
						   .pid = (int)m->pid,
						   .cid = m->spec.cid,
						   .vsock = m->spec.vsock };
		fn(user, &info);
	}
}

int machine_console(const struct machines *all, const char *name, size_t max, struct buf *out,
		    struct error *err)
{
	const struct machine *m = find_or(all, name, err);
	if (!m)
		return ERR_NOT_FOUND;
	read_console(m, max, out);
	return 0;
}

/* ---- what was there before ---- */

static void adopt(struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	CLEANUP(buf_fini) struct buf token;
	struct error err = { .message = "" };
	pid_t pid = adopt_pid(m);
	arena_init(&a);
	buf_init(&token, sizeof m->token - 1);
	if (pid == 0) {
		bool ran = access(machine_path(&a, m, "pid"), F_OK) == 0;
		clean_folder(m);
		registry_vm_set(m->all->host->registry, m->vm, ran ? VM_CRASHED : VM_STOPPED,
				"it ended while reeve-host did not run");
		return;
	}
	int r = file_read(machine_path(&a, m, "token"), &token);
	snprintf(m->token, sizeof m->token, "%s", buf_str(&token));
	if (r == 0 && !m->spec.vsock)
		r = open_port(m, &err);
	if (r == 0)
		r = machine_attach(m, pid, &err);
	if (r) {
		machine_fail(m, "it could not be taken over: %s",
			     r > 0 ? err.message : strerror(-r));
		return;
	}
	log_info("a virtual machine runs already", F_STR("vm", m->spec.name), F_INT("pid", pid));
	m->told_ready =
		true; /* it said so to whoever was here before; the steps find out whether it is */
	registry_vm_set(m->all->host->registry, m->vm, VM_READY, NULL);
	set_limit(m, MACHINE_READY_MS);
	set_up_when_both_are_there(m);
}

static int load_machine(struct machines *all, const char *path, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	AUTO_JSON j = NULL;
	struct machine_spec spec = { .n_disks = 0 };
	struct machine *m;
	buf_init(&text, 65536);
	if (file_read(path, &text) < 0)
		return 0; /* a folder of something else */
	int r = json_parse(buf_span(&text), &j, err);
	if (r == 0)
		r = machine_spec_read(j, &spec, err);
	if (r) {
		machine_spec_fini(&spec);
		return error_set(err, ERR_INVALID, "%s: it is broken; move it away", path);
	}
	r = machine_new(all, &spec, &m, err);
	if (r == 0)
		adopt(m);
	return r;
}

static int load_all(struct machines *all, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const struct dirent *d;
	int r = 0;
	arena_init(&a);
	const char *folder = arena_printf(&a, "%s/vms", all->host->options.state);
	DIR *dir = opendir(folder);
	while (dir && r == 0 && (d = readdir(dir)))
		if (registry_name_ok(d->d_name))
			r = load_machine(
				all, arena_printf(&a, "%s/%s/spec.json", folder, d->d_name), err);
	if (dir)
		closedir(dir);
	return r;
}

static void on_disk_resized(void *user, struct vm *vm, uint64_t size)
{
	const struct machine *m = find(user, vm->name);
	char id[16];
	for (size_t i = 0; m && m->qmp && i < m->spec.n_disks; i++)
		if (!m->spec.disks[i].read_only) {
			snprintf(id, sizeof id, "d%zu", i);
			qmp_command(m->qmp, "block_resize",
				    json_pack("{s:s, s:I}", "device", id, "size", (json_int_t)size),
				    NULL, NULL);
			return;
		}
}

int machines_open(struct host *h, struct machines **ret, struct error *err)
{
	struct machines *all = calloc(1, sizeof *all);
	if (!all)
		abort();
	all->host = h;
	all->programs = (struct programs){ .loop = h->loop, .errors = true };
	*ret = all; /* also when it fails, to be closed */
	registry_watch(h->registry, on_change, all);
	h->disk_resized = on_disk_resized;
	h->disk_user = all;
	return load_all(all, err);
}

void machines_close(struct machines *all)
{
	if (!all)
		return;
	while (all->first)
		machine_free(all->first);
	programs_end(&all->programs);
	free(all);
}
