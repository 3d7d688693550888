/* SPDX-License-Identifier: Apache-2.0
 *
 * ContainerListener: what a container wants opened or chosen on the host. A person sees what comes of it, so it is bounded: URLs and
 * terminals by one window for everybody, the rest by the programs that run at once (hook.h).
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "vm/host/listener.h"
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 1000

/* Before everything else, so that wrong calls cost as much as right ones. */
static bool may_open(struct grpc_call *call)
{
	struct host *h = caller_host(call);
	if (window_take(&h->opens, clock_mono_ms()))
		return true;
	grpc_reply_status(call, GRPC_RESOURCE_EXHAUSTED, "more than %d calls in %d s", OPEN_MAX,
			  OPEN_WINDOW_MS / 1000);
	return false;
}

static void on_opened(void *user, const struct program_end *end)
{
	(void)user;
	if (end->status != 0)
		log_limited(LOG_LEVEL_WARN, "what a container wanted opened was not",
			    F_INT("status", end->status));
}

static void run_or_refuse(struct grpc_call *call, enum hook hook, const struct hook_event *event)
{
	struct error err;
	int r = hook_run(&caller_host(call)->hooks, hook, event, on_opened, NULL, NULL, &err);
	if (r)
		reply_refused(call, r, &err);
	else
		reply_done(call);
}

static void open_url(struct grpc_call *call)
{
	const VmTools__Container__OpenUrlRequest *request = grpc_call_request(call);
	CLEANUP(buf_fini) struct buf url;
	struct error err;
	buf_init(&url, 100000);
	struct container *c = may_open(call) ? caller_container(call, request->token, true) : NULL;
	if (!c)
		return;
	int r = translate_url(host_translation(caller_host(call), c), request->url, &url, &err);
	if (r) {
		reply_refused(call, r, &err);
		return;
	}
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "url", buf_str(&url) } } };
	run_or_refuse(call, HOOK_OPEN_URL, &event);
}

static void open_terminal(struct grpc_call *call)
{
	const VmTools__Container__OpenTerminalRequest *request = grpc_call_request(call);
	struct container *c = may_open(call) ? caller_container(call, request->token, false) : NULL;
	if (!c)
		return;
	const struct container_config *config =
		host_config_container(&caller_host(call)->config, c->vm->name, c->name);
	const struct hook_event event = {
		.vm = c->vm->name,
		.container = c->name,
		.params = { request->params, request->n_params },
		.enter = { config ? config->enter : NULL, config ? config->n_enter : 0 },
	};
	/* It stands behind the words of enter:, and ssh takes options there, too: ProxyCommand is a program of the host. */
	if (event.params.n > 0 && event.params.items[0][0] == '-') {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "a command does not begin with “-”");
		return;
	}
	if (event.enter.n == 0 && !caller_host(call)->hooks.argv[HOOK_OPEN_TERMINAL]) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "no way into this container is configured (enter:)");
		return;
	}
	run_or_refuse(call, HOOK_OPEN_TERMINAL, &event);
}

/* ---- choosing files ---- */

struct choice { /* heap, freed with its reply */
	struct grpc_call *call;
	const struct translation
		*translation; /* of the configuration: it lives as long as the host */
	struct program *program;
};

/* One path a line, in the container's words; what it cannot see is left out. */
static void reply_files(struct choice *choice, struct span lines)
{
	VmTools__Container__SelectFileResponse response =
		VM_TOOLS__CONTAINER__SELECT_FILE_RESPONSE__INIT;
	char *files[FILES_MAX];
	struct span line;
	while (response.n_files < FILES_MAX && span_get_until(&lines, '\n', &line)) {
		CLEANUP(buf_fini) struct buf path, inside;
		buf_init(&path, 8192);
		buf_init(&inside, 8192);
		buf_add(&path, line.p, line.n);
		if (utf8_valid(line) &&
		    translate_back(choice->translation, buf_str(&path), &inside))
			files[response.n_files++] = buf_take(&inside);
	}
	response.files = files;
	grpc_reply(choice->call, &response);
	for (size_t i = 0; i < response.n_files; i++)
		free(files[i]);
	free(choice);
}

static void on_chosen(void *user, const struct program_end *end)
{
	const struct span none = { NULL, 0 };
	reply_files(user, end->status == 0 ? end->output : none);
}

static void on_caller_gone(struct grpc_call *call, void *user)
{
	struct choice *choice = user;
	program_cancel(choice->program);
	grpc_reply_status(call, GRPC_CANCELLED, "nobody waits");
	free(choice);
}

static const char *known_type(const char *type)
{
	static const char *const types[] = { "open-file", "open-multi-file", "saveas-file",
					     "folder", "upload-folder" };
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i], type) == 0)
			return types[i];
	return types[0];
}

static bool show_dialog(struct host *h, const struct container *c,
			const VmTools__Container__SelectFileRequest *request, struct choice *choice)
{
	CLEANUP(buf_fini) struct buf path;
	struct error err;
	buf_init(&path, 8192);
	(void)translate_path(choice->translation, request->default_path, &path);
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = {
						  { "type", known_type(request->type) },
						  { "title", request->title },
						  { "path", buf_str(&path) },
						  { "extensions", request->allowed_extensions } } };
	int r = hook_run(&h->hooks, HOOK_SELECT_FILE, &event, on_chosen, choice, &choice->program,
			 &err);
	if (r)
		log_limited(LOG_LEVEL_WARN, "no dialog was shown",
			    F_STR("error", r > 0 ? err.message : strerror(-r)));
	return r == 0;
}

/* Apart from a peer without a CID, whatever goes wrong is a dialog that was cancelled. */
static void select_file(struct grpc_call *call)
{
	const VmTools__Container__SelectFileRequest *request = grpc_call_request(call);
	struct host *h = caller_host(call);
	if (caller_cid(call) == 0) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "this is no peer with a CID");
		return;
	}
	const struct container *c =
		registry_by_token(h->registry, caller_cid(call), request->token);
	struct choice *choice = calloc(1, sizeof *choice);
	if (!choice)
		abort();
	choice->call = call;
	if (c && c->state == CONTAINER_UP) {
		choice->translation = host_translation(h, c);
		if (show_dialog(h, c, request, choice)) {
			grpc_defer(call, on_caller_gone, choice);
			return;
		}
	}
	reply_files(choice, (struct span){ NULL, 0 });
}

/* ---- security keys ---- */

static void on_key(void *user, const struct program_end *end)
{
	VmTools__Container__ForwardSecurityKeyMessageResponse response =
		VM_TOOLS__CONTAINER__FORWARD_SECURITY_KEY_MESSAGE_RESPONSE__INIT;
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, PROGRAM_OUTPUT_MAX);
	buf_add(&text, end->output.p, end->output.n);
	if (end->status != 0 || text.n == 0 || !utf8_valid(end->output)) {
		grpc_reply_status(user, GRPC_FAILED_PRECONDITION, "the key gave no answer");
		return;
	}
	response.message = text.p;
	grpc_reply(user, &response);
}

/* The message has no token: the machine is enough. */
static void forward_key_message(struct grpc_call *call)
{
	const VmTools__Container__ForwardSecurityKeyMessageRequest *request =
		grpc_call_request(call);
	struct host *h = caller_host(call);
	const struct vm *vm = registry_vm_by_cid(h->registry, caller_cid(call));
	struct error err;
	if (!vm) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "this is no machine of ours");
		return;
	}
	const struct hook_event event = { .vm = vm->name,
					  .words = { { "message", request->message } } };
	int r = hook_run(&h->hooks, HOOK_SECURITY_KEY, &event, on_key, call, NULL, &err);
	if (r)
		reply_refused(call, r, &err);
	else
		grpc_defer(call, NULL, NULL);
}

const struct grpc_method listener_open_methods[] = {
	CONTAINER_METHOD("OpenUrl", open_url_request, empty_message, open_url,
			 "A URL in the host's browser."),
	CONTAINER_METHOD("OpenTerminal", open_terminal_request, empty_message, open_terminal,
			 "A terminal of the host with a way into the container."),
	CONTAINER_METHOD("SelectFile", select_file_request, container__select_file_response,
			 select_file,
			 "The host's file chooser; paths come back in the container's words."),
	CONTAINER_METHOD("ForwardSecurityKeyMessage", forward_security_key_message_request,
			 container__forward_security_key_message_response, forward_key_message,
			 "To a security key on the host, and its answer."),
	{ .path = NULL },
};
