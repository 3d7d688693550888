/* SPDX-License-Identifier: Apache-2.0
 *
 * qmp: qemu's monitor (QEMU Machine Protocol: JSON texts, a line each, over a unix socket), on the loop. Commands are answered in
 * order. A monitor that breaks the protocol, or says more than QMP_LINE_MAX at once, is closed.
 */
#pragma once

#include "base/json.h"
#include "net/grpc/loop.h"

#define QMP_LINE_MAX ((size_t)1 << 20)

struct qmp; /* heap, one owner */

struct qmp_events {
	/* Something happened: "SHUTDOWN", … 'data' may be NULL. */
	void (*event)(void *user, const char *name, const json_t *data);
	/* The monitor is gone, or no monitor; not from inside of a qmp_ function. */
	void (*closed)(void *user);
	void *user;
};

/* 0 or -errno. Commands may be given at once. */
int qmp_open(struct loop *loop, const char *path, const struct qmp_events *events,
	     struct qmp **ret) WARN_UNUSED;
/* Answers that are due come as NULL before it returns. From inside of a callback, too. */
void qmp_close(struct qmp *q);
/* done(), if given, runs once: 'value' is what the command returned, NULL when it failed ('why') or the monitor went away. */
void qmp_command(struct qmp *q, const char *name, json_t *steals_arguments_or_null,
		 void (*done)(void *user, const json_t *value, const char *why), void *user);

/* What came in, for tests and fuzzing. false: it is broken. */
bool qmp_take(struct qmp *q,
	      struct span bytes); /* a callback that closes it: it is gone afterwards */
struct qmp *qmp_new_unconnected(const struct qmp_events *events);
