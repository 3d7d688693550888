/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the listening socket; listen.h has the contract.
 */
#include "net/http/listen.h"
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096 /* the kernel cuts it to net.core.somaxconn */

struct place {
	char host[256], port[6];
};

static bool all_digits(const char *s)
{
	return *s && s[strspn(s, "0123456789")] == '\0';
}

static bool split(const char *address, struct place *ret)
{
	const char *host = address, *end, *colon = strrchr(address, ':');
	if (!colon || !all_digits(colon + 1) || strlen(colon + 1) >= sizeof ret->port ||
	    strtoul(colon + 1, NULL, 10) > 65535)
		return false;
	end = colon;
	if (*host == '[') {
		host++;
		end = colon - 1;
		if (end < host || *end != ']')
			return false;
	} else if (memchr(host, ':', (size_t)(end - host))) {
		return false; /* an IPv6 address without brackets */
	}
	size_t n = (size_t)(end - host);
	if (n >= sizeof ret->host)
		return false;
	memcpy(ret->host, host, n);
	ret->host[n] = '\0';
	memcpy(ret->port, colon + 1, strlen(colon + 1) + 1);
	return true;
}

static int open_socket(const struct addrinfo *a)
{
	const int on = 1, off = 0;
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* Restarting must not wait for the old connections' TIME_WAIT. "[::]" is IPv4 too. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
	    (a->ai_family == AF_INET6 &&
	     setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) < 0) ||
	    bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

static unsigned port_of(int fd)
{
	struct sockaddr_storage sa;
	socklen_t n = sizeof sa;
	if (getsockname(fd, (struct sockaddr *)&sa, &n) < 0)
		abort(); /* it is ours and bound */
	return ntohs(sa.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)&sa)->sin6_port
					      : ((struct sockaddr_in *)(void *)&sa)->sin_port);
}

int listen_open(const char *address, int *ret_fd, unsigned *ret_port, bool *ret_ipv6,
		struct error *err)
{
	struct place p;
	struct addrinfo *found;
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST };
	if (!split(address, &p))
		return error_set(err, ERR_INVALID,
				 "cannot listen on '%s': it should look like 127.0.0.1:8081 or "
				 "[::1]:8081",
				 address);
	int r = getaddrinfo(p.host[0] ? p.host : NULL, p.port, &hints, &found);
	if (r)
		return error_set(err, ERR_INVALID, "cannot listen on %s: %s", address,
				 gai_strerror(r));
	int fd = open_socket(found);
	*ret_ipv6 = found->ai_family == AF_INET6;
	freeaddrinfo(found);
	if (fd < 0)
		return error_set(
			err, ERR_UNAVAILABLE, "cannot listen on %s: %s%s", address, strerror(-fd),
			fd == -EADDRINUSE ? " \xe2\x80\x94 is another reeved running?" : "");
	*ret_fd = fd;
	*ret_port = port_of(fd);
	return 0;
}
