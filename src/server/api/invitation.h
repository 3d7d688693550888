/* SPDX-License-Identifier: Apache-2.0
 *
 * Invitations to the Flyve channel: what a phone's agent needs besides the enrollment token. A deep link opens
 * the agent with all of it; a QR code is the same link.
 */
#pragma once

#include "base/arena.h"
#include "base/crypto.h"
#include "net/http/http.h"

#define INVITATION_TOKEN_SIZE 65 /* 64 hex digits, as agents expect, and a NUL */

struct invitation {
	char token[INVITATION_TOKEN_SIZE];
	char user_token[TOKEN_TEXT_SIZE];
	uint8_t token_hash[SHA256_SIZE], user_token_hash[SHA256_SIZE];
	const char *deep_link; /* in the request's arena */
};

/* New secrets, and the link by the server's configuration (flyve.*). */
void invitation_make(struct http_request *req, struct invitation *ret);
