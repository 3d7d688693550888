/* SPDX-License-Identifier: Apache-2.0
 *
 * vm_tools.container.Garcon, one row a call, see service.h. As garcon has it a request that says nothing is INVALID_ARGUMENT;
 * whatever else does not work is an answer with a reason.
 */
#include "vm/container/service.h"
#include "base/file.h"
#include "vm/container/keyfile.h"
#include <string.h>
#include <sys/utsname.h>

#define OS_RELEASE_MAX (64 * 1024)

const char *reason_of(int r, const struct error *err)
{
	return r > 0 ? err->message : strerror(-r);
}

static char *text(const char *s)
{
	return (char *)(uintptr_t)s; /* protobuf-c only reads what it encodes */
}

/* ---- watches ---- */

static void add_file_watch(struct grpc_call *call)
{
	struct container *c = grpc_call_user(call);
	const VmTools__Container__AddFileWatchRequest *request = grpc_call_request(call);
	VmTools__Container__AddFileWatchResponse response =
		VM_TOOLS__CONTAINER__ADD_FILE_WATCH_RESPONSE__INIT;
	struct error err;
	if (request->path[0] == '\0')
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "path is missing");
	int r = file_watches_add(&c->file_watches, request->path, &err);
	response.status = r ? VM_TOOLS__CONTAINER__ADD_FILE_WATCH_RESPONSE__STATUS__FAILED
			    : VM_TOOLS__CONTAINER__ADD_FILE_WATCH_RESPONSE__STATUS__SUCCEEDED;
	response.failure_reason = text(r ? reason_of(r, &err) : "");
	grpc_reply(call, &response);
}

static void remove_file_watch(struct grpc_call *call)
{
	struct container *c = grpc_call_user(call);
	const VmTools__Container__RemoveFileWatchRequest *request = grpc_call_request(call);
	VmTools__Container__RemoveFileWatchResponse response =
		VM_TOOLS__CONTAINER__REMOVE_FILE_WATCH_RESPONSE__INIT;
	struct error err;
	if (request->path[0] == '\0')
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "path is missing");
	int r = file_watches_remove(&c->file_watches, request->path, &err);
	response.status = r ? VM_TOOLS__CONTAINER__REMOVE_FILE_WATCH_RESPONSE__STATUS__FAILED
			    : VM_TOOLS__CONTAINER__REMOVE_FILE_WATCH_RESPONSE__STATUS__SUCCEEDED;
	response.failure_reason = text(r ? reason_of(r, &err) : "");
	grpc_reply(call, &response);
}

/* ---- about us ---- */

static void add_os_release(struct buf *out)
{
	CLEANUP(buf_fini) struct buf file;
	struct keyfile lines;
	struct keyfile_line line;
	buf_init(&file, OS_RELEASE_MAX);
	if (file_read("/etc/os-release", &file))
		return;
	keyfile_init(&lines, buf_span(&file));
	while (keyfile_next(&lines, &line)) {
		struct span value = line.value;
		if (!span_eq_str(line.key, "PRETTY_NAME"))
			continue;
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = (struct span){ value.p + 1, value.n - 2 };
		buf_add_str(out, "system: ");
		buf_add(out, value.p, value.n);
		buf_add_char(out, '\n');
	}
}

static void get_debug_information(struct grpc_call *call)
{
	const struct container *c = grpc_call_user(call);
	VmTools__Container__GetDebugInformationResponse response =
		VM_TOOLS__CONTAINER__GET_DEBUG_INFORMATION_RESPONSE__INIT;
	CLEANUP(buf_fini) struct buf out;
	struct utsname u;
	buf_init(&out, 16384);
	buf_addf(&out, "agent: reeve-container %s\n", REEVE_VERSION);
	add_os_release(&out);
	if (uname(&u) == 0)
		buf_addf(&out, "kernel: %s %s %s\n", u.sysname, u.release, u.machine);
	buf_addf(&out, "user: %s\nhome: %s\n", c->dirs.user, c->dirs.home);
	for (const char *const *d = c->dirs.data; *d; d++)
		buf_addf(&out, "data: %s\n", *d);
	buf_addf(&out, "watched paths: %zu\n", c->watcher.n_rows);
	response.debug_information = text(buf_str(&out));
	grpc_reply(call, &response);
}

static void get_session_info(struct grpc_call *call)
{
	const struct container *c = grpc_call_user(call);
	VmTools__Container__GetGarconSessionInfoResponse response =
		VM_TOOLS__CONTAINER__GET_GARCON_SESSION_INFO_RESPONSE__INIT;
	response.status = VM_TOOLS__CONTAINER__GET_GARCON_SESSION_INFO_RESPONSE__STATUS__SUCCEEDED;
	response.container_username = text(c->dirs.user);
	response.container_homedir = text(c->dirs.home);
	grpc_reply(call, &response);
}

/* ---- what a container that is no Chromebook's has not got ---- */

static void launch_vshd(struct grpc_call *call)
{
	const VmTools__Container__LaunchVshdRequest *request = grpc_call_request(call);
	VmTools__Container__LaunchVshdResponse response =
		VM_TOOLS__CONTAINER__LAUNCH_VSHD_RESPONSE__INIT;
	if (request->port == 0)
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "port is missing");
	response.failure_reason = text("there is no vshd in this container");
	grpc_reply(call, &response);
}

static void connect_chunnel(struct grpc_call *call)
{
	const VmTools__Container__ConnectChunnelRequest *request = grpc_call_request(call);
	VmTools__Container__ConnectChunnelResponse response =
		VM_TOOLS__CONTAINER__CONNECT_CHUNNEL_RESPONSE__INIT;
	if (request->chunneld_port == 0 || request->target_tcp4_port == 0)
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "a port is missing");
	response.failure_reason = text("there is no chunnel in this container");
	grpc_reply(call, &response);
}

static void configure_for_arc_sideload(struct grpc_call *call)
{
	VmTools__Container__ConfigureForArcSideloadResponse response =
		VM_TOOLS__CONTAINER__CONFIGURE_FOR_ARC_SIDELOAD_RESPONSE__INIT;
	response.status = VM_TOOLS__CONTAINER__CONFIGURE_FOR_ARC_SIDELOAD_RESPONSE__STATUS__FAILED;
	response.failure_reason = text("there is no Android beside this container");
	grpc_reply(call, &response);
}

/* ---- the table ---- */

#define GARCON_ROW(name, request_type, fn, doc_)                                                   \
	{                                                                                          \
		.path = "/vm_tools.container.Garcon/" name,                                        \
		.request = &vm_tools__container__##request_type##_request__descriptor,             \
		.response = &vm_tools__container__##request_type##_response__descriptor,           \
		.handler = (fn), .doc = (doc_)                                                     \
	}

const struct grpc_method garcon_methods[] = {
	GARCON_ROW("LaunchApplication", launch_application, call_launch_application,
		   "starts an application, with files"),
	GARCON_ROW("GetIcon", icon, call_get_icon, "icons of applications, PNG or SVG"),
	GARCON_ROW("LaunchVshd", launch_vshd, launch_vshd, "refused: there is none"),
	GARCON_ROW("GetLinuxPackageInfo", linux_package_info, call_package_info,
		   "about a .deb file or a package"),
	GARCON_ROW("InstallLinuxPackage", install_linux_package, call_install_package,
		   "installs a .deb file or a package"),
	GARCON_ROW("UninstallPackageOwningFile", uninstall_package_owning_file,
		   call_uninstall_package, "removes an application's package"),
	GARCON_ROW("GetDebugInformation", get_debug_information, get_debug_information,
		   "a text for people"),
	GARCON_ROW("ConnectChunnel", connect_chunnel, connect_chunnel, "refused: there is none"),
	GARCON_ROW("ApplyAnsiblePlaybook", apply_ansible_playbook, call_apply_playbook,
		   "runs a playbook on this container"),
	GARCON_ROW("AddFileWatch", add_file_watch, add_file_watch, "a path below the home"),
	GARCON_ROW("RemoveFileWatch", remove_file_watch, remove_file_watch, "no more of it"),
	GARCON_ROW("GetGarconSessionInfo", get_garcon_session_info, get_session_info,
		   "whose container it is"),
	{ .path = "/vm_tools.container.Garcon/ConfigureForArcSideload",
	  .request = &vm_tools__empty_message__descriptor,
	  .response = &vm_tools__container__configure_for_arc_sideload_response__descriptor,
	  .handler = configure_for_arc_sideload,
	  .doc = "refused: there is no Android" },
	{ .path = NULL },
};
