/* SPDX-License-Identifier: Apache-2.0
 *
 * Machines as a whole, see machine.h: which there are, and what a user may do with them.
 */
#include "base/crypto.h"
#include "base/file.h"
#include "vm/machine/machine-private.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OWN_CID_MIN   32
#define OTHER_CID_MIN 0x80000000u

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
	for (size_t i = 0; i < ARRAY_SIZE(m->shares); i++)
		m->shares[i].ended.fd = -1;
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
	machine_wait(&m->starting, done, user);
	launch_begin(m);
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
	machine_wait(&m->starting, done, user);
	launch_begin(m);
}

/* ---- stopping ---- */

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
		machine_begin_stop(m, force);
	else if (force)
		machine_end_harder(m);
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
		machine_begin_stop(m, false);
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
	if (m->pid)
		machine_release(m); /* it runs on */
	else
		machine_detach(m);
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
	machine_clean(m);
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
	console_read(m, max, out);
	return 0;
}

/* ---- what was there before ---- */

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
	return r ? r : adopt(m);
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

static void on_change(void *user, enum registry_change change, struct vm *vm, struct container *c)
{
	struct machines *all = user;
	struct machine *m =
		change == VM_CHANGED && vm->state == VM_READY ? find(all, vm->name) : NULL;
	(void)c;
	if (m && m->pid && !m->told_ready)
		machine_told_ready(m);
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
	all->programs = (struct programs){ .loop = h->loop };
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
