/* SPDX-License-Identifier: Apache-2.0
 *
 * vm_tools.Maitred's Mount. A worker mounts; a disk on which the kernel finds nothing gets a file system first, when
 * the host asks for that, and is mounted again:
 *
 *     worker: mount ──EINVAL, empty──> loop: mkfs ──exit 0──> worker: mount ──> answer
 *         └───────────────────────────────────────────────────────^
 *
 * EINVAL may also be a wrong option; and not every mkfs asks before it overwrites. So only a disk of zeroes is one that needs it.
 */
#include "vm/guest/guest-service.h"
#include "vm/guest/mounting.h"
#include <errno.h>

#define MKFS_SIZE 32 /* of "mkfs.btrfs"; longer are no kinds of file systems on disks */

struct mounting { /* heap, freed with the answer */
	struct guest *guest;
	struct grpc_call *call;
	bool made; /* a file system, now */
	char mkfs[MKFS_SIZE];
	struct loop_task make;
};

static void answer(struct mounting *m, int e, int r, const struct error *err)
{
	VmTools__MountResponse response = VM_TOOLS__MOUNT_RESPONSE__INIT;
	response.error = e;
	if (r)
		grpc_reply_error(m->call, r, err);
	else
		grpc_reply(m->call, &response);
	free(m);
}

/* "mkfs.ext4"; false: not a plain word. */
static bool name_mkfs(char out[MKFS_SIZE], const char *fstype)
{
	size_t n = strspn(fstype, "abcdefghijklmnopqrstuvwxyz0123456789");
	int length = snprintf(out, MKFS_SIZE, "mkfs.%s", fstype);
	return n > 0 && fstype[n] == '\0' && length < MKFS_SIZE;
}

static void mount_now(void *user)
{
	struct mounting *m = user;
	const VmTools__MountRequest *request = grpc_call_request(m->call);
	const struct mount_request r = { .source = request->source,
					 .target = request->target,
					 .fstype = request->fstype,
					 .options = request->options,
					 .flags = request->mountflags,
					 .create_target = request->create_target,
					 .permissions = request->permissions };
	struct error err;
	int e, result = mount_as_asked(&r, &e, &err);
	if (result == 0 && e == EINVAL && request->mkfs_if_needed && !m->made &&
	    name_mkfs(m->mkfs, request->fstype) && disk_is_empty(request->source))
		loop_post(m->guest->loop, &m->make);
	else
		answer(m, e, result, &err);
}

static void give_to_worker(struct mounting *m)
{
	struct error err;
	if (!workers_do(m->guest->workers, mount_now, m))
		answer(m, 0, error_set(&err, ERR_RATE_LIMITED, "too many mounts at once"), &err);
}

static void on_made(const struct outcome *o, void *user)
{
	struct mounting *m = user;
	struct error err;
	if (o->status == PROCESS_EXITED && o->code == 0)
		give_to_worker(m);
	else if (o->status == PROCESS_FAILED)
		answer(m, EINVAL,
		       error_set(&err, ERR_INTERNAL, "%s: %s", m->mkfs, strerror(o->error)), &err);
	else
		answer(m, EINVAL, error_set(&err, ERR_INTERNAL, "%s failed: %d", m->mkfs, o->code),
		       &err);
}

static void make(void *user)
{
	struct mounting *m = user;
	const VmTools__MountRequest *request = grpc_call_request(m->call);
	const char *const argv[] = { m->mkfs, request->source, NULL }, *const env[] = { NULL };
	const struct launch what = { .argv = argv, .env = env, .wait = true };
	m->made = true;
	(void)table_launch(m->guest->table, &what, on_made, m);
}

void call_mount(struct grpc_call *call)
{
	struct mounting *m = calloc(1, sizeof *m);
	if (!m)
		abort();
	m->guest = grpc_call_user(call);
	m->call = call;
	m->make = (struct loop_task){ .fn = make, .user = m };
	grpc_defer(call, NULL, NULL);
	give_to_worker(m);
}
