/* SPDX-License-Identifier: Apache-2.0
 *
 * Packages for the host, through dpkg and apt-get. Changing what is installed is root's: when we are not, sudo or pkexec must let
 * us without a question, or it fails with a reason.
 *
 * One installation or removal at a time; each of its steps that the host can see (a percent, a phase) is told once.
 */
#include "vm/container/apt-text.h"
#include "vm/container/scan.h"
#include "vm/container/service.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ASK_MS     60000
#define INSTALL_MS (2 * 60 * 60 * 1000)

static char *text(const char *s)
{
	return (char *)(uintptr_t)s;
}

/* ---- GetLinuxPackageInfo ---- */

struct info { /* of a package, while its program runs; heap */
	struct grpc_call *call;
	struct arena arena;
	char *name, *version, *arch, *url, *summary;
	struct buf description;
	uint64_t size_kib;
	bool in_description;
	char last[200]; /* line */
};

static char *field(struct info *i, const char *line, const char *name)
{
	size_t n = strlen(name);
	return strncmp(line, name, n) == 0 ? arena_strdup(&i->arena, line + n) : NULL;
}

static void take_field(struct info *i, const char *line)
{
	static const struct {
		const char *name;
		size_t place;
	} fields[] = {
		{ "Package: ", offsetof(struct info, name) },
		{ "Version: ", offsetof(struct info, version) },
		{ "Architecture: ", offsetof(struct info, arch) },
		{ "Homepage: ", offsetof(struct info, url) },
		{ "Description: ", offsetof(struct info, summary) },
		{ "Description-en: ", offsetof(struct info, summary) },
	};
	char *value;
	for (size_t k = 0; k < ARRAY_SIZE(fields); k++)
		if ((value = field(i, line, fields[k].name)))
			*(char **)(void *)((char *)i + fields[k].place) = value;
	if ((value = field(i, line, "Installed-Size: ")))
		i->size_kib = strtoull(value, NULL, 10);
	i->in_description = strncmp(line, "Description", 11) == 0;
}

static void on_info_line(void *user, char *line)
{
	struct info *i = user;
	child_line_copy(i->last, sizeof i->last, line);
	if (line[0] != ' ')
		take_field(i, line);
	else if (i->in_description)
		buf_addf(&i->description, "%s\n", strcmp(line, " .") == 0 ? "" : line + 1);
}

static void info_free(struct info *i)
{
	buf_fini(&i->description);
	arena_fini(&i->arena);
	free(i);
}

static void on_info_done(void *user, int status)
{
	struct info *i = user;
	VmTools__Container__LinuxPackageInfoResponse m =
		VM_TOOLS__CONTAINER__LINUX_PACKAGE_INFO_RESPONSE__INIT;
	m.success = status == 0 && i->name && i->version && i->arch;
	if (m.success) {
		m.package_id = arena_printf(&i->arena, "%s;%s;%s;", i->name, i->version, i->arch);
		m.description = text(buf_str(&i->description));
		m.project_url = i->url ? i->url : text("");
		m.summary = i->summary ? i->summary : text("");
		m.size = i->size_kib * 1024;
	} else {
		m.failure_reason = i->last[0] ? i->last : text("nothing is known of it");
	}
	grpc_reply(i->call, &m);
	info_free(i);
}

static void ask_for_info(struct grpc_call *call, char *const argv[])
{
	struct container *c = grpc_call_user(call);
	struct info *i = calloc(1, sizeof *i);
	struct error err;
	if (!i)
		abort();
	i->call = call;
	arena_init(&i->arena);
	buf_init(&i->description, 64 * 1024);
	const struct child_start what = { .argv = argv,
					  .line = on_info_line,
					  .done = on_info_done,
					  .user = i,
					  .timeout_ms = ASK_MS };
	grpc_defer(call, NULL, NULL);
	int r = child_start(&c->programs, &what, &err);
	if (r) {
		child_line_copy(i->last, sizeof i->last, reason_of(r, &err));
		on_info_done(i, 1);
	}
}

void call_package_info(struct grpc_call *call)
{
	const VmTools__Container__LinuxPackageInfoRequest *request = grpc_call_request(call);
	if (request->file_path[0] == '/' && access(request->file_path, R_OK) == 0) {
		char *argv[] = { text("dpkg-deb"), text("-f"), request->file_path, NULL };
		ask_for_info(call, argv);
	} else if (request->file_path[0] == '\0' && apt_name_ok(request->package_name)) {
		char *argv[] = { text("apt-cache"), text("show"), text("--no-all-versions"),
				 request->package_name, NULL };
		ask_for_info(call, argv);
	} else {
		grpc_reply_status(call, GRPC_INVALID_ARGUMENT,
				  "a .deb file that can be read, or a package's name");
	}
}

/* ---- apt-get ---- */

#define ARGS_MAX 24

/* Our own words first, in front of apt-get; returns how many there are. */
static size_t become_root(char *argv[ARGS_MAX])
{
	/* Nobody is there to be asked about a configuration file that was edited: it stays, and a new default is taken
	 * where it was not. Whoever holds apt's lock (daily updates) is waited for. */
	static const char *const words[] = {
		"/usr/bin/env", "DEBIAN_FRONTEND=noninteractive",
		"apt-get",      "-y",
		"-o",           "APT::Status-Fd=1",
		"-o",           "Dpkg::Use-Pty=0",
		"-o",           "Dpkg::Options::=--force-confdef",
		"-o",           "Dpkg::Options::=--force-confold",
		"-o",           "DPkg::Lock::Timeout=600",
	};
	size_t n = 0;
	if (geteuid() != 0 && access("/usr/bin/sudo", X_OK) == 0) {
		argv[n++] = text("sudo");
		argv[n++] = text("-n");
	} else if (geteuid() != 0) {
		argv[n++] = text("pkexec");
		argv[n++] = text("--disable-internal-agent");
	}
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		argv[n++] = text(words[i]);
	return n;
}

static int start_apt(struct job *j, const char *verb, const char *what_for,
		     void (*line)(void *, char *), void (*done)(void *, int), struct error *err)
{
	char *argv[ARGS_MAX] = { NULL };
	int r = container_may_begin(j->container, err);
	if (r)
		return r;
	size_t n = become_root(argv);
	argv[n++] = text(verb);
	argv[n++] = text("--");
	argv[n++] = text(what_for);
	const struct child_start what = {
		.argv = argv, .line = line, .done = done, .user = j, .timeout_ms = INSTALL_MS
	};
	j->percent = UINT32_MAX;
	j->failure[0] = '\0';
	return child_start(&j->container->programs, &what, err);
}

/* ---- InstallLinuxPackage ---- */

typedef VmTools__Container__InstallLinuxPackageProgressInfo install_info;
typedef VmTools__Container__InstallLinuxPackageProgressInfo__Status install_status;

static void tell_install(struct job *j, install_status status, unsigned percent)
{
	install_info m = VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__INIT;
	m.token = j->container->token;
	m.status = status;
	m.progress_percent = percent;
	m.failure_details = j->failure;
	m.command_uuid = j->uuid;
	host_link_send(&j->container->link, &host_install_progress, &m);
}

/* Words of the last resort when apt says nothing of what it did wrong: sudo's, for one. */
static void keep_failure(struct job *j, enum apt_status status, const char *words)
{
	if (status == APT_ERROR || j->percent == UINT32_MAX)
		child_line_copy(j->failure, sizeof j->failure, words);
}

static void on_install_line(void *user, char *line)
{
	struct job *j = user;
	unsigned percent;
	const char *words;
	enum apt_status status = apt_status_parse(line, &percent, &words);
	if (status == APT_OTHER || status == APT_ERROR) {
		keep_failure(j, status, words);
		return;
	}
	install_status said =
		status == APT_DOWNLOADING
			? VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__DOWNLOADING
			: VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__INSTALLING;
	unsigned key = percent + (status == APT_INSTALLING ? 1000 : 0);
	if (key == j->percent)
		return;
	j->failure[0] = '\0';
	j->percent = key;
	tell_install(j, said, percent);
}

static void on_install_done(void *user, int status)
{
	struct job *j = user;
	j->busy = false;
	if (status == 0)
		j->failure[0] = '\0';
	else if (j->failure[0] == '\0')
		snprintf(j->failure, sizeof j->failure, "apt-get ended with %d", status);
	tell_install(
		j,
		status == 0
			? VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__SUCCEEDED
			: VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__STATUS__FAILED,
		status == 0 ? 100 : 0);
	container_job_ended(j->container);
}

/* The word for apt-get; false: the request names nothing. */
static bool install_name(const VmTools__Container__InstallLinuxPackageRequest *request, char *out,
			 size_t size)
{
	if (request->file_path[0] == '\0')
		return apt_name_of_id(request->package_id, out, size);
	int n = snprintf(out, size, "%s", request->file_path);
	return out[0] == '/' && (size_t)n < size && access(out, R_OK) == 0;
}

void call_install_package(struct grpc_call *call)
{
	struct container *c = grpc_call_user(call);
	const VmTools__Container__InstallLinuxPackageRequest *request = grpc_call_request(call);
	VmTools__Container__InstallLinuxPackageResponse m =
		VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_RESPONSE__INIT;
	struct job *j = &c->package;
	struct error err;
	char name[4096];
	if (!install_name(request, name, sizeof name))
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT,
					 "a .deb file that can be read, or a package's id");
	if (j->busy) {
		m.status =
			VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_RESPONSE__STATUS__INSTALL_ALREADY_ACTIVE;
		m.failure_reason = text("another installation or removal runs");
		return grpc_reply(call, &m);
	}
	child_line_copy(j->uuid, sizeof j->uuid, request->command_uuid);
	int r = start_apt(j, "install", name, on_install_line, on_install_done, &err);
	j->busy = r == 0;
	if (r) {
		m.status = VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_RESPONSE__STATUS__FAILED;
		m.failure_reason = text(reason_of(r, &err));
	}
	grpc_reply(call, &m);
}

/* ---- UninstallPackageOwningFile ---- */

typedef VmTools__Container__UninstallPackageProgressInfo__Status removal_status;

static void tell_removal(struct job *j, removal_status status, unsigned percent)
{
	VmTools__Container__UninstallPackageProgressInfo m =
		VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__INIT;
	m.token = j->container->token;
	m.status = status;
	m.progress_percent = percent;
	m.failure_details = j->failure;
	host_link_send(&j->container->link, &host_uninstall_progress, &m);
}

static void on_removal_line(void *user, char *line)
{
	struct job *j = user;
	unsigned percent;
	const char *words;
	enum apt_status status = apt_status_parse(line, &percent, &words);
	if (status == APT_OTHER || status == APT_ERROR) {
		keep_failure(j, status, words);
	} else if (percent != j->percent) {
		j->failure[0] = '\0';
		j->percent = percent;
		tell_removal(
			j,
			VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__STATUS__UNINSTALLING,
			percent);
	}
}

static void on_removal_done(void *user, int status)
{
	struct job *j = user;
	j->busy = false;
	if (status == 0)
		j->failure[0] = '\0';
	else if (j->failure[0] == '\0')
		snprintf(j->failure, sizeof j->failure, "apt-get ended with %d", status);
	tell_removal(
		j,
		status == 0
			? VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__STATUS__SUCCEEDED
			: VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_PROGRESS_INFO__STATUS__FAILED,
		0);
	container_job_ended(j->container);
}

struct removal { /* while its package is looked for; heap */
	struct job *job;
	struct grpc_call *call;
	char name[256];
};

static void reply_removal(struct grpc_call *call,
			  VmTools__Container__UninstallPackageOwningFileResponse__Status status,
			  const char *reason)
{
	VmTools__Container__UninstallPackageOwningFileResponse m =
		VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_OWNING_FILE_RESPONSE__INIT;
	m.status = status;
	m.failure_reason = text(reason);
	grpc_reply(call, &m);
}

#define REMOVAL(status)                                                                            \
	VM_TOOLS__CONTAINER__UNINSTALL_PACKAGE_OWNING_FILE_RESPONSE__STATUS__##status

static void on_owner_line(void *user, char *line)
{
	struct removal *r = user;
	if (r->name[0] == '\0')
		(void)!apt_owner_parse(line, r->name, sizeof r->name);
}

static void on_owner_done(void *user, int status)
{
	struct removal *rm = user;
	struct job *j = rm->job;
	struct error err = { .message = "no package has brought this application" };
	int r = ERR_NOT_FOUND;
	if (status == 0 && rm->name[0])
		r = start_apt(j, "remove", rm->name, on_removal_line, on_removal_done, &err);
	j->busy = r == 0;
	if (r)
		reply_removal(rm->call, REMOVAL(FAILED), reason_of(r, &err));
	else
		reply_removal(rm->call, REMOVAL(STARTED), "");
	free(rm);
	if (r)
		container_job_ended(j->container);
}

static int find_owner(struct container *c, struct grpc_call *call, const char *id,
		      struct error *err)
{
	CLEANUP(arena_fini) struct arena a;
	const char *file;
	struct entry e;
	arena_init(&a);
	int r = scan_find(&c->dirs, id, &a, &e, &file, err);
	if (r)
		return r;
	struct removal *rm = calloc(1, sizeof *rm);
	if (!rm)
		abort();
	rm->job = &c->package;
	rm->call = call;
	char *argv[] = { text("dpkg-query"), text("-S"), text(file), NULL };
	const struct child_start what = { .argv = argv,
					  .line = on_owner_line,
					  .done = on_owner_done,
					  .user = rm,
					  .timeout_ms = ASK_MS };
	r = child_start(&c->programs, &what, err);
	if (r)
		free(rm);
	return r;
}

void call_uninstall_package(struct grpc_call *call)
{
	struct container *c = grpc_call_user(call);
	const VmTools__Container__UninstallPackageOwningFileRequest *request =
		grpc_call_request(call);
	struct error err;
	if (request->desktop_file_id[0] == '\0')
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "desktop_file_id is missing");
	if (c->package.busy)
		return reply_removal(call, REMOVAL(BLOCKING_OPERATION_IN_PROGRESS),
				     "another installation or removal runs");
	int r = find_owner(c, call, request->desktop_file_id, &err);
	if (r)
		return reply_removal(call, REMOVAL(FAILED), reason_of(r, &err));
	c->package.busy = true;
	grpc_defer(call, NULL, NULL);
}
