/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of the server, in the order in which main() goes through it:
 *
 *   server_open()    data folder, lock, store, first start, threads that serve nobody yet
 *   server_serve()   HTTP is up when it returns
 *   server_reload()  any number of times
 *   server_drain()   nobody is served any more; everything acknowledged is on disk
 *   server_close()
 */
#pragma once

#include "server/server.h"

/* Takes the configuration over, also when it fails. Positive: ERR_INVALID is a matter of the
 * configuration, the others are of the moment (in use, no space, …). */
int server_open(struct config *c, struct server **ret, struct error *err) WARN_UNUSED;
/* 'tables': NULL-ended list of route tables, borrowed for the life of the server. */
int server_serve(struct server *s, const struct http_route *const *tables,
		 struct error *err) WARN_UNUSED;
/* A new configuration and the certificate's files again. Takes it over; what is bad in it is
 * logged, and stays as it was. */
void server_reload(struct server *s, struct config *fresh);
void server_drain(struct server *s);
void server_close(struct server *s);
