/* SPDX-License-Identifier: Apache-2.0
 *
 * StartupListener: machines tell that they are up (vm-tools.md §2.8), and how far an installation in them is.
 */
#include "base/log.h"
#include "vm/host/listener.h"
#include "vm/proto/vm_host.pb-c.h"

static void vm_ready(struct grpc_call *call)
{
	struct host *h = caller_host(call);
	if (!registry_vm_ready(h->registry, caller_cid(call))) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "no machine with this CID is starting");
		return;
	}
	log_info("a virtual machine is ready",
		 F_STR("vm", registry_vm_by_cid(h->registry, caller_cid(call))->name));
	reply_done(call);
}

static void install_status(struct grpc_call *call)
{
	static const char *const words[] = { NULL, "in progress", "failed", "succeeded" };
	const VmTools__VmInstallState *state = grpc_call_request(call);
	const struct vm *vm = registry_vm_by_cid(caller_host(call)->registry, caller_cid(call));
	if (!vm || (unsigned)state->state >= ARRAY_SIZE(words) || !words[state->state]) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "this is no machine of ours, or no state");
		return;
	}
	log_limited(LOG_LEVEL_INFO, "an installation", F_STR("vm", vm->name),
		    F_STR("state", words[state->state]), F_INT("step", state->in_progress_step),
		    F_INT("percent", state->in_progress_percent),
		    F_STR("reason", state->failed_reason));
	reply_done(call);
}

const struct grpc_method startup_methods[] = {
	{ "/vm_tools.StartupListener/VmReady", &vm_tools__empty_message__descriptor,
	  &vm_tools__empty_message__descriptor, 0, 0, vm_ready,
	  "A machine that was started is up." },
	{ "/vm_tools.StartupListener/VmInstallStatus", &vm_tools__vm_install_state__descriptor,
	  &vm_tools__empty_message__descriptor, 0, 0, install_status,
	  "How far an installation in it is." },
	{ .path = NULL },
};
