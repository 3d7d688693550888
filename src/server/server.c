/* SPDX-License-Identifier: Apache-2.0
 *
 * Starting and stopping, see run.h. The order matters both ways:
 *   - parked requests are sent away before HTTP stops, or it would wait for them;
 *   - HTTP stops before the threads that answer deferred requests (jobs, follower, writer);
 *   - the store closes last, so that everything acknowledged before is in it.
 */
#include "server/run.h"

#include "server/auth.h"
#include "server/bootstrap.h"
#include "server/cache.h"
#include "server/doorbell.h"
#include "server/fcm-ringer.h"
#include "server/followers.h"
#include "server/jobs.h"
#include "server/keys.h"
#include "server/metrics.h"
#include "server/org-config.h"
#include "server/request-hash.h"
#include "server/seen.h"
#include "server/throttle.h"

#include "base/clock.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DRAIN_MS        10000
#define LOGIN_BUCKETS   4096
#define QUOTA_BUCKETS   65536
#define CACHED_DEVICES  65536 /* of half a KiB */
#define CACHED_ANSWERS  65536
#define CONFIGS_KEPT_BY 16

struct server_run {
	int lock_fd;
	char *body_dir;
	struct config **configs; /* all there were; readers may still hold an old one */
	size_t n_configs;
};

uint64_t server_generation(const struct server *s)
{
	return store_generation(s->store) + org_configs_epoch(s->org_configs);
}

/* ---- the data folder ---- */

static int fail_path(struct error *err, const char *path, int r)
{
	return error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(-r));
}

/* Two servers on one folder would each believe to be the only writer. */
static int take_lock(struct server *s, const char *data, struct error *err)
{
	CLEANUP(free_charp) char *path = NULL;
	char pid[32] = "";
	if (asprintf(&path, "%s/lock", data) < 0)
		abort();
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return fail_path(err, path, -errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		ssize_t n = read(fd, pid, sizeof pid - 1);
		close(fd);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return error_set(err, ERR_CONFLICT, "%s is in use by another reeved (process %s).",
				 data, *pid ? pid : "unknown");
	}
	s->run->lock_fd = fd;
	int n = snprintf(pid, sizeof pid, "%d\n", getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		log_warn("the process number could not be written", F_STR("file", path));
	return 0;
}

static int make_folders(struct server *s, const char *data, struct error *err)
{
	int r = dir_make(data, 0700);
	if (r == 0 && chmod(data, 0700) != 0)
		r = -errno;
	if (r)
		return fail_path(err, data, r);
	if (asprintf(&s->run->body_dir, "%s/tmp", data) < 0)
		abort();
	r = dir_make(s->run->body_dir, 0700);
	return r ? fail_path(err, s->run->body_dir, r) : 0;
}

/* ---- opening ---- */

static void keep_config(struct server *s, struct config *c)
{
	struct server_run *run = s->run;
	if (run->n_configs % CONFIGS_KEPT_BY == 0) {
		size_t n = run->n_configs + CONFIGS_KEPT_BY;
		run->configs = realloc(run->configs, n * sizeof *run->configs);
		if (!run->configs)
			abort();
	}
	run->configs[run->n_configs++] = c;
	s->config = c;
}

static void set_log(const struct config *c)
{
	enum log_level level = LOG_LEVEL_INFO;
	enum log_format format = LOG_FORMAT_LOGFMT;
	(void)log_level_parse(c->log_level, &level);
	(void)log_format_parse(c->log_format, &format);
	log_setup(level, format);
}

static void make_parts(struct server *s)
{
	int64_t now = clock_mono_ms();
	s->seed = rand_below(UINT64_MAX);
	s->started_ms = clock_utc_ms();
	s->metrics = metrics_new();
	s->seen = seen_new();
	s->throttle = throttle_new(rand_below(UINT64_MAX), LOGIN_BUCKETS);
	s->device_quota = throttle_new(rand_below(UINT64_MAX), QUOTA_BUCKETS);
	s->doorbells = doorbells_new(now);
	s->org_configs = org_configs_new();
	s->devices_by_token = cache_new(CACHED_DEVICES, free);
	s->answers = cache_new(CACHED_ANSWERS, free);
	s->followers = followers_new(s);
	s->fcm = fcm_ringer_new(s);
	s->jobs = jobs_new();
}

static int open_store(struct server *s, const char *data, struct error *err)
{
	CLEANUP(free_charp) char *path = NULL;
	if (asprintf(&path, "%s/store.sqlite", data) < 0)
		abort();
	struct store_options o = { .backend = "sqlite", .path = path };
	return store_open(&o, &s->store, err);
}

static int open_all(struct server *s, struct error *err)
{
	const struct config *c = s->config;
	int r = make_folders(s, c->data, err);
	if (r == 0)
		r = take_lock(s, c->data, err);
	if (r == 0)
		r = open_store(s, c->data, err);
	if (r == 0 && (r = keyring_new(c->data, &s->keys)) != 0)
		r = fail_path(err, c->data, r);
	if (r == 0 && (r = hash_secret_open(c->data, &s->hash_secret)) != 0)
		r = fail_path(err, c->data, r);
	return r;
}

static int positive(int r, struct error *err)
{
	return r < 0 ? error_set(err, ERR_INTERNAL, "unexpected: %s", strerror(-r)) : r;
}

int server_open(struct config *c, struct server **ret, struct error *err)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s || !(s->run = calloc(1, sizeof *s->run)))
		abort();
	s->run->lock_fd = -1;
	keep_config(s, c);
	set_log(c);
	make_parts(s);
	int r = open_all(s, err);
	if (r == 0)
		r = c->reset_admin_token ? bootstrap_reset_token(s, err) : bootstrap_store(s, err);
	if (r) {
		server_close(s);
		return positive(r, err);
	}
	*ret = s;
	return 0;
}

/* ---- serving ---- */

static struct http_limits limits_of(const struct config *c)
{
	struct http_limits l = { .connections_max = (unsigned)c->limits_connections };
	l.rate[RATE_ENROLL].per_second = (uint32_t)c->limits_enroll;
	l.rate[RATE_ENROLL].burst = (uint32_t)c->limits_enroll;
	return l;
}

static bool serves_console(const struct http_route *const *tables)
{
	for (; *tables; tables++)
		for (const struct http_route *r = *tables; r->method; r++)
			if (strncmp(r->pattern, "/console/", 9) == 0)
				return true;
	return false;
}

int server_serve(struct server *s, const struct http_route *const *tables, struct error *err)
{
	const struct config *c = s->config;
	struct http_options o = {
		.listen = c->listen,
		.tls_cert = *c->tls_cert ? c->tls_cert : NULL,
		.tls_key = *c->tls_key ? c->tls_key : NULL,
		.tables = tables,
		.body_dir = s->run->body_dir,
		.limits = limits_of(c),
		.before = auth_before,
		.after = metrics_request,
		.user = s,
	};
	s->has_console = serves_console(tables);
	int r = fcm_ringer_start(s->fcm, err);
	if (r == 0)
		r = followers_start(s->followers);
	if (r == 0)
		r = http_server_new(&o, &s->http, err);
	if (r)
		return positive(r, err);
	bootstrap_later(s);
	return 0;
}

void server_reload(struct server *s, struct config *fresh)
{
	struct error err;
	const char *fixed = config_keep_fixed(fresh, s->config);
	if (fixed)
		log_warn("a changed setting needs a restart", F_STR("key", fixed));
	keep_config(s, fresh);
	set_log(fresh);
	org_configs_invalidate(s->org_configs);
	if (http_server_tls(s->http) && http_server_reload_tls(s->http, &err) != 0)
		log_error("the old certificate stays in use", F_STR("why", err.message));
	if (fcm_ringer_start(s->fcm, &err) != 0)
		log_error("the old FCM credential stays in use", F_STR("why", err.message));
	log_info("configuration read again");
}

/* ---- stopping ---- */

void server_drain(struct server *s)
{
	keyring_stop(s->keys);
	doorbells_close(s->doorbells);
	if (s->http)
		http_server_stop(s->http, DRAIN_MS);
	fcm_ringer_stop(s->fcm);
	followers_stop(s->followers); /* it submits jobs, so it goes first */
	(void)doorbell_expire(s->doorbells, clock_mono_ms()); /* who parked while we stopped */
	jobs_free(TAKE(s->jobs));
}

void server_close(struct server *s)
{
	jobs_free(s->jobs);
	if (s->store)
		store_close(s->store);
	http_server_free(s->http);
	fcm_ringer_free(s->fcm);
	followers_free(s->followers);
	cache_free(s->answers);
	cache_free(s->devices_by_token);
	org_configs_free(s->org_configs);
	doorbells_free(s->doorbells);
	throttle_free(s->device_quota);
	throttle_free(s->throttle);
	seen_free(s->seen);
	metrics_free(s->metrics);
	hash_secret_free(s->hash_secret);
	keyring_free(s->keys);
	for (size_t i = 0; i < s->run->n_configs; i++)
		config_free(s->run->configs[i]);
	free(s->run->configs);
	free(s->run->body_dir);
	if (s->run->lock_fd >= 0)
		close(s->run->lock_fd);
	free(s->run);
	free(s);
}
