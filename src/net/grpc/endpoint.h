/* SPDX-License-Identifier: Apache-2.0
 *
 * Where to listen and where to connect, as one syntax:
 *
 *   vsock:CID:PORT    a VM, or the host (CID 2)
 *   vsock:PORT        listening: any CID of this machine; connecting: the host
 *   unix:PATH         a socket file; unix:@NAME has no file (abstract)
 *   tcp:ADDR:PORT     numeric: tcp:127.0.0.1:0, tcp:[::1]:8888 (port 0: any free one)
 *
 * Sockets are non-blocking and close on exec. Names are not resolved: these are addresses of
 * machines next door, and a resolver would block the loop.
 */
#pragma once

#include "base/err.h"
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

enum transport { TRANSPORT_UNIX, TRANSPORT_TCP, TRANSPORT_VSOCK };

#define ENDPOINT_TEXT_SIZE 128

struct endpoint {
	enum transport transport;
	socklen_t size; /* of the address in use */
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_vm vm;
	} addr;
};

/* Who is at the other end. Numbers that the transport does not know are GRPC_NOBODY. */
#define GRPC_NOBODY UINT32_MAX
struct grpc_peer {
	enum transport transport;
	uint32_t cid;                  /* vsock */
	uint32_t uid, gid, pid;        /* unix: of the process that connected */
	char text[ENDPOINT_TEXT_SIZE]; /* "vsock:3:1024", "unix:", "tcp:127.0.0.1:40000" */
};

/* 0, or ERR_INVALID naming the text and what is expected. */
int endpoint_parse(const char *text, struct endpoint *ret, struct error *err) WARN_UNUSED;
const char *endpoint_format(const struct endpoint *e, char text[ENDPOINT_TEXT_SIZE]);

/* Each: 0 or -errno. A socket file that nobody listens on any more is replaced; 'mode' is what a
 * new one gets. */
int endpoint_listen(const struct endpoint *e, mode_t mode, int *ret_fd) WARN_UNUSED;
int endpoint_local(int fd, struct endpoint *ret) WARN_UNUSED; /* as bound: the real port */
/* Begins to connect; when the socket is writable, endpoint_connected() says how it went. */
int endpoint_connect(const struct endpoint *e, int *ret_fd) WARN_UNUSED;
int endpoint_connected(int fd) WARN_UNUSED;
/* One connection off a listening socket; -EAGAIN: none waits. */
int endpoint_accept(int fd, int *ret_fd, struct grpc_peer *ret_peer) WARN_UNUSED;
