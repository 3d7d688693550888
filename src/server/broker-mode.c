/* SPDX-License-Identifier: Apache-2.0
 *
 * See broker-mode.h.
 */
#include "server/broker-mode.h"

#include <stdlib.h>

#define PORT     1883
#define TLS_PORT 8883

static int invalid(const char *text, struct error *err)
{
	return error_set(err, ERR_INVALID,
			 "\"%.60s\" is not off, embedded[:PORT] or mqtt[s]://[user@]host[:port]",
			 text);
}

static bool parse_port(const char *text, int min, int *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	unsigned long n = strtoul(text, &end, 10);
	*ret = (int)(n > 65535 ? 65536 : n);
	return *end == '\0' && *ret <= 65535 && *ret >= min;
}

static bool copy_part(const char *p, size_t n, char *ret, size_t size)
{
	if (n >= size)
		return false;
	memcpy(ret, p, n);
	ret[n] = '\0';
	return true;
}

static bool plain_host(const char *host)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789.-_:%";
	return *host && host[strspn(host, good)] == '\0';
}

/* "host", "host:port", "[::1]", "[::1]:port" */
static bool parse_host(const char *text, struct broker_mode *m)
{
	bool bracketed = *text == '[';
	size_t n = bracketed ? strcspn(++text, "]") : strcspn(text, ":");
	const char *tail = text + n;
	if (bracketed && *tail++ != ']')
		return false;
	m->port = m->tls ? TLS_PORT : PORT;
	return copy_part(text, n, m->host, sizeof m->host) && plain_host(m->host) &&
	       (*tail == '\0' || (*tail == ':' && parse_port(tail + 1, 1, &m->port)));
}

static int parse_external(const char *text, const char *rest, struct broker_mode *m,
			  struct error *err)
{
	const char *at = strrchr(rest, '@');
	m->type = BROKER_EXTERNAL;
	if (at && memchr(rest, ':', (size_t)(at - rest)))
		return error_set(err, ERR_INVALID,
				 "a password does not belong into the address; mqtt.password_file "
				 "names a file that holds it");
	if (at && (at == rest || *rest == '$' ||
		   !copy_part(rest, (size_t)(at - rest), m->user, sizeof m->user)))
		return invalid(text, err);
	return parse_host(at ? at + 1 : rest, m) ? 0 : invalid(text, err);
}

int broker_mode_parse(const char *text, struct broker_mode *ret, struct error *err)
{
	static const char word[] = "embedded", plain[] = "mqtt://", tls[] = "mqtts://";
	*ret = (struct broker_mode){ .type = BROKER_OFF };
	if (strcmp(text, "off") == 0)
		return 0;
	ret->tls = strncmp(text, tls, strlen(tls)) == 0;
	if (ret->tls || strncmp(text, plain, strlen(plain)) == 0)
		return parse_external(text, strchr(text, '/') + 2, ret, err);
	const char *tail = text + strlen(word);
	ret->type = BROKER_EMBEDDED;
	ret->port = PORT;
	if (strncmp(text, word, strlen(word)) != 0 ||
	    (*tail && (*tail != ':' || !parse_port(tail + 1, 0, &ret->port))))
		return invalid(text, err);
	return 0;
}
