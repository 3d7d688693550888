/* SPDX-License-Identifier: Apache-2.0
 *
 * A client for tests and benchmarks only: calls the service of echo.proto and prints what came of it.
 *
 *   grpc-testclient ADDRESS [--method=Say] [--text=T] [--size=N] [--calls=N] [--at-once=N] …
 *
 * "milliseconds N" in all; a line "COUNT CODE MESSAGE" per different outcome; "wrong N" answers that
 * were not what was asked for.
 */
#include "base/clock.h"
#include "base/options.h"
#include "net/grpc/client.h"
#include "net/grpc/echo.pb-c.h"
#include <inttypes.h>

#define OUTCOMES_MAX 8

static struct {
	const char *method, *text, *message;
	int64_t size, reply_size, delay_ms, code, timeout_ms, n_calls, at_once, cancel_ms, max;
	bool wait;
} options = {
	.method = "Say", .text = "", .message = "", .timeout_ms = 30000, .n_calls = 1, .at_once = 1
};

static struct {
	struct grpc_status status;
	int64_t n;
} outcomes[OUTCOMES_MAX];

static struct loop *loop;
static struct grpc_client *client;
static char path[128];
static struct grpc_method method = { .path = path,
				     .request = &reeve__test__echo_request__descriptor,
				     .response = &reeve__test__echo_reply__descriptor };
static Reeve__Test__EchoRequest request = REEVE__TEST__ECHO_REQUEST__INIT;
static int64_t n_begun, n_ended, n_wrong;
static struct timer cancel_timer;
static uint64_t last_call;

static void count(const struct grpc_status *s)
{
	for (size_t i = 0; i < OUTCOMES_MAX; i++) {
		if (outcomes[i].n > 0 && (outcomes[i].status.code != s->code ||
					  strcmp(outcomes[i].status.message, s->message) != 0))
			continue;
		outcomes[i].status = *s;
		outcomes[i].n++;
		return;
	}
}

static bool is_right(const Reeve__Test__EchoReply *reply)
{
	size_t n = request.reply_size ? request.reply_size : request.blob.len;
	return strcmp(reply->text, request.text) == 0 && reply->blob.len == n;
}

static void begin(void);

static void done(const struct grpc_result *result, void *user)
{
	count(&result->status);
	if (result->response && !is_right(result->response))
		n_wrong++;
	n_ended++;
	if (n_begun < options.n_calls)
		begin();
	else if (n_ended == options.n_calls)
		loop_quit(loop);
}

static void begin(void)
{
	n_begun++;
	last_call = grpc_client_call(client, &method, &request, options.timeout_ms, done, NULL);
}

static void cancel(void *user)
{
	grpc_client_cancel(client, last_call);
}

static void set_request(void)
{
	request.text = (char *)(uintptr_t)options.text;
	request.message = (char *)(uintptr_t)options.message;
	request.code = (uint32_t)options.code;
	request.delay_ms = (uint32_t)options.delay_ms;
	request.reply_size = (uint32_t)options.reply_size;
	request.blob.len = (size_t)options.size;
	request.blob.data = calloc(1, request.blob.len + 1);
	snprintf(path, sizeof path, "/reeve.test.Echo/%s", options.method);
}

static int run(const char *address)
{
	const struct grpc_client_options o = { .address = address,
					       .response_max = (size_t)options.max,
					       .wait_for_ready = options.wait };
	struct error err;
	if (loop_new(&loop) < 0)
		return 1;
	if (grpc_client_new(loop, &o, &client, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	set_request();
	int64_t began_ms = clock_mono_ms();
	for (int64_t i = 0; i < options.at_once && i < options.n_calls; i++)
		begin();
	cancel_timer = (struct timer){ .fn = cancel };
	if (options.cancel_ms > 0)
		timer_start(loop_timers(loop), &cancel_timer, began_ms + options.cancel_ms);
	int r = loop_run(loop);
	int64_t took_ms = clock_mono_ms() - began_ms;
	timer_stop(loop_timers(loop), &cancel_timer);
	grpc_client_free(client);
	loop_free(loop);
	free(request.blob.data);
	printf("milliseconds %" PRId64 "\n", took_ms);
	return r < 0;
}

int main(int argc, char *argv[])
{
	const struct option rows[] = {
		{ 0, "method", OPTION_STR, "NAME", "of the service", &options.method, NULL },
		{ 0, "text", OPTION_STR, "TEXT", "to send", &options.text, NULL },
		{ 0, "message", OPTION_STR, "TEXT", "of a status", &options.message, NULL },
		{ 0, "code", OPTION_INT, "N", "to be answered with", &options.code, NULL },
		{ 0, "size", OPTION_INT, "BYTES", "to send", &options.size, NULL },
		{ 0, "reply-size", OPTION_INT, "BYTES", "to get", &options.reply_size, NULL },
		{ 0, "max", OPTION_INT, "BYTES", "of an answer", &options.max, NULL },
		{ 0, "delay", OPTION_DURATION, "TIME", "of the answer", &options.delay_ms, NULL },
		{ 0, "timeout", OPTION_DURATION, "TIME", "of a call", &options.timeout_ms, NULL },
		{ 0, "calls", OPTION_INT, "N", "how many", &options.n_calls, NULL },
		{ 0, "at-once", OPTION_INT, "N", "how many of them", &options.at_once, NULL },
		{ 0, "cancel-after", OPTION_DURATION, "TIME", "the last call", &options.cancel_ms,
		  NULL },
		{ 0, "wait", OPTION_FLAG, NULL, "for the server", &options.wait, NULL },
		{ .name = NULL },
	};
	struct error err;
	int n_args;
	if (options_parse(rows, argc, argv, &n_args, &err) != 0 || n_args != 1) {
		fprintf(stderr, "grpc-testclient ADDRESS [options]\n");
		return 2;
	}
	int r = run(argv[1]);
	for (size_t i = 0; i < OUTCOMES_MAX && outcomes[i].n > 0; i++)
		printf("%" PRId64 " %s %s\n", outcomes[i].n,
		       grpc_code_name(outcomes[i].status.code), outcomes[i].status.message);
	printf("wrong %" PRId64 "\n", n_wrong);
	return r;
}
