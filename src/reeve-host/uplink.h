/* SPDX-License-Identifier: Apache-2.0
 *
 * uplink: this host, its machines and their containers as devices of a Reeve server (vm/fleet/fleet.h). It watches the registry;
 * what it says of a machine is its state, applications and disk use. Machines are called by their names, containers by
 * "MACHINE/CONTAINER".
 */
#pragma once

#include "vm/fleet/fleet.h"
#include "vm/host/host.h"

/* What became of a command; once, on the loop. */
typedef void uplink_done_fn(void *done_user, bool done, const char *message,
			    json_t *steals_result_or_null);

struct uplink { /* embedded; its memory outlives the host: calls under way end with that */
	struct host *host;
	struct fleet *fleet; /* NULL: no server is configured, or closed */
	struct timer timer;  /* the disks are looked at again */
	/* Commands for machines that we started: reboot, shutdown, launch, mount. false: it is none of ours. NULL: there
	 * are none. Set by whoever starts machines. */
	bool (*machine_command)(void *user, struct vm *vm, const char *type, const json_t *params,
				uplink_done_fn *done, void *done_user);
	void *machine_user;
};

/* After the registry was filled. No server given and none remembered: nothing is done. */
int uplink_open(struct uplink *l, struct host *h, struct error *err) WARN_UNUSED;
void uplink_close(struct uplink *l); /* while the loop is there */
