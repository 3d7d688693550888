/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's side of “reeve-host vm …”, and of a Reeve server's commands for machines.
 */
#include "reeve-host/control-vm.h"
#include "base/json.h"
#include "program.h"
#include "vm/host/listener.h"
#include "vm/machine/machine.h"
#include "vm/proto/vm_guest.pb-c.h"
#include <stdlib.h>
#include <string.h>

#define MOUNT_TIMEOUT_MS 60000
#define CONSOLE_MAX      65536
#define MEMORY_MIB       512

static struct machines *machines_of(const struct grpc_call *call)
{
	const struct host *h = grpc_call_user(call);
	return h->machines;
}

/* UNAVAILABLE would mean that this daemon is not there. */
static void reply_error(struct grpc_call *call, int r, const struct error *err)
{
	if (r == ERR_UNAVAILABLE)
		grpc_reply_status(call, GRPC_INTERNAL, "%s", err->message);
	else
		grpc_reply_error(call, r, err);
}

static void on_done(void *user, int r, const struct error *err)
{
	if (r)
		reply_error(user, r, err);
	else
		reply_done(user);
}

/* ---- lists ---- */

struct vm_rows { /* of one answer */
	Reeve__VmInfo *infos, **list;
	size_t n;
};

static Reeve__VmInfo *row_of(struct vm_rows *rows, const char *name)
{
	for (size_t i = 0; i < rows->n; i++)
		if (strcmp(rows->infos[i].vm, name) == 0)
			return &rows->infos[i];
	return NULL;
}

static void add_machine(void *user, const struct machine_info *m)
{
	Reeve__VmInfo *info = row_of(user, m->name);
	if (!info)
		return;
	info->accelerator = (char *)(uintptr_t)m->accelerator;
	info->vsock = m->vsock;
	info->pid = m->pid;
	info->memory_mib = m->memory_mib;
}

static void list_vms(struct grpc_call *call)
{
	const struct host *h = grpc_call_user(call);
	Reeve__VmList response = REEVE__VM_LIST__INIT;
	struct vm_rows rows = { .n = 0 };
	size_t n = 0;
	for (const struct vm *vm = registry_vms(h->registry); vm; vm = vm->next)
		n++;
	rows.infos = calloc(n + 1, sizeof *rows.infos);
	rows.list = calloc(n + 1, sizeof *rows.list);
	if (!rows.infos || !rows.list)
		abort();
	for (struct vm *vm = registry_vms(h->registry); vm; vm = vm->next) {
		Reeve__VmInfo *info = rows.list[rows.n] = &rows.infos[rows.n];
		rows.n++;
		reeve__vm_info__init(info);
		info->vm = vm->name;
		info->state = (char *)(uintptr_t)vm_state_name(vm->state);
		info->why = vm->why;
		info->cid = vm->cid;
		info->since_ms = vm->since_ms;
	}
	machine_each(h->machines, add_machine, &rows);
	response.n_vms = rows.n;
	response.vms = rows.list;
	grpc_reply(call, &response);
	free(rows.list);
	free(rows.infos);
}

static void console(struct grpc_call *call)
{
	const Reeve__VmName *request = grpc_call_request(call);
	Reeve__ConsoleVmResponse response = REEVE__CONSOLE_VM_RESPONSE__INIT;
	CLEANUP(buf_fini) struct buf text;
	struct error err;
	buf_init(&text, 2 * CONSOLE_MAX);
	int r = machine_console(machines_of(call), request->vm, CONSOLE_MAX, &text, &err);
	if (r) {
		reply_error(call, r, &err);
		return;
	}
	response.text = (ProtobufCBinaryData){ text.n, (uint8_t *)text.p };
	grpc_reply(call, &response);
}

/* ---- life ---- */

static char *copy(const char *text)
{
	char *s = text[0] ? strdup(text) : NULL;
	if (text[0] && !s)
		abort();
	return s;
}

static int read_start(const Reeve__StartVmRequest *request, struct machine_spec *spec,
		      struct error *err)
{
	int r = 0;
	*spec = (struct machine_spec){ .kernel = copy(request->kernel),
				       .initrd = copy(request->initrd),
				       .append = copy(request->append),
				       .memory_mib = request->memory_mib ? request->memory_mib
									 : MEMORY_MIB,
				       .cpus = request->cpus ? request->cpus : 1 };
	if (!registry_name_ok(request->vm))
		return error_set(err, ERR_INVALID, "“%.80s” is no name of a virtual machine",
				 request->vm);
	memcpy(spec->name, request->vm, strlen(request->vm) + 1);
	if (request->n_disks > MACHINE_DISKS_MAX)
		return error_set(err, ERR_INVALID, "disks: at most %d", MACHINE_DISKS_MAX);
	for (size_t i = 0; i < request->n_disks && r == 0; i++) {
		r = machine_disk_parse(request->disks[i], &spec->disks[spec->n_disks], err);
		spec->n_disks += r == 0;
	}
	if (r == 0 && request->n_shares > MACHINE_SHARES_MAX)
		r = error_set(err, ERR_INVALID, "shares: at most %d", MACHINE_SHARES_MAX);
	for (size_t i = 0; i < request->n_shares && r == 0; i++) {
		r = machine_share_parse(request->shares[i], &spec->shares[spec->n_shares], err);
		spec->n_shares += r == 0;
	}
	return r;
}

static void start(struct grpc_call *call)
{
	const Reeve__StartVmRequest *request = grpc_call_request(call);
	struct machine_spec spec;
	struct error err;
	if (request->kernel[0] == '\0') {
		grpc_defer(call, NULL, NULL);
		machine_start_again(machines_of(call), request->vm, on_done, call);
		return;
	}
	int r = read_start(request, &spec, &err);
	if (r) {
		reply_error(call, r, &err);
		machine_spec_fini(&spec);
		return;
	}
	grpc_defer(call, NULL, NULL);
	machine_start(machines_of(call), &spec, on_done, call);
}

static void stop(struct grpc_call *call)
{
	const Reeve__StopVmRequest *request = grpc_call_request(call);
	grpc_defer(call, NULL, NULL);
	machine_stop(machines_of(call), request->vm, request->force, on_done, call);
}

static void forget(struct grpc_call *call)
{
	const Reeve__VmName *request = grpc_call_request(call);
	struct error err;
	on_done(call, machine_remove(machines_of(call), request->vm, &err), &err);
}

/* ---- in it ---- */

static void refuse_or_defer(struct grpc_call *call, int r, const struct error *err)
{
	if (r)
		reply_error(call, r, err);
	else
		grpc_defer(call, NULL, NULL);
}

static const char *status_word(VmTools__ProcessStatus status)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&vm_tools__process_status__descriptor, status);
	return v ? v->name : "UNKNOWN";
}

static void on_executed(const struct grpc_result *result, void *user)
{
	const VmTools__LaunchProcessResponse *launched = result->response;
	Reeve__ExecVmResponse response = REEVE__EXEC_VM_RESPONSE__INIT;
	if (!launched) {
		grpc_reply_status(user, GRPC_INTERNAL, "the guest's agent: %s",
				  result->status.message);
		return;
	}
	response.status = (char *)(uintptr_t)status_word(launched->status);
	response.code = launched->code;
	grpc_reply(user, &response);
}

static void execute(struct grpc_call *call)
{
	const Reeve__ExecVmRequest *request = grpc_call_request(call);
	VmTools__LaunchProcessRequest launching = VM_TOOLS__LAUNCH_PROCESS_REQUEST__INIT;
	struct error err;
	launching.n_argv = request->n_argv;
	launching.argv = request->argv;
	launching.wait_for_exit = !request->detach;
	launching.use_console = request->console;
	refuse_or_defer(call,
			machine_call(machines_of(call), request->vm, &machine_launch, &launching,
				     -1, on_executed, call, &err),
			&err);
}

static void on_mounted(const struct grpc_result *result, void *user)
{
	const VmTools__MountResponse *mounted = result->response;
	Reeve__MountVmResponse response = REEVE__MOUNT_VM_RESPONSE__INIT;
	if (!mounted) {
		grpc_reply_status(user, GRPC_INTERNAL, "the guest's agent: %s",
				  result->status.message);
		return;
	}
	response.error = mounted->error;
	grpc_reply(user, &response);
}

static void mount_in(struct grpc_call *call)
{
	const Reeve__MountVmRequest *request = grpc_call_request(call);
	VmTools__MountRequest mounting = VM_TOOLS__MOUNT_REQUEST__INIT;
	struct error err;
	mounting.source = request->source;
	mounting.target = request->target;
	mounting.fstype = request->fstype;
	mounting.options = request->options;
	mounting.mountflags = request->flags;
	mounting.create_target = 1;
	refuse_or_defer(call,
			machine_call(machines_of(call), request->vm, &machine_mount, &mounting,
				     MOUNT_TIMEOUT_MS, on_mounted, call, &err),
			&err);
}

const struct grpc_method control_vm_methods[] = {
	CONTROL_METHOD("ListVms", vm_tools__empty_message, reeve__vm_list, list_vms,
		       "All of them."),
	CONTROL_METHOD("StartVm", reeve__start_vm_request, vm_tools__empty_message, start,
		       "Answers when it is ready."),
	CONTROL_METHOD("StopVm", reeve__stop_vm_request, vm_tools__empty_message, stop,
		       "Answers when it has ended."),
	CONTROL_METHOD("RemoveVm", reeve__vm_name, vm_tools__empty_message, forget,
		       "Forgets one that does not run."),
	CONTROL_METHOD("ExecVm", reeve__exec_vm_request, reeve__exec_vm_response, execute,
		       "Runs a program in it."),
	CONTROL_METHOD("MountVm", reeve__mount_vm_request, reeve__mount_vm_response, mount_in,
		       "Mounts something in it."),
	CONTROL_METHOD("ConsoleVm", reeve__vm_name, reeve__console_vm_response, console,
		       "What it printed."),
	{ .path = NULL },
};

/* ---- a server's commands ---- */

struct order { /* heap; a command under way */
	uplink_done_fn *done;
	void *user;
};

static struct order *order_new(uplink_done_fn *done, void *user)
{
	struct order *o = calloc(1, sizeof *o);
	if (!o)
		abort();
	*o = (struct order){ done, user };
	return o;
}

static void order_end(struct order *o, bool done, const char *message, json_t *result)
{
	o->done(o->user, done, message, result);
	free(o);
}

static void on_ordered(void *user, int r, const struct error *err)
{
	order_end(user, r == 0, r > 0 ? err->message : r < 0 ? strerror(-r) : "", NULL);
}

static void on_order_executed(const struct grpc_result *result, void *user)
{
	const VmTools__LaunchProcessResponse *launched = result->response;
	if (!launched) {
		order_end(user, false, result->status.message, NULL);
		return;
	}
	bool good = launched->status == VM_TOOLS__PROCESS_STATUS__LAUNCHED ||
		    (launched->status == VM_TOOLS__PROCESS_STATUS__EXITED && launched->code == 0);
	order_end(user, good, good ? "" : "the program failed",
		  json_pack("{s:s, s:i}", "status", status_word(launched->status), "code",
			    (int)launched->code));
}

static void on_order_mounted(const struct grpc_result *result, void *user)
{
	const VmTools__MountResponse *mounted = result->response;
	int error = mounted ? mounted->error : 0;
	order_end(user, mounted && error == 0,
		  !mounted ? result->status.message
		  : error  ? strerror(error)
			   : "",
		  mounted ? json_pack("{s:i}", "error", error) : NULL);
}

static const char *word(const json_t *params, const char *key)
{
	const char *text = json_string_value(json_object_get(params, key));
	return text ? text : "";
}

static int order_mount(struct machines *all, const struct vm *vm, const json_t *params,
		       struct order *o, struct error *err)
{
	VmTools__MountRequest request = VM_TOOLS__MOUNT_REQUEST__INIT;
	request.source = (char *)(uintptr_t)word(params, "source");
	request.target = (char *)(uintptr_t)word(params, "target");
	request.fstype = (char *)(uintptr_t)word(params, "fstype");
	request.options = (char *)(uintptr_t)word(params, "options");
	request.mountflags = (uint64_t)json_integer_value(json_object_get(params, "mountflags"));
	return machine_call(all, vm->name, &machine_mount, &request, MOUNT_TIMEOUT_MS,
			    on_order_mounted, o, err);
}

/* The environment as pairs; heap, freed with env_free(). */
static VmTools__LaunchProcessRequest__EnvEntry **env_of(const json_t *env, size_t *ret_n)
{
	VmTools__LaunchProcessRequest__EnvEntry **list =
		calloc(json_object_size(env) + 1, sizeof *list);
	const char *key;
	json_t *value;
	*ret_n = 0;
	if (!list)
		abort();
	json_object_foreach ((json_t *)(uintptr_t)env, key, value) {
		VmTools__LaunchProcessRequest__EnvEntry *e = calloc(1, sizeof *e);
		if (!e)
			abort();
		vm_tools__launch_process_request__env_entry__init(e);
		e->key = (char *)(uintptr_t)key;
		e->value =
			(char *)(uintptr_t)(json_is_string(value) ? json_string_value(value) : "");
		list[(*ret_n)++] = e;
	}
	return list;
}

static void env_free(VmTools__LaunchProcessRequest__EnvEntry **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

/* The words of a list of texts; heap, borrowed words. NULL: something in it is none. */
static char **words_of(const json_t *list, size_t *ret_n)
{
	char **words = calloc(json_array_size(list) + 1, sizeof *words);
	if (!words)
		abort();
	for (*ret_n = 0; *ret_n < json_array_size(list); (*ret_n)++) {
		words[*ret_n] = (char *)(uintptr_t)json_string_value(json_array_get(list, *ret_n));
		if (!words[*ret_n]) {
			free(words);
			return NULL;
		}
	}
	return words;
}

static int order_launch(struct machines *all, const struct vm *vm, const json_t *params,
			struct order *o, struct error *err)
{
	VmTools__LaunchProcessRequest request = VM_TOOLS__LAUNCH_PROCESS_REQUEST__INIT;
	request.argv = words_of(json_object_get(params, "argv"), &request.n_argv);
	if (!request.argv)
		return error_set(err, ERR_INVALID, "argv: a list of texts is expected");
	request.env = env_of(json_object_get(params, "env"), &request.n_env);
	request.respawn = json_is_true(json_object_get(params, "respawn"));
	request.use_console = json_is_true(json_object_get(params, "use_console"));
	request.wait_for_exit = json_is_true(json_object_get(params, "wait_for_exit"));
	int r = machine_call(all, vm->name, &machine_launch, &request, -1, on_order_executed, o,
			     err);
	env_free(request.env, request.n_env);
	free(request.argv);
	return r;
}

bool control_vm_command(void *user, struct vm *vm, const char *type, const json_t *params,
			uplink_done_fn *done, void *done_user)
{
	struct machines *all = user;
	struct error err;
	int r = 0;
	if (!machine_is_known(all, vm->name))
		return false;
	struct order *o = order_new(done, done_user);
	if (strcmp(type, "reboot") == 0)
		machine_reboot(all, vm->name, on_ordered, o);
	else if (strcmp(type, "shutdown") == 0)
		machine_stop(all, vm->name, false, on_ordered, o);
	else if (strcmp(type, "launch") == 0)
		r = order_launch(all, vm, params, o, &err);
	else if (strcmp(type, "mount") == 0)
		r = order_mount(all, vm, params, o, &err);
	else
		r = error_set(&err, ERR_INVALID, "a virtual machine does not know “%s”", type);
	if (r)
		order_end(o, false, r > 0 ? err.message : strerror(-r), NULL);
	return true;
}
