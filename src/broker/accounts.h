/* SPDX-License-Identifier: Apache-2.0
 *
 * Accounts, the connections that use them, and who is there. Two threads: the *link* thread changes accounts as the
 * server says and reports presence; the *broker's* thread asks. One lock, held for one account or one question, never
 * for a loop over all; tables are in shards, so that even growing one takes no noticeable time.
 *
 * An account belongs to a device and stays the same object while anything of it changes. A connection remembers the
 * epoch of the account at its log-in; when the credentials change (or the account goes), the epoch steps, and from
 * then on the connection may do nothing. Any change makes it *stale*: to be closed by the broker's thread.
 *
 * A client id belongs to the account that holds it: nobody takes over another account's connection by its name.
 */
#pragma once

#include "broker/link.h"
#include "broker/rights.h"

struct accounts; /* heap, one owner */

struct accounts *accounts_new(void);
void accounts_free(struct accounts *a);

/* ---- link thread ---- */

void accounts_set_server(struct accounts *a, struct span user, struct span hash);
void accounts_put(struct accounts *a, const struct link_message *m); /* LINK_ACCOUNT */
void accounts_remove(struct accounts *a, uint64_t device);
/* Everything that is not put between the two is removed. */
void accounts_begin(struct accounts *a);
void accounts_end(struct accounts *a);

/* From now on devices may come; before, what the broker has retained may be of the past. */
void accounts_admit(struct accounts *a);
/* The next device about which there is something to say: LINK_PRESENCE. false: nothing. */
bool accounts_report(struct accounts *a, struct link_message *ret);
void accounts_stats(struct accounts *a, uint64_t ret[LINK_STATS_N]);

/* ---- broker's thread ---- */

/* Whether accounts_report() has something to say. */
bool accounts_has_news(struct accounts *a);

/* Nobody but the server may come yet: whether this log-in is to be put off, whoever it is. */
bool accounts_put_off(struct accounts *a, const char *user);
/* 'client' stands for the connection until accounts_logout(); user and password may be NULL. The client id of a
 * device's connection must not be that of another account's. */
bool accounts_login(struct accounts *a, const void *client, const char *client_id, const char *user,
		    const char *password, int64_t now_s);
void accounts_logout(struct accounts *a, const void *client); /* also of one that never logged in */
/* For a session without a connection (kept by the broker): by its user's name, or NULL. */
bool accounts_may(struct accounts *a, const void *client, const char *user,
		  enum rights_access access, const char *topic, int64_t now_s);

/* The client id of a connection to close, to be freed; NULL: none. *ret_with_will: it may still say so. Each is
 * given once. */
char *accounts_stale(struct accounts *a, bool *ret_with_will);
