/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the container's side and their life, see container.h.
 */
#include "vm/container/container.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/container/service.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define PORT_MIN       10000
#define PORT_MAX       19999
#define DISK_CHECK_MS  (2 * 60 * 1000)
#define TOKEN_RETRY_US 100000
#define STOP_MS        2000  /* for calls that run */
#define JOB_END_MS     60000 /* for an installation or a playbook */
#define BYE_MS         2000  /* for what the host is still to be told */

/* ---- secrets ---- */

static bool is_word(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static int read_line(const char *file, char *out, size_t size)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 4096);
	int r = file_read(file, &text);
	if (r)
		return r;
	snprintf(out, size, "%.*s", (int)strcspn(buf_str(&text), "\r\n"), buf_str(&text));
	return 0;
}

int container_read_token(const char *file, int64_t wait_ms, char token[CONTAINER_TOKEN_SIZE],
			 struct error *err)
{
	int64_t until = clock_mono_ms() + wait_ms;
	int r;
	token[0] = '\0';
	while ((r = read_line(file, token, CONTAINER_TOKEN_SIZE)) != 0 || token[0] == '\0') {
		if (clock_mono_ms() >= until)
			return error_set(err, ERR_UNAVAILABLE, "%.200s: %s", file,
					 r ? strerror(-r) : "it is empty");
		usleep(TOKEN_RETRY_US);
	}
	if (!is_word(token))
		return error_set(err, ERR_INVALID, "%.200s holds no token", file);
	return 0;
}

int container_read_secret(const char *file, char secret[GRPC_TOKEN_MAX], struct error *err)
{
	int r = read_line(file, secret, GRPC_TOKEN_MAX);
	if (r)
		return error_set(err, ERR_UNAVAILABLE, "%.200s: %s", file, strerror(-r));
	if (secret[0] == '\0' || !is_word(secret))
		return error_set(err, ERR_INVALID, "%.200s holds no secret", file);
	return 0;
}

/* ---- the disk ---- */

static void tell_low_disk(struct container *c, uint64_t free_bytes)
{
	VmTools__Container__LowDiskSpaceTriggeredInfo m =
		VM_TOOLS__CONTAINER__LOW_DISK_SPACE_TRIGGERED_INFO__INIT;
	m.token = c->token;
	m.free_bytes = free_bytes;
	host_link_send(&c->link, &host_low_disk, &m);
}

static void check_disk(void *user)
{
	struct container *c = user;
	struct statvfs st;
	if (statvfs("/", &st) == 0) {
		uint64_t free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
		if (free_bytes >> 20 < (uint64_t)c->options.low_disk_mib)
			tell_low_disk(c, free_bytes);
	}
	timer_start(loop_timers(c->loop), &c->disk_timer, loop_now_ms(c->loop) + DISK_CHECK_MS);
}

/* ---- the host ---- */

static void on_up(void *user)
{
	struct container *c = user;
	applications_send(&c->applications);
	mime_types_send(&c->mime_types);
	check_disk(c);
}

/* Over vsock only the host: any process of this machine could come that way. Who listens elsewhere has said who can reach it. */
static bool accept_peer(const struct grpc_peer *peer, void *user)
{
	(void)user;
	if (peer->transport != TRANSPORT_VSOCK || peer->cid == VMADDR_CID_HOST)
		return true;
	log_limited(LOG_LEVEL_WARN, "turned away", F_STR("peer", peer->text));
	return false;
}

static void after_call(const struct grpc_peer *peer, const struct grpc_method *m,
		       enum grpc_code code, int64_t duration_ms, void *user)
{
	(void)user;
	log_limited(code == GRPC_OK ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "call",
		    F_STR("method", m ? m->path : "?"), F_STR("code", grpc_code_name(code)),
		    F_STR("peer", peer->text), F_INT("ms", duration_ms));
}

static uint32_t port_of(const struct endpoint *e)
{
	switch (e->transport) {
	case TRANSPORT_VSOCK:
		return e->addr.vm.svm_port;
	case TRANSPORT_TCP:
		return ntohs(e->addr.any.sa_family == AF_INET6 ? e->addr.in6.sin6_port
							       : e->addr.in.sin_port);
	case TRANSPORT_UNIX:
		break;
	}
	return 0;
}

static int listen_on_free_port(struct container *c, struct endpoint *bound, struct error *err)
{
	int r = ERR_UNAVAILABLE;
	for (unsigned port = PORT_MIN; port <= PORT_MAX && r == ERR_UNAVAILABLE; port++) {
		char address[32];
		snprintf(address, sizeof address, "vsock:%u", port);
		r = grpc_server_listen(c->server, address, 0600, bound, err);
	}
	return r;
}

/* Every process that reaches a TCP port could have packages installed: there the host shows a secret. */
static int check_listen(const struct container_options *o, struct error *err)
{
	struct endpoint e;
	int r = o->listen ? endpoint_parse(o->listen, &e, err) : 0;
	if (r == 0 && o->listen && e.transport == TRANSPORT_TCP && !o->vm_token_file)
		r = error_set(err, ERR_INVALID, "%s: over TCP a secret is needed: --vm-token-file",
			      o->listen);
	return r;
}

static int listen_for_host(struct container *c, struct error *err)
{
	struct endpoint bound;
	int r = check_listen(&c->options, err);
	if (r)
		return r;
	r = c->options.listen ? grpc_server_listen(c->server, c->options.listen, 0600, &bound, err)
			      : listen_on_free_port(c, &bound, err);
	if (r)
		return r;
	endpoint_format(&bound, c->address);
	if (c->options.port == 0)
		c->options.port = port_of(&bound);
	if (c->options.port == 0)
		return error_set(err, ERR_INVALID,
				 "a socket file has no port: --port says what the host is told");
	return 0;
}

/* ---- the end ---- */

static void on_stopped(void *user)
{
	const struct container *c = user;
	loop_quit(c->loop);
}

static void on_bye(void *user)
{
	struct container *c = user;
	grpc_server_stop(c->server, STOP_MS, on_stopped, c);
}

static void say_bye(struct container *c)
{
	timer_stop(loop_timers(c->loop), &c->end_timer);
	host_link_stop(&c->link, on_bye);
}

static void on_end_timer(void *user)
{
	log_warn("what is being installed does not come to its end");
	say_bye(user);
}

int container_may_begin(const struct container *c, struct error *err)
{
	return c->stopping ? error_set(err, ERR_UNAVAILABLE, "the container's side is ending") : 0;
}

void container_job_ended(struct container *c)
{
	if (c->end_timer.place > 0 && !c->package.busy && !c->playbook.busy)
		say_bye(c);
}

static void begin_end(struct container *c)
{
	c->stopping = true;
	timer_stop(loop_timers(c->loop), &c->disk_timer);
	if (!c->package.busy && !c->playbook.busy)
		return say_bye(c);
	log_info("waits for what is being installed");
	timer_start(loop_timers(c->loop), &c->end_timer, loop_now_ms(c->loop) + JOB_END_MS);
}

static void on_signals(void *user, uint32_t events)
{
	struct container *c = user;
	struct signalfd_siginfo info;
	(void)events;
	while (read(c->signals.fd, &info, sizeof info) == sizeof info)
		if (c->stopping)
			loop_quit(c->loop);
		else
			begin_end(c);
}

static int open_signals(struct container *c)
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
	c->signals = (struct loop_io){ .fd = fd, .fn = on_signals, .user = c };
	return loop_add(c->loop, &c->signals, EPOLLIN);
}

/* ---- life ---- */

static int open_secrets(struct container *c, struct error *err)
{
	const struct container_options *o = &c->options;
	int r = container_read_token(o->token_file, o->token_wait_ms, c->token, err);
	if (r == 0 && o->vm_token_file)
		r = container_read_secret(o->vm_token_file, c->vm_token, err);
	return r;
}

static int open_net(struct container *c, struct error *err)
{
	static const struct grpc_method *const tables[] = { garcon_methods, NULL };
	const char *vm_token = c->vm_token[0] ? c->vm_token : NULL;
	const struct grpc_server_options server = { .tables = tables,
						    .accept = accept_peer,
						    .after = after_call,
						    .user = c,
						    .token = vm_token };
	const struct host_link_options link = { .host = c->options.host,
						.token = c->token,
						.vm_token = vm_token,
						.check_ms = c->options.check_ms,
						.bye_ms = BYE_MS,
						.up = on_up,
						.user = c };
	int r = loop_new(&c->loop);
	if (r)
		return r;
	c->server = grpc_server_new(c->loop, &server);
	r = host_link_open(&c->link, c->loop, &link, err);
	return r ? r : listen_for_host(c, err);
}

static void open_parts(struct container *c)
{
	c->programs.loop = c->loop;
	c->disk_timer = (struct timer){ .fn = check_disk, .user = c };
	c->end_timer = (struct timer){ .fn = on_end_timer, .user = c };
	c->package.container = c->playbook.container = c;
	applications_open(&c->applications, &c->dirs, &c->link, &c->watcher, &c->programs);
	mime_types_open(&c->mime_types, &c->dirs, c->options.mime_folder, &c->link, &c->watcher);
	file_watches_open(&c->file_watches, c->dirs.home, &c->link, &c->watcher);
}

int container_open(struct container *c, const struct container_options *o, struct error *err)
{
	*c = (struct container){ .options = *o, .signals.fd = -1, .watcher.io.fd = -1 };
	dirs_init(&c->dirs);
	int r = open_secrets(c, err);
	if (r == 0)
		r = open_net(c, err);
	if (r == 0)
		r = open_signals(c);
	if (r == 0)
		r = watcher_open(&c->watcher, c->loop);
	if (r == 0) {
		open_parts(c);
		host_link_start(&c->link, (uint32_t)c->options.port);
	}
	return r;
}

int container_run(struct container *c)
{
	return loop_run(c->loop);
}

void container_close(struct container *c)
{
	if (c->loop) {
		timer_stop(loop_timers(c->loop), &c->disk_timer);
		timer_stop(loop_timers(c->loop), &c->end_timer); /* nobody is waited for */
	}
	host_link_close(&c->link); /* its last answers still find the others */
	grpc_server_free(c->server);
	programs_end(&c->programs); /* who waited for one still finds the others */
	file_watches_close(&c->file_watches);
	mime_types_close(&c->mime_types);
	applications_close(&c->applications);
	watcher_close(&c->watcher);
	if (c->signals.fd >= 0) {
		loop_remove(c->loop, &c->signals);
		close(c->signals.fd);
	}
	loop_free(c->loop);
	dirs_fini(&c->dirs);
}
