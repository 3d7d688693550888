/* SPDX-License-Identifier: Apache-2.0
 *
 * A mosquitto of our own: one thread that keeps it running, feeds its plugin and hears who comes and goes.
 */
#pragma once

#include "server/broker/presence.h"

#include "base/err.h"

struct broker;
struct embedded; /* heap, one owner */

/* Returns when it serves. ERR_UNAVAILABLE, ERR_INVALID (certificate): the sentence says what is missing. */
int embedded_start(struct broker *b, struct embedded **ret, struct error *err) WARN_UNUSED;
void embedded_stop(struct embedded *e); /* ends the child, then the thread */
void embedded_free(struct embedded *e);
void embedded_reload(struct embedded *e); /* certificate files again */

int embedded_port(const struct embedded *e);
bool embedded_tls(const struct embedded *e);
const char *embedded_socket(const struct embedded *e); /* path of the Unix socket, for us */
const char *embedded_secret(const struct embedded *e); /* our password there */
struct presence *embedded_presence(struct embedded *e);

/* Any thread; see broker.h. */
uint64_t embedded_life(struct embedded *e);
void embedded_admit(struct embedded *e, uint64_t life);
bool embedded_wait_admits(struct embedded *e, int64_t timeout_ms);
void embedded_wake(struct embedded *e);
void embedded_refresh(struct embedded *e, int64_t device_id);
void embedded_when_in_force(struct embedded *e, void (*fn)(void *user, bool in_force), void *user);
