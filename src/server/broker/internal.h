/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the broker share.
 */
#pragma once

#include "server/broker-mode.h"
#include "server/broker/broker.h"

#include "base/crypto.h"
#include <pthread.h>

struct embedded; /* embedded.h */

struct broker {
	struct server *server;
	const struct broker_source *source; /* borrowed */
	struct broker_mode mode;
	char *url;                 /* where we serve, or whose broker it is */
	struct broker_mode public; /* what devices are told */
	struct embedded *embedded; /* NULL: another's broker */
	char *client_id;           /* ours */
	pthread_mutex_t lock;      /* of the following: SIGHUP reads them again */
	char *password;            /* ours, at another's broker; NULL: a JWT */
	char *ask_secret;          /* of who may ask about log-ins; NULL: nobody */
};

/* Whether that is what 'secret', one of the two, says now; compared in constant time. NULL is never said. */
bool broker_secret_is(struct broker *b, char *const *secret, const char *shown);

/* Our own user name at the embedded broker; no device's begins so. */
#define BROKER_SERVER_USER "$server"
