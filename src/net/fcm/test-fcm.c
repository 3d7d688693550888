/* SPDX-License-Identifier: Apache-2.0
 *
 * Rings against tests/scenario/fcm_standin.py, a strict stand-in of Google that checks every signature
 * and message. One stand-in serves all tests; each begins by setting it back. Its "violations" must be
 * empty after every test.
 */
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "net/fcm/fcm.h"
#include <curl/curl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

extern char **environ;

#define DEVICES_MAX 1000

static struct {
	char folder[32], credentials[64], endpoint[64];
	pid_t pid;
	int in; /* closing it ends the stand-in */
} standin = { .folder = "/tmp/reeve-fcm-XXXXXX" };

static uint64_t lowest(uint64_t bound)
{
	return 0; /* the longest back-off, and exactly what Retry-After asks */
}

/* ---- the stand-in ---- */

static int set_up(void **state)
{
	int in[2], out[2];
	char line[128], python[] = FCM_PYTHON, program[] = FCM_STANDIN;
	char *argv[] = { python, program, standin.folder, NULL };
	posix_spawn_file_actions_t actions;
	if (!mkdtemp(standin.folder) || pipe(in) || pipe(out))
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addclose(&actions, in[1]);
	int r = posix_spawn(&standin.pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	standin.in = in[1];
	FILE *f = fdopen(out[0], "r");
	bool ready = r == 0 && fgets(line, sizeof line, f) &&
		     sscanf(line, "fcm_standin: ready %63s", standin.endpoint) == 1;
	fclose(f);
	snprintf(standin.credentials, sizeof standin.credentials, "%s/service-account.json",
		 standin.folder);
	return ready ? 0 : -1;
}

static int tear_down(void **state)
{
	int status;
	close(standin.in);
	waitpid(standin.pid, &status, 0);
	unlink(standin.credentials);
	return rmdir(standin.folder);
}

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
	buf_add(user, p, size * n);
	return size * n;
}

static json_t *ask(const char *path, const char *body)
{
	char url[128];
	json_t *answer;
	CLEANUP(buf_fini) struct buf text;
	CURL *c = curl_easy_init();
	buf_init(&text, 1 << 20);
	snprintf(url, sizeof url, "%s%s", standin.endpoint, path);
	curl_easy_setopt(c, CURLOPT_URL, url);
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, body);
	if (!body)
		curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, &text);
	assert_int_equal(curl_easy_perform(c), CURLE_OK);
	curl_easy_cleanup(c);
	assert_int_equal(json_parse(buf_span(&text), &answer, NULL), 0);
	return answer;
}

static void control(const char *wish)
{
	AUTO_JSON answer = ask("/control", wish);
	assert_true(json_is_object(answer));
}

static void assert_stats(size_t sends, size_t token_requests, size_t rung)
{
	AUTO_JSON stats = ask("/stats", NULL);
	CLEANUP(free_charp) char *wrong = json_text(json_object_get(stats, "violations"));
	assert_string_equal(wrong, "[]");
	assert_int_equal(json_integer_value(json_object_get(stats, "sends")), sends);
	assert_int_equal(json_integer_value(json_object_get(stats, "token_requests")),
			 token_requests);
	assert_int_equal(json_array_size(json_object_get(stats, "rung")), rung);
}

static struct fcm *fresh_with(int64_t timeout_ms, int64_t total_ms)
{
	struct fcm *f;
	struct fcm_options o = { .credentials = standin.credentials,
				 .endpoint = standin.endpoint,
				 .timeout_ms = timeout_ms,
				 .total_ms = total_ms,
				 .random = lowest };
	control("{\"forget\":true,\"next\":[],\"next_token\":[],\"token_life_s\":3600,"
		"\"now_offset_s\":0,\"refuse_all\":false}");
	assert_int_equal(fcm_new(&o, &f, NULL), 0);
	return f;
}

static struct fcm *fresh(void)
{
	return fresh_with(0, 0);
}

/* ---- one ring ---- */

static void assert_answer(struct fcm_answer a, enum fcm_result result, const char *detail)
{
	assert_string_equal(a.detail, detail);
	assert_int_equal(a.result, result);
}

static void test_happy_and_cached(void **state)
{
	struct fcm *f = fresh();
	for (size_t i = 0; i < 5; i++)
		assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_OK, "");
	assert_stats(5, 1, 5);
	AUTO_JSON stats = ask("/stats", NULL); /* one for OAuth, one for FCM, and ours */
	assert_true(json_integer_value(json_object_get(stats, "connections")) <= 5);
	fcm_free(f);
}

static void test_results(void **state)
{
	static const struct {
		const char *token, *detail;
		enum fcm_result result;
	} cases[] = {
		{ "device-1", "", FCM_OK },
		{ "gone-1", "HTTP 404 UNREGISTERED", FCM_UNREGISTERED },
		{ "malformed-1", "HTTP 400 INVALID_ARGUMENT", FCM_UNREGISTERED },
		{ "mismatch-1", "HTTP 403 SENDER_ID_MISMATCH", FCM_FAILED },
		{ "shape-1", "HTTP 400 INVALID_ARGUMENT", FCM_FAILED },
		{ "nowhere-1", "HTTP 404", FCM_FAILED },
		{ "huge-1", "the answer is too large", FCM_FAILED },
		{ "", "not a device token", FCM_UNREGISTERED },
		{ NULL, "not a device token", FCM_UNREGISTERED },
		{ "\xff\xfe", "not a device token", FCM_UNREGISTERED },
		{ "quote\"and\\slash", "", FCM_OK },
	};
	struct fcm *f = fresh();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_answer(fcm_ring(f, cases[i].token, clock_utc_ms()), cases[i].result,
			      cases[i].detail);
	assert_stats(8, 1, 2);
	fcm_free(f);
}

static void test_expiry(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_OK, "");
	assert_answer(fcm_ring(f, "device-1", now_ms + 3000 * 1000), FCM_OK, "");
	assert_stats(2, 1, 2);
	control("{\"now_offset_s\":3545}"); /* less than a minute is left: another one is got */
	assert_answer(fcm_ring(f, "device-1", now_ms + 3545 * 1000), FCM_OK, "");
	assert_stats(3, 2, 3);
	fcm_free(f);
}

static void test_revoked_token(void **state)
{
	struct fcm *f = fresh();
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_OK, "");
	control("{\"revoke\":true}");
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_OK, "");
	assert_stats(3, 2, 2);
	fcm_free(f);
}

/* One fresh token, no more: then it is the credential, and nobody hammers. */
static void test_always_unauthorized(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	control("{\"refuse_all\":true}");
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_FAILED, "HTTP 401 UNAUTHENTICATED");
	assert_stats(2, 2, 0);
	struct fcm_answer a = fcm_ring(f, "device-1", now_ms);
	assert_answer(a, FCM_RETRY, "backing off");
	assert_in_range(a.retry_after_ms, 1, 100 * 1000);
	assert_stats(2, 2, 0);
	fcm_free(f);
}

/* Times of these tests lie far apart, so that a slow machine does not matter. */
#define S ((int64_t)1000)

static void test_quota(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	control("{\"next\":[{\"status\":429,\"retry_after\":700},{\"status\":429}]}");
	struct fcm_answer a = fcm_ring(f, "device-1", now_ms);
	assert_answer(a, FCM_RETRY, "HTTP 429 RESOURCE_EXHAUSTED");
	assert_int_equal(a.retry_after_ms, 700 * S);
	a = fcm_ring(f, "device-1", now_ms + 500 * S);
	assert_answer(a, FCM_RETRY, "backing off");
	assert_in_range(a.retry_after_ms, 1, 500 * S);
	assert_stats(1, 1, 0);
	a = fcm_ring(f, "device-1", now_ms + 1000 * S); /* without Retry-After: a minute */
	assert_answer(a, FCM_RETRY, "HTTP 429 RESOURCE_EXHAUSTED");
	assert_int_equal(a.retry_after_ms, 60 * S);
	assert_answer(fcm_ring(f, "device-1", now_ms + 1500 * S), FCM_OK, "");
	assert_stats(3, 1, 1);
	fcm_free(f);
}

/* A single 500 is this message's own affair; a 503 is everyone's. */
static void test_server_errors(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	control("{\"next\":[{\"status\":500}]}");
	struct fcm_answer a = fcm_ring(f, "device-1", now_ms);
	assert_answer(a, FCM_RETRY, "HTTP 500 INTERNAL");
	assert_int_equal(a.retry_after_ms, 10 * S);
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_OK, "");
	control("{\"next\":[{\"status\":503}]}");
	a = fcm_ring(f, "device-1", now_ms);
	assert_answer(a, FCM_RETRY, "HTTP 503 UNAVAILABLE");
	assert_int_equal(a.retry_after_ms, 10 * S);
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_RETRY, "backing off");
	assert_answer(fcm_ring(f, "device-1", now_ms + 500 * S), FCM_OK, "");
	assert_stats(4, 1, 2);
	fcm_free(f);
}

/* Eight in a row are everyone's, too. */
static void test_many_server_errors(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	control("{\"next\":[{\"status\":500},{\"status\":500},{\"status\":500},{\"status\":500},"
		"{\"status\":500},{\"status\":500},{\"status\":500},{\"status\":500}]}");
	for (size_t i = 0; i < 8; i++)
		assert_answer(fcm_ring(f, "device-1", now_ms), FCM_RETRY, "HTTP 500 INTERNAL");
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_RETRY, "backing off");
	assert_stats(8, 1, 0);
	fcm_free(f);
}

static void test_oauth_errors(void **state)
{
	struct fcm *f = fresh();
	int64_t now_ms = clock_utc_ms();
	control("{\"next_token\":[{\"status\":500},{\"status\":400,\"error\":\"invalid_grant\"}]}");
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_RETRY,
		      "access token: HTTP 500 internal_failure");
	assert_answer(fcm_ring(f, "device-1", now_ms), FCM_RETRY, "backing off");
	assert_answer(fcm_ring(f, "device-1", now_ms + 500 * S), FCM_FAILED,
		      "access token: HTTP 400 invalid_grant");
	assert_answer(fcm_ring(f, "device-1", now_ms + 500 * S), FCM_RETRY, "backing off");
	control("{\"now_offset_s\":1000}");
	assert_answer(fcm_ring(f, "device-1", now_ms + 1000 * S), FCM_OK, "");
	assert_stats(1, 3, 1);
	fcm_free(f);
}

static void test_oauth_nonsense(void **state)
{
	struct fcm *f = fresh();
	control("{\"next_token\":[{\"status\":200}]}");
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_FAILED,
		      "access token: an answer without an access token");
	assert_stats(0, 1, 0);
	fcm_free(f);
}

static void test_bad_options(void **state)
{
	struct fcm *f = NULL;
	struct error err;
	struct fcm_options o = { .credentials = "/nowhere/sa.json", .endpoint = standin.endpoint };
	assert_int_equal(fcm_new(&o, &f, &err), ERR_INVALID);
	assert_string_equal(err.message, "/nowhere/sa.json: No such file or directory");
	o = (struct fcm_options){ .credentials = standin.credentials,
				  .endpoint = "http://example.org" };
	assert_int_equal(fcm_new(&o, &f, &err), ERR_INVALID);
	assert_string_equal(err.message,
			    "fcm.endpoint must be an https:// address, not \"http://example.org\"");
	assert_null(f);
	fcm_free(NULL);
}

/* ---- batches ---- */

struct outcome {
	size_t n_calls[DEVICES_MAX];
	size_t n[FCM_FAILED + 1]; /* by result */
	struct fcm_answer answers[DEVICES_MAX];
};

static void on_answer(void *user, size_t i, const struct fcm_answer *a)
{
	struct outcome *o = user;
	o->n_calls[i]++;
	o->n[a->result]++;
	o->answers[i] = *a;
}

/* Rings 'n' devices whose tokens begin with the words given, in turn. Free the result. */
static struct outcome *ring_many(struct fcm *f, size_t n, const char *const *words, size_t n_words)
{
	static char texts[DEVICES_MAX][32];
	const char *tokens[DEVICES_MAX];
	struct outcome *o = calloc(1, sizeof *o);
	for (size_t i = 0; i < n; i++) {
		snprintf(texts[i], sizeof texts[i], "%s-%zu", words[i % n_words], i);
		tokens[i] = texts[i];
	}
	fcm_ring_all(f, tokens, n, clock_utc_ms(), on_answer, o);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(o->n_calls[i], 1);
	return o;
}

static void test_batch(void **state)
{
	static const char *const words[] = { "device", "gone", "mismatch", "device" };
	struct fcm *f = fresh();
	struct outcome *o = ring_many(f, 600, words, ARRAY_SIZE(words));
	for (size_t i = 0; i < 600; i++) {
		static const enum fcm_result wanted[] = { FCM_OK, FCM_UNREGISTERED, FCM_FAILED,
							  FCM_OK };
		assert_int_equal(o->answers[i].result, wanted[i % ARRAY_SIZE(words)]);
	}
	assert_stats(600, 1, 300);
	AUTO_JSON stats = ask("/stats", NULL); /* HTTP/1.1: a few connections, kept */
	assert_true(json_integer_value(json_object_get(stats, "connections")) <= 8 + 1 + 3);
	free(o);
	fcm_ring_all(f, NULL, 0, clock_utc_ms(), on_answer, NULL);
	fcm_free(f);
}

static void test_batch_renews_token_once(void **state)
{
	static const char *const words[] = { "device" };
	struct fcm *f = fresh();
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_OK, "");
	control("{\"revoke\":true}");
	struct outcome *o = ring_many(f, 300, words, 1);
	assert_int_equal(o->n[FCM_OK], 300);
	free(o);
	control("{\"refuse_all\":true,\"forget\":true}");
	o = ring_many(f, 300, words, 1);
	assert_int_equal(o->n[FCM_FAILED], 300);
	free(o);
	AUTO_JSON stats = ask("/stats", NULL);
	assert_int_equal(json_integer_value(json_object_get(stats, "token_requests")), 1);
	assert_true(json_integer_value(json_object_get(stats, "sends")) <= 200);
	fcm_free(f);
}

static void test_batch_stops_when_busy(void **state)
{
	static const char *const words[] = { "device" };
	struct fcm *f = fresh();
	control("{\"next\":[{\"status\":429,\"retry_after\":9}]}");
	struct outcome *o = ring_many(f, 1000, words, 1);
	assert_int_equal(o->n[FCM_OK] + o->n[FCM_RETRY], 1000);
	assert_true(o->n[FCM_OK] < 200); /* what flew already */
	assert_int_equal(o->answers[999].result, FCM_RETRY);
	assert_int_equal(o->answers[999].retry_after_ms, 9000);
	free(o);
	fcm_free(f);
}

static void test_batch_survives_scattered_errors(void **state)
{
	static const char *const words[] = { "device" };
	struct fcm *f = fresh();
	control("{\"next\":[{\"status\":500},{\"status\":502},{\"status\":500}]}");
	struct outcome *o = ring_many(f, 500, words, 1);
	assert_int_equal(o->n[FCM_OK], 497);
	assert_int_equal(o->n[FCM_RETRY], 3);
	free(o);
	fcm_free(f);
}

/* ---- no network, and bounded time: a socket that accepts and says nothing ---- */

struct silence {
	int fd;
	char endpoint[64];
};

static void silence_open(struct silence *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(s->fd, 128), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &n), 0);
	snprintf(s->endpoint, sizeof s->endpoint, "http://127.0.0.1:%u", ntohs(a.sin_port));
}

static struct fcm *to_silence(const struct silence *s, int64_t timeout_ms, int64_t total_ms)
{
	struct fcm *f;
	struct fcm_options o = { .credentials = standin.credentials,
				 .endpoint = s->endpoint,
				 .timeout_ms = timeout_ms,
				 .total_ms = total_ms,
				 .random = lowest };
	assert_int_equal(fcm_new(&o, &f, NULL), 0);
	return f;
}

/* Nobody listens there: a port that was ours a moment ago. */
static void test_network_down(void **state)
{
	struct silence s;
	silence_open(&s);
	close(s.fd);
	struct fcm *f = to_silence(&s, 0, 0);
	struct fcm_answer a = fcm_ring(f, "device-1", clock_utc_ms());
	assert_int_equal(a.result, FCM_RETRY);
	assert_int_equal(a.retry_after_ms, 10000);
	assert_non_null(strstr(a.detail, "connect"));
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_RETRY, "backing off");
	fcm_free(f);
}

static void test_silent_server(void **state)
{
	static const char *const words[] = { "device" };
	static const struct {
		int64_t timeout_ms, total_ms;
		const char *detail;
	} cases[] = {
		{ 200, 60000, "Timeout was reached" },
		{ 60000, 300, "out of time" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct silence s;
		silence_open(&s);
		struct fcm *f = to_silence(&s, cases[i].timeout_ms, cases[i].total_ms);
		struct outcome *o = ring_many(f, 250, words, 1);
		assert_int_equal(o->n[FCM_RETRY], 250);
		assert_string_equal(o->answers[249].detail, cases[i].detail);
		free(o);
		fcm_free(f);
		close(s.fd);
	}
}

struct interruption {
	struct silence silence;
	struct fcm *fcm;
	int fd; /* open until the batch has ended: a closed connection would be another reason to end */
};

static void *interrupt_when_connected(void *user)
{
	struct interruption *i = user;
	i->fd = accept(i->silence.fd, NULL, NULL); /* the request is on its way */
	fcm_interrupt(i->fcm);
	return NULL;
}

static void test_interrupt(void **state)
{
	static const char *const words[] = { "device" };
	struct interruption i;
	pthread_t thread;
	silence_open(&i.silence);
	struct fcm *f = i.fcm = to_silence(&i.silence, 60000, 60000);
	assert_int_equal(pthread_create(&thread, NULL, interrupt_when_connected, &i), 0);
	struct outcome *o = ring_many(f, 250, words, 1);
	pthread_join(thread, NULL);
	close(i.fd);
	assert_int_equal(o->n[FCM_RETRY], 250);
	assert_string_equal(o->answers[249].detail, "interrupted");
	free(o);
	assert_answer(fcm_ring(f, "device-1", clock_utc_ms()), FCM_RETRY, "interrupted");
	fcm_free(f);
	close(i.silence.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_happy_and_cached),
		cmocka_unit_test(test_results),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_revoked_token),
		cmocka_unit_test(test_always_unauthorized),
		cmocka_unit_test(test_quota),
		cmocka_unit_test(test_server_errors),
		cmocka_unit_test(test_many_server_errors),
		cmocka_unit_test(test_oauth_errors),
		cmocka_unit_test(test_oauth_nonsense),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_batch_renews_token_once),
		cmocka_unit_test(test_batch_stops_when_busy),
		cmocka_unit_test(test_batch_survives_scattered_errors),
		cmocka_unit_test(test_network_down),
		cmocka_unit_test(test_silent_server),
		cmocka_unit_test(test_interrupt),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
