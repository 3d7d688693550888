/* SPDX-License-Identifier: Apache-2.0
 *
 * ContainerListener: what a container tells that happens: packages, playbooks, files, a full disk, numbers, a screen that is to stay
 * on. People are told of ends, not of each percent.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "vm/host/listener.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INHIBITORS_MAX 16 /* of a container */

/* ---- progress ---- */

static void refuse_status(struct grpc_call *call, int status)
{
	grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "status: %d is none", status);
}

static void log_progress(const struct container *c, const char *what, const char *status,
			 uint32_t percent)
{
	log_limited(LOG_LEVEL_INFO, what, F_STR("vm", c->vm->name), F_STR("container", c->name),
		    F_STR("status", status), F_INT("percent", percent));
}

static void install_progress(struct grpc_call *call)
{
	static const char *const words[] = { "installed", "failed", "downloading", "installing" };
	const VmTools__Container__InstallLinuxPackageProgressInfo *i = grpc_call_request(call);
	struct container *c = caller_container(call, i->token, false);
	if (!c)
		return;
	if ((unsigned)i->status >= ARRAY_SIZE(words)) {
		refuse_status(call, (int)i->status);
		return;
	}
	log_progress(c, "installing a package", words[i->status], i->progress_percent);
	if (i->status ==
	    VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__SUCCEEDED)
		host_notify(caller_host(call), c, "Package installed", "");
	else if (i->status ==
		 VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__FAILED)
		host_notify(caller_host(call), c, "Package not installed", i->failure_details);
	reply_done(call);
}

static void uninstall_progress(struct grpc_call *call)
{
	static const char *const words[] = { "removed", "failed", "removing" };
	const VmTools__Container__UninstallPackageProgressInfo *i = grpc_call_request(call);
	struct container *c = caller_container(call, i->token, false);
	if (!c)
		return;
	if ((unsigned)i->status >= ARRAY_SIZE(words)) {
		refuse_status(call, (int)i->status);
		return;
	}
	bool runs = i->status ==
		    VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__STATUS__UNINSTALLING;
	log_progress(c, "removing a package", words[i->status], runs ? i->progress_percent : 0);
	if (i->status == VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__STATUS__FAILED)
		host_notify(caller_host(call), c, "Package not removed", i->failure_details);
	else if (!runs)
		host_notify(caller_host(call), c, "Package removed", "");
	reply_done(call);
}

static void playbook_progress(struct grpc_call *call)
{
	static const char *const words[] = { NULL, "applied", "failed", "in progress" };
	const VmTools__Container__ApplyAnsiblePlaybookProgressInfo *i = grpc_call_request(call);
	struct container *c = caller_container(call, i->token, false);
	if (!c)
		return;
	if ((unsigned)i->status >= ARRAY_SIZE(words) || !words[i->status]) {
		refuse_status(call, (int)i->status);
		return;
	}
	log_progress(c, "applying a playbook", words[i->status], 0);
	if (i->status ==
	    VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_PROGRESS_INFO__STATUS__SUCCEEDED)
		host_notify(caller_host(call), c, "Playbook applied", "");
	else if (i->status ==
		 VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_PROGRESS_INFO__STATUS__FAILED)
		host_notify(caller_host(call), c, "Playbook failed", i->failure_details);
	reply_done(call);
}

/* ---- files and disks ---- */

static void file_changed(struct grpc_call *call)
{
	const VmTools__Container__FileWatchTriggeredInfo *i = grpc_call_request(call);
	struct container *c = caller_container(call, i->token, false);
	if (!c)
		return;
	if (!translate_is_below(i->path)) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION,
				  "the path is not relative to the home");
		return;
	}
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "path", i->path } } };
	hook_fire(&caller_host(call)->hooks, HOOK_FILE_CHANGED, &event);
	reply_done(call);
}

static void low_disk(struct grpc_call *call)
{
	const VmTools__Container__LowDiskSpaceTriggeredInfo *i = grpc_call_request(call);
	struct container *c = caller_container(call, i->token, false);
	char text[64];
	if (!c)
		return;
	snprintf(text, sizeof text, "%llu MiB are free", (unsigned long long)(i->free_bytes >> 20));
	log_limited(LOG_LEVEL_WARN, "a container's disk is nearly full", F_STR("vm", c->vm->name),
		    F_STR("container", c->name), F_STR("free", text));
	registry_low_disk(caller_host(call)->registry, c, i->free_bytes);
	host_notify(caller_host(call), c, "Disk nearly full", text);
	reply_done(call);
}

/* ---- numbers ---- */

static void reply_metrics(struct grpc_call *call, int64_t error)
{
	VmTools__Container__ReportMetricsResponse response =
		VM_TOOLS__CONTAINER__REPORT_METRICS_RESPONSE__INIT;
	response.error = error;
	grpc_reply(call, &response);
}

static void report_metrics(struct grpc_call *call)
{
	const VmTools__Container__ReportMetricsRequest *request = grpc_call_request(call);
	struct host *h = caller_host(call);
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 8192);
	if (caller_cid(call) == 0 || !metrics_ok(request)) {
		grpc_reply_status(
			call, GRPC_FAILED_PRECONDITION,
			"a peer with a CID tells at most %d metrics, each with a name of A-Z a-z 0-9 . -",
			METRICS_MAX);
		return;
	}
	const struct container *c =
		registry_by_token(h->registry, caller_cid(call), request->token);
	if (!c || c->state != CONTAINER_UP || !window_take(&c->vm->metrics, clock_mono_ms())) {
		reply_metrics(call, 1);
		return;
	}
	for (size_t i = 0; i < request->n_metric; i++)
		buf_addf(&text, "%s%s=%lld", i > 0 ? "," : "", request->metric[i]->name,
			 (long long)request->metric[i]->value);
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "metrics", buf_str(&text) } } };
	hook_fire(&h->hooks, HOOK_METRICS, &event);
	reply_metrics(call, 0);
}

/* ---- the screen ---- */

struct inhibitor { /* heap; in the host's list */
	struct host *host;
	struct inhibitor *next;
	const struct container *container;
	int32_t cookie;
	struct program *program;
};

static void inhibitor_free(struct inhibitor *i)
{
	struct inhibitor **at = &i->host->inhibitors;
	while (*at != i)
		at = &(*at)->next;
	*at = i->next;
	free(i);
}

static struct inhibitor *find_inhibitor(const struct host *h, const struct container *c,
					int32_t cookie)
{
	for (struct inhibitor *i = h->inhibitors; i; i = i->next)
		if (i->container == c && i->cookie == cookie)
			return i;
	return NULL;
}

static unsigned count_inhibitors(const struct host *h, const struct container *c)
{
	unsigned n = 0;
	for (const struct inhibitor *i = h->inhibitors; i; i = i->next)
		n += i->container == c;
	return n;
}

void inhibitors_end(struct host *h, const struct container *c)
{
	for (struct inhibitor *i = h->inhibitors, *next; i; i = next) {
		next = i->next;
		if (i->container == c) {
			program_cancel(i->program);
			inhibitor_free(i);
		}
	}
}

static void on_inhibitor_ended(void *user, const struct program_end *end)
{
	log_limited(LOG_LEVEL_WARN, "the screen is not kept on any more",
		    F_INT("status", end->status));
	inhibitor_free(user);
}

static void inhibit(struct grpc_call *call)
{
	const VmTools__Container__InhibitScreensaverInfo *info = grpc_call_request(call);
	struct host *h = caller_host(call);
	struct container *c = caller_container(call, info->token, false);
	struct error err;
	if (!c)
		return;
	if (find_inhibitor(h, c, info->cookie)) {
		reply_done(call);
		return;
	}
	if (count_inhibitors(h, c) == INHIBITORS_MAX) {
		grpc_reply_status(call, GRPC_FAILED_PRECONDITION, "at most %d at once",
				  INHIBITORS_MAX);
		return;
	}
	struct inhibitor *i = calloc(1, sizeof *i);
	if (!i)
		abort();
	char cookie[16];
	snprintf(cookie, sizeof cookie, "%d", (int)info->cookie);
	const struct hook_event event = { .vm = c->vm->name,
					  .container = c->name,
					  .words = { { "cookie", cookie },
						     { "client", info->client },
						     { "reason", info->reason } } };
	*i = (struct inhibitor){
		.host = h, .next = h->inhibitors, .container = c, .cookie = info->cookie
	};
	int r = hook_run(&h->hooks, HOOK_INHIBIT, &event, on_inhibitor_ended, i, &i->program, &err);
	if (r) {
		reply_refused(call, r, &err);
		free(i);
		return;
	}
	h->inhibitors = i;
	reply_done(call);
}

static void uninhibit(struct grpc_call *call)
{
	const VmTools__Container__UninhibitScreensaverInfo *info = grpc_call_request(call);
	struct container *c = caller_container(call, info->token, false);
	if (!c)
		return;
	struct inhibitor *i = find_inhibitor(caller_host(call), c, info->cookie);
	if (i) {
		program_cancel(i->program);
		inhibitor_free(i);
	}
	reply_done(call);
}

/* ---- shader caches: of one kind of machine that a Linux host does not have ---- */

static void refuse_shaders(struct grpc_call *call)
{
	grpc_reply_status(call, GRPC_INTERNAL, "this host keeps no shader caches");
}

const struct grpc_method listener_notice_methods[] = {
	CONTAINER_METHOD("InstallLinuxPackageProgress", install_linux_package_progress_info,
			 empty_message, install_progress, "How far a package is."),
	CONTAINER_METHOD("UninstallPackageProgress", uninstall_package_progress_info, empty_message,
			 uninstall_progress, "How far its removal is."),
	CONTAINER_METHOD("ApplyAnsiblePlaybookProgress", apply_ansible_playbook_progress_info,
			 empty_message, playbook_progress, "How far a playbook is."),
	CONTAINER_METHOD("FileWatchTriggered", file_watch_triggered_info, empty_message,
			 file_changed, "A watched file changed."),
	CONTAINER_METHOD("LowDiskSpaceTriggered", low_disk_space_triggered_info, empty_message,
			 low_disk, "Its disk is nearly full."),
	CONTAINER_METHOD("ReportMetrics", report_metrics_request,
			 container__report_metrics_response, report_metrics, "Numbers."),
	CONTAINER_METHOD("InhibitScreensaver", inhibit_screensaver_info, empty_message, inhibit,
			 "The screen stays on until the cookie comes back."),
	CONTAINER_METHOD("UninhibitScreensaver", uninhibit_screensaver_info, empty_message,
			 uninhibit, "It need not."),
	CONTAINER_METHOD("InstallShaderCache", install_shader_cache_request, empty_message,
			 refuse_shaders, "Refused."),
	CONTAINER_METHOD("UninstallShaderCache", uninstall_shader_cache_request, empty_message,
			 refuse_shaders, "Refused."),
	CONTAINER_METHOD("UnmountShaderCache", unmount_shader_cache_request, empty_message,
			 refuse_shaders, "Refused."),
	{ .path = NULL },
};
