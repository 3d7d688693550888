/* SPDX-License-Identifier: Apache-2.0
 *
 * What opens on the host: URLs, terminals, the dialog for files; and messages that go there as they are.
 */
#include "base/buf.h"
#include "program.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define METRICS_MAX 32 /* at once, says the host */

static char *text(const char *s)
{
	return (char *)(uintptr_t)(s ? s : ""); /* protobuf-c only reads what it encodes */
}

static void add_file_url(struct buf *url, const char *path)
{
	buf_add_str(url, "file://");
	buf_add_percent(url, path, "/");
}

/* A file's name becomes its URL; the host knows where the file is for it. */
static int open_one(char *word, char *token, struct error *err)
{
	VmTools__Container__OpenUrlRequest m = VM_TOOLS__CONTAINER__OPEN_URL_REQUEST__INIT;
	CLEANUP(buf_fini) struct buf url;
	char path[PATH_MAX];
	buf_init(&url, 64 * 1024);
	if (!strstr(word, "://") && realpath(word, path))
		add_file_url(&url, path);
	else
		buf_add_str(&url, word);
	if (url.failed)
		return error_set(err, ERR_TOO_LARGE, "this URL is too long");
	m.url = text(buf_str(&url));
	m.token = token;
	return tell_host(&host_open_url, &m, err);
}

static int open_url(char *const args[], int n, struct error *err)
{
	char *token = our_token(err);
	int r = token ? 0 : (int)err->code;
	for (int i = 0; i < n && r == 0; i++)
		r = open_one(args[i], token, err);
	return r;
}

static int open_terminal(char *const args[], int n, struct error *err)
{
	VmTools__Container__OpenTerminalRequest m =
		VM_TOOLS__CONTAINER__OPEN_TERMINAL_REQUEST__INIT;
	m.token = our_token(err);
	m.n_params = (size_t)n;
	m.params = (char **)(uintptr_t)args;
	return m.token ? tell_host(&host_open_terminal, &m, err) : (int)err->code;
}

static int check_type(struct error *err)
{
	static const char *const types[] = {
		"", "open-file", "open-multi-file", "saveas-file", "folder", "upload-folder"
	};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!arguments.type || strcmp(arguments.type, types[i]) == 0)
			return 0;
	return error_set(
		err, ERR_INVALID,
		"--type: open-file, open-multi-file, saveas-file, folder or upload-folder");
}

static int select_file(char *const args[], int n, struct error *err)
{
	VmTools__Container__SelectFileRequest m = VM_TOOLS__CONTAINER__SELECT_FILE_REQUEST__INIT;
	struct grpc_result result;
	(void)args;
	(void)n;
	int r = check_type(err);
	if (r)
		return r;
	m.token = our_token(err);
	if (!m.token)
		return (int)err->code;
	m.type = text(arguments.type);
	m.title = text(arguments.title);
	m.default_path = text(arguments.path);
	m.allowed_extensions = text(arguments.extensions);
	r = ask_host(&host_select_file, &m, PERSON_MS, &result, NULL, err);
	if (r)
		return r;
	const VmTools__Container__SelectFileResponse *chosen = result.response;
	for (size_t i = 0; i < chosen->n_files; i++)
		printf("%s\n", chosen->files[i]);
	r = chosen->n_files > 0 ? 0 : NOTHING_CHOSEN;
	grpc_result_fini(&result);
	return r;
}

static int security_key(char *const args[], int n, struct error *err)
{
	VmTools__Container__ForwardSecurityKeyMessageRequest m =
		VM_TOOLS__CONTAINER__FORWARD_SECURITY_KEY_MESSAGE_REQUEST__INIT;
	struct grpc_result result;
	(void)n;
	m.message = args[0];
	int r = ask_host(&host_security_key, &m, PERSON_MS, &result, NULL, err);
	if (r)
		return r;
	const VmTools__Container__ForwardSecurityKeyMessageResponse *answer = result.response;
	printf("%s\n", answer->message);
	grpc_result_fini(&result);
	return 0;
}

/* ---- metrics ---- */

typedef VmTools__Container__ReportMetricsRequest__Metric metric;

static int parse_metric(char *word, metric *ret, struct error *err)
{
	char *equals = strchr(word, '='), *end = NULL;
	vm_tools__container__report_metrics_request__metric__init(ret);
	if (equals && equals[1]) {
		ret->value = strtoll(equals + 1, &end, 10);
		*equals = '\0';
		ret->name = word;
	}
	return end && *end == '\0' && word[0]
		       ? 0
		       : error_set(err, ERR_INVALID, "metrics are NAME=NUMBER");
}

static int metrics(char *const args[], int n, struct error *err)
{
	VmTools__Container__ReportMetricsRequest m =
		VM_TOOLS__CONTAINER__REPORT_METRICS_REQUEST__INIT;
	metric items[METRICS_MAX], *list[METRICS_MAX];
	struct grpc_result result;
	if (n > METRICS_MAX)
		return error_set(err, ERR_INVALID, "at most %d metrics at once", METRICS_MAX);
	m.metric = list;
	for (int i = 0; i < n; i++) {
		int r = parse_metric(args[i], &items[i], err);
		if (r)
			return r;
		list[m.n_metric++] = &items[i];
	}
	m.token = our_token(err);
	if (!m.token)
		return (int)err->code;
	int r = ask_host(&host_metrics, &m, CALL_MS, &result, NULL, err);
	if (r)
		return r;
	const VmTools__Container__ReportMetricsResponse *answer = result.response;
	if (answer->error)
		r = error_set(err, ERR_RATE_LIMITED, "the host did not take them (error %lld)",
			      (long long)answer->error);
	grpc_result_fini(&result);
	return r;
}

const struct verb open_verbs[] = {
	{ "open-url", "URL|FILE...", 1, -1, open_url,
	  "open it on the host (xdg-open, reeve-open)" },
	{ "open-terminal", "[ARGUMENT]...", 0, -1, open_terminal,
	  "a terminal of the host, with a command of this container" },
	{ "select-file", "", 0, 0, select_file,
	  "the host's dialog for files; prints what was chosen" },
	{ "metrics", "NAME=NUMBER...", 1, -1, metrics, "report numbers to the host" },
	{ "security-key", "MESSAGE", 1, 1, security_key,
	  "to the host's security key; prints its answer" },
	{ .name = NULL },
};
