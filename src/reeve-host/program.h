/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of reeve-host share: the options, the table of its commands, asking the daemon.
 */
#pragma once

#include "base/options.h"
#include "net/grpc/client.h"
#include "vm/proto/host_control.pb-c.h"

struct arguments {
	const char *state, *config, *data_home, *log_level, *output;
	const char *server, *enrollment_token, *enrollment_token_file, *ca; /* of the link */
	bool insecure_http;
	struct option_list listen;
	bool no_menu;
	const char *type, *title, *path, *extensions;  /* of select-file */
	const char *kernel, *initrd, *append, *memory; /* of vm start */
	struct option_list disks, shares;
	int64_t cpus;
	bool force, detach, console; /* of vm stop, vm exec */
	int exit_code;               /* of a program that ran somewhere else */
	const char *launcher;        /* our own path */
	bool help, version;
};
extern struct arguments arguments;
extern const struct option option_rows[]; /* options.c, like what follows */

struct verb {
	const char *noun, *name; /* name "": the noun is all */
	const char *args;        /* for the help: "VM CONTAINER [FILE]..." */
	int n_min, n_max;        /* how many; -1: any number */
	int (*run)(char *const args[], int n, struct error *err);
	const char *help;
};
extern const struct verb container_verbs[];    /* verb-container.c; ends with a NULL noun */
extern const struct verb serve_verbs[];        /* serve.c */
extern const struct verb vm_verbs[];           /* verb-vm.c */
extern const struct verb portal_verbs[];       /* verb-select-file.c */
extern const struct verb *const verb_tables[]; /* all of them; ends with NULL */

/* A call to the daemon, and waits. 0, or a sentence; the result is the caller's to end (grpc_result_fini). */
int ask_daemon(const struct grpc_method *m, const void *request, int64_t timeout_ms,
	       struct grpc_result *ret, struct error *err) WARN_UNUSED;

/* A relative path as of this process's folder; NULL stays. Heap. */
char *absolute_path(const char *path);

#define CONTROL_METHOD(name, request, response, fn, doc)                                           \
	{                                                                                          \
		"/reeve.HostControl/" name, &request##__descriptor, &response##__descriptor, 0, 0, \
			(fn), (doc)                                                                \
	}

/* The same as whoever calls it sees it. */
#define CONTROL_CALL(name, request, response) CONTROL_METHOD(name, request, response, NULL, NULL)

struct host;
struct control; /* control.c: the daemon's side; heap, one owner */
int control_open(struct host *h, struct control **ret, struct error *err) WARN_UNUSED;
void control_close(struct control *c);
