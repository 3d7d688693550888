/* SPDX-License-Identifier: Apache-2.0
 *
 * The ledger of commands: what was taken from the server, how far it got, and what the server has
 * still to be told. Whoever changes it saves it (state.c) before acting on the change; so a command is
 * never run twice, not even over a crash:
 *
 *     taken --(server accepts the acknowledgement)--> acknowledged --> started --> finished
 *       '--(it was cancelled, has expired)--> forgotten                              |
 *     forgotten, id remembered <-------------(server has the result)----------------'
 *
 * After a restart what was "started" is finished as failed ("interrupted"); only a reboot, whose
 * purpose is to end us, is done when the machine has another boot id.
 *
 * Bounds: LEDGER_MAX commands, LEDGER_REMEMBERED ids, results of LEDGER_RESULT_MAX bytes. When it is
 * full nothing more is taken, so no result is ever dropped for room.
 */
#pragma once

#include "base/err.h"
#include "base/json.h"

#define LEDGER_MAX        64
#define LEDGER_REMEMBERED 256
#define LEDGER_RESULT_MAX (128 * 1024)
#define LEDGER_TYPE_SIZE  64
#define LEDGER_BOOT_SIZE  64

enum ledger_state { LEDGER_TAKEN, LEDGER_ACKNOWLEDGED, LEDGER_STARTED, LEDGER_FINISHED };

struct ledger_entry {
	int64_t id;
	char type[LEDGER_TYPE_SIZE];
	json_t *params; /* owned; an object */
	enum ledger_state state;
	int64_t expires_ms;             /* UTC by the server's clock; 0: never */
	char boot_id[LEDGER_BOOT_SIZE]; /* STARTED: of the boot in which it was */
	bool done;                      /* FINISHED: done, else failed */
	char message[400];              /* FINISHED: for a person */
	json_t *result;                 /* FINISHED: owned, or NULL */
};

struct ledger { /* embedded in the state; in order of taking */
	struct ledger_entry items[LEDGER_MAX];
	size_t n;
	int64_t run[LEDGER_REMEMBERED]; /* ids that are over, oldest first */
	size_t n_run;
};

struct ledger_counts {
	unsigned open;    /* not finished, and not waiting for a reboot */
	unsigned results; /* states to deliver */
	bool room;
};

void ledger_init(struct ledger *l);
void ledger_fini(struct ledger *l);

/* True when it is new. A known one that comes again changes nothing; one that was run by a forgotten
 * time is finished at once as failed, so that the server stops handing it out. params: borrowed. */
bool ledger_take(struct ledger *l, int64_t id, const char *type, const json_t *params,
		 int64_t expires_ms);
/* The first that has a state to deliver; NULL: none. */
const struct ledger_entry *ledger_to_deliver(const struct ledger *l);
/* The server's word on that state: accepted, or (409, 404) it does not want it. */
void ledger_delivered(struct ledger *l, int64_t id, bool accepted);
/* The next one to run; NULL: none, or one is running. */
struct ledger_entry *ledger_to_run(struct ledger *l);
void ledger_start(struct ledger_entry *e, const char *boot_id);
/* steals_result may be NULL. */
void ledger_finish(struct ledger_entry *e, bool done, const char *message, json_t *steals_result);
struct ledger_entry *ledger_find(struct ledger *l, int64_t id);
/* After a restart. */
void ledger_recover(struct ledger *l, const char *boot_id);
struct ledger_counts ledger_count(const struct ledger *l);

/* A command that is done when the machine has started again. */
bool ledger_ends_boot(const char *type);

json_t *ledger_to_json(const struct ledger *l);
/* What is not understood is left out; returns how many entries were. */
size_t ledger_from_json(struct ledger *l, const json_t *j);
