/* SPDX-License-Identifier: Apache-2.0
 *
 * What an MQTT account may do. Pure, and the only place where it is decided: the plugin asks for every message, the
 * server when somebody else's broker asks, and the claims of a JWT say the same (rights_each()).
 *
 * R is the account's root, F the root of a fleet of it. Topics are compared without one leading slash: agents of
 * either spelling reach the same.
 *
 *     write      R/Status/…  R/FlyvemdmManifest/…     retained only R/Status/Online: a device must not fill the broker
 *     read       R/… but not what it writes itself (old agents obey their own echo)   F/…   FlyvemdmManifest/…
 *     subscribe  filters below R or F or FlyvemdmManifest; "#" with RIGHTS_EVERYTHING_FILTER
 *
 * Roots are three levels without wildcards (rights_root_valid), so none lies within another.
 */
#pragma once

#include "base/span.h"

#define RIGHTS_ROOT_MAX   512
#define RIGHTS_FLEETS_MAX 32

enum rights_flag { RIGHTS_EVERYTHING_FILTER = 1u << 0 };

enum rights_access { RIGHTS_READ, RIGHTS_WRITE, RIGHTS_WRITE_RETAINED, RIGHTS_SUBSCRIBE };

struct rights { /* borrowed */
	const char *root;
	const char *fleets; /* NUL-terminated one after the other, an empty one is the end */
	unsigned flags;
};

bool rights_may(const struct rights *r, enum rights_access access, const char *topic);
/* Three levels, none empty, 1 to RIGHTS_ROOT_MAX bytes, valid UTF-8 without control characters, wildcards, and '$' and
 * '%': other brokers put things in their place ("${clientid}"), which a device could choose. */
bool rights_root_valid(struct span root);

/* The rights as filters, in both spellings, for brokers that take them as a list; what matches none is to be denied.
 * Such brokers look at subscriptions and not at deliveries, so there a device that subscribes to R/# hears itself. */
struct rights_row {
	bool write; /* else subscribe, and so read */
	char filter[RIGHTS_ROOT_MAX + 32];
};
void rights_each(const struct rights *r, void (*fn)(void *user, const struct rights_row *row),
		 void *user);
