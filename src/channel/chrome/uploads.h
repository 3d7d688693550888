/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure parts of uploads.c, for its test.
 */
#pragma once

#include "channel/chrome/handlers.h"

/* {sha256, size, data, and subject, issuer, not_after_ms if it can be read}; PEM or DER. Owned. */
json_t *certificate_json(struct span bytes);
/* SHA-256, PKCS #1 or ECDSA by the key. */
bool public_key_signed(struct span old_spki, struct span message, struct span signature);
