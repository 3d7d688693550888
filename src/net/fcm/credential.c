/* SPDX-License-Identifier: Apache-2.0
 *
 * See credential.h. The text of the key file is erased as soon as the key is in libcrypto's hands;
 * jansson's copy of it too.
 */
#include "net/fcm/credential.h"
#include "base/crypto.h"
#include "base/file.h"
#include "base/json.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#define FILE_BYTES_MAX    65536
#define ADDRESS_BYTES_MAX 2048
#define RSA_BITS_MIN      2048
#define JWT_LIFE_S        3600
#define SIGNATURE_MAX     1024 /* RSA of 8192 bits */
#define SCOPE             "https://www.googleapis.com/auth/firebase.messaging"
#define TOKEN_URI_DEFAULT "https://oauth2.googleapis.com/token"

/* ---- addresses ---- */

static bool is_loopback(const char *host)
{
	struct in_addr v4;
	return strcmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
	       (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127);
}

int address_check(const char *what, const char *url, struct error *err)
{
	char *scheme = NULL, *host = NULL;
	CURLU *parts = curl_url();
	bool ok = parts && strlen(url) <= ADDRESS_BYTES_MAX &&
		  curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		  curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		  curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
	ok = ok &&
	     (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_loopback(host)));
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	return ok ? 0
		  : error_set(err, ERR_INVALID, "%s must be an https:// address, not \"%.100s\"",
			      what, url);
}

/* ---- the key file ---- */

static int refuse_passphrase(char *buf, int size, int writing, void *user)
{
	return -1; /* never asks on a terminal */
}

static EVP_PKEY *key_from_pem(const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, refuse_passphrase, NULL) : NULL;
	BIO_free(bio);
	if (key && (!EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_get_bits(key) < RSA_BITS_MIN)) {
		EVP_PKEY_free(key);
		return NULL;
	}
	return key;
}

static int read_text(const json_t *o, const char *key, const char *fallback, char **ret,
		     struct error *err)
{
	const char *text = fallback;
	int r = json_read_str(o, key, !fallback, &text, err);
	if (r == 0 && !*text && !fallback)
		r = error_set(err, ERR_INVALID, "\"%s\" is empty", key);
	if (r == 0 && !(*ret = strdup(text)))
		abort();
	return r;
}

/* It becomes a part of an address. */
static int check_project(const char *project_id, struct error *err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-.:";
	if (strspn(project_id, allowed) == strlen(project_id) && strlen(project_id) <= 100)
		return 0;
	return error_set(err, ERR_INVALID, "\"project_id\" is not a project's id: \"%.100s\"",
			 project_id);
}

static int read_key(const json_t *o, EVP_PKEY **ret, struct error *err)
{
	const char *pem;
	int r = json_read_str(o, "private_key", true, &pem, err);
	if (r)
		return r;
	*ret = key_from_pem(pem);
	return *ret ? 0
		    : error_set(err, ERR_INVALID,
				"\"private_key\" is not an RSA key of at least %d bits in PEM",
				RSA_BITS_MIN);
}

static int read_fields(const json_t *o, struct credential *c, struct error *err)
{
	const char *type = "";
	int r = json_read_str(o, "type", true, &type, err);
	if (r == 0 && strcmp(type, "service_account") != 0)
		r = error_set(err, ERR_INVALID,
			      "\"type\" must be \"service_account\", not \"%.50s\"", type);
	if (r == 0)
		r = read_text(o, "project_id", NULL, &c->project_id, err);
	if (r == 0)
		r = check_project(c->project_id, err);
	if (r == 0)
		r = read_text(o, "client_email", NULL, &c->client_email, err);
	if (r == 0)
		r = read_text(o, "token_uri", TOKEN_URI_DEFAULT, &c->token_uri, err);
	if (r == 0)
		r = address_check("\"token_uri\"", c->token_uri, err);
	if (r == 0)
		r = read_text(o, "private_key_id", "", &c->key_id, err);
	return r ? r : read_key(o, &c->key, err);
}

static void erase_text(json_t *o, const char *key)
{
	json_t *text = json_object_get(o, key);
	if (json_is_string(text)) /* jansson's own copy, which only we refer to */
		secret_erase((char *)json_string_value(text), json_string_length(text));
}

static void erase_buf(struct buf *b)
{
	if (b->p)
		secret_erase(b->p, b->cap);
	buf_fini(b);
}

static int load(const char *path, struct credential *c, struct error *err)
{
	CLEANUP(erase_buf) struct buf text;
	buf_init(&text, FILE_BYTES_MAX);
	AUTO_JSON o = NULL;
	int r = file_read(path, &text);
	if (r < 0)
		return error_set(err, ERR_INVALID, "%s", strerror(-r));
	r = json_parse(buf_span(&text), &o, err);
	if (r == 0 && !json_is_object(o))
		r = error_set(err, ERR_INVALID, "is not a JSON object");
	if (r == 0)
		r = read_fields(o, c, err);
	erase_text(o, "private_key");
	return r;
}

int credential_load(const char *path, struct credential *ret, struct error *err)
{
	struct credential c = { 0 };
	struct error why;
	int r = load(path, &c, &why);
	if (r) {
		credential_fini(&c);
		return r < 0 ? r : error_set(err, why.code, "%s: %s", path, why.message);
	}
	*ret = c;
	return 0;
}

void credential_fini(struct credential *c)
{
	free(c->project_id);
	free(c->client_email);
	free(c->token_uri);
	free(c->key_id);
	EVP_PKEY_free(c->key);
	*c = (struct credential){ 0 };
}

/* ---- the assertion ---- */

/* Adds the JSON in base64url; takes the reference. */
static void add_part(struct buf *out, json_t *steals_part)
{
	CLEANUP(free_charp) char *text = json_text(steals_part);
	base64url_add(out, span_str(text));
	json_decref(steals_part);
}

/* Signs what stands in 'out' from 'start' on. */
static int add_signature(EVP_PKEY *key, struct buf *out, size_t start)
{
	const uint8_t *signed_part = (const uint8_t *)buf_str(out) + start;
	uint8_t signature[SIGNATURE_MAX];
	size_t n = sizeof signature;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = md && EVP_DigestSignInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
		  EVP_DigestSign(md, signature, &n, signed_part, out->n - start) == 1;
	EVP_MD_CTX_free(md);
	if (!ok)
		return -EIO;
	buf_add_char(out, '.');
	base64url_add(out, (struct span){ signature, n });
	return 0;
}

int credential_assertion(const struct credential *c, int64_t now_ms, struct buf *out)
{
	size_t start = out->n;
	json_t *header = json_pack("{s:s, s:s}", "alg", "RS256", "typ", "JWT");
	if (*c->key_id)
		json_object_set_new(header, "kid", json_string(c->key_id));
	add_part(out, header);
	buf_add_char(out, '.');
	add_part(out, json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", c->client_email, "scope", SCOPE,
				"aud", c->token_uri, "iat", (json_int_t)(now_ms / 1000), "exp",
				(json_int_t)(now_ms / 1000 + JWT_LIFE_S)));
	if (out->failed)
		return -ENOBUFS;
	int r = add_signature(c->key, out, start);
	return r ? r : out->failed ? -ENOBUFS : 0;
}
