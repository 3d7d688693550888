/* SPDX-License-Identifier: Apache-2.0
 *
 * garcon: a container's own service, called by the host.
 */
#pragma once

#include "vm/host/host.h"
#include "vm/proto/container_guest.pb-c.h"

#define GARCON_REACH_MS 5000

struct garcon; /* heap; struct container points to it */

/* Connects to the port that the container told, in the place of what there was. done() runs once, later: true when it answers.
 * ERR_INVALID when there is no such address. */
int garcon_open(struct host *h, struct container *c, uint32_t port,
		void (*done)(bool reached, void *user), void *user, struct error *err) WARN_UNUSED;
/* done() runs before it returns, if it has not; so do those of calls. */
void garcon_close(struct container *c);

/* Any call; done() as of grpc_client_call(). false: it is not connected. */
bool garcon_call(struct container *c, const struct grpc_method *m, const void *request,
		 int64_t timeout_ms, void (*done)(const struct grpc_result *result, void *user),
		 void *user) WARN_UNUSED;

extern const struct grpc_method garcon_launch, garcon_icon;
