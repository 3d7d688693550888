/* SPDX-License-Identifier: Apache-2.0
 *
 * guest: the agent as a whole. One loop has the server (service.c: the calls), the table of processes, the
 * signals and, towards the host, one client. guest_run() returns when the machine is to go down, or
 * the agent is told to end.
 */
#pragma once

#include "base/err.h"
#include "base/options.h"
#include "net/grpc/client.h"
#include "net/grpc/server.h"
#include "vm/guest/shutdown.h"
#include "vm/guest/startup.h"
#include "vm/guest/table.h"
#include "vm/guest/workers.h"
#include <pthread.h>

#define GUEST_SHUTDOWNS_MAX 16 /* callers of Shutdown that wait at once */

struct guest_options {
	struct option_list listen;    /* addresses; none: vsock:8888 */
	struct option_list allow_cid; /* who may call over vsock; none: the host only */
	const char *ready;            /* where the host is told, or NULL */
	const char *interface;        /* of ConfigureNetwork */
	const char *startup;          /* folder of the programs to begin with, or NULL */
	const char *address; /* the interface's from the start: ADDRESS/BITS,GATEWAY, or NULL */
	const char
		*token_file; /* what peers over TCP have to show, and the host is shown; or NULL */
	bool init;           /* we are PID 1 and do its duties */
};

struct resizing { /* of the stateful disk's file system; service-resize.c */
	pthread_mutex_t lock;
	bool running;
	uint64_t target; /* bytes; 0: nobody asked for any */
};

struct guest { /* one owner: main, or a test */
	struct guest_options options;
	struct loop *loop;
	struct grpc_server *server;
	struct table *table;
	struct workers *workers;
	struct grpc_client *host; /* NULL: nobody to tell */
	struct startup startup;
	struct shutdown shutdown;
	struct grpc_call *shutdowns[GUEST_SHUTDOWNS_MAX]; /* answered when it is done */
	size_t n_shutdowns;
	struct resizing resizing;
	struct loop_io signals;     /* a signalfd */
	char token[GRPC_TOKEN_MAX]; /* "": none */
	bool stopping;
	int reboot; /* what to do at the end as PID 1: RB_POWER_OFF, RB_AUTOBOOT */
};

/* 0; positive with a sentence, negative. Prints nothing. */
int guest_open(struct guest *g, const struct guest_options *o, struct error *err) WARN_UNUSED;
int guest_run(struct guest *g) WARN_UNUSED;
void guest_close(struct guest *g);

extern const struct grpc_method *const guest_tables[];   /* of the three: all calls */
extern const struct grpc_method guest_methods[];         /* service.c */
extern const struct grpc_method guest_machine_methods[]; /* service-machine.c */
extern const struct grpc_method guest_resize_methods[];  /* service-resize.c */
