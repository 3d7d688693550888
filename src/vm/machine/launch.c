/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting qemu: what has to be there before, the accelerator, and its way to the background.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/machine/line.h"
#include "vm/machine/machine-private.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MS                                                                                    \
	60000 /* without KVM: on a host that busy KVM, too, may have needed longer than its try */
#define QEMU_START_MS 30000 /* until it is in the background */
#define BOOT_ID       "/proc/sys/kernel/random/boot_id"

static void launch(struct machine *m);

/* ---- the accelerator ---- */

static const char *no_kvm_path(struct arena *a, const struct machine *m)
{
	return arena_printf(a, "%s/no-kvm", m->all->host->options.state);
}

/* A file of one line. */
static bool read_line(const char *path, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 256);
	bool good = file_read(path, &text) == 0 && text.n > 0;
	line_beginning(buf_span(&text), out, size);
	return good;
}

/* Whether it has been of no use since this host was started. */
static bool kvm_is_broken(const struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	char boot[64], noted[64];
	arena_init(&a);
	return read_line(BOOT_ID, boot, sizeof boot) &&
	       read_line(no_kvm_path(&a, m), noted, sizeof noted) && strcmp(boot, noted) == 0;
}

void launch_note_kvm(const struct machine *m)
{
	CLEANUP(arena_fini) struct arena a;
	char boot[64];
	arena_init(&a);
	int64_t took_ms = loop_now_ms(machine_loop(m)) - m->began_ms;
	if (!m->kvm_failed || took_ms > BUSY_MS || !read_line(BOOT_ID, boot, sizeof boot))
		return;
	log_warn(
		"KVM is of no use on this host; machines start without it until it is booted again",
		F_STR("file", no_kvm_path(&a, m)));
	int r = file_write_atomic(no_kvm_path(&a, m), span_str(boot), 0600);
	if (r < 0)
		log_warn("that cannot be written down", F_STR("why", strerror(-r)));
}

/* With KVM it may only be KVM. Whether it was is known when the machine is ready without. */
bool launch_without_kvm(struct machine *m)
{
	if (m->accelerator != ACCELERATOR_KVM || !m->starting || m->told_ready)
		return false;
	log_warn("this machine does not come up with KVM; trying without",
		 F_STR("vm", m->spec.name));
	m->accelerator = ACCELERATOR_TCG;
	m->kvm_failed = true;
	if (m->pid) { /* its disks are locked until it has ended */
		m->relaunch = true;
		timer_stop(loop_timers(machine_loop(m)), &m->limit);
		machine_kill(m);
	} else {
		launch_relaunch(m);
	}
	return true;
}

void launch_relaunch(struct machine *m)
{
	machine_detach(m);
	launch(m);
}

/* ---- in the background ---- */

/* It was told to stop while qemu was starting. */
static void launched_too_late(struct machine *m, const struct process *process)
{
	if (!process || machine_watch(m, process)) {
		machine_stopped(m);
		return;
	}
	machine_kill(m);
	machine_limit(m, KILL_MS);
}

static void attach(struct machine *m, const struct process *process)
{
	struct error err;
	int r = machine_watch(m, process);
	if (r == 0)
		r = machine_open_monitor(m, &err);
	if (r)
		machine_fail(m, "%s", r > 0 ? err.message : strerror(-r));
	else if (m->pid)
		machine_limit(m, m->accelerator == ACCELERATOR_KVM ? KVM_TRY_MS : MACHINE_READY_MS);
}

static void not_started(struct machine *m, const struct program_end *end)
{
	char words[WORDS_SIZE];
	line_end(end->output, words, sizeof words);
	machine_fail(m, "qemu did not start (%d): %s", end->status,
		     words[0] ? words : "it says nothing");
}

static void on_launched(void *user, const struct program_end *end)
{
	struct machine *m = user;
	struct process process;
	m->starter = NULL;
	bool runs = end->status == 0 && adopt_process(m, &process);
	if (m->vm->state == VM_STOPPING)
		launched_too_late(m, runs ? &process : NULL);
	else if (runs)
		attach(m, &process);
	else
		not_started(m, end);
}

/* ---- beginning ---- */

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

int machine_open_port(struct machine *m, struct error *err)
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

/* What has to be there before qemu is: the token, the port, the specification, shared folders. */
static int prepare(struct machine *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	uint8_t random[32];
	arena_init(&a);
	int r = dir_make(m->folder, 0700);
	if (r < 0)
		return error_set(err, ERR_UNAVAILABLE, "%s: %s", m->folder, strerror(-r));
	machine_clean(m);
	(void)!unlink(machine_path(&a, m, "console")); /* qemu appends */
	rand_bytes(random, sizeof random);
	hex_encode((struct span){ random, sizeof random }, m->token);
	m->spec.listen_port = 0;
	r = write_file(m, "token", span_str(m->token), err);
	if (r == 0 && !m->spec.vsock)
		r = machine_open_port(m, err);
	if (r == 0)
		r = write_spec(m, err);
	return r ? r : shares_start(m, err);
}

static int run_qemu(struct machine *m, struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	const struct qemu_paths paths = { .token = machine_path(&a, m, "token"),
					  .qmp = machine_path(&a, m, "monitor"),
					  .console = machine_path(&a, m, "console"),
					  .share = machine_path(&a, m, "share"),
					  .pid = machine_path(&a, m, "pid") };
	char **argv = qemu_argv(&a, &m->spec, m->accelerator, &paths);
	const struct program_spec spec = { .argv = argv,
					   .keep = true,
					   .errors = true,
					   .done = on_launched,
					   .user = m,
					   .timeout_ms = QEMU_START_MS };
	return program_start(&m->all->programs, &spec, &m->starter, err);
}

static void launch(struct machine *m)
{
	struct error err;
	m->told_ready = m->switched_off = m->is_set_up = m->adopted = m->relaunch = false;
	m->kills = 0;
	m->began_ms = loop_now_ms(machine_loop(m));
	registry_vm_set(m->all->host->registry, m->vm, VM_STARTING, NULL);
	int r = prepare(m, &err);
	if (r == 0)
		r = run_qemu(m, &err);
	if (r)
		machine_fail(m, "%s", r > 0 ? err.message : strerror(-r));
}

void launch_begin(struct machine *m)
{
	bool kvm = access("/dev/kvm", R_OK | W_OK) == 0 && !kvm_is_broken(m);
	m->accelerator = kvm ? ACCELERATOR_KVM : ACCELERATOR_TCG;
	m->kvm_failed = false;
	launch(m);
}
