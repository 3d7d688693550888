/* SPDX-License-Identifier: Apache-2.0
 *
 * What the broker's child is given: descriptors, all made by us before it starts.
 *
 *   dir     DIR/mqtt (0700, the child's): what it keeps, and the Unix socket
 *   lock    DIR/mqtt.lock, locked: the child holds the same lock until it has ended, so a server that starts after a
 *           crash waits for the broker of the one before
 *   plugin  reeve-broker.so, opened here because the child's user may not be able to walk to it
 *   conf, cert, key   files in memory
 *   port    a bound socket that never listens: it keeps the port ours while no child runs. The child binds the
 *           same one (SO_REUSEADDR allows it as long as nobody else listens).
 */
#pragma once

#include "server/broker/spawn.h"

#include "base/span.h"

struct broker_files {
	int dir, lock, plugin, conf, cert, key, port; /* -1: none */
	int port_number;
	struct spawn_user user;
};

/* 'tls': cert and key are files, filled by broker_files_load_tls(). Positive: the sentence names what is missing. */
int broker_files_open(struct broker_files *f, const char *data_dir, const char *address, int port,
		      bool tls, struct error *err) WARN_UNUSED;
void broker_files_close(struct broker_files *f);
/* Replaces what a file in memory holds. */
int broker_files_put(int fd, struct span content, struct error *err) WARN_UNUSED;
/* Reads both, then replaces both: the old ones stay when one cannot be read. */
int broker_files_load_tls(struct broker_files *f, const char *cert, const char *key,
			  struct error *err) WARN_UNUSED;
/* What the broker kept is moved aside: it cannot start with it. false: there was nothing. */
bool broker_files_move_kept(const struct broker_files *f);
