/* SPDX-License-Identifier: Apache-2.0
 *
 * qemu: the command line of a machine. Pure, but for looking what this host can do.
 */
#pragma once

#include "base/arena.h"
#include "vm/machine/spec.h"

enum accelerator { ACCELERATOR_TCG, ACCELERATOR_KVM };

struct qemu_paths { /* of this machine */
	const char *token, *qmp, *console, *pid;
	const char *share; /* with its number behind it: where virtiofsd listens */
};

#define QEMU_PROGRAM  "qemu-system-x86_64"
#define GUEST_ADDRESS "10.0.2.15" /* of qemu's user network */
#define GUEST_GATEWAY "10.0.2.2"  /* that is the host's loopback, too */
#define GUEST_DNS     "10.0.2.3"
#define GUEST_PORT    8888

/* NULL-ended, in the arena. qemu goes to the background when the machine runs, and leaves its pid in a file. */
char **qemu_argv(struct arena *a, const struct machine_spec *s, enum accelerator accelerator,
		 const struct qemu_paths *paths);
/* Which one a qemu runs with, by its command line as /proc/PID/cmdline has it. */
enum accelerator qemu_accelerator(struct span cmdline);
/* A value of an option of qemu's that has commas itself: they are doubled. In the arena. */
const char *qemu_value(struct arena *a, const char *text);
/* The port of ours that leads to the guest's, out of what qemu's "info usernet" prints; 0: it is not there. */
unsigned qemu_forwarded_port(const char *text);
