/* SPDX-License-Identifier: Apache-2.0
 *
 * desktop: an application of a container as a desktop entry of the host (Desktop Entry Specification 1.5). Pure.
 *
 * Everything in an Application comes from the container: no line, group or word of a command may be made out of it.
 */
#pragma once

#include "base/buf.h"
#include "vm/host/registry.h"

#define DESKTOP_NAME_SIZE 256 /* of a file, with the NUL */
#define DESKTOP_MAX       (256 * 1024)

/* false: an id that is none (empty, long, with control characters or a slash). */
bool desktop_id_ok(const char *id);
/* "reeve-VM-CONTAINER-ID.desktop", different for different ids, whatever they are made of; false when it would be too long. */
bool desktop_file_name(const struct container *c, const char *id, char name[DESKTOP_NAME_SIZE]);
/* The entry. 'launcher' is the program that starts it (reeve-host's path), 'icon' a file's path or NULL, 'mark' says whose
 * it is. */
void desktop_render(const struct container *c, const VmTools__Container__Application *app,
		    const char *launcher, const char *icon, const char *mark, struct buf *out);
