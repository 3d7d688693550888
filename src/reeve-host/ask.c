/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls from the command line to the daemon.
 */
#include "program.h"
#include <stdio.h>

static const struct {
	enum grpc_code code;
	enum err err;
} codes[] = {
	{ GRPC_NOT_FOUND, ERR_NOT_FOUND },          { GRPC_ALREADY_EXISTS, ERR_CONFLICT },
	{ GRPC_FAILED_PRECONDITION, ERR_CONFLICT }, { GRPC_ABORTED, ERR_CONFLICT },
	{ GRPC_INVALID_ARGUMENT, ERR_INVALID },
};

static enum err err_of(enum grpc_code code)
{
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		if (codes[i].code == code)
			return codes[i].err;
	return ERR_UNAVAILABLE;
}

static int explain(const struct grpc_status *s, struct error *err)
{
	if (s->code == GRPC_UNAVAILABLE)
		return error_set(
			err, ERR_UNAVAILABLE,
			"reeve-host is not running for %s: start it with “reeve-host serve” (%s)",
			arguments.state, s->message);
	return error_set(err, err_of(s->code), "%s",
			 s->message[0] ? s->message : grpc_code_name(s->code));
}

int ask_daemon(const struct grpc_method *m, const void *request, int64_t timeout_ms,
	       struct grpc_result *ret, struct error *err)
{
	char address[ENDPOINT_TEXT_SIZE];
	struct grpc_client *client;
	struct loop *loop;
	if (snprintf(address, sizeof address, "unix:%s/control.sock", arguments.state) >=
	    (int)sizeof address)
		return error_set(err, ERR_INVALID, "%s: the path is too long for a socket in it",
				 arguments.state);
	const struct grpc_client_options o = { .address = address };
	int r = loop_new(&loop);
	if (r)
		return r;
	r = loop_start(loop);
	if (r == 0)
		r = grpc_client_new(loop, &o, &client, err);
	if (r == 0) {
		grpc_client_ask(client, m, request, timeout_ms, ret);
		loop_stop(loop);
		if (ret->status.code != GRPC_OK) {
			r = explain(&ret->status, err);
			grpc_result_fini(ret);
		}
		grpc_client_free(client);
	}
	loop_free(loop);
	return r;
}
