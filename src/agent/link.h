/* SPDX-License-Identifier: Apache-2.0
 *
 * How an agent talks to its server: one of these for each channel. Everything else of the agent (what
 * happens when, the providers, commands, what survives a crash) is the same for all.
 *
 * The sync (sync.h) decides; a link carries out its exchanges and answers each exactly once, after what
 * it brought is durable. One thread: what a link's own threads hear waits until serve().
 */
#pragma once

#include "agent/sync.h"
#include "base/err.h"

struct agent;

struct agent_link {
	const char *channel; /* as --channel says it */
	bool by_broker;      /* its enrollments say where an MQTT broker is, others' do not */
	/* The HTTP client and the state are there, the sync is not yet; a->link_state is the link's. */
	int (*open)(struct agent *a, struct error *err);
	void (*close)(struct agent *a); /* also when open() failed or never ran */
	void (*exchange)(struct agent *a, enum sync_action_type type); /* one sync_answered() */
	void (*ring)(struct agent *a);                                 /* one sync_rang() */
	void (*hang_up)(struct agent *a); /* no answer of what is under way comes any more */
	int (*fd)(const struct agent *a); /* readable: serve() has something to do; -1: none */
	/* Takes what came, and gives the time when it wants to be called again; INT64_MAX: by fd. */
	int64_t (*serve)(struct agent *a, int64_t now);
};

extern const struct agent_link agent_link_device; /* exchange.c: the device API over HTTP */
