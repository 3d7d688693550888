/* SPDX-License-Identifier: Apache-2.0
 *
 * ContainerListener: the machine's disk, from the file behind it (disk.h). The outcome is in the answer, not in the call's status:
 * 0 it is so, 1 it failed, 4 there is nothing here to ask about, so that the container looks at its own file system.
 */
#include "base/log.h"
#include "vm/host/disk.h"
#include "vm/host/listener.h"
#include <string.h>

enum { DISK_OK = 0, DISK_FAILED = 1, DISK_NOT_HERE = 4 };

/* The machine of the container with that token; NULL: *ret_error says why. */
static struct vm *disk_owner(struct grpc_call *call, const char *token, int64_t *ret_error)
{
	const struct host *h = caller_host(call);
	const struct container *c = registry_by_token(h->registry, caller_cid(call), token);
	*ret_error = DISK_FAILED;
	if (!c || c->state != CONTAINER_UP)
		return NULL;
	*ret_error = c->vm->disk ? DISK_OK : DISK_NOT_HERE;
	return c->vm->disk ? c->vm : NULL;
}

/* No peer without a CID, whatever it says. */
static bool refused(struct grpc_call *call)
{
	if (caller_cid(call) != 0)
		return false;
	grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "this is no peer with a CID");
	return true;
}

static int64_t outcome(const struct vm *vm, int r)
{
	if (r == 0)
		return DISK_OK;
	log_limited(LOG_LEVEL_WARN, "a machine's disk cannot be asked", F_STR("vm", vm->name),
		    F_STR("disk", vm->disk), F_STR("error", strerror(-r)));
	return DISK_FAILED;
}

static void get_disk_info(struct grpc_call *call)
{
	const VmTools__Container__GetDiskInfoRequest *request = grpc_call_request(call);
	VmTools__Container__GetDiskInfoResponse response =
		VM_TOOLS__CONTAINER__GET_DISK_INFO_RESPONSE__INIT;
	struct disk_info info = { 0 };
	if (refused(call))
		return;
	const struct vm *vm = disk_owner(call, request->token, &response.error);
	if (vm)
		response.error = outcome(vm, disk_info(vm->disk, &info));
	response.available_space = info.free;
	response.expandable_space = info.expandable;
	response.disk_size = info.size;
	grpc_reply(call, &response);
}

static void tell_machine(struct host *h, struct vm *vm, uint64_t n)
{
	struct disk_info info;
	if (n > 0 && h->disk_resized && disk_info(vm->disk, &info) == 0)
		h->disk_resized(h->disk_user, vm, info.size);
}

static void request_space(struct grpc_call *call)
{
	const VmTools__Container__RequestSpaceRequest *request = grpc_call_request(call);
	VmTools__Container__RequestSpaceResponse response =
		VM_TOOLS__CONTAINER__REQUEST_SPACE_RESPONSE__INIT;
	if (refused(call))
		return;
	struct vm *vm = disk_owner(call, request->token, &response.error);
	if (vm) {
		response.error = outcome(
			vm, disk_grow(vm->disk, request->space_requested, &response.space_granted));
		tell_machine(caller_host(call), vm, response.space_granted);
	}
	grpc_reply(call, &response);
}

static void release_space(struct grpc_call *call)
{
	const VmTools__Container__ReleaseSpaceRequest *request = grpc_call_request(call);
	VmTools__Container__ReleaseSpaceResponse response =
		VM_TOOLS__CONTAINER__RELEASE_SPACE_RESPONSE__INIT;
	if (refused(call))
		return;
	struct vm *vm = disk_owner(call, request->token, &response.error);
	if (vm) {
		response.error = outcome(vm, disk_shrink(vm->disk, request->space_to_release,
							 &response.space_released));
		tell_machine(caller_host(call), vm, response.space_released);
	}
	grpc_reply(call, &response);
}

const struct grpc_method listener_disk_methods[] = {
	CONTAINER_METHOD("GetDiskInfo", get_disk_info_request, container__get_disk_info_response,
			 get_disk_info, "How large the machine's disk is, and could be."),
	CONTAINER_METHOD("RequestSpace", request_space_request, container__request_space_response,
			 request_space, "Make it larger."),
	CONTAINER_METHOD("ReleaseSpace", release_space_request, container__release_space_response,
			 release_space, "Make it smaller, by what holds nothing."),
	{ .path = NULL },
};
