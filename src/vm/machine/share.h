/* SPDX-License-Identifier: Apache-2.0
 *
 * share: a folder of this host in a machine: one virtiofsd for each, in namespaces of its own. It runs as long as its machine's
 * qemu, beyond us, too; its number is in a file of the machine's folder (share0.pid).
 */
#pragma once

#include "vm/machine/spec.h"

struct machine;

/* The one that there is, or NULL: folders cannot be shared here. */
const char *share_program(void);
/* Those of the machine's specification, before qemu, which calls them at STATE/vms/NAME/share0 and so on. 0, or a sentence. */
int shares_start(struct machine *m, struct error *err) WARN_UNUSED;
/* Those that run already. */
void shares_adopt(struct machine *m);
/* Ends what is left of them, of an earlier run, too. */
void shares_end(struct machine *m);
/* They run on without us. */
void shares_release(struct machine *m);
/* A sentence about the first that is gone, or "". */
void shares_trouble(const struct machine *m, char *out, size_t size);
