/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads a guest agent with calls, for bench/maitred.py: mount(2) onto a target that is not there, or GetKernelVersion.
 *
 *   bench-guest-calls ADDRESS mount|version CALLS AT_ONCE
 *
 * A line "COUNT CODE ERRNO" for each different outcome, and "milliseconds N" in all.
 */
#include "base/clock.h"
#include "net/grpc/client.h"
#include "vm/proto/vm_guest.pb-c.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTCOMES_MAX 8
#define TIMEOUT_MS   60000

static const struct grpc_method methods[] = {
	{ .path = "/vm_tools.Maitred/Mount",
	  .request = &vm_tools__mount_request__descriptor,
	  .response = &vm_tools__mount_response__descriptor },
	{ .path = "/vm_tools.Maitred/GetKernelVersion",
	  .request = &vm_tools__empty_message__descriptor,
	  .response = &vm_tools__get_kernel_version_response__descriptor },
};

static struct load {
	struct loop *loop;
	struct grpc_client *client;
	bool mount;
	int64_t n_calls, n_begun, n_ended;
	struct {
		int code, error;
		int64_t n;
	} outcomes[OUTCOMES_MAX];
} load;

static void count(int code, int error)
{
	for (size_t i = 0; i < OUTCOMES_MAX; i++) {
		if (load.outcomes[i].n > 0 &&
		    (load.outcomes[i].code != code || load.outcomes[i].error != error))
			continue;
		load.outcomes[i].code = code;
		load.outcomes[i].error = error;
		load.outcomes[i].n++;
		return;
	}
}

static void begin(void);

static void done(const struct grpc_result *result, void *user)
{
	const VmTools__MountResponse *mounted = load.mount ? result->response : NULL;
	(void)user;
	count((int)result->status.code, mounted ? mounted->error : 0);
	load.n_ended++;
	if (load.n_begun < load.n_calls)
		begin();
	else if (load.n_ended == load.n_calls)
		loop_quit(load.loop);
}

static void begin(void)
{
	static char source[] = "/dev/vdb", fstype[] = "ext4",
		    target[] = "/mnt/container_rootfs/that/is/not/there";
	VmTools__MountRequest mount = VM_TOOLS__MOUNT_REQUEST__INIT;
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	mount.source = source;
	mount.target = target;
	mount.fstype = fstype;
	load.n_begun++;
	(void)grpc_client_call(load.client, &methods[load.mount ? 0 : 1],
			       load.mount ? (const void *)&mount : (const void *)&empty, TIMEOUT_MS,
			       done, NULL);
}

int main(int argc, char *argv[])
{
	struct error err;
	if (argc != 5 || loop_new(&load.loop) < 0)
		return 2;
	const struct grpc_client_options o = { .address = argv[1] };
	if (grpc_client_new(load.loop, &o, &load.client, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	load.mount = strcmp(argv[2], "mount") == 0;
	load.n_calls = strtoll(argv[3], NULL, 10);
	int64_t at_once = strtoll(argv[4], NULL, 10), began_ms = clock_mono_ms();
	for (int64_t i = 0; i < at_once && i < load.n_calls; i++)
		begin();
	int r = load.n_calls > 0 ? loop_run(load.loop) : 0;
	int64_t took_ms = clock_mono_ms() - began_ms;
	grpc_client_free(load.client);
	loop_free(load.loop);
	for (size_t i = 0; i < OUTCOMES_MAX && load.outcomes[i].n > 0; i++)
		printf("%" PRId64 " %d %d\n", load.outcomes[i].n, load.outcomes[i].code,
		       load.outcomes[i].error);
	printf("milliseconds %" PRId64 "\n", took_ms);
	return r < 0;
}
