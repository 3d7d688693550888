/* SPDX-License-Identifier: Apache-2.0
 *
 * The sync loop under a fake clock, by text scripts (sync-scripts/): each line is a stimulus, the lines
 * after it that begin with "  " are everything that must follow from it, in order: "link a b (event)",
 * "work a b (event)" and "!action". A script that went otherwise is printed as it really went.
 * Long absences and hostile servers are simulated and counted instead.
 *
 * Randomness gives its largest value unless a script says "random 0".
 */
#include "agent/sync.h"
#include "base/file.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *const action_names[] = {
	[SYNC_DO_ENROLL] = "enroll",   [SYNC_DO_PULL] = "pull",       [SYNC_DO_TAKE] = "take",
	[SYNC_DO_DELIVER] = "deliver", [SYNC_DO_REPORT] = "report",   [SYNC_DO_SEND] = "send",
	[SYNC_DO_LEAVE] = "leave",     [SYNC_DO_RING] = "ring",       [SYNC_DO_HANG_UP] = "hang-up",
	[SYNC_DO_CHECK] = "check",     [SYNC_DO_ENFORCE] = "enforce", [SYNC_DO_COLLECT] = "collect",
	[SYNC_DO_RESTORE] = "restore", [SYNC_DO_EXIT] = "exit",
};

struct play {
	struct sync s;
	int64_t now;
	bool zero; /* random 0 */
	struct buf out;
};

static uint64_t fake_rand(void *user, uint64_t bound)
{
	const struct play *p = user;
	return p->zero || bound == 0 ? 0 : bound - 1;
}

static void note_move(void *user, const char *machine, const char *from, const char *to,
		      const char *event)
{
	struct play *p = user;
	buf_addf(&p->out, "  %s %s %s (%s)\n", machine, from, to, event);
}

static void drain(struct play *p)
{
	for (int i = 0;; i++) {
		struct sync_action a = sync_next(&p->s, p->now);

		assert_true(i < 100); /* it never asks for endless work in one instant */
		if (a.type == SYNC_DO_NOTHING)
			return;
		if (a.type == SYNC_DO_EXIT)
			buf_addf(&p->out, "  !exit %d: %s\n", a.exit_code, a.reason);
		else
			buf_addf(&p->out, "  !%s\n", action_names[a.type]);
	}
}

/* Time passes, waking up exactly when the machine asked to. */
static void advance(struct play *p, int64_t ms)
{
	int64_t until = p->now + ms;
	while (p->s.wake <= until) {
		p->now = p->s.wake > p->now ? p->s.wake : p->now;
		drain(p);
		assert_true(p->s.wake > p->now); /* else it would spin */
	}
	p->now = until;
}

/* ---- stimuli ---- */

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = line; (at = strstr(at, word)); at += n)
		if ((at == line || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' '))
			return true;
	return false;
}

static int64_t number(const char *line, const char *key, int64_t otherwise)
{
	const char *at = strstr(line, key);
	return at ? strtoll(at + strlen(key), NULL, 10) : otherwise;
}

static void do_start(struct play *p, const char *line)
{
	const struct sync_params params = {
		.observe = has_word(line, "observe"),
		.once = has_word(line, "once"),
		.interval_ms = number(line, "interval=", 900) * 1000,
		.repair_ms = 2000,
		.wait_ms = 60000,
		.rand_below = fake_rand,
		.moved = note_move,
		.user = p,
	};
	const struct sync_facts facts = {
		.enrolled = has_word(line, "enrolled"),
		.has_token = has_word(line, "token"),
		.has_desired = number(line, "desired=", -1) >= 0,
		.version = number(line, "desired=", 0),
		.spooled = number(line, "spooled=", 0),
		.leaving = has_word(line, "leaving"),
		.restored = has_word(line, "restored"),
		.told = has_word(line, "told"),
	};
	p->zero = false;
	sync_init(&p->s, &params, &facts, p->now);
}

static struct sync_answer answer_of(const char *line)
{
	struct sync_answer a = { .kind = SYNC_FAILED, .message = "no connection" };
	static const struct {
		const char *word;
		enum sync_answer_kind kind;
	} kinds[] = { { "ok", SYNC_OK },       { "failed", SYNC_FAILED }, { "429", SYNC_THROTTLED },
		      { "401", SYNC_UNKNOWN }, { "410", SYNC_GONE },      { "400", SYNC_REFUSED } };
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (has_word(line, kinds[i].word))
			a.kind = kinds[i].kind;
	a.retry_after_ms = number(line, "retry-after=", -1);
	a.retry_after_ms = a.retry_after_ms < 0 ? -1 : a.retry_after_ms * 1000;
	a.next_poll_ms = number(line, "next=", -1);
	a.next_poll_ms = a.next_poll_ms < 0 ? -1 : a.next_poll_ms * 1000;
	a.version = number(line, "version=", 0);
	a.commands = number(line, "commands=", 0);
	return a;
}

static void stimulus(struct play *p, const char *line)
{
	struct sync_answer a = answer_of(line);
	const struct sync_outcome o = { has_word(line, "crashed"), has_word(line, "changed"),
					has_word(line, "drift"), (int)number(line, "failed=", 0) };
	if (!strncmp(line, "start", 5))
		do_start(p, line);
	else if (!strncmp(line, "answer ", 7))
		sync_answered(&p->s, p->now, &a);
	else if (!strncmp(line, "rang ", 5))
		sync_rang(&p->s, p->now, &a);
	else if (!strncmp(line, "worked", 6))
		sync_worked(&p->s, p->now, &o);
	else if (!strncmp(line, "wait ", 5))
		advance(p, strtoll(line + 5, NULL, 10) * 1000);
	else if (!strncmp(line, "commands", 8))
		sync_commands(&p->s, (unsigned)number(line, "open=", 0),
			      (unsigned)number(line, "results=", 0), !has_word(line, "full"));
	else if (!strncmp(line, "hold ", 5))
		sync_hold(&p->s, has_word(line, "yes"));
	else if (!strncmp(line, "token ", 6))
		sync_token(&p->s, has_word(line, "yes"));
	else if (!strcmp(line, "now"))
		sync_now(&p->s, p->now);
	else if (!strcmp(line, "inventory"))
		sync_inventory(&p->s, p->now);
	else if (!strcmp(line, "unenroll"))
		sync_unenroll(&p->s);
	else if (!strcmp(line, "stop"))
		sync_stop(&p->s);
	else if (!strncmp(line, "random ", 7))
		p->zero = has_word(line, "0");
	else
		fail_msg("unknown stimulus: %s", line);
	drain(p);
}

/* Plays the script's stimuli and writes down what really followed: the same text when all is as said. */
static void play_script(const char *name, const char *script)
{
	struct play p = { .now = 1000 };
	char line[256];
	size_t n;
	buf_init(&p.out, 1 << 20);
	for (const char *at = script; *at; at += n + 1) {
		n = strcspn(at, "\n");
		assert_true(n < sizeof line);
		memcpy(line, at, n);
		line[n] = '\0';
		if (line[0] == ' ')
			continue;
		buf_addf(&p.out, "%s\n", line);
		if (line[0] != '#')
			stimulus(&p, line);
	}
	if (strcmp(buf_str(&p.out), script) != 0) {
		fprintf(stderr, "%s went otherwise:\n%s--\n", name, buf_str(&p.out));
		fail_msg("%s", name);
	}
	buf_fini(&p.out);
}

static void test_scripts(void **state)
{
	glob_t g;
	assert_int_equal(glob(SYNC_SCRIPTS "/*.txt", 0, NULL, &g), 0);
	for (size_t i = 0; i < g.gl_pathc; i++) {
		struct buf script;

		buf_init(&script, 1 << 20);
		assert_int_equal(file_read(g.gl_pathv[i], &script), 0);
		play_script(g.gl_pathv[i], buf_str(&script));
		buf_fini(&script);
	}
	globfree(&g);
}

/* ---- simulations ---- */

struct world { /* a server and a machine that answer at once, as told */
	struct play p;
	enum sync_answer_kind server; /* of every exchange and doorbell */
	int64_t retry_after_ms;
	int64_t version;
	bool bell_answers_at_once;
	bool version_runs_away; /* another version with every answer */
	bool commands_never_come;
	unsigned n_exchanges, n_rings, n_jobs, n_enrolls;
	int64_t last_exchange, longest_gap;
	bool exited;
};

static void world_answer(struct world *w, enum sync_action_type type)
{
	struct sync_answer a = { .kind = w->server, .retry_after_ms = -1, .next_poll_ms = 900000 };
	w->n_exchanges++;
	if (w->p.now - w->last_exchange > w->longest_gap)
		w->longest_gap = w->p.now - w->last_exchange;
	w->last_exchange = w->p.now;
	if (w->server == SYNC_THROTTLED)
		a.retry_after_ms = w->retry_after_ms;
	if (type == SYNC_DO_PULL && w->server == SYNC_OK) {
		a.version = w->version_runs_away ? ++w->version : w->version;
		a.commands = w->commands_never_come;
	}
	if (type == SYNC_DO_ENROLL) {
		w->n_enrolls++;
		if (a.kind == SYNC_UNKNOWN)
			a.kind = SYNC_OK; /* hands out tokens it does not know afterwards */
	}
	sync_answered(&w->p.s, w->p.now, &a);
}

static void world_ring(struct world *w)
{
	struct sync_answer a = { .kind = w->server, .retry_after_ms = -1, .next_poll_ms = 900000 };
	w->n_rings++;
	if (!w->bell_answers_at_once && w->server == SYNC_OK)
		return; /* held */
	if (w->version_runs_away)
		a.version = ++w->version;
	a.commands = w->commands_never_come;
	sync_rang(&w->p.s, w->p.now, &a);
}

static void world_act(struct world *w, struct sync_action a)
{
	const struct sync_outcome fine = { .changed = true };
	if (a.type == SYNC_DO_RING) {
		world_ring(w);
	} else if (a.type >= SYNC_DO_CHECK && a.type <= SYNC_DO_RESTORE) {
		w->n_jobs++;
		sync_worked(&w->p.s, w->p.now, &fine);
	} else if (a.type == SYNC_DO_EXIT) {
		w->exited = true;
	} else if (a.type != SYNC_DO_HANG_UP) {
		world_answer(w, a.type);
	}
}

static void world_run(struct world *w, int64_t ms)
{
	int64_t until = w->p.now + ms;
	for (int i = 0; !w->exited; i++) {
		struct sync_action a = sync_next(&w->p.s, w->p.now);

		assert_true(i < 2000000);
		if (a.type != SYNC_DO_NOTHING) {
			world_act(w, a);
			continue;
		}
		if (w->p.s.wake > until)
			break;
		assert_true(w->p.s.wake > w->p.now);
		w->p.now = w->p.s.wake;
	}
	w->p.now = until;
	buf_reset(&w->p.out);
}

static uint64_t dice(void *user, uint64_t bound)
{
	static uint64_t x = 88172645463325252ULL;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return bound ? x % bound : 0;
}

static void world_start(struct world *w, const char *facts)
{
	buf_init(&w->p.out, 64 << 20);
	w->p.now = 5;
	w->version = 1;
	do_start(&w->p, facts);
	w->p.s.p.rand_below = dice;
	world_run(w, 1000);
}

#define HOUR (3600 * 1000LL)

static void test_server_down_for_an_hour(void **state)
{
	struct world w = { .server = SYNC_OK };
	world_start(&w, "start enrolled desired=1");
	assert_int_equal(w.p.s.link, SYNC_WAITING);
	w.server = SYNC_FAILED;
	w.n_exchanges = w.n_jobs = 0;
	w.longest_gap = 0;
	w.last_exchange = w.p.now;
	sync_rang(&w.p.s, w.p.now,
		  &(struct sync_answer){ SYNC_FAILED, -1, -1, 0, 0, "reset", false });
	world_run(&w, HOUR);
	assert_in_range(w.n_exchanges, 5, 60);
	assert_in_range(w.longest_gap, 1000, SYNC_BACKOFF_CAP_MS);
	assert_in_range(w.n_jobs, 4, 5); /* this machine is checked all the same */
	w.server = SYNC_OK;
	world_run(&w, SYNC_BACKOFF_CAP_MS);
	assert_int_equal(w.p.s.link, SYNC_WAITING);
	assert_true(w.p.s.bell);
	assert_int_equal(w.p.s.failures, 0);
	buf_fini(&w.p.out);
}

static void test_flapping_server(void **state)
{
	struct world w = { .server = SYNC_OK };
	world_start(&w, "start enrolled desired=1");
	w.n_exchanges = 0;
	for (int i = 0; i < 600; i++) { /* ten minutes, up one second, down one second */
		w.server = i % 2 ? SYNC_OK : SYNC_FAILED;
		if (w.p.s.bell && w.server == SYNC_FAILED)
			sync_rang(
				&w.p.s, w.p.now,
				&(struct sync_answer){ SYNC_FAILED, -1, -1, 0, 0, "reset", false });
		world_run(&w, 1000);
	}
	assert_in_range(w.n_exchanges, 100, 3000);
	buf_fini(&w.p.out);
}

/* Servers that are wrong in ways that must not make the agent spin: at most so many requests an hour. */
static void test_never_spins(void **state)
{
	static const struct {
		const char *what;
		struct world w;
		unsigned most;
	} cases[] = {
		{ "no doorbell: every ring answered at once",
		  { .server = SYNC_OK, .bell_answers_at_once = true },
		  60 },
		{ "another version with every answer",
		  { .server = SYNC_OK, .bell_answers_at_once = true, .version_runs_away = true },
		  3600 * (1000 / SYNC_BELL_GAP_MS) * 2 + 100 },
		{ "says that commands wait, has none",
		  { .server = SYNC_OK, .bell_answers_at_once = true, .commands_never_come = true },
		  200 },
		{ "enrolls everybody, knows nobody", { .server = SYNC_UNKNOWN }, 70 },
		{ "429 for ever", { .server = SYNC_THROTTLED, .retry_after_ms = 60000 }, 62 },
		{ "429 with Retry-After: 0",
		  { .server = SYNC_THROTTLED, .retry_after_ms = 0 },
		  9000 },
		{ "400 for ever", { .server = SYNC_REFUSED }, 60 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world w = cases[i].w;

		world_start(&w, "start enrolled token desired=1");
		world_run(&w, HOUR);
		if (w.n_exchanges + w.n_rings > cases[i].most)
			fail_msg("%s: %u requests in an hour", cases[i].what,
				 w.n_exchanges + w.n_rings);
		buf_fini(&w.p.out);
	}
}

/* From every state that can be on disk, everything comes to rest: waiting, or out of the fleet. */
static void test_restart_at_each_state(void **state)
{
	static const struct {
		const char *facts;
		enum sync_link end;
	} cases[] = {
		{ "start", SYNC_UNENROLLED },
		{ "start token", SYNC_WAITING },
		{ "start enrolled", SYNC_WAITING },
		{ "start enrolled desired=0", SYNC_WAITING },
		{ "start enrolled desired=1", SYNC_WAITING },
		{ "start enrolled observe desired=7", SYNC_WAITING },
		{ "start leaving", SYNC_STOPPED },
		{ "start leaving restored", SYNC_STOPPED },
		{ "start enrolled leaving desired=3", SYNC_STOPPED },
		{ "start enrolled leaving restored", SYNC_STOPPED },
		{ "start enrolled leaving restored told", SYNC_STOPPED },
		{ "start enrolled once desired=1", SYNC_STOPPED },
		{ "start token once", SYNC_STOPPED },
		{ "start once", SYNC_STOPPED },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world w = { .server = SYNC_OK };

		world_start(&w, cases[i].facts);
		world_run(&w, 60000);
		if (w.p.s.link != cases[i].end)
			fail_msg("%s: ends in %s", cases[i].facts, sync_link_name(w.p.s.link));
		assert_int_equal(w.exited, cases[i].end == SYNC_STOPPED);
		buf_fini(&w.p.out);
	}
}

/* A machine that slept: the monotonic clock may leap, never backwards; nothing is owed for the gap. */
static void test_clock_leaps(void **state)
{
	struct world w = { .server = SYNC_OK };
	world_start(&w, "start enrolled desired=1");
	w.n_jobs = w.n_exchanges = 0;
	w.p.now += 300 * HOUR;
	world_run(&w, 10);
	assert_in_range(w.n_jobs, 1, 2); /* one check, one inventory */
	assert_in_range(w.n_exchanges, 1, 3);
	assert_int_equal(w.p.s.link, SYNC_WAITING);
	buf_fini(&w.p.out);
}

static void test_times_do_not_overflow(void **state)
{
	struct world w = { .server = SYNC_OK };
	struct sync_answer a = { SYNC_THROTTLED, INT64_MAX, INT64_MAX, INT64_MAX,
				 INT64_MAX,      "x",       false };
	world_start(&w, "start enrolled desired=1");
	w.server = SYNC_FAILED;
	sync_rang(&w.p.s, w.p.now, &a);
	world_run(&w, 24 * HOUR);
	a.kind = SYNC_OK;
	w.server = SYNC_OK;
	world_run(&w, HOUR);
	sync_rang(&w.p.s, w.p.now, &a);
	world_run(&w, HOUR);
	assert_int_equal(w.p.s.version, 1); /* the next pull's */
	buf_fini(&w.p.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_server_down_for_an_hour),
		cmocka_unit_test(test_flapping_server),
		cmocka_unit_test(test_never_spins),
		cmocka_unit_test(test_restart_at_each_state),
		cmocka_unit_test(test_clock_leaps),
		cmocka_unit_test(test_times_do_not_overflow),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
