/* SPDX-License-Identifier: Apache-2.0
 *
 * What a registration says of who registers, the same for its three bodies. Pure.
 */
#pragma once

#include "channel/chrome/handlers.h"

#define NEWCOMER_TEXT_MAX   255 /* bytes of a text */
#define NEWCOMER_ATTRIBUTES 16

struct newcomer { /* texts are clean, in the arena */
	enum kind kind;
	const char *name, *serial, *model, *os_version, *agent_version;
	bool reregister;
	const char *old_token;       /* of a registration that is over; "" */
	const char *expected_domain; /* "" */
	struct span state_key;       /* STATE_KEY_SIZE bytes, or none */
	struct {
		const char *name, *value; /* "": the attribute goes */
	} attributes[NEWCOMER_ATTRIBUTES];
	size_t n_attributes;
};

/* register_browser, register_policy_agent. */
void newcomer_of_browser(const struct chrome_request *r, const Dm__RegisterBrowserRequest *m,
			 struct newcomer *ret);
/* register, token_based_register. email: whose account registers; "": nobody's. *ret_status: of the
 * refusal, with the sentence in err: 405 without a serial number that must be there, 400. */
int newcomer_of_device(const struct chrome_request *r, const Dm__DeviceRegisterRequest *m,
		       const char *email, struct newcomer *ret, int *ret_status,
		       struct error *err) WARN_UNUSED;
/* "156.0.8078.79" of "Chromium 156.0.8078.79(a21ce9…)". */
const char *newcomer_agent_version(struct arena *a, const char *agent);
