/* SPDX-License-Identifier: Apache-2.0
 *
 * reeve-broker.so: mosquitto's events (plugin API v5), put to the accounts.
 *
 *   BASIC_AUTH   is this the account's password?      DISCONNECT   the connection is gone
 *   ACL_CHECK    may it read, write, subscribe?       TICK         closes connections whose account changed
 *
 * They all come on the broker's one thread and never wait for anything but the accounts' lock. Accounts come from the
 * server through the socket that the option "link" names (talk.h); mosquitto opens its listeners only after
 * mosquitto_plugin_init() returned, so nobody logs in before they are all there.
 * Devices are not let in before the server has said that what is retained is right, either: their connection is closed
 * without an answer, as if nobody listened, because a refusal is what agents ask their user about.
 */
#include "broker/talk.h"

#include "base/clock.h"
#include <stdlib.h>

#include <mosquitto.h>
#include <mosquitto_broker.h> /* before the next: 2.0.11 needs this order */
#include <mosquitto_plugin.h>

#define LOAD_TIMEOUT_MS 60000 /* without anything received */
#define CLOSED_AT_ONCE  500   /* in one tick; the next comes within 100 ms */
#define EXPORT          __attribute__((visibility("default")))

struct plugin {
	mosquitto_plugin_id_t *id;
	struct accounts *accounts;
	struct talk *talk;
};

static int64_t now_s(void)
{
	return clock_mono_ms() / 1000;
}

static int on_login(int event, void *data, void *user)
{
	struct plugin *p = user;
	const struct mosquitto_evt_basic_auth *e = data;
	(void)event;
	if (accounts_put_off(p->accounts, e->username))
		return MOSQ_ERR_UNKNOWN; /* no CONNACK: come again */
	return accounts_login(p->accounts, e->client, mosquitto_client_id(e->client), e->username,
			      e->password, now_s())
		       ? MOSQ_ERR_SUCCESS
		       : MOSQ_ERR_AUTH;
}

static int on_disconnect(int event, void *data, void *user)
{
	struct plugin *p = user;
	const struct mosquitto_evt_disconnect *e = data;
	(void)event;
	accounts_logout(p->accounts, e->client);
	return MOSQ_ERR_SUCCESS;
}

static bool access_of(const struct mosquitto_evt_acl_check *e, enum rights_access *ret)
{
	switch (e->access) {
	case MOSQ_ACL_READ:
		*ret = RIGHTS_READ;
		return true;
	case MOSQ_ACL_WRITE:
		*ret = e->retain ? RIGHTS_WRITE_RETAINED : RIGHTS_WRITE;
		return true;
	case MOSQ_ACL_SUBSCRIBE:
		*ret = RIGHTS_SUBSCRIBE;
		return true;
	default:
		return false;
	}
}

static int on_acl_check(int event, void *data, void *user)
{
	struct plugin *p = user;
	const struct mosquitto_evt_acl_check *e = data;
	enum rights_access access;
	(void)event;
	if (e->access == MOSQ_ACL_UNSUBSCRIBE)
		return MOSQ_ERR_SUCCESS;
	return access_of(e, &access) && accounts_may(p->accounts, e->client,
						     mosquitto_client_username(e->client), access,
						     e->topic, now_s())
		       ? MOSQ_ERR_SUCCESS
		       : MOSQ_ERR_ACL_DENIED;
}

static int on_tick(int event, void *data, void *user)
{
	struct plugin *p = user;
	bool with_will;
	char *id;
	(void)event, (void)data;
	for (int i = 0; i < CLOSED_AT_ONCE && (id = accounts_stale(p->accounts, &with_will)); i++) {
		(void)mosquitto_kick_client_by_clientid(id,
							with_will); /* comes to on_disconnect() */
		free(id);
	}
	talk_tick(p->talk);
	return MOSQ_ERR_SUCCESS;
}

static const struct {
	int event;
	MOSQ_FUNC_generic_callback fn;
} events[] = {
	{ MOSQ_EVT_BASIC_AUTH, on_login },
	{ MOSQ_EVT_ACL_CHECK, on_acl_check },
	{ MOSQ_EVT_DISCONNECT, on_disconnect },
	{ MOSQ_EVT_TICK, on_tick },
};

static void plugin_free(struct plugin *p)
{
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		(void)mosquitto_callback_unregister(p->id, events[i].event, events[i].fn, NULL);
	if (p->talk)
		talk_stop(p->talk);
	accounts_free(p->accounts);
	free(p);
}

static int find_fd(const struct mosquitto_opt *options, int n)
{
	char *end;
	for (int i = 0; i < n; i++) {
		long fd = strtol(options[i].value, &end, 10);
		if (strcmp(options[i].key, "link") == 0 && fd > 2 && fd < 65536 && *end == '\0')
			return (int)fd;
	}
	return -1;
}

EXPORT int mosquitto_plugin_version(int n_supported, const int *supported)
{
	for (int i = 0; i < n_supported; i++)
		if (supported[i] == 5)
			return 5;
	return -1;
}

EXPORT int mosquitto_plugin_init(mosquitto_plugin_id_t *id, void **user,
				 struct mosquitto_opt *options, int n)
{
	int fd = find_fd(options, n), r = MOSQ_ERR_SUCCESS;
	if (fd < 0) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "reeve-broker: the option link is missing");
		return MOSQ_ERR_INVAL;
	}
	struct plugin *p = calloc(1, sizeof *p);
	if (!p)
		return MOSQ_ERR_NOMEM;
	p->id = id;
	p->accounts = accounts_new();
	if (talk_start(fd, p->accounts, &p->talk) != 0 ||
	    !talk_wait_loaded(p->talk, LOAD_TIMEOUT_MS)) {
		mosquitto_log_printf(MOSQ_LOG_ERR, "reeve-broker: the server sends no accounts");
		r = MOSQ_ERR_UNKNOWN;
	}
	for (size_t i = 0; i < ARRAY_SIZE(events) && r == MOSQ_ERR_SUCCESS; i++)
		r = mosquitto_callback_register(id, events[i].event, events[i].fn, NULL, p);
	if (r == MOSQ_ERR_SUCCESS)
		*user = p;
	else
		plugin_free(p);
	return r;
}

EXPORT int mosquitto_plugin_cleanup(void *user, struct mosquitto_opt *options, int n)
{
	(void)options, (void)n;
	if (user)
		plugin_free(user);
	return MOSQ_ERR_SUCCESS;
}
