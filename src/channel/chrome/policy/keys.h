/* SPDX-License-Identifier: Apache-2.0
 *
 * What this folder knows of keys beyond channel/chrome/handlers.h: how a client is led to the current key.
 */
#pragma once

#include "channel/chrome/handlers.h"

/* The key fields of a PolicyFetchResponse (5 to 9); empty: not sent. Borrowed from the arena. */
struct key_fields {
	struct span new_public_key, new_public_key_signature;
	struct span verification_deprecated, verification_data, verification_data_signature;
};

struct key_wish {
	int64_t org_id;
	const char *domain; /* what the verification data names: that of the policy's user */
	bool has_version;   /* the client has a key … */
	int64_t version;    /* … of this version */
	Dm__PolicyFetchRequest__SignatureType type;
};

/* For an answer signed with 'current'. A client without a key gets it with the verification key's word; one
 * with an older key also with a signature by that; one that has it already gets nothing. A version that
 * nobody knows (any more) is answered like none: the client refuses, forgets its key and asks again
 * without a version. */
int key_fields_make(struct server *s, const struct chrome_key *current, const struct key_wish *w,
		    struct arena *a, struct key_fields *ret, struct error *err) WARN_UNUSED;
