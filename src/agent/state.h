/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent remembers over restarts and crashes: one folder (0700), one JSON document (0600) for
 * each thing, each written whole or not at all.
 *
 *     lock             held by the agent that uses the folder
 *     enrolling.json   the key of an enrollment whose answer we do not have yet
 *     identity.json    whom we are enrolled with, as which device, and the device token
 *     desired.json     what was desired last: enforced without the server after a reboot
 *     report.json      the newest report that the server does not have yet
 *     commands.json    the ledger (ledger.h)
 *     release.json     this machine is leaving, or has left, the fleet
 *     providers/X.json what provider X remembers (the originals of what it changed)
 *
 * A document that cannot be read is kept aside as NAME.corrupt and the agent starts anew without it; the
 * identity is a file of its own so that the others cannot take it with them.
 *
 * Owner: embedded in the agent.
 */
#pragma once

#include "agent/answer.h"
#include "agent/ledger.h"
#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"

struct identity { /* texts: heap, freed by identity_fini(); or borrowed, when it is an argument */
	const char *server; /* normalized URL; NULL: not enrolled */
	int64_t device_id;
	const char *token; /* erased when freed */
	const char *organization, *fleet;
	const char *
		mqtt; /* JSON text: where the broker is and what lets us in, of channel flyve; or "" */
	int64_t enrolled_ms; /* asked for then, by the server's clock; 0: not known */
};

struct release {     /* leaving the fleet; by[0] == '\0': not */
	char by[16]; /* "server" or "command" */
	bool restored, told, over;
	char token_sha256[65]; /* of the enrollment token that is not to be used again */
	char server[256];
	int64_t device_id;
};

struct state {
	char *dir;
	int lock_fd;
	struct identity identity;
	json_t *settings;            /* desired, name -> {"value","level"}; owned, NULL: none yet */
	int64_t version;             /* of the settings; 0: of an earlier enrollment */
	char etag[ANSWER_ETAG_SIZE]; /* they came with; "": none */
	json_t *report;              /* {"applied_version","settings"} to deliver; owned or NULL */
	struct ledger ledger;
	struct release release;
};

/* Makes the folder, locks it, reads everything. ERR_CONFLICT: another agent uses it. */
int state_open(struct state *s, const char *dir, struct error *err) WARN_UNUSED;
void state_close(struct state *s);

/* Each changes the memory and then the disk: 0, or -errno with the memory already changed. */
/* The key of this enrollment: the same until state_enroll(), so that an answer that was lost makes no
 * second record. */
int state_enrollment_key(const struct state *s, char key[TOKEN_TEXT_SIZE]) WARN_UNUSED;
int state_enroll(struct state *s, const struct identity *identity) WARN_UNUSED; /* copied */
/* The broker is elsewhere, or lets us in by something else. */
int state_broker(struct state *s, const char *mqtt) WARN_UNUSED; /* copied */
/* Etag and settings are borrowed. */
int state_desire(struct state *s, int64_t version, const char *etag, json_t *settings) WARN_UNUSED;
int state_spool(struct state *s, json_t *steals_report_or_null) WARN_UNUSED;
int state_save_ledger(const struct state *s) WARN_UNUSED;
int state_save_release(const struct state *s) WARN_UNUSED;
/* The end of an enrollment: everything but providers/ and release.json is removed. */
int state_forget(struct state *s) WARN_UNUSED;

/* *ret: owned object, empty when there is none. For worker processes too: touches only this file. */
int state_load_provider(const char *dir, const char *name, json_t **ret) WARN_UNUSED;
int state_save_provider(const char *dir, const char *name, const json_t *j) WARN_UNUSED;

void identity_fini(struct identity *i);
