/* SPDX-License-Identifier: Apache-2.0
 *
 * Invitations, see invitation.h. The link's data are seven fields in base64: address of the REST interface, user
 * token, invitation token, and whom to ask for help (name, phone, web site, e-mail). Agents split them at a
 * backslash and a semicolon, so a backslash in a field is left out.
 */
#include "server/api/invitation.h"

#include "server/server.h"
#include <ctype.h>
#include <string.h>

#define REST_PATH "/apirest.php"
#define LINK_MAX  8192

/* As configured, else where this very request came to. */
static const char *base_url(struct http_request *req)
{
	const struct server *s = server_of(req);
	const struct config *c = s->config;
	const char *host = http_header(req, "Host");
	if (*c->flyve_url)
		return c->flyve_url;
	return arena_printf(http_arena(req), "%s://%s", http_server_tls(s->http) ? "https" : "http",
			    host && *host ? host : c->listen);
}

static void add_field(struct buf *b, const char *text, bool last)
{
	for (; *text; text++)
		if (*text != '\\')
			buf_add_char(b, *text);
	if (!last)
		buf_add_str(b, "\\;");
}

static void add_percent(struct buf *b, const char *text)
{
	for (; *text; text++)
		if (isalnum((unsigned char)*text))
			buf_add_char(b, *text);
		else
			buf_addf(b, "%%%02X", (unsigned char)*text);
}

static const char *link_of(struct http_request *req, const struct invitation *v)
{
	const struct config *c = server_of(req)->config;
	CLEANUP(buf_fini) struct buf data, text, link;
	buf_init(&data, LINK_MAX);
	buf_init(&text, LINK_MAX);
	buf_init(&link, LINK_MAX);
	const char *url = base_url(req);
	size_t n = strlen(url);
	while (n > 0 && url[n - 1] == '/')
		n--;
	add_field(&data, arena_printf(http_arena(req), "%.*s" REST_PATH, (int)n, url), false);
	add_field(&data, v->user_token, false);
	add_field(&data, v->token, false);
	add_field(&data, c->flyve_support_name, false);
	add_field(&data, c->flyve_support_phone, false);
	add_field(&data, c->flyve_support_website, false);
	add_field(&data, c->flyve_support_email, true);
	base64_add(&text, buf_span(&data));
	buf_addf(&link, "%s?data=", c->flyve_deep_link);
	add_percent(&link, buf_str(&text));
	return arena_strdup(http_arena(req), buf_str(&link));
}

void invitation_make(struct http_request *req, struct invitation *ret)
{
	uint8_t random[SHA256_SIZE];
	rand_bytes(random, sizeof random);
	hex_encode((struct span){ random, sizeof random }, ret->token);
	secret_erase(random, sizeof random);
	rand_token(ret->user_token);
	sha256(span_str(ret->token), ret->token_hash);
	sha256(span_str(ret->user_token), ret->user_token_hash);
	ret->deep_link = link_of(req, ret);
}
