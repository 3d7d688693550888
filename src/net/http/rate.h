/* SPDX-License-Identifier: Apache-2.0
 *
 * Token buckets by rate class and peer address, in a table of fixed size.
 *
 * An IPv6 peer is its /64, what one customer is given. The table is made of sets of 8 buckets;
 * when a set is full, the one unused for longest is forgotten, so a flood of addresses costs
 * no memory and at worst gives a long silent peer its burst again. Each shard has its own lock.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RATE_ADDRESS_SIZE 17

struct rate_address { /* family and significant bytes; equal peers are equal bytes */
	uint8_t bytes[RATE_ADDRESS_SIZE];
};

struct rate_table;

struct rate_table *rate_table_new(size_t n_buckets);
void rate_table_free(struct rate_table *t);

void rate_address(const struct sockaddr *sa, struct rate_address *ret);
/* Takes a token of the bucket (class, address). 0: taken; else milliseconds until there is one.
 * A burst of 0 is one second's worth. */
int64_t rate_take(struct rate_table *t, uint8_t class, const struct rate_address *from,
		  uint32_t per_second, uint32_t burst, int64_t now_ms);
