/* SPDX-License-Identifier: Apache-2.0
 *
 * Client and server against each other, over a unix socket and threads: outcomes, deadlines, cancelling
 * against replying, graceful stops, connections that are not there.
 */
#include "base/clock.h"
#include "net/grpc/client.h"
#include "net/grpc/echo.pb-c.h"
#include "net/grpc/server.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG_MS 60000 /* never reached when all is well */

static struct loop *loop;
static struct grpc_server *server;
static struct grpc_client *client;
static char folder[] = "/tmp/test-grpc-XXXXXX", address[64];
static atomic_int n_told;

/* ---- the server ---- */

static void reply_to(struct grpc_call *call)
{
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	Reeve__Test__EchoReply reply = REEVE__TEST__ECHO_REPLY__INIT;
	reply.text = request->text;
	reply.uid = grpc_call_peer(call)->uid;
	if (request->code)
		grpc_reply_status(call, (enum grpc_code)request->code, "%s", request->message);
	else
		grpc_reply(call, &reply);
}

static void *reply_later(void *user)
{
	struct grpc_call *call = user;
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	usleep(request->delay_ms * 1000);
	reply_to(call);
	return NULL;
}

static void told(struct grpc_call *call, void *user)
{
	assert_true(grpc_call_cancelled(call));
	atomic_fetch_add(&n_told, 1);
}

static void say(struct grpc_call *call)
{
	const Reeve__Test__EchoRequest *request = grpc_call_request(call);
	pthread_t thread;
	if (request->delay_ms == 0) {
		reply_to(call);
		return;
	}
	grpc_defer(call, told, NULL);
	assert_int_equal(pthread_create(&thread, NULL, reply_later, call), 0);
	pthread_detach(thread);
}

/* The handler that ends its call itself when it is told to. */
static void end_it(struct grpc_call *call, void *user)
{
	atomic_fetch_add(&n_told, 1);
	grpc_reply_status(call, GRPC_ABORTED, "as told");
}

static void never(struct grpc_call *call)
{
	grpc_defer(call, end_it, NULL);
}

static void forget(struct grpc_call *call)
{
}

#define TYPES &reeve__test__echo_request__descriptor, &reeve__test__echo_reply__descriptor
static const struct grpc_method methods[] = {
	{ "/t/Say", TYPES, 0, 0, say, "" },
	{ "/t/Never", TYPES, 0, 0, never, "" },
	{ "/t/Forget", TYPES, 0, 0, forget, "" },
	{ .path = NULL },
}, unknown = { "/t/Unknown", TYPES, 0, 0, NULL, "" };
static const struct grpc_method *const tables[] = { methods, NULL };
static const struct grpc_method *const say_method = &methods[0], *const never_method = &methods[1],
				       *const forget_method = &methods[2];

static void start_server(void *user)
{
	const struct grpc_server_options o = { .tables = tables, .limits = { .streams_max = 50 } };
	struct error err;
	server = grpc_server_new(loop, &o);
	assert_int_equal(grpc_server_listen(server, address, 0600, NULL, &err), 0);
}

static void free_server(void *user)
{
	grpc_server_free(TAKE(server));
}

static void start_client(void *user)
{
	struct grpc_client_options o = { .address = address, .backoff_min_ms = 50 };
	struct error err;
	if (user)
		o = *(const struct grpc_client_options *)user;
	assert_int_equal(grpc_client_new(loop, &o, &client, &err), 0);
}

static void free_client(void *user)
{
	grpc_client_free(TAKE(client));
}

static int set_up(void **state)
{
	assert_int_equal(loop_new(&loop), 0);
	assert_int_equal(loop_start(loop), 0);
	loop_call(loop, start_server, NULL);
	loop_call(loop, start_client, NULL);
	n_told = 0;
	return 0;
}

static int tear_down(void **state)
{
	loop_call(loop, free_client, NULL);
	loop_call(loop, free_server, NULL);
	loop_stop(loop);
	loop_free(loop);
	return 0;
}

/* ---- calls ---- */

static Reeve__Test__EchoRequest request_of(const char *text, uint32_t delay_ms)
{
	Reeve__Test__EchoRequest r = REEVE__TEST__ECHO_REQUEST__INIT;
	r.text = (char *)(uintptr_t)text;
	r.delay_ms = delay_ms;
	return r;
}

static enum grpc_code ask(const struct grpc_method *m, Reeve__Test__EchoRequest r,
			  int64_t timeout_ms)
{
	struct grpc_result result;
	grpc_client_ask(client, m, &r, timeout_ms, &result);
	enum grpc_code code = result.status.code;
	assert_int_equal(result.response != NULL, code == GRPC_OK);
	if (result.response)
		assert_string_equal(((const Reeve__Test__EchoReply *)result.response)->text,
				    r.text);
	grpc_result_fini(&result);
	return code;
}

static void test_outcomes(void **state)
{
	struct grpc_result result;
	Reeve__Test__EchoRequest r = request_of("hello", 0);
	grpc_client_ask(client, say_method, &r, LONG_MS, &result);
	assert_int_equal(result.status.code, GRPC_OK);
	const Reeve__Test__EchoReply *reply = result.response;
	assert_string_equal(reply->text, "hello");
	assert_int_equal(reply->uid, getuid());
	grpc_result_fini(&result);

	r.code = GRPC_FAILED_PRECONDITION;
	r.message = (char *)(uintptr_t) "not “now”\n100%";
	grpc_client_ask(client, say_method, &r, LONG_MS, &result);
	assert_int_equal(result.status.code, GRPC_FAILED_PRECONDITION);
	assert_string_equal(result.status.message, r.message);
	assert_null(result.response);
	grpc_result_fini(&result);

	assert_int_equal(ask(say_method, request_of("late", 20), LONG_MS), GRPC_OK);
	assert_int_equal(ask(&unknown, request_of("", 0), -1), GRPC_UNIMPLEMENTED);
	assert_int_equal(ask(forget_method, request_of("", 0), -1), GRPC_INTERNAL);
}

static void test_large(void **state)
{
	static char text[4 << 20];
	memset(text, 'x', sizeof text - 1);
	assert_int_equal(ask(say_method, request_of(text, 0), LONG_MS), GRPC_RESOURCE_EXHAUSTED);
	text[sizeof text - 100] = '\0';
	assert_int_equal(ask(say_method, request_of(text, 0), LONG_MS), GRPC_OK);
	assert_int_equal(ask(say_method, request_of(text, 5), LONG_MS), GRPC_OK);
}

static void test_deadline(void **state)
{
	assert_int_equal(ask(never_method, request_of("", 0), 30), GRPC_DEADLINE_EXCEEDED);
	assert_int_equal(ask(say_method, request_of("", 200), 30), GRPC_DEADLINE_EXCEEDED);
	assert_int_equal(ask(say_method, request_of("", 0), 0), GRPC_DEADLINE_EXCEEDED);
	while (atomic_load(&n_told) < 2)
		usleep(1000);
}

/* ---- without waiting ---- */

static atomic_int n_done, n_ok, n_cancelled, n_unavailable;

static void count(const struct grpc_result *result, void *user)
{
	assert_true(loop_inside(loop));
	atomic_fetch_add(result->status.code == GRPC_OK          ? &n_ok
			 : result->status.code == GRPC_CANCELLED ? &n_cancelled
								 : &n_unavailable,
			 1);
	atomic_fetch_add(&n_done, 1);
}

static uint64_t begin(const struct grpc_method *m, uint32_t delay_ms)
{
	Reeve__Test__EchoRequest r = request_of("x", delay_ms);
	return grpc_client_call(client, m, &r, LONG_MS, count, NULL);
}

static void await(int n)
{
	for (int64_t end_ms = clock_mono_ms() + LONG_MS; atomic_load(&n_done) < n; usleep(1000))
		assert_true(clock_mono_ms() < end_ms);
	assert_int_equal(n_done, n);
	n_done = 0;
}

static void reset_counts(void)
{
	n_done = n_ok = n_cancelled = n_unavailable = 0;
}

static void test_many_at_once(void **state)
{
	reset_counts();
	for (int i = 0; i < 2000; i++) /* more than the server takes at once */
		begin(say_method, i % 20 == 0 ? 5 : 0);
	await(2000);
	assert_int_equal(n_ok, 2000);
}

static void begin_inside(void *user)
{
	int before = n_done;
	begin(say_method, 0);
	assert_int_equal(n_done, before); /* never before it returns */
}

static void test_from_the_loop(void **state)
{
	reset_counts();
	loop_call(loop, begin_inside, NULL);
	await(1);
}

static void test_cancel(void **state)
{
	reset_counts();
	uint64_t first = begin(never_method, 0), second = begin(never_method, 0);
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_OK);
	grpc_client_cancel(client, first);
	grpc_client_cancel(client, first);
	grpc_client_cancel(client, 999999);
	await(1);
	grpc_client_cancel(client, second);
	await(1);
	assert_int_equal(n_cancelled, 2);
	while (atomic_load(&n_told) < 2)
		usleep(1000);
}

/* Threads reply at the moment when callers lose patience: nothing is told after it was answered, nothing
 * is freed twice. */
static void test_cancel_against_reply(void **state)
{
	reset_counts();
	uint64_t ids[200];
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		ids[i] = begin(say_method, 1 + i % 3);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		if (i % 16 == 0)
			usleep(500);
		grpc_client_cancel(client, ids[i]);
	}
	await(ARRAY_SIZE(ids));
	assert_int_equal(n_ok + n_cancelled, ARRAY_SIZE(ids));
}

/* ---- life ---- */

static atomic_bool has_stopped;

static void note_stopped(void *user)
{
	has_stopped = true;
}

static void stop_server(void *user)
{
	has_stopped = false;
	grpc_server_stop(server, *(const int64_t *)user, note_stopped, NULL);
}

static void restart_server(void *user)
{
	free_server(NULL);
	start_server(NULL);
}

static void await_stopped(void)
{
	while (!atomic_load(&has_stopped))
		usleep(1000);
}

static void test_graceful_stop(void **state)
{
	const int64_t timeout_ms = LONG_MS;
	reset_counts();
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_OK);
	for (int i = 0; i < 10; i++)
		begin(say_method, 100);
	assert_int_equal(ask(say_method, request_of("", 1), LONG_MS), GRPC_OK); /* they run */
	loop_call(loop, stop_server, (void *)(uintptr_t)&timeout_ms);
	await(10);
	assert_int_equal(n_ok, 10);
	await_stopped();
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_UNAVAILABLE);
	loop_call(loop, restart_server, NULL);
	while (ask(say_method, request_of("", 0), LONG_MS) != GRPC_OK) /* after the back-off */
		usleep(5000);
}

static void test_stop_does_not_wait_for_ever(void **state)
{
	const int64_t timeout_ms = 50;
	reset_counts();
	begin(never_method, 0);
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_OK);
	loop_call(loop, stop_server, (void *)(uintptr_t)&timeout_ms);
	await_stopped();
	await(1);
	assert_int_equal(n_unavailable, 1);
	assert_int_equal(n_told, 1);
}

/* The server goes while threads still have its calls. */
static void test_free_with_calls(void **state)
{
	reset_counts();
	for (int i = 0; i < 20; i++)
		begin(say_method, 50);
	assert_int_equal(ask(say_method, request_of("", 1), LONG_MS), GRPC_OK);
	loop_call(loop, free_server, NULL);
	await(20);
	assert_int_equal(n_unavailable + n_ok, 20);
	loop_call(loop, start_server, NULL);
	usleep(100000); /* the threads end; a sanitizer looks at what they touch */
}

static void test_client_free_with_calls(void **state)
{
	reset_counts();
	for (int i = 0; i < 20; i++)
		begin(never_method, 0);
	loop_call(loop, free_client, NULL);
	assert_int_equal(n_cancelled, 20);
	loop_call(loop, start_client, NULL);
}

static void test_nobody_there(void **state)
{
	loop_call(loop, free_server, NULL);
	int64_t began_ms = clock_mono_ms();
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_UNAVAILABLE);
	assert_int_equal(ask(say_method, request_of("", 0), LONG_MS), GRPC_UNAVAILABLE);
	assert_true(clock_mono_ms() - began_ms < LONG_MS / 2);
	loop_call(loop, start_server, NULL);
}

static void test_wait_for_ready(void **state)
{
	struct grpc_client_options o = { .address = address,
					 .backoff_min_ms = 10,
					 .wait_for_ready = true };
	reset_counts();
	loop_call(loop, free_client, NULL);
	loop_call(loop, free_server, NULL);
	loop_call(loop, start_client, &o);
	assert_int_equal(ask(say_method, request_of("", 0), 60), GRPC_DEADLINE_EXCEEDED);
	begin(say_method, 0);
	usleep(50000);
	assert_int_equal(n_done, 0);
	loop_call(loop, start_server, NULL);
	await(1);
	assert_int_equal(n_ok, 1);
}

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(address, sizeof address, "unix:%s/s", folder);
	return 0;
}

static int remove_folder(void **state)
{
	return rmdir(folder); /* the server has removed its socket */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
		TEST(test_outcomes),
		TEST(test_large),
		TEST(test_deadline),
		TEST(test_many_at_once),
		TEST(test_from_the_loop),
		TEST(test_cancel),
		TEST(test_cancel_against_reply),
		TEST(test_graceful_stop),
		TEST(test_stop_does_not_wait_for_ever),
		TEST(test_free_with_calls),
		TEST(test_client_free_with_calls),
		TEST(test_nobody_there),
		TEST(test_wait_for_ready),
#undef TEST
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
