/* SPDX-License-Identifier: Apache-2.0
 *
 * The modes of the broker, see broker.h: what is the same in all of them, and who does the rest.
 */
#include "server/broker/broker.h"

#include "server/broker/account.h"
#include "server/broker/embedded.h"
#include "server/broker/internal.h"
#include "server/broker/jwt.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SECRET_MAX  4096
#define OUR_USER    "reeved"           /* at another's broker, unless the address names one */
#define OUR_LIFE_MS (24 * 3600 * 1000) /* of our own JWT: made anew at each connection */

/* ---- files that hold one secret ---- */

/* The first line; *ret NULL when no file is named. */
static int read_secret(const char *path, char **ret, struct error *err)
{
	struct buf text;
	if (!*path)
		return 0;
	buf_init(&text, SECRET_MAX);
	int r = file_read(path, &text);
	size_t n = r == 0 ? strcspn(buf_str(&text), "\r\n") : 0;
	if (r == 0 && n == 0)
		r = error_set(err, ERR_INVALID, "%s: the first line is empty", path);
	else if (r)
		r = error_set(err, ERR_INVALID, "%s: %s", path, strerror(-r));
	else if (!(*ret = strndup(buf_str(&text), n)))
		abort();
	if (text.p)
		secret_erase(text.p, text.n);
	buf_fini(&text);
	return r;
}

bool broker_secret_is(struct broker *b, char *const *secret, const char *shown)
{
	uint8_t a[SHA256_SIZE], wanted[SHA256_SIZE];
	sha256(span_str(shown), a);
	pthread_mutex_lock(&b->lock);
	bool any = *secret != NULL;
	sha256(span_str(any ? *secret : ""), wanted);
	pthread_mutex_unlock(&b->lock);
	return any &&
	       ct_equal((struct span){ a, sizeof a }, (struct span){ wanted, sizeof wanted });
}

static void free_secret(char *s)
{
	if (s)
		secret_erase(s, strlen(s));
	free(s);
}

/* The old one stays when the file cannot be read. */
static void read_secret_again(struct broker *b, const char *path, char **secret)
{
	char *fresh = NULL;
	struct error err;
	if (read_secret(path, &fresh, &err) != 0) {
		log_error("a secret of MQTT stays as it was", F_STR("why", err.message));
		return;
	}
	if (!fresh) /* no file is named */
		return;
	pthread_mutex_lock(&b->lock);
	char *old = *secret;
	*secret = fresh;
	pthread_mutex_unlock(&b->lock);
	free_secret(old);
}

/* Ours for ever, so that a broker keeps our session; secret, because whoever connects by it ends ours. */
static int own_client_id(struct broker *b, struct error *err)
{
	CLEANUP(free_charp) char *path = NULL;
	char token[TOKEN_TEXT_SIZE], id[TOKEN_TEXT_SIZE + 8];
	if (asprintf(&path, "%s/mqtt.client", b->server->config->data) < 0)
		abort();
	if (access(path, F_OK) == 0)
		return read_secret(path, &b->client_id, err);
	rand_token(token);
	int n = snprintf(id, sizeof id, "reeved-%.20s\n", token);
	int r = file_write_atomic(path, (struct span){ (const uint8_t *)id, (size_t)n }, 0600);
	return r ? error_set(err, ERR_UNAVAILABLE, "%s: %s", path, strerror(-r))
		 : read_secret(path, &b->client_id, err);
}

/* ---- starting ---- */

static void on_commit(void *user, int64_t last_event_id)
{
	struct broker *b = user;
	(void)last_event_id;
	if (b->embedded)
		embedded_wake(b->embedded);
}

static void set_url(struct broker *b)
{
	const struct config *c = b->server->config;
	bool ours = b->embedded != NULL;
	const char *host = ours ? c->mqtt_address : b->mode.host;
	bool bracketed = strchr(host, ':') != NULL;
	if (ours) {
		b->mode.port = embedded_port(b->embedded);
		b->mode.tls = embedded_tls(b->embedded);
		snprintf(b->mode.host, sizeof b->mode.host, "%s", host);
	}
	if (asprintf(&b->url, "%s://%s%s%s:%d", b->mode.tls ? "mqtts" : "mqtt",
		     bracketed ? "[" : "", host, bracketed ? "]" : "", b->mode.port) < 0)
		abort();
}

/* What devices are told: by the configuration, or where the broker is; "any address" is this machine's name. */
static int set_public(struct broker *b, struct error *err)
{
	const struct config *c = b->server->config;
	b->public = b->mode;
	if (*c->mqtt_public)
		return broker_mode_parse(c->mqtt_public, &b->public, err);
	if (strcmp(b->mode.host, "0.0.0.0") == 0 || strcmp(b->mode.host, "::") == 0)
		(void)gethostname(b->public.host, sizeof b->public.host - 1);
	return 0;
}

static int start(struct broker *b, struct error *err)
{
	const struct config *c = b->server->config;
	struct embedded *embedded = NULL;
	int r = read_secret(c->mqtt_auth_secret_file, &b->ask_secret, err);
	if (r == 0)
		r = read_secret(c->mqtt_password_file, &b->password, err);
	if (r == 0)
		r = own_client_id(b, err);
	if (r == 0 && b->mode.type == BROKER_EMBEDDED)
		r = embedded_start(b, &embedded, err);
	if (r)
		return r;
	b->embedded = embedded;
	if (!embedded && !*b->mode.user)
		snprintf(b->mode.user, sizeof b->mode.user, OUR_USER);
	set_url(b);
	return set_public(b, err);
}

int broker_start(struct server *s, const struct broker_source *source, struct error *err)
{
	struct broker_mode mode;
	int r = broker_mode_parse(s->config->mqtt_mode, &mode, err);
	if (r || mode.type == BROKER_OFF)
		return r;
	struct broker *b = calloc(1, sizeof *b);
	if (!b)
		abort();
	pthread_mutex_init(&b->lock, NULL);
	b->server = s;
	b->source = source;
	b->mode = mode;
	s->broker = b; /* also when it fails: to be freed */
	r = start(b, err);
	if (r == 0 && b->embedded) {
		store_on_commit(s->store, on_commit, b);
		embedded_wake(b->embedded); /* for what was committed since it read */
	}
	return r < 0 ? error_set(err, ERR_UNAVAILABLE, "MQTT: %s", strerror(-r)) : r;
}

void broker_stop(struct broker *b)
{
	if (b && b->embedded)
		embedded_stop(b->embedded);
}

void broker_free(struct broker *b)
{
	if (!b)
		return;
	embedded_free(b->embedded);
	free_secret(b->password);
	free_secret(b->ask_secret);
	free(b->client_id);
	free(b->url);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

void broker_reload(struct broker *b)
{
	if (!b)
		return;
	read_secret_again(b, b->server->config->mqtt_auth_secret_file, &b->ask_secret);
	read_secret_again(b, b->server->config->mqtt_password_file, &b->password);
	if (b->embedded)
		embedded_reload(b->embedded);
}

/* ---- for others ---- */

const char *broker_url(const struct broker *b)
{
	return b ? b->url : NULL;
}

static void fresh_jwt(struct mqtt *m, struct broker *b)
{
	struct server *s = b->server;
	struct error err = { 0 };
	CLEANUP(buf_fini) struct buf token;
	buf_init(&token, 65536);
	int r = jwt_add(&token, s->keys, store_reader(s->store), b->mode.user, NULL, clock_utc_ms(),
			OUR_LIFE_MS, &err);
	if (r == 0)
		mqtt_set_password(m, buf_str(&token));
	else
		log_warn("no password for the MQTT broker yet", F_STR("why", err.message),
			 F_INT("error", r));
	if (token.p)
		secret_erase(token.p, token.n);
}

/* For the connection that is about to be made. */
static void fresh_password(struct mqtt *m, void *user)
{
	struct broker *b = user;
	pthread_mutex_lock(&b->lock);
	bool is_file = b->password != NULL;
	if (is_file)
		mqtt_set_password(m, b->password);
	pthread_mutex_unlock(&b->lock);
	if (!is_file)
		fresh_jwt(m, b);
}

void broker_client(struct broker *b, struct mqtt_options *o)
{
	o->client_id = b->client_id;
	o->clean_session = false;
	if (b->embedded) {
		o->host = embedded_socket(b->embedded);
		o->port = 0;
		o->user = BROKER_SERVER_USER;
		o->password = embedded_secret(b->embedded);
		o->retry_first_ms = 50;
		o->retry_max_ms = 2000;
		return;
	}
	o->host = b->mode.host;
	o->port = b->mode.port;
	o->tls = b->mode.tls;
	o->tls_ca = *b->server->config->mqtt_ca ? b->server->config->mqtt_ca : NULL;
	o->user = b->mode.user;
	o->before_connect = fresh_password;
	o->before_connect_user = b;
}

struct broker_address broker_public(const struct broker *b)
{
	if (!b)
		return (struct broker_address){ "", 0, false };
	return (struct broker_address){ b->public.host, b->public.port, b->public.tls };
}

int broker_password(struct broker *b, const struct broker_account *account,
		    const char *device_token, int64_t now_ms, struct buf *out, struct error *err)
{
	struct server *s = b ? b->server : NULL;
	if (!b || b->embedded || strcmp(s->config->mqtt_passwords, "jwt") != 0) {
		buf_add_str(out, device_token);
		return 0;
	}
	CLEANUP(arena_fini) struct arena a;
	arena_init(&a);
	struct rights rights = account_rights(account, &a);
	return jwt_add(out, s->keys, store_reader(s->store), account->user, &rights, now_ms,
		       s->config->mqtt_token_life, err);
}

uint64_t broker_life(struct broker *b)
{
	return b && b->embedded ? embedded_life(b->embedded) : 0;
}

void broker_admit(struct broker *b, uint64_t life)
{
	if (b && b->embedded)
		embedded_admit(b->embedded, life);
}

bool broker_wait_admits(struct broker *b, int64_t timeout_ms)
{
	return !b || !b->embedded || embedded_wait_admits(b->embedded, timeout_ms);
}

void broker_refresh(struct broker *b, int64_t device_id)
{
	if (b && b->embedded)
		embedded_refresh(b->embedded, device_id);
}

void broker_when_in_force(struct broker *b, void (*fn)(void *user, bool in_force), void *user)
{
	if (b && b->embedded)
		embedded_when_in_force(b->embedded, fn, user);
	else
		fn(user, true);
}

void broker_on_presence(struct broker *b,
			void (*fn)(void *user, int64_t device_id, bool online, int64_t at_ms),
			void *user)
{
	if (b && b->embedded)
		presence_on_change(embedded_presence(b->embedded), fn, user);
}

bool broker_online(struct broker *b, int64_t device_id)
{
	return b && b->embedded && presence_online(embedded_presence(b->embedded), device_id);
}
