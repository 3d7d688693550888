/* SPDX-License-Identifier: Apache-2.0
 *
 * A server's connection, frame by frame in memory: what calls get, and what hostile frames get. Every
 * script is fed whole and byte by byte.
 */
#include "net/grpc/testing.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
	DATA,
	HEADERS,
	PRIORITY,
	RST_STREAM,
	SETTINGS,
	PUSH_PROMISE,
	PING,
	GOAWAY,
	WINDOW_UPDATE,
	CONTINUATION
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

static struct buf script;

/* ---- writing frames ---- */

static void frame(uint8_t type, uint8_t flags, uint32_t stream, struct span payload)
{
	uint8_t head[9] = { (uint8_t)(payload.n >> 16),
			    (uint8_t)(payload.n >> 8),
			    (uint8_t)payload.n,
			    type,
			    flags,
			    (uint8_t)(stream >> 24),
			    (uint8_t)(stream >> 16),
			    (uint8_t)(stream >> 8),
			    (uint8_t)stream };
	buf_add(&script, head, sizeof head);
	buf_add(&script, payload.p, payload.n);
}

/* HPACK: a literal that is not indexed, no Huffman. */
static void header(struct buf *out, const char *name, const char *value)
{
	buf_add_char(out, 0);
	buf_add_char(out, (char)strlen(name));
	buf_add_str(out, name);
	buf_add_char(out, (char)strlen(value));
	buf_add_str(out, value);
}

struct call { /* what differs from a good one */
	const char *method, *path, *type, *te, *timeout, *encoding;
};

static void headers(uint32_t stream, uint8_t flags, struct call c)
{
	CLEANUP(buf_fini) struct buf block;
	buf_init(&block, 4096);
	header(&block, ":method", c.method ? c.method : "POST");
	header(&block, ":scheme", "http");
	header(&block, ":path", c.path ? c.path : "/t/Echo");
	header(&block, ":authority", "x");
	if (!c.te || c.te[0])
		header(&block, "te", c.te ? c.te : "trailers");
	header(&block, "content-type", c.type ? c.type : "application/grpc");
	if (c.timeout)
		header(&block, "grpc-timeout", c.timeout);
	if (c.encoding)
		header(&block, "grpc-encoding", c.encoding);
	frame(HEADERS, END_HEADERS | flags, stream, buf_span(&block));
}

#define BYTES(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })
#define NONE     ((struct span){ NULL, 0 })
#define HELLO    BYTES("\0\0\0\0\7\x0a\5hello")

/* ---- reading them ---- */

struct seen {
	int n_answers, n_resets, http, code;
	bool has_code, has_goaway, has_accept;
	uint32_t reset, goaway;
	size_t n_data;
};

static void see_headers(nghttp2_hd_inflater *inflater, struct span block, struct seen *ret)
{
	int flags = 0;
	do {
		nghttp2_nv nv;
		ssize_t n = nghttp2_hd_inflate_hd2(inflater, &nv, &flags, block.p, block.n, 1);
		assert_true(n >= 0);
		block.p += n;
		block.n -= (size_t)n;
		struct span name = { nv.name, nv.namelen }, value = { nv.value, nv.valuelen };
		if (!(flags & NGHTTP2_HD_INFLATE_EMIT))
			continue;
		if (span_eq_str(name, ":status"))
			ret->http = (int)strtol((const char *)nv.value, NULL, 10);
		if (span_eq_str(name, "grpc-status")) {
			ret->has_code = true;
			ret->code = (int)grpc_code_parse(value);
		}
		if (span_eq_str(name, "grpc-accept-encoding"))
			ret->has_accept = span_eq_str(value, "identity");
	} while (!(flags & NGHTTP2_HD_INFLATE_FINAL));
	nghttp2_hd_inflate_end_headers(inflater);
}

static struct seen see(struct span out)
{
	struct seen seen = { 0 };
	nghttp2_hd_inflater *inflater;
	assert_int_equal(nghttp2_hd_inflate_new(&inflater), 0);
	while (out.n > 0) {
		uint32_t n = 0, stream = 0, word = 0;
		uint8_t type = 0, flags = 0;
		struct span payload;
		assert_true(span_get_be24(&out, &n) && span_get_u8(&out, &type) &&
			    span_get_u8(&out, &flags) && span_get_be32(&out, &stream) &&
			    span_get_bytes(&out, n, &payload));
		if (type == HEADERS)
			see_headers(inflater, payload, &seen);
		if (type == HEADERS && (flags & END_STREAM))
			seen.n_answers++;
		if (type == DATA)
			seen.n_data += n;
		if (type == RST_STREAM && span_get_be32(&payload, &word)) {
			seen.n_resets++;
			seen.reset = word;
		}
		if (type == GOAWAY && span_get_be32(&payload, &word) &&
		    span_get_be32(&payload, &word)) {
			seen.has_goaway = true;
			seen.goaway = word;
		}
	}
	nghttp2_hd_inflate_del(inflater);
	return seen;
}

/* Runs the script both ways, which must come to the same. */
static struct seen play(void)
{
	struct seen whole = see(testing_session(buf_span(&script), SIZE_MAX));
	struct seen bytewise = see(testing_session(buf_span(&script), 1));
	assert_int_equal(whole.n_answers, bytewise.n_answers);
	assert_int_equal(whole.code, bytewise.code);
	assert_int_equal(whole.http, bytewise.http);
	assert_int_equal(whole.has_goaway, bytewise.has_goaway);
	assert_int_equal(whole.n_data, bytewise.n_data);
	return whole;
}

static int reset_script(void **state)
{
	buf_fini(&script);
	buf_init(&script, 8 << 20);
	return 0;
}

/* ---- calls ---- */

static void test_good(void **state)
{
	for (uint32_t stream = 1; stream < 20; stream += 2) {
		headers(stream, 0, (struct call){ 0 });
		frame(DATA, END_STREAM, stream, HELLO);
	}
	struct seen seen = play();
	assert_int_equal(seen.n_answers, 10);
	assert_int_equal(seen.http, 200);
	assert_true(seen.has_code);
	assert_int_equal(seen.code, GRPC_OK);
	assert_int_equal(seen.n_data, 10 * HELLO.n);
	assert_int_equal(seen.n_resets, 0);
}

static const struct {
	struct call call;
	const char *data;
	size_t n;
	int http, code; /* code -1: none */
} calls[] = {
	{ { .path = "/t/Nope" }, "\0\0\0\0\0", 5, 200, GRPC_UNIMPLEMENTED },
	{ { .path = "/t/Ech" }, "\0\0\0\0\0", 5, 200, GRPC_UNIMPLEMENTED },
	{ { .path = "/t/Echo/" }, "\0\0\0\0\0", 5, 200, GRPC_UNIMPLEMENTED },
	{ { .method = "GET" }, "", 0, 405, -1 },
	{ { .type = "application/json" }, "{}", 2, 415, -1 },
	{ { .te = "" }, "\0\0\0\0\0", 5, 200, GRPC_INTERNAL },
	{ { .timeout = "x" }, "\0\0\0\0\0", 5, 200, GRPC_INTERNAL },
	{ { .encoding = "gzip" }, "\0\0\0\0\0", 5, 200, GRPC_OK }, /* may compress, does not */
	{ { .encoding = "gzip" }, "\1\0\0\0\1x", 6, 200, GRPC_UNIMPLEMENTED },
	{ { 0 }, "\1\0\0\0\1x", 6, 200, GRPC_INTERNAL },
	{ { 0 }, "\2\0\0\0\1x", 6, 200, GRPC_INTERNAL },
	{ { 0 }, "", 0, 200, GRPC_INTERNAL },
	{ { 0 }, "\0\0\0\0", 4, 200, GRPC_INTERNAL },
	{ { 0 }, "\0\0\0\0\2\x0a", 6, 200, GRPC_INTERNAL },
	{ { 0 }, "\0\0\0\0\0\0\0\0\0\0", 10, 200, GRPC_INTERNAL },
	{ { 0 }, "\0\0\0\x27\x11", 5, 200, GRPC_RESOURCE_EXHAUSTED }, /* 10001 */
	{ { 0 }, "\0\xff\xff\xff\xff", 5, 200, GRPC_RESOURCE_EXHAUSTED },
	{ { 0 }, "\0\0\0\0\2\xff\xff", 7, 200, GRPC_INTERNAL },
	{ { 0 }, "\0\0\0\0\0", 5, 200, GRPC_OK },
};

static void test_calls(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		reset_script(NULL);
		headers(1, 0, calls[i].call);
		frame(DATA, END_STREAM, 1,
		      (struct span){ (const uint8_t *)calls[i].data, calls[i].n });
		struct seen seen = play();
		assert_int_equal(seen.n_answers, 1);
		assert_int_equal(seen.http, calls[i].http);
		assert_int_equal(seen.has_code ? seen.code : -1, calls[i].code);
		assert_int_equal(seen.has_accept, i == 8);
		assert_false(seen.has_goaway);
	}
}

/* Answered before the request has ended: the stream is reset without an error, and only it. */
static void test_early_answer(void **state)
{
	headers(1, 0, (struct call){ .path = "/t/Nope" });
	frame(DATA, 0, 1, HELLO);
	headers(3, 0, (struct call){ 0 });
	frame(DATA, END_STREAM, 3, HELLO);
	struct seen seen = play();
	assert_int_equal(seen.n_answers, 2);
	assert_int_equal(seen.n_resets, 1);
	assert_int_equal(seen.reset, NGHTTP2_NO_ERROR);
	assert_false(seen.has_goaway);
}

static void test_headers_only(void **state)
{
	headers(1, END_STREAM, (struct call){ 0 });
	struct seen seen = play();
	assert_int_equal(seen.code, GRPC_INTERNAL);
	assert_int_equal(seen.n_answers, 1);
}

/* A message in many DATA frames, padded and empty ones among them, and trailers behind it. */
static void test_pieces(void **state)
{
	CLEANUP(buf_fini) struct buf trailers;
	struct span left = HELLO;
	buf_init(&trailers, 100);
	header(&trailers, "x-trailer", "y");
	headers(1, 0, (struct call){ 0 });
	for (struct span piece; span_get_bytes(&left, 1, &piece);) {
		uint8_t padded[4] = { 2, piece.p[0], 0, 0 };
		frame(DATA, PADDED, 1, (struct span){ padded, sizeof padded });
		frame(DATA, 0, 1, NONE);
	}
	frame(HEADERS, END_HEADERS | END_STREAM, 1, buf_span(&trailers));
	struct seen seen = play();
	assert_int_equal(seen.n_answers, 1);
	assert_int_equal(seen.code, GRPC_OK);
	assert_int_equal(seen.n_data, HELLO.n);
}

static void test_reset_and_left_open(void **state)
{
	headers(1, 0, (struct call){ .path = "/t/Defer" });
	frame(DATA, END_STREAM, 1, HELLO);
	headers(3, 0, (struct call){ .path = "/t/Defer" });
	frame(DATA, END_STREAM, 3, HELLO);
	frame(RST_STREAM, 0, 3, BYTES("\0\0\0\x08"));
	headers(5, 0, (struct call){ 0 }); /* never ends */
	frame(DATA, 0, 5, BYTES("\0\0\0\0\7"));
	struct seen seen = play();
	assert_int_equal(seen.n_answers, 0);
	assert_false(seen.has_goaway);
}

static void test_many_headers(void **state)
{
	CLEANUP(buf_fini) struct buf block;
	char value[101];
	buf_init(&block, 60000);
	memset(value, 'v', 100);
	value[100] = '\0';
	header(&block, ":method", "POST");
	header(&block, ":scheme", "http");
	header(&block, ":path", "/t/Echo");
	header(&block, ":authority", "x");
	for (int i = 0; i < 140; i++) /* 19 KiB as RFC 9113 counts */
		header(&block, "x-many", value);
	struct span left = buf_span(&block), piece;
	(void)!span_get_bytes(&left, 10000, &piece);
	frame(HEADERS, 0, 1, piece);
	frame(CONTINUATION, END_HEADERS, 1, left);
	frame(DATA, END_STREAM, 1, HELLO);
	struct seen seen = play();
	assert_int_equal(seen.n_answers, 1);
	assert_int_equal(seen.code, GRPC_RESOURCE_EXHAUSTED);
	assert_false(seen.has_goaway);
}

/* More calls at once than were allowed: refused, each by itself. */
static void test_too_many_streams(void **state)
{
	for (uint32_t stream = 1; stream < 60; stream += 2)
		headers(stream, 0, (struct call){ 0 });
	struct seen seen = see(testing_session(buf_span(&script), SIZE_MAX));
	assert_int_equal(seen.n_resets, 20);
	assert_int_equal(seen.reset, NGHTTP2_REFUSED_STREAM);
}

/* ---- broken and hostile frames ---- */

static const struct {
	const char *bytes;
	size_t n;
} broken[] = {
#define FRAME(s)                                                                                   \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	FRAME("\xff\xff\xff\0\0\0\0\0\1"),                 /* larger than allowed */
	FRAME("\0\0\1\0\0\0\0\0\1x"),                      /* DATA on an idle stream */
	FRAME("\0\0\1\0\0\0\0\0\0x"),                      /* … on stream 0 */
	FRAME("\0\0\1\1\4\0\0\0\2\x82"),                   /* an even stream */
	FRAME("\0\0\1\1\4\0\0\0\1\xff"),                   /* no HPACK */
	FRAME("\0\0\4\3\0\0\0\0\1\0\0\0\0"),               /* RST_STREAM of an idle one */
	FRAME("\0\0\3\3\0\0\0\0\1\0\0\0"),                 /* … of a wrong size */
	FRAME("\0\0\5\4\0\0\0\0\0\0\0\0\0\0"),             /* SETTINGS of a wrong size */
	FRAME("\0\0\6\4\0\0\0\0\0\0\4\xff\xff\xff\xff"),   /* an impossible window */
	FRAME("\0\0\0\5\4\0\0\0\1"),                       /* PUSH_PROMISE from a client */
	FRAME("\0\0\7\6\0\0\0\0\0\0\0\0\0\0\0\0"),         /* PING of a wrong size */
	FRAME("\0\0\4\x08\0\0\0\0\0\0\0\0\0"),             /* WINDOW_UPDATE by nothing */
	FRAME("\0\0\4\x08\0\0\0\0\0\x7f\xff\xff\xff"),     /* … by too much */
	FRAME("\0\0\0\x09\4\0\0\0\1"),                     /* CONTINUATION of nothing */
	FRAME("\0\0\1\1\0\0\0\0\1\x82\0\0\0\0\0\0\0\0\1"), /* interrupted headers */
#undef FRAME
};

static void test_broken(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		reset_script(NULL);
		buf_add(&script, broken[i].bytes, broken[i].n);
		headers(7, 0, (struct call){ 0 });
		frame(DATA, END_STREAM, 7, HELLO);
		struct seen seen = see(testing_session(buf_span(&script), SIZE_MAX));
		assert_true(seen.has_goaway);
		assert_int_not_equal(seen.goaway, NGHTTP2_NO_ERROR);
		assert_int_equal(seen.n_answers, 0);
		(void)testing_session(buf_span(&script), 1);
	}
}

static const struct {
	uint8_t type, flags;
	uint32_t stream;
	const char *payload;
	size_t n;
} floods[] = {
	{ PING, 0, 0, "12345678", 8 },
	{ PING, ACK, 0, "12345678", 8 },
	{ SETTINGS, 0, 0, "", 0 },
	{ DATA, 0, 1, "", 0 },
	{ PRIORITY, 0, 1, "\0\0\0\0\1", 5 },
	{ WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4 },
	{ 0xbe, 0, 0, "", 0 },
};

static void test_floods(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(floods); i++) {
		reset_script(NULL);
		headers(1, 0, (struct call){ 0 });
		for (int n = 0; n < 5000; n++)
			frame(floods[i].type, floods[i].flags, floods[i].stream,
			      (struct span){ (const uint8_t *)floods[i].payload, floods[i].n });
		/* in reads of the usual size, as from a socket */
		struct seen seen = see(testing_session(buf_span(&script), 500));
		assert_true(seen.has_goaway);
		assert_int_equal(seen.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	}
}

static void test_continuation_flood(void **state)
{
	frame(HEADERS, 0, 1, NONE);
	for (int n = 0; n < 5000; n++)
		frame(CONTINUATION, 0, 1, NONE);
	struct span out = testing_session(buf_span(&script), 500);
	assert_true(out.n < 1000); /* it ended */
}

static void test_reset_flood(void **state)
{
	for (uint32_t stream = 1; stream < 10000; stream += 2) {
		headers(stream, 0, (struct call){ .path = "/t/Defer" });
		frame(RST_STREAM, 0, stream, BYTES("\0\0\0\x08"));
	}
	struct seen seen = see(testing_session(buf_span(&script), 500));
	assert_true(seen.has_goaway);
}

/* Window updates and pings that come with real calls are no flood. */
static void test_honest_chatter(void **state)
{
	for (uint32_t stream = 1; stream < 8000; stream += 2) {
		headers(stream, 0, (struct call){ 0 });
		frame(DATA, END_STREAM, stream, HELLO);
		frame(WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\x0c"));
		frame(WINDOW_UPDATE, 0, 0, BYTES("\0\0\0\x0c"));
		frame(PING, 0, 0, BYTES("12345678"));
	}
	struct seen seen = see(testing_session(buf_span(&script), 500));
	assert_int_equal(seen.n_answers, 4000);
	assert_false(seen.has_goaway);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, reset_script),
		cmocka_unit_test_setup(test_calls, reset_script),
		cmocka_unit_test_setup(test_early_answer, reset_script),
		cmocka_unit_test_setup(test_headers_only, reset_script),
		cmocka_unit_test_setup(test_pieces, reset_script),
		cmocka_unit_test_setup(test_reset_and_left_open, reset_script),
		cmocka_unit_test_setup(test_many_headers, reset_script),
		cmocka_unit_test_setup(test_too_many_streams, reset_script),
		cmocka_unit_test_setup(test_broken, reset_script),
		cmocka_unit_test_setup(test_floods, reset_script),
		cmocka_unit_test_setup(test_continuation_flood, reset_script),
		cmocka_unit_test_setup(test_reset_flood, reset_script),
		cmocka_unit_test_setup(test_honest_chatter, reset_script),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
