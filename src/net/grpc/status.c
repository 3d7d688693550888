/* SPDX-License-Identifier: Apache-2.0
 *
 * gRPC's status codes and what other protocols' codes become among them, see status.h. The tables
 * follow grpc/doc/http-grpc-status-mapping.md and PROTOCOL-HTTP2.md ("HTTP2 Transport Mapping").
 */
#include "net/grpc/status.h"
#include "base/utf8.h"
#include <nghttp2/nghttp2.h>

static const char *const names[] = {
#define GRPC_STATUS(name, number) [number] = #name,
#include "net/grpc/status.def"
#undef GRPC_STATUS
};

static const enum grpc_code of_err[] = {
	[ERR_NONE] = GRPC_OK,
	[ERR_INVALID] = GRPC_INVALID_ARGUMENT,
	[ERR_UNAUTHENTICATED] = GRPC_UNAUTHENTICATED,
	[ERR_FORBIDDEN] = GRPC_PERMISSION_DENIED,
	[ERR_NOT_FOUND] = GRPC_NOT_FOUND,
	[ERR_METHOD] = GRPC_UNIMPLEMENTED,
	[ERR_CONFLICT] = GRPC_ALREADY_EXISTS,
	[ERR_GONE] = GRPC_NOT_FOUND,
	[ERR_PRECONDITION] = GRPC_FAILED_PRECONDITION,
	[ERR_TOO_LARGE] = GRPC_RESOURCE_EXHAUSTED,
	[ERR_UNSUPPORTED_TYPE] = GRPC_INVALID_ARGUMENT,
	[ERR_RANGE] = GRPC_OUT_OF_RANGE,
	[ERR_RATE_LIMITED] = GRPC_RESOURCE_EXHAUSTED,
	[ERR_INTERNAL] = GRPC_INTERNAL,
	[ERR_UNIMPLEMENTED] = GRPC_UNIMPLEMENTED,
	[ERR_UNAVAILABLE] = GRPC_UNAVAILABLE,
	[ERR_UNCERTAIN] = GRPC_UNKNOWN,
	[ERR_NO_SPACE] = GRPC_RESOURCE_EXHAUSTED,
};

static const struct {
	int http;
	enum grpc_code code;
} of_http[] = {
	{ 400, GRPC_INTERNAL },      { 401, GRPC_UNAUTHENTICATED }, { 403, GRPC_PERMISSION_DENIED },
	{ 404, GRPC_UNIMPLEMENTED }, { 429, GRPC_UNAVAILABLE },     { 502, GRPC_UNAVAILABLE },
	{ 503, GRPC_UNAVAILABLE },   { 504, GRPC_UNAVAILABLE },
};

static const enum grpc_code of_h2[] = {
	[NGHTTP2_NO_ERROR] = GRPC_INTERNAL,
	[NGHTTP2_REFUSED_STREAM] = GRPC_UNAVAILABLE,
	[NGHTTP2_CANCEL] = GRPC_CANCELLED,
	[NGHTTP2_ENHANCE_YOUR_CALM] = GRPC_RESOURCE_EXHAUSTED,
	[NGHTTP2_INADEQUATE_SECURITY] = GRPC_PERMISSION_DENIED,
};

void grpc_status_set(struct grpc_status *s, enum grpc_code code, const char *fmt, ...)
{
	va_list ap;
	s->code = code;
	va_start(ap, fmt);
	if (vsnprintf(s->message, sizeof s->message, fmt, ap) < 0)
		s->message[0] = '\0';
	va_end(ap);
}

const char *grpc_code_name(enum grpc_code code)
{
	return (unsigned)code < ARRAY_SIZE(names) ? names[code] : "UNKNOWN";
}

enum grpc_code grpc_code_from_err(enum err code)
{
	return (unsigned)code < ARRAY_SIZE(of_err) ? of_err[code] : GRPC_INTERNAL;
}

enum grpc_code grpc_code_from_http(int http_status)
{
	for (size_t i = 0; i < ARRAY_SIZE(of_http); i++)
		if (of_http[i].http == http_status)
			return of_http[i].code;
	return GRPC_UNKNOWN;
}

enum grpc_code grpc_code_from_h2(uint32_t h2_error)
{
	if (h2_error < ARRAY_SIZE(of_h2) && of_h2[h2_error] != GRPC_OK)
		return of_h2[h2_error];
	return GRPC_INTERNAL;
}

enum grpc_code grpc_code_parse(struct span text)
{
	unsigned v = 0;
	if (text.n == 0 || text.n > 2)
		return GRPC_UNKNOWN;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return GRPC_UNKNOWN;
		v = v * 10 + text.p[i] - '0';
	}
	return v < ARRAY_SIZE(names) ? (enum grpc_code)v : GRPC_UNKNOWN;
}

void grpc_message_encode(struct buf *out, const char *message)
{
	for (const unsigned char *c = (const unsigned char *)message; *c; c++) {
		if (*c >= 0x20 && *c <= 0x7e && *c != '%')
			buf_add_char(out, (char)*c);
		else
			buf_addf(out, "%%%02X", *c);
	}
}

/* A peer's text: NULs and what is not UTF-8 become U+FFFD, so that it can be shown and logged. */
void grpc_message_decode(char out[GRPC_MESSAGE_MAX], struct span text)
{
	uint8_t raw[GRPC_MESSAGE_MAX];
	CLEANUP(buf_fini) struct buf clean;
	size_t n = 0;
	uint32_t point;
	while (n < sizeof raw && (span_get_escape(&text, &raw[n]) || span_get_u8(&text, &raw[n])))
		n++;
	buf_init(&clean, GRPC_MESSAGE_MAX - 1);
	for (struct span left = { raw, n }; span_get_utf8_lossy(&left, &point);)
		utf8_add(&clean, point ? point : UTF8_REPLACEMENT);
	memcpy(out, buf_str(&clean), clean.n + 1);
}
