/* SPDX-License-Identifier: Apache-2.0
 *
 * Hex and base64 (RFC 4648) of crypto.h. Decoding is strict: no white space, no stray bits after the
 * last byte, so that one value has one text.
 */
#include "base/crypto.h"

static const char hex_digits[] = "0123456789abcdef";

void hex_encode(struct span in, char *out)
{
	for (size_t i = 0; i < in.n; i++) {
		*out++ = hex_digits[in.p[i] >> 4];
		*out++ = hex_digits[in.p[i] & 15];
	}
	*out = '\0';
}

bool hex_decode(const char *in, uint8_t *out, size_t n_out)
{
	if (strlen(in) / 2 != n_out || strlen(in) % 2 != 0)
		return false;
	for (size_t i = 0; i < n_out; i++) {
		int high = hex_value(in[2 * i]), low = hex_value(in[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static const char alphabet_std[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void add(struct buf *out, struct span in, const char *alphabet, bool pad)
{
	for (size_t i = 0; i < in.n; i += 3) {
		size_t n = in.n - i < 3 ? in.n - i : 3; /* bytes of this group */
		uint32_t v = (uint32_t)in.p[i] << 16;
		v |= n > 1 ? (uint32_t)in.p[i + 1] << 8 : 0;
		v |= n > 2 ? in.p[i + 2] : 0;
		char c[4] = { alphabet[v >> 18], alphabet[v >> 12 & 63], alphabet[v >> 6 & 63],
			      alphabet[v & 63] };
		for (size_t k = n + 1; k < 4; k++)
			c[k] = '=';
		buf_add(out, c, pad ? 4 : n + 1);
	}
}

void base64_add(struct buf *out, struct span in)
{
	add(out, in, alphabet_std, true);
}

void base64url_add(struct buf *out, struct span in)
{
	add(out, in, alphabet_url, false);
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

/* The text without its padding; false when the padding does not fill the last group. */
static bool strip_padding(struct span *in)
{
	size_t n_pad = 0;
	while (n_pad < 2 && n_pad < in->n && in->p[in->n - 1 - n_pad] == '=')
		n_pad++;
	if (n_pad > 0 && in->n % 4 != 0)
		return false;
	in->n -= n_pad;
	return in->n % 4 != 1;
}

static bool all_in_alphabet(struct span in)
{
	for (size_t i = 0; i < in.n; i++)
		if (base64_value(in.p[i]) < 0)
			return false;
	return true;
}

/* 2 to 4 characters; false when bits beyond the last whole byte are set. */
static bool decode_group(const uint8_t *p, size_t n, struct buf *out)
{
	uint32_t v = 0;
	for (size_t k = 0; k < 4; k++)
		v = v << 6 | (k < n ? (uint32_t)base64_value(p[k]) : 0);
	if ((n == 2 && (v & 0xffff)) || (n == 3 && (v & 0xff)))
		return false;
	const uint8_t bytes[3] = { (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };
	buf_add(out, bytes, n - 1);
	return true;
}

bool base64_decode(struct span in, struct buf *out)
{
	if (!strip_padding(&in) || !all_in_alphabet(in))
		return false;
	size_t n_before = out->n;
	bool ok = true;
	for (size_t i = 0; ok && i < in.n; i += 4)
		ok = decode_group(in.p + i, in.n - i < 4 ? in.n - i : 4, out);
	if (ok && !out->failed)
		return true;
	out->n = n_before; /* half an answer is none */
	if (out->p)
		out->p[out->n] = '\0';
	return false;
}
