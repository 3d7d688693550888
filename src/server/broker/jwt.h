/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON Web Tokens as MQTT passwords: who it is and what it may, signed (RS256) with the server's token key, so that
 * a broker needs only the public half. Claims: sub (the user name), iat, exp, acl (EMQX's list form: what matches no row
 * is denied by the last).
 */
#pragma once

#include "broker/rights.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct keyring;
struct store_conn;

/* EMQX's list of rights; NULL: everything. The caller's. */
json_t *jwt_acl(const struct rights *r);
/* Appends the token. 'rights' NULL: everything (the server's own). ERR_UNAVAILABLE: the key is not made yet. */
int jwt_add(struct buf *out, struct keyring *k, struct store_conn *c, const char *user,
	    const struct rights *rights, int64_t now_ms, int64_t life_ms,
	    struct error *err) WARN_UNUSED;
/* The public halves of the token keys, newest first, as a JWK set (RFC 7517). The caller's. */
int jwt_keys(struct store_conn *c, json_t **ret) WARN_UNUSED;
