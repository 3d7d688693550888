/* SPDX-License-Identifier: Apache-2.0
 *
 * The daemon's side of its own commands: a socket in the state folder, for its user alone.
 */
#include "base/log.h"
#include "program.h"
#include "reeve-host/control-vm.h"
#include "vm/host/garcon.h"
#include "vm/host/listener.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAUNCH_TIMEOUT_MS 20000
#define FILES_MAX         1000

struct control {
	struct grpc_server *server;
};

static struct container *find(struct grpc_call *call, const char *vm_name, const char *name)
{
	const struct host *h = grpc_call_user(call);
	const struct vm *vm = registry_vm(h->registry, vm_name);
	struct container *c = vm ? registry_container(vm, name) : NULL;
	if (!c)
		grpc_reply_status(call, GRPC_NOT_FOUND,
				  vm ? "%s has no container %s" : "there is no virtual machine %s",
				  vm_name, name);
	return c;
}

/* ---- containers ---- */

static void add_info(const struct container *c, Reeve__ContainerInfo *info)
{
	reeve__container_info__init(info);
	info->vm = (char *)(uintptr_t)c->vm->name;
	info->container = (char *)(uintptr_t)c->name;
	info->state = (char *)(uintptr_t)container_state_name(c->state);
	info->applications = c->applications ? (uint32_t)c->applications->n_application : 0;
	info->pending = c->n_pending;
	info->free_bytes = c->free_bytes;
}

static size_t count_containers(const struct registry *r)
{
	size_t n = 0;
	for (const struct vm *vm = registry_vms(r); vm; vm = vm->next)
		for (const struct container *c = vm->containers; c; c = c->next)
			n++;
	return n;
}

static void list_containers(struct grpc_call *call)
{
	const struct host *h = grpc_call_user(call);
	Reeve__ContainerList response = REEVE__CONTAINER_LIST__INIT;
	size_t n = count_containers(h->registry);
	Reeve__ContainerInfo *infos = calloc(n + 1, sizeof *infos),
			     **list = calloc(n + 1, sizeof *list);
	if (!infos || !list)
		abort();
	for (const struct vm *vm = registry_vms(h->registry); vm; vm = vm->next)
		for (const struct container *c = vm->containers; c; c = c->next) {
			list[response.n_containers] = &infos[response.n_containers];
			add_info(c, list[response.n_containers++]);
		}
	response.containers = list;
	grpc_reply(call, &response);
	free(list);
	free(infos);
}

static void add_container(struct grpc_call *call)
{
	const Reeve__ContainerName *request = grpc_call_request(call);
	struct host *h = grpc_call_user(call);
	Reeve__ContainerToken response = REEVE__CONTAINER_TOKEN__INIT;
	struct vm *vm = registry_vm(h->registry, request->vm);
	struct container *c;
	struct error err;
	if (!vm) {
		grpc_reply_status(call, GRPC_NOT_FOUND, "there is no virtual machine %s",
				  request->vm);
		return;
	}
	int r = host_add_container(h, vm, request->container, &c, &err);
	if (r) {
		grpc_reply_error(call, r, &err);
		return;
	}
	response.token = c->token;
	grpc_reply(call, &response);
}

static void remove_container(struct grpc_call *call)
{
	const Reeve__ContainerName *request = grpc_call_request(call);
	struct host *h = grpc_call_user(call);
	struct container *c = find(call, request->vm, request->container);
	if (!c)
		return;
	host_forget_container(h, c);
	reply_done(call);
}

/* ---- applications ---- */

static char *standard_name(const VmTools__Container__Application *app)
{
	for (size_t i = 0; app->name && i < app->name->n_values; i++)
		if (app->name->values[i]->locale[0] == '\0')
			return app->name->values[i]->value;
	return app->desktop_file_id;
}

static void list_applications(struct grpc_call *call)
{
	const Reeve__ContainerName *request = grpc_call_request(call);
	Reeve__ApplicationList response = REEVE__APPLICATION_LIST__INIT;
	const struct container *c = find(call, request->vm, request->container);
	if (!c)
		return;
	size_t n = c->applications ? c->applications->n_application : 0;
	Reeve__ApplicationInfo *infos = calloc(n + 1, sizeof *infos),
			       **list = calloc(n + 1, sizeof *list);
	if (!infos || !list)
		abort();
	for (size_t i = 0; i < n; i++) {
		const VmTools__Container__Application *app = c->applications->application[i];
		reeve__application_info__init(&infos[i]);
		infos[i].id = app->desktop_file_id;
		infos[i].name = standard_name(app);
		infos[i].package_id = app->package_id;
		infos[i].no_display = app->no_display;
		list[i] = &infos[i];
	}
	response.n_applications = n;
	response.applications = list;
	grpc_reply(call, &response);
	free(list);
	free(infos);
}

static void on_launched(const struct grpc_result *result, void *user)
{
	struct grpc_call *call = user;
	const VmTools__Container__LaunchApplicationResponse *response = result->response;
	if (!response)
		grpc_reply_status(call, result->status.code, "%s", result->status.message);
	else if (!response->success)
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "the container did not start it: %s", response->failure_reason);
	else
		reply_done(call);
}

/* The files in the container's words; one that it cannot see: NULL, and *ret is its name. */
static char **translate_files(const struct translation *t, const Reeve__LaunchRequest *request,
			      const char **ret)
{
	char **files = calloc(request->n_files + 1, sizeof *files);
	if (!files)
		abort();
	for (size_t i = 0; i < request->n_files; i++) {
		CLEANUP(buf_fini) struct buf path;
		buf_init(&path, 8192);
		if (translate_back(t, request->files[i], &path)) {
			files[i] = buf_take(&path);
			continue;
		}
		*ret = request->files[i];
		hook_argv_free(files);
		return NULL;
	}
	return files;
}

static void launch(struct grpc_call *call)
{
	const Reeve__LaunchRequest *request = grpc_call_request(call);
	VmTools__Container__LaunchApplicationRequest launching =
		VM_TOOLS__CONTAINER__LAUNCH_APPLICATION_REQUEST__INIT;
	const struct host *h = grpc_call_user(call);
	struct container *c = find(call, request->vm, request->container);
	const char *unseen = NULL;
	if (!c)
		return;
	char **files = request->n_files <= FILES_MAX
			       ? translate_files(host_translation(h, c), request, &unseen)
			       : NULL;
	if (!files) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "%s: the container cannot see this file",
				  unseen ? unseen : "so many files");
		return;
	}
	launching.desktop_file_id = request->id;
	launching.files = files;
	launching.n_files = request->n_files;
	if (garcon_call(c, &garcon_launch, &launching, LAUNCH_TIMEOUT_MS, on_launched, call))
		grpc_defer(call, NULL, NULL);
	else
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "the container is %s",
				  container_state_name(c->state));
	hook_argv_free(files);
}

static const struct grpc_method container_methods[] = {
	CONTROL_METHOD("ListContainers", vm_tools__empty_message, reeve__container_list,
		       list_containers, "All of them."),
	CONTROL_METHOD("AddContainer", reeve__container_name, reeve__container_token, add_container,
		       "One more, and its token."),
	CONTROL_METHOD("RemoveContainer", reeve__container_name, vm_tools__empty_message,
		       remove_container, "Forgets it; its token counts no more."),
	CONTROL_METHOD("ListApplications", reeve__container_name, reeve__application_list,
		       list_applications, "What it has."),
	CONTROL_METHOD("LaunchApplication", reeve__launch_request, vm_tools__empty_message, launch,
		       "Starts one of them there."),
	{ .path = NULL },
};

int control_open(struct host *h, struct control **ret, struct error *err)
{
	static const struct grpc_method *const tables[] = { container_methods, control_vm_methods,
							    NULL };
	const struct grpc_server_options o = { .tables = tables, .user = h };
	char address[ENDPOINT_TEXT_SIZE];
	struct control *c = calloc(1, sizeof *c);
	if (!c)
		abort();
	*ret = c;
	c->server = grpc_server_new(h->loop, &o);
	if (snprintf(address, sizeof address, "unix:%s/control.sock", h->options.state) >=
	    (int)sizeof address)
		return error_set(err, ERR_INVALID,
				 "%s: the path of the state folder is too long for a socket in it",
				 h->options.state);
	return grpc_server_listen(c->server, address, 0600, NULL, err);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	grpc_server_free(c->server);
	free(c);
}
