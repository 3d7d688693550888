/* SPDX-License-Identifier: Apache-2.0
 *
 * What devices hand in to be kept: certificates, keys, and where to push to. Each is a section of the device's
 * inventory, bounded, replaced by the next one.
 *
 * A browser's attestation key is replaced only by its holder: the new key comes signed by the old one. Where to
 * push to is kept for the administrator to see; pushing is Google's, with credentials that only Google has.
 */
#include "channel/chrome/uploads.h"

#include "base/crypto.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#define CERTIFICATE_MAX (64u << 10)
#define KEY_MAX         4096
#define TEXT_MAX        255
#define PUSH_TOKEN_MAX  4096

static json_t *base64(struct span bytes)
{
	CLEANUP(buf_fini) struct buf text;
	buf_init(&text, 4 * (bytes.n / 3 + 1));
	base64_add(&text, bytes);
	return json_string(buf_str(&text));
}

static json_t *fingerprint(struct span bytes)
{
	uint8_t hash[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	sha256(bytes, hash);
	hex_encode((struct span){ hash, sizeof hash }, hex);
	return json_string(hex);
}

/* ---- keeping ---- */

struct upload {                                  /* in the request's arena */
	const char *section, *body_json;         /* NULL: none */
	const char *attribute, *attribute_value; /* NULL: none */
};

static int apply_upload(struct store_conn *tx, struct op *op)
{
	struct chrome_op *o = (struct chrome_op *)op;
	const struct upload *u = op->arg;
	struct device d;
	int r = chrome_device_again(tx, o, &d);
	if (r == 0 && u->section)
		r = store_inventory_put(tx, d.id, u->section, u->body_json, op->by.now_ms,
					&op->err);
	if (r == 0 && u->attribute)
		r = store_attribute_set(tx, d.id, u->attribute, u->attribute_value, op->by.now_ms,
					&op->err);
	chrome_empty_answer(op->arena, o->r->type->answer, &o->answer);
	return r;
}

static const char *text_in(struct arena *a, json_t *steals_body)
{
	CLEANUP(free_charp) char *text = json_text(steals_body);
	json_decref(steals_body);
	return arena_strdup(a, text);
}

static void keep(struct chrome_request *r, const struct upload *upload)
{
	struct upload *u = arena_new(r->arena, struct upload);
	*u = *upload;
	chrome_submit(chrome_op(r, apply_upload, u));
}

/* ---- certificates ---- */

static json_t *name_of(X509_NAME *name)
{
	char text[512] = "";
	X509_NAME_oneline(name, text, sizeof text - 1);
	json_t *j = json_string(text);
	return j ? j : json_string("");
}

static void describe(json_t *body, X509 *certificate)
{
	struct tm end = { 0 };
	json_object_set_new(body, "subject", name_of(X509_get_subject_name(certificate)));
	json_object_set_new(body, "issuer", name_of(X509_get_issuer_name(certificate)));
	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) == 1)
		json_object_set_new(body, "not_after_ms",
				    json_integer(1000 * (json_int_t)timegm(&end)));
}

json_t *certificate_json(struct span bytes)
{
	json_t *body = json_pack("{s:o, s:I, s:o}", "sha256", fingerprint(bytes), "size",
				 (json_int_t)bytes.n, "data", base64(bytes));
	const uint8_t *p = bytes.p;
	X509 *certificate = d2i_X509(NULL, &p, (long)bytes.n);
	if (!certificate) {
		BIO *text = BIO_new_mem_buf(bytes.p, (int)bytes.n);
		certificate = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;
		BIO_free(text);
	}
	if (certificate)
		describe(body, certificate);
	X509_free(certificate);
	return body;
}

static const char *certificate_section(const Dm__DeviceCertUploadRequest *m)
{
	return m->certificate_type ==
			       DM__DEVICE_CERT_UPLOAD_REQUEST__CERTIFICATE_TYPE__ENTERPRISE_ENROLLMENT_CERTIFICATE
		       ? "enrollment_certificate"
		       : "machine_certificate";
}

void chrome_cert_upload(struct chrome_request *r)
{
	const Dm__DeviceCertUploadRequest *m = r->body->cert_upload_request;
	struct span bytes = { m->device_certificate.data, m->device_certificate.len };
	struct upload u = { 0 };
	if (bytes.n > CERTIFICATE_MAX) {
		chrome_fail(r, 413, "device_certificate: too large.");
		return;
	}
	if (bytes.n) {
		u.section = certificate_section(m);
		u.body_json = text_in(r->arena, certificate_json(bytes));
	}
	if (m->enrollment_id) {
		u.attribute = "enrollment_id";
		u.attribute_value = chrome_text(r->arena, m->enrollment_id, TEXT_MAX);
	}
	if (u.section || u.attribute)
		keep(r, &u);
	else
		chrome_fail(r, 400, "device_certificate: missing.");
}

/* ---- attestation keys ---- */

bool public_key_signed(struct span old_spki, struct span message, struct span signature)
{
	const uint8_t *p = old_spki.p;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &p, (long)old_spki.n);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = key && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
		    EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	return good;
}

static bool is_public_key(struct span spki)
{
	const uint8_t *p = spki.p;
	EVP_PKEY *key = spki.n ? d2i_PUBKEY(NULL, &p, (long)spki.n) : NULL;
	bool is_key = key && p == spki.p + spki.n;
	EVP_PKEY_free(key);
	return is_key;
}

/* The key that the device handed in before; empty: none. */
static int read_old_key(struct store_conn *c, int64_t device_id, struct arena *a, struct span *ret)
{
	struct inventory *sections = NULL;
	size_t n = 0;
	int r = store_inventory_list(c, device_id, a, &sections, &n);
	*ret = (struct span){ 0 };
	for (size_t i = 0; i < n && r == 0; i++) {
		AUTO_JSON body = NULL;
		CLEANUP(buf_fini) struct buf key;
		buf_init(&key, KEY_MAX);
		if (strcmp(sections[i].section, "attestation_key") == 0 &&
		    json_parse(span_str(sections[i].body_json), &body, NULL) == 0 &&
		    json_is_string(json_object_get(body, "data")) &&
		    base64_decode(span_str(json_string_value(json_object_get(body, "data"))), &key))
			*ret = arena_dup(a, buf_span(&key));
	}
	return r;
}

static json_t *key_json(const Dm__BrowserPublicKeyUploadRequest *m)
{
	struct span spki = { m->public_key.data, m->public_key.len };
	bool hardware =
		m->key_trust_level ==
		DM__BROWSER_PUBLIC_KEY_UPLOAD_REQUEST__KEY_TRUST_LEVEL__CHROME_BROWSER_HW_KEY;
	bool rsa = m->key_type == DM__BROWSER_PUBLIC_KEY_UPLOAD_REQUEST__KEY_TYPE__RSA_KEY;
	return json_pack("{s:s, s:s, s:o, s:o}", "trust", hardware ? "hardware" : "software",
			 "type", rsa ? "rsa" : "ec", "sha256", fingerprint(spki), "data",
			 base64(spki));
}

static int apply_key(struct store_conn *tx, struct op *op)
{
	struct chrome_op *o = (struct chrome_op *)op;
	const Dm__BrowserPublicKeyUploadRequest *m = o->r->body->browser_public_key_upload_request;
	Dm__BrowserPublicKeyUploadResponse *answer =
		arena_new(op->arena, Dm__BrowserPublicKeyUploadResponse);
	struct span old, spki = { m->public_key.data, m->public_key.len };
	struct device d;
	dm__browser_public_key_upload_response__init(answer);
	answer->has_response_code = true;
	o->answer.browser_public_key_upload_response = answer;
	int r = chrome_device_again(tx, o, &d);
	if (r == 0)
		r = read_old_key(tx, d.id, op->arena, &old);
	if (r)
		return r;
	answer->response_code =
		DM__BROWSER_PUBLIC_KEY_UPLOAD_RESPONSE__RESPONSE_CODE__INVALID_SIGNATURE;
	if (old.n && !span_eq(old, spki) &&
	    !public_key_signed(old, spki, (struct span){ m->signature.data, m->signature.len }))
		return 0;
	answer->response_code = DM__BROWSER_PUBLIC_KEY_UPLOAD_RESPONSE__RESPONSE_CODE__SUCCESS;
	return store_inventory_put(tx, d.id, "attestation_key", text_in(op->arena, key_json(m)),
				   op->by.now_ms, &op->err);
}

void chrome_public_key(struct chrome_request *r)
{
	const Dm__BrowserPublicKeyUploadRequest *m = r->body->browser_public_key_upload_request;
	struct span spki = { m->public_key.data, m->public_key.len };
	if (spki.n > KEY_MAX)
		chrome_fail(r, 413, "public_key: too large.");
	else if (!m->has_public_key || !is_public_key(spki))
		chrome_fail(r, 400, "public_key: not a SubjectPublicKeyInfo.");
	else
		chrome_submit(chrome_op(r, apply_key, NULL));
}

/* ---- where to push to ---- */

void chrome_fm_token(struct chrome_request *r)
{
	const Dm__FmRegistrationTokenUploadRequest *m =
		r->body->fm_registration_token_upload_request;
	struct arena *a = r->arena;
	if (!m->token || !*m->token) {
		chrome_fail(r, 400, "token: missing.");
		return;
	}
	json_t *body =
		json_pack("{s:s, s:s, s:I, s:I}", "token", chrome_text(a, m->token, PUSH_TOKEN_MAX),
			  "project", chrome_text(a, m->project_number, TEXT_MAX), "protocol",
			  (json_int_t)m->protocol_version, "expires_ms",
			  (json_int_t)m->expiration_timestamp_ms);
	keep(r, &(struct upload){ .section = "push", .body_json = text_in(a, body) });
}

void chrome_gcm_id(struct chrome_request *r)
{
	const Dm__GcmIdUpdateRequest *m = r->body->gcm_id_update_request;
	struct arena *a = r->arena;
	if (!m->gcm_id || !*m->gcm_id) {
		chrome_fail(r, 400, "gcm_id: missing.");
		return;
	}
	json_t *body = json_pack("{s:s}", "gcm_id", chrome_text(a, m->gcm_id, PUSH_TOKEN_MAX));
	keep(r, &(struct upload){ .section = "push", .body_json = text_in(a, body) });
}
