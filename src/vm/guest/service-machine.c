/* SPDX-License-Identifier: Apache-2.0
 *
 * vm_tools.Maitred, the calls that came later (see vm_guest.proto for when): settings of the machine.
 */
#include "vm/guest/guest-service.h"
#include "vm/guest/machine.h"
#include "vm/guest/user.h"
#include <errno.h>
#include <sys/utsname.h>
#include <unistd.h>

static void get_kernel_version(struct grpc_call *call)
{
	VmTools__GetKernelVersionResponse response = VM_TOOLS__GET_KERNEL_VERSION_RESPONSE__INIT;
	struct utsname u;
	if (uname(&u) < 0) {
		grpc_reply_error(call, -errno, NULL);
		return;
	}
	response.kernel_release = u.release;
	response.kernel_version = u.version;
	grpc_reply(call, &response);
}

static void sync_now(void *user)
{
	sync();
	reply_empty(user);
}

static void prepare_to_suspend(struct grpc_call *call)
{
	(void)defer_to_worker(call, sync_now);
}

static void set_time(struct grpc_call *call)
{
	const VmTools__SetTimeRequest *request = grpc_call_request(call);
	const VmTools__GuestTimestamp *at = request->time;
	if (!at || at->seconds == 0 || at->nanos < 0 || at->nanos >= 1000000000) {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "the time is missing or none");
		return;
	}
	const struct timespec t = { .tv_sec = at->seconds, .tv_nsec = at->nanos };
	reply_result(call, clock_settime(CLOCK_REALTIME, &t) < 0 ? -errno : 0, NULL);
}

static void set_resolv_config(struct grpc_call *call)
{
	const VmTools__SetResolvConfigRequest *request = grpc_call_request(call);
	const VmTools__ResolvConfig *given = request->resolv_config;
	struct resolv_config c = { 0 };
	struct error err;
	if (given)
		c = (struct resolv_config){ given->nameservers, given->n_nameservers,
					    given->search_domains, given->n_search_domains };
	reply_result(call, machine_set_resolv(&c, &err), &err);
}

static void set_timezone_now(void *user)
{
	struct grpc_call *call = user;
	const VmTools__SetTimezoneRequest *request = grpc_call_request(call);
	struct error err;
	int r = machine_set_timezone(request->timezone_name, request->use_bind_mount, &err);
	reply_result(call, r, &err);
}

static void set_timezone(struct grpc_call *call)
{
	(void)defer_to_worker(call, set_timezone_now);
}

static void configure_container_guest(struct grpc_call *call)
{
	const VmTools__ConfigureContainerGuestRequest *request = grpc_call_request(call);
	struct error err;
	reply_result(call, machine_set_container_token(request->container_token, &err), &err);
}

static void available_space_now(void *user)
{
	struct grpc_call *call = user;
	VmTools__GetAvailableSpaceResponse response = VM_TOOLS__GET_AVAILABLE_SPACE_RESPONSE__INIT;
	struct error err;
	int r = machine_available_space(&response.available_space, &err);
	if (r)
		grpc_reply_error(call, r, &err);
	else
		grpc_reply(call, &response);
}

static void get_available_space(struct grpc_call *call)
{
	(void)defer_to_worker(call, available_space_now);
}

static void on_host_network_changed(struct grpc_call *call)
{
	const struct guest *g = grpc_call_user(call);
	struct error err;
	reply_result(call, machine_network_changed(g->options.interface, &err), &err);
}

static void mount_9p_now(void *user)
{
	struct grpc_call *call = user;
	const VmTools__Mount9PRequest *request = grpc_call_request(call);
	VmTools__MountResponse response = VM_TOOLS__MOUNT_RESPONSE__INIT;
	struct error err;
	int r = machine_mount_9p(request->port, request->target, &err);
	if (r)
		grpc_reply_error(call, r, &err);
	else
		grpc_reply(call, &response);
}

static void mount_9p(struct grpc_call *call)
{
	(void)defer_to_worker(call, mount_9p_now);
}

/* A conflict is an answer, as maitred has it. */
static void set_up_user_now(void *user)
{
	struct grpc_call *call = user;
	const VmTools__SetUpUserRequest *request = grpc_call_request(call);
	const struct user_request wanted = {
		.name = request->username,
		.has_uid = request->wanted_case == VM_TOOLS__SET_UP_USER_REQUEST__WANTED_UID,
		.uid = request->uid,
		.groups = request->group_names,
		.n_groups = request->n_group_names,
	};
	VmTools__SetUpUserResponse response = VM_TOOLS__SET_UP_USER_RESPONSE__INIT;
	struct user made;
	struct error err;
	int r = user_set_up(&wanted, &made, &err);
	if (r && (r < 0 || err.code != ERR_CONFLICT)) {
		grpc_reply_error(call, r, &err);
		return;
	}
	response.success = r == 0;
	if (r)
		response.failure_reason = err.message;
	response.username = request->username;
	grpc_reply(call, &response);
}

static void set_up_user(struct grpc_call *call)
{
	(void)defer_to_worker(call, set_up_user_now);
}

const struct grpc_method guest_machine_methods[] = {
	GUEST_METHOD("Mount9P", mount9_prequest, mount_response, mount_9p,
		     "mounts a folder of the host"),
	GUEST_METHOD("SetResolvConfig", set_resolv_config_request, empty_message, set_resolv_config,
		     "writes /run/resolv.conf"),
	GUEST_METHOD("SetTime", set_time_request, empty_message, set_time, "sets the clock"),
	GUEST_METHOD("GetKernelVersion", empty_message, get_kernel_version_response,
		     get_kernel_version, "what uname says"),
	GUEST_METHOD("ResetIPv6", empty_message, empty_message, on_host_network_changed,
		     "the old name of the next one"),
	GUEST_METHOD("OnHostNetworkChanged", empty_message, empty_message, on_host_network_changed,
		     "asks for IPv6 addresses anew, tells dnsmasq"),
	GUEST_METHOD("PrepareToSuspend", empty_message, empty_message, prepare_to_suspend,
		     "writes everything to the disks"),
	GUEST_METHOD("ConfigureContainerGuest", configure_container_guest_request, empty_message,
		     configure_container_guest, "keeps the container's token"),
	GUEST_METHOD("GetAvailableSpace", empty_message, get_available_space_response,
		     get_available_space, "of the stateful disk"),
	GUEST_METHOD("SetTimezone", set_timezone_request, empty_message, set_timezone,
		     "which /etc/localtime is meant"),
	GUEST_METHOD("SetUpUser", set_up_user_request, set_up_user_response, set_up_user,
		     "a user, made or found, in groups that exist"),
	{ .path = NULL },
};
