/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a machine's life share.
 */
#pragma once

#include "vm/machine/machine.h"
#include "vm/machine/qemu.h"
#include "vm/machine/qmp.h"
#include "vm/proto/vm_guest.pb-c.h"

#define TOKEN_TEXT 65 /* 256 bits in hex, and a NUL */

struct waiter { /* who wants to know how it ends; heap */
	struct waiter *next;
	machine_done_fn *done;
	void *user;
};

struct machine { /* heap; in the list until it is removed */
	struct machines *all;
	struct machine *next;
	struct machine_spec spec;
	struct vm *vm;
	char *folder;
	char token[TOKEN_TEXT];
	struct port *port; /* that the guest calls; NULL over vsock, or it does not run */
	struct qmp *qmp;   /* NULL: it does not run, or the monitor is gone */
	struct grpc_client *guest;
	char guest_address[ENDPOINT_TEXT_SIZE];
	struct program *starter; /* qemu, until it is in the background */
	pid_t pid;               /* 0: it does not run */
	struct loop_io ended;    /* a pidfd, or -1 */
	struct timer limit;      /* of what it is doing now */
	struct waiter *starting, *stopping;
	enum accelerator accelerator;
	size_t step;       /* of setting up */
	bool told_ready;   /* VmReady came */
	bool setting_up;   /* the steps run */
	bool switched_off; /* the guest did it itself */
	bool again;        /* to be started when it has ended */
	int kills;         /* how it was told to end, so far */
};

struct machines {
	struct host *host;
	struct programs programs;
	struct machine *first;
};

const char *machine_path(struct arena *a, const struct machine *m, const char *name);
void machine_wait(struct waiter **list, machine_done_fn *done, void *user);
void machine_tell(struct waiter **list, int r, const struct error *err);
void machine_fail(struct machine *m, const char *fmt, ...) FORMAT_PRINTF(2, 3);

/* setup.c: what a machine needs once it is ready, step after step; then machine_ready() or machine_fail(). */
void setup_begin(struct machine *m);
void machine_ready(struct machine *m);
/* adopt.c: whether the process of that file is this machine's qemu; 0: no. */
pid_t adopt_pid(const struct machine *m);
/* Watches the process, opens its monitor. 0, or a sentence. */
int machine_attach(struct machine *m, pid_t pid, struct error *err);
