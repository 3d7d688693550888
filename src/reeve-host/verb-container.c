/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-host container: which there are, what they have, starting it, and tokens for more of them.
 */
#include "base/json.h"
#include "base/utf8.h"
#include "program.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 30000

static const struct grpc_method list_method =
	CONTROL_CALL("ListContainers", vm_tools__empty_message, reeve__container_list);
static const struct grpc_method add_method =
	CONTROL_CALL("AddContainer", reeve__container_name, reeve__container_token);
static const struct grpc_method remove_method =
	CONTROL_CALL("RemoveContainer", reeve__container_name, vm_tools__empty_message);
static const struct grpc_method apps_method =
	CONTROL_CALL("ListApplications", reeve__container_name, reeve__application_list);
static const struct grpc_method launch_method =
	CONTROL_CALL("LaunchApplication", reeve__launch_request, vm_tools__empty_message);

/* ---- output ---- */

static bool wants_json(void)
{
	return strcmp(arguments.output, "json") == 0;
}

static int print_json(json_t *j)
{
	CLEANUP(free_charp) char *text = json_text(j);
	json_decref(j);
	if (text)
		puts(text);
	return 0;
}

/* What a container made up must not take over the terminal. */
static void print_text(const char *text, int width)
{
	CLEANUP(buf_fini) struct buf out;
	struct span s = span_str(text);
	uint32_t c;
	int n = 0;
	buf_init(&out, 65536);
	for (; span_get_utf8_lossy(&s, &c); n++)
		utf8_add(&out, utf8_is_control(c) ? UTF8_REPLACEMENT : c);
	printf("%s%*s", buf_str(&out), width > n ? width - n : 0, "");
}

/* ---- verbs ---- */

static int list(char *const args[], int n, struct error *err)
{
	const VmTools__EmptyMessage request = VM_TOOLS__EMPTY_MESSAGE__INIT;
	struct grpc_result result;
	(void)args;
	(void)n;
	int r = ask_daemon(&list_method, &request, TIMEOUT_MS, &result, err);
	if (r)
		return r;
	const Reeve__ContainerList *all = result.response;
	json_t *array = json_array();
	if (!wants_json())
		printf("%-20s  %-20s  %-8s  %s\n", "VM", "CONTAINER", "STATE", "APPLICATIONS");
	for (size_t i = 0; i < all->n_containers; i++) {
		const Reeve__ContainerInfo *c = all->containers[i];
		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s, s:I, s:I, s:I}", "vm", c->vm,
						"container", c->container, "state", c->state,
						"applications", (json_int_t)c->applications,
						"pending", (json_int_t)c->pending, "free_bytes",
						(json_int_t)c->free_bytes));
		if (!wants_json())
			printf("%-20s  %-20s  %-8s  %u\n", c->vm, c->container, c->state,
			       c->applications);
	}
	grpc_result_fini(&result);
	if (wants_json())
		return print_json(array);
	json_decref(array);
	return 0;
}

static int apps(char *const args[], int n, struct error *err)
{
	Reeve__ContainerName request = REEVE__CONTAINER_NAME__INIT;
	struct grpc_result result;
	(void)n;
	request.vm = args[0];
	request.container = args[1];
	int r = ask_daemon(&apps_method, &request, TIMEOUT_MS, &result, err);
	if (r)
		return r;
	const Reeve__ApplicationList *all = result.response;
	json_t *array = json_array();
	if (!wants_json())
		printf("%-32s  %-32s  %s\n", "ID", "NAME", "PACKAGE");
	for (size_t i = 0; i < all->n_applications; i++) {
		const Reeve__ApplicationInfo *a = all->applications[i];
		json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:b}", "id", a->id, "name",
						       a->name, "package", a->package_id,
						       "no_display", (int)a->no_display));
		if (wants_json())
			continue;
		print_text(a->id, 32);
		printf("  ");
		print_text(a->name, 32);
		printf("  ");
		print_text(a->package_id, 0);
		putchar('\n');
	}
	grpc_result_fini(&result);
	if (wants_json())
		return print_json(array);
	json_decref(array);
	return 0;
}

static int add(char *const args[], int n, struct error *err)
{
	Reeve__ContainerName request = REEVE__CONTAINER_NAME__INIT;
	struct grpc_result result;
	(void)n;
	request.vm = args[0];
	request.container = args[1];
	int r = ask_daemon(&add_method, &request, TIMEOUT_MS, &result, err);
	if (r)
		return r;
	const Reeve__ContainerToken *response = result.response;
	if (wants_json())
		(void)print_json(json_pack("{s:s}", "token", response->token));
	else
		puts(response->token);
	grpc_result_fini(&result);
	return 0;
}

static int forget(char *const args[], int n, struct error *err)
{
	Reeve__ContainerName request = REEVE__CONTAINER_NAME__INIT;
	struct grpc_result result;
	(void)n;
	request.vm = args[0];
	request.container = args[1];
	int r = ask_daemon(&remove_method, &request, TIMEOUT_MS, &result, err);
	if (r == 0)
		grpc_result_fini(&result);
	return r;
}

/* The desktop gives paths as they are, or as "file://" URLs to programs that take those; ours takes paths. */
static int launch(char *const args[], int n, struct error *err)
{
	Reeve__LaunchRequest request = REEVE__LAUNCH_REQUEST__INIT;
	struct grpc_result result;
	request.vm = args[0];
	request.container = args[1];
	request.id = args[2];
	request.files = (char **)(uintptr_t)&args[3];
	request.n_files = (size_t)n - 3;
	int r = ask_daemon(&launch_method, &request, TIMEOUT_MS, &result, err);
	if (r == 0)
		grpc_result_fini(&result);
	return r;
}

const struct verb container_verbs[] = {
	{ "container", "list", "", 0, 0, list, "the containers of all machines" },
	{ "container", "apps", "VM CONTAINER", 2, 2, apps, "the applications of one" },
	{ "container", "launch", "VM CONTAINER ID [FILE]...", 3, -1, launch,
	  "start an application there" },
	{ "container", "add", "VM CONTAINER", 2, 2, add, "expect one more; prints its token" },
	{ "container", "remove", "VM CONTAINER", 2, 2, forget, "forget it and its token" },
	{ .noun = NULL },
};
