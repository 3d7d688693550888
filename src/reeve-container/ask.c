/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the host, for the commands: a client of its own for one call.
 */
#include "program.h"
#include "vm/container/container.h"
#include <string.h>

char *our_token(struct error *err)
{
	static char token[CONTAINER_TOKEN_SIZE];
	return container_read_token(arguments.token_file, 0, token, err) ? NULL : token;
}

static enum err error_of(enum grpc_code code)
{
	static const struct {
		enum grpc_code code;
		enum err err;
	} rows[] = {
		{ GRPC_UNAVAILABLE, ERR_UNAVAILABLE },
		{ GRPC_DEADLINE_EXCEEDED, ERR_UNAVAILABLE },
		{ GRPC_RESOURCE_EXHAUSTED, ERR_RATE_LIMITED },
		{ GRPC_UNIMPLEMENTED, ERR_UNIMPLEMENTED },
		{ GRPC_INVALID_ARGUMENT, ERR_INVALID },
		{ GRPC_FAILED_PRECONDITION, ERR_PRECONDITION },
		{ GRPC_UNAUTHENTICATED, ERR_UNAUTHENTICATED },
		{ GRPC_PERMISSION_DENIED, ERR_FORBIDDEN },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].code == code)
			return rows[i].err;
	return ERR_INTERNAL;
}

static int ask(struct loop *loop, const struct grpc_client_options *o, const struct grpc_method *m,
	       const void *request, int64_t timeout_ms, struct grpc_result *ret, struct error *err)
{
	struct grpc_client *client;
	int r = grpc_client_new(loop, o, &client, err);
	if (r)
		return r;
	r = loop_start(loop);
	if (r == 0) {
		grpc_client_ask(client, m, request, timeout_ms, ret);
		loop_stop(loop);
	}
	grpc_client_free(client);
	return r;
}

int ask_host(const struct grpc_method *m, const void *request, int64_t timeout_ms,
	     struct grpc_result *ret, enum grpc_code *ret_code, struct error *err)
{
	char vm_token[GRPC_TOKEN_MAX] = "";
	struct loop *loop;
	int r = arguments.vm_token_file
			? container_read_secret(arguments.vm_token_file, vm_token, err)
			: 0;
	if (r == 0)
		r = loop_new(&loop);
	if (r)
		return r;
	const struct grpc_client_options o = { .address = arguments.host,
					       .token = vm_token[0] ? vm_token : NULL };
	*ret = (struct grpc_result){ .response = NULL };
	r = ask(loop, &o, m, request, timeout_ms, ret, err);
	loop_free(loop);
	if (r)
		return r;
	if (ret_code)
		*ret_code = ret->status.code;
	if (ret->status.code == GRPC_OK)
		return 0;
	r = error_set(err, error_of(ret->status.code), "the host: %s",
		      ret->status.message[0] ? ret->status.message
					     : grpc_code_name(ret->status.code));
	grpc_result_fini(ret);
	return r;
}

int tell_host(const struct grpc_method *m, const void *request, struct error *err)
{
	struct grpc_result result;
	int r = ask_host(m, request, CALL_MS, &result, NULL, err);
	if (r == 0)
		grpc_result_fini(&result);
	return r;
}
