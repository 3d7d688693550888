/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-host serve: the daemon.
 */
#include "base/log.h"
#include "program.h"
#include "reeve-host/control-vm.h"
#include "vm/host/host.h"
#include "vm/machine/machine.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define STOP_MS 2000 /* for calls that run */

struct daemon {
	struct host host;
	struct control *control;
	struct uplink uplink;
	struct loop_io signals;
	bool stopping;
};

static void on_stopped(void *user)
{
	struct daemon *d = user;
	loop_quit(d->host.loop);
}

static void on_signals(void *user, uint32_t events)
{
	struct daemon *d = user;
	struct signalfd_siginfo info;
	(void)events;
	while (read(d->signals.fd, &info, sizeof info) == sizeof info)
		if (!d->stopping) {
			d->stopping = true;
			host_stop(&d->host, STOP_MS, on_stopped, d);
		}
}

static int open_signals(struct daemon *d)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	d->signals = (struct loop_io){ .fd = fd, .fn = on_signals, .user = d };
	return loop_add(d->host.loop, &d->signals, EPOLLIN);
}

static void close_daemon(struct daemon *d)
{
	uplink_close(&d->uplink);
	control_close(d->control);
	machines_close(TAKE(d->host.machines));
	if (d->signals.fd >= 0) {
		loop_remove(d->host.loop, &d->signals);
		close(d->signals.fd);
	}
	host_close(&d->host);
}

/* Two machines of one name or CID, in the configuration and in the state folder. */
static int as_configuration(int r, struct error *err)
{
	if (r == ERR_CONFLICT)
		r = err->code = ERR_INVALID;
	return r;
}

static int serve(char *const args[], int n, struct error *err)
{
	const struct host_options o = { .state = arguments.state,
					.config = arguments.config,
					.data_home = arguments.no_menu ? NULL : arguments.data_home,
					.launcher = arguments.launcher,
					.listen = arguments.listen };
	struct daemon d = { .signals.fd = -1 };
	(void)args;
	(void)n;
	int r = host_open(&d.host, &o, err);
	if (r == 0)
		r = open_signals(&d);
	if (r == 0)
		r = machines_open(&d.host, &d.host.machines, err);
	r = as_configuration(r, err);
	if (r == 0)
		r = control_open(&d.host, &d.control, err);
	d.uplink.machine_command = control_vm_command;
	d.uplink.machine_user = d.host.machines;
	if (r == 0)
		r = uplink_open(&d.uplink, &d.host, err);
	if (r == 0) {
		printf("reeve-host: ready%s\n", buf_str(&d.host.addresses));
		fflush(stdout);
		r = loop_run(d.host.loop);
	}
	close_daemon(&d);
	return r;
}

const struct verb serve_verbs[] = {
	{ "serve", "", "", 0, 0, serve, "serve machines and containers until told to end" },
	{ .noun = NULL },
};
