/* SPDX-License-Identifier: Apache-2.0
 *
 * The server's certificate and key, replaceable while connections are being made.
 *
 * libmicrohttpd asks tls_retrieve() at every handshake. A pair that was replaced is kept until
 * the end: a handshake may still be using it, and certificates change a few times a year.
 */
#pragma once

#include "base/err.h"
#include <gnutls/abstract.h>

/* TLS 1.2 at least; GnuTLS's own choice of the rest. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct tls;

/* ERR_INVALID: a file cannot be read or parsed, or the key is not the certificate's. */
int tls_new(const char *cert_path, const char *key_path, struct tls **ret,
	    struct error *err) WARN_UNUSED;
void tls_free(struct tls *t);
int tls_reload(struct tls *t, struct error *err) WARN_UNUSED;

/* Finds its struct tls through the connection. */
gnutls_certificate_retrieve_function3 tls_retrieve;
