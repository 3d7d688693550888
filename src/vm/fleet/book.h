/* SPDX-License-Identifier: Apache-2.0
 *
 * The book: what machines there are, what the server knows of them, and what is to be done next about the
 * difference. No I/O but loading and saving; takes `now` (monotonic milliseconds).
 *
 * A machine that is gone leaves the book at once; its id at the server stays behind in `gone` until the server
 * has heard. That is told before anything else, so a new machine of the same key never meets the old record.
 *
 * The life of a command, saved before each step that others can see:
 *
 *     TAKEN --(handed over)--> RUNNING --(answered)--> FINISHED --(the server has it)--> forgotten, its id is not
 *       '-----(restart)-----------'-------------------------^
 *
 * Owner: embedded in struct fleet, guarded by its lock.
 */
#pragma once

#include "base/crypto.h"
#include "base/err.h"
#include "base/json.h"
#include "vm/fleet/fleet.h"

#define BOOK_KEY_SIZE   201
#define BOOK_TYPE_SIZE  64
#define BOOK_GONE_MAX   512
#define BOOK_REMEMBERED 256 /* ids of commands that are over */

struct book_child { /* heap; the host itself is one, with an empty key */
	char key[BOOK_KEY_SIZE];
	json_t *facts;      /* what it enrolls with; owned */
	json_t *attributes; /* as they are to be; owned */
	json_t *sent;       /* as the server has them; owned */
	json_t *inventory;  /* the last that was given; owned, or NULL */
	bool inventory_due;
	int64_t id;                /* 0: not enrolled */
	char *token;               /* heap, erased when freed; NULL: not enrolled */
	bool present;              /* put since the start */
	bool refused;              /* an administrator unenrolled it: nothing is sent */
	int64_t version, commands; /* at the server, by its list */
	int64_t reported;          /* the version that was reported last */
	int64_t seen_at;           /* when it is to show itself again */
	int64_t retry_at;          /* something of it was refused: not before */
};

enum book_state { BOOK_TAKEN, BOOK_RUNNING, BOOK_FINISHED };
struct book_command {
	int64_t id;
	char key[BOOK_KEY_SIZE]; /* whose */
	char type[BOOK_TYPE_SIZE];
	json_t *params; /* owned */
	enum book_state state;
	bool done; /* FINISHED: done, else failed */
	char message[400];
	json_t *result; /* FINISHED: owned, or NULL */
};

struct book {
	char *server; /* whose ids and tokens these are; heap */
	struct book_child host;
	char enrollment_key[TOKEN_TEXT_SIZE]; /* of the enrollment under way; "": none */
	char left[65]; /* SHA-256 of an enrollment token that is not to be used again; "": none */
	struct book_child *children[FLEET_CHILDREN_MAX];
	size_t n;
	bool leaving;  /* the host was told to leave: as soon as that is answered */
	bool complete; /* who is not in the book does not exist */
	int64_t gone[BOOK_GONE_MAX];
	size_t n_gone;
	struct book_command commands[FLEET_COMMANDS_MAX];
	size_t n_commands;
	int64_t ran[BOOK_REMEMBERED]; /* oldest first */
	size_t n_ran;
	bool dirty; /* to be saved */
};

enum book_step {
	STEP_NONE,
	STEP_ENROLL,     /* the host */
	STEP_GONE,       /* gone[0] */
	STEP_PUT,        /* a machine that the server does not know */
	STEP_RESULT,     /* of a command */
	STEP_LEAVE,      /* the host, with everything */
	STEP_ATTRIBUTES, /* those that differ */
	STEP_INVENTORY,
	STEP_TAKE,   /* its commands */
	STEP_REPORT, /* its desired state is another version: read, and say what came of it */
	STEP_SEEN,   /* a running machine shows that it is there */
};
struct book_todo {
	enum book_step step;
	struct book_child *child;     /* PUT … SEEN; valid until the book changes */
	struct book_command *command; /* RESULT */
	int64_t wake_at; /* NONE: when to ask again; INT64_MAX: when something changes */
};

void book_init(struct book *b);
void book_fini(struct book *b);
/* 'may_enroll': there is an enrollment token. */
struct book_todo book_next(struct book *b, bool may_enroll, int64_t now);

struct book_child *book_find(struct book *b, const char *key); /* "": the host */
/* NULL: no room, or the key is not one. */
struct book_child *book_put(struct book *b, const struct fleet_child *c);
void book_gone(struct book *b, const char *key);
void book_gone_id(struct book *b, int64_t id);
void book_complete(struct book *b); /* those that are not present are gone */
/* The server knows nothing of it (any more). */
void book_child_forget(struct book_child *c);
/* The host is (no longer) enrolled; its machines are as unknown to the server as they were. */
void book_forget(struct book *b);
void book_enrolled(struct book *b, const char *server, int64_t id, const char *token);

/* One row of the server's list. */
struct book_row {
	int64_t id, version, commands;
	const char *key;
	bool managed;
};
void book_row(struct book *b, const struct book_row *row);

bool book_room(const struct book *b); /* for one more command */
/* True when it is new. One that was run before is finished at once, so that the server stops asking. */
bool book_take(struct book *b, const char *key, int64_t id, const char *type, const json_t *params);
struct book_command *book_command(struct book *b, int64_t id);
void book_finish(struct book_command *c, bool done, const char *message, json_t *steals_result);
void book_over(struct book *b, int64_t id);

/* The difference that PUT attributes wants: new values, and "" for what is not there any more. Owned. */
json_t *book_attributes_delta(const struct book_child *c);

/* The file holds tokens: 0600. What cannot be understood: ERR_INVALID. */
int book_load(struct book *b, const char *path, struct error *err) WARN_UNUSED;
json_t *book_to_json(const struct book *b); /* owned */
int book_from_json(struct book *b, const json_t *j, struct error *err) WARN_UNUSED;
