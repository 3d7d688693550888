/* SPDX-License-Identifier: Apache-2.0
 *
 * container: the container's side as a whole: the link to the host, what is told over it, and the service that the host calls.
 * Everything runs on one loop. Reading the user's files is done there, too: they are small and bounded.
 */
#pragma once

#include "net/grpc/server.h"
#include "vm/container/applications.h"
#include "vm/container/child.h"
#include "vm/container/file-watch.h"
#include "vm/container/mime-types.h"

struct container_options {
	const char *host;       /* where ContainerListener is */
	const char *token_file; /* whose first line is our token */
	const char *listen; /* for the host; NULL: the first free vsock port of 10000 … 19999 */
	const char *vm_token_file; /* a secret for both directions over TCP, or NULL */
	const char *mime_folder;   /* of the system */
	int64_t port;              /* what the host is told; 0: as it listens */
	int64_t check_ms;          /* how often we see whether the host knows us still */
	int64_t token_wait_ms;     /* for the token to appear */
	int64_t low_disk_mib;      /* less than that is told */
};

struct job { /* an installation, or a playbook; one of each kind at a time */
	struct container *container;
	bool busy;
	char uuid[64];      /* the host's name for it */
	unsigned percent;   /* as last told */
	char failure[1024]; /* the last words of what went wrong */
	char *path;         /* of what is to be removed afterwards, or NULL */
};

struct container { /* embedded; does not move */
	struct container_options options;
	struct loop *loop;
	struct dirs dirs;
	char token[CONTAINER_TOKEN_SIZE], vm_token[GRPC_TOKEN_MAX];
	char address[ENDPOINT_TEXT_SIZE]; /* where we listen */
	struct grpc_server *server;
	struct host_link link;
	struct watcher watcher;
	struct applications applications;
	struct mime_types mime_types;
	struct file_watches file_watches;
	struct programs programs;
	struct job package, playbook;
	struct timer disk_timer;
	struct timer end_timer; /* runs: a job is waited for */
	struct loop_io signals;
	bool stopping;
};

/* The first line of the file, at most 36 characters; waits for it that long. ERR_UNAVAILABLE, ERR_INVALID. */
int container_read_token(const char *file, int64_t wait_ms, char token[CONTAINER_TOKEN_SIZE],
			 struct error *err) WARN_UNUSED;
int container_read_secret(const char *file, char secret[GRPC_TOKEN_MAX],
			  struct error *err) WARN_UNUSED;

int container_open(struct container *c, const struct container_options *o,
		   struct error *err) WARN_UNUSED;
/* Until SIGTERM or SIGINT, and then until the jobs have ended, a minute at most: what is half installed is worse than what is
 * late. A second signal ends it at once. */
int container_run(struct container *c) WARN_UNUSED;
int container_may_begin(const struct container *c,
			struct error *err) WARN_UNUSED; /* a job: 0, ERR_UNAVAILABLE */
void container_job_ended(struct container *c);          /* of a job that is not busy any more */
void container_close(struct container *c);              /* after a failed open, too */
