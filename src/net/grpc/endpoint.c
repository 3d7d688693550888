/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses as text, and their sockets, see endpoint.h.
 */
#include "net/grpc/endpoint.h"
#include "base/span.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 128

/* ---- text ---- */

static bool parse_u32(struct span text, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;
	if (text.n == 0 || text.n > 10)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + text.p[i] - '0';
	}
	*ret = (uint32_t)v;
	return v <= max;
}

static bool parse_vsock(struct span text, struct endpoint *e)
{
	struct span cid;
	uint32_t port;
	struct sockaddr_vm *vm = &e->addr.vm;
	e->transport = TRANSPORT_VSOCK;
	e->size = sizeof *vm;
	vm->svm_family = AF_VSOCK;
	vm->svm_cid = VMADDR_CID_ANY;
	if (span_get_until(&text, ':', &cid) && !parse_u32(cid, UINT32_MAX - 1, &vm->svm_cid))
		return false;
	if (!parse_u32(text, UINT32_MAX, &port))
		return false;
	vm->svm_port = port;
	return true;
}

static bool parse_unix(struct span text, struct endpoint *e)
{
	struct sockaddr_un *un = &e->addr.un;
	e->transport = TRANSPORT_UNIX;
	un->sun_family = AF_UNIX;
	if (text.n == 0 || text.n >= sizeof un->sun_path || memchr(text.p, '\0', text.n))
		return false;
	memcpy(un->sun_path, text.p, text.n);
	e->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + text.n);
	if (text.p[0] == '@')
		un->sun_path[0] = '\0';
	else
		e->size++; /* its NUL */
	return true;
}

static bool parse_host(const char *host, uint16_t port, struct endpoint *e)
{
	size_t n = strlen(host);
	char bare[INET6_ADDRSTRLEN];
	if (inet_pton(AF_INET, host, &e->addr.in.sin_addr) == 1) {
		e->addr.in.sin_family = AF_INET;
		e->addr.in.sin_port = htons(port);
		e->size = sizeof e->addr.in;
		return true;
	}
	if (n < 3 || host[0] != '[' || host[n - 1] != ']')
		return false;
	snprintf(bare, sizeof bare, "%.*s", (int)(n - 2), host + 1);
	e->addr.in6.sin6_family = AF_INET6;
	e->addr.in6.sin6_port = htons(port);
	e->size = sizeof e->addr.in6;
	return inet_pton(AF_INET6, bare, &e->addr.in6.sin6_addr) == 1;
}

static bool parse_tcp(struct span text, struct endpoint *e)
{
	char host[INET6_ADDRSTRLEN + 3];
	const uint8_t *colon = memrchr(text.p, ':', text.n);
	uint32_t port;
	e->transport = TRANSPORT_TCP;
	if (!colon || (size_t)(colon - text.p) >= sizeof host)
		return false;
	struct span digits = { colon + 1, text.n - 1 - (size_t)(colon - text.p) };
	snprintf(host, sizeof host, "%.*s", (int)(colon - text.p), (const char *)text.p);
	return parse_u32(digits, UINT16_MAX, &port) && parse_host(host, (uint16_t)port, e);
}

static const struct {
	const char *scheme;
	bool (*parse)(struct span rest, struct endpoint *e);
} schemes[] = {
	[TRANSPORT_UNIX] = { "unix", parse_unix },
	[TRANSPORT_TCP] = { "tcp", parse_tcp },
	[TRANSPORT_VSOCK] = { "vsock", parse_vsock },
};

int endpoint_parse(const char *text, struct endpoint *ret, struct error *err)
{
	struct span rest = span_str(text), scheme;
	*ret = (struct endpoint){ 0 };
	if (span_get_until(&rest, ':', &scheme))
		for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
			if (span_eq_str(scheme, schemes[i].scheme) && schemes[i].parse(rest, ret))
				return 0;
	return error_set(err, ERR_INVALID,
			 "“%s” is no address: vsock:PORT, vsock:CID:PORT, unix:PATH or "
			 "tcp:ADDR:PORT",
			 text);
}

static void format_unix(const struct sockaddr_un *un, socklen_t size, char *text)
{
	size_t n = size > offsetof(struct sockaddr_un, sun_path)
			   ? size - offsetof(struct sockaddr_un, sun_path)
			   : 0;
	if (n > 0 && un->sun_path[0] == '\0')
		snprintf(text, ENDPOINT_TEXT_SIZE, "unix:@%.*s", (int)(n - 1), un->sun_path + 1);
	else
		snprintf(text, ENDPOINT_TEXT_SIZE, "unix:%.*s", (int)n, un->sun_path);
}

static void format_tcp(const struct endpoint *e, char *text)
{
	char host[INET6_ADDRSTRLEN] = "";
	if (e->addr.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &e->addr.in.sin_addr, host, sizeof host);
		snprintf(text, ENDPOINT_TEXT_SIZE, "tcp:%s:%u", host, ntohs(e->addr.in.sin_port));
	} else {
		inet_ntop(AF_INET6, &e->addr.in6.sin6_addr, host, sizeof host);
		snprintf(text, ENDPOINT_TEXT_SIZE, "tcp:[%s]:%u", host,
			 ntohs(e->addr.in6.sin6_port));
	}
}

static void format_vsock(const struct sockaddr_vm *vm, char *text)
{
	if (vm->svm_cid == VMADDR_CID_ANY)
		snprintf(text, ENDPOINT_TEXT_SIZE, "vsock:%u", vm->svm_port);
	else
		snprintf(text, ENDPOINT_TEXT_SIZE, "vsock:%u:%u", vm->svm_cid, vm->svm_port);
}

const char *endpoint_format(const struct endpoint *e, char text[ENDPOINT_TEXT_SIZE])
{
	switch (e->transport) {
	case TRANSPORT_UNIX:
		format_unix(&e->addr.un, e->size, text);
		break;
	case TRANSPORT_TCP:
		format_tcp(e, text);
		break;
	case TRANSPORT_VSOCK:
		format_vsock(&e->addr.vm, text);
		break;
	}
	return text;
}

/* ---- sockets ---- */

static int new_socket(const struct endpoint *e, int *ret_fd)
{
	const int one = 1;
	int fd = socket(e->addr.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (e->transport == TRANSPORT_TCP)
		(void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	*ret_fd = fd;
	return 0;
}

/* A socket on which nobody accepts any more: its owner died without removing it. */
static bool is_stale(const struct endpoint *e)
{
	CLEANUP(close_fdp) int fd = -1;
	struct stat st;
	if (lstat(e->addr.un.sun_path, &st) < 0 || !S_ISSOCK(st.st_mode) || new_socket(e, &fd) < 0)
		return false;
	return connect(fd, &e->addr.any, e->size) < 0 && errno == ECONNREFUSED;
}

static int bind_unix(int fd, const struct endpoint *e, mode_t mode)
{
	const char *path = e->addr.un.sun_path;
	if (path[0] == '\0')
		return bind(fd, &e->addr.any, e->size) < 0 ? -errno : 0;
	/* Nobody may connect between bind() and chmod(): before listen() nobody can. */
	if (bind(fd, &e->addr.any, e->size) < 0) {
		if (errno != EADDRINUSE || !is_stale(e))
			return -errno;
		if (unlink(path) < 0 || bind(fd, &e->addr.any, e->size) < 0)
			return -errno;
	}
	return chmod(path, mode) < 0 ? -errno : 0;
}

static int bind_any(int fd, const struct endpoint *e, mode_t mode)
{
	const int one = 1;
	if (e->transport == TRANSPORT_UNIX)
		return bind_unix(fd, e, mode);
	if (e->transport == TRANSPORT_TCP)
		(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	return bind(fd, &e->addr.any, e->size) < 0 ? -errno : 0;
}

int endpoint_listen(const struct endpoint *e, mode_t mode, int *ret_fd)
{
	CLEANUP(close_fdp) int fd = -1;
	int r = new_socket(e, &fd);
	if (r == 0)
		r = bind_any(fd, e, mode);
	if (r == 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static enum transport transport_of(const struct sockaddr *sa)
{
	return sa->sa_family == AF_UNIX    ? TRANSPORT_UNIX
	       : sa->sa_family == AF_VSOCK ? TRANSPORT_VSOCK
					   : TRANSPORT_TCP;
}

int endpoint_local(int fd, struct endpoint *ret)
{
	*ret = (struct endpoint){ .size = sizeof ret->addr };
	if (getsockname(fd, &ret->addr.any, &ret->size) < 0)
		return -errno;
	ret->transport = transport_of(&ret->addr.any);
	return 0;
}

int endpoint_connect(const struct endpoint *e, int *ret_fd)
{
	CLEANUP(close_fdp) int fd = -1;
	struct endpoint to = *e;
	if (to.transport == TRANSPORT_VSOCK && to.addr.vm.svm_cid == VMADDR_CID_ANY)
		to.addr.vm.svm_cid = VMADDR_CID_HOST;
	int r = new_socket(&to, &fd);
	if (r < 0)
		return r;
	if (connect(fd, &to.addr.any, to.size) < 0 && errno != EINPROGRESS)
		return -errno;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int endpoint_connected(int fd)
{
	int error = 0;
	socklen_t n = sizeof error;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? -errno : -error;
}

static void peer_of(int fd, const struct endpoint *from, struct grpc_peer *ret)
{
	struct ucred who;
	socklen_t n = sizeof who;
	*ret = (struct grpc_peer){ .transport = from->transport,
				   .cid = GRPC_NOBODY,
				   .uid = GRPC_NOBODY,
				   .gid = GRPC_NOBODY,
				   .pid = GRPC_NOBODY };
	endpoint_format(from, ret->text);
	if (from->transport == TRANSPORT_VSOCK) {
		ret->cid = from->addr.vm.svm_cid;
	} else if (from->transport == TRANSPORT_UNIX &&
		   getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0) {
		ret->uid = who.uid;
		ret->gid = who.gid;
		ret->pid = (uint32_t)who.pid;
	}
}

int endpoint_accept(int fd, int *ret_fd, struct grpc_peer *ret_peer)
{
	const int one = 1;
	struct endpoint from = { .size = sizeof from.addr };
	int got = accept4(fd, &from.addr.any, &from.size, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (got < 0)
		return -errno;
	from.transport = transport_of(&from.addr.any);
	if (from.transport == TRANSPORT_TCP)
		(void)!setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	peer_of(got, &from, ret_peer);
	*ret_fd = got;
	return 0;
}
