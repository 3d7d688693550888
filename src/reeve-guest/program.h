/* SPDX-License-Identifier: Apache-2.0
 *
 * The options of reeve-guest. Private to the program, and to what writes its man page.
 */
#pragma once

#include "base/options.h"
#include "vm/guest/guest.h"

struct arguments {
	struct guest_options guest;
	bool no_ready, help, version;
};

extern struct arguments arguments;
extern const struct option option_rows[];
