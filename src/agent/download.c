/* SPDX-License-Identifier: Apache-2.0
 *
 * Transfers of deployable files; client.h has the contract of client_download().
 *
 * What is fetched is checked against the size and SHA-256 of the file's description. A transfer that breaks goes
 * on where it stopped (Range, with the hash as If-Range: a file that was replaced meanwhile starts anew).
 */
#include "agent/client-private.h"
#include "base/crypto.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#define TRIES           4
#define STALL_S         60L /* less than a byte a second for so long: broken */
#define TRANSFER_MAX_MS (2 * 3600 * 1000L)
#define PROBLEM_MAX     8192

struct transfer {
	int fd;
	EVP_MD_CTX *hash; /* of what is in the file */
	int64_t n;        /* bytes in the file */
	struct answer_head head;
	const struct answer_file *file; /* what it must be */
	struct buf problem;             /* the body of an answer that is not the file */
	CURL *easy;
	bool (*cancelled)(void);
	char trouble[CURL_ERROR_SIZE];
	const char *why; /* why we broke it off, or NULL */
};

static int start_anew(struct transfer *t)
{
	t->n = 0;
	if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
		return -errno;
	return EVP_DigestInit_ex(t->hash, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;
}

static bool append(struct transfer *t, const char *p, size_t n)
{
	if ((int64_t)n > t->file->size - t->n) {
		t->why = "it is larger than the server says";
		return false;
	}
	for (size_t done = 0; done < n;) {
		ssize_t w = write(t->fd, p + done, n - done);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0) {
			t->why = strerror(errno);
			return false;
		}
		done += (size_t)w;
	}
	t->n += (int64_t)n;
	return EVP_DigestUpdate(t->hash, p, n) == 1;
}

static size_t on_data(char *p, size_t size, size_t n, void *user)
{
	struct transfer *t = user;
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status == 200 && t->n > 0 && t->head.status == 0 && start_anew(t) < 0)
		return 0; /* the whole file although a part was asked for */
	t->head.status = (int)status;
	if (status != 200 && status != 206) {
		buf_add(&t->problem, p, size * n);
		return t->problem.failed ? 0 : size * n;
	}
	return append(t, p, size * n) ? size * n : 0;
}

static int on_progress(void *user, curl_off_t dltotal, curl_off_t dlnow, curl_off_t ultotal,
		       curl_off_t ulnow)
{
	struct transfer *t = user;
	return t->cancelled && t->cancelled();
}

static void set_up(struct transfer *t, struct curl_slist *headers)
{
	curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, client_on_header);
	curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, &t->head);
	curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->trouble);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(t->easy, CURLOPT_LOW_SPEED_TIME, STALL_S);
	curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, TRANSFER_MAX_MS);
	curl_easy_setopt(t->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(t->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(t->easy, CURLOPT_XFERINFODATA, t);
}

static CURLcode attempt(struct client *c, struct transfer *t, int64_t file_id)
{
	char path[64], text[ANSWER_HASH_SIZE + 32];
	struct curl_slist *headers = client_bearer(c, NULL);
	snprintf(path, sizeof path, "/device/v1/files/%lld", (long long)file_id);
	if (t->n > 0) {
		snprintf(text, sizeof text, "bytes=%lld-", (long long)t->n);
		headers = client_header(headers, "Range", text);
		snprintf(text, sizeof text, "\"%s\"", t->file->sha256);
		headers = client_header(headers, "If-Range", text);
	}
	answer_head_init(&t->head);
	buf_reset(&t->problem);
	t->trouble[0] = '\0';
	t->easy = client_handle(c, path);
	set_up(t, headers);
	CURLcode code = curl_easy_perform(t->easy);
	long status = 0;
	curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
	t->head.status = (int)status;
	curl_easy_cleanup(t->easy);
	client_free_headers(headers);
	return code;
}

static int verify(struct transfer *t, int64_t file_id, struct error *err)
{
	uint8_t hash[SHA256_SIZE];
	char text[2 * SHA256_SIZE + 1];
	unsigned n = sizeof hash;
	if (EVP_DigestFinal_ex(t->hash, hash, &n) != 1)
		return error_set(err, ERR_INTERNAL, "file %lld: no hash", (long long)file_id);
	hex_encode((struct span){ hash, sizeof hash }, text);
	if (strcmp(text, t->file->sha256) != 0)
		return error_set(err, ERR_UNAVAILABLE,
				 "file %lld is not what the server says it is: SHA-256 %s, not %s",
				 (long long)file_id, text, t->file->sha256);
	if (fsync(t->fd) < 0)
		return error_set(err, ERR_NO_SPACE, "file %lld: %s", (long long)file_id,
				 strerror(errno));
	return 0;
}

static bool is_final(int status)
{
	return status >= 400 && status < 500 && status != 408 && status != 416;
}

enum verdict { WHOLE, AGAIN, OVER };

/* What an attempt came to; for AGAIN and OVER the sentence is in 'err'. */
static enum verdict judge(struct client *c, struct transfer *t, CURLcode code, int64_t file_id,
			  struct error *err)
{
	char text[512];
	bool file = t->head.status == 200 || t->head.status == 206;
	if (code == CURLE_OK && file && t->n == t->file->size)
		return WHOLE; /* libcurl takes an end within the head for one without a body */
	if (t->why || (t->cancelled && t->cancelled())) {
		(void)error_set(err, t->why ? ERR_NO_SPACE : ERR_UNAVAILABLE, "file %lld: %s",
				(long long)file_id, t->why ? t->why : "interrupted");
		return OVER;
	}
	if (t->head.status != 0 && !file) {
		(void)client_refusal(&t->head, buf_span(&t->problem), err);
		return is_final(t->head.status) || start_anew(t) < 0 ? OVER : AGAIN;
	}
	client_trouble(c, code == CURLE_OK ? CURLE_PARTIAL_FILE : code, t->trouble, text,
		       sizeof text);
	(void)error_set(err, ERR_UNAVAILABLE, "file %lld: %s", (long long)file_id, text);
	return AGAIN;
}

static int transfer(struct client *c, struct transfer *t, int64_t file_id, struct error *err)
{
	for (int i = 0; i < TRIES; i++) {
		enum verdict v = judge(c, t, attempt(c, t, file_id), file_id, err);
		if (v == WHOLE)
			return verify(t, file_id, err);
		if (v == OVER)
			break;
	}
	return (int)err->code;
}

int client_download(struct client *c, int64_t file_id, const struct answer_file *file,
		    const char *path, bool (*cancelled)(void), struct error *err)
{
	struct transfer t = { .cancelled = cancelled, .file = file };
	t.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (t.fd < 0)
		return error_set(err, ERR_INTERNAL, "%s: %s", path, strerror(errno));
	buf_init(&t.problem, PROBLEM_MAX);
	t.hash = EVP_MD_CTX_new();
	if (!t.hash || start_anew(&t) < 0)
		abort();
	int r = transfer(c, &t, file_id, err);
	EVP_MD_CTX_free(t.hash);
	buf_fini(&t.problem);
	close(t.fd);
	if (r)
		(void)unlink(path);
	return r;
}
