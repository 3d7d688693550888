/* SPDX-License-Identifier: Apache-2.0
 *
 * What agent.c (loop, signals, life), exchange.c (requests), work.c (providers, inventory) and
 * runner.c (commands) share. One thread; the sync (sync.h) decides, these carry out.
 */
#pragma once

#include "agent/agent.h"
#include "agent/client.h"
#include "agent/job.h"
#include "agent/link.h"
#include "agent/state.h"
#include "agent/sync.h"

struct agent;
typedef void agent_asked_fn(struct agent *a, struct span body);

struct agent {
	const struct agent_config *config;
	struct state state;
	struct client *client;
	const struct agent_link *link;
	void *link_state; /* the link's own */
	int64_t link_at;  /* when it wants to be called again */
	struct sync sync;
	int signal_fd;
	bool stopping; /* the loop ends */
	int exit_code;

	/* exchange.c */
	struct client_call *exchange, *bell; /* under way, or NULL */
	enum sync_action_type exchange_type;
	json_t *flight;        /* the report that is under way; owned */
	int64_t delivery_id;   /* of the command whose state is under way */
	bool said_reported;    /* the milestone was printed */
	bool said_unknown;     /* the administrator was told what to do about a 401 */
	bool in_trouble;       /* the last exchange was of no use */
	agent_asked_fn *asked; /* agent_ask() is under way */
	char verdict[32];      /* the last one heard */

	/* work.c */
	struct job *work; /* or NULL */
	enum sync_action_type work_type;
	int64_t work_version;
	json_t *work_settings; /* desired when the job began; owned */
	json_t *results;       /* settings of the newest report; owned, NULL: none yet */
	int64_t results_version;
	json_t *inventory;          /* sections to send; owned, NULL: none */
	uint8_t inventory_hash[32]; /* of what was collected last */

	/* runner.c */
	struct job *command; /* or NULL */
	int64_t command_id;
	int64_t reboot_deadline; /* a reboot that has not come by then has failed; INT64_MAX: none */
};

/* exchange.c: over HTTP; every channel enrolls so */
void agent_exchange(struct agent *a, enum sync_action_type type);
void agent_hang_up(struct agent *a);
/* In place of an exchange that is not possible: asks over HTTP what 'asked' wants to know, which gets the body of a
 * good answer. The exchange fails in any case, unless the server says that this device is not its own. */
void agent_ask(struct agent *a, const char *path, agent_asked_fn *asked);
/* The report under way is over, delivered or refused for good. */
void agent_report_over(struct agent *a);

/* work.c */
void agent_work(struct agent *a, enum sync_action_type type);
void agent_work_ended(struct agent *a);
/* The last results are to be told once more: what they answer has changed. */
void agent_report_again(struct agent *a);
/* A client for a worker process, or NULL: not enrolled. */
struct client *agent_worker_client(const struct agent *a);

/* runner.c */
void agent_commands_changed(struct agent *a); /* saves the ledger, then as below */
void agent_commands_next(struct agent *a);    /* runs the next one if it may, tells the sync */
void agent_command_ended(struct agent *a);
void agent_commands_stop(struct agent *a);                 /* the agent ends: what runs is over */
int64_t agent_commands_tick(struct agent *a, int64_t now); /* when to be called again */

/* agent.c */
bool agent_token(const struct agent *a, char *text, size_t size); /* one we may enroll with */
