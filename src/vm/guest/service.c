/* SPDX-License-Identifier: Apache-2.0
 *
 * vm_tools.Maitred, the calls of its beginning (service-machine.c has the later ones): one row and one handler each. Status codes are maitred's own
 * (docs/internals/guest.md names the differences). What may block goes to a worker, what waits for
 * something is deferred: no call holds up another.
 */
#include "base/buf.h"
#include "vm/guest/guest-service.h"
#include "vm/guest/network.h"

#define ENV_MAX ((size_t)4 << 20)

void reply_empty(struct grpc_call *call)
{
	const VmTools__EmptyMessage empty = VM_TOOLS__EMPTY_MESSAGE__INIT;
	grpc_reply(call, &empty);
}

void reply_result(struct grpc_call *call, int r, const struct error *err)
{
	if (r)
		grpc_reply_error(call, r, err);
	else
		reply_empty(call);
}

bool defer_to_worker(struct grpc_call *call, void (*fn)(void *call))
{
	struct guest *g = grpc_call_user(call);
	grpc_defer(call, NULL, NULL);
	bool ok = workers_do(g->workers, fn, call);
	if (!ok)
		grpc_reply_status(call, GRPC_RESOURCE_EXHAUSTED, "too much at once");
	return ok;
}

/* ---- ConfigureNetwork ---- */

static void configure_network(struct grpc_call *call)
{
	const struct guest *g = grpc_call_user(call);
	const VmTools__NetworkConfigRequest *request = grpc_call_request(call);
	const VmTools__IPv4Config *ipv4 = request->ipv4_config;
	struct ipv4_config c = { 0 };
	struct error err;
	if (ipv4)
		c = (struct ipv4_config){ ipv4->address, ipv4->netmask, ipv4->gateway };
	int r = network_check(&c, &err);
	if (r == 0 && g->options.init) /* a daemon's distribution has its own mind about it */
		r = network_forward(g->options.interface, &err);
	if (r == 0)
		r = network_configure(g->options.interface, &c, &err);
	reply_result(call, r, &err);
}

/* ---- Shutdown ---- */

static void forget_shutdown(struct grpc_call *call, void *user)
{
	struct guest *g = user;
	for (size_t i = 0; i < g->n_shutdowns; i++)
		if (g->shutdowns[i] == call)
			g->shutdowns[i] = g->shutdowns[--g->n_shutdowns];
	grpc_reply_status(call, GRPC_CANCELLED, "the caller is gone; the machine goes down");
}

static void shut_down(struct grpc_call *call)
{
	struct guest *g = grpc_call_user(call);
	if (!g->options.init) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "this agent is not the init process");
	} else if (g->n_shutdowns == GUEST_SHUTDOWNS_MAX) {
		grpc_reply_status(call, GRPC_RESOURCE_EXHAUSTED, "many wait for it already");
	} else {
		grpc_defer(call, forget_shutdown, g);
		g->shutdowns[g->n_shutdowns++] = call;
		shutdown_begin(&g->shutdown);
	}
}

/* ---- LaunchProcess ---- */

struct launching { /* a call that waits; heap, freed with its reply */
	struct guest *guest;
	struct grpc_call *call;
	uint64_t number;
};

static const VmTools__ProcessStatus statuses[] = {
	[PROCESS_EXITED] = VM_TOOLS__PROCESS_STATUS__EXITED,
	[PROCESS_SIGNALED] = VM_TOOLS__PROCESS_STATUS__SIGNALED,
	[PROCESS_LAUNCHED] = VM_TOOLS__PROCESS_STATUS__LAUNCHED,
	[PROCESS_FAILED] = VM_TOOLS__PROCESS_STATUS__FAILED,
};

static void reply_outcome(struct grpc_call *call, enum table_status status, int code)
{
	VmTools__LaunchProcessResponse response = VM_TOOLS__LAUNCH_PROCESS_RESPONSE__INIT;
	response.status = statuses[status];
	response.code = code;
	grpc_reply(call, &response);
}

static void on_outcome(const struct outcome *o, void *user)
{
	struct launching *l = user;
	reply_outcome(l->call, o->status, o->code);
	free(l);
}

static void forget_launch(struct grpc_call *call, void *user)
{
	struct launching *l = user;
	table_forget(l->guest->table, l->number); /* the process runs on */
	grpc_reply_status(call, GRPC_CANCELLED, "the caller is gone");
	free(l);
}

/* false: setenv() would not take the name. */
static bool is_name(const char *key)
{
	return key[0] != '\0' && !strchr(key, '=');
}

static void free_env(char **env)
{
	for (size_t i = 0; env[i]; i++)
		free(env[i]);
	free(env);
}

/* NULL: a name is not valid. A name that comes twice has its last value. */
static char **new_env(const VmTools__LaunchProcessRequest *request)
{
	char **env = calloc(request->n_env + 1, sizeof *env);
	size_t n = 0;
	if (!env)
		abort();
	for (size_t i = request->n_env; i-- > 0;) {
		const VmTools__LaunchProcessRequest__EnvEntry *e = request->env[i];
		struct buf pair;
		if (!is_name(e->key)) {
			free_env(env);
			return NULL;
		}
		buf_init(&pair, ENV_MAX);
		buf_addf(&pair, "%s=%s", e->key, e->value);
		env[n] = buf_take(&pair);
		if (!env[n])
			abort(); /* the whole message is smaller than that */
		n++;
	}
	return env;
}

static void launch(struct grpc_call *call, const VmTools__LaunchProcessRequest *request, char **env)
{
	struct guest *g = grpc_call_user(call);
	struct launching *l = calloc(1, sizeof *l);
	char **argv = calloc(request->n_argv + 1, sizeof *argv);
	if (!l || !argv)
		abort();
	memcpy(argv, request->argv, request->n_argv * sizeof *argv);
	const struct launch what = { .argv = (const char *const *)argv,
				     .env = (const char *const *)env,
				     .respawn = request->respawn,
				     .console = request->use_console,
				     .wait = request->wait_for_exit };
	*l = (struct launching){ .guest = g, .call = call };
	grpc_defer(call, forget_launch, l);
	l->number = table_launch(g->table, &what, on_outcome, l);
	free(argv);
}

static void launch_process(struct grpc_call *call)
{
	const struct guest *g = grpc_call_user(call);
	const VmTools__LaunchProcessRequest *request = grpc_call_request(call);
	if (request->n_argv == 0) {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "argv is missing");
		return;
	}
	if (request->respawn && request->wait_for_exit) {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT,
				  "respawn and wait_for_exit do not go together");
		return;
	}
	if (g->shutdown.state != SHUTDOWN_IDLE) {
		grpc_reply_status(call, GRPC_UNAVAILABLE, "the machine goes down");
		return;
	}
	char **env = new_env(request);
	if (!env) {
		reply_outcome(call, PROCESS_FAILED, 0);
		return;
	}
	launch(call, request, env);
	free_env(env);
}

/* ---- the table ---- */

const struct grpc_method guest_methods[] = {
	GUEST_METHOD("ConfigureNetwork", network_config_request, empty_message, configure_network,
		     "sets the address of the interface and the default route"),
	GUEST_METHOD("Shutdown", empty_message, empty_message, shut_down,
		     "ends all processes, unmounts, answers and switches off"),
	GUEST_METHOD("LaunchProcess", launch_process_request, launch_process_response,
		     launch_process, "starts a program"),
	GUEST_METHOD("Mount", mount_request, mount_response, call_mount, "mount(2)"),
	{ .path = NULL },
};
