/* SPDX-License-Identifier: Apache-2.0
 *
 * machine: the life of virtual machines that this host starts itself, with qemu. All of it on the host's loop.
 *
 *     start → qemu runs → VmReady → set up (network, time, disks) → READY ──stop──> STOPPING → STOPPED
 *               └──────────── failed: the caller is told why, nothing is left ────┘   └ its end by itself: STOPPED when the guest
 *                                                                                       switched itself off, else CRASHED
 *
 * A machine is a folder, DIR/vms/NAME: spec.json and console stay until it is removed; token, monitor, pid, ready (it is set up)
 * and those of shared folders are there while it runs. qemu outlives us: at the beginning machines that run are taken over again,
 * by pid and monitor, and nothing that goes wrong then ends one.
 */
#pragma once

#include "vm/host/host.h"
#include "vm/machine/spec.h"

struct machines; /* heap, one owner; needs the host until machines_close() */

#define MACHINE_READY_MS    180000 /* under emulation, on a busy host */
#define MACHINE_SHUTDOWN_MS 40000  /* the guest's own limits are 10 and 5 s, then unmounting */

/* What became of it: once, on the loop, not before the call that starts it has returned. r as of a verb. */
typedef void machine_done_fn(void *user, int r, const struct error *err);

int machines_open(struct host *h, struct machines **ret, struct error *err) WARN_UNUSED;
void machines_close(struct machines *all); /* machines run on */

/* Takes the specification. One that is stopped or crashed is started anew. */
void machine_start(struct machines *all, struct machine_spec *steals, machine_done_fn *done,
		   void *user);
/* The same again, as it is remembered. */
void machine_start_again(struct machines *all, const char *name, machine_done_fn *done, void *user);
/* In good order; 'force': at once. */
void machine_stop(struct machines *all, const char *name, bool force, machine_done_fn *done,
		  void *user);
/* Stops it, and starts it with the same. */
void machine_reboot(struct machines *all, const char *name, machine_done_fn *done, void *user);
/* Forgets one that does not run. */
int machine_remove(struct machines *all, const char *name, struct error *err) WARN_UNUSED;

/* Whether it is one of these, and not only known to the registry. */
bool machine_is_known(const struct machines *all, const char *name);

/* Any call to its agent, as grpc_client_call(). ERR_NOT_FOUND, ERR_CONFLICT when it is not ready. */
int machine_call(struct machines *all, const char *name, const struct grpc_method *m,
		 const void *request, int64_t timeout_ms,
		 void (*done)(const struct grpc_result *result, void *user), void *user,
		 struct error *err) WARN_UNUSED;

struct machine_info {
	const char *name, *why, *accelerator;
	enum vm_state state;
	int64_t since_ms, memory_mib;
	int pid;      /* 0: it does not run */
	uint32_t cid; /* of a machine without vsock: our own number */
	bool vsock;
};
/* In no order. */
void machine_each(const struct machines *all,
		  void (*fn)(void *user, const struct machine_info *info), void *user);
/* The end of what it printed, at most 'max' bytes. */
int machine_console(const struct machines *all, const char *name, size_t max, struct buf *out,
		    struct error *err) WARN_UNUSED;

extern const struct grpc_method machine_launch, machine_mount; /* of its agent */
