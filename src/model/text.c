/* SPDX-License-Identifier: Apache-2.0
 *
 * See text.h. The edit distance is Levenshtein's over two rows of a bounded table: names longer
 * than 128 bytes are nobody's misspelling.
 */
#include "model/text.h"
#include <ctype.h>

#define DISTANCE_NAME_MAX 128

int text_index(const char *const *words, size_t n, const char *s)
{
	for (size_t i = 0; s && i < n; i++)
		if (strcmp(words[i], s) == 0)
			return (int)i;
	return -1;
}

const char *text_excerpt(const char *s, char out[EXCERPT_SIZE])
{
	static const char more[] = "…";
	size_t n = strnlen(s, EXCERPT_SIZE);
	if (n < EXCERPT_SIZE) {
		memcpy(out, s, n + 1);
		return out;
	}
	n = EXCERPT_SIZE - sizeof more;
	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) /* not in the middle of one */
		n--;
	memcpy(out, s, n);
	memcpy(out + n, more, sizeof more);
	return out;
}

const char *text_excerpt_json(const json_t *j, char out[EXCERPT_SIZE])
{
	CLEANUP(free_charp) char *text = j ? json_text(j) : NULL;
	return text_excerpt(text ? text : "nothing", out);
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

size_t text_distance(const char *a, const char *b)
{
	size_t row[DISTANCE_NAME_MAX + 1];
	size_t n_a = strlen(a), n_b = strlen(b);
	if (n_a > DISTANCE_NAME_MAX || n_b > DISTANCE_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			size_t replaced = diagonal + (same ? 0 : 1);
			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, replaced);
		}
	}
	return row[n_b];
}

void nearest_init(struct nearest *n, const char *wrong)
{
	size_t length = strlen(wrong);
	size_t slips = length < 4 ? 1 : length < 12 ? 2 : 3;
	*n = (struct nearest){ .wrong = wrong, .distance = slips + 1 };
}

void nearest_add(struct nearest *n, const char *spelling, const char *name)
{
	size_t distance = text_distance(n->wrong, spelling);
	if (distance >= n->distance)
		return;
	n->distance = distance;
	n->name = name;
}

const char *nearest_hint(const struct nearest *n, char out[EXCERPT_SIZE])
{
	out[0] = '\0';
	if (n->name)
		snprintf(out, EXCERPT_SIZE, "; did you mean \"%s\"?", n->name);
	return out;
}
