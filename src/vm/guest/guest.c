/* SPDX-License-Identifier: Apache-2.0
 *
 * The agent's parts and their life, see guest.h.
 */
#include "vm/guest/guest.h"
#include "base/file.h"
#include "base/log.h"
#include "vm/guest/network.h"
#include "vm/proto/vm_host.pb-c.h"
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define READY_TIMEOUT_MS 60000
#define STOP_MS          2000 /* for calls that run when the agent ends */

static const struct grpc_method vm_ready = {
	.path = "/vm_tools.StartupListener/VmReady",
	.request = &vm_tools__empty_message__descriptor,
	.response = &vm_tools__empty_message__descriptor,
};

const struct grpc_method *const guest_tables[] = { guest_methods, guest_machine_methods,
						   guest_resize_methods, NULL };

/* ---- who may call ---- */

static bool is_listed(const struct option_list *allowed, uint32_t cid)
{
	for (int i = 0; i < allowed->n; i++)
		if (strtoul(allowed->items[i], NULL, 10) == cid)
			return true;
	return allowed->n == 0 && cid == VMADDR_CID_HOST;
}

static int check_cids(const struct option_list *allowed, struct error *err)
{
	for (int i = 0; i < allowed->n; i++) {
		const char *text = allowed->items[i];
		size_t n = strspn(text, "0123456789");
		if (n == 0 || n > 9 || text[n] != '\0')
			return error_set(err, ERR_INVALID, "“%s” is no CID", text);
	}
	return 0;
}

/* Over vsock every process of the machine that can open a socket could be the host: only the CID says that
 * it is. Who listens on a socket file or a port has said by that who can reach it. */
static bool accept_peer(const struct grpc_peer *peer, void *user)
{
	const struct guest *g = user;
	if (peer->transport != TRANSPORT_VSOCK || is_listed(&g->options.allow_cid, peer->cid))
		return true;
	log_limited(LOG_LEVEL_WARN, "turned away", F_STR("peer", peer->text));
	return false;
}

static void after_call(const struct grpc_peer *peer, const struct grpc_method *m,
		       enum grpc_code code, int64_t duration_ms, void *user)
{
	log_limited(code == GRPC_OK ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, "call",
		    F_STR("method", m ? m->path : "?"), F_STR("code", grpc_code_name(code)),
		    F_STR("peer", peer->text), F_INT("ms", duration_ms));
}

/* ---- ends ---- */

static void stopped(void *user)
{
	struct guest *g = user;
	loop_quit(g->loop);
}

static void stop(struct guest *g)
{
	if (g->stopping)
		return;
	g->stopping = true;
	grpc_server_stop(g->server, STOP_MS, stopped, g);
}

/* Everything else has ended: those who asked for it may know, and then it is our turn. */
static void shutdown_done(void *user)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	struct guest *g = user;
	while (g->n_shutdowns > 0)
		grpc_reply(g->shutdowns[--g->n_shutdowns], &empty);
	stop(g);
}

static void on_signal(struct guest *g, uint32_t number)
{
	if (number == SIGCHLD) {
		if (table_reap(g->table))
			shutdown_all_gone(&g->shutdown);
	} else if (!g->options.init) {
		stop(g);
	} else { /* Ctrl-Alt-Del is SIGINT */
		g->reboot = number == SIGINT ? RB_AUTOBOOT : RB_POWER_OFF;
		shutdown_begin(&g->shutdown);
	}
}

static void on_signals(void *user, uint32_t events)
{
	struct guest *g = user;
	struct signalfd_siginfo info;
	(void)events;
	while (read(g->signals.fd, &info, sizeof info) == sizeof info)
		on_signal(g, info.ssi_signo);
}

static int open_signals(struct guest *g)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	g->signals = (struct loop_io){ .fd = fd, .fn = on_signals, .user = g };
	return loop_add(g->loop, &g->signals, EPOLLIN);
}

/* ---- the host ---- */

static void on_ready_told(const struct grpc_result *result, void *user)
{
	struct guest *g = user;
	if (result->status.code == GRPC_OK)
		log_info("the host knows that we are ready");
	else
		log_warn("the host was not told that we are ready",
			 F_STR("code", grpc_code_name(result->status.code)),
			 F_STR("message", result->status.message));
	grpc_client_free(TAKE(g->host));
}

static int open_host(struct guest *g, struct error *err)
{
	const struct grpc_client_options o = { .address = g->options.ready,
					       .token = g->token[0] ? g->token : NULL,
					       .wait_for_ready = true };
	return o.address ? grpc_client_new(g->loop, &o, &g->host, err) : 0;
}

static void tell_host(void *user)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	struct guest *g = user;
	if (g->host)
		grpc_client_call(g->host, &vm_ready, &empty, READY_TIMEOUT_MS, on_ready_told, g);
}

/* ---- life ---- */

static int read_token(struct guest *g, struct error *err)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, sizeof g->token - 1);
	if (!g->options.token_file)
		return 0;
	int r = file_read(g->options.token_file, &text);
	if (r < 0)
		return error_set(err, ERR_INVALID, "cannot read the token of %s: %s",
				 g->options.token_file, strerror(-r));
	snprintf(g->token, sizeof g->token, "%s", buf_str(&text));
	g->token[strcspn(g->token, "\r\n")] = '\0';
	if (g->token[0] == '\0')
		return error_set(err, ERR_INVALID, "there is no token in %s",
				 g->options.token_file);
	return 0;
}

static int listen_all(struct guest *g, struct error *err)
{
	static const struct option_list standard = { .items = { "vsock:8888" }, .n = 1 };
	const struct option_list *list = g->options.listen.n ? &g->options.listen : &standard;
	for (int i = 0; i < list->n; i++) {
		char text[ENDPOINT_TEXT_SIZE];
		struct endpoint bound;
		int r = grpc_server_listen(g->server, list->items[i], 0600, &bound, err);
		if (r)
			return r;
		log_info("listening", F_STR("address", endpoint_format(&bound, text)));
	}
	return 0;
}

int guest_open(struct guest *g, const struct guest_options *o, struct error *err)
{
	const struct grpc_server_options options = {
		.tables = guest_tables,
		.accept = accept_peer,
		.after = after_call,
		.user = g,
		.token = o->token_file ? g->token : NULL,
	};
	*g = (struct guest){ .options = *o, .signals.fd = -1, .reboot = RB_POWER_OFF };
	int r = check_cids(&o->allow_cid, err);
	if (r == 0)
		r = read_token(g, err);
	if (r == 0 && o->address)
		r = network_begin(o->interface, o->address, err);
	if (r == 0 && o->address && o->init)
		r = network_forward(o->interface, err);
	if (r == 0)
		r = loop_new(&g->loop);
	if (r)
		return r;
	pthread_mutex_init(&g->resizing.lock, NULL);
	g->table = table_new(g->loop);
	g->workers = workers_new(g->loop);
	g->server = grpc_server_new(g->loop, &options);
	shutdown_init(&g->shutdown, g->loop, g->table, shutdown_done, g);
	r = open_signals(g);
	if (r == 0)
		r = listen_all(g, err);
	if (r == 0)
		r = open_host(g, err);
	if (r == 0)
		startup_begin(&g->startup, g->loop, g->table, o->startup, tell_host, g);
	return r;
}

int guest_run(struct guest *g)
{
	return loop_run(g->loop);
}

void guest_close(struct guest *g)
{
	if (!g->loop)
		return;
	grpc_client_free(g->host);
	grpc_server_free(g->server);
	workers_free(g->workers);
	pthread_mutex_destroy(&g->resizing.lock);
	startup_fini(&g->startup);
	shutdown_fini(&g->shutdown);
	table_free(g->table);
	if (g->signals.fd >= 0) {
		loop_remove(g->loop, &g->signals);
		close(g->signals.fd);
	}
	loop_free(g->loop);
}
