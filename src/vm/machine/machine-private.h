/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of a machine's life share.
 */
#pragma once

#include "vm/machine/machine.h"
#include "vm/machine/qemu.h"
#include "vm/machine/qmp.h"
#include "vm/machine/share.h"
#include "vm/proto/vm_guest.pb-c.h"

#define TOKEN_TEXT 65    /* 256 bits in hex, and a NUL */
#define KVM_TRY_MS 20000 /* with KVM a machine is ready in less, or KVM is of no use here */
#define KILL_MS    5000  /* between one way to end it and the next, harder one */
#define WHY_SIZE   sizeof(((struct vm *)0)->why)
#define WORDS_SIZE (WHY_SIZE - 60) /* of somebody else in a sentence of ours */

struct waiter { /* who wants to know how it ends; heap */
	struct waiter *next;
	machine_done_fn *done;
	void *user;
};

struct running_share { /* a virtiofsd */
	struct machine *machine;
	pid_t pid;
	struct loop_io ended; /* a pidfd, or -1: it does not run */
	struct timer later;   /* it ended: was it with its machine? */
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
	struct timer trimming;   /* console.c's, while it runs */
	struct running_share shares[MACHINE_SHARES_MAX];
	struct waiter *starting, *stopping;
	enum accelerator accelerator;
	int64_t began_ms;  /* to start, with this accelerator */
	size_t step;       /* of setting up */
	bool told_ready;   /* VmReady came */
	bool setting_up;   /* the steps run */
	bool is_set_up;    /* they were all done, since it started */
	bool adopted;      /* it ran before we did; nothing but its user or itself ends it */
	bool switched_off; /* the guest did it itself */
	bool kvm_failed;   /* it is being started without */
	bool relaunch;     /* when the process with KVM has ended */
	bool again;        /* to be started when it has ended */
	int kills;         /* how it was told to end, so far */
};

struct process { /* a qemu that was found */
	pid_t pid;
	int fd; /* a pidfd, owned */
	enum accelerator accelerator;
};

struct machines {
	struct host *host;
	struct programs programs;
	struct machine *first;
};

/* machine.c */
const char *machine_path(struct arena *a, const struct machine *m, const char *name);
void machine_wait(struct waiter **list, machine_done_fn *done, void *user);
void machine_tell(struct waiter **list, int r, const struct error *err);

/* launch.c: qemu, anew, with the best accelerator that works here; the end is machine_ready() or machine_fail(). */
void launch_begin(struct machine *m);
/* Whether it may be KVM's fault, and the machine starts once more without. */
bool launch_without_kvm(struct machine *m);
void launch_relaunch(struct machine *m);       /* that, when the first one has ended */
void launch_note_kvm(const struct machine *m); /* it is ready: was it KVM's? */
/* The port that the guest calls. */
int machine_open_port(struct machine *m, struct error *err);

/* watch.c: a machine that runs. */
struct loop *machine_loop(const struct machine *m);
void machine_limit(struct machine *m, int64_t ms); /* what it is doing now may last so long */
/* Watches that process; its descriptor is the machine's then. 0 or -errno. */
int machine_watch(struct machine *m, const struct process *steals);
/* qemu's monitor, and by it the way to the agent. 0, or a sentence. */
int machine_open_monitor(struct machine *m, struct error *err);
/* We know nothing of the process any more. */
void machine_release(struct machine *m);
/* … and what belongs to it goes: it has ended, or never was. */
void machine_detach(struct machine *m);
void machine_kill(const struct machine *m);
/* The files that stand for the running machine go; spec.json and the console's text stay. */
void machine_clean(const struct machine *m);
void machine_told_ready(struct machine *m);                                     /* VmReady came */
void machine_ready(struct machine *m);                                          /* it is set up */
void machine_fail(struct machine *m, const char *fmt, ...) FORMAT_PRINTF(2, 3); /* and ends it */
/* The same, but a machine that was taken over runs on. */
void machine_give_up(struct machine *m, const char *fmt, ...) FORMAT_PRINTF(2, 3);
void machine_stopped(struct machine *m);
void machine_begin_stop(struct machine *m, bool force);
void machine_end_harder(struct machine *m);

/* setup.c: what a machine needs once it is ready, step after step; one that was set up before is only asked whether it is
 * there. Then machine_ready() or machine_give_up(). */
void setup_begin(struct machine *m);

/* adopt.c */
int adopt(struct machine
		  *m); /* one that is known: takes its process over, if there is one. 0 or -errno */
/* Its limit has passed: tries what does not work yet. */
void adopt_go_on(struct machine *m);
void adopt_answered(struct machine *m); /* the machine is there */
void adopt_trouble(struct machine *m, const char *why);
/* The process whose number is in that file, if a word of its command line has 'mark': a pidfd, or -1. Its words, unless NULL. */
int adopt_find(const struct machine *m, const char *file, const char *mark, pid_t *ret,
	       struct buf *words_or_null);
/* Whether the process of the machine's file is its qemu. */
bool adopt_process(const struct machine *m, struct process *ret);

/* console.c */
void console_begin(struct machine *m); /* it runs: the file is kept short */
void console_end(struct machine *m);
void console_read(const struct machine *m, size_t max, struct buf *out); /* its end */
void console_last_words(const struct machine *m, char out[WORDS_SIZE]);
