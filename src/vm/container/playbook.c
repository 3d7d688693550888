/* SPDX-License-Identifier: Apache-2.0
 *
 * Garcon's ApplyAnsiblePlaybook: the playbook goes into a file that only we can read, ansible-playbook runs it on this container,
 * and the host hears of each task.
 */
#include "base/file.h"
#include "vm/container/service.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLAYBOOK_MS (60 * 60 * 1000)
#define FILE_NAME   "/playbook.yaml"

typedef VmTools__Container__ApplyAnsiblePlaybookProgressInfo__Status playbook_status;
#define PROGRESS(status) VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_PROGRESS_INFO__STATUS__##status
#define ANSWER(status)   VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_RESPONSE__STATUS__##status

static void tell(struct job *j, playbook_status status, char *line)
{
	VmTools__Container__ApplyAnsiblePlaybookProgressInfo m =
		VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_PROGRESS_INFO__INIT;
	m.token = j->container->token;
	m.status = status;
	m.failure_details = status == PROGRESS(FAILED) ? j->failure : (char *)(uintptr_t) "";
	m.n_status_string = line ? 1 : 0;
	m.status_string = &line;
	host_link_send(&j->container->link, &host_playbook_progress, &m);
}

static void on_line(void *user, char *line)
{
	struct job *j = user;
	child_line_copy(j->failure, sizeof j->failure, line); /* the last one, should it fail */
	if (strncmp(line, "TASK [", 6) == 0 || strncmp(line, "PLAY ", 5) == 0)
		tell(j, PROGRESS(IN_PROGRESS), line);
}

static void remove_file(struct job *j)
{
	char *path = TAKE(j->path);
	(void)!unlink(path);
	path[strlen(path) - strlen(FILE_NAME)] = '\0';
	(void)!rmdir(path);
	free(path);
}

static void on_done(void *user, int status)
{
	struct job *j = user;
	j->busy = false;
	remove_file(j);
	tell(j, status == 0 ? PROGRESS(SUCCEEDED) : PROGRESS(FAILED), NULL);
	container_job_ended(j->container);
}

static int write_file(struct job *j, const char *playbook, struct error *err)
{
	char folder[] = "/tmp/reeve-playbook-XXXXXX";
	if (!mkdtemp(folder))
		return error_set(err, ERR_UNAVAILABLE, "/tmp: %m");
	if (asprintf(&j->path, "%s%s", folder, FILE_NAME) < 0)
		abort();
	int r = file_write_atomic(j->path, span_str(playbook), 0600);
	if (r)
		remove_file(j);
	return r;
}

static int start(struct container *c, const char *playbook, struct error *err)
{
	static char program[] = "ansible-playbook", become[] = "--become",
		    connection[] = "--connection=local", inventory[] = "--inventory=127.0.0.1,";
	struct job *j = &c->playbook;
	int r = container_may_begin(j->container, err);
	if (r == 0)
		r = write_file(j, playbook, err);
	if (r)
		return r;
	char *argv[] = { program, become, connection, inventory, j->path, NULL };
	const struct child_start what = {
		.argv = argv, .line = on_line, .done = on_done, .user = j, .timeout_ms = PLAYBOOK_MS
	};
	j->failure[0] = '\0';
	r = child_start(&c->programs, &what, err);
	if (r)
		remove_file(j);
	j->busy = r == 0;
	return r;
}

void call_apply_playbook(struct grpc_call *call)
{
	struct container *c = grpc_call_user(call);
	const VmTools__Container__ApplyAnsiblePlaybookRequest *request = grpc_call_request(call);
	VmTools__Container__ApplyAnsiblePlaybookResponse m =
		VM_TOOLS__CONTAINER__APPLY_ANSIBLE_PLAYBOOK_RESPONSE__INIT;
	struct error err = { .message = "another playbook runs" };
	if (request->playbook[0] == '\0')
		return grpc_reply_status(call, GRPC_INVALID_ARGUMENT, "playbook is missing");
	int r = c->playbook.busy ? ERR_CONFLICT : start(c, request->playbook, &err);
	m.status = r ? ANSWER(FAILED) : ANSWER(STARTED);
	m.failure_reason = (char *)(uintptr_t)(r ? reason_of(r, &err) : "");
	grpc_reply(call, &m);
}
