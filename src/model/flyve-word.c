/* SPDX-License-Identifier: Apache-2.0
 *
 * The catalogue's column `flyve`, see flyve-word.h.
 */
#include "model/flyve-word.h"

static bool copy_part(char *out, size_t size, const char *from, size_t n)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(out, from, n);
	out[n] = '\0';
	return true;
}

bool flyve_word_of(const struct setting_type *t, struct flyve_word *ret)
{
	const char *s = t->flyve;
	*ret = (struct flyve_word){ 0 };
	if (!s)
		return false;
	size_t n = strcspn(s, ":");
	if (!s[n] || !copy_part(ret->group, sizeof ret->group, s, n))
		return false;
	s += n + 1;
	n = strcspn(s, "/=");
	if (!copy_part(ret->key, sizeof ret->key, s, n) ||
	    !copy_part(ret->key2, sizeof ret->key2, s, n))
		return false;
	s += n;
	if (*s == '/') {
		n = strcspn(++s, "=");
		if (!copy_part(ret->key2, sizeof ret->key2, s, n))
			return false;
		s += n;
	}
	return !*s || copy_part(ret->prefix, sizeof ret->prefix, s + 1, strlen(s + 1));
}

const struct setting_type *flyve_word_find(const char *key)
{
	if (strcmp(key, "setEncryption") == 0) /* so the specification calls it, but no program */
		key = "storageEncryption";
	for (size_t i = 0; i < catalogue_n(); i++) {
		const struct setting_type *t = catalogue_at(i);
		struct flyve_word w;
		if (t->flyve && flyve_word_of(t, &w) &&
		    (strcmp(w.key, key) == 0 || strcmp(w.key2, key) == 0))
			return t;
	}
	return NULL;
}
