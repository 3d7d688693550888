/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server answers, read with suspicion: header lines and JSON bodies of docs/device-api.md into
 * bounded C values. Pure; the only code of the agent that reads bytes of the network.
 */
#pragma once

#include "agent/sync.h"
#include "base/err.h"
#include "base/json.h"
#include "base/span.h"

#define ANSWER_BODY_MAX     (1024 * 1024) /* docs/device-api.md */
#define ANSWER_COMMANDS_MAX 256           /* looked at in one answer; the rest comes again */
#define ANSWER_TOKEN_SIZE   256
#define ANSWER_NAME_SIZE    256
#define ANSWER_TYPE_SIZE    64
#define ANSWER_HASH_SIZE    65 /* SHA-256 in hex, and a NUL */

#define ANSWER_ETAG_SIZE 64
#define ANSWER_MQTT_SIZE 2048

struct answer_head {
	int status;                  /* 0: there was no answer */
	bool problem;                /* application/problem+json: the server's own words */
	int64_t next_poll_ms;        /* -1: not said */
	int64_t retry_after_ms;      /* -1: not said (or as a date) */
	int64_t commands;            /* Reeve-Commands; 0 when not said */
	int64_t date_ms;             /* the server's clock, UTC; 0 when not said */
	char etag[ANSWER_ETAG_SIZE]; /* with its quotes; "" when not said, or not to be sent back */
};

struct answer_enrolled {
	int64_t device_id;
	char token[ANSWER_TOKEN_SIZE];
	char organization[ANSWER_NAME_SIZE], fleet[ANSWER_NAME_SIZE];
	char mqtt[ANSWER_MQTT_SIZE]; /* JSON text of the object "mqtt"; "": the server said none */
};

struct answer_desired {
	int64_t version;  /* >= 1 */
	int64_t commands; /* >= 0 */
	json_t *settings; /* owned: name -> {"value":…, "level":…} */
};

struct answer_command {
	int64_t id; /* >= 1 */
	char type[ANSWER_TYPE_SIZE];
	const json_t *params; /* borrowed from the body; NULL: none */
	int64_t expires_ms;   /* UTC; 0: never */
};

struct answer_file {
	char sha256[ANSWER_HASH_SIZE]; /* lower case */
	int64_t size;
};

void answer_head_init(struct answer_head *h);
/* One header line as it came, with or without its line end. */
void answer_head_line(struct answer_head *h, struct span line);

/* 'message' gets a sentence when the kind is not SYNC_OK. */
enum sync_answer_kind answer_kind(const struct answer_head *h, struct span body,
				  struct error *message);

/* ERR_INVALID: the body is not what the API says. */
int answer_enrolled(struct span body, struct answer_enrolled *ret, struct error *err) WARN_UNUSED;
int answer_desired(struct span body, struct answer_desired *ret, struct error *err) WARN_UNUSED;
/* *ret_body keeps what the commands borrow from; the caller frees it. */
int answer_commands(struct span body, struct answer_command ret[ANSWER_COMMANDS_MAX], size_t *ret_n,
		    json_t **ret_body, struct error *err) WARN_UNUSED;
/* Of a deployable; *ret_all is the whole description (owned). */
int answer_file(struct span body, struct answer_file *ret, json_t **ret_all,
		struct error *err) WARN_UNUSED;
/* The verdict in it, for people: letters and underscores. */
int answer_report(struct span body, char verdict[32], struct error *err) WARN_UNUSED;
