/* SPDX-License-Identifier: Apache-2.0
 *
 * A request's headers, see head.h. Names of the table are what matters to us; all others are counted
 * and forgotten.
 */
#include "net/grpc/head.h"
#include "net/grpc/timeout.h"

#define HEADER_OVERHEAD 32 /* RFC 9113 6.5.2 */
#define GRPC_TYPE       "application/grpc"
#define BEARER          "Bearer "

static void add_method(struct head *h, struct span value)
{
	if (span_eq_str(value, "POST"))
		h->flags |= HEAD_POST;
}

/* Whoever reads the headers looks it up. */
static void add_path(struct head *h, struct span value)
{
	(void)h;
	(void)value;
}

/* application/grpc, with +proto or parameters behind it. */
static void add_type(struct head *h, struct span value)
{
	const size_t n = sizeof GRPC_TYPE - 1;
	struct span type = value;
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == ';' || value.p[i] == ' ') {
			type.n = i;
			break;
		}
	if (type.n < n || !span_ieq_str((struct span){ type.p, n }, GRPC_TYPE))
		return;
	struct span rest = { type.p + n, type.n - n };
	if (rest.n == 0 || span_ieq_str(rest, "+proto"))
		h->flags |= HEAD_GRPC;
}

static void add_te(struct head *h, struct span value)
{
	if (span_ieq_str(value, "trailers"))
		h->flags |= HEAD_TE;
}

static void add_timeout(struct head *h, struct span value)
{
	if (!grpc_timeout_parse(value, &h->timeout_ms))
		h->flags |= HEAD_BAD_TIMEOUT;
}

static void add_encoding(struct head *h, struct span value)
{
	if (!span_eq_str(value, "identity"))
		h->flags |= HEAD_COMPRESSED;
}

/* As long for a wrong token as for the right one. */
static void add_authorization(struct head *h, struct span value)
{
	const size_t n = sizeof BEARER - 1, n_token = h->token ? strlen(h->token) : 0;
	volatile uint8_t differs = 0;
	if (!h->token || value.n != n + n_token || memcmp(value.p, BEARER, n) != 0)
		return;
	for (size_t i = 0; i < n_token; i++)
		differs |= value.p[n + i] ^ (uint8_t)h->token[i];
	if (differs == 0)
		h->flags |= HEAD_TOKEN;
}

static const struct {
	const char *name;
	size_t n;
	void (*add)(struct head *h, struct span value);
} known[] = {
#define HEADER(name, fn)                                                                           \
	{                                                                                          \
		(name), sizeof(name) - 1, (fn)                                                     \
	}
	HEADER(":method", add_method),
	HEADER(":path", add_path),
	HEADER("content-type", add_type),
	HEADER("te", add_te),
	HEADER("grpc-timeout", add_timeout),
	HEADER("grpc-encoding", add_encoding),
	HEADER("authorization", add_authorization),
#undef HEADER
};

void head_init(struct head *h, const char *token)
{
	*h = (struct head){ .timeout_ms = -1, .token = token };
}

bool head_add(struct head *h, struct span name, struct span value, uint32_t size_max)
{
	size_t size = name.n + value.n + HEADER_OVERHEAD;
	if (size > size_max || h->size > size_max - size) {
		h->flags |= HEAD_TOO_LARGE;
		return false;
	}
	h->size += (uint32_t)size;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].n != name.n || memcmp(known[i].name, name.p, name.n) != 0)
			continue;
		known[i].add(h, value);
		return known[i].add == add_path;
	}
	return false;
}

int head_check(const struct head *h, struct grpc_status *ret)
{
	grpc_status_set(ret, GRPC_OK, "%s", "");
	if (h->flags & HEAD_TOO_LARGE)
		grpc_status_set(ret, GRPC_RESOURCE_EXHAUSTED, "too many headers");
	else if (!(h->flags & HEAD_POST))
		return 405;
	else if (!(h->flags & HEAD_GRPC))
		return 415;
	else if (!(h->flags & HEAD_TE))
		grpc_status_set(ret, GRPC_INTERNAL, "the header “te: trailers” is missing");
	else if (h->flags & HEAD_BAD_TIMEOUT)
		grpc_status_set(ret, GRPC_INTERNAL, "grpc-timeout is not a timeout");
	else if (h->token && !(h->flags & HEAD_TOKEN))
		grpc_status_set(ret, GRPC_UNAUTHENTICATED, "the token is missing or wrong");
	return 200;
}
