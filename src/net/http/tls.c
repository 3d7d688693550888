/* SPDX-License-Identifier: Apache-2.0
 *
 * Certificates for libmicrohttpd's GnuTLS; tls.h has the rules.
 */
#include "net/http/tls.h"
#include "base/crypto.h"
#include "base/file.h"
#include "net/http/internal.h"
#include <gnutls/gnutls.h>

#define PEM_MAX   (1u << 20)
#define CHAIN_MAX 16

struct pair {
	struct pair *older;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned n_chain;
	gnutls_privkey_t key;
};

struct tls {
	const char *cert_path, *key_path;
	pthread_mutex_t lock; /* of reloading */
	_Atomic(struct pair *) current;
};

static void pair_free(struct pair *p)
{
	for (unsigned i = 0; i < p->n_chain; i++)
		gnutls_pcert_deinit(&p->chain[i]);
	if (p->key)
		gnutls_privkey_deinit(p->key);
	free(p);
}

static int bad_file(const char *path, const char *why, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s: %s", path, why);
}

static int read_pem(const char *path, struct buf *out, struct error *err)
{
	int r = file_read(path, out);
	return r < 0 ? bad_file(path, strerror(-r), err) : 0;
}

/* Does the key belong to the certificate? Only a credentials object checks that. */
static int check_match(const gnutls_datum_t *cert, const gnutls_datum_t *key)
{
	gnutls_certificate_credentials_t c;
	int r = gnutls_certificate_allocate_credentials(&c);
	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_key_mem(c, cert, key, GNUTLS_X509_FMT_PEM);
	gnutls_certificate_free_credentials(c);
	return r;
}

static int parse(const struct tls *t, const gnutls_datum_t *cert, const gnutls_datum_t *key,
		 struct pair *p, struct error *err)
{
	p->n_chain = CHAIN_MAX;
	int r = gnutls_pcert_list_import_x509_raw(p->chain, &p->n_chain, cert, GNUTLS_X509_FMT_PEM,
						  0);
	if (r < 0) {
		p->n_chain = 0;
		return bad_file(t->cert_path, gnutls_strerror(r), err);
	}
	r = gnutls_privkey_init(&p->key);
	if (r >= 0)
		r = gnutls_privkey_import_x509_raw(p->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r >= 0)
		r = check_match(cert, key);
	return r < 0 ? bad_file(t->key_path, gnutls_strerror(r), err) : 0;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->p, (unsigned)b->n };
}

int tls_reload(struct tls *t, struct error *err)
{
	CLEANUP(buf_fini) struct buf cert;
	CLEANUP(buf_fini) struct buf key;
	buf_init(&cert, PEM_MAX);
	buf_init(&key, PEM_MAX);
	int r = read_pem(t->cert_path, &cert, err);
	if (r == 0)
		r = read_pem(t->key_path, &key, err);
	struct pair *p = calloc(1, sizeof *p);
	if (!p)
		abort();
	if (r == 0) {
		gnutls_datum_t c = datum(&cert), k = datum(&key);
		r = parse(t, &c, &k, p, err);
	}
	if (key.p)
		secret_erase(key.p, key.n);
	if (r) {
		pair_free(p);
		return r;
	}
	pthread_mutex_lock(&t->lock);
	p->older = t->current;
	t->current = p;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

int tls_new(const char *cert_path, const char *key_path, struct tls **ret, struct error *err)
{
	struct tls *t = calloc(1, sizeof *t);
	if (!t)
		abort();
	t->cert_path = cert_path;
	t->key_path = key_path;
	pthread_mutex_init(&t->lock, NULL);
	int r = tls_reload(t, err);
	if (r)
		tls_free(t);
	else
		*ret = t;
	return r;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	for (struct pair *p = t->current, *older; p; p = older) {
		older = p->older;
		pair_free(p);
	}
	pthread_mutex_destroy(&t->lock);
	free(t);
}

int tls_retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
		 gnutls_pcert_st **ret_chain, unsigned *ret_n_chain, gnutls_ocsp_data_st **ret_ocsp,
		 unsigned *ret_n_ocsp, gnutls_privkey_t *ret_key, unsigned *ret_flags)
{
	struct MHD_Connection *mhd = gnutls_session_get_ptr(session); /* libmicrohttpd sets it */
	const struct conn *c =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
	struct pair *p = c->server->tls->current;
	(void)info;
	*ret_chain = p->chain;
	*ret_n_chain = p->n_chain;
	*ret_key = p->key;
	*ret_ocsp = NULL;
	*ret_n_ocsp = 0;
	*ret_flags = 0; /* all of it stays ours */
	return 0;
}
