/* SPDX-License-Identifier: Apache-2.0
 *
 * host-link: against a host on the same loop, which keeps the calls that it gets until the test answers them. What was sent on the
 * connection before some call has been there before it: such a call stands for "and nothing more came".
 */
#include "base/macros.h"
#include "net/grpc/server.h"
#include "vm/container/host-link.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HELD_MAX 4
#define LONG_MS  60000 /* never reached when all is well */
#define SHORT_MS 50

static struct loop *loop;
static struct grpc_server *server;
static struct host_link link_;
static char folder[] = "/tmp/test-host-link-XXXXXX", address[64];

static struct grpc_call
	*held[HELD_MAX]; /* calls that wait for their answer, in the order of their coming */
static unsigned n_held;
static char seen[8192]; /* what came, a word each */
static unsigned n_seen, n_wanted, n_marks, n_up;

/* ---- the host ---- */

static void note(const char *word)
{
	size_t n = strlen(seen);
	assert_true(n + 16 < sizeof seen);
	snprintf(seen + n, sizeof seen - n, "%s%s", n ? " " : "", word);
	if (++n_seen == n_wanted)
		loop_quit(loop);
}

static void keep(struct grpc_call *call)
{
	assert_true(n_held < HELD_MAX);
	held[n_held++] = call;
	grpc_defer(call, NULL, NULL);
}

static void answer(struct grpc_call *call)
{
	const VmTools__EmptyMessage nothing = VM_TOOLS__EMPTY_MESSAGE__INIT;
	grpc_reply(call, &nothing);
}

static void on_ready(struct grpc_call *call)
{
	answer(call);
}

static void on_progress(struct grpc_call *call)
{
	const VmTools__Container__InstallLinuxPackageProgressInfo *m = grpc_call_request(call);
	char word[16];
	snprintf(word, sizeof word, "%u", m->progress_percent);
	keep(call);
	note(word);
}

static void on_count(struct grpc_call *call)
{
	const VmTools__Container__PendingAppListUpdateCount *m = grpc_call_request(call);
	char word[16];
	snprintf(word, sizeof word, "count=%u", m->count);
	keep(call);
	note(word);
}

static void on_mark(struct grpc_call *call)
{
	answer(call);
	note("mark");
}

static void on_bye(struct grpc_call *call)
{
	answer(call);
	note("bye");
}

#define ROW(path_, request_, handler_)                                                             \
	{                                                                                          \
		.path = "/vm_tools.container.ContainerListener/" path_,                            \
		.request = &vm_tools__container__##request_##__descriptor,                         \
		.response = &vm_tools__empty_message__descriptor, .handler = (handler_)            \
	}

static const struct grpc_method methods[] = {
	ROW("ContainerReady", container_startup_info, on_ready),
	ROW("ContainerShutdown", container_shutdown_info, on_bye),
	ROW("InstallLinuxPackageProgress", install_linux_package_progress_info, on_progress),
	ROW("PendingUpdateApplicationListCalls", pending_app_list_update_count, on_count),
	ROW("UpdateMimeTypes", update_mime_types_request, on_mark),
	{ .path = NULL },
};

/* ---- the container ---- */

static void on_up(void *user)
{
	(void)user;
	n_up++;
	loop_quit(loop);
}

static void on_ended(void *user)
{
	(void)user;
	loop_quit(loop);
}

static void on_mark_told(const struct grpc_result *result, void *user)
{
	(void)user;
	assert_int_equal(result->status.code, GRPC_OK);
	n_marks++;
	loop_quit(loop);
}

static void tell(unsigned percent)
{
	VmTools__Container__InstallLinuxPackageProgressInfo m =
		VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__INIT;
	m.progress_percent = percent;
	host_link_send(&link_, &host_install_progress, &m);
}

static void run(void)
{
	assert_int_equal(loop_run(loop), 0);
}

static void wait_seen(unsigned n)
{
	n_wanted = n;
	while (n_seen < n)
		run();
}

/* All that was sent so far has come when this returns. */
static void mark(void)
{
	const VmTools__Container__UpdateMimeTypesRequest m =
		VM_TOOLS__CONTAINER__UPDATE_MIME_TYPES_REQUEST__INIT;
	n_wanted = n_marks = 0;
	assert_true(host_link_call(&link_, &host_mime_types, &m, on_mark_told, NULL));
	while (n_marks == 0)
		run();
}

static struct grpc_call *take_first(void)
{
	assert_true(n_held > 0);
	struct grpc_call *call = held[0];
	memmove(held, held + 1, --n_held * sizeof *held);
	return call;
}

static void answer_first(void)
{
	answer(take_first());
}

/* ---- cases ---- */

static int begin(void **state)
{
	static const struct grpc_method *const tables[] = { methods, NULL };
	const struct grpc_server_options options = { .tables = tables };
	const struct host_link_options o = {
		.host = address, .token = "t", .check_ms = LONG_MS, .bye_ms = LONG_MS, .up = on_up
	};
	struct error err;
	(void)state;
	seen[0] = '\0';
	n_held = n_seen = n_wanted = n_up = 0;
	assert_int_equal(loop_new(&loop), 0);
	server = grpc_server_new(loop, &options);
	assert_int_equal(grpc_server_listen(server, address, 0600, NULL, &err), 0);
	assert_int_equal(host_link_open(&link_, loop, &o, &err), 0);
	host_link_start(&link_, 1);
	run();
	return 0;
}

static int end(void **state)
{
	(void)state;
	host_link_close(&link_);
	grpc_server_free(server);
	while (n_held > 0)
		answer_first();
	loop_free(loop);
	return 0;
}

static void test_order(void **state)
{
	(void)state;
	for (unsigned percent = 1; percent <= 3; percent++)
		tell(percent);
	mark(); /* unless it waits, all three came before this */
	wait_seen(2);
	assert_int_equal(n_held, 1);
	for (unsigned n = 3; n <= 4; n++) {
		answer_first();
		wait_seen(n);
		assert_int_equal(n_held, 1);
	}
	assert_string_equal(seen, "1 mark 2 3");
}

static void test_counts(void **state)
{
	(void)state;
	for (unsigned count = 1; count <= 3; count++)
		host_link_send_pending(&link_, count);
	mark();
	assert_int_equal(n_held, 1);
	answer_first();
	wait_seen(3);
	answer_first();
	mark();
	assert_string_equal(seen, "count=1 mark count=3 mark"); /* 2 is history */
}

static void test_bound(void **state)
{
	char wanted[16];
	(void)state;
	for (unsigned n = 1; n <= HOST_QUEUE_MAX + 3; n++)
		tell(n); /* one runs, two are too many */
	assert_int_equal(link_.queue.n, HOST_QUEUE_MAX);
	for (unsigned n = 1; n <= HOST_QUEUE_MAX + 1; n++) {
		wait_seen(n);
		answer_first();
	}
	mark();
	assert_memory_equal(seen, "1 4 5 6 ", 8);
	snprintf(wanted, sizeof wanted, "%d mark", HOST_QUEUE_MAX + 3);
	assert_string_equal(seen + strlen(seen) - strlen(wanted), wanted);
}

static void test_bound_of_bytes(void **state)
{
	VmTools__Container__InstallLinuxPackageProgressInfo m =
		VM_TOOLS__CONTAINER__INSTALL_LINUX_PACKAGE_PROGRESS_INFO__INIT;
	const size_t size = HOST_QUEUE_BYTES_MAX / 2;
	(void)state;
	m.failure_details = malloc(size + 1);
	assert_non_null(m.failure_details);
	memset(m.failure_details, 'x', size);
	m.failure_details[size] = '\0';
	tell(1);
	for (m.progress_percent = 2; m.progress_percent <= 4; m.progress_percent++)
		host_link_send(&link_, &host_install_progress, &m);
	free(m.failure_details);
	assert_int_equal(link_.queue.n, 1);
	tell(5);
	for (unsigned n = 1; n <= 3; n++) {
		wait_seen(n);
		answer_first();
	}
	mark();
	assert_string_equal(seen, "1 4 5 mark");
	assert_int_equal(link_.queue.n_bytes, 0);
}

static void test_host_that_forgot_us(void **state)
{
	(void)state;
	tell(1);
	tell(2);
	host_link_send_pending(&link_, 7);
	wait_seen(2);
	assert_string_equal(seen, "1 count=7");
	struct grpc_call *old = take_first();
	grpc_reply_status(take_first(), GRPC_FAILED_PRECONDITION, "no such container");
	run(); /* until it is up again */
	assert_int_equal(n_up, 2);
	answer(old);
	tell(3); /* which waits for no answer of before */
	wait_seen(3);
	answer_first();
	mark();
	assert_string_equal(seen, "1 count=7 3 mark");
}

static void test_last_words(void **state)
{
	(void)state;
	tell(1);
	tell(2);
	host_link_stop(&link_, on_ended);
	tell(3); /* too late */
	for (unsigned n = 1; n <= 2; n++) {
		wait_seen(n);
		answer_first();
	}
	run();
	assert_string_equal(seen, "1 2 bye");
}

static void test_last_words_that_nobody_takes(void **state)
{
	(void)state;
	link_.options.bye_ms = SHORT_MS;
	tell(1);
	tell(2);
	wait_seen(1);
	host_link_stop(&link_, on_ended);
	run();
	assert_string_equal(seen, "1 bye");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		CASE(test_order),
		CASE(test_counts),
		CASE(test_bound),
		CASE(test_bound_of_bytes),
		CASE(test_host_that_forgot_us),
		CASE(test_last_words),
		CASE(test_last_words_that_nobody_takes),
	};
	if (!mkdtemp(folder))
		return 1;
	snprintf(address, sizeof address, "unix:%s/s", folder);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)!unlink(address + strlen("unix:"));
	(void)!rmdir(folder);
	return r;
}
