/* SPDX-License-Identifier: Apache-2.0
 *
 * grpc-timeout as text and milliseconds, see timeout.h.
 */
#include "net/grpc/timeout.h"
#include "base/macros.h"

#define DIGITS_MAX 8
#define VALUE_MAX  99999999

static const struct {
	char letter;
	int64_t n_ms; /* milliseconds in a unit … */
	int64_t n_in; /* … or units in a millisecond */
} units[] = {
	{ 'n', 1, 1000000 }, { 'u', 1, 1000 },  { 'm', 1, 1 },
	{ 'S', 1000, 1 },    { 'M', 60000, 1 }, { 'H', 3600000, 1 },
};

bool grpc_timeout_parse(struct span text, int64_t *ret_ms)
{
	int64_t v = 0;
	if (text.n < 2 || text.n > DIGITS_MAX + 1)
		return false;
	for (size_t i = 0; i < text.n - 1; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		v = v * 10 + text.p[i] - '0';
	}
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		if (units[i].letter != (char)text.p[text.n - 1])
			continue;
		*ret_ms = (v * units[i].n_ms + units[i].n_in - 1) / units[i].n_in;
		return true;
	}
	return false;
}

const char *grpc_timeout_format(int64_t ms, char text[GRPC_TIMEOUT_TEXT_SIZE])
{
	if (ms < 0)
		ms = 0;
	for (size_t i = 2; i < ARRAY_SIZE(units); i++) {
		int64_t v = ms / units[i].n_ms;
		if (v > VALUE_MAX && i + 1 < ARRAY_SIZE(units))
			continue;
		snprintf(text, GRPC_TIMEOUT_TEXT_SIZE, "%d%c", (int)(v > VALUE_MAX ? VALUE_MAX : v),
			 units[i].letter);
		break;
	}
	return text;
}
