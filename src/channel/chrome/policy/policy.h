/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this folder share of one "request=policy": several policies are asked for at once, of one
 * device, and what is read for one is read for all.
 *
 *   policy.c  the request: its parts, its answer, the write that may ride along
 *   types.c   the table of policy types
 *   make.c    one part: a kept answer, or a new one
 *   facts.c   what PolicyData says of the device
 *   applied.c which version the device says it has
 */
#pragma once

#include "channel/chrome/policy/answers.h"
#include "channel/chrome/policy/payload.h"

struct policy_context { /* in the request's arena */
	struct chrome_request *r;
	struct chrome_config config;
	uint64_t generation; /* taken before anything is read */
	const char *base; /* of URLs that clients download from; "": the Host header is nonsense */
	bool flat;        /* a client from before sub-messages (payload.h) */
	int64_t named_ms; /* the latest timestamp that the client names; nothing older may be sent */
	/* read when needed, once: policy_gather() */
	bool gathered;
	struct device device;
	int64_t version, epoch; /* of the desired state */
	struct policy_facts facts;
	/* policy_desired() */
	bool has_desired;
	struct desired desired;
	struct nearness near;
};

struct policy_fetch {          /* one part of the request */
	const char *type;      /* as the client spells it */
	const char *entity_id; /* settings_entity_id; "": none */
	Dm__PolicyFetchRequest__SignatureType signature;
	const Dm__PolicyFetchRequest *message;
};

/* ---- types.c ---- */

struct policy_type {
	const char *name;
	/* Adds the items' values to 'out'. ERR_NOT_FOUND: there is no such policy; ERR_INVALID. */
	int (*build)(struct policy_context *c, const struct policy_fetch *f, struct answer *out,
		     struct error *err);
	bool chromeos;   /* what only a ChromeOS device has */
	bool has_url;    /* the value depends on 'base' */
	bool by_request; /* … on more of the request than its type and entity: not kept */
	const char *const *parts; /* instead of 'build': the types that it stands for */
};
const struct policy_type *policy_type_find(const char *name); /* case ignored; NULL: unknown */

/* ---- facts.c ---- */

/* Device, version and facts as of c->generation. 'old' (or NULL): an earlier answer, whose facts of the
 * desired state are taken when that is the same. */
int policy_gather(struct policy_context *c, const struct answer *old,
		  struct error *err) WARN_UNUSED;
/* The desired state and how near its scopes are. */
int policy_desired(struct policy_context *c, struct error *err) WARN_UNUSED;
/* Made of the same desired state as the device has now? After policy_gather(). */
bool policy_same_state(const struct policy_context *c, const struct answer *old);
void policy_context_fini(struct policy_context *c);
/* Does the client know sub-messages? By its version, else by what it asks for. */
bool policy_client_is_flat(const char *agent, const Dm__DevicePolicyRequest *m);

/* ---- make.c ---- */

/* A reference in *ret. An expected refusal of this part is an answer too (error_code). */
int policy_answer(struct policy_context *c, const struct policy_type *t,
		  const struct policy_fetch *f, struct answer **ret, struct error *err) WARN_UNUSED;
