/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files with the calls of machines and containers share. Private to listener*.c.
 */
#pragma once

#include "vm/host/host.h"

#define CONTAINER_METHOD(name, request, response, fn, doc)                                         \
	{                                                                                          \
		"/vm_tools.container.ContainerListener/" name,                                     \
			&vm_tools__container__##request##__descriptor,                             \
			&vm_tools__##response##__descriptor, 0, 0, (fn), (doc)                     \
	}

extern const struct grpc_method listener_methods[];        /* listener.c */
extern const struct grpc_method listener_open_methods[];   /* listener-open.c */
extern const struct grpc_method listener_notice_methods[]; /* listener-notice.c */
extern const struct grpc_method listener_disk_methods[];   /* listener-disk.c */
extern const struct grpc_method startup_methods[];         /* listener-startup.c */

/* Of whoever calls; 0: nobody knows. */
uint32_t caller_cid(const struct grpc_call *call);
struct host *caller_host(const struct grpc_call *call);
/* The container that is up and has this token. Without one: NULL, and the call is answered FAILED_PRECONDITION. 'anybody': a peer
 * whose CID nobody knows may say it, too. */
struct container *caller_container(struct grpc_call *call, const char *token, bool anybody);
void reply_done(struct grpc_call *call);
void reply_refused(struct grpc_call *call, int r,
		   const struct error *err); /* FAILED_PRECONDITION with its sentence */
/* Ends what a container inhibited. */
void inhibitors_end(struct host *h, const struct container *c);
