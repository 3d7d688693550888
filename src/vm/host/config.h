/* SPDX-License-Identifier: Apache-2.0
 *
 * config: the YAML file of reeve-host. What it says of machines and containers that reeve-host does not start itself, and of what
 * their events do.
 *
 *     vms:
 *       - name: termina
 *         cid: 5                        # of the peer; without vsock any number that no other machine has
 *         listen: unix:/run/termina.sock  # whoever calls here is this machine (without vsock)
 *         garcon: tcp:127.0.0.1:{port}  # where its containers are called (vsock:CID:{port})
 *         disk: /srv/termina.img
 *         containers:
 *           - name: penguin
 *             token_file: /srv/penguin.token  # made when it is not there (STATE/tokens/VM/NAME)
 *             address: 100.115.92.204         # in the place of localhost in URLs
 *             enter: [ssh, -t, user@100.115.92.204]
 *             paths: [{inside: /home/user, outside: /srv/penguin/home}]
 *     hooks:
 *       open_url: [xdg-open, "{url}"]
 */
#pragma once

#include "base/json.h"
#include "vm/host/translate.h"

struct container_config {
	char name[64];
	const char *token_file; /* or NULL */
	struct translation translation;
	char **enter; /* heap list of borrowed words, NULL-ended; or NULL */
	size_t n_enter;
};

struct vm_config {
	char name[64];
	uint32_t cid;
	const char *listen, *garcon, *disk; /* or NULL */
	struct container_config *containers;
	size_t n_containers;
};

struct host_config {
	json_t *file; /* owns the words */
	const json_t *hooks;
	struct vm_config *vms;
	size_t n_vms;
};

/* 'path' NULL: nothing is configured. ERR_INVALID: "FILE: …" with what is wrong; ERR_NOT_FOUND. */
int host_config_load(struct host_config *c, const char *path, struct error *err) WARN_UNUSED;
void host_config_fini(struct host_config *c);
/* What is said of this container, or NULL. */
const struct container_config *host_config_container(const struct host_config *c, const char *vm,
						     const char *container);
const struct vm_config *host_config_vm(const struct host_config *c, const char *vm);
