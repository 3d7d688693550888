/* SPDX-License-Identifier: Apache-2.0
 *
 * host: the host of virtual machines as a whole: one loop with the registry, the servers that machines and containers call,
 * the hooks and the menu. Whatever else lives on it (machines that we start, the link to a Reeve server) watches the registry.
 */
#pragma once

#include "base/buf.h"
#include "base/options.h"
#include "net/grpc/client.h"
#include "net/grpc/server.h"
#include "vm/host/config.h"
#include "vm/host/hook.h"
#include "vm/host/registry.h"

struct menu;
struct inhibitor;
struct machines; /* vm/machine/machine.h */

struct host_options {
	const char *state;     /* folder; made when it is not there */
	const char *config;    /* file, or NULL */
	const char *data_home; /* where menus look for applications/, or NULL: no menu */
	const char *launcher;  /* what entries of the menu start: our own program */
	struct option_list
		listen; /* for containers and machines over vsock; none: vsock:8889 and vsock:7777 */
};

/* A server for whoever has this CID. */
struct port {
	struct host *host;
	struct port *next;
	uint32_t cid; /* of everybody who calls here; 0: vsock peers have their own, others none */
	struct grpc_server *server;
	bool stopping; /* host_stop() waits for it */
};

struct host { /* one owner: main, or a test */
	struct host_options options;
	struct host_config config;
	struct loop *loop;
	struct registry *registry;
	struct hooks hooks;
	struct menu *menu;
	struct inhibitor *inhibitors;
	struct machines *machines; /* of the daemon; not ours */
	struct port *ports;
	struct {
		void (*fn)(void *user);
		void *user;
		unsigned n_ports; /* that have not stopped */
	} stopping;
	struct buf addresses; /* where the main port listens, a blank before each */
	struct window opens;  /* OpenUrl and OpenTerminal of everybody */
	/* A disk was made larger or smaller: its machine has to see it. NULL: nobody to tell. */
	void (*disk_resized)(void *user, struct vm *vm, uint64_t size);
	void *disk_user;
};

/* 0; positive with a sentence, negative. */
int host_open(struct host *h, const struct host_options *o, struct error *err) WARN_UNUSED;
/* Takes no new calls and lets those that run end; then stopped(user), from the loop. */
void host_stop(struct host *h, int64_t timeout_ms, void (*stopped)(void *user), void *user);
void host_close(struct host *h);

/* One more address, for a machine that does not come over vsock. */
struct port_spec {
	const char *address;
	uint32_t cid;      /* of whoever calls there */
	const char *token; /* that is shown over TCP, or NULL; outlives the port */
};
/* *ret_bound (or NULL) has the real port. */
int port_open(struct host *h, const struct port_spec *spec, struct port **ret,
	      struct endpoint *ret_bound, struct error *err) WARN_UNUSED;
void port_close(struct host *h, struct port *port);

/* A container that we know by its configuration or by an administrator, with its token from a file of ours. */
int host_add_container(struct host *h, struct vm *vm, const char *name, struct container **ret,
		       struct error *err) WARN_UNUSED;
/* Those that were added before, from their tokens' files. */
int host_load_containers(struct host *h, struct vm *vm, struct error *err) WARN_UNUSED;
/* Its token counts no more; the file goes, too. */
void host_forget_container(struct host *h, struct container *c);
/* How the container's words are meant here. */
const struct translation *host_translation(const struct host *h, const struct container *c);
void host_notify(struct host *h, const struct container *c, const char *title, const char *text);
