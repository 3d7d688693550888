/* SPDX-License-Identifier: Apache-2.0
 *
 * The messages between the server and the plugin, over a socket pair that the broker's process inherits. Pure: no I/O.
 *
 *     frame    type u8 · length of the body be24 · body
 *     strings  length be16 · bytes
 *
 *     server -> plugin                                     plugin -> server
 *     SERVER    the server's own account: user, hash       READY      the broker serves
 *     BEGIN     everything follows                         SYNCED n   what came before SYNC n is in force
 *     ACCOUNT   one device's account, new or changed       PRESENCE   of one device, see enum link_presence
 *     REMOVE    the device has none                        STATS      now and then
 *     END       who was not named since BEGIN has none
 *     SYNC n    answer when you are here
 *     ADMIT     devices may log in
 *
 * Both ends are built together, so an unknown type or a body that is not exactly its fields is an error.
 */
#pragma once

#include "base/buf.h"
#include "base/crypto.h"

#define LINK_BODY_MAX 32768
#define LINK_USER_MAX 512

enum link_type {
	LINK_SERVER = 1,
	LINK_BEGIN,
	LINK_ACCOUNT,
	LINK_REMOVE,
	LINK_END,
	LINK_SYNC,
	LINK_READY,
	LINK_SYNCED,
	LINK_PRESENCE,
	LINK_STATS,
	LINK_ADMIT,
};

enum link_presence {
	LINK_WENT = 1u << 0,    /* since the last report its last connection went, … */
	LINK_CAME = 1u << 1,    /* … a first one came */
	LINK_ONLINE = 1u << 2,  /* now it has one */
	LINK_CONTACT = 1u << 3, /* it was heard of */
};

enum {
	LINK_STAT_CONNECTIONS,
	LINK_STAT_ACCOUNTS,
	LINK_STAT_REFUSED,
	LINK_STAT_DENIED,
	LINK_STAT_KICKED,
	LINK_STATS_N
};

struct link_message { /* which fields count depends on the type; spans are borrowed */
	enum link_type type;
	uint64_t number;              /* ACCOUNT, REMOVE, PRESENCE: the device; SYNC, SYNCED: n */
	unsigned flags;               /* ACCOUNT: enum rights_flag; PRESENCE: enum link_presence */
	struct span user, hash, root; /* ACCOUNT; SERVER: user and hash, SHA256_SIZE bytes */
	struct span fleets;           /* ACCOUNT: as in struct rights */
	uint64_t stats[LINK_STATS_N];
};

/* Appends the frame. The caller's values are valid ones (asserted). */
void link_add(struct buf *out, const struct link_message *m);

/* Reading: bytes as they come. */
struct link_reader {
	struct buf partial; /* the beginning of a frame */
};
typedef void link_fn(void *user, const struct link_message *m);

void link_reader_init(struct link_reader *r);
void link_reader_fini(struct link_reader *r);
/* Calls fn for each frame that is complete. ERR_INVALID: these are not frames; the reader is of no further use. */
int link_feed(struct link_reader *r, struct span in, link_fn *fn, void *user) WARN_UNUSED;
