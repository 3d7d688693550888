/* SPDX-License-Identifier: Apache-2.0
 *
 * See accounts.h. Everything is under the one lock; whatever allocates or copies for a change does so before it.
 *
 * An account that was removed stays, marked, while connections of it are open or something is to be reported, so that
 * "went" is never said after the "came" of its successor.
 */
#include "broker/accounts.h"

#include "base/map.h"
#include <pthread.h>
#include <stdlib.h>

#define SHARDS          256
#define CONTACT_EVERY_S 60 /* a device that talks is reported that often */

struct grant { /* what is replaced as a whole */
	uint8_t hash[SHA256_SIZE];
	unsigned flags;
	size_t size;               /* of 'text' */
	const char *root, *fleets; /* in 'text' */
	char text[];               /* user, root, fleets, each with its NUL */
};

struct conn {
	struct account *account; /* NULL: the server's own */
	struct conn *next, **at; /* of the same account */
	const void *client;
	uint32_t epoch;
	bool stale; /* to be closed */
	bool told;  /* … and that was said */
	char id[];
};

struct account {
	uint64_t device;
	struct grant *grant; /* owned; NULL: removed */
	struct conn *conns;
	uint32_t epoch, mark;
	uint32_t presence; /* enum link_presence, not reported yet */
	int64_t contact_s;
	bool queued, has_stale;
	struct account *next_report, *next_stale;
};

struct fifo {
	struct account *first, **end;
};

struct accounts {
	pthread_mutex_t lock;
	struct map *by_user[SHARDS], *by_device[SHARDS];
	struct map *by_client, *by_id; /* connections */
	struct grant *server;          /* hash and user only; NULL: not said yet */
	struct fifo reports;
	struct account *stale; /* accounts with stale connections */
	uint32_t mark;
	bool admits; /* devices, too */
	uint64_t shard_seed;
	uint64_t stats[LINK_STATS_N];
};

/* ---- tables ---- */

static struct map *must_map(void)
{
	struct map *m = map_new();
	if (!m)
		abort();
	return m;
}

struct accounts *accounts_new(void)
{
	struct accounts *a = calloc(1, sizeof *a);
	if (!a)
		abort();
	pthread_mutex_init(&a->lock, NULL);
	for (size_t i = 0; i < SHARDS; i++) {
		a->by_user[i] = must_map();
		a->by_device[i] = must_map();
	}
	a->by_client = must_map();
	a->by_id = must_map();
	a->reports.end = &a->reports.first;
	rand_bytes(&a->shard_seed, sizeof a->shard_seed);
	return a;
}

/* The maps do the real hashing; this only spreads (FNV-1a). */
static struct map *shard_of_user(struct accounts *a, struct span user)
{
	uint64_t h = a->shard_seed;
	for (size_t i = 0; i < user.n; i++)
		h = (h ^ user.p[i]) * 0x100000001b3;
	return a->by_user[(h >> 32) % SHARDS];
}

static struct map *shard_of_device(struct accounts *a, uint64_t device)
{
	return a->by_device[device % SHARDS];
}

static struct span key_of(const uint64_t *v)
{
	return (struct span){ (const uint8_t *)v, sizeof *v };
}

static struct span key_of_client(const void *const *client)
{
	return (struct span){ (const uint8_t *)client, sizeof *client };
}

static struct account *find_user(struct accounts *a, struct span user)
{
	return map_get(shard_of_user(a, user), user);
}

static struct account *find_device(struct accounts *a, uint64_t device)
{
	return map_get(shard_of_device(a, device), key_of(&device));
}

/* ---- grants ---- */

static struct grant *grant_new(const struct link_message *m)
{
	size_t size = m->user.n + 1 + m->root.n + 1 + m->fleets.n;
	struct grant *g = calloc(1, sizeof *g + size + 1);
	if (!g)
		abort();
	char *p = g->text;
	memcpy(p, m->user.p, m->user.n);
	g->root = p += m->user.n + 1;
	if (m->root.n > 0)
		memcpy(p, m->root.p, m->root.n);
	g->fleets = p += m->root.n + 1;
	if (m->fleets.n > 0)
		memcpy(p, m->fleets.p, m->fleets.n);
	memcpy(g->hash, m->hash.p, SHA256_SIZE);
	g->flags = m->flags;
	g->size = size;
	return g;
}

static bool same_credentials(const struct grant *a, const struct grant *b)
{
	return memcmp(a->hash, b->hash, SHA256_SIZE) == 0 && strcmp(a->text, b->text) == 0 &&
	       strcmp(a->root, b->root) == 0;
}

static bool same(const struct grant *a, const struct grant *b)
{
	return same_credentials(a, b) && a->flags == b->flags && a->size == b->size &&
	       memcmp(a->text, b->text, a->size) == 0;
}

static void grant_free(struct grant *g)
{
	if (g)
		secret_erase(g->hash, sizeof g->hash);
	free(g);
}

/* ---- an account's life ---- */

static void account_free(struct account *x)
{
	grant_free(x->grant);
	free(x);
}

/* Removed, nobody connected, nothing to say: it can go. */
static void maybe_forget(struct accounts *a, struct account *x)
{
	if (x->grant || x->conns || x->queued || x->has_stale)
		return;
	(void)map_remove(shard_of_device(a, x->device), key_of(&x->device));
	account_free(x);
}

static void tell(struct accounts *a, struct account *x, unsigned presence)
{
	x->presence |= presence;
	if (x->queued)
		return;
	x->queued = true;
	x->next_report = NULL;
	*a->reports.end = x;
	a->reports.end = &x->next_report;
}

static void make_stale(struct accounts *a, struct account *x)
{
	for (struct conn *c = x->conns; c; c = c->next)
		c->stale = true;
	if (!x->conns || x->has_stale)
		return;
	x->has_stale = true;
	x->next_stale = a->stale;
	a->stale = x;
}

static void unlist_user(struct accounts *a, struct account *x)
{
	struct span user = span_str(x->grant->text);
	if (find_user(a, user) == x)
		(void)map_remove(shard_of_user(a, user), user);
}

/* From now on; NULL: it has none any more. */
static struct grant *replace_grant(struct accounts *a, struct account *x, struct grant *g)
{
	struct grant *old = x->grant;
	if (old && g && same(old, g))
		return g; /* for the caller to free */
	if (old)
		unlist_user(a, x);
	if (!old || !g || !same_credentials(old, g))
		x->epoch++;
	x->grant = g;
	a->stats[LINK_STAT_ACCOUNTS] += (g != NULL) - (uint64_t)(old != NULL);
	make_stale(a, x);
	return old;
}

/* Two devices cannot have one user name; the server sees to that. Should it happen while names change places, the one
 * named last has it. */
static void list_user(struct accounts *a, struct account *x)
{
	struct span user = span_str(x->grant->text);
	struct account *other = map_put(shard_of_user(a, user), user, x);
	if (!other || other == x)
		return;
	other->epoch++;
	make_stale(a, other);
}

static struct account *account_of(struct accounts *a, uint64_t device)
{
	struct account *x = find_device(a, device);
	if (x)
		return x;
	x = calloc(1, sizeof *x);
	if (!x)
		abort();
	x->device = device;
	(void)map_put(shard_of_device(a, device), key_of(&x->device), x);
	return x;
}

void accounts_put(struct accounts *a, const struct link_message *m)
{
	struct grant *g = grant_new(m);
	pthread_mutex_lock(&a->lock);
	struct account *x = account_of(a, m->number);
	struct grant *old = replace_grant(a, x, g);
	if (old != g)
		list_user(a, x);
	x->mark = a->mark;
	pthread_mutex_unlock(&a->lock);
	grant_free(old);
}

/* Under the lock; what it returns is to be freed. */
static struct grant *remove_account(struct accounts *a, struct account *x)
{
	struct grant *old = x->grant ? replace_grant(a, x, NULL) : NULL;
	maybe_forget(a, x);
	return old;
}

void accounts_remove(struct accounts *a, uint64_t device)
{
	struct grant *old = NULL;
	pthread_mutex_lock(&a->lock);
	struct account *x = find_device(a, device);
	if (x)
		old = remove_account(a, x);
	pthread_mutex_unlock(&a->lock);
	grant_free(old);
}

void accounts_set_server(struct accounts *a, struct span user, struct span hash)
{
	struct grant *g = grant_new(&(struct link_message){ .user = user, .hash = hash });
	pthread_mutex_lock(&a->lock);
	struct grant *old = a->server;
	a->server = g;
	pthread_mutex_unlock(&a->lock);
	grant_free(old);
}

void accounts_admit(struct accounts *a)
{
	pthread_mutex_lock(&a->lock);
	a->admits = true;
	pthread_mutex_unlock(&a->lock);
}

/* ---- everything at once ---- */

void accounts_begin(struct accounts *a)
{
	pthread_mutex_lock(&a->lock);
	a->mark++;
	pthread_mutex_unlock(&a->lock);
}

struct sweep {
	struct accounts *accounts;
	uint64_t *devices;
	size_t n;
};

static void sweep_one(void *user, struct span key, void *value)
{
	struct sweep *s = user;
	struct account *x = value;
	(void)key;
	if (x->grant && x->mark != s->accounts->mark)
		s->devices[s->n++] = x->device;
}

/* A shard at a time; only this thread adds accounts, so they stay as many as were counted, or fewer. */
static void sweep_shard(struct accounts *a, struct map *shard)
{
	struct sweep s = { .accounts = a };
	pthread_mutex_lock(&a->lock);
	size_t n = map_n(shard);
	pthread_mutex_unlock(&a->lock);
	s.devices = calloc(n + 1, sizeof *s.devices);
	if (!s.devices)
		abort();
	pthread_mutex_lock(&a->lock);
	map_each(shard, sweep_one, &s);
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < s.n; i++)
		accounts_remove(a, s.devices[i]);
	free(s.devices);
}

void accounts_end(struct accounts *a)
{
	for (size_t i = 0; i < SHARDS; i++)
		sweep_shard(a, a->by_device[i]);
}

static void free_account(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	account_free(value);
}

static void free_conn(void *user, struct span key, void *value)
{
	(void)user, (void)key;
	free(value);
}

void accounts_free(struct accounts *a)
{
	if (!a)
		return;
	map_each(a->by_client, free_conn, NULL);
	map_free(a->by_client);
	map_free(a->by_id);
	for (size_t i = 0; i < SHARDS; i++) {
		map_each(a->by_device[i], free_account, NULL);
		map_free(a->by_device[i]);
		map_free(a->by_user[i]);
	}
	grant_free(a->server);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

/* ---- reporting ---- */

bool accounts_report(struct accounts *a, struct link_message *ret)
{
	pthread_mutex_lock(&a->lock);
	struct account *x = a->reports.first;
	if (x) {
		a->reports.first = x->next_report;
		if (!a->reports.first)
			a->reports.end = &a->reports.first;
		*ret = (struct link_message){ .type = LINK_PRESENCE,
					      .number = x->device,
					      .flags = x->presence | (x->conns ? LINK_ONLINE : 0) };
		x->presence = 0;
		x->queued = false;
		maybe_forget(a, x);
	}
	pthread_mutex_unlock(&a->lock);
	return x != NULL;
}

bool accounts_has_news(struct accounts *a)
{
	pthread_mutex_lock(&a->lock);
	bool news = a->reports.first != NULL;
	pthread_mutex_unlock(&a->lock);
	return news;
}

void accounts_stats(struct accounts *a, uint64_t ret[LINK_STATS_N])
{
	pthread_mutex_lock(&a->lock);
	memcpy(ret, a->stats, sizeof a->stats);
	pthread_mutex_unlock(&a->lock);
}

/* ---- connections ---- */

static struct conn *conn_new(const void *client, const char *id)
{
	size_t n = strlen(id) + 1;
	struct conn *c = calloc(1, sizeof *c + n);
	if (!c)
		abort();
	c->client = client;
	memcpy(c->id, id, n);
	return c;
}

/* Under the lock: whose log-in this would be. false: nobody's. */
static bool check_login(struct accounts *a, const char *user, const uint8_t hash[SHA256_SIZE],
			struct account **ret)
{
	const struct grant *g = a->server;
	*ret = NULL;
	if (!g || strcmp(g->text, user) != 0) {
		*ret = find_user(a, span_str(user));
		g = *ret ? (*ret)->grant : NULL;
	}
	return g &&
	       ct_equal((struct span){ g->hash, SHA256_SIZE }, (struct span){ hash, SHA256_SIZE });
}

/* The client id is free, or held by a connection of the same account (which the broker then closes). */
static bool id_is_free(struct accounts *a, const char *id, const struct account *x)
{
	const struct conn *holder = map_get(a->by_id, span_str(id));
	return !holder || holder->account == x;
}

bool accounts_put_off(struct accounts *a, const char *user)
{
	pthread_mutex_lock(&a->lock);
	bool off = !a->admits && !(user && a->server && strcmp(a->server->text, user) == 0);
	pthread_mutex_unlock(&a->lock);
	return off;
}

static void add_conn(struct accounts *a, struct account *x, struct conn *c)
{
	(void)map_put(a->by_client, key_of_client(&c->client), c);
	(void)map_put(a->by_id, span_str(c->id), c);
	if (!(c->account = x))
		return;
	if (!x->conns)
		tell(a, x, LINK_CAME | LINK_CONTACT);
	c->epoch = x->epoch;
	c->next = x->conns;
	c->at = &x->conns;
	if (x->conns)
		x->conns->at = &c->next;
	x->conns = c;
	a->stats[LINK_STAT_CONNECTIONS]++;
}

bool accounts_login(struct accounts *a, const void *client, const char *client_id, const char *user,
		    const char *password, int64_t now_s)
{
	uint8_t hash[SHA256_SIZE];
	struct account *x;
	accounts_logout(a, client); /* should the broker have forgotten to say */
	sha256(span_str(password ? password : ""), hash);
	struct conn *c = conn_new(client, client_id ? client_id : "");
	pthread_mutex_lock(&a->lock);
	bool ok = user && password && *c->id && check_login(a, user, hash, &x) &&
		  id_is_free(a, c->id, x);
	if (ok)
		add_conn(a, x, c);
	else
		a->stats[LINK_STAT_REFUSED]++;
	if (ok && x)
		x->contact_s = now_s;
	pthread_mutex_unlock(&a->lock);
	if (!ok)
		free(c);
	return ok;
}

static void unlink_conn(struct accounts *a, struct conn *c)
{
	struct account *x = c->account;
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	a->stats[LINK_STAT_CONNECTIONS]--;
	if (!x->conns)
		tell(a, x, LINK_WENT | LINK_CONTACT);
}

void accounts_logout(struct accounts *a, const void *client)
{
	pthread_mutex_lock(&a->lock);
	struct conn *c = map_remove(a->by_client, key_of_client(&client));
	if (c && map_get(a->by_id, span_str(c->id)) == c)
		(void)map_remove(a->by_id, span_str(c->id));
	if (c && c->account)
		unlink_conn(a, c);
	pthread_mutex_unlock(&a->lock);
	free(c);
}

/* ---- asking ---- */

static bool may(const struct account *x, enum rights_access access, const char *topic)
{
	if (!x || !x->grant)
		return false;
	struct rights r = { x->grant->root, x->grant->fleets, x->grant->flags };
	return rights_may(&r, access, topic);
}

static void note_contact(struct accounts *a, struct account *x, int64_t now_s)
{
	if (now_s - x->contact_s < CONTACT_EVERY_S)
		return;
	x->contact_s = now_s;
	tell(a, x, LINK_CONTACT);
}

static bool conn_may(struct accounts *a, struct conn *c, enum rights_access access,
		     const char *topic, int64_t now_s)
{
	if (!c->account)
		return true; /* the server */
	bool ok = c->epoch == c->account->epoch && may(c->account, access, topic);
	if (ok && (access == RIGHTS_WRITE || access == RIGHTS_WRITE_RETAINED))
		note_contact(a, c->account, now_s);
	return ok;
}

/* A kept session has no connection: nobody is there who could have an old password. What is written without one is a
 * will; of a device that came back another way meanwhile it is not true any more. */
static bool session_may(struct accounts *a, const char *user, enum rights_access access,
			const char *topic)
{
	bool is_will = access == RIGHTS_WRITE || access == RIGHTS_WRITE_RETAINED;
	if (user && a->server && strcmp(a->server->text, user) == 0)
		return true;
	const struct account *x = user ? find_user(a, span_str(user)) : NULL;
	return may(x, access, topic) && !(is_will && x->conns);
}

bool accounts_may(struct accounts *a, const void *client, const char *user,
		  enum rights_access access, const char *topic, int64_t now_s)
{
	pthread_mutex_lock(&a->lock);
	struct conn *c = map_get(a->by_client, key_of_client(&client));
	bool ok = c ? conn_may(a, c, access, topic, now_s) : session_may(a, user, access, topic);
	if (!ok && c && access != RIGHTS_READ) /* a delivery or a will is nobody's fault */
		a->stats[LINK_STAT_DENIED]++;
	pthread_mutex_unlock(&a->lock);
	return ok;
}

/* ---- closing ---- */

static struct conn *next_stale_conn(struct account *x)
{
	struct conn *c = x->conns;
	while (c && (!c->stale || c->told))
		c = c->next;
	return c;
}

char *accounts_stale(struct accounts *a, bool *ret_with_will)
{
	struct conn *c = NULL;
	char *id = NULL;
	pthread_mutex_lock(&a->lock);
	while (a->stale && !(c = next_stale_conn(a->stale))) {
		struct account *x = a->stale;
		a->stale = x->next_stale;
		x->has_stale = false;
		maybe_forget(a, x);
	}
	if (c) {
		c->told = true;
		*ret_with_will = c->epoch == c->account->epoch;
		id = strdup(c->id);
		a->stats[LINK_STAT_KICKED]++;
	}
	pthread_mutex_unlock(&a->lock);
	return id;
}
