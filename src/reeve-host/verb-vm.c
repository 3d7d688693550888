/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-host vm: virtual machines that the daemon starts with qemu.
 */
#include "base/clock.h"
#include "base/json.h"
#include "program.h"
#include "vm/machine/spec.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 30000
#define START_MS   300000 /* with KVM tried first */
#define STOP_MS    90000

static const struct grpc_method list_method =
	CONTROL_CALL("ListVms", vm_tools__empty_message, reeve__vm_list);
static const struct grpc_method start_method =
	CONTROL_CALL("StartVm", reeve__start_vm_request, vm_tools__empty_message);
static const struct grpc_method stop_method =
	CONTROL_CALL("StopVm", reeve__stop_vm_request, vm_tools__empty_message);
static const struct grpc_method remove_method =
	CONTROL_CALL("RemoveVm", reeve__vm_name, vm_tools__empty_message);
static const struct grpc_method exec_method =
	CONTROL_CALL("ExecVm", reeve__exec_vm_request, reeve__exec_vm_response);
static const struct grpc_method mount_method =
	CONTROL_CALL("MountVm", reeve__mount_vm_request, reeve__mount_vm_response);
static const struct grpc_method console_method =
	CONTROL_CALL("ConsoleVm", reeve__vm_name, reeve__console_vm_response);

static void say(const char *what, const char *name)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "%s %s …\n", what, name);
}

/* A call whose answer says nothing. */
static int ask_empty(const struct grpc_method *m, const void *request, int64_t timeout_ms,
		     struct error *err)
{
	struct grpc_result result;
	int r = ask_daemon(m, request, timeout_ms, &result, err);
	if (r == 0)
		grpc_result_fini(&result);
	return r;
}

/* ---- life ---- */

static int read_memory(int64_t *ret_mib, struct error *err)
{
	uint64_t bytes = 0;
	*ret_mib = 0;
	if (!arguments.memory)
		return 0;
	if (!size_parse(arguments.memory, (uint64_t)1 << 20, &bytes))
		return error_set(err, ERR_INVALID, "--memory: “%.40s” is no size: 512M, 2G",
				 arguments.memory);
	*ret_mib = (int64_t)(bytes >> 20);
	return 0;
}

static char *or_empty(char *text)
{
	return text ? text : (char *)(uintptr_t) "";
}

/* Words that begin with a path; to be freed, each and the list. */
static char **absolute_paths(const struct option_list *list, size_t *ret_n)
{
	char **words = calloc((size_t)list->n + 1, sizeof *words);
	if (!words)
		abort();
	*ret_n = (size_t)list->n;
	for (int i = 0; i < list->n; i++)
		words[i] = absolute_path(list->items[i]);
	return words;
}

static void free_paths(char **words)
{
	for (size_t i = 0; words[i]; i++)
		free(words[i]);
	free(words);
}

static int ask_to_start(Reeve__StartVmRequest *request, struct error *err)
{
	CLEANUP(free_charp) char *kernel = absolute_path(arguments.kernel);
	CLEANUP(free_charp) char *initrd = absolute_path(arguments.initrd);
	request->kernel = or_empty(kernel);
	request->initrd = or_empty(initrd);
	request->append = or_empty((char *)(uintptr_t)arguments.append);
	request->cpus = arguments.cpus;
	request->disks = absolute_paths(&arguments.disks, &request->n_disks);
	request->shares = absolute_paths(&arguments.shares, &request->n_shares);
	int r = ask_empty(&start_method, request, START_MS, err);
	free_paths(request->disks);
	free_paths(request->shares);
	return r;
}

static int start(char *const args[], int n, struct error *err)
{
	Reeve__StartVmRequest request = REEVE__START_VM_REQUEST__INIT;
	(void)n;
	int r = read_memory(&request.memory_mib, err);
	if (r)
		return r;
	if (!arguments.kernel && (arguments.initrd || arguments.disks.n || arguments.shares.n ||
				  arguments.memory || arguments.cpus || arguments.append))
		return error_set(
			err, ERR_INVALID,
			"--kernel is missing; without any option the machine starts as it is remembered");
	request.vm = args[0];
	say("starting", args[0]);
	int64_t began_ms = clock_mono_ms();
	r = ask_to_start(&request, err);
	if (r == 0)
		printf("%s is ready after %.1f s\n", args[0],
		       (double)(clock_mono_ms() - began_ms) / 1000);
	return r;
}

static int stop(char *const args[], int n, struct error *err)
{
	Reeve__StopVmRequest request = REEVE__STOP_VM_REQUEST__INIT;
	(void)n;
	request.vm = args[0];
	request.force = arguments.force;
	say("stopping", args[0]);
	return ask_empty(&stop_method, &request, STOP_MS, err);
}

static int forget(char *const args[], int n, struct error *err)
{
	Reeve__VmName request = REEVE__VM_NAME__INIT;
	(void)n;
	request.vm = args[0];
	return ask_empty(&remove_method, &request, TIMEOUT_MS, err);
}

/* ---- lists ---- */

static json_t *vm_json(const Reeve__VmInfo *v)
{
	char since[CLOCK_TEXT_SIZE];
	return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:I, s:I, s:s}", "name", v->vm, "state",
			 v->state, "why", v->why, "accelerator", v->accelerator, "cid",
			 (json_int_t)v->cid, "vsock", (int)v->vsock, "pid", (json_int_t)v->pid,
			 "memory_mib", (json_int_t)v->memory_mib, "since",
			 clock_format(v->since_ms, since));
}

static void print_row(const Reeve__VmInfo *v)
{
	char age[CLOCK_TEXT_SIZE], pid[16] = "-", memory[24] = "-";
	int64_t age_ms = clock_utc_ms() - v->since_ms;
	duration_format(age_ms > 0 ? age_ms / 1000 * 1000 : 0, age);
	if (v->pid)
		snprintf(pid, sizeof pid, "%d", v->pid);
	if (v->memory_mib)
		snprintf(memory, sizeof memory, "%lld MiB", (long long)v->memory_mib);
	printf("%-20s  %-8s  %-8s  %-10s  %-11s  %s%s%s\n", v->vm, v->state, pid, memory,
	       v->vsock            ? "vsock"
	       : v->accelerator[0] ? "tcp"
				   : "-",
	       age, v->why[0] ? "  " : "", v->why);
}

static int list(char *const args[], int n, struct error *err)
{
	const VmTools__EmptyMessage request = VM_TOOLS__EMPTY_MESSAGE__INIT;
	AUTO_JSON array = json_array();
	struct grpc_result result;
	(void)args;
	(void)n;
	int r = ask_daemon(&list_method, &request, TIMEOUT_MS, &result, err);
	if (r)
		return r;
	const Reeve__VmList *all = result.response;
	bool json = strcmp(arguments.output, "json") == 0;
	if (!json)
		printf("%-20s  %-8s  %-8s  %-10s  %-11s  %s\n", "NAME", "STATE", "PID", "MEMORY",
		       "TRANSPORT", "SINCE");
	for (size_t i = 0; i < all->n_vms; i++) {
		if (json)
			json_array_append_new(array, vm_json(all->vms[i]));
		else
			print_row(all->vms[i]);
	}
	grpc_result_fini(&result);
	CLEANUP(free_charp) char *text = json ? json_text(array) : NULL;
	if (text)
		puts(text);
	return 0;
}

static int console(char *const args[], int n, struct error *err)
{
	Reeve__VmName request = REEVE__VM_NAME__INIT;
	struct grpc_result result;
	(void)n;
	request.vm = args[0];
	int r = ask_daemon(&console_method, &request, TIMEOUT_MS, &result, err);
	if (r)
		return r;
	const Reeve__ConsoleVmResponse *response = result.response;
	for (size_t i = 0; i < response->text.len;
	     i++) /* a guest must not take over the terminal */
		if (response->text.data[i] >= ' ' || strchr("\n\t", response->text.data[i]))
			putchar(response->text.data[i]);
	grpc_result_fini(&result);
	return 0;
}

/* ---- in it ---- */

static int execute(char *const args[], int n, struct error *err)
{
	Reeve__ExecVmRequest request = REEVE__EXEC_VM_REQUEST__INIT;
	struct grpc_result result;
	request.vm = args[0];
	request.argv = (char **)(uintptr_t)&args[1];
	request.n_argv = (size_t)n - 1;
	request.detach = arguments.detach;
	request.console = arguments.console;
	int r = ask_daemon(&exec_method, &request, -1, &result, err);
	if (r)
		return r;
	const Reeve__ExecVmResponse *response = result.response;
	if (strcmp(response->status, "SIGNALED") == 0) {
		fprintf(stderr, "reeve-host: %s: ended by signal %d\n", args[1], response->code);
		arguments.exit_code = 128 + response->code;
	} else if (strcmp(response->status, "FAILED") == 0 ||
		   strcmp(response->status, "UNKNOWN") == 0) {
		r = error_set(err, ERR_UNAVAILABLE, "%s: the guest could not start it", args[1]);
	} else {
		arguments.exit_code = response->code & 0xff;
	}
	grpc_result_fini(&result);
	return r;
}

static int mount_in(char *const args[], int n, struct error *err)
{
	Reeve__MountVmRequest request = REEVE__MOUNT_VM_REQUEST__INIT;
	struct grpc_result result;
	request.vm = args[0];
	request.source = args[1];
	request.target = args[2];
	request.fstype = args[3];
	request.options = n > 4 ? args[4] : or_empty(NULL);
	int r = ask_daemon(&mount_method, &request, STOP_MS, &result, err);
	if (r)
		return r;
	const Reeve__MountVmResponse *response = result.response;
	if (response->error)
		r = error_set(err, ERR_UNAVAILABLE, "%s on %s: %s", args[1], args[2],
			      strerror(response->error));
	grpc_result_fini(&result);
	return r;
}

const struct verb vm_verbs[] = {
	{ "vm", "start", "NAME", 1, 1, start,
	  "start a machine (--kernel …), or one that is remembered" },
	{ "vm", "list", "", 0, 0, list, "the machines, and how they are" },
	{ "vm", "stop", "NAME", 1, 1, stop, "shut one down; --force: at once" },
	{ "vm", "exec", "NAME -- PROGRAM [ARG]...", 2, -1, execute,
	  "run a program in it; exits as it does" },
	{ "vm", "mount", "NAME SOURCE TARGET FSTYPE [OPTIONS]", 4, 5, mount_in,
	  "mount a file system in it" },
	{ "vm", "console", "NAME", 1, 1, console, "the end of what it printed" },
	{ "vm", "remove", "NAME", 1, 1, forget, "forget one that does not run" },
	{ .noun = NULL },
};
