/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of reeve-container share: the options, the table of its commands, asking the host.
 */
#pragma once

#include "base/options.h"
#include "net/grpc/client.h"
#include "vm/container/methods.h"

struct arguments {
	const char *host, *token_file, *vm_token_file, *listen, *mime_folder, *log_level;
	int64_t port, check_ms, low_disk_mib;
	bool allow_root;
	const char *type, *title, *path, *extensions; /* of select-file */
};
extern struct arguments arguments;
extern bool help, version;
extern const struct option option_rows[];

#define NOTHING_CHOSEN (-1000) /* of a verb: exit 1, there is nothing to say about it */

struct verb {
	const char *name, *args; /* for the help: "URL" */
	int n_min, n_max;        /* how many; -1: any number */
	int (*run)(char *const args[], int n, struct error *err);
	const char *help;
};
extern const struct verb daemon_verbs[];       /* daemon.c; each ends with a NULL name */
extern const struct verb open_verbs[];         /* verb-open.c */
extern const struct verb disk_verbs[];         /* verb-disk.c */
extern const struct verb *const verb_tables[]; /* options.c: all of them, NULL-ended */

char *our_token(struct error *err); /* the container's, static; NULL: there is none */
/* One call to the host, and waits. 0, or a sentence; *ret_code (or NULL) is gRPC's. The result is the caller's to end. */
int ask_host(const struct grpc_method *m, const void *request, int64_t timeout_ms,
	     struct grpc_result *ret, enum grpc_code *ret_code, struct error *err) WARN_UNUSED;
/* The same when nothing but success matters. */
int tell_host(const struct grpc_method *m, const void *request, struct error *err) WARN_UNUSED;
