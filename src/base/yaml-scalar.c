/* SPDX-License-Identifier: Apache-2.0
 *
 * The core schema's patterns (YAML 1.2.2 section 10.3.2), by hand; yaml-scalar.h has the contract.
 */
#include "base/yaml-scalar.h"
#include "base/macros.h"

static bool in_list(const char *text, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, list[i]) == 0)
			return true;
	return false;
}

static const char *skip_digits(const char *s)
{
	return s + strspn(s, "0123456789");
}

/* [-+]?[0-9]+ | 0o[0-7]+ | 0x[0-9a-fA-F]+ */
static bool is_int(const char *s)
{
	if (s[0] == '0' && (s[1] == 'o' || s[1] == 'x')) {
		const char *digits = s[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
		size_t n = strspn(s + 2, digits);
		return n > 0 && s[2 + n] == '\0';
	}
	s += *s == '-' || *s == '+';
	return *s && *skip_digits(s) == '\0';
}

/* [-+]? ( \.[0-9]+ | [0-9]+ ( \.[0-9]* )? ) ( [eE] [-+]? [0-9]+ )?, and the infinities. */
static bool is_float(const char *s)
{
	static const char *const special[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN" };
	s += *s == '-' || *s == '+';
	if (in_list(s, special, ARRAY_SIZE(special)))
		return true;
	const char *end = skip_digits(s);
	bool digits = end > s;
	if (*end == '.') {
		const char *fraction = end + 1;
		end = skip_digits(fraction);
		digits = digits || end > fraction;
	}
	if (!digits)
		return false;
	if (*end == 'e' || *end == 'E') {
		end += 1 + (end[1] == '-' || end[1] == '+');
		if (*skip_digits(end) != '\0' || *end == '\0')
			return false;
		return true;
	}
	return *end == '\0';
}

enum yaml_scalar yaml_scalar_of(const char *text)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
	static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE" };
	if (in_list(text, nulls, ARRAY_SIZE(nulls)))
		return SCALAR_NULL;
	if (in_list(text, bools, ARRAY_SIZE(bools)))
		return SCALAR_BOOL;
	if (is_int(text))
		return SCALAR_INT;
	if (is_float(text))
		return SCALAR_FLOAT;
	return SCALAR_STR;
}

bool yaml_scalar_ambiguous(const char *text)
{
	static const char *const words[] = { "y",   "Y",   "n",   "N",   "yes", "Yes",
					     "YES", "no",  "No",  "NO",  "on",  "On",
					     "ON",  "off", "Off", "OFF", "<<",  "=" };
	if (yaml_scalar_of(text) != SCALAR_STR || in_list(text, words, ARRAY_SIZE(words)))
		return true;
	/* Numbers with "_", base 60, dates and times: a digit first, then nothing but such characters. */
	const char *s = text + (*text == '-' || *text == '+');
	return *s >= '0' && *s <= '9' && s[strspn(s, "0123456789abcdefABCDEFxotTzZ_:.+- ")] == '\0';
}
