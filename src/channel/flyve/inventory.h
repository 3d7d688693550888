/* SPDX-License-Identifier: Apache-2.0
 *
 * FusionInventory's XML, as agents send it, into sections of our inventory and the few facts that
 * enrollment needs. No I/O; libxml2's reader, which never opens anything: a document type declaration is
 * refused, so there are no entities, external or multiplying.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

#define FLYVE_INVENTORY_MAX (4u << 20) /* bytes of XML */

struct flyve_inventory {  /* freed by flyve_inventory_fini() */
	json_t *sections; /* {"hardware": {…}, "packages": […], …} */
	/* texts of the sections, "" when missing */
	char serial[256], uuid[128], model[256], name[256], os_version[256];
};

/* ERR_INVALID says what is wrong; then there is nothing to free. */
/* As it comes over HTTP: base64, perhaps in lines, as Android's encoder makes it. false: it is not. */
bool flyve_inventory_decode(const char *text, struct buf *out);
int flyve_inventory_read(struct span xml, struct flyve_inventory *ret,
			 struct error *err) WARN_UNUSED;
void flyve_inventory_fini(struct flyve_inventory *v);
