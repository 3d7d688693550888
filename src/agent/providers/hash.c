/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of files of any size, read in pieces: base/crypto.h hashes spans only, and a file that
 * somebody else may shorten must not be mapped.
 */
#include "agent/providers/hash.h"
#include "agent/providers/place.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

static void free_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static int hash_fd(int fd, char hash[HASH_SIZE])
{
	uint8_t chunk[65536], digest[SHA256_SIZE];
	CLEANUP(free_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -ENOMEM;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		EVP_DigestUpdate(ctx, chunk, (size_t)n);
	}
	EVP_DigestFinal_ex(ctx, digest, NULL);
	hex_encode((struct span){ digest, sizeof digest }, hash);
	return 0;
}

int hash_file(const char *root, const char *path, char hash[HASH_SIZE])
{
	struct stat st;
	CLEANUP(place_close) struct place p = PLACE_NONE;
	hash[0] = '\0';
	int r = place_open(root, path, 0, &p);
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	CLEANUP(close_fdp)
	int fd = openat(p.dir, p.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) /* nothing, or a link */
		return errno == ENOENT || errno == ELOOP ? 0 : -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISREG(st.st_mode) ? hash_fd(fd, hash) : 0;
}

void hash_span(struct span content, char hash[HASH_SIZE])
{
	uint8_t digest[SHA256_SIZE];
	sha256(content, digest);
	hex_encode((struct span){ digest, sizeof digest }, hash);
}
