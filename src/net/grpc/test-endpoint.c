/* SPDX-License-Identifier: Apache-2.0
 *
 * endpoint: the syntax both ways, and real sockets: peers, stale and live socket files.
 */
#include "net/grpc/endpoint.h"
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void test_syntax(void **state)
{
	static const struct {
		const char *text, *back; /* NULL: refused */
	} cases[] = {
		{ "vsock:8888", "vsock:8888" },
		{ "vsock:3:8888", "vsock:3:8888" },
		{ "vsock:2:4294967295", "vsock:2:4294967295" },
		{ "vsock:4294967295:1", NULL },
		{ "vsock:4294967296", NULL },
		{ "vsock:", NULL },
		{ "vsock::1", NULL },
		{ "vsock:-1:1", NULL },
		{ "vsock:1:2:3", NULL },
		{ "unix:/run/x.sock", "unix:/run/x.sock" },
		{ "unix:relative", "unix:relative" },
		{ "unix:/with:colon", "unix:/with:colon" },
		{ "unix:@abstract", "unix:@abstract" },
		{ "unix:", NULL },
		{ "tcp:127.0.0.1:80", "tcp:127.0.0.1:80" },
		{ "tcp:[::1]:0", "tcp:[::1]:0" },
		{ "tcp:127.0.0.1:65536", NULL },
		{ "tcp:127.0.0.1", NULL },
		{ "tcp:::1:80", NULL },
		{ "tcp:[::1:80", NULL },
		{ "tcp:[]:80", NULL },
		{ "tcp:localhost:80", NULL },
		{ "tcp::80", NULL },
		{ "tcp:", NULL },
		{ "udp:1", NULL },
		{ "", NULL },
		{ "8888", NULL },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct endpoint e;
		struct error err;
		char text[ENDPOINT_TEXT_SIZE];
		int r = endpoint_parse(cases[i].text, &e, &err);
		assert_int_equal(r, cases[i].back ? 0 : ERR_INVALID);
		if (r == 0)
			assert_string_equal(endpoint_format(&e, text), cases[i].back);
		else
			assert_non_null(strstr(err.message, cases[i].text));
	}
}

static void test_long_path(void **state)
{
	char text[200] = "unix:/";
	struct endpoint e;
	struct error err;
	for (size_t n = 6; n < 150; n++) {
		text[n] = 'x';
		text[n + 1] = '\0';
		assert_int_equal(endpoint_parse(text, &e, &err), n + 1 - 5 < 108 ? 0 : ERR_INVALID);
	}
}

static struct endpoint parse(const char *text)
{
	struct endpoint e;
	assert_int_equal(endpoint_parse(text, &e, NULL), 0);
	return e;
}

static void meet(int listener, const struct endpoint *e, struct grpc_peer *ret)
{
	int fd, accepted;
	assert_int_equal(endpoint_connect(e, &fd), 0);
	struct pollfd p = { .fd = listener, .events = POLLIN };
	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(endpoint_accept(listener, &accepted, ret), 0);
	assert_int_equal(endpoint_connected(fd), 0);
	close(fd);
	close(accepted);
	assert_int_equal(endpoint_accept(listener, &accepted, ret), -EAGAIN);
}

static void test_unix(void **state)
{
	char text[ENDPOINT_TEXT_SIZE], folder[] = "/tmp/test-endpoint-XXXXXX";
	struct stat st;
	struct grpc_peer peer;
	int listener, second;
	assert_non_null(mkdtemp(folder));
	snprintf(text, sizeof text, "unix:%s/s", folder);
	const struct endpoint e = parse(text);
	assert_int_equal(endpoint_listen(&e, 0600, &listener), 0);
	assert_int_equal(stat(e.addr.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	meet(listener, &e, &peer);
	assert_int_equal(peer.uid, getuid());
	assert_int_equal(peer.pid, getpid());
	assert_int_equal(peer.cid, GRPC_NOBODY);

	assert_int_equal(endpoint_listen(&e, 0600, &second), -EADDRINUSE); /* somebody listens */
	close(listener);
	assert_int_equal(endpoint_connect(&e, &second), -ECONNREFUSED);
	assert_int_equal(endpoint_listen(&e, 0666, &listener), 0); /* nobody does */
	assert_int_equal(stat(e.addr.un.sun_path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	close(listener);
	unlink(e.addr.un.sun_path);

	/* Something else in its place is not ours to remove. */
	FILE *f = fopen(e.addr.un.sun_path, "w");
	fclose(f);
	assert_int_equal(endpoint_listen(&e, 0600, &listener), -EADDRINUSE);
	assert_int_equal(stat(e.addr.un.sun_path, &st), 0);
	unlink(e.addr.un.sun_path);
	rmdir(folder);
}

static void test_tcp(void **state)
{
	const struct endpoint e = parse("tcp:127.0.0.1:0");
	struct endpoint bound;
	struct grpc_peer peer;
	int listener;
	assert_int_equal(endpoint_listen(&e, 0, &listener), 0);
	assert_int_equal(endpoint_local(listener, &bound), 0);
	assert_int_not_equal(bound.addr.in.sin_port, 0);
	meet(listener, &bound, &peer);
	assert_int_equal(peer.uid, GRPC_NOBODY);
	assert_memory_equal(peer.text, "tcp:127.0.0.1:", 14);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_syntax),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_tcp),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
