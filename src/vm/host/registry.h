/* SPDX-License-Identifier: Apache-2.0
 *
 * registry: the virtual machines that this host knows, the containers in them, and who is allowed to say that it is one of
 * them. One owner: the loop's thread.
 *
 * A machine is known by the CID of the peer that calls; what does not come over vsock has the CID of the socket that it
 * comes through (port.h), and 0 means that nobody knows. A container is known by its token, which counts only from its own
 * machine:
 *
 *     registry_container_add() → PENDING ──ContainerReady──> UP ──ContainerShutdown, the machine ends──> DOWN
 *                                   ^                         │                                            │
 *                                   └─────────────────────────┴────────────ContainerReady──────────────────┘
 */
#pragma once

#include "base/err.h"
#include "vm/host/quota.h"
#include "vm/proto/container_host.pb-c.h"
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define NAME_SIZE                                                                                  \
	64 /* of a machine or container: letters, digits, . _ -, and it begins with none of the last three */
#define TOKEN_SIZE 37 /* a random UUID in lower case, and a NUL */

enum vm_state { VM_STARTING, VM_READY, VM_STOPPING, VM_STOPPED, VM_CRASHED };
enum container_state { CONTAINER_PENDING, CONTAINER_UP, CONTAINER_DOWN };

struct garcon; /* garcon.h: the container's own service */

struct container { /* owned by its machine */
	struct vm *vm;
	struct container *next;
	char name[NAME_SIZE];
	char token[TOKEN_SIZE];
	enum container_state state;
	uint32_t garcon_port, sftp_port; /* as ContainerReady told them */
	struct garcon *garcon;           /* NULL: not connected; host.c's */
	uint32_t n_pending;              /* lists of applications that will come */
	uint64_t free_bytes;             /* as it told when its disk was low; 0: it did not */
	VmTools__Container__UpdateApplicationListRequest *applications; /* the latest, or NULL */
	bool is_late; /* … which waits for its turn to be in the menu: menu.c's */
	VmTools__Container__UpdateMimeTypesRequest *mime_types; /* the latest, or NULL */
};

struct vm { /* owned by the registry */
	struct vm *next;
	char name[NAME_SIZE];
	char token[TOKEN_SIZE]; /* of a machine without containers; "": none */
	uint32_t cid;           /* unique, never 0 */
	enum vm_state state;
	int64_t since_ms;      /* UTC: in this state */
	char why[200];         /* it crashed, or does not do all that it should; UTF-8 */
	char *disk;            /* its backing file, or NULL */
	struct window metrics; /* listener-notice.c's */
	struct window notices; /* host_notify()'s */
	struct window lists;   /* menu.c's */
	struct container *containers;
};

enum registry_change {
	VM_ADDED,
	VM_CHANGED, /* its state, or why */
	VM_REMOVED, /* about to be freed */
	CONTAINER_ADDED,
	CONTAINER_CHANGED, /* its state */
	CONTAINER_REMOVED, /* about to be freed */
	CONTAINER_APPLICATIONS,
	CONTAINER_LOW_DISK,
};

struct registry; /* heap, one owner */

struct registry *registry_new(void);
void registry_free(struct registry *r); /* tells nobody */
/* fn runs for each change, after it (removals: before). At most 8 watchers. The container is NULL for changes of a machine. */
void registry_watch(struct registry *r,
		    void (*fn)(void *user, enum registry_change change, struct vm *vm,
			       struct container *container),
		    void *user);

/* ERR_INVALID for the name or CID 0, ERR_CONFLICT when either is taken. */
int registry_vm_add(struct registry *r, const char *name, uint32_t cid, struct vm **ret,
		    struct error *err) WARN_UNUSED;
void registry_vm_remove(struct registry *r, struct vm *vm);
struct vm *registry_vms(const struct registry *r); /* the first */
struct vm *registry_vm(const struct registry *r, const char *name);
struct vm *registry_vm_by_cid(const struct registry *r, uint32_t cid); /* NULL for 0 */
/* 'why' it is so, when there is something to say, or NULL. A machine that is not there any more has no container that is up. */
void registry_vm_set(struct registry *r, struct vm *vm, enum vm_state state, const char *why);
/* VmReady of that peer: false when no such machine is starting. */
bool registry_vm_ready(struct registry *r, uint32_t cid);

/* A token of its own for a container that will come: 'token', or NULL for a new one. ERR_INVALID, ERR_CONFLICT. */
int registry_container_add(struct registry *r, struct vm *vm, const char *name, const char *token,
			   struct container **ret, struct error *err) WARN_UNUSED;
void registry_container_remove(struct registry *r, struct container *c);
struct container *registry_container(const struct vm *vm, const char *name);
/* Whose token this is, of the machine with that CID; CID 0: of the machine whose own token it is. With any state; NULL:
 * nobody's. */
struct container *registry_by_token(const struct registry *r, uint32_t cid, const char *token);
void registry_container_set(struct registry *r, struct container *c, enum container_state state);
/* Copies. NULL: there are none any more. */
void registry_applications(struct registry *r, struct container *c,
			   const VmTools__Container__UpdateApplicationListRequest *list);
void registry_mime_types(struct container *c,
			 const VmTools__Container__UpdateMimeTypesRequest *types);
void registry_low_disk(struct registry *r, struct container *c, uint64_t free_bytes);

bool registry_name_ok(const char *name);
bool registry_token_ok(const char *token);                    /* has a token's form */
const char *vm_state_name(enum vm_state state);               /* "ready" */
const char *container_state_name(enum container_state state); /* "up" */
