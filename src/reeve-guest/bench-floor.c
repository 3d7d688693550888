/* SPDX-License-Identifier: Apache-2.0
 *
 * What the kernel takes for one call at a time, whoever serves it: a server that only waits, receives and sends, as many
 * bytes as a call of bench-guest-calls has. For bench/maitred.py, which no server's figure can be below.
 *
 *   bench-floor SERVER_CORE LOAD_CORE CALLS
 *
 * "microseconds N": of the server's processor time, a call.
 */
#include "base/macros.h"
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST  106 /* bytes of a Mount in HTTP/2, from the second call on … */
#define RESPONSE 37  /* … and of its answer */

static int pin(const char *core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(strtoul(core, NULL, 10), &set);
	return sched_setaffinity(0, sizeof set, &set);
}

static int64_t used_ns(void)
{
	struct timespec t;
	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) < 0)
		abort();
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int serve(int fd, double n_calls)
{
	static uint8_t bytes[65536];
	struct epoll_event e = { .events = EPOLLIN };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
		return 1;
	int64_t before_ns = used_ns();
	while (epoll_wait(epoll_fd, &e, 1, 10000) == 1 && recv(fd, bytes, sizeof bytes, 0) > 0)
		if (send(fd, bytes, RESPONSE, MSG_NOSIGNAL) < 0)
			return 1;
	printf("microseconds %.2f\n", (double)(used_ns() - before_ns) / n_calls / 1000);
	return 0;
}

static int call(int fd, int64_t n_calls)
{
	uint8_t bytes[REQUEST] = { 0 };
	for (int64_t i = 0; i < n_calls; i++)
		if (send(fd, bytes, sizeof bytes, 0) < 0 || recv(fd, bytes, sizeof bytes, 0) <= 0)
			return 1;
	return 0;
}

int main(int argc, char *argv[])
{
	int fds[2];
	if (argc != 4 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 2;
	int64_t n_calls = strtoll(argv[3], NULL, 10);
	pid_t pid = n_calls > 0 ? fork() : -1;
	if (pid < 0)
		return 2;
	close(fds[pid == 0 ? 1 : 0]);
	if (pid == 0)
		return pin(argv[2]) < 0 || call(fds[0], n_calls);
	return pin(argv[1]) < 0 || serve(fds[1], (double)n_calls);
}
