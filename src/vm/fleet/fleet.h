/* SPDX-License-Identifier: Apache-2.0
 *
 * fleet: a host of machines as a device of Reeve, and its virtual machines and containers as devices below it
 * (docs/device-api.md, "Machines of a host"). The caller says what there is and how it is, and is given the
 * commands for it; everything towards the server is done here, by a thread of its own, and catches up by itself
 * when the server was away.
 *
 * Everything is called on the loop's thread, and calls back on it; nothing blocks it. Nothing is called back
 * before the call that starts it has returned.
 *
 * What must outlive a restart is in state_dir/fleet.json (0600): tokens, what was sent, commands. A command
 * is handed over once: one that was not answered when the program ended is failed after the restart.
 *
 * Bounds: FLEET_CHILDREN_MAX machines, FLEET_COMMANDS_MAX commands at a time; more are left where they are
 * until there is room. What a machine says of itself is cut and cleaned before it is sent.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"
#include "net/grpc/loop.h"

#define FLEET_CHILDREN_MAX 256
#define FLEET_COMMANDS_MAX 64

struct fleet; /* heap, one owner; needs the loop until fleet_close() */

struct fleet_command {
	const char *key; /* the machine */
	int64_t id;
	const char
		*type; /* reboot, shutdown, launch, mount, launch_application (model/command.def) */
	const json_t *params; /* an object */
};

struct fleet_options { /* everything is copied but the loop */
	struct loop *loop;
	const char *state_dir;        /* exists */
	const char *server;           /* URL */
	const char *enrollment_token; /* NULL: none; needed until the first answer */
	const char *ca;               /* PEM file that replaces the system's certificates; NULL */
	bool insecure_http;           /* http:// beyond loopback */
	const char *name;             /* of the host; NULL: its host name */
	/* A command for a machine, valid during the call; answered by fleet_command_done(), now or later.
	 * (ping, inventory, and what is for the host itself are answered here.) */
	void (*on_command)(void *user, const struct fleet_command *c);
	void *user;
};
/* ERR_INVALID: the URL, the certificates or the state are not good; ERR_CONFLICT: another program uses it. */
int fleet_open(const struct fleet_options *o, struct fleet **ret, struct error *err) WARN_UNUSED;
/* Waits for the thread; requests under way are dropped. */
void fleet_close(struct fleet *f);

struct fleet_child {
	const char *key;        /* this host's name for it; 1 to 200 bytes */
	const char *kind;       /* "vm" or "container" */
	const char *name;       /* for people; NULL: the key */
	const char *parent_key; /* the machine that it runs in; NULL: the host */
	const char *model, *os_version, *agent_version; /* NULL: not known */
	const json_t *
		attributes; /* name -> text, all of them; by convention "vm.state" or "container.state":
				     starting running stopping stopped crashed. NULL: none */
	const json_t *inventory; /* section -> object or list; NULL: as before */
};
/* There is this machine, and this is how it is now. Only differences are sent. false: no room. */
bool fleet_child_put(struct fleet *f, const struct fleet_child *c);
/* It does not exist any more, nor does what ran in it. */
void fleet_child_gone(struct fleet *f, const char *key);
/* All that exist have been put: who is remembered of an earlier run, and was not, is gone. */
void fleet_children_complete(struct fleet *f);

/* What became of a command. An unknown id is ignored. */
void fleet_command_done(struct fleet *f, int64_t id, bool done, const char *message,
			json_t *steals_result_or_null);

struct fleet_status { /* for people */
	bool enrolled;
	int64_t device_id; /* of the host */
	bool unenrolled;   /* an administrator unenrolled this host: nothing is sent any more */
	char trouble[400]; /* why the last exchange failed; "": it did not */
	size_t n_children; /* known to the server */
};
void fleet_status(struct fleet *f, struct fleet_status *ret);
